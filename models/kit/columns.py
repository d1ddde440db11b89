"""Columns and their roles: what each column of a table is, which ones a model may see, and every decision in words."""

import re
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import cells
from models.kit.errors import TableError, count, did_you_mean, listed

FEWEST_ROWS = 10
MOST_CLASSES = 50
MOST_CLASSES_SHARE = 0.5  # of the rows; beyond it nearly every row is a class of its own
FEW_OF_CLASS = 20  # rows of a class; a fifth of them is the test
MOST_NAMED = 3  # classes of few rows
FEW_LEVELS = 20  # a column named like an id with so few values is a category (`store_id` of five stores)
FEW_LEVELS_SHARE = 0.1
TEXT_WORDS, TEXT_CHARACTERS = 5, 40  # means over the cells; free text is long …
TEXT_UNIQUE_SHARE = 0.5  # … and rarely twice the same

_NAMED_LIKE_ID = re.compile(r"(?:^|[^a-zA-Z])(?i:id|ids|uuid|guid)$|[a-z]I[dD]$")
_CODE = r"^0\d+$"  # 01234 is a post code or a part number: as a number it would lose its zero


class Column(NamedTuple):
    """A column that is used: its kind, and the decimal mark or date pattern its text is read with."""

    name: str
    kind: Literal["number", "category", "date"]
    form: str = ""


class Roles(NamedTuple):
    """The target, the inputs, and what was decided about all columns, in sentences."""

    target: Column
    inputs: tuple[Column, ...]
    decisions: tuple[str, ...]


def assign(
    frame: pl.DataFrame,
    *,
    target: str,
    task: Literal["regression", "classification"],
    group: str | None = None,
    time: str | None = None,
    leave_out: Iterable[str] = (),
    reads: Iterable[str] = (),
    besides: Iterable[str] = (),
) -> Roles:
    """Returns the roles of all columns; raises `TableError` when the table cannot serve the task.

    `reads` are columns that a template reads in its own way, as texts; with any, no column becomes an input. `besides`
    are such columns that it reads beside the inputs.

    >>> sizes, cities = ["1,5", "2,5", "?"] * 4, ["A", "B"] * 6
    >>> frame = pl.DataFrame({"row": range(12), "size": sizes, "city": cities, "price": range(5, 17)})
    >>> roles = assign(frame, target="price", task="regression")
    >>> [(column.name, column.kind) for column in roles.inputs]
    [('size', 'number'), ('city', 'category')]
    >>> roles.decisions[0]
    "column 'row' numbers the rows; left out"
    """
    return _assign(frame, {"target": (target,)}, task, group, time, tuple(leave_out), tuple(reads), tuple(besides))[1]


def assign_several(
    frame: pl.DataFrame,
    *,
    targets: Iterable[str],
    group: str | None = None,
    time: str | None = None,
    leave_out: Iterable[str] = (),
) -> tuple[tuple[Column, ...], Roles]:
    """Returns how each of several targets is read as a number, and the roles, whose target is the first of them.

    >>> frame = pl.DataFrame({"size": [1.5, 2.5, 0.5] * 6, "x": range(18), "y": [3.0, None, 5.0, 4.0, None, 1.0] * 3})
    >>> targets, roles = assign_several(frame, targets=["x", "y"])
    >>> [column.name for column in targets], [column.name for column in roles.inputs]
    (['x', 'y'], ['size'])
    >>> roles.decisions
    ("target 'y' is missing in 6 of 18 rows; those rows are left out",)
    """
    return _assign(frame, {"targets": tuple(targets)}, "regression", group, time, tuple(leave_out))


def complete(frame: pl.DataFrame, targets: Iterable[Column]) -> npt.NDArray[np.bool_]:
    """Returns which rows have a value of every target.

    >>> complete(pl.DataFrame({"x": [1, 2], "y": [3, None]}), [Column("x", "number"), Column("y", "number")]).tolist()
    [True, False]
    """
    known = np.ones(frame.height, dtype=np.bool_)
    for column in targets:
        known &= target_values(frame, column).is_not_null().to_numpy()
    return known


