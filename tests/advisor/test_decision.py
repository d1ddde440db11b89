"""Rules decide alone where they are sure; else the encoder is asked, once for all texts that need it."""

import pytest

from advisor import decision, encoder, posterior
from advisor.decision import Said, decide, hear, heard
from advisor.encoder import Impression, Stretch
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
    assert len(heard(said).text) == len(text)
    assert heard(said).text.strip() == left


def test_a_sentence_of_courtesies_leaves_nothing_behind():
    """The encoder reads the same with and without it, down to the last sign."""
    plain = "Which cows are ill? They graze by the river."
    polite = f"{plain} Many thanks in advance, and kind regards!"
    given = [heard(hear(load(), text, read_text(load(), text))).text for text in (plain, polite)]
    assert given[1].rstrip() == given[0]


def test_slips_are_put_right_for_rules_words_and_encoder(reader):
    slipped = "How many patiants, at the hosptial in Bergn, will stay overnightt tomorrow?"
    right = "How many patients, at the hospital in Bergn, will stay overnight  tomorrow?"
    said = hear(load(), slipped, read_text(load(), slipped))
    assert heard(said).text == right
    assert said.words.logits == hear(load(), right, read_text(load(), right)).words.logits
    decide(load(), [said._replace(evidence=[])])
    assert reader.asked == [[right]]


def test_places_are_those_of_what_was_typed(monkeypatch):
    """A letter that was put in moves no quote: all that the encoder says of a place is said of the user's own words."""
    whole = Impression(dict.fromkeys(NAMES, 0.0), {}, {}, (Stretch(0, 5, [0.0] * 9), Stretch(15, 19, [1.0] * 9)), ())
    said = Said("Their hosptal stay", [], slips=[((6, 13), "hospital")])
    told = heard(said)
    assert (told.text, told.text[15:19]) == ("Their hospital stay", "stay")
    (_, stay) = whole.moved(told.spoken).stretches
    assert said.text[stay.start : stay.end] == "stay"


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
