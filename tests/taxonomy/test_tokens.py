"""Words, and their exact places in the original text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy.inflection import forms
from taxonomy.tokens import normalise, tokenize


@given(st.text(max_size=300))
def test_offsets_point_into_the_original_text(text):
    tokens = tokenize(text)
    previous = 0
    for word, start, end in zip(tokens.words, tokens.starts, tokens.ends, strict=True):
        assert previous <= start < end <= len(text)
        assert normalise(text[start:end]) == word
        previous = end
    assert sorted(tokens.sentences) == tokens.sentences
    assert sorted(tokens.clauses) == tokens.clauses


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("refund_issued", ["refund", "issued"]),
        ("multi-label", ["multi", "label"]),
        ("1,000.5 kWh", ["1,000.5", "kwh"]),
        ("Don’t", ["don't"]),
        ("patient's", ["patient"]),
        ("naïve café", ["naive", "cafe"]),
        ("cafe\u0301", ["cafe"]),
        ("pre\u00addict", ["predict"]),
        ("ＦＵＬＬ", ["full"]),
        ("x\u200by", ["xy"]),
        ("a \u02bc b \uff9e", ["a", "b"]),
        ("", []),
        ("?!", []),
    ],
)
def test_words(text, words):
    assert tokenize(text).words == words


def test_a_wrapped_line_is_one_sentence_and_a_blank_line_ends_it():
    assert tokenize("how\nmany").sentences == [0, 0]
    assert tokenize("how\n\nmany").sentences == [0, 1]
    assert tokenize("3.5 litres. Now").sentences == [0, 0, 1]


@pytest.mark.parametrize(
    ("word", "holds"),
    [
        ("predict", {"predict", "predicts", "predicted", "predicting"}),
        ("price", {"price", "prices", "priced", "pricing"}),
        ("tag", {"tags", "tagged", "tagging"}),
        ("label", {"labelled", "labeled", "labelling", "labeling"}),
        ("city", {"cities"}),
        ("box", {"boxes"}),
        ("buy", {"bought", "buys"}),
        ("child", {"children"}),
        ("organize", {"organise", "organised", "organizing"}),
        ("colour", {"color", "colors"}),
        ("agree", {"agreed", "agreeing"}),
        ("die", {"dying"}),
    ],
)
def test_forms(word, holds):
    assert holds <= forms(word)


@pytest.mark.parametrize(("word", "other"), [("us", "used"), ("not", "noted"), ("see", "seed"), ("plane", "plan")])
def test_forms_of_another_word_are_not_made(word, other):
    assert other not in forms(word)


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=200))
def test_a_text_in_ascii_reads_the_same_with_the_full_pattern(text):
    expected = tokenize(text)
    wide = tokenize(text + "\n\n\u00e9")  # one letter outside ASCII, in a sentence of its own
    assert wide.words[:-1] == expected.words
    assert wide.starts[:-1] == expected.starts
    assert wide.sentences[:-1] == expected.sentences
