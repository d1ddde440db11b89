"""What a rule is worth, on a knowledge base made up for the purpose."""

import math
from types import SimpleNamespace

import pytest

from taxonomy import __main__ as command
from taxonomy.automaton import compile_phrases
from taxonomy.knowledge import WHEN
from taxonomy.matching import Matcher
from taxonomy.report import Count, Told, Totals, table, worths
from taxonomy.schema import Rule


def rule(name, phrase, points_to, subtasks=None):
    return Rule(name, (phrase,), "{quote}", "", (), (), points_to, subtasks or {})


RULES = [
    rule("hears-apple", "apple", {"fruit": "strong", "metal": "against"}, {"fruit/red": "weak"}),
    rule("hears-round", "round", {"fruit": "weak"}),
    rule("hears-iron", "iron", {"metal": "medium"}),
    rule("hears-nothing", "xyzzy", {"metal": "weak"}),
]
CASES = [
    Told("An apple.", "fruit", "fruit/red", (), False),
    Told("An iron apple.", "metal", "metal/grey", (), False),
    Told("A round apple.", "fruit", "fruit/green", (), False),
    Told("A round iron ball.", "metal", "metal/grey", ("fruit",), True),
    Told("A silent text.", "metal", "metal/grey", (), True),
]


@pytest.fixture(scope="module")
def report():
    matcher = Matcher(compile_phrases({WHEN + one.id: list(one.when) for one in RULES}))
    knowledge = SimpleNamespace(matcher=matcher, rules={one.id: one for one in RULES})
    return worths(knowledge, CASES)


def worth(report, name, target):
    return next(one for one in report[0] if (one.rule, one.target) == (name, target))


def test_coverage_and_precision_are_counted_for_each_category_pointed_to(report):
    assert worth(report, "hears-apple", "fruit").read == Count(3, 2)
    assert worth(report, "hears-iron", "metal").read == Count(1, 1)
    assert worth(report, "hears-iron", "metal").held_out == Count(1, 1)


def test_an_accepted_category_is_right(report):
    assert worth(report, "hears-round", "fruit").held_out == Count(1, 1)


def test_a_voice_against_is_right_where_the_category_is_wrong(report):
    assert worth(report, "hears-apple", "metal").read == Count(3, 2)


def test_a_subtask_is_judged_within_its_category(report):
    assert worth(report, "hears-apple", "fruit/red").read == Count(2, 1)


def test_a_voice_adds_what_no_other_says(report):
    assert worth(report, "hears-apple", "fruit").adds == 1  # "An apple."; round says the rest
    assert worth(report, "hears-iron", "metal").adds == 2
    assert worth(report, "hears-apple", "metal").adds == 0  # against what nobody wrongly said
    assert [one.adds for one in report[0]] == sorted((one.adds for one in report[0]), reverse=True)


def test_a_rule_that_never_fires_stands_last(report):
    last = report[0][-1]
    assert last.rule == "hears-nothing"
    assert math.isnan(last.read.precision)


def test_conflicts_are_rules_that_point_elsewhere_in_the_same_text(report):
    assert worth(report, "hears-iron", "metal").conflicts == (("hears-apple", 1), ("hears-round", 1))
    assert worth(report, "hears-round", "fruit").conflicts == (("hears-iron", 1),)


def test_totals(report):
    assert report[1]["read"] == Totals(3, 0, 3, Count(2, 2))
    assert report[1]["held out"] == Totals(2, 1, 1, Count(0, 0))


def test_the_table_shows_one_category(report):
    shown = table(*report, "metal")
    assert "hears-iron (hears-apple 1, hears-round 1)" in shown
    assert "hears-round (" not in shown
    assert "read: 3 texts" in shown


def test_an_unknown_category_is_told(capsys, monkeypatch):
    monkeypatch.setattr(command, "read", lambda: SimpleNamespace(folders={"fruit": None}))
    assert command.main(["rules", "--category", "fruti"]) == 1
    assert "--category fruti: there is no such category; known are fruit" in capsys.readouterr().err
