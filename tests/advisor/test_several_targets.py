"""Several columns that are named as the target: what every door makes of them, and what it refuses."""

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

import advisor
from advisor import batch
from advisor.cli import main
from advisor.errors import InputRefused, UsageError
from models import loading
from models.kit import config

ROWS = 120
TABLE = {
    "columns": ["angle", "ball", "far, in m", "high_m", "broke", "rolled", "colour"],
    "rows": [
        [
            n * 7 % 90,
            "abc"[n % 3],
            20.5 + n * 13 % 31 / 4,
            3.5 + n * 11 % 17 / 4,
            n * 5 % 7 % 2,
            n % 3 % 2,
            "rgb"[n % 3],
        ]
        for n in range(ROWS)
    ],
}
NUMBERS, MARKS, MIXED = ["far, in m", "high_m"], ["broke", "rolled"], ["high_m", "broke"]
TEXTS = ["What happens to the ball?", "Will the ball break, and will it roll?", "How far will it fly?", "Predict it."]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The table as a file."""
    place = tmp_path / "throws.csv"
    pl.DataFrame(TABLE["rows"], schema=TABLE["columns"], orient="row").write_csv(place)
    return place


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    ("target", "category", "subtask"),
    [(NUMBERS, "regression", "multi_output"), (MARKS, "tagging", "tabular_multilabel")],
)
def test_what_several_targets_have_in_common_decides_whatever_the_words(text, target, category, subtask):
    framing = advisor.frame(text, table=TABLE, target=target)
    assert (framing.category, framing.subtask, framing.card.target) == (category, subtask, tuple(target))
    assert framing.profile.target == framing.profile.targets[0].columns == tuple(target)
    assert framing.profile.is_target_named
    assert any("You named what to predict" in piece.because for piece in framing.evidence)
    assert not {each.id for each in framing.profile.contradictions} & {"targets_of_several_kinds"}


def test_an_effect_on_several_targets_stays_one():
    text = "Does a heavier ball cause throws to be shorter and lower? We want the causal effect, not a prediction."
    assert advisor.frame(text, table=TABLE, target=NUMBERS).category == "other"


def test_a_list_of_one_is_that_one():
    one, other = (advisor.frame(TEXTS[2], table=TABLE, target=name) for name in ("high_m", ["high_m"]))
    assert one == other
    assert one.card.target == "high_m"


def test_targets_of_several_kinds_are_told_at_every_door(file, capsys):
    framing = advisor.frame("Predict it.", table=TABLE, target=MIXED)
    (told,) = [each for each in framing.profile.contradictions if each.id == "targets_of_several_kinds"]
    assert told.columns == tuple(MIXED)
    assert "name one target at a time" in told.so
    assert framing.subtask != "multi_output"
    assert framing.category != "tagging"
    assert "## Words and table disagree" in framing.to_markdown()
    assert main(["frame", "Predict it.", "--table", str(file), "--target", "high_m", "--target", "broke"]) == 0
    assert "Words and table disagree" in capsys.readouterr().out


def test_the_end_of_a_duration_is_no_second_target():
    rows = [[n * 7 % 60, 1.5 + n * 13 % 31 / 4, n % 3 > 0] for n in range(ROWS)]
    table = {"columns": ["age", "duration_months", "died"], "rows": rows}
    seen = advisor.profile(table, description="How long will they survive?", target=["died", "duration_months"])
    assert (seen.target, seen.event) == ("duration_months", "died")
    assert not [each for each in seen.contradictions if each.id == "targets_of_several_kinds"]


def test_what_is_asked_for_instead_of_several_is_told():
    seen = advisor.profile(TABLE, description="Predict the colour.", target=NUMBERS)
    (told,) = [each for each in seen.contradictions if each.id == "another_target_is_asked_for"]
    assert told.columns == ("colour", *NUMBERS)


REFUSED: dict[str, tuple[Any, str]] = {
    "unknown": (["high_m", "brok"], "no column 'brok'; did you mean 'broke'"),
    "empty": ([], "empty list; name at least one column"),
    "twice": (["broke", "high_m", "broke"], "names the column 'broke' twice"),
    "number": (3, "neither a text nor a list of texts"),
    "not texts": (["broke", 3], "neither a text nor a list of texts"),
    "mapping": ({"broke": 1}, "neither a text nor a list of texts"),
    "set": ({"broke", "high_m"}, "neither a text nor a list of texts"),
}


@pytest.mark.parametrize(("target", "said"), REFUSED.values(), ids=REFUSED)
def test_what_names_no_columns_is_refused_by_every_function(tmp_path, target, said):
    for call in (
        lambda: advisor.frame("Predict it.", table=TABLE, target=target),
        lambda: advisor.profile(TABLE, target=target),
        lambda: advisor.frame("How far will it fly?").start(
            tmp_path / "x", table=pl.DataFrame(TABLE["rows"], schema=TABLE["columns"], orient="row"), target=target
        ),
    ):
        with pytest.raises(InputRefused, match=said) as caught:
            call()
        assert caught.value.code == "table_refused"
        assert "'broke'" not in caught.value.public
    assert not (tmp_path / "x").exists()


def test_several_targets_need_a_table(tmp_path, capsys):
    with pytest.raises(UsageError, match="no table was given"):
        advisor.frame("Predict it.", target=NUMBERS)
    with pytest.raises(UsageError, match="no table was given"):
        advisor.frame(TEXTS[2]).start(tmp_path / "x", target=NUMBERS)
    assert main(["frame", "hello", "--target", "a", "--target", "b"]) == 2
    assert "no table" in capsys.readouterr().err


def test_the_terminal_takes_a_name_with_a_comma_and_several_names(file, tmp_path, capsys):
    named = ["--table", str(file), "--target", NUMBERS[0], "--target", NUMBERS[1]]
    assert main(["frame", "Predict it.", *named, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["card"]["target"] == NUMBERS
    assert main(["profile", str(file), *named[2:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["target"] == NUMBERS
    assert main(["start", str(tmp_path / "x"), "--text", "Predict it.", *named]) == 0
    assert json.loads((tmp_path / "x/problem.json").read_text())["target"] == NUMBERS
    capsys.readouterr()
    assert main(["frame", "Predict it.", *named, "--target", NUMBERS[1]]) == 3
    assert "'high_m' twice" in capsys.readouterr().err


def test_a_line_of_a_batch_takes_several():
    asked = [{"text": "Predict it.", "table": TABLE, "target": target} for target in (MARKS, [], ["broke", "x"])]
    lines = batch.lines(io.BytesIO("".join(json.dumps(one) + "\n" for one in asked).encode()))
    good, empty, unknown = map(json.loads, batch.framed(list(lines)).lines.splitlines())
    assert good["framing"]["card"]["target"] == MARKS
    assert "empty list" in empty["error"]["message"]
    assert "no column 'x'" in unknown["error"]["message"]


@pytest.mark.parametrize("target", [NUMBERS, MARKS], ids=["numbers", "marks"])
@pytest.mark.parametrize("where", ["frame", "start"])
def test_several_targets_reach_the_settings_of_the_starter(tmp_path, file, target, where):
    framing = advisor.frame("Predict it.", table=file, target=target)
    project = framing.start(tmp_path / "x", table=file, target=target if where == "start" else None)
    assert yaml.safe_load((project / "config.yaml").read_text())["targets"] == target
    problem = json.loads((project / "problem.json").read_text())
    assert problem["target"] == problem["card"]["target"] == target
    readme = (project / "README.md").read_text()
    assert "as they were named" in readme
    assert "--target a --target b" not in readme
    with loading.task(project) as task:
        assert task.read(config.read(project / "config.yaml", task.settings), project, None).size == ROWS


def test_the_readme_of_guessed_targets_says_how_to_name_several(tmp_path, file):
    text = "Predict two numbers at once for each throw: how far and how high, in m."
    project = advisor.frame(text).start(tmp_path / "x", table=file, template="regression/multi_output")
    readme = (project / "README.md").read_text()
    assert "which were guessed" in readme
    assert "`--target a --target b` in the terminal" in readme
    assert '`target=["a", "b"]` in Python and JSON' in readme
    found = yaml.safe_load((project / "config.yaml").read_text())["targets"]
    target = json.loads((project / "problem.json").read_text())["target"]
    assert found == ([target] if isinstance(target, str) else target)


@pytest.mark.parametrize(
    ("target", "template", "said"),
    [
        (NUMBERS, "regression/linear", "name one of them, or the template regression/multi_output"),
        (MARKS, "classification/softmax", "name one of them, or the template tagging/tabular_multilabel"),
        (MARKS, "tagging/extreme", r"learns one column \(`tags`\), and the target is 'broke', 'rolled'"),
        (MIXED, "regression/linear", "name one of them$"),
        (["high_m", "colour"], "regression/multi_output", "colour"),
    ],
)
def test_a_template_that_cannot_learn_the_targets_is_refused(tmp_path, file, target, template, said):
    framing = advisor.frame("Predict it.", table=file, target=target)
    with pytest.raises(InputRefused, match=said):
        framing.start(tmp_path / "x", table=file, template=template)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("text", [*TEXTS, "Who is still there?"])
def test_a_length_of_time_named_with_its_end_is_survival(tmp_path, text):
    rows = range(ROWS)
    table = pl.DataFrame(
        {
            "age": [30 + n * 7 % 50 for n in rows],
            "months": [n * 13 % 61 / 2 for n in rows],
            "died": [n % 3 for n in rows],
        }
    ).with_columns(pl.col("died") == 1)
    framing = advisor.frame(text, table=table, target=["died", "months"])
    assert (framing.category, framing.subtask) == ("regression", "survival")
    assert (framing.profile.target, framing.profile.event, framing.profile.is_target_named) == ("months", "died", True)
    project = framing.start(tmp_path / "project", table=table, target=["died", "months"])
    settings = yaml.safe_load((project / "config.yaml").read_text())
    assert (settings["target"], settings["event"]) == ("months", "died")
