"""A text beside several columns of yes and no: framed as tags for texts, and learned from the text by the starter."""

import csv
import io
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

import advisor
from advisor.cli import main
from advisor.errors import InputRefused
from models import catalog, loading
from models.kit import config
from models.kit.errors import Refused

ROWS = 240
WORDS = {"is_rude": ["stupid", "moron"], "is_spam": ["casino", "pills"], "asks_refund": ["refund", "invoice"]}
MARKS = [*WORDS]
FILL = "the my order was and came today with your service again please for this shop very late nice".split()
HOSTILE = {
    "comment": "text: [what, they 'wrote'] #",
    "is_rude": 'rude"); import os #: {{ x }} - !!python/object',
    "is_spam": "a, b | c",
    "asks_refund": "predicted 列 😀",
    "id": "=cmd('id')|$y$",
}
TEMPLATE = "tagging/text_tags"


def comments(yes: Any = 1, no: Any = 0) -> pl.DataFrame:
    """Comments whose words say which marks hold."""
    draw = random.Random(0)
    rows = []
    for number in range(ROWS):
        marks = {name: draw.random() < 0.35 for name in MARKS}
        words = draw.choices(FILL, k=draw.randint(6, 14)) + [draw.choice(WORDS[name]) for name in MARKS if marks[name]]
        draw.shuffle(words)
        text = " ".join(words).capitalize() + "."
        rows.append(
            {"id": number + 1, "comment": text, **{name: yes if has else no for name, has in marks.items()}},
        )
    return pl.DataFrame(rows)


