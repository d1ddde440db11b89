"""Which target symbols each source symbol gives: alignments learned by expectation maximisation.

Each source symbol gives a chunk of none, one or a few target symbols, in order (Jiampojamarn, Kondrak and Sherif 2007,
Applying Many-to-Many Alignments and Hidden Markov Models to Letter-to-Phoneme Conversion). Pairs of equal lengths are
computed together.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

ROUNDS = 6  # of expectation maximisation; the alignments hardly change after the fourth
MOST_TOGETHER = 4096  # pairs of equal lengths that are computed at once
NONE_PENALTY, LONGER_PENALTY = 2.0, 3.0  # of log-probability before anything is learned: one to one is likeliest
FLOOR = 1e-6  # expected count of a chunk that was never seen

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Pair = tuple[Numbers, Numbers]


class Pack(NamedTuple):
    """Pairs of equal lengths: their places, the source symbols, and for each chunk length the chunks' numbers."""

    places: Numbers
    sources: Numbers
    chunks: list[Numbers | None]
    length: int


def align(pairs: Sequence[Pair], *, sources: int, targets: int, longest: int) -> list[Numbers | None]:
    """Returns for each pair the length of each source symbol's chunk, or None where the target is too long for it.

    `pairs` hold numbers below `sources` and `targets`; a chunk has at most `longest` symbols.

    >>> ab, c = np.array([0, 1]), np.array([0])
    >>> found = align([(ab, np.array([0, 1])), (ab, np.array([0, 1])), (c, c)], sources=2, targets=2, longest=2)
    >>> found[0].tolist()
    [1, 1]
    """
    packs, sizes = _packed(pairs, targets=targets, longest=longest)
    start = -np.log(max(1, sum(sizes)))
    table = [np.full((sources, size), start - LONGER_PENALTY * max(0, long - 1)) for long, size in enumerate(sizes)]
    table[0] -= NONE_PENALTY
    for _ in range(ROUNDS):
        counts = [np.full_like(part, FLOOR) for part in table]
        for pack in packs:
            _expect(pack, table, counts)
        totals = sum(part.sum(axis=1) for part in counts)
        table = [np.log(part / totals[:, None]) for part in counts]
    found: list[Numbers | None] = [None] * len(pairs)
    for pack in packs:
        for place, cuts in zip(pack.places, _best(pack, table), strict=True):
            found[place] = cuts
    return found


def _packed(pairs: Sequence[Pair], *, targets: int, longest: int) -> tuple[list[Pack], list[int]]:
    """Returns pairs of equal lengths together, and how many chunks of each length there are."""
    by_lengths: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, (source, target) in enumerate(pairs):
        if source.size and target.size <= longest * source.size:
            by_lengths[source.size, target.size].append(place)
    groups = []
    for (_, size), places in by_lengths.items():
        for first in range(0, len(places), MOST_TOGETHER):
            part = np.array(places[first : first + MOST_TOGETHER])
            sources = np.array([pairs[place][0] for place in part])
            groups.append((part, sources, np.array([pairs[place][1] for place in part]).reshape(part.size, size)))
    codes = [np.zeros(1, dtype=np.int64)]
    for long in range(1, longest + 1):
        there = [np.unique(_codes(each, long, targets)) for _, _, each in groups if each.shape[1] >= long]
        codes.append(np.unique(np.concatenate(there)) if there else np.zeros(0, dtype=np.int64))
    packs = []
    for part, sources, each in groups:
        chunks: list[Numbers | None] = [None] * (longest + 1)
        for long in range(1, min(longest, each.shape[1]) + 1):
            chunks[long] = np.searchsorted(codes[long], _codes(each, long, targets))
        packs.append(Pack(part, sources, chunks, each.shape[1]))
    return packs, [code.size for code in codes]


def _codes(targets: Numbers, long: int, base: int) -> Numbers:
    """Returns one number for each run of `long` symbols: of shape (pairs, length − long + 1)."""
    runs = targets.shape[1] - long + 1
    total = np.zeros((targets.shape[0], runs), dtype=np.int64)
    for place in range(long):
        total = total * base + targets[:, place : place + runs]
    return total


def _given(pack: Pack, table: list[Floats], step: int, long: int) -> Floats:
    """Returns the log-probability that source symbol `step` gives each run of `long` target symbols."""
    symbols, chunks = pack.sources[:, step], pack.chunks[long]
    return table[0][symbols] if chunks is None else table[long][symbols[:, None], chunks]


def _lengths(pack: Pack) -> list[int]:
    return [0] + [long for long, chunks in enumerate(pack.chunks) if chunks is not None]


def _expect(pack: Pack, table: list[Floats], counts: list[Floats]) -> None:
    """Adds to `counts` how often each symbol is expected to give each chunk (forward and backward sums)."""
    steps, across = pack.sources.shape[1], pack.length + 1
    forward = np.full((steps + 1, pack.places.size, across), -np.inf)
    forward[0, :, 0] = 0.0
    for step in range(steps):
        for long in _lengths(pack):
            after = forward[step + 1, :, long:]
            np.logaddexp(after, forward[step, :, : across - long] + _given(pack, table, step, long), out=after)
    whole = forward[steps, :, -1:]
    backward = np.full((pack.places.size, across), -np.inf)
    backward[:, -1] = 0.0
    for step in range(steps - 1, -1, -1):
        before = np.full_like(backward, -np.inf)
        for long in _lengths(pack):
            on = backward[:, long:] + _given(pack, table, step, long)
            expected = np.exp(forward[step, :, : across - long] + on - whole)
            chunks, width = pack.chunks[long], table[long].shape[1]
            places = pack.sources[:, step, None] * width + (0 if chunks is None else chunks)
            flat = np.broadcast_to(places, expected.shape).ravel()
            counts[long] += np.bincount(flat, expected.ravel(), table[long].size).reshape(table[long].shape)
            np.logaddexp(before[:, : across - long], on, out=before[:, : across - long])
        backward = before


def _best(pack: Pack, table: list[Floats]) -> Numbers:
    """Returns the lengths of the chunks of the likeliest alignment, of shape (pairs, steps) (Viterbi 1967)."""
    steps, across = pack.sources.shape[1], pack.length + 1
    score = np.full((pack.places.size, across), -np.inf)
    score[:, 0] = 0.0
    back = np.zeros((steps, pack.places.size, across), dtype=np.int64)
    for step in range(steps):
        best = np.full_like(score, -np.inf)
        for long in _lengths(pack):
            reached = score[:, : across - long] + _given(pack, table, step, long)
            better = reached > best[:, long:]
            best[:, long:] = np.where(better, reached, best[:, long:])
            back[step, :, long:][better] = long
        score = best
    place = np.full(pack.places.size, pack.length)
    lengths = np.zeros((pack.places.size, steps), dtype=np.int64)
    for step in range(steps - 1, -1, -1):
        lengths[:, step] = back[step, np.arange(place.size), place]
        place = place - lengths[:, step]
    return lengths
