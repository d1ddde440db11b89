"""Roles of columns: what each is taken for, what is said about it, and what is refused."""

import datetime as dt
from typing import Any, Literal

import polars as pl
import pytest

from models.kit import cells, columns
from models.kit.errors import TableError

ROWS = 40
Y = [float(row * row % 17) for row in range(ROWS)]
X = [float(row % 7) for row in range(ROWS)]
LABELS = ["yes", "no"] * (ROWS // 2)


def _roles(
    task: Literal["regression", "classification"] = "regression", target: list[Any] | None = None, **inputs: list[Any]
) -> columns.Roles:
    target = (Y if task == "regression" else LABELS) if target is None else target
    frame = pl.DataFrame({"x": X, **inputs, "y": target}, strict=False)
    return columns.assign(frame, target="y", task=task)


def _kinds(roles: columns.Roles) -> dict[str, str]:
    return {column.name: column.kind for column in roles.inputs}


DAYS = [dt.date(2024, 1, 1) + dt.timedelta(days=5 * row) for row in range(ROWS)]
SENTENCE = "the pump on the second floor made a strange noise number"


@pytest.mark.parametrize(
    ("cells_of_c", "kind", "said"),
    [
        ([1.0, None] * 20, "number", "20 of 40 values are missing"),
        (["1,5", "2,25"] * 20, "number", "decimal comma"),
        (["€ 1,200.50", "$3"] * 20, "number", "decimal point"),
        (["0,125", "1,250"] * 20, "number", "decimal comma"),
        (["12 %", "7%"] * 20, "number", "text read as numbers"),
        (["1 234,5", "2\u00a0345"] * 20, "number", "decimal comma"),
        (["1"] * 37 + ["2", "x", "about 3"], "number", "2 of 40 values are not numbers; treated as missing"),
        ([1.0, float("inf")] * 20, "number", "20 of 40 values are not numbers"),
        (["01234", "98765"] * 20, "category", None),
        (["a", "b", "NA", "?"] * 10, "category", "20 of 40 values are missing"),
        ([True, False] * 20, "category", None),
        (DAYS, "date", None),
        ([day.isoformat() for day in DAYS], "date", None),
        ([f"{day:%d.%m.%Y} 14:30" for day in DAYS], "date", None),
        ([f"{day:%d/%m/%Y}" for day in DAYS], "date", "read as day, month, year"),
        ([f"{day:%m/%d/%Y}" for day in DAYS], "date", "read as month, day, year"),
        ([day.isoformat() for day in DAYS[:-1]] + ["soon"], "date", "1 of 40 values are not dates"),
        ([dt.timedelta(hours=row % 5) for row in range(ROWS)], "number", None),
        (["?"] * ROWS, None, "all values are missing; left out"),
        ([None] * ROWS, None, "all values are missing; left out"),
        (["same"] * ROWS, None, "the same value in every row; left out"),
        ([f"K-{row}" for row in range(ROWS)], None, "names rows; left out"),
        (list(range(ROWS)), None, "numbers the rows; left out"),
        ([f"{SENTENCE} {row}" for row in range(ROWS)], None, "is free text; left out"),
        ([[1, 2]] * ROWS, None, "nested values; left out"),
        (Y, None, "equals the target in every row"),
    ],
)
def test_kind_and_what_is_said(cells_of_c: list[Any], kind: str | None, said: str | None) -> None:
    roles = _roles(c=cells_of_c)
    assert _kinds(roles).get("c") == kind
    about = [decision for decision in roles.decisions if "'c'" in decision]
    assert (said is None and not about) or any(said in decision for decision in about if said)


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("customer_id", [1000 + 7 * row for row in range(ROWS)], None),
        ("customerId", [f"c{row * 2 // 3}" for row in range(ROWS)], None),
        ("store_id", [row % 4 for row in range(ROWS)], "category"),
        ("paid", [1000.5 + 7 * row for row in range(ROWS)], "number"),
        ("year", list(range(1980, 1980 + ROWS)), "number"),
    ],
)
def test_ids_by_name(name: str, values: list[Any], kind: str | None) -> None:
    roles = _roles(**{name: values})
    assert _kinds(roles).get(name) == kind
    assert kind is not None or any("left out" in decision and repr(name) in decision for decision in roles.decisions)


def test_target_gaps_are_said_and_rows_counted() -> None:
    roles = _roles(target=[None, float("nan"), *Y[2:]])
    assert "target 'y' is missing in 2 of 40 rows; those rows are left out" in roles.decisions


def test_numbers_in_the_target_that_are_not() -> None:
    roles = _roles(target=["n/a", "viele", *[str(value).replace(".", ",") for value in Y[2:]]])
    assert roles.target == columns.Column("y", "number", ",")
    assert any("1 of 39 values are not numbers" in decision for decision in roles.decisions)


def test_single_member_class_is_said() -> None:
    roles = _roles("classification", [*LABELS[:-1], "maybe"])
    assert any("one row only for 'maybe'" in decision for decision in roles.decisions)


def test_two_valued_number_is_questioned() -> None:
    assert any("only two values" in decision for decision in _roles(target=[0.0, 1.0] * 20).decisions)


@pytest.mark.parametrize(
    ("task", "target", "message"),
    [
        ("regression", ["high", "low"] * 20, "regression predicts numbers"),
        ("regression", [True, False] * 20, "regression predicts numbers"),
        ("regression", [3.0] * ROWS, "the same value in every row"),
        ("regression", [None] * ROWS, "all values are missing"),
        ("regression", [1.0, 2.0, *[None] * (ROWS - 2)], "only 2 rows with a value"),
        ("classification", ["?"] * ROWS, "all values are missing"),
        ("classification", ["yes"] * ROWS, "only one class, 'yes'"),
        ("classification", [f"k{row}" for row in range(ROWS)], "40 classes in 40 rows"),
        ("classification", [row / 3 for row in range(ROWS)], "use the template regression/linear"),
        ("classification", [[1]] * ROWS, "nested values"),
    ],
)
def test_targets_refused(task: Literal["regression", "classification"], target: list[Any], message: str) -> None:
    with pytest.raises(TableError) as refused:
        _roles(task, target)
    assert message in str(refused.value)
    assert "'y'" in str(refused.value)


