"""Odd rows of a table, the oddest first; beside it chance, and scikit-learn's isolation forest."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from views import Views, learn, oddness

from models.kit import cells, metrics, plots, preprocess, splits, tabular, training, unlabelled
from models.kit.config import Between
from models.kit.errors import ConfigError, TableError, count, listed
from models.kit.metrics import Draws, Metric
from models.kit.preprocess import Preprocess
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained

Vector = npt.NDArray[np.float64]
PLANTED_SHARE = 0.05  # of the rows, where nobody knows which are odd


@dataclass(frozen=True, kw_only=True)
class Settings(unlabelled.Settings):
    """The settings of config.yaml."""

    metric: Literal["roc_auc", "average_precision", "precision"]
    odd: str | None
    capacity: Annotated[int, Between(1, 10_000_000)]
    samples: Annotated[int, Between(1, 10_000)]
    sample_rows: Annotated[int, Between(1, 10_000)]
    core_share: Annotated[float, Between(0.5, 1)]


class About(NamedTuple):
    """The roles of the columns, and which rows are odd: known from the column `check`, or planted."""

    roles: Any
    odd: npt.NDArray[np.bool_]
    planted: bool


class Model(NamedTuple):
    """What was learned about the columns, and the views."""

    learned: Preprocess
    views: Views


Table = Data[pl.DataFrame]
Run = Case[Settings, pl.DataFrame, unlabelled.Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Table:
    """Returns the rows, and which of them are odd; where no column says so, odd rows are planted to measure with.

    A planted row takes each of its cells from another row: every value is usual, only together they are not.
    """
    data = unlabelled.read(settings, folder, most)
    if settings.check is None:
        generator = np.random.default_rng(settings.seed)
        planted = np.zeros(data.size, dtype=bool)
        planted[generator.permutation(data.size)[: max(2, int(PLANTED_SHARE * data.size))]] = True
        own = np.arange(data.size)
        frame = data.examples.select(
            column.gather(np.where(planted, generator.permutation(data.size), own)) for column in data.examples
        )
        said = (
            f"no column says which rows are odd, so {count(int(planted.sum()), 'row')} had each cell taken from "
            "another row: how well these are found is measured, the training never sees them"
        )
        return data._replace(examples=frame, decisions=(*data.decisions, said), about=About(data.about, planted, True))
    if settings.odd is None:
        raise ConfigError("odd: name the value of the column `check` that marks odd rows, or set check to null")
    values = cells.texts(data.examples[settings.check])
    odd = (values == settings.odd).fill_null(value=False).to_numpy()
    if not odd.any() or odd.all():
        which = "no row" if not odd.any() else "every row"
        there = listed(values.unique().drop_nulls().sort())
        raise TableError(f"odd: {which} has {settings.odd!r} in column {settings.check!r}; it has {there}")
    return data._replace(about=About(data.about, odd, False))


def split(data: Table, settings: Settings) -> Split:
    """Returns all rows as training and as test, as no answer is learned; planted rows are in the test alone."""
    every = splits.everything(data.size)
    if not data.about.planted:
        return every
    normal = np.flatnonzero(~data.about.odd)
    half = np.random.default_rng(settings.seed).permutation(normal)
    train, rest = np.sort(half[normal.size // 5 :]), half[: normal.size // 5]
    test = np.sort(np.concatenate([rest, np.flatnonzero(data.about.odd)]))
    return Split(train, test[:0], test, "drawn at random, with the planted rows in the test")


def prepare(data: Table, split: Split, settings: Settings) -> unlabelled.Prepared:
    """Returns the design matrix of all rows, as the training rows teach it."""
    learned = unlabelled.learn(data.examples[split.train], data.about.roles, settings)
    return unlabelled.Prepared(learned, preprocess.transform(learned, data.examples))


def dummy(case: Run) -> Callable[[Rows], Vector]:
    """Returns what needs no model: to take rows at random."""
    chance = np.random.default_rng(case.settings.seed).random(case.data.size)
    return lambda rows: chance[rows]


def peer(case: Run) -> Callable[[Rows], Vector]:
    """Returns scikit-learn's isolation forest (Liu, Ting and Zhou, 2008) at its defaults; its score is in 0 to 1."""
    from sklearn.ensemble import IsolationForest

    inputs = case.prepared.inputs
    forest = IsolationForest(random_state=case.settings.seed).fit(inputs[case.split.train])
    return lambda rows: np.asarray(-forest.score_samples(inputs[rows]))


