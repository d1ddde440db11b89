"""Tests of what is this project's own: sentences, what is seen of them, and which belong in a summary."""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import extracting
import model

from models.kit import config, programs, rouge
from models.kit.errors import ArtefactError, TableError

HERE = Path(__file__).resolve().parents[1]


def settings(**changes: str) -> model.Settings:
    return config.read(HERE / "config.yaml", model.Settings, changes=changes)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        (" \n ", []),
        ("No end", ["No end"]),
        ("It cost 3.50 euros. Then 4!", ["It cost 3.50 euros.", "Then 4!"]),
        ("Mr. Roe asked J. Poe. Both left.", ["Mr. Roe asked J. Poe.", "Both left."]),
        ("“Who?” she said. (Nobody.) End.", ["“Who?” she said.", "(Nobody.)", "End."]),
        ("A heading\nA line", ["A heading", "A line"]),
        ("今日は。明日も。", ["今日は。", "明日も。"]),
    ],
)
def test_texts_are_cut_where_sentences_end(text: str, sentences: list[str]) -> None:
    assert extracting.cut(text) == sentences


def test_rouge_agrees_with_counting_by_hand() -> None:
    text, reference = "the cat was found under the bed".split(), "the cat was under the bed".split()
    assert rouge.scores(text, reference) == pytest.approx((12 / 13, 8 / 11, 12 / 13))
    assert rouge.scores([], reference) == rouge.scores(text, []) == (0.0, 0.0, 0.0)
    assert rouge.scores(["a"], ["b"]) == (0.0, 0.0, 0.0)


def test_labels_are_the_sentences_that_the_summary_tells_wherever_they_stand() -> None:
    text = extracting.document("Rain fell. The pump leaks badly. All went home. Repair costs 90 euros.", "", 9)
    assert rouge.oracle(text.words, "the pump leaks repair costs 90 euros".split(), 9) == [1, 3]
    assert rouge.oracle(text.words, "the pump leaks repair costs 90 euros".split(), 1) == [3]
    assert rouge.oracle(text.words, ["nothing"], 9) == []


def test_the_sentence_that_others_resemble_is_central() -> None:
    text = extracting.document("The old pump leaks. The pump of oak. Old leaks hurt. Skies clear.", "", 9)
    learned = extracting.learn([text] * 3)
    central = extracting.features(text, learned)[:, extracting.FEATURES.index("centrality")]
    assert central.argmax() == 0
    assert central.argmin() == 3
    assert central.sum() == pytest.approx(4)


def test_what_is_seen_comes_from_training_documents_alone() -> None:
    given = settings()
    data = model.read(given, HERE, 60)
    drawn = model.split(data, given)
    assert not set(drawn.train) & set(drawn.test)
    before = model.prepare(data, drawn, given)
    changed = data.examples._replace(texts=list(data.examples.texts), summaries=list(data.examples.summaries))
    for row in drawn.test:
        changed.texts[row], changed.summaries[row] = "Quite another text. It has new words.", "new words"
    after = model.prepare(data._replace(examples=changed), drawn, given)
    assert after.learned.rarity == before.learned.rarity
    assert np.array_equal(after.learned.mean, before.learned.mean)
    assert after.sentences == before.sentences


def test_copies_of_a_text_are_on_one_side(tmp_path: Path) -> None:
    table = pl.read_parquet(HERE / "data" / "reports.parquet").head(40)
    pl.concat([table, table]).write_parquet(tmp_path / "t.parquet")
    given = settings(table="t.parquet")
    data = model.read(given, tmp_path, None)
    sides = [{data.examples.texts[row] for row in part} for part in model.split(data, given)[:3]]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]


def test_a_table_of_ones_own_with_other_names_and_no_title(tmp_path: Path) -> None:
    table = pl.read_parquet(HERE / "data" / "reports.parquet").head(60)
    own = table.select(pl.col("text").alias("minutes"), pl.col("summary").alias("in short"))
    pl.concat([own, pl.DataFrame({"minutes": ["One sentence.", None], "in short": ["One.", "x"]})]).write_csv(
        tmp_path / "own.csv"
    )
    given = settings(table="own.csv", text="minutes", target="in short", title="null", epochs="1")
    case = programs.case(model.TEMPLATE, given, folder=tmp_path, most=None)
    assert case.data.size == 60
    assert len(case.data.decisions) >= 2  # the row without a text, and that of one sentence
    fitted = model.fit(case)
    asked = pl.DataFrame({"minutes": ["The pump leaks. It rains. We left. They came. All slept.", None, "One"]})
    found = model.predict(fitted.model, model.inputs(asked, fitted.model, given), given)
    assert [len(each) for each in found] == [case.prepared.sentences, 0, 1]
    assert list(found[0]) == [each for each in extracting.cut(asked["minutes"][0]) if each in found[0]]


@pytest.mark.parametrize(
    ("texts", "summaries", "message"),
    [
        (["One sentence only"] * 30, ["One"] * 30, "two sentences or more"),
        ([f"A b {n}. C d." for n in range(30)], ["Other words"] * 30, "no word of the summaries"),
    ],
)
def test_tables_of_which_nothing_can_be_learned_are_refused(
    tmp_path: Path, texts: list[str], summaries: list[str], message: str
) -> None:
    pl.DataFrame({"text": texts, "summary": summaries}).write_csv(tmp_path / "t.csv")
    with pytest.raises(TableError, match=message):
        programs.case(model.TEMPLATE, settings(table="t.csv", title="null"), folder=tmp_path, most=None)


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    learned = extracting.learn([extracting.document("A b. C d.", "", 9)] * 4)
    net = extracting.Scorer(words=extracting.FIRST + len(learned.words), width=2, hidden=3, dropout=0.0)
    extracting.save(extracting.Model(learned, net, 2), tmp_path)
    again = extracting.load(tmp_path)
    asked = [extracting.document("A b. New words. C d.", "", 9)]
    assert extracting.summaries(again, asked) == extracting.summaries(extracting.Model(learned, net, 2), asked)
    file = tmp_path / extracting.LEARNED
    file.write_text(file.read_text().replace('"schema": 1', '"schema": 99'))
    with pytest.raises(ArtefactError, match="another version"):
        extracting.load(tmp_path)