def _assign(
    frame: pl.DataFrame,
    named: dict[str, tuple[str, ...]],
    task: Literal["regression", "classification"],
    group: str | None,
    time: str | None,
    leave_out: tuple[str, ...],
    reads: tuple[str, ...] = (),
    besides: tuple[str, ...] = (),
) -> tuple[tuple[Column, ...], Roles]:
    """Returns the targets and the roles; `named` holds the names of the targets under the name of their setting."""
    ((where, targets),) = named.items()
    if not targets:
        raise TableError(f"{where}: no column is named; name those to predict, as [a, b]")
    for setting, names in {**named, "group": (group,), "time": (time,), "leave_out": leave_out}.items():
        for name in names:
            if name is not None:
                check_name(frame, name, setting=setting)
    if twice := {name for name in targets if targets.count(name) > 1}:
        raise TableError(f"{where}: column {twice.pop()!r} is named twice; name each once")
    if clash := {group, time, *leave_out} & set(targets):
        raise TableError(f"column {clash.pop()!r} is the target, so it cannot also be group, time or left out")
    if both := set(targets) & {*reads, *besides}:
        raise TableError(f"column {both.pop()!r} is the target, so it cannot also be what is read")
    if frame.height < FEWEST_ROWS:
        raise TableError(
            f"only {count(frame.height, 'row')}; at least {FEWEST_ROWS} are needed to train and test, "
            "and some hundred to trust the result"
        )
    mark = cells.likely_mark(frame)
    read = [_target(frame[name], task, mark) for name in targets]
    columns, decisions = tuple(column for column, _ in read), [each for _, said in read for each in said]
    if reads:
        return columns, Roles(columns[0], (), tuple(decisions))
    frame = frame.filter(complete(frame, columns))
    if frame.height < FEWEST_ROWS:
        raise TableError(f"{where}: only {count(frame.height, 'row')} with all of {listed(targets)}")
    answers = [(column.kind, target_values(frame, column)) for column in columns]
    inputs, copied = [], copies(frame.drop(besides), targets)
    for column in frame.drop(*targets, *besides):
        if column.name == group:
            decisions.append(f"column {column.name!r} groups the rows for the split; left out")
        elif column.name in leave_out:
            decisions.append(f"column {column.name!r} is left out as config.yaml asks")
        else:
            role, said = _role(column, mark)
            same = (kind == role.kind and target_values(frame, role).equals(each) for kind, each in answers if role)
            if role is not None and (column.name in copied or any(same)):
                role = None
                said = [f"column {column.name!r} equals the target in every row, so it is the answer; left out"]
            inputs += [role] if role is not None else []
            decisions += said
    if not inputs:
        raise TableError(f"no column is left to predict {listed(targets)} from: " + "; ".join(decisions))
    return columns, Roles(columns[0], tuple(inputs), tuple(decisions))


def inputs(frame: pl.DataFrame, *, leave_out: Iterable[str]) -> tuple[list[Column], list[str]]:
    """Returns the columns of a table without a target that a model may see, and what was decided, in sentences.

    >>> inputs(pl.DataFrame({"size": [1.5, 2.5, 0.5] * 4, "note": [None] * 12}), leave_out=[])
    ([Column(name='size', kind='number', form='.')], ["column 'note': all values are missing; left out"])
    """
    unseen, mark = set(leave_out), cells.likely_mark(frame)
    found: list[Column] = []
    decisions: list[str] = []
    for column in frame:
        if column.name in unseen:
            decisions.append(f"column {column.name!r} is left out as config.yaml asks")
            continue
        role, said = _role(column, mark)
        found += [role] if role is not None else []
        decisions += said
    return found, decisions


