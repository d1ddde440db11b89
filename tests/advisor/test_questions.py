"""Questions are chosen by bounds, and are those that reckoning all of them would choose."""

import random

import pytest

from advisor.posterior import softmax
from advisor.questions import CATEGORIES_LOOKED_AT, LEAST_INFORMATION, MOST_QUESTIONS, choose, expected_information
from taxonomy.knowledge import load


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0, 8.0])
def test_the_questions_chosen_are_the_most_telling_of_all(spread):
    knowledge, draw = load(), random.Random(0)
    for _ in range(50):
        probabilities = softmax({name: draw.gauss(0, spread) for name in knowledge.categories})
        likeliest = sorted(probabilities, key=lambda name: -probabilities[name])[:CATEGORIES_LOOKED_AT]
        names = [name for group in ("", *likeliest) for name in knowledge.asked[group]]
        information = {name: expected_information(knowledge.questions[name], probabilities) for name in names}
        telling = [name for name in names if information[name] >= LEAST_INFORMATION]
        expected = sorted(telling, key=lambda name: -information[name])[:MOST_QUESTIONS]
        asked = choose(knowledge, probabilities)
        assert [(each.id, each.information) for each in asked] == [(name, information[name]) for name in expected]
