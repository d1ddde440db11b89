"""A starter for signals finds which rows belong to one signal, and their order, or that a row is a whole one."""

import math
from pathlib import Path

import polars as pl
import pytest

import advisor
from models import catalog, loading
from models.kit import config

TEMPLATE = "classification/time_series"
RUNS, STEPS = 40, 20


def long_table() -> pl.DataFrame:
    rows = [
        {"run": f"r{run}", "t": step, "speed": math.sin(step * (0.1 + run % 2)), "kind": "ab"[run % 2]}
        for run in range(RUNS)
        for step in range(STEPS)
    ]
    return pl.DataFrame(rows)


def listed_table() -> pl.DataFrame:
    return long_table().group_by("run", maintain_order=True).agg("speed", pl.col("kind").first())


@pytest.mark.parametrize(("table", "series", "step"), [(long_table(), "run", "t"), (listed_table(), None, None)])
def test_signals_are_found(table: pl.DataFrame, series: str | None, step: str | None, tmp_path: Path) -> None:
    framing = advisor.frame("Which kind is a run?")._replace(category="classification", subtask="time_series")
    project = framing.start(tmp_path / "project", table=table, target="kind")
    with loading.task(catalog.find(TEMPLATE).folder) as task:
        found = config.read(project / "config.yaml", task.settings)
        data = task.read(found, project, None)
    assert (found.series, found.step, found.part, found.target) == (series, step, None, "kind")
    assert data.size == RUNS
