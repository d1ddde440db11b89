"""Records as text: which pairs are worth a look (blocking), how alike they are, and which pairs are kept.

After Fellegi and Sunter (1969), A Theory for Record Linkage, and Christen (2012), Data Matching: pairs are looked at
where records share rare pieces of text; each column is compared by itself; a pair is judged by all comparisons.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.kit import lexical

Sparse = Any  # scipy's csr_matrix, which has no types
Places = npt.NDArray[np.int64]
Vector = npt.NDArray[np.float64]
Record = tuple[str, ...]  # the cells of the compared columns, tidied; empty where there is nothing

COMPARED = ("known", "equal", "pieces", "words", "begin", "digits")  # what is seen of one column of a pair
OVERALL = ("all pieces", "place among the left one's", "place among the right one's")
RAREST = 24  # pieces of a record that candidates must share one of
PIECE = 3  # letters
SURE = 1e-6  # the least doubt that is left in a probability
MOST_ASSIGNED = 3_000  # records of one cluster up to which the assignment is the best one


class Pairs(NamedTuple):
    """Pairs of places of records, the left one and the right one."""

    left: Places
    right: Places


class Rarity(NamedTuple):
    """How many records hold each piece and each word of each column, and how many records there were."""

    pieces: list[dict[str, int]]
    words: list[dict[str, int]]
    records: int


def tidy(cell: str | None) -> str:
    """Returns a cell without accents, capitals and double spaces.

    >>> tidy("  Zoë  MÜLLER ")
    'zoe muller'
    """
    plain = unicodedata.normalize("NFKD", cell or "")
    return " ".join("".join(each for each in plain if not unicodedata.combining(each)).casefold().split())


def pieces(text: str) -> list[str]:
    """Returns all pieces of three letters, with a space before and after the text.

    >>> pieces("anna")
    [' an', 'ann', 'nna', 'na ']
    """
    padded = f" {text} "
    return [padded[place : place + PIECE] for place in range(len(padded) - PIECE + 1)] if text else []


def rarity(records: Sequence[Record]) -> Rarity:
    """Returns how common pieces and words are in records."""
    columns = list(zip(*records, strict=True))
    held = [[_held(cut, cells) for cells in columns] for cut in (pieces, lexical.words)]
    return Rarity(held[0], held[1], len(records))


def _held(cut: Any, cells: Sequence[str]) -> dict[str, int]:
    return dict(Counter(part for cell in cells for part in set(cut(cell))))


def _vectors(texts: Sequence[Sequence[str]], held: dict[str, int], records: int) -> Sparse:
    """Returns one row of length one for each text, its parts weighted by rarity; new parts are the rarest."""
    known = lexical.vocabulary(texts)
    table = lexical.counts(texts, known)
    common = np.array([held.get(part, 0) for part in known], dtype=np.float64)
    table.data = np.log(1 + (records + 1) / (common + 0.5))[table.indices] * np.minimum(table.data, 2)
    length = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    table.data /= np.repeat(np.maximum(length, 1e-12), np.diff(table.indptr))
    return table


def _whole(records: Sequence[Record], learned: Rarity) -> Sparse:
    """Returns one vector for each record, made of the pieces of all columns."""
    together: Counter[str] = Counter()
    for held in learned.pieces:
        together.update(held)
    return _vectors([[part for cell in each for part in pieces(cell)] for each in records], together, learned.records)


def candidates(records: Sequence[Record], sides: npt.NDArray[np.int64] | None, learned: Rarity, *, most: int) -> Pairs:
    """Returns the `most` nearest records of each one by rare pieces, on the other side where there are two sides."""
    whole = _whole(records, learned)
    keys = whole.copy()
    for start, end in zip(keys.indptr[:-1], keys.indptr[1:], strict=True):
        if end - start > RAREST:
            weights = keys.data[start:end]
            weights[weights < np.partition(weights, -RAREST)[-RAREST]] = 0
    keys.eliminate_zeros()
    every = np.arange(len(records))
    if sides is None:
        found = lexical.best(keys, whole, most + 1).places
        left, right = np.repeat(every, found.shape[1]), found.ravel()
        keep = (right >= 0) & (left != right)
        ends = np.sort(np.stack([left[keep], right[keep]], axis=1), axis=1)
    else:
        parts = []
        for one, other in ((every[sides == 0], every[sides == 1]), (every[sides == 1], every[sides == 0])):
            if one.size and other.size:
                found = lexical.best(keys[one], whole[other], most).places
                row, at = np.nonzero(found >= 0)
                pair = np.stack([one[row], other[found[row, at]]], axis=1)
                parts.append(pair if sides[one[0]] == 0 else pair[:, ::-1])
        ends = np.concatenate(parts) if parts else np.zeros((0, 2), dtype=np.int64)
    ends = np.unique(ends, axis=0)
    return Pairs(ends[:, 0], ends[:, 1])


def compare(left: Sequence[Record], right: Sequence[Record], pairs: Pairs, learned: Rarity) -> npt.NDArray[np.float32]:
    """Returns what is seen of each pair, of shape (pairs, columns × `COMPARED` + `OVERALL`), all from 0 to 1."""
    same = left is right
    parts: list[Vector] = []
    for column in range(len(learned.pieces)):
        one, other = [each[column] for each in left], [each[column] for each in right]
        a, b = (np.array(cells, dtype=object) for cells in (one, other))
        a, b = a[pairs.left], b[pairs.right]
        known = np.array([bool(x and y) for x, y in zip(a, b, strict=True)])
        numbers = [[re.sub(r"\D", "", cell) for cell in cells] for cells in (a, b)]
        parts += [
            known,
            known & (a == b),
            _alike(one, other, pairs, pieces, learned.pieces[column], learned.records),
            _alike(one, other, pairs, lexical.words, learned.words[column], learned.records),
            np.array([x[:1] == y[:1] for x, y in zip(a, b, strict=True)]) & known,
            np.array([bool(x and sorted(x) == sorted(y)) for x, y in zip(*numbers, strict=True)]),
        ]
    both = list(left) if same else [*left, *right]
    whole = _whole(both, learned)
    alike = _products(whole, Pairs(pairs.left, pairs.right if same else pairs.right + len(left)))
    parts += [alike, _place(pairs.left, alike), _place(pairs.right, alike)]
    return np.stack([np.asarray(part, dtype=np.float32) for part in parts], axis=1)


def _alike(
    left: Sequence[str], right: Sequence[str], pairs: Pairs, cut: Any, held: dict[str, int], records: int
) -> Vector:
    """Returns the cosine of the parts of two cells, rare parts counting more."""
    both = _vectors([cut(cell) for cell in (*left, *right)], held, records)
    return _products(both, Pairs(pairs.left, pairs.right + len(left)))


def _products(vectors: Sparse, pairs: Pairs) -> Vector:
    found: Vector = np.asarray(vectors[pairs.left].multiply(vectors[pairs.right]).sum(axis=1)).ravel()
    return found.clip(0, 1)


def _place(record: Places, alike: Vector) -> Vector:
    """Returns 1 / place of each pair among those of one record, the most alike first."""
    order = np.lexsort((-alike, record))
    starts = np.flatnonzero(np.diff(record[order], prepend=-1))
    sizes = np.diff(starts, append=record.size)
    found = np.empty(record.size)
    found[order] = 1.0 / (np.arange(record.size) - np.repeat(starts, sizes) + 1)
    return found


def one_to_one(pairs: Pairs, probable: Vector) -> npt.NDArray[np.bool_]:
    """Returns which pairs are kept when no record may stand in two of them: the likeliest pairs together.

    In each cluster it is the best assignment (Crouse 2016, On implementing 2D rectangular assignment algorithms); in a
    cluster of thousands the likeliest pair comes first.

    >>> one_to_one(Pairs(np.array([0, 0, 1]), np.array([2, 3, 2])), np.array([0.9, 0.8, 0.85])).tolist()
    [False, True, True]
    """
    from scipy.optimize import linear_sum_assignment

    kept = np.zeros(probable.size, dtype=bool)
    sure = probable.clip(SURE, 1 - SURE)
    worth = np.log(sure / (1 - sure)) - np.log(SURE) + 1  # all above nought, so that a pair is better than none
    cluster = clusters(pairs)
    for number in np.unique(cluster):
        at = np.flatnonzero(cluster == number)
        one, row = np.unique(pairs.left[at], return_inverse=True)
        other, column = np.unique(pairs.right[at], return_inverse=True)
        overlap = np.intersect1d(one, other).size > 0  # within one list a record may be on the left and on the right
        if overlap or max(one.size, other.size) > MOST_ASSIGNED:
            used: set[int] = set()
            for place in at[np.argsort(-worth[at], kind="stable")]:
                ends = {int(pairs.left[place]), int(pairs.right[place])}
                if not used & ends:
                    kept[place], used = True, used | ends
            continue
        table = np.zeros((one.size, other.size))
        table[row, column] = worth[at]
        chosen = set(zip(*linear_sum_assignment(table, maximize=True), strict=True))
        kept[at] = [pair in chosen and table[pair] > 0 for pair in zip(row, column, strict=True)]
    return kept


def clusters(pairs: Pairs) -> Places:
    """Returns for each pair the number of the group of records that it belongs to, in order of appearance.

    >>> clusters(Pairs(np.array([0, 5, 1]), np.array([1, 6, 2]))).tolist()
    [0, 1, 0]
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not pairs.left.size:
        return pairs.left
    names, ends = np.unique(np.concatenate(pairs), return_inverse=True)
    one, other = ends[: pairs.left.size], ends[pairs.left.size :]
    graph = coo_matrix((np.ones(one.size), (one, other)), (names.size, names.size))
    label = connected_components(graph, directed=False)[1][one]
    _, first, number = np.unique(label, return_index=True, return_inverse=True)
    found: Places = np.argsort(np.argsort(first))[number]
    return found
