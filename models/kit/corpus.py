"""Texts as words: what a word is, which ones count, and how often each stands in each text, as a sparse table."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import cells, columns
from models.kit.errors import TableError, count

FEWEST_TEXTS = 20
FEWEST_WORDS = 10  # different ones that are left to learn from

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


class Counts(NamedTuple):
    """A sparse table: entry i says that `value[i]` is in row `text[i]` and column `word[i]`; ordered by text."""

    text: npt.NDArray[np.int64]
    word: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    texts: int
    words: int


def words(text: str) -> list[str]:
    """Returns the words of a text, in lower case and without digits and signs.

    >>> words("It's 3 o’clock, Rome!")
    ["it's", 'o’clock', 'rome']
    """
    return _WORD.findall(text.lower())


def tokens(texts: Sequence[str], *, pairs: bool) -> list[list[str]]:
    """Returns the words of each text, and pairs of neighbours behind them.

    >>> tokens(["Not good."], pairs=True)
    [['not', 'good', 'not good']]
    """
    found = [words(text) for text in texts]
    return [[*text, *map(" ".join, pairwise(text))] for text in found] if pairs else found


def texts(frame: pl.DataFrame, column: str, *, setting: str = "text") -> list[str]:
    """Returns the texts of a column, an empty one where it is missing; raises `TableError` where they cannot be used.

    >>> texts(pl.DataFrame({"note": ["a b", None]}), "note")
    ['a b', '']
    """
    columns.check_name(frame, column, setting=setting)
    if frame[column].dtype.is_nested() or frame[column].dtype == pl.Binary:
        raise TableError(f"{setting}: column {column!r} holds nested values; join the words of each text by spaces")
    return [str(text) for text in cells.texts(frame[column]).fill_null("")]


def vocabulary(
    tokens: Sequence[Sequence[str]], *, fewest_texts: int, most_share: float, most: int, leave_out: Iterable[str] = ()
) -> tuple[str, ...]:
    """Returns the words that count, the commonest first: in at least so many texts, in at most that share of them.

    >>> vocabulary([["a", "b"], ["a", "c"], ["a", "c"]], fewest_texts=2, most_share=0.9, most=10)
    ('c',)
    """
    seen = Counter(word for text in tokens for word in set(text))
    unseen, ceiling = set(leave_out), most_share * len(tokens)
    kept = [(times, word) for word, times in seen.items() if fewest_texts <= times <= ceiling and word not in unseen]
    return tuple(word for _, word in sorted(kept, key=lambda each: (-each[0], each[1]))[:most])


def checked(known: tuple[str, ...], texts: int) -> tuple[str, ...]:
    """Returns the words again; raises `TableError` where there are too few of them, or too few texts."""
    if texts < FEWEST_TEXTS or len(known) < FEWEST_WORDS:
        raise TableError(
            f"{count(texts, 'text')} with {count(len(known), 'word')} to learn from; at least {FEWEST_TEXTS} texts and "
            f"{FEWEST_WORDS} words are needed (fewest_texts in config.yaml says how rare a word may be)"
        )
    return known


def counts(tokens: Sequence[Sequence[str]], known: Sequence[str]) -> Counts:
    """Returns how often each known word stands in each text.

    >>> counts([["a", "b", "a"], ["c"]], ["b", "a"]).value.tolist()
    [1.0, 2.0]
    """
    places = {word: place for place, word in enumerate(known)}
    rows: list[int] = []
    found: list[int] = []
    values: list[int] = []
    for row, text in enumerate(tokens):
        here = Counter(places[word] for word in text if word in places)
        rows += [row] * len(here)
        for place in sorted(here):
            found.append(place)
            values.append(here[place])
    return Counts(
        np.array(rows, dtype=np.int64), np.array(found, dtype=np.int64), np.array(values, dtype=np.float64),
        len(tokens), len(known),
    )  # fmt: skip


def take(table: Counts, rows: npt.NDArray[np.int64]) -> Counts:
    """Returns some of the texts, in ascending order of `rows`."""
    place = np.full(table.texts, -1)
    place[rows] = np.arange(rows.size)
    kept = place[table.text] >= 0
    return Counts(place[table.text[kept]], table.word[kept], table.value[kept], rows.size, table.words)


def tf_idf(table: Counts, idf: npt.NDArray[np.float64]) -> Counts:
    """Returns the counts times the rarity of their words, each text scaled to length one, as scikit-learn does."""
    value = table.value * idf[table.word]
    length = np.sqrt(np.bincount(table.text, value**2, minlength=table.texts))
    return table._replace(value=value / np.maximum(length, 1e-300)[table.text])


def rarity(table: Counts) -> npt.NDArray[np.float64]:
    """Returns log((1 + texts) / (1 + texts with the word)) + 1 for each word."""
    seen = np.bincount(table.word, minlength=table.words)
    found: npt.NDArray[np.float64] = np.log((1 + table.texts) / (1 + seen)) + 1
    return found
