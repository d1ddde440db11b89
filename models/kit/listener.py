"""A listener: a network over the frames of a sound, what is hidden from it in training, and its files."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import files, training
from models.kit.errors import ArtefactError
from models.kit.sound import BANDS
from models.kit.splits import Rows, Split
from models.kit.task import Onnx

SCHEMA = 1
LEARNED, WEIGHTS = "preprocess.json", "weights.safetensors"
KERNEL = 5  # frames that a layer sees
STRIDE = 2  # frames that become one step
HEARD_TOGETHER = 64  # sounds
NOWHERE = -1e4  # what stands behind a sound's end, so that it is never the largest

Frames = npt.NDArray[np.float32]
Vector = npt.NDArray[np.float64]


class Model(NamedTuple):
    """A trained listener: the classes, its network, the width of its layers, and what else its template keeps."""

    classes: tuple[str, ...]
    net: "Network"
    width: int
    told: Mapping[str, Any] = {}


class Network(tc.nn.Module):
    """Three convolutions over time, and of what they find the mean and the largest value over the whole sound.

    >>> net = Network(classes=3, width=8, dropout=0.0)
    >>> tuple(net(tc.zeros(2, BANDS, 10), tc.ones(2, 1, 5)).shape)
    (2, 3)
    """

    def __init__(self, *, classes: int, width: int, dropout: float) -> None:
        """Draw the weights as a linear layer over the same inputs does."""
        first, second, third = (tc.nn.Linear(KERNEL * before, width) for before in (BANDS, width, width))
        self.first = tc.nn.Parameter(first.weight.detach().reshape(width, BANDS, KERNEL))
        self.second = tc.nn.Parameter(second.weight.detach().reshape(width, width, KERNEL))
        self.third = tc.nn.Parameter(third.weight.detach().reshape(width, width, KERNEL))
        self.shifts = tc.nn.Parameter(tc.zeros(3, width))
        self.last = tc.nn.Linear(2 * width, classes)
        self.drop = tc.nn.Dropout(dropout)

    def forward(self, frames: tc.Tensor, inside: tc.Tensor) -> tc.Tensor:
        """Log-odds (sounds, classes) from frames (sounds, bands, frames) that are filled up with zeros.

        `inside`, of shape (sounds, 1, steps), is 1 within a sound and 0 behind its end.
        """
        pad = KERNEL // 2
        x = tc.gelu(tc.conv1d(frames, self.first, self.shifts[0], STRIDE, pad)) * inside
        x = (x + tc.gelu(tc.conv1d(x, self.second, self.shifts[1], 1, pad))) * inside
        x = (x + tc.gelu(tc.conv1d(x, self.third, self.shifts[2], 1, pad))) * inside
        mean, top = x.sum(2) / inside.sum(2), (x + (1 - inside) * NOWHERE).amax(2)
        odds: tc.Tensor = self.last(self.drop(tc.cat([mean, top], 1)))
        return odds


def stacked(frames: Sequence[Frames]) -> tuple[tc.Tensor, tc.Tensor]:
    """Returns sounds of different lengths in one tensor (sounds, bands, frames), and where they are."""
    longest = max(len(each) for each in frames)
    together = np.zeros((len(frames), BANDS, longest), dtype=np.float32)
    inside = np.zeros((len(frames), 1, -(-longest // STRIDE)), dtype=np.float32)
    for place, each in enumerate(frames):
        together[place, :, : len(each)] = each.T
        inside[place, :, : -(-len(each) // STRIDE)] = 1
    return tc.as_tensor(together), tc.as_tensor(inside)


def masked(frames: Frames, generator: np.random.Generator, *, share: float) -> Frames:
    """Returns the sound without one stretch of time and one of bands, each at most that `share` of it.

    What is hidden now and then is not relied upon (Park et al., 2019, SpecAugment).

    >>> masked(np.ones((10, 4), dtype=np.float32), np.random.default_rng(2), share=0.5).sum() < 40
    np.True_
    """
    found = frames.copy()
    for axis in (0, 1):
        size = int(generator.integers(0, int(share * frames.shape[axis]) + 1))
        start = int(generator.integers(0, frames.shape[axis] - size + 1))
        found[(slice(None),) * axis + (slice(start, start + size),)] = 0
    return found


def train(
    frames: Sequence[Frames],
    split: Split,
    loss: Callable[[tc.Tensor, Rows], tc.Tensor],
    *,
    outputs: int,
    settings: Any,
) -> tuple[Network, training.Run]:
    """Returns a network with its state of the lowest loss on the validation sounds, and how training went.

    `loss` is of the log-odds for the sounds at some places. Settings: width, dropout, hidden_share, and those of
    `training.Stepping`.
    """
    generator = np.random.default_rng(settings.seed)
    tc.manual_seed(settings.seed)
    net = Network(classes=outputs, width=settings.width, dropout=settings.dropout)

    def training_loss(places: Rows | None) -> tc.Tensor:
        rows = split.train if places is None else split.train[places]
        heard = [masked(frames[row], generator, share=settings.hidden_share) for row in rows]
        return loss(net(*stacked(heard)), rows)

    def validation_loss() -> tc.Tensor:
        return loss(tc.as_tensor(odds(net, [frames[row] for row in split.validation])), split.validation)

    stops = validation_loss if split.validation.size else None
    run = training.by_batches(net, training.Objective(split.train.size, training_loss, stops), settings)
    net.eval()
    return net, run


def odds(net: Network, frames: Sequence[Frames]) -> Vector:
    """Returns log-odds of shape (sounds, classes)."""
    net.eval()
    found = np.empty((len(frames), net.last.weight.shape[0]))
    order = sorted(range(len(frames)), key=lambda place: len(frames[place]))
    with tc.no_grad():
        for start in range(0, len(order), HEARD_TOGETHER):
            places = order[start : start + HEARD_TOGETHER]
            found[places] = net(*stacked([frames[place] for place in places])).numpy()
    return found


def save(model: Model, folder: Path) -> None:
    """Writes preprocess.json and weights.safetensors."""
    learned = {"schema": SCHEMA, "width": model.width, "classes": model.classes, "told": dict(model.told)}
    files.write(folder / LEARNED, json.dumps(learned, ensure_ascii=False) + "\n")
    tc.nn.save_safetensors(model.net.state_dict(), folder / WEIGHTS)


def load(folder: Path) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing, damaged, or of another version."""
    learned = files.read_json(folder / LEARNED, remedy="run train.py first")
    try:
        if learned["schema"] != SCHEMA:
            raise ValueError("it was saved by another version")
        classes, width = tuple(map(str, learned["classes"])), int(learned["width"])
        net = Network(classes=len(classes), width=width, dropout=0.0)
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS))
        return Model(classes, net, width, dict(learned.get("told", {})))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None


def onnx(model: Model, settings: Any) -> Onnx:
    """Returns the network as a function of frames of one length and of where they are."""
    return Onnx(model.net, (tc.zeros(2, BANDS, 64), tc.ones(2, 1, 32)))


def features(model: Model) -> tuple[str, ...]:
    """Returns what the network sees: the log-energy of each band."""
    return tuple(f"band {place}" for place in range(1, BANDS + 1))
