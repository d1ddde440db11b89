"""A framing with a table: what the words and the table say together, a rule if there is one, and what to ask.

profile ─▶ findings ─▶ rule ─▶ facts ─▶ posterior ─▶ card with the table's own split, pitfalls and figures
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from advisor import framing
from advisor.decision import Decision, Said, decide
from advisor.evidence import Evidence, unknown
from advisor.facts import from_facts, holding, listed
from advisor.framing import Framing
from advisor.impression import from_glance
from advisor.posterior import choose_subtask, softmax
from advisor.profiling.schema import Finding, Profile
from advisor.questions import MOST_QUESTIONS, Asked
from advisor.target import Target, names

if TYPE_CHECKING:
    import polars as pl

    from advisor.column_reader import ColumnReader
    from advisor.profiling.looking import Prepared
    from advisor.proof import Proof
    from taxonomy.knowledge import Knowledge
    from taxonomy.reading import Reading
    from taxonomy.schema import Question

KNOWN, RULE = "known-in-time", "rule-known-in-time"  # ids of table questions
IN_TIME, LATER = "known", "not_known"  # their answers
COLUMN = ":"  # between the id of a question about one column and the column's name
NOT_IN_TIME = "you said that it is not known in time"
WITH_OUTCOME = ("causal_effect",)  # sub-tasks of "other" that are about a column of the table
MOST_ABOUT_COLUMNS = 2
ONE_BIT = 1.0  # what a yes or no about a column is worth, when nothing is known


def split_answers(answers: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Answers about the task, and answers about columns of the table.

    >>> split_answers({"what-comes-out": "number", "known-in-time:refund": "not_known"})
    ({'what-comes-out': 'number'}, {'known-in-time:refund': 'not_known'})
    """
    about = {name for name in answers if isinstance(name, str) and (name == RULE or name.startswith(KNOWN + COLUMN))}
    return {k: v for k, v in answers.items() if k not in about}, {k: v for k, v in answers.items() if k in about}


def frame(
    said: Said,
    knowledge: "Knowledge",
    reading: "Reading",
    *,
    table: Any,
    target: Target | None,
    answers: Mapping[str, str],
    about: Mapping[str, str],
    reader: "ColumnReader | None",
    encoder: bool = True,
) -> Framing:
    """The framing of a text with its table.

    Args:
        said: the text as rules and words have heard it.
        knowledge: the compiled knowledge base.
        reading: the text as it was read.
        table: a file or any data frame.
        target: the column to predict, or several, where they were named.
        answers: answers about the task.
        about: answers about columns.
        reader: says what the text and the columns say together, where there is one.
        encoder: whether the sentence encoder may be asked.

    Raises:
        InputRefused: the table or target cannot be used.
        UsageError: an answer about a column that the table lacks, or an answer that does not exist.
    """
    from advisor import profiling
    from advisor.card import with_table
    from advisor.findings import look, suspected_by_name
    from advisor.profiling import weighing

    text = said.text
    prepared, said = consider(knowledge, said, table, target=target, encoder=encoder, reader=reader)
    leaning = prepared.setting.leaning
    sample = prepared.opened.sample
    _check(about, knowledge, sample)
    seen = profiling.judge(prepared, target=target)
    in_time = {name.partition(COLUMN)[2] for name, answer in about.items() if answer == IN_TIME and name != RULE}
    later = {name.partition(COLUMN)[2] for name, answer in about.items() if answer == LATER and name != RULE}
    late = (set(suspected_by_name(sample, seen, text)) - in_time) | later
    proof = _rule(sample, seen, late)
    ruled_out = proof is not None and about.get(RULE) == LATER
    facts = list(holding(seen, None if ruled_out else proof, even_steps=_even_steps(sample, seen), late=late))
    found = [*said.others, *from_facts(knowledge, facts, named=names(target))]
    if proof is not None and RULE in about:
        found += _answer_evidence(knowledge.table_questions[RULE], about[RULE], proof.columns)
    scale = weighing.scale("all") if prepared.setting.glance is not None else 1.0
    (decision,) = decide(knowledge, [said._replace(others=found)], encoder=encoder, scale=scale)
    decided = decision.posterior.category
    if target is None and decided is not None and decided != max(leaning, key=lambda name: leaning[name]):
        first = seen.target
        seen = profiling.judge(profiling.leant(prepared, _sharpened(decision.posterior.probabilities, decided)))
        proof = proof if seen.target == first else None
    if proof is not None and ruled_out:
        later |= set(proof.columns)
    if target is None and _asks_for_nothing(knowledge, decision):
        seen = seen._replace(target=None)
    seen = look(sample, seen, text, glance=prepared.setting.glance, follow=prepared.setting.follow)
    seen = _answered(seen, proof if not ruled_out else None, in_time=in_time, later=later)
    built = framing.build(text, knowledge, reading, decision, profile=seen, target=seen.target, answers=answers)
    asked = _questions(knowledge, built, seen, None if ruled_out else proof, about)
    card = with_table(built, knowledge, reading, sample)
    return built._replace(card=card, questions=asked, proof=None if ruled_out else proof)


