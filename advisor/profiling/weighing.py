"""Fitted weights of what speaks for a column: weights.json, which `python -m advisor.train --tables` writes.

Each judgement (is it the target, does it leak) has named traits with a weight each. The prior is what was set by hand;
the weights are the prior moved by the worked tables as far as they speak: "alone" where the column reader was not
asked, "together" beside its voice.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

FILE = Path(__file__).with_name("weights.json")
Judgement = Literal["target", "leak"]


@lru_cache(maxsize=1)
def _read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


@lru_cache(maxsize=4)
def weights(judgement: Judgement, *, read: bool) -> Mapping[str, float]:
    """Trait -> weight in log-odds, where the column reader has `read` the table, or has not.

    >>> weights("target", read=False)["label"] > 0
    True
    """
    return {name: numbers[_side(read)] for name, numbers in _read()[judgement]["traits"].items()}


@lru_cache(maxsize=4)
def priors(judgement: Judgement) -> Mapping[str, float]:
    """Trait -> the weight that was set by hand."""
    return {name: numbers["prior"] for name, numbers in _read()[judgement]["traits"].items()}


def forget() -> None:
    """Read the numbers anew when they are asked for next, since the file has changed."""
    for each in (_read, weights, priors, threshold):
        each.cache_clear()


def scale(voice: Literal["reader", "all"]) -> float:
    """What log-odds of the task are multiplied by where the column reader is asked: its own, before they are added to
    the rest, and then all of them, since what several voices say of one text is said more than once.
    """
    return float(_read()["task"][voice])


@lru_cache(maxsize=4)
def threshold(judgement: Judgement, *, read: bool) -> float:
    """The score from which the judgement is made, where the column reader has `read` the table, or has not."""
    return float(_read()[judgement]["thresholds"][_side(read)])


def _side(read: bool) -> Literal["alone", "together"]:
    return "together" if read else "alone"
