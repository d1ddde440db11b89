"""The figures of all columns, over all rows: written once, as Narwhals expressions.

A frame that is held in memory is measured in one pass; a lazy one in two, because how many rows there are decides over
how many of them different values are counted. Whatever needs an order (median, skew, pile-ups) comes from the sample.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from advisor.profiling.schema import Statistics
from advisor.profiling.values import Values, number_of, text_or_missing
from models.kit.cells import LARGEST_NUMBER

if TYPE_CHECKING:
    import narwhals as nw
    import polars as pl

    Frame = nw.DataFrame[Any] | nw.LazyFrame[Any]

MOST_DISTINCT_ROWS = 5_000_000  # rows over which different values are counted: what bounds the memory
MOST_COUNTED = 24  # different values in the sample up to which the rows of each are counted
MOST_MEASURED_CELLS = 2_000  # texts whose words and characters are counted


class Measured(NamedTuple):
    """The number of rows, the figures of each column, and what was bounded."""

    rows: int
    statistics: tuple[Statistics, ...]
    notes: tuple[str, ...]


def measure(frame: "Frame", columns: Sequence[Values]) -> Measured:
    """The figures of `columns` of `frame`, read as `columns` say.

    >>> import narwhals as nw, polars as pl
    >>> from advisor.profiling import values
    >>> table = pl.DataFrame({"rent": ["1.250,50 €", "890,00 €", "n/a"]})
    >>> found = measure(nw.from_native(table), [values.read(table["rent"], place=0)])
    >>> found.rows, found.statistics[0].missing, found.statistics[0].mean
    (3, 1, 1070.25)
    """
    import narwhals as nw

    first = [nw.len().alias("rows")]
    second: list[nw.Expr] = []
    for column in columns:
        first += _aggregates(column, nw.col(_key(column)))
        second += _distinct(column, nw.col(_key(column)))
    cleaned = [expression(column).alias(_key(column)) for column in columns]
    notes: list[str] = []
    if isinstance(frame, nw.DataFrame):
        found = _row(frame.lazy().select(*cleaned).select(*first, *second).collect())
    else:
        found = _row(frame.select(*cleaned).select(*first).collect())
        rows = int(found["rows"])
        if second:
            bounded = rows > MOST_DISTINCT_ROWS
            part = frame.head(MOST_DISTINCT_ROWS) if bounded else frame
            if bounded:
                notes.append(f"different values are counted in the first {MOST_DISTINCT_ROWS:,} of {rows:,} rows")
            found |= _row(part.select(*cleaned).select(*second).collect())
    rows = int(found["rows"])
    return Measured(rows, tuple(_statistics(column, found, rows) for column in columns), tuple(notes))


def _key(column: Values) -> str:
    return f"c{column.place}"


def _row(frame: "nw.DataFrame[Any]") -> dict[str, Any]:
    return {name: frame.get_column(name).to_list()[0] for name in frame.columns}


def expression(column: Values) -> "nw.Expr":
    """The cells of a column as what they were read as: float64, text or a moment; null where missing."""
    import narwhals as nw

    cell = nw.col(column.name)
    if column.form in ("number", "moment") and column.typed and column.numbers is not None:
        return _sound(cell, column)
    if column.form == "number" or (column.form == "moment" and column.numbers is not None):
        text = text_or_missing(cell, column.sentinels, padded=column.padded)
        mark = column.written if column.form == "number" else "."  # years and seconds have none
        return _sound(number_of(text, mark, column.unit), column)
    if column.form == "truth":
        return cell.cast(nw.Float64)
    if column.typed:
        return cell
    return text_or_missing(cell, column.sentinels if column.form != "text" else (), padded=column.padded)


def _sound(number: "nw.Expr", column: Values) -> "nw.Expr":
    import narwhals as nw

    numbers = []
    for each in column.sentinels:
        try:
            numbers.append(float(each))
        except ValueError:
            continue  # a word; text_or_missing knows it
    if column.whole and not numbers:
        return number
    sound = number.abs() <= LARGEST_NUMBER  # which no NaN is
    for number_meant in numbers:  # not is_in, for which Polars wants a list of the column's own type
        sound = sound & (number != number_meant)
    return nw.when(sound).then(number)


def _aggregates(column: Values, cell: "nw.Expr") -> "list[nw.Expr]":
    """One row of figures that need no memory beyond themselves."""
    at = column.place
    found = [cell.count().alias(f"{at} present")]
    if column.numbers is not None:
        found += [
            cell.min().alias(f"{at} low"),
            cell.max().alias(f"{at} high"),
            cell.mean().alias(f"{at} mean"),
            cell.std().alias(f"{at} std"),
            _rows(cell == 0).alias(f"{at} zeros"),
            _rows(cell < 0).alias(f"{at} negative"),
        ]
        if not column.whole:
            found.append(_rows(cell % 1 == 0).alias(f"{at} whole"))
    for rank, value in enumerate(_few(column)):
        found.append(_rows(cell == value).alias(f"{at} value {rank}"))
    return found


def _rows(condition: "nw.Expr") -> "nw.Expr":
    """How many rows fulfil it. (Spark adds no truths up, so they become numbers first.)"""
    import narwhals as nw

    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0)).sum()


def _distinct(column: Values, cell: "nw.Expr") -> "list[nw.Expr]":
    if column.form in ("nested", "bytes", "nothing"):
        return []
    return [cell.n_unique().alias(f"{column.place} distinct")]


def _few(column: Values) -> list[Any]:
    """The different values of the sample where they are few."""
    if column.form in ("nested", "bytes", "nothing") or (column.form == "moment" and column.typed):
        return []
    source = column.numbers if column.numbers is not None else column.texts
    different = source.drop_nulls().unique(maintain_order=True)
    return different.to_list() if different.len() <= MOST_COUNTED else []


def _statistics(column: Values, found: dict[str, Any], rows: int) -> Statistics:
    at = column.place
    present = int(found[f"{at} present"] or 0)
    missing = rows - present
    distinct = present  # of what cannot be compared: each counts as its own
    if f"{at} distinct" in found:
        distinct = int(found[f"{at} distinct"]) - (missing > 0)
    counts = tuple(sorted((int(found[f"{at} value {rank}"] or 0) for rank in range(len(_few(column)))), reverse=True))
    if distinct != len(counts):
        counts = ()  # values that the sample does not hold, too
    figures = Statistics(
        missing,
        max(distinct, 0),
        counts=counts,
        rarest=counts[-1] if counts else 0,
        top_share=_top_share(column, counts, present),
    )
    if column.form == "text" or (column.numbers is None and not column.typed):
        figures = figures._replace(**_written(column.present.head(MOST_MEASURED_CELLS)))
    if column.numbers is None or not present:
        return figures
    number: dict[str, Any] = {name: _float(found.get(f"{at} {name}")) for name in ("low", "high", "mean", "std")}
    share: dict[str, Any] = {name: int(found.get(f"{at} {name}") or 0) / present for name in ("zeros", "negative")}
    whole = 1.0 if column.whole else int(found[f"{at} whole"] or 0) / present
    return figures._replace(**number, **share, whole=whole, **_ordered(column.numbers.drop_nulls()))


def _float(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _top_share(column: Values, counts: Iterable[int], present: int) -> float:
    largest = max(counts, default=0)
    if largest:
        return largest / present
    source = column.numbers if column.numbers is not None else column.texts
    kept = source.drop_nulls()
    if not kept.len() or column.form in ("nested", "bytes"):
        return 0.0
    return int(kept.value_counts(sort=True)["count"][0]) / kept.len()


def _written(texts: "pl.Series") -> dict[str, Any]:
    """Words and characters of a mean cell."""
    if not texts.len():
        return {}
    words = texts.str.count_matches(r"\S+").mean()
    characters = texts.str.len_chars().mean()
    return {"words": float(words or 0), "characters": float(characters or 0)}  # type: ignore[arg-type]


def _ordered(numbers: "pl.Series") -> dict[str, Any]:
    """Median, skew and pile-ups at the ends, from the sampled numbers."""
    if not numbers.len():
        return {}
    low, high = numbers.min(), numbers.max()
    return {
        "median": _float(numbers.median()),
        "skew": _float(numbers.skew()) if numbers.n_unique() > 1 else 0.0,
        "at_low": float((numbers == low).mean() or 0.0),  # type: ignore[arg-type]
        "at_high": float((numbers == high).mean() or 0.0),  # type: ignore[arg-type]
    }
