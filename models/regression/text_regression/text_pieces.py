"""The pieces of a text: its words, pairs of words and runs of letters, how much each counts, and how long the text is.

How much a piece counts before anything is fitted follows naive Bayes for classes (Wang and Manning, 2012, Baselines and
Bigrams), with a number in the place of the classes: its rarity times the root of how surely texts with it are above or
below the mean. Without the root a few hundred texts are taken too literally.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.kit import bags, corpus
from models.kit.bags import Bags
from models.kit.corpus import Counts

SHORTEST, LONGEST = 3, 5  # letters of a run; the ends of a word are marked, so "<un" is not the "un" of "fund"
SMOOTH = 5.0  # texts at the mean that are added to those with a piece
LENGTH_SHARE = 0.05  # how far the length of a text counts beside its pieces
FARTHEST = 3.0  # standard deviations of the logarithm of lengths

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+")

Vector = npt.NDArray[np.float64]


class Cut(NamedTuple):
    """Texts in pieces, each once a text: words and pairs, runs of letters; and the number of words."""

    words: list[list[str]]
    letters: list[list[str]]
    lengths: npt.NDArray[np.int64]

    def take(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> "Cut":
        """Returns some of the texts."""
        return Cut([self.words[row] for row in rows], [self.letters[row] for row in rows], self.lengths[rows])


class Lexicon(NamedTuple):
    """The words and runs of letters that count, the commonest first; how much each of both does; usual lengths."""

    words: tuple[str, ...]
    letters: tuple[str, ...]
    emphasis: Vector
    mean_length: float
    spread_length: float

    @property
    def size(self) -> int:
        """How many weights there are: one for each piece, and one for the length."""
        return len(self.words) + len(self.letters) + 1


def cut(texts: Sequence[str], *, pairs: bool, letters: bool) -> Cut:
    """Returns the pieces of each text; numbers are words, too.

    >>> cut(["Not 2, not 2!"], pairs=True, letters=True)[:2]
    ([['not', '2', 'not 2', '2 not']], [['<no', 'not', 'ot>', '<not', 'not>']])
    """
    words = [_WORD.findall(text.lower()) for text in texts]
    runs = [_unique(run for word in set(text) for run in _runs(word)) if letters else [] for text in words]
    with_pairs = [_unique([*text, *map(" ".join, pairwise(text))] if pairs else text) for text in words]
    return Cut(with_pairs, runs, np.array([len(text) for text in words], dtype=np.int64))


def _unique(pieces: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(pieces))


@lru_cache(maxsize=100_000)
def _runs(word: str) -> tuple[str, ...]:
    """Returns the runs of letters of a word, whose ends are marked; the whole word with both marks is none."""
    marked = f"<{word}>"
    sizes = range(SHORTEST, min(LONGEST, len(marked) - 1) + 1)
    return tuple(marked[start : start + size] for size in sizes for start in range(len(marked) - size + 1))


class Table(NamedTuple):
    """All texts as pieces that count: a sparse table of words and one of letters, and the lengths."""

    words: Counts
    letters: Counts
    lengths: npt.NDArray[np.int64]


def vocabularies(known: Cut, *, fewest_texts: int, most: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the words and the runs of letters that count; raises `TableError` where the texts are too few."""
    words, letters = (
        corpus.vocabulary(each, fewest_texts=fewest_texts, most_share=1.0, most=most) for each in known[:2]
    )
    return corpus.checked(words, len(known.words)), letters


def table(texts: Cut, words: Sequence[str], letters: Sequence[str]) -> Table:
    """Returns texts as the pieces of two vocabularies."""
    return Table(corpus.counts(texts.words, words), corpus.counts(texts.letters, letters), texts.lengths)


def lexicon(
    words: tuple[str, ...], letters: tuple[str, ...], found: Table, rows: npt.NDArray[np.int64], scaled: Vector
) -> Lexicon:
    """Returns what those (training) rows of the table teach, whose numbers, centred and scaled, are `scaled`."""
    emphasis = [telling(corpus.take(each, rows), scaled) for each in (found.words, found.letters)]
    lengths = np.log1p(found.lengths[rows])
    return Lexicon(words, letters, np.concatenate(emphasis), float(lengths.mean()), float(lengths.std()) or 1.0)


def telling(table: Counts, scaled: Vector) -> Vector:
    """Returns how much each piece counts: its rarity times the root of |Σ scaled numbers| / √(texts + smoothing).

    >>> counts = corpus.counts([["good"], ["good", "day"], ["bad"], ["bad", "day"]], ["good", "day", "bad"])
    >>> telling(counts, np.array([1.0, 1.0, -1.0, -1.0])).round(2).tolist()
    [1.31, 0.0, 1.31]
    """
    texts = np.bincount(table.word, minlength=table.words)
    total = np.bincount(table.word, scaled[table.text], minlength=table.words)
    found: Vector = corpus.rarity(table) * np.sqrt(np.abs(total) / np.sqrt(texts + SMOOTH))
    return found


def weighed(found: Table, known: Lexicon, *, letters_share: float) -> Bags:
    """Returns the texts as bags: the squares of words add up to `1 - letters_share`, those of letters to the rest.

    The last piece is the length; an empty text has none, so that it is given the mean.
    """
    edge = len(known.words)
    words = corpus.tf_idf(found.words, known.emphasis[:edge])
    letters = corpus.tf_idf(found.letters, known.emphasis[edge:])
    lengths = np.clip((np.log1p(found.lengths) - known.mean_length) / known.spread_length, -FARTHEST, FARTHEST)
    given = np.flatnonzero(found.lengths)
    text = np.concatenate([words.text, letters.text, given])
    piece = np.concatenate([words.word, letters.word + edge, np.full(given.size, known.size - 1)])
    value = np.concatenate(
        [
            np.sqrt(1 - letters_share) * words.value,
            np.sqrt(letters_share) * letters.value,
            np.sqrt(LENGTH_SHARE) * lengths[given],
        ]
    )
    order = np.argsort(text, kind="stable")
    return bags.bags(Counts(text[order], piece[order], value[order], found.lengths.size, known.size))
