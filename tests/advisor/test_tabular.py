"""Words and table together: facts move the posterior, rules and leaks are asked about, the card follows the roles."""

# ruff: noqa: E501 - tables in one line

import datetime as dt
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import advisor
from advisor import facts, sufficiency, tabular
from advisor.errors import UsageError
from advisor.profiling import Profile
from taxonomy.knowledge import load

chance = np.random.default_rng(21)
ROWS = 120
SIZE = np.round(chance.uniform(20, 180, ROWS), 1)
DAYS = [dt.date(2023, 1, 1) + dt.timedelta(days=row) for row in range(ROWS)]


def rented(**more: object) -> pl.DataFrame:
    noise = np.round(chance.normal(size=ROWS), 3)
    return pl.DataFrame({"size": SIZE, "noise": noise, **more})


NET = rented(gross=np.floor(SIZE * 119 + 0.5 + 1e-9) / 100)


def test_an_exact_rule_is_told_with_proof_and_one_question() -> None:
    found = advisor.frame("Give me the gross amount from the size.", table=NET, target="gross")
    assert found.category == "no_ml"
    assert found.subtask == "formula"
    assert found.proof is not None
    assert found.proof.words == "gross = round((size * 1.19), 2)"
    assert found.questions[0].id == "rule-known-in-time"
    assert "`size`" in found.questions[0].text
    assert found.profile is not None
    assert found.profile.leaking == ()
    assert json.loads(found.to_json())["proof"]["held_out_right"] == found.proof.held_out


def test_a_rule_on_columns_that_come_later_is_a_leak() -> None:
    text = "Give me the gross amount from the size."
    found = advisor.frame(text, table=NET, target="gross", answers={"rule-known-in-time": "not_known"})
    assert found.category != "no_ml"
    assert found.proof is None
    assert found.profile is not None
    assert found.profile.leaking == ("size",)
    assert "target_leakage" in {each.id for each in found.profile.findings}
    assert all(each.id != "rule-known-in-time" for each in found.questions)


def leaky() -> pl.DataFrame:
    left = chance.random(ROWS) < 0.4
    return rented(
        cancellation_reason=[["price", "move"][row % 2] if each else None for row, each in enumerate(left)], left=left
    )


def test_a_suspected_column_is_asked_about_and_the_answer_counts() -> None:
    text, frame = "Will this customer leave?", leaky()
    found = advisor.frame(text, table=frame, target="left")
    assert found.profile is not None
    assert found.profile.leaking == ("cancellation_reason",)
    assert found.questions[0].id == "known-in-time:cancellation_reason"
    assert set(found.questions[0].answers) == {"known", "not_known"}
    known = advisor.frame(text, table=frame, target="left", answers={found.questions[0].id: "known"})
    assert known.profile is not None
    assert known.profile.leaking == ()
    later = advisor.frame(text, table=frame, target="left", answers={found.questions[0].id: "not_known"})
    assert later.profile is not None
    assert later.profile.leaking == ("cancellation_reason",)
    assert found.questions[0].id not in [each.id for each in later.questions]


@pytest.mark.parametrize(
    ("answers", "message"),
    [({"known-in-time:nothing": "known"}, "column"), ({"rule-known-in-time": "perhaps"}, "answer to rule-known-in-time")],
)  # fmt: skip
def test_answers_about_what_is_not_there_are_refused(answers: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=f"there is no {message}"):
        advisor.frame("Will this customer leave?", table=leaky(), answers=answers)
    with pytest.raises(UsageError, match="there is no question"):
        advisor.frame("Will this customer leave?", answers={"known-in-time:left": "known"})


