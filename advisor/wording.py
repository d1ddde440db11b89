"""What each word says by itself: log-odds of the categories and sub-tasks, fitted to the worked cases.

A description is taken as the set of its words, scaled to about length one, and all log-odds are linear in it: logistic
regression on a bag of words (Joachims, 1998, Text Categorization with Support Vector Machines, section 3). Word order
is left to the rules and the encoder; but most words that a rule would name say something, and so do thousands that
nobody thought of. `python -m advisor.train` fits the numbers and writes wording.json; only plain Python reads it.
"""

import os
import sys
from array import array
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from taxonomy.tokens import Tokens

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wording.json")
NUMBER = "0"  # stands for every word that begins with a digit
CATEGORIES = ""  # the group of outcomes that are categories; sub-tasks are of the group of their category
LANE = array("I").itemsize  # bytes that a sum of weights of one outcome may take
LIFT = 128  # added to each weight in a lane, so that none is negative
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
        weights, share = self.wording.weights[CATEGORIES], self.wording.share(len(rows))
        said = [
            weights.added(rows[bisect_left(places, start) : bisect_left(places, end)], share) for start, end in spans
        ]
        return {
            name: list(column)
            for name, column in zip(weights.outcomes, zip(*said, strict=True), strict=False)
            if name in categories
        }

    def subtasks(self, category: str) -> dict[str, float]:
        """Log-odds of the category's sub-tasks among themselves, by "category/subtask"."""
        if self.wording is None:
            return {}
        return self.wording.log_odds(category, self.first)


SILENT = Words(None, {}, {})  # of a text of which nothing is known


class Weights(dict[int, int]):
    """The weights of some outcomes: those of each word stand side by side in one number, so that one sum adds them all.

    >>> weights = Weights({"a": [1, -2], "b": [3, 4]})
    >>> weights.outcomes, weights.added([0, 1], 0.5)
    (['a', 'b'], [-0.5, 3.5])
    """

    def __init__(self, columns: Mapping[str, Sequence[int]]) -> None:
        """Take the weights of each outcome, one a word; a number is made when its word is first met."""
        self.outcomes = list(columns)
        self._columns = list(columns.values())

    def __missing__(self, row: int) -> int:
        lanes = array("I", [column[row] + LIFT for column in self._columns])
        number = self[row] = int.from_bytes(lanes.tobytes(), sys.byteorder)
        return number

    def added(self, rows: Collection[int], share: float) -> list[float]:
        """What the words in `rows` add to each outcome when one unit of a weight is worth `share`."""
        total = sum(map(self.__getitem__, rows)).to_bytes(len(self._columns) * LANE, sys.byteorder)
        lift = LIFT * len(rows)
        return [(lane - lift) * share for lane in memoryview(total).cast("I")]


class Wording:
    """The fitted numbers, one byte for each word and outcome. Threads may share one."""

    def __init__(self, facts: dict[str, Any]) -> None:
        """Take the numbers as wording.json holds them."""
        import base64

        names: list[str] = facts["outcomes"]
        self._rows = {word: row for row, word in enumerate(facts["words"].split(" "))}
        count = len(self._rows)
        numbers = memoryview(base64.b64decode(facts["weights"])).cast("b")
        groups: dict[str, dict[str, memoryview[int]]] = {CATEGORIES: {}}  # and category -> its sub-tasks
        for place, name in enumerate(names):
            group = name.partition("/")[0] if "/" in name else CATEGORIES
            groups.setdefault(group, {})[name] = numbers[place * count : (place + 1) * count]
        self.weights = {group: Weights(columns) for group, columns in groups.items()}
        self._scale: float = facts["scale"]

    def read(self, tokens: Tokens, negated: Sequence[bool]) -> Words:
        """What the words of a text say; one that is negated, as `negated` tells of each, says nothing."""
        rows = self._rows
        first: dict[int, int] = {}
        for word, start, off in zip(tokens.words, tokens.starts, negated, strict=True):
            row = None if off else rows.get(NUMBER if word[0].isdigit() else word)
            if row is not None and row not in first:
                first[row] = start
        return Words(self, first, self.log_odds(CATEGORIES, first))

    def log_odds(self, group: str, rows: Collection[int]) -> dict[str, float]:
        """What the known words of a text say of the categories, or of the sub-tasks of one."""
        weights = self.weights.get(group)
        return (
            {}
            if weights is None
            else dict(zip(weights.outcomes, weights.added(rows, self.share(len(rows))), strict=True))
        )

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
