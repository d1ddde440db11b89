"""Evidence: each thing that speaks for or against a category, and where it stands in the user's words."""

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from advisor.errors import UsageError
from taxonomy.knowledge import Knowledge
from taxonomy.reading import Reading
from taxonomy.schema import Strength

MOST_CHARACTERS_SHOWN = 60  # of an unknown name; nobody misspells more
MOST_NAMES_LISTED = 12

Source = Literal["text", "table", "answer", "case"]


class Evidence(NamedTuple):
    """One rule or answer that speaks about one category.

    `start` and `end` are offsets of `quote` in the description, in Unicode code points, end exclusive; both are None
    when the source is not the text. `weight` is what the evidence adds to the category's log-odds (0 until the
    posterior has weighed it). With a `subtask` it decides only among the sub-tasks of its category.
    """

    source: Source
    category: str
    subtask: str | None
    strength: Strength
    weight: float
    quote: str
    start: int | None
    end: int | None
    rule: str
    because: str
    reference: str


def from_reading(reading: Reading) -> list[Evidence]:
    """The evidence of a text: one piece for each category and sub-task that a fired rule points to."""
    found = []
    for fired in reading.fired:
        rule = fired.rule
        for target, strength in (*rule.points_to.items(), *rule.subtasks.items()):
            category, _, subtask = target.partition("/")
            because = rule.because.replace("{quote}", fired.quote)
            found.append(
                Evidence(
                    "text",
                    category,
                    subtask or None,
                    strength,
                    0.0,
                    fired.quote,
                    fired.start,
                    fired.end,
                    rule.id,
                    because,
                    rule.source,
                )
            )
    return found


def from_answers(knowledge: Knowledge, answers: Mapping[str, str]) -> list[Evidence]:
    """The evidence of answered questions.

    Raises:
        UsageError: not a mapping of texts to texts, no such question, or no such answer to it.
    """
    if not isinstance(answers, Mapping) or not all(isinstance(text, str) for pair in answers.items() for text in pair):
        raise UsageError("the answers are no mapping of texts; pass a dict of question id -> answer id")
    found = []
    for question_id, answer_id in answers.items():
        question = knowledge.questions.get(question_id)
        if question is None:
            raise unknown("question", question_id, knowledge.questions)
        answer = question.answers.get(answer_id)
        if answer is None:
            raise unknown(f"answer to {question_id}", answer_id, question.answers)
        for target, strength in (*answer.points_to.items(), *answer.subtasks.items()):
            category, _, subtask = target.partition("/")
            because = f"You answered “{answer.text}” to “{question.text}”"
            found.append(
                Evidence(
                    "answer",
                    category,
                    subtask or None,
                    strength,
                    0.0,
                    answer.text,
                    None,
                    None,
                    question_id,
                    because,
                    question.why,
                )
            )
    return found


def unknown(what: str, name: str, known: Collection[str]) -> UsageError:
    """The error for a name that does not exist, with the nearest one that does.

    >>> print(unknown("category", "regresion", ["regression", "ranking"]))
    there is no category 'regresion'; did you mean 'regression'?
    """
    import difflib

    shown = name if len(name) <= MOST_CHARACTERS_SHOWN else name[:MOST_CHARACTERS_SHOWN] + "…"
    close = difflib.get_close_matches(shown, known, n=1)
    names = [*known][:MOST_NAMES_LISTED] + ["…"] * (len(known) > MOST_NAMES_LISTED)
    remedy = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(names)}"
    return UsageError(f"there is no {what} {shown!r}; {remedy}", public=f"there is no such {what}; {remedy}")
