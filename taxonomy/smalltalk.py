"""Small talk: the sentences before and behind a matter that greet, excuse, introduce or chat, and say nothing of it.

A sentence is small talk where its words and pairs of neighbouring words say so together: log-odds by logistic
regression (Joachims, 1998, Text Categorization with Support Vector Machines, section 3, for words as features), in
smalltalk.json, which `python -m advisor.train --words` fits to the lines of advisor/train/smalltalk.txt against the
sentences of the worked cases. Only sentences at the ends of a text count, as far as they follow one another, and none
in which a rule speaks for a category (`taxonomy.reading`). A text of which little else would be left is left whole.
"""

import json
import os
from collections.abc import Sequence
from functools import lru_cache

from taxonomy.tokens import Tokens

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "smalltalk.json")
LEAST = -1.5  # log-odds; chosen with the held-out cases and with the lines of tests/benchmarks/smalltalk in view
FEWEST_LEFT = 8  # words of the matter: a bare question needs what stands before it ("I have photos. Which birds?")
MOST = 8  # sentences at each end that are looked at
NUMBER = "0"  # stands for every word that begins with a digit
BEFORE, BEHIND = "^", "$"  # neighbours of the first word and of the last
DAMPING = 2  # features that say nothing, which each sentence is taken to hold beside its own


@lru_cache(maxsize=1)
def _weights() -> dict[str, float]:
    with open(FILE, encoding="utf-8") as file:
        found: dict[str, float] = json.load(file)
    return found


def features(words: Sequence[str]) -> list[str]:
    """The words of a sentence, and its pairs of neighbours, each once.

    >>> features(["hello", "there"])
    ['hello', 'there', '^ hello', 'hello there', 'there $']
    """
    named = [NUMBER if word[0].isdigit() else word for word in words]
    pairs = map(" ".join, zip([BEFORE, *named], [*named, BEHIND], strict=True))
    return list(dict.fromkeys([*named, *pairs]))


def log_odds(words: Sequence[str]) -> float:
    """How likely a sentence is small talk; above nought it is likelier than not.

    >>> log_odds("i am new here and hope you can help".split()) > 0
    True
    >>> log_odds("predict the daily demand for each shop".split()) < -3
    True
    """
    weights = _weights()
    known = [weights[feature] for feature in features(words) if feature in weights]
    damping: float = (len(known) + DAMPING) ** -0.5
    return weights[""] + sum(known) * damping


def sentences(tokens: Tokens, telling: set[int]) -> set[int]:
    """The sentences at the ends of a text that are small talk; none where hardly anything else is left.

    Args:
        tokens: the words.
        telling: the sentences in which a rule speaks for a category.

    >>> from taxonomy.tokens import tokenize
    >>> text = "Good morning everybody. Which of our trams will break down next week? Sorry for my poor English."
    >>> sorted(sentences(tokenize(text), set()))
    [0, 2]
    """
    words: dict[int, list[str]] = {}
    for word, sentence in zip(tokens.words, tokens.sentences, strict=True):
        words.setdefault(sentence, []).append(word)
    if len(tokens.words) < FEWEST_LEFT:
        return set()
    order, found = list(words), set[int]()
    for side in (order[:MOST], order[: -MOST - 1 : -1]):
        for sentence in side:
            if sentence in telling or sentence in found or log_odds(words[sentence]) < LEAST:
                break
            found.add(sentence)
    left = sum(len(said) for sentence, said in words.items() if sentence not in found)
    return found if left >= FEWEST_LEFT else set()
