"""What cells say about words: values that a text names."""

import re
from collections.abc import Collection, Sequence

from advisor.profiling import concepts, mentions, names
from advisor.profiling.values import Values

MOST_ROWS = 1000
MOST_CLASSES = 15  # of a column whose values are looked for in a description
SHORT = 2  # letters of a value that must be written as it is


def values_said(read: Sequence[Values], description: str, words: Sequence[str]) -> dict[str, float]:
    """For each column of few different words the share of them that a description names: its classes are asked for.

    A value of one or two letters counts as it is written, as in "AA, A or B"; one that shortens a word counts half.

    >>> import polars as pl
    >>> from advisor.profiling.values import read
    >>> colours = read(pl.Series("triage", ["red", "green", "red", "blue"]), place=0)
    >>> round(values_said([colours], "blue or red?", ["blue", "or", "red"])["triage"], 2)
    0.67
    >>> causes = read(pl.Series("cause", ["LTG", "TREE", "TREE"]), place=0)
    >>> values_said([causes], "Tree or lightning?", ["tree", "or", "lightning"])["cause"]
    0.75
    """
    said = {names.fold(word) for word in words} - mentions.STOP
    written = set(re.findall(r"[^\W_]+[+-]?", description))
    found = {}
    for column in read:
        cells = {cell for cell in column.texts.head(MOST_ROWS).to_list() if cell is not None}
        if column.form != "text" or not 2 <= len(cells) <= MOST_CLASSES:
            continue
        hits = [_said(cell, said, written) for cell in cells]
        if sum(hit > 0 for hit in hits) >= 2:
            found[column.name] = sum(hits) / len(cells)
    return found


def _said(cell: str, said: Collection[str], written: Collection[str]) -> float:
    if len(cell) <= SHORT:
        return float(cell in written and not cell.islower() and not cell.isdecimal() and cell not in ("A", "I"))
    parts = [word for word in names.words(cell) if len(word) > SHORT and not word.isdecimal()]
    if any(part in said for part in parts):
        return 1.0
    if len(parts) == 1 and any(concepts.shortens(parts[0], word) for word in said):
        return 0.5
    return 0.0
