"""Several labels at once: what a set of labels is worth beside the true one, and from which chance on a label is set.

Micro-F1 counts all labels of all examples together, so common labels decide; macro-F1 is the mean over the labels, so
rare ones count as much. Mean average precision (mAP) asks only for the order of the examples within each label, and
needs no threshold. Thresholds are chosen on validation examples, never on the test: a classifier that is sure of
little is right to set a label at .3 (Fan and Lin, 2007, A Study on Threshold Selection for Multi-label Classification).
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from models.kit import metrics
from models.kit.metrics import Draws, Metric

METRICS = {
    "micro_f1": Metric("micro-F1", higher_is_better=True),
    "macro_f1": Metric("macro-F1", higher_is_better=True),
    "mean_average_precision": Metric("mAP", higher_is_better=True),
    "hamming_loss": Metric("Hamming loss", higher_is_better=False),
    "exact_match": Metric("all labels right", higher_is_better=True),
    "label_log_loss": Metric("log-loss of a label", higher_is_better=False),
    "precision_at_1": Metric("precision@1", higher_is_better=True),
    "precision_at_3": Metric("precision@3", higher_is_better=True),
    "precision_at_5": Metric("precision@5", higher_is_better=True),
}
PRECISION_AT = (1, 3, 5)
ROUNDS = 5  # in which thresholds are chosen one after the other
FEWEST_POSITIVE = 5  # validation examples of a label, below which it shares the common threshold
MOST_RANKED_CELLS = 100_000_000  # test examples × labels × resamples; beyond it mAP's interval is of fewer resamples
SMALLEST_CHANCE = float(np.finfo(np.float64).eps)

Vector = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]  # shape (examples, labels): whether an example has a label


class Answers(NamedTuple):
    """For each example and label the chance that it applies, and whether it is set; both of shape (examples, labels).

    Chances are from 0 to 1.
    """

    chances: Vector
    chosen: Marks


def chosen(*names: str) -> dict[str, Metric]:
    """Returns the metrics of those names, in that order.

    >>> chosen("micro_f1")["micro_f1"].title
    'micro-F1'
    """
    return {name: METRICS[name] for name in names}


def answers(chances: Vector, thresholds: npt.ArrayLike) -> Answers:
    """Returns the chances with the labels that they set: those that reach their threshold (one for each, or one for
    all).

    >>> answers(np.array([[0.4, 0.4]]), [0.3, 0.5]).chosen.tolist()
    [[True, False]]
    """
    return Answers(chances, chances >= np.asarray(thresholds))


def constant(truth: Marks, examples: int) -> Answers:
    """Returns what needs no model, for each example the same: the shares of the labels in `truth`, and those labels
    set, the commonest first, that give the best micro-F1 there.

    >>> constant(np.array([[True, False], [True, True], [True, False]]), 1).chosen.tolist()
    [[True, False]]
    """
    share = truth.mean(axis=0)
    order = np.argsort(-share, kind="stable")
    most = 1 + int(np.argmax([_f1(share[order[:size]].sum(), share.sum(), size) for size in range(1, share.size + 1)]))
    common = np.zeros(share.size, dtype=np.bool_)
    common[order[:most]] = True
    return Answers(np.tile(share, (examples, 1)), np.tile(common, (examples, 1)))


def score(truth: Marks, given: Answers, *, seed: int) -> Draws:
    """Returns all metrics on the test examples and on each resample of them.

    A label that no example has and that none is given counts for nothing in macro-F1, one that none has in mAP.
    Precision at k, the share of right labels among the k likeliest, is there where there are at least k labels.

    >>> truth = np.array([[True, False], [True, True]])
    >>> draws = score(truth, answers(np.array([[0.9, 0.6], [0.8, 0.7]]), 0.5), seed=0)
    >>> round(float(draws["micro_f1"][0]), 3), float(draws["mean_average_precision"][0])
    (0.857, 1.0)
    """
    chances = given.chances
    rows, labels = truth.shape
    hit = (truth & given.chosen).astype(np.float64)
    has, set_ = truth.astype(np.float64), given.chosen.astype(np.float64)
    exact = (truth == given.chosen).all(axis=1).astype(np.float64)
    own = np.clip(np.where(truth, chances, 1 - chances), SMALLEST_CHANCE, 1.0)
    log_loss = -np.log(own).mean(axis=1)
    precise = precision_at(truth, chances)
    ranked = max(1, MOST_RANKED_CELLS // (rows * labels))

    def statistics(weights: Vector) -> Draws:
        hits, actual, guesses = weights @ hit, weights @ has, weights @ set_
        ordered = np.full(len(weights), np.nan)
        ordered[:ranked] = _mean_average_precision(weights[:ranked], truth, chances)
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.where(actual + guesses > 0, _f1(hits, actual, guesses), np.nan)
            micro = _f1(hits.sum(axis=1), actual.sum(axis=1), guesses.sum(axis=1))
        draws = {
            "micro_f1": micro,
            "macro_f1": _mean(each),
            "mean_average_precision": ordered,
            "hamming_loss": (actual + guesses - 2 * hits).sum(axis=1) / (rows * labels),
            "exact_match": weights @ exact / rows,
            "label_log_loss": weights @ log_loss / rows,
        }
        return draws | {name: weights @ value / rows for name, value in precise.items()}

    return metrics.weighted(statistics, rows, seed=seed)


def precision_at(truth: Marks, chances: Vector, at: Sequence[int] = PRECISION_AT) -> dict[str, Vector]:
    """Returns for each example the share of right labels among its k likeliest, by `precision_at_k`.

    >>> precision_at(np.array([[True, False, False]]), np.array([[0.4, 0.5, 0.1]]), at=(1, 2))
    {'precision_at_1': array([0.]), 'precision_at_2': array([0.5])}
    """
    found = {}
    for most in at:
        if most <= truth.shape[1]:
            best = np.argsort(-chances, axis=1, kind="stable")[:, :most]
            found[f"precision_at_{most}"] = np.take_along_axis(truth, best, axis=1).mean(axis=1)
    return found


def thresholds(
    chances: Vector,
    truth: Marks,
    *,
    aim: Literal["micro_f1", "macro_f1"] = "micro_f1",
    each: Literal["label", "all"] = "label",
    fewest: int = FEWEST_POSITIVE,
) -> Vector:
    """Returns from which chance on each label is set, as it is best on these (validation) examples.

    With each="all" all labels have the same threshold. Labels of fewer than `fewest` positive examples always share it:
    their own would be a matter of luck. For micro-F1 the thresholds are chosen one after the other, in rounds, while
    the others stay.

    >>> thresholds(np.array([[0.9], [0.4], [0.2]]), np.array([[True], [True], [False]]), fewest=1).round(2).tolist()
    [0.3]
    """
    total = float(truth.sum())
    common, _ = _best_cut(chances.ravel(), truth.ravel(), total, 0.0, 0.0)
    found = np.full(chances.shape[1], common)
    own = np.flatnonzero(truth.sum(axis=0) >= fewest) if each == "label" else np.arange(0)
    if aim == "macro_f1":
        for label in own:
            found[label], _ = _best_cut(chances[:, label], truth[:, label], float(truth[:, label].sum()), 0.0, 0.0)
        return found
    set_ = chances >= found
    hits, guesses = (truth & set_).sum(axis=0).astype(np.float64), set_.sum(axis=0).astype(np.float64)
    for _ in range(ROUNDS):
        before = found.copy()
        for label in own:
            hit, guessed = hits.sum() - hits[label], guesses.sum() - guesses[label]
            found[label], (hits[label], guesses[label]) = _best_cut(
                chances[:, label], truth[:, label], total, hit, guessed
            )
        if (found == before).all():
            break
    return found


def _best_cut(
    chances: Vector, truth: Marks, total: float, hits: float, guesses: float
) -> tuple[float, tuple[float, float]]:
    """Returns the threshold with the best F1, given `total` positives and what other labels hit and guessed already;
    behind it how many are right and how many are set.
    """
    order = np.argsort(-chances, kind="stable")
    sorted_chances = chances[order]
    ends = np.flatnonzero(np.diff(sorted_chances, append=-np.inf))  # equal chances are set together
    right = np.concatenate([[0.0], np.cumsum(truth[order])[ends]])
    number = np.concatenate([[0.0], ends + 1.0])
    best = int(np.argmax(_f1(hits + right, np.full(right.size, total), guesses + number)))
    if not best:  # none is set
        return float(np.nextafter(sorted_chances[0], np.inf)), (0.0, 0.0)
    above = sorted_chances[ends[best - 1]]
    cut = (above + sorted_chances[ends[best]]) / 2 if best < ends.size else above
    return float(min(cut, above)), (float(right[best]), float(number[best]))


def _f1(hits: npt.ArrayLike, actual: npt.ArrayLike, guesses: npt.ArrayLike) -> Vector:
    """Returns 2 × hits / (actual + guesses), 0 where there is neither."""
    below = np.asarray(actual, dtype=np.float64) + np.asarray(guesses, dtype=np.float64)
    return 2 * np.asarray(hits, dtype=np.float64) / np.where(below > 0, below, 1.0)


def _mean(values: Vector) -> Vector:
    """Returns the mean of each row over what is not NaN; NaN where nothing is."""
    there = ~np.isnan(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Vector = np.where(there, values, 0.0).sum(axis=1) / there.sum(axis=1)
    return found


def _mean_average_precision(weights: Vector, truth: Marks, chances: Vector) -> Vector:
    """Returns the mean over the labels of the average precision, for each resample; equal chances are one step."""
    found = np.full((len(weights), truth.shape[1]), np.nan)
    for label in np.flatnonzero(truth.any(axis=0)):
        order = np.argsort(-chances[:, label], kind="stable")
        sorted_chances, positive = chances[order, label], truth[order, label]
        places = np.flatnonzero(positive)
        ends = np.searchsorted(-sorted_chances, -sorted_chances[places], side="right") - 1
        last = np.searchsorted(places, ends, side="right") - 1  # the last positive of the same chance
        ordered = weights[:, order]
        drawn = ordered[:, places]
        seen = ordered.cumsum(axis=1)[:, ends]
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = np.nan_to_num(drawn.cumsum(axis=1)[:, last] / seen)
            found[:, label] = (drawn * precision).sum(axis=1) / drawn.sum(axis=1)
    return _mean(found)
