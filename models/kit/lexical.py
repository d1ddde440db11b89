"""Texts as words to search with: counts in sparse tables, the weights of BM25, and the documents that fit best.

BM25 is that of Robertson and Zaragoza (2009), The Probabilistic Relevance Framework: BM25 and Beyond; the rarity of a
word is log(1 + (documents − n + ½) / (n + ½)) where n documents hold it, so that it is never below nought.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SATURATION, LENGTH = 1.2, 0.75  # k₁ and b, the usual values
CHUNK_CELLS = 8_000_000  # scores held at once

Places = npt.NDArray[np.int64]
Vector = npt.NDArray[np.float64]

_WORD = re.compile(r"\w+(?:['’]\w+)*")


class Found(NamedTuple):
    """The best documents of each query: their places, best first (−1 where no further one shares a word), and scores.

    Both have the shape (queries, most).
    """

    places: Places
    scores: Vector


def words(text: str) -> list[str]:
    """Returns the words and numbers of a text, in lower case.

    >>> words("Article 12-b isn't Rome's!")
    ['article', '12', 'b', "isn't", "rome's"]
    """
    return _WORD.findall(text.lower())


def vocabulary(texts: Sequence[Sequence[str]]) -> dict[str, int]:
    """Returns the column of each word, in alphabetical order.

    >>> vocabulary([["b", "a"], ["b"]])
    {'a': 0, 'b': 1}
    """
    return {word: place for place, word in enumerate(sorted({word for text in texts for word in text}))}


def counts(texts: Sequence[Sequence[str]], known: dict[str, int]) -> "csr_matrix":
    """Returns how often each known word stands in each text, of shape (texts, words).

    >>> counts([["a", "c", "a"]], {"a": 0, "b": 1}).toarray().tolist()
    [[2.0, 0.0]]
    """
    from scipy.sparse import csr_matrix

    found = [[known[word] for word in text if word in known] for text in texts]
    starts = np.cumsum([0, *map(len, found)])
    columns = np.fromiter((place for each in found for place in each), dtype=np.int64, count=int(starts[-1]))
    table = csr_matrix((np.ones(columns.size), columns, starts), (len(texts), len(known)))
    table.sum_duplicates()
    return table


def bm25(table: "csr_matrix", *, saturation: float = SATURATION, length: float = LENGTH) -> "csr_matrix":
    """Returns the weight of each word in each document, of the shape of the counts.

    >>> bm25(counts([["a", "b"], ["a", "a"]], {"a": 0, "b": 1})).toarray().round(2).tolist()
    [[0.18, 0.69], [0.25, 0.0]]
    """
    sizes = np.asarray(table.sum(axis=1)).ravel()
    relative = np.repeat(sizes / max(float(sizes.mean()), 1e-9), np.diff(table.indptr))
    weights = table.copy()
    weights.data = rarity(table)[table.indices] * (
        table.data * (saturation + 1) / (table.data + saturation * (1 - length + length * relative))
    )
    return weights


def rarity(table: "csr_matrix") -> Vector:
    """Returns BM25's weight of each word for its rarity, in nats.

    >>> rarity(counts([["a", "b"], ["a"]], {"a": 0, "b": 1})).round(3).tolist()
    [0.182, 0.693]
    """
    held = np.bincount(table.indices, minlength=table.shape[1])
    found: Vector = np.log1p((table.shape[0] - held + 0.5) / (held + 0.5))
    return found


def best(queries: "csr_matrix", documents: "csr_matrix", most: int) -> Found:
    """Returns the `most` documents whose weighted words fit each query best; of equal ones the earlier comes first.

    >>> table = counts([["a"], ["b", "b"], ["b"]], {"a": 0, "b": 1})
    >>> best(table[1:2], table, 3).places.tolist()
    [[1, 2, -1]]
    """
    size = documents.shape[0]
    width = min(most, size)
    places = np.full((queries.shape[0], most), -1, dtype=np.int64)
    scores = np.zeros((queries.shape[0], most))
    across: Any = documents.T.tocsr()
    step = max(1, CHUNK_CELLS // max(size, 1))
    for start in range(0, queries.shape[0], step):
        dense = (queries[start : start + step] @ across).toarray()
        for row, values in enumerate(dense, start=start):
            limit = np.partition(values, size - width)[size - width]
            near = np.flatnonzero((values >= limit) & (values > 0))
            order = near[np.argsort(-values[near], kind="stable")][:width]
            places[row, : order.size], scores[row, : order.size] = order, values[order]
    return Found(places, scores)
