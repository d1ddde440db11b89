"""A U-Net: stages of convolutions that see ever further, and a way back up that has the fine detail beside it.

Ronneberger, Fischer and Brox (2015), U-Net: Convolutional Networks for Biomedical Image Segmentation; here with batch
normalisation, with the nearest pixel instead of a learned way to double a map, and with one convolution on each stage
of the way up instead of two.
"""

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import convolution
from models.kit.convolution import Form

STAGES = 3
SMOOTH = 1.0  # pixels that are added to both sides of Dice, so that a class that a batch lacks is no division by nought
UNKNOWN = -100  # the place of a pixel that counts for nothing
FEWEST_SHARE = 1e-4  # of the pixels, as which a rarer class is weighed


class Joined(tc.nn.Module):
    """One convolution of 3 by 3, normalised and cut off at nought: on the way up most of the work was done below."""

    def __init__(self, before: int, after: int) -> None:
        """Draws the weights."""
        self.only = tc.nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.norm = tc.nn.BatchNorm2d(after)

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        """`x` (rows, before, height, width) → (rows, after, height, width)."""
        found: tc.Tensor = tc.relu(self.norm(self.only(x)))
        return found


class Network(tc.nn.Module):
    """Stages down, each at half the height and width, and back up, each joined with the map of its size.

    >>> net = Network(Form(1, 17, 22, outputs=3, features=4, end="anywhere"), dropout=0.0)
    >>> tuple(net(tc.zeros(2, 1, 17, 22)).shape)
    (2, 3, 17, 22)
    """

    def __init__(self, form: Form, *, dropout: float) -> None:
        """Draws the weights."""
        widths = [form.features * 2**place for place in range(STAGES)]
        self.down = tc.nn.Sequential(
            *(convolution.Pair(before, after) for before, after in zip([form.channels, *widths], widths, strict=False))
        )
        self.far = convolution.Pair(widths[-1], widths[-1], apart=2)
        self.up = tc.nn.Sequential(*(Joined(3 * wide, wide) for wide in reversed(widths[:-1])))
        self.drop = tc.nn.Dropout(dropout)
        self.last = tc.nn.Conv2d(form.features, form.outputs, 1)

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        """Scores (pictures, classes, height, width) of pictures (pictures, channels, height, width)."""
        fine: list[tc.Tensor] = []
        for place, (_, pair) in enumerate(self.down.children()):
            x = pair(tc.max_pool2d(x, 2) if place else x)
            fine.append(x)
        x = x + self.far(x)
        for (_, joined), beside in zip(self.up.children(), reversed(fine[:-1]), strict=True):
            x = joined(tc.cat([beside, doubled(x, beside.shape[2], beside.shape[3])], 1))
        found: tc.Tensor = self.last(self.drop(x))
        return found


def doubled(x: tc.Tensor, height: int, width: int) -> tc.Tensor:
    """Returns maps at twice the height and width, each pixel four times; the last ones once more where one is lacking.

    >>> doubled(tc.tensor([[[[1.0, 2.0]]]]), 2, 5).tolist()
    [[[[1.0, 1.0, 2.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0, 2.0]]]]
    """
    rows, channels, lines, columns = x.shape
    wide = x.unsqueeze(3).unsqueeze(5).expand(rows, channels, lines, 2, columns, 2)
    x = wide.reshape(rows, channels, 2 * lines, 2 * columns)
    if height > x.shape[2]:
        x = tc.cat([x, x[:, :, -1:]], 2)
    if width > x.shape[3]:
        x = tc.cat([x, x[:, :, :, -1:]], 3)
    return x


def weights(places: npt.NDArray[np.int64], classes: int, *, balance: float) -> npt.NDArray[np.float32]:
    """Returns how much a pixel of each class counts: its share to the power −`balance`, 1 for the mean pixel.

    >>> [round(float(each), 2) for each in weights(np.array([0, 0, 0, 1]), 2, balance=1.0)]
    [0.67, 2.0]
    """
    shares = np.bincount(places[places >= 0], minlength=classes) / max((places >= 0).sum(), 1)
    found = np.maximum(shares, FEWEST_SHARE) ** -balance
    scaled: npt.NDArray[np.float32] = (found / max(float((found * shares).sum()), 1e-12)).astype(np.float32)
    return scaled


def loss(scores: tc.Tensor, places: npt.NDArray[np.int64], weight: tc.Tensor, *, dice: float) -> tc.Tensor:
    """Returns the weighted cross-entropy of the pixels, and `dice` times one minus the mean soft Dice of the classes.

    Dice (Milletari, Navab and Ahmadi, 2016, V-Net) is of all pixels of the batch together: twice what prediction and
    truth share, by what both have. Pixels that are unknown count in neither.
    """
    found: tc.Tensor = tc.cross_entropy(scores, tc.as_tensor(places), weight, ignore_index=UNKNOWN)
    if not dice:
        return found
    kept = (places != UNKNOWN)[:, None]
    truth = tc.as_tensor(((places[:, None] == np.arange(scores.shape[1])[:, None, None]) & kept).astype(np.float32))
    chances = tc.softmax(scores, 1) * tc.as_tensor(kept.astype(np.float32))
    shared = (chances * truth).sum((0, 2, 3))
    each = (2 * shared + SMOOTH) / (chances.sum((0, 2, 3)) + truth.sum((0, 2, 3)) + SMOOTH)
    joined: tc.Tensor = found + dice * (1 - each.mean())
    return joined