def check_name(frame: pl.DataFrame, name: str, *, setting: str) -> None:
    """Raises `TableError` when the table has no column of that name."""
    if name not in frame.columns:
        hint = did_you_mean(name, frame.columns) or f"; it has {listed(frame.columns)}"
        raise TableError(f"{setting}: the table has no column {name!r}{hint}")


def copies(frame: pl.DataFrame, targets: Iterable[str]) -> tuple[str, ...]:
    """Returns the names of the other columns that hold the same texts as a target in every row.

    >>> copies(pl.DataFrame({"sold": [1, 0], "again": ["1", "0"], "size": [3, 4]}), ["sold"])
    ('again',)
    """
    named = set(targets)
    answers = [cells.texts(frame[name]) for name in named]
    others = (name for name in frame.columns if name not in named and not frame[name].dtype.is_nested())
    return tuple(name for name in others if any(cells.texts(frame[name]).equals(each) for each in answers))


def check_kind(column: pl.Series, read: pl.Series, kind: str) -> None:
    """Raises `TableError` where most cells of a column are not of the kind (number, date) that training read there.

    `read` is the column as it was read, null where a cell could not be; some of those, training may have had, too.

    >>> weights = pl.Series("weight", ["heavy", "7", None, "light"])
    >>> try:
    ...     check_kind(weights, cells.numbers(weights), "number")
    ... except TableError as error:
    ...     print(error)
    column 'weight': 'heavy' is no number, and training read numbers there; so it is with 2 of 3 values
    """
    present = cells.texts(column)
    odd = present.filter(present.is_not_null() & read.is_null())
    there = present.len() - present.null_count()
    if 2 * odd.len() > there:
        raise TableError(
            f"column {column.name!r}: {odd[0]!r} is no {kind}, and training read {kind}s there; "
            f"so it is with {odd.len():,} of {count(there, 'value')}"
        )


def target_values(frame: pl.DataFrame, column: Column) -> pl.Series:
    """Returns the values of a number or category column as float64 or text, null where missing."""
    values = frame[column.name]
    read = cells.numbers(values, column.form or ".") if column.kind == "number" else cells.texts(values)
    return read.alias("target")


def measured(frame: pl.DataFrame, name: str) -> tuple[Column, list[str]]:
    """Returns how a target is read as a number, and what was decided, in sentences; raises `TableError`.

    It is for tables whose other columns are no inputs of the usual kinds (pictures, texts); see `assign`.

    >>> measured(pl.DataFrame({"grams": ["1,5", "2,5", "?"] * 5}), "grams")[0]
    Column(name='grams', kind='number', form=',')
    """
    check_name(frame, name, setting="target")
    return _target(frame[name], "regression", cells.likely_mark(frame))


def ordered(column: pl.Series) -> npt.NDArray[Any]:
    """Returns the values of a time column as float64 or datetime64, NaN or NaT where missing; raises `TableError`.

    >>> ordered(pl.Series("day", ["2024-01-02", "2024-01-01"])).argsort().tolist()
    [1, 0]
    """
    if column.dtype in (pl.Date, pl.Datetime):
        return cells.moments(column).to_numpy()
    if column.dtype.is_numeric():
        return cells.numbers(column).to_numpy()
    if (pattern := cells.date_pattern(column)) is not None:
        return cells.moments(column, pattern).to_numpy()
    if (mark := cells.decimal_mark(column)) is not None:
        return cells.numbers(column, mark).to_numpy()
    raise TableError(f"time: column {column.name!r} holds neither dates nor numbers; write dates as 2024-12-31")


def grouped(column: pl.Series) -> npt.NDArray[Any]:
    """Returns the values of a group column as text; the rows without one make up one group."""
    return cells.texts(column).fill_null("").to_numpy()


