"""A recogniser of speech: its network over frames, training with CTC, reading, and its files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import files, training
from models.kit.errors import ArtefactError
from models.kit.sequences import Steps
from models.kit.sound import BANDS

SCHEMA = 1
LEARNED, WEIGHTS = "preprocess.json", "weights.safetensors"
KERNEL = 9  # frames that a layer sees
STRIDE = 2  # frames that become one step
BLANK = 0  # CTC's sign for nothing new
STEEPEST = 5.0  # norm of a gradient, beyond which it is scaled down
READ_TOGETHER = 64  # sounds

Frames = npt.NDArray[np.float32]


class Model(NamedTuple):
    """A trained recogniser: the symbols it knows (the first has number 1), its network and the width of its layers."""

    symbols: Steps
    net: "Network"
    width: int


class Network(tc.nn.Module):
    """Three convolutions over time; log-probabilities of symbols, and of nothing new, at every second frame.

    >>> net = Network(symbols=3, width=8, dropout=0.0)
    >>> tuple(net(tc.zeros(2, BANDS, 10)).shape)
    (5, 2, 4)
    """

    def __init__(self, *, symbols: int, width: int, dropout: float) -> None:
        """Draw the weights as a linear layer over the same inputs does."""
        first, second, third = (tc.nn.Linear(KERNEL * before, width) for before in (BANDS, width, width))
        self.first = tc.nn.Parameter(first.weight.detach().reshape(width, BANDS, KERNEL))
        self.second = tc.nn.Parameter(second.weight.detach().reshape(width, width, KERNEL))
        self.third = tc.nn.Parameter(third.weight.detach().reshape(width, width, KERNEL))
        self.shifts = tc.nn.Parameter(tc.zeros(3, width))
        self.last = tc.nn.Linear(width, symbols + 1)
        self.drop = tc.nn.Dropout(dropout)

    def forward(self, frames: tc.Tensor) -> tc.Tensor:
        """Log-probabilities (steps, sounds, symbols + 1) from frames (sounds, bands, frames)."""
        pad = KERNEL // 2
        x = tc.gelu(tc.conv1d(frames, self.first, self.shifts[0], STRIDE, pad))
        x = x + tc.gelu(tc.conv1d(self.drop(x), self.second, self.shifts[1], 1, pad))
        x = x + tc.gelu(tc.conv1d(self.drop(x), self.third, self.shifts[2], 1, pad))
        found: tc.Tensor = tc.log_softmax(self.last(x.permute(2, 0, 1)), -1)
        return found


def stacked(frames: Sequence[Frames]) -> tuple[Frames, list[int]]:
    """Returns sounds of different lengths in one array (sounds, bands, frames), and the steps that each has."""
    longest = max(len(each) for each in frames)
    together = np.zeros((len(frames), BANDS, longest), dtype=np.float32)
    for place, each in enumerate(frames):
        together[place, :, : len(each)] = each.T
    return together, [-(-len(each) // STRIDE) for each in frames]


def train(
    net: Network,
    parts: tuple[list[Frames], list[list[int]]],
    stops: tuple[list[Frames], list[list[int]]],
    settings: Any,
) -> training.Run:
    """Trains on frames and the numbers of their symbols, and keeps the state with the lowest loss on `stops`."""
    generator = np.random.default_rng(settings.seed)
    frames, symbols = parts
    batch = min(settings.batch_sounds, len(frames))
    each = -(-len(frames) // batch)
    total = each * settings.epochs
    adam = tc.optim.Adam(net.parameters(), lr=settings.learning_rate)
    schedule = tc.optim.Schedule(adam, lambda step: tc.optim.cosine_factor(step, total=total, warmup=min(each, 50)))
    history: list[training.Point] = []
    best, best_loss = net.state_dict(), np.inf
    with (
        training.watched(budget_seconds=settings.time_budget_seconds) as watch,
        training.bar(total, "step") as shown,
    ):
        while len(history) < settings.epochs and not watch.reason:
            net.train()
            order, losses = generator.permutation(len(frames)), []
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                adam.zero_grad()
                loss = _loss(net, [frames[row] for row in chosen], [symbols[row] for row in chosen])
                loss.backward()
                tc.optim.clip_grad_norm_(net.parameters(), STEEPEST)
                adam.step()
                schedule.step()
                losses.append(loss.item())
                shown.update()
                if watch.reason:
                    break
            net.eval()
            with tc.no_grad():
                there = _loss(net, *stops).item() if stops[0] else float(np.mean(losses))
            history.append(training.Point(len(history) + 1, float(np.mean(losses)), there))
            shown.set_postfix(loss=f"{there:.4f}")
            if there < best_loss:
                best, best_loss = training.snapshot(net), there
        net.load_state_dict(best)
        net.eval()
        return training.ended(watch, watch.reason or "all epochs done", "epoch", history)


def _loss(net: Network, frames: list[Frames], symbols: list[list[int]]) -> tc.Tensor:
    together, steps = stacked(frames)
    wanted = np.zeros((len(symbols), max(map(len, symbols))), dtype=np.int64)
    for place, each in enumerate(symbols):
        wanted[place, : len(each)] = each
    sizes = [len(each) for each in symbols]
    loss: tc.Tensor = tc.ctc_loss(
        net(tc.as_tensor(together)), tc.as_tensor(wanted), steps, sizes, BLANK, zero_infinity=True
    )
    return loss


def read(model: Model, frames: Sequence[Frames]) -> list[Steps]:
    """Returns the symbols of each sound: the likeliest of each step, repetitions and blanks taken out."""
    model.net.eval()
    found: list[Steps] = [()] * len(frames)
    order = sorted(range(len(frames)), key=lambda place: len(frames[place]))
    with tc.no_grad():
        for start in range(0, len(order), READ_TOGETHER):
            places = order[start : start + READ_TOGETHER]
            together, steps = stacked([frames[place] for place in places])
            best = model.net(tc.as_tensor(together)).numpy().argmax(axis=2)
            for column, (place, size) in enumerate(zip(places, steps, strict=True)):
                path = best[:size, column]
                new = path[np.flatnonzero(np.diff(path, prepend=BLANK))]
                found[place] = tuple(model.symbols[number - 1] for number in new if number != BLANK)
    return found


def save(model: Model, folder: Path) -> None:
    """Writes preprocess.json and weights.safetensors."""
    learned = {"schema": SCHEMA, "width": model.width, "symbols": model.symbols}
    files.write(folder / LEARNED, json.dumps(learned, ensure_ascii=False) + "\n")
    tc.nn.save_safetensors(model.net.state_dict(), folder / WEIGHTS)


def load(folder: Path) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing, damaged, or of another version."""
    learned = files.read_json(folder / LEARNED, remedy="run train.py first")
    try:
        if learned["schema"] != SCHEMA:
            raise ValueError("it was saved by another version")
        symbols, width = tuple(learned["symbols"]), int(learned["width"])
        net = Network(symbols=len(symbols), width=width, dropout=0.0)
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS))
    except FileNotFoundError:
        raise ArtefactError(f"{folder / WEIGHTS}: there is no such file; run train.py first") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    net.eval()
    return Model(symbols, net, width)
