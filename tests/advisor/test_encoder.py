"""The encoder that is shipped fits its card and the knowledge base, and where nothing is said it decides nothing."""

from pathlib import Path

import pytest

import advisor
from advisor import encoder
from advisor.impression import shortened
from taxonomy.knowledge import load
from taxonomy.sources import read

FILE = Path(encoder.FILE)
MOST_BYTES = 25_000_000
LEAST_UNDECIDED = 0.85  # of the texts that say too little


@pytest.fixture(scope="module")
def shipped():
    found = encoder.load()
    assert found is not None
    return found


def test_the_file_is_the_one_on_its_card(shipped):
    card = FILE.with_name("ENCODER_CARD.md").read_text(encoding="utf-8")
    assert f"release `{shipped.hash}`" in card
    assert FILE.stat().st_size <= MOST_BYTES


def test_it_knows_every_category_and_subtask(shipped):
    (seen,) = shipped.read(["Which of these messages are spam?"])
    known = load().categories
    assert set(seen.logits) == set(known)
    subtasks = {f"{name}/{sub}" for name in known for sub in known[name].subtasks}
    assert set(seen.subtasks) == subtasks


def test_the_cases_that_it_quotes_are_worked_cases(shipped):
    texts = {shortened(case.text) for folder in read().folders.values() for case in folder.cases}
    (seen,) = shipped.read(["Which of these messages are spam?"])
    assert {near.text for near in seen.neighbours} <= texts
    similarities = [near.similarity for near in seen.neighbours]
    assert similarities == sorted(similarities, reverse=True)


def test_texts_that_say_too_little_lead_to_questions():
    framings = advisor.frame_many(one.text for one in read().vague if any(map(str.isalnum, one.text)))
    assert sum(framing.category is None for framing in framings) / len(framings) >= LEAST_UNDECIDED
    assert all(framing.questions for framing in framings if framing.category is None)


@pytest.mark.parametrize(
    "text", ["?!a", "a" * 8_000, "\u00e9\u0301 caf\u00e9", "日本語のテキスト", "😀 x", "word " * 1_600]
)
def test_odd_texts_are_read(text):
    assert sum(advisor.frame(text).probabilities.values()) == pytest.approx(1)
