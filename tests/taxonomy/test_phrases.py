"""The phrase language: every element, gaps, negation, captures, and hostile texts."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxonomy.automaton import compile_phrases
from taxonomy.matching import CANCELLED_BY, CONDITION, ENDS, MATCHES_KEPT, NEGATORS, Matcher
from taxonomy.phrases import MOST_ROWS, Part, PhraseError, parse, rows
from taxonomy.tokens import Tokens, tokenize

LEXICON = {
    "time": ["hour", "minute", "working day"],
    "predict": ["predict", "work out", "=Guess"],
    "both": ["@time", "euro"],
}
NEGATION = {
    NEGATORS: ["not", "don't", "rather than"],
    CANCELLED_BY: ["not only", "not know"],
    ENDS: ["but", "just"],
}


def found(phrase: str, text: str) -> list[str]:
    """The pieces of `text` that `phrase` matches without negation."""
    matcher = Matcher(compile_phrases({**NEGATION, "x": [phrase]}, LEXICON))
    tokens = tokenize(text)
    matches = matcher.find(matcher.walk(tokens)).matches
    return [text[tokens.starts[m.first] : tokens.ends[m.last]] for m in matches if not m.negated]


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("predict", "We predicted it.", ["predicted"]),
        ("=predict", "We predicted it.", []),
        ("=predict", "Predict it.", ["Predict"]),
        ("how (many|much)", "How MUCH, how many?", ["How MUCH", "how many"]),
        ("(rank|put in order)", "Put in order, then rank.", ["Put in order", "rank"]),
        ("rank [the] bike", "rank bikes; rank the bikes", ["rank bikes", "rank the bikes"]),
        ("@time", "two hours, one working day", ["hours", "working day"]),
        ("@both", "in minutes or euros", ["minutes", "euros"]),
        ("@predict", "work out, guess, guesses", ["work out", "guess"]),
        ("number * per day", "number of cars sold per day", ["number of cars sold per day"]),
        ("number * per day", "number of all blue cars sold per day", []),
        ("number ** per day", "number of all blue cars sold per day", ["number of all blue cars sold per day"]),
        ("number ** per", "A number. Per day.", []),
        ("top #", "the top 50 of them", ["top 50"]),
        ("^group", "Group them. Now group", ["Group"]),
        ("^ [please] group", "Please group them.", ["Please group"]),
        ("multi-label", "a multi-label task, a multi label task", ["multi-label", "multi label"]),
        ("a b", "a. b", []),
        ("is * <x> or", "is it zzz or", ["is it zzz or"]),
        ("in (2015|#)", "in 2015, in 7", ["in 2015", "in 7"]),
        ("in #", "in 2015, in 7", ["in 2015", "in 7"]),
        ("(a|b) [c] * d", "a x d b c d", ["a x d", "b c d"]),
        ("in (3d|b)", "in 3d, in 4d", ["in 3d"]),
        ("(in # x|in 3d y)", "in 3d x, in 3d y", ["in 3d x", "in 3d y"]),  # a word that is also a number
        ("of \u03bb", "a value of \u039b, of \u03bc", ["of \u039b"]),
    ],
)
def test_elements(phrase, text, expected):
    assert found(phrase, text) == expected


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("rank them", False),
        ("do not rank them", True),
        ("don’t rank them", True),
        ("price them rather than rank them", True),
        ("not only rank them", False),
        ("we do not know how to rank them", False),
        ("not a number, rank them", False),
        ("not a number but rank them", False),
        ("it is not so. Rank them", False),
        ("not one of the very very very very old ones to rank", False),  # out of reach
    ],
)
def test_negation(text, negated):
    assert found("rank", text) == ([] if negated else [text[text.lower().index("rank") :][:4]])


def test_a_negator_inside_the_phrase_does_not_negate_it():
    assert found("not labelled", "They are not labelled.") == ["not labelled"]


def test_a_condition_holds_in_its_own_sentence_alone():
    phrases = {"x": ["rank"], CONDITION + "x": ["music", "hit * list"]}
    matcher = Matcher(compile_phrases(phrases))
    walk = matcher.walk(tokenize("Rank the music. Rank the films. Rank the hits of our list."))
    matches = matcher.find(walk).matches
    assert [match.owner for match in matches] == ["x"] * 3
    assert [walk.holds(CONDITION + "x", match.first) for match in matches] == [True, False, True]


def test_captures_hand_back_the_users_word():
    matcher = Matcher(compile_phrases({"x": ["how many <unit>", "in <unit@time> * by <who>"]}, LEXICON))
    text = "How many BIKES go in minutes or so by Anna?"
    walk = matcher.walk(tokenize(text))
    captures = [matcher.captures(text, walk, match) for match in matcher.find(walk).matches]
    assert captures == [{"unit": "BIKES"}, {"unit": "minutes", "who": "Anna"}]


@pytest.mark.parametrize(
    ("phrase", "message"),
    [
        ("@tim", "did you mean @time"),
        ("(a|b", "')' is missing"),
        ("a)", "closes nothing"),
        ("(a||b)", "an alternative is empty"),
        ("(a)b", "put a space after"),
        ("[a]", "can match without any word"),
        ("*", "can match without any word"),
        ("", "can match without any word"),
        ("a !", "is no word"),
        ("<1>", "needs a name"),
        (" ".join(["(a * b|c)"] * 9), f"more than {MOST_ROWS}"),
        ("a ^ b", "can only stand before everything else"),
    ],
)
def test_mistakes_are_named(phrase, message):
    with pytest.raises(PhraseError, match=message.replace("(", r"\(").replace(")", r"\)")):
        rows(phrase, LEXICON)


def test_a_list_that_contains_itself_is_named():
    with pytest.raises(PhraseError, match="contains itself"):
        rows("@a", {"a": ["@b"], "b": ["@a"]})


def test_the_compiled_form_is_plain_json():
    compiled = compile_phrases({"x": ["how many <unit> * per @time"]}, LEXICON)
    assert json.loads(json.dumps(compiled)) == compiled


WORDS = st.sampled_from("a b c d not but . ,".split())
PHRASES = [
    "a",
    "a b",
    "a * b",
    "a ** b c",
    "(a|b c) [c] d",
    "b * c * d",
    "^ a b",
    "[a] * b [c]",
    "(a * b|c) d",
    "a <x> b",
]


@settings(max_examples=200)
@given(st.lists(WORDS, max_size=25).map(" ".join))
def test_the_matcher_finds_what_a_search_of_all_places_finds(text):
    """An oracle that walks the tree of each phrase from every word, with every width of every gap."""
    tokens = tokenize(text)
    matcher = Matcher(compile_phrases({phrase: [phrase] for phrase in PHRASES}))
    matches = matcher.find(matcher.walk(tokens)).matches
    for phrase in PHRASES:
        found = {(match.first, match.last) for match in matches if match.owner == phrase}
        expected = {
            (start, after - 1)
            for start in range(len(tokens.words))
            for after in places_after(parse(phrase, {}), tokens, start, {start})
        }
        assert found <= expected
        assert bool(found) == bool(expected)


def places_after(part: Part, tokens: Tokens, start: int, places: set[int]) -> set[int]:
    """The words that may come next when `part` has been matched from any of `places`."""
    match part.kind:
        case "word":
            here = {p for p in places if p < len(tokens.words) and tokens.sentences[p] == tokens.sentences[start]}
            return {p + 1 for p in here if not part.words or tokens.words[p] in part.words}
        case "gap":
            return {p + width for p in places for width in range(part.gap + 1)}
        case "start":
            return {p for p in places if not p or tokens.sentences[p - 1] != tokens.sentences[p]}
        case "row":
            for inner in part.parts:
                places = places_after(inner, tokens, start, places)
            return places
    after = set().union(*(places_after(inner, tokens, start, places) for inner in part.parts))
    return after | places if part.kind == "maybe" else after


def test_a_text_that_repeats_itself_says_no_more():
    matcher = Matcher(compile_phrases({"x": ["number ** per"]}))
    text = "number per " * 700
    assert len(matcher.find(matcher.walk(tokenize(text))).matches) == MATCHES_KEPT
