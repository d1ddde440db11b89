"""Random convolution kernels with a ridge classifier behind them: the parts of the model, and its files.

Thousands of random kernels are laid over a signal; of each it is kept how often it exceeds a bias, and how far at most
(Dempster, Petitjean and Webb, 2020, ROCKET: exceptionally fast and accurate time series classification using random
convolutional kernels; all kernels have the length 9, as in Dempster, Schmidt and Webb, 2021, MiniRocket). A ridge
regression on the classes learns from these numbers; its strength is the one with the smallest leave-one-out error, and
one temperature turns its scores into probabilities (Guo et al., 2017, On calibration of modern neural networks).
"""

import json
import math
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import files, signals, training
from models.kit.errors import ArtefactError
from models.kit.signals import Channel, Signal

SCHEMA = 1
LEARNED, WEIGHTS = "preprocess.json", "weights.safetensors"
TAPS = 9  # numbers of a kernel
TOGETHER = 100  # kernels that are laid over all signals between two looks at the clock
CELLS_AT_ONCE = 4_000_000  # answers of kernels held in memory
STRENGTHS = tuple(10.0 ** (place / 2) for place in range(-6, 11))  # of the penalty
SMALLEST_SPREAD = 1e-8  # of a feature; what varies less says nothing
TEMPERATURE_STEPS, TEMPERATURE_RATE = 200, 0.05

Vector = npt.NDArray[np.float64]


class Scale(NamedTuple):
    """Mean and spread of each channel over all steps of the training signals."""

    mean: Vector
    spread: Vector


class Model(NamedTuple):
    """A trained model: the columns that it reads, the classes, the scale of the channels, and the network."""

    channels: tuple[Channel, ...]
    classes: tuple[str, ...]
    scale: Scale
    net: "Network"


