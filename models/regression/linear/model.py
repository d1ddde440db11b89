"""The model: ridge regression on tensor_core, or a multilayer perceptron; beside it the dummy and the peer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import config, network, training
from models.kit.config import Between
from models.kit.preprocess import Preprocess
from models.kit.splits import Rows, Split

if TYPE_CHECKING:
    from sklearn.linear_model import Ridge

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Settings(config.Settings):
    """The settings of config.yaml."""

    metric: Literal["r2", "mae", "rmse"]
    alpha: Annotated[float, Between(0, 1e12)]


def fit(inputs: Vector, target: Vector, split: Split, settings: Settings) -> tuple[tc.nn.Module, training.Run]:
    """Returns the network trained on the training rows, and how it went; `target` is centred and scaled.

    What is minimised is the objective of scikit-learn's Ridge, ‖y − Xw − b‖² + α‖w‖², divided by the number of rows.
    """
    net = network.fresh(settings, inputs=inputs.shape[1], outputs=1)
    x, y = tc.as_tensor(inputs[split.train]), tc.as_tensor(target[split.train])
    x_validation, y_validation = tc.as_tensor(inputs[split.validation]), tc.as_tensor(target[split.validation])
    strength = settings.alpha / split.train.size

    def loss(rows: Rows | None) -> tc.Tensor:
        chosen = slice(None) if rows is None else tc.as_tensor(rows)
        error: tc.Tensor = tc.mse_loss(net(x[chosen]).reshape(-1), y[chosen])
        return error + strength * training.penalty(net)

    def validation_loss() -> tc.Tensor:
        error: tc.Tensor = tc.mse_loss(net(x_validation).reshape(-1), y_validation)
        return error

    objective = training.Objective(split.train.size, loss, validation_loss if split.validation.size else None)
    return net, training.minimise(net, objective, cells=x.numel(), settings=settings)


def predict(net: tc.nn.Module, inputs: Vector, learned: Preprocess) -> Vector:
    """Returns a prediction for each row, in the unit of the target."""
    return network.outputs(net, inputs)[:, 0] * learned.target_scale + learned.target_mean


def below(predicted: Vector, known: Vector) -> tuple[str, ...]:
    """Returns a sentence when predictions are negative and the target never is: a line knows no such limit.

    >>> below(np.array([-1.0, 2.0]), known=np.array([0.0, 3.0]))
    ('1 of 2 test predictions is below 0, which the target never is; raise such predictions to 0 before they are used',)
    """
    wrong = int((predicted < 0).sum())
    if not wrong or known.min() < 0:
        return ()
    verb = "is" if wrong == 1 else "are"
    return (
        f"{wrong:,} of {predicted.size:,} test predictions {verb} below 0, which the target never is; "
        "raise such predictions to 0 before they are used",
    )


def dummy(target: Vector, rows: int) -> Vector:
    """Returns what needs no model: the mean of the training rows, for each of `rows` rows.

    >>> dummy(np.array([1.0, 3.0]), 2)
    array([2., 2.])
    """
    return np.full(rows, target.mean())


def peer(settings: Settings) -> "Ridge":
    """Returns scikit-learn's Ridge with the same penalty, not yet fitted."""
    from sklearn.linear_model import Ridge  # a prediction does without it

    return Ridge(alpha=settings.alpha)
