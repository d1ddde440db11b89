"""Evidence -> numbered notes: what of the text spoke, where it stands, and how much it counted."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from advisor.evidence import Evidence
from advisor.framing import TELLING
from advisor.impression import CASE, CLAUSE, LEAST_TOLD, WHOLE
from taxonomy.knowledge import load

MOST_NOTES = 7
KINDS = ("rules", "clauses", "whole text", "cases", "table", "answers")


class Count(NamedTuple):
    """What a note adds: to the log-odds of a category, or of a sub-task within the category that was chosen."""

    of: str  # the title of the category or sub-task
    weight: float
    within: bool  # it is a sub-task


class Note(NamedTuple):
    """Words of the description, the rule or clause that read them, and what followed."""

    start: int
    end: int
    rule: str  # the rule's id; "" where the encoder read the clause
    because: str
    counts: tuple[Count, ...]
    source: str


def notes(evidence: Iterable[Evidence], category: str | None) -> list[Note]:
    """The notes to a text in reading order: those that count most, for whatever category.

    >>> import advisor
    >>> framing = advisor.frame("How many hours will this surgery take?")
    >>> "asks-how-many" in [note.rule for note in notes(framing.evidence, framing.category)]
    True
    """
    found: dict[tuple[int, int, str], list[Evidence]] = {}
    for piece in evidence:
        if piece.start is None or piece.end is None or (piece.subtask and piece.category != category):
            continue  # sub-tasks of a category that was not chosen decided nothing
        if abs(piece.weight) >= (LEAST_TOLD if piece.rule == CLAUSE else TELLING):
            found.setdefault((piece.start, piece.end, piece.rule), []).append(piece)
    told = [
        Note(
            start,
            end,
            "" if rule == CLAUSE else rule,
            pieces[0].because,
            tuple(map(_count, pieces)),
            pieces[0].reference,
        )
        for (start, end, rule), pieces in found.items()
    ]
    told.sort(key=lambda note: -max((abs(count.weight) + (not count.within)) for count in note.counts))
    return sorted(told[:MOST_NOTES], key=lambda note: (note.start, -note.end))


def _count(piece: Evidence) -> Count:
    category = load().categories[piece.category]
    title = category.subtasks[piece.subtask].title if piece.subtask else category.title
    return Count(title, piece.weight, piece.subtask is not None)


def stretches(
    length: int, spans: Iterable[tuple[int, int]]
) -> Iterator[tuple[int, int, tuple[int, ...], tuple[int, ...]]]:
    """The text cut where any span starts or ends: (start, end, spans that cover it, spans that end there).

    >>> list(stretches(5, [(0, 3), (2, 3)]))
    [(0, 2, (0,), ()), (2, 3, (0, 1), (0, 1)), (3, 5, (), ())]
    """
    placed = list(spans)
    cuts = sorted({0, length, *(place for span in placed for place in span)})
    for start, end in pairwise(cuts):
        over = tuple(n for n, (first, last) in enumerate(placed) if first <= start and end <= last)
        yield start, end, over, tuple(n for n in over if placed[n][1] == end)


def sums(evidence: Iterable[Evidence]) -> dict[str, dict[str, float]]:
    """What each kind of evidence adds to the log-odds of each category; the probabilities follow from the totals."""
    found: dict[str, dict[str, float]] = {name: dict.fromkeys(KINDS, 0.0) for name in load().categories}
    for piece in evidence:
        if piece.subtask is None:
            found[piece.category][_kind(piece)] += piece.weight
    return found


def _kind(piece: Evidence) -> str:
    by_rule = {WHOLE: "whole text", CLAUSE: "clauses", CASE: "cases"}
    by_source = {"text": "rules", "table": "table", "answer": "answers", "case": "cases"}
    return by_rule.get(piece.rule) or by_source[piece.source]
