"""What a table shows: its columns, and which of them is likely the target, an id, a time, or known only afterwards.

A first profile, from names, values and the description. It reads the first rows only, and it never shows a cell.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from advisor.errors import InputRefused
from taxonomy.inflection import forms
from taxonomy.tokens import tokenize

if TYPE_CHECKING:
    import polars as pl

ROWS_LOOKED_AT = 10_000
FEWEST_ROWS_FOR_COPY = 10  # rows on which a column must match the target before it is called a copy of it

Kind = Literal["number", "category", "date", "text", "constant", "empty"]

_ID = frozenset({"id", "ids", "uuid", "guid", "key", "code", "no", "nr", "number", "ref", "reference", "index"})
_TARGET = frozenset(
    {"target", "label", "y", "class", "outcome", "response", "result", "tags", "rating", "score", "grade"}
)
# A column named like these is often written down only when the outcome is known.
_AFTERWARDS = frozenset(
    {"after", "actual", "closed", "closing", "completed", "final", "finished", "paid", "post", "refund", "refunded"}
    | {"resolved", "resolution", "returned", "settled", "settlement", "discharge", "cancelled", "canceled", "outcome"}
)
_MENTIONED, _NAMED, _LAST, _NOT_A_TARGET = 3.0, 2.0, 1.0, -4.0  # scores of a target candidate


class Column(NamedTuple):
    """One column: what its values are, how many are missing, and how many differ, among the rows looked at."""

    name: str
    kind: Kind
    missing: int
    distinct: int


class Profile(NamedTuple):
    """A table as seen from its first rows; all roles are column names."""

    rows: int  # looked at
    columns: tuple[Column, ...]
    target: str
    target_candidates: tuple[str, ...]  # most likely first
    ids: tuple[str, ...]
    time: str | None
    leaking: tuple[str, ...]  # suspected to be known only after the outcome; ask before using them


def profile(table: Any, *, description: str = "", target: str | None = None) -> Profile:
    """The profile of a file (CSV, TSV, Parquet, JSON lines) or of any data frame that Narwhals knows.

    Raises:
        InputRefused: the table cannot be read, has no rows, or has no column `target`.

    >>> import polars as pl
    >>> seen = profile(pl.DataFrame({"house_id": [1, 2, 3], "rooms": [2, 3, 3], "price": [90.5, 120.0, 99.9]}))
    >>> seen.target, seen.ids
    ('price', ('house_id',))
    """
    frame = read(table).head(ROWS_LOOKED_AT)
    columns = tuple(_column(frame, name) for name in frame.columns)
    ids = tuple(column.name for column in columns if _is_id(column, frame.height))
    time = next((column.name for column in columns if column.kind == "date"), None)
    candidates = _candidates(columns, ids, tokenize(description).words)
    if target is not None:
        from models.kit import columns as kit_columns
        from models.kit.errors import Refused

        try:
            kit_columns.check_name(frame, target, setting="target")
        except Refused as error:
            raise InputRefused(str(error), code="table_refused") from None
    chosen = target or candidates[0]
    return Profile(frame.height, columns, chosen, candidates, ids, time, _leaking(frame, columns, ids, chosen))


def read(table: Any) -> "pl.DataFrame":
    """`table` as a Polars frame, whatever it came as.

    Raises:
        InputRefused: it is neither a readable file nor a data frame, or it is empty.
    """
    import os

    if isinstance(table, str | os.PathLike):
        from models.kit import tables
        from models.kit.errors import Refused

        try:
            return tables.read(table)  # type: ignore[arg-type]
        except Refused as error:
            raise InputRefused(str(error), code="table_refused") from None
    import narwhals as nw
    import polars as pl

    try:
        frame = nw.from_native(table)
        frame = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
        found = pl.DataFrame([_series(name, frame[name].to_list()) for name in frame.columns])
    except Exception as error:
        raise InputRefused(
            f"the table is a {type(table).__name__}, which cannot be read ({type(error).__name__}); "
            "pass a file name or a data frame with one type a column",
            code="table_refused",
        ) from error
    if found.height == 0 or found.width == 0:
        raise InputRefused("the table has no rows; pass one with at least one row", code="table_refused")
    return found


def _series(name: str, cells: list[Any]) -> "pl.Series":
    """One column, of one type where its cells agree and of text where they do not; NaN and None are missing."""
    import polars as pl

    cells = [None if cell is None or cell != cell else cell for cell in cells]
    kinds = {type(cell) for cell in cells if cell is not None}
    if len(kinds) <= 1 or kinds <= {int, float}:
        return pl.Series(name, cells, strict=False)
    return pl.Series(name, [None if cell is None else str(cell) for cell in cells])


def words(name: str) -> list[str]:
    """The words of a column name.

    >>> words("refundIssued_2024")
    ['refund', 'issued', '2024']
    """
    return tokenize(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).words


def _column(frame: "pl.DataFrame", name: str) -> Column:
    import polars as pl

    from models.kit import cells

    values = frame[name]
    if values.dtype.is_nested():
        return Column(name, "text", values.null_count(), values.len() - values.null_count())
    texts = cells.texts(values)
    missing, distinct = texts.null_count(), texts.drop_nulls().n_unique()
    kind: Kind
    if distinct == 0:
        kind = "empty"
    elif distinct == 1 and values.len() > 1:
        kind = "constant"
    elif values.dtype in (pl.Date, pl.Datetime) or cells.date_pattern(values) is not None:
        kind = "date"
    elif values.dtype.is_numeric() or cells.decimal_mark(values) is not None:
        kind = "number"
    else:
        spaces = texts.str.count_matches(" ").mean()
        kind = "text" if isinstance(spaces, float) and spaces >= 3 else "category"
    return Column(name, kind, missing, distinct)


def _is_id(column: Column, rows: int) -> bool:
    """Named like an id; or a first look-alike: every value differs and none is a measurement, date or sentence."""
    if words(column.name)[-1:] and words(column.name)[-1] in _ID:
        return column.kind in ("number", "category")
    return column.kind == "category" and rows >= FEWEST_ROWS_FOR_COPY and column.distinct == rows


def _candidates(columns: Sequence[Column], ids: Sequence[str], said: Sequence[str]) -> tuple[str, ...]:
    """Column names, the likeliest target first."""

    def score(place: int) -> float:
        column = columns[place]
        parts = words(column.name)
        mentioned = sum(any(word in forms(part) or part in forms(word) for word in said) for part in parts)
        value = _MENTIONED * mentioned / max(len(parts), 1)
        value += _NAMED * bool(_TARGET & set(parts)) + _LAST * (place == len(columns) - 1)
        unfit = column.name in ids or column.kind in ("constant", "empty", "date")
        return value + _NOT_A_TARGET * unfit

    order = sorted(range(len(columns)), key=lambda place: (-score(place), -place))
    return tuple(columns[place].name for place in order)


def _leaking(frame: "pl.DataFrame", columns: Sequence[Column], ids: Sequence[str], target: str) -> tuple[str, ...]:
    """Columns named like something that is known afterwards, and columns that say the same as the target."""
    from models.kit import cells

    suspected = []
    answers = None if frame[target].dtype.is_nested() else cells.texts(frame[target])
    for column in columns:
        if column.name == target or column.name in ids:
            continue
        named = bool(_AFTERWARDS & set(words(column.name)))
        copy = False
        if answers is not None and frame.height >= FEWEST_ROWS_FOR_COPY and not frame[column.name].dtype.is_nested():
            values = cells.texts(frame[column.name])
            pairs = values.to_frame("a").with_columns(answers.alias("b")).n_unique()
            copy = 1 < values.n_unique() == answers.n_unique() == pairs < frame.height
        if named or copy:
            suspected.append(column.name)
    return tuple(suspected)
