"""Evidence: each thing that speaks for or against a category, and where it stands in the user's words."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from advisor.errors import UsageError
from taxonomy.knowledge import Knowledge
from taxonomy.reading import Reading
from taxonomy.schema import Strength

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
        UsageError: there is no such question, or no such answer to it.
    """
    found = []
    for question_id, answer_id in answers.items():
        question = knowledge.questions.get(question_id)
        if question is None:
            raise UsageError(unknown("question", question_id, knowledge.questions))
        answer = question.answers.get(answer_id)
        if answer is None:
            raise UsageError(unknown(f"answer to {question_id}", answer_id, question.answers))
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


def unknown(what: str, name: str, known: Mapping[str, object]) -> str:
    """The message for a name that does not exist, with the nearest one that does."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1)
    return f"there is no {what} {name!r}; " + (
        f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
    )
