"""Softmax regression on tensor_core, or a perceptron; beside it class shares, and logistic regression or trees."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import columns, config, dataset, labels, metrics, network, preprocess, splits, tabular, training
from models.kit.config import Between
from models.kit.splits import Rows, Split
from models.kit.tabular import Model, Prepared
from models.kit.task import Case, Data, Fitted, Task, Trained

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Settings(config.Settings):
    """The settings of config.yaml."""

    metric: Literal[
        "log_loss", "accuracy", "balanced_accuracy", "macro_f1", "average_precision", "roc_auc", "recall_at_capacity"
    ]
    positive: str | None
    capacity: Annotated[float, Between(1e-9, 1)] | None
    peer: Literal["logistic", "trees"]
    C: Annotated[float, Between(1e-12, 1e12)]


Table = Data[pl.DataFrame]
Run = Case[Settings, pl.DataFrame, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Table:
    """Returns the rows of the table that have a class."""
    return dataset.load(settings, folder=folder, task="classification", most_rows=most)


def named(data: Table) -> npt.NDArray[np.object_]:
    """Returns the class of each row, as text."""
    return columns.target_values(data.examples, data.about.target).to_numpy()


def split(data: Table, settings: Settings) -> Split:
    """Returns the split that the settings ask for; only a perceptron needs rows to stop on."""
    return splits.draw(settings, data.examples, labels=named(data), stops=settings.model == "mlp")


def prepare(data: Table, split: Split, settings: Settings) -> Prepared:
    """Returns the design matrix, as the training rows teach it, and the place of each row's class."""
    known, target = labels.placed(named(data), split, positive=settings.positive, metric=settings.metric)
    learned = preprocess.fit(
        data.examples[split.train], data.about, rare_level_rows=settings.rare_level_rows, classes=known
    )
    return Prepared(learned, preprocess.transform(learned, data.examples), target)


def dummy(case: Run) -> Callable[[Rows], Vector]:
    """Returns what needs no model: the share of each class in the known rows."""
    return labels.shares(case.prepared.target[case.known], number=len(case.prepared.learned.classes))


def peer(case: Run) -> Callable[[Rows], Vector]:
    """Returns scikit-learn's LogisticRegression with the same penalty, or its boosted trees, on the same columns."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # a prediction does without it
    from sklearn.linear_model import LogisticRegression

    inputs, target, settings = case.prepared.inputs, case.prepared.target, case.settings
    model = (
        LogisticRegression(C=settings.C, max_iter=training.MOST_ITERATIONS)
        if settings.peer == "logistic"
        else HistGradientBoostingClassifier(random_state=settings.seed)
    )
    model.fit(inputs[case.known], target[case.known])
    return lambda rows: np.asarray(model.predict_proba(inputs[rows]))


def fit(case: Run) -> Fitted[Model]:
    """Returns the network trained on the training rows.

    What is minimised is the objective of scikit-learn's LogisticRegression, C·Σ log-loss + ½‖W‖², divided by C and
    the number of rows.
    """
    settings, split, (learned, inputs, target) = case.settings, case.split, case.prepared
    net = network.fresh(settings, inputs=inputs[split.train], outputs=len(learned.classes))
    x, y = tc.as_tensor(inputs[split.train]).clone(), tc.as_tensor(target[split.train])
    x_validation, y_validation = tc.as_tensor(inputs[split.validation]).clone(), tc.as_tensor(target[split.validation])
    # Of two classes scikit-learn has one weight w a feature; we have two, which end at w/2 and −w/2: half its square.
    strength = (1.0 if len(learned.classes) == 2 else 0.5) / (settings.C * split.train.size)

    def loss(rows: Rows | None) -> tc.Tensor:
        chosen = slice(None) if rows is None else tc.as_tensor(rows)
        error: tc.Tensor = tc.cross_entropy(net(x[chosen]), y[chosen])
        return error + strength * training.penalty(net)

    def validation_loss() -> tc.Tensor:
        error: tc.Tensor = tc.cross_entropy(net(x_validation), y_validation)
        return error

    objective = training.Objective(split.train.size, loss, validation_loss if split.validation.size else None)
    run = training.minimise(net, objective, cells=x.numel(), settings=settings)
    return Fitted(Model(learned, net), *run, preprocess.unlearned(learned, case.data.about))


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Vector:
    """Returns the probability of each class for each row, of shape (rows, classes)."""
    logits = tabular.outputs(model, table)
    with np.errstate(under="ignore"):
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def score(case: Run, probabilities: Vector) -> metrics.Draws:
    """Returns the metrics of the test rows; of two classes also the recall at capacity.

    That is the share of the positive test rows among the K likeliest to be positive (`metrics.recall_at`); K is the
    share `capacity` of the test rows, without it that of the positive rows among the known: as many as are expected.
    """
    settings, truth = case.settings, case.prepared.target[case.split.test]
    draws = metrics.classification(truth, probabilities, seed=settings.seed)
    if len(case.prepared.learned.classes) != 2:
        return draws
    share = settings.capacity if settings.capacity is not None else float(case.prepared.target[case.known].mean())

    def recall(weights: Vector) -> metrics.Draws:
        return {"recall_at_capacity": metrics.recall_at(weights, truth == 1, probabilities[:, 1], share=share)}

    return draws | metrics.weighted(recall, truth.size, seed=settings.seed)


def shown(probabilities: Vector, model: Model) -> pl.DataFrame:
    """Returns the likeliest class of each row, and the probability of each."""
    return labels.shown(probabilities, model.learned.classes)


def actual(case: Run) -> pl.DataFrame:
    """Returns the class of the test rows."""
    return pl.DataFrame({"actual": named(case.data)[case.split.test]})


def draw(folder: Path, trained: Trained[Settings, pl.DataFrame, Prepared, Model, Vector]) -> None:
    """Draws what was taken for what, and of two classes how far the probabilities can be trusted."""
    case = trained.case
    truth, names = case.prepared.target[case.split.test], case.prepared.learned.classes
    labels.draw(folder, truth, trained.ours, names=names, history=trained.fitted.history)


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Softmax regression" if settings.model == "linear" else "Multilayer perceptron",
    dummy_title="class shares",
    peer_title=lambda settings: (
        "scikit-learn LogisticRegression" if settings.peer == "logistic" else "scikit-learn HistGradientBoosting"
    ),
    metrics=metrics.chosen(
        "log_loss", "balanced_accuracy", "average_precision", "macro_f1", "accuracy", "roc_auc", "recall_at_capacity"
    ),
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
    questions=tabular.questions,
    inputs=tabular.inputs,
    save=tabular.save,
    load=tabular.load,
    take=tabular.take,
    onnx=tabular.onnx,
    features=tabular.features,
    plots=draw,
    smoke={"epochs": 20},
)
