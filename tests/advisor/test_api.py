"""Framings: what comes back, in every form."""

import json
import math
from concurrent.futures import ThreadPoolExecutor

import pytest

import advisor
from advisor.decision import Decision
from advisor.errors import UsageError
from advisor.evidence import from_reading
from advisor.framing import TELLING, build
from advisor.impression import CASE, CLAUSE, WHOLE, WORDS
from advisor.posterior import weigh
from taxonomy.knowledge import load
from taxonomy.reading import read_text

SURGERY = "How many hours will this surgery take?"

SEEDS = [
    (SURGERY, "regression", "duration"),
    ("How much rainfall will this town have in the next six hours?", "regression", None),
    ("Is this message spam or not?", "classification", None),
    (
        "Say which animals are in the picture: a cat, a dog, a donkey and a rooster may all be there.",
        "tagging",
        "image_tags",
    ),
    ("Suggest tags for posts on our technical blog; most have five to ten of them.", "tagging", "text_tags"),
    ("Which of all pages that match a query should stand first in our web search?", "ranking", "search"),
    (
        "Predict how many stars each user will give to films they have not seen, and propose films to them.",
        "recommendation",
        None,
    ),
    ("Translate German sentences into English.", "seq2seq", "translation"),
    ("Turn the recording of a speaker into text.", "seq2seq", "asr"),
    ("Read this text aloud with a natural voice.", "seq2seq", "tts"),
    ("Mark the verbs and the names of people in each sentence.", "seq2seq", "sequence_labeling"),
    ("Group these users into those with similar behaviour; nobody has labelled them.", "unsupervised", "clustering"),
    ("Make synthetic images that look like real ones.", "unsupervised", "generative"),
    ("Convert Celsius to Fahrenheit with the known formula.", "no_ml", "formula"),
    ("Plan the shortest route through all our delivery stops.", "other", "optimization"),
]


@pytest.mark.parametrize(("text", "category", "subtask"), SEEDS, ids=[text[:30] for text, _, _ in SEEDS])
def test_seed_examples_of_each_category(text, category, subtask):
    framing = advisor.frame(text)
    assert framing.category == category, framing.to_json()
    assert subtask in (None, framing.subtask)


def test_a_framing_is_complete():
    framing = advisor.frame(SURGERY)
    assert sum(framing.probabilities.values()) == pytest.approx(1)
    assert len(framing.probabilities) == 9
    assert max(framing.probabilities, key=framing.probabilities.get) == framing.category
    assert framing.card.unit == "hours"
    for name in ("task", "target", "inputs", "metric", "loss", "split", "baseline", "data_needed", "slots", "sources"):
        assert getattr(framing.card, name), name
    assert framing.alternatives == () or all(other.category != "regression" for other in framing.alternatives)
    assert len(framing.questions) <= 3
    assert framing.undecided == ""
    assert framing.profile is None


def test_the_evidence_is_the_trace():
    text = "Tell me, please: " + SURGERY
    framing = advisor.frame(text)
    assert framing.evidence
    for piece in framing.evidence:
        assert piece.reference
        assert piece.quote in piece.because
        assert piece.rule in load().rules or piece.rule in (WHOLE, CLAUSE, CASE)
        if piece.start is not None:
            assert text[piece.start : piece.end] == piece.quote
    for category, p in framing.probabilities.items():
        added = sum(piece.weight for piece in framing.evidence if piece.category == category and piece.subtask is None)
        first = sum(piece.weight for piece in framing.evidence if piece.category == "no_ml" and piece.subtask is None)
        assert math.log(p / framing.probabilities["no_ml"]) == pytest.approx(added - first, abs=1e-6)
    weights = [abs(piece.weight) for piece in framing.evidence]
    assert weights == sorted(weights, reverse=True)


def test_hello_is_undecided_with_questions():
    framing = advisor.frame("hello")
    assert framing.category is None
    assert framing.subtask is None
    assert framing.undecided
    assert 1 <= len(framing.questions) <= 3
    assert max(piece.weight for piece in framing.evidence) < TELLING
    assert framing.alternatives == ()
    for question in framing.questions:
        assert question.default in question.answers
        assert question.text
        assert question.why


def test_answers_decide():
    knowledge = load()
    framing = advisor.frame("hello")
    for question in framing.questions:
        for answer, meaning in knowledge.questions[question.id].answers.items():
            answered = advisor.frame("hello", answers={question.id: answer})
            assert question.id not in [asked.id for asked in answered.questions]
            for category, strength in meaning.points_to.items():
                rises = answered.probabilities[category] > 1 / 9
                assert rises or strength == "against" or len(meaning.points_to) > 1
            told = [piece for piece in answered.evidence if piece.weight >= TELLING]
            assert all(piece.source == "answer" or piece.weight < 2 * TELLING for piece in told)
            assert any(piece.source == "answer" for piece in answered.evidence) == bool(
                meaning.points_to or meaning.subtasks
            )


