"""Evidence -> probabilities: the one place where a word of the knowledge base becomes a number.

Each piece of evidence adds to the log-odds of its category (Good, 1950, Probability and the Weighing of Evidence).
Rules are not independent ("forecast" and "forecast the demand" are one thought), so the second piece for a category
counts less than the first, the third less again. The numbers below were tried on half of the held worked cases of the
knowledge base and checked on the rest (`python tests/benchmarks/framing.py --choose`), where a wrong answer costs
half of what a right one brings.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from advisor.evidence import Evidence

LOG_ODDS = {"strong": 2.4, "medium": 1.6, "weak": 0.5, "against": -1.2}
DISCOUNT = 0.7  # the k-th strongest piece for a category counts DISCOUNT ** k of its word, k from 0
TEMPERATURE = 0.8  # below 1: several pieces that agree are surer than their discounted sum says
LEAST_EVIDENCE = 0.6  # log-odds that the leading category must have gathered; more than one weak word
LEAST_MARGIN = 0.15  # log-odds by which it must lead
DEFAULT_SUBTASK = 0.25  # log-odds that a category's default sub-task has before anything is said


class Posterior(NamedTuple):
    """The probability of each category, the weighed evidence, and the answer; `category` is None when undecided."""

    probabilities: dict[str, float]  # sums to 1
    evidence: tuple[Evidence, ...]  # strongest first
    category: str | None
    why_undecided: str


def weigh(evidence: Iterable[Evidence], categories: Sequence[str]) -> Posterior:
    """The posterior of `evidence` over `categories`, from equal odds.

    >>> weigh([], ["a", "b"]).probabilities
    {'a': 0.5, 'b': 0.5}
    """
    weighed = _discounted(evidence)
    log_odds = dict.fromkeys(categories, 0.0)
    for piece in weighed:
        if piece.subtask is None:
            log_odds[piece.category] += piece.weight
    order = sorted(log_odds, key=lambda category: -log_odds[category])
    first, second = log_odds[order[0]], log_odds[order[1]]
    why_undecided = ""
    if first < LEAST_EVIDENCE:
        why_undecided = "Nothing in the description says clearly what should come out."
    elif first - second < LEAST_MARGIN:
        why_undecided = f"The description speaks for {order[0]} and for {order[1]} almost equally."
    return Posterior(softmax(log_odds), tuple(weighed), None if why_undecided else order[0], why_undecided)


def softmax(log_odds: dict[str, float]) -> dict[str, float]:
    """Probabilities in proportion to exp(log-odds / temperature).

    >>> softmax({"a": 0.0, "b": 0.0})
    {'a': 0.5, 'b': 0.5}
    """
    highest = max(log_odds.values())
    odds = {name: math.exp((value - highest) / TEMPERATURE) for name, value in log_odds.items()}
    total = sum(odds.values())
    return {name: value / total for name, value in odds.items()}


def _discounted(evidence: Iterable[Evidence]) -> list[Evidence]:
    """The evidence with its weights, strongest first; pieces for and against the same thing are discounted apart."""
    order = sorted(evidence, key=lambda piece: -abs(LOG_ODDS[piece.strength]))
    seen: dict[tuple[str, str | None, bool], int] = {}
    weighed = []
    for piece in order:
        value = LOG_ODDS[piece.strength]
        key = (piece.category, piece.subtask, value > 0)
        rank = seen[key] = seen.get(key, -1) + 1
        weighed.append(piece._replace(weight=value * DISCOUNT**rank))
    weighed.sort(key=lambda piece: -abs(piece.weight))
    return weighed


def choose_subtask(evidence: Iterable[Evidence], category: str, default: str) -> str:
    """The sub-task of `category` for which most has been said; its default when nothing has.

    >>> choose_subtask([], "regression", "tabular")
    'tabular'
    """
    scores = {default: DEFAULT_SUBTASK}
    for piece in evidence:
        if piece.category == category and piece.subtask is not None:
            scores[piece.subtask] = scores.get(piece.subtask, 0.0) + piece.weight
    return max(scores, key=lambda name: scores[name])
