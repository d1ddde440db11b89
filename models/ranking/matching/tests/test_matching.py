"""Tests of what is this project's own: blocking, assignment, and the three forms that data come in."""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import linking
import model
import records
from linking import Pairs

from models.kit import config
from models.kit.errors import TableError
from models.kit.task import Case

HERE = Path(__file__).resolve().parents[1]


def settings(**changes: str) -> records.Settings:
    return config.read(HERE / "config.yaml", records.Settings, changes={"table": "table.csv", **changes})


def test_blocking_finds_what_shares_rare_pieces_and_crosses_lists() -> None:
    records = [("anna zimmer",), ("berta kohl",), ("ana zimmer",), ("berta kohl",)]
    learned = linking.rarity(records)
    one_list = linking.candidates(records, None, learned, most=1)
    assert set(zip(*map(np.ndarray.tolist, one_list), strict=True)) == {(0, 2), (1, 3)}
    two_lists = linking.candidates(records, np.array([0, 0, 1, 1]), learned, most=1)
    assert set(zip(*map(np.ndarray.tolist, two_lists), strict=True)) == {(0, 2), (1, 3)}


def test_an_assignment_may_give_up_the_likeliest_pair_for_two_others() -> None:
    pairs = Pairs(np.array([0, 0, 1, 5]), np.array([2, 3, 2, 6]))
    assert linking.one_to_one(pairs, np.array([0.95, 0.9, 0.9, 0.6])).tolist() == [False, True, True, True]


def test_within_one_list_no_record_is_kept_twice() -> None:
    pairs = Pairs(np.array([0, 1]), np.array([1, 2]))
    assert linking.one_to_one(pairs, np.array([0.9, 0.8])).tolist() == [True, False]


def test_two_files_are_two_lists(tmp_path: Path) -> None:
    pl.DataFrame({"id": [1, 2, 3], "text": ["a b", "c d", "e f"]}).write_csv(tmp_path / "table.csv")
    pl.DataFrame({"id": [1, 2, 4], "text": ["a b", "c e", "g h"]}).write_csv(tmp_path / "second.csv")
    data = records.read(settings(target="id", other="second.csv", side="list"), tmp_path, None)
    assert data.examples.side == [0, 0, 0, 1, 1, 1]
    assert data.about == ("text",)
    with pytest.raises(TableError, match="set `side`"):
        records.read(settings(target="id", other="second.csv"), tmp_path, None)


def test_judged_pairs_train_and_predict(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    words = ["".join(draw.choice(list("abcdefgh"), 6)) for _ in range(400)]
    same = draw.random(400) < 0.5
    right = [word[:-1] + "x" if one else words[int(draw.integers(400))] for word, one in zip(words, same, strict=True)]
    table = pl.DataFrame({"l": words, "r": right, "m": ["yes" if one else "no" for one in same]})
    table.write_csv(tmp_path / "table.csv")
    asked = settings(target="m", left="[l]", right="[r]", epochs="20", output=str(tmp_path / "o"))
    data = records.read(asked, tmp_path, None)
    split = model.split(data, asked)
    case = Case(asked, data, split, model.prepare(data, split, asked))
    fitted = model.fit(case)
    answers = model.predict(fitted.model, records.take(data.examples, split.test), asked)
    assert model.TEMPLATE.score(case, answers)["f1"][0] > 0.9
    again = model.predict(fitted.model, model.inputs(model.questions(case), fitted.model, asked), asked)
    assert np.allclose(answers.probable, again.probable)


def test_what_cannot_be_learned_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"id": [1, 2, 3], "text": ["a", "b", "c"]}).write_csv(tmp_path / "table.csv")
    with pytest.raises(TableError, match="no two rows have the same"):
        records.read(settings(target="id"), tmp_path, None)
    with pytest.raises(TableError, match="two lists are linked"):
        records.read(settings(target="id", side="text"), tmp_path, None)
    with pytest.raises(TableError, match="as many columns on either side"):
        records.read(settings(target="id", left="[text]"), tmp_path, None)
