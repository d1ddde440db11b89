"""Three views of how odd a row is: its tails column by column, its place in the core, its way to a few other rows.

Each view is blind to something: tails to odd combinations, a single Gaussian to several kinds of normal rows, samples
to what is small beside the widest columns. A row's oddness is the mean of its ranks in the three, among the training
rows.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

GRID = 1_001  # quantiles that stand for the training rows
ROUNDS = 20  # of trimming, at most
RIDGE = 1e-6  # of the mean variance: columns that say the same twice leave the covariance invertible


class Views(NamedTuple):
    """All that was learned, as tensors; `ranks` holds the quantiles of each view on the training rows (3 × GRID)."""

    columns: tc.Tensor  # GRID × features: quantiles of each column
    skewed_left: tc.Tensor  # features: 1 where the left tail is the long one
    middle: tc.Tensor  # features
    whitening: tc.Tensor  # features × features
    samples: tc.Tensor  # samples × rows of a sample × features
    ranks: tc.Tensor


def learn(
    inputs: Matrix, *, samples: int, sample_rows: int, core_share: float, generator: np.random.Generator
) -> Views:
    """Returns the views that the rows teach.

    >>> rows = np.random.default_rng(0).normal(size=(200, 2))
    >>> views = learn(rows, samples=20, sample_rows=8, core_share=0.75, generator=np.random.default_rng(1))
    >>> odd = oddness(views, np.array([[0.0, 0.0], [9.0, -9.0]]))
    >>> bool(odd[0] < 0.5), bool(odd[1] > 0.95)
    (True, True)
    """
    middle, whitening = core(inputs, share=core_share)
    rows = min(sample_rows, len(inputs))
    drawn = np.stack([generator.choice(len(inputs), rows, replace=False) for _ in range(samples)])
    spread = inputs - inputs.mean(axis=0)
    views = Views(
        tc.as_tensor(np.quantile(inputs, np.linspace(0, 1, GRID), axis=0)),
        tc.as_tensor(((spread**3).mean(axis=0) < 0).astype(np.float64)),
        middle, whitening, tc.as_tensor(inputs[drawn]), tc.zeros(3, GRID, dtype=tc.float64),
    )  # fmt: skip
    values = np.stack([tails(views, inputs), distance(views, inputs), way(views, inputs)], axis=1)
    return views._replace(ranks=tc.as_tensor(np.quantile(values, np.linspace(0, 1, GRID), axis=0).T.copy()))


def oddness(views: Views, inputs: Matrix) -> Vector:
    """Returns how odd each row is: the mean share of training rows that are less odd, over the three views."""
    values = (tails(views, inputs), distance(views, inputs), way(views, inputs))
    steps = np.linspace(0, 1, GRID)
    ranks = [np.interp(each, known, steps) for each, known in zip(values, views.ranks.numpy(), strict=True)]
    found: Vector = np.mean(ranks, axis=0)
    return found


def tails(views: Views, inputs: Matrix) -> Vector:
    """Returns −log of how much of each column lies farther out, summed over columns: ECOD (Li et al., 2022)."""
    grid, left = views.columns.numpy(), views.skewed_left.numpy().astype(bool)
    below, above, skewed = (np.zeros(len(inputs)) for _ in range(3))
    for place in range(inputs.shape[1]):
        low = -np.log(np.searchsorted(grid[:, place], inputs[:, place], side="right").clip(min=1) / GRID)
        high = -np.log((GRID - np.searchsorted(grid[:, place], inputs[:, place], side="left")).clip(min=1) / GRID)
        below, above = below + low, above + high
        skewed = skewed + (low if left[place] else high)
    found: Vector = np.maximum(np.maximum(below, above), skewed)
    return found


def core(inputs: Matrix, *, share: float) -> tuple[tc.Tensor, tc.Tensor]:
    """Returns middle and whitening of the densest part of the rows, so that odd rows do not shape what is normal.

    It trims and fits again until the kept rows stay the same, as FAST-MCD does (Rousseeuw and Van Driessen, 1999).
    """
    rows = tc.as_tensor(inputs)
    middle = tc.as_tensor(np.median(inputs, axis=0))
    quartiles = np.subtract(*np.percentile(inputs, [75, 25], axis=0))
    width = np.where(quartiles > 0, quartiles, inputs.std(axis=0).clip(min=1e-12))
    whitening = tc.diag(tc.as_tensor(1 / width))
    keep = max(2, int(share * len(inputs)))
    before: npt.NDArray[np.int64] | None = None
    with tc.no_grad():
        for _ in range(ROUNDS):
            squares = ((rows - middle) @ whitening).square().sum(1)
            kept = np.sort(np.argpartition(squares.numpy(), keep - 1)[:keep])
            if before is not None and np.array_equal(kept, before):
                break
            before = kept
            inner = rows[tc.as_tensor(kept)]
            middle = inner.mean(0)
            scaled = (inner - middle) / tc.as_tensor(width)
            covariance = scaled.mT @ scaled / keep
            ridge = RIDGE * float(covariance.diagonal().mean().item()) + 1e-12
            factor = tc.linalg.cholesky(covariance + ridge * tc.eye(len(width), dtype=tc.float64))
            whitening = tc.linalg.inv(factor).mT / tc.as_tensor(width).unsqueeze(1)
    return middle, whitening


def distance(views: Views, inputs: Matrix) -> Vector:
    """Returns the distance of each row from the middle of the core, in units of the core's spread (Mahalanobis)."""
    with tc.no_grad():
        found: tc.Tensor = ((tc.as_tensor(inputs) - views.middle) @ views.whitening).square().sum(1).sqrt()
        return found.numpy()


def way(views: Views, inputs: Matrix) -> Vector:
    """Returns the mean way from each row to the nearest of a few rows drawn at random (Sugiyama and Borgwardt, 2013).

    A sample is so small that a clump of odd rows is seldom in it, so they do not hide each other.
    """
    rows = tc.as_tensor(inputs)
    total = tc.zeros(len(inputs), dtype=tc.float64)
    with tc.no_grad():
        squares = (rows * rows).sum(1, keepdim=True)
        for sample in views.samples.unbind(0):
            apart = squares - 2 * (rows @ sample.mT) + (sample * sample).sum(1)
            total = total + apart.clamp(min=0).amin(1).sqrt()
        found: tc.Tensor = total / len(views.samples)
        return found.numpy()
