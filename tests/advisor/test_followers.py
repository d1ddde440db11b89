"""Which columns follow from which: each way on a table that shows it, and none on tables that do not."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from advisor.profiling.followers import BOTH_WAYS, WAYS, Way, following, of_frame

PRICES = [120.0, 85.5, 240.0, 99.0, 310.5, 150.0, 64.0, 205.0]
LEFT = ["yes", "no", "no", "yes", "no", "yes", "no", "yes"]

# way -> a table of two or three columns, of which the second follows the first
SHOWN: dict[Way, dict[str, list[Any]]] = {
    "gaps": {"left": LEFT, "reason": [None if each == "no" else "moved" + str(n) for n, each in enumerate(LEFT)]},
    "gaps_within": {"left": LEFT, "letter": ["sent", None, None, "sent", None, "sent", None, None]},
    "nothing": {"left": LEFT, "fee": [0 if each == "no" else 10 + n for n, each in enumerate(LEFT)]},
    "copy": {"sort": list("abcabcabcabc"), "name": ["Alder", "Birch", "Cedar"] * 4},
    "coarser": {"sort": list("abcdabcdabcd"), "wood": ["soft", "soft", "hard", "hard"] * 3},
    "cut": {"points": [81, 35, 62, 48, 90, 22, 57, 71, 44, 66], "passed": list("ynynynyyny")},
    "order": {"price": PRICES, "tax": [each**1.5 for each in PRICES]},
    "multiple": {"price": PRICES, "with_tax": [round(each * 1.2, 2) for each in PRICES]},
    "counted": {"tags": ["a|b", "c", "a|b|c", "b", "a|c", "c"], "n": [2, 1, 3, 1, 2, 1]},
    "computed": {
        "net": PRICES,
        "total": [each + more for each, more in zip(PRICES, [10, 35, 12, 60, 5, 44, 21, 90], strict=True)],
        "freight": [10, 35, 12, 60, 5, 44, 21, 90],
    },
}


def test_every_way_has_an_example() -> None:
    assert set(SHOWN) == set(WAYS)


@pytest.mark.parametrize("way", WAYS)
def test_a_table_that_shows_a_way_is_read_so(way: Way) -> None:
    first, second = list(SHOWN[way])[:2]
    found = following(of_frame(pl.DataFrame(SHOWN[way])))
    assert way in found[first].get(second, frozenset())
    if way in BOTH_WAYS:
        assert way in found[second].get(first, frozenset())


def test_days_are_subtracted() -> None:
    days = ["2024-01-03", "2024-01-09", "2024-02-01", "2024-02-11", "2024-03-05", "2024-03-20", "2024-04-01"]
    out = ["2024-01-07", "2024-01-10", "2024-02-15", "2024-02-13", "2024-03-30", "2024-03-28", "2024-04-04"]
    table = pl.DataFrame({"came": days, "went": out, "nights": [4, 1, 14, 2, 25, 8, 3]})
    assert "computed" in following(of_frame(table))["nights"]["went"]


def test_how_many_columns_are_yes_is_counted() -> None:
    marks = {"wet": [1, 0, 1, 0, 1, 0, 1], "cold": [0, 0, 1, 1, 1, 0, 0], "dark": [1, 0, 1, 0, 0, 1, 0]}
    table = pl.DataFrame({**marks, "how_many": [sum(each) for each in zip(*marks.values(), strict=True)]})
    found = following(of_frame(table))
    assert all("counted" in found[name]["how_many"] for name in marks)


def test_unrelated_columns_follow_hardly_ever() -> None:
    chance, pairs, seen = np.random.default_rng(5), 0, 0
    for _ in range(40):
        table = pl.DataFrame(
            {
                "a": chance.normal(size=12).round(2),
                "b": chance.normal(size=12).round(2),
                "c": chance.choice(["x", "y"], 12),
                "d": chance.choice(["p", "q", "r"], 12),
                "e": [None if each else "z" for each in chance.random(12) < 0.4],
            }
        )
        found = following(of_frame(table))
        seen += sum(bool(ways) for each in found.values() for ways in each.values())
        pairs += 20
    assert seen <= 0.03 * pairs


def test_few_rows_and_wide_tables_say_nothing() -> None:
    assert following(of_frame(pl.DataFrame({"a": [1, 2, 3], "b": [2, 4, 6]}))) == {}
    assert following(of_frame(pl.DataFrame({f"c{n}": range(8) for n in range(41)}))) == {}
