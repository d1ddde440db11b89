"""Fitting: weights stay near their words, batches are held out whole, limits keep their promises."""

import json

import numpy as np
import pytest
from scipy import sparse

from advisor.posterior import LOG_ODDS, Reckoning, Scales, told
from advisor.train import card, cases, reckoning, rules, wording
from advisor.train.__main__ import plainly
from advisor.train.cases import Item
from advisor.wording import Wording
from taxonomy.knowledge import load
from taxonomy.tokens import Tokens, tokenize

NAMES = list(load().categories)


def item(text: str, category: str = "regression", subtask: str = "count", *, batch: str = "a") -> Item:
    return Item(text, category, f"{category}/{subtask}" if category else "", (), batch)


def seen(rows: list[list[int]], prior: list[float], outcomes: int) -> rules.Fired:
    """A design of `len(prior)` weights, each for its own outcome; `rows` name the weights that fire in each item."""
    design = np.zeros((len(rows) * outcomes, len(prior)))
    for number, row in enumerate(rows):
        for weight in row:
            design[number * outcomes + weight, weight] = 1
    names = [(f"r{n}", str(n)) for n in range(len(prior))]
    return rules.Fired(sparse.csr_matrix(design), names, np.array(prior), [str(n) for n in range(outcomes)])


def test_a_rule_that_never_fires_keeps_its_word():
    found = rules.fit(seen([[0], [0]], [1.0, 2.4], 2), np.array([[1.0, 0.0], [1.0, 0.0]]), np.zeros((2, 2)))
    assert found[1] == pytest.approx(2.4, abs=1e-3)
    assert found[0] > 1.0


def test_a_rule_that_is_often_wrong_loses_weight():
    wanted = np.array([[1.0, 0.0]] * 10 + [[0.0, 1.0]] * 10)
    found = rules.fit(seen([[0]] * 20, [2.4, 2.4], 2), wanted, np.zeros(wanted.shape))
    assert abs(found[0]) < 0.5


def test_stiffness_holds_weights_at_their_words():
    wanted = np.array([[0.0, 1.0]] * 10)
    loose = rules.fit(seen([[0]] * 10, [2.4], 2), wanted, np.zeros(wanted.shape), stiffness=0.1)
    stiff = rules.fit(seen([[0]] * 10, [2.4], 2), wanted, np.zeros(wanted.shape), stiffness=1e6)
    assert loose[0] < 0 < stiff[0] == pytest.approx(2.4, abs=1e-3)


def test_the_weights_of_real_rules_are_fitted_by_name():
    found = rules.category_weights(load(), [item("How many loaves will we sell tomorrow?")] * 5)
    assert found["asks-how-many"]["regression"] != LOG_ODDS["strong"]
    assert set(found) <= set(load().rules)


def test_whole_batches_are_held_out():
    found = [item("x", batch=batch) for batch in ("a", "d", "d", "b")]
    fitting, held = cases.split(found, ("d",))
    assert ([one.batch for one in fitting], [one.batch for one in held]) == (["a", "b"], ["d", "d"])


def test_cross_fitting_never_uses_the_own_batch():
    texts = [("How many loaves?", "regression", "count", "a"), ("How many loaves today?", "no_ml", "sql", "b")]
    items = [item(text, category, subtask, batch=batch) for text, category, subtask, batch in texts for _ in range(30)]
    logits, wanted = rules.cross_fitted(load(), items)
    assert logits.shape == wanted.shape == (60, 9)
    here, there = NAMES.index("regression"), NAMES.index("no_ml")
    # Batch b alone says that “how many” is a query, so batch a is judged by it, and the other way round.
    assert logits[0, here] - logits[0, there] < logits[-1, here] - logits[-1, there]


