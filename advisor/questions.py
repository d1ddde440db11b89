"""Which question to ask next: the one whose answer is expected to tell most.

The expected information of a question is the entropy of the categories now minus the mean entropy after its answer
(Lindley, 1956, On a Measure of the Information Provided by an Experiment). How likely a category makes an answer is
read from what the answer points to.
"""

import math
from collections.abc import Collection, Mapping
from operator import mul
from typing import NamedTuple

from advisor.posterior import ANSWER_LOG_ODDS
from taxonomy.knowledge import Knowledge
from taxonomy.schema import Question

MOST_QUESTIONS = 3
CATEGORIES_LOOKED_AT = 3
LEAST_INFORMATION = 0.05  # bits; below it a question wastes the user's time


class Asked(NamedTuple):
    """A question to the user: `answers` maps the id of each possible answer to its text."""

    id: str
    text: str
    why: str
    default: str
    answers: dict[str, str]
    information: float  # expected, in bits


def choose(
    knowledge: Knowledge, probabilities: Mapping[str, float], *, answered: Collection[str] = ()
) -> tuple[Asked, ...]:
    """At most three questions, the most telling first: of those that tell all categories apart, and those that tell
    the likeliest ones from their neighbours.

    >>> from taxonomy.knowledge import load
    >>> len(choose(load(), dict.fromkeys(load().categories, 1 / 9)))
    3
    """
    likeliest = sorted(probabilities, key=lambda name: -probabilities[name])[:CATEGORIES_LOOKED_AT]
    names = [name for group in ("", *likeliest) for name in knowledge.asked[group] if name not in answered]
    information = {name: expected_information(knowledge.questions[name], probabilities) for name in names}
    telling = [name for name in names if information[name] >= LEAST_INFORMATION]
    chosen = sorted(telling, key=lambda name: -information[name])[:MOST_QUESTIONS]
    return tuple(_asked(knowledge.questions[name], information[name]) for name in chosen)


def _asked(question: Question, information: float) -> Asked:
    answers = {name: answer.text for name, answer in question.answers.items()}
    return Asked(question.id, question.text, question.why, question.default, answers, information)


def expected_information(question: Question, probabilities: Mapping[str, float]) -> float:
    """By how many bits the answer to `question` is expected to lower the entropy over the categories."""
    likely, spread = _likelihoods(question, tuple(probabilities))
    p = tuple(probabilities.values())
    # By symmetry this is the entropy of the answer less its mean entropy where the category is known.
    information: float = _entropy([sum(map(mul, p, row)) for row in likely]) - sum(map(mul, p, spread))
    return information


_ODDS: dict[str | None, float] = {None: 1.0, **{word: math.exp(value) for word, value in ANSWER_LOG_ODDS.items()}}
_KNOWN: dict[tuple[str, tuple[str, ...]], tuple[Question, list[list[float]], list[float]]] = {}


def _likelihoods(question: Question, categories: tuple[str, ...]) -> tuple[list[list[float]], list[float]]:
    """How likely each answer is in each category, a row an answer, and the entropy of each column; worked out once."""
    known = _KNOWN.get((question.id, categories))
    if known is None or known[0] is not question:
        odds = [[_ODDS[answer.points_to.get(name)] for name in categories] for answer in question.answers.values()]
        totals = [sum(column) for column in zip(*odds, strict=True)]
        rows = [[value / total for value, total in zip(row, totals, strict=True)] for row in odds]
        spread = [_entropy(column) for column in zip(*rows, strict=True)]
        known = _KNOWN[question.id, categories] = question, rows, spread
    return known[1], known[2]


def _entropy(probabilities: Collection[float]) -> float:
    return -sum(p * math.log2(p) for p in probabilities if p > 0)
