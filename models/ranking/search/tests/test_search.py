"""Tests of what is this project's own: meanings of words, and judgements that come in two files."""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import expansion
import judgements
import model

from models.kit import config, lexical, lexicon
from models.kit.errors import TableError

HERE = Path(__file__).resolve().parents[1]
PAIRS = [("the sick cat", "the feline ill"), ("a sick dog", "a hound ill"), ("the dog", "the hound")] * 5


def table() -> tuple[dict[str, int], lexicon.Table]:
    asked, held = ([lexical.words(text) for text in side] for side in zip(*PAIRS, strict=True))
    known = lexical.vocabulary([*asked, *held])
    rows = np.arange(len(PAIRS))
    return known, lexicon.meanings(lexical.counts(asked, known), lexical.counts(held, known), rows)


def test_a_word_that_never_stands_in_a_document_finds_its_meaning() -> None:
    known, learned = table()
    for word, meaning in (("sick", "ill"), ("dog", "hound"), ("cat", "feline")):
        row = learned.counts[known[word]]
        assert row.indices[row.data.argmax()] == known[meaning]


def test_a_training_query_does_not_see_what_itself_taught() -> None:
    """What is left for a query is what the others brought: the counts of the whole table less its own."""
    known, learned = table()
    query = lexical.counts([["dog"]], known)
    whole, less = (expansion.entries(learned, query, without=each) for each in (None, np.array([1])))
    owner, word, sought, share = learned.own
    mine = (owner == 1) & (word == known["dog"])
    for place, meaning in enumerate(whole.sought):
        if whole.itself[place]:
            continue
        own = share[mine & (sought == meaning)].sum()
        expected = learned.counts[known["dog"], meaning] - own
        below = learned.totals[known["dog"]] - share[mine].sum() + lexicon.DOUBT
        assert less.probable[place] == pytest.approx(max(expected / below, 0), abs=1e-6)
    assert not np.allclose(whole.probable, less.probable)


def settings(tmp_path: Path, **changes: str) -> model.Settings:
    return config.read(HERE / "config.yaml", model.Settings, changes={"table": "pairs.csv", **changes})


def test_documents_may_stand_in_a_file_of_their_own_and_have_grades(tmp_path: Path) -> None:
    pl.DataFrame(
        {
            "asked": ["x y", "x y", "z", "w", "v", "u"],
            "doc": ["1", "2", "2", "3", "9", "1"],
            "grade": [2, 1, 1, 1, 1, 0],
        }
    ).write_csv(tmp_path / "pairs.csv")
    pl.DataFrame({"id": ["1", "2", "3", "4"], "body": ["x", "y z", "w", "v"]}).write_csv(tmp_path / "documents.csv")
    names = {"query": "asked", "document": "doc", "relevance": "grade"}
    more = {"documents": "documents.csv", "documents_key": "id", "documents_text": "body"}
    with pytest.raises(TableError, match="3 queries with a fitting document"):
        judgements.read(settings(tmp_path, **names, **more), tmp_path, None)
    frame = pl.read_csv(tmp_path / "pairs.csv")
    pl.concat([frame, pl.DataFrame({"asked": ["t"], "doc": [4], "grade": [1]})]).write_csv(tmp_path / "pairs.csv")
    data = judgements.read(settings(tmp_path, **names, **more), tmp_path, None)
    assert data.examples.texts == ["x y", "z", "w", "t"]
    assert data.examples.judged[0] == {0: 2.0, 1: 1.0}
    assert data.about.keys == ["1", "2", "3", "4"]
    assert any("1 row left out" in said for said in data.decisions)  # document 9 is none
    with pytest.raises(TableError, match="documents_key"):
        judgements.read(settings(tmp_path, **names, documents="documents.csv"), tmp_path, None)
