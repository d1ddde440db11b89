"""The doctor: what it must notice, each in a project that has that one fault."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from models import catalog, loading
from models.kit import config, doctor, programs

FOLDER = catalog.find("regression/linear").folder
ROWS = 240


@pytest.fixture
def project(tmp_path: Path) -> Path:
    rows = [(37 * row % ROWS) / 7 for row in range(ROWS)]
    frame = pl.DataFrame(
        {"size": rows, "town": [f"t{row % 40}" for row in range(ROWS)], "price": [3 * x for x in rows]}
    )
    frame.write_csv(tmp_path / "table.csv")
    config.write(FOLDER / "config.yaml", tmp_path / "config.yaml", table="table.csv", target="price")
    return tmp_path


def examined(project: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, tuple[bool, str]]]:
    with loading.task(FOLDER) as task:
        code = doctor.check(task, str(project / "doctor.py"), ["--json"])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return code, {each["what"]: (each["good"], each["words"]) for each in found}


def test_a_sound_project_is_sound(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = examined(project, capsys)
    assert code == 0, found
    assert found["saved model"] == (True, "none yet; run train.py")


@pytest.mark.parametrize(
    ("setting", "value", "what", "words"),
    [
        ("target", "prize", "data", "did you mean 'price'"),
        ("table", "tabel.csv", "data", "no such file"),
        ("seed", -1, "settings", "outside"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    project: Path, capsys: pytest.CaptureFixture[str], setting: str, value: object, what: str, words: str
) -> None:
    config.write(project / "config.yaml", project / "config.yaml", **{setting: value})
    code, found = examined(project, capsys)
    assert code == 1
    assert not found[what][0]
    assert words in found[what][1]


def test_doubled_rows_leak(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = pl.read_csv(project / "table.csv").head(ROWS // 2)
    pl.concat([frame, frame]).write_csv(project / "table.csv")
    code, found = examined(project, capsys)
    assert code == 1
    assert not found["doubles"][0]
    assert "set `group`" in found["doubles"][1]


def test_groups_are_looked_at_where_there_are_some(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write(project / "config.yaml", project / "config.yaml", group="town")
    code, found = examined(project, capsys)
    assert code == 0, found
    assert found["groups"] == (True, "no 'town' on both sides")


def posed(project: Path, **changes: object) -> tuple[programs.AnyTask, Any]:
    config.write(project / "config.yaml", project / "config.yaml", **changes)
    with loading.task(FOLDER) as task:
        settings = config.read(project / "config.yaml", task.settings)
        return task, programs.case(task, settings, folder=project, most=None)


@pytest.mark.parametrize(("setting", "what"), [("group", "groups"), ("time", "time")])
def test_a_split_that_breaks_its_promise_is_noticed(project: Path, setting: str, what: str) -> None:
    task, case = posed(project, **{setting: {"group": "town", "time": "size"}[setting]})
    good = {each.what: each.good for each in doctor.leaks(task, case, folder=project)}
    assert good[what]
    half = len(case.split.test) // 2
    split = case.split._replace(
        train=np.concatenate([case.split.train, case.split.test[half:]]), test=case.split.test[:half]
    )
    if setting == "time":
        split = case.split._replace(train=case.split.test, test=case.split.train)
    good = {each.what: each.good for each in doctor.leaks(task, case._replace(split=split), folder=project)}
    assert good == {**dict.fromkeys(good, True), what: False}


def test_an_answer_among_the_inputs_is_noticed(project: Path) -> None:
    frame = pl.read_csv(project / "table.csv")
    frame.with_columns(frame["price"].alias("again")).write_csv(project / "table.csv")
    task, case = posed(project)
    assert all(each.good for each in doctor.leaks(task, case, folder=project))  # the copy is no input
    learned = case.prepared.learned
    spoiled = learned._replace(blocks=(learned.blocks[0]._replace(column="again"), *learned.blocks))
    found = doctor.leaks(task, case._replace(prepared=case.prepared._replace(learned=spoiled)), folder=project)
    assert [each.words for each in found if not each.good] == ["'again' hold the answer; list them in `leave_out`"]


def test_packages_are_compared_with_their_bounds(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "requirements.txt").write_text("# needed\nnumpy>=1.26,<3\npolars>=99\nno-such-package>=1\n")
    code, found = examined(project, capsys)
    assert code == 1
    words = found["packages"][1]
    assert "polars" in words
    assert "no-such-package is not installed" in words
    assert "numpy" not in words


def test_a_model_of_another_table_is_noticed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with loading.task(FOLDER) as task:
        assert programs.train(task, str(project / "train.py"), ["--smoke", "--no-plots"]) == 0
    capsys.readouterr()
    assert examined(project, capsys)[0] == 0
    pl.read_csv(project / "table.csv").head(200).write_csv(project / "table.csv")
    code, found = examined(project, capsys)
    assert code == 1
    assert "of another table" in found["saved model"][1]
