"""The number that goes with a text, as it is learned: centred and scaled, or its logarithm where that serves better."""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from models.kit.errors import TableError

SKEWED = 1.0  # skewness beyond which `auto` tries logarithms: that of an exponential target is 2, of a normal one 0

Vector = npt.NDArray[np.float64]


class Scale(NamedTuple):
    """How a number is learned: as (y − mean) / spread, where y is the number or the logarithm of number + offset.

    `low` and `high` are the least and the largest number of the training, to which predictions are held; `factor` is
    that of the numbers that come from logarithms: the mean of numbers is more than the power of their mean logarithm.
    """

    log: bool
    offset: float
    mean: float
    spread: float
    low: float
    high: float
    factor: float = 1.0


def choices(known: Vector, asked: Literal["auto", "true", "false"], *, name: str) -> tuple[bool, ...]:
    """Returns whether logarithms are learned, or both answers where validation has to choose; raises `TableError`
    where the target has none.

    >>> choices(np.array([1.0, 2.0, 2.0, 90.0]), "auto", name="price")
    (False, True)
    """
    if asked == "true" and known.min() < 0:
        raise TableError(f"log_target: column {name!r} has values below 0, which have no logarithm; set it to false")
    if asked != "auto":
        return (asked == "true",)
    spread = known.std()
    skewness = float(((known - known.mean()) ** 3).mean() / spread**3) if spread > 0 else 0.0
    return (False, True) if known.min() >= 0 and skewness > SKEWED else (False,)


def learned(known: Vector, *, log: bool) -> Scale:
    """Returns what these (training) numbers teach; where one of them is 0, 1 is added before logarithms are taken.

    >>> learned(np.array([0.0, 1.0, 3.0]), log=True).offset
    1.0
    """
    offset = 1.0 if log and known.min() == 0 else 0.0
    values = np.log(known + offset) if log else known
    return Scale(log, offset, float(values.mean()), float(values.std()) or 1.0, float(known.min()), float(known.max()))


def scaled(scale: Scale, numbers: Vector) -> Vector:
    """Returns the numbers as they are learned; one that has no logarithm counts as the least of the training.

    >>> scaled(Scale(False, 0.0, 3.0, 2.0, 1.0, 5.0), np.array([3.0, 5.0])).tolist()
    [0.0, 1.0]
    """
    values = np.log(np.maximum(numbers, scale.low) + scale.offset) if scale.log else numbers
    return (values - scale.mean) / scale.spread


def unscaled(scale: Scale, values: Vector) -> Vector:
    """Returns the numbers that were meant, within the range of the training.

    >>> unscaled(Scale(False, 0.0, 3.0, 2.0, 1.0, 5.0), np.array([0.5, 9.0])).tolist()
    [4.0, 5.0]
    """
    found = values * scale.spread + scale.mean
    if scale.log:
        most = np.log(scale.high + scale.offset)
        found = scale.factor * np.exp(np.minimum(found, most)) - scale.offset
    return np.clip(found, scale.low, scale.high)


def fitted(scale: Scale, values: Vector, numbers: Vector) -> Scale:
    """Returns the scale with the factor under which the squared error of numbers from logarithms is least.

    >>> fitted(Scale(True, 0.0, 0.0, 1.0, 0.0, 9.0), np.zeros(2), np.array([1.0, 3.0])).factor
    2.0
    """
    if not scale.log or not numbers.size:
        return scale
    meant = np.exp(np.minimum(values * scale.spread + scale.mean, np.log(scale.high + scale.offset)))
    return scale._replace(factor=float(meant @ (numbers + scale.offset) / (meant @ meant)))
