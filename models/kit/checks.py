"""Tests that travel with every project: the data keep their contract, and a quick training is honest and repeatable.

A project's tests/test_starter.py takes them over with one import; pytest then finds them there, and `project` is the
folder above. They run the project's own programs with the settings of config.yaml and the template's `smoke` settings.
"""

import csv
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import run as run_process
from typing import Any, NamedTuple

import pytest

from models.kit import config, program, programs, report
from models.kit.programs import CONFIG_FILE, AnyTask
from models.kit.task import Case

RELATIVE, ABSOLUTE = 1e-6, 1e-9  # between the same numbers of two processes

__all__ = [
    "case",
    "project",
    "task",
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
