"""Which column depends on which: an order of the columns first, then the arrows that the rows cannot do without.

Linear relations with noise of one variance have a determined order: the column that varies least, given those before
it, comes next (Chen, Drton and Wang, On causal discovery with an equal-variance assumption, 2019). So have relations
whose noise is not normal (DirectLiNGAM, Shimizu et al., 2011; pairwise as in Hyvärinen and Smith, 2013).
With normal noise of unlike variances the direction of many arrows is not in the data at all.
"""

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

import tensor_core as tc

Matrix = npt.NDArray[np.float64]
Graph = npt.NDArray[np.int64]  # 1 at [i, j]: an arrow from column i to column j

Noise = Literal["equal", "not_normal"]
SMALLEST = 1e-12
# the maximum-entropy approximation of Hyvärinen (1998)
K1, K2, GAMMA = 79.047, 7.4129, 0.37457
NORMAL_ENTROPY = (1 + math.log(2 * math.pi)) / 2


def discover(rows: Matrix, *, noise: Noise, caution: float) -> Graph:
    """Returns the arrows between the columns of rows (rows × columns).

    >>> generator = np.random.default_rng(0)
    >>> first, other = generator.normal(size=(2, 500))
    >>> discover(np.column_stack([2 * first + other, first]), noise="equal", caution=0.5).tolist()
    [[0, 0], [1, 0]]
    """
    with tc.no_grad():
        centred = tc.as_tensor(rows - rows.mean(axis=0))
        covariance = centred.mT @ centred / len(rows)
        order = by_variance(covariance) if noise == "equal" else by_shape(centred)
        return parents(covariance, order, rows=len(rows), caution=caution)


def by_variance(covariance: tc.Tensor) -> list[int]:
    """Returns the columns in an order in which each varies least given those before it.

    >>> by_variance(tc.tensor([[5.0, 2.0], [2.0, 1.0]]))
    [1, 0]
    """
    left, order = covariance, []
    taken = np.zeros(len(covariance))
    for _ in range(len(covariance)):
        chosen = int(np.argmin(left.diagonal().numpy() + taken))
        order.append(chosen)
        taken[chosen] = np.inf
        # what is left of all columns when the chosen one is known
        left = left - tc.outer(left[:, chosen], left[:, chosen]) / left[chosen, chosen].clamp(min=SMALLEST)
    return order


def by_shape(rows: tc.Tensor) -> list[int]:
    """Returns the columns in an order in which each is least the effect of those after it, by its shape."""
    left, order = list(range(rows.shape[1])), []
    while len(left) > 1:
        part = rows[:, tc.as_tensor(np.array(left))]
        part = (part - part.mean(0)) / part.std(0, correction=0).clamp(min=SMALLEST)
        likely = (part.mT @ part / len(part)).clamp(min=-1 + 1e-9, max=1 - 1e-9)
        single = _entropy(part)
        # entropy of each column once another is taken out of it, [i, j]: i without j
        without = tc.stack([_entropy(_apart(part, likely[:, other], other)) for other in range(len(left))], 1)
        lead = single.unsqueeze(0) + without - single.unsqueeze(1) - without.mT  # above 0: the row causes the column
        against = (lead.clamp(max=0) ** 2 * (1 - tc.eye(len(left), dtype=rows.dtype))).sum(1)
        chosen = int(against.argmin().item())
        first = rows[:, left[chosen]].unsqueeze(1)
        order.append(left.pop(chosen))
        slope = (first.mT @ rows) / (first * first).sum().clamp(min=SMALLEST)
        known = tc.as_tensor(np.isin(np.arange(rows.shape[1]), left).astype(np.float64))
        rows = rows - first @ (slope * known)
    return order + left


def _apart(part: tc.Tensor, likely: tc.Tensor, other: int) -> tc.Tensor:
    """Returns each column without what the other one says about it, scaled to a spread of one."""
    found: tc.Tensor = (part - part[:, other : other + 1] * likely) / (1 - likely**2).sqrt()
    return found


def _entropy(scaled: tc.Tensor) -> tc.Tensor:
    """Returns about how much entropy each column of spread one has; the normal one has most."""
    tails = (scaled.abs() + (-2 * scaled.abs()).exp().log1p() - math.log(2)).mean(0)  # log cosh, without overflow
    skew = (scaled * (-(scaled**2) / 2).exp()).mean(0)
    found: tc.Tensor = NORMAL_ENTROPY - K1 * (tails - GAMMA) ** 2 - K2 * skew**2
    return found


def parents(covariance: tc.Tensor, order: list[int], *, rows: int, caution: float) -> Graph:
    """Returns the arrows from earlier to later columns that remain when needless ones are taken out, one at a time.

    An arrow is needless if without it the extended BIC is lower (Foygel and Drton, 2010): it must raise the
    log-likelihood by more than (log rows + 4 · caution · log columns) / 2. Caution 0 is the plain BIC.
    """
    columns = len(order)
    price = math.log(rows) + 4 * caution * math.log(max(columns, 2))
    graph = np.zeros((columns, columns), dtype=np.int64)
    for place, child in enumerate(order):
        kept = list(order[:place])
        while kept:
            at = tc.as_tensor(np.array(kept))
            inner = covariance[at][:, at]
            inverse = tc.linalg.inv(inner + SMALLEST * tc.eye(len(kept), dtype=covariance.dtype))
            crossed = covariance[at][:, child]
            weights = inverse @ crossed
            left = float((covariance[child, child] - (weights * crossed).sum()).item())
            loss = (weights**2 / inverse.diagonal()).numpy() / max(left, SMALLEST)  # by which share the rest would grow
            least = int(np.argmin(loss))
            if rows * math.log1p(loss[least]) > price:
                break
            kept.pop(least)
        graph[kept, child] = 1
    return graph


def distance(graph: Graph, truth: Graph) -> int:
    """Returns the structural Hamming distance: pairs of columns with another arrow, none, or one too many.

    >>> distance(np.array([[0, 1], [0, 0]]), np.array([[0, 0], [1, 0]]))
    1
    """
    differs = (graph != truth) | (graph.T != truth.T)
    return int(np.triu(differs, 1).sum())


def equations(rows: Matrix, graph: Graph) -> tuple[Matrix, Matrix, Matrix]:
    """Returns means, weights ([i, j]: of column i in column j) and noise variances of the arrows' linear equations."""
    mean = rows.mean(axis=0)
    centred = rows - mean
    weights = np.zeros(graph.shape)
    for child in range(len(graph)):
        found = np.flatnonzero(graph[:, child])
        if found.size:
            weights[found, child] = np.linalg.lstsq(centred[:, found], centred[:, child], rcond=None)[0]
    variances = np.maximum(((centred - centred @ weights) ** 2).mean(axis=0), SMALLEST)
    return mean, weights, variances
