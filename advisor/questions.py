"""Which question to ask next: the one whose answer is expected to tell most.

The expected information of a question is the entropy of the categories now minus the mean entropy after its answer
(Lindley, 1956, On a Measure of the Information Provided by an Experiment). How likely a category makes an answer is
read from what the answer points to.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from operator import mul
from typing import NamedTuple

from advisor.posterior import ANSWER_LOG_ODDS
from taxonomy.knowledge import Knowledge
from taxonomy.schema import Question

MOST_QUESTIONS = 3
CATEGORIES_LOOKED_AT = 3
LEAST_INFORMATION = 0.05  # bits; below it a question wastes the user's time
_ROUNDING = 1e-9  # bits


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
    categories, p = tuple(probabilities), tuple(probabilities.values())
    told = [_told(knowledge.questions[name], categories) for name in names]
    likeliest_place = categories.index(likeliest[0])
    most = [sum(map(mul, p, each.apart[likeliest_place])) for each in told]
    found: list[tuple[float, int]] = []  # information, negative, and place
    for place in sorted(range(len(names)), key=lambda place: -most[place]):
        least = -found[MOST_QUESTIONS - 1][0] if len(found) >= MOST_QUESTIONS else LEAST_INFORMATION
        if most[place] + _ROUNDING < least:
            break  # the others cannot tell more
        information = _information(told[place], p)
        if information >= LEAST_INFORMATION:
            found.append((-information, place))
            found.sort()
    chosen = found[:MOST_QUESTIONS]
    return tuple(_asked(knowledge.questions[names[place]], -information) for information, place in chosen)


def _asked(question: Question, information: float) -> Asked:
    answers = {name: answer.text for name, answer in question.answers.items()}
    return Asked(question.id, question.text, question.why, question.default, answers, information)


def expected_information(question: Question, probabilities: Mapping[str, float]) -> float:
    """By how many bits the answer to `question` is expected to lower the entropy over the categories."""
    return _information(_told(question, tuple(probabilities)), tuple(probabilities.values()))


def _information(told: "_Told", p: Sequence[float]) -> float:
    # By symmetry this is the entropy of the answer less its mean entropy where the category is known.
    information: float = _entropy([sum(map(mul, p, row)) for row in told.likely]) - sum(map(mul, p, told.spread))
    return information


class _Told(NamedTuple):
    """What a question tells: how likely each answer is in each category, a row an answer.

    `spread` is the entropy of each column. `apart[c]` are the divergences of all columns from that of category c
    (Kullback and Leibler, 1951, On Information and Sufficiency); their mean is never less than the information.
    """

    question: Question
    likely: list[list[float]]
    spread: list[float]
    apart: list[list[float]]


_ODDS: dict[str | None, float] = {None: 1.0, **{word: math.exp(value) for word, value in ANSWER_LOG_ODDS.items()}}
_KNOWN: dict[tuple[str, ...], dict[str, _Told]] = {}  # categories -> question -> what it tells


def _told(question: Question, categories: tuple[str, ...]) -> _Told:
    """What a question tells about the categories; worked out once."""
    known = _KNOWN.setdefault(categories, {}).get(question.id)
    if known is None or known.question is not question:
        odds = [[_ODDS[answer.points_to.get(name)] for name in categories] for answer in question.answers.values()]
        totals = [sum(column) for column in zip(*odds, strict=True)]
        rows = [[value / total for value, total in zip(row, totals, strict=True)] for row in odds]
        columns = list(zip(*rows, strict=True))
        apart = [[_divergence(column, other) for column in columns] for other in columns]
        known = _Told(question, rows, [_entropy(column) for column in columns], apart)
        _KNOWN[categories][question.id] = known
    return known


def _divergence(column: Sequence[float], other: Sequence[float]) -> float:
    return sum(p * math.log2(p / q) for p, q in zip(column, other, strict=True))


def _entropy(probabilities: Collection[float]) -> float:
    return -sum(p * math.log2(p) for p in probabilities if p > 0)
