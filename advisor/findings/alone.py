"""How well one column alone gives the answer: AUC for two classes, R² for a number, accuracy for several classes."""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

BANDS = 32  # of a number
FEWEST_IN_BAND = 4
MOST_CLASSES = 20
FEWEST_ROWS = 40  # below it, chance does too well


class Score(NamedTuple):
    """A figure and what it is: "AUC", "R²" or "accuracy"; `base` is what no column at all reaches."""

    measure: str
    figure: float
    base: float


def score(value: "pl.Series", answer: "pl.Series") -> Score | None:
    """How well `value` alone predicts `answer`, each half of the rows judged by what the other half shows.

    >>> import polars as pl
    >>> answer = pl.Series([row % 2 for row in range(200)])
    >>> score(answer * 3 + 1, answer)
    Score(measure='AUC', figure=1.0, base=0.5)
    """
    import numpy as np

    from advisor.proof.sample import field

    read, truth = field(value), field(answer)
    if read is None or truth is None or read.levels < 2 or truth.levels < 2:
        return None
    rows = np.flatnonzero(truth.codes > 0)
    if rows.size < FEWEST_ROWS:
        return None
    rows = np.random.default_rng(0).permutation(rows)
    halves = rows[::2], rows[1::2]
    if truth.levels == 2:
        return _two_classes(read, (truth.codes == 2).astype(np.float64), halves)
    if truth.numbers is not None and truth.levels > MOST_CLASSES:
        return _number(read, truth.numbers, halves)
    return _classes(read, truth.codes, halves) if truth.levels <= MOST_CLASSES else None


def _bands(read: Any, seen: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """The band of every row, from 1, 0 where the value is missing: the values, or quantiles of `seen` where many."""
    import numpy as np

    if read.numbers is None or read.levels <= BANDS:
        return np.asarray(read.codes)
    known = read.numbers[seen]
    known = known[known == known]
    bands = max(2, min(BANDS, known.size // FEWEST_IN_BAND))
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bands + 1)[1:-1])) if known.size else np.array([])
    found = np.searchsorted(edges, read.numbers, side="right") + 1
    return np.where(read.numbers == read.numbers, found, 0)


def _guesses(read: Any, truth: "np.ndarray[Any, Any]", halves: Any) -> "tuple[Any, Any]":
    """For all rows of both halves the mean answer of the band in the other half, and the answers."""
    import numpy as np

    guesses, answers = [], []
    for seen, judged in (halves, halves[::-1]):
        bands = _bands(read, seen)
        mean = truth[seen].mean()
        counts = np.bincount(bands[seen], minlength=bands.max() + 1)
        sums = np.bincount(bands[seen], weights=truth[seen], minlength=bands.max() + 1)
        means = (sums + mean) / (counts + 1)
        guesses.append(means[bands[judged]])
        answers.append(truth[judged])
    return np.concatenate(guesses), np.concatenate(answers)


def _two_classes(read: Any, truth: "np.ndarray[Any, Any]", halves: Any) -> Score:
    import numpy as np

    guesses, answers = _guesses(read, truth, halves)
    positives = answers.sum()
    negatives = answers.size - positives
    if not positives or not negatives:
        return Score("AUC", 0.5, 0.5)
    _, inverse, counts = np.unique(guesses, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]  # ties share their mean rank
    auc = (ranks[answers == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    return Score("AUC", round(float(np.clip(auc, 0, 1)), 4), 0.5)


def _number(read: Any, truth: "np.ndarray[Any, Any]", halves: Any) -> Score:
    import numpy as np

    rows = np.concatenate(halves)
    best = 0.0
    if read.numbers is not None:
        both = rows[(read.numbers[rows] == read.numbers[rows])]
        if both.size >= 0.9 * rows.size and np.ptp(read.numbers[both]) > 0:
            best = float(np.corrcoef(read.numbers[both], truth[both])[0, 1] ** 2)
    guesses, answers = _guesses(read, truth, halves)
    spread = float(((answers - answers.mean()) ** 2).sum())
    explained = 1 - float(((answers - guesses) ** 2).sum()) / spread if spread else 0.0
    return Score("R²", round(max(best, explained, 0.0), 4), 0.0)


def _classes(read: Any, codes: "np.ndarray[Any, Any]", halves: Any) -> Score:
    import numpy as np

    right = total = 0
    for seen, judged in (halves, halves[::-1]):
        bands = _bands(read, seen)
        width = int(codes.max()) + 1
        counts = np.bincount(bands[seen] * width + codes[seen], minlength=(bands.max() + 1) * width)
        table = counts.reshape(-1, width).argmax(axis=1)
        right += int((table[bands[judged]] == codes[judged]).sum())
        total += judged.size
    rows = np.concatenate(halves)
    base = float(np.bincount(codes[rows]).max() / rows.size)
    return Score("accuracy", round(right / total, 4), round(base, 4))
