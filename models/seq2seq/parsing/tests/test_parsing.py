"""Tests of what is this project's own: the best tree, against all trees of small sentences."""

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import arcs
import model
import trees

from models.kit.errors import TableError


def is_tree(heads: tuple[int, ...]) -> bool:
    for start in range(1, len(heads) + 1):
        node, steps = start, 0
        while node and steps <= len(heads):
            node, steps = heads[node - 1], steps + 1
        if node:
            return False
    return heads.count(0) == 1


@pytest.mark.parametrize("words", [1, 2, 3, 4, 5])
def test_the_best_tree_is_the_best_of_all_trees(words: int) -> None:
    draw = np.random.default_rng(words)
    every = [each for each in itertools.product(range(words + 1), repeat=words) if is_tree(each)]
    for _ in range(30):
        scores = draw.normal(size=(words + 1, words + 1))
        values = [sum(scores[head, word] for word, head in enumerate(each, start=1)) for each in every]
        assert tuple(trees.best(scores).tolist()) == every[int(np.argmax(values))]


def test_what_is_no_head_is_refused_with_its_place() -> None:
    with pytest.raises(TableError, match="row 7: '5' in 'h' is no head of word 2"):
        model._heads(7, ("a", "b"), ("0", "5"), "h")
    with pytest.raises(TableError, match="row 7: 2 words, but 1 head"):
        model._heads(7, ("a", "b"), ("0",), "h")
    assert model._heads(7, ("a", "b"), ("_", "1"), "h").tolist() == [arcs.NO_HEAD, 1]