def written(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((project / "config.yaml").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("text", ["Predict it.", "What about these rows?", "Which of them hold for a comment?"])
@pytest.mark.parametrize(
    "table", [comments(), comments("yes", "no"), comments(yes=True, no=False)], ids=["numbers", "words", "truth"]
)
def test_marks_of_a_text_are_tags_of_it(table: pl.DataFrame, text: str) -> None:
    framing = advisor.frame(text, table=table, target=MARKS)
    assert (framing.category, framing.subtask, framing.card.target) == ("tagging", "text_tags", tuple(MARKS))
    assert any("a text stands beside them" in piece.because for piece in framing.evidence)


def test_without_a_text_that_is_known_in_time_they_are_labels_of_a_row() -> None:
    numbers = comments().select("id", pl.col("comment").str.len_chars().alias("length"), *MARKS)
    assert advisor.frame("Predict it.", table=numbers, target=MARKS).subtask == "tabular_multilabel"
    late = {"known-in-time:comment": "not_known"}
    table = comments().with_columns(pl.Series("orders", [n * 7 % 31 for n in range(ROWS)]))
    assert advisor.frame("Predict it.", table=table, target=MARKS, answers=late).subtask == "tabular_multilabel"


def test_a_remark_beside_many_numbers_does_not_make_them_tags_of_a_text() -> None:
    table = comments().with_columns(
        *(pl.Series(f"sensor {k}", [n * (k + 2) / 7 for n in range(ROWS)]) for k in range(8))
    )
    assert advisor.frame("Predict it.", table=table, target=MARKS).subtask == "tabular_multilabel"
    mostly_empty = comments().with_columns(
        pl.when(pl.int_range(pl.len()) % 20 == 0).then(pl.col("comment")).alias("comment"),
        pl.Series("orders", [n * 7 % 31 for n in range(ROWS)]),
    )
    assert advisor.frame("Predict it.", table=mostly_empty, target=MARKS).subtask == "tabular_multilabel"


def test_the_starter_learns_the_marks_from_the_text(tmp_path: Path) -> None:
    table, marks = comments("yes", "no").rename(HOSTILE), [HOSTILE[name] for name in MARKS]
    file, project = tmp_path / "comments.csv", tmp_path / "project"
    table.write_csv(file)
    named = [part for name in marks for part in ("--target", name)]
    assert main(["start", str(project), "--text", "Predict it.", "--table", str(file), *named]) == 0
    settings = written(project)
    assert (settings["texts"], settings["tags"], settings["targets"]) == ([HOSTILE["comment"]], None, marks)
    problem = json.loads((project / "problem.json").read_text(encoding="utf-8"))
    assert (problem["subtask"], problem["target"], problem["card"]["target"]) == ("text_tags", marks, marks)
    readme = (project / "README.md").read_text(encoding="utf-8")
    assert f"`{TEMPLATE}`" in readme
    assert "as they were named" in readme
    assert "or not in `texts`" in readme
    run(project, "train.py")
    found = json.loads((project / "output/metrics.json").read_text(encoding="utf-8"))
    assert found["usable"]
    (unread,) = [said for said in found["decisions"] if said.startswith("not read: ")]
    assert repr(HOSTILE["id"]) in unread
    table.drop(marks).write_csv(tmp_path / "new.csv")
    answers = list(csv.DictReader(io.StringIO(run(project, "predict.py", str(tmp_path / "new.csv")))))
    assert {tag for each in answers for tag in json.loads(each["predicted"])} == set(marks)
    for name in marks:
        chances = pl.DataFrame(
            {"has": table[name] == "yes", "of": [float(each[f"chance of {name}"]) for each in answers]}
        )
        with_mark, without = (chances.filter(pl.col("has") == has)["of"].mean() for has in (True, False))
        assert with_mark > without, name


def run(project: Path, program: str, *arguments: str) -> str:
    """Runs a program of the project in a process of its own, on what the project carries, and returns what it says."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, str(project / program), *arguments]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_neighbours_of_a_mark_that_was_guessed_are_marks_too(tmp_path: Path) -> None:
    framing = advisor.frame("Which kinds of abuse apply to a comment? Several may.", table=comments())
    assert framing.subtask == "text_tags"
    project = framing.start(tmp_path / "project", table=comments())
    assert (written(project)["tags"], written(project)["targets"]) == (None, MARKS)
    assert "which were guessed" in (project / "README.md").read_text(encoding="utf-8")


def test_a_column_of_lists_is_still_read_as_one(tmp_path: Path) -> None:
    lists = pl.Series("kinds", ["|".join(name for name in MARKS if row[name]) for row in comments().to_dicts()])
    table = comments().select("comment").with_columns(lists)
    framing = advisor.frame("Which kinds apply to a comment? Several may.", table=table, target="kinds")
    project = framing.start(tmp_path / "project", table=table)
    assert (written(project)["tags"], written(project)["targets"]) == ("kinds", [])
    assert "The target is the column 'kinds'" in (project / "README.md").read_text(encoding="utf-8")


def test_a_template_of_one_column_names_the_one_that_reads_the_text(tmp_path: Path) -> None:
    framing = advisor.frame("Predict it.", table=comments(), target=MARKS)
    with pytest.raises(InputRefused, match=f"name one of them, or the template {TEMPLATE}"):
        framing.start(tmp_path / "project", table=comments(), template="classification/text")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tags": "is_rude", "targets": "[is_rude, is_spam]"}, "set either tags, .* or targets"),
        ({"tags": "null", "targets": "[]"}, "set either tags, .* or targets"),
        ({"tags": "null", "targets": "[is_rude]"}, r"targets: \[is_rude\] is one column; name at least two"),
        ({"tags": "null", "targets": "[is_rude, is_rude]"}, "column 'is_rude' is named twice"),
        ({"tags": "null", "targets": "[is_rude, is_spa]"}, "targets: .*'is_spa'"),
        ({"tags": "null", "targets": "[is_rude, comment]"}, "targets: column 'comment' is also read"),
        ({"tags": "null", "targets": "[is_rude, id]"}, "targets: column 'id' holds '2'; write 1 or 0"),
    ],
)
def test_settings_that_say_no_tags_are_refused(changes: dict[str, str], said: str, tmp_path: Path) -> None:
    comments().write_csv(tmp_path / "comments.csv")
    folder = catalog.find(TEMPLATE).folder
    with loading.task(folder) as task:
        every = {"table": "comments.csv", "texts": "[comment]", **changes}
        settings = config.read(folder / "config.yaml", task.settings, changes=every)
        with pytest.raises(Refused, match=said):
            task.read(settings, tmp_path, None)


@pytest.mark.parametrize(("no_tags", "size"), [("unknown", ROWS - 1), ("none", ROWS)])
def test_an_empty_mark_is_unknown_or_no(no_tags: str, size: int, tmp_path: Path) -> None:
    table = comments("yes", "no").with_columns(
        pl.when(pl.int_range(ROWS) == 0).then(None).otherwise(pl.col("is_spam")).alias("is_spam")
    )
    table.write_csv(tmp_path / "comments.csv")
    folder = catalog.find(TEMPLATE).folder
    changes = {"table": "comments.csv", "texts": "[comment]", "tags": "null", "targets": "[is_rude, is_spam]"}
    with loading.task(folder) as task:
        settings = config.read(folder / "config.yaml", task.settings, changes={**changes, "no_tags": no_tags})
        data = task.read(settings, tmp_path, None)
    assert data.size == size
    assert ("1 row with an empty cell left out" in " ".join(data.decisions)) == (no_tags == "unknown")
