"""Templates on tables that are messy, noisy, small or refused, and trainings that are cut short."""

import csv
import datetime as dt
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from models import catalog
from models.kit import config
from tests.models.programs_here import TEMPLATES, in_process, metrics

MESSY_ROWS = 160


@pytest.fixture(scope="module", params=TEMPLATES)
def identifier(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def messy(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Returns a table with every kind of column, gaps, hostile names and values."""
    generator = np.random.default_rng(5)
    size = generator.normal(0, 1, MESSY_ROWS)
    city = generator.choice(["Łódź", "{{ x }}", "__import__('os')"], MESSY_ROWS)
    value = 3 * size + 2 * (city == "{{ x }}") + generator.normal(0, 0.3, MESSY_ROWS)
    return pl.DataFrame(
        {
            'size "in" m²: #1': [f"{each:.3f}".replace(".", ",") if row % 11 else "?" for row, each in enumerate(size)],
            "${city}\n|": [str(each) if row % 13 else None for row, each in enumerate(city)],
            "when": [dt.date(2024, 1, 1) + dt.timedelta(days=number) for number in range(MESSY_ROWS)],
            "customer_id": [f"c{number // 2}" for number in range(MESSY_ROWS)],
            "notes 😀": [f"a long remark about what happened on day {number}" for number in range(MESSY_ROWS)],
            "$y$ {0}": [None if row % 40 == 0 else round(float(each), 3) for row, each in enumerate(value)],
            "class: 'k'": [["low", "mid $a$", "high|\n"][int(np.digitize(each, [-1, 2]))] for each in value],
        }
    )  # fmt: skip


@pytest.fixture
def write_config(identifier: str, tmp_path: Path, messy: pl.DataFrame) -> Callable[..., Path]:
    target, other = ("$y$ {0}", "class: 'k'")[:: 1 if identifier == "regression/linear" else -1]
    messy.write_csv(tmp_path / "data {{.csv")

    def write(**changes: object) -> Path:
        path = tmp_path / "config.yaml"
        settings = {"table": "data {{.csv", "target": target, "leave_out": [other]} | changes
        config.write(catalog.find(identifier).folder / "config.yaml", path, **settings)
        return path

    return write


@pytest.mark.parametrize(
    "changes",
    [{}, {"group": "customer_id"}, {"time": "when"}, {"model": "mlp", "hidden": [16], "learning_rate": 0.01}],
    ids=["random", "group", "time", "mlp"],
)
def test_messy_table_with_hostile_names(
    identifier: str, write_config: Callable[..., Path], tmp_path: Path, messy: pl.DataFrame, changes: dict[str, object],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder, path = catalog.find(identifier).folder, write_config(**changes)
    code = in_process(folder, "train", "--config", str(path), *(["--no-plots"] if changes else []))
    shown = capsys.readouterr()
    assert "'notes 😀' is free text; left out" in shown.out
    assert "values are missing" in shown.out
    found = metrics(tmp_path / "output")
    assert code == (0 if found["beats_dummy"] else 1), shown.err + shown.out
    assert found["beats_dummy"] or changes  # a harder split may leave doubt
    assert (found["rows"]["validation"] > 0) == (changes.get("model") == "mlp")
    new = messy.head(3).with_columns(pl.lit("never seen").alias("${city}\n|"), pl.lit(None).alias('size "in" m²: #1'))
    new.write_csv(tmp_path / "new.csv")
    assert in_process(folder, "predict", str(tmp_path / "new.csv"), "--config", str(path)) == 0
    assert len(list(csv.DictReader(capsys.readouterr().out.splitlines(keepends=True)))) == 3
    assert in_process(folder, "evaluate", "--config", str(path)) == 0


def test_noise_does_not_beat_the_dummy_and_says_so(
    identifier: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generator = np.random.default_rng(0)
    frame = pl.DataFrame({f"x{place}": generator.normal(0, 1, 60) for place in range(5)})
    frame.with_columns(
        y=pl.Series(generator.normal(0, 1, 60)), k=pl.Series(generator.choice(["a", "b"], 60))
    ).write_csv(tmp_path / "noise.csv")
    target, other = ("y", "k")[:: 1 if identifier == "regression/linear" else -1]
    path = tmp_path / "config.yaml"
    config.write(
        catalog.find(identifier).folder / "config.yaml", path, table="noise.csv", target=target, leave_out=[other]
    )
    assert in_process(catalog.find(identifier).folder, "train", "--config", str(path), "--no-plots") == 1
    assert "Use the baseline" in capsys.readouterr().out
    assert not metrics(tmp_path / "output")["beats_dummy"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"table": "absent.csv"}, "no such file"),
        ({"target": "nothing"}, "no column 'nothing'"),
        ({"output": ".."}, "holds the project itself"),
        ({"group": "customer_id", "time": "when"}, "group and time are both set"),
    ],
)
def test_refused_run_leaves_nothing_behind(
    identifier: str, write_config: Callable[..., Path], tmp_path: Path, changes: dict[str, object], message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = write_config(**changes)
    before = sorted(file.name for file in tmp_path.iterdir())
    assert in_process(catalog.find(identifier).folder, "train", "--config", str(path), "--no-plots") == 3
    assert message in capsys.readouterr().err
    assert sorted(file.name for file in tmp_path.iterdir()) == before


def test_time_budget_ends_training_with_a_usable_model(
    identifier: str, write_config: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_config(model="mlp", epochs=1_000_000, patience=1_000_000, time_budget_seconds=0.3)
    assert in_process(catalog.find(identifier).folder, "train", "--config", str(path), "--no-plots") in (0, 1)
    assert "time budget of 0.3 s spent" in capsys.readouterr().out
    assert in_process(catalog.find(identifier).folder, "evaluate", "--config", str(path)) == 0


@pytest.fixture
def interrupted_soon() -> Iterator[None]:
    """Presses Ctrl-C after a while, as the terminal does."""
    before = signal.getsignal(signal.SIGALRM)
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_interruption_leaves_a_usable_model_and_says_so(
    identifier: str, write_config: Callable[..., Path], interrupted_soon: None, optimizer: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from models.kit import training

    bar = training.bar

    def bar_then_interrupt(total: int | None, unit: str) -> Any:  # the bar appears when training begins
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        return bar(total, unit)

    monkeypatch.setattr(training, "bar", bar_then_interrupt)
    monkeypatch.setattr(training, "GRADIENT_TOLERANCE", 0.0)
    path = write_config(
        model="mlp", hidden=[64, 64], dropout=0, optimizer=optimizer, epochs=1_000_000, patience=1_000_000
    )
    assert in_process(catalog.find(identifier).folder, "train", "--config", str(path), "--no-plots") == 130
    said = capsys.readouterr()
    assert "interrupted (Ctrl-C); the result so far is kept" in said.out
    assert "the best model so far is in" in said.err
    assert in_process(catalog.find(identifier).folder, "evaluate", "--config", str(path)) == 0


def test_seed_decides_every_number_of_an_mlp(
    identifier: str, write_config: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for seed in (1, 1, 2):
        path = write_config(model="mlp", hidden=[8], epochs=20, seed=seed)
        in_process(catalog.find(identifier).folder, "train", "--config", str(path), "--no-plots")
        found.append((tmp_path / "output" / "predictions.csv").read_bytes())
    assert found[0] == found[1] != found[2]


def test_what_the_training_rows_lack_and_what_cannot_be_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, path = catalog.find("regression/linear").folder, tmp_path / "config.yaml"
    generator = np.random.default_rng(2)
    x = generator.normal(0, 1, 200)
    late = [None] * 165 + [1.5] * 35
    visitors = generator.poisson(np.exp(0.2 + 1.2 * x))
    pl.DataFrame({"t": np.arange(200) + 5, "x": x, "late": late, "visitors": visitors}).write_csv(tmp_path / "t.csv")
    config.write(folder / "config.yaml", path, table="t.csv", target="visitors", time="t")
    assert in_process(folder, "train", "--config", str(path), "--no-plots") in (0, 1)
    shown = capsys.readouterr().out
    assert "column 'late' has no value in the training rows; left out" in shown
    with (tmp_path / "output" / "predictions.csv").open(newline="") as file:
        negative = sum(float(record["predicted"]) < 0 for record in csv.DictReader(file))
    assert negative > 1
    assert f"{negative} of 40 test predictions are below 0, which the target never is" in shown


def test_few_rows_keep_a_rare_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, path = catalog.find("classification/softmax").folder, tmp_path / "config.yaml"
    generator = np.random.default_rng(1)
    rare = np.arange(2000) % 400 == 7
    x = generator.normal(0, 1, 2000) + 4 * rare
    pl.DataFrame({"x": x, "y": np.where(rare, "fraud", "fine")}).write_csv(tmp_path / "t.csv")
    config.write(folder / "config.yaml", path, table="t.csv", target="y", metric="average_precision")
    assert in_process(folder, "train", "--config", str(path), "--rows", "100", "--no-plots") in (0, 1)
    shown = capsys.readouterr().out
    assert "of 2,000 rows are used, drawn at random" in shown
    found = metrics(tmp_path / "output")
    assert 100 <= sum(found["rows"].values()) <= 105
    assert found["models"]["dummy"]["scores"]["average_precision"]["value"] > 0
    with (tmp_path / "output" / "predictions.csv").open(newline="") as file:
        for record in csv.DictReader(file):  # numbers of rows are those of the whole table
            assert record["actual"] == ("fraud" if rare[int(record["row"]) - 1] else "fine")


def test_three_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, path = catalog.find("classification/softmax").folder, tmp_path / "config.yaml"
    config.write(folder / "config.yaml", path, table="sample:wine", target="cultivar")
    assert in_process(folder, "train", "--config", str(path)) == 0
    models = metrics(tmp_path / "output")["models"]
    assert models["ours"]["scores"]["log_loss"]["value"] == pytest.approx(
        models["peer"]["scores"]["log_loss"]["value"], abs=0.01
    )
    assert (tmp_path / "output" / "confusion.png").is_file()
    assert not (tmp_path / "output" / "calibration.png").exists()
    config.write(path, path, metric="roc_auc")
    assert in_process(folder, "train", "--config", str(path)) == 3
    assert "roc_auc is for two classes, and there are 3" in capsys.readouterr().err
