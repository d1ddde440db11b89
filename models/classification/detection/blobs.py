"""Blobs: what stands out from the ground of a picture, joined where it touches, as a detector that hardly learns."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from boxes import Boxes, Things, overlap
from scenes import Scenes

from models.kit.splits import Rows

LEVELS = (0.1, 0.15, 0.2, 0.3, 0.4)  # of the brightest pixel's distance from the ground
LOOKED_AT = 300  # known pictures that choose the level
CROP = 12  # pixels in the side of a box that is named
HIT = 0.5


class Parts(NamedTuple):
    """The level from which a pixel stands out, and the smallest area of a blob, as a share of the picture."""

    level: float
    least_area: float


def learned(examples: Scenes, known: Rows, things: list[Things]) -> Parts:
    """Returns the level that finds most boxes of known pictures, and the area of nearly the smallest of them."""
    areas = np.concatenate(
        [
            (things[row].boxes[:, 2:] - things[row].boxes[:, :2]).prod(axis=1) / examples.sizes[row].prod()
            for row in known
        ]
    )
    least = float(np.quantile(areas, 0.02))
    rows = known[:LOOKED_AT]

    def right(level: float) -> float:
        caught, made = 0, 1
        for row, boxes in zip(rows, _boxes(examples, rows, Parts(level, least)), strict=True):
            made += len(boxes)
            if len(boxes) and things[row].kinds.size:
                caught += int((overlap(things[row].boxes, boxes).max(axis=1) >= HIT).sum())
        return float(caught / (made + sum(things[row].kinds.size for row in rows)))

    return Parts(max(LEVELS, key=right), least)


def found(examples: Scenes, rows: Rows, parts: Parts) -> list[Things]:
    """Returns the blobs of some pictures, larger ones surer, all of kind 0."""
    answers = []
    for row, boxes in zip(rows, _boxes(examples, rows, parts), strict=True):
        area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) / examples.sizes[row].prod()
        answers.append(Things(boxes, np.zeros(len(boxes), dtype=np.int64), area))
    return answers


def named(examples: Scenes, known: Rows, things: list[Things], *, seed: int) -> Callable[[Rows], list[Things]]:
    """Returns blobs named by an SVC that saw the known boxes and, as things that are none, blobs that hit no box."""
    from sklearn.svm import SVC  # a prediction does without it

    parts = learned(examples, known, things)
    crops, kinds = [], []
    nothing = max(int(things[row].kinds.max(initial=-1)) for row in known) + 1
    for row, boxes in zip(known, _boxes(examples, known, parts), strict=True):
        own = things[row]
        hit = overlap(boxes, own.boxes).max(axis=1, initial=0) >= HIT if len(boxes) else np.empty(0, dtype=bool)
        crops += [_crop(examples, row, box) for box in (*own.boxes, *boxes[~hit])]
        kinds += [*own.kinds.tolist(), *[nothing] * int((~hit).sum())]
    svc = SVC(break_ties=True, random_state=seed).fit(np.stack(crops), kinds)

    def answers(rows: Rows) -> list[Things]:
        told = []
        for row, each in zip(rows, found(examples, rows, parts), strict=True):
            if not each.kinds.size:
                told.append(each)
                continue
            scores = svc.decision_function(np.stack([_crop(examples, row, box) for box in each.boxes]))
            scores = np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores
            kind = svc.classes_[scores.argmax(axis=1)]
            real = kind != nothing
            told.append(Things(each.boxes[real], kind[real], scores.max(axis=1)[real]))
        return told

    return answers


def _boxes(examples: Scenes, rows: Rows, parts: Parts) -> list[Boxes]:
    from scipy import ndimage

    answers = []
    for row in rows:
        grey = examples.pixels[row].astype(np.float64).mean(axis=0)
        away = np.abs(grey - np.median(grey))
        marked, _ = ndimage.label(away > parts.level * max(away.max(), 1e-9), structure=np.ones((3, 3)))
        height, width = grey.shape
        factor = examples.sizes[row] / [height, width]
        boxes = [
            [columns.start * factor[1], lines.start * factor[0], columns.stop * factor[1], lines.stop * factor[0]]
            for lines, columns in ndimage.find_objects(marked)
            if (lines.stop - lines.start) * (columns.stop - columns.start) >= parts.least_area * height * width
        ]
        answers.append(np.array(boxes, dtype=np.float64).reshape(-1, 4))
    return answers


def _crop(examples: Scenes, row: int, box: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns the pixels of a box, brought to CROP by CROP: the nearest one of each place."""
    grey = examples.pixels[row].astype(np.float64).mean(axis=0)
    height, width = grey.shape
    factor = examples.sizes[row] / [height, width]
    left, top, right, bottom = box / [factor[1], factor[0], factor[1], factor[0]]
    steps = (np.arange(CROP) + 0.5) / CROP
    lines = (top + steps * (bottom - top)).astype(np.int64).clip(0, height - 1)
    columns = (left + steps * (right - left)).astype(np.int64).clip(0, width - 1)
    cut = grey[np.ix_(lines, columns)]
    return np.asarray((cut / max(float(cut.max()), 1e-9)).ravel())