def _target(column: pl.Series, task: str, likely_mark: str | None) -> tuple[Column, list[str]]:
    name, rows = column.name, column.len()
    if column.dtype.is_nested() or column.dtype == pl.Binary:
        raise TableError(f"target {name!r} holds nested values, which cannot be predicted; name another column")
    present = rows - cells.texts(column).null_count()
    if not present:
        raise TableError(f"target {name!r}: all values are missing; name another column")
    role, decisions = (
        _numeric_target(column, present, likely_mark) if task == "regression" else _classes(column, present)
    )
    usable = rows - target_values(column.to_frame(), role).null_count()
    if usable < rows:
        gaps = f"{rows - usable:,} of {count(rows, 'row')}"
        decisions.append(f"target {name!r} is missing in {gaps}; those rows are left out")
    if usable < FEWEST_ROWS:
        raise TableError(
            f"target {name!r}: only {count(usable, 'row')} with a value; at least {FEWEST_ROWS} are needed"
        )
    return role, decisions


def _numeric_target(column: pl.Series, present: int, likely_mark: str | None) -> tuple[Column, list[str]]:
    name = column.name
    numeric = column.dtype.is_numeric() or column.dtype == pl.Duration
    mark = "." if numeric else cells.decimal_mark(column, likely=likely_mark)
    if mark is None or column.dtype == pl.Boolean:
        raise TableError(
            f"target {name!r} is not a number, and regression predicts numbers; to predict one of several names, "
            "use the template classification/softmax"
        )
    role = Column(name, "number", mark)
    values = cells.numbers(column, mark).drop_nulls()
    decisions = _read_as(column, mark, sure=numeric or mark == likely_mark)
    if values.n_unique() == 1:
        raise TableError(f"target {name!r} has the same value in every row, so there is nothing to predict")
    if values.n_unique() == 2:
        decisions.append(f"target {name!r} has only two values; classification may fit the question better")
    if values.len() < present:
        decisions.append(
            f"target {name!r}: {present - values.len():,} of {present:,} values are not numbers; treated as missing"
        )
    return role, decisions


def _classes(column: pl.Series, present: int) -> tuple[Column, list[str]]:
    name, sizes = column.name, cells.texts(column).drop_nulls().value_counts(sort=True)
    if sizes.height == 1:
        raise TableError(f"target {name!r} has only one class, {sizes[name][0]!r}; there is nothing to tell apart")
    if sizes.height > MOST_CLASSES or sizes.height > MOST_CLASSES_SHARE * present:
        many = f"{count(sizes.height, 'class')} in {count(present, 'row')}, more than can be learned"
        remedy = f"group them, or name another column (at most {MOST_CLASSES})"
        if cells.decimal_mark(column) is not None:
            remedy = "it is a number: use the template regression/linear"
        raise TableError(f"target {name!r} has {many}; {remedy}")
    single = sorted(sizes.filter(pl.col("count") == 1)[name].to_list())
    decisions = [
        f"target {name!r}: only {rows} rows of {label!r}, too few to say for certain how well it is told apart"
        for label, rows in sizes.rows()
        if 1 < rows < FEW_OF_CLASS
    ][:MOST_NAMED]
    if single:
        decisions.append(
            f"target {name!r}: one row only for {listed(single)}; it goes to training, so the test is silent about it"
        )
    return Column(name, "category"), decisions


def _role(column: pl.Series, likely_mark: str | None) -> tuple[Column | None, list[str]]:
    """Returns how an input column is used, or None, and what there is to say about it."""
    name, rows = column.name, column.len()
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        return None, [f"column {name!r} holds nested values; left out"]
    present = cells.texts(column).drop_nulls()
    if not present.len():
        return None, [f"column {name!r}: all values are missing; left out"]
    if present.n_unique() == 1 and present.len() == rows:
        return None, [f"column {name!r} has the same value in every row; left out"]
    if column.dtype.is_temporal() and column.dtype not in (pl.Duration, pl.Time):
        return Column(name, "date"), _missing(column, rows - present.len())
    if _NAMED_LIKE_ID.search(name) and present.n_unique() > max(FEW_LEVELS, FEW_LEVELS_SHARE * rows):
        return None, [
            f"column {name!r} names things rather than measuring them; left out "
            "(if the rows of one thing belong together, set `group`)"
        ]
    if column.dtype == pl.Boolean or _NAMED_LIKE_ID.search(name):
        return Column(name, "category"), _missing(column, rows - present.len())
    if column.dtype.is_numeric() or column.dtype in (pl.Duration, pl.Time):
        return _number(column, ".", present, sure=True)
    return _text(column, present, likely_mark)


