"""Leaks and pitfalls: each found where it is, each with its figure, and not found where it is not."""

# ruff: noqa: E501 - a table of tables, one a line

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest

from advisor.findings import look
from advisor.findings.alone import score
from advisor.profiling import Finding, profile
from advisor.profiling.moments import moments, related
from advisor.profiling.pointing import said_to_follow
from taxonomy.knowledge import load

ROWS = 200


def seen(frame: pl.DataFrame, target: str | None, text: str = "") -> dict[str, Finding]:
    """The findings by pitfall id; of several of one kind the first."""
    found = look(frame, profile(frame, target=target, description=text), text)
    by_id: dict[str, Finding] = {}
    for finding in found.findings:
        by_id.setdefault(finding.id, finding)
    return by_id


def leaking(frame: pl.DataFrame, target: str, text: str = "") -> tuple[str, ...]:
    return look(frame, profile(frame, target=target, description=text), text).leaking


def made(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame({name: list(values) for name, values in columns.items()})


chance = np.random.default_rng(11)
X = np.round(chance.normal(size=ROWS), 3)
YES = chance.random(ROWS) < 0.4
TOWN = chance.choice(["north", "south", "west"], ROWS)
DAYS = [dt.date(2023, 1, 1) + dt.timedelta(days=2 * row) for row in range(ROWS)]


@pytest.mark.parametrize(
    ("value", "target", "measure"),
    [
        (100 * X, X, "R²"),
        (-np.round(X, 1), X, "R²"),
        (np.where(YES, "J", "N"), YES, "AUC"),
        (YES + chance.normal(0, 0.05, ROWS), YES, "AUC"),
        (np.where(X < 0, "low", "high"), X < 0, "AUC"),
        ([{"north": 1, "south": 7, "west": 4}[town] for town in TOWN], TOWN, "accuracy"),
    ],
    ids=["scaled", "rounded", "renamed", "threshold", "bands", "several classes"],
)
def test_a_near_perfect_column_is_suspected_with_its_figure(value: Any, target: Any, measure: str) -> None:
    frame = made(other=chance.permutation(X), value=value, more=chance.integers(1, 900, ROWS), answer=target)
    found = look(frame, profile(frame, target="answer"))
    assert found.leaking == ("value",)
    (leak,) = [finding for finding in found.findings if finding.id == "target_leakage"]
    assert leak.measure.startswith(measure)
    assert leak.figure is not None
    assert leak.figure > 0.98
    assert leak.question == "Is `value` known when you predict?"


def test_good_inputs_are_not_suspected() -> None:
    strong = np.round(X + 0.5 * chance.normal(size=ROWS), 3)
    gaps = [each if row % 3 else None for row, each in enumerate(X)]
    frame = made(strong=strong, gaps=gaps, town=TOWN, yes=YES, y=X)
    assert leaking(frame, "y") == ()
    assert leaking(frame, "yes") == ()


@pytest.mark.parametrize(
    ("value", "measure"),
    [
        (["moved" if each else None for each in YES[:30]], "chance that"),
        ([9.5 + row if each else 0.0 for row, each in enumerate(YES[:30])], "share of rows"),
    ],
    ids=["gaps", "noughts"],
)
def test_a_column_filled_for_one_answer_is_suspected_when_its_name_agrees(value: Any, measure: str) -> None:
    frame = made(size=X[:30], repair_cost=value, broken=YES[:30])
    found = look(frame, profile(frame, target="broken"))
    assert found.leaking == ("repair_cost",)
    (leak,) = [finding for finding in found.findings if finding.id == "target_leakage"]
    assert leak.measure.startswith(measure)


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        ("refundIssued", {"after"}), ("Kündigungsgrund", {"after"}), ("date_resiliation", {"after", "consequence"}),
        ("previous_refunds", {"after", "before"}), ("visits_30d", {"before"}), ("geplante_Dauer", {"before", "consequence"}),
        ("helpful_votes", {"reaction", "consequence"}), ("size", set()), ("Wohnfläche", set()),
    ],
)  # fmt: skip
def test_names_tell_when_a_column_is_filled(name: str, moment: set[str]) -> None:
    assert moments(name) == moment


def test_a_name_that_tells_of_afterwards_is_suspected_in_few_rows() -> None:
    frame = made(size=X[:9], closure_reason=["a", "b", "c"] * 3, previous_closures=[1, 2, 0] * 3, late=YES[:9])
    assert leaking(frame, "late") == ("closure_reason",)


def test_what_the_description_says_counts() -> None:
    frame = made(size=X[:12], weight=np.abs(X[:12]), price=chance.integers(5, 90, 12), y=YES[:12])
    assert leaking(frame, "y") == ()
    text = "Will it come back? The price is entered afterwards, by the shop."
    assert said_to_follow(text, "price")
    assert not said_to_follow(text, "weight")


def test_dates_after_the_moment_of_prediction_are_suspected() -> None:
    later = [day + dt.timedelta(days=1 + row % 9) for row, day in enumerate(DAYS[:20])]
    frame = made(opened_at=DAYS[:20], paid_date=later, size=X[:20], y=YES[:20])
    found = look(frame, profile(frame, target="y")._replace(time="opened_at"))
    assert found.leaking == ("paid_date",)


def test_no_target_no_leak() -> None:
    frame = made(size=X, refund=X * 2)
    assert look(frame, profile(frame)._replace(target=None)).leaking == ()


