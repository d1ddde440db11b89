"""The tagger's parts: what it sees of a word, its network, and how it is trained and saved."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import files, training, word_features
from models.kit.errors import ArtefactError
from models.kit.sequences import Steps
from models.kit.word_features import KINDS, Ids, joined

SCHEMA = 1
LEARNED, WEIGHTS = "preprocess.json", "weights.safetensors"
START_SCALE = 0.3  # of the feature vectors: nine of them are added up
NO_TAG = -1
CHUNK_SEQUENCES = 512  # that are labelled at once


class Vocabulary(NamedTuple):
    """The number of each feature (from 1, 0 is the space between sequences), and the tags in their order."""

    features: dict[str, int]
    tags: Steps


class Model(NamedTuple):
    """A trained tagger."""

    vocabulary: Vocabulary
    net: "Tagger"
    window: int


def vocabulary(sequences: Iterable[Steps], tags: Iterable[Steps]) -> Vocabulary:
    """Returns the features of words, and the tags."""
    return Vocabulary(word_features.known(sequences), tuple(sorted({t for each in tags for t in each})))


class Tagger(tc.nn.Module):
    """Vectors of a word's features are added up; a window of words goes through one hidden layer (Collobert 2011).

    >>> net = Tagger(features=10, tags=3, window=1, width=4, hidden=8, dropout=0.0)
    >>> tuple(net(tc.zeros(5, 9, dtype=tc.int64)).shape)
    (3, 3)
    """

    def __init__(self, *, features: int, tags: int, window: int, width: int, hidden: int, dropout: float) -> None:
        """Draw the weights; the vector of the space between sequences is nought and stays."""
        self.window = window
        self.table = tc.nn.Embedding(features + 1, width, padding_idx=0, sparse=True)
        with tc.no_grad():
            self.table.weight.mul_(START_SCALE)
        self.first = tc.nn.Linear((2 * window + 1) * width, hidden)
        self.last = tc.nn.Linear(hidden, tags)
        self.drop = tc.nn.Dropout(dropout)

    def forward(self, ids: tc.Tensor) -> tc.Tensor:
        """Scores of each tag for each window: (rows − 2·window, tags) from features (rows, kinds)."""
        words = tc.embedding_bag(ids, self.table.weight, mode="sum", padding_idx=0, sparse=True)
        return self.scores(words)

    def scores(self, words: tc.Tensor) -> tc.Tensor:
        """Scores of each tag from the vectors of words (rows, width)."""
        across = 2 * self.window + 1
        windows = words.shape[0] - across + 1
        around = tc.cat([words[place : place + windows] for place in range(across)], 1)
        scores: tc.Tensor = self.last(self.drop(tc.gelu(self.first(self.drop(around)))))
        return scores


def train(
    net: Tagger, parts: tuple[list[Ids], list[Ids]], stops: tuple[list[Ids], list[Ids]], unseen: int, settings: Any
) -> training.Run:
    """Trains on encoded sequences and the places of their tags, and keeps the best state on `stops`.

    Words are taken as `unseen` at random (`word_dropout`), so that their endings and neighbours must do.
    """
    generator = np.random.default_rng(settings.seed)
    sequences, tags = parts
    steps = -(-len(sequences) // settings.batch_sequences)
    adam = tc.optim.Adam(net.parameters(), lr=settings.learning_rate)
    total = steps * settings.epochs
    schedule = tc.optim.Schedule(adam, lambda step: tc.optim.cosine_factor(step, total=total))
    history: list[training.Point] = []
    best, best_right = net.state_dict(), -1.0
    with (
        training.watched(budget_seconds=settings.time_budget_seconds) as watch,
        training.bar(settings.epochs, "epoch") as shown,
    ):
        while len(history) < settings.epochs and not watch.reason:
            net.train()
            order, losses = generator.permutation(len(sequences)), []
            for start in range(0, len(order), settings.batch_sequences):
                chosen = order[start : start + settings.batch_sequences]
                ids, places = joined([sequences[row] for row in chosen], net.window)
                hidden = (generator.random(len(ids)) < settings.word_dropout) & (ids[:, 0] > 0)
                ids[hidden, 0] = unseen
                wanted = np.concatenate([tags[row] for row in chosen])
                known = wanted != NO_TAG
                adam.zero_grad()
                scores = net(tc.as_tensor(ids))
                loss = tc.cross_entropy(scores[tc.as_tensor(places[known])], tc.as_tensor(wanted[known]))
                loss.backward()
                adam.step()
                schedule.step()
                losses.append(loss.item())
                if watch.reason:
                    break
            right, loss_there = _right(net, *stops)
            history.append(training.Point(len(history) + 1, float(np.mean(losses)), loss_there))
            if right > best_right:
                best, best_right = training.snapshot(net), right
            shown.set_postfix(accuracy=f"{right:.4f}")
            shown.update()
        net.load_state_dict(best)
        net.eval()
        return training.ended(watch, watch.reason or "all epochs done", "epoch", history)


def _right(net: Tagger, sequences: list[Ids], tags: list[Ids]) -> tuple[float, float]:
    """Returns the share of right tags and the mean loss; without sequences nought and infinity."""
    if not sequences:
        return 0.0, np.inf
    scores, wanted = np.concatenate(outputs(net, sequences)), np.concatenate(tags)
    known = wanted != NO_TAG
    loss = tc.cross_entropy(tc.as_tensor(scores[known]), tc.as_tensor(wanted[known])).item()
    return float((scores.argmax(axis=1) == wanted)[known].mean()), loss


def outputs(net: Tagger, sequences: Sequence[Ids]) -> list[npt.NDArray[np.float32]]:
    """Returns the scores of the tags at each step of each sequence, without dropout and without a graph."""
    net.eval()
    found: list[npt.NDArray[np.float32]] = []
    with tc.no_grad():
        for start in range(0, len(sequences), CHUNK_SEQUENCES):
            chosen = sequences[start : start + CHUNK_SEQUENCES]
            ids, places = joined(chosen, net.window)
            scores = net(tc.as_tensor(ids)).numpy()[places]
            found += np.split(scores, np.cumsum([len(each) for each in chosen])[:-1])
    return found


def save(model: Model, folder: Path, *, width: int, hidden: int) -> None:
    """Writes preprocess.json and weights.safetensors."""
    learned = {
        "schema": SCHEMA, "kinds": KINDS, "window": model.window, "width": width, "hidden": hidden,
        "tags": model.vocabulary.tags, "features": list(model.vocabulary.features),
    }  # fmt: skip
    files.write(folder / LEARNED, json.dumps(learned, ensure_ascii=False) + "\n")
    tc.nn.save_safetensors(model.net.state_dict(), folder / WEIGHTS)


def load(folder: Path) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing, damaged, or of another version."""
    learned = files.read_json(folder / LEARNED, remedy="run train.py first")
    try:
        if learned["schema"] != SCHEMA or tuple(learned["kinds"]) != KINDS:
            raise ValueError("it was saved by another version")
        features = {feature: place for place, feature in enumerate(learned["features"], start=1)}
        vocabulary = Vocabulary(features, tuple(learned["tags"]))
        net = Tagger(
            features=len(features), tags=len(vocabulary.tags), window=int(learned["window"]),
            width=int(learned["width"]), hidden=int(learned["hidden"]), dropout=0.0,
        )  # fmt: skip
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS))
    except FileNotFoundError:
        raise ArtefactError(f"{folder / WEIGHTS}: there is no such file; run train.py first") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    net.eval()
    return Model(vocabulary, net, net.window)
