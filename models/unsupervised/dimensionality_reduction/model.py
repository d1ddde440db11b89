"""Principal components on tensor_core: a few numbers that tell most of many columns; beside them scikit-learn's PCA."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import polars as pl
from components import beyond_chance, coordinates, left_over, principal

import tensor_core as tc
from models.kit import files, plots, preprocess, report, splits, tabular, training, unlabelled
from models.kit.config import Between
from models.kit.metrics import Draws, Metric
from models.kit.preprocess import Preprocess
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained
from models.kit.unlabelled import Matrix, Prepared, Vector

COMPONENTS_FILE = "components.csv"
NAMED = 3  # columns that a component is described by


@dataclass(frozen=True, kw_only=True)
class Settings(unlabelled.Settings):
    """The settings of config.yaml."""

    metric: Literal["explained"]
    components: Annotated[int, Between(0, 100_000)] | None
    shuffles: Annotated[int, Between(1, 1_000)]
    test_share: Annotated[float, Between(0.05, 0.5)]


class Model(NamedTuple):
    """What was learned about the columns, the mean, the directions (components × features), and their shares."""

    learned: Preprocess
    mean: tc.Tensor
    directions: tc.Tensor
    share: tc.Tensor


class Points(NamedTuple):
    """The coordinates of each row, the squares that they leave over of it, and the directions they stand for."""

    coordinates: Matrix
    left: Vector
    directions: Matrix


Run = Case[Settings, pl.DataFrame, Prepared]


def split(data: Data[pl.DataFrame], settings: Settings) -> Split:
    """Returns rows for training and test, drawn at random."""
    return splits.shuffled(data.size, test_share=settings.test_share, seed=settings.seed)


def _count(case: Run) -> int:
    """Returns how many components are asked for, or are more than chance; never more than there can be."""
    settings, inputs = case.settings, case.prepared.inputs[case.split.train]
    most: int = min(len(inputs) - 1, inputs.shape[1])
    if settings.components:
        return min(settings.components, most)
    return min(beyond_chance(inputs, np.random.default_rng(settings.seed), shuffles=settings.shuffles), most)


def _given(directions: Matrix, mean: Vector, inputs: Matrix) -> Points:
    return Points((inputs - mean) @ directions.T, left_over(inputs, mean, directions), directions)


def dummy(case: Run) -> Callable[[Rows], Points]:
    """Returns what needs no model: as many columns as components, those of the largest spread, as they are."""
    inputs, known = case.prepared.inputs, case.prepared.inputs[case.split.train]
    directions = np.eye(inputs.shape[1])[np.argsort(-known.var(axis=0), kind="stable")[: _count(case)]]
    return lambda rows: _given(directions, known.mean(axis=0), inputs[rows])


def peer(case: Run) -> Callable[[Rows], Points]:
    """Returns scikit-learn's PCA with as many components, by its exact solver."""
    inputs, pca = case.prepared.inputs, _exact(case, _count(case))
    return lambda rows: _given(pca.components_, pca.mean_, inputs[rows])


def _exact(case: Run, wanted: int) -> Any:
    from sklearn.decomposition import PCA

    return PCA(wanted, svd_solver="full").fit(case.prepared.inputs[case.split.train])


def _apart(case: Run, directions: Matrix) -> float:
    """Returns by how much an entry of a component differs from scikit-learn's at most; a sign does not count."""
    theirs = _exact(case, len(directions)).components_
    return float(np.abs(directions - theirs * np.sign((directions * theirs).sum(axis=1, keepdims=True))).max())


def fit(case: Run) -> Fitted[Model]:
    """Returns the principal components of the training rows."""
    settings, inputs = case.settings, case.prepared.inputs[case.split.train]
    wanted = _count(case)
    with training.watched(budget_seconds=settings.time_budget_seconds) as watch:
        found = principal(inputs, wanted)
    run = training.ended(watch, watch.reason or "exact solution", "decomposition", [training.Point(1, 0.0, None)])
    notes = (
        *preprocess.unlearned(case.prepared.learned, case.data.about),
        f"{wanted:,} components explain {found.share.sum():.1%} of the variance of the training rows"
        + ("" if settings.components else "; so many hold more than shuffled columns do"),
    )
    model = Model(case.prepared.learned, found.mean, found.directions, tc.as_tensor(found.share))
    return Fitted(model, run.ended, (), run.interrupted, notes, {"components": wanted})


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Points:
    """Returns the coordinates of each row."""
    inputs = preprocess.transform(model.learned, table)
    with tc.no_grad():
        found = coordinates(tc.as_tensor(inputs), model.mean, model.directions).numpy()
    directions = model.directions.numpy()
    return Points(found, left_over(inputs, model.mean.numpy(), directions), directions)


