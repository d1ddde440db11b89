"""The template that learns nothing: laid out as a starter, run from elsewhere, honest about exceptions."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from models import catalog
from models.kit import config, rule_text, rules, samples

ROOT = catalog.ROOT.parent
RESULTS = {
    "MODEL_CARD.md", "config.yaml", "contents.json", "metrics.json", "predictions.csv", "right.png",
    "rule.json", "rule.python.txt", "rule.sql",
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("starter") / "project"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(catalog.find("no_ml/rule").folder, place, ignore=ignored)
    (place / "models").mkdir()
    shutil.copy(catalog.ROOT / "__init__.py", place / "models")
    shutil.copytree(catalog.ROOT / "kit", place / "models" / "kit", ignore=ignored)
    shutil.copytree(ROOT / "tensor_core", place / "tensor_core", ignore=ignored)
    return place


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTEST_ADDOPTS")}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=project.parent, env=environment, capture_output=True, text=True, check=False)


def test_the_rule_is_right_everywhere_and_beats_dummy_and_tree(project: Path) -> None:
    done = run(project, str(project / "train.py"))
    assert done.returncode == 0, done.stderr
    assert {file.name for file in (project / "output").iterdir()} == RESULTS
    found = json.loads((project / "output" / "metrics.json").read_text())
    scores = {name: each["scores"]["accuracy"]["value"] for name, each in found["models"].items()}
    assert scores["ours"] == 1.0 > scores["peer"] > scores["dummy"]
    assert found["rule"] == {"rows": 240, "right": 240, "exceptions": 0}
    again = run(project, str(project / "evaluate.py"))
    assert again.returncode == 0, again.stderr
    assert "48 test rows of sample:postage" in again.stdout


def test_new_rows_and_rows_without_an_answer(project: Path, tmp_path: Path) -> None:
    pl.DataFrame({"zone": ["home", "moon"], "grams": [51, 51], "x": [1, 2]}).write_csv(tmp_path / "new.csv")
    done = run(project, str(project / "predict.py"), str(tmp_path / "new.csv"))
    assert done.returncode == 0, done.stderr
    assert [row["predicted"] for row in csv.DictReader(done.stdout.splitlines())] == ["1.9", ""]


def test_its_own_tests_pass(project: Path) -> None:
    done = run(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(project / "tests"))
    assert done.returncode == 0, done.stdout


def test_exceptions_are_named_and_change_the_exit_code(project: Path, tmp_path: Path) -> None:
    frame = samples.load("postage").frame
    frame = frame.with_columns(pl.when(pl.int_range(pl.len()) == 6).then(99.0).otherwise("fee").alias("fee"))
    frame.write_csv(tmp_path / "fees.csv")
    shutil.copy(project / "rule.json", tmp_path / "rule.json")
    config.write(project / "config.yaml", tmp_path / "config.yaml", table="fees.csv")
    done = run(project, str(project / "train.py"), "--config", str(tmp_path / "config.yaml"))
    assert done.returncode == 1, done.stderr
    assert "exceptions in 1 row: 7" in done.stdout
    config.write(tmp_path / "config.yaml", tmp_path / "config.yaml", most_exceptions=1)
    assert run(project, str(project / "train.py"), "--config", str(tmp_path / "config.yaml")).returncode == 0


@pytest.mark.parametrize(
    ("change", "message"), [({"target": "grams"}, "not the target 'grams'"), ({"rule": "no.json"}, "no such file")]
)
def test_what_does_not_fit_is_refused(project: Path, tmp_path: Path, change: dict[str, str], message: str) -> None:
    shutil.copy(project / "rule.json", tmp_path / "rule.json")
    config.write(project / "config.yaml", tmp_path / "config.yaml", **change)
    done = run(project, str(project / "train.py"), "--config", str(tmp_path / "config.yaml"))
    assert done.returncode == 3
    assert message in done.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["config.yaml", "rule.json"]


DATES = rules.load(catalog.find("no_ml/rule").folder / "data" / "dates.json")


def test_dates_of_twelve_locales_become_iso_in_every_language_of_the_rule() -> None:
    frame = samples.load("dates").frame
    assert rules.check(DATES, frame).exceptions == ()
    scope: dict[str, Any] = {}
    exec(rule_text.python(DATES), scope)
    assert [scope["answer"](row) for row in frame.to_dicts()] == frame["iso"].to_list()
    duckdb = pytest.importorskip("duckdb")
    base = duckdb.connect()
    base.register("your_table", frame.to_arrow())
    assert sorted(base.sql(rule_text.sql(DATES)).fetchall()) == sorted(frame.select("locale", "written", "iso").rows())


@pytest.mark.parametrize(
    ("written", "locale", "iso"),
    [
        ("3/7/2024", "en_US", "2024-03-07"),
        ("03/07/2024", "en_GB", "2024-07-03"),
        ("1 Mar 2099", "en_GB", "2099-03-01"),  # a day that no row holds
        ("31. Brumaire 2024", "de", None),
        (None, "de", None),
    ],
)
def test_a_date_is_read_as_its_locale_says(written: str | None, locale: str, iso: str | None) -> None:
    row = pl.DataFrame({"written": [written], "locale": [locale]}, schema={"written": pl.String, "locale": pl.String})
    assert rules.apply(DATES, row) == [iso]
