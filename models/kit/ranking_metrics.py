"""Ranking metrics: one value for each list (a query, a person), from the relevance of what was put in order.

NDCG is that of Järvelin and Kekäläinen (2002), Cumulated Gain-Based Evaluation of IR Techniques, with the gains as
they are and the discount 1 / log2(1 + place).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.kit.metrics import Metric

Vector = npt.NDArray[np.float64]

METRICS = {
    "ndcg": Metric("NDCG@10", higher_is_better=True),
    "recall": Metric("recall@10", higher_is_better=True),
    "hit_rate": Metric("hit rate@10", higher_is_better=True),
    "mrr": Metric("MRR@10", higher_is_better=True),
    "precision": Metric("precision@10", higher_is_better=True),
}
PLACES = 10  # of each list that count


def chosen(*names: str) -> dict[str, Metric]:
    """Returns the ranking metrics of those names, in that order.

    >>> chosen("mrr")["mrr"].title
    'MRR@10'
    """
    return {name: METRICS[name] for name in names}


def of_lists(gains: npt.NDArray[np.float64], ideal: npt.NDArray[np.float64], found: npt.ArrayLike) -> dict[str, Vector]:
    """Returns each metric for each list.

    gains (lists, places): the relevance of what stands at each place, 0 where nothing does; ideal (lists, places): the
    largest relevances of the list in falling order; found (lists,): how many relevant entries the list has in all. A
    list without any has no value (NaN).

    >>> values = of_lists(np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]]), [1])
    >>> round(float(values["ndcg"][0]), 4), float(values["mrr"][0]), float(values["recall"][0])
    (0.6309, 0.5, 1.0)
    """
    discount = 1 / np.log2(np.arange(gains.shape[1]) + 2)
    relevant, hits = np.asarray(found, dtype=np.float64), gains > 0
    first = np.where(hits.any(axis=1), 1 / (hits.argmax(axis=1) + 1), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = {
            "ndcg": (gains @ discount) / (ideal @ discount),
            "recall": hits.sum(axis=1) / relevant,
            "hit_rate": hits.any(axis=1).astype(np.float64),
            "mrr": first,
            "precision": hits.sum(axis=1) / gains.shape[1],
        }
    return {name: np.where(relevant > 0, value, np.nan) for name, value in values.items()}


def of_names(recommended: Sequence[Sequence[str]], wanted: Sequence[Sequence[str]]) -> dict[str, Vector]:
    """Returns each metric for lists of names, best first, when each wanted name is worth the same.

    >>> values = of_names([["a", "b"]], [["b", "c"]])
    >>> float(values["mrr"][0]), float(values["recall"][0])
    (0.5, 0.5)
    """
    places = max(map(len, recommended), default=1)
    gains, ideal = np.zeros((2, len(recommended), max(places, 1)))
    for row, (names, right) in enumerate(zip(recommended, wanted, strict=True)):
        asked = set(right)
        gains[row, : len(names)] = [name in asked for name in names]
        ideal[row, : len(asked)] = 1.0
    return of_lists(gains, ideal, [len(set(right)) for right in wanted])


def of_grades(scores: Vector, grades: Vector, *, places: int = PLACES) -> dict[str, float]:
    """Returns NDCG, recall, MRR and precision of one list of scored and graded entries; ties count as drawn at random.

    >>> round(of_grades(np.array([0.1, 0.9]), np.array([1.0, 0.0]))["ndcg"], 4)
    0.6309
    >>> of_grades(np.zeros(2), np.array([1.0, 0.0]))["mrr"]  # no order: the mean of both
    0.75
    """
    relevant = grades > 0
    if not relevant.any():
        return dict.fromkeys(("ndcg", "recall", "mrr", "precision"), float("nan"))
    width = min(places, scores.size)
    discount = 1 / np.log2(np.arange(width) + 2)
    ideal = np.sort(grades)[::-1][:width]
    hits = float(_expected(scores, relevant.astype(np.float64))[:width].sum())
    return {
        "ndcg": float(_expected(scores, grades)[:width] @ discount / (ideal @ discount)),
        "recall": hits / int(relevant.sum()),
        "mrr": _first(scores, relevant, places),
        "precision": hits / width,
    }


def _expected(scores: Vector, grades: Vector) -> Vector:
    """Returns the grade at each place, best score first; entries of one score share their mean."""
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.inf))
    sizes = np.diff(starts, append=scores.size)
    return np.repeat(np.add.reduceat(grades[order], starts) / sizes, sizes)


def _first(scores: Vector, relevant: npt.NDArray[np.bool_], places: int) -> float:
    """Returns the expected 1 / place of the first relevant entry, 0 beyond `places`."""
    best = scores[relevant].max()
    before, level = int((scores > best).sum()), scores == best
    tied, right = int(level.sum()), int(relevant[level].sum())
    total, missed = 0.0, 1.0  # chance that no relevant one of the tied stood earlier
    for step in range(tied - right + 1):
        here = right / (tied - step)
        place = before + step + 1
        total += missed * here / place if place <= places else 0.0
        missed *= 1 - here
    return total
