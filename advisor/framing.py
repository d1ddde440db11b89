"""The answer: a framing with its card, alternatives and questions."""

import typing
from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from advisor import questions as questions_module
from advisor.decision import Decision
from advisor.evidence import Evidence
from advisor.posterior import Posterior, choose_subtask
from advisor.questions import Asked
from taxonomy.knowledge import Knowledge
from taxonomy.reading import Reading
from taxonomy.schema import Category, Pitfall, Subtask

if TYPE_CHECKING:
    from pathlib import Path

    from advisor.advice import OpenGate, Reframing, Stage
    from advisor.profiling import Profile
    from advisor.proof import Proof
    from advisor.target import Target

SCHEMA = 1  # of to_dict()
MOST_ALTERNATIVES = 3
TELLING = 0.3  # log-odds that a piece of evidence must add to be worth a word
LEAST_PROBABILITY = 0.02  # an alternative less likely than this is not worth the user's time
_LEAVES = frozenset((str, float, int, bool, type(None)))
_FROM_SUBTASK = ("metric", "loss", "split", "baseline", "data_needed")


class CardPitfall(NamedTuple):
    """A pitfall worth saying here; `quote` holds the user's words that hint at it, if any do."""

    id: str
    title: str
    why: str
    check: str
    remedy: str
    source: str
    quote: str


class Card(NamedTuple):
    """What to build: everything that must be fixed before a line of training code is written.

    With a table `target` is the name of its target column, or a tuple of names; without one it says in words what is
    predicted. All texts are empty, and `target` is None, while the task is undecided.
    """

    task: str
    target: str | tuple[str, ...] | None
    unit: str
    inputs: str
    metric: str
    loss: str
    split: str
    baseline: str
    data_needed: str
    pitfalls: tuple[CardPitfall, ...]
    slots: tuple[str, ...]
    sources: tuple[str, ...]


class Alternative(NamedTuple):
    """Another category, how likely it is, and what would make it the answer."""

    category: str
    probability: float
    it_would_be: str  # "It would be … if …"
    told_apart: str  # what tells it from the answer, where the two are often mixed up; else ""


class Framing(NamedTuple):
    """Which task a description is, why, and what to do about it.

    `category` and `subtask` are None while undecided; then `undecided` says why and `questions` would decide.
    """

    description: str
    category: str | None
    subtask: str | None
    probabilities: dict[str, float]  # every category; sums to 1
    evidence: tuple[Evidence, ...]  # strongest first
    card: Card
    alternatives: tuple[Alternative, ...]
    questions: tuple[Asked, ...]
    reframes: "tuple[Reframing, ...]"  # other ways to see it that the words speak for
    gates: "tuple[OpenGate, ...]"  # what may make machine learning needless
    pipeline: "tuple[Stage, ...]"  # the steps of a compound problem, in order; none where it is a single task
    profile: "Profile | None"
    undecided: str
    knowledge: str  # hash of the knowledge base that answered
    proof: "Proof | None" = None  # a rule in the table that gives the target

    def to_dict(self) -> dict[str, Any]:
        """The framing as plain data, with `schema`, the version of this form, and `knowledge`, what answered."""
        return {"schema": SCHEMA, **plain(self)}

    def to_json(self) -> str:
        """The framing as JSON text."""
        import json

        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2)

    def to_markdown(self) -> str:
        """The framing as a brief of one page."""
        from advisor.render import markdown

        return markdown(self)

    def export(self, name: str) -> dict[str, Any]:
        """The framing in the words of others: "huggingface", "openml", "d3m" or "croissant".

        Raises:
            UsageError: no such form, or the framing is undecided.
        """
        from advisor.interchange import export

        return export(self, name)

    def start(
        self, directory: "str | Path", *, table: Any = None, target: "Target | None" = None, template: str | None = None
    ) -> "Path":
        """Write a starter project and return its folder.

        Args:
            directory: the folder to make; it must not exist, or be empty.
            table: a file (CSV, TSV, Parquet, JSON lines) or a data frame; without one the project starts on the
                template's own data.
            target: the column to predict, or a list of the columns that are predicted together; without one those that
                were named for the framing, else the likeliest by description, name, values and place.
            template: a template id such as "regression/linear"; without one the template of the category.

        Raises:
            InputRefused: the folder is taken, the table cannot be read or lacks a column of `target`, no template fits,
                or the template cannot learn those targets; nothing is left behind.
            UsageError: there is no such template, or a target was named without a table.
        """
        from advisor.starter import write

        return write(self, directory, table=table, target=target, template=template)


