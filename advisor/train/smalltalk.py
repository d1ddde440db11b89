"""What tells small talk from the matter (taxonomy/smalltalk.py), fitted to lines of it and to the worked cases."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from advisor.train.cases import Item
from advisor.train.variation import ASIDES, BEHIND, GREETINGS
from taxonomy import smalltalk
from taxonomy.tokens import tokenize

TALK = Path(__file__).with_name("smalltalk.txt")  # lines by two hands
LEAST_SENTENCES = 2  # in which a feature must stand
MOST = 3_000  # features that are kept: more told no better on the held-out batches
STRENGTH = 10.0  # of the fit against the pull of all weights to zero


def fit(items: Iterable[Item]) -> dict[str, float]:
    """The weight of each feature, and of none ("")."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    lines = [*TALK.read_text(encoding="utf-8").splitlines(), *ASIDES.read_text(encoding="utf-8").splitlines()]
    talk = [words for line in (*lines, *GREETINGS, *BEHIND) for words in cut(line)]
    matter = [words for item in items if item.category for words in cut(item.text)]
    given, truth = [*talk, *matter], np.repeat([1, 0], [len(talk), len(matter)])
    counts = CountVectorizer(analyzer=smalltalk.features, min_df=LEAST_SENTENCES)
    table = counts.fit_transform(given)
    names = counts.get_feature_names_out()
    weight = LogisticRegression(C=STRENGTH, max_iter=2_000).fit(_scaled(table), truth).coef_[0]
    said = np.abs(weight) * np.sqrt(np.asarray(table.sum(axis=0)).ravel())
    kept = np.sort(np.argsort(-said, kind="stable")[:MOST])
    last = LogisticRegression(C=STRENGTH, max_iter=2_000).fit(_scaled(table[:, kept]), truth)
    weights = dict(zip(names[kept].tolist(), last.coef_[0].round(3).tolist(), strict=True))
    return {"": round(float(last.intercept_[0]), 3), **weights}


def _scaled(table: Any) -> Any:
    """A table of counts with the share that each feature of a sentence has (smalltalk.log_odds)."""
    from scipy.sparse import diags

    return diags((np.asarray(table.sum(axis=1)).ravel() + smalltalk.DAMPING) ** -0.5) @ table


def cut(text: str) -> Sequence[list[str]]:
    """The words of each sentence.

    >>> cut("Hello. Who pays?")
    [['hello'], ['who', 'pays']]
    """
    tokens, found = tokenize(text), dict[int, list[str]]()
    for word, sentence in zip(tokens.words, tokens.sentences, strict=True):
        found.setdefault(sentence, []).append(word)
    return list(found.values())


def write(weights: dict[str, float], path: Path = Path(smalltalk.FILE)) -> None:
    """Write one feature a line."""
    path.write_text(json.dumps(weights, indent=0, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
