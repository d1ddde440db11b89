"""Templates end to end: each laid out as a starter, run from elsewhere, and held to its peer."""

import csv
import datetime as dt
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest

from models import catalog
from models.kit import config, program, samples

ROOT = catalog.ROOT.parent
TEMPLATES = ["regression/linear", "classification/softmax"]  # test_every_template.py has what holds for all
RESULTS = {
    "MODEL_CARD.md", "config.yaml", "contents.json", "learning_curve.png", "metrics.json", "model.json",
    "model.onnx", "predictions.csv",
    "preprocess.json", "weights.safetensors",
}  # fmt: skip
PLOTS = {
    "regression/linear": {"predicted_vs_actual.png", "residuals.png"},
    "classification/softmax": {"confusion.png", "calibration.png", "precision_recall.png"},
}
RUN_SECONDS = 120
OUR_MODULES = ("model", "train", "evaluate", "predict")


class Run(NamedTuple):
    code: int
    out: str
    err: str


def lay_out(identifier: str, place: Path) -> Path:
    """Returns a starter project: the template's files on top, and beside them what they import."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(catalog.find(identifier).folder, place, ignore=ignored)
    (place / "models").mkdir()
    shutil.copy(catalog.ROOT / "__init__.py", place / "models")
    shutil.copytree(catalog.ROOT / "kit", place / "models" / "kit", ignore=ignored)
    shutil.copytree(ROOT / "tensor_core", place / "tensor_core", ignore=ignored)
    return place


def in_process(project: Path, name: str, *arguments: str) -> int:
    """Returns the exit code of one of the project's programs, run here, which spares the imports."""
    sys.path.insert(0, str(project))
    try:
        for module in OUR_MODULES:
            sys.modules.pop(module, None)
        spec = importlib.util.spec_from_file_location(name, project / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module_: ModuleType = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module_)
        run: Callable[..., int] = getattr(module_.programs, name)
        return run(module_.TEMPLATE, str(project / f"{name}.py"), arguments)
    finally:
        sys.path.remove(str(project))
        for module in OUR_MODULES:
            sys.modules.pop(module, None)


