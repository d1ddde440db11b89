"""The words of a row: those of its texts, and whole names where a column holds lists of them; and what they count."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import bags, cells, corpus, tags
from models.kit.bags import Bags
from models.kit.errors import TableError

MOST_WORDS_OF_NAME = 5  # in the mean: "United Kingdom", "Jamie Lee Curtis"; beyond it a sign cuts sentences, not lists
SMOOTH = 1.0  # texts with and without a word that are added to those counted
FEWEST_OF_COMMON = 2  # texts with a word, so that the network learns more than one text from it

Vector = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]


class Lexicon(NamedTuple):
    """The words that count, the commonest first; their rarity; how each speaks for each label; how many are common.

    `ratio` has the shape (words, labels): |log P(word | label) − log P(word | no label)|, as in Wang and Manning
    (2012), Baselines and Bigrams.
    """

    words: tuple[str, ...]
    idf: Vector
    ratio: Vector
    common: int


def delimiters(frame: pl.DataFrame, names: Sequence[str]) -> dict[str, str]:
    """Returns the sign between the names of those columns that hold lists of names.

    >>> frame = pl.DataFrame({"plot": ["She sings, he does not."] * 4, "cast": ["Ann Lee, Bo", "Bo", "Ann Lee", "Bo"]})
    >>> delimiters(frame, ["plot", "cast"])
    {'cast': ','}
    """
    found = {}
    for name in names:
        present = cells.texts(frame[name]).drop_nulls().to_list()
        sign = tags.likely_delimiter(present) if present else ""
        parts = [len(part.split()) for text in present for part in text.split(sign or None)]
        alone = sum(any(mark in text for mark in ".!?") for text in present) < len(present) / 2  # no sentences
        if sign and alone and np.mean(parts) <= MOST_WORDS_OF_NAME:
            found[name] = sign
    return found


def tokens(frame: pl.DataFrame, names: Sequence[str], signs: Mapping[str, str], *, pairs: bool) -> list[list[str]]:
    """Returns the words of each row, each once for a column: names also with their column, so that roles are told.

    >>> frame = pl.DataFrame({"title": ["Blue Hill"], "cast": ["Ann Lee, Bo"]})
    >>> tokens(frame, ["title", "cast"], {"cast": ","}, pairs=False)
    [['blue', 'hill', 'ann lee', 'cast: ann lee', 'bo', 'cast: bo']]
    """
    found: list[list[str]] = [[] for _ in range(frame.height)]
    for place, name in enumerate(names):
        for row, text in zip(found, corpus.texts(frame, name), strict=True):
            if name in signs:
                parts = [part.strip().lower() for part in text.split(signs[name]) if part.strip()]
                row += [each for part in parts for each in (part, f"{name}: {part}")]
                continue
            if text.isdecimal():  # a year: itself, and its decade
                row += [f"{name}: {text}", f"{name}: {text[:-1]}…"]
                continue
            words = corpus.words(text)
            words = [*words, *map(" ".join, pairwise(words))] if pairs else words
            row += words if place == 0 else [f"{name}: {word}" for word in words]
    return found


def lexicon(cut: Sequence[Sequence[str]], truth: Marks, *, fewest_texts: int, most: int) -> Lexicon:
    """Returns what these (training) texts teach about words; raises `TableError` where there are too few.

    >>> lexicon([["a", "b"], ["a"]] * 20, np.array([[True], [False]] * 20), fewest_texts=1, most=9).idf.round(1)
    Traceback (most recent call last):
    models.kit.errors.TableError: 40 texts with 2 words to learn from; at least 20 texts and 10 words are needed \
(fewest_texts in config.yaml says how rare a word may be)
    """
    words = corpus.vocabulary(cut, fewest_texts=fewest_texts, most_share=1.0, most=most)
    corpus.checked(words, len(cut))
    table = corpus.counts(cut, words)
    seen = np.bincount(table.word, minlength=table.words)
    with_label = np.stack([np.bincount(table.word[has[table.text]], minlength=table.words) for has in truth.T], axis=1)
    have = truth.sum(axis=0)
    share = (with_label + SMOOTH) / (have + 2 * SMOOTH)
    rest = (seen[:, None] - with_label + SMOOTH) / (len(cut) - have + 2 * SMOOTH)
    ratio = np.abs(np.log(share / rest))
    return Lexicon(words, corpus.rarity(table), ratio, max(1, int((seen >= FEWEST_OF_COMMON).sum())))


def weighed(cut: Sequence[Sequence[str]], words: Sequence[str], idf: Vector) -> Bags:
    """Returns the texts as weighed words: a word once, times its rarity, and each text of length one."""
    table = corpus.counts(cut, words)
    return bags.bags(corpus.tf_idf(table._replace(value=np.ones_like(table.value)), idf))


def checked(frame: pl.DataFrame, names: Sequence[str]) -> Marks:
    """Returns which rows have any text; raises `TableError` where a column is missing or none has."""
    given = np.zeros(frame.height, dtype=np.bool_)
    if not names:
        raise TableError("texts: no column is named; name those that hold the texts, as [title, body]")
    for name in names:
        given |= np.array([bool(text) for text in corpus.texts(frame, name, setting="texts")])
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise TableError(f"texts: column {twice[0]!r} is named twice; name it once")
    return given
