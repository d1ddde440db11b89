"""Preprocessing: against scikit-learn's own transformers, and saved, loaded and spoiled."""

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from models.kit import columns, preprocess
from models.kit.errors import ArtefactError, TableError

ROWS = 80
ROOT = Path(preprocess.__file__).resolve().parents[2]
GENERATOR = np.random.default_rng(11)
FRAME = pl.DataFrame(
    {
        "size": [None if row % 9 == 0 else float(value) for row, value in enumerate(GENERATOR.normal(3, 2, ROWS))],
        "price": [f"{value:.3f}".replace(".", ",") for value in GENERATOR.lognormal(0, 2, ROWS)],
        "city |": ["Łódź", "Bern", 'a"b'][0:1] * 40 + ["Bern"] * 30 + ['a"b'] * 4 + ["once"] + [None] * 5,
        "when": [
            (dt.datetime(2023, 1, 1, 6) + dt.timedelta(days=11 * row, hours=row)).isoformat() for row in range(ROWS)
        ],
        "y": GENERATOR.normal(0, 1, ROWS),
    }
)
ROLES = columns.assign(FRAME, target="y", task="regression")
TRAIN, NEW = FRAME[:60], FRAME[60:]
LEARNED = preprocess.fit(TRAIN, ROLES, rare_level_rows=5)


def _feature(matrix: np.ndarray, name: str) -> np.ndarray:
    return matrix[:, LEARNED.features.index(name)]


def test_numbers_are_scikit_learns() -> None:
    matrix = preprocess.transform(LEARNED, FRAME)
    raw = FRAME["size"].to_numpy().reshape(-1, 1)
    imputer = SimpleImputer(strategy="median", add_indicator=True).fit(raw[:60])
    filled = imputer.transform(raw)
    scaler = StandardScaler().fit(filled[:60, :1])
    np.testing.assert_allclose(_feature(matrix, "size"), scaler.transform(filled[:, :1])[:, 0], atol=1e-12)
    np.testing.assert_array_equal(_feature(matrix, "size is missing"), filled[:, 1])


def test_levels_are_scikit_learns() -> None:
    frame = FRAME.drop_nulls("city |")
    learned = preprocess.fit(frame, ROLES, rare_level_rows=5)
    values = frame["city |"].to_numpy().astype(object).reshape(-1, 1)
    encoder = OneHotEncoder(min_frequency=5, handle_unknown="ignore", sparse_output=False).fit(values)
    new = np.array([["Bern"], ["once"], ["never seen"], ['a"b'], ["Łódź"]], dtype=object)
    expected = encoder.transform(new)
    got = preprocess.transform(learned, frame[:5].with_columns(pl.Series("city |", new[:, 0].tolist())))
    places = [place for place, name in enumerate(learned.features) if name.startswith("city |")]
    np.testing.assert_array_equal(got[:, places], expected)


def test_missing_level_is_marked_when_training_had_gaps() -> None:
    learned = preprocess.fit(FRAME, ROLES, rare_level_rows=5)
    matrix = preprocess.transform(learned, FRAME)
    gaps = matrix[:, learned.features.index("city | is missing")]
    assert gaps.tolist() == [float(city is None) for city in FRAME["city |"]]


def test_dates_become_parts() -> None:
    matrix = preprocess.transform(LEARNED, FRAME)
    days = np.array([dt.datetime.fromisoformat(when).timestamp() / 86_400 for when in FRAME["when"]])
    elapsed = _feature(matrix, "when: elapsed days")
    assert np.corrcoef(days, elapsed)[0, 1] == pytest.approx(1, abs=1e-6)
    march = [float(dt.datetime.fromisoformat(when).month == 3) for when in FRAME["when"]]
    assert _feature(matrix, "when: month = 3").tolist() == march
    sunday = [float(dt.datetime.fromisoformat(when).isoweekday() == 7) for when in FRAME["when"]]
    assert _feature(matrix, "when: day of week = 7").tolist() == sunday


def test_only_training_rows_teach() -> None:
    spoiled = pl.concat([TRAIN, NEW.with_columns(pl.col("size") * 1e6)])
    assert preprocess.fit(spoiled[:60], ROLES, rare_level_rows=5) == LEARNED


