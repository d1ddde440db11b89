"""A mixture of Gaussians on tensor_core, fitted by expectation and maximisation, with covariances that lend each other.

Dempster, Laird and Rubin (1977). A component of few rows takes its covariance in part from the pooled one of all
components (shrinkage, as in Friedman, Regularized Discriminant Analysis, 1989), so that it cannot collapse on them.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc

Matrix = npt.NDArray[np.float64]

SMALLEST = 1e-12  # rows that a component holds at least, in the divisions
GAIN = 1e-4  # nats a row: less than that, and the steps end
FIRST_GROUPING = 20  # steps of k-means


class Mixture(NamedTuple):
    """Log weights (components), means (components × features), whitenings (components × features × features).

    A whitening is the upper triangle W with WᵀΣW = 1; `offset` is log |W| − d/2 · log 2π of each component.
    """

    log_weights: tc.Tensor
    means: tc.Tensor
    whitenings: tc.Tensor
    offset: tc.Tensor


def joint(rows: tc.Tensor, mixture: Mixture) -> tc.Tensor:
    """Returns the log density of each row together with each component, of shape (rows, components)."""
    columns = [
        ((rows - mean) @ whitening).square().sum(1, keepdim=True)
        for mean, whitening in zip(mixture.means.unbind(0), mixture.whitenings.unbind(0), strict=True)
    ]
    found: tc.Tensor = tc.cat(columns, 1) * -0.5 + (mixture.log_weights + mixture.offset)
    return found


def log_density(rows: tc.Tensor, mixture: Mixture) -> tc.Tensor:
    """Returns the log density of each row, in nats.

    >>> one = normal(tc.tensor([[0.0], [2.0]], dtype=tc.float64))
    >>> round(log_density(tc.tensor([[1.0]], dtype=tc.float64), one).item(), 4)
    -0.9189
    """
    each = joint(rows, mixture)
    most = each.amax(1, keepdim=True)
    found: tc.Tensor = (each - most).exp().sum(1).log() + most.reshape(-1)
    return found


def normal(rows: tc.Tensor, *, ridge: float = 0.0) -> Mixture:
    """Returns one Gaussian whose columns are independent."""
    width = (rows.var(0, correction=0) + ridge).sqrt()
    return _mixture(tc.zeros(1, dtype=rows.dtype), rows.mean(0).unsqueeze(0), tc.diag(1 / width).unsqueeze(0))


def fit(
    rows: tc.Tensor,
    components: int,
    *,
    shrinkage: float,
    ridge: float,
    steps: int,
    generator: np.random.Generator,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Mixture, list[float]]:
    """Returns the mixture after at most that many steps, and the mean log density of the rows before each of them.

    >>> rows = tc.as_tensor(np.random.default_rng(0).normal(size=(200, 1)) + np.repeat([[-5.0], [5.0]], 100, axis=0))
    >>> found, _ = fit(rows, 2, shrinkage=0.0, ridge=1e-6, steps=20, generator=np.random.default_rng(0))
    >>> sorted(found.means.numpy().ravel().round().tolist())
    [-5.0, 5.0]
    """
    history: list[float] = []
    with tc.no_grad():
        share = _first(rows, components, generator)
        while True:
            mixture = _maximised(rows, share, shrinkage=shrinkage, ridge=ridge)
            each = joint(rows, mixture)
            density = each.logsumexp(1, keepdim=True)
            history.append(float(density.mean().item()))
            settled = len(history) > 1 and history[-1] - history[-2] < GAIN
            if settled or len(history) >= steps or stop():
                return mixture, history
            share = (each - density).exp()


def _first(rows: tc.Tensor, components: int, generator: np.random.Generator) -> tc.Tensor:
    """Returns to which component each row belongs at first: the groups of a few steps of k-means, from random rows."""
    centres = rows[tc.as_tensor(generator.choice(len(rows), components, replace=False))]
    for _ in range(FIRST_GROUPING):
        squares = (rows * rows).sum(1, keepdim=True) - 2 * (rows @ centres.mT) + (centres * centres).sum(1)
        share = tc.one_hot(squares.argmin(1), components).to(rows.dtype)
        centres = (share.mT @ rows) / share.sum(0).clamp(min=1).unsqueeze(1)
    first: tc.Tensor = share
    return first


def _maximised(rows: tc.Tensor, share: tc.Tensor, *, shrinkage: float, ridge: float) -> Mixture:
    features = rows.shape[1]
    sizes = share.sum(0).clamp(min=SMALLEST)
    means = (share.mT @ rows) / sizes.unsqueeze(1)
    scatters = []
    for place in range(share.shape[1]):
        centred = rows - means[place]
        scatters.append((centred * share[:, place : place + 1]).mT @ centred)
    stacked = tc.stack(scatters)
    pooled = stacked.sum(0) / len(rows)
    # a component borrows as if it had so many more rows, in proportion to how few it has of its own
    borrowed = shrinkage * len(rows) / len(scatters)
    covariances = (stacked + borrowed * pooled) / (sizes + borrowed).reshape(-1, 1, 1)
    covariances = covariances + ridge * tc.eye(features, dtype=rows.dtype)
    whitenings = tc.linalg.inv(tc.linalg.cholesky(covariances)).mT
    return _mixture((sizes / sizes.sum()).log(), means, whitenings)


def _mixture(log_weights: tc.Tensor, means: tc.Tensor, whitenings: tc.Tensor) -> Mixture:
    spread = whitenings.diagonal(0, 1, 2).log().sum(1)
    return Mixture(log_weights, means, whitenings, spread - means.shape[1] / 2 * math.log(2 * math.pi))
