"""Facts of a table -> evidence: what the target, the roles and a rule that was found say about the task.

Which facts hold is told here; what a fact means, and why, stands in taxonomy/facts.yaml.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from advisor.evidence import Evidence
from advisor.posterior import ANSWER_LOG_ODDS
from advisor.profiling.schema import NUMBERS, WRITTEN, Profile
from advisor.profiling.targets import alike, is_in_words

if TYPE_CHECKING:
    from advisor.proof import Proof
    from taxonomy.knowledge import Knowledge
    from taxonomy.schema import Strength

LIKELY = 0.5  # probability of a kind, from which it is a fact
RARE = 0.05  # share of positives
FEWEST_FOR_SHARE = 50  # rows, from which a share is one
FEWEST_IN_QUERY = 2.0  # rows of a mean query
LARGEST_QUERY = 1000.0
LONGEST_LIST = 4  # names of columns in one sentence
TOGETHER = {"numbers": "targets_are_numbers", "yes_or_no": "targets_are_yes_or_no"}  # facts about several targets
BESIDE_TEXT = {"targets_are_yes_or_no": "targets_mark_a_text"}  # what such a fact is where an input is text
SEVERAL = frozenset(  # what several columns can be, named as the target
    {*TOGETHER.values(), *BESIDE_TEXT.values(), "has_event_and_duration"}
)
FORMS = ("classification", "regression", "tagging")  # of the answer, which the kind of its columns tells apart
EVEN_STEPS = 0.8  # share of the gaps between moments that are the commonest one


class Holding(NamedTuple):
    """A fact that holds: the columns that show it, and a figure in words."""

    fact: str
    columns: tuple[str, ...]
    figure: str = ""


def holding(
    profile: Profile, proof: "Proof | None" = None, *, even_steps: bool = False, late: Collection[str] = ()
) -> Iterator[Holding]:
    """The facts that a table shows; `late` are the columns that tell of afterwards.

    >>> import polars as pl
    >>> from advisor.profiling import profile
    >>> seen = profile(pl.DataFrame({"size": [1.5, 2.5, 3.5], "price": [9.5, 8.5, 7.25]}), target="price")
    >>> [each.fact for each in holding(seen)]
    ['target_is_amount']
    """
    yield from _of_target(profile, late)
    yield from _of_roles(profile, even_steps=even_steps)
    yield from _of_inputs(profile)
    if proof is not None:
        yield from _of_rule(proof)


def _of_target(profile: Profile, late: Collection[str]) -> Iterator[Holding]:
    names = profile.target_columns
    if not names:
        if profile.item is None or profile.group is None:
            yield Holding("has_no_target", ())
        return
    columns = [profile.column(name) for name in names]
    if len(columns) > 1:
        together = alike(columns)
        if together is not None:
            fact = TOGETHER[together]
            inputs = [each for each in profile.columns if each.name not in {*names, *late, *profile.ids}]
            yield Holding(BESIDE_TEXT.get(fact, fact) if is_in_words(inputs, profile.rows) else fact, names)
        return
    (target,) = columns
    if target.name in (profile.item, profile.group, profile.query):
        return
    if target.chance("count") >= LIKELY:
        yield Holding("target_is_count", names)
    elif target.chance("duration") >= LIKELY:
        yield Holding("target_is_duration", names)
    elif target.chance("continuous", "money", "percent") >= LIKELY:
        yield Holding("target_is_amount", names)
    elif target.chance("binary", "censoring") >= LIKELY or (target.distinct == 2 and target.kind == "categorical"):
        yield Holding("target_is_yes_or_no", names)
        share = min(target.statistics.counts, default=0) / max(sum(target.statistics.counts), 1)
        if target.statistics.counts and share <= RARE and profile.rows >= FEWEST_FOR_SHARE:
            yield Holding("target_is_rare", names, f"{share:.2%}")
    elif target.chance("ordinal") >= LIKELY:
        yield Holding("target_is_grade", names, str(target.distinct))
    elif target.chance("tags") >= LIKELY:
        yield Holding("target_is_tags", names)
    elif target.kind == "sequence":
        yield Holding("target_is_sequence", names)
    elif target.kind == "text" and target.chance("text") >= LIKELY:
        yield Holding("target_is_text", names)
    elif target.chance("code", "id") >= LIKELY:
        yield Holding("target_is_code", names)
    elif target.chance("categorical") >= LIKELY:
        yield Holding("target_is_name", names, str(target.distinct))


def _of_roles(profile: Profile, *, even_steps: bool) -> Iterator[Holding]:
    if profile.query is not None:
        each = profile.rows / max(profile.column(profile.query).distinct, 1)
        if FEWEST_IN_QUERY <= each <= LARGEST_QUERY:
            yield Holding("rows_share_query", (profile.query,), f"{each:.0f}")
    if profile.position is not None:
        yield Holding("has_position_in_list", (profile.position,))
    if profile.group is not None and profile.item is not None and profile.query is None:
        things = (profile.group, profile.item)
        yield Holding("has_user_and_item", things)
        graded = [name for name in profile.target_columns if profile.column(name).chance("ordinal") >= LIKELY]
        if graded:
            yield Holding("user_rates_item", tuple(graded))
        elif not profile.target_columns or set(profile.target_columns) <= set(things):
            yield Holding("only_user_and_item", things)
    if profile.event is not None:
        yield Holding("has_event_and_duration", (profile.event,))
    numeric = any(profile.column(name).kind in NUMBERS for name in profile.target_columns)
    if profile.time is not None and even_steps and numeric:
        yield Holding("is_time_series", (profile.time,))


def _of_inputs(profile: Profile) -> Iterator[Holding]:
    inputs = [each for each in profile.columns if each.name not in profile.target_columns]
    texts = tuple(each.name for each in inputs if each.kind in WRITTEN)
    media = tuple(each.name for each in inputs if each.kind == "media")
    if texts:
        yield Holding("input_is_text", texts)
    if media:
        yield Holding("input_is_picture_or_sound", media)


def _of_rule(proof: "Proof") -> Iterator[Holding]:
    said = f"{proof.held_out_right} of {proof.held_out} rows held out"
    yield Holding("rule_is_exact" if proof.exact else "rule_has_exceptions", proof.columns, said)
    kinds = {"formula": "rule_is_formula", "lookup": "rule_is_lookup"}
    yield Holding(kinds.get(proof.form, "rule_is_conditions"), proof.columns)


def from_facts(knowledge: "Knowledge", facts: list[Holding], *, named: Sequence[str] = ()) -> list[Evidence]:
    """The evidence of facts that hold: one piece for each category and sub-task that a fact points to.

    `named` are the columns that the user named as the target. Who names several has answered what form the answer has,
    so what they have in common counts as a
    strong answer, for that form and against the others.
    """
    found = []
    for holds in facts:
        fact = knowledge.facts[holds.fact]
        because = fact.because.replace("{columns}", listed(holds.columns)).replace("{figure}", holds.figure)
        answered = len(named) > 1 and holds.fact in SEVERAL
        points_to = {**fact.points_to, **fact.subtasks}
        if answered:
            because = f"You named what to predict: {because}"
            spoken_for: dict[str, Strength] = {name: "strong" for name, word in points_to.items() if word != "against"}
            points_to = {**dict.fromkeys(FORMS, "against"), **spoken_for}
        quote = ", ".join(holds.columns[:LONGEST_LIST])
        for target, strength in points_to.items():
            category, _, subtask = target.partition("/")
            found.append(
                Evidence(
                    source="answer" if answered else "table",
                    category=category,
                    subtask=subtask or None,
                    strength=strength,
                    weight=_named_weight(target, strength) if answered else 0.0,
                    quote=quote,
                    start=None,
                    end=None,
                    rule=holds.fact,
                    because=because,
                    reference=fact.source,
                )
            )
    return found


def _named_weight(target: str, strength: "Strength") -> float:
    """What the form of several named targets adds to a category, or to a sub-task, where no word may outweigh it."""
    strong = ANSWER_LOG_ODDS["strong"]
    return -strong if strength == "against" else 2 * strong if "/" in target else strong


def listed(columns: Sequence[str]) -> str:
    """Column names in a sentence.

    >>> listed(("a", "b")), listed(("a", "b", "c", "d", "e", "f"))
    ('`a` and `b`', '`a`, `b`, `c`, `d` and 2 more')
    """
    shown = [f"`{name}`" for name in columns[:LONGEST_LIST]]
    if len(columns) > LONGEST_LIST:
        return f"{', '.join(shown)} and {len(columns) - LONGEST_LIST} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
