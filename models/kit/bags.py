"""Bags of weighed words: texts of any length one behind the other, some of them as a batch, and their weighed sums."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit.corpus import Counts
from models.kit.splits import Rows


class Bags(NamedTuple):
    """Texts as sparse rows: words `word[start[i]:start[i + 1]]` that count `value[…]` are text i."""

    start: npt.NDArray[np.int64]
    word: npt.NDArray[np.int64]
    value: npt.NDArray[np.float32]


class Batch(NamedTuple):
    """Some bags: their words, what each counts, of shape (words, 1), which bag each is in, and where bags begin."""

    word: tc.Tensor
    value: tc.Tensor
    bag: tc.Tensor
    start: tc.Tensor
    size: int


def bags(table: Counts) -> Bags:
    """Returns the texts of a sparse table one behind the other.

    >>> bags(Counts(np.array([0, 2]), np.array([5, 6]), np.array([1.0, 2.0]), 3, 7)).start.tolist()
    [0, 1, 1, 2]
    """
    lengths = np.bincount(table.text, minlength=table.texts)
    return Bags(np.concatenate([[0], np.cumsum(lengths)]), table.word, table.value.astype(np.float32))


def places(found: Bags, rows: Rows) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns where the words of some texts stand, and for each which of those texts it is in, from 0.

    >>> places(Bags(np.array([0, 1, 3]), np.array([4, 5, 6]), np.ones(3, dtype=np.float32)), np.array([1, 0]))
    (array([1, 2, 0]), array([0, 0, 1]))
    """
    lengths = found.start[rows + 1] - found.start[rows]
    bag = np.repeat(np.arange(rows.size), lengths)
    before = np.cumsum(lengths) - lengths
    return found.start[rows][bag] + np.arange(bag.size) - before[bag], bag


def batch(found: Bags, rows: Rows, *, kept: npt.NDArray[np.bool_] | None = None) -> Batch:
    """Returns some texts as a batch; with `kept`, one for each entry of the bags, only those entries.

    >>> batch(Bags(np.array([0, 1, 3]), np.array([4, 5, 6]), np.ones(3, dtype=np.float32)), np.array([1])).word.tolist()
    [5, 6]
    """
    place, bag = places(found, rows)
    if kept is not None:
        chosen = kept[place]
        place, bag = place[chosen], bag[chosen]
    start = np.searchsorted(bag, np.arange(rows.size))
    value = tc.as_tensor(found.value[place]).unsqueeze(-1)
    return Batch(tc.as_tensor(found.word[place]), value, tc.as_tensor(bag), tc.as_tensor(start), rows.size)


def summed(given: Batch, table: tc.Tensor) -> tc.Tensor:
    """Returns for each bag the sum of its words' rows of a table, each times what the word counts; (bags, width).

    >>> one = batch(Bags(np.array([0, 2]), np.array([0, 1]), np.array([1.0, 3.0], dtype=np.float32)), np.array([0]))
    >>> summed(one, tc.as_tensor([[1.0], [2.0]])).tolist()
    [[7.0]]
    """
    rows = tc.embedding(given.word, table, sparse=True) * given.value
    total: tc.Tensor = tc.zeros(given.size, table.shape[1], dtype=table.dtype).index_add(0, given.bag, rows)
    return total