def rated(rows: int = ROWS) -> dict[str, Any]:
    return {
        "user_id": [f"u{number}" for number in chance.integers(0, 30, rows)],
        "product_id": [f"p{number}" for number in chance.integers(0, 60, rows)],
    }


PITFALLS: dict[str, tuple[dict[str, Any], str | None, dict[str, Any]]] = {
    # id: a table that has it, its target, and columns that replace some so that it has not
    "class_imbalance": ({"x": X, "y": np.arange(ROWS) % 40 == 0}, "y", {"y": YES}),
    "duplicate_rows": ({"x": [*X[:100], *X[:100]], "z": [*X[100:], *X[100:]], "y": [*YES[:100], *YES[:100]]}, "y", {"z": X[::-1]}),
    "sentinel_missing_values": ({"x": [-999 if row % 9 == 0 else row % 50 + 1 for row in range(ROWS)], "y": YES}, "y", {"x": X}),
    "skewed_target": ({"x": X, "price": np.round(np.exp(2 * X) * 100, 2)}, "price", {"price": np.round(500 + 20 * X, 2)}),
    "censored_target": ({"x": X, "months": np.minimum(24.0, np.round(np.exp(X) * 20, 1))}, "months", {"months": np.round(np.exp(X) * 20, 1)}),
    "missing_not_at_random": ({"x": [None if y and row % 2 else 0.5 * row for row, y in enumerate(YES)], "y": YES}, "y", {"x": X}),
    "group_split_needed": ({"patient_id": [f"p{row // 5}" for row in range(ROWS)], "x": X, "y": YES}, "y", {"patient_id": [f"p{row}" for row in range(ROWS)]}),
    "temporal_split_needed": ({"date": DAYS, "x": X, "y": YES}, "y", {"date": TOWN}),
    "concept_drift": ({"date": DAYS, "x": X, "y": np.round(X + np.arange(ROWS) / 50, 2)}, "y", {"y": np.round(X[::-1] * 3, 2)}),
    "percentage_error_near_zero": ({"x": X, "sales": np.maximum(0, np.round(X * 5))}, "sales", {"sales": np.round(50 + X, 2)}),
    "ordinal_target": ({"x": X, "rating": chance.integers(1, 6, ROWS)}, "rating", {"rating": np.round(X, 2)}),
    "too_few_rows": ({"x": X[:30], "y": np.round(X[:30] * 2, 2)}, "y", {"x": X, "y": np.round(X[::-1] * 2, 2)}),
}  # fmt: skip


@pytest.mark.parametrize("name", PITFALLS)
def test_a_pitfall_is_found_where_it_is(name: str) -> None:
    columns, target, without = PITFALLS[name]
    found = seen(made(**columns), target)
    assert name in found
    assert found[name].figure is not None
    assert found[name].measure
    assert name not in seen(made(**{**columns, **without}), target)


@pytest.mark.parametrize("name", ["cold_start", "implicit_positives_only"])
def test_what_was_taken_says_nothing_of_what_was_not(name: str) -> None:
    frame = made(**rated(), when=DAYS)
    found = profile(frame)._replace(target=None, group="user_id", item="product_id", query=None)
    assert name in {finding.id for finding in look(frame, found).findings}
    assert name not in {finding.id for finding in look(frame, found._replace(item=None)).findings}


def test_a_place_in_a_list_is_a_bias_with_its_rate() -> None:
    place = np.arange(ROWS) % 5 + 1
    clicked = chance.random(ROWS) < 0.6 / place
    frame = made(query_id=np.arange(ROWS) // 5, position=place, x=X, clicked=clicked.astype(int))
    found = profile(frame, target="clicked")._replace(position="position")
    (bias,) = [each for each in look(frame, found).findings if each.id == "position_bias"]
    assert bias.figure is not None
    assert bias.figure > 1.5


def test_judgements_that_disagree_are_counted() -> None:
    texts = [f"the parcel number {row % 100} came late and the box was wet" for row in range(ROWS)]
    frame = made(mail=texts, topic=chance.choice(["delivery", "damage", "thanks"], ROWS))
    found = seen(frame, "topic")
    assert found["label_noise"].figure is not None
    assert found["label_noise"].figure > 0.5


def test_every_finding_is_a_pitfall_of_the_knowledge_base() -> None:
    import re
    from pathlib import Path

    import advisor.findings as package

    named = set()
    for file in Path(package.__file__).parent.glob("*.py"):
        named |= set(re.findall(r'Finding\(\s*"(\w+)"', file.read_text(encoding="utf-8")))
    assert len(named) >= 15
    assert named - set(load().pitfalls) == set()


@pytest.mark.parametrize(("one", "other", "alike"), [("cancel_date", "cancelled", True), ("size", "price", False)])
def test_names_of_one_family(one: str, other: str, alike: bool) -> None:
    assert related(one, other) is alike


def test_the_figure_of_a_column_is_not_its_luck_on_seen_rows() -> None:
    noise = pl.Series(chance.permutation(1000) // 2)
    answer = pl.Series(chance.random(1000) < 0.5)
    found = score(noise, answer)
    assert found is not None
    assert abs(found.figure - 0.5) < 0.1


@pytest.mark.parametrize("rows", [1, 2, 5, 40])
def test_odd_tables_are_looked_at(rows: int) -> None:
    frame = pl.DataFrame({"nested": [[1]] * rows, "gap": [None] * rows, "😀": list(range(rows)), "y": [1.5] * rows})
    for target in frame.columns:
        look(frame, profile(frame)._replace(target=target), "Guess it.")
