"""Several numbers for each row from one network on tensor_core, or ridge; beside it their means and boosted trees."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import columns, config, dataset, files, metrics, network, plots, preprocess, splits, tabular, training
from models.kit.config import Between
from models.kit.errors import ArtefactError, count
from models.kit.metrics import Draws, Metric
from models.kit.preprocess import Preprocess
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained

TARGETS_FILE = "targets.json"
MOST_DRAWN = 6  # targets that have a plot of their own

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]  # of shape (rows, targets), in the units of the targets


@dataclass(frozen=True, kw_only=True)
class Settings(config.Numeric):
    """The settings of config.yaml."""

    metric: Literal["r2", "worst_r2", "relative_mae"]
    targets: tuple[str, ...]
    alpha: Annotated[float, Between(0, 1e12)]


class About(NamedTuple):
    """How each target is read, and the roles of the other columns."""

    targets: tuple[columns.Column, ...]
    roles: columns.Roles


class Prepared(NamedTuple):
    """What the training rows taught about the columns, the design matrix of all rows, and their targets.

    `mean` and `scale` are those of each target over the training rows.
    """

    learned: Preprocess
    inputs: Vector
    truth: Matrix
    mean: Vector
    scale: Vector


class Model(NamedTuple):
    """What was learned about the columns, the network, and what turns its outputs into the units of the targets."""

    learned: Preprocess
    net: tc.nn.Module
    mean: Vector
    scale: Vector


Table = Data[pl.DataFrame]
Run = Case[Settings, pl.DataFrame, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Table:
    """Returns the rows that have a value of every target; a row that lacks one of them is left out."""
    source = dataset.table(settings.table, folder=folder)
    frame, numbers, notes = dataset.drawn(source, most, seed=settings.seed)
    targets, roles = columns.assign_several(
        frame, targets=settings.targets, group=settings.group, time=settings.time, leave_out=settings.leave_out
    )
    known = columns.complete(frame, targets)
    if lost := int((~known).sum()):
        verb = "lacks one of the targets and is" if lost == 1 else "lack one of the targets or more and are"
        notes += (f"{lost:,} of {count(frame.height, 'row')} {verb} left out, with the targets that they have",)
    about = About(targets, roles)
    chosen = frame.filter(pl.Series(known))
    return Data(settings.table, source.sha256, chosen, numbers[known], (*notes, *roles.decisions), about=about)


def split(data: Table, settings: Settings) -> Split:
    """Returns the split that the settings ask for; only a perceptron needs rows to stop on."""
    return splits.draw(settings, data.examples, stops=settings.model == "mlp")


def prepare(data: Table, split: Split, settings: Settings) -> Prepared:
    """Returns the design matrix, as the training rows teach it, and the targets in their units."""
    targets, roles = data.about
    learned = preprocess.fit(
        data.examples[split.train], roles, rare_level_rows=settings.rare_level_rows, classes=settings.targets
    )
    truth = np.column_stack([columns.target_values(data.examples, each).to_numpy() for each in targets])
    mean, scale = truth[split.train].mean(axis=0), truth[split.train].std(axis=0)
    scale[scale == 0] = 1.0  # of a target that is the same in all training rows
    return Prepared(learned, preprocess.transform(learned, data.examples), truth, mean, scale)


def dummy(case: Run) -> Callable[[Rows], Matrix]:
    """Returns what needs no model: the mean of each target over the known rows."""
    means = case.prepared.truth[case.known].mean(axis=0)
    return lambda rows: np.tile(means, (rows.size, 1))


def peer(case: Run) -> Callable[[Rows], Matrix]:
    """Returns scikit-learn's boosted trees, one model for each target, on the same columns."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # a prediction does without it
    from sklearn.multioutput import MultiOutputRegressor

    inputs, truth = case.prepared.inputs, case.prepared.truth
    trees = MultiOutputRegressor(HistGradientBoostingRegressor(random_state=case.settings.seed))
    trees.fit(inputs[case.known], truth[case.known])
    return lambda rows: np.asarray(trees.predict(inputs[rows]))