def _text(column: pl.Series, present: pl.Series, likely_mark: str | None) -> tuple[Column | None, list[str]]:
    name, gaps = column.name, column.len() - present.len()
    codes = present.str.contains(_CODE).any() and present.str.len_chars().n_unique() == 1
    if not codes and (mark := cells.decimal_mark(column, likely=likely_mark)) is not None:
        return _number(column, mark, present, sure=mark == likely_mark)
    if not codes and (pattern := cells.date_pattern(column)) is not None:
        unread = cells.moments(column, pattern).null_count() - gaps
        said = []
        if unread:
            said.append(f"column {name!r}: {unread:,} of {column.len():,} values are not dates; treated as missing")
        if pattern.startswith(("%d/%m", "%m/%d", "%d-%m", "%m-%d")):
            order = "day, month" if pattern.startswith("%d") else "month, day"
            said.append(f"column {name!r}: dates are read as {order}, year")
        return Column(name, "date", pattern), said + _missing(column, gaps)
    words, characters = present.str.count_matches(r"\S+").sum(), present.str.len_chars().sum()
    long = words >= TEXT_WORDS * present.len() or characters >= TEXT_CHARACTERS * present.len()
    if long and present.n_unique() > TEXT_UNIQUE_SHARE * present.len():
        return None, [f"column {name!r} is free text; left out"]
    if present.n_unique() == present.len():
        return None, [f"column {name!r} has another value in every row, so it names rows; left out"]
    return Column(name, "category"), _missing(column, gaps)


def _number(column: pl.Series, mark: str, present: pl.Series, *, sure: bool) -> tuple[Column | None, list[str]]:
    name, rows = column.name, column.len()
    values = cells.numbers(column, mark)
    said = []
    if unread := values.null_count() - (rows - present.len()):
        said.append(f"column {name!r}: {unread:,} of {rows:,} values are not numbers; treated as missing")
    steps = values.diff().drop_nulls()
    if not values.null_count() and values[0] in (0, 1) and bool((steps == 1).all()):
        return None, [f"column {name!r} numbers the rows; left out"]
    said += _read_as(column, mark, sure=sure)
    return Column(name, "number", mark), said + _missing(column, rows - present.len())


def _read_as(column: pl.Series, mark: str, *, sure: bool) -> list[str]:
    """Returns how text is read as numbers, where that is worth a sentence: it is not plain, or could mean another."""
    if column.dtype != pl.String:
        return []
    present = cells.texts(column).drop_nulls()
    said = f"column {column.name!r}: text read as numbers, with a decimal {'comma' if mark == ',' else 'point'}"
    if not sure:
        read, other = (cells.numbers(present, each) for each in (mark, "," if mark == "." else "."))
        differs = (read != other).fill_null(value=False)
        if other.null_count() <= read.null_count() and differs.any():
            place = int(differs.arg_max() or 0)
            return [f"{said}: {present[place]!r} is {read[place]:.10g} and not {other[place]:.10g}"]
    plain = r"[\d.eE+\-]" if mark == "." else r"[\deE+\-]"
    return [said] if not present.str.contains(rf"^{plain}*$").all() else []


def _missing(column: pl.Series, gaps: int) -> list[str]:
    return [f"column {column.name!r}: {gaps:,} of {column.len():,} values are missing"] if gaps else []
