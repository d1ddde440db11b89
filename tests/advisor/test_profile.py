"""The profile of a table: which column is the target, which are ids, and which know the answer."""

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest

from advisor.profiling import judge, prepare, profile

ROWS = 40
SENTENCE = "the pump made a strange noise again, number"
chance = np.random.default_rng(3)
NUMBERS = chance.normal(size=ROWS).round(3).tolist()
COUNTS = chance.integers(1, 900, ROWS).tolist()
YES = chance.random(ROWS) < 0.4
DAYS = [dt.date(2024, 1, 1) + dt.timedelta(days=5 * row) for row in range(ROWS)]
TOWN = chance.choice(["north", "south", "west"], ROWS).tolist()


def frame(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame({name: list(values) for name, values in columns.items()})


TARGETS = {
    "Will this customer cancel the subscription?": ("cancelled", ["customer_age", "subscription", "cancelled", "town"]),
    "How many minutes will a patient wait in the department?": ("waitMinutes", ["department", "waitMinutes", "town"]),
    "Estimate the price of a house from its size and rooms.": ("SalePrice", ["SalePrice", "size", "rooms", "house"]),
    "Given the temperature, how many bikes are rented?": ("rented_bikes", ["rented_bikes", "temperature", "casual"]),
    "How far will the disease have progressed?": ("progression", ["age", "progression", "pressure"]),
    "Guess the medianprice.": ("medianprice", ["medianprice", "rooms", "age"]),
    "Sort the mails.": ("label", ["label", "length", "links"]),
    "Something without a hint.": ("gamma", ["alpha", "beta", "gamma"]),
}


@pytest.mark.parametrize("text", TARGETS)
def test_the_target_is_what_the_description_asks_for(text: str) -> None:
    wanted, names = TARGETS[text]
    table = frame(**{name: chance.permutation(NUMBERS) for name in names})
    assert profile(table, description=text).target == wanted


def test_the_kind_of_answer_decides_where_words_do_not() -> None:
    table = frame(a=NUMBERS, b=TOWN, c=NUMBERS)
    for text, task, wanted in (("Which one is it?", "classification", "b"), ("How much is it?", "regression", "c")):
        by_names_and_values = prepare(table, description=text, target=None, leaning={task: 0.9}, reader=None)
        assert judge(by_names_and_values).target == wanted


@pytest.mark.parametrize(
    "unfit",
    [
        ["same"] * ROWS,
        [None] * ROWS,
        DAYS,
        [f"K-{row:05d}" for row in range(ROWS)],
        [f"{SENTENCE} {row}" for row in COUNTS],
    ],
    ids=["constant", "empty", "date", "code", "text"],
)
def test_what_cannot_be_a_target_is_none(unfit: list[Any]) -> None:
    assert profile(frame(size=NUMBERS, price=unfit), description="Predict the price.").target == "size"


def test_text_is_a_target_where_the_description_asks_for_text() -> None:
    table = frame(ticket=[f"{SENTENCE} {row}" for row in COUNTS], summary=[f"{SENTENCE} {row}" for row in range(ROWS)])
    assert profile(table, description="Summarise each ticket.").target == "summary"


@pytest.mark.parametrize(
    ("name", "values", "is_id"),
    [
        ("patient_id", [row % 7 for row in range(ROWS)], True),
        ("postal code", TOWN, False),
        ("orderNo", COUNTS, True),
        ("id_of_machine", TOWN, True),
        ("number_of_rooms", COUNTS, False),
        ("customer", [f"C{row % 25:04d}" for row in range(ROWS)], True),
        ("who", [f"Person {chr(65 + row)}" for row in range(ROWS)], True),
        ("n", range(500, 500 + ROWS), True),
        ("year", range(1980, 1980 + ROWS), False),
        ("flow", NUMBERS, False),
        ("rent", [f"{each:.2f} €".replace(".", ",") for each in NUMBERS], False),
        ("town", TOWN, False),
        ("delivered_code", TOWN, False),
    ],
)
def test_ids_by_name_and_by_value(name: str, values: Any, is_id: bool) -> None:
    assert profile(frame(x=NUMBERS, **{name: values}, y=YES)).ids == ((name,) if is_id else ())


def test_time_is_the_first_date_that_is_known_beforehand() -> None:
    table = frame(closed_at=DAYS, opened_at=DAYS[::-1], hours=COUNTS)
    assert profile(table, description="How many hours will it take?").time == "opened_at"


def test_odd_columns_are_profiled() -> None:
    table = frame(nested=[[1, 2]] * ROWS, raw=[b"\x00"] * ROWS, **{"": TOWN, "😀": [None] * ROWS, "y": YES})
    assert profile(table).target == "y"
