"""Arrows between columns, as hypotheses; beside them the empty graph, and scikit-learn's graphical lasso."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from arrows import Graph, discover, distance, equations

import tensor_core as tc
from models.kit import dataset, files, metrics, plots, preprocess, report, splits, tables, tabular, training, unlabelled
from models.kit.config import Between
from models.kit.errors import TableError, count, did_you_mean
from models.kit.metrics import Draws, Metric
from models.kit.preprocess import Number, Preprocess
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained
from models.kit.unlabelled import Matrix, Prepared, Vector

ARROWS_FILE = "arrows.csv"
STEADY = 0.8  # share of bootstrap samples in which an arrow comes back


@dataclass(frozen=True, kw_only=True)
class Settings(unlabelled.Settings):
    """The settings of config.yaml."""

    metric: Literal["shd", "log_likelihood"]
    scale: Literal["standard", "none"]
    truth: str | None
    noise: Literal["equal", "not_normal"]
    caution: Annotated[float, Between(0, 10)]
    resamples: Annotated[int, Between(0, 10_000)]
    test_share: Annotated[float, Between(0.05, 0.5)]


class Model(NamedTuple):
    """What was learned about the columns, the linear equations, and how often each arrow came back in resamples."""

    learned: Preprocess
    mean: tc.Tensor
    weights: tc.Tensor
    variances: tc.Tensor
    share: tc.Tensor


class Found(NamedTuple):
    """The arrows ([i, j] = 1: from i to j; both ways: undecided); of each row its log density and its oddest column."""

    graph: Graph
    density: Vector
    oddest: npt.NDArray[np.int64]


Run = Case[Settings, pl.DataFrame, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[pl.DataFrame]:
    """Returns the rows; of the columns only numbers, and as `about` their roles and the known arrows (or None)."""
    data = unlabelled.read(settings, folder, most)
    numbers = tuple(column for column in data.about.inputs if column.kind == "number")
    said = [f"column {column.name!r} is no number; left out" for column in data.about.inputs if column.kind != "number"]
    if len(numbers) < 2:
        raise TableError("fewer than two columns are numbers, and arrows are looked for between numbers")
    roles = data.about._replace(inputs=numbers)
    truth = _truth(settings, folder, [column.name for column in numbers])
    return data._replace(decisions=(*data.decisions, *said), about=(roles, truth))


def _truth(settings: Settings, folder: Path, names: list[str]) -> Graph | None:
    if settings.truth is None:
        return None
    table = tables.load(dataset.file(settings.truth, folder=folder)).frame
    graph = np.zeros((len(names), len(names)), dtype=np.int64)
    for cause, effect in table.select(pl.nth(0, 1).cast(pl.String)).rows():
        for name in (cause, effect):
            if name not in names:
                raise TableError(f"truth: there is no column {name!r} to have an arrow{did_you_mean(str(name), names)}")
        graph[names.index(cause), names.index(effect)] = 1
    return graph


def split(data: Data[pl.DataFrame], settings: Settings) -> Split:
    """Returns rows for training and for the test, drawn at random."""
    return splits.shuffled(data.size, test_share=settings.test_share, seed=settings.seed)


def prepare(data: Data[pl.DataFrame], split: Split, settings: Settings) -> Prepared:
    """Returns the numbers of all rows; a gap is filled with the median, and marks no column of its own."""
    learned = unlabelled.learn(data.examples[split.train], data.about[0], settings)
    blocks = tuple(block._replace(marked=False) for block in learned.blocks if isinstance(block, Number))
    learned = learned._replace(blocks=blocks)
    return Prepared(learned, preprocess.transform(learned, data.examples))


def _normal(inputs: Matrix, mean: Matrix, weights: Matrix, variances: Matrix) -> tuple[Vector, npt.NDArray[np.int64]]:
    """Returns the log density of each row under the equations, and which column is farthest from what they say."""
    centred = inputs - mean
    left = (centred - centred @ weights) ** 2 / variances
    return -0.5 * (left + np.log(2 * math.pi * variances)).sum(axis=1), left.argmax(axis=1)


def dummy(case: Run) -> Callable[[Rows], Found]:
    """Returns what needs no model: the empty graph."""
    inputs = case.prepared.inputs
    graph = np.zeros((inputs.shape[1], inputs.shape[1]), dtype=np.int64)
    known = equations(inputs[case.split.train], graph)
    return lambda rows: Found(graph, *_normal(inputs[rows], *known))


def peer(case: Run) -> Callable[[Rows], Found]:
    """Returns scikit-learn's graphical lasso: which columns depend on each other, in no direction."""
    from sklearn.covariance import GraphicalLassoCV

    inputs, train = case.prepared.inputs, case.split.train
    mean, width = inputs[train].mean(axis=0), inputs[train].std(axis=0)
    scaled = (inputs - mean) / width
    lasso = GraphicalLassoCV().fit(scaled[train])
    graph = ((np.abs(lasso.precision_) > 0) & ~np.eye(len(width), dtype=bool)).astype(np.int64)
    constant = (
        0.5 * np.linalg.slogdet(lasso.precision_)[1] - np.log(width).sum() - len(width) / 2 * math.log(2 * math.pi)
    )

    def found(rows: Rows) -> Found:
        part = scaled[rows] - lasso.location_
        left = (part @ lasso.precision_) * part
        return Found(graph, constant - 0.5 * left.sum(axis=1), left.argmax(axis=1))

    return found


