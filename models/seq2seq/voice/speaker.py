"""The speaker's parts: a network from a symbol and a moment within it to a spectrum, and its files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from vocoder import BINS, QUIETEST, Spectrum

import tensor_core as tc
from models.kit import files
from models.kit.errors import ArtefactError
from models.kit.sequences import Steps

SCHEMA = 1
LEARNED, WEIGHTS = "preprocess.json", "weights.safetensors"
WAVES = 24  # cosines that say how much of a symbol has passed
SILENCE = np.float32(np.log(QUIETEST))


class Model(NamedTuple):
    """A trained speaker: the symbols it knows, the frames of each, its network, and the width of its layers."""

    symbols: Steps
    lengths: tuple[int, ...]
    net: "Network"
    width: int


class Network(tc.nn.Module):
    """A place for each symbol, beside the moment, through two layers to the log-spectrum.

    >>> net = Network(symbols=3, width=8)
    >>> tuple(net(tc.as_tensor(np.array([0, 2])), tc.zeros(2, WAVES)).shape)
    (2, 129)
    """

    def __init__(self, *, symbols: int, width: int) -> None:
        """Draws the places of the symbols at random."""
        self.place = tc.nn.Parameter(tc.randn(symbols, width))
        self.time = tc.nn.Linear(WAVES, width)
        self.first, self.second = tc.nn.Linear(width, width), tc.nn.Linear(width, width)
        self.last = tc.nn.Linear(width, BINS)
        self.level, self.spread = tc.zeros(BINS), tc.ones(BINS)

    def forward(self, symbols: tc.Tensor, moments: tc.Tensor) -> tc.Tensor:
        """Log-spectra (frames, bins) from the places of symbols (frames) and moments (frames, waves)."""
        x = tc.embedding(symbols, self.place) * self.time(moments)
        x = x + tc.gelu(self.first(x))
        x = x + tc.gelu(self.second(x))
        logs: tc.Tensor = self.last(x) * self.spread + self.level
        return logs


def moments(frames: int) -> npt.NDArray[np.float32]:
    """Returns where each of so many frames is within its symbol, as cosines of rising frequency.

    >>> moments(5).shape
    (5, 24)
    """
    passed = (np.arange(frames) + 0.5) / frames
    found: npt.NDArray[np.float32] = np.cos(np.pi * passed[:, None] * np.arange(WAVES)).astype(np.float32)
    return found


def spectra(model: Model, text: Sequence[str], *, gap: int) -> Spectrum:
    """Returns the log-spectrum of a text, with `gap` silent frames before, between and behind its symbols."""
    silence = np.full((gap, BINS), SILENCE, dtype=np.float32)
    parts = [silence]
    with tc.no_grad():
        for symbol in text:
            place = model.symbols.index(symbol)
            size = model.lengths[place]
            logs = model.net(tc.as_tensor(np.full(size, place)), tc.as_tensor(moments(size))).numpy()
            parts += [np.maximum(logs, SILENCE), silence]
    return np.concatenate(parts)


def save(model: Model, folder: Path) -> None:
    """Writes preprocess.json and weights.safetensors."""
    learned = {"schema": SCHEMA, "width": model.width, "symbols": model.symbols, "lengths": model.lengths}
    files.write(folder / LEARNED, json.dumps(learned, ensure_ascii=False) + "\n")
    tc.nn.save_safetensors(model.net.state_dict(), folder / WEIGHTS)


def load(folder: Path) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing, damaged, or of another version."""
    learned = files.read_json(folder / LEARNED, remedy="run train.py first")
    try:
        if learned["schema"] != SCHEMA:
            raise ValueError("it was saved by another version")
        symbols, lengths = tuple(map(str, learned["symbols"])), tuple(map(int, learned["lengths"]))
        net = Network(symbols=len(symbols), width=int(learned["width"]))
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS))
        return Model(symbols, lengths, net, int(learned["width"]))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
