"""Pairs of worked cases that say nearly the same in other words, which five-word shingles cannot see."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from advisor.train.cases import Item
from advisor.train.encoder import Parent

LEAST_COSINE = 0.9  # of the pretrained encoder's vectors; above it a pair should be read by somebody


class Pair(NamedTuple):
    """Two cases, and the cosine of their vectors."""

    first: Item
    second: Item
    cosine: float


def pairs(vectors: Sequence[Sequence[float]], items: Sequence[Item], *, least: float = LEAST_COSINE) -> list[Pair]:
    """The pairs whose vectors have at least that cosine, the nearest first.

    Args:
        vectors: a vector of the pretrained encoder for each item (items × 384).
        items: the worked cases.
        least: cosine from which a pair is shown.

    >>> one, two = Item("a", "", "", (), "x"), Item("b", "", "", (), "y")
    >>> [pair.cosine for pair in pairs([[1.0, 0.0], [2.0, 0.0]], [one, two])]
    [1.0]
    """
    directions = np.asarray(vectors, dtype=np.float64)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    found = []
    for row in range(len(items) - 1):
        cosines = directions[row + 1 :] @ directions[row]
        found += [
            Pair(items[row], items[row + 1 + int(place)], round(float(cosines[place]), 4))
            for place in np.flatnonzero(cosines >= least)
        ]
    return sorted(found, key=lambda pair: -pair.cosine)


def vectors(parent: Parent, items: Sequence[Item]) -> list[list[float]]:
    """What the pretrained encoder, not yet fitted to anything of ours, makes of each text."""
    from models.sentence_encoder import training, vocabulary
    from models.sentence_encoder.network import SentenceEncoder, adopt

    tokens = vocabulary.choose(parent.vocabulary, {}, most=len(parent.vocabulary))
    network = SentenceEncoder(vocabulary=len(tokens), categories=1, subtasks=1)
    training.start(network, adopt(parent.tensors, [parent.vocabulary[token] for token in tokens]), seed=0)
    tokenizer = vocabulary.tokenizer(tokens)
    return training.vectors(network.eval(), [tuple(vocabulary.clip(tokenizer.encode(item.text).ids)) for item in items])
