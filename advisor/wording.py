"""What each word says by itself: log-odds of the categories and sub-tasks, fitted to the worked cases.

A description is taken as the set of its words, scaled to about length one, and all log-odds are linear in it: logistic
regression on a bag of words (Joachims, 1998, Text Categorization with Support Vector Machines, section 3). Word order
is left to the rules and the encoder; but most words that a rule would name say something, and so do thousands that
nobody thought of. `python -m advisor.train` fits the numbers and writes wording.json; only plain Python reads it.
"""

import os
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from taxonomy.tokens import Tokens

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wording.json")
NUMBER = "0"  # stands for every word that begins with a digit
SILENCE = 6  # words that say nothing, which every text is taken to hold beside its own: few words are no certainty


def known_as(word: str) -> str:
    """Under which name a normalised word is looked up.

    >>> known_as("1,000"), known_as("hours")
    ('0', 'hours')
    """
    return NUMBER if word[0].isdigit() else word


def value(count: int) -> float:
    """What each of `count` known words is worth.

    >>> value(58)
    0.125
    """
    return float((count + SILENCE) ** -0.5)


class Words(NamedTuple):
    """What the words of one text say; `first` maps each known word's row to where it first stands.

    `logits` are log-odds of the categories and sum to about zero.
    """

    wording: "Wording | None"
    first: dict[int, int]
    logits: dict[str, float]

    def added(self, categories: Sequence[str], spans: Sequence[tuple[int, int]]) -> dict[str, list[float]]:
        """What the words that first stand in each span add to each category's log-odds: a number a span."""
        if self.wording is None:
            return {category: [0.0] * len(spans) for category in categories}
        rows, places = list(self.first), list(self.first.values())  # places rise, as words are met in their order
        inside = [rows[bisect_left(places, start) : bisect_left(places, end)] for start, end in spans]
        columns, share = self.wording.columns, self.wording.share(len(rows))
        return {
            category: [sum(map(columns[category].__getitem__, known)) * share for known in inside]
            for category in categories
        }

    def subtasks(self, category: str) -> dict[str, float]:
        """Log-odds of the category's sub-tasks among themselves, by "category/subtask"."""
        if self.wording is None:
            return {}
        return self.wording.log_odds(self.wording.subtasks.get(category, ()), self.first)


SILENT = Words(None, {}, {})  # of a text of which nothing is known


class Wording:
    """The fitted numbers, one byte for each word and outcome. Threads may share one."""

    def __init__(self, facts: dict[str, Any]) -> None:
        """Take the numbers as wording.json holds them."""
        import base64

        names: list[str] = facts["outcomes"]
        self._rows = {word: row for row, word in enumerate(facts["words"].split(" "))}
        count = len(self._rows)
        numbers = memoryview(base64.b64decode(facts["weights"])).cast("b")
        self.columns = {name: numbers[place * count : (place + 1) * count] for place, name in enumerate(names)}
        self._scale: float = facts["scale"]
        self.categories = [name for name in names if "/" not in name]
        self.subtasks = {
            category: [name for name in names if name.startswith(f"{category}/")] for category in self.categories
        }

    def read(self, tokens: Tokens, negated: Sequence[bool]) -> Words:
        """What the words of a text say; one that is negated, as `negated` tells of each, says nothing."""
        rows = self._rows
        first: dict[int, int] = {}
        for word, start, off in zip(tokens.words, tokens.starts, negated, strict=True):
            row = None if off else rows.get(NUMBER if word[0].isdigit() else word)
            if row is not None and row not in first:
                first[row] = start
        return Words(self, first, self.log_odds(self.categories, first))

    def log_odds(self, outcomes: Sequence[str], rows: dict[int, int]) -> dict[str, float]:
        """What the words in `rows` say of each outcome."""
        share = self.share(len(rows))
        return {name: sum(map(self.columns[name].__getitem__, rows)) * share for name in outcomes}

    def share(self, count: int) -> float:
        """What one unit of a weight is worth in a text of `count` known words."""
        return self._scale * value(count)


@lru_cache(maxsize=1)
def load() -> Wording:
    """The numbers that stand beside this module.

    >>> from taxonomy.tokens import tokenize
    >>> tokens = tokenize("How many hours will it take?")
    >>> said = load().read(tokens, [False] * len(tokens.words)).logits
    >>> max(said, key=said.get)
    'regression'
    """
    import json

    with open(FILE, encoding="utf-8") as file:
        return Wording(json.load(file))
