"""Whatever holds a table -> a Narwhals frame that stays where it is, and a sample of its rows as Polars."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from advisor.errors import InputRefused
from advisor.profiling import files

if TYPE_CHECKING:
    import narwhals as nw
    import polars as pl

SAMPLED_ROWS = files.SAMPLED_ROWS
MOST_ROWS_SENT = 200  # of a table that travels as JSON


class Opened(NamedTuple):
    """The frame to measure, the rows that are looked at closely, and what was decided while reading."""

    frame: "nw.DataFrame[Any] | nw.LazyFrame[Any]"
    sample: "pl.DataFrame"
    notes: tuple[str, ...] = ()


def open_table(table: Any) -> Opened:
    """Open a file, a mapping of "columns" and "rows", or a frame of any library that Narwhals knows.

    Frames in memory are sampled evenly from the first row to the last; of a lazy one the first rows are taken.

    Raises:
        InputRefused: it is neither a readable file nor a data frame, or it is empty.

    >>> open_table({"columns": ["size", "price"], "rows": [[40, 500], [62, 710]]}).sample["price"].to_list()
    [500.0, 710.0]
    """
    import narwhals as nw

    notes: tuple[str, ...] = ()
    if isinstance(table, str | os.PathLike):
        table, notes = files.open_file(os.fspath(table))
    elif isinstance(table, Mapping):
        table = from_rows(table)
    try:
        frame = nw.from_native(table)
        opened = _lazy(frame) if isinstance(frame, nw.LazyFrame) else _eager(frame)
    except InputRefused:
        raise
    except Exception as error:
        raise unreadable(table, error) from error
    if opened.sample.height == 0 or opened.sample.width == 0:
        raise InputRefused("the table has no rows; pass one with at least one row", code="table_refused")
    if opened.sample.width > files.MOST_COLUMNS:
        raise InputRefused(
            f"the table has {opened.sample.width:,} columns, more than the {files.MOST_COLUMNS:,} that are looked at; "
            "leave some out",
            code="table_refused",
        )
    return opened._replace(notes=notes)


def unreadable(table: Any, error: Exception) -> InputRefused:
    """The refusal of a table on which its own library failed."""
    return InputRefused(
        f"the table is a {type(table).__name__}, which cannot be read ({type(error).__name__}); "
        "pass a file name or a data frame with one type a column",
        code="table_refused",
    )


def from_rows(table: Mapping[str, Any]) -> "pl.DataFrame":
    """A table that came as JSON, `{"columns": [name, …], "rows": [[cell, …], …]}`, as a Polars frame.

    Raises:
        InputRefused: it has another form, a row of another length, or more rows than may be sent.

    >>> from_rows({"columns": ["a", "b"], "rows": [[1, "x"], [None, "y"]]}).rows()
    [(1.0, 'x'), (None, 'y')]
    """
    import polars as pl

    from models.kit.tables import series

    columns, rows = table.get("columns"), table.get("rows")
    if not isinstance(columns, list | tuple) or not isinstance(rows, list | tuple) or set(table) != {"columns", "rows"}:
        raise _rows_refused('is no {"columns": [name, …], "rows": [[cell, …], …]}; send it so')
    if not columns or not rows:
        raise _rows_refused("has no columns or no rows; send at least one of each")
    if len(rows) > MOST_ROWS_SENT:
        raise _rows_refused(f"has {len(rows):,} rows; send at most {MOST_ROWS_SENT}, evenly chosen")
    if len(columns) > files.MOST_COLUMNS:
        raise _rows_refused(f"has more than {files.MOST_COLUMNS:,} columns; leave some out")
    if not all(isinstance(name, str) and name.strip() and name.isprintable() for name in columns):
        raise _rows_refused("has a column whose name is no printable text; name every column")
    if len(set(columns)) < len(columns):
        raise _rows_refused("has two columns of one name; rename one")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list | tuple) or len(row) != len(columns):
            raise _rows_refused(
                f"has a row {number} that is no list of {len(columns)} cells; give it one for each column"
            )
    try:
        return pl.DataFrame([series(name, [row[place] for row in rows]) for place, name in enumerate(columns)])
    except (ValueError, TypeError, OverflowError, RecursionError, pl.exceptions.PolarsError) as error:
        raise _rows_refused("has cells that are no text, number, truth or null; send plain values") from error


def _rows_refused(how: str) -> InputRefused:
    return InputRefused(f"the table {how}", code="table_refused")


def _eager(frame: "nw.DataFrame[Any]") -> Opened:
    import narwhals as nw
    import polars as pl

    native = frame.to_native()
    odd = [name for name in frame.columns if not isinstance(name, str) or frame.schema[name] == nw.Object]
    if not isinstance(native, pl.DataFrame) and (odd or len(frame) <= SAMPLED_ROWS):
        frame = nw.from_native(_polars(frame))
    step = max(1, len(frame) // SAMPLED_ROWS)
    sampled = frame.gather_every(step) if step > 1 else frame
    native = sampled.to_native()
    sample = native if isinstance(native, pl.DataFrame) else _polars(sampled)
    return Opened(frame, sample)


def _lazy(frame: "nw.LazyFrame[Any]") -> Opened:
    head = frame.head(SAMPLED_ROWS).collect()
    return Opened(frame, _polars(head))


def _polars(frame: "nw.DataFrame[Any]") -> "pl.DataFrame":
    """The frame as Polars, each column of one type where its cells agree and of text where they do not."""
    import polars as pl

    native = frame.to_native()
    if isinstance(native, pl.DataFrame):
        return native
    return pl.DataFrame([_series(str(name), frame.get_column(name).to_list()) for name in frame.columns])


def _series(name: str, cells: list[Any]) -> "pl.Series":
    """One column; NaN and None are missing."""
    import polars as pl

    cells = [None if cell is None or (not isinstance(cell, list | dict) and cell != cell) else cell for cell in cells]
    kinds = {type(cell) for cell in cells if cell is not None}
    if len(kinds) <= 1 or kinds <= {int, float}:
        return pl.Series(name, cells, strict=False)
    return pl.Series(name, [None if cell is None else str(cell) for cell in cells])