def test_round_trip_is_exact_in_a_new_process(tmp_path: Path) -> None:
    preprocess.save(LEARNED, tmp_path / "preprocess.json")
    assert preprocess.load(tmp_path / "preprocess.json") == LEARNED
    NEW.write_parquet(tmp_path / "new.parquet")
    program = (
        "import sys, numpy, polars\nfrom pathlib import Path\nfrom models.kit import preprocess\n"
        "folder = Path(sys.argv[1])\nlearned = preprocess.load(folder / 'preprocess.json')\n"
        "matrix = preprocess.transform(learned, polars.read_parquet(folder / 'new.parquet'))\n"
        "numpy.save(folder / 'matrix.npy', matrix)\n"
        "sys.exit('sklearn' in sys.modules)\n"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    np.testing.assert_allclose(np.load(tmp_path / "matrix.npy"), preprocess.transform(LEARNED, NEW), rtol=0, atol=1e-12)


def test_csv_and_parquet_give_the_same_matrix(tmp_path: Path) -> None:
    from models.kit import tables

    NEW.write_csv(tmp_path / "new.csv")
    again = tables.read(tmp_path / "new.csv")
    np.testing.assert_array_equal(preprocess.transform(LEARNED, again), preprocess.transform(LEARNED, NEW))


def test_missing_column_is_named_and_others_ignored() -> None:
    extra = NEW.with_columns(pl.lit("x").alias("more")).drop("y")
    np.testing.assert_array_equal(preprocess.transform(LEARNED, extra), preprocess.transform(LEARNED, NEW))
    with pytest.raises(TableError, match="no column 'size', which the model needs; did you mean 'Size'"):
        preprocess.transform(LEARNED, NEW.rename({"size": "Size"}))


def test_new_cells_that_cannot_be_read_count_as_missing() -> None:
    odd = NEW.with_columns(pl.lit("heavy").alias("size"), pl.lit("soon").alias("when"), pl.lit("Ulm").alias("city |"))
    matrix = preprocess.transform(LEARNED, odd)
    assert np.isfinite(matrix).all()
    assert _feature(matrix, "size is missing").all()


@pytest.mark.parametrize(("name", "kind"), [("size", "number"), ("when", "date")])
def test_words_where_numbers_or_dates_stood_are_refused(name: str, kind: str) -> None:
    preprocess.check(LEARNED, NEW)
    with pytest.raises(TableError, match=f"column '{name}': 'heavy' is no {kind}, and training read {kind}s there"):
        preprocess.check(LEARNED, NEW.with_columns(pl.lit("heavy").alias(name)))
    with pytest.raises(TableError, match=f"no column '{name}'"):
        preprocess.check(LEARNED, NEW.drop(name))


def _spoil(content: dict[str, Any], how: str) -> str:
    match how:
        case "cut":
            return json.dumps(content)[:-20]
        case "schema":
            content["schema"] = 99
        case "no blocks":
            content["blocks"] = []
        case "unknown block":
            content["blocks"][0]["block"] = "Path"
        case "unknown field":
            content["blocks"][0]["more"] = 1
        case "text for number":
            content["blocks"][0]["mean"] = "0"
        case "scale":
            content["blocks"][0]["scale"] = 0.0
        case "levels":
            content["classes"] = [1, 2]
        case "list":
            return "[]"
        case "infinite":
            return json.dumps(content).replace('"target_mean": ', '"target_mean": 1e999, "x": ')
    return json.dumps(content)


@pytest.mark.parametrize(
    "how",
    [
        "cut",
        "schema",
        "no blocks",
        "unknown block",
        "unknown field",
        "text for number",
        "scale",
        "levels",
        "list",
        "infinite",
    ],
)
def test_spoiled_file_is_refused(tmp_path: Path, how: str) -> None:
    path = tmp_path / "preprocess.json"
    preprocess.save(LEARNED, path)
    path.write_text(_spoil(json.loads(path.read_text()), how))
    with pytest.raises(ArtefactError, match=r"preprocess\.json.*run train\.py"):
        preprocess.load(path)


def test_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"no such file; run train\.py first"):
        preprocess.load(tmp_path / "preprocess.json")
