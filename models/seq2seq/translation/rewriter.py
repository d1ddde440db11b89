"""The rewriter: which edit each word of a source gets, chosen by a window network among those that the word has had."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import wording
from wording import KEEP, Edit

import tensor_core as tc
from models.kit import files, training
from models.kit.errors import ArtefactError
from models.kit.sequences import Steps

SCHEMA = 1
LEARNED, WEIGHTS = "preprocess.json", "weights.safetensors"
CHOICES = 16  # edits among which one is chosen for each word
FEWEST_EDITS = 2  # times that an edit was seen, of one word or of all
SMOOTH = 0.5  # times that each choice is taken as seen beyond what it was
SPACE, UNSEEN, FIRST = 0, 1, 2  # numbers of no word, of an unknown word, and of the first known one
START_SCALE = 0.3
CHUNK_TEXTS = 256

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class Inventory(NamedTuple):
    """Known words (numbers from `FIRST`), all edits, and of each word the edits to choose from with their logarithms.

    choices and likely: (FIRST + words, CHOICES); what an unknown word may become stands in the row of `UNSEEN`.
    """

    words: dict[str, int]
    edits: list[Edit]
    choices: Ids
    likely: Floats


class Model(NamedTuple):
    """A trained rewriter, and by how much the score of leaving a word out is lowered.

    To leave out is one edit and to say it otherwise is many, so that the likeliest edits together are too short a text.
    """

    inventory: Inventory
    net: "Rewriter"
    reluctance: float = 0.0


def inventory(sources: Sequence[Steps], changes: Sequence[list[Edit]]) -> Inventory:
    """Returns words and edits of training texts; for each word its commonest edits, then the commonest of all."""
    by_word: dict[str, Counter[Edit]] = {}
    total: Counter[Edit] = Counter()
    for source, each in zip(sources, changes, strict=True):
        total.update(each)
        for word, edit in zip(source, each, strict=True):
            by_word.setdefault(word, Counter())[edit] += 1
    general = [edit for edit, _ in total.most_common() if all(part == KEEP or not part.isalnum() for part in edit)]
    general = list(dict.fromkeys([(KEEP,), (), *general]))[:CHOICES]
    words = [word for word, seen in by_word.items() if seen.total() >= wording.FEWEST]
    edits: dict[Edit, int] = {edit: place for place, edit in enumerate(general)}
    choices = np.zeros((FIRST + len(words), CHOICES), dtype=np.int64)
    likely = np.full(choices.shape, -1e9, dtype=np.float32)
    rows = [(UNSEEN, Counter({edit: total[edit] for edit in general}))]
    rows += [(place, by_word[word]) for place, word in enumerate(words, start=FIRST)]
    for row, seen in rows:
        own = [edit for edit, times in seen.most_common(CHOICES) if times >= FEWEST_EDITS]
        there = list(dict.fromkeys([*own, *general]))[:CHOICES]
        times = np.array([seen[edit] + SMOOTH for edit in there])
        choices[row, : len(there)] = [edits.setdefault(edit, len(edits)) for edit in there]
        likely[row, : len(there)] = np.log(times / times.sum())
    return Inventory({word: place for place, word in enumerate(words, start=FIRST)}, list(edits), choices, likely)


def encode(source: Steps, known: dict[str, int]) -> Ids:
    """Returns the number of each word."""
    return np.array([known.get(word, UNSEEN) for word in source], dtype=np.int64)


def wanted(ids: Ids, changes: list[Edit], learned: Inventory, numbers: dict[Edit, int]) -> Ids:
    """Returns the place of each word's edit among its choices, −1 where it is none of them."""
    found = np.array([numbers.get(edit, -1) for edit in changes])
    hits = (learned.choices[ids] == found[:, None]) & (learned.likely[ids] > -1e8)
    return np.where(hits.any(axis=1), hits.argmax(axis=1), -1)


class Rewriter(tc.nn.Module):
    """Scores of the choices of each word, from the words around it.

    >>> net = Rewriter(words=10, edits=7, window=1, width=4, hidden=8, dropout=0.0)
    >>> tuple(net(np.ones((5, 3), dtype=np.int64), np.zeros((5, 2), dtype=np.int64), np.zeros((5, 2))).shape)
    (5, 2)
    """

    def __init__(self, *, words: int, edits: int, window: int, width: int, hidden: int, dropout: float) -> None:
        """Draw the weights; edits begin with nought, so that at first each word gets its commonest one."""
        self.window = window
        self.table = tc.nn.Embedding(words, width, sparse=True)
        self.first = tc.nn.Linear((2 * window + 1) * width, hidden)
        self.edit = tc.nn.Embedding(edits, hidden, sparse=True)
        self.bias = tc.nn.Embedding(edits, 1, sparse=True)
        self.drop = tc.nn.Dropout(dropout)
        with tc.no_grad():
            for table, scale in ((self.table, START_SCALE), (self.edit, 0.0), (self.bias, 0.0)):
                table.weight.mul_(scale)

    def forward(self, around: Ids, choices: Ids, likely: npt.NDArray[Any]) -> tc.Tensor:
        """Scores (words, choices) from windows of words (words, 2·window + 1)."""
        seen = self.table(tc.as_tensor(around)).reshape(len(around), -1)
        hidden = self.drop(tc.gelu(self.first(self.drop(seen))))
        numbers = tc.as_tensor(choices)
        match = (self.edit(numbers) @ hidden[:, :, None]).squeeze(-1) + self.bias(numbers).squeeze(-1)
        scores: tc.Tensor = match + tc.as_tensor(likely.astype(np.float32))
        return scores


