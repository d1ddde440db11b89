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
    """One rule, answer, fact of a table, clause or worked case that speaks about one category.

    `start` and `end` are offsets of `quote` in the description, in Unicode code points, end exclusive; both are None
    when no words of the description are quoted. `weight` is what the evidence adds to the category's log-odds; where
    the strength is all that is known it is 0 until the posterior has weighed it. With a `subtask` it decides only
    among the sub-tasks of its category.
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

    def weighing(self, weight: float) -> "Evidence":
        """The same with another weight; `_replace` takes three times as long, and every piece is weighed."""
        source, category, subtask, strength, _, quote, start, end, rule, because, reference = self
        return Evidence(source, category, subtask, strength, weight, quote, start, end, rule, because, reference)


def from_reading(knowledge: Knowledge, reading: Reading) -> list[Evidence]:
    """The evidence of a text: one piece for each category and sub-task that a fired rule points to.

    The weights are those fitted to the worked cases; a rule that is newer than the fit has only its words.
    """
    found = []
    for rule, quote, start, end, _ in reading.fired:
        weights = knowledge.weights.get(rule.id) or {}
        because = rule.because.replace("{quote}", quote)
        for pointing in (rule.points_to, rule.subtasks):
            for target, strength in pointing.items():
                category, _, subtask = target.partition("/")
                weight = weights.get(target, 0.0)
                found.append(
                    Evidence(
                        "text",
                        category,
                        subtask or None,
                        strength,
                        weight,
                        quote,
                        start,
                        end,
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
        because = f"You answered “{answer.text}” to “{question.text}”"
        for target, strength in (*answer.points_to.items(), *answer.subtasks.items()):
            category, _, subtask = target.partition("/")
            found.append(
                Evidence(
                    source="answer",
                    category=category,
                    subtask=subtask or None,
                    strength=strength,
                    weight=0.0,
                    quote=answer.text,
                    start=None,
                    end=None,
                    rule=question_id,
                    because=because,
                    reference=question.why,
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
