"""How the target is found among columns that compete: by what follows it, by its family, by values that are said."""

from typing import Any

import polars as pl
import pytest

import advisor
from advisor.profiling import profile, values

ROWS = 12
YES_NO = ["y", "n", "n", "y", "n", "y", "n", "n", "y", "n", "y", "n"]
OTHER = ["y", "y", "n", "n", "n", "y", "y", "n", "n", "y", "n", "y"]


def target(columns: dict[str, list[Any]], text: str, **leaning: float) -> Any:
    return profile(pl.DataFrame(columns), description=text, leaning=leaning).target


def test_what_others_follow_from_is_the_target_and_they_are_not() -> None:
    table = {
        "colour": ["red", "blue", "green"] * 4,
        "lid": OTHER,
        "gone_off": YES_NO,
        "thrown_out_on": [f"2024-03-{day + 1:02d}" if each == "y" else None for day, each in enumerate(YES_NO)],
    }
    assert target(table, "Will it keep?", classification=0.9) == "gone_off"


def test_a_column_with_an_earlier_value_of_its_own_is_the_target() -> None:
    numbers = [31, 44, 28, 50, 39, 61, 33, 47, 52, 36, 58, 41]
    table = {
        "moles": numbers,
        "previous_moles": [each - 3 for each in reversed(numbers)],
        "rain": [4, 0, 7, 1, 3, 9, 2, 5, 8, 6, 11, 10],
        "worms": [14, 20, 9, 16, 30, 12, 25, 18, 22, 11, 27, 15],
    }
    assert target(table, "What is to be expected on the lawn?", regression=0.9) == "moles"


def test_values_that_are_said_point_at_their_column() -> None:
    table = {
        "yard": ["A1", "B2", "C3"] * 4,
        "rk": ["AA", "A", "B", "A"] * 3,
        "paint": ["matt", "gloss", "satin"] * 4,
        "size": [5, 7, 9, 4, 6, 8, 3, 2, 7, 5, 6, 9],
    }
    assert target(table, "Should it be AA, A or B?", classification=0.9) == "rk"


def test_labels_that_begin_alike_are_answered_together_though_one_never_holds() -> None:
    columns: dict[str, list[Any]] = {
        "sheet": [f"S-{n}" for n in range(ROWS)],
        "has_roof": OTHER,
        "dmg_wall": [0, 1, 0, 1] * 3,
        "dmg_door": [1, 1, 0, 0] * 3,
        "dmg_pipe": [0] * ROWS,
        "dmg_lamp": [0, 0, 1, 1] * 3,
        "owner": OTHER,
    }
    found = target(columns, "Everything that is broken, often several things.", tagging=0.9)
    assert found == ("dmg_wall", "dmg_door", "dmg_pipe", "dmg_lamp")


def test_two_numbers_of_one_pattern_are_answered_together_when_both_are_wanted() -> None:
    table = {
        "shot": [f"s{n}" for n in range(ROWS)],
        "wind": [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8],
        "x_cm": [10.5, 3.2, 8.8, 1.1, 7.4, 9.9, 2.2, 6.1, 5.5, 4.3, 8.1, 3.9],
        "y_cm": [1.5, 7.2, 2.8, 9.1, 3.4, 0.9, 8.2, 4.1, 6.5, 5.3, 2.1, 7.9],
    }
    assert target(table, "Both coordinates of where it lands.", regression=0.9) == ("x_cm", "y_cm")


def test_the_thing_itself_is_asked_for_where_the_next_one_is() -> None:
    table = {
        "listener": ["u1", "u1", "u2", "u2", "u3", "u3"] * 2,
        "started": [f"2024-05-{day + 1:02d}" for day in range(ROWS)],
        "track": ["t1", "t2", "t3", "t1", "t4", "t2"] * 2,
        "seconds": list(range(30, 30 + ROWS)),
    }
    assert target(table, "Which track comes next for her?", recommendation=0.9) == "track"


def test_words_of_a_text_a_row_each_are_labelled() -> None:
    table = {
        "page": ["p1"] * 6 + ["p2"] * 6,
        "piece": "She met Ann Lee in Rome when he saw Bob at home".split(),
        "mark": ["O", "O", "PER", "PER", "O", "LOC", "O", "O", "O", "PER", "O", "O"],
        "ink": ["blue", "black"] * 6,
    }
    assert target(table, "Put a mark beside each word.", seq2seq=0.9) == "mark"


@pytest.mark.parametrize(
    "cells",
    [
        ["05.02.", "06.02.", "17.11."],
        ["02-Jan-24", "16-Feb-24", "3-Mar-23"],
        ["6 May", "17 June", "28 Oct"],
        ["06/02 14:10", "07/02 08:45", "11/12 23:59"],
        ["Jan-23", "Feb-23", "Okt-23"],
        ["20240103", "20240217", "20240531", "20240611", "20241224"],
        ["202401", "202402", "202403", "202404", "202405"],
    ],
)
def test_days_are_read_however_they_are_written(cells: list[str]) -> None:
    assert values.read(pl.Series("x", cells), place=1).form == "moment"
    assert profile(pl.DataFrame({"x": cells, "y": range(len(cells))})).column("x").kind == "time"


@pytest.mark.parametrize(
    "cells", [["WEB-101", "WEB-102", "API-77"], ["Haus 12", "Haus 14", "Hof 33"], ["1.5", "2.7", "3.1"]]
)
def test_what_only_looks_like_a_day_is_none(cells: list[str]) -> None:
    assert values.read(pl.Series("x", cells), place=1).form != "moment"


def test_years_that_came_as_text_are_measured() -> None:
    seen = profile(pl.DataFrame({"year": ["2019", "2020", "2021"], "price": ["9,50", "8,00", "7,25"]}))
    assert seen.column("year").kind == "time"
    assert seen.column("year").statistics.low == 2019.0


def test_crosses_in_an_otherwise_empty_column_are_yes_or_no() -> None:
    assert profile(pl.DataFrame({"done": ["x", None, "x", None], "n": [1, 2, 3, 4]})).column("done").kind == "binary"


@pytest.mark.parametrize(
    ("name", "cells", "is_id"),
    [
        ("diver", ["d07", "d07", "d11", "d12"] * 3, True),
        ("n° wagon", [8801, 8804, 8801, 8815] * 3, True),
        ("n wagons", [3, 4, 3, 9] * 3, False),
        ("voucher_nr", [None, "AB-1", None, "CD-7"] * 3, True),
        ("colour", ["red", "blue", "red", "green"] * 3, False),
    ],
)
def test_ids_are_told_by_their_keys_and_names(name: str, cells: list[Any], is_id: bool) -> None:
    table = pl.DataFrame(
        {name: cells, "width": [n * 1.5 for n in range(ROWS)], "price": [n * 2.5 for n in range(ROWS)]}
    )
    assert (name in profile(table, target="price").ids) == is_id


def test_a_plan_has_no_target_and_so_no_leaks() -> None:
    table = pl.DataFrame({"lesson": range(8), "room": list("ABCDABCD"), "pupils": [3, 9, 4, 8, 2, 7, 5, 6]})
    seen = advisor.frame("Fit the lessons into the rooms so that no room is taken twice.", table=table)
    assert seen.category == "other"
    assert seen.card.target is None
    assert seen.profile is not None
    assert seen.profile.target is None
    assert seen.profile.leaking == ()
