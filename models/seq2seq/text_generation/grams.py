"""Interpolated Kneser-Ney: how likely each symbol is after those before it, from counts of short runs of symbols.

Kneser and Ney (1995), Improved Backing-off for M-gram Language Modeling, in the interpolated form of Chen and Goodman
(1999), An Empirical Study of Smoothing Techniques for Language Modeling, with one discount for each order. A run of
symbols is one number, the newest symbol in its lowest bits, so that counting and looking up are sorts and searches.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

START = 0  # the symbol before a text
BITS = 62  # of the number of a run


class Order(NamedTuple):
    """Runs of one length with their counts, less the discount; their beginnings with total and share left over."""

    runs: Ids
    counts: Floats
    contexts: Ids
    totals: Floats
    left: Floats


class Grams(NamedTuple):
    """Counted runs by length, from one symbol on, and how many symbols there are."""

    orders: tuple[Order, ...]
    symbols: int


def most(symbols: int) -> int:
    """Returns the length of the longest run that has a number.

    >>> most(100)
    8
    """
    return BITS // _width(symbols)


def learn(texts: Sequence[Ids], *, symbols: int, order: int) -> Grams:
    """Returns the counts of runs of up to `order` symbols in texts of numbers from 1 to `symbols` - 1.

    >>> grams = learn([np.array([1, 2, 1, 2, 3])], symbols=4, order=2)
    >>> bits(grams, [np.array([1, 2]), np.array([1, 3])])[1].round(2).tolist()
    [0.51, 3.74]
    """
    width = _width(symbols)
    keys = _keys(texts, order + 1, width)
    found = []
    for length in range(1, order + 1):
        raw, times = np.unique(keys[length - 1], return_counts=True)
        counts = times.astype(np.float64)
        if length < order:  # in how many ways a run goes on to the left; where a text begins, nothing is left of it
            longer = np.unique(keys[length])
            tails, ways = np.unique(longer & ((1 << width * length) - 1), return_counts=True)
            begins = raw >> width * (length - 1) == START
            counts = np.where(begins, counts, ways[np.searchsorted(tails, raw)])
        once, twice = (counts == 1).sum(), (counts == 2).sum()
        discount = once / (once + 2 * twice) if once and twice else 0.5
        contexts, place = np.unique(raw >> width, return_inverse=True)
        totals = np.asarray(np.bincount(place, counts), np.float64)
        kinds = np.bincount(place)
        found.append(Order(raw, counts - discount, contexts, totals, discount * kinds / totals))
    return Grams(tuple(found), symbols)


def bits(grams: Grams, texts: Sequence[Ids]) -> list[Floats]:
    """Returns −log₂ of the probability of each symbol of each text, given all before it."""
    width = _width(grams.symbols)
    keys = _keys(texts, len(grams.orders), width)
    chance = np.full(keys.shape[1], 1 / (grams.symbols - 1))
    for length, order in enumerate(grams.orders):
        before, seen = _look(order.contexts, keys[length] >> width)
        at, known = _look(order.runs, keys[length])
        share = np.where(known, order.counts[at], 0.0) / order.totals[before]
        chance = np.where(seen, share + order.left[before] * chance, chance)
    ends = np.cumsum([text.size for text in texts])
    return np.split(-np.log2(chance), ends[:-1])


def _width(symbols: int) -> int:
    return max(1, int(symbols - 1).bit_length())


def _keys(texts: Sequence[Ids], order: int, width: int) -> Ids:
    """Returns the numbers of the runs that end at each symbol of all texts, of shape (order, symbols)."""
    sizes = np.array([text.size for text in texts], dtype=np.int64)
    symbols = np.concatenate([*texts, np.zeros(0, dtype=np.int64)])
    step = np.arange(symbols.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    keys = np.zeros((order, symbols.size), dtype=np.int64)
    run = np.zeros(symbols.size, dtype=np.int64)
    for back in range(order):
        moved = np.concatenate([np.full(back, START), symbols])[: symbols.size]
        run = run + (np.where(step >= back, moved, START) << width * back)
        keys[back] = run
    return keys


def _look(known: Ids, asked: Ids) -> tuple[Ids, npt.NDArray[np.bool_]]:
    """Returns the place of each number among the known ones, and whether it is there."""
    place = np.minimum(np.searchsorted(known, asked), known.size - 1)
    return place, known[place] == asked
