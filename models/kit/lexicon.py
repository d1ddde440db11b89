"""Which word stands for which, learned from pairs of texts: Model 1 of Brown et al. (1993), without positions.

The Mathematics of Statistical Machine Translation. A word of the one text is explained by the words of the other, or by
none; expectation and maximisation find how often each stands for each.
"""

from typing import Any, NamedTuple

import numpy as np

from models.kit import lexical
from models.kit.lexical import Places, Vector

Sparse = Any  # scipy's csr_matrix, which has no types

ROUNDS = 5  # of expectation and maximisation
DOUBT = 1.0  # expected count that is added below the line: rare words are believed less
LEAST_PROBABLE = 0.01  # rarer meanings are left out
MOST_WORDS = 64  # of a text that are aligned: the rarest ones


class Table(NamedTuple):
    """Expected counts of (word of a query, word of a document), of each word of queries in all, and of each query.

    `own` holds what each training query itself brought: its place, the two words and the expected count, in order.
    """

    counts: Sparse
    totals: Vector
    own: tuple[Places, Places, Places, Vector]


def meanings(queries: Sparse, documents: Sparse, owner: Places) -> Table:
    """Returns the table that pairs teach; `owner` says, ascending, which query the pair in each row comes from.

    queries and documents: (pairs, words) each, over the same words; how often a word stands there is not looked at.

    >>> known = {"cat": 0, "dog": 1, "chat": 2, "chien": 3}
    >>> sides = [["cat", "dog"], ["cat"]], [["chat", "chien"], ["chat"]]
    >>> learned = meanings(*(lexical.counts(side, known) for side in sides), np.arange(2))
    >>> int(learned.counts[known["dog"]].toarray().argmax())
    3
    """
    size = queries.shape[1]
    asked, held = (_sets(each) for each in (queries, documents))
    lengths = [(one.size + 1) * other.size for one, other in zip(asked, held, strict=True)]
    pair = np.repeat(np.arange(len(asked)), lengths)
    # the word with the number `size` is the empty one, which explains what no word of the query does
    word = np.concatenate([np.repeat(np.append(one, size), other.size) for one, other in zip(asked, held, strict=True)])
    sought = np.concatenate([np.tile(other, one.size + 1) for one, other in zip(asked, held, strict=True)])
    first = np.cumsum([0, *(each.size for each in held)])
    token = first[pair] + np.concatenate(
        [np.tile(np.arange(other.size), one.size + 1) for one, other in zip(asked, held, strict=True)]
    )
    keys, entry = np.unique(word * size + sought, return_inverse=True)
    belongs = keys // size
    probable: Vector = np.ones(keys.size)
    for _ in range(ROUNDS):
        share: Vector = probable[entry]
        share /= np.bincount(token, share, minlength=int(first[-1]))[token]
        expected = np.bincount(entry, share, minlength=keys.size)
        totals = np.bincount(belongs, expected, minlength=size + 1)
        probable = expected / totals[belongs]
    from scipy.sparse import csr_matrix

    kept = (belongs < size) & (expected / (totals[belongs] + DOUBT) >= LEAST_PROBABLE)
    counts = csr_matrix((expected[kept], (belongs[kept], keys[kept] % size)), (size, size))
    mine = word < size
    own = (owner[pair[mine]], word[mine], sought[mine], share[mine])
    return Table(counts, np.asarray(totals[:size], dtype=np.float64), own)


def _sets(table: Sparse) -> list[Places]:
    """Returns the words of each row, the rarest where there are many."""
    rare = lexical.rarity(table)
    found = []
    for start, end in zip(table.indptr[:-1], table.indptr[1:], strict=True):
        here = np.sort(table.indices[start:end].astype(np.int64))
        found.append(here if here.size <= MOST_WORDS else np.sort(here[np.argsort(-rare[here])[:MOST_WORDS]]))
    return found
