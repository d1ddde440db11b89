"""Themes on tensor_core: words that keep company, found by factorising how much more often than by chance they meet."""

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit.corpus import Counts

Matrix = npt.NDArray[np.float64]

COMMONNESS = 0.5  # power of a word's share of texts that weighs it: 0 lets rare words rule, 1 common ones
SMALLEST = 1e-12
SHARE_STEPS = 30  # of multiplicative updates for the shares of a text


def company(table: Counts) -> Matrix:
    """Returns how much more often than by chance each two words stand in one text: their NPMI where it is positive.

    Normalised pointwise mutual information (Bouma, 2009): 1 for words that never go alone, 0 for independent ones.

    >>> from models.kit import corpus
    >>> table = corpus.counts([["a", "b"], ["a", "b"], ["c"], ["c", "d"]], ["a", "b", "c", "d"])
    >>> company(table)[0].round(3).tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    together = meetings(table, np.arange(table.words))
    single = together.diagonal().copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(together / np.outer(single, single)) / np.maximum(-np.log(together), SMALLEST)
    np.fill_diagonal(found, 0)
    positive: Matrix = np.clip(np.nan_to_num(found, neginf=0, posinf=0), 0, 1)
    return positive


def meetings(table: Counts, words: npt.NDArray[np.int64]) -> Matrix:
    """Returns the share of texts that hold each two of the words; the diagonal is that of the word itself."""
    from scipy.sparse import csr_matrix

    seen = csr_matrix((np.ones(table.value.size), (table.text, table.word)), shape=(table.texts, table.words))[:, words]
    share: Matrix = (seen.T @ seen).toarray() / table.texts
    return share


def weighted(table: Counts) -> Matrix:
    """Returns `company`, where pairs of common words weigh more."""
    common = (np.bincount(table.word, minlength=table.words) / table.texts) ** COMMONNESS
    found = company(table) * np.outer(common, common)
    return found / max(found.max(), SMALLEST)


def factorised(
    matrix: tc.Tensor, themes: int, generator: np.random.Generator, *, steps: int
) -> tuple[tc.Tensor, tc.Tensor, list[float]]:
    """Returns W (rows × themes) and H (themes × columns), not negative, with WH near the matrix, and the course of it.

    Hierarchical alternating least squares (Cichocki and Phan, 2009): each column of W, then each row of H, is set to
    its best value with all else held.

    >>> matrix = tc.as_tensor(np.kron(np.eye(2), np.ones((3, 3))))
    >>> w, h, course = factorised(matrix, 2, np.random.default_rng(0), steps=20)
    >>> bool(((w @ h) - matrix).abs().max().item() < 1e-6)
    True
    """
    scale = float(matrix.mean().sqrt().item()) / themes**0.5 * 2
    w = tc.as_tensor(generator.random((matrix.shape[0], themes)) * scale)
    h = tc.as_tensor(generator.random((themes, matrix.shape[1])) * scale)
    whole, course = float(matrix.square().sum().item()), []
    with tc.no_grad():
        for _ in range(steps):
            w = _best(w.mT.contiguous(), matrix @ h.mT, h @ h.mT).mT.contiguous()
            gram, crossed = w.mT @ w, matrix.mT @ w
            h = _best(h, crossed, gram)
            left = whole - 2 * float((crossed.mT * h).sum().item()) + float((gram * (h @ h.mT)).sum().item())
            course.append(left / max(whole, SMALLEST))
    return w, h, course


def _best(factor: tc.Tensor, crossed: tc.Tensor, gram: tc.Tensor) -> tc.Tensor:
    """Returns the factor (themes × n), each row in its turn at its best value that is not negative."""
    for place in range(len(factor)):
        step = (crossed[:, place] - gram[place] @ factor) / gram[place, place].clamp(min=SMALLEST)
        factor[place] = (factor[place] + step).clamp(min=0)
    return factor


def shares(table: Counts, themes: tc.Tensor) -> Matrix:
    """Returns the share of each theme in each text, from multiplicative updates (Lee and Seung, 2001) with H held.

    A text without a known word has all themes alike.
    """
    count = len(themes)
    text, word = tc.as_tensor(table.text), tc.as_tensor(table.word)
    with tc.no_grad():
        own = themes.mT.contiguous().index_select(0, word) * tc.as_tensor(table.value).unsqueeze(1)
        crossed = tc.zeros(table.texts, count, dtype=tc.float64).index_add(0, text, own)
        gram, found = themes @ themes.mT, tc.ones(table.texts, count, dtype=tc.float64)
        for _ in range(SHARE_STEPS):
            found = found * crossed / (found @ gram).clamp(min=SMALLEST)
        values = found.numpy()
    total = values.sum(axis=1, keepdims=True)
    share: Matrix = np.where(total > SMALLEST, values / np.maximum(total, SMALLEST), 1 / count)
    return share


def coherence(table: Counts, tops: npt.NDArray[np.int64]) -> Matrix:
    """Returns the mean NPMI of each two of the top words of every theme (themes × words) in these texts.

    Two words that never meet count −1 (Röder, Both and Hinneburg, Exploring the Space of Topic Coherence Measures,
    2015).
    """
    found = []
    for top in tops:
        together = meetings(table, top)
        single = together.diagonal()
        pairs = np.tril_indices(len(top), -1)
        both, chance = together[pairs], np.outer(single, single)[pairs]
        with np.errstate(divide="ignore", invalid="ignore"):
            each = np.log(both / chance) / np.maximum(-np.log(both), SMALLEST)
        found.append(float(np.where(both > 0, each, -1.0).mean()))
    return np.array(found)