def consider(
    knowledge: "Knowledge",
    said: Said,
    table: Any,
    *,
    target: Target | None = None,
    encoder: bool = True,
    reader: "ColumnReader | None" = None,
) -> "tuple[Prepared, Said]":
    """The table read in the light of the words by `reader`, and the words with what both say together."""
    from advisor import profiling
    from advisor.profiling import weighing

    (words,) = decide(knowledge, [said], encoder=encoder)
    leaning = words.posterior.probabilities
    prepared = profiling.prepare(table, description=said.text, target=target, leaning=leaning, reader=reader)
    glance = prepared.setting.glance
    if glance is None:
        return prepared, said
    own, every = weighing.scale("reader"), weighing.scale("all")
    together = softmax({name: every * (math.log(p) + own * glance.categories[name]) for name, p in leaning.items()})
    pieces = from_glance(knowledge, glance, own)
    return profiling.leant(prepared, together), said._replace(others=[*said.others, *pieces])


def _sharpened(probabilities: Mapping[str, float], decided: str) -> dict[str, float]:
    """Probabilities of which the decided one is the larger half, so that the columns are read for it."""
    return {name: p / 2 + (name == decided) / 2 for name, p in probabilities.items()}


def _asks_for_nothing(knowledge: "Knowledge", decision: "Decision") -> bool:
    """Whether the decided task plans or steers rather than predicts a column; an effect is one on a column."""
    if decision.posterior.category != "other":
        return False
    default = knowledge.categories["other"].default_subtask
    subtask = choose_subtask(decision.posterior.evidence, "other", default, log_odds=decision.subtasks)
    return subtask not in WITH_OUTCOME


def _check(about: Mapping[str, str], knowledge: "Knowledge", sample: "pl.DataFrame") -> None:
    for name, answer in about.items():
        question, _, column = name.partition(COLUMN)
        if column and column not in sample.columns:
            raise unknown("column", column, sample.columns)
        if answer not in knowledge.table_questions[question].answers:
            raise unknown(f"answer to {question}", str(answer), knowledge.table_questions[question].answers)


def _rule(sample: "pl.DataFrame", seen: Profile, late: set[str]) -> "Proof | None":
    """A rule for the target, on columns that neither their names nor the user call later than the answer."""
    from advisor.proof import prove

    if not isinstance(seen.target, str) or seen.target not in sample.columns:
        return None
    return prove(sample.drop([name for name in late if name in sample.columns]), seen.target)


def _answered(seen: Profile, proof: "Proof | None", *, in_time: set[str], later: set[str]) -> Profile:
    """The profile with what was answered: leaks that are none, and columns that come later."""
    cleared = in_time | (set(proof.columns) if proof is not None else set())
    leaking = tuple(name for name in seen.leaking if name not in cleared or name in later)
    leaking += tuple(sorted(later - set(leaking)))
    findings = [
        each
        for each in seen.findings
        if each.id != "target_leakage" or (set(each.columns) & set(leaking) and not set(each.columns) & later)
    ]
    told = {name for each in findings if each.id == "target_leakage" for name in each.columns}
    findings += [Finding("target_leakage", (name,), "", None, NOT_IN_TIME) for name in leaking if name not in told]
    return seen._replace(leaking=leaking, findings=tuple(findings))


def _even_steps(sample: "pl.DataFrame", seen: Profile) -> bool:
    """Whether the moments, one after the other, are mostly one step apart, as in a series."""
    import numpy as np

    from advisor.facts import EVEN_STEPS
    from advisor.proof.sample import field

    if seen.time is None or seen.query is not None or seen.item is not None:
        return False
    read = field(sample[seen.time])
    if read is None or read.numbers is None:
        return False
    moments = np.unique(read.numbers[read.numbers == read.numbers])
    if moments.size < 5:
        return False
    steps = np.round(np.diff(moments), 6)
    usual = float(np.median(steps))
    return bool((np.abs(steps - usual) <= 0.12 * usual).mean() >= EVEN_STEPS)  # months have 28 to 31 days


def _answer_evidence(question: "Question", answer: str, columns: tuple[str, ...]) -> list[Evidence]:
    said = question.answers[answer]
    text = question.text.replace("{columns}", listed(columns))
    because = f"You answered “{said.text}” to “{text}”"
    return [
        Evidence("answer", category, None, strength, 0.0, said.text, None, None, question.id, because, question.why)
        for category, strength in said.points_to.items()
    ]


def _questions(
    knowledge: "Knowledge", built: Framing, seen: Profile, proof: "Proof | None", about: Mapping[str, str]
) -> tuple[Asked, ...]:
    """What to ask about columns, before what to ask about the task; while that is undecided, one of those stays."""
    asked = []
    if proof is not None and proof.exact and RULE not in about:
        asked.append(_asked(knowledge.table_questions[RULE], proof.columns, RULE))
    for name in seen.leaking:
        if f"{KNOWN}{COLUMN}{name}" not in about and (proof is None or name not in proof.columns):
            asked.append(_asked(knowledge.table_questions[KNOWN], (name,), f"{KNOWN}{COLUMN}{name}"))
    kept = MOST_QUESTIONS - (1 if built.category is None and built.questions else 0)
    return (*asked[: min(kept, MOST_ABOUT_COLUMNS)], *built.questions)[:MOST_QUESTIONS]


def _asked(question: "Question", columns: tuple[str, ...], identifier: str) -> Asked:
    answers = {name: answer.text for name, answer in question.answers.items()}
    text = question.text.replace("{columns}", listed(columns))
    return Asked(identifier, text, question.why, question.default, answers, ONE_BIT)
