"""How good a matching is: its kept pairs, the order of all pairs that were looked at, and what was never looked at."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from linking import Pairs, Places, Vector
from records import Records, groups, true_pairs, truths

from models.kit import metrics
from models.kit.metrics import Metric

PARTNERS = 10  # places within which a partner counts for the mean reciprocal rank
METRICS = {
    "f1": Metric("F1 of pairs", higher_is_better=True),
    "precision": Metric("precision", higher_is_better=True),
    "recall": Metric("recall", higher_is_better=True),
    "average_precision": Metric("average precision, to full recall", higher_is_better=True),
    "blocking_recall": Metric("true pairs that were looked at", higher_is_better=True),
    "mrr": Metric("mean 1 / place of a partner", higher_is_better=True),
}


class Answers(NamedTuple):
    """Pairs that were looked at, how probable each is, which ones are kept, and the records as text."""

    pairs: Pairs
    probable: Vector
    kept: npt.NDArray[np.bool_]
    texts: list[str]


def best_limit(probable: Vector, true: npt.NDArray[np.bool_], missed: int) -> float:
    """Returns the probability from which F1 is best when `missed` true pairs were never looked at.

    >>> best_limit(np.array([0.9, 0.8, 0.3]), np.array([True, False, False]), 0)
    0.85
    """
    order = np.argsort(-probable, kind="stable")
    hits = true[order].cumsum()
    f1 = 2 * hits / (np.arange(1, order.size + 1) + true.sum() + missed)
    last = np.append(np.diff(probable[order]) < 0, True)  # equal ones are kept or left together
    best = int(np.argmax(np.where(last, f1, -1.0))) if order.size else 0
    here = float(probable[order[best]]) if order.size else 1.0
    after = float(probable[order[best + 1]]) if best + 1 < order.size else 0.0
    return (here + after) / 2


def score(examples: Records, answers: Answers, *, seed: int) -> metrics.Draws:
    """Returns how good the kept pairs are, the order of all, and what was looked at at all; resampled by entity."""
    true, missing = true_pairs(examples, answers.pairs), truths(examples)
    unit = np.unique(groups(examples), return_inverse=True)[1]
    size, of_pair = int(unit.max()) + 1, unit[answers.pairs.left]

    def summed(units: Places, values: npt.ArrayLike | None = None) -> Vector:
        return np.bincount(
            units, None if values is None else np.asarray(values, dtype=np.float64), minlength=size
        ).astype(np.float64)

    hits, kept, wanted = summed(of_pair, true & answers.kept), summed(of_pair, answers.kept), summed(unit[missing])
    draws = metrics.ratios(
        {"f1": (2 * hits, kept + wanted), "precision": (hits, kept), "recall": (hits, wanted),
         "blocking_recall": (summed(of_pair, true), wanted)},
        seed=seed,
    )  # fmt: skip
    draws |= metrics.weighted(
        lambda weights: {"average_precision": _average(weights, of_pair, answers, true, wanted)}, size, seed=seed
    )
    return draws | metrics.means({"mrr": _ranks(answers, true, missing)}, seed=seed)


def _average(weights: Vector, unit: Places, answers: Answers, true: npt.NDArray[np.bool_], wanted: Vector) -> Vector:
    """Returns the mean precision over all true pairs; those that were never looked at count as not found."""
    order = np.argsort(-answers.probable, kind="stable")
    starts = np.flatnonzero(np.diff(answers.probable[order], prepend=np.inf))
    if not starts.size:
        return np.zeros(len(weights))
    of_pair = weights[:, unit[order]]
    found = np.add.reduceat(of_pair * true[order], starts, axis=1)
    seen = np.add.reduceat(of_pair, starts, axis=1).cumsum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.nan_to_num(found.cumsum(axis=1) / seen)
        return np.asarray((found * precision).sum(axis=1) / (weights @ wanted))


def _ranks(answers: Answers, true: npt.NDArray[np.bool_], missing: Places) -> Vector:
    """Returns for each record on the left of a true pair 1 / the place of its first partner, 0 beyond ten."""
    order = np.lexsort((-answers.probable, answers.pairs.left))
    left, right = answers.pairs.left[order], true[order]
    place = np.arange(left.size) - np.searchsorted(left, left) + 1
    first: dict[int, int] = {}
    for record, at in zip(left[right].tolist(), place[right].tolist(), strict=True):
        first.setdefault(record, at)
    wanted = np.unique(missing).tolist()
    return np.array([1 / first[each] if first.get(each, PARTNERS + 1) <= PARTNERS else 0.0 for each in wanted])
