"""The rows a search looks at, as arrays: numbers, codes and texts of each column, and which rows are held out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from models.kit.rule_ops import Value
    from models.kit.rules import Expression, Input

    Vector = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int64]

ROWS_LOOKED_AT = 10_000
FEWEST_ROWS = 5  # with a target
HELD_OUT_SHARE = 0.4
MOST_COLUMNS = 60  # beyond it, the columns that say most about the target alone
LONGEST_TEXT = 80.0  # characters in a mean cell; beyond it a cell is prose and no code
SEED = 20_240_229
DAY_MICROSECONDS = 86_400_000_000.0


class Field(NamedTuple):
    """A column, or what is made of one, on all rows of the sample.

    `codes` numbers the different values from 1, 0 for a missing one; `numbers` is None for text, and days since 1970
    for moments; both have the shape (rows,).
    """

    inputs: tuple["Input", ...]
    expression: "Expression"
    numbers: "Vector | None"
    codes: "Codes"
    levels: int  # different values
    texts: "pl.Series | None" = None


class Sample(NamedTuple):
    """What a search sees; `searched` and `held_out` are places of rows and share none."""

    frame: "pl.DataFrame"
    rows: "Codes"  # places in the table that was given
    answer: Field
    fields: tuple[Field, ...]
    searched: "Codes"
    held_out: "Codes"

    @property
    def target(self) -> "Input":
        """The target column, and how it is read."""
        return self.answer.inputs[0]


def draw(frame: "pl.DataFrame", target: str) -> Sample | None:
    """The sample of a table; None where there are too few rows or the target cannot be read or has one value.

    >>> import polars as pl
    >>> sample = draw(pl.DataFrame({"a": range(20), "b": ["x", "y"] * 10}), "b")
    >>> sample.answer.levels, sample.searched.size, sample.held_out.size
    (2, 12, 8)
    """
    import numpy as np

    if frame[target].dtype.is_nested():
        return None
    answer = field(frame[target])
    if answer is None:
        return None
    rows = np.flatnonzero(answer.codes > 0)
    generator = np.random.default_rng(SEED)
    if rows.size > ROWS_LOOKED_AT:
        rows = np.sort(generator.permutation(rows)[:ROWS_LOOKED_AT])
    if answer.levels < 2 or rows.size < FEWEST_ROWS:
        return None
    if rows.size < frame.height:
        frame = frame[rows]
        answer = field(frame[target])
    if answer is None:
        return None
    order = generator.permutation(rows.size)
    ends = rows.size - round(rows.size * HELD_OUT_SHARE)
    others = [column for column in frame.drop(target).iter_columns() if not column.dtype.is_nested()]
    fields = [found for column in others if (found := field(column)) is not None and found.levels > 1]
    searched = np.sort(order[:ends])
    return Sample(frame, rows, answer, tuple(_likeliest(fields, answer, searched)), searched, np.sort(order[ends:]))


def field(column: "pl.Series") -> Field | None:
    """A column as numbers, moments or text; None where it is nothing of these."""
    import numpy as np
    import polars as pl

    from models.kit import cells
    from models.kit.rules import Input

    if column.dtype in (pl.Binary, pl.Object):
        return None
    name = column.name
    expression = ["column", name]
    if column.dtype.is_numeric() or column.dtype in (pl.Duration, pl.Time):
        numbers = cells.numbers(column).to_numpy().astype(np.float64)
        return _numeric(Input(name, "number", "."), expression, numbers)
    texts = cells.texts(column)
    if column.dtype in (pl.Date, pl.Datetime) or (pattern := cells.date_pattern(column)) is not None:
        form = "" if column.dtype in (pl.Date, pl.Datetime) else pattern
        moments = cells.moments(column, form or "")
        days = moments.dt.epoch("us").cast(pl.Float64).to_numpy() / DAY_MICROSECONDS
        return _numeric(Input(name, "time", form or ""), expression, days)
    codes = texts.cast(pl.Categorical).to_physical().cast(pl.Int64).fill_null(-1).to_numpy() + 1
    values, codes = np.unique(codes, return_inverse=True)
    levels = values.size - int(values[0] == 0)
    codes = codes + int(values[0] != 0)
    if column.dtype == pl.String and (mark := cells.decimal_mark(column)) is not None and not _padded(texts):
        read = cells.numbers(column, mark)
        if read.null_count() == texts.null_count():
            return _numeric(Input(name, "number", mark), expression, read.to_numpy().astype(np.float64))
    return Field((Input(name, "text"),), expression, None, codes.astype(np.int64), levels, texts)


def _padded(texts: "pl.Series") -> bool:
    """Whether cells begin with a nought that a number would lose, such as 01234."""
    return bool(texts.str.contains(r"^0\d").any())


def _numeric(source: "Input", expression: "Expression", numbers: "Vector") -> Field:
    codes, levels = coded(numbers)
    return Field((source,), expression, numbers, codes, levels)


def coded(numbers: "Vector") -> "tuple[Codes, int]":
    """The different numbers, numbered from 1 in rising order, NaN 0; and how many there are.

    >>> import numpy as np
    >>> [array.tolist() if hasattr(array, "tolist") else array for array in coded(np.array([5.0, np.nan, 2.0, 5.0]))]
    [[2, 0, 1, 2], 2]
    """
    import numpy as np

    known = numbers == numbers
    values, inverse = np.unique(numbers[known], return_inverse=True)
    codes = np.zeros(numbers.size, dtype=np.int64)
    codes[known] = inverse + 1
    return codes, int(values.size)


def values_of(answer: Field, rows: "Codes", sample_frame: "pl.DataFrame") -> "dict[int, Value]":
    """The value that each code of a field stands for."""
    import numpy as np

    from models.kit.rules import read_column

    _, first = np.unique(answer.codes, return_index=True)
    source = answer.inputs[0]
    column = sample_frame[source.name][first]
    return dict(zip(answer.codes[first].tolist(), read_column(column, source), strict=True))


def _likeliest(fields: Sequence[Field], answer: Field, rows: "Codes") -> Sequence[Field]:
    """At most `MOST_COLUMNS` fields: those that alone explain most of the target."""
    if len(fields) <= MOST_COLUMNS:
        return fields
    order = sorted(fields, key=lambda each: -_explained(each, answer, rows))[:MOST_COLUMNS]
    return [each for each in fields if any(each is one for one in order)]


def _explained(each: Field, answer: Field, rows: "Codes") -> float:
    """The share of the target's variance between 16 bands of the field, numbers by size and texts by value."""
    import numpy as np

    codes, truth = each.codes[rows], answer.codes[rows].astype(np.float64)
    bands = codes * 16 // (each.levels + 1) if each.numbers is not None else codes % 64
    counts = np.bincount(bands)
    means = np.bincount(bands, weights=truth) / np.maximum(counts, 1)
    return float((counts * (means - truth.mean()) ** 2).sum() / max(truth.size * truth.var(), 1e-12))


def entropy_bits(codes: "Codes") -> float:
    """Bits that are needed to write down one value, the values being as frequent as they are.

    >>> import numpy as np
    >>> entropy_bits(np.array([1, 1, 2, 2]))
    1.0
    """
    import numpy as np

    counts = np.bincount(codes)
    share = counts[counts > 0] / codes.size
    return float(-(share * np.log2(share)).sum())


def stack(arrays: Sequence[Any]) -> "Vector":
    """Arrays of one length as rows of a matrix."""
    import numpy as np

    return np.vstack(arrays) if arrays else np.empty((0, 0))
