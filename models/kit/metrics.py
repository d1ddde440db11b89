"""Metrics with their uncertainty: each value has a 95 % interval over the test rows, and so has the lead of one model.

A template declares its metrics (`Metric`) and computes them with `regression`, `classification`, or, for the unit that
is independent in its data (a query, a user, a sentence), with `means`, `ratios`, `weighted` or `resampled`.

The interval is the percentile bootstrap (Efron and Tibshirani, 1993, An Introduction to the Bootstrap, chapter 13). A
resample is a row of weights, how often each test row was drawn, so all resamples are computed together. Two models
that are scored with the same seed see the same resamples, which makes the interval of their difference a paired one.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Draws = dict[str, Vector]  # by metric: the value on the test rows, then one for each resample

RESAMPLES = 1_000
FEWEST_RESAMPLES = 200
CHUNK_CELLS = 4_000_000  # weights held at once
MOST_CELLS = 100_000_000  # weights drawn in all; beyond it, fewer resamples
INTERVAL_PERCENTILES = (2.5, 97.5)
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)  # as in scikit-learn: one certain error does not cost infinity


class Metric(NamedTuple):
    """A metric's name for people, which direction is better, and whether it is in the unit of the target."""

    title: str
    higher_is_better: bool
    in_unit: bool = False


METRICS = {
    "r2": Metric("R²", higher_is_better=True),
    "mae": Metric("MAE", higher_is_better=False, in_unit=True),
    "rmse": Metric("RMSE", higher_is_better=False, in_unit=True),
    "log_loss": Metric("log-loss", higher_is_better=False),
    "accuracy": Metric("accuracy", higher_is_better=True),
    "balanced_accuracy": Metric("balanced accuracy", higher_is_better=True),
    "macro_f1": Metric("macro-F1", higher_is_better=True),
    "average_precision": Metric("average precision", higher_is_better=True),
    "roc_auc": Metric("ROC-AUC", higher_is_better=True),
    "recall_at_capacity": Metric("recall at capacity", higher_is_better=True),
    "kappa": Metric("quadratic weighted kappa", higher_is_better=True),
    "grades_off": Metric("grades off", higher_is_better=False),
}


class Score(NamedTuple):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


def regression(actual: Vector, predicted: Vector, *, seed: int) -> Draws:
    """Returns R², MAE and RMSE, on the rows and on each resample of rows.

    >>> draws = regression(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]), seed=0)
    >>> float(draws["r2"][0]), round(float(draws["mae"][0]), 3)
    (0.5, 0.333)
    """
    error = predicted - actual
    actual = actual - actual.mean()  # R² stays the same, and its sums of squares exact for a target such as a year
    return _bootstrap(lambda weights: _regression(weights, actual, error), actual.size, seed=seed)


def classification(actual: npt.NDArray[np.int64], probabilities: Vector, *, seed: int) -> Draws:
    """Returns log-loss, accuracy, balanced accuracy and macro-F1, and with two classes average precision and ROC-AUC.

    `actual` holds places of classes, `probabilities` has the shape (rows, classes); of two classes the last is the
    positive one.

    >>> draws = classification(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), seed=0)
    >>> round(float(draws["accuracy"][0]), 3), float(draws["roc_auc"][0])
    (0.667, 1.0)
    """
    return _bootstrap(lambda weights: _classification(weights, actual, probabilities), actual.size, seed=seed)


def score(draws: Draws, metric: str) -> Score:
    """Returns the value of a metric with its interval.

    >>> score({"mae": np.array([2.0, 1.0, 2.0, 3.0])}, "mae")
    Score(value=2.0, low=1.05, high=2.95)
    """
    return _score(draws[metric])


def lead(ours: Draws, other: Draws, metric: str, *, higher_is_better: bool) -> Score:
    """Returns by how much `ours` is better (positive) than `other`, with the paired interval.

    >>> errors = {"mae": np.array([2.0, 1.5, 2.5])}, {"mae": np.array([3.0, 2.5, 3.5])}
    >>> lead(*errors, "mae", higher_is_better=False)
    Score(value=1.0, low=1.0, high=1.0)
    """
    return _score((1.0 if higher_is_better else -1.0) * (ours[metric] - other[metric]))


def chosen(*names: str) -> dict[str, Metric]:
    """Returns the common metrics of those names, in that order.

    >>> chosen("mae")["mae"].higher_is_better
    False
    """
    return {name: METRICS[name] for name in names}


