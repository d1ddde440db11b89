"""What is this template's own: that no step sees a later one, how alarms are counted, and what is refused."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import alarms
import numpy as np
import polars as pl
import pytest
import watcher
from model import TEMPLATE

import tensor_core as tc
from models.kit import program, programs
from models.kit.config import write

PROJECT = Path(__file__).resolve().parents[1]


def machines(*, seed: int = 0) -> pl.DataFrame:
    """60 machines: before each failure their heat rises for ten steps, from a level that is each machine's own."""
    generator = np.random.default_rng(seed)
    frames = []
    for number in range(60):
        heat = generator.normal(50, 15) + generator.normal(0, 1, 120)
        failed = np.zeros(120, dtype=np.int64)
        for onset in (int(generator.integers(20, 50)), int(generator.integers(70, 110))):
            heat[onset - 10 : onset] += np.linspace(0, 12, 10)
            failed[onset : onset + 3] = 1
        frames.append(pl.DataFrame({"machine": f"m{number}", "at": range(120), "heat": heat, "failed": failed}))
    return pl.concat(frames)


def train(folder: Path, frame: pl.DataFrame, *, target: str = "failed") -> int:
    frame.write_csv(folder / "table.csv")
    own: dict[str, object] = {"width": 16, "epochs": 12, "learning_rate": 0.01, "horizon_steps": 6, "silence_steps": 3}
    roles: dict[str, object] = {"series": "machine", "step": "at", "target": target, "table": "table.csv"}
    write(PROJECT / "config.yaml", folder / "config.yaml", **roles, **own, minutes_a_step=60)
    return programs.train(TEMPLATE, str(PROJECT / "train.py"), ["--no-plots", "--config", str(folder / "config.yaml")])


def test_machines_in_any_order_of_rows(tmp_path: Path) -> None:
    assert train(tmp_path, machines().sample(fraction=1, shuffle=True, seed=1)) == program.DONE
    found = json.loads((tmp_path / "output" / "metrics.json").read_text())
    assert found["data"]["rows"] == 60
    assert found["models"]["ours"]["scores"]["roc_auc"]["value"] > 0.8
    limits = pl.read_csv(tmp_path / "output" / "limits.csv")
    assert limits.sort("limit")["false_a_day"].is_sorted(descending=True)


def test_no_step_sees_a_later_one() -> None:
    tc.manual_seed(0)
    net = watcher.Network(inputs=6, width=8, layers=4, dropout=0.0)
    generator = np.random.default_rng(0)
    values = generator.normal(size=(2, 40)).astype(np.float32)
    scale = watcher.scale([values])
    changed = values.copy()
    changed[:, 25:] += 5
    changed[0, 30] = np.nan
    one, other = watcher.chances(net, [watcher.views(each, scale) for each in (values, changed)])
    assert np.allclose(one[:25], other[:25], atol=1e-7)
    assert not np.allclose(one[25:], other[25:], atol=1e-3)


def test_what_nobody_knows_is_not_asked() -> None:
    """At the end of a series an event may still come; while one lasts, nothing is asked."""
    event = np.zeros(20, dtype=bool)
    event[10:12] = True
    known = alarms.course(event, horizon=4)
    assert np.flatnonzero(np.isnan(known.soon)).tolist() == [10, 11, 16, 17, 18, 19]
    assert np.flatnonzero(known.soon == 1).tolist() == [6, 7, 8, 9]


def test_the_limit_keeps_to_the_false_alarms_that_are_allowed() -> None:
    generator = np.random.default_rng(0)
    event = np.zeros((30, 200), dtype=bool)
    event[:, 150:155] = True
    known = [alarms.course(each, horizon=5) for each in event]
    chances = list(generator.uniform(size=event.shape))
    for allowed in (0.5, 2.0, 8.0):
        limit = alarms.limit(chances, known, false_a_day=allowed, day=96, horizon=5, silence=2)
        found = [alarms.judged(each, of, limit, horizon=5, silence=2) for each, of in zip(chances, known, strict=True)]
        assert sum(each.false for each in found) <= allowed * sum(each.steps for each in found) / 96


@pytest.mark.parametrize(
    ("change", "said"),
    [(pl.lit(0), "no event to learn from"), (pl.lit(3), "1 where an event lasts"), (pl.lit("x"), "1 where an event")],
)
def test_what_is_no_event_is_refused(
    change: pl.Expr, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = train(tmp_path, machines().with_columns(change.alias("failed")))
    assert code not in (program.DONE, program.NOT_BETTER)
    assert said in capsys.readouterr().err
