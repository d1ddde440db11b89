"""Slips of the pen are told from words that are merely rare."""

import random

import pytest

from taxonomy.knowledge import load
from taxonomy.reading import read_text
from taxonomy.sources import ROOT, read
from taxonomy.spelling import MOST, slips, words
from taxonomy.tokens import tokenize


def meant(text: str) -> dict[str, str]:
    tokens = tokenize(text)
    return {tokens.words[place]: word for place, word in slips(text, tokens).items()}


@pytest.mark.parametrize(
    ("slip", "word"),
    [
        ("wrok", None),  # short, and "work" is one of many
        ("pateints", "patients"),
        ("hospital", None),
        ("hosptal", "hospital"),
        ("hospiital", "hospital"),
        ("hospitel", "hospital"),
        ("custoomers", "customers"),
        ("aspital", None),  # two letters are wrong
        ("grazers", None),  # rare, and made of a known word
        ("haystacker", None),
        ("underfloor", None),
        ("categorise", None),  # "categories", were it not known
        ("deodourised", None),
        ("compliant", None),  # "complaint", were it not known
        ("adsorption", None),
        ("q" * 8_000, None),
        ("qqqqqqqq", None),
    ],
)
def test_one_wrong_letter(slip, word):
    assert meant(f"which {slip} are here") == ({slip: word} if word else {})


def test_names_and_other_scripts_are_left_alone():
    assert meant("Dear Mrs Hosptal, which houses in Bergn, Brégen und пациеты?") == {}


def test_swapped_letters_are_put_right_in_titles_too():
    assert meant("Hosptial Readmissions, SHCEDULES and Hospitel Beds") == {
        "hosptial": "hospital",
        "shcedules": "schedules",
    }


def test_rules_fire_on_the_word_that_was_meant():
    fired = [
        {found.rule.id for found in read_text(load(), text).fired}
        for text in ("Sort these reviews into two classes.", "Sort these reivews into two calsses.")
    ]
    assert fired[0] == fired[1] != set()


def test_quotes_are_what_was_typed():
    (found, *_) = read_text(load(), "Which pateints will come back within a month?").fired
    assert found.quote in "Which pateints will come back within a month?"


def test_all_words_of_the_knowledge_base_are_known():
    """If not, the knowledge base has grown: run `python -m advisor.train --words`."""
    texts = [case.text for folder in read().folders.values() for case in folder.cases]
    texts += [path.read_text(encoding="utf-8") for path in ROOT.rglob("*.yaml")]
    met = {word for text in texts for word in tokenize(text).words if word.isascii() and word.isalpha()}
    assert met <= words()


def test_most_long_words_are_found_again_whatever_the_slip():
    draw = random.Random(0)
    long = [word for word in sorted(words()) if len(word) >= 9]
    told = right = 0
    for word in draw.sample(long, 400):
        place, letter = draw.randrange(1, len(word) - 1), draw.choice("aeinrst")
        slip = draw.choice([word[:place] + letter + word[place:], word[:place] + word[place + 1 :]])
        if slip not in words():
            found = meant(slip)
            told += slip in found
            right += found.get(slip) == word
    assert right > 240
    assert right >= 0.97 * told


def strange(count: int) -> list[str]:
    """Different words that nobody knows."""
    return [f"qzvxjw{chr(97 + number % 26)}{chr(97 + number // 26)}q" for number in range(count)]


def test_only_so_many_unknown_words_are_looked_at():
    known = sorted(word for word in words() if len(word) == 6)[: 4 * MOST]
    for count, found in ((MOST - 1, {"pateints": "patients"}), (MOST, {})):
        assert meant(" ".join([*known, *strange(count), "pateints"])) == found
    assert meant(" ".join([*known, *strange(1) * MOST, "pateints"])) == {"pateints": "patients"}


def test_names_of_columns_are_left_alone():
    assert meant("Columns are storeId, isActve, GroupdId, refnud_issued and avg_pricce; which pateints pay?") == {
        "pateints": "patients"
    }


def test_a_text_of_another_language_is_left_alone():
    assert meant("detectar anomalie nella produzione delle macchine") == {}
