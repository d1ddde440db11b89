"""Censored feedback: people rate what they like, so the ratings that exist are too good; a simulation with known truth.

After Schnabel et al. (2016), Recommendations as Treatments. A matrix of true ratings is drawn; a cell is observed with
a chance that rises with its rating. The plain mean and a plain matrix factorisation learn from the observed cells as
they are; the weighted ones count each by the inverse of its chance. Truth is the whole matrix, so what is lost, and
what the weights give back, can be measured. In real data the chances are unknown: `show a small share at random` is how
they become known.
"""

import sys
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc

PEOPLE, ITEMS, RANK = 150, 100, 3
OBSERVED = 0.10  # of all cells
PULL = 1.2  # by how much a rating that is higher by one raises the log of the chance
RAREST = 0.005  # chances below it are counted as this much, which bounds the weight of one cell
STEPS, LEARNING_RATE = 300, 0.03
RIDGE = 0.03  # penalty of all dimensions and biases, of the weighted mean squared error
SEEDS = 3

Vector = npt.NDArray[np.float64]


class Found(NamedTuple):
    """Means and errors over the simulations; the errors are taken over all cells, observed or not."""

    true_mean: float
    naive_mean: float
    weighted_mean: float
    naive_rmse: float
    weighted_rmse: float
    simulations: int


class World(NamedTuple):
    """The true ratings (people, items), each cell's chance to be observed, and which cells were."""

    rating: Vector
    chance: Vector
    observed: npt.NDArray[np.bool_]


def world(seed: int) -> World:
    """Returns true ratings from 1 to 5 and what is seen of them.

    >>> drawn = world(0)
    >>> bool(drawn.rating[drawn.observed].mean() > drawn.rating.mean())
    True
    """
    generator = np.random.default_rng(seed)
    person, item = generator.normal(size=(PEOPLE, RANK)), generator.normal(size=(ITEMS, RANK))
    biases = generator.normal(0, 0.4, (PEOPLE, 1)) + generator.normal(0, 0.4, (1, ITEMS))
    rating = np.clip(3 + biases + 0.6 * person @ item.T + generator.normal(0, 0.3, (PEOPLE, ITEMS)), 1, 5)
    raw = np.exp(PULL * rating)
    chance = np.minimum(1.0, raw * OBSERVED / raw.mean())
    return World(rating, chance, generator.random(rating.shape) < chance)


def learned(drawn: World, weight: Vector, *, seed: int) -> Vector:
    """Returns the ratings of all cells, factorised from the observed ones, each counted by its weight."""
    tc.manual_seed(seed)
    who, what = (tc.as_tensor(each) for each in np.nonzero(drawn.observed))
    known = drawn.rating[drawn.observed]
    mean = float(np.average(known, weights=weight))
    left, share = tc.as_tensor(known - mean), tc.as_tensor(weight / weight.sum())
    sizes = ((PEOPLE, RANK), (ITEMS, RANK), (PEOPLE, 1), (ITEMS, 1))
    weights = [tc.nn.Parameter(0.1 * tc.randn(*size, dtype=tc.float64)) for size in sizes]
    person, item, person_bias, item_bias = weights
    adam = tc.optim.Adam(weights, lr=LEARNING_RATE)
    for _ in range(STEPS):
        given = (person[who] * item[what]).sum(1) + person_bias[who, 0] + item_bias[what, 0]
        penalty = sum((each * each).mean() for each in weights)
        loss = (share * (given - left) ** 2).sum() + RIDGE * penalty
        adam.zero_grad()
        loss.backward()
        adam.step()
    with tc.no_grad():
        return np.asarray((person @ item.T + person_bias + item_bias.T).numpy()) + mean


def check(*, seed: int, simulations: int = SEEDS) -> Found:
    """Returns what the plain and the weighted way find, averaged over some simulations."""
    rows = []
    for place in range(simulations):
        drawn = world(seed + place)
        known = drawn.rating[drawn.observed]
        inverse = 1 / np.maximum(drawn.chance[drawn.observed], RAREST)
        ways = [learned(drawn, weight, seed=seed + place) for weight in (np.ones(known.size), inverse)]
        errors = [float(np.sqrt(((way - drawn.rating) ** 2).mean())) for way in ways]
        rows.append((drawn.rating.mean(), known.mean(), np.average(known, weights=inverse), *errors))
    true, naive, weighted, naive_error, weighted_error = (float(value) for value in np.mean(rows, axis=0))
    return Found(true, naive, weighted, naive_error, weighted_error, simulations)


if __name__ == "__main__":
    sys.stdout.write("".join(f"{name:>14}  {value:.4g}\n" for name, value in check(seed=0)._asdict().items()))
