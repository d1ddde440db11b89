"""Bayesian matrix factorisation, sampled by Gibbs: every person and every item is drawn anew, given all the others.

After Salakhutdinov and Mnih (2008), Bayesian Probabilistic Matrix Factorization using Markov Chain Monte Carlo, with a
precision of its own for each dimension in place of a Wishart matrix, and a bias for each person and item. A rating is
the mean + person bias + item bias + person · item + noise. Averaging the predictions of many draws is what keeps a
person of three ratings from being believed too much: no strength of a penalty has to be tuned.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc

Vector = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

WIDEST = 1.3  # entries of a batch have at most so many times the ratings of its smallest, so that little is padding
SMALLEST_WIDTH = 8  # ratings
START = 0.1  # standard deviation of the first draw
PRIOR_COUNT = PRIOR_SHAPE = PRIOR_RATE = 1.0  # of the normal-gamma prior over the mean and precision of each dimension


class Batch(NamedTuple):
    """Entries (people, or items) with about equally many ratings: which, their counterparts, the ratings, what counts.

    entry (n,), other (n, w), rating (n, w) less the mean, mask (n, w), 1 where there is a rating.
    """

    entry: Places
    other: tc.Tensor
    rating: tc.Tensor
    mask: tc.Tensor


class Draw(NamedTuple):
    """One draw of one side: a row for each entry, its dimensions and last its bias; and the row of an unknown entry."""

    rows: tc.Tensor
    unknown: Vector


def batches(own: Places, other: Places, rating: Vector, *, entries: int) -> list[Batch]:
    """Returns the ratings by entry, in batches of about equally many, those without a rating included.

    >>> [batch.entry.tolist() for batch in batches(np.array([0, 0, 2]), np.array([1, 0, 1]), np.ones(3), entries=3)]
    [[1, 2, 0]]
    """
    order = np.argsort(own, kind="stable")
    counts = np.bincount(own, minlength=entries)
    starts = np.concatenate([[0], counts.cumsum()])
    by_count = np.argsort(counts, kind="stable")
    made, begin = [], 0
    while begin < entries:
        most = max(SMALLEST_WIDTH, int(counts[by_count[begin]] * WIDEST))
        end = int(np.searchsorted(counts[by_count], most, side="right"))
        chosen = by_count[begin:end]
        width = max(1, int(counts[chosen].max()))
        mask = np.arange(width) < counts[chosen][:, None]
        places = order[np.where(mask, starts[chosen][:, None] + np.arange(width), 0)]
        made.append(
            Batch(
                chosen,
                tc.as_tensor(other[places]),
                tc.as_tensor(rating[places] * mask),
                tc.as_tensor(mask.astype(np.float64)),
            )
        )
        begin = end
    return made


def start(entries: int, rank: int) -> Draw:
    """Returns a first draw: small dimensions, no bias."""
    rows = tc.cat([START * tc.randn(entries, rank, dtype=tc.float64), tc.zeros(entries, 1, dtype=tc.float64)], 1)
    return Draw(rows, np.zeros(rank + 1))


def draw(own: Draw, other: Draw, ratings: Sequence[Batch], noise: float, generator: np.random.Generator) -> Draw:
    """Returns a new draw of one side, given the other; `noise` is the precision of a rating."""
    mean, precision = _priors(own.rows.numpy(), generator)
    middle, sharp = tc.as_tensor(mean), tc.as_tensor(precision)
    rank = mean.size - 1
    rows = own.rows.numpy().copy()
    for batch in ratings:
        around = other.rows[batch.other]
        ones = tc.ones(*batch.mask.shape, 1, dtype=tc.float64)
        design = tc.cat([around[:, :, :rank], ones], 2) * batch.mask.unsqueeze(2)
        left = (batch.rating - around[:, :, rank]) * batch.mask
        inner = noise * (design.mT @ design) + tc.diag(sharp)
        pull = noise * (design.mT @ left.unsqueeze(2)) + (sharp * middle).reshape(1, -1, 1)
        root = tc.linalg.cholesky(inner)
        spread = tc.randn(*pull.shape, dtype=tc.float64)
        rows[batch.entry] = (tc.linalg.solve(inner, pull) + tc.linalg.solve(root.mT, spread))[:, :, 0].numpy()
    return Draw(tc.as_tensor(rows), mean)


def draw_noise(errors: Vector, generator: np.random.Generator) -> float:
    """Returns the precision of a rating, drawn from its gamma distribution given all errors."""
    return float(generator.gamma(PRIOR_SHAPE + errors.size / 2, 1 / (PRIOR_RATE + (errors @ errors) / 2)))


def ratings(person: Draw, item: Draw, who: Places, what: Places) -> Vector:
    """Returns what one draw says of each pair, less the mean."""
    one, other = person.rows.numpy()[who], item.rows.numpy()[what]
    return np.asarray((one[:, :-1] * other[:, :-1]).sum(axis=1) + one[:, -1] + other[:, -1])


def _priors(rows: Vector, generator: np.random.Generator) -> tuple[Vector, Vector]:
    """Returns the mean and precision of each dimension, drawn given all entries (normal-gamma)."""
    entries, mean = len(rows), rows.mean(axis=0)
    squares = ((rows - mean) ** 2).sum(axis=0) + entries * PRIOR_COUNT / (entries + PRIOR_COUNT) * mean**2
    precision = generator.gamma(PRIOR_SHAPE + entries / 2, 1 / (PRIOR_RATE + squares / 2))
    weight = entries + PRIOR_COUNT
    return generator.normal(entries * mean / weight, 1 / np.sqrt(weight * precision)), precision
