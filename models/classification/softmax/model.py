"""The model: softmax regression on tensor_core, or a multilayer perceptron; beside it the dummy and the peer."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import config, network, training
from models.kit.config import Between
from models.kit.errors import ConfigError, did_you_mean
from models.kit.splits import Rows, Split

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

Vector = npt.NDArray[np.float64]
FOR_TWO_CLASSES = ("average_precision", "roc_auc")

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Settings(config.Settings):
    """The settings of config.yaml."""

    metric: Literal["log_loss", "accuracy", "balanced_accuracy", "macro_f1", "average_precision", "roc_auc"]
    positive: str | None
    C: Annotated[float, Between(1e-12, 1e12)]


def classes(labels: Sequence[str], *, positive: str | None) -> tuple[str, ...]:
    """Returns the classes in order: numbers by size, names by alphabet; of two, the positive (or rarer) one is last.

    >>> classes(["10", "9", "10", "1"], positive=None), classes(["no", "no", "yes"], positive="no")
    (('1', '9', '10'), ('yes', 'no'))
    """
    found = sorted(set(labels))
    with suppress(ValueError):  # names, which are sorted already
        found.sort(key=float)
    if positive is not None and (positive not in found or len(found) != 2):
        known = did_you_mean(positive, found) or f"; the classes are {', '.join(found[:8])}"
        raise ConfigError(f"positive: {positive!r} is not one of two classes{known}")
    if len(found) == 2:
        last = positive if positive is not None else min(reversed(found), key=labels.count)
        found.sort(key=lambda name: name == last)
    return tuple(found)


def check_metric(settings: Settings, classes: Sequence[str]) -> None:
    """Raises `ConfigError` when the metric of the verdict has no value for so many classes."""
    if settings.metric in FOR_TWO_CLASSES and len(classes) != 2:
        raise ConfigError(
            f"metric: {settings.metric} is for two classes, and there are {len(classes)}; use log_loss or macro_f1"
        )


def fit(
    inputs: Vector, target: Places, split: Split, settings: Settings, *, classes: int
) -> tuple[tc.nn.Module, training.Run]:
    """Returns the network trained on the training rows, and how it went; `target` holds places of classes.

    What is minimised is the objective of scikit-learn's LogisticRegression, C·Σ log-loss + ½‖W‖², divided by C and
    the number of rows.
    """
    net = network.fresh(settings, inputs=inputs.shape[1], outputs=classes)
    x, y = tc.as_tensor(inputs[split.train]), tc.as_tensor(target[split.train])
    x_validation, y_validation = tc.as_tensor(inputs[split.validation]), tc.as_tensor(target[split.validation])
    # Of two classes scikit-learn has one weight w a feature; we have two, which end at w/2 and −w/2: half its square.
    strength = (1.0 if classes == 2 else 0.5) / (settings.C * split.train.size)

    def loss(rows: Rows | None) -> tc.Tensor:
        chosen = slice(None) if rows is None else tc.as_tensor(rows)
        error: tc.Tensor = tc.cross_entropy(net(x[chosen]), y[chosen])
        return error + strength * training.penalty(net)

    def validation_loss() -> tc.Tensor:
        error: tc.Tensor = tc.cross_entropy(net(x_validation), y_validation)
        return error

    objective = training.Objective(split.train.size, loss, validation_loss if split.validation.size else None)
    return net, training.minimise(net, objective, cells=x.numel(), settings=settings)


def predict(net: tc.nn.Module, inputs: Vector) -> Vector:
    """Returns the probability of each class for each row, of shape (rows, classes)."""
    logits = network.outputs(net, inputs)
    with np.errstate(under="ignore"):
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def dummy(target: Places, rows: int, *, classes: int) -> Vector:
    """Returns what needs no model: the share of each class in the training rows, for each of `rows` rows.

    >>> dummy(np.array([0, 0, 0, 1]), 1, classes=2)
    array([[0.75, 0.25]])
    """
    return np.tile(np.bincount(target, minlength=classes) / target.size, (rows, 1))


def peer(settings: Settings) -> "LogisticRegression":
    """Returns scikit-learn's LogisticRegression with the same penalty, not yet fitted."""
    from sklearn.linear_model import LogisticRegression  # a prediction does without it

    return LogisticRegression(C=settings.C, max_iter=training.MOST_ITERATIONS)