def score(case: Run, found: Points) -> Draws:
    """Returns the share of the variance of the test rows that is rebuilt, and how far scikit-learn's components are.

    Where two variances are equal the directions between them are not determined: they are then apart for that reason,
    and the share explained is the same.
    """
    inputs, mean = case.prepared.inputs[case.split.test], case.prepared.inputs[case.split.train].mean(axis=0)
    spread = ((inputs - mean) ** 2).sum(axis=1)
    draws = unlabelled.shares({"explained": np.column_stack([found.left, spread])}, seed=case.settings.seed)
    # components of the training rows: resampled test rows do not change them
    return {**draws, "apart": np.full(draws["explained"].size, _apart(case, found.directions))}


def shown(found: Points, model: Model) -> pl.DataFrame:
    """Returns the coordinates of each row, and how much of it they leave over."""
    columns = {f"component {place}": values for place, values in enumerate(found.coordinates.T, start=1)}
    return pl.DataFrame({**columns, "left over": np.sqrt(found.left)})


def save(model: Model, folder: Path) -> None:
    """Writes what was learned about the columns, and the components."""
    arrays = {"mean": model.mean, "directions": model.directions, "share": model.share}
    unlabelled.save(model.learned, arrays, folder)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    learned, arrays = unlabelled.load(folder, "mean", "directions", "share")
    return Model(learned, arrays["mean"], arrays["directions"], arrays["share"])


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the coordinates as a function of the design matrix."""
    example = tc.as_tensor(np.zeros((2, len(model.learned.features))))
    return Onnx(lambda rows: coordinates(rows, model.mean, model.directions), example)


def described(folder: Path, trained: Trained[Any, Any, Any, Model, Points]) -> None:
    """Writes components.csv: the share of each component, and the columns that weigh most in it."""
    model = trained.fitted.model
    names, rows = model.learned.features, []
    for place, (direction, share) in enumerate(
        zip(model.directions.numpy(), model.share.numpy(), strict=True), start=1
    ):
        heaviest = np.argsort(-np.abs(direction), kind="stable")[:NAMED]
        rows.append([place, f"{share:.6f}", "; ".join(f"{direction[each]:+.3f} {names[each]}" for each in heaviest)])
    files.write(folder / COMPONENTS_FILE, report.to_csv(["component", "share of variance", "heaviest columns"], rows))


def draw(folder: Path, trained: Trained[Any, pl.DataFrame, Prepared, Model, Points]) -> None:
    """Draws the share of the variance that so many components explain, and the test rows in the first two."""
    share, seen = trained.fitted.model.share.numpy(), trained.ours.coordinates
    axes = ("share of the variance", "components")
    plots.curve(folder / "variance.png", share.cumsum(), title="Variance that is explained, training rows", axes=axes)
    if seen.shape[1] > 1:
        plots.plane(folder / "components.png", seen[:, :2], title="Test rows", axis="component")


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Principal components",
    dummy_title="columns of the largest spread",
    peer_title="scikit-learn PCA",
    metrics={
        "explained": Metric("variance explained", higher_is_better=True),
        "apart": Metric("components apart from scikit-learn's", higher_is_better=False),
    },
    read=unlabelled.read,
    split=split,
    prepare=unlabelled.prepare,
    dummy=dummy,
    peer=peer,
    fit=fit,
    predict=predict,
    score=score,
    shown=shown,
    actual=unlabelled.actual,
    questions=unlabelled.questions,
    inputs=tabular.inputs,
    save=save,
    load=load,
    take=tabular.take,
    onnx=onnx,
    features=unlabelled.features,
    plots=draw,
    files=described,
    smoke={"components": 5},
    smoke_examples=None,
)
