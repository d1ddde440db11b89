"""Principal components on tensor_core: the exact decomposition, and how many of them are more than chance."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]


class Components(NamedTuple):
    """The mean of the rows, the components (components × features), and the share of variance of each."""

    mean: tc.Tensor
    directions: tc.Tensor
    share: Vector


def principal(inputs: Matrix, most: int) -> Components:
    """Returns the first components (Jolliffe, 2002), from the singular values of the centred rows.

    The largest entry of each direction is positive, so that the same rows always give the same signs.

    >>> found = principal(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.1]]), 1)
    >>> found.directions.numpy().round(2).tolist(), round(float(found.share[0]), 2)
    ([[0.7, 0.72]], 1.0)
    """
    with tc.no_grad():
        rows = tc.as_tensor(inputs)
        mean = rows.mean(0)
        _, values, directions = tc.linalg.svd(rows - mean, full_matrices=False)
        directions = directions[:most]
        largest = directions.abs().argmax(1)
        signs = directions[tc.arange(len(directions)), largest].sign()
        squares = values.numpy() ** 2
        return Components(mean, directions * signs.unsqueeze(1), squares[:most] / max(squares.sum(), 1e-300))


def beyond_chance(inputs: Matrix, generator: np.random.Generator, *, shuffles: int) -> int:
    """Returns how many components hold more variance than those of columns shuffled each by itself.

    Parallel analysis (Horn, 1965): the 95 % quantile of the shuffled tables is the bar, and the first component below
    it ends the count. At least one is returned.

    >>> generator = np.random.default_rng(0)
    >>> hidden = generator.normal(size=(200, 2))
    >>> table = hidden @ generator.normal(size=(2, 8)) + 0.1 * generator.normal(size=(200, 8))
    >>> beyond_chance(table, generator, shuffles=20)
    2
    """
    own = spectrum(inputs)
    by_chance = [spectrum(generator.permuted(inputs, axis=0)) for _ in range(shuffles)]
    below = np.flatnonzero(own <= np.quantile(by_chance, 0.95, axis=0))
    return max(1, int(below[0]) if below.size else own.size)


def spectrum(inputs: Matrix) -> Vector:
    """Returns the variances along all components, the largest first, from the smaller of the two Gram matrices."""
    with tc.no_grad():
        rows = tc.as_tensor(inputs - inputs.mean(axis=0))
        gram = rows @ rows.mT if rows.shape[0] < rows.shape[1] else rows.mT @ rows
        values: Vector = tc.linalg.eigvalsh(gram).numpy()[::-1] / len(inputs)
        return values


def coordinates(rows: tc.Tensor, mean: tc.Tensor, directions: tc.Tensor) -> tc.Tensor:
    """Returns the coordinates of rows along the components, of shape (rows, components)."""
    found: tc.Tensor = (rows - mean) @ directions.mT
    return found


def left_over(inputs: Matrix, mean: Vector, directions: Matrix) -> Vector:
    """Returns what the components cannot rebuild of each row: the sum of squares of what is left."""
    centred = inputs - mean
    found: Vector = ((centred - (centred @ directions.T) @ directions) ** 2).sum(axis=1)
    return found
