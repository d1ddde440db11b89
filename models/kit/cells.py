"""Cells: how text is read as a missing value, a number, a moment or a label.

Everything here takes a column and returns a column of the same length; what cannot be read becomes null. Training and
prediction read cells through the same functions, with the decimal mark or date pattern that training decided on.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar, cast

import polars as pl

MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "?", "-", "--", "."})
MARKS = ".,"  # decimal marks, the likelier first
LARGEST_NUMBER = 1e100  # beyond it squares overflow, and nothing that is measured is so large
NUMBERS_SHARE = 0.9  # a text column is numeric when at least this share of its values are numbers; the same for dates
SHORT, KEPT = 8_000, 1_000  # bytes of a column whose answers are kept, and how many are, of each function
LOOKED_AT = 2_000  # values of a column that decide on a date pattern, or on the table's decimal mark

_CURRENCY = r"[$€£¥₹₽₩₺₴฿]|USD|EUR|GBP|CHF|JPY|CNY|INR|kr|zł|R\$"
_EXPONENT = r"(?:[eE][+-]?\d+)?"
_PLAIN = {".": rf"^[+-]?(?:\d+\.?\d*|\.\d+){_EXPONENT}$", ",": rf"^[+-]?(?:\d+,?\d*|,\d+){_EXPONENT}$"}
_GROUPED = {  # a group of thousands never begins with nought: 0,125 is an eighth
    ".": r"^[+-]?[1-9]\d{0,2}(?:[,' ]\d{3})+(?:\.\d+)?$",
    ",": r"^[+-]?[1-9]\d{0,2}(?:[.' ]\d{3})+(?:,\d+)?$",
}
_GROUP_MARKS = {".": r"[,' ]", ",": r"[.' ]"}

_DAYS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d %b %Y",
    "%b %d, %Y",
    "%B %d, %Y",
)
_TIMES = ("", " %H:%M:%S", " %H:%M", " %I:%M %p")
PATTERNS = tuple(day + time for day in _DAYS for time in _TIMES)
_LOOKS_LIKE_DAY = (
    r"^\s*(?:\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2} \w{3} \d{4}|\w{3,9} \d{1,2}, \d{4})"
)


F = TypeVar("F", bound=Callable[..., Any])


def _kept(function: F) -> F:
    """Keeps the answers for short columns of text: whoever looks into a small table asks the same of each many times,
    and every question costs Polars more than the few cells do."""

    @lru_cache(maxsize=KEPT)
    def of_cells(cells: tuple[str | None, ...], *args: Any, **kwargs: Any) -> Any:
        return function(pl.Series(cells, dtype=pl.String), *args, **kwargs)

    @wraps(function)
    def found(column: pl.Series, *args: Any, **kwargs: Any) -> Any:
        if column.dtype != pl.String or column.estimated_size() > SHORT:
            return function(column, *args, **kwargs)
        answer = of_cells(tuple(column.to_list()), *args, **kwargs)
        return answer.alias(column.name) if isinstance(answer, pl.Series) else answer

    return cast(F, found)


@_kept
def texts(column: pl.Series) -> pl.Series:
    """Returns the cells as trimmed text, with null for every way of writing "missing"; whole numbers lose their ".0".

    >>> texts(pl.Series([" yes", "N/A", "?", None, "no"])).to_list()
    ['yes', None, None, None, 'no']
    >>> texts(pl.Series([1.0, float("nan"), 2.5])).to_list()
    ['1', None, '2.5']
    """
    if column.dtype == pl.Duration:
        column = column.cast(pl.Int64)
    if column.dtype.is_float():
        whole = column.is_finite() & (column == column.round()) & (column.abs() < 2**53)
        written = column.fill_nan(None).cast(pl.String)
        column = column.cast(pl.Int64, strict=False).cast(pl.String).zip_with(whole.fill_null(value=False), written)
    trimmed = column.cast(pl.String).str.strip_chars()
    return (
        pl.select(pl.when(trimmed.str.to_lowercase().is_in(list(MISSING))).then(None).otherwise(trimmed))
        .to_series()
        .alias(column.name)
    )


@_kept
def numbers(column: pl.Series, mark: str = ".") -> pl.Series:
    """Returns the cells as float64, null where there is no finite number of up to `LARGEST_NUMBER`.

    Currency signs, a percent sign, and spaces or marks between thousands are passed over; `mark` is the decimal mark.

    >>> numbers(pl.Series(["1 234,5 €", "12 %", "-7", "about 3", "NA"]), ",").to_list()
    [1234.5, 12.0, -7.0, None, None]
    """
    if column.dtype == pl.Duration:
        found = column.dt.total_microseconds() / 1e6  # seconds
    elif column.dtype == pl.Time:
        found = column.cast(pl.Int64) / 1e9  # seconds since midnight
    elif column.dtype.is_numeric() or column.dtype == pl.Boolean:
        found = column.cast(pl.Float64)
    else:
        found = _parsed(texts(column), mark)
    return pl.select(pl.when(found.abs() <= LARGEST_NUMBER).then(found).otherwise(None)).to_series().alias(column.name)


def _parsed(column: pl.Series, mark: str) -> pl.Series:
    plain = column.cast(pl.Float64, strict=False)
    if mark == "." and plain.null_count() == column.null_count():  # most columns, and ten times as fast
        return plain
    bare = (
        column.str.replace_all("[\u00a0\u2007\u2009\u202f]", " ")
        .str.replace_all("−", "-", literal=True)
        .str.replace_all("’", "'", literal=True)
        .str.replace(rf"^([+-]?)\s*(?:{_CURRENCY})\s*", "${1}")
        .str.replace(rf"\s*(?:{_CURRENCY}|%)$", "")
    )
    grouped = bare.str.contains(_GROUPED[mark])
    good = (bare.str.contains(_PLAIN[mark]) | grouped).fill_null(value=False)
    bare = bare.str.replace_all(_GROUP_MARKS[mark], "").zip_with(grouped.fill_null(value=False), bare)
    if mark == ",":
        bare = bare.str.replace(",", ".", literal=True)
    return bare.zip_with(good, pl.Series([None], dtype=pl.String)).cast(pl.Float64, strict=False)


@_kept
def decimal_mark(column: pl.Series, *, likely: str | None = None) -> str | None:
    """Returns the decimal mark with which the text cells are numbers, or None when too few of them are.

    Where either mark reads all cells (1,500), the `likely` one is taken, or the point; see `likely_mark`.

    >>> [decimal_mark(pl.Series(column)) for column in (["1,5", "2,75"], ["1,500", "2,750"], ["x"])]
    [',', '.', None]
    """
    present = texts(column).drop_nulls()
    if not present.len():
        return None
    found = {}
    for mark in sorted(MARKS, key=lambda mark: mark != likely):
        found[mark] = present.len() - _parsed(present, mark).null_count()
        if found[mark] == present.len():
            return mark
    best = max(found, key=lambda mark: found[mark])
    return best if found[best] >= NUMBERS_SHARE * present.len() else None


def likely_mark(frame: pl.DataFrame) -> str | None:
    """Returns the decimal mark of the text columns that leave no doubt, or None where none does or they disagree.

    >>> likely_mark(pl.DataFrame({"rent": ["950", "1.100"], "size": ["40,5", "62,25"]}))
    ','
    >>> likely_mark(pl.DataFrame({"rent": ["950", "1.100"]}))
    """
    sure = set()
    for column in frame.select(pl.col(pl.String)).iter_columns():
        present = texts(column.head(LOOKED_AT)).drop_nulls()
        readable = [mark for mark in MARKS if present.len() and not _parsed(present, mark).null_count()]
        sure |= set(readable) if len(readable) == 1 else set()
    return sure.pop() if len(sure) == 1 else None


@_kept
def moments(column: pl.Series, pattern: str = "") -> pl.Series:
    """Returns the cells as date-times without a zone, null where there is none; `pattern` is that of `date_pattern`.

    >>> moments(pl.Series(["2024-02-29T08:30:00Z", "soon"]), "%Y-%m-%d %H:%M:%S").to_list()
    [datetime.datetime(2024, 2, 29, 8, 30), None]
    """
    if column.dtype == pl.Datetime:
        return column.dt.replace_time_zone(None).cast(pl.Datetime("us"))
    if column.dtype == pl.Date:
        return column.cast(pl.Datetime("us"))
    pattern = pattern or date_pattern(column) or PATTERNS[0]
    return _plain_moments(texts(column)).str.to_datetime(pattern, strict=False, time_unit="us").alias(column.name)


def _plain_moments(column: pl.Series) -> pl.Series:
    """Returns moments written the ISO way as "day time": without T, fraction of a second and zone."""
    return column.str.replace(r"^(\S+\d)T(\d)", "${1} ${2}").str.replace(
        r"(:\d\d)(?:[.,]\d+)?\s*(?:Z|UTC|[+-]\d\d:?\d\d)?$", "${1}"
    )


@_kept
def date_pattern(column: pl.Series) -> str | None:
    """Returns the pattern with which the text cells are dates, or None when too few of them are.

    >>> date_pattern(pl.Series(["31.12.2024", "01.02.2025"])), date_pattern(pl.Series(["2024-02-29 08:30:00"]))
    ('%d.%m.%Y', '%Y-%m-%d %H:%M:%S')
    """
    present = texts(column).drop_nulls()
    if present.len() > LOOKED_AT:
        present = present.gather_every(present.len() // LOOKED_AT)
    if not present.len() or present.str.contains(_LOOKS_LIKE_DAY).mean() < NUMBERS_SHARE:  # type: ignore[operator]
        return None
    plain = _plain_moments(present)
    readable = {
        pattern: plain.len() - plain.str.to_datetime(pattern, strict=False).null_count() for pattern in PATTERNS
    }
    best = max(readable, key=lambda pattern: readable[pattern])
    return best if readable[best] >= NUMBERS_SHARE * plain.len() else None
