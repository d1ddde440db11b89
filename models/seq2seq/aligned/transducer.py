"""The transducer's parts: its network, training on single steps, search, and its files."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import files, training
from models.kit.errors import ArtefactError
from models.kit.sequences import Steps

SCHEMA = 1
LEARNED, WEIGHTS = "preprocess.json", "weights.safetensors"
SPACE, UNSEEN, FIRST = 0, 1, 2  # numbers of source symbols: around a word, never seen, the first known one
START = 0  # the chunk before the first
HISTORY = 3  # chunks before, that the next one depends on
VALIDATION_STEPS = 20_000  # that are looked at after an epoch, at most
SEARCHED_TOGETHER = 2048  # words
NEVER = -1e9  # log-probability of the start in the middle of a word

Numbers = npt.NDArray[np.int64]


class Inventory(NamedTuple):
    """The source symbols (numbers from 2), and the chunks of target symbols (numbers from 1)."""

    symbols: Steps
    chunks: tuple[Steps, ...]


class Moments(NamedTuple):
    """Single steps of many words: the symbols around each (steps, 2·window + 1), the chunks before, and the chunk."""

    around: Numbers
    before: Numbers
    chunk: Numbers


class Model(NamedTuple):
    """A trained transducer, with its sizes as JSON keeps them."""

    inventory: Inventory
    net: "Network"
    sizes: dict[str, int]


class Network(tc.nn.Module):
    """Scores of the next chunk from the symbols around it and the chunks before it.

    >>> net = Network(symbols=5, chunks=4, window=2, width=3, hidden=8)
    >>> tuple(net(tc.zeros(6, 5, dtype=tc.int64), tc.zeros(6, 3, dtype=tc.int64)).shape)
    (6, 4)
    """

    def __init__(
        self, *, symbols: int, chunks: int, window: int, width: int, hidden: int, dropout: float = 0.0
    ) -> None:
        """Draw the weights; `chunks` counts the start."""
        self.symbols, self.chunks = tc.nn.Embedding(symbols, width), tc.nn.Embedding(chunks, width)
        self.first = tc.nn.Linear((2 * window + 1 + HISTORY) * width, hidden)
        self.second = tc.nn.Linear(hidden, hidden)
        self.last = tc.nn.Linear(hidden, chunks)
        self.dropout = tc.nn.Dropout(dropout)

    def forward(self, around: tc.Tensor, before: tc.Tensor) -> tc.Tensor:
        """Scores (steps, chunks)."""
        rows = around.shape[0]
        seen = tc.cat([self.symbols(around).reshape(rows, -1), self.chunks(before).reshape(rows, -1)], 1)
        x = self.dropout(tc.gelu(self.first(seen)))
        scores: tc.Tensor = self.last(self.dropout(x + tc.gelu(self.second(x))))
        return scores


def windows(word: Steps, numbers: dict[str, int], window: int) -> Numbers:
    """Returns the numbers of the symbols around each step, of shape (steps, 2·window + 1).

    >>> windows(("a", "b"), {"a": 2, "b": 3}, 1).tolist()
    [[0, 2, 3], [2, 3, 0]]
    """
    padded = np.full(len(word) + 2 * window, SPACE, dtype=np.int64)
    padded[window : window + len(word)] = [numbers.get(symbol, UNSEEN) for symbol in word]
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * window + 1)


def numbered(inventory: Inventory) -> dict[str, int]:
    """Returns the number of each source symbol."""
    return {symbol: number for number, symbol in enumerate(inventory.symbols, start=FIRST)}


def moments(words: Sequence[Steps], chunks: Sequence[Sequence[int]], inventory: Inventory, window: int) -> Moments:
    """Returns the single steps of words whose chunks are known."""
    numbers = numbered(inventory)
    start = [START] * HISTORY
    before = [np.lib.stride_tricks.sliding_window_view([*start, *each[:-1]], HISTORY) for each in chunks]
    return Moments(
        np.concatenate([windows(word, numbers, window) for word in words]),
        np.concatenate(before),
        np.concatenate([np.asarray(each) for each in chunks]),
    )


def train(net: Network, steps: Moments, stops: Moments, settings: Any) -> training.Run:
    """Trains on batches of single steps, in bfloat16 products if the settings say so, and keeps the best state.

    A long training is compiled (`tc.capture`): the batches are all of one size, and the rest of an epoch is left out.
    """
    generator = np.random.default_rng(settings.seed)
    batch = min(settings.batch_steps, steps.chunk.size)
    each = steps.chunk.size // batch
    adam = tc.optim.Adam(net.parameters(), lr=settings.learning_rate)
    total, warmup = each * settings.epochs, min(each, 200)
    schedule = tc.optim.Schedule(adam, lambda step: tc.optim.cosine_factor(step, total=total, warmup=warmup))
    kind = tc.bfloat16 if settings.precision == "bfloat16" else tc.float32

    def learn(around: tc.Tensor, before: tc.Tensor, chunk: tc.Tensor) -> tc.Tensor:
        adam.zero_grad()
        with tc.autocast(kind):
            scores = net(around, before)
        loss: tc.Tensor = tc.cross_entropy(scores, chunk)
        loss.backward()
        adam.step()
        return loss

    step = tc.capture(learn) if settings.compile == "yes" else learn
    history: list[training.Point] = []
    best, best_loss, losses, done = net.state_dict(), np.inf, [], 0
    with (
        training.watched(budget_seconds=settings.time_budget_seconds) as watch,
        training.bar(total, "step") as shown,
    ):
        while done < total and not watch.reason:
            net.train()
            order = generator.permutation(steps.chunk.size)
            for first in range(0, each * batch, batch):
                rows = order[first : first + batch]
                loss = step(*(tc.as_tensor(part[rows].astype(np.int64)) for part in steps))
                schedule.step()
                losses.append(loss.item())
                done += 1
                shown.update()
                if watch.reason:
                    break
            there = _loss(net, stops) if stops.chunk.size else float(np.mean(losses))
            history.append(training.Point(len(history) + 1, float(np.mean(losses)), there))
            shown.set_postfix(loss=f"{there:.4f}")
            losses = []
            if there < best_loss:
                best, best_loss = training.snapshot(net), there
        net.load_state_dict(best)
        net.eval()
        return training.ended(watch, watch.reason or "all epochs done", "epoch", history)


def _loss(net: Network, steps: Moments) -> float:
    net.eval()
    rows = slice(0, VALIDATION_STEPS)
    with tc.no_grad():
        scores = net(*(tc.as_tensor(part[rows].astype(np.int64)) for part in steps[:2]))
        return float(tc.cross_entropy(scores, tc.as_tensor(steps.chunk[rows])).item())


def search(model: Model, words: Sequence[Steps], *, beam: int) -> list[Steps]:
    """Returns the target symbols of each word: the likeliest of what `beam` hypotheses at a time find."""
    numbers = numbered(model.inventory)
    found: list[Steps] = [()] * len(words)
    by_length: dict[int, list[int]] = defaultdict(list)
    for place, word in enumerate(words):
        by_length[len(word)].append(place)
    for length, all_places in by_length.items():
        for first in range(0, len(all_places), SEARCHED_TOGETHER):
            places = all_places[first : first + SEARCHED_TOGETHER]
            if length:
                around = np.stack([windows(words[place], numbers, model.sizes["window"]) for place in places])
                for place, chunks in zip(places, _searched(model.net, around, beam), strict=True):
                    found[place] = tuple(s for chunk in chunks for s in model.inventory.chunks[chunk - 1])
    return found


def _searched(net: Network, around: Numbers, beam: int) -> Numbers:
    """Returns the best chunks of words of one length: (words, steps) from the symbols around each step."""
    words, length, _ = around.shape
    before = np.full((words, 1, HISTORY), START, dtype=np.int64)
    score, path = np.zeros((words, 1)), np.zeros((words, 1, 0), dtype=np.int64)
    with tc.no_grad():
        for step in range(length):
            wide = before.shape[1]
            here = tc.as_tensor(np.repeat(around[:, step], wide, axis=0))
            scores = net(here, tc.as_tensor(before.reshape(words * wide, HISTORY)))
            each = tc.log_softmax(scores, -1).numpy().astype(np.float64).reshape(words, wide, -1)
            each[:, :, START] = NEVER
            total = (score[:, :, None] + each).reshape(words, -1)
            top = np.argsort(-total, axis=1, kind="stable")[:, :beam]
            score = np.take_along_axis(total, top, 1)
            parent, chunk = top // each.shape[2], (top % each.shape[2])[:, :, None]
            before = np.concatenate([np.take_along_axis(before, parent[:, :, None], 1)[:, :, 1:], chunk], axis=2)
            path = np.concatenate([np.take_along_axis(path, parent[:, :, None], 1), chunk], axis=2)
    best: Numbers = path[:, 0]
    return best


def save(model: Model, folder: Path) -> None:
    """Writes preprocess.json and weights.safetensors."""
    learned = {"schema": SCHEMA, **model.sizes, **model.inventory._asdict()}
    files.write(folder / LEARNED, json.dumps(learned, ensure_ascii=False) + "\n")
    tc.nn.save_safetensors(model.net.state_dict(), folder / WEIGHTS)


def load(folder: Path) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing, damaged, or of another version."""
    learned = files.read_json(folder / LEARNED, remedy="run train.py first")
    try:
        if learned["schema"] != SCHEMA:
            raise ValueError("it was saved by another version")
        inventory = Inventory(tuple(learned["symbols"]), tuple(tuple(chunk) for chunk in learned["chunks"]))
        sizes = {name: int(learned[name]) for name in ("window", "width", "hidden")}
        net = Network(symbols=len(inventory.symbols) + FIRST, chunks=len(inventory.chunks) + 1, **sizes)
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS))
    except FileNotFoundError:
        raise ArtefactError(f"{folder / WEIGHTS}: there is no such file; run train.py first") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    net.eval()
    return Model(inventory, net, sizes)
