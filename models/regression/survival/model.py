"""Time until an event that some rows had not met yet: Cox's model, linear or a network; beside it Kaplan–Meier.

A network gives a score; the hazard is a baseline, the same for all, times the exponential of the score. The linear one
sees each column in a few pieces, so that a risk may rise and level off.
"""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import hazard
import numpy as np
import numpy.typing as npt
import polars as pl
from hazard import Curve

import tensor_core as tc
from models.kit import (
    cells,
    columns,
    config,
    dataset,
    files,
    metrics,
    network,
    plots,
    preprocess,
    splits,
    tabular,
    training,
)
from models.kit.config import Between
from models.kit.errors import ArtefactError, TableError, Unavailable, count, listed
from models.kit.metrics import Metric
from models.kit.preprocess import Preprocess
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained

SCHEMA = 1
BASELINE_FILE = "baseline.json"
YES = frozenset("1 true yes y event dead died failed churned ended closed".split())
NO = frozenset("0 false no n censored alive running open".split())
FEWEST_EVENTS = 10
MOST_PAIRED = 3_000  # test rows that are compared with each other; beyond it, some of them drawn at random
QUARTILES = (0.25, 0.5, 0.75)  # of the times of events, where no horizons are named
LARGEST_SCORE = 30.0

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Settings(config.Settings):
    """The settings of config.yaml; `target` is the column of the times."""

    metric: Literal["c_index", "brier"]
    event: str
    horizons: tuple[Annotated[float, Between(0, 1e100)], ...]
    ties: Literal["efron", "breslow"]
    alpha: Annotated[float, Between(0, 1e12)]


class Prepared(NamedTuple):
    """What the training rows taught, the design matrix, the times, whether each end was seen, and the horizons.

    watched is the share that is still followed at a time, which the weights of censored rows follow from.
    """

    learned: Preprocess
    inputs: Vector
    time: Vector
    seen: npt.NDArray[np.bool_]
    horizons: Vector
    watched: Curve


class Model(NamedTuple):
    """A trained model: what was learned about the columns, the network of the score, baseline hazard and horizons."""

    learned: Preprocess
    net: tc.nn.Module
    baseline: Curve
    horizons: Vector


class Answers(NamedTuple):
    """The score of each row (higher: sooner), and the chance of no event until each horizon, (rows, horizons).

    median: the time until which half of such rows have met the event; NaN where that lies beyond all that was seen.
    """

    score: Vector
    survival: Vector
    median: Vector


