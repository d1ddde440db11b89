"""Evidence -> probabilities: the one place where a word of the knowledge base becomes a number.

Each piece of evidence adds to the log-odds of its category (Good, 1950, Probability and the Weighing of Evidence). The
weight of a rule is fitted to the worked cases, with its word as the prior (`python -m advisor.train`), so that rules
that say the same thing twice share their weight. An answer of the user and a fact of the table have only their word.

Two ways of reckoning. Rules and single words alone, where they are sure: above `Reckoning.sure` they were right in at
least 98 of 100 worked cases, each judged by weights that had not seen its batch. Otherwise the encoder's impression is
added. The scales of all sources were fitted on held-out batches. What an answer counts was set by hand: a strong one
outweighs everything that phrases usually add up to.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from advisor.evidence import Evidence, Source
from taxonomy.knowledge import Knowledge
from taxonomy.schema import Strength

LOG_ODDS: dict[Strength, float] = {"strong": 2.4, "medium": 1.6, "weak": 0.5, "against": -1.2}
ANSWER_LOG_ODDS: dict[Strength, float] = {"strong": 6.0, "medium": 2.5, "weak": 0.8, "against": -2.5}
WORDS: dict[Source, dict[Strength, float]] = {  # a user who answers says more than a phrase that was found
    "text": LOG_ODDS,
    "case": LOG_ODDS,
    "table": LOG_ODDS,
    "answer": ANSWER_LOG_ODDS,
}
DEFAULT_SUBTASK = 0.25  # log-odds that a category's default sub-task has before anything is said


class Scales(NamedTuple):
    """What the log-odds of each source are multiplied by before they are added up; 0 where it is not asked."""

    rules: float = 1.0
    words: float = 0.0
    encoder: float = 0.0
    neighbours: float = 0.0  # log-odds that all nearest cases together give
    subtask_rules: float = 1.0  # the same among the sub-tasks of a category
    subtask_words: float = 0.0
    subtask_encoder: float = 0.0


class Reckoning(NamedTuple):
    """Numbers fitted to the worked cases."""

    alone: Scales = Scales()  # where rules and words decide without the encoder
    sure: float = 1.0  # probability from which they do; 1 is never
    together: Scales = Scales(encoder=1.0, neighbours=1.0, subtask_encoder=1.0)
    least: float = 0.3  # probability below which nothing is decided
    least_margin: float = 0.01  # by which the first must lead the second


RECKONING = "reckoning"  # where the fitted weights keep these numbers


class Posterior(NamedTuple):
    """The probability of each category, the weighed evidence, and the answer; `category` is None when undecided."""

    probabilities: dict[str, float]  # sums to 1
    evidence: tuple[Evidence, ...]  # strongest first
    category: str | None
    why_undecided: str


def told(numbers: Mapping[str, Any]) -> Reckoning:
    """The numbers as weights.json holds them.

    >>> told({"sure": 0.99, "alone": {"rules": 0.5}}).alone.rules
    0.5
    """
    scales = {name: Scales(**numbers[name]) for name in ("alone", "together") if name in numbers}
    return Reckoning(**{**numbers, **scales})


_UNFITTED: dict[str, Any] = {}
_last: tuple[Mapping[str, Any], Reckoning] = (_UNFITTED, told(_UNFITTED))  # what was asked for last


def reckoning(knowledge: Knowledge) -> Reckoning:
    """The numbers that were fitted together with the weights of the rules, built once while a program knows the same.

    >>> from taxonomy.knowledge import load
    >>> reckoning(load()) is reckoning(load())
    True
    """
    global _last
    numbers = knowledge.weights.get(RECKONING, _UNFITTED)
    known, made = _last
    if known is not numbers:  # `_last` holds the numbers, so no others can come to stand at their address
        made = told(numbers)
        _last = numbers, made
    return made


def scaled(evidence: Iterable[Evidence], scale: float, *, subtasks: float | None = None) -> list[Evidence]:
    """The evidence with its weights, words made numbers, times `scale` (`subtasks` where it is about a sub-task)."""
    found = []
    for piece in evidence:
        weight = piece.weight or WORDS[piece.source][piece.strength]
        weight *= scale if piece.subtask is None or subtasks is None else subtasks
        found.append(piece if weight == piece.weight else piece.weighing(weight))
    return found


def weigh(
    evidence: Iterable[Evidence], categories: Sequence[str], *, least: float = 0.3, least_margin: float = 0.02
) -> Posterior:
    """The posterior of `evidence` over `categories`, from equal odds.

    Args:
        evidence: pieces; the weight of one that has none is that of its word.
        categories: all that can be the answer.
        least: probability below which nothing is decided.
        least_margin: by how much the first must lead the second.

    >>> weigh([], ["a", "b"]).probabilities
    {'a': 0.5, 'b': 0.5}
    """
    weighed = scaled(evidence, 1.0)
    weighed.sort(key=lambda piece: -abs(piece.weight))
    log_odds = dict.fromkeys(categories, 0.0)
    add(log_odds, weighed)
    probabilities = softmax(log_odds)
    first, second = sorted(probabilities, key=lambda category: -probabilities[category])[:2]
    why_undecided = ""
    if probabilities[first] < least or not any(piece.weight > 0 and piece.subtask is None for piece in weighed):
        why_undecided = "Nothing in the description says clearly what should come out."
    elif probabilities[first] - probabilities[second] < least_margin:
        why_undecided = f"The description speaks for {first} and for {second} almost equally."
    return Posterior(probabilities, tuple(weighed), None if why_undecided else first, why_undecided)


def add(log_odds: dict[str, float], evidence: Iterable[Evidence], scale: float = 1.0) -> None:
    """Add to the log-odds of each category `scale` times what the pieces say; those about a sub-task say nothing.

    >>> log_odds = {"a": 0.0, "b": 0.0}
    >>> add(log_odds, [Evidence("text", "a", None, "strong", 0.5, "", None, None, "rule", "", "")], 3.0)
    >>> log_odds
    {'a': 1.5, 'b': 0.0}
    """
    for piece in evidence:
        if piece.subtask is None:
            log_odds[piece.category] += scale * (piece.weight or WORDS[piece.source][piece.strength])


def softmax(log_odds: Mapping[str, float]) -> dict[str, float]:
    """Probabilities in proportion to exp(log-odds).

    >>> softmax({"a": 0.0, "b": 0.0})
    {'a': 0.5, 'b': 0.5}
    """
    highest = max(log_odds.values())
    odds = {name: math.exp(value - highest) for name, value in log_odds.items()}
    total = sum(odds.values())
    return {name: value / total for name, value in odds.items()}


def choose_subtask(
    evidence: Iterable[Evidence], category: str, default: str, *, log_odds: Mapping[str, float] | None = None
) -> str:
    """The sub-task of `category` for which most has been said; its default when nothing has.

    Args:
        log_odds: what words and encoder say of each "category/subtask".

    >>> choose_subtask([], "regression", "tabular")
    'tabular'
    """
    scores = {default: DEFAULT_SUBTASK}
    own = f"{category}/"
    for name, value in (log_odds or {}).items():
        if name.startswith(own):
            subtask = name.removeprefix(own)
            scores[subtask] = scores.get(subtask, 0.0) + value
    for piece in evidence:
        if piece.category == category and piece.subtask is not None:
            scores[piece.subtask] = scores.get(piece.subtask, 0.0) + piece.weight
    return max(scores, key=lambda name: scores[name])
