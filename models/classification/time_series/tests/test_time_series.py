"""What is this template's own: long tables, lists, spread rows, archives, and what is refused."""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import polars as pl
import pytest
import rocket
from model import TEMPLATE

from models.kit import program, programs, signals
from models.kit.config import write
from models.kit.errors import TableError

PROJECT = Path(__file__).resolve().parents[1]
LEAST_ACCURACY = 0.9


def waves(*, seed: int = 0) -> list[tuple[str, np.ndarray]]:
    """60 signals of two channels and 20 to 40 steps: slow or fast waves at a random phase, under noise."""
    generator = np.random.default_rng(seed)
    found = []
    for number in range(60):
        kind, pace = (("slow", 0.3), ("fast", 0.9))[number % 2]
        at = np.arange(generator.integers(20, 41)) * pace + generator.uniform(0, 6)
        found.append((kind, np.stack([np.sin(at), np.cos(at)]) + generator.normal(0, 0.1, (2, at.size))))
    return found


def train(folder: Path, **changes: object) -> dict[str, Any]:
    settings: dict[str, object] = {"kernels": 200, "part": None, "target": "kind", **changes}
    write(PROJECT / "config.yaml", folder / "config.yaml", **settings)
    code = programs.train(TEMPLATE, str(PROJECT / "train.py"), ["--no-plots", "--config", str(folder / "config.yaml")])
    assert code == program.DONE
    found: dict[str, Any] = json.loads((folder / "output" / "metrics.json").read_text())
    return found


def accuracy(found: dict[str, Any]) -> float:
    return float(found["models"]["ours"]["scores"]["accuracy"]["value"])


def test_one_row_a_step_in_any_order_and_with_gaps(tmp_path: Path) -> None:
    rows = [
        {
            "run": f"run {place}",
            "at": step,
            "left": float(one),
            "right": None if step == 3 else float(two),
            "kind": kind,
        }
        for place, (kind, values) in enumerate(waves())
        for step, (one, two) in enumerate(values.T)
    ]
    pl.DataFrame(rows).sample(fraction=1, shuffle=True, seed=1).write_csv(tmp_path / "long.csv")
    found = train(tmp_path, table="long.csv", series="run", step="at")
    assert found["data"]["rows"] == 60
    assert found["data"]["features"] == 2
    assert accuracy(found) >= LEAST_ACCURACY


def test_lists_in_json_lines(tmp_path: Path) -> None:
    lines = [
        json.dumps({"left": values[0].tolist(), "right": values[1].tolist(), "kind": kind, "who": f"p{place // 6}"})
        for place, (kind, values) in enumerate(waves())
    ]
    (tmp_path / "lists.jsonl").write_text("\n".join(lines) + "\n")
    found = train(tmp_path, table="lists.jsonl", group="who")
    assert "whole groups" in found["split"]
    assert accuracy(found) >= LEAST_ACCURACY


def test_one_channel_spread_over_columns(tmp_path: Path) -> None:
    rows = [{"kind": kind} | {f"t{step}": values[0, step] for step in range(20)} for kind, values in waves()]
    pl.DataFrame(rows).write_csv(tmp_path / "spread.csv")
    assert accuracy(train(tmp_path, table="spread.csv")) >= LEAST_ACCURACY


def test_an_archive_of_two_files_keeps_its_split(tmp_path: Path) -> None:
    for name, seed in (("Waves_TRAIN.ts", 0), ("Waves_TEST.ts", 1)):
        lines = [
            ":".join(",".join(map(str, part)) for part in values) + f":{kind}" for kind, values in waves(seed=seed)
        ]
        (tmp_path / name).write_text("@problemName Waves\n@data\n" + "\n".join(lines) + "\n")
    found = train(tmp_path, table=".", target="label", part="part")
    assert (found["rows"]["train"], found["rows"]["test"]) == (60, 60)
    assert accuracy(found) >= LEAST_ACCURACY


def test_zeros_behind_a_signal_change_nothing() -> None:
    """A short signal is told alike alone and beside a long one: what fills it up is not seen."""
    short, long = (np.random.default_rng(place).normal(size=(2, 9 + 30 * place)).astype(np.float32) for place in (0, 1))
    net = rocket.drawn(np.random.default_rng(2), kernels=50, channels=2, longest=39)
    dilation, number = net.dilations[0]
    alone, together = (net.answers(*rocket.padded(each), slice(number), dilation) for each in ([short], [short, long]))
    for one, other in zip(alone, together, strict=True):
        assert np.allclose(one.numpy()[0], other.numpy()[0], atol=1e-6)


def test_leave_one_out_is_what_leaving_out_gives() -> None:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(12, 30)).astype(np.float32)
    features -= features.mean(axis=0)
    target = np.arange(12) % 3
    found = rocket.ridge(features, target, classes=3)
    kept = np.arange(12) != 4
    wanted = np.where(np.eye(3)[target] > 0, 1.0, -1.0)
    x, y = features[kept].astype(np.float64), wanted[kept]
    mean, level = x.mean(axis=0), y.mean(axis=0)
    inner = (x - mean) @ (x - mean).T + found.strength * np.eye(11)
    weight = (x - mean).T @ np.linalg.solve(inner, y - level)
    assert np.allclose((features[4] - mean) @ weight + level, found.others[4], atol=1e-4)


@pytest.mark.parametrize(
    ("frame", "series", "said"),
    [
        ({"x": [[1.0, 2.0], [3.0]], "y": [[1.0], [2.0]]}, None, "different numbers of steps"),
        ({"x": ["[1, 2]", "[1, null"], "y": ["[1, 2]", "[1, 2]"]}, None, "should be a list of numbers"),
        ({"x": ["a", "b"], "run": ["1", "1"]}, "run", "no column of numbers"),
        ({"x": [1.0, 2.0], "run": ["1", None]}, "run", "is empty in 1 row"),
    ],
)
def test_what_is_no_signal_is_refused(frame: dict[str, Any], series: str | None, said: str) -> None:
    table = pl.DataFrame(frame)

    def read() -> signals.Signals:
        used, _ = signals.channels(table, named=(), series=series, taken=[series])
        return signals.read(table, used, series=series, step=None)

    with pytest.raises(TableError, match=said):
        read()