def plain(value: Any) -> Any:
    """Named tuples as dicts, tuples as lists, all the way down."""
    kind: Any = type(value)
    if kind in _LEAVES:
        return value
    fields = getattr(value, "_fields", None)
    if fields is not None:
        if _is_flat(kind):
            return dict(zip(fields, value, strict=True))
        # Most fields are leaves; not to call for them is twice as fast.
        pairs = zip(fields, value, strict=True)
        return {name: field if type(field) in _LEAVES else plain(field) for name, field in pairs}
    if isinstance(value, dict):
        return {name: field if type(field) in _LEAVES else plain(field) for name, field in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


@cache
def _is_flat(kind: type) -> bool:
    """Whether the fields of a named tuple can only be leaves, by their annotations."""
    try:
        hints = typing.get_type_hints(kind)
    except NameError:  # of a class that only type checkers see
        return False
    return all(one in _LEAVES or typing.get_origin(one) is Literal for hint in hints.values() for one in _either(hint))


def _either(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if isinstance(hint, UnionType) else (hint,)


def build(
    description: str,
    knowledge: Knowledge,
    reading: Reading,
    decision: Decision,
    *,
    profile: "Profile | None" = None,
    target: str | tuple[str, ...] | None = None,
    answers: Mapping[str, str] | None = None,
) -> Framing:
    """The framing that follows from a decision."""
    posterior = decision.posterior
    category = posterior.category
    subtask = None
    if category is not None:
        default = knowledge.categories[category].default_subtask
        subtask = choose_subtask(posterior.evidence, category, default, log_odds=decision.subtasks)
    card = _card(knowledge, reading, category, subtask, target)
    reframes, gates, pipeline = _advice(knowledge, reading, category, subtask)
    return Framing(
        description=description,
        category=category,
        subtask=subtask,
        probabilities=posterior.probabilities,
        evidence=posterior.evidence,
        card=card if profile is None else card._replace(target=target),
        alternatives=_alternatives(knowledge, posterior),
        questions=questions_module.choose(knowledge, posterior.probabilities, answered=answers or ()),
        reframes=reframes,
        gates=gates,
        pipeline=pipeline,
        profile=profile,
        undecided=posterior.why_undecided,
        knowledge=knowledge.hash,
    )


def _advice(
    knowledge: Knowledge, reading: Reading, category: str | None, subtask: str | None
) -> "tuple[tuple[Reframing, ...], tuple[OpenGate, ...], tuple[Stage, ...]]":
    """What the words call for beside the answer; most call for nothing."""
    if not reading.advice:
        return (), (), ()
    from advisor import advice

    return (
        advice.reframings(knowledge, reading, category, subtask),
        advice.gates(knowledge, reading),
        advice.pipeline(knowledge, reading, category, subtask),
    )


def _card(
    knowledge: Knowledge,
    reading: Reading,
    category_id: str | None,
    subtask_id: str | None,
    target: str | tuple[str, ...] | None,
) -> Card:
    pitfalls = _pitfalls(knowledge, reading, category_id, subtask_id)
    if category_id is None or subtask_id is None:
        return Card("", target, "", "", "", "", "", "", "", pitfalls, (), ())
    category = knowledge.categories[category_id]
    subtask = category.subtasks[subtask_id]
    return Card(
        task=subtask.title,
        target=target or subtask.target,
        unit=_unit(reading, category_id, category, subtask),
        inputs=category.inputs,
        **{name: getattr(subtask, name) or getattr(category, name) for name in _FROM_SUBTASK},
        pitfalls=pitfalls,
        slots=tuple(category.slots.values()),
        sources=tuple(dict.fromkeys([*([subtask.source] if subtask.source else []), *category.sources])),
    )


def _unit(reading: Reading, category_id: str, category: Category, subtask: Subtask) -> str:
    """The unit that the user named where a rule for this category caught it; else that of the sub-task or category."""
    for fired in reading.fired:
        if fired.rule.points_to.get(category_id, "against") != "against" and "unit" in fired.captures:
            return fired.captures["unit"].lower()
    return subtask.unit or category.unit


def _pitfalls(
    knowledge: Knowledge, reading: Reading, category: str | None, subtask: str | None
) -> tuple[CardPitfall, ...]:
    """The pitfalls that the text hints at, then those that this kind of task always has."""
    always = (*knowledge.always.get(category or "", ()), *knowledge.always.get(f"{category}/{subtask}", ()))
    found = []
    for name in dict.fromkeys((*reading.pitfalls, *always)):
        pitfall = knowledge.pitfalls[name]
        if category is None or category in pitfall.categories:
            found.append(_card_pitfall(pitfall, reading.pitfalls.get(name, "")))
    return tuple(found)


def _card_pitfall(pitfall: Pitfall, quote: str) -> CardPitfall:
    return CardPitfall(pitfall.id, pitfall.title, pitfall.why, pitfall.check, pitfall.remedy, pitfall.source, quote)


def _alternatives(knowledge: Knowledge, posterior: Posterior) -> tuple[Alternative, ...]:
    """The likeliest other categories for which something speaks; among the rest there is nothing to choose."""
    spoken_for = {piece.category for piece in posterior.evidence if piece.weight >= TELLING} - {posterior.category}
    neighbours = knowledge.categories[posterior.category].neighbours if posterior.category else {}
    likely = sorted(spoken_for, key=lambda name: (-posterior.probabilities[name], name))[:MOST_ALTERNATIVES]
    return tuple(
        Alternative(
            name,
            posterior.probabilities[name],
            f"It would be {knowledge.categories[name].title} if {knowledge.categories[name].it_would_be}.",
            neighbours.get(name, ""),
        )
        for name in likely
        if posterior.probabilities[name] >= LEAST_PROBABILITY
    )
