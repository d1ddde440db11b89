"""Fitted weights of what speaks for a column: weights.json, which `python -m advisor.train --tables` writes.

Each judgement (is it the target, does it leak) has named traits with a weight each. The prior is what was set by hand;
the weight is the prior moved by the worked tables as far as they speak.
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
def weights(judgement: Judgement) -> Mapping[str, float]:
    """Trait -> weight in log-odds.

    >>> weights("target")["label"] > 0
    True
    """
    return {name: numbers["weight"] for name, numbers in _read()[judgement]["traits"].items()}


@lru_cache(maxsize=4)
def priors(judgement: Judgement) -> Mapping[str, float]:
    """Trait -> the weight that was set by hand."""
    return {name: numbers["prior"] for name, numbers in _read()[judgement]["traits"].items()}


@lru_cache(maxsize=4)
def threshold(judgement: Judgement) -> float:
    """The score from which the judgement is made."""
    return float(_read()[judgement]["threshold"])
