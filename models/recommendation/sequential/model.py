"""What somebody takes next, after the latest steps: a small network over the last items; beside it Markov chains.

Each item has a vector. The vectors of the last `window` items are averaged with weights that depend on how long ago
they were taken; together with the very last one and a plain sum they pass a hidden layer with a path around it, and a
softmax over the whole catalogue says what comes next (cross-entropy, Adam with decoupled weight decay).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import files, plots, ranking_metrics, recommending, training
from models.kit.config import Between
from models.kit.errors import ArtefactError
from models.kit.events import Histories, Places
from models.kit.recommending import Lists, Prepared
from models.kit.splits import Rows
from models.kit.task import Case, Fitted, Onnx, Task, Trained, take

Vector = npt.NDArray[np.float64]

SCHEMA = 1
ITEMS_FILE, WEIGHTS_FILE = "model.json", "weights.safetensors"
START = 0.1  # standard deviation of the first vectors
FADING = 0.3  # by how much the log of the weight falls at first with each step back
SMALL = 1e-6  # against a division by nought for an empty history
DECAYS = (0.3, 0.6, 0.8)  # of the Markov chain: how much an item counts that was taken one step earlier


@dataclass(frozen=True, kw_only=True)
class Settings(recommending.Settings):
    """The settings of config.yaml."""

    window: Annotated[int, Between(1, 1_000)]
    width: Annotated[int, Between(1, 4_096)]
    dropout: Annotated[float, Between(0, 0.95)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    weight_decay: Annotated[float, Between(0, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_rows: Annotated[int, Between(1, 1_000_000)]
    patience: Annotated[int, Between(1, 1_000_000)]


class Network(tc.nn.Module):
    """Scores of all items, from the places of the last items: (people, window) → (people, items)."""

    def __init__(self, items: int, *, window: int, width: int, dropout: float) -> None:
        """Draw small vectors; place `items` stands for no item."""
        super().__init__()
        self.items = items
        self.vectors = tc.nn.Parameter(START * tc.randn(items + 1, width))
        self.fading = tc.nn.Parameter(tc.as_tensor(-FADING * np.arange(window, dtype=np.float32)[::-1].copy()))
        self.hidden = tc.nn.Linear(3 * width, width)
        self.dropout = tc.nn.Dropout(dropout)
        self.next = tc.nn.Linear(width, items)
        with tc.no_grad():
            self.next.weight.copy_(START * tc.randn(items, width))

    def forward(self, last: tc.Tensor) -> tc.Tensor:
        """Return the score of each item."""
        there = (last != self.items).to(tc.float32)
        taken = tc.embedding(last, self.vectors) * there.unsqueeze(2)
        weight = self.fading.exp() * there
        weight = weight / (weight.sum(1, keepdim=True) + SMALL)
        faded = (taken * weight.unsqueeze(2)).sum(1)
        plain = taken.sum(1) / (there.sum(1, keepdim=True) + SMALL).sqrt()
        state = self.dropout(tc.cat([faded, taken[:, last.shape[1] - 1], plain], 1))
        found: tc.Tensor = self.next(self.dropout(tc.tanh(self.hidden(state)) + faded))
        return found


class Model(NamedTuple):
    """The names of the items, and the network over their places."""

    items: tuple[str, ...]
    net: Network


Run = Case[Settings, Histories, Prepared]


def windows(histories: list[Places], *, window: int, nothing: int) -> Places:
    """Returns the last items of each history, the very last in the last column, filled up in front with `nothing`.

    >>> windows([np.array([4, 5, 6]), np.array([7])], window=2, nothing=9).tolist()
    [[5, 6], [9, 7]]
    """
    made = np.full((len(histories), window), nothing, dtype=np.int64)
    for row, history in enumerate(histories):
        last = history[-window:]
        if last.size:
            made[row, window - last.size :] = last
    return made


def steps(histories: list[Places], *, window: int, nothing: int) -> tuple[Places, Places]:
    """Returns every step of the histories: what came before it, and the item itself.

    >>> before, after = steps([np.array([1, 2, 3])], window=2, nothing=9)
    >>> before.tolist(), after.tolist()
    ([[9, 1], [1, 2]], [2, 3])
    """
    befores = [history[max(0, end - window) : end] for history in histories for end in range(1, history.size)]
    afters = [history[1:] for history in histories if history.size > 1]
    after = np.concatenate(afters) if afters else np.zeros(0, dtype=np.int64)
    return windows(befores, window=window, nothing=nothing), after


def peer(case: Run) -> Callable[[Rows], Lists]:
    """Returns a Markov chain: what followed each of the last items, older ones counting less (`DECAYS`)."""
    items = len(case.prepared.items)
    learned = [case.prepared.seen[place] for place in case.split.train]
    usable = [each for each in learned if each.size > 1]
    chains = _followed([each[:-1] for each in usable], items)
    wanted = np.array([each[-1] for each in usable])
    best = max(
        DECAYS, key=lambda decay: _hit_rate(_chained(chains, [each[:-1] for each in usable], decay), usable, wanted)
    )
    chain = _followed(learned, items)
    return recommending.served(case, lambda seen: _chained(chain, seen, best))


def _followed(histories: list[Places], items: int) -> Vector:
    """Returns how often each item (column) came right after each other one, as shares with a little smoothing."""
    counts = np.zeros((items, items))
    for each in histories:
        np.add.at(counts, (each[:-1], each[1:]), 1.0)
    popular = counts.sum(axis=0) / max(counts.sum(), 1.0)
    return np.asarray((counts + popular) / (counts.sum(axis=1, keepdims=True) + 1.0))


def _chained(chain: Vector, seen: list[Places], decay: float) -> Vector:
    scores = np.zeros((len(seen), len(chain)))
    for row, history in enumerate(seen):
        last = history[::-1][:20]
        scores[row] = decay ** np.arange(last.size) @ chain[last]
    return scores


def _hit_rate(scores: Vector, histories: list[Places], wanted: Places) -> float:
    for row, history in enumerate(histories):
        scores[row, history[:-1]] = -np.inf
    right = scores[np.arange(wanted.size), wanted]
    return float(((scores > right[:, None]).sum(axis=1) < recommending.PLACES).mean())


def fit(case: Run) -> Fitted[Model]:
    """Returns the network trained on every step; the last step of each history only says when to stop."""
    settings, items = case.settings, len(case.prepared.items)
    learned = [case.prepared.seen[place] for place in case.split.train]
    stopping = [each for each in learned if each.size > 2]
    before, after = steps(
        [each[:-1] if each.size > 2 else each for each in learned], window=settings.window, nothing=items
    )
    asked = tc.as_tensor(windows([each[:-1] for each in stopping], window=settings.window, nothing=items))
    wanted = np.array([each[-1] for each in stopping], dtype=np.int64)
    tc.manual_seed(settings.seed)
    generator = np.random.default_rng(settings.seed)
    net = Network(items, window=settings.window, width=settings.width, dropout=settings.dropout)
    adam = tc.optim.AdamW(net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    history: list[training.Point] = []
    best, best_found, best_epoch, reason = net.state_dict(), -1.0, 0, None
    with (
        training.watched(budget_seconds=settings.time_budget_seconds) as watch,
        training.bar(settings.epochs, "epoch") as shown,
    ):
        while reason is None and len(history) < settings.epochs:
            order, total, done = generator.permutation(after.size), 0.0, 0
            net.train()
            for begin in range(0, after.size, settings.batch_rows):
                rows = order[begin : begin + settings.batch_rows]
                adam.zero_grad()
                loss = tc.cross_entropy(net(tc.as_tensor(before[rows])), tc.as_tensor(after[rows]))
                loss.backward()
                adam.step()
                total, done = total + loss.item() * rows.size, done + rows.size
                reason = watch.reason if np.isfinite(total) else "the loss is no longer finite; lower learning_rate"
                if reason:
                    break
            net.eval()
            with tc.no_grad():
                scores = net(asked).numpy().astype(np.float64)
            found = _hit_rate(scores, stopping, wanted) if wanted.size else 0.0
            if found > best_found or not history:
                best = training.snapshot(net)
                best_found, best_epoch = found, len(history) + 1
            elif len(history) + 1 - best_epoch >= settings.patience:
                reason = reason or f"the hit rate of the histories' last steps was highest at epoch {best_epoch}"
            history.append(training.Point(len(history) + 1, total / max(done, 1), None))
            shown.update()
        run = training.ended(watch, reason or "all epochs done", "epoch", history)
    net.load_state_dict(best)
    net.eval()
    return Fitted(Model(case.prepared.items, net), *run, facts={"steps": int(after.size)})


def predict(model: Model, examples: Histories, settings: Settings) -> Lists:
    """Returns the ten items that most likely come next for each person, of those the person has not had."""
    window = int(model.net.fading.shape[0])

    def scores(seen: list[Places]) -> Vector:
        with tc.no_grad():
            return np.asarray(model.net(tc.as_tensor(windows(seen, window=window, nothing=len(model.items)))).numpy())

    return recommending.lists(examples, model.items, scores)


def save(model: Model, folder: Path) -> None:
    """Writes model.json (items and shape) and weights.safetensors."""
    window, width = int(model.net.fading.shape[0]), int(model.net.vectors.shape[1])
    about = {"schema": SCHEMA, "items": model.items, "window": window, "width": width}
    files.write(folder / ITEMS_FILE, json.dumps(about, ensure_ascii=False) + "\n")
    tc.nn.save_safetensors(model.net.state_dict(), folder / WEIGHTS_FILE)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    about = files.read_json(folder / ITEMS_FILE, remedy="run train.py first")
    try:
        if about["schema"] != SCHEMA:
            raise ValueError(f"schema {about['schema']!r} is not {SCHEMA}")
        items = tuple(map(str, about["items"]))
        net = Network(len(items), window=int(about["window"]), width=int(about["width"]), dropout=0.0)
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS_FILE))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    net.eval()
    return Model(items, net)


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the scores as a function of the places of the last items; len(items) stands for no item."""
    return Onnx(model.net, tc.as_tensor(np.zeros((2, int(model.net.fading.shape[0])), dtype=np.int64)))


def draw(folder: Path, trained: Trained[Settings, Histories, Prepared, Model, Lists]) -> None:
    """Draws the learning curve."""
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="cross-entropy of the next item")


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: f"Next item after the last {settings.window}",
    dummy_title="most taken items",
    peer_title="Markov chain, numpy",
    metrics=ranking_metrics.chosen("hit_rate", "ndcg", "mrr", "recall"),
    read=recommending.read,
    split=recommending.split,
    prepare=recommending.prepare,
    dummy=recommending.by_popularity,
    peer=peer,
    fit=fit,
    predict=predict,
    score=recommending.score,
    shown=recommending.shown,
    actual=recommending.actual,
    questions=recommending.questions,
    inputs=recommending.inputs,
    save=save,
    load=load,
    take=take,
    onnx=onnx,
    features=recommending.features,
    plots=draw,
    smoke={"epochs": 4, "width": 32, "learning_rate": 0.005},
    smoke_examples=None,
)
