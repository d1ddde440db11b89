"""What words of queries mean in words of documents: a translation table, and weights of words learned on top of it.

The table is Model 1 of Brown et al. (1993), The Mathematics of Statistical Machine Translation, used for search as by
Berger and Lafferty (1999), Information Retrieval as Statistical Translation: how likely a word of a query stands for a
word of a document. A query then also asks for what its words stand for. How much each word counts is learned by
gradient descent: the judged document must win against those that nearly do.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import lexical, training
from models.kit.lexical import Places, Vector
from models.kit.lexicon import DOUBT, Table

Sparse = Any  # scipy's csr_matrix, which has no types

START = (np.log(0.1), np.log(0.8))  # of the strength of the word itself and of its meanings
BATCH_QUERIES = 64
SHRINK = 0.01  # weight decay: a word that is not needed keeps the weight of all


class Entries(NamedTuple):
    """What queries ask for: rows of (query, its word, word of a document, how probable), own words and meanings."""

    query: Places
    word: Places
    sought: Places
    probable: npt.NDArray[np.float32]
    itself: npt.NDArray[np.bool_]


def entries(table: Table, queries: Sparse, *, without: Places | None = None) -> Entries:
    """Returns what queries ask for; `without` names training queries whose own share is taken out of the table."""
    rows, words = _flat(queries)
    counts, totals = table.counts, table.totals
    lengths = np.diff(counts.indptr)[words]
    query, word = np.repeat(rows, lengths), np.repeat(words, lengths)
    places = _ranges(counts.indptr[words], lengths)
    sought, expected = counts.indices[places].astype(np.int64), counts.data[places].copy()
    below = totals[words].copy()
    if without is not None:
        _take_out(table, without, queries.shape[1], (query, word, sought, expected), (rows, words, below))
    probable = expected / np.repeat(below + DOUBT, lengths)
    return Entries(
        np.concatenate([rows, query]),
        np.concatenate([words, word]),
        np.concatenate([words, sought]),
        np.concatenate([np.ones(rows.size), np.maximum(probable, 0.0)]).astype(np.float32),
        np.arange(rows.size + query.size) < rows.size,
    )


def _take_out(
    table: Table, without: Places, size: int,
    found: tuple[Places, Places, Places, Vector], asked: tuple[Places, Places, Vector],
) -> None:  # fmt: skip
    """Subtracts from counts (`found`, ending with them) and totals (`asked`) what the queries `without` brought."""
    owner, word, sought, share = table.own
    starts, ends = np.searchsorted(owner, without), np.searchsorted(owner, without, side="right")
    mine = _ranges(starts, ends - starts)
    row = np.repeat(np.arange(without.size), ends - starts)
    for keys, values, wanted in (
        ((found[0] * size + found[1]) * size + found[2], found[3], (row * size + word[mine]) * size + sought[mine]),
        (asked[0] * size + asked[1], asked[2], row * size + word[mine]),
    ):
        order = np.argsort(keys, kind="stable")
        at = np.minimum(np.searchsorted(keys[order], wanted), max(keys.size - 1, 0))
        hit = keys[order][at] == wanted if keys.size else np.zeros(0, dtype=bool)
        np.subtract.at(values, order[at[hit]], share[mine][hit])


def _flat(table: Sparse) -> tuple[Places, Places]:
    """Returns row and column of each entry."""
    return np.repeat(np.arange(table.shape[0]), np.diff(table.indptr)), table.indices.astype(np.int64)


def _ranges(starts: Places, lengths: Places) -> Places:
    """Returns the places start, start + 1, … of each range, one after the other."""
    ends = np.cumsum(lengths)
    found: Places = np.arange(int(ends[-1]) if ends.size else 0) + np.repeat(starts - (ends - lengths), lengths)
    return found


class Weights(tc.nn.Module):
    """How much each word of a query and each word of a document counts, and how much a word and its meanings do.

    All are logarithms; a word that was never seen keeps nought, so it counts as much as in BM25.
    """

    def __init__(self, words: int) -> None:
        """Begin with equal weights for all words."""
        self.asked = tc.nn.Embedding(words, 1, sparse=True)
        self.held = tc.nn.Embedding(words, 1, sparse=True)
        self.strength = tc.nn.Parameter(tc.as_tensor(np.array(START, dtype=np.float32)))
        with tc.no_grad():
            self.asked.weight.zero_()
            self.held.weight.zero_()

    def forward(self, asked: Entries) -> tc.Tensor:
        """The weight of each entry."""
        strength = self.strength[tc.as_tensor(1 - asked.itself.astype(np.int64))]
        logarithm = self.asked(tc.as_tensor(asked.word)) + self.held(tc.as_tensor(asked.sought))
        weights: tc.Tensor = tc.exp(logarithm.reshape(-1) + strength) * tc.as_tensor(asked.probable)
        return weights

    def expanded(self, asked: Entries, queries: int) -> Sparse:
        """Returns queries in words of documents, of shape (queries, words)."""
        from scipy.sparse import csr_matrix

        with tc.no_grad():
            weights = self(asked).numpy().astype(np.float64)
        return csr_matrix((weights, (asked.query, asked.sought)), (queries, self.asked.weight.shape[0]))


class Lessons(NamedTuple):
    """Queries with their candidates: the first candidate of a row is a judged one, the others are not.

    queries (rows, words) sparse; candidates (rows, places) of documents; `own` the places of training queries, whose
    own share is taken out of the table, None for others.
    """

    queries: Sparse
    candidates: Places
    own: Places | None


def learn(
    weights: Weights, table: Table, documents: Sparse, lessons: tuple[Lessons, Lessons], settings: Any
) -> training.Run:
    """Learns the weights on the first lessons, and keeps those that are best on the second."""
    taught, stops = lessons
    generator = np.random.default_rng(settings.seed)
    rows = taught.candidates.shape[0]
    steps = max(1, -(-rows // BATCH_QUERIES))
    adam = tc.optim.AdamW(weights.parameters(), lr=settings.learning_rate, weight_decay=SHRINK)
    total = steps * settings.epochs
    schedule = tc.optim.Schedule(adam, lambda step: tc.optim.cosine_factor(step, total=total))
    history: list[training.Point] = []
    best, best_loss = training.snapshot(weights), _loss(weights, table, documents, stops)
    with (
        training.watched(budget_seconds=settings.time_budget_seconds) as watch,
        training.bar(settings.epochs, "epoch") as shown,
    ):
        while len(history) < settings.epochs and not watch.reason and rows:
            losses = []
            for chosen in np.array_split(generator.permutation(rows), steps):
                adam.zero_grad()
                loss = _cost(weights, table, documents, taught, chosen)
                loss.backward()
                adam.step()
                schedule.step()
                losses.append(loss.item())
                if watch.reason:
                    break
            there = _loss(weights, table, documents, stops)
            history.append(training.Point(len(history) + 1, float(np.mean(losses)), there))
            if there is not None and best_loss is not None and there < best_loss:
                best, best_loss = training.snapshot(weights), there
            shown.set_postfix(loss=f"{np.mean(losses):.4f}")
            shown.update()
        weights.load_state_dict(best)
        return training.ended(watch, watch.reason or "all epochs done", "epoch", history)


def _loss(weights: Weights, table: Table, documents: Sparse, lessons: Lessons) -> float | None:
    rows = lessons.candidates.shape[0]
    if not rows:
        return None
    with tc.no_grad():
        parts = np.array_split(np.arange(rows), -(-rows // BATCH_QUERIES))
        costs = [_cost(weights, table, documents, lessons, part).item() * part.size for part in parts]
    return float(sum(costs) / rows)


def _cost(weights: Weights, table: Table, documents: Sparse, lessons: Lessons, rows: Places) -> tc.Tensor:
    """Returns −log softmax of the judged document among its candidates, the mean over those rows."""
    size = documents.shape[1]
    own = None if lessons.own is None else lessons.own[rows]
    asked = entries(table, lessons.queries[rows], without=own)
    sought = tc.zeros(rows.size * size).index_add(0, tc.as_tensor(asked.query * size + asked.sought), weights(asked))
    candidates = lessons.candidates[rows]
    which, word = _flat(held := documents[candidates.ravel()])
    here = sought[tc.as_tensor(which // candidates.shape[1] * size + word)] * tc.as_tensor(held.data.astype(np.float32))
    scores = tc.zeros(candidates.size).index_add(0, tc.as_tensor(which), here).reshape(candidates.shape)
    cost: tc.Tensor = tc.cross_entropy(scores, tc.zeros(rows.size, dtype=tc.int64))
    return cost


def lessons(
    search: Callable[[Sparse], lexical.Found], queries: Sparse, right: Sequence[Places], *, others: int,
    own: Places | None,
) -> Lessons:  # fmt: skip
    """Returns for each query one judged document and the best `others` that are not judged (again where there are few).

    Queries without a judged document, or without any other that shares a word, are left out.
    """
    most = others + max(map(len, right), default=0)
    found = search(queries).places if queries.shape[0] else np.zeros((0, most), dtype=np.int64)
    kept, candidates = [], []
    for row, (places, good) in enumerate(zip(found, right, strict=True)):
        wrong = places[(places >= 0) & ~np.isin(places, good)][:others]
        if wrong.size and len(good):
            kept.append(row)
            candidates.append([good[row % len(good)], *np.resize(wrong, others)])
    table = np.array(candidates, dtype=np.int64).reshape(len(kept), others + 1)
    return Lessons(queries[kept], table, None if own is None else own[kept])
