"""Reframes, gates and pipelines: told where they lead on, quoted, and kept to one page."""

import pytest

import advisor
from advisor.advice import MOST_GATES, MOST_REFRAMINGS, pipeline, reframings
from advisor.render import MOST_ALTERNATIVES, markdown, terminal
from taxonomy.knowledge import load
from taxonomy.reading import read_text
from taxonomy.sources import read

MOST_WORDS = 900  # of a page, beside the user's own
DISCOUNT = "Which customers will cancel, so that we can send them a discount?"
CAPACITY = "Which members will leave? We can only call thirty of them."
MEETINGS = "Can every recorded meeting be turned into half a page, a summary of what was decided?"
BOARD = "The board wants something with machine learning. We have no historical data yet."


def advised(text, category, subtask):
    return [found.to for found in reframings(load(), read_text(load(), text), category, subtask)]


def test_a_reframe_is_told_where_it_leads_away_from_the_answer():
    assert advised(CAPACITY, "classification", "binary") == ["ranking/learning_to_rank"]
    assert advised(CAPACITY, "ranking", "learning_to_rank") == []
    assert advised(CAPACITY, "regression", "tabular") == []


def test_while_undecided_every_reframe_of_the_words_is_told():
    assert advised(CAPACITY, None, None) == ["ranking/learning_to_rank"]


def test_a_reframe_between_subtasks_is_told_for_its_subtask_only():
    text = "Is the damage mild, moderate or severe?"
    assert advised(text, "classification", "multiclass") == ["classification/ordinal"]
    assert advised(text, "classification", "ordinal") == []


def test_negated_words_call_for_nothing():
    assert not read_text(load(), "We do not need the cheapest roster.").advice
    assert "gate:best-roster" in read_text(load(), "We need the cheapest roster.").advice


@pytest.mark.parametrize("text", [DISCOUNT, MEETINGS, BOARD])
def test_advice_quotes_the_user(text):
    framing = advisor.frame(text, encoder=False)
    pieces = [*framing.reframes, *framing.gates, *framing.pipeline]
    assert pieces
    assert all(piece.quote and piece.quote in text for piece in pieces)
    assert all(piece.source and piece.why for piece in pieces)


def test_a_framing_holds_reframes_gates_and_pipeline():
    framing = advisor.frame(DISCOUNT)
    assert [found.id for found in framing.reframes] == ["who-can-be-won-back"]
    assert [(stage.subtask, stage.primary) for stage in framing.pipeline] == [
        ("binary", True),
        ("causal_effect", False),
        ("learning_to_rank", False),
    ]
    assert {gate.id for gate in advisor.frame(BOARD, encoder=False).gates} == {"nobody-acts", "no-data-yet"}


def test_a_pipeline_has_the_answer_among_its_steps():
    reading = read_text(load(), MEETINGS)
    assert [stage.subtask for stage in pipeline(load(), reading, "seq2seq", "summarization")] == [
        "asr",
        "summarization",
    ]
    assert pipeline(load(), reading, "regression", "duration") == ()


def test_of_two_pipelines_the_one_with_the_answer_as_primary_step_is_told():
    text = "Forecast the calls and then schedule the staff. From each call recording say whether it is a complaint."
    reading = read_text(load(), text)
    assert {"pipeline:forecast-then-optimise", "pipeline:transcribe-then-classify"} <= set(reading.advice)
    told = {
        answer: {stage.pipeline for stage in pipeline(load(), reading, *answer)}
        for answer in [("regression", "forecasting"), ("classification", "text"), (None, None)]
    }
    assert told[("regression", "forecasting")] == {"forecast-then-optimise"}
    assert told[("classification", "text")] == {"transcribe-then-classify"}
    assert len(told[(None, None)]) == 1


def test_a_plain_question_gets_no_advice():
    framing = advisor.frame("How many hours will this surgery take?", encoder=False)
    assert framing.reframes == framing.gates == framing.pipeline == ()


@pytest.mark.parametrize("text", [DISCOUNT, MEETINGS, BOARD])
def test_everything_is_shown_and_stands_in_the_dict(text):
    framing = advisor.frame(text, encoder=False)
    plain = framing.to_dict()
    for name in ("reframes", "gates", "pipeline"):
        assert len(plain[name]) == len(getattr(framing, name))
    for shown in (markdown(framing), terminal(framing, width=10_000)):
        for reframe in framing.reframes:
            assert reframe.switch in shown
        for gate in framing.gates:
            assert gate.question in shown
            assert gate.instead in shown
        for stage in framing.pipeline:
            assert stage.does in shown
        assert shown.count("(the primary step)") == bool(framing.pipeline)


def test_alternatives_are_told_apart_from_the_answer():
    told = 0
    for landmark in load().landmarks.values():
        framing = advisor.frame(landmark.text, encoder=False)
        neighbours = load().categories[framing.category].neighbours if framing.category else {}
        for place, other in enumerate(framing.alternatives):
            assert other.told_apart == neighbours.get(other.category, "")
            if other.told_apart and place < MOST_ALTERNATIVES:
                told += 1
                assert f"{other.it_would_be} {other.told_apart}" in markdown(framing)
                assert f"{other.it_would_be} {other.told_apart}" in terminal(framing, width=10_000)
    assert told >= 5


def test_the_page_is_one_page_whatever_is_said():
    sources = read(cases=False)
    texts = [text for record in (*sources.reframes, *sources.gates, *sources.pipelines) for text in record.matches]
    texts += [landmark.text for landmark in sources.landmarks]
    for text in texts:
        framing = advisor.frame(text, encoder=False)
        assert len(framing.reframes) <= MOST_REFRAMINGS
        assert len(framing.gates) <= MOST_GATES
        assert len(markdown(framing).split()) - len(text.split()) <= MOST_WORDS, text
