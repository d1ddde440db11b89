"""Seventeen targets that column-only inference gets wrong, real tables, and what words and table make of each other."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from advisor.profiling import Profile, profile
from advisor.profiling.schema import NUMBERS

Generator = np.random.Generator


def _tags(chance: Generator, rows: int) -> list[str]:
    return [
        "|".join(chance.choice(["red", "blue", "big", "old", "wet"], chance.integers(1, 4), False)) for _ in range(rows)
    ]


def _sentences(chance: Generator, rows: int) -> list[str]:
    words = "the a pump valve old new leaks runs hot cold again since today near door left under".split()
    return [" ".join(chance.choice(words, chance.integers(4, 12))) for _ in range(rows)]


def _few_of(column: str, *kinds: str) -> Callable[[Profile], bool]:
    return lambda seen: seen.column(column).kind in kinds


def _tagged(seen: Profile) -> bool:
    return (seen.column("y").kind, seen.column("y").delimiter) == ("tags", "|")


def _rare(seen: Profile) -> bool:
    fraud = seen.column("fraud")
    return fraud.kind == "binary" and 0 < fraud.statistics.rarest <= 0.004 * seen.rows


def _passed(chance: Generator, rows: int) -> dict[str, Any]:
    score = chance.integers(0, 101, rows)
    return {"score": score, "passed": np.where(score >= 60, "pass", "fail")}


# name -> how to make the columns, the target, and what must be seen
TARGETS: dict[str, tuple[Callable[[Generator, int], dict[str, Any]], Callable[[Profile], bool]]] = {
    "a measured number": (lambda c, n: {"flow": c.normal(size=n)}, _few_of("flow", *NUMBERS)),
    "a price in whole dollars": (lambda c, n: {"price": c.integers(50, 200, n)}, _few_of("price", *NUMBERS)),
    "a daily count": (lambda c, n: {"y": c.poisson(8, n)}, _few_of("y", "count")),
    "a daily count in few rows": (lambda c, n: {"y": c.poisson(8, 300)}, _few_of("y", "count")),
    "an age in years": (lambda c, n: {"age": c.integers(18, 91, n)}, _few_of("age", *NUMBERS)),
    "stars from 1 to 5": (lambda c, n: {"stars": c.integers(1, 6, n)}, _few_of("stars", "ordinal")),
    "a quality from 3 to 9": (
        lambda c, n: {"y": np.clip(c.normal(6, 1, n).round(), 3, 9).astype(int)},
        _few_of("y", "ordinal"),
    ),
    "a ZIP code": (lambda c, n: {"zip": c.integers(10_000, 99_999, n)}, _few_of("zip", "code", "id")),
    "the next product": (
        lambda c, n: {"user_id": c.integers(0, n // 8, n), "next_product_id": c.integers(0, 3000, n)},
        lambda seen: seen.column("next_product_id").kind in ("id", "code") and seen.group == "user_id",
    ),
    "a relevance grade": (
        lambda c, n: {"query_id": np.arange(n) // 10, "y": c.choice(5, n, p=[0.5, 0.2, 0.15, 0.1, 0.05])},
        lambda seen: seen.query == "query_id" and seen.column("y").chance("ordinal") >= 0.3,
    ),
    "tags": (lambda c, n: {"y": _tags(c, n)}, _tagged),
    "a sentence": (lambda c, n: {"y": _sentences(c, n)}, _few_of("y", "text")),
    "months to churn, some not yet": (
        lambda c, n: {"months": np.minimum(c.exponential(15, n), 24).round(1)},
        lambda seen: seen.column("months").kind in NUMBERS and seen.column("months").statistics.at_high > 0.1,
    ),
    "pass or fail": (_passed, _few_of("passed", "binary")),
    "fraud in two of a thousand": (lambda c, n: {"fraud": (np.arange(n) % 500 == 7).astype(int)}, _rare),
    "two names": (lambda c, n: {"y": c.choice(["left", "right"], n)}, _few_of("y", "binary")),
    "four names": (lambda c, n: {"y": c.choice(["oak", "ash", "elm", "fir"], n)}, _few_of("y", "categorical")),
}  # fmt: skip


@pytest.mark.parametrize("rows", [500, 5000])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("target", TARGETS)
def test_seventeen_targets(target: str, seed: int, rows: int) -> None:
    make, seen_right = TARGETS[target]
    chance = np.random.default_rng(seed)
    columns = make(chance, rows)
    length = len(next(iter(columns.values())))
    table = pl.DataFrame({"x": chance.normal(size=length), **columns})
    seen = profile(table)
    assert seen_right(seen), {column.name: column.kinds for column in seen.columns}
    assert all(abs(sum(column.kinds.values()) - 1) < 1e-9 for column in seen.columns)


@pytest.mark.parametrize(
    ("name", "cells", "kind", "unit"),
    [
        ("Miete", ["1.250,50 €", "890,00 €", "keine", "710,25 €"], "money", "€"),
        ("discount", ["12 %", "5.5 %", "30 %"], "percent", "%"),
        ("Strecke", ["12,5 km", "7,0 km", "103,2 km"], "continuous", "km"),
        ("when", ["2024-02-01", "01.03.2024", "5 Mar 2024"], "time", ""),
        ("woche", ["2024-W01", "2024-W02", "2024-W07"], "time", ""),
        ("start", ["2024-02-01T08:00:00+02:00", "2024-02-01T09:30:00+02:00"], "time", ""),
        ("photo", ["a/1.jpg", "a/2.jpg", "b/7.png"], "media", ""),
        ("photo", ["7.jpg", "12.jpg", "31.jpg"], "media", ""),
        ("sound", ["7.wav", "12.WAV", None, "3.wav"], "media", ""),
        ("page", ["https://example.org/a", "https://example.org/b", "https://example.org/c"], "url", ""),
        ("lat", [52.51, 48.13, 50.94], "geo", ""),
        ("ner", ["O B-LOC O", "O O", "B-PER I-PER O"], "sequence", ""),
        ("pain", ["none", "mild", "severe", "none", "moderate", "mild"], "ordinal", ""),
        ("same", ["x", "x", "x"], "constant", ""),
        ("nothing", [None, "n/a", ""], "empty", ""),
        ("ICD", ["J45.0", "E11.9", "J45.0", "I10"], "code", ""),
        ("klant_nr", ["K-100", "K-101", "K-102", "K-103"], "id", ""),
    ],
)
def test_kinds_of_few_cells(name: str, cells: list[Any], kind: str, unit: str) -> None:
    column = profile(pl.DataFrame({name: cells, "other": range(len(cells))})).column(name)
    assert (column.kind, column.unit) == (kind, unit), column.kinds


def test_sentinels_zones_and_languages_are_told() -> None:
    table = pl.DataFrame(
        {
            "Kundennr": ["A1", "A2", "A3", "A4"],
            "Anfang": ["2024-02-01T08:00:00Z"] * 2 + ["2024-02-02T08:00:00Z"] * 2,
            "Ertrag": [12.5, -999.0, 13.5, 12.0],
            "Preis": ["1,50", "k.A.", "keine", "2,50"],
        }
    )
    seen = profile(table)
    assert seen.column("Kundennr").language == "de"
    assert seen.column("Anfang").zone == "Z"
    assert (seen.column("Ertrag").sentinels, seen.column("Ertrag").missing) == (("-999",), 1)
    assert (seen.column("Preis").sentinels, seen.column("Preis").missing) == (("keine",), 2)


def test_near_constant_columns_are_named() -> None:
    seen = profile(pl.DataFrame({"a": ["x"] * 997 + ["y", "z", "w"], "b": range(1000)}))
    assert seen.column("a").chance("near_constant") > 0.3


FOUR, TWENTY = [1.5, 2.5, 3.5, 4.5], [*range(20)]
CONTRADICTIONS = [
    ("rank_not_classes", "ranking", "Rank the documents.", {"query": [1, 1, 2, 2, 3, 3], "grade": [0, 1, 4, 2, 0, 3]}),
    ("no_lists_to_rank", "ranking", "Rank the leads.", {"size": [1.5, 2.5, 3.0, 4.5], "won": [0, 1, 0, 1]}),
    ("number_not_class", "classification", "Which class is it?", {"a": TWENTY, "load": [n / 7 for n in TWENTY]}),
    ("class_not_number", "regression", "How much is it?", {"a": ["a", "b", "c", "d"] * 3, "b": ["low", "high"] * 6}),
    ("code_not_quantity", "regression", "Estimate the zip.", {"a": FOUR, "zip": ["01067", "80331", "20095", "04109"]}),
    ("several_labels", "classification", "Which topic?", {"a": FOUR, "topics": ["x; y", "x", "z; x", "y; z"]}),
    ("labels_exist", "unsupervised", "Find groups.", {"size": FOUR, "category": ["a", "b", "a", "c"]}),
    ("nobody_to_recommend_to", "recommendation", "Recommend books.", {"book": ["x", "y", "z"], "stars": [1, 5, 4]}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "task", "text", "columns"), CONTRADICTIONS, ids=[each[0] for each in CONTRADICTIONS]
)
def test_every_contradiction_is_told(wanted: str, task: str, text: str, columns: dict[str, Any]) -> None:
    found = profile(pl.DataFrame(columns), description=text, leaning={task: 0.9}).contradictions
    assert wanted in [each.id for each in found]
    assert all(each.said and each.seen and each.so for each in found)


def test_no_contradiction_where_words_and_table_agree() -> None:
    table = pl.DataFrame({"size": [40.5, 62.0, 80.5, 55.0], "rent": [500.5, 710.0, 900.0, 640.0]})
    text = "How much rent will a flat of this size bring?"
    assert profile(table, description=text, leaning={"regression": 0.9}).contradictions == ()
    named = profile(table, description=text, target="size", leaning={"regression": 0.9})
    assert [each.id for each in named.contradictions] == ["another_target_is_asked_for"]


def test_the_end_of_a_duration_is_an_event() -> None:
    table = pl.DataFrame(
        {"hours_run": [910.5, 1440.0, 405.5, 221.0], "site": ["a", "b", "a", "b"], "failed": [1, 0, 1, 1]}
    )
    seen = profile(table, description="When will a pump fail?", leaning={"regression": 0.9})
    assert (seen.target, seen.event, seen.column("failed").kind) == ("hours_run", "failed", "censoring")


@pytest.mark.parametrize(
    ("name", "target", "kinds"),
    [
        ("diabetes", "target", NUMBERS),
        ("iris", "target", {"categorical"}),
        ("wine", "target", {"categorical"}),
        ("digits", "target", {"categorical"}),
        ("breast_cancer", "target", {"binary"}),
        ("linnerud", "Weight", NUMBERS),
    ],
)
def test_targets_of_the_tables_that_scikit_learn_carries(name: str, target: str, kinds: set[str]) -> None:
    pytest.importorskip("pandas")
    datasets = pytest.importorskip("sklearn.datasets")
    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    assert profile(frame).column(target).kind in kinds
