"""Tests that travel with every project: the data keep their contract, and a quick training is honest and repeatable.

A project's tests/test_starter.py takes them over with one import; pytest then finds them there, and `project` is the
folder above. They run the project's own programs with the settings of config.yaml and the template's `smoke` settings.
"""

import csv
import importlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import run as run_process
from typing import Any, NamedTuple

import polars as pl
import pytest

from models.kit import config, dataset, doctor, preprocess, program, programs, report
from models.kit.errors import Refused, TableError
from models.kit.programs import CONFIG_FILE, AnyTask
from models.kit.task import Case

RELATIVE, ABSOLUTE = 1e-6, 1e-9  # between the same numbers of two processes
ABSENT = "no such column"

__all__ = [
    "case",
    "project",
    "task",
    "test_data_contract_a_table_that_breaks_it_is_refused",
    "test_data_contract_columns_are_those_that_config_names",
    "test_data_contract_kinds_are_those_that_training_recorded",
    "test_leaks_no_row_group_or_moment_is_on_both_sides",
    "test_new_examples_need_no_answer",
    "test_parts_of_the_split_share_no_example",
    "test_same_seed_gives_the_same_metrics",
    "test_saved_model_predicts_the_same_in_a_new_process",
    "test_saved_model_scores_the_same_again",
    "test_smoke_training_beats_the_dummy",
    "test_verdict_is_the_interval_and_the_exit_code",
    "trained",
]


class Quick(NamedTuple):
    """A quick training: the folder of its results, and its exit code."""

    output: Path
    code: int

    @property
    def metrics(self) -> dict[str, Any]:
        """What metrics.json holds."""
        found: dict[str, Any] = json.loads((self.output / report.METRICS_FILE).read_text(encoding="utf-8"))
        return found


@pytest.fixture(scope="module")
def project(request: pytest.FixtureRequest) -> Path:
    """The folder whose programs are tested; its test_starter.py has put it on the path of modules."""
    return Path(str(request.path)).parents[1]


@pytest.fixture(scope="module")
def task(project: Path) -> AnyTask:
    """The template's task."""
    model = importlib.import_module("model")
    assert Path(model.__file__ or "").parent == project, "another project's model.py was loaded before; run pytest anew"
    found: AnyTask = model.TEMPLATE
    return found


def _train(task: AnyTask, project: Path, output: Path) -> Quick:
    arguments = ["--smoke", "--output", str(output), "--no-plots"]
    return Quick(output, programs.train(task, str(project / "train.py"), arguments))