def means(values: Mapping[str, npt.ArrayLike], *, seed: int) -> Draws:
    """Returns the mean over the units (queries, users, sentences) of each metric that has one value a unit.

    A unit without a value (NaN) counts for nothing.

    >>> draws = means({"ndcg": [1.0, 0.5, 0.0, 0.5]}, seed=0)
    >>> float(draws["ndcg"][0]), draws["ndcg"].size
    (0.5, 1001)
    """
    every = {name: np.asarray(each, dtype=np.float64) for name, each in values.items()}
    return ratios(
        {name: (np.nan_to_num(each), (~np.isnan(each)).astype(np.float64)) for name, each in every.items()}, seed=seed
    )


def ratios(parts: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]], *, seed: int) -> Draws:
    """Returns Σ above / Σ below over the units, for metrics such as errors per word or micro-averaged recall.

    >>> float(ratios({"wer": ([1, 0, 2], [10, 5, 5])}, seed=0)["wer"][0])
    0.15
    """
    pairs = {
        name: (np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64))
        for name, (above, below) in parts.items()
    }

    def statistics(weights: Vector) -> Draws:
        with np.errstate(divide="ignore", invalid="ignore"):
            return {name: (weights @ above) / (weights @ below) for name, (above, below) in pairs.items()}

    return _bootstrap(statistics, next(iter(pairs.values()))[0].size, seed=seed)


def weighted(statistics: Callable[[Vector], Draws], units: int, *, seed: int) -> Draws:
    """Returns metrics that are functions of how often each unit was drawn: weights of shape (resamples, units) → draws.

    >>> hits = np.array([1.0, 1.0, 0.0, 1.0])
    >>> float(weighted(lambda weights: {"share": weights @ hits / 4}, 4, seed=0)["share"][0])
    0.75
    """
    return _bootstrap(statistics, units, seed=seed)


def resampled(
    statistics: Callable[[npt.NDArray[np.int64]], Mapping[str, float]],
    units: int,
    *,
    seed: int,
    resamples: int = FEWEST_RESAMPLES,
) -> Draws:
    """Returns metrics that are functions of places of units, drawn with repetition; for what has no faster form.

    >>> values = np.array([1.0, 2.0, 9.0])
    >>> draws = resampled(lambda rows: {"median": float(np.median(values[rows]))}, 3, seed=0, resamples=50)
    >>> float(draws["median"][0]), draws["median"].size
    (2.0, 51)
    """
    generator = np.random.default_rng(seed)
    drawn = [statistics(np.arange(units)), *(statistics(generator.integers(0, units, units)) for _ in range(resamples))]
    return {name: np.array([each[name] for each in drawn], dtype=np.float64) for name in drawn[0]}


def _score(draws: Vector) -> Score:
    usable = draws[1:][~np.isnan(draws[1:])]  # a resample may hold one class only, where ROC-AUC has no value
    low, high = np.percentile(usable, INTERVAL_PERCENTILES) if usable.size else (np.nan, np.nan)
    return Score(float(draws[0]), float(low), float(high))


def _bootstrap(statistics: Callable[[Vector], Draws], rows: int, *, seed: int) -> Draws:
    chunks = [statistics(weights) for weights in _weights(rows, seed=seed)]
    return {metric: np.concatenate([chunk[metric] for chunk in chunks]) for metric in chunks[0]}


