"""The doctor: one line for each thing that can be wrong with a project, with what to do about it.

Python and packages, settings, the data and their contract, what may leak from the test into the training, and the
files of the last run. Exit code 0 where nothing is wrong, 1 where something is.
"""

import json
import re
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from models.kit import cells, columns, config, dataset, preprocess, program, programs, report
from models.kit.errors import Refused, count, listed
from models.kit.programs import AnyTask
from models.kit.task import Case

OLDEST_PYTHON = (3, 11)
REQUIREMENTS = "requirements.txt"
MANY_SHARED = 0.01  # of the test: examples that stand in the training too, word for word
FEW_TESTED = 30


class Finding(NamedTuple):
    """One thing that was looked at: whether it is in order, and what there is to say or to do."""

    what: str
    good: bool
    words: str


def check(task: AnyTask, file: str, arguments: Sequence[str] | None = None) -> int:
    """Looks at everything and says what it found; returns the exit code."""
    return program.run(lambda given: _check(task, Path(file).resolve().parent, given), arguments)


def _check(task: AnyTask, here: Path, arguments: Sequence[str]) -> int:
    parser = program.options("Checks the project: packages, settings, data, leaks, saved files.", here)
    parser.add_argument("--json", action="store_true", help="as JSON")
    given = parser.parse_args(arguments)
    found = [python(), *packages(here)]
    settings, finding = _tried(
        "settings", lambda: program.settings(given, task.settings), f"{given.config.name} is in order"
    )
    found.append(finding)
    case = None
    if settings is not None:
        folder = given.config.resolve().parent
        with program.threads(settings.threads):
            case, finding = _tried(
                "data", lambda: programs.case(task, settings, folder=folder, most=None), f"{settings.table} can be read"
            )
            found.append(finding)
            if case is not None:
                found += [_size(case), *leaks(task, case, folder=folder)]
        found.append(_saved(task, settings, case))
    if given.json:
        sys.stdout.write(json.dumps([finding._asdict() for finding in found], indent=1, ensure_ascii=False) + "\n")
    else:
        lines = [f"{'ok   ' if each.good else 'wrong'}  {each.what}: {each.words}" for each in found]
        sys.stdout.write("\n".join(lines) + "\n")
    return program.DONE if all(finding.good for finding in found) else program.NOT_BETTER


def python() -> Finding:
    """Returns whether this Python is new enough.

    >>> python().good
    True
    """
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info[:2] >= OLDEST_PYTHON
    needed = ".".join(map(str, OLDEST_PYTHON))
    return Finding("Python", good, version if good else f"{version} is too old; install {needed} or later")


def packages(here: Path) -> list[Finding]:
    """Returns whether each package that requirements.txt names is there, in a version that it allows."""
    file = here / REQUIREMENTS
    if not file.is_file():
        return []  # a template in its own place; the repository's pyproject.toml says what it needs
    wrong = []
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#")]
    for line in wanted:
        name = re.split(r"[<>=\[]", line)[0]  # without extras, as [standard]
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{name} is not installed")
            continue
        if not all(_allows(sign, number, version) for sign, number in re.findall(r"([<>=]+)([\d.]+)", line)):
            wrong.append(f"{name} {version} is not {line.removeprefix(name)}")
    words = (
        f"{'; '.join(wrong)}; run `python -m pip install -r {REQUIREMENTS}`" if wrong else f"all {len(wanted)} there"
    )
    return [Finding("packages", not wrong, words)]


def _allows(sign: str, number: str, version: str) -> bool:
    """Returns whether a version keeps to a limit such as ">=", "1.26".

    >>> _allows("<", "2.14", "2.6.0+cpu"), _allows(">=", "1.26", "1.3")
    (True, False)
    """
    there, asked = ([int(part) for part in re.findall(r"\d+", text.split("+")[0])] for text in (version, number))
    compared = {">=": there >= asked, "<=": there <= asked, "<": there < asked, ">": there > asked}
    return compared.get(sign, there == asked)


