"""Points for words on tensor_core: the leading eigenvectors of how much more often than by chance two words meet."""

import numpy as np
import numpy.typing as npt

import tensor_core as tc

Matrix = npt.NDArray[np.float64]

SMOOTHING = 0.75  # power of how common a word is: takes from rare words what they owe to luck
ROUNDS, SPARE = 8, 16  # power iterations, and directions beyond those that are kept


def meetings(texts: list[list[int]], words: int, *, window: int) -> Matrix:
    """Returns how often each two words stand at most `window` places apart (words × words), both ways.

    >>> meetings([[0, 1, 0]], 2, window=1).tolist()
    [[0.0, 2.0], [2.0, 0.0]]
    """
    found = np.zeros((words, words))
    for text in texts:
        places = np.array(text, dtype=np.int64)
        for step in range(1, min(window, places.size - 1) + 1):
            np.add.at(found, (places[:-step], places[step:]), 1.0)
    both: Matrix = found + found.T
    return both


def surprise(together: Matrix) -> Matrix:
    """Returns the positive pointwise mutual information of each two words, made symmetric.

    Levy, Goldberg and Dagan, Improving Distributional Similarity with Lessons Learned from Word Embeddings (2015).
    """
    total = together.sum()
    single = together.sum(axis=1)
    common = single**SMOOTHING / max((single**SMOOTHING).sum(), 1e-12)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(together / np.outer(single, common))
    found = np.nan_to_num(np.maximum(found, 0), nan=0, posinf=0, neginf=0)
    symmetric: Matrix = (found + found.T) / 2 if total else found
    return symmetric


def points(matrix: Matrix, dimensions: int, generator: np.random.Generator) -> tuple[tc.Tensor, list[float]]:
    """Returns a point for each row of a symmetric matrix, and the share of its squares they hold, round by round.

    The leading eigenvectors, each times the root of its eigenvalue, by power iterations of a random start (Halko,
    Martinsson and Tropp, Finding structure with randomness, 2011).

    >>> matrix = np.diag([4.0, 1.0, 0.0])
    >>> points(matrix, 1, np.random.default_rng(0))[0].abs().numpy().round(3).ravel().tolist()
    [2.0, 0.0, 0.0]
    """
    with tc.no_grad():
        whole = tc.as_tensor(matrix)
        wide = min(dimensions + SPARE, len(matrix))
        basis = tc.as_tensor(generator.normal(size=(len(matrix), wide)))
        squares, course = max(float((matrix**2).sum()), 1e-12), []
        for _ in range(ROUNDS):
            basis = tc.linalg.qr(whole @ basis)[0]
            small = basis.mT @ whole @ basis
            course.append(float(small.square().sum().item()) / squares)
        values, vectors = tc.linalg.eigh((small + small.mT) / 2)
        kept = np.argsort(-values.numpy(), kind="stable")[: min(dimensions, wide)]
        at = tc.as_tensor(kept.copy())
        found: tc.Tensor = (basis @ vectors[:, at]) * values[at].clamp(min=0).sqrt()
        return found, course