def test_a_starter_of_a_rule_runs_and_holds_the_rule_as_data(tmp_path: Path) -> None:
    project = advisor.frame("Give me the gross amount from the size.", table=NET, target="gross").start(
        tmp_path / "gross", table=NET, target="gross"
    )
    assert json.loads((project / "rule.json").read_text())["inputs"][0]["name"] == "size"
    done = subprocess.run([sys.executable, project / "train.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"right in {ROWS}" in done.stdout


def test_what_was_said_to_come_later_is_left_out_of_the_starter(tmp_path: Path) -> None:
    frame = leaky()
    answers = {"known-in-time:cancellation_reason": "not_known"}
    found = advisor.frame("Will this customer leave?", table=frame, target="left", answers=answers)
    project = found.start(tmp_path / "left", table=frame, target="left", template="classification/softmax")
    assert 'leave_out: ["cancellation_reason"]' in (project / "config.yaml").read_text()


@pytest.mark.parametrize(
    ("category", "subtask", "roles", "words"),
    [
        ("ranking", None, {"query": "q", "time": "t"}, ["by query", "`q`", "latest by `t`"]),
        ("recommendation", None, {"group": "u", "item": "i", "time": "t"}, ["global timeline", "`t`"]),
        ("recommendation", None, {"group": "u", "item": "i"}, ["log one from tomorrow"]),
        ("regression", "forecasting", {"time": "t"}, ["rolling origin", "gap as long as the horizon"]),
        ("classification", None, {"group": "p"}, ["by group", "`p`"]),
        ("classification", None, {"time": "t"}, ["by time on `t`"]),
        ("classification", None, {"group": "p", "time": "t"}, ["by time on `t`", "`p`"]),
        ("classification", None, {"split": "fold"}, ["`fold`"]),
    ],
)
def test_the_split_follows_from_the_roles(
    category: str, subtask: str | None, roles: dict[str, str], words: list[str]
) -> None:
    from advisor.card import split_for

    said = split_for(category, subtask, Profile(0, 0, (), "y", (), (), (), **roles))
    assert all(word in said for word in words)


def test_data_that_do_not_suffice_are_told_with_what_to_log() -> None:
    frame = rented(broken=np.arange(ROWS) % 40 == 0)
    found = advisor.frame("Which of the machines will break down next week?", table=frame, target="broken")
    assert "3 rows of the rarest class; 50 are needed" in found.card.data_needed
    assert "log from tomorrow" in found.card.data_needed


def test_findings_stand_first_on_the_card_with_their_figure() -> None:
    frame = rented(broken=np.arange(ROWS) % 40 == 0)
    found = advisor.frame("Which of the machines will break down next week?", table=frame, target="broken")
    (pitfall,) = [each for each in found.card.pitfalls if each.id == "class_imbalance"]
    assert pitfall.check.startswith("In your table: the rarest value of `broken` is in 0.025 of the rows")


def test_every_fact_and_minimum_is_told_and_known() -> None:
    knowledge = load()
    source = Path(facts.__file__).read_text(encoding="utf-8")
    told = set(re.findall(r'"((?:target|targets|rows|has|only|user|is|input|rule)_\w+)"', source))
    assert told == set(knowledge.facts), "write it into taxonomy/facts.yaml, or tell it in advisor/facts.py"
    counted = Path(sufficiency.__file__).read_text(encoding="utf-8")
    for name in knowledge.minimums:
        assert name in counted or name.startswith("rows_for_each_"), name


def test_facts_are_evidence_of_the_table() -> None:
    frame = pl.DataFrame({"query_id": [f"q{row // 6}" for row in range(ROWS)], "doc": range(ROWS), "grade": [row % 5 for row in range(ROWS)], "x": SIZE})  # fmt: skip
    found = advisor.frame("Put the best documents first.", table=frame, target="grade")
    assert found.category == "ranking"
    rules = {piece.rule for piece in found.evidence if piece.source == "table"}
    assert "rows_share_query" in rules
    assert all(piece.start is None for piece in found.evidence if piece.source == "table")


def test_even_steps() -> None:
    frame = pl.DataFrame({"day": DAYS, "y": SIZE})
    seen = Profile(ROWS, ROWS, (), "y", (), (), (), time="day")
    assert tabular._even_steps(frame, seen)
    assert not tabular._even_steps(frame.sample(12, seed=1), seen)
