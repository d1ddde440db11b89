"""BLEU: how many runs of one to four words a text shares with its reference, of all texts together.

Papineni, Roukos, Ward and Zhu (2002), BLEU: a Method for Automatic Evaluation of Machine Translation; one reference,
no smoothing, 0 to 100.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

LONGEST = 4  # words of a run

Vector = npt.NDArray[np.float64]


def parts(texts: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> Vector:
    """Returns for each text its shared runs of 1 to 4 words, its runs, its length and its reference's: (texts, 10).

    >>> parts([["a", "b"]], [["a", "b", "c"]]).tolist()
    [[2.0, 1.0, 0.0, 0.0, 2.0, 1.0, 0.0, 0.0, 2.0, 3.0]]
    """
    rows = []
    for text, reference in zip(texts, references, strict=True):
        shared, total = [], []
        for length in range(1, LONGEST + 1):
            mine, theirs = _runs(text, length), _runs(reference, length)
            shared.append(sum((mine & theirs).values()))
            total.append(sum(mine.values()))
        rows.append([*shared, *total, len(text), len(reference)])
    return np.array(rows, dtype=np.float64).reshape(len(rows), 2 * LONGEST + 2)


def _runs(text: Sequence[str], length: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(text[start : start + length]) for start in range(len(text) - length + 1))


def bleu(found: Vector, weights: Vector) -> Vector:
    """Returns BLEU for each row of weights, how often each text counts: (resamples, texts) → (resamples,).

    >>> perfect = parts([["a", "b", "c", "d"]], [["a", "b", "c", "d"]])
    >>> bleu(perfect, np.ones((1, 1))).tolist()
    [100.0]
    """
    sums = weights @ found
    shared, total = sums[:, :LONGEST], sums[:, LONGEST : 2 * LONGEST]
    length, reference = sums[:, -2], sums[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(shared > 0, np.log(shared / total), -np.inf).mean(axis=1)
        short = np.minimum(0.0, 1 - reference / length)
        values: Vector = 100 * np.exp(np.where(length > 0, precision + short, -np.inf))
    return values
