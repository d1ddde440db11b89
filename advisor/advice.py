"""Advice beside the answer: another way to frame it, whether it needs machine learning at all, and its steps.

Each piece quotes the words that called for it and is chosen by what has been decided: a reframe is told only where it
leads away from the answer, a pipeline only where the answer is one of its steps. Most texts call for no advice, so this
module is loaded when the first one does.
"""

from collections.abc import Iterator
from typing import NamedTuple

from taxonomy.advice import Pipeline
from taxonomy.knowledge import GATE, PIPELINE, REFRAME, Knowledge
from taxonomy.reading import Reading

MOST_REFRAMINGS = 2
MOST_GATES = 2


class Reframing(NamedTuple):
    """Another kind of task that the user's words speak for: what to switch, and why."""

    id: str
    instead_of: str  # category or category/subtask
    to: str
    switch: str
    why: str
    source: str
    quote: str


class OpenGate(NamedTuple):
    """A question that may make machine learning needless, and what to do instead if the answer is yes."""

    id: str
    question: str
    instead: str
    leads_to: str  # category or category/subtask; "" where people or a product do it
    why: str
    source: str
    quote: str


class Stage(NamedTuple):
    """One step of a compound problem; the primary one is to be framed, measured and built first."""

    pipeline: str  # id, the same for every step
    category: str
    subtask: str
    title: str
    does: str
    primary: bool
    why: str
    source: str
    quote: str


def reframings(
    knowledge: Knowledge, reading: Reading, category: str | None, subtask: str | None
) -> tuple[Reframing, ...]:
    """The other framings to consider, in the order of the text; while undecided all that the words speak for.

    >>> from taxonomy.knowledge import load
    >>> from taxonomy.reading import read_text
    >>> text = "Which members will leave? We can only call thirty of them."
    >>> [(found.to, found.quote) for found in reframings(load(), read_text(load(), text), "classification", "binary")]
    [('ranking/learning_to_rank', 'can only call thirty')]
    """
    found = []
    for name, quote in _of_kind(reading, REFRAME):
        record = knowledge.reframes[name]
        answered = category is not None and not _covers(record.instead_of, category, subtask)
        if not answered and not _covers(record.to, category, subtask):
            found.append(Reframing(name, record.instead_of, record.to, record.switch, record.why, record.source, quote))
    return tuple(found[:MOST_REFRAMINGS])


def gates(knowledge: Knowledge, reading: Reading) -> tuple[OpenGate, ...]:
    """The questions that come before any learning, in the order of the text."""
    found = []
    for name, quote in _of_kind(reading, GATE):
        record = knowledge.gates[name]
        found.append(OpenGate(name, record.question, record.instead, record.leads_to, record.why, record.source, quote))
    return tuple(found[:MOST_GATES])


def pipeline(knowledge: Knowledge, reading: Reading, category: str | None, subtask: str | None) -> tuple[Stage, ...]:
    """The steps of a compound problem, or none where the text tells of a single task.

    Where the words speak for several pipelines, the one whose primary step is the answer goes before one that has the
    answer among its steps, and those in the order of the text.
    """
    best: tuple[int, Pipeline, str] | None = None
    for name, quote in _of_kind(reading, PIPELINE):
        record = knowledge.pipelines[name]
        fit = 1 + (_covers(record.primary, category, subtask) or record.primary.partition("/")[0] == category)
        if category is not None and category not in [step.task.partition("/")[0] for step in record.steps]:
            continue
        if best is None or fit > best[0]:
            best = fit, record, quote
    if best is None:
        return ()
    _, record, quote = best
    stages = []
    for step in record.steps:
        of, _, kind = step.task.partition("/")
        title = knowledge.categories[of].subtasks[kind].title
        stages.append(
            Stage(
                pipeline=record.id,
                category=of,
                subtask=kind,
                title=title,
                does=step.does,
                primary=step.task == record.primary,
                why=record.why,
                source=record.source,
                quote=quote,
            )
        )
    return tuple(stages)


def _of_kind(reading: Reading, prefix: str) -> Iterator[tuple[str, str]]:
    """The ids of one kind of advice that the text calls for, with the words that do."""
    return ((owner.removeprefix(prefix), quote) for owner, quote in reading.advice.items() if owner.startswith(prefix))


def _covers(task: str, category: str | None, subtask: str | None) -> bool:
    """Whether `task`, a category or category/subtask, is what was answered."""
    return task in (category, f"{category}/{subtask}")
