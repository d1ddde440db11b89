"""Tests that travel with every project: the table keeps its contract, and a quick training is honest and repeatable.

A project's tests/test_starter.py takes them over with one import; pytest then finds them there, and `project` is the
folder above.
"""

import csv
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.kit import columns, config, dataset, preprocess

QUICK_ROWS = 300

__all__ = [
    "project",
    "settings",
    "test_model_needs_no_column_that_the_table_lacks",
    "test_model_never_sees_the_target",
    "test_same_seed_gives_the_same_metrics",
    "test_saved_model_predicts_the_same_in_a_new_process",
    "test_table_has_the_columns_that_the_settings_name",
    "test_verdict_is_the_interval_and_the_exit_code",
    "trained",
]


@pytest.fixture(scope="module")
def project(request: pytest.FixtureRequest) -> Path:
    """The folder whose programs are tested; its test_starter.py has put it on the path of modules."""
    return Path(str(request.path)).parents[1]


@pytest.fixture(scope="module")
def settings(project: Path) -> Any:
    """What config.yaml says."""
    return config.read(project / "config.yaml", importlib.import_module("model").Settings)


def _train(project: Path, output: Path) -> int:
    train = importlib.import_module("train")
    assert Path(train.__file__ or "").parent == project, "another project's train.py was loaded before; run pytest anew"
    code: int = train.main(["--rows", str(QUICK_ROWS), "--output", str(output), "--no-plots"])
    return code


@pytest.fixture(scope="module")
def trained(project: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The results of a quick training, and its exit code."""
    output = tmp_path_factory.mktemp("first") / "output"
    return output, _train(project, output)


def test_table_has_the_columns_that_the_settings_name(project: Path, settings: Any) -> None:
    """The table has every column that config.yaml names."""
    table = dataset.table(settings.table, folder=project)
    named = {settings.target, settings.group, settings.time, *settings.leave_out} - {None}
    assert named <= set(table.frame.columns)


def test_model_needs_no_column_that_the_table_lacks(trained: tuple[Path, int], project: Path, settings: Any) -> None:
    """What was learned asks for no column that the table lacks."""
    learned = preprocess.load(trained[0] / preprocess.FILE)
    assert set(learned.columns) <= set(dataset.table(settings.table, folder=project).frame.columns)


def test_model_never_sees_the_target(trained: tuple[Path, int], project: Path, settings: Any) -> None:
    """Neither the target nor what is left out is among the inputs."""
    learned = preprocess.load(trained[0] / preprocess.FILE)
    assert learned.target.name == settings.target
    assert settings.target not in learned.columns
    assert not set(settings.leave_out) & set(learned.columns)


def test_verdict_is_the_interval_and_the_exit_code(trained: tuple[Path, int]) -> None:
    """The verdict follows from the interval, and the exit code from the verdict."""
    output, code = trained
    found = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    assert found["beats_dummy"] == (found["lead"]["over_dummy"]["low"] > 0)
    assert code == (0 if found["beats_dummy"] else 1)
    assert found["beats_dummy"] or "baseline" in found["verdict"]


def test_same_seed_gives_the_same_metrics(project: Path, trained: tuple[Path, int], tmp_path: Path) -> None:
    """Two trainings with one seed give the same metrics."""
    _train(project, tmp_path / "again")
    first, again = (
        json.loads((folder / "metrics.json").read_text(encoding="utf-8")) for folder in (trained[0], tmp_path / "again")
    )
    assert [entry["scores"] for entry in first["models"].values()] == [
        entry["scores"] for entry in again["models"].values()
    ]


def test_saved_model_predicts_the_same_in_a_new_process(
    trained: tuple[Path, int], project: Path, settings: Any, tmp_path: Path
) -> None:
    """What was saved predicts in a new process what it predicted in training."""
    with (trained[0] / "predictions.csv").open(encoding="utf-8", newline="") as file:
        before = list(csv.DictReader(file))
    frame = dataset.table(settings.table, folder=project).frame
    learned = preprocess.load(trained[0] / preprocess.FILE)
    rows = frame[[int(record["row"]) - 1 for record in before]]
    assert columns.target_values(rows, learned.target).null_count() == 0
    new = tmp_path / "new.parquet"
    rows.drop(settings.target).write_parquet(new)
    command = [sys.executable, str(project / "predict.py"), str(new), "--output", str(trained[0]), "--to", "p.csv"]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as file:
        after = list(csv.DictReader(file))
    numbers = [name for name in before[0] if name == "predicted" or name.startswith("probability of ")]
    for one, other in zip(before, after, strict=True):
        for name in numbers:
            assert one[name] == other[name] or float(other[name]) == pytest.approx(
                float(one[name]), rel=1e-9, abs=1e-12
            )
