"""Tests of the sampler and of the check on censored feedback, beside those of the kit."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import censoring
import gibbs
import numpy as np
import pytest

import tensor_core as tc


def test_weights_recover_what_censored_ratings_hide() -> None:
    """With inverse chances as weights, mean and factorisation come nearer to the truth than without."""
    found = censoring.check(seed=3)
    assert abs(found.weighted_mean - found.true_mean) < 0.2 * abs(found.naive_mean - found.true_mean)
    assert found.weighted_rmse < found.naive_rmse


def test_a_draw_has_the_mean_and_covariance_that_the_ratings_give() -> None:
    """With fixed items, the draws of one person scatter as the normal distribution in closed form says."""
    tc.manual_seed(0)
    generator = np.random.default_rng(0)
    items = gibbs.Draw(tc.as_tensor(generator.normal(size=(30, 3))), np.zeros(3))
    rating, noise = generator.normal(size=30), 4.0
    ratings = gibbs.batches(np.zeros(30, dtype=np.int64), np.arange(30), rating, entries=1)
    design = np.concatenate([items.rows.numpy()[:, :2], np.ones((30, 1))], axis=1)
    person = gibbs.Draw(tc.zeros(1, 3, dtype=tc.float64), np.zeros(3))
    drawn, expected, spread = [], [], []
    for _ in range(3_000):
        seed = int(generator.integers(2**31))
        mean, precision = gibbs._priors(person.rows.numpy(), np.random.default_rng(seed))
        inner = np.linalg.inv(noise * design.T @ design + np.diag(precision))
        expected.append(inner @ (noise * design.T @ (rating - items.rows.numpy()[:, 2]) + precision * mean))
        spread.append(np.diag(inner))
        drawn.append(gibbs.draw(person, items, ratings, noise, np.random.default_rng(seed)).rows.numpy()[0])
    scaled = (np.array(drawn) - np.array(expected)) / np.sqrt(np.array(spread))
    assert scaled.mean(axis=0) == pytest.approx(np.zeros(3), abs=0.08)
    assert scaled.std(axis=0) == pytest.approx(np.ones(3), abs=0.05)
