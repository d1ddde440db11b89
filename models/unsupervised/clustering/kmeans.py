"""k-means on tensor_core: greedy k-means++ seeds, then Lloyd's two steps until no row changes its group."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc

CHUNK_CELLS = 16_000_000  # distances held at once


class Grouping(NamedTuple):
    """The centres (clusters × features), and the sum of squared distances to the nearest of them."""

    centres: tc.Tensor
    inertia: float


def distances(rows: tc.Tensor, centres: tc.Tensor) -> tc.Tensor:
    """Returns the squared distance of each row to each centre, of shape (rows, centres), from one matrix product.

    >>> distances(tc.tensor([[0.0, 3.0], [4.0, 0.0]]), tc.tensor([[0.0, 0.0]]))
    tensor([[ 9.],
            [16.]])
    """
    found: tc.Tensor = (rows * rows).sum(1, keepdim=True) - 2 * (rows @ centres.mT) + (centres * centres).sum(1)
    nonnegative: tc.Tensor = found.clamp(min=0)
    return nonnegative


def nearest(rows: tc.Tensor, centres: tc.Tensor) -> tuple[tc.Tensor, tc.Tensor]:
    """Returns the place of the nearest centre of each row, and the squared distance to it.

    >>> nearest(tc.tensor([[1.0], [9.0]]), tc.tensor([[0.0], [10.0]]))
    (tensor([0, 1]), tensor([1., 1.]))
    """
    step = max(1, CHUNK_CELLS // len(centres))
    places, squares = [], []
    with tc.no_grad():
        for start in range(0, len(rows), step):
            least = distances(rows[start : start + step], centres).min(1)
            places.append(least.indices)
            squares.append(least.values)
        return tc.cat(places), tc.cat(squares)


def seeds(rows: tc.Tensor, clusters: int, generator: np.random.Generator) -> tc.Tensor:
    """Returns k-means++ seeds (Arthur and Vassilvitskii, 2007): rows drawn with the square of their distance as chance.

    Of 2 + ln k candidates each time, the one is taken that leaves the least, as scikit-learn does.
    """
    tries = 2 + int(math.log(clusters))
    chosen = [int(generator.integers(len(rows)))]
    left = distances(rows, rows[chosen])[:, 0]
    for _ in range(1, clusters):
        total = left.cumsum(0).numpy()
        drawn = np.searchsorted(total, generator.random(tries) * total[-1]).clip(max=len(rows) - 1)
        candidates = tc.minimum(distances(rows, rows[tc.as_tensor(drawn)]), left.unsqueeze(1))
        best = int(candidates.sum(0).argmin().item())
        chosen.append(int(drawn[best]))
        left = candidates[:, best]
    return rows[tc.as_tensor(np.array(chosen))]


def lloyd(rows: tc.Tensor, clusters: int, generator: np.random.Generator, *, most: int) -> Grouping:
    """Returns the grouping that Lloyd's steps end with, at most `most` of them; an empty group takes the farthest row.

    >>> rows = tc.tensor([[0.0], [1.0], [10.0], [11.0]], dtype=tc.float64)
    >>> found = lloyd(rows, 2, np.random.default_rng(0), most=10)
    >>> sorted(found.centres.numpy().ravel().tolist()), found.inertia
    ([0.5, 10.5], 1.0)
    """
    with tc.no_grad():
        middle = rows.mean(0)
        rows = rows - middle  # near nought the squares lose no digits
        centres = seeds(rows, clusters, generator)
        ones = tc.ones(len(rows), dtype=rows.dtype)
        before: npt.NDArray[np.int64] | None = None
        for _ in range(most):
            place, squares = nearest(rows, centres)
            if before is not None and bool((place.numpy() == before).all()):
                break
            before = place.numpy()
            sums = tc.zeros(clusters, rows.shape[1], dtype=rows.dtype).index_add(0, place, rows)
            sizes = tc.zeros(clusters, dtype=rows.dtype).index_add(0, place, ones)
            empty = np.flatnonzero(sizes.numpy() == 0)
            centres = sums / sizes.clamp(min=1).unsqueeze(1)
            if empty.size:
                farthest = np.argsort(-squares.numpy(), kind="stable")[: empty.size]
                centres[tc.as_tensor(empty)] = rows[tc.as_tensor(farthest)]
        return Grouping(centres + middle, float(nearest(rows, centres)[1].sum().item()))
