"""Evidence adds up in log-odds, and thin or balanced evidence decides nothing."""

import math

import pytest

from advisor.evidence import Evidence
from advisor.posterior import DISCOUNT, LOG_ODDS, TEMPERATURE, choose_subtask, weigh
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
    assert odds == pytest.approx(math.exp(LOG_ODDS["strong"] / TEMPERATURE))


def test_a_weak_piece_alone_decides_nothing():
    assert weigh([piece("b", "weak")], CATEGORIES).category is None


def test_balanced_evidence_decides_nothing_and_says_so():
    posterior = weigh([piece("a", "strong"), piece("b", "strong")], CATEGORIES)
    assert posterior.category is None
    assert "a" in posterior.why_undecided
    assert "b" in posterior.why_undecided


def test_evidence_against_lowers():
    posterior = weigh([piece("a", "strong"), piece("b", "strong"), piece("b", "against")], CATEGORIES)
    assert posterior.category == "a"


def test_the_second_piece_counts_less_and_weights_are_what_was_added():
    posterior = weigh([piece("a", "medium"), piece("a", "strong"), piece("a", "strong")], CATEGORIES)
    weights = [found.weight for found in posterior.evidence]
    strong, medium = LOG_ODDS["strong"], LOG_ODDS["medium"]
    assert weights == pytest.approx([strong, strong * DISCOUNT, medium * DISCOUNT**2])
    log_odds = math.log(posterior.probabilities["a"] / posterior.probabilities["b"])
    assert log_odds == pytest.approx(sum(weights) / TEMPERATURE)


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
