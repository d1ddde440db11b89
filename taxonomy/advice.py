"""The records of advice, of landmarks and of the cross-walk, described once, as schema.py does for the others.

They stand apart because most descriptions call for none of them: a class more costs every cold start 0.1 ms, so this
module is loaded when the first such record is decoded.
"""

from typing import NamedTuple


class Reframe(NamedTuple):
    """A wording that speaks for another kind of task than the one that first comes to mind."""

    id: str  # kebab-case, says what the wording shows: only-the-first-few-count
    when: tuple[str, ...]  # phrases, see phrases.py
    instead_of: str  # category or category/subtask that the advice is for
    to: str  # category or category/subtask to consider
    switch: str  # what to do differently, as an instruction
    why: str
    source: str
    matches: tuple[str, ...]  # sentences in which it must show; at least one
    ignores: tuple[str, ...]  # near misses in which it must not; at least one
    unless: tuple[str, ...] = ()  # phrases that switch it off in the sentence they stand in


class Gate(NamedTuple):
    """A question to answer before anything is learned, and what to do instead of machine learning."""

    id: str
    when: tuple[str, ...]
    question: str  # yes means: not machine learning, or not yet
    instead: str  # the concrete alternative, as an instruction
    why: str
    source: str
    matches: tuple[str, ...]
    ignores: tuple[str, ...]
    leads_to: str = ""  # category or category/subtask; none where people or a product do it
    unless: tuple[str, ...] = ()


class Step(NamedTuple):
    """One step of a pipeline."""

    task: str  # category/subtask
    does: str  # what it does here; completes "This step …"


class Pipeline(NamedTuple):
    """A compound problem: several tasks, one after the other."""

    id: str
    title: str
    when: tuple[str, ...]
    steps: tuple[Step, ...]  # in their order; at least two
    primary: str  # the task of the step to frame, measure and build first
    why: str  # why it is more than one task, and why that step is the primary one
    source: str
    matches: tuple[str, ...]
    ignores: tuple[str, ...]
    unless: tuple[str, ...] = ()


class Landmark(NamedTuple):
    """A problem that the field knows by name: an example to learn from."""

    id: str
    title: str
    text: str  # the problem as its owner would put it
    category: str
    subtask: str
    story: str  # what was done
    lesson: str  # what it teaches whoever frames a problem
    source: str
    accept: tuple[str, ...] = ()  # other categories that an expert would accept for `text`


class Crosswalk(NamedTuple):
    """What a sub-task is called elsewhere; empty where the vocabulary has no name for it."""

    huggingface: tuple[str, ...] = ()  # task categories, which are the pipeline tags; the closest first
    huggingface_ids: tuple[str, ...] = ()  # task ids, finer than the categories
    openml: str = ""  # task type
    d3m: tuple[str, ...] = ()  # task keywords
    inputs: tuple[str, ...] = ()  # Croissant data types of the input fields; none for a table, whose columns vary
    outputs: tuple[str, ...] = ()  # Croissant data types of the label; none where nothing is labelled


Advice = Reframe | Gate | Pipeline
