"""Fitting: weights stay near their words, batches are held out whole, limits keep their promises."""

import numpy as np
import pytest
from scipy import sparse

from advisor.posterior import LOG_ODDS, Reckoning
from advisor.train import card, cases, reckoning, rules
from advisor.train.cases import Item
from taxonomy.knowledge import load

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
    return reckoning.Table(
        logits, logits * 2, np.eye(9)[said], wanted, np.zeros((count, 2)), np.eye(2)[said], np.zeros(count, int)
    )


def test_rules_that_err_too_often_never_decide_alone():
    for share, alone in ((0.9, False), (1.0, True)):
        made = table(400, share)
        numbers = reckoning.fit(made, ["a/x", "b/y"], (made.rules, made.wanted))
        assert (numbers.sure < 1) == alone


def test_scales_make_probabilities_honest():
    made = table(1000, 0.8)
    numbers = reckoning.fit(made, ["a/x", "a/y"], (made.rules, made.wanted))
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
    assert Reckoning(**Reckoning(sure=0.99)._asdict()).sure == 0.99