def alone(*command: str, cwd: Path) -> Run:
    """Runs Python in a process that knows nothing of this repository."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTEST_ADDOPTS")}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module", params=TEMPLATES)
def identifier(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def starter(identifier: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    folder = tmp_path_factory.mktemp("starter")
    project = lay_out(identifier, folder / "project")
    (project / "problem.json").write_text(json.dumps({"schema": 1, "description": "How far | will it <go>?"}))
    return project, alone(str(project / "train.py"), cwd=folder)


def _metrics(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    return found


def test_run_from_elsewhere_writes_everything_beside_the_config(identifier: str, starter: tuple[Path, Run]) -> None:
    project, run = starter
    assert run.code == 0, run.err
    assert {file.name for file in (project / "output").iterdir()} == RESULTS | PLOTS[identifier]
    assert [file.name for file in project.parent.iterdir()] == ["project"]
    assert "Ours beats the dummy" in run.out
    assert run.err == ""
    for plot in (project / "output").glob("*.png"):
        assert plot.read_bytes().startswith(b"\x89PNG")


def test_starter_needs_nothing_of_the_repository(starter: tuple[Path, Run]) -> None:
    project, _ = starter
    code = (
        "import sys; sys.path[0] = sys.argv[1]; from importlib.util import find_spec as find; "
        "print(find('models.kit.report').origin, find('tensor_core').origin)"
    )
    run = alone("-c", code, str(project), cwd=project.parent)
    assert run.out.split() == [str(project / "models/kit/report.py"), str(project / "tensor_core/__init__.py")], run.err


def test_quality_is_the_peers_and_beats_the_dummy(identifier: str, starter: tuple[Path, Run]) -> None:
    found = _metrics(starter[0] / "output")
    metric = catalog.find(identifier).metric
    dummy, peer, ours = (found["models"][name]["scores"][metric]["value"] for name in ("dummy", "peer", "ours"))
    assert ours == pytest.approx(peer, abs=0.01)
    assert found["beats_dummy"]
    assert abs(ours - dummy) > 0.3


def test_metrics_say_how_to_repeat_the_run(identifier: str, starter: tuple[Path, Run]) -> None:
    found = _metrics(starter[0] / "output")
    sample = samples.load(catalog.find(identifier).data)
    assert found["data"]["rows"] == sample.frame.height == sum(found["rows"].values())
    assert len(found["data"]["sha256"]) == 64
    assert {"python", "torch", "numpy", "scikit-learn"} <= set(found["versions"])
    assert found["seed"] == found["settings"]["seed"]
    assert str(starter[0].parent) not in json.dumps(found)  # no path of this machine


def test_card_shows_the_question_literally(starter: tuple[Path, Run]) -> None:
    card = (starter[0] / "output" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert r"> How far \| will it \<go\>?" in card
    assert all(f"({plot.name})" in card for plot in (starter[0] / "output").glob("*.png"))


def test_evaluate_finds_the_same(starter: tuple[Path, Run], capsys: pytest.CaptureFixture[str]) -> None:
    assert in_process(starter[0], "evaluate") == 0
    assert "The same as at the end of training." in capsys.readouterr().out


def test_evaluate_notices_other_weights_and_another_table(
    starter: tuple[Path, Run], identifier: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import tensor_core as tc

    output = tmp_path / "output"
    shutil.copytree(starter[0] / "output", output)
    weights = tc.nn.load_safetensors(output / "weights.safetensors")
    tc.nn.save_safetensors({name: value * 0.5 for name, value in weights.items()}, output / "weights.safetensors")
    assert in_process(starter[0], "evaluate", "--output", str(output)) == 1
    assert "Not the same" in capsys.readouterr().out
    data = samples.load(catalog.find(identifier).data)
    data.frame.head(50).write_csv(tmp_path / "other.csv")
    config.write(output / "config.yaml", output / "config.yaml", table=str(tmp_path / "other.csv"))
    assert in_process(starter[0], "evaluate", "--output", str(output)) == 3
    assert "not those the model was trained on" in capsys.readouterr().err
    (output / "metrics.json").write_text("{}")
    assert in_process(starter[0], "evaluate", "--output", str(output)) == 3
    assert "run train.py again" in capsys.readouterr().err
    (output / "config.yaml").unlink()
    assert in_process(starter[0], "evaluate", "--output", str(output)) == 3
    assert "run train.py first" in capsys.readouterr().err


def _new_rows(identifier: str) -> pl.DataFrame:
    sample = samples.load(catalog.find(identifier).data)
    return sample.frame.drop(sample.target).head(7)


def test_predict_new_rows(
    starter: tuple[Path, Run], identifier: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _new_rows(identifier).with_columns(pl.lit("x").alias("something else")).write_csv(
        tmp_path / "new.csv", separator=";"
    )
    assert in_process(starter[0], "predict", str(tmp_path / "new.csv")) == 0
    shown = capsys.readouterr()
    assert "separated by semicolon" in shown.err
    assert in_process(starter[0], "predict", str(tmp_path / "new.csv"), "--to", str(tmp_path / "p.csv")) == 0
    assert (tmp_path / "p.csv").read_text() == shown.out
    records = list(csv.DictReader(shown.out.splitlines()))
    assert [record["row"] for record in records] == [str(number) for number in range(1, 8)]
    if identifier == "classification/softmax":
        probabilities = [float(value) for name, value in records[0].items() if name.startswith("probability of ")]
        assert sum(probabilities) == pytest.approx(1)
        assert {record["predicted"] for record in records} <= {"malignant", "benign"}


def test_predict_names_the_column_it_lacks(
    starter: tuple[Path, Run], identifier: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = _new_rows(identifier)
    rows.drop(rows.columns[2]).write_csv(tmp_path / "new.csv")
    assert in_process(starter[0], "predict", str(tmp_path / "new.csv"), "--to", str(tmp_path / "p.csv")) == 3
    assert f"no column {rows.columns[2]!r}" in capsys.readouterr().err
    assert not (tmp_path / "p.csv").exists()


MESSY_ROWS = 160


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
    found = _metrics(tmp_path / "output")
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
    assert not _metrics(tmp_path / "output")["beats_dummy"]


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


def test_adam_finds_what_lbfgs_finds(
    identifier: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], starter: tuple[Path, Run]
) -> None:
    path, metric = tmp_path / "config.yaml", catalog.find(identifier).metric
    changes = {"optimizer": "adam", "learning_rate": 0.03, "epochs": 300}
    config.write(catalog.find(identifier).folder / "config.yaml", path, **changes)
    assert in_process(catalog.find(identifier).folder, "train", "--config", str(path), "--no-plots") == 0
    one, other = (
        _metrics(folder)["models"]["ours"]["scores"][metric]["value"]
        for folder in (tmp_path / "output", starter[0] / "output")
    )
    assert one == pytest.approx(other, abs=0.01)


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
    found = _metrics(tmp_path / "output")
    assert 100 <= sum(found["rows"].values()) <= 105
    assert found["models"]["dummy"]["scores"]["average_precision"]["value"] > 0
    with (tmp_path / "output" / "predictions.csv").open(newline="") as file:
        for record in csv.DictReader(file):  # numbers of rows are those of the whole table
            assert record["actual"] == ("fraud" if rare[int(record["row"]) - 1] else "fine")


def test_three_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, path = catalog.find("classification/softmax").folder, tmp_path / "config.yaml"
    config.write(folder / "config.yaml", path, table="sample:wine", target="cultivar")
    assert in_process(folder, "train", "--config", str(path)) == 0
    models = _metrics(tmp_path / "output")["models"]
    assert models["ours"]["scores"]["log_loss"]["value"] == pytest.approx(
        models["peer"]["scores"]["log_loss"]["value"], abs=0.01
    )
    assert (tmp_path / "output" / "confusion.png").is_file()
    assert not (tmp_path / "output" / "calibration.png").exists()
    config.write(path, path, metric="roc_auc")
    assert in_process(folder, "train", "--config", str(path)) == 3
    assert "roc_auc is for two classes, and there are 3" in capsys.readouterr().err


def test_compare_in_a_process_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    from models import __main__ as terminal

    assert program.run(terminal.main, ["compare", "regression/linear", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["id"], found["data"], found["beats_dummy"]) == ("regression/linear", "diabetes", True)
    for name in ("dummy", "peer", "ours"):
        score = found["models"][name]["scores"]["r2"]
        assert score["low"] <= score["value"] <= score["high"]
        assert found["models"][name]["seconds"] >= 0