def test_tables_refused() -> None:
    frame = pl.DataFrame({"x": X, "day": DAYS, "y": Y})
    with pytest.raises(TableError, match="only 1 row"):
        columns.assign(frame[:1], target="y", task="regression")
    with pytest.raises(TableError, match="only 9 rows"):
        columns.assign(frame[:9], target="y", task="regression")
    with pytest.raises(TableError, match=r"no column 'Yy'.*did you mean 'y'"):
        columns.assign(frame, target="Yy", task="regression")
    with pytest.raises(TableError, match="group: the table has no column 'days'; did you mean 'day'"):
        columns.assign(frame, target="y", task="regression", group="days")
    with pytest.raises(TableError, match="cannot also be group"):
        columns.assign(frame, target="y", task="regression", leave_out=["y"])
    with pytest.raises(TableError, match="no column is left"):
        columns.assign(frame, target="y", task="regression", leave_out=["x", "day"])


def test_group_and_unwanted_columns_are_left_out() -> None:
    frame = pl.DataFrame({"x": X, "who": LABELS, "note": LABELS, "y": Y})
    roles = columns.assign(frame, target="y", task="regression", group="who", leave_out=["note"])
    assert _kinds(roles) == {"x": "number"}
    assert "column 'note' is left out as config.yaml asks" in roles.decisions


@pytest.mark.parametrize(
    ("text", "mark", "number"),
    [
        ("1,234.5", ".", 1234.5),
        ("1.234,5", ",", 1234.5),
        ("1'234.5", ".", 1234.5),
        ("12 345", ".", 12345.0),
        ("−3", ".", -3.0),
        ("-$5", ".", -5.0),
        ("7 %", ".", 7.0),
        ("1e-3", ".", 0.001),
        (".5", ".", 0.5),
        ("1,23,4", ".", None),
        ("1,5", ".", None),
        ("12 kg", ".", None),
        ("1e999", ".", None),
        ("inf", ".", None),
        ("9" * 200, ".", None),
        ("--", ".", None),
    ],
)
def test_numbers_in_text(text: str, mark: str, number: float | None) -> None:
    assert cells.numbers(pl.Series([text]), mark).to_list() == [number]


@pytest.mark.parametrize(
    ("sure", "rent", "said"),
    [
        (["40,5", "62,25"], 1100.0, "column 'rent': text read as numbers, with a decimal comma"),
        (["40.5", "62.25"], 1.1, None),
        (["40", "62"], 1.1, "with a decimal point: '1.100' is 1.1 and not 1100"),
    ],
    ids=["comma", "point", "no evidence"],
)
def test_numbers_that_either_mark_reads_follow_the_rest_of_the_table(
    sure: list[str], rent: float, said: str | None
) -> None:
    frame = pl.DataFrame({"rent": ["950", "1.100"] * 20, "size": sure * 20, "town": ["a", "a", "b", "b"] * 10})
    roles = columns.assign(frame, target="town", task="classification")
    column = next(column for column in roles.inputs if column.name == "rent")
    assert columns.target_values(frame, column)[1] == rent
    about = [sentence for sentence in roles.decisions if "'rent'" in sentence]
    assert about == [] if said is None else said in about[0]


def test_thousands_are_told_by_an_example() -> None:
    frame = pl.DataFrame({"sold": ["1,234", "980"] * 20, "x": range(5, 45)})
    roles = columns.assign(frame, target="sold", task="regression")
    assert roles.decisions[0].endswith("with a decimal point: '1,234' is 1234 and not 1.234")


def test_a_class_of_few_rows_is_told() -> None:
    frame = pl.DataFrame({"x": [7 * row % 41 for row in range(41)], "y": ["ok"] * 37 + ["fraud"] * 4})
    roles = columns.assign(frame, target="y", task="classification")
    assert any("only 4 rows of 'fraud'" in sentence for sentence in roles.decisions)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"targets": []}, "no column is named"),
        ({"targets": ["y", "y"]}, "named twice"),
        ({"targets": ["y", "zz"]}, "targets: the table has no column 'zz'"),
        ({"targets": ["y", "z"], "leave_out": ["z"]}, "'z' is the target"),
        ({"targets": ["y", "gaps"]}, "only 5 rows with all of 'y', 'gaps'"),
        ({"targets": ["y", "label"]}, "'label' is not a number"),
    ],
)
def test_several_targets_are_refused_with_a_reason(settings: dict[str, Any], said: str) -> None:
    half = [None if row < 15 else 1.0 * row for row in range(ROWS)]
    other = [1.0 * row if row < 20 else None for row in range(ROWS)]
    frame = pl.DataFrame({"x": X, "y": half, "z": Y, "gaps": other, "label": LABELS})
    with pytest.raises(TableError, match=said):
        columns.assign_several(frame, **settings)


def test_what_equals_any_of_several_targets_is_no_input() -> None:
    frame = pl.DataFrame({"x": X, "y": Y, "z": [-each for each in X], "copy": [-each for each in X]})
    targets, roles = columns.assign_several(frame, targets=["y", "z"])
    assert [each.name for each in targets] == ["y", "z"]
    assert [each.name for each in roles.inputs] == ["x"]
    assert "column 'copy' equals the target in every row, so it is the answer; left out" in roles.decisions
