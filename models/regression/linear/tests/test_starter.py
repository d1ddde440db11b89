"""Tests that travel with the project: the table keeps its contract, and a quick training is honest and repeatable.

Run them with `pytest tests` in the project's folder. They train on at most 300 rows.
"""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import model  # noqa: E402 - after the path
import train  # noqa: E402

from models.kit import columns, config, dataset, preprocess  # noqa: E402

QUICK_ROWS = 300


@pytest.fixture(scope="module")
def settings() -> model.Settings:
    return config.read(PROJECT / "config.yaml", model.Settings)


def _train(output: Path) -> int:
    return train.main(["--rows", str(QUICK_ROWS), "--output", str(output), "--no-plots"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    output = tmp_path_factory.mktemp("first") / "output"
    return output, _train(output)


def test_table_has_the_columns_that_the_settings_name(settings: model.Settings) -> None:
    table = dataset.table(settings.table, folder=PROJECT)
    named = {settings.target, settings.group, settings.time, *settings.leave_out} - {None}
    assert named <= set(table.frame.columns)


def test_model_needs_no_column_that_the_table_lacks(trained: tuple[Path, int], settings: model.Settings) -> None:
    learned = preprocess.load(trained[0] / preprocess.FILE)
    assert set(learned.columns) <= set(dataset.table(settings.table, folder=PROJECT).frame.columns)


def test_model_never_sees_the_target(trained: tuple[Path, int], settings: model.Settings) -> None:
    learned = preprocess.load(trained[0] / preprocess.FILE)
    assert learned.target.name == settings.target
    assert settings.target not in learned.columns
    assert not set(settings.leave_out) & set(learned.columns)


def test_verdict_is_the_interval_and_the_exit_code(trained: tuple[Path, int]) -> None:
    output, code = trained
    found = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    assert found["beats_dummy"] == (found["lead"]["over_dummy"]["low"] > 0)
    assert code == (0 if found["beats_dummy"] else 1)
    assert found["beats_dummy"] or "baseline" in found["verdict"]


def test_same_seed_gives_the_same_metrics(trained: tuple[Path, int], tmp_path: Path) -> None:
    _train(tmp_path / "again")
    first, again = (
        json.loads((folder / "metrics.json").read_text(encoding="utf-8")) for folder in (trained[0], tmp_path / "again")
    )
    assert [entry["scores"] for entry in first["models"].values()] == [
        entry["scores"] for entry in again["models"].values()
    ]


def test_saved_model_predicts_the_same_in_a_new_process(
    trained: tuple[Path, int], settings: model.Settings, tmp_path: Path
) -> None:
    with (trained[0] / "predictions.csv").open(encoding="utf-8", newline="") as file:
        before = list(csv.DictReader(file))
    frame = dataset.table(settings.table, folder=PROJECT).frame
    learned = preprocess.load(trained[0] / preprocess.FILE)
    rows = frame[[int(record["row"]) - 1 for record in before]]
    assert columns.target_values(rows, learned.target).null_count() == 0
    new = tmp_path / "new.parquet"
    rows.drop(settings.target).write_parquet(new)
    command = [sys.executable, str(PROJECT / "predict.py"), str(new), "--output", str(trained[0]), "--to", "p.csv"]
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
