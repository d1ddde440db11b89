"""Rules decide alone where they are sure; else the encoder is asked, once for all texts that need it."""

import pytest

from advisor import decision, encoder, posterior
from advisor.decision import Said, decide, hear, heard
from advisor.encoder import Impression
from advisor.evidence import Evidence
from advisor.posterior import Reckoning, Scales
from taxonomy.knowledge import load
from taxonomy.reading import read_text

NAMES = list(load().categories)


class Reader:
    """Stands in for the encoder: says `wants`, and remembers what it was asked."""

    def __init__(self, wants: str) -> None:
        self.wants = wants
        self.asked: list[list[str]] = []

    def read(self, texts):
        self.asked.append(list(texts))
        logits = {name: 4.0 * (name == self.wants) - 4 / 9 for name in NAMES}
        return [Impression(logits, logits, {f"{self.wants}/x": 2.0}, (), ()) for _ in texts]


@pytest.fixture
def reader(monkeypatch):
    made = Reader("ranking")
    monkeypatch.setattr(encoder, "load", lambda: made)
    monkeypatch.setattr(posterior, "reckoning", lambda knowledge: Reckoning(sure=0.9))
    return made


def rule(category: str, weight: float) -> Evidence:
    return Evidence("text", category, None, "strong", weight, "q", 0, 1, "r", "because", "s")


def test_sure_rules_need_no_encoder(reader):
    (found,) = decide(load(), [Said("sure", [rule("regression", 9.0)])])
    assert found.posterior.category == "regression"
    assert found.subtasks == {}
    assert reader.asked == []


def test_unsure_texts_are_read_together(reader):
    said = [Said("a", [rule("regression", 0.5)]), Said("sure", [rule("tagging", 9.0)]), Said("b", [])]
    found = decide(load(), said)
    assert reader.asked == [["a", "b"]]
    assert [one.posterior.category for one in found] == ["ranking", "tagging", "ranking"]
    assert found[0].subtasks == {"ranking/x": 2.0}
    assert found[1].subtasks == {}


def test_rules_still_count_beside_the_encoder(reader, monkeypatch):
    monkeypatch.setattr(posterior, "reckoning", lambda knowledge: Reckoning(sure=1.0, together=Scales(encoder=0.5)))
    (found,) = decide(load(), [Said("a", [rule("regression", 5.0)])])
    assert found.posterior.category == "regression"
    assert found.posterior.probabilities["ranking"] > found.posterior.probabilities["tagging"]


def test_answers_count_in_full_either_way(reader):
    answer = Evidence("answer", "no_ml", None, "strong", 0.0, "yes", None, None, "q", "because", "why")
    (found,) = decide(load(), [Said("a", [], [answer])])
    assert found.posterior.category == "no_ml"
    assert reader.asked == []


def test_the_encoder_can_be_left_out(reader):
    decide(load(), [Said("a", [])], encoder=False)
    assert reader.asked == []


def test_without_a_file_the_rules_decide_alone(monkeypatch):
    monkeypatch.setattr(encoder, "load", lambda: None)
    monkeypatch.setattr(decision.posterior, "reckoning", lambda knowledge: Reckoning(sure=1.0))
    (found,) = decide(load(), [Said("a", [rule("regression", 3.0)])])
    assert found.posterior.category == "regression"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Good morning. Which cows are ill? Many thanks from us all!", "Which cows are ill?"),
        ("We help shops sort receipts by the new law. Kind regards", "We help shops sort receipts by the new law."),
        ("Group the comments that some readers sent", "Group the comments that some readers sent"),
        ("Who pays late thanks in advance", "Who pays late"),
        ("Hello!", "Hello!"),
    ],
)
def test_the_encoder_does_not_hear_courtesies(text, left):
    said = hear(load(), text, read_text(load(), text))
    assert len(heard(said)) == len(text)
    assert heard(said).strip(" .!") == left.strip(" .!")


def test_courtesies_and_negated_words_speak_for_nothing():
    plain = "Which cows are ill?"
    (alone, polite) = (hear(load(), text, read_text(load(), text)) for text in (plain, f"{plain} Kind regards, Tom"))
    assert alone.words.logits == polite.words.logits
    negated = hear(load(), "Not how many, but which.", read_text(load(), "Not how many, but which."))
    assert [negated.text[start:end] for start, end in negated.negated] == ["how", "many"]


def test_a_scale_moves_all_that_was_read_and_no_answer(reader):
    answer = rule(NAMES[1], 1.0)._replace(source="answer")
    said = Said("x", [rule(NAMES[0], 2.0)], [answer])
    (whole,), (half,) = decide(load(), [said], encoder=False), decide(load(), [said], encoder=False, scale=0.5)
    weights = [{piece.source: piece.weight for piece in one.posterior.evidence} for one in (whole, half)]
    assert weights[1] == {"text": weights[0]["text"] / 2, "answer": weights[0]["answer"]}