def fit(case: Run) -> Fitted[Model]:
    """Returns the network trained on the training rows, with one output for each target.

    What is minimised is the squared error of the centred and scaled targets, averaged over rows and targets, with
    α‖w‖² divided by the number of both: without hidden layers that is the objective of scikit-learn's Ridge.
    """
    settings, split, (learned, inputs, truth, mean, scale) = case.settings, case.split, case.prepared
    net = network.fresh(settings, inputs=inputs[split.train], outputs=len(settings.targets))
    scaled = (truth - mean) / scale
    x, y = tc.as_tensor(inputs[split.train]).clone(), tc.as_tensor(scaled[split.train])
    x_validation, y_validation = tc.as_tensor(inputs[split.validation]).clone(), tc.as_tensor(scaled[split.validation])
    strength = settings.alpha / y.numel()

    def loss(rows: Rows | None) -> tc.Tensor:
        chosen = slice(None) if rows is None else tc.as_tensor(rows)
        found: tc.Tensor = tc.mse_loss(net(x[chosen]), y[chosen]) + strength * training.penalty(net)
        return found

    def validation_loss() -> tc.Tensor:
        error: tc.Tensor = tc.mse_loss(net(x_validation), y_validation)
        return error

    objective = training.Objective(split.train.size, loss, validation_loss if split.validation.size else None)
    run = training.minimise(net, objective, cells=x.numel(), settings=settings)
    model = Model(learned, net, mean, scale)
    ours = predict(model, case.data.examples[split.test], settings)
    each = by_target(truth[split.test], ours, dummy(case)(split.test), settings.targets)
    notes = (*preprocess.unlearned(learned, case.data.about.roles), *map(told, each))
    return Fitted(model, *run, notes, {"targets": [one._asdict() for one in each]})


class OfTarget(NamedTuple):
    """How far one target is missed on the test rows: RMSE of ours and of the mean, in its unit, and the R² of ours."""

    name: str
    rmse: float
    rmse_of_mean: float
    r2: float | None  # None: the target is the same in all test rows


def by_target(truth: Matrix, ours: Matrix, means: Matrix, names: tuple[str, ...]) -> list[OfTarget]:
    """Returns how far each target is missed.

    >>> by_target(np.array([[1.0], [3.0]]), np.array([[1.0], [2.0]]), np.array([[2.0], [2.0]]), ("x",))
    [OfTarget(name='x', rmse=0.7071067811865476, rmse_of_mean=1.0, r2=0.5)]
    """
    spread = ((truth - truth.mean(axis=0)) ** 2).mean(axis=0)
    squares, squares_of_means = (((given - truth) ** 2).mean(axis=0) for given in (ours, means))
    return [
        OfTarget(name, float(ours**0.5), float(mean**0.5), float(1 - ours / total) if total > 0 else None)
        for name, ours, mean, total in zip(names, squares, squares_of_means, spread, strict=True)
    ]


def told(target: OfTarget) -> str:
    """Returns it as a sentence.

    >>> told(OfTarget("x", 0.7071, 1.0, 0.5))
    "'x': RMSE on the test rows 0.7071, that of the mean 1; R² 0.500"
    """
    worse = "; no better than the mean, so do not use it" if target.rmse >= target.rmse_of_mean else ""
    share = "" if target.r2 is None else f"; R² {target.r2:.3f}"
    return (
        f"{target.name!r}: RMSE on the test rows {target.rmse:.4g}, that of the mean {target.rmse_of_mean:.4g}"
        f"{share}{worse}"
    )


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Matrix:
    """Returns a prediction of each target for each row, in the units of the targets."""
    outputs = network.outputs(model.net, preprocess.transform(model.learned, table))
    return np.asarray(outputs * model.scale + model.mean)


