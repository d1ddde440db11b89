"""Series of a table on one even grid of moments: the clock that says where a moment lies, and what is known there.

A table of series is long: a row holds a moment, perhaps the name of a series, its value, and what is known in advance.
Moments that are missing stay missing on the grid (NaN); nothing is invented, and nothing later fills an earlier gap.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import cells, columns
from models.kit.errors import TableError, count, did_you_mean, listed

Matrix = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

DAY_SECONDS = 86_400.0
MONTH_DAYS, MOST_MONTHS = (28, 31), 12  # how long a month is, and up to how many months a step may take
OFF_GRID = 0.05  # of a step
MOST_ODD = 0.05  # share of rows that may lie off the grid, or twice at one moment, and are left out
_MONTH = r"^\s*(\d{4}-(?:0[1-9]|1[0-2]))\s*$"
MOST_CELLS = 200_000_000  # of the grid: series × moments


class Clock(NamedTuple):
    """How moments become positions: `start` and `step` in units of a number, in seconds, or in calendar months.

    `pattern` is that of dates that are written as text.
    """

    kind: Literal["number", "seconds", "months"]
    start: float
    step: float
    pattern: str = ""

    @property
    def words(self) -> str:
        """The step in words."""
        if self.kind == "number":
            return f"{self.step:g}"
        if self.kind == "months":
            return count(int(self.step), "month")
        for seconds, noun in ((DAY_SECONDS, "day"), (3600.0, "hour"), (60.0, "minute")):
            if self.step % seconds == 0:
                return count(int(self.step // seconds), noun)
        return f"{self.step:g} seconds"


class Panel(NamedTuple):
    """All series on the grid, and the examples: the series and the position of each.

    values: (series, positions), NaN where nothing is known. known: (series, positions, columns), what is known in
    advance. steps: how many moments each example lies ahead of what is known when it is forecast; from 1. shown: the
    place of each example in the table it came from, from 1, where that is not its own place.
    """

    values: Matrix
    known: Matrix
    series: Places
    position: Places
    steps: Places
    shown: Places | None = None


def clock(moments: npt.NDArray[np.generic], series: Places, *, pattern: str = "") -> Clock:
    """Returns the clock of moments as `columns.ordered` gives them: its step is the commonest one within a series.

    >>> clock(np.array([0.0, 1.0, 3.0, 4.0]), np.zeros(4, dtype=np.int64))
    Clock(kind='number', start=0.0, step=1.0, pattern='')
    >>> months = np.array(["2024-01-31", "2024-02-29", "2024-03-31"], dtype="datetime64[us]")
    >>> clock(months, np.zeros(3, dtype=np.int64)).words
    '1 month'
    """
    dates = np.issubdtype(moments.dtype, np.datetime64)
    when = moments.astype("datetime64[us]").astype(np.int64) / 1e6 if dates else moments.astype(np.float64)
    order = np.lexsort((when, series))
    gaps = np.diff(when[order])[np.diff(series[order]) == 0]
    gaps = gaps[gaps > 0]
    if not gaps.size:
        raise TableError("time: no series has two moments, so there is no step; name the right column as `time`")
    found, often = np.unique(np.round(gaps, 6), return_counts=True)
    step = float(found[often.argmax()])
    start = float(when.min())
    if not dates:
        return Clock("number", start, step, pattern)
    for months in range(1, MOST_MONTHS + 1):
        low, high = (months * days * DAY_SECONDS for days in MONTH_DAYS)
        if found.size > 1 and low <= step <= high and (found % DAY_SECONDS == 0).all():
            return Clock("months", float(_months(moments).min()), float(months), pattern)
    return Clock("seconds", start, step, pattern)


def positions(clock: Clock, moments: npt.NDArray[np.generic]) -> Matrix:
    """Returns where moments lie on the grid, from 0, whole where they keep to the step; NaN where there is none.

    >>> positions(Clock("number", 10, 5), np.array([10.0, 25.0])).tolist()
    [0.0, 3.0]
    """
    if clock.kind == "months":
        months = _months(moments)
        return np.asarray((months - clock.start) / clock.step)
    when = moments.astype(np.float64)
    if clock.kind == "seconds":
        when = np.where(np.isnat(moments), np.nan, moments.astype("datetime64[us]").astype(np.int64) / 1e6)
    return np.asarray((when - clock.start) / clock.step)


def moments(column: pl.Series, clock: Clock | None = None) -> npt.NDArray[np.generic]:
    """Returns a time column as numbers or moments; with a clock, read as the clock's table was.

    >>> moments(pl.Series("day", ["2024-01-02"]))
    array(['2024-01-02T00:00:00.000000'], dtype='datetime64[us]')

    A month (2024-01) is read as its first day.
    """
    column = _days(column)
    if clock is None or not column.len():
        return columns.ordered(column)
    if clock.kind == "number":
        return cells.numbers(column).to_numpy()
    if column.dtype == pl.String:
        return cells.moments(column, clock.pattern).to_numpy()
    if column.dtype in (pl.Date, pl.Datetime):
        return cells.moments(column).to_numpy()
    raise TableError(f"time: column {column.name!r} should hold dates, as the table of the training did")


def pattern(column: pl.Series) -> str:
    """Returns the pattern of dates that are written as text.

    >>> pattern(pl.Series(["2024-01", "2024-02"]))
    '%Y-%m-%d'
    """
    return cells.date_pattern(_days(column)) or ""


def names(frame: pl.DataFrame, series: str | None) -> npt.NDArray[np.str_]:
    """Returns the name of the series of each row; "" where there is one series only.

    >>> names(pl.DataFrame({"shop": ["a", None]}), "shop").tolist()
    ['a', '']
    """
    if series is None:
        return np.full(frame.height, "", dtype=np.str_)
    return columns.grouped(frame[series]).astype(np.str_)


def coded(found: npt.NDArray[np.str_], known: Sequence[str]) -> Places:
    """Returns the place of each name; raises `TableError` for a series that is not known.

    >>> coded(np.array(["b", "a"]), ["a", "b"]).tolist()
    [1, 0]
    """
    places = {name: place for place, name in enumerate(known)}
    strange = sorted({str(name) for name in found.tolist()} - places.keys())
    if strange:
        raise TableError(
            f"series: {listed(strange)} was not in the training{did_you_mean(strange[0], known)}; "
            "train again with its history"
        )
    return np.array([places[name] for name in found.tolist()], dtype=np.int64)


def on_grid(position: Matrix, series: Places) -> tuple[npt.NDArray[np.bool_], list[str]]:
    """Returns which rows stand on the grid, the last of several at one moment, and in sentences which do not.

    Raises `TableError` where they are too many to be left out.

    >>> on_grid(np.array([0.0, 1.5] + [float(place) for place in range(1, 40)]), np.zeros(41, dtype=np.int64))[1]
    ['1 row with a moment between the steps, or none; left out']
    """
    whole = np.abs(position - np.round(position)) <= OFF_GRID
    said = []
    if odd := int((~whole).sum()):
        if odd > MOST_ODD * position.size:
            raise TableError(
                f"time: {odd:,} of {count(position.size, 'row')} do not keep to the commonest step between moments; "
                "bring the rows to even steps first (sums or means of an hour, a day, a month)"
            )
        verb = "does" if odd == 1 else "do"
        said.append(
            f"{count(odd, 'row')} {verb} not keep to the step, or {'has' if odd == 1 else 'have'} no time; left out"
        )
    last = {}
    spots = np.round(np.where(whole, position, -1)).astype(np.int64)
    for row in np.flatnonzero(whole).tolist():
        last[int(series[row]), int(spots[row])] = row
    kept = np.zeros(position.size, dtype=np.bool_)
    kept[list(last.values())] = True
    if twice := int(whole.sum() - kept.sum()):
        if twice > MOST_ODD * position.size:
            raise TableError(
                f"time: {twice:,} of {count(position.size, 'row')} share their moment with another; name the column "
                "that tells the series apart as `series`, or add the rows of a moment up first"
            )
        said.append(f"{count(twice, 'row')} shared a moment with a later row of the table; left out")
    return kept, said


def spread(rows: Matrix, series: Places, position: Places, *, shape: tuple[int, int]) -> Matrix:
    """Returns what rows hold, of shape (rows, columns), on the grid: each gap takes what stands before it.

    Before the first row of a series stands what its first row holds; a series without rows holds nought.

    >>> spread(np.array([[5.0], [7.0]]), np.array([0, 0]), np.array([1, 3]), shape=(1, 5))[0, :, 0].tolist()
    [5.0, 5.0, 5.0, 7.0, 7.0]
    """
    grid = np.zeros((*shape, rows.shape[1]))
    for each in range(shape[0]):
        mine = np.flatnonzero(series == each)
        if not mine.size:
            continue
        mine = mine[np.argsort(position[mine], kind="stable")]
        before = np.searchsorted(position[mine], np.arange(shape[1]), side="right") - 1
        grid[each] = rows[mine[np.maximum(before, 0)]]
    return grid


def filled(values: Matrix, *, season: int) -> Matrix:
    """Returns the values with each gap filled from the past only: the moment one season before, else the one before.

    >>> filled(np.array([[np.nan, 1.0, 2.0, np.nan, np.nan]]), season=2).tolist()
    [[1.0, 1.0, 2.0, 1.0, 2.0]]
    """
    whole = values.copy()
    for row in whole:
        present = np.flatnonzero(~np.isnan(row))
        first = int(present[0]) if present.size else row.size
        row[:first] = row[first] if present.size else 0.0
        for place in np.flatnonzero(np.isnan(row)).tolist():
            row[place] = row[place - season] if place - season >= first else row[place - 1]
    return whole


def take(panel: Panel, rows: Places) -> Panel:
    """Returns some of the examples; what is known about the series stays whole."""
    return panel._replace(series=panel.series[rows], position=panel.position[rows], steps=panel.steps[rows], shown=None)


def _days(column: pl.Series) -> pl.Series:
    """Returns the column with months written as their first days."""
    return column.str.replace(_MONTH, "${1}-01") if column.dtype == pl.String else column


def _months(moments: npt.NDArray[np.generic]) -> Matrix:
    whole = moments.astype("datetime64[M]").astype(np.int64).astype(np.float64)
    return np.where(np.isnat(moments), np.nan, whole)
