"""Intersection over union: of the pixels that prediction or truth give to a class, the share that both do.

All pixels of the test are counted together, class by class, and the classes are averaged (Everingham et al., 2010, The
PASCAL Visual Object Classes Challenge). A class that neither side has counts for nothing, one that only the prediction
has counts as 0. The interval is over pictures.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.kit import metrics

Places = npt.NDArray[np.int64]  # (pictures, height, width), of classes; negative where the class is unknown
Vector = npt.NDArray[np.float64]


class Counts(NamedTuple):
    """For each picture and class: the pixels that both have, those of the truth, those of the prediction."""

    both: Vector
    truth: Vector
    found: Vector


def counts(truth: Places, found: Places, classes: int) -> Counts:
    """Returns the pixels of each picture and class, without those whose class is unknown.

    >>> counts(np.array([[[0, 1, -1]]]), np.array([[[1, 1, 1]]]), 2).found.tolist()
    [[0.0, 2.0]]
    """
    known = truth >= 0
    each = np.arange(classes)[:, None, None]
    real, told = ((part[:, None] == each) & known[:, None] for part in (truth, found))
    return Counts(*(part.sum(axis=(2, 3)).astype(np.float64) for part in (real & told, real, told)))


def by_class(counted: Counts) -> Vector:
    """Returns IoU of each class over all pictures, NaN where neither side has it.

    >>> by_class(counts(np.array([[[0, 1, 1]]]), np.array([[[0, 0, 1]]]), 3)).tolist()
    [0.5, 0.5, nan]
    """
    return _iou(*(each.sum(axis=0) for each in counted))


def draws(counted: Counts, *, commonest: int, seed: int) -> metrics.Draws:
    """Returns mean IoU, mean IoU without the commonest class, and the share of right pixels, resampled by picture.

    >>> found = draws(counts(np.array([[[0, 0, 1]]]), np.array([[[0, 0, 0]]]), 2), commonest=0, seed=0)
    >>> [round(float(each[0]), 3) for each in found.values()]
    [0.333, 0.0, 0.667]
    """

    def statistics(weights: metrics.Vector) -> metrics.Draws:
        both, truth, found = (weights @ each for each in counted)
        each = _iou(both, truth, found)
        others = np.delete(each, commonest, axis=1)
        return {
            "mean_iou": _mean(each),
            "other_iou": _mean(others),
            "pixel_accuracy": both.sum(axis=1) / np.maximum(truth.sum(axis=1), 1),
        }

    return metrics.weighted(statistics, len(counted.both), seed=seed)


def _iou(both: Vector, truth: Vector, found: Vector) -> Vector:
    union = truth + found - both
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(union > 0, both / np.where(union > 0, union, 1), np.nan))


def _mean(each: Vector) -> Vector:
    """Returns the mean of each row over the classes that have a value, NaN where none has."""
    there = ~np.isnan(each)
    number = there.sum(axis=1)
    return np.where(number > 0, np.where(there, each, 0).sum(axis=1) / np.maximum(number, 1), np.nan)
