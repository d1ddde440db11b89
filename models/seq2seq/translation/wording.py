"""Texts as words, which word of a translation comes from which word of its source, and the edits that this makes.

An edit is what one word of the source becomes: nothing, itself, other words, or itself with words around it, as in
Malmi et al. (2019), Encode, Tag, Realize: High-Precision Text Editing. Where it comes from says a lexicon (Model 1)
and that words of one place in the sentence come from words of the same place.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.kit import lexical, lexicon
from models.kit.sequences import Steps

NEAR = 3.0  # how much less likely a word comes from one that is a whole sentence away, as a logarithm
FEWEST = 2  # times that a word of training counts as known
KEEP = "\0"  # in an edit: the word of the source itself
LONGEST_EDIT = 5  # words

_TOKEN = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
_BEFORE = re.compile(r"\s+([,.;:!?)\]’'])")

Places = npt.NDArray[np.int64]
Edit = Steps


class Lexicon(NamedTuple):
    """How likely each known word of a source stands for words of a target."""

    meanings: dict[str, dict[str, float]]


def tokens(text: str) -> Steps:
    """Returns the words and signs of a text.

    >>> tokens("It isn't late, he said.")
    ('It', "isn't", 'late', ',', 'he', 'said', '.')
    """
    return tuple(_TOKEN.findall(text))


def joined(words: Sequence[str]) -> str:
    """Returns words and signs as a text.

    >>> joined(("Late", ",", "he", "said", "."))
    'Late, he said.'
    """
    return _BEFORE.sub(r"\1", " ".join(words))


def learn(pairs: Sequence[tuple[Steps, Steps]]) -> Lexicon:
    """Returns the lexicon that pairs of source and target teach.

    >>> learn([(("a", "b"), ("x", "y")), (("a",), ("x",))] * 3).meanings["b"]
    {'x': 0.0768, 'y': 0.6347}
    """
    sides = []
    for side, mark in enumerate("<>"):  # words of the two languages are told apart by a mark
        seen = Counter(word for pair in pairs for word in pair[side])
        sides.append([[mark + word for word in pair[side] if seen[word] >= FEWEST] for pair in pairs])
    known = lexical.vocabulary([*sides[0], *sides[1]])
    names = list(known)
    one, other = (lexical.counts(side, known) for side in sides)
    table = lexicon.meanings(one, other, np.arange(len(pairs)))
    found = {}
    for row in np.flatnonzero(np.diff(table.counts.indptr)):
        stands = table.counts[row]
        values = np.round(stands.data / (table.totals[row] + lexicon.DOUBT), 4)
        found[names[row][1:]] = {names[at][1:]: float(value) for at, value in zip(stands.indices, values, strict=True)}
    return Lexicon(found)


def attention(source: Steps, target: Steps, learned: Lexicon) -> npt.NDArray[np.float64]:
    """Returns how much each word of the target comes from each word of the source, of shape (target, source).

    Each row sums to one, or is nought where nothing is known of the word.
    """
    table = np.zeros((len(target), len(source)))
    places: dict[str, list[int]] = {}
    for step, word in enumerate(target):
        places.setdefault(word, []).append(step)
    for column, word in enumerate(source):
        found = learned.meanings.get(word, {})
        for other, probable in found.items():
            for step in places.get(other, ()):
                table[step, column] = probable
        if word not in found:  # names and numbers that stand on both sides
            table[places.get(word, []), column] = 1.0
    away = np.abs(np.arange(len(target))[:, None] / len(target) - np.arange(len(source)) / len(source))
    table *= np.exp(-NEAR * away)
    total = table.sum(axis=1, keepdims=True)
    result: npt.NDArray[np.float64] = np.divide(table, total, out=np.zeros_like(table), where=total > 0)
    return result


def edits(source: Steps, target: Steps, learned: Lexicon) -> list[Edit]:
    """Returns what each word of the source becomes; words that come from nowhere go with the word before them.

    >>> learned = Lexicon({"hath": {"has": 0.9}})
    >>> edits(("He", "hath"), ("He", "now", "has"), learned) == [(KEEP, "now"), ("has",)]
    True
    """
    looked = attention(source, target, learned)
    became: list[list[str]] = [[] for _ in source]
    last = 0
    for step, word in enumerate(target):
        if looked[step].any():
            last = int(looked[step].argmax())
        became[last].append(KEEP if word == source[last] else word)
    return [tuple(each[:LONGEST_EDIT]) for each in became]


def applied(source: Steps, changes: Sequence[Edit]) -> Steps:
    """Returns the text that edits make of a source.

    >>> applied(("hath", "He"), [("has",), (KEEP, "now")])
    ('has', 'He', 'now')
    """
    return tuple(word if each == KEEP else each for word, edit in zip(source, changes, strict=True) for each in edit)


def inversions(looked: npt.NDArray[np.float64]) -> int:
    """Returns how many neighbouring words of a target come from words of the source in the opposite order.

    >>> inversions(np.array([[0.0, 1.0], [1.0, 0.0]]))
    1
    """
    places = looked.argmax(axis=1)[looked.any(axis=1)]
    return int((np.diff(places) < 0).sum())