def windows(texts: Sequence[Ids], window: int) -> Ids:
    """Returns the words around each word of all texts, of shape (words, 2·window + 1).

    >>> windows([np.array([5, 6])], 1).tolist()
    [[0, 5, 6], [5, 6, 0]]
    """
    space = np.zeros(window, dtype=np.int64)
    parts = [
        np.lib.stride_tricks.sliding_window_view(np.concatenate([space, each, space]), 2 * window + 1)
        for each in texts
        if each.size
    ]
    return np.concatenate(parts) if parts else np.zeros((0, 2 * window + 1), dtype=np.int64)


def train(
    net: Rewriter, learned: Inventory, parts: tuple[list[Ids], list[Ids]], stops: tuple[list[Ids], list[Ids]],
    settings: Any,
) -> training.Run:  # fmt: skip
    """Trains on texts and the places of their edits, and keeps the state whose loss on `stops` is lowest."""
    generator = np.random.default_rng(settings.seed)
    around, right = windows(parts[0], net.window), np.concatenate(parts[1])
    known = np.flatnonzero(right >= 0)
    steps = max(1, known.size // settings.batch_words)
    adam = tc.optim.Adam(net.parameters(), lr=settings.learning_rate)
    schedule = tc.optim.Schedule(adam, lambda step: tc.optim.cosine_factor(step, total=steps * settings.epochs))
    history: list[training.Point] = []
    best, best_loss = training.snapshot(net), _loss(net, learned, stops)
    with (
        training.watched(budget_seconds=settings.time_budget_seconds) as watch,
        training.bar(settings.epochs, "epoch") as shown,
    ):
        while len(history) < settings.epochs and not watch.reason:
            net.train()
            losses = []
            for chosen in np.array_split(generator.permutation(known), steps):
                adam.zero_grad()
                loss = _cost(net, learned, around[chosen], right[chosen])
                loss.backward()
                adam.step()
                schedule.step()
                losses.append(loss.item())
                if watch.reason:
                    break
            there = _loss(net, learned, stops)
            history.append(training.Point(len(history) + 1, float(np.mean(losses)), there))
            if there < best_loss:
                best, best_loss = training.snapshot(net), there
            shown.set_postfix(loss=f"{there:.4f}")
            shown.update()
        net.load_state_dict(best)
        net.eval()
        return training.ended(watch, watch.reason or "all epochs done", "epoch", history)


def _cost(net: Rewriter, learned: Inventory, around: Ids, right: Ids) -> tc.Tensor:
    middle = around[:, net.window]
    loss: tc.Tensor = tc.cross_entropy(
        net(around, learned.choices[middle], learned.likely[middle]), tc.as_tensor(right)
    )
    return loss


def _loss(net: Rewriter, learned: Inventory, part: tuple[list[Ids], list[Ids]]) -> float:
    net.eval()
    around, right = windows(part[0], net.window), np.concatenate(part[1]) if part[1] else np.zeros(0, dtype=np.int64)
    known = right >= 0
    if not known.any():
        return np.inf
    with tc.no_grad():
        return float(_cost(net, learned, around[known], right[known]).item())


def rewrite(model: Model, sources: Sequence[Steps]) -> list[Steps]:
    """Returns the translation of each text."""
    learned, net, reluctance = model
    net.eval()
    empty = learned.edits.index(())
    found: list[Steps] = []
    with tc.no_grad():
        for start in range(0, len(sources), CHUNK_TEXTS):
            texts = sources[start : start + CHUNK_TEXTS]
            coded = [encode(text, learned.words) for text in texts]
            around = windows(coded, net.window)
            middle = around[:, net.window]
            scores = net(around, learned.choices[middle], learned.likely[middle]).numpy()
            scores = scores - reluctance * (learned.choices[middle] == empty)
            best = learned.choices[middle, scores.argmax(axis=1)] if middle.size else middle
            ends = np.cumsum([len(text) for text in texts])
            for text, chosen in zip(texts, np.split(best, ends[:-1]), strict=True):
                found.append(wording.applied(text, [learned.edits[place] for place in chosen]))
    return found


def save(model: Model, folder: Path) -> None:
    """Writes preprocess.json and weights.safetensors, in which the choices of words stand beside the network."""
    learned, net, reluctance = model
    about = {
        "schema": SCHEMA, "reluctance": reluctance, "window": net.window, "width": int(net.table.weight.shape[1]),
        "hidden": int(net.first.weight.shape[0]), "words": list(learned.words), "edits": learned.edits,
    }  # fmt: skip
    files.write(folder / LEARNED, json.dumps(about, ensure_ascii=False) + "\n")
    tables = {"choices": tc.as_tensor(learned.choices), "likely": tc.as_tensor(learned.likely)}
    tc.nn.save_safetensors({**net.state_dict(), **tables}, folder / WEIGHTS)


def load(folder: Path) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing, damaged, or of another version."""
    about = files.read_json(folder / LEARNED, remedy="run train.py first")
    try:
        if about["schema"] != SCHEMA:
            raise ValueError("it was saved by another version")
        state = tc.nn.load_safetensors(folder / WEIGHTS)
        words = {word: place for place, word in enumerate(about["words"], start=FIRST)}
        edits = [tuple(each) for each in about["edits"]]
        learned = Inventory(words, edits, state.pop("choices").numpy(), state.pop("likely").numpy())
        sizes = {name: int(about[name]) for name in ("window", "width", "hidden")}
        net = Rewriter(words=FIRST + len(words), edits=len(edits), dropout=0.0, **sizes)
        net.load_state_dict(state)
    except FileNotFoundError:
        raise ArtefactError(f"{folder / WEIGHTS}: there is no such file; run train.py first") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    net.eval()
    return Model(learned, net, float(about["reluctance"]))
