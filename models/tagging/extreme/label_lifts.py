"""What a word says of a label by itself: how much oftener the two stand together than by chance.

Vectors are learned well for labels that are common, and hardly at all for one that two or three texts have; there the
words of those texts say more. So each pair of a word and a label that stood together has a weight, the logarithm of
its lift, drawn towards nought where it rests on little (a naive Bayes of words and labels; Manning, Raghavan and
Schütze, 2008, Introduction to Information Retrieval, section 13.2). How far, and how much it counts beside the vectors,
is chosen on the validation texts.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.kit import bags
from models.kit.bags import Bags
from models.kit.splits import Rows

SHRINKING = (10.0, 100.0, 1_000.0)  # texts by chance that are added to those counted
SHARES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)  # of the lifts beside the vectors
STEPS = 50  # of Newton's method, at most

Vector = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


class Lifts(NamedTuple):
    """The labels that each word stood with and their log-lifts, and the logarithm of how often each label is."""

    pairs: Bags
    prior: Vector


class Blend(NamedTuple):
    """How much the lifts count beside the vectors, and the learned weights beside both; and what makes log-odds of the
    sum and of its place among others.
    """

    share: float
    trust: float
    slope: float
    fall: float
    shift: float

    def chances(self, values: Vector) -> Vector:
        """Returns how likely answers are right; values of shape (texts, answers), best first.

        >>> Blend(1.0, 0.0, 1.0, 0.0, 0.0).chances(np.zeros((1, 2))).tolist()
        [[0.5, 0.5]]
        """
        found: Vector = 1 / (1 + np.exp(-(self.slope * values + self.fall * _depth(values) + self.shift)))
        return found


def counted(texts: Bags, rows: Rows, has: list[Places], *, words: int, labels: int) -> Callable[[float], Lifts]:
    """Returns a function from how much is added to the lifts of these texts; pairs are counted once.

    >>> texts = Bags(np.array([0, 1, 2]), np.array([0, 1]), np.ones(2, dtype=np.float32))
    >>> found = counted(texts, np.array([0, 1]), [np.array([1]), np.array([0])], words=2, labels=2)(1.0)
    >>> found.pairs.word.tolist(), [round(float(value), 2) for value in found.pairs.value]
    ([1, 0], [0.41, 0.41])
    """
    from scipy.sparse import csr_matrix

    place, text = bags.places(texts, rows)
    seen = csr_matrix((np.ones(place.size), (text, texts.word[place])), shape=(rows.size, words))
    seen.sum_duplicates()
    seen.data[:] = 1.0
    owner = np.repeat(np.arange(rows.size), [has[row].size for row in rows])
    own = np.concatenate([has[row] for row in rows])
    given = csr_matrix((np.ones(own.size), (owner, own)), shape=(rows.size, labels))
    together = (seen.T @ given).tocsr()
    often, each = np.asarray(seen.sum(axis=0)).ravel(), np.asarray(given.sum(axis=0)).ravel()
    word = np.repeat(np.arange(words), np.diff(together.indptr))
    share = often[word] / rows.size
    number, label = each[together.indices], together.indices.astype(np.int64)
    prior = np.log(np.maximum(each, 1.0))

    def lifts(added: float) -> Lifts:
        value = np.log((together.data + added * share) / (number + added) / share)
        kept = value > 0  # a word that is there speaks for a label or says nothing
        start = np.concatenate([[0], np.cumsum(np.bincount(word[kept], minlength=words))])
        return Lifts(Bags(start, label[kept], value[kept].astype(np.float32)), prior)

    return lifts


def scores(lifts: Lifts, texts: Bags, rows: Rows) -> Vector:
    """Returns for each text and label the sum of the lifts of the text's words and the label's prior; (texts, labels).

    >>> pairs = Bags(np.array([0, 1, 3]), np.array([1, 0, 1]), np.array([0.5, 1.0, 2.0], dtype=np.float32))
    >>> texts = Bags(np.array([0, 2]), np.array([0, 1]), np.ones(2, dtype=np.float32))
    >>> scores(Lifts(pairs, np.zeros(2)), texts, np.array([0])).tolist()
    [[1.0, 2.5]]
    """
    place, text = bags.places(texts, rows)
    pair, at = bags.places(lifts.pairs, texts.word[place])
    labels = lifts.prior.size
    key = text[at] * labels + lifts.pairs.word[pair]
    found = np.bincount(key, weights=lifts.pairs.value[pair], minlength=rows.size * labels)
    total: Vector = found.reshape(rows.size, labels) + lifts.prior
    return total


def _depth(values: Vector) -> Vector:
    """Returns the logarithm of each answer's place, counted from 1, of the shape of `values`."""
    return np.broadcast_to(np.log(np.arange(1, values.shape[1] + 1)), values.shape)


def judged(share: float, trust: float, values: Vector, right: npt.NDArray[np.bool_]) -> Blend:
    """Returns the blend whose chances fit best to which answers are right; both of shape (texts, answers), best first.

    Where all are right or all are wrong nothing can be said, and the values are log-odds (Platt, 1999, Probabilistic
    Outputs for Support Vector Machines).

    >>> right = np.array([[True, False], [False, False], [True, True]])
    >>> judged(1.0, 0.0, np.array([[2.0, 1.0], [0.5, 0.4], [4.0, 3.0]]), right).chances(np.array([[3.0, 2.0]])).round(1)
    array([[0.8, 0.5]])
    """
    if right.all() or not right.any():
        return Blend(share, trust, 1.0, 0.0, 0.0)
    inputs = np.stack([values.ravel(), _depth(values).ravel(), np.ones(values.size)], axis=1)
    # One answer more on each side, as Platt does, so that what is told apart without a fault stays finite.
    high, low = (right.sum() + 1) / (right.sum() + 2), 1 / ((~right).sum() + 2)
    wanted, found = np.where(right.ravel(), high, low), np.zeros(3)
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(inputs @ found, -30, 30)))
        curve = inputs.T @ (inputs * (chance * (1 - chance))[:, None]) + 1e-6 * np.eye(3)
        moved = np.linalg.solve(curve, inputs.T @ (wanted - chance))
        found = found + moved
        if np.abs(moved).max() < 1e-9:
            break
    slope, fall, shift = found.tolist()
    usable = slope > 0 and fall <= 0
    return Blend(share, trust, slope, fall, shift) if usable else Blend(share, trust, 1.0, 0.0, 0.0)