def _weights(rows: int, *, seed: int) -> Iterator[Vector]:
    """Yields weights of shape (some resamples, rows); the very first resample is the rows themselves."""
    yield np.ones((1, rows))
    generator = np.random.default_rng(seed)
    left = min(RESAMPLES, max(FEWEST_RESAMPLES, MOST_CELLS // rows))
    while left:
        size = min(left, max(1, CHUNK_CELLS // rows))
        drawn = generator.integers(0, rows, (size, rows)) + rows * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)
        left -= size


def _regression(weights: Vector, actual: Vector, error: Vector) -> Draws:
    rows = actual.size
    squares = weights @ error**2
    spread = weights @ actual**2 - (weights @ actual) ** 2 / rows
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = np.where(spread > 0, 1 - squares / spread, np.nan)
    return {"r2": r2, "mae": weights @ np.abs(error) / rows, "rmse": np.sqrt(squares / rows)}


def _classification(weights: Vector, actual: npt.NDArray[np.int64], probabilities: Vector) -> Draws:
    rows, classes = probabilities.shape
    predicted = probabilities.argmax(axis=1)
    given = np.clip(probabilities[np.arange(rows), actual], SMALLEST_PROBABILITY, 1.0)
    is_actual, is_predicted = np.eye(classes)[actual], np.eye(classes)[predicted]
    hits, actuals, guesses = weights @ (is_actual * is_predicted), weights @ is_actual, weights @ is_predicted
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = np.where(actuals > 0, hits / actuals, np.nan)
        f1 = np.where(actuals + guesses > 0, 2 * hits / (actuals + guesses), np.nan)
    draws = {
        "log_loss": weights @ -np.log(given) / rows,
        "accuracy": hits.sum(axis=1) / rows,
        "balanced_accuracy": np.nanmean(recall, axis=1),
        "macro_f1": np.nanmean(f1, axis=1),
    }
    return draws | ranked(weights, actual == 1, probabilities[:, 1]) if classes == 2 else draws


def ranked(weights: Vector, positive: npt.NDArray[np.bool_], scores: Vector) -> Draws:
    """Returns average precision and ROC-AUC for each resample; rows with equal scores count as one step.

    `weights`, of shape (resamples, rows), says how often each row was drawn.

    >>> float(ranked(np.ones((1, 3)), np.array([True, False, True]), np.array([0.9, 0.5, 0.4]))["roc_auc"][0])
    0.5
    """
    found, false = _stepwise(weights, positive, scores)
    found_so_far, false_so_far = found.cumsum(axis=1), false.cumsum(axis=1)
    positives, negatives = found_so_far[:, -1], false_so_far[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.nan_to_num(found_so_far / (found_so_far + false_so_far))
        average_precision = (found * precision).sum(axis=1) / positives
        roc_auc = (false * (found_so_far - found / 2)).sum(axis=1) / (positives * negatives)
    return {"average_precision": average_precision, "roc_auc": roc_auc}


def recall_at(weights: Vector, positive: npt.NDArray[np.bool_], scores: Vector, *, share: float) -> Vector:
    """Returns for each resample which share of the positive rows is among the `share` of all rows that score highest.

    Of n rows those are K = max(1, share·n), the capacity: how many somebody can look at. Where rows of equal scores
    are on both sides of the line, they count as drawn at random: each by the share of them that is inside. NaN where
    no row is positive. `weights`, of shape (resamples, rows), says how often each row was drawn.

    >>> positive = np.array([True, False, True, False])
    >>> float(recall_at(np.ones((1, 4)), positive, np.array([0.9, 0.5, 0.5, 0.1]), share=0.5)[0])
    0.75
    """
    found, false = _stepwise(weights, positive, scores)
    looked_at, found_so_far = (found + false).cumsum(axis=1), found.cumsum(axis=1)
    most = np.maximum(1.0, share * looked_at[:, -1:])
    inside = np.clip((most - looked_at + found + false) / np.maximum(found + false, 1.0), 0.0, 1.0)  # of each step
    with np.errstate(invalid="ignore"):
        recall: Vector = (found * inside).sum(axis=1) / found_so_far[:, -1]
    return recall


def _stepwise(weights: Vector, positive: npt.NDArray[np.bool_], scores: Vector) -> tuple[Vector, Vector]:
    """Returns how many positive and negative rows each step of equal scores has, the highest score first."""
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.inf))
    ordered, truth = weights[:, order], positive[order]
    return np.add.reduceat(ordered * truth, starts, axis=1), np.add.reduceat(ordered * ~truth, starts, axis=1)


def graded(actual: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], *, grades: int, seed: int) -> Draws:
    """Returns for grades from 0 the quadratic weighted kappa, and by how many grades a row is off, on average.

    Kappa is 1 − Σ (i − j)²·O / Σ (i − j)²·E over the true grade i and the predicted one j, where O counts what is and E
    what would be if the two did not depend on each other (Cohen, 1968, Weighted kappa); NaN where all is one grade.

    >>> draws = graded(np.array([0, 1, 2]), np.array([0, 1, 1]), grades=3, seed=0)
    >>> round(float(draws["kappa"][0]), 3), round(float(draws["grades_off"][0]), 3)
    (0.667, 0.333)
    """
    off = np.abs(actual - predicted).astype(np.float64)
    is_actual, is_predicted = np.eye(grades)[actual], np.eye(grades)[predicted]
    square = np.subtract.outer(np.arange(grades), np.arange(grades)) ** 2.0

    def statistics(weights: Vector) -> Draws:
        rows = weights.sum(axis=1)
        chance = (((weights @ is_actual) @ square) * (weights @ is_predicted)).sum(axis=1) / rows
        with np.errstate(divide="ignore", invalid="ignore"):
            kappa = np.where(chance > 0, 1 - (weights @ off**2) / chance, np.nan)
        return {"kappa": kappa, "grades_off": weights @ off / rows}

    return _bootstrap(statistics, actual.size, seed=seed)


def to_dict(draws: Draws) -> dict[str, dict[str, Any]]:
    """Returns all scores as plain data, as metrics.json holds them."""
    return {metric: score(draws, metric)._asdict() for metric in draws}