def table(count: int, right: float) -> reckoning.Table:
    """Items of category 0 for which rules and encoder name it in a share of the cases."""
    draw = np.random.default_rng(0)
    wanted = np.zeros((count, 9))
    wanted[:, 0] = 1
    said = np.where(draw.random(count) < right, 0, 1)
    logits = np.eye(9)[said] * 4
    none, subtasks = np.zeros((count, 9)), np.zeros((count, 2))
    return reckoning.Table(
        logits, none, logits * 2, np.eye(9)[said], wanted, subtasks, subtasks, np.eye(2)[said], np.zeros(count, int)
    )


def cross(made: reckoning.Table) -> reckoning.Cross:
    return reckoning.Cross(made.rules, made.words, made.wanted)


def test_rules_that_err_too_often_never_decide_alone():
    for share, alone in ((0.9, False), (1.0, True)):
        made = table(400, share)
        numbers = reckoning.fit(made, ["a/x", "b/y"], cross(made))
        assert (numbers.sure < 1) == alone


def test_scales_make_probabilities_honest():
    made = table(1000, 0.8)
    numbers = reckoning.fit(made, ["a/x", "a/y"], cross(made))
    items = [Item("t", "a", "a/x", (), "d")] * 1000
    found = reckoning.figures(made, numbers, items, ["a/x", "a/y"])
    assert found["accuracy"][1] == pytest.approx(0.8, abs=0.05)
    assert found["expected calibration error"][1] < 0.05


def test_a_text_that_says_too_little_wants_every_category_alike():
    assert cases.targets(item("hello", ""), NAMES) == pytest.approx([1 / 9] * 9)


def test_the_card_tells_where_it_all_comes_from(tmp_path):
    card.write(
        tmp_path / "card.md",
        name="00ff",
        recipe={"epochs": 5.0, "seed": 0},
        seeds=1,
        tokens=100,
        items=[item("x"), item("hello", "")],
        held=[item("x")],
        figures={"accuracy": (0.5, 0.75)},
        minutes=3.2,
    )
    text = (tmp_path / "card.md").read_text()
    for needed in ("00ff", "sha256", "Apache-2.0", "| accuracy | 0.500 | 0.750 |", "regression 1", "advisor.train"):
        assert needed in text


def test_reckoning_can_be_written_and_read_back():
    numbers = Reckoning(sure=0.99, alone=Scales(rules=0.5, words=0.25))
    assert told(json.loads(json.dumps(plainly(numbers)))) == numbers


def test_single_words_are_learned_and_read_back_as_they_were_judged(tmp_path):
    texts = [
        ("How many litres by friday?", "regression", "count"),
        ("Sort the letters into trays", "classification", "text"),
    ]
    items = [item(text, category, subtask) for text, category, subtask in texts for _ in range(5)]
    fitted = wording.fit(items, NAMES, ["regression/count", "regression/tabular", "classification/text"])
    wording.write(fitted, tmp_path / "wording.json")
    read = Wording(json.loads((tmp_path / "wording.json").read_text()))
    for number in (0, 5):
        words = read.read(*heard(items[number].text))
        judged = wording.logits(fitted, items)[number]
        assert [words.logits[name] for name in NAMES] == pytest.approx(judged[: len(NAMES)])
        assert max(words.logits, key=words.logits.get) == items[number].category
    assert read.read(*heard("zzz")).logits == dict.fromkeys(NAMES, 0.0)


def heard(text: str) -> tuple[Tokens, list[bool]]:
    tokens = tokenize(text)
    return tokens, [False] * len(tokens.words)


def test_words_are_cross_fitted_without_the_own_batch():
    texts = [("How many loaves?", "regression", "count", "a"), ("How many loaves?", "no_ml", "sql", "b")]
    items = [item(text, category, subtask, batch=batch) for text, category, subtask, batch in texts for _ in range(30)]
    others = [item("Which first?", "ranking", "search", batch="c")] * 9
    logits = wording.cross_fitted([*items, *others], NAMES)
    assert NAMES[logits[0].argmax()] == "no_ml"
    assert NAMES[logits[59].argmax()] == "regression"