def score(case: Run, predicted: Matrix) -> Draws:
    """Returns the mean R² of the targets, the R² of the worst, and how MAE compares with that of the means.

    The last is the average over targets of MAE ÷ MAE of the mean of the known rows: 1 is knowing nothing, 0 perfect.
    """
    truth, seed = case.prepared.truth[case.split.test], case.settings.seed
    means = dummy(case)(case.split.test)
    ours, mean = (
        [metrics.regression(truth[:, place], given[:, place], seed=seed) for place in range(truth.shape[1])]
        for given in (predicted, means)
    )
    r2 = np.stack([each["r2"] for each in ours])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.stack([one["mae"] / other["mae"] for one, other in zip(ours, mean, strict=True)])
    worst: Vector = np.fmin.reduce(r2)
    return {"r2": mean_known(r2), "worst_r2": worst, "relative_mae": mean_known(ratios)}


def mean_known(values: Matrix) -> Vector:
    """Returns the mean over the first axis of what has a value; a target that is the same in all rows has no R².

    >>> mean_known(np.array([[0.5, np.nan], [1.0, np.nan]]))
    array([0.75,  nan])
    """
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        found: Vector = np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0)
    return found


def shown(predicted: Matrix, model: Model) -> pl.DataFrame:
    """Returns one column of predictions for each target."""
    return _named("predicted", predicted, model.learned.classes)


def actual(case: Run) -> pl.DataFrame:
    """Returns the targets of the test rows."""
    return _named("actual", case.prepared.truth[case.split.test], case.settings.targets)


def _named(what: str, values: Matrix, names: tuple[str, ...]) -> pl.DataFrame:
    return pl.DataFrame({f"{what} {name}": column for name, column in zip(names, values.T, strict=True)})


def questions(case: Run) -> pl.DataFrame:
    """Returns the test rows without the targets."""
    return case.data.examples[case.split.test].drop(case.settings.targets)


def save(model: Model, folder: Path) -> None:
    """Writes what was learned about the columns, the network, and mean and scale of each target."""
    tabular.save(tabular.Model(model.learned, model.net), folder)
    content = {"targets": model.learned.classes, "mean": model.mean.tolist(), "scale": model.scale.tolist()}
    files.write(folder / TARGETS_FILE, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    learned, net = tabular.load(folder, settings)
    content = files.read_json(folder / TARGETS_FILE, remedy="run train.py first")
    try:
        mean, scale = np.array(content["mean"], float), np.array(content["scale"], float)
        if not mean.shape == scale.shape == (len(learned.classes),) or not (scale > 0).all():
            raise ValueError("each target needs a mean and a scale")
    except (KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    return Model(learned, net, mean, scale)


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the network as a function of the design matrix; targets.json says how its outputs get their units."""
    return tabular.onnx(tabular.Model(model.learned, model.net), settings)


def draw(folder: Path, trained: Trained[Settings, pl.DataFrame, Prepared, Model, Matrix]) -> None:
    """Draws R² of each target, predictions beside the truth for the first of them, and the learning curve."""
    case = trained.case
    truth, names = case.prepared.truth[case.split.test], case.settings.targets
    each = by_target(truth, trained.ours, trained.dummy, names)
    r2 = np.array([0.0 if one.r2 is None else one.r2 for one in each])
    plots.bars(folder / "targets.png", r2, names=names, title="R² of each target, test rows", axis="R²")
    for place, name in enumerate(names[:MOST_DRAWN]):  # a name may hold what no file is called
        file = folder / f"predicted_vs_actual_{place + 1}.png"
        plots.predicted_vs_actual(file, truth[:, place], trained.ours[:, place], target=name)
    title = "mean squared error, targets scaled"
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title=title)


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: (
        "Ridge regression for several numbers" if settings.model == "linear" else "One network for several numbers"
    ),
    dummy_title="means",
    peer_title="scikit-learn HistGradientBoosting for each number",
    metrics={
        "r2": Metric("mean R²", higher_is_better=True),
        "worst_r2": Metric("R² of the worst", higher_is_better=True),
        "relative_mae": Metric("MAE ÷ that of the means", higher_is_better=False),
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
    questions=questions,
    inputs=tabular.inputs,
    save=save,
    load=load,
    take=tabular.take,
    onnx=onnx,
    features=lambda model: model.learned.features,
    plots=draw,
    smoke={"epochs": 30},
    smoke_examples=800,
)
