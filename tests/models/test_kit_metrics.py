"""Metrics: values against scikit-learn, resamples against scikit-learn row by row, and what the intervals cover."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from models.kit import metrics

ROWS = 60
GENERATOR = np.random.default_rng(7)
ACTUAL = GENERATOR.normal(100, 20, ROWS)
PREDICTED = ACTUAL + GENERATOR.normal(0, 10, ROWS)
SCORES = GENERATOR.random(ROWS).round(1)  # rounded, so that many are equal
BINARY = (SCORES + GENERATOR.normal(0, 0.4, ROWS) > 0.5).astype(np.int64)
LABELS = GENERATOR.integers(0, 4, ROWS)
PROBABILITIES = GENERATOR.dirichlet(np.ones(4), ROWS)


def _resample(number: int, seed: int) -> np.ndarray:
    weights = np.concatenate(list(metrics._weights(ROWS, seed=seed)))[number]
    return np.repeat(np.arange(ROWS), weights.astype(int))


@pytest.mark.parametrize("number", [0, 1, 500, 1000])
def test_regression_is_scikit_learns(number: int) -> None:
    rows, draws = _resample(number, 5), metrics.regression(ACTUAL, PREDICTED, seed=5)
    actual, predicted = ACTUAL[rows], PREDICTED[rows]
    assert draws["r2"][number] == pytest.approx(sk.r2_score(actual, predicted), abs=1e-10)
    assert draws["mae"][number] == pytest.approx(sk.mean_absolute_error(actual, predicted))
    assert draws["rmse"][number] == pytest.approx(sk.root_mean_squared_error(actual, predicted))


@pytest.mark.parametrize("number", [0, 3, 999])
@pytest.mark.parametrize("classes", [2, 4])
def test_classification_is_scikit_learns(number: int, classes: int) -> None:
    labels, probabilities = (BINARY, np.column_stack([1 - SCORES, SCORES])) if classes == 2 else (LABELS, PROBABILITIES)
    draws = metrics.classification(labels, probabilities, seed=2)
    rows = _resample(number, 2)
    actual, given = labels[rows], probabilities[rows]
    guess = given.argmax(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {
            "log_loss": sk.log_loss(actual, given, labels=range(classes)),
            "accuracy": sk.accuracy_score(actual, guess),
            "balanced_accuracy": sk.balanced_accuracy_score(actual, guess),
            "macro_f1": sk.f1_score(actual, guess, average="macro"),
        }
    if classes == 2:
        expected["average_precision"] = sk.average_precision_score(actual, given[:, 1])
        expected["roc_auc"] = sk.roc_auc_score(actual, given[:, 1])
    assert {name: float(values[number]) for name, values in draws.items()} == pytest.approx(expected)


@pytest.mark.parametrize("number", [0, 3, 199, 1000])
def test_weighted_kappa_is_scikit_learns(number: int) -> None:
    guess = (LABELS + GENERATOR.integers(-1, 2, ROWS)).clip(0, 3)
    draws, rows = metrics.graded(LABELS, guess, grades=4, seed=2), _resample(number, 2)
    expected = sk.cohen_kappa_score(LABELS[rows], guess[rows], weights="quadratic")
    assert draws["kappa"][number] == pytest.approx(expected, abs=1e-12)
    assert draws["grades_off"][number] == pytest.approx(np.abs(LABELS[rows] - guess[rows]).mean())


def test_weighted_kappa_at_its_ends() -> None:
    last = 3 - LABELS
    assert metrics.graded(LABELS, LABELS, grades=4, seed=0)["kappa"][0] == 1
    assert metrics.graded(LABELS, last, grades=4, seed=0)["kappa"][0] == pytest.approx(
        sk.cohen_kappa_score(LABELS, last, weights="quadratic")
    )
    assert metrics.graded(LABELS, np.full(ROWS, 1), grades=4, seed=0)["kappa"][0] == pytest.approx(0, abs=1e-12)
    one = np.zeros(ROWS, dtype=np.int64)
    assert np.isnan(metrics.graded(one, one, grades=4, seed=0)["kappa"][0])


@pytest.mark.parametrize("number", [0, 3, 999])
@pytest.mark.parametrize("share", [0.1, 0.25, 1.0])
def test_recall_at_capacity_counts_the_rows_that_are_looked_at(number: int, share: float) -> None:
    """Against counting one by one; of equal scores the mean over many orders."""
    found = metrics.weighted(
        lambda weights: {"recall": metrics.recall_at(weights, BINARY == 1, SCORES, share=share)}, ROWS, seed=2
    )["recall"][number]
    rows, generator = _resample(number, 2), np.random.default_rng(0)
    positive, scores, most = BINARY[rows] == 1, SCORES[rows], round(share * ROWS)
    counted = []
    for _ in range(2_000):
        order = generator.permutation(ROWS)
        counted.append(positive[order][np.argsort(-scores[order], kind="stable")[:most]].sum() / positive.sum())
    assert found == pytest.approx(np.mean(counted), abs=0.01)


def test_recall_at_capacity_at_its_ends() -> None:
    positive, one = np.array([True, False, False, True]), np.ones((1, 4))
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    assert metrics.recall_at(one, positive, scores, share=1e-9)[0] == 0.5  # one row at least
    assert metrics.recall_at(one, positive, scores, share=1.0)[0] == 1
    assert np.isnan(metrics.recall_at(one, ~positive & positive, scores, share=0.5)[0])


def test_interval_holds_the_value_and_seed_decides() -> None:
    draws = metrics.regression(ACTUAL, PREDICTED, seed=1)
    for name in draws:
        low, high = metrics.score(draws, name)[1:]
        assert low < metrics.score(draws, name).value < high
    same, other = metrics.regression(ACTUAL, PREDICTED, seed=1), metrics.regression(ACTUAL, PREDICTED, seed=2)
    assert np.array_equal(draws["r2"], same["r2"])
    assert not np.array_equal(draws["r2"], other["r2"])


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(200):
        errors = np.random.default_rng(seed).normal(0, 1, 80)
        low, high = metrics.score(metrics.regression(errors * 0, errors, seed=seed), "mae")[1:]
        covered += low <= np.sqrt(2 / np.pi) <= high  # the mean of |N(0, 1)|
    assert 0.89 <= covered / 200 <= 0.99


def test_lead_is_paired_and_points_the_right_way() -> None:
    worse = PREDICTED + np.where(np.arange(ROWS) % 2, 1.0, -1.0) * 3
    ours, other = (metrics.regression(ACTUAL, each, seed=4) for each in (PREDICTED, worse))
    for name in ("r2", "mae", "rmse"):
        lead = metrics.lead(ours, other, name, higher_is_better=metrics.METRICS[name].higher_is_better)
        assert lead.value == pytest.approx(abs(float(ours[name][0] - other[name][0])))
        assert metrics.lead(
            other, ours, name, higher_is_better=metrics.METRICS[name].higher_is_better
        ).value == pytest.approx(-lead.value)
    paired = metrics.lead(ours, other, "mae", higher_is_better=False)
    single = metrics.score(ours, "mae")
    assert paired.high - paired.low < single.high - single.low
    assert metrics.lead(ours, ours, "r2", higher_is_better=True) == (0, 0, 0)


def test_one_class_has_no_ranking_metric() -> None:
    draws = metrics.classification(np.zeros(20, dtype=np.int64), np.full((20, 2), 0.5), seed=0)
    assert np.isnan(metrics.score(draws, "roc_auc").value)
    assert metrics.score(draws, "accuracy").value == 1


def test_sure_and_wrong_costs_much_and_not_infinity() -> None:
    draws = metrics.classification(np.array([1, 0]), np.array([[1.0, 0.0], [1.0, 0.0]]), seed=0)
    assert 10 < draws["log_loss"][0] < 40


def test_large_tests_take_fewer_resamples() -> None:
    rows = 400_000
    assert sum(len(weights) for weights in metrics._weights(1000, seed=0)) == 1 + metrics.RESAMPLES
    assert metrics.MOST_CELLS // rows < metrics.RESAMPLES
    first = next(iter(metrics._weights(rows, seed=0)))
    assert first.shape == (1, rows)