def leaks(task: AnyTask, case: Case[Any, Any, Any], *, folder: Path) -> list[Finding]:
    """Returns whether the split keeps its promise and the answer is no input.

    No example, group or later moment of the test is in the training, nor is what is asked in the test, word for word.
    """
    split, settings = case.split, case.settings
    if "nothing is predicted" in split.how:
        return []
    known = case.known
    shared = np.intersect1d(known, split.test).size
    found = [
        Finding("split", not shared, f"{count(shared, 'example')} in training and test" if shared else split.words)
    ]
    group, time = (getattr(settings, name, None) for name in ("group", "time"))
    rows = _rows(case, folder) if group is not None or time is not None else None
    if rows is not None and group is not None:
        both = set(rows[group][known].to_list()) & set(rows[group][split.test].to_list())
        words = f"{count(len(both), 'value')} of {group!r} on both sides" if both else f"no {group!r} on both sides"
        found.append(Finding("groups", not both, words))
    if rows is not None and time is not None:
        moments = pl.Series(columns.ordered(rows[time]))
        before, after = (moments[places].drop_nulls().drop_nans() for places in (known, split.test))
        last, first = before.max(), after.min()
        good = bool(last < first)  # type: ignore[operator]
        order = "before" if good else "not before"
        found.append(Finding("time", good, f"training ends {order} the test begins by {time!r} ({last!r}, {first!r})"))
    frame = case.data.examples if isinstance(case.data.examples, pl.DataFrame) else None
    if frame is not None or (group is None and time is None):
        found += _doubles(task, case, frame)
    return found + _answers(case, frame)


def _rows(case: Case[Any, Any, Any], folder: Path) -> pl.DataFrame | None:
    """Returns the row of the table that each example is from; None where several are from one, or from no table."""
    numbers = case.data.numbers
    try:
        table = dataset.table(case.settings.table, folder=folder, fewest_columns=1).frame
    except Refused:
        return None  # a recipe that makes examples
    apart = np.unique(numbers).size == numbers.size and numbers.max(initial=0) <= table.height
    return table[numbers - 1] if apart else None


def _doubles(task: AnyTask, case: Case[Any, Any, Any], frame: pl.DataFrame | None) -> list[Finding]:
    """Returns whether what is asked in the test stands in the training; of a table without its answers."""
    settings, test = case.settings, case.split.test
    if frame is not None:
        answers = {*_targets(settings), *getattr(settings, "leave_out", ())}
        inputs = frame.drop(answers)
        asked, learned = inputs[test], inputs[case.known]
    else:
        split = case.split._replace(test=case.known)
        asked, learned = task.questions(case), task.questions(case._replace(split=split))
    if asked.height != test.size or learned.height != case.known.size:
        return []  # an example is several rows
    twice = int(np.isin(asked.hash_rows().to_numpy(), learned.hash_rows().to_numpy()).sum())
    words = f"{twice:,} of {test.size:,} test {case.data.noun}s stand word for word in the training"
    if twice > MANY_SHARED * test.size:
        words += "; remove the doubles, or set `group` to what they have in common"
    return [Finding("doubles", twice <= MANY_SHARED * test.size, words)]


def _answers(case: Case[Any, Any, Any], frame: pl.DataFrame | None) -> list[Finding]:
    """Returns whether an input is the answer itself or a copy of it, where columns of a table are learned from."""
    learned, targets = getattr(case.prepared, "learned", None), _targets(case.settings)
    if not isinstance(learned, preprocess.Preprocess) or frame is None or not targets:
        return []
    answers = [cells.texts(frame[name]) for name in targets]
    same = [name for name in learned.columns if any(cells.texts(frame[name]).equals(each) for each in answers)]
    words = f"{listed(same)} hold the answer; list them in `leave_out`" if same else "no input is a copy of the answer"
    return [Finding("answers", not same, words)]


def _targets(settings: Any) -> list[str]:
    return [name for name in (getattr(settings, "target", None), *getattr(settings, "targets", ())) if name]


def _size(case: Case[Any, Any, Any]) -> Finding:
    tested = case.split.test.size
    words = f"{count(case.data.size, case.data.noun)}, {tested:,} of them in the test"
    few = f"{words}: too few to say for certain how good a model is; more rows are better than more tuning"
    return Finding("size", tested >= FEW_TESTED, words if tested >= FEW_TESTED else few)


def _saved(task: AnyTask, settings: Any, case: Case[Any, Any, Any] | None) -> Finding:
    folder = Path(settings.output)
    if not (folder / report.METRICS_FILE).exists():
        return Finding("saved model", True, "none yet; run train.py")
    before, finding = _tried("saved model", lambda: _loaded(task, folder), f"{folder.name} can be loaded")
    if before is not None and case is not None and before.sha256 != case.data.sha256:
        return Finding(
            "saved model", False, f"{folder.name} is of another table than {settings.table}; run train.py again"
        )
    return finding


def _loaded(task: AnyTask, folder: Path) -> report.Before:
    settings = config.read(folder / programs.CONFIG_FILE, task.settings)
    task.load(folder, settings)
    return report.before(folder)


def _tried(what: str, work: Callable[[], Any], good: str) -> tuple[Any, Finding]:
    try:
        return work(), Finding(what, True, good)
    except Refused as error:
        return None, Finding(what, False, str(error))
