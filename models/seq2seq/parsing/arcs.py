"""The parser's network: how likely each word depends on each other one, and how it is trained and saved.

An arc is scored by a hidden layer over what is seen of both words and how far they are apart, as by Kiperwasser and
Goldberg (2016), Simple and Accurate Dependency Parsing; what is seen of a word is a window around it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import trees

import tensor_core as tc
from models.kit import files, training, word_features
from models.kit.errors import ArtefactError
from models.kit.word_features import KINDS, Ids

SCHEMA = 1
LEARNED, WEIGHTS = "preprocess.json", "weights.safetensors"
START_SCALE = 0.3  # of the feature vectors: nine of them are added up
FARTHEST = 12  # words; arcs that are longer count as this long
CHUNK_SENTENCES = 64  # that are parsed at once
NO_HEAD = -1


class Model(NamedTuple):
    """A trained parser: the numbers of features of words, and the network."""

    features: dict[str, int]
    net: "Arcs"


class Batch(NamedTuple):
    """Sentences side by side: features of all windows' words, where each sentence's words begin, and which are there.

    places (sentences, words + 1): the place of each word's window, with the root's (the last window) before them.
    """

    ids: Ids
    places: Ids
    there: npt.NDArray[np.bool_]


def batch(sentences: Sequence[Ids], window: int) -> Batch:
    """Returns encoded sentences as the network takes them."""
    ids, places = word_features.joined(sentences, window)
    ids = np.concatenate([ids, np.zeros((window + 1, len(KINDS)), dtype=np.int64)])  # one more window, of the root
    width = max(map(len, sentences)) + 1
    table = np.full((len(sentences), width), len(ids) - 2 * window - 1)
    there = np.zeros((len(sentences), width), dtype=bool)
    start = 0
    for row, each in enumerate(sentences):
        table[row, 1 : len(each) + 1] = places[start : start + len(each)]
        there[row, : len(each) + 1] = True
        start += len(each)
    return Batch(ids, table, there)


class Arcs(tc.nn.Module):
    """Scores of arcs.

    >>> net = Arcs(features=10, window=1, width=4, hidden=8, dropout=0.0)
    >>> tuple(net(batch([np.ones((2, 9), dtype=np.int64)], 1)).shape)
    (1, 3, 3)
    """

    def __init__(self, *, features: int, window: int, width: int, hidden: int, dropout: float) -> None:
        """Draw the weights; the vector of the space between sentences is nought and stays."""
        self.window = window
        self.table = tc.nn.Embedding(features + 1, width, padding_idx=0, sparse=True)
        with tc.no_grad():
            self.table.weight.mul_(START_SCALE)
        self.first = tc.nn.Linear((2 * window + 1) * width, hidden)
        self.head = tc.nn.Linear(hidden, hidden)
        self.dependent = tc.nn.Linear(hidden, hidden)
        self.apart = tc.nn.Embedding(2 * FARTHEST + 2, hidden)
        self.score = tc.nn.Linear(hidden, 1)
        self.drop = tc.nn.Dropout(dropout)

    def forward(self, given: Batch) -> tc.Tensor:
        """Scores (sentences, head, dependent) of arcs; the root stands before the words."""
        words = tc.embedding_bag(tc.as_tensor(given.ids), self.table.weight, mode="sum", padding_idx=0, sparse=True)
        across = 2 * self.window + 1
        windows = words.shape[0] - across + 1
        around = tc.cat([words[place : place + windows] for place in range(across)], 1)
        seen = self.drop(tc.gelu(self.first(self.drop(around))))[tc.as_tensor(given.places)]
        size = given.places.shape[1]
        away = np.arange(size)[None, :] - np.arange(size)[:, None]
        away = np.clip(away, -FARTHEST, FARTHEST) + FARTHEST
        away[0] = 2 * FARTHEST + 1  # the root is near to all words alike
        pairs = self.head(seen)[:, :, None] + self.dependent(seen)[:, None] + self.apart(tc.as_tensor(away))
        scores = self.score(tc.gelu(pairs)).squeeze(-1)
        barred = ~(given.there[:, :, None] & given.there[:, None])
        barred |= np.eye(size, dtype=bool)
        masked: tc.Tensor = scores.masked_fill(tc.as_tensor(barred), -1e9)
        return masked


def cost(net: Arcs, sentences: Sequence[Ids], heads: Sequence[Ids]) -> tc.Tensor:
    """Returns −log of the right head among all words, the mean over words whose head is known."""
    scores = net(batch(sentences, net.window)).transpose(1, 2)
    rows = np.concatenate([np.full(each.size, row) for row, each in enumerate(heads)])
    words = np.concatenate([np.arange(1, each.size + 1) for each in heads])
    wanted = np.concatenate(list(heads))
    known = wanted != NO_HEAD
    chosen = scores[tc.as_tensor(rows[known]), tc.as_tensor(words[known])]
    loss: tc.Tensor = tc.cross_entropy(chosen, tc.as_tensor(wanted[known]))
    return loss


def train(
    net: Arcs, parts: tuple[list[Ids], list[Ids]], stops: tuple[list[Ids], list[Ids]], unseen: int, settings: Any
) -> training.Run:
    """Trains on encoded sentences and their heads, and keeps the state with most right heads on `stops`.

    Words are taken as `unseen` at random (`word_dropout`), so that their endings and neighbours must do.
    """
    generator = np.random.default_rng(settings.seed)
    sentences, heads = parts
    steps = max(1, len(sentences) // settings.batch_sentences)
    adam = tc.optim.Adam(net.parameters(), lr=settings.learning_rate)
    total = steps * settings.epochs
    schedule = tc.optim.Schedule(adam, lambda step: tc.optim.cosine_factor(step, total=total))
    history: list[training.Point] = []
    best, best_loss = training.snapshot(net), np.inf
    lengths = np.array([len(each) for each in sentences])
    with (
        training.watched(budget_seconds=settings.time_budget_seconds) as watch,
        training.bar(settings.epochs, "epoch") as shown,
    ):
        while len(history) < settings.epochs and not watch.reason:
            net.train()
            order = np.argsort(lengths + generator.random(lengths.size) * 6, kind="stable")  # alike ones together
            groups, losses = np.array_split(order, steps), []
            for place in generator.permutation(steps):
                chosen = groups[place]
                given = []
                for row in chosen:
                    ids = sentences[row].copy()
                    ids[generator.random(len(ids)) < settings.word_dropout, 0] = unseen
                    given.append(ids)
                adam.zero_grad()
                loss = cost(net, given, [heads[row] for row in chosen])
                loss.backward()
                adam.step()
                schedule.step()
                losses.append(loss.item())
                if watch.reason:
                    break
            there = _loss(net, *stops)
            history.append(training.Point(len(history) + 1, float(np.mean(losses)), there))
            if there < best_loss:
                best, best_loss = training.snapshot(net), there
            shown.set_postfix(loss=f"{there:.4f}")
            shown.update()
        net.load_state_dict(best)
        net.eval()
        return training.ended(watch, watch.reason or "all epochs done", "epoch", history)


def _loss(net: Arcs, sentences: list[Ids], heads: list[Ids]) -> float:
    """Returns the mean −log of the right head."""
    net.eval()
    values = []
    with tc.no_grad():
        for start in range(0, len(sentences), CHUNK_SENTENCES):
            end = start + CHUNK_SENTENCES
            values.append(cost(net, sentences[start:end], heads[start:end]).item() * len(sentences[start:end]))
    return float(sum(values) / max(len(sentences), 1)) if values else np.inf


def parse(net: Arcs, sentences: Sequence[Ids]) -> list[trees.Heads]:
    """Returns the head of each word in the likeliest tree of each sentence."""
    net.eval()
    found: dict[int, trees.Heads] = {}
    order = sorted(range(len(sentences)), key=lambda row: len(sentences[row]))
    with tc.no_grad():
        for start in range(0, len(order), CHUNK_SENTENCES):
            rows = order[start : start + CHUNK_SENTENCES]
            scores = tc.log_softmax(net(batch([sentences[row] for row in rows], net.window)), 1).numpy()
            for row, table in zip(rows, scores.astype(np.float64), strict=True):
                size = len(sentences[row]) + 1
                found[row] = trees.best(table[:size, :size])
    return [found[row] for row in range(len(sentences))]


def save(model: Model, folder: Path) -> None:
    """Writes preprocess.json and weights.safetensors."""
    net = model.net
    learned = {
        "schema": SCHEMA, "kinds": KINDS, "window": net.window, "width": int(net.table.weight.shape[1]),
        "hidden": int(net.first.weight.shape[0]), "features": list(model.features),
    }  # fmt: skip
    files.write(folder / LEARNED, json.dumps(learned, ensure_ascii=False) + "\n")
    tc.nn.save_safetensors(net.state_dict(), folder / WEIGHTS)


def load(folder: Path) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing, damaged, or of another version."""
    learned = files.read_json(folder / LEARNED, remedy="run train.py first")
    try:
        if learned["schema"] != SCHEMA or tuple(learned["kinds"]) != KINDS:
            raise ValueError("it was saved by another version")
        features = {feature: place for place, feature in enumerate(learned["features"], start=1)}
        sizes = {name: int(learned[name]) for name in ("window", "width", "hidden")}
        net = Arcs(features=len(features), dropout=0.0, **sizes)
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS))
    except FileNotFoundError:
        raise ArtefactError(f"{folder / WEIGHTS}: there is no such file; run train.py first") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    net.eval()
    return Model(features, net)
