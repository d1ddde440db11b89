"""Ridge regression on tensor_core, or a multilayer perceptron; beside it the mean, and Ridge or boosted trees."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import columns, config, dataset, metrics, network, plots, preprocess, splits, tabular, training
from models.kit.config import Between
from models.kit.splits import Rows, Split
from models.kit.tabular import Model, Prepared
from models.kit.task import Case, Data, Fitted, Task, Trained

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Settings(config.Settings):
    """The settings of config.yaml."""

    metric: Literal["r2", "mae", "rmse"]
    peer: Literal["ridge", "trees"]
    alpha: Annotated[float, Between(0, 1e12)]
    slanted: Annotated[float, Between(0, 1)]
    centred: bool


Table = Data[pl.DataFrame]
Run = Case[Settings, pl.DataFrame, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Table:
    """Returns the rows of the table that have a target."""
    return dataset.load(settings, folder=folder, task="regression", most_rows=most)


def split(data: Table, settings: Settings) -> Split:
    """Returns the split that the settings ask for; only a perceptron needs rows to stop on."""
    return splits.draw(settings, data.examples, stops=settings.model == "mlp")


def prepare(data: Table, split: Split, settings: Settings) -> Prepared:
    """Returns the design matrix, as the training rows teach it, and the target in its unit."""
    learned = preprocess.fit(data.examples[split.train], data.about, rare_level_rows=settings.rare_level_rows)
    target = columns.target_values(data.examples, data.about.target).to_numpy()
    return Prepared(learned, preprocess.transform(learned, data.examples), target)


def dummy(case: Run) -> Callable[[Rows], Vector]:
    """Returns what needs no model: the mean of the known rows."""
    mean = float(case.prepared.target[case.known].mean())
    return lambda rows: np.full(rows.size, mean)


def peer(case: Run) -> Callable[[Rows], Vector]:
    """Returns scikit-learn's Ridge with the same penalty, or its boosted trees, on the same columns."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # a prediction does without it
    from sklearn.linear_model import Ridge

    inputs, target, settings = case.prepared.inputs, case.prepared.target, case.settings
    model = (
        Ridge(alpha=settings.alpha)
        if settings.peer == "ridge"
        else HistGradientBoostingRegressor(random_state=settings.seed)
    )
    model.fit(inputs[case.known], target[case.known])
    return lambda rows: np.asarray(model.predict(inputs[rows]))


def fit(case: Run) -> Fitted[Model]:
    """Returns the network trained on the training rows, whose target is centred and scaled.

    What is minimised is the objective of scikit-learn's Ridge, ‖y − Xw − b‖² + α‖w‖², divided by the number of rows.
    """
    settings, split, (learned, inputs, target) = case.settings, case.split, case.prepared
    scaled = (target - learned.target_mean) / learned.target_scale
    net = network.fresh(
        settings, inputs=inputs[split.train], outputs=1, slanted=settings.slanted, centred=settings.centred, single=True
    )
    x, y = tc.as_tensor(inputs[split.train]).clone(), tc.as_tensor(scaled[split.train])
    x_validation, y_validation = tc.as_tensor(inputs[split.validation]).clone(), tc.as_tensor(scaled[split.validation])
    strength = settings.alpha / split.train.size

    def loss(rows: Rows | None) -> tc.Tensor:
        chosen = slice(None) if rows is None else tc.as_tensor(rows)
        error: tc.Tensor = tc.mse_loss(net(x[chosen]).reshape(-1), y[chosen])
        return error + strength * training.penalty(net)

    def validation_loss() -> tc.Tensor:
        error: tc.Tensor = tc.mse_loss(net(x_validation).reshape(-1), y_validation)
        return error

    objective = training.Objective(split.train.size, loss, validation_loss if split.validation.size else None)
    run = training.minimise(net, objective, cells=x.numel(), settings=settings)
    model = Model(learned, net)
    by_ours = predict(model, case.data.examples[split.test], settings)
    notes = (*preprocess.unlearned(learned, case.data.about), *below(by_ours, target[case.known]))
    return Fitted(model, *run, notes)


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Vector:
    """Returns a prediction for each row, in the unit of the target."""
    return tabular.outputs(model, table)[:, 0] * model.learned.target_scale + model.learned.target_mean


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


def score(case: Run, predicted: Vector) -> metrics.Draws:
    """Returns R², MAE and RMSE on the test rows."""
    return metrics.regression(case.prepared.target[case.split.test], predicted, seed=case.settings.seed)


def shown(predicted: Vector, model: Model) -> pl.DataFrame:
    """Returns one prediction a row."""
    return pl.DataFrame({"predicted": predicted})


def actual(case: Run) -> pl.DataFrame:
    """Returns the target of the test rows."""
    return pl.DataFrame({"actual": case.prepared.target[case.split.test]})


def draw(folder: Path, trained: Trained[Settings, pl.DataFrame, Prepared, Model, Vector]) -> None:
    """Draws predictions beside the truth, what is left over, and the learning curve."""
    case, name = trained.case, trained.case.settings.target
    truth = case.prepared.target[case.split.test]
    plots.predicted_vs_actual(folder / "predicted_vs_actual.png", truth, trained.ours, target=name)
    plots.residuals(folder / "residuals.png", truth, trained.ours, target=name)
    title = "mean squared error, target scaled"
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title=title)


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Ridge regression" if settings.model == "linear" else "Multilayer perceptron",
    dummy_title="mean",
    peer_title=lambda settings: (
        "scikit-learn Ridge" if settings.peer == "ridge" else "scikit-learn HistGradientBoosting"
    ),
    metrics=metrics.chosen("r2", "mae", "rmse"),
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
