"""What is seen of a word: itself, its ends, its beginnings and its outline, as numbers for a table of vectors."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from models.kit.sequences import Steps

KINDS = ("word", "last 1", "last 2", "last 3", "last 4", "first 1", "first 2", "first 3", "shape")
FEWEST_OF_FEATURE = 2  # tokens of training; what occurs once is taken as unseen, so that the unseen is learned, too
LONGEST_SHAPE = 6

Ids = npt.NDArray[np.int64]


def shape(word: str) -> str:
    """Returns the outline of a word: capital, small, digit or sign, repetitions left out.

    >>> shape("McGill-2024")
    'XxXx-d'
    """
    outline = ""
    for character in word:
        sign = "d" if character.isdigit() else "X" if character.isupper() else "x" if character.islower() else character
        if outline[-1:] != sign:
            outline += sign
    return outline[:LONGEST_SHAPE]


def seen(word: str) -> tuple[str, ...]:
    """Returns what the tagger sees of a word, one text for each of `KINDS`.

    >>> seen("Leu")[:4]
    ('leu', 'u', 'eu', 'leu')
    """
    small = word.lower()
    return (small, small[-1:], small[-2:], small[-3:], small[-4:], small[:1], small[:2], small[:3], shape(word))


def known(sequences: Iterable[Steps]) -> dict[str, int]:
    """Returns the number, from 1, of each feature that occurs twice or more, and of the unseen of each kind.

    >>> [name for name in known([("a", "a")]) if name.startswith("0")]
    ['0', '0:a']
    """
    counts = Counter(
        f"{kind}:{value}" for words in sequences for word in words for kind, value in enumerate(seen(word))
    )
    names = [f"{kind}" for kind in range(len(KINDS))]
    names += [feature for feature, number in counts.items() if number >= FEWEST_OF_FEATURE]
    return {feature: place for place, feature in enumerate(names, start=1)}


def encode(words: Steps, features: dict[str, int]) -> Ids:
    """Returns the numbers of each word's features, of shape (words, kinds).

    >>> encode(("b",), known([("a", "a")]))[0, 0]
    np.int64(1)
    """
    rows = [
        [features.get(f"{kind}:{value}", features[f"{kind}"]) for kind, value in enumerate(seen(word))]
        for word in words
    ]
    return np.array(rows, dtype=np.int64).reshape(len(words), len(KINDS))


def joined(encoded: Sequence[Ids], window: int) -> tuple[Ids, Ids]:
    """Returns sequences one after the other with `window` rows of nought around each, and where their steps begin.

    The second array has, for each step of each sequence, its place among the windows of the first.
    """
    space = np.zeros((window, len(KINDS)), dtype=np.int64)
    rows, places, done = [space], [], 0
    for each in encoded:
        rows += [each, space]
        places.append(np.arange(done, done + len(each)))
        done += len(each) + window
    return np.concatenate(rows), np.concatenate(places)
