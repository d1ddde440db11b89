"""Evidence adds up in log-odds, and thin or balanced evidence decides nothing."""

import math

import pytest

from advisor.evidence import Evidence
from advisor.posterior import LOG_ODDS, choose_subtask, scaled, weigh
from advisor.questions import choose, expected_information
from taxonomy.knowledge import load
from taxonomy.schema import Answer, Question

CATEGORIES = ["a", "b", "c"]


def piece(category: str, strength: str, *, subtask: str | None = None) -> Evidence:
    return Evidence("text", category, subtask, strength, 0.0, "q", 0, 1, "r", "because", "s")


def test_nothing_said_is_equal_odds_and_undecided():
    posterior = weigh([], CATEGORIES)
    assert posterior.category is None
    assert list(posterior.probabilities.values()) == pytest.approx([1 / 3] * 3)


def test_one_strong_piece_decides():
    posterior = weigh([piece("b", "strong")], CATEGORIES)
    assert posterior.category == "b"
    assert sum(posterior.probabilities.values()) == pytest.approx(1)
    odds = posterior.probabilities["b"] / posterior.probabilities["a"]
    assert odds == pytest.approx(math.exp(LOG_ODDS["strong"]))


def test_a_probability_below_the_least_decides_nothing():
    weak = [piece("b", "weak")]
    p = weigh(weak, CATEGORIES).probabilities["b"]
    assert weigh(weak, CATEGORIES, least=p + 0.01).category is None
    assert weigh(weak, CATEGORIES, least=p - 0.01).category == "b"


def test_evidence_against_alone_decides_nothing():
    assert weigh([piece("a", "against"), piece("b", "against")], CATEGORIES).category is None


def test_balanced_evidence_decides_nothing_and_says_so():
    posterior = weigh([piece("a", "strong"), piece("b", "strong")], CATEGORIES)
    assert posterior.category is None
    assert "a" in posterior.why_undecided
    assert "b" in posterior.why_undecided


def test_evidence_against_lowers():
    posterior = weigh([piece("a", "strong"), piece("b", "strong"), piece("b", "against")], CATEGORIES)
    assert posterior.category == "a"


def test_weights_are_what_was_added():
    fitted = piece("a", "strong")._replace(weight=0.7)
    posterior = weigh([piece("a", "medium"), fitted], CATEGORIES)
    assert [found.weight for found in posterior.evidence] == pytest.approx([LOG_ODDS["medium"], 0.7])
    log_odds = math.log(posterior.probabilities["a"] / posterior.probabilities["b"])
    assert log_odds == pytest.approx(LOG_ODDS["medium"] + 0.7)


def test_an_answer_says_more_than_a_phrase():
    answer = piece("a", "strong")._replace(source="answer")
    assert weigh([answer, piece("b", "strong"), piece("b", "medium")], CATEGORIES).category == "a"


def test_scales_multiply_and_sub_tasks_have_their_own():
    pieces = [piece("a", "strong")._replace(weight=2.0), piece("a", "strong", subtask="x")._replace(weight=2.0)]
    assert [one.weight for one in scaled(pieces, 0.5, subtasks=3.0)] == [1.0, 6.0]


def test_the_encoder_and_the_rules_choose_the_sub_task_together():
    pieces = [piece("a", "strong", subtask="x")._replace(weight=1.0)]
    assert choose_subtask(pieces, "a", "y", log_odds={"a/x": 0.0, "a/z": 0.5, "b/w": 9.0}) == "x"
    assert choose_subtask(pieces, "a", "y", log_odds={"a/x": 0.0, "a/z": 1.5}) == "z"


def test_the_order_of_the_evidence_does_not_matter():
    pieces = [piece("a", "medium"), piece("b", "strong"), piece("a", "against"), piece("c", "weak")]
    assert weigh(pieces, CATEGORIES).probabilities == weigh(pieces[::-1], CATEGORIES).probabilities


def test_evidence_for_a_subtask_does_not_move_its_category():
    posterior = weigh([piece("a", "strong", subtask="x")], CATEGORIES)
    assert posterior.category is None
    assert choose_subtask(posterior.evidence, "a", "y") == "x"
    assert choose_subtask(posterior.evidence, "b", "y") == "y"


def question(name: str, **strengths: str) -> Question:
    return Question(name, f"{name}?", "why", "no", {"yes": Answer("Yes", strengths), "no": Answer("No")})


def test_information_is_expected_in_bits():
    p = {"a": 0.5, "b": 0.5}
    assert expected_information(question("useless"), p) == pytest.approx(0)
    some = expected_information(question("some", a="weak"), p)
    best = expected_information(question("best", a="strong", b="against"), p)
    assert 0 < some < best <= 1
    assert expected_information(question("sure", a="strong"), {"a": 1.0, "b": 0.0}) == pytest.approx(0)


def test_the_most_telling_questions_come_first_and_are_not_asked_twice():
    knowledge = load()
    p = dict.fromkeys(knowledge.categories, 1 / 9)
    asked = choose(knowledge, p)
    information = [question.information for question in asked]
    assert len(asked) == 3
    assert information == sorted(information, reverse=True)
    again = choose(knowledge, p, answered=[asked[0].id])
    assert asked[0].id not in [question.id for question in again]
    assert [question.id for question in again[:2]] == [question.id for question in asked[1:]]


def test_nothing_is_asked_when_nothing_is_open():
    knowledge = load()
    p = dict.fromkeys(knowledge.categories, 0.0) | {"regression": 1.0}
    assert choose(knowledge, p) == ()
