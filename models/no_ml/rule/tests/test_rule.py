"""Tests that travel with the project. Run them with `pytest tests` in the project's folder."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from models.kit import config, dataset, rule_text, rules  # noqa: E402 - after the path


@pytest.fixture(scope="module")
def settings() -> Any:
    """What config.yaml says."""
    return config.read(PROJECT / "config.yaml", importlib.import_module("model").Settings)


@pytest.fixture(scope="module")
def checked(settings: Any) -> tuple[rules.Rule, rules.Checked]:
    """The rule, and how it does on the whole table."""
    rule = rules.load(PROJECT / settings.rule)
    return rule, rules.check(rule, dataset.table(settings.table, folder=PROJECT).frame)


def test_rule_gives_the_target_and_never_reads_it(settings: Any, checked: tuple[rules.Rule, rules.Checked]) -> None:
    """The rule gives the target of config.yaml, from other columns."""
    rule = checked[0]
    assert rule.target.name == settings.target
    assert settings.target not in rules.columns(rule.expression)


def test_table_has_the_columns_that_the_rule_reads(settings: Any, checked: tuple[rules.Rule, rules.Checked]) -> None:
    """The table has every column that the rule reads."""
    table = dataset.table(settings.table, folder=PROJECT).frame
    assert {each.name for each in checked[0].inputs} <= set(table.columns)


def test_rule_is_right_on_every_row_but_the_exceptions(
    settings: Any, checked: tuple[rules.Rule, rules.Checked]
) -> None:
    """There are no more exceptions than config.yaml allows."""
    assert len(checked[1].exceptions) <= settings.most_exceptions, checked[1].exceptions[:20]


def test_rule_can_be_read_as_sql_and_python(checked: tuple[rules.Rule, rules.Checked]) -> None:
    """The rule has a text in both languages."""
    assert rule_text.sql(checked[0]).startswith("SELECT")
    assert "def answer(row):" in rule_text.python(checked[0])