def fit(case: Run) -> Fitted[Model]:
    """Returns the arrows that the training rows show, their equations, and how often each arrow comes back."""
    settings, inputs = case.settings, case.prepared.inputs[case.split.train]
    generator = np.random.default_rng(settings.seed)
    with (
        training.watched(budget_seconds=settings.time_budget_seconds) as watch,
        training.bar(settings.resamples, "resample") as shown,
    ):
        graph = discover(inputs, noise=settings.noise, caution=settings.caution)
        times, done = np.zeros(graph.shape), 0
        while done < settings.resamples and not watch.reason:
            sample = inputs[generator.integers(0, len(inputs), len(inputs))]
            times += discover(sample, noise=settings.noise, caution=settings.caution)
            done += 1
            shown.update()
    history = [training.Point(place, 0.0, None) for place in range(1, done + 2)]
    run = training.ended(watch, watch.reason or "all resamples done", "graph", history)
    share = times / done if done else graph.astype(np.float64)
    found, steady = int(graph.sum()), int((share[graph == 1] >= STEADY).sum())
    notes = (
        *preprocess.unlearned(case.prepared.learned, case.data.about[0]),
        f"{found} arrows, of which {steady} come back in at least {STEADY:.0%} of {done} bootstrap samples",
        *_assumed(settings, inputs),
        *_known(graph, case.data.about[1]),
        "an arrow is a hypothesis: a common cause that is not in the table looks like one, too",
    )
    mean, weights, variances = (tc.as_tensor(each) for each in equations(inputs, graph))
    model = Model(case.prepared.learned, mean, weights, variances, tc.as_tensor(share))
    return Fitted(model, run.ended, (), run.interrupted, notes, {"arrows": found, "steady_arrows": steady})


def _assumed(settings: Settings, inputs: Matrix) -> tuple[str, ...]:
    """Returns, in a sentence, what the directions rest on, and whether the rows speak against it."""
    if settings.noise == "equal":
        said = "the directions rest on noise of one variance in every column, in its own unit"
        if settings.scale == "standard":
            said += "; with scale: standard that cannot hold, so set scale to none, or noise to not_normal"
        return (said,)
    scaled = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0)
    odd = np.abs((scaled**4).mean(axis=0) - 3) > 2 * math.sqrt(24 / len(inputs))
    return (f"the directions rest on noise that is not normal; {int(odd.sum())} of {odd.size} columns are not",)


