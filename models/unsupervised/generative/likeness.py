"""How like real rows made-up rows are: the distance of what a small network sees in them, and a two-sample test."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc

Matrix = npt.NDArray[np.float64]
Kinds = npt.NDArray[np.int64]

WIDTH, STEPS, RATE = 64, 400, 3e-3  # of the network that looks at the rows
PERMUTATIONS = 200
MOST_TESTED = 400  # rows of each side in the two-sample test


class Eye(NamedTuple):
    """A perceptron that tells the kinds apart; its hidden layer is what it sees. Without kinds it sees the rows.

    `scale` is how far the rows it learned from reach, from the least entry to the largest: it sees them divided by it.
    """

    scale: float
    weights: Matrix
    bias: Matrix
    out: Matrix
    out_bias: Matrix


def eye(inputs: Matrix, kinds: Kinds, number: int, *, seed: int) -> Eye:
    """Returns a perceptron trained to tell the kinds apart; with one kind, one that sees the rows as they are."""
    features, scale = inputs.shape[1], float(np.ptp(inputs)) or 1.0
    if number == 1:
        return Eye(scale, np.eye(features), np.zeros(features), np.zeros((features, 1)), np.zeros(1))
    tc.manual_seed(seed)
    first, last = tc.nn.Linear(features, WIDTH), tc.nn.Linear(WIDTH, number)
    adam = tc.optim.Adam([*first.parameters(), *last.parameters()], lr=RATE)
    rows, right = tc.as_tensor((inputs / scale).astype(np.float32)), tc.as_tensor(kinds)
    for _ in range(STEPS):
        adam.zero_grad()
        tc.cross_entropy(last(tc.relu(first(rows))), right).backward()
        adam.step()
    state = [
        {name: value.detach().numpy().astype(np.float64) for name, value in each.state_dict().items()}
        for each in (first, last)
    ]
    return Eye(scale, state[0]["weight"].T, state[0]["bias"], state[1]["weight"].T, state[1]["bias"])


def seen(eye: Eye, rows: Matrix) -> Matrix:
    """Returns what the eye sees of rows: its hidden layer."""
    found = rows / eye.scale @ eye.weights + eye.bias
    hidden: Matrix = np.maximum(found, 0) if eye.out.shape[1] > 1 else found
    return hidden


def taken_for(eye: Eye, rows: Matrix) -> Kinds:
    """Returns which kind the eye takes each row for."""
    kinds: Kinds = (seen(eye, rows) @ eye.out + eye.out_bias).argmax(axis=1)
    return kinds


def frechet(one: Matrix, other: Matrix) -> float:
    """Returns the Fréchet distance of two samples, each taken for a Gaussian (Heusel et al., 2017).

    >>> frechet(np.array([[0.0], [2.0]]), np.array([[3.0], [5.0]]))
    9.0
    """
    means = one.mean(axis=0) - other.mean(axis=0)
    first, second = (np.atleast_2d(np.cov(each.T)) for each in (one, other))
    roots = np.sqrt(np.clip(np.linalg.eigvals(first @ second).real, 0, None)).sum()
    return float(means @ means + np.trace(first) + np.trace(second) - 2 * roots)


def same_source(one: Matrix, other: Matrix, *, seed: int) -> float:
    """Returns how often a random division of all rows is as far apart as the given one: a p-value; small: they differ.

    The maximum mean discrepancy with a Gaussian kernel of the median width (Gretton et al., A Kernel Two-Sample Test,
    2012).

    >>> rows = np.random.default_rng(0).normal(size=(100, 2))
    >>> same_source(rows[:50], rows[50:] + 3, seed=0) < 0.05
    True
    """
    generator = np.random.default_rng(seed)
    size = min(MOST_TESTED, len(one), len(other))
    both = np.concatenate([each[generator.permutation(len(each))[:size]] for each in (one, other)])
    squares = ((both[:, None] - both[None]) ** 2).sum(axis=2) if both.size < 20_000 else _squares(both)
    kernel = np.exp(-squares / max(float(np.median(squares[squares > 0])), 1e-12))
    np.fill_diagonal(kernel, 0)
    sign = np.repeat([1.0, -1.0], size)
    own = sign @ kernel @ sign
    drawn = [each @ kernel @ each for each in (generator.permutation(sign) for _ in range(PERMUTATIONS))]
    return float((1 + sum(value >= own for value in drawn)) / (1 + PERMUTATIONS))


def _squares(rows: Matrix) -> Matrix:
    lengths = (rows**2).sum(axis=1)
    found: Matrix = np.clip(lengths[:, None] + lengths - 2 * rows @ rows.T, 0, None)
    return found
