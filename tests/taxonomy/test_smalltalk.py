"""Small talk is told from the matter, and what a bare question needs is kept."""

import pytest

from advisor.decision import hear, heard
from taxonomy import smalltalk
from taxonomy.knowledge import load
from taxonomy.reading import read_text
from taxonomy.tokens import tokenize

MATTER = "Which of our trams will break down next week, so that we can repair them first?"


def left(text: str) -> str:
    return heard(hear(load(), text, read_text(load(), text))).text.strip()


@pytest.mark.parametrize(
    "before",
    [
        "Good morning everybody, I hope that you are all well.",
        "I am new here. My nephew told me about this page.",
        "Forgive me if this is the wrong place to ask.",
    ],
)
def test_what_stands_before_is_not_read(before):
    assert left(f"{before} {MATTER}") == MATTER


def test_what_stands_behind_is_not_read():
    assert left(f"{MATTER} I am in the office until five. Have a lovely weekend, Petra.") == MATTER


@pytest.mark.parametrize(
    "text",
    [
        "I work with satellite images. Where is the water?",
        "I have photos of birds. Which are they?",
        "We run trams. Which will break?",
    ],
)
def test_a_bare_question_keeps_what_stands_before_it(text):
    assert left(text).endswith(text.split(". ")[-1])
    assert len(left(text).split()) >= len(text.split()) - 1  # a greeting is no loss


def test_slips_in_small_talk_do_not_come_back():
    typed = "Hi everybody, I am a begginner in this town and I love photogrpahs. "
    assert left(typed + MATTER) == left(typed.replace("begginner", "beginner").replace("grpahs", "graphs") + MATTER)


@pytest.mark.parametrize("text", ["Will it rain on my wedding, thanks?", "Hi all. (Which trams break down?) Thanks!"])
def test_signs_of_the_matter_stay(text):
    assert left(text).count("?") == 1
    assert left(text).count("(") == left(text).count(")")


def test_only_the_ends_of_a_long_text_are_looked_at(monkeypatch):
    asked = []
    monkeypatch.setattr(smalltalk, "log_odds", lambda words: asked.append(words) or 0.0)
    tokens = tokenize("I am a doctor. " * 500)
    assert smalltalk.sentences(tokens, set()) == {*range(smalltalk.MOST), *range(500 - smalltalk.MOST, 500)}
    assert len(asked) == 2 * smalltalk.MOST
