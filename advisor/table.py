"""A table as a Polars frame, from a file or from whatever library the user's data frame is of, and its names' words."""

import os
import re
from typing import TYPE_CHECKING, Any

from advisor.errors import InputRefused
from taxonomy.tokens import tokenize

if TYPE_CHECKING:
    import polars as pl


def read(table: Any) -> "pl.DataFrame":
    """`table` as a Polars frame, whatever it came as.

    Raises:
        InputRefused: it is neither a readable file nor a data frame, or it is empty.

    >>> import polars as pl
    >>> read(pl.DataFrame({"a": [1]})).columns
    ['a']
    """
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
        found = pl.DataFrame([_series(str(name), frame.get_column(name).to_list()) for name in frame.columns])
    except Exception as error:
        raise InputRefused(
            f"the table is a {type(table).__name__}, which cannot be read ({type(error).__name__}); "
            "pass a file name or a data frame with one type a column",
            code="table_refused",
        ) from error
    if found.height == 0 or found.width == 0:
        raise InputRefused("the table has no rows; pass one with at least one row", code="table_refused")
    return found


def words(name: str) -> list[str]:
    """The words of a column name.

    >>> words("refundIssued_2024")
    ['refund', 'issued', '2024']
    """
    return tokenize(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).words


def numbers(values: "pl.Series") -> "pl.Series | None":
    """A column as float64, null where it holds no number; None when it is not a column of numbers.

    >>> import polars as pl
    >>> numbers(pl.Series(["1,5 €", "2,25 €"])).to_list(), numbers(pl.Series(["a", "b"]))
    ([1.5, 2.25], None)
    """
    import polars as pl

    from models.kit import cells

    mark = "." if values.dtype.is_numeric() else cells.decimal_mark(values) if values.dtype == pl.String else None
    return None if mark is None else cells.numbers(values, mark)


def _series(name: str, cells: list[Any]) -> "pl.Series":
    """One column, of one type where its cells agree and of text where they do not; NaN and None are missing."""
    import polars as pl

    cells = [None if cell is None or cell != cell else cell for cell in cells]
    kinds = {type(cell) for cell in cells if cell is not None}
    if len(kinds) <= 1 or kinds <= {int, float}:
        return pl.Series(name, cells, strict=False)
    return pl.Series(name, [None if cell is None else str(cell) for cell in cells])
