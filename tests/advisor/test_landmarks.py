"""The problems that the field knows by name are framed as the field frames them."""

from pathlib import Path

import pytest

import advisor
from taxonomy.knowledge import load

ENCODER = Path(advisor.__file__).parent / "encoder.onnx"
LANDMARKS = list(load().landmarks.values())
NEEDS_THE_ENCODER = {"town-musicians", "intensive-care-alerts", "pagerank"}  # words and rules say too little


@pytest.mark.parametrize("landmark", [one for one in LANDMARKS if one.id not in NEEDS_THE_ENCODER], ids=lambda x: x.id)
def test_the_rules_alone_frame_it(landmark):
    framing = advisor.frame(landmark.text, encoder=False)
    assert framing.category in (landmark.category, *landmark.accept), framing.probabilities


@pytest.mark.skipif(not ENCODER.exists(), reason="advisor/encoder.onnx is not there; python -m advisor.train makes it")
@pytest.mark.parametrize(
    "landmark",
    LANDMARKS,
    ids=lambda x: x.id,
)
def test_with_the_encoder_it_is_framed(landmark):
    framing = advisor.frame(landmark.text)
    assert framing.category in (landmark.category, *landmark.accept), framing.probabilities


def test_what_needs_the_encoder_exists():
    assert {one.id for one in LANDMARKS} >= NEEDS_THE_ENCODER


@pytest.mark.parametrize(
    "seed",
    "rainfall surgery-hours length-of-stay house-prices star-ratings censored-ratings intensive-care-alerts "
    "town-musicians blog-tags mesh-indexing web-search pagerank pos-and-ner speech-to-text text-to-speech "
    "german-english photos-into-groups ball-trajectory rome-italy-france house-price-demographics synthetic-images "
    "fizzbuzz".split(),
)
def test_the_seed_examples_are_there(seed):
    assert seed in {one.id for one in LANDMARKS}


def test_whole_numbers_are_regression():
    framing = advisor.frame("How many customers will come in on Saturday, as a whole number?", encoder=False)
    assert (framing.category, framing.subtask) == ("regression", "count")


def test_a_category_shows_its_landmarks(capsys):
    from advisor.cli import main

    assert main(["taxonomy", "tagging"]) == 0
    shown = capsys.readouterr().out
    for landmark in LANDMARKS:
        assert (f"{landmark.title} ({landmark.subtask})" in shown) == (landmark.category == "tagging")