@pytest.mark.parametrize(
    ("answers", "message"),
    [({"no-such-question": "yes"}, "there is no question"), ({None: "zzz"}, "there is no answer")],
)
def test_unknown_answers_are_refused(answers, message):
    first = advisor.frame("hello").questions[0].id
    with pytest.raises(UsageError, match=message):
        advisor.frame("hello", answers={question or first: answer for question, answer in answers.items()})


@pytest.mark.parametrize("answers", ["abc", [("a", "b")], {3: "x"}, {"what-comes-out": ["number"]}, {"a": None}])
def test_answers_that_are_no_texts_are_refused(answers):
    with pytest.raises(UsageError, match="question id -> answer id"):
        advisor.frame("hello", answers=answers)


def test_an_unknown_name_is_shown_short_and_never_in_public():
    with pytest.raises(UsageError) as caught:
        advisor.frame("hello", answers={"secret" * 9_000: "yes"})
    assert len(str(caught.value)) < 600
    assert "secret" in str(caught.value)
    assert "secret" not in caught.value.public


def test_one_text_is_not_many():
    with pytest.raises(UsageError, match="pass a list"):
        advisor.frame_many(SURGERY)


def test_alternatives_are_what_something_speaks_for():
    assert advisor.frame("hello").alternatives == ()
    for text, _, _ in SEEDS:
        framing = advisor.frame(text)
        spoken_for = {piece.category for piece in framing.evidence if piece.weight > 0}
        assert {other.category for other in framing.alternatives} <= spoken_for - {framing.category}
    assert advisor.frame("Predict the demand and rank the shops.").alternatives


def test_sixteen_threads_give_the_same_answers():
    texts = [text for text, _, _ in SEEDS] * 4
    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(advisor.frame, texts)) == advisor.frame_many(texts)


def test_a_target_without_a_table_is_refused():
    with pytest.raises(UsageError, match="no table"):
        advisor.frame(SURGERY, target="hours")


def test_plain_forms():
    framing = advisor.frame(SURGERY)
    plain = framing.to_dict()
    assert plain["schema"] == 1
    assert plain["knowledge"] == load().hash
    assert json.loads(framing.to_json()) == plain
    assert plain["card"]["pitfalls"] == [pitfall._asdict() for pitfall in framing.card.pitfalls]
    markdown = framing.to_markdown()
    assert SURGERY in markdown
    assert framing.card.metric in markdown


def test_markdown_keeps_the_users_words_inert():
    text = "How many <b>hours</b> | will it take?\n\n# Not a heading"
    markdown = advisor.frame(text).to_markdown()
    assert "\n# Not" not in markdown
    assert "<b>" not in markdown


def test_the_same_text_gives_the_same_answer():
    assert advisor.frame(SURGERY) == advisor.frame(SURGERY)
    assert advisor.frame_many([SURGERY, "hello"]) == [advisor.frame(SURGERY), advisor.frame("hello")]


def test_case_line_breaks_and_politeness_change_nothing():
    expected = advisor.frame(SURGERY).category
    for text in (SURGERY.upper(), SURGERY.lower(), SURGERY.replace(" ", "\n"), SURGERY + " Thank you very much!"):
        assert advisor.frame(text).category == expected


@pytest.mark.parametrize("encoder", [False, True])
def test_what_is_negated_does_not_count(encoder):
    framing = advisor.frame("We do not want to know how many hours this takes.", encoder=encoder)
    assert framing.category != "regression"
    assert not any("hours" in piece.quote for piece in framing.evidence if piece.source == "text")


def test_taxonomy_names_every_category():
    assert list(advisor.taxonomy()) == list(advisor.frame("hello").probabilities)


def test_a_unit_comes_from_a_rule_that_speaks_for_the_category():
    knowledge = load()
    reading = read_text(knowledge, SURGERY)
    against = [
        fired._replace(rule=fired.rule._replace(points_to={"regression": "against"}), captures={"unit": "wrong"})
        for fired in reading.fired
    ]
    posterior = weigh(from_reading(knowledge, reading), list(knowledge.categories))
    framing = build(SURGERY, knowledge, reading._replace(fired=(*against, *reading.fired)), Decision(posterior, {}))
    assert framing.card.unit == "hours"


TEXTS = ["Put these into piles that look alike.", SURGERY, "hello", "We have ten years of receipts."]


def test_many_are_framed_as_each_alone_to_the_last_digit():
    assert advisor.frame_many(TEXTS) == [advisor.frame(text) for text in TEXTS]


def test_without_the_encoder_only_rules_and_words_speak():
    framing = advisor.frame(SURGERY, encoder=False)
    assert {piece.rule for piece in framing.evidence} <= {*load().rules, CLAUSE, WHOLE}
    assert {piece.reference for piece in framing.evidence if piece.rule in (CLAUSE, WHOLE)} == {WORDS}
