"""Rules as plain data: checked at the door, run by one interpreter, quoted in every text."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from models.kit import rule_text, rules
from models.kit.rule_ops import OPS, SCHEMES, check_sum
from models.kit.rules import Input, Rule, RuleError

A, B = ["column", "a"], ["column", "b"]
DAY, LATER = ["column", "day"], ["column", "later"]
ROW = {"a": 7.5, "b": -2.0, "t": "AB-12", "day": dt.datetime(2024, 2, 29, 8), "later": dt.datetime(2025, 3, 1, 8)}
TEXT = ["column", "t"]

RESULTS: list[tuple[Any, Any]] = [
    (["add", A, B], 5.5),
    (["subtract", A, B], 9.5),
    (["multiply", A, B], -15.0),
    (["divide", A, B], -3.75),
    (["divide", A, 0], None),
    (["power", A, 2], 56.25),
    (["power", B, 0.5], None),
    (["modulo", A, 2], 1.5),
    (["absolute", B], 2.0),
    (["least", A, B], -2.0),
    (["greatest", A, B], 7.5),
    (["floor", A], 7.0),
    (["ceiling", A], 8.0),
    (["round", A, 0], 8.0),
    (["round_even", 6.5, 0], 6.0),
    (["days_between", DAY, LATER], 366.0),
    (["months_between", DAY, LATER], 12.0),
    (["years_between", DAY, LATER], 1.0),
    (["plus_days", DAY, 1], dt.datetime(2024, 3, 1, 8)),
    (["year", DAY], 2024.0),
    (["month", DAY], 2.0),
    (["day", DAY], 29.0),
    (["hour", DAY], 8.0),
    (["weekday", DAY], 4.0),
    (["quarter", DAY], 1.0),
    (["prefix", TEXT, 2], "AB"),
    (["suffix", TEXT, 2], "12"),
    (["part", TEXT, "-", 2], "12"),
    (["part", TEXT, "-", 3], None),
    (["length", TEXT], 5.0),
    (["lower", TEXT], "ab-12"),
    (["upper", "x"], "X"),
    (["join", TEXT, "!"], "AB-12!"),
    (["check_sum", "079927398713", "luhn"], 0.0),
    (["less", A, B], False),
    (["equal", TEXT, "AB-12"], True),
    (["contains", TEXT, "-1"], True),
    (["if", ["less", B, 0], "minus", "plus"], "minus"),
    (["lookup", [TEXT, B], [["AB-12", -2.0, "found"]], "other"], "found"),
    (["lookup", [TEXT], [["x", 1]], None], None),
    (["intervals", A, [5, 7.5], ["low", "mid", "high"]], "high"),
]


@pytest.mark.parametrize(("expression", "result"), RESULTS, ids=lambda each: json.dumps(each, default=str)[:50])
def test_every_operation(expression: Any, result: Any) -> None:
    assert rules.evaluator(expression)(ROW) == result


def test_no_operation_is_untested() -> None:
    tested = {expression[0] for expression, _ in RESULTS}
    assert set(OPS) - tested == set(), "write a line for it in RESULTS"


@pytest.mark.parametrize("name", sorted(set(OPS) - {"if"}))
def test_a_missing_argument_makes_a_missing_result(name: str) -> None:
    fitting = {"n": 1.0, "t": "x", "d": DAY, "v": 1.0, "b": True, "i": 1, "s": "luhn"}
    arguments = [fitting[kind] for kind in OPS[name].kinds]
    assert rules.evaluator([name, ["column", "gap"], *arguments[1:]])({**ROW, "gap": None}) is None


@pytest.mark.parametrize(
    ("code", "scheme", "remainder"),
    [
        ("4006381333931", "ean", 0),
        ("978-3-16-148410-0", "ean", 0),
        ("0-306-40615-2", "isbn10", 0),
        ("DE89 3704 0044 0532 0130 00", "iban", 1),
        ("DE89 3704 0044 0532 0130 01", "iban", 28),
        ("79927398713", "luhn", 0),
        ("123456", "digits9", 3),
        ("123456", "digits10", 1),
        ("123456", "digits11", 10),
        ("123456", "number7", 123456 % 7),
        ("123456", "number11", 123456 % 11),
        ("123456", "number97", 123456 % 97),
        ("12", "mod11", 2 + 1 * 2),
    ],
)
def test_check_sums(code: str, scheme: str, remainder: int) -> None:
    assert check_sum(code, scheme) == remainder


def test_every_check_sum_has_sql(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    codes = ["4006381333931", "12345", "0", "DE89370400440532013000", "x", "9" * 40]
    with duckdb.connect() as connection:
        connection.register("your_table", pl.DataFrame({"t": codes}).to_arrow())
        for scheme in SCHEMES:
            rule = Rule(Input("y", "number"), (Input("t", "text"),), ["check_sum", TEXT, scheme])
            found = [row[1] for row in connection.execute(rule_text.sql(rule)).fetchall()]
            assert found == [check_sum(code, scheme) for code in codes], scheme


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (["ad", A, B], "did you mean 'add'"),
        (["add", A], "add takes 2 arguments, not 1"),
        ([], "does not begin with an operation"),
        ([["add"]], "does not begin with an operation"),
        (["column", 3], "takes the name of a column"),
        (["round", A, 1.5], "needs a written whole number"),
        (["check_sum", TEXT, "lun"], "did you mean 'luhn'"),
        (["lookup", [A], [[1]], None], "each row of the lookup"),
        (["lookup", [A], [[1, 2], [1, 3]], None], "stands twice"),
        (["intervals", A, [3, 2], ["a", "b", "c"]], "must rise"),
        (["intervals", A, [3], ["a"]], "one value more"),
        (["add", float("inf"), 1], "cannot hold a float"),
        (["add", {"a": 1}, 1], "cannot hold a dict"),
    ],
)
def test_what_is_no_rule_is_refused(expression: Any, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        rules.evaluator(expression)


def test_a_bottomless_rule_is_refused() -> None:
    deep: Any = 1
    for _ in range(1000):
        deep = ["add", deep, 1]
    with pytest.raises(RuleError, match="deeper"):
        rules.evaluator(deep)


GOOD = rules.to_dict(Rule(Input("y", "number", "."), (Input("a", "number", "."),), ["add", A, 1]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "schema 2"),
        ({"inputs": {}}, "are a list"),
        ({"inputs": [{"name": "a"}]}, "name, kind and form"),
        ({"inputs": [{"name": "a", "kind": "colour", "form": ""}]}, "no kind of column"),
        ({"expression": ["add", B, 1]}, "none of its inputs"),
        ({"more": 1}, "has the fields"),
    ],
)
def test_a_faulty_file_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    (tmp_path / "rule.json").write_text(json.dumps({**GOOD, **change}))
    with pytest.raises(RuleError, match=message):
        rules.load(tmp_path / "rule.json")


def test_a_rule_is_saved_and_loaded(tmp_path: Path) -> None:
    rule = rules.from_dict(GOOD)
    rules.save(rule, tmp_path / "rule.json")
    assert rules.load(tmp_path / "rule.json") == rule


def test_exceptions_and_gaps_are_counted() -> None:
    frame = pl.DataFrame({"a": [1.0, 2.0, None, 4.0], "y": [2.0, 4.0, 1.0, None]})
    checked = rules.check(rules.from_dict(GOOD), frame)
    assert checked == rules.Checked(rows=3, answered=2, exceptions=(1, 2))
    with pytest.raises(RuleError, match="no column 'a'"):
        rules.apply(rules.from_dict(GOOD), frame.drop("a"))


def test_text_cells_are_read_as_the_rule_says() -> None:
    rule = Rule(Input("y", "number", ","), (Input("a", "number", ","),), ["multiply", A, 2])
    assert rules.check(rule, pl.DataFrame({"a": ["1,5 €"], "y": ["3,00 €"]})).exceptions == ()
