"""Whatever holds a table -> a Narwhals frame that stays where it is, and a sample of its rows as Polars."""

from typing import TYPE_CHECKING, Any, NamedTuple

from advisor import table as tables

if TYPE_CHECKING:
    import narwhals as nw
    import polars as pl

SAMPLED_ROWS = 10_000


class Opened(NamedTuple):
    """The frame to measure, the rows that are looked at closely, and what was decided while reading."""

    frame: "nw.DataFrame[Any] | nw.LazyFrame[Any]"
    sample: "pl.DataFrame"
    notes: tuple[str, ...] = ()


def open_table(table: Any) -> Opened:
    """Open a file or a frame.

    Raises:
        InputRefused: it is neither a readable file nor a data frame, or it is empty.

    >>> import polars as pl
    >>> open_table(pl.DataFrame({"a": [1, 2]})).sample.height
    2
    """
    import narwhals as nw

    frame = tables.read(table)
    step = max(1, frame.height // SAMPLED_ROWS)
    sample = frame.gather_every(step) if step > 1 else frame
    return Opened(nw.from_native(frame), sample)