class Network(tc.nn.Module):
    """Kernels, what they answer on average, and the weight of each answer for each class.

    >>> net = Network(channels=2, dilations=((1, 3), (2, 1)), classes=2)
    >>> tuple(net(tc.zeros(5, 2, 7), tc.ones(5, 1, 7)).shape)
    (5, 2)
    """

    def __init__(self, *, channels: int, dilations: Sequence[tuple[int, int]], classes: int) -> None:
        """Makes room; `dilations` says how many kernels have which distance between their numbers."""
        number = sum(each for _, each in dilations)
        self.dilations = tuple(dilations)
        self.kernel = tc.zeros(number, channels, TAPS)
        self.bias = tc.zeros(number)
        self.mean, self.spread = tc.zeros(2 * number), tc.ones(2 * number)
        self.weight, self.shift = tc.zeros(2 * number, classes), tc.zeros(classes)

    def forward(self, padded: tc.Tensor, inside: tc.Tensor) -> tc.Tensor:
        """Log-odds of shape (signals, classes), from signals (signals, channels, steps) that are filled up with zeros.

        `inside`, of shape (signals, 1, steps), is 1 within a signal and 0 behind its end.
        """
        ends = list(accumulate((number for _, number in self.dilations), initial=0))
        found = [
            self.answers(padded, inside, slice(start, end), dilation)
            for start, end, (dilation, _) in zip(ends[:-1], ends[1:], self.dilations, strict=True)
        ]
        shares, tops = (tc.cat([each[place] for each in found], 1) for place in (0, 1))
        features = (tc.cat([shares, tops], 1) - self.mean) / self.spread
        odds: tc.Tensor = features @ self.weight + self.shift
        return odds

    def answers(self, padded: tc.Tensor, inside: tc.Tensor, which: slice, dilation: int) -> tuple[tc.Tensor, tc.Tensor]:
        """How often each kernel exceeds its bias, and by how much at most: both of shape (signals, kernels)."""
        over = tc.conv1d(padded, self.kernel[which], -self.bias[which], 1, dilation * (TAPS // 2), dilation)
        share = ((over > 0).to(inside.dtype) * inside).sum(2) / inside.sum(2)
        top = (over - (1 - inside) * _BEYOND).amax(2)
        return share, top


_BEYOND = 1e6  # taken from what stands behind a signal's end, so that it is never the largest


def scale(known: Sequence[Signal]) -> Scale:
    """Returns mean and spread of each channel; a channel that never changes, or has no value, has the spread 1.

    >>> scale([np.array([[1, 3]], dtype=np.float32)])
    Scale(mean=array([2.]), spread=array([1.]))
    """
    together = np.concatenate(known, axis=1).astype(np.float64)
    held = np.where(np.isnan(together).all(axis=1, keepdims=True), 0.0, together)
    spread = np.nanstd(held, axis=1)
    return Scale(np.nanmean(held, axis=1), np.where(spread > SMALLEST_SPREAD, spread, 1.0))


def scaled(values: Sequence[Signal], found: Scale) -> list[Signal]:
    """Returns signals without gaps whose channels have the mean 0 and the spread 1 over the training signals."""
    mean, spread = found.mean[:, None], found.spread[:, None]
    return [np.nan_to_num((signals.filled(each) - mean) / spread).astype(np.float32) for each in values]


def padded(values: Sequence[Signal]) -> tuple[tc.Tensor, tc.Tensor]:
    """Returns signals of different lengths in one tensor, and where they are (see `Network.forward`)."""
    longest = max(each.shape[1] for each in values)
    together = np.zeros((len(values), values[0].shape[0], longest), dtype=np.float32)
    inside = np.zeros((len(values), 1, longest), dtype=np.float32)
    for place, each in enumerate(values):
        together[place, :, : each.shape[1]] = each
        inside[place, :, : each.shape[1]] = 1
    return tc.as_tensor(together), tc.as_tensor(inside)


def drawn(generator: np.random.Generator, *, kernels: int, channels: int, longest: int) -> Network:
    """Returns a network with random kernels: over some channels each, as wide as the longest signal allows.

    The distance between a kernel's numbers is 2ᵘ with u drawn evenly, so that narrow and wide kernels are equally
    frequent; its numbers are normal and add up to nought in each channel.
    """
    widest = max(0.0, math.log2(max(1.0, (longest - 1) / (TAPS - 1))))
    distances, numbers = np.unique((2 ** generator.uniform(0, widest, kernels)).astype(int), return_counts=True)
    net = Network(channels=channels, dilations=list(zip(distances.tolist(), numbers.tolist(), strict=True)), classes=1)
    taken = np.zeros((kernels, channels, 1))
    for kernel in taken:
        some = int(2 ** generator.uniform(0, math.log2(min(channels, TAPS) + 1)))
        kernel[generator.choice(channels, some, replace=False)] = 1
    weights = generator.standard_normal((kernels, channels, TAPS))
    net.kernel = tc.as_tensor(((weights - weights.mean(axis=2, keepdims=True)) * taken).astype(np.float32))
    return net


def transform(
    net: Network, values: Sequence[Signal], watch: training.Watch, generator: np.random.Generator
) -> tuple[Network, npt.NDArray[np.float32]]:
    """Returns the network with the biases of its kernels, and their answers to the signals: (signals, 2 × kernels).

    A bias is a quantile, drawn at random, of what its kernel answers to one signal drawn at random. Where `watch` finds
    that training should stop, only the kernels remain that were done by then, the first hundred at least.
    """
    shares: list[npt.NDArray[np.float32]] = []
    tops: list[npt.NDArray[np.float32]] = []
    kept: list[tuple[int, slice]] = []
    start = 0
    for dilation, number in net.dilations:
        for first in range(start, start + number, TOGETHER):
            if watch.reason and kept:
                break
            which = slice(first, min(first + TOGETHER, start + number))
            for kernel in range(which.start, which.stop):
                one, _ = padded([values[int(generator.integers(len(values)))]])
                answer = tc.conv1d(one, net.kernel[kernel : kernel + 1], None, 1, dilation * (TAPS // 2), dilation)
                net.bias[kernel] = float(np.quantile(answer.numpy(), generator.uniform()))
            found = [
                net.answers(*padded(values[part]), which, dilation) for part in _parts(values, which.stop - which.start)
            ]
            shares.append(np.concatenate([share.numpy() for share, _ in found]))
            tops.append(np.concatenate([top.numpy() for _, top in found]))
            kept.append((dilation, which))
        start += number
    left = np.concatenate([np.arange(which.start, which.stop) for _, which in kept])
    rest = Network(
        channels=net.kernel.shape[1],
        dilations=[(dilation, which.stop - which.start) for dilation, which in kept],
        classes=1,
    )
    rest.kernel, rest.bias = net.kernel[tc.as_tensor(left)], net.bias[tc.as_tensor(left)]
    return rest, np.concatenate([*shares, *tops], axis=1)


def _parts(values: Sequence[Signal], kernels: int) -> Iterator[slice]:
    """Yields parts of the signals whose answers fit into memory together."""
    size = max(1, CELLS_AT_ONCE // (kernels * max(each.shape[1] for each in values)))
    for start in range(0, len(values), size):
        yield slice(start, start + size)


class Ridge(NamedTuple):
    """Weights (features, classes) and shifts, the chosen strength, and the scores of each row by all others."""

    weight: Vector
    shift: Vector
    strength: float
    others: Vector


def ridge(features: npt.NDArray[np.float32], target: npt.NDArray[np.int64], *, classes: int) -> Ridge:
    """Returns the ridge regression of ±1 for each class on features with the mean 0, with the best of `STRENGTHS`.

    With X = USVᵀ the fitted values are Hy, H = 11ᵀ/n + U diag(s²/(s² + α)) Uᵀ, and what the others say of row i is
    yᵢ − (y − Hy)ᵢ / (1 − Hᵢᵢ) (Allen, 1974, The relationship between variable selection and data augmentation).
    """
    wanted = tc.as_tensor(np.where(np.eye(classes)[target] > 0, 1.0, -1.0))
    u, s, vt = tc.linalg.svd(tc.as_tensor(features.astype(np.float64)), full_matrices=False)
    mean = wanted.mean(0)
    turned = u.t() @ (wanted - mean)
    smallest, strength, others = math.inf, STRENGTHS[0], wanted
    for each in STRENGTHS:
        shrunk = s * s / (s * s + each)
        leverage = ((u * u) @ shrunk.unsqueeze(1) + 1 / len(target)).clamp(max=1 - 1e-9)
        error = (wanted - mean - u @ (shrunk.unsqueeze(1) * turned)) / (1 - leverage)
        size = float((error * error).mean().item())
        if size < smallest:
            smallest, strength, others = size, each, wanted - error
    weight = vt.t() @ ((s / (s * s + strength)).unsqueeze(1) * turned)
    return Ridge(weight.numpy(), mean.numpy(), strength, others.numpy())


def sharpness(others: Vector, target: npt.NDArray[np.int64]) -> float:
    """Returns by what scores are multiplied so that their softmax has the smallest log-loss."""
    scores, wanted = tc.as_tensor(others), tc.as_tensor(target)
    logarithm = tc.nn.Parameter(tc.zeros(1, dtype=tc.float64))
    adam = tc.optim.Adam([logarithm], lr=TEMPERATURE_RATE)
    for _ in range(TEMPERATURE_STEPS):
        adam.zero_grad()
        tc.cross_entropy(scores * logarithm.exp(), wanted).backward()
        adam.step()
    return math.exp(logarithm.item())


def odds(net: Network, values: Sequence[Signal]) -> Vector:
    """Returns log-odds for each signal, of shape (signals, classes)."""
    found = [np.empty((0, net.shift.shape[0]))]
    with tc.no_grad():
        most = max(number for _, number in net.dilations)
        found += [net(*padded(values[part])).numpy() for part in _parts(values, most)] if values else []
    return np.concatenate(found).astype(np.float64)


def save(model: Model, folder: Path) -> None:
    """Writes preprocess.json and weights.safetensors."""
    learned = {
        "schema": SCHEMA,
        "channels": [each._asdict() for each in model.channels],
        "classes": model.classes,
        "mean": model.scale.mean.tolist(),
        "spread": model.scale.spread.tolist(),
        "dilations": model.net.dilations,
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
        classes = tuple(map(str, learned["classes"]))
        dilations = [(int(distance), int(number)) for distance, number in learned["dilations"]]
        net = Network(channels=len(channels), dilations=dilations, classes=len(classes))
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS))
        found = Scale(np.array(learned["mean"], dtype=np.float64), np.array(learned["spread"], dtype=np.float64))
        return Model(channels, classes, found, net)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
