"""The template of embeddings: analogies by section, also on real text where that was fetched."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from models import catalog, loading
from models.kit import cache, config, program, programs
from models.kit.errors import TableError

TEMPLATE = catalog.find("unsupervised/embedding")
(_, REAL) = TEMPLATE.runs
SECTIONS = 14


def trained(place: Path, *options: str) -> Path:
    with loading.task(TEMPLATE.folder) as task:
        code = programs.train(task, str(TEMPLATE.folder / "train.py"), ["--output", str(place / "output"), *options])
    assert code == program.DONE
    return place / "output"


def test_sections_of_the_questions_are_told_apart(tmp_path: Path) -> None:
    """In each section, the shares are those of its questions; together they make the metric."""
    table = pl.read_csv(TEMPLATE.folder / "data" / "analogies.csv")
    named = table.with_columns(section=pl.Series(["odd", "even"] * (table.height // 2)))
    unknown = pl.DataFrame([["no", "such", "words", "here", "unknown"]], schema=named.columns, orient="row")
    pl.concat([named, unknown]).write_parquet(tmp_path / "analogies.parquet")
    output = trained(tmp_path, "--set", f"analogies={tmp_path / 'analogies.parquet'}")
    with (output / "sections.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["section"], int(row["questions"])) for row in rows] == [("odd", 462), ("even", 462)]
    found = json.loads((output / "metrics.json").read_text())["models"]
    for name in ("dummy", "peer", "ours"):
        mean = sum(float(row[name]) for row in rows) / len(rows)
        assert mean == pytest.approx(found[name]["scores"]["analogies"]["value"], abs=1e-4)
    assert (output / "sections.png").is_file()


def test_questions_without_sections_leave_no_table_of_them(tmp_path: Path) -> None:
    names = {file.name for file in trained(tmp_path).iterdir()}
    assert "words.png" in names
    assert not any(name.startswith("sections") for name in names)


def test_a_table_of_questions_has_four_columns_or_five(tmp_path: Path) -> None:
    pl.DataFrame({"a": ["x"], "b": ["y"], "c": ["z"]}).write_csv(tmp_path / "analogies.csv")
    with loading.task(TEMPLATE.folder) as task:
        settings = config.read(TEMPLATE.folder / "config.yaml", task.settings)
        given = replace(settings, table=str(TEMPLATE.folder / settings.table), analogies="analogies.csv")
        with pytest.raises(TableError, match="3 columns; four are needed"):
            task.read(given, tmp_path, None)


def test_real_texts_and_questions_are_those_of_the_card(tmp_path: Path) -> None:
    try:
        texts, questions = (pl.read_parquet(cache.find(name)) for name in (REAL.data, "analogies"))
    except TableError:
        pytest.skip(f"not fetched: `python -m models data {REAL.data}`, and analogies")
    assert texts.columns == ["text"]
    assert texts.height == 7_390 + 350
    assert not texts["text"].str.contains(r"\[\[|\{\{|<ref|^[|!]").any()
    assert questions.height == 19_544
    assert questions["section"].n_unique() == SECTIONS
    options = [f"--set={name}={value}" for name, value in REAL.changes]
    output = trained(tmp_path, f"--set=table=fetched:{REAL.data}", "--set=most_words=1000", *options)
    assert 0 < pl.read_csv(output / "sections.csv")["questions"].sum() < questions.height
