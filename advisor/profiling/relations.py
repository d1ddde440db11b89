"""What cells say about other columns and about words: gaps that go with an answer, values that a text names."""

from collections.abc import Sequence

from advisor.profiling import names
from advisor.profiling.values import Values

MOST_ROWS = 1000
MOST_ANSWERS = 8  # different values of what may be an answer
MOST_CLASSES = 15  # of a column whose values are looked for in a description
MOST_COLUMNS = 60  # of a wider table nothing is said


def gaps_told(read: Sequence[Values]) -> dict[str, int]:
    """For each column the number of others that are filled, or empty, for one of its values alone.

    >>> import polars as pl
    >>> from advisor.profiling.values import read
    >>> columns = {"left": ["yes", "no", "no", "yes"], "reason": ["price", None, None, "move"]}
    >>> gaps_told([read(pl.Series(name, cells), place=0) for name, cells in columns.items()])
    {'left': 1, 'reason': 0}
    """
    found = dict.fromkeys((column.name for column in read), 0)
    if len(read) > MOST_COLUMNS:
        return found
    cells = {column.name: column.texts.head(MOST_ROWS).to_list() for column in read}
    gaps = {
        name: {place for place, cell in enumerate(each) if cell is None} for name, each in cells.items() if None in each
    }
    for name, each in cells.items():
        different = {cell for cell in each if cell is not None}
        if not 2 <= len(different) <= MOST_ANSWERS or len(different) > len(each) // 2:
            continue
        for other, empty in gaps.items():
            if other != name and 0 < len(empty) < len(each):
                inside = {cell for place, cell in enumerate(each) if place in empty and cell is not None}
                outside = {cell for place, cell in enumerate(each) if place not in empty and cell is not None}
                found[name] += not inside & outside and bool(inside) and bool(outside)
    return found


def values_said(read: Sequence[Values], words: Sequence[str]) -> dict[str, float]:
    """For each column of few different words the share of them that a description names: its classes are asked for.

    >>> import polars as pl
    >>> from advisor.profiling.values import read
    >>> column = read(pl.Series("triage", ["red", "green", "red", "blue"]), place=0)
    >>> round(values_said([column], ["blue", "or", "red"])["triage"], 2)
    0.67
    """
    said = {names.fold(word) for word in words}
    found = {}
    for column in read:
        cells = {cell for cell in column.texts.head(MOST_ROWS).to_list() if cell is not None}
        if column.form != "text" or not 2 <= len(cells) <= MOST_CLASSES:
            continue
        spelled = [[word for word in names.words(cell) if len(word) > 2 and not word.isdecimal()] for cell in cells]
        hits = [any(word in said for word in words) for words in spelled if words]
        if sum(hits) >= 2:
            found[column.name] = sum(hits) / len(cells)
    return found
