"""Items that people would take next: EASE, one linear solve; beside it popularity and implicit matrix factorisation.

EASE (Steck, 2019, Embarrassingly Shallow Autoencoders for Sparse Data) predicts each item of a person from the person's
other items: with the Gram matrix G of items and P = (G + λ)⁻¹, the weight of item i for item j is −P[i, j] / P[j, j].
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import feedback_loop
import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import files, ranking_metrics, recommending, training
from models.kit.config import Between
from models.kit.errors import ArtefactError
from models.kit.events import Histories, Places
from models.kit.recommending import Lists, Prepared
from models.kit.splits import Rows
from models.kit.task import Case, Fitted, Onnx, Task, Trained, take

Vector = npt.NDArray[np.float64]

SCHEMA = 1
ITEMS_FILE, WEIGHTS_FILE = "model.json", "weights.safetensors"
INNER_SHARE = 0.2  # of each history, to choose among penalties
FACTORS, ROUNDS, CONFIDENCE, RIDGE = 32, 10, 10.0, 10.0  # of the peer


@dataclass(frozen=True, kw_only=True)
class Settings(recommending.Settings):
    """The settings of config.yaml."""

    penalties: tuple[Annotated[float, Between(1e-3, 1e9)], ...]
    popularity_discount: Annotated[float, Between(0, 1)]


class Model(NamedTuple):
    """The names of the items, and the weight of each item (row) for each other one (column)."""

    items: tuple[str, ...]
    weights: Vector


Run = Case[Settings, Histories, Prepared]


def peer(case: Run) -> Callable[[Rows], Lists]:
    """Returns implicit matrix factorisation by alternating least squares (Hu, Koren and Volinsky, 2008), in numpy."""
    items = len(case.prepared.items)
    taken = recommending.matrix([case.prepared.seen[place] for place in case.split.train], items)
    factors = np.random.default_rng(case.settings.seed).normal(0, 0.01, (items, FACTORS))
    for _ in range(ROUNDS):
        people = _solved(taken, factors)
        factors = _solved(taken.T, people)

    def scores(seen: list[Places]) -> Vector:
        return np.asarray(_solved(recommending.matrix(seen, items), factors) @ factors.T)

    return recommending.served(case, scores)


def _solved(taken: Vector, factors: Vector) -> Vector:
    """Returns the factors of one side, the least-squares answer to the other's."""
    shared = factors.T @ factors + RIDGE * np.eye(FACTORS)
    rows = []
    for row in taken:
        own = factors[row > 0]
        rows.append(np.linalg.solve(shared + CONFIDENCE * own.T @ own, (1 + CONFIDENCE) * own.sum(axis=0)))
    return np.array(rows)


def ease(taken: Vector, *, penalty: float, discount: float) -> Vector:
    """Returns the weights of items for items; `discount` says how much less a person with many items counts.

    >>> taken = np.array([[1.0, 1, 0], [1, 1, 0], [0, 1, 1]])
    >>> weights = ease(taken, penalty=1.0, discount=0.0)
    >>> bool(weights[0, 1] > weights[0, 2]), weights.diagonal().tolist()
    (True, [0.0, 0.0, 0.0])
    """
    rows = taken / np.maximum(taken.sum(axis=1, keepdims=True), 1) ** (discount / 2)
    gram = rows.T @ rows
    gram *= max(float(taken.sum(axis=0).max()), 1.0) / max(float(gram.diagonal().max()), 1e-12)
    with tc.no_grad():
        inverse = tc.linalg.inv(tc.as_tensor(gram) + penalty * tc.eye(len(gram), dtype=tc.float64)).numpy()
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights)


def fit(case: Run) -> Fitted[Model]:
    """Returns EASE with the penalty that finds a held-back fifth of each person's own history best."""
    settings, items = case.settings, case.prepared.items
    seen = [case.prepared.seen[place] for place in case.split.train]
    generator = np.random.default_rng(settings.seed)
    shuffled = [generator.permutation(np.unique(each)) for each in seen]
    held = [each[: round(each.size * INNER_SHARE)] for each in shuffled]
    left = [each[round(each.size * INNER_SHARE) :] for each in shuffled]
    inner, history, best, chosen = recommending.matrix(left, len(items)), [], -1.0, settings.penalties[0]
    with training.watched(budget_seconds=settings.time_budget_seconds) as watch:
        for step, penalty in enumerate(settings.penalties if len(settings.penalties) > 1 else ()):
            found = _quality(inner, held, ease(inner, penalty=penalty, discount=settings.popularity_discount))
            history.append(training.Point(step + 1, 1 - found, 1 - found))
            if found > best:
                best, chosen = found, penalty
            if watch.reason:
                break
        weights = ease(recommending.matrix(seen, len(items)), penalty=chosen, discount=settings.popularity_discount)
        run = training.ended(watch, watch.reason or f"the penalty {chosen:g} was best", "penalty", history)
    model = Model(items, weights)
    shown = recommending.coverage(predict(model, take(case.data.examples, case.split.test), settings), len(items))
    said = f"{shown:.0%} of the {len(items):,} items stand in at least one list of the test"
    return Fitted(
        model, run.ended.replace("penaltys", "penalties"), *run[1:], (said,), {"coverage": shown, "penalty": chosen}
    )


def _quality(inner: Vector, held: list[Places], weights: Vector) -> float:
    scores = np.where(inner > 0, -np.inf, inner @ weights)
    best = np.argsort(-scores, axis=1, kind="stable")[:, : recommending.PLACES].astype(str).tolist()
    values = ranking_metrics.of_names(best, [each.astype(str).tolist() for each in held])
    return float(np.nanmean(values["ndcg"]))


def predict(model: Model, examples: Histories, settings: Settings) -> Lists:
    """Returns the best ten items for each person."""
    return recommending.lists(
        examples, model.items, lambda seen: recommending.matrix(seen, len(model.items)) @ model.weights
    )


def save(model: Model, folder: Path) -> None:
    """Writes model.json (the items) and weights.safetensors."""
    files.write(folder / ITEMS_FILE, json.dumps({"schema": SCHEMA, "items": model.items}, ensure_ascii=False) + "\n")
    tc.nn.save_safetensors({"weights": tc.as_tensor(model.weights)}, folder / WEIGHTS_FILE)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    about = files.read_json(folder / ITEMS_FILE, remedy="run train.py first")
    try:
        items = tuple(map(str, about["items"]))
        weights = tc.nn.load_safetensors(folder / WEIGHTS_FILE)["weights"].numpy()
        if about["schema"] != SCHEMA or weights.shape != (len(items), len(items)):
            raise ValueError("items and weights do not agree")
        return Model(items, weights)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the scores as a function of who took what, columns as the items in model.json."""
    weights = tc.as_tensor(model.weights)
    return Onnx(lambda taken: taken @ weights, tc.as_tensor(np.zeros((2, len(model.items)))))


def draw(folder: Path, trained: Trained[Settings, Histories, Prepared, Model, Lists]) -> None:
    """Draws what becomes of the catalogue when the model learns from what it has shown itself."""
    case = trained.case
    taken = recommending.matrix([case.prepared.seen[place] for place in case.split.train], len(case.prepared.items))
    worlds = feedback_loop.simulate(taken, seed=case.settings.seed)
    feedback_loop.draw(folder / "feedback_loop.png", worlds)


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Recommendation from what people took (EASE)",
    dummy_title="most taken items",
    peer_title="implicit ALS, numpy",
    metrics=ranking_metrics.chosen("ndcg", "recall", "hit_rate", "mrr"),
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
    smoke={},
    smoke_examples=None,
)
