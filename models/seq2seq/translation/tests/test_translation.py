"""Tests of what is this project's own: words, where they come from, and the edits that this makes."""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import model
import rewriter
import wording

from models.kit import config
from models.kit.errors import TableError

HERE = Path(__file__).resolve().parents[1]
PAIRS = [(("thou", "hast", "bread"), ("you", "have", "bread")), (("thou", "wast"), ("you", "were"))] * 4


def test_turned_round_words_are_seen_as_such() -> None:
    learned = wording.learn(PAIRS)
    looked = wording.attention(("hast", "thou"), ("you", "have"), learned)
    assert looked.argmax(axis=1).tolist() == [1, 0]
    assert wording.inversions(looked) == 1


def test_edits_applied_to_their_source_give_the_target_where_order_is_kept() -> None:
    learned = wording.learn(PAIRS)
    for source, target in PAIRS:
        assert wording.applied(source, wording.edits(source, target, learned)) == target


def test_untrained_each_word_gets_its_commonest_edit_and_unknown_words_stay() -> None:
    learned = wording.learn(PAIRS)
    changes = [wording.edits(*pair, learned) for pair in PAIRS]
    inventory = rewriter.inventory([source for source, _ in PAIRS], changes)
    sizes = {"words": rewriter.FIRST + len(inventory.words), "edits": len(inventory.edits)}
    net = rewriter.Rewriter(**sizes, window=1, width=4, hidden=8, dropout=0.0)
    found = rewriter.rewrite(rewriter.Model(inventory, net), [("thou", "hast", "fish"), ()])
    assert found == [("you", "have", "fish"), ()]


def test_two_files_are_joined_by_their_key(tmp_path: Path) -> None:
    count = 30
    pl.DataFrame({"id": range(count), "text": [f"thou {n}" for n in range(count)]}).write_csv(tmp_path / "a.csv")
    pl.DataFrame({"id": range(5, count), "text": [f"you {n}" for n in range(5, count)]}).write_csv(tmp_path / "b.csv")
    changes = {"table": "a.csv", "other": "b.csv", "source": "text", "target": "text of other"}
    with pytest.raises(TableError, match="set `key`"):
        model.read(config.read(HERE / "config.yaml", model.Settings, changes=changes), tmp_path, None)
    asked = config.read(HERE / "config.yaml", model.Settings, changes={**changes, "key": "id"})
    data = model.read(asked, tmp_path, None)
    assert data.size == count - 5
    assert data.examples.targets[0] == ("you", "5")
    assert np.intersect1d(model.split(data, asked).train, model.split(data, asked).test).size == 0
