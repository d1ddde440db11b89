"""The records of the knowledge base, described once.

The same NamedTuples are what YAML is checked against (by pydantic, when the knowledge is compiled) and what a running
program holds. Field comments are the handbook for whoever writes a record. The records of advice stand in advice.py.
"""

from typing import Literal, NamedTuple

Strength = Literal["strong", "medium", "weak", "against"]
Scope = Literal["affirmed", "negated", "any"]


class Subtask(NamedTuple):
    """A kind of task within a category. What is left empty is the category's."""

    title: str
    definition: str  # plain words, one or two sentences
    example: str  # a question as a user would ask it
    target: str  # what is predicted or produced, for one example
    unit: str = ""
    metric: str = ""
    loss: str = ""
    split: str = ""
    baseline: str = ""
    data_needed: str = ""
    source: str = ""


class Category(NamedTuple):
    """One of the answers to "which kind of task is it?"."""

    title: str
    definition: str  # plain words, no jargon
    answer: str  # completes "The answer for each example is …"
    it_would_be: str  # completes "It would be <title> if …"; shown for the runner-up
    default_subtask: str  # a key of `subtasks`
    inputs: str  # what one example consists of
    unit: str
    metric: str
    loss: str
    split: str
    baseline: str  # the trivial one and the strong one
    data_needed: str
    slots: dict[str, str]  # slot -> question to settle with the user, what matters most first; others: slots.yaml
    neighbours: dict[str, str]  # category it is mixed up with -> what tells the two apart: "why not that one?"
    subtasks: dict[str, Subtask]
    sources: tuple[str, ...]


class Rule(NamedTuple):
    """What a wording says about the task."""

    id: str  # verb first: asks-how-many
    when: tuple[str, ...]  # phrases, see phrases.py
    because: str  # a sentence to the user that quotes: … “{quote}” …
    source: str
    matches: tuple[str, ...]  # sentences in which the rule must fire; at least two
    ignores: tuple[str, ...]  # near misses in which it must not; at least one
    points_to: dict[str, Strength] = {}  # category -> strength
    subtasks: dict[str, Strength] = {}  # category/subtask -> strength, counts within that category only
    unless: tuple[str, ...] = ()  # phrases that switch the rule off in the sentence they stand in
    scope: Scope = "affirmed"  # does a match under negation count: never, only, or as well
    known_misses: tuple[str, ...] = ()  # sentences in which it should fire and does not yet


class Answer(NamedTuple):
    """One answer to a question."""

    text: str
    points_to: dict[str, Strength] = {}
    subtasks: dict[str, Strength] = {}


class Question(NamedTuple):
    """A question to the user whose answer can change the framing."""

    id: str
    text: str  # in the user's language
    why: str  # what the answer decides
    default: str  # the answer assumed when none is given; a key of `answers`
    answers: dict[str, Answer]


class Pitfall(NamedTuple):
    """A way in which a project of this kind goes wrong."""

    id: str  # stable, snake_case
    title: str
    why: str
    check: str  # what to look at in the table
    remedy: str
    source: str
    when: tuple[
        str, ...
    ] = ()  # phrases that make it likely; with none it is said only where `always` names the subtask
    always: tuple[str, ...] = ()  # categories or category/subtask where it is always worth saying
    categories: tuple[
        str, ...
    ] = ()  # where it can occur; none means the folder's own category, or all in the shared file


class Fact(NamedTuple):
    """What a table shows, and what that says about the task; which facts hold is told by the advisor."""

    id: str  # snake_case, as in the advisor
    because: str  # a sentence to the user; {columns} and {figure} stand for what the table shows
    source: str
    points_to: dict[str, Strength] = {}
    subtasks: dict[str, Strength] = {}


class Minimum(NamedTuple):
    """How much data a task needs at the least; what a table holds of it is counted by the advisor."""

    id: str  # snake_case, as in the advisor
    what: str  # completes "Your table has 12 …"
    least: int
    log: str  # completes "log from tomorrow: …"
    source: str
    categories: tuple[str, ...]


class Case(NamedTuple):
    """A worked description, as somebody would write it."""

    text: str
    subtask: str
    accept: tuple[str, ...] = ()  # other categories that an expert would accept
    batch: str = ""  # who wrote it: whole batches are held out, so that figures are about strangers


class Vague(NamedTuple):
    """A text that says too little: no expert could name the task, so the advisor must ask."""

    text: str
    batch: str = ""


class Negation(NamedTuple):
    """What does not count: which words negate, and how far; and courtesies."""

    negators: tuple[str, ...]
    cancelled_by: tuple[str, ...]
    ends: tuple[str, ...]
    courtesies: tuple[str, ...]
