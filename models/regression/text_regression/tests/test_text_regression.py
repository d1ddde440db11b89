"""What is this template's own: prices whose logarithm is learned, texts without a word, and what is refused."""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import polars as pl
import pytest
import text_number
import text_pieces
from model import TEMPLATE

from models.kit import config, program, programs
from models.kit.errors import TableError

PROJECT = Path(__file__).resolve().parents[1]
PRICES = {"lamp": 40, "sofa": 250, "bicycle": 400, "piano": 2_500, "car": 8_000}
STATES = {"new": 1.0, "used": 0.5, "broken": 0.1}


def ads(*, seed: int = 0) -> pl.DataFrame:
    """300 advertisements with their price, which has a factor for what it is, one for its state, and some noise."""
    generator = np.random.default_rng(seed)
    rows = []
    for _ in range(300):
        thing, state = generator.choice(list(PRICES)), generator.choice(list(STATES))
        more = generator.choice(["blue", "pick up only", "with invoice", "smoke free home"])
        price = PRICES[thing] * STATES[state] * float(np.exp(generator.normal(0, 0.2)))
        rows.append((f"{thing}, {state}, {more}", price))
    return pl.DataFrame(rows, schema=["ad", "price"], orient="row")


def train(folder: Path, table: pl.DataFrame, **changes: object) -> dict[str, Any]:
    table.write_parquet(folder / "ads.parquet")
    settings: dict[str, object] = {"table": "ads.parquet", "text": "ad", "target": "price", **changes}
    config.write(PROJECT / "config.yaml", folder / "config.yaml", **settings)
    code = programs.train(TEMPLATE, str(PROJECT / "train.py"), ["--no-plots", "--config", str(folder / "config.yaml")])
    assert code == program.DONE
    found: dict[str, Any] = json.loads((folder / "output" / "metrics.json").read_text())
    return found


def r2(found: dict[str, Any]) -> float:
    value: float = found["models"]["ours"]["scores"]["r2"]["value"]
    return value


def test_validation_finds_that_prices_are_products(tmp_path: Path) -> None:
    plain, logs = tmp_path / "plain", tmp_path / "logs"
    plain.mkdir()
    logs.mkdir()
    words: dict[str, object] = {"pairs": False, "letters_share": 0.0}  # a pair may stand for a product
    found = train(logs, ads(), log_target="auto", **words)
    assert "its logarithm is learned" in json.dumps(found)
    assert r2(found) > max(0.8, r2(train(plain, ads(), log_target="false", **words)))


def test_texts_without_a_word_are_near_the_mean(tmp_path: Path) -> None:
    rows = ads().with_columns(pl.when(pl.int_range(300) % 50 == 7).then(None).otherwise(pl.col("ad")).alias("ad"))
    found = train(tmp_path, rows, log_target="false", metric="mae", loss="huber", pairs=False, letters_share=0.0)
    assert "6 rows without a text left out" in json.dumps(found)
    settings = config.read(tmp_path / "config.yaml", TEMPLATE.settings)
    model = TEMPLATE.load(tmp_path / "output", settings)
    empty, full = TEMPLATE.predict(model, pl.DataFrame({"ad": ["", "car, new"]}), settings)
    assert empty < 1.5 * rows["price"].to_numpy().mean() < full


def test_a_number_below_nought_has_no_logarithm() -> None:
    below = np.array([-1.0, 1.0, 2.0, 90.0])
    assert text_number.choices(below, "auto", name="gain") == (False,)
    with pytest.raises(TableError, match="no logarithm"):
        text_number.choices(below, "true", name="gain")


@pytest.mark.parametrize("log", [False, True])
def test_a_scale_goes_both_ways(log: bool) -> None:
    numbers = np.array([0.0, 1.0, 4.0, 20.0])
    scale = text_number.learned(numbers, log=log)
    assert text_number.unscaled(scale, text_number.scaled(scale, numbers)) == pytest.approx(numbers)


def test_shares_of_words_and_letters_add_up() -> None:
    texts = text_pieces.cut(["it was a good day of 7", "it was a bad day", ""] * 10, pairs=True, letters=True)
    words, letters = text_pieces.vocabularies(texts, fewest_texts=1, most=100)
    table = text_pieces.table(texts, words, letters)
    known = text_pieces.lexicon(words, letters, table, np.arange(30), np.tile([1.0, -1.0, 0.1], 10))
    found = text_pieces.weighed(table, known, letters_share=0.4)
    first = found.start[1]
    squares = found.value[:first] ** 2
    length = found.word[:first] == known.size - 1
    assert squares[~length].sum() == pytest.approx(1.0, rel=1e-5)
    assert found.start[3] == found.start[2]  # the empty text