def _known(graph: Graph, truth: Graph | None) -> tuple[str, ...]:
    """Returns, in a sentence, how many of the arrows are among the known ones: few may be, though the distance falls.

    >>> _known(np.array([[0, 1], [0, 0]]), np.array([[0, 0], [1, 0]]))
    ('of 1 arrow 0 are among the 1 known, 1 stand the other way round; without any arrow the distance is 1',)
    """
    if truth is None:
        return ()
    right, turned = int((graph * truth).sum()), int((graph * truth.T * (1 - truth)).sum())
    return (
        f"of {count(int(graph.sum()), 'arrow')} {right} are among the {int(truth.sum())} known, {turned} stand the "
        f"other way round; without any arrow the distance is {distance(np.zeros_like(truth), truth)}",
    )


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Found:
    """Returns the arrows, how common each row is under them, and where each row departs most from them."""
    inputs = preprocess.transform(model.learned, table)
    weights = model.weights.numpy()
    return Found(
        (weights != 0).astype(np.int64), *_normal(inputs, model.mean.numpy(), weights, model.variances.numpy())
    )


def score(case: Run, found: Found) -> Draws:
    """Returns the distance to the known arrows, where they are known, and the mean log-likelihood of the test rows."""
    draws = metrics.means({"log_likelihood": found.density}, seed=case.settings.seed)
    truth = case.data.about[1]
    if truth is None:
        return draws
    # one graph, one distance: resampled rows do not change it
    return {"shd": np.full(draws["log_likelihood"].size, float(distance(found.graph, truth))), **draws}


def shown(found: Found, model: Model) -> pl.DataFrame:
    """Returns how common each row is, and the column that departs most from what its causes say."""
    names = model.learned.features
    return pl.DataFrame({"log_density": found.density, "oddest_column": [names[place] for place in found.oddest]})


def save(model: Model, folder: Path) -> None:
    """Writes what was learned about the columns, and the equations."""
    unlabelled.save(model.learned, {name: getattr(model, name) for name in Model._fields[1:]}, folder)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    learned, arrays = unlabelled.load(folder, *Model._fields[1:])
    return Model(learned, **{name: arrays[name] for name in Model._fields[1:]})


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns what the causes of each column say about it, as a function of the design matrix."""
    example = tc.as_tensor(np.zeros((2, len(model.learned.features))))
    return Onnx(lambda rows: (rows - model.mean) @ model.weights + model.mean, example)


def listed(folder: Path, trained: Trained[Any, Any, Any, Model, Found]) -> None:
    """Writes arrows.csv: each arrow with its weight and the share of bootstrap samples in which it came back."""
    model, names = trained.fitted.model, trained.fitted.model.learned.features
    weights, share = model.weights.numpy(), model.share.numpy()
    rows = [
        [names[i], names[j], f"{weights[i, j]:.6g}", f"{share[i, j]:.3f}"]
        for i, j in np.argwhere((weights != 0) | (share >= 0.5))
    ]
    files.write(folder / ARROWS_FILE, report.to_csv(["from", "to", "weight", "share of resamples"], rows))


def draw(folder: Path, trained: Trained[Any, Any, Any, Model, Found]) -> None:
    """Draws how often each arrow came back in bootstrap samples."""
    model, title = trained.fitted.model, "Share of bootstrap samples with this arrow"
    names = model.learned.features
    plots.shares(folder / "arrows.png", model.share.numpy(), names, names, title=title, axes=("from", "to"))


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Arrows between columns",
    dummy_title="the empty graph",
    peer_title="scikit-learn GraphicalLasso, no directions",
    metrics={
        "shd": Metric("distance to the true graph", higher_is_better=False),
        "log_likelihood": Metric("log-likelihood a row", higher_is_better=True),
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
    actual=unlabelled.actual,
    questions=unlabelled.questions,
    inputs=tabular.inputs,
    save=save,
    load=load,
    take=tabular.take,
    onnx=onnx,
    features=unlabelled.features,
    plots=draw,
    files=listed,
    smoke={"resamples": 10},
    smoke_examples=None,
)
