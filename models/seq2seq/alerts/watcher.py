"""The watcher's parts: what it sees of a series, its causal network, and its files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import files
from models.kit.errors import ArtefactError
from models.kit.signals import Channel, Signal

SCHEMA = 1
LEARNED, WEIGHTS = "preprocess.json", "weights.safetensors"
TAPS = 3  # steps that a layer sees
SMALLEST_SPREAD = 1e-8
WATCHED_TOGETHER = 32  # series
VIEWS = 3  # of each channel: its last value, how far that is from its own mean so far, whether it is measured now

Vector = npt.NDArray[np.float64]


class Scale(NamedTuple):
    """Mean and spread of each channel, and the spread of its distance from the series' own mean so far."""

    mean: Vector
    spread: Vector
    own: Vector


class Model(NamedTuple):
    """A trained watcher: the columns that it reads, their scale, its network, and the limit of an alarm."""

    channels: tuple[Channel, ...]
    scale: Scale
    net: "Network"
    width: int
    layers: int
    limit: float


class Network(tc.nn.Module):
    """Causal convolutions, each twice as wide as the one before: a step sees itself and what went before it.

    After Bai, Kolter and Koltun (2018), An empirical evaluation of generic convolutional and recurrent networks for
    sequence modeling.

    >>> net = Network(inputs=6, width=8, layers=3, dropout=0.0)
    >>> tuple(net(tc.zeros(2, 6, 20)).shape)
    (2, 20)
    """

    def __init__(self, *, inputs: int, width: int, layers: int, dropout: float) -> None:
        """Draws the weights as a linear layer over the same inputs does."""
        self.enter = tc.nn.Linear(inputs, width)
        drawn = [tc.nn.Linear(TAPS * width, width) for _ in range(layers)]
        self.kernels = tc.nn.Parameter(tc.stack([each.weight.detach().reshape(width, width, TAPS) for each in drawn]))
        self.shifts = tc.nn.Parameter(tc.zeros(layers, width))
        self.leave = tc.nn.Linear(width, 1)
        self.drop = tc.nn.Dropout(dropout)

    def forward(self, seen: tc.Tensor) -> tc.Tensor:
        """Log-odds (series, steps) from what is seen (series, inputs, steps)."""
        steps = seen.shape[2]
        x = self.enter(seen.permute(0, 2, 1)).permute(0, 2, 1)
        for layer in range(self.kernels.shape[0]):
            reach = (TAPS - 1) * 2**layer
            found = tc.conv1d(self.drop(x), self.kernels[layer], self.shifts[layer], 1, reach, 2**layer)
            x = x + tc.gelu(found[:, :, :steps])
        odds: tc.Tensor = self.leave(x.permute(0, 2, 1)).squeeze(-1)
        return odds


def carried(values: Signal) -> tuple[Signal, Signal]:
    """Returns the last value of each channel, and its mean so far; both NaN before the first one.

    >>> last, mean = carried(np.array([[np.nan, 2, np.nan, 4]], dtype=np.float32))
    >>> last.tolist(), mean.tolist()
    ([[nan, 2.0, 2.0, 4.0]], [[nan, 2.0, 2.0, 3.0]])
    """
    known = ~np.isnan(values)
    place = np.maximum.accumulate(np.where(known, np.arange(values.shape[1]), 0), axis=1)
    number = known.cumsum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, values, 0).cumsum(axis=1, dtype=np.float64) / np.where(number > 0, number, np.nan)
    return np.take_along_axis(values, place, axis=1), mean.astype(np.float32)


def scale(known: Sequence[Signal]) -> Scale:
    """Returns the scale that the training series have; a channel that never changes has the spread 1."""
    pairs = [carried(each) for each in known]
    last = np.concatenate([each for each, _ in pairs], axis=1).astype(np.float64)
    far = last - np.concatenate([each for _, each in pairs], axis=1)
    empty = np.isnan(last).all(axis=1, keepdims=True)
    last, far = np.where(empty, 0, last), np.where(empty, 0, far)
    spread, own = np.nanstd(last, axis=1), np.nanstd(far, axis=1)
    spread, own = (np.where(each > SMALLEST_SPREAD, each, 1.0) for each in (spread, own))
    return Scale(np.nanmean(last, axis=1), spread, own)


def views(values: Signal, found: Scale) -> npt.NDArray[np.float32]:
    """Returns what the network sees of a series, of shape (3 × channels, steps); before its first value, the mean."""
    last, mean = carried(values)
    level = (last - found.mean[:, None]) / found.spread[:, None]
    far = (last - mean) / found.own[:, None]
    seen: npt.NDArray[np.float32] = np.nan_to_num(np.concatenate([level, far, ~np.isnan(values)])).astype(np.float32)
    return seen


def stacked(seen: Sequence[npt.NDArray[np.float32]]) -> tc.Tensor:
    """Returns series of different lengths in one tensor (series, inputs, steps), filled up behind their end."""
    together = np.zeros((len(seen), seen[0].shape[0], max(each.shape[1] for each in seen)), dtype=np.float32)
    for place, each in enumerate(seen):
        together[place, :, : each.shape[1]] = each
    found: tc.Tensor = tc.as_tensor(together)
    return found


def chances(net: Network, seen: Sequence[npt.NDArray[np.float32]]) -> list[Vector]:
    """Returns the chance of an event at each step of each series."""
    net.eval()
    found: list[Vector] = []
    with tc.no_grad():
        for start in range(0, len(seen), WATCHED_TOGETHER):
            part = seen[start : start + WATCHED_TOGETHER]
            together = tc.sigmoid(net(stacked(part))).numpy().astype(np.float64)
            found += [row[: each.shape[1]] for row, each in zip(together, part, strict=True)]
    return found


def save(model: Model, folder: Path) -> None:
    """Writes preprocess.json and weights.safetensors."""
    learned = {
        "schema": SCHEMA,
        "channels": [each._asdict() for each in model.channels],
        "mean": model.scale.mean.tolist(),
        "spread": model.scale.spread.tolist(),
        "own": model.scale.own.tolist(),
        "width": model.width,
        "layers": model.layers,
        "limit": model.limit if np.isfinite(model.limit) else None,
    }
    files.write(folder / LEARNED, json.dumps(learned, ensure_ascii=False) + "\n")
    tc.nn.save_safetensors(model.net.state_dict(), folder / WEIGHTS)


def load(folder: Path) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing, damaged, or of another version."""
    learned = files.read_json(folder / LEARNED, remedy="run train.py first")
    try:
        if learned["schema"] != SCHEMA:
            raise ValueError("it was saved by another version")
        channels = tuple(Channel(str(each["name"]), str(each["form"])) for each in learned["channels"])
        width, layers = int(learned["width"]), int(learned["layers"])
        net = Network(inputs=VIEWS * len(channels), width=width, layers=layers, dropout=0.0)
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS))
        found = Scale(*(np.array(learned[name], dtype=np.float64) for name in Scale._fields))
        limit = float("inf") if learned["limit"] is None else float(learned["limit"])
        return Model(channels, found, net, width, layers, limit)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
