"""Tests of what is this project's own: probabilities that sum to one, and a writer that is the same on its own."""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import copying
import grams
import model
import writer

import tensor_core as tc
from models.kit import config
from models.kit.errors import TableError
from models.kit.task import Case

HERE = Path(__file__).resolve().parents[1]
SYMBOLS = 10


@pytest.fixture
def texts() -> list[writer.Ids]:
    generator = np.random.default_rng(0)
    return [generator.choice(8, 30, p=np.arange(1, 9) / 36) + 1 for _ in range(20)]


@pytest.fixture
def small() -> writer.Model:
    tc.manual_seed(0)
    net = writer.Writer(symbols=writer.FIRST + 4, width=4, hidden=8, dropout=0.0)
    return writer.Model("ab c", net)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_kneser_ney_gives_all_symbols_together_one(order: int, texts: list[writer.Ids]) -> None:
    learned = grams.learn(texts, symbols=SYMBOLS, order=order)
    for size in (0, 1, 5, 20):
        bits = grams.bits(learned, [np.append(texts[3][:size], symbol) for symbol in range(1, SYMBOLS)])
        assert sum(2 ** -each[-1] for each in bits) == pytest.approx(1)


def test_bits_of_a_text_do_not_depend_on_those_beside_it(small: writer.Model) -> None:
    ids = [np.append(writer.encode(text, small.characters), writer.END) for text in ("a", "abba cab", "")]
    together = writer.bits(small.net, ids)
    for each, alone in zip(together, ids, strict=True):
        np.testing.assert_allclose(each, writer.bits(small.net, [alone])[0], rtol=1e-5)
    cut = writer.bits(small.net, [np.tile(ids[1][:-1], 200)])[0]  # longer than what is read at once
    np.testing.assert_allclose(cut[:8], together[1][:8], rtol=1e-5)


def test_what_is_drawn_depends_on_seed_and_prompt_alone(small: writer.Model) -> None:
    def written(prompts: list[str], seed: int) -> list[str]:
        return writer.write(small, prompts, length=30, temperature=1.0, seed=seed).texts

    several = written(["ab", "c", ""], 1)
    assert written(["c"], 1)[0] == several[1]
    assert written(["ab", "c", ""], 2) != several
    greedy = writer.write(small, ["ab"], length=30, temperature=0, seed=1)
    assert greedy == writer.write(small, ["ab"], length=30, temperature=0, seed=2)


def test_no_part_is_copied_over_the_end_of_a_text() -> None:
    assert copying.copied("abcd", copying.source(["ab", "cd"])) == 0.5


def test_bits_of_a_prompt_count_for_nothing(tmp_path: Path) -> None:
    rows = {"topic": [f"about {n}" for n in range(30)], "body": [f"text number {n}" for n in range(30)]}
    pl.DataFrame(rows).write_csv(tmp_path / "a.csv")
    changes = {"table": "a.csv", "text": "body", "prompt": "topic", "group": "null"}
    settings = config.read(HERE / "config.yaml", model.Settings, changes=changes)
    data = model.read(settings, tmp_path, None)
    parts = model.split(data, settings)
    case = Case(settings, data, parts, model.prepare(data, parts, settings))
    answers = model.peer(case)(parts.test)
    assert answers.symbols.tolist() == [len(data.examples.texts[row]) + 1 for row in parts.test]
    assert model.questions(case).columns == ["topic"]
    with pytest.raises(TableError, match="prompt"):
        model.read(
            config.read(HERE / "config.yaml", model.Settings, changes={**changes, "prompt": "tpic"}), tmp_path, 9
        )
