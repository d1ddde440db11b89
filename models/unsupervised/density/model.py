"""How common each combination of values is: a mixture of Gaussians on tensor_core; beside it scikit-learn's."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import mixture
import numpy as np
import polars as pl
from mixture import Mixture, log_density

import tensor_core as tc
from models.kit import metrics, plots, preprocess, splits, tabular, training, unlabelled
from models.kit.config import Between
from models.kit.errors import ConfigError
from models.kit.metrics import Draws, Metric
from models.kit.preprocess import Preprocess
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained
from models.kit.unlabelled import Prepared, Vector

GRID = 1_001  # quantiles of the density of the training rows
FEWEST_ROWS_EACH = 5  # of a component, on average


@dataclass(frozen=True, kw_only=True)
class Settings(unlabelled.Settings):
    """The settings of config.yaml."""

    metric: Literal["log_likelihood"]
    components: tuple[Annotated[int, Between(1, 10_000)], ...]
    shrinkages: tuple[Annotated[float, Between(0, 100)], ...]
    ridges: tuple[Annotated[float, Between(1e-12, 1e6)], ...]
    steps: Annotated[int, Between(1, 10_000)]
    test_share: Annotated[float, Between(0.05, 0.5)]
    validation_share: Annotated[float, Between(0.05, 0.5)]


class Model(NamedTuple):
    """What was learned about the columns, the mixture, and quantiles of the log density of the training rows."""

    learned: Preprocess
    mixture: Mixture
    usual: tc.Tensor


Run = Case[Settings, pl.DataFrame, Prepared]


def split(data: Data[pl.DataFrame], settings: Settings) -> Split:
    """Returns rows for training, to choose the mixture, and for the test, drawn at random."""
    if not (settings.components and settings.shrinkages and settings.ridges):
        raise ConfigError("components, shrinkages, ridges: name at least one value each, as [1, 5]")
    return splits.shuffled(
        data.size, test_share=settings.test_share, validation_share=settings.validation_share, seed=settings.seed
    )


def _parts(case: Run) -> tuple[tc.Tensor, tc.Tensor, tuple[int, ...]]:
    """Returns the training rows, the validation rows, and the numbers of components that the rows allow."""
    inputs, split = case.prepared.inputs, case.split
    most = max(1, split.train.size // FEWEST_ROWS_EACH)
    sizes = tuple(dict.fromkeys(min(each, most) for each in case.settings.components))
    return tc.as_tensor(inputs[split.train]), tc.as_tensor(inputs[split.validation]), sizes


def dummy(case: Run) -> Callable[[Rows], Vector]:
    """Returns what needs no model: one normal distribution a column, as if they had nothing to do with each other."""
    found = mixture.normal(_parts(case)[0], ridge=min(case.settings.ridges))
    return lambda rows: log_density(tc.as_tensor(case.prepared.inputs[rows]), found).numpy()


def peer(case: Run) -> Callable[[Rows], Vector]:
    """Returns scikit-learn's GaussianMixture; the validation rows choose its components and its ridge."""
    from sklearn.mixture import GaussianMixture

    inputs, split = case.prepared.inputs, case.split
    tried = [
        GaussianMixture(size, reg_covar=ridge, random_state=case.settings.seed, max_iter=case.settings.steps)
        for size in _parts(case)[2]
        for ridge in case.settings.ridges
    ]
    best = max(tried, key=lambda each: each.fit(inputs[split.train]).score(inputs[split.validation]))
    return lambda rows: np.asarray(best.score_samples(inputs[rows]))


def fit(case: Run) -> Fitted[Model]:
    """Returns the mixture under which the validation rows are likeliest, of all that the settings name."""
    settings = case.settings
    train, validation, sizes = _parts(case)
    history: list[training.Point] = []
    best: tuple[float, Mixture, str] | None = None
    with (
        training.watched(budget_seconds=settings.time_budget_seconds) as watch,
        training.bar(len(sizes) * len(settings.shrinkages) * len(settings.ridges), "mixture") as bar,
        tc.no_grad(),
    ):
        for size, shrinkage, ridge in itertools.product(sizes, settings.shrinkages, settings.ridges):
            found, course = mixture.fit(
                train, size, shrinkage=shrinkage, ridge=ridge, steps=settings.steps,
                generator=np.random.default_rng(settings.seed), stop=lambda: watch.reason is not None,
            )  # fmt: skip
            likelihood = float(log_density(validation, found).mean().item())
            history.append(training.Point(len(history) + 1, -course[-1], -likelihood))
            if best is None or likelihood > best[0]:
                best = likelihood, found, f"{size:,} components, shrinkage {shrinkage:g} and ridge {ridge:g}"
            bar.update()
            if watch.reason:
                break
        if best is None:  # the lists are checked to hold something
            raise ConfigError("components: no mixture was tried")
        usual = np.quantile(log_density(train, best[1]).numpy(), np.linspace(0, 1, GRID))
    run = training.ended(watch, watch.reason or "all mixtures tried", "mixture", history)
    notes = (
        *preprocess.unlearned(case.prepared.learned, case.data.about),
        f"the validation rows are likeliest under {best[2]}",
        "densities are of the columns "
        + ("scaled to a spread of one" if settings.scale != "none" else "in their own units"),
    )
    return Fitted(Model(case.prepared.learned, best[1], tc.as_tensor(usual)), *run, notes, {"chosen": best[2]})


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Vector:
    """Returns the log density of each row, in nats."""
    with tc.no_grad():
        return log_density(tc.as_tensor(preprocess.transform(model.learned, table)), model.mixture).numpy()


def score(case: Run, found: Vector) -> Draws:
    """Returns the mean log-likelihood of the test rows."""
    return metrics.means({"log_likelihood": found}, seed=case.settings.seed)


def shown(found: Vector, model: Model) -> pl.DataFrame:
    """Returns the log density of each row, and the share of training rows that are rarer."""
    rarer = np.interp(found, model.usual.numpy(), np.linspace(0, 1, GRID))
    return pl.DataFrame({"log_density": found, "rarer_rows": rarer})


def save(model: Model, folder: Path) -> None:
    """Writes what was learned about the columns, and the mixture."""
    unlabelled.save(model.learned, {**model.mixture._asdict(), "usual": model.usual}, folder)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    learned, arrays = unlabelled.load(folder, "usual", *Mixture._fields)
    return Model(learned, Mixture(**{name: arrays[name] for name in Mixture._fields}), arrays["usual"])


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the log density as a function of the design matrix."""
    example = tc.as_tensor(np.zeros((2, len(model.learned.features))))
    return Onnx(lambda rows: log_density(rows, model.mixture), example)


def draw(folder: Path, trained: Trained[Any, Any, Any, Model, Vector]) -> None:
    """Draws the loss of every mixture that was tried."""
    plots.learning_curve(
        folder / "mixtures.png", trained.fitted.history, title="negative log-likelihood a row, by mixture tried"
    )


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Mixture of Gaussians",
    dummy_title="independent normal columns",
    peer_title="scikit-learn GaussianMixture",
    metrics={"log_likelihood": Metric("log-likelihood a row", higher_is_better=True)},
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
    smoke={"components": (5,), "shrinkages": (0.3,), "ridges": (0.3,), "steps": 10},
    smoke_examples=600,
)
