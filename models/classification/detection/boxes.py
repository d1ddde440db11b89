"""Boxes: how much two overlap, which found ones are hits, and average precision with its resamples.

A box is [left, top, right, bottom] in pixels of its own picture.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.kit import metrics

Boxes = npt.NDArray[np.float64]  # (boxes, 4)
Places = npt.NDArray[np.int64]  # (boxes,), of kinds


class Things(NamedTuple):
    """The things in one picture: their boxes, the kind of each (by place), and how sure a model is of each."""

    boxes: Boxes
    kinds: Places
    scores: npt.NDArray[np.float64]


def none() -> Things:
    """Returns a picture's things where there are none."""
    return Things(np.empty((0, 4)), np.empty(0, dtype=np.int64), np.empty(0))


def overlap(one: Boxes, other: Boxes) -> Boxes:
    """Returns the shared area of each pair of boxes as a share of what both cover (IoU), of shape (one, other).

    >>> overlap(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[1.0, 0.0, 3.0, 2.0], [5.0, 5.0, 6.0, 6.0]])).round(3)
    array([[0.333, 0.   ]])
    """
    begin = np.maximum(one[:, None, :2], other[None, :, :2])
    end = np.minimum(one[:, None, 2:], other[None, :, 2:])
    shared = (end - begin).clip(min=0).prod(axis=2)
    areas = [(each[:, 2:] - each[:, :2]).clip(min=0).prod(axis=1) for each in (one, other)]
    found: Boxes = shared / np.maximum(areas[0][:, None] + areas[1][None, :] - shared, 1e-12)
    return found


def kept(things: Things, *, least: float, most_overlap: float) -> Things:
    """Returns the things that are sure enough, and of those that overlap more than that, the surest one.

    >>> two = Things(np.array([[0.0, 0, 4, 4], [0.0, 0, 4, 3]]), np.array([7, 1]), np.array([0.6, 0.9]))
    >>> kept(two, least=0.5, most_overlap=0.5).kinds.tolist()
    [1]
    """
    order = np.argsort(-things.scores, kind="stable")
    order = order[things.scores[order] >= least]
    shared = overlap(things.boxes[order], things.boxes[order])
    chosen: list[int] = []
    for place in range(order.size):
        if not chosen or shared[place, chosen].max() <= most_overlap:
            chosen.append(place)
    rows = order[chosen]
    return Things(things.boxes[rows], things.kinds[rows], things.scores[rows])


def hits(found: Things, truth: Things, *, least_overlap: float) -> npt.NDArray[np.bool_]:
    """Returns of each found thing whether it is a hit: the surest first, each takes the best free box of its kind.

    >>> truth = Things(np.array([[0.0, 0, 4, 4]]), np.array([1]), np.array([1.0]))
    >>> twice = Things(np.array([[0.0, 0, 4, 3], [0.0, 0, 4, 4]]), np.array([1, 1]), np.array([0.9, 0.8]))
    >>> hits(twice, truth, least_overlap=0.5).tolist()
    [True, False]
    """
    good = np.zeros(found.kinds.size, dtype=bool)
    if not truth.kinds.size:
        return good
    shared = overlap(found.boxes, truth.boxes) * (found.kinds[:, None] == truth.kinds)
    for place in np.argsort(-found.scores, kind="stable"):
        best = int(shared[place].argmax())
        if shared[place, best] >= least_overlap:
            good[place] = True
            shared[:, best] = 0
    return good


def average_precisions(
    found: Sequence[Things], truth: Sequence[Things], *, least_overlaps: dict[str, float], seed: int
) -> metrics.Draws:
    """Returns the mean over the kinds of average precision, for each overlap that makes a hit; resampled by picture.

    The area under the interpolated precision over recall (Everingham et al., 2010, The Pascal Visual Object Classes
    Challenge, from 2010 on); kinds that a resample lacks count for nothing there.

    >>> truth = Things(np.array([[0.0, 0, 4, 4]]), np.array([0]), np.array([1.0]))
    >>> drawn = average_precisions([truth, none()], [truth, truth], least_overlaps={"map50": 0.5}, seed=0)
    >>> float(drawn["map50"][0])
    0.5
    """
    picture, kinds, scores, own, own_kinds = [], [], [], [], []
    for place, (each, real) in enumerate(zip(found, truth, strict=True)):
        picture.append(np.full(each.kinds.size, place))
        kinds.append(each.kinds)
        scores.append(each.scores)
        own.append(np.full(real.kinds.size, place))
        own_kinds.append(real.kinds)
    of, kind, score = np.concatenate(picture), np.concatenate(kinds), np.concatenate(scores)
    real_of, real_kind = np.concatenate(own), np.concatenate(own_kinds)
    right = {
        name: np.concatenate([hits(*pair, least_overlap=least) for pair in zip(found, truth, strict=True)])
        for name, least in least_overlaps.items()
    }

    def statistics(weights: metrics.Vector) -> metrics.Draws:
        each: dict[str, list[metrics.Vector]] = {name: [] for name in right}
        for place in np.unique(real_kind):
            there = weights[:, real_of[real_kind == place]].sum(axis=1)
            rows = np.flatnonzero(kind == place)
            rows = rows[np.argsort(-score[rows], kind="stable")]
            given = weights[:, of[rows]]
            for name, good in right.items():
                each[name].append(_area(given, given * good[rows], there))
        with np.errstate(invalid="ignore"):
            return {name: np.nanmean(np.stack(areas), axis=0) for name, areas in each.items()}

    return metrics.weighted(statistics, len(found), seed=seed)


def _area(given: metrics.Vector, good: metrics.Vector, there: metrics.Vector) -> metrics.Vector:
    """Returns average precision of each resample (NaN where there is nothing to find), from the surest to the least."""
    right, all_so_far = good.cumsum(axis=1), given.cumsum(axis=1)
    precision = right / np.maximum(all_so_far, 1e-12)
    best_after = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        found: metrics.Vector = np.where(there > 0, (good * best_after).sum(axis=1) / there, np.nan)
    return found


def surest(found: Sequence[Things], truth: Sequence[Things], *, least_overlap: float) -> float:
    """Returns the score from which on things should be believed: where F1 of these pictures is highest.

    >>> truth = Things(np.array([[0.0, 0, 4, 4]]), np.array([0]), np.array([1.0]))
    >>> wrong = Things(np.array([[8.0, 8, 9, 9]]), np.array([0]), np.array([0.2]))
    >>> surest([truth._replace(scores=np.array([0.7])), wrong], [truth, none()], least_overlap=0.5)
    0.7
    """
    scores = np.concatenate([each.scores for each in found])
    if not scores.size:
        return 0.5
    good = np.concatenate([hits(*pair, least_overlap=least_overlap) for pair in zip(found, truth, strict=True)])
    order = np.argsort(-scores, kind="stable")
    right = good[order].cumsum()
    f1 = 2 * right / (np.arange(1, order.size + 1) + sum(each.kinds.size for each in truth))
    return float(scores[order][f1.argmax()])