def fit(case: Run) -> Fitted[Model]:
    """Returns the three views that the training rows teach; a note says what a rule with one line finds."""
    settings, inputs = case.settings, case.prepared.inputs[case.split.train]
    with training.watched(budget_seconds=settings.time_budget_seconds) as watch:
        views = _learn(inputs, settings, seed=settings.seed)
        overlap = _overlap(inputs, settings)
    run = training.ended(watch, watch.reason or "all views learned", "pass", [training.Point(1, 0.0, None)])
    notes = (
        *preprocess.unlearned(case.prepared.learned, case.data.about.roles),
        f"two halves of the rows agree on {overlap:.0%} of the {settings.capacity:,} oddest",
        "a rule of one line, the widest distance from a column's median in quartile ranges, reaches "
        f"ROC-AUC {_rule(case):.4f}",
    )
    return Fitted(Model(case.prepared.learned, views), run.ended, (), run.interrupted, notes, {"overlap": overlap})


def _learn(inputs: unlabelled.Matrix, settings: Settings, *, seed: int) -> Views:
    generator = np.random.default_rng(seed)
    return learn(
        inputs, samples=settings.samples, sample_rows=settings.sample_rows, core_share=settings.core_share,
        generator=generator,
    )  # fmt: skip


def _overlap(inputs: unlabelled.Matrix, settings: Settings) -> float:
    """Returns which share of the oddest rows two random halves of the rows agree on."""
    order = np.random.default_rng(settings.seed).permutation(len(inputs))
    most = min(settings.capacity, len(inputs))
    first, second = (
        set(np.argsort(-oddness(_learn(inputs[half], settings, seed=place), inputs))[:most].tolist())
        for place, half in enumerate(np.array_split(order, 2))
    )
    return len(first & second) / most


def _rule(case: Run) -> float:
    from sklearn.metrics import roc_auc_score

    inputs, test = case.prepared.inputs, case.split.test
    low, middle, high = np.percentile(inputs[case.split.train], [25, 50, 75], axis=0)
    width = np.where(high > low, high - low, 1.0)
    return float(roc_auc_score(case.data.about.odd[test], (np.abs(inputs[test] - middle) / width).max(axis=1)))


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Vector:
    """Returns how odd each row is, from 0 to 1: the mean share of training rows that are less odd."""
    return oddness(model.views, preprocess.transform(model.learned, table))


def score(case: Run, found: Vector) -> Draws:
    """Returns ROC-AUC, average precision, and the share of odd rows among the `capacity` oddest."""
    odd, seed = case.data.about.odd[case.split.test], case.settings.seed
    scores = found.clip(0, 1)
    draws = metrics.classification(odd.astype(np.int64), np.column_stack([1 - scores, scores]), seed=seed)
    share = min(1.0, case.settings.capacity / odd.size)

    def precision(rows: Rows) -> dict[str, float]:
        most = max(1, round(share * rows.size))
        return {"precision": float(odd[rows[np.argsort(-found[rows], kind="stable")[:most]]].mean())}

    draws |= metrics.resampled(precision, odd.size, seed=seed)
    return {name: draws[name] for name in ("roc_auc", "average_precision", "precision")}


def shown(found: Vector, model: Model) -> pl.DataFrame:
    """Returns how odd each row is, and its rank among the rows given, 1 being the oddest."""
    rank = np.empty(found.size, dtype=np.int64)
    rank[np.argsort(-found, kind="stable")] = np.arange(1, found.size + 1)
    return pl.DataFrame({"oddness": found, "rank": rank})


def actual(case: Run) -> pl.DataFrame:
    """Returns which test rows are known to be odd, or planted."""
    word = "planted" if case.data.about.planted else "odd"
    return pl.DataFrame({"known": [word if odd else "" for odd in case.data.about.odd[case.split.test]]})


def save(model: Model, folder: Path) -> None:
    """Writes what was learned about the columns, and the views."""
    unlabelled.save(model.learned, model.views._asdict(), folder)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    learned, arrays = unlabelled.load(folder, *Views._fields)
    return Model(learned, Views(**{name: arrays[name] for name in Views._fields}))


def draw(folder: Path, trained: Trained[Any, Any, Any, Model, Vector]) -> None:
    """Draws how many of the rows that are looked at are odd."""
    case = trained.case
    plots.precision_recall(
        folder / "precision_recall.png", case.data.about.odd[case.split.test], trained.ours, name="odd"
    )


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Odd rows, by three views",
    dummy_title="chance",
    peer_title="scikit-learn IsolationForest",
    metrics={
        **metrics.chosen("roc_auc", "average_precision"),
        "precision": Metric("precision at capacity", higher_is_better=True),
    },
    read=read,
    split=split,
    prepare=prepare,
    dummy=dummy,
    peer=peer,
    fit=fit,
    predict=predict,
    score=score,
    shown=shown,
    actual=actual,
    questions=unlabelled.questions,
    inputs=tabular.inputs,
    save=save,
    load=load,
    take=tabular.take,
    onnx="the ranks are looked up in tables of quantiles, which have no form in ONNX here",
    features=unlabelled.features,
    plots=draw,
    smoke={"samples": 20},
    smoke_examples=None,
)