@pytest.fixture(scope="module")
def trained(task: AnyTask, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Quick:
    """The results of a quick training."""
    found = _train(task, project, tmp_path_factory.mktemp("first") / "output")
    assert found.code in (program.DONE, program.NOT_BETTER), f"train.py ended with {found.code}; see what it said"
    return found


@pytest.fixture(scope="module")
def case(task: AnyTask, project: Path, trained: Quick) -> Iterator[Case[Any, Any, Any]]:
    """The data of the quick training, read, split and prepared again."""
    settings = config.read(trained.output / CONFIG_FILE, task.settings)
    with program.threads(settings.threads):
        yield programs.case(task, settings, folder=project, most=trained.metrics["most"])


def test_smoke_training_beats_the_dummy(trained: Quick, project: Path) -> None:
    """A training of seconds beats the dummy on the template's own data; on a user's it may not, and then says so."""
    found = trained.metrics
    if (project / "problem.json").exists() and not found["usable"]:
        pytest.skip("this table is too small, or too hard, for a training of seconds")
    assert found["usable"], found["verdict"]


def test_verdict_is_the_interval_and_the_exit_code(trained: Quick) -> None:
    """The verdict follows from the interval, and the exit code from the verdict."""
    found = trained.metrics
    assert found["beats_dummy"] == (found["lead"]["over_dummy"]["low"] > 0)
    assert trained.code == (program.DONE if found["usable"] else program.NOT_BETTER)
    assert found["usable"] or "baseline" in found["verdict"]


def test_parts_of_the_split_share_no_example(case: Case[Any, Any, Any]) -> None:
    """No example trains and is tested, unless nothing is predicted at all."""
    train, validation, test = (set(part.tolist()) for part in case.split[:3])
    if "nothing is predicted" in case.split.how:
        assert train == test
    else:
        assert not train & test
        assert not validation & test
        assert not train & validation


def test_new_examples_need_no_answer(case: Case[Any, Any, Any], task: AnyTask) -> None:
    """What a user hands in holds neither the target nor what the settings leave out of the inputs."""
    asked = set(task.questions(case).columns)
    assert getattr(case.settings, "target", None) not in asked
    assert not asked & set(getattr(case.settings, "targets", ()))


def test_data_contract_columns_are_those_that_config_names(
    case: Case[Any, Any, Any], task: AnyTask, project: Path, trained: Quick
) -> None:
    """Every column that config.yaml names is in the data: a name that is not there is refused, by that name."""
    settings, file = case.settings, trained.output / CONFIG_FILE
    try:
        there = dataset.table(settings.table, folder=project, fewest_columns=1).frame.columns
    except TableError:
        pytest.skip("its examples are no table")
    named = {name: value for name, value in vars(settings).items() if _names_columns(value, there)}
    assert named, "config.yaml names no column"
    for name, value in named.items():
        changed = ABSENT if isinstance(value, str) else [ABSENT, *value[1:]]
        other = config.read(file, task.settings, changes={name: config.written(changed)})
        with pytest.raises(Refused, match=ABSENT):
            programs.case(task, other, folder=project, most=trained.metrics["most"])


def _names_columns(value: object, there: Sequence[str]) -> bool:
    names = value if isinstance(value, tuple) else (value,)
    return bool(names) and all(name in there for name in names)


def test_data_contract_kinds_are_those_that_training_recorded(case: Case[Any, Any, Any], trained: Quick) -> None:
    """Numbers are still numbers, dates still dates, and of names that training saw some are there."""
    learned = getattr(case.prepared, "learned", None)
    if not isinstance(case.data.examples, pl.DataFrame) or not isinstance(learned, preprocess.Preprocess):
        pytest.skip("training recorded no columns: it reads no table of numbers and names")
    recorded = preprocess.load(trained.output / preprocess.FILE)
    preprocess.check(recorded, case.data.examples)
    assert not preprocess.unknown(recorded, case.data.examples)


def test_data_contract_a_table_that_breaks_it_is_refused(
    case: Case[Any, Any, Any],
    task: AnyTask,
    project: Path,
    trained: Quick,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A column that is left out, or holds words where numbers stood, is refused by its name, unless nothing is read
    there and the predictions stay the same."""
    settings, asked = case.settings, task.questions(case)
    model = task.load(trained.output, settings)
    before = programs.answers(task, model, asked, settings)
    roles = {value for value in vars(settings).values() if isinstance(value, str)}  # whose cells are names
    refused = []
    for name in asked.columns:
        broken = [asked.rename({name: ABSENT})]
        if asked[name].dtype.is_numeric() and name not in roles:
            broken.append(asked.with_columns(pl.lit("words").alias(name)))
        for table in broken:
            try:
                after = programs.answers(task, model, table, settings)
            except Refused as error:
                refused.append((name, table, str(error)))
            else:
                assert after.equals(before), f"{name!r} is read, and other cells are taken for it without a word"
    assert all(name in words or repr(name) in words for name, _, words in refused)
    if not refused:
        pytest.skip("it reads no column of what is handed in")
    refused[-1][1].write_parquet(tmp_path / "new.parquet")
    options = [str(tmp_path / "new.parquet"), "--output", str(trained.output)]
    assert programs.predict(task, str(project / "predict.py"), options) == program.REFUSED
    assert capsys.readouterr().err.startswith("error: ")


def test_leaks_no_row_group_or_moment_is_on_both_sides(case: Case[Any, Any, Any], task: AnyTask, project: Path) -> None:
    """The split keeps its promise, and neither the answer nor a copy of it is among the inputs."""
    wrong = {found.what: found.words for found in doctor.leaks(task, case, folder=project) if not found.good}
    if set(wrong) == {"doubles"} and (project / "problem.json").exists():
        pytest.skip(wrong["doubles"])  # rows of a user's table may be equal by chance, where columns and values are few
    assert not wrong


def test_same_seed_gives_the_same_metrics(task: AnyTask, project: Path, trained: Quick, tmp_path: Path) -> None:
    """Two trainings with one seed give the same metrics."""
    again = _train(task, project, tmp_path / "again")
    first, second = (
        {name: entry["scores"] for name, entry in each.metrics["models"].items()} for each in (trained, again)
    )
    assert first == second


def test_saved_model_scores_the_same_again(task: AnyTask, project: Path, trained: Quick) -> None:
    """evaluate.py finds what training found."""
    assert programs.evaluate(task, str(project / "evaluate.py"), ["--output", str(trained.output)]) == program.DONE


def test_saved_model_predicts_the_same_in_a_new_process(
    case: Case[Any, Any, Any], task: AnyTask, project: Path, trained: Quick, tmp_path: Path
) -> None:
    """What was saved predicts in a new process, without the answers, what it predicted in training."""
    with (trained.output / report.PREDICTIONS_FILE).open(encoding="utf-8", newline="") as file:
        before = list(csv.DictReader(file))
    new, to = tmp_path / "new.parquet", tmp_path / "p.csv"
    task.questions(case).write_parquet(new)
    command = [sys.executable, str(project / "predict.py"), str(new), "--output", str(trained.output), "--to", str(to)]
    done = run_process(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == program.DONE, done.stderr
    with to.open(encoding="utf-8", newline="") as file:
        after = list(csv.DictReader(file))
    assert len(before) == len(after)
    for one, other in zip(before, after, strict=True):
        for name in other.keys() - {"row"}:
            assert one[name] == other[name] or float(other[name]) == pytest.approx(
                float(one[name]), rel=RELATIVE, abs=ABSOLUTE
            )
