"""Pitfalls that words and names give away: what must be warned of, and what must not."""

import polars as pl
import pytest

from advisor.findings import look
from advisor.findings.told import told
from advisor.profiling import profile

ROWS = 12
PLAIN = pl.DataFrame({"size": range(ROWS), "broken": [0, 1, 0] * 4})


def ids(frame: pl.DataFrame, target: str, text: str = "") -> list[str]:
    return [each.id for each in told(frame, profile(frame, target=target), text)]


@pytest.mark.parametrize(
    "text",
    [
        "We labelled 120 by hand.",
        "Forty sheets are done.",
        "She has corrected a few dozen.",
        "Some hundred were measured",
    ],
)
def test_few_examples_are_heard(text: str) -> None:
    assert "too_few_rows" in ids(PLAIN, "broken", text)


@pytest.mark.parametrize(
    "text", ["We labelled 300 thousand.", "2,600 are typed up.", "There are many.", "It is done in 2024."]
)
def test_many_examples_are_not_few(text: str) -> None:
    assert "too_few_rows" not in ids(PLAIN, "broken", text)


def test_what_somebody_chose_hides_how_the_others_end() -> None:
    frame = PLAIN.rename({"broken": "shortlisted"})
    assert ids(frame, "shortlisted") == ["censored_feedback"]
    assert ids(PLAIN, "broken") == []


def test_groups_of_people_are_told_apart() -> None:
    frame = PLAIN.with_columns(nationality=pl.Series(["A", "B", "C"] * 4))
    assert ids(frame, "broken") == ["unequal_groups"]


def test_words_for_missing_are_found_and_real_gaps_are_not() -> None:
    disguised = PLAIN.with_columns(weight=pl.Series(["n/a", *[f"about {n}" for n in range(ROWS - 1)]]))
    empty = PLAIN.with_columns(weight=pl.Series([None, *[f"about {n}" for n in range(ROWS - 1)]]))
    for frame, wanted in ((disguised, True), (empty, False)):
        found = look(frame, profile(frame, target="broken"))
        assert any(each.id == "sentinel_missing_values" for each in found.findings) == wanted


def test_rows_that_wait_for_an_answer_are_no_censored_feedback() -> None:
    frame = pl.DataFrame({"size": range(ROWS), "price": [*[9.5 * n for n in range(ROWS - 2)], None, None]})
    found = look(frame, profile(frame, target="price"))
    assert "censored_feedback" not in {each.id for each in found.findings}