Run = Case[Settings, pl.DataFrame, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[pl.DataFrame]:
    """Returns the rows that have a time and say whether its end was seen; raises `TableError` where they do not."""
    if settings.event == settings.target:
        raise TableError(
            f"event: {settings.event!r} is the column of the times; name the one that says whether they ended"
        )
    columns.check_name(dataset.table(settings.table, folder=folder).frame, settings.event, setting="event")
    unseen = dataclasses.replace(settings, leave_out=(*settings.leave_out, settings.event))
    data = dataset.load(unseen, folder=folder, task="regression", most_rows=most)
    own = f"column {settings.event!r} is left out as config.yaml asks"
    decisions = [said for said in data.decisions if said != own]
    told = _seen(data.examples[settings.event])
    time = columns.target_values(data.examples, data.about.target)
    if (time < 0).any():
        raise TableError(
            f"target: {count(int((time < 0).sum()), 'time')} in {settings.target!r} below 0; times count from 0"
        )
    kept = told.is_not_null()
    if lost := int((~kept).sum()):
        decisions.append(f"event: {count(lost, 'row')} do not say whether the end was seen; left out")
    ended = int(told.sum())
    if ended < FEWEST_EVENTS:
        raise TableError(
            f"event: only {count(ended, 'row')} ended of {kept.sum():,}; at least {FEWEST_EVENTS} are needed"
        )
    going = int(kept.sum()) - ended
    decisions.append(
        f"the end was seen in {ended:,} rows; {going:,} were still going at their time, and count until then"
    )
    return data._replace(
        examples=data.examples.filter(kept), numbers=data.numbers[kept.to_numpy()], decisions=tuple(decisions)
    )


def _seen(column: pl.Series) -> pl.Series:
    """Returns whether the end was seen, null where the cell is empty; raises `TableError` for words that say neither.

    >>> _seen(pl.Series("event", ["yes", "No", None])).to_list()
    [True, False, None]
    """
    words = cells.texts(column).str.to_lowercase()
    strange = sorted(set(words.drop_nulls().to_list()) - YES - NO)
    if strange:
        raise TableError(
            f"event: column {column.name!r} holds {listed(strange)}; write 1 where the end was seen, else 0"
        )
    return words.is_in(list(YES))


def split(data: Data[pl.DataFrame], settings: Settings) -> Split:
    """Returns the split that the settings ask for; only a perceptron needs rows to stop on."""
    return splits.draw(settings, data.examples, stops=settings.model == "mlp")


def prepare(data: Data[pl.DataFrame], split: Split, settings: Settings) -> Prepared:
    """Returns the design matrix as the training rows teach it, times and ends, and what the known rows say of both."""
    learned = preprocess.fit(data.examples[split.train], data.about, rare_level_rows=settings.rare_level_rows)
    time = columns.target_values(data.examples, data.about.target).to_numpy()
    seen = _seen(data.examples[settings.event]).to_numpy().astype(np.bool_)
    known = np.concatenate([split.train, split.validation])
    ends = time[known][seen[known]]
    if not ends.size or not seen[split.test].any():
        raise TableError("event: no end was seen in the training, or none in the test; choose another split")
    horizons = np.array(sorted(settings.horizons) or np.unique(np.quantile(ends, QUARTILES)))
    watched = hazard.kaplan_meier(time[known], ~seen[known])
    return Prepared(learned, preprocess.transform(learned, data.examples), time, seen, horizons, watched)


def dummy(case: Run) -> Callable[[Rows], Answers]:
    """Returns what needs no model: the curve of Kaplan and Meier of the known rows, the same for everybody."""
    prepared, known = case.prepared, case.known
    curve = hazard.kaplan_meier(prepared.time[known], prepared.seen[known])

    def answer(rows: Rows) -> Answers:
        told = np.tile(curve.at(prepared.horizons), (rows.size, 1))
        below = np.flatnonzero(curve.values <= 0.5)
        median = curve.times[below[0]] if below.size else np.nan
        return Answers(np.zeros(rows.size), told, np.full(rows.size, median))

    return answer


def peer(case: Run) -> Callable[[Rows], Answers]:
    """Returns statsmodels' proportional hazards regression on the same columns; a twin column is given once."""
    try:
        from statsmodels.duration.hazard_regression import PHReg
    except ImportError:
        raise Unavailable("statsmodels is not installed") from None

    prepared, known = case.prepared, case.known
    inputs = prepared.inputs[known]
    independent: list[int] = []
    for place in range(inputs.shape[1]):  # levels of a category add up to one, which has no unique solution
        trial = inputs[:, [*independent, place]] - inputs[:, [*independent, place]].mean(axis=0)
        if np.linalg.matrix_rank(trial) > len(independent):
            independent.append(place)
    found = PHReg(prepared.time[known], inputs[:, independent], status=prepared.seen[known], ties=case.settings.ties)
    weights = np.asarray(found.fit().params)
    score = prepared.inputs[:, independent] @ weights
    base = hazard.baseline(prepared.time[known], prepared.seen[known], score[known], ties=case.settings.ties)
    return lambda rows: _answers(score[rows], base, prepared.horizons)


def fit(case: Run) -> Fitted[Model]:
    """Returns the network trained on the training rows, and the baseline hazard of all known ones.

    What is minimised is the negative log partial likelihood with α‖w‖², divided by the number of rows.
    """
    settings, prepared, split = case.settings, case.prepared, case.split
    inputs, time, seen = prepared.inputs, prepared.time, prepared.seen
    net = _fresh(settings, inputs[split.train])
    x, x_validation = tc.as_tensor(inputs[split.train]).clone(), tc.as_tensor(inputs[split.validation]).clone()
    whole = hazard.risk(time[split.train], seen[split.train], ties=settings.ties)
    later = hazard.risk(time[split.validation], seen[split.validation], ties=settings.ties)
    strength = settings.alpha / split.train.size

    def loss(rows: Rows | None) -> tc.Tensor:
        chosen = slice(None) if rows is None else tc.as_tensor(rows)
        some = split.train if rows is None else split.train[rows]
        at = whole if rows is None else hazard.risk(time[some], seen[some], ties=settings.ties)
        told = hazard.partial_likelihood(net(x[chosen]).reshape(-1), at)
        return told + strength * training.penalty(net)

    def validation_loss() -> tc.Tensor:
        return hazard.partial_likelihood(net(x_validation).reshape(-1), later)

    stops = split.validation.size and seen[split.validation].any()
    objective = training.Objective(split.train.size, loss, validation_loss if stops else None)
    run = training.minimise(net, objective, cells=x.numel(), settings=settings)
    known = case.known
    scores = _scores(net, inputs[known])
    base = hazard.baseline(time[known], seen[known], scores, ties=settings.ties)
    notes = [*preprocess.unlearned(prepared.learned, case.data.about)]
    shown = ", ".join(f"{horizon:g}" for horizon in prepared.horizons)
    notes.append(f"the chance of no event is told, and Brier score and calibration measured, at {shown}")
    return Fitted(Model(prepared.learned, net, base, prepared.horizons), *run, tuple(notes))


def _fresh(settings: Settings, inputs: Vector) -> tc.nn.Module:
    """Returns the untrained network: a linear one too sees each column in pieces, where the settings ask for it."""
    if settings.model == "mlp":
        return network.fresh(settings, inputs=inputs, outputs=1)
    return network.cut(inputs, pieces=settings.pieces, outputs=1)


def _scores(net: tc.nn.Module, inputs: Vector) -> Vector:
    return np.clip(network.outputs(net, inputs)[:, 0], -LARGEST_SCORE, LARGEST_SCORE)


def _answers(score: Vector, base: Curve, horizons: Vector) -> Answers:
    """Returns the chance of no event, exp(−H₀(t)·eˢ), at each horizon, and when it falls to a half."""
    survival = np.exp(-base.at(horizons) * np.exp(score)[:, None])
    needed = np.log(2) * np.exp(-score)
    place = np.searchsorted(base.values, needed)
    median = np.concatenate([base.times, [np.nan]])[place]
    return Answers(score, survival, median)


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Answers:
    """Returns score, chances and median time of each row."""
    inputs = preprocess.transform(model.learned, table)
    return _answers(_scores(model.net, inputs), model.baseline, model.horizons)


def score(case: Run, answers: Answers) -> metrics.Draws:
    """Returns the concordance index, the Brier score, and how far the mean chance is off, on the test rows.

    The last two are means over the horizons, with rows that were lost before one weighed in by the others.
    """
    prepared, test, seed = case.prepared, case.split.test, case.settings.seed
    time, seen = prepared.time[test], prepared.seen[test]
    paired = np.arange(test.size)
    if test.size > MOST_PAIRED:
        paired = np.sort(np.random.default_rng(0).permutation(test.size)[:MOST_PAIRED])
    comparable, right = hazard.pairs(time[paired], seen[paired], answers.score[paired])
    squares = hazard.brier(time, seen, answers.survival, prepared.horizons, watched=prepared.watched)
    share_there = np.maximum(prepared.watched.at(prepared.horizons), 1 / time.size)
    going = (time[:, None] > prepared.horizons) / share_there
    off = answers.survival - going

    def statistics(weights: Vector) -> metrics.Draws:
        part = weights[:, paired]
        with np.errstate(divide="ignore", invalid="ignore"):
            concordance = ((part @ right) * part).sum(axis=1) / ((part @ comparable) * part).sum(axis=1)
        return {
            "c_index": concordance,
            "brier": weights @ squares.mean(axis=1) / time.size,
            "calibration": np.abs(weights @ off / time.size).mean(axis=1),
        }

    return metrics.weighted(statistics, test.size, seed=seed)


def shown(answers: Answers, model: Model) -> pl.DataFrame:
    """Returns the relative risk of each row, the median time, and the chance of no event until each horizon."""
    frame = {"risk": np.exp(answers.score), "median_time": answers.median}
    chances = {f"no_event_until_{time:g}": answers.survival[:, place] for place, time in enumerate(model.horizons)}
    return pl.DataFrame(frame | chances).with_columns(pl.col("median_time").fill_nan(None))


def actual(case: Run) -> pl.DataFrame:
    """Returns the time of each test row, and whether its end was seen."""
    prepared, test = case.prepared, case.split.test
    return pl.DataFrame({"time": prepared.time[test], "event": prepared.seen[test].astype(np.int64)})


def questions(case: Run) -> pl.DataFrame:
    """Returns the test rows without their time and its end."""
    return tabular.questions(case).drop(case.settings.event)


def save(model: Model, folder: Path) -> None:
    """Writes preprocess.json, model.json, weights.safetensors, and the baseline hazard as baseline.json."""
    tabular.save(tabular.Model(model.learned, model.net), folder)
    about = {
        "schema": SCHEMA,
        "times": model.baseline.times.tolist(),
        "hazard": model.baseline.values.tolist(),
        "horizons": model.horizons.tolist(),
    }
    files.write(folder / BASELINE_FILE, json.dumps(about) + "\n")


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    learned, net = tabular.load(folder, settings)
    about = files.read_json(folder / BASELINE_FILE, remedy="run train.py first")
    try:
        if about["schema"] != SCHEMA:
            raise ValueError(f"schema {about['schema']!r} is not {SCHEMA}")
        times, values, horizons = (np.array(about[name], dtype=np.float64) for name in ("times", "hazard", "horizons"))
        if times.shape != values.shape or (np.diff(times) <= 0).any() or (np.diff(values) < 0).any():
            raise ValueError("the baseline hazard does not rise with time")
    except (KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    return Model(learned, net, Curve(times, values, 0.0), horizons)


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the score in float32, as a function of the design matrix, whose columns preprocess.json describes."""
    return tabular.onnx(tabular.Model(model.learned, model.net), settings)


def draw(folder: Path, trained: Trained[Settings, pl.DataFrame, Prepared, Model, Answers]) -> None:
    """Draws what came of rows of low, middle and high risk beside what was told, and the learning curve."""
    import curves  # a prediction does without it

    case = trained.case
    test = case.split.test
    curves.draw(folder / "risk_groups.png", case.prepared.time[test], case.prepared.seen[test], trained)
    title = "negative log partial likelihood a row"
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title=title)


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Cox's model" if settings.model == "linear" else "Cox's model with a perceptron",
    dummy_title="Kaplan–Meier",
    peer_title="statsmodels PHReg",
    metrics={
        "c_index": Metric("concordance", higher_is_better=True),
        "brier": Metric("Brier score", higher_is_better=False),
        "calibration": Metric("calibration error", higher_is_better=False),
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
    smoke={"epochs": 20},
    smoke_examples=None,
)
