"""The same table has the same profile, whichever library holds it; engines that are not installed are passed over."""

import datetime as dt
import importlib.util
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from advisor.profiling import Profile, measures, profile

ROWS = 300
TEXT = "How many minutes will the repair take?"


def table() -> pl.DataFrame:
    """Numbers, text numbers with units, gaps, sentinels, dates, truths, codes and names."""
    chance = np.random.default_rng(7)
    gaps = chance.random(ROWS) < 0.2
    return pl.DataFrame(
        {
            "ticket": [f"T-{row:05d}" for row in range(ROWS)],
            "customer": [f"C{row % 41:03d}" for row in range(ROWS)],
            "opened": [dt.datetime(2024, 1, 1) + dt.timedelta(hours=7 * row) for row in range(ROWS)],
            "day": [f"{1 + row % 28:02d}.03.2024" for row in range(ROWS)],
            "fee": [f"{row * 7 % 950 + 1000:,} €".replace(",", ".") for row in range(ROWS)],
            "rate": [f"{row % 97 / 10:.1f}".replace(".", ",") for row in range(ROWS)],
            "plz": [f"{1067 + 31 * row:05d}" for row in range(ROWS)],
            "load": [None if gap else float(value) for gap, value in zip(gaps, chance.normal(size=ROWS), strict=True)],
            "visits": chance.poisson(3, ROWS).tolist(),
            "temperature": [-999.0 if row % 50 == 3 else 20.0 + row % 9 / 4 for row in range(ROWS)],
            "urgent": [row % 3 == 0 for row in range(ROWS)],
            "town": [["Ulm", "Jena", "n/a", "Kiel"][row % 4] for row in range(ROWS)],
            "minutes": [int(value) for value in chance.gamma(3, 20, ROWS)],
        }
    )


def _spark(frame: pl.DataFrame) -> Any:
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = (
        builder.config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "1").getOrCreate()
    )
    names = frame.columns
    return session.createDataFrame([tuple(row) for row in frame.rows()], schema=names)


def _duckdb(frame: pl.DataFrame) -> Any:
    import duckdb

    return duckdb.connect().from_arrow(frame.to_arrow())


def _dask(frame: pl.DataFrame) -> Any:
    import dask.dataframe as dd

    return dd.from_pandas(frame.to_pandas(), npartitions=3)


ENGINES: dict[str, tuple[str, Callable[[pl.DataFrame], Any]]] = {
    "polars lazy": ("polars", lambda frame: frame.lazy()),
    "pandas": ("pandas", lambda frame: frame.to_pandas()),
    "pyarrow": ("pyarrow", lambda frame: frame.to_arrow()),
    "duckdb": ("duckdb", _duckdb),
    "dask": ("dask", _dask),
    "pyspark": ("pyspark", _spark),
}


def near(mine: Any, other: Any) -> bool:
    """Whether two profiles say the same, numbers to nine digits."""
    if isinstance(mine, float) and isinstance(other, float):
        return math.isclose(mine, other, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(mine, tuple) and isinstance(other, tuple):
        return len(mine) == len(other) and all(map(near, mine, other))
    if isinstance(mine, dict) and isinstance(other, dict):
        return list(mine) == list(other) and all(map(near, mine.values(), other.values()))
    return bool(mine == other)


def comparable(seen: Profile) -> Profile:
    """The profile without what only names the engine's own types."""
    columns = tuple(each._replace(written="", zone="") if each.kind == "time" else each for each in seen.columns)
    return seen._replace(columns=columns, notes=())


@pytest.mark.parametrize("engine", ENGINES)
def test_the_profile_is_the_same_from_every_engine(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package, convert = ENGINES[engine]
    if importlib.util.find_spec(package) is None or importlib.util.find_spec("pyarrow") is None:
        pytest.skip(f"{package} is not installed")
    frame = table()
    wanted = comparable(profile(frame, description=TEXT))
    assert wanted.target == "minutes"
    found = comparable(profile(convert(frame), description=TEXT))
    for mine, other in zip(wanted.columns, found.columns, strict=True):
        assert near(mine, other), (mine, other)
    assert near(wanted, found)


@pytest.mark.parametrize("engine", ["pandas", "pyarrow"])
def test_a_large_frame_is_measured_where_it_lies(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package, convert = ENGINES[engine]
    pytest.importorskip(package)
    pytest.importorskip("pyarrow")
    monkeypatch.setattr("advisor.profiling.opening.SAMPLED_ROWS", 100)
    seen: list[str] = []
    measure = measures.measure
    monkeypatch.setattr(
        measures,
        "measure",
        lambda frame, columns: seen.append(type(frame.to_native()).__module__) or measure(frame, columns),
    )
    wanted, found = profile(table(), description=TEXT), profile(convert(table()), description=TEXT)
    assert seen[0].startswith("polars")
    assert seen[1].startswith(package)
    for mine, other in zip(comparable(wanted).columns, comparable(found).columns, strict=True):
        assert near(mine, other), (mine, other)
    assert found.rows == ROWS
    assert found.looked_at == 100


def test_different_values_of_a_lazy_frame_are_counted_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "MOST_DISTINCT_ROWS", 50)
    seen = profile(table().lazy())
    assert seen.rows == ROWS
    assert seen.column("ticket").distinct == 50
    assert "different values are counted in the first 50 of 300 rows" in seen.notes
