"""Weights of single words: logistic regression over the categories, and within each over its sub-tasks."""

import base64
import json
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from advisor.train.cases import Item, targets
from advisor.wording import known_as, value
from taxonomy.knowledge import load
from taxonomy.reading import read_text

Array = np.ndarray[Any, np.dtype[Any]]

LEAST_CASES = 3  # in which a word must stand to be known
STRENGTH = 30.0  # of the fit against the pull of all weights to zero; chosen on the held-out batches
SUBTASK_STRENGTH = 10.0
MOST_STEPS = 200
LARGEST = 127  # of a weight in one byte


class Fitted(NamedTuple):
    """The known words, and the weight of each for each outcome (outcomes × words)."""

    words: list[str]
    outcomes: list[str]  # categories, then "category/subtask"
    weights: Array


def fit(items: Sequence[Item], categories: Sequence[str], subtasks: Sequence[str]) -> Fitted:
    """The weights that make the items likeliest; where experts differ each of their answers counts in part."""
    words = known(items)
    weights = np.zeros((len(categories) + len(subtasks), len(words)))
    weights[: len(categories)] = _category_weights(items, words, categories)
    for category in categories:
        own = [item for item in items if item.category == category]
        for name, row in _subtask_weights(own, words).items():
            weights[len(categories) + list(subtasks).index(name)] = row
    return Fitted(words, [*categories, *subtasks], rounded(weights))


def known(items: Sequence[Item]) -> list[str]:
    """The words that enough of the items hold, in alphabetical order."""
    count = Counter(word for item in items for word in _said(item.text))
    return sorted(word for word, times in count.items() if times >= LEAST_CASES)


@cache
def _said(text: str) -> frozenset[str]:
    """The words of a text that are neither negated nor courtesies."""
    reading = read_text(load(), text)
    said = zip(reading.tokens.words, reading.negated, reading.courteous, strict=True)
    return frozenset(known_as(word) for word, negated, courteous in said if not negated and not courteous)


def design(items: Sequence[Item], words: Sequence[str]) -> sparse.csr_matrix:
    """Items × words: what each word of a text is worth."""
    place = {word: column for column, word in enumerate(words)}
    rows, columns, values = [], [], []
    for number, item in enumerate(items):
        found = [place[word] for word in _said(item.text) if word in place]
        rows += [number] * len(found)
        columns += found
        values += [value(len(found))] * len(found)
    return sparse.csr_matrix((values, (rows, columns)), shape=(len(items), len(words)))


def _category_weights(items: Sequence[Item], words: Sequence[str], categories: Sequence[str]) -> Array:
    wanted = np.array([targets(item, categories) for item in items])
    rows, outcome = np.nonzero(wanted)
    weights = np.zeros((len(categories), len(words)))
    present = np.unique(outcome)
    if len(present) > 1:
        weights[present] = _logistic(design(items, words)[rows], outcome, wanted[rows, outcome], STRENGTH)
    return weights


def _subtask_weights(items: Sequence[Item], words: Sequence[str]) -> dict[str, Array]:
    names = sorted({item.subtask for item in items})
    if len(names) < 2:
        return {}
    outcome = np.array([names.index(item.subtask) for item in items])
    weights = _logistic(design(items, words), outcome, np.ones(len(items)), SUBTASK_STRENGTH)
    return dict(zip(names, weights, strict=True))


def _logistic(rows: sparse.csr_matrix, outcome: Array, share: Array, strength: float) -> Array:
    """Outcomes × words. No constant: a text that says nothing speaks for nothing."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, fit_intercept=False, max_iter=MOST_STEPS)
    weights: Array = model.fit(rows, outcome, sample_weight=share).coef_
    return weights if len(weights) > 1 else np.concatenate([-weights / 2, weights / 2])  # of two, it tells one


def rounded(weights: Array) -> Array:
    """The weights as they will be read back, each in one byte."""
    unit = _unit(weights)
    found: Array = np.round(weights / unit) * unit
    return found


def _unit(weights: Array) -> float:
    return float(np.abs(weights).max() / LARGEST) or 1.0


def logits(fitted: Fitted, items: Sequence[Item]) -> Array:
    """What the words say of each item: items × outcomes."""
    found: Array = design(items, fitted.words) @ fitted.weights.T
    return found


def cross_fitted(items: Sequence[Item], categories: Sequence[str]) -> Array:
    """Items × categories: what the words say of each item when they were fitted without the batch that it is from."""
    batch = np.array([item.batch for item in items])
    found = np.zeros((len(items), len(categories)))
    for name in sorted(set(batch)):
        others = [item for item in items if item.batch != name]
        words = known(others)
        weights = rounded(_category_weights(others, words, categories))
        own = batch == name
        found[own] = design([item for item in items if item.batch == name], words) @ weights.T
    return found


def write(fitted: Fitted, path: Path) -> None:
    """Write the weights as advisor/wording.py reads them."""
    unit = _unit(fitted.weights)
    numbers = np.round(fitted.weights / unit).astype(np.int8)
    facts = {
        "outcomes": fitted.outcomes,
        "scale": unit,
        "words": " ".join(fitted.words),
        "weights": base64.b64encode(numbers.tobytes()).decode(),
    }
    path.write_text(json.dumps(facts, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
