"""A detector without anchors: where the centre of a thing of each kind is, and how large it is there.

Zhou, Wang and Krähenbühl (2019), Objects as Points: a map for each kind that is 1 at the centres of its things and
falls off around them, and four maps that say at a centre how far it is from there to each side of the box.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from boxes import Things, none

import tensor_core as tc
from models.kit import convolution, training
from models.kit.convolution import Form
from models.kit.pictures import Pixels

STRIDE = 4  # pixels of the picture in one place of the maps
STAGES = 3
RARE = -4.0  # log-odds of a centre before anything is learned
SPREAD = 0.15  # standard deviation of a centre's hill, as a share of the box
LEAST_SPREAD = 0.4  # in places of the map
SIZES_COUNT = 0.5  # of an error of the box, in units of a place, beside the loss of the centres
LEAST_SCORE = 0.02  # of what is kept
MOST_THINGS = 50  # of a picture

Float = npt.NDArray[np.float32]


class Targets(NamedTuple):
    """What the maps should be: hills (pictures, kinds, lines, columns), boxes, and where these count.

    A box is how far it is from the middle of a place to the left, top, right and bottom, in places: (pictures, 4,
    lines, columns); it counts at centres alone: (pictures, 1, lines, columns).
    """

    hills: Float
    sides: Float
    centres: Float


class Network(tc.nn.Module):
    """Three stages of convolutions, and two more that see far around; then the maps.

    >>> net = Network(Form(1, 16, 24, outputs=3, features=4, end="anywhere"), dropout=0.0)
    >>> tuple(net(tc.zeros(2, 1, 16, 24)).shape)
    (2, 7, 4, 6)
    """

    def __init__(self, form: Form, *, dropout: float) -> None:
        """Draws the weights."""
        wide = form.features * 2 ** (STAGES - 1)
        self.stages = convolution.Stages(form.channels, form.features, STAGES)
        self.far = convolution.Pair(wide, wide, apart=2)
        self.near = convolution.Pair(wide, wide)
        self.drop = tc.nn.Dropout(dropout)
        self.centre = tc.nn.Conv2d(wide, form.outputs, 1)
        self.sides = tc.nn.Conv2d(wide, 4, 1)
        if self.centre.bias is not None:
            with tc.no_grad():
                self.centre.bias.fill_(RARE)

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        """Maps (pictures, kinds + 4, lines, columns): log-odds of a centre for each kind, then the four sides."""
        x = self.stages(x)
        x = self.near(x + self.far(x))
        found: tc.Tensor = tc.cat([self.centre(self.drop(x)), self.sides(x)], 1)
        return found


def targets(things: list[Things], kinds: int, *, height: int, width: int) -> Targets:
    """Returns what the maps should be for pictures with these things, in pixels of the network's pictures."""
    lines, columns = height // STRIDE, width // STRIDE
    hills = np.zeros((len(things), kinds, lines, columns), dtype=np.float32)
    sides = np.zeros((len(things), 4, lines, columns), dtype=np.float32)
    centres = np.zeros((len(things), 1, lines, columns), dtype=np.float32)
    down, across = np.arange(lines)[:, None] + 0.5, np.arange(columns)[None, :] + 0.5
    for place, each in enumerate(things):
        for (left, top, right, bottom), kind in zip(each.boxes / STRIDE, each.kinds, strict=True):
            line = min(max(int((top + bottom) / 2), 0), lines - 1)
            column = min(max(int((left + right) / 2), 0), columns - 1)
            tall, wide = (max(SPREAD * size, LEAST_SPREAD) for size in (bottom - top, right - left))
            hill = np.exp(-((down - line - 0.5) ** 2) / (2 * tall**2) - (across - column - 0.5) ** 2 / (2 * wide**2))
            np.maximum(hills[place, kind], hill, out=hills[place, kind])
            middle = column + 0.5, line + 0.5
            sides[place, :, line, column] = middle[0] - left, middle[1] - top, right - middle[0], bottom - middle[1]
            centres[place, 0, line, column] = 1.0
    return Targets(hills, sides, centres)


def loss(maps: tc.Tensor, wanted: Targets) -> tc.Tensor:
    """Returns the focal loss of the centres, and beside it the error of the boxes at them, for each thing."""
    hills, sides, centres = (tc.as_tensor(each) for each in wanted)
    kinds = hills.shape[1]
    odds, given = maps[:, :kinds], maps[:, kinds:]
    things = max(float(wanted.centres.sum()), 1.0)
    chance = tc.sigmoid(odds)
    peak = (hills == 1.0).to(hills.dtype)
    hit = peak * (1 - chance) ** 2 * tc.logsigmoid(odds)
    missed = (1 - peak) * (1 - hills) ** 4 * chance**2 * tc.logsigmoid(-odds)
    far = tc.huber_loss(given * centres, sides * centres, reduction="sum")
    found: tc.Tensor = (SIZES_COUNT * far - (hit + missed).sum()) / things
    return found


def found(maps: npt.NDArray[np.float64], sizes: npt.NDArray[np.int64]) -> list[Things]:
    """Returns the things of each picture, in pixels of the picture as it was, whose height and width are `sizes`.

    A thing is a place whose chance is not lower than those around it.
    """
    pictures, channels, lines, columns = maps.shape
    kinds = channels - 4
    with np.errstate(over="ignore"):
        chances = 1 / (1 + np.exp(-maps[:, :kinds]))
    padded = np.pad(chances, ((0, 0), (0, 0), (1, 1), (1, 1)))
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3)).max(axis=(4, 5))
    answers = []
    for place in range(pictures):
        kind, line, column = np.nonzero((chances[place] >= around[place]) & (chances[place] >= LEAST_SCORE))
        if not kind.size:
            answers.append(none())
            continue
        score = chances[place, kind, line, column]
        best = np.argsort(-score, kind="stable")[:MOST_THINGS]
        kind, line, column, score = kind[best], line[best], column[best], score[best]
        left, top, right, bottom = maps[place, kinds:, line, column].T
        x, y = column + 0.5, line + 0.5
        height, width = sizes[place]
        shares = np.stack(
            [(x - left) / columns, (y - top) / lines, (x + right) / columns, (y + bottom) / lines], axis=1
        )
        answers.append(Things(shares.clip(0, 1) * [width, height, width, height], kind, score))
    return answers


def scaled(things: Things, size: npt.NDArray[np.int64], pixels: Pixels) -> Things:
    """Returns the boxes in pixels of the network's pictures, of those of the picture as it was."""
    height, width = pixels.shape[-2:]
    factor = np.array([width / size[1], height / size[0]] * 2)
    return things._replace(boxes=things.boxes * factor)


def trained(net: Network, inputs: Float, split: Any, settings: Any, things: list[Things], kinds: int) -> training.Run:
    """Trains the network in place; returns how it went."""
    height, width = inputs.shape[2:]
    wanted = targets(things, kinds, height=height, width=width)
    return convolution.train(
        net, inputs, split, settings, lambda maps, rows: loss(maps, Targets(*(each[rows] for each in wanted)))
    )
