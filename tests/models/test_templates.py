"""Templates end to end: each laid out as a starter, run from elsewhere, and held to its peer."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from models import catalog, comparing
from models.kit import cache, config, program, samples
from models.kit.errors import Refused
from tests.models.programs_here import TEMPLATES, in_process, metrics

ROOT = catalog.ROOT.parent
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
    found = metrics(starter[0] / "output")
    metric = catalog.find(identifier).metric
    dummy, peer, ours = (found["models"][name]["scores"][metric]["value"] for name in ("dummy", "peer", "ours"))
    assert ours == pytest.approx(peer, abs=0.01)
    assert found["beats_dummy"]
    assert abs(ours - dummy) > 0.3


def test_metrics_say_how_to_repeat_the_run(identifier: str, starter: tuple[Path, Run]) -> None:
    found = metrics(starter[0] / "output")
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


def test_adam_finds_what_lbfgs_finds(
    identifier: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], starter: tuple[Path, Run]
) -> None:
    path, metric = tmp_path / "config.yaml", catalog.find(identifier).metric
    changes = {"optimizer": "adam", "learning_rate": 0.03, "epochs": 300}
    config.write(catalog.find(identifier).folder / "config.yaml", path, **changes)
    assert in_process(catalog.find(identifier).folder, "train", "--config", str(path), "--no-plots") == 0
    one, other = (
        metrics(folder)["models"]["ours"]["scores"][metric]["value"]
        for folder in (tmp_path / "output", starter[0] / "output")
    )
    assert one == pytest.approx(other, abs=0.01)


def test_compare_in_a_process_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from models import __main__ as terminal

    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))  # nothing was fetched
    assert program.run(terminal.main, ["compare", "regression/linear", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["id"], found["data"]["name"]) == ("regression/linear", "sample:diabetes")
    assert found["beats_dummy"] is True
    for name in ("dummy", "peer", "ours"):
        score = found["models"][name]["scores"]["r2"]
        assert score["low"] <= score["value"] <= score["high"]
        assert found["models"][name]["seconds"] >= 0


def test_compare_takes_the_runs_whose_data_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    own = {(template.id, run.data) for template, run in comparing.chosen(catalog.templates())}
    there = ("bundled", *samples.names())
    assert own == {(each.id, run.data) for each in catalog.templates() for run in each.runs if run.data in there}
    assert {identifier for identifier, _ in own} == {each.id for each in catalog.templates()}, "each brings its own"
    linear, ranking = [catalog.find(name) for name in ("regression/linear", "ranking/learning_to_rank")]
    (tmp_path / "california.parquet").touch()
    assert [run.data for _, run in comparing.chosen([linear, ranking])] == ["bundled", "california", "bundled"]
    assert [run.data for _, run in comparing.chosen([linear, ranking], data="homology")] == ["homology"]
    with pytest.raises(Refused, match="did you mean 'california'"):
        comparing.chosen([linear], data="californa")


def test_what_must_be_reached_is_a_figure_or_a_multiple_of_what_the_peer_reaches() -> None:
    def measured(ours: float, seconds: float, *, peer: bool = True) -> comparing.Compared:
        models = {"ours": {"scores": {"inertia": {"value": ours}}, "seconds": seconds}}
        models |= {"peer": {"scores": {"inertia": {"value": 100.0}}, "seconds": 10.0}} if peer else {}
        reach = tuple(catalog.wanted(each) for each in ("inertia 1.001 of the peer", "seconds 0.2 of the peer"))
        template = catalog.find("unsupervised/clustering")
        return comparing.Compared(template, catalog.Run(reach=reach), ({"models": models},), "")

    def missed(found: comparing.Compared) -> list[str]:
        return found.missed(higher_is_better={"inertia": False})

    assert missed(measured(100.09, 1.9)) == []
    assert missed(measured(100.11, 2.1)) == ["inertia 100.11 instead of 100.1", "seconds 2.1 instead of 2"]
    assert missed(measured(99.0, 1.0, peer=False)) == ["inertia 99 instead of nan", "seconds 1 instead of nan"]
    with pytest.raises(ValueError, match="of my peer"):
        catalog.wanted("inertia 1 of my peer")


def test_several_seeds_show_their_medians_below_the_first() -> None:
    def trained(value: float) -> dict[str, object]:
        models = {name: {"scores": {"r2": {"value": value}}, "seconds": 1.0} for name in ("dummy", "ours")}
        return {"metric": "r2", "models": models}

    linear, all_seeds = catalog.find("regression/linear"), tuple(trained(value) for value in (0.9, 0.1, 0.5))
    assert comparing.Compared(linear, catalog.Run(), all_seeds[:1], "first").told == "first"
    told = comparing.Compared(linear, catalog.Run(), all_seeds, "first").told
    assert told == "first\nThat was seed 0. Medians of 3 seeds:\n  dummy: r2 0.5, 1 s\n  ours: r2 0.5, 1 s\n"
