"""Poisson regression on tensor_core, linear or a multilayer perceptron; beside it the mean and boosted trees."""

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
from models.kit.errors import TableError
from models.kit.metrics import Metric
from models.kit.splits import Rows, Split
from models.kit.tabular import Model, Prepared
from models.kit.task import Case, Data, Fitted, Task, Trained

LARGEST_LOG = 30.0  # of an expected count: e³⁰ is more than anybody counts, and far from what float32 cannot hold
SMALLEST_COUNT = 1e-9  # expected at least, so that one certain error does not cost infinity

Vector = npt.NDArray[np.float64]
Table = Data[pl.DataFrame]


@dataclass(frozen=True, kw_only=True)
class Settings(config.Settings):
    """The settings of config.yaml."""

    metric: Literal["deviance", "mae", "rmse"]
    alpha: Annotated[float, Between(0, 1e12)]


Run = Case[Settings, pl.DataFrame, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Table:
    """Returns the rows of the table that have a target; raises `TableError` where it is no count."""
    data = dataset.load(settings, folder=folder, task="regression", most_rows=most)
    counts = columns.target_values(data.examples, data.about.target).to_numpy()
    wrong = int(((counts < 0) | (counts != np.floor(counts))).sum())
    if wrong:
        raise TableError(
            f"column {settings.target!r}: {wrong:,} of {counts.size:,} values are no counts (0, 1, 2, …); "
            "use the template regression/linear for a measured number"
        )
    if counts.max(initial=0) == 0:
        raise TableError(f"column {settings.target!r}: every count is 0; there is nothing to learn")
    return data


def split(data: Table, settings: Settings) -> Split:
    """Returns the split that the settings ask for; only a perceptron needs rows to stop on."""
    return splits.draw(settings, data.examples, stops=settings.model == "mlp")


def prepare(data: Table, split: Split, settings: Settings) -> Prepared:
    """Returns the design matrix, as the training rows teach it, and the counts."""
    learned = preprocess.fit(data.examples[split.train], data.about, rare_level_rows=settings.rare_level_rows)
    counts = columns.target_values(data.examples, data.about.target).to_numpy()
    return Prepared(learned, preprocess.transform(learned, data.examples), counts)


def dummy(case: Run) -> Callable[[Rows], Vector]:
    """Returns what needs no model: the mean of the known rows."""
    mean = float(case.prepared.target[case.known].mean())
    return lambda rows: np.full(rows.size, mean)


def peer(case: Run) -> Callable[[Rows], Vector]:
    """Returns scikit-learn's boosted trees under the Poisson loss, on the same columns."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # a prediction does without it

    inputs, counts = case.prepared.inputs, case.prepared.target
    trees = HistGradientBoostingRegressor(loss="poisson", random_state=case.settings.seed)
    trees.fit(inputs[case.known], counts[case.known])
    return lambda rows: np.asarray(trees.predict(inputs[rows]))


def fit(case: Run) -> Fitted[Model]:
    """Returns the network trained on the training rows; what it gives is the logarithm of the expected count, less
    that of the mean count.

    What is minimised is the Poisson negative log-likelihood (McCullagh and Nelder, 1989, Generalized Linear Models,
    chapter 6), with α‖w‖² over the number of rows.
    """
    settings, split, (learned, inputs, counts) = case.settings, case.split, case.prepared
    net = network.fresh(settings, inputs=inputs[split.train], outputs=1)
    base = float(np.log(max(learned.target_mean, SMALLEST_COUNT)))
    x, y = tc.as_tensor(inputs[split.train]).clone(), tc.as_tensor(counts[split.train])
    x_validation, y_validation = tc.as_tensor(inputs[split.validation]).clone(), tc.as_tensor(counts[split.validation])
    strength = settings.alpha / split.train.size

    def likelihood(rows: tc.Tensor, known: tc.Tensor) -> tc.Tensor:
        logs = (net(rows).reshape(-1) + base).clamp(max=LARGEST_LOG)
        found: tc.Tensor = tc.poisson_nll_loss(logs, known)
        return found

    def loss(rows: Rows | None) -> tc.Tensor:
        chosen = slice(None) if rows is None else tc.as_tensor(rows)
        return likelihood(x[chosen], y[chosen]) + strength * training.penalty(net)

    validation = (lambda: likelihood(x_validation, y_validation)) if split.validation.size else None
    objective = training.Objective(split.train.size, loss, validation)
    run = training.minimise(net, objective, cells=x.numel(), settings=settings)
    mean, variance = float(counts[case.known].mean()), float(counts[case.known].var())
    notes = preprocess.unlearned(learned, case.data.about)
    spread = f"the counts vary {variance / mean:.1f} times as much as a Poisson count of one rate would"
    return Fitted(Model(learned, net), *run, (*notes, spread))


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Vector:
    """Returns the expected count of each row."""
    base = np.log(max(model.learned.target_mean, SMALLEST_COUNT))
    found: Vector = np.exp(np.minimum(tabular.outputs(model, table)[:, 0] + base, LARGEST_LOG))
    return found


def score(case: Run, predicted: Vector) -> metrics.Draws:
    """Returns the mean Poisson deviance, MAE and RMSE on the test rows.

    The deviance of a row is 2·(y·log(y/μ) − y + μ); 0 is perfect, and the mean count has that of knowing nothing.
    """
    counts = case.prepared.target[case.split.test]
    expected = np.maximum(predicted, SMALLEST_COUNT)
    logs = np.where(counts > 0, counts * np.log(np.maximum(counts, 1.0) / expected), 0.0)
    seed = case.settings.seed
    plain = metrics.regression(counts, predicted, seed=seed)
    return metrics.means({"deviance": 2 * (logs - counts + expected)}, seed=seed) | {
        name: plain[name] for name in ("mae", "rmse")
    }


def shown(predicted: Vector, model: Model) -> pl.DataFrame:
    """Returns the expected count of each row."""
    return pl.DataFrame({"predicted": predicted})


def actual(case: Run) -> pl.DataFrame:
    """Returns the counts of the test rows."""
    return pl.DataFrame({"actual": case.prepared.target[case.split.test]})


def draw(folder: Path, trained: Trained[Settings, pl.DataFrame, Prepared, Model, Vector]) -> None:
    """Draws expected counts beside the truth, and the learning curve."""
    case, name = trained.case, trained.case.settings.target
    truth = case.prepared.target[case.split.test]
    plots.predicted_vs_actual(folder / "predicted_vs_actual.png", truth, trained.ours, target=name)
    title = "Poisson negative log-likelihood"
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title=title)


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: (
        "Poisson regression" if settings.model == "linear" else "Multilayer perceptron under the Poisson loss"
    ),
    dummy_title="mean",
    peer_title="scikit-learn HistGradientBoosting, Poisson",
    metrics={"deviance": Metric("Poisson deviance", higher_is_better=False), **metrics.chosen("mae", "rmse")},
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
    smoke={"epochs": 10, "pieces": 0, "alpha": 1.0, "learning_rate": 0.003},  # few rows bear no fine pieces
    smoke_examples=3_000,
)
