"""The programs of a template: train, evaluate and predict, for any `Task`.

Each is called with the template's task and the file it stands in, whose folder is the project's.
"""

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from models.kit import config, files, program, report, tables
from models.kit.errors import ArtefactError, ConfigError, Unavailable, count
from models.kit.task import Case, Fitted, Task, Trained

CONFIG_FILE, ONNX_FILE = "config.yaml", "model.onnx"
AnyTask = Task[Any, Any, Any, Any, Any]


def train(task: AnyTask, file: str, arguments: Sequence[str] | None = None) -> int:
    """Trains, prints and saves the comparison; returns the exit code."""
    return program.run(lambda given: _train(task, Path(file).resolve().parent, given), arguments)


def evaluate(task: AnyTask, file: str, arguments: Sequence[str] | None = None) -> int:
    """Measures the saved model again, on the same test; returns the exit code, 1 where it is not as training found."""
    return program.run(lambda given: _evaluate(task, Path(file).resolve().parent, given), arguments)


def predict(task: AnyTask, file: str, arguments: Sequence[str] | None = None) -> int:
    """Writes the saved model's answers for a new table as CSV; returns the exit code."""
    return program.run(lambda given: _predict(task, Path(file).resolve().parent, given), arguments)


def _train(task: AnyTask, here: Path, arguments: Sequence[str]) -> int:
    parser = program.training_options(
        "Trains the model, and compares it with a dummy and a peer on the same test.", here
    )
    given = parser.parse_args(arguments)
    changes = {name: config.written(value) for name, value in task.smoke.items()} if given.smoke else {}
    changes |= dict(given.changes)
    settings = program.settings(given, task.settings, changes=changes)
    if settings.metric not in task.metrics:
        raise ConfigError(f"metric: {settings.metric!r} is not measured here; one of {', '.join(task.metrics)}")
    most = given.rows if given.rows is not None or not given.smoke else task.smoke_examples
    folder = given.config.resolve().parent
    with program.threads(settings.threads), files.folder(settings.output) as output:
        config.write(given.config, output / CONFIG_FILE, **{name: getattr(settings, name) for name in changes})
        trained, found = compare(task, settings, folder=folder, most=most)
        _save(task, trained, found, output, folder=folder, plots=given.plots)
    sys.stdout.write(f"{report.text(found)}\nResults are in {settings.output}\n")
    if trained.fitted.interrupted:
        sys.stderr.write(f"interrupted: the best model so far is in {settings.output}\n")
        return program.INTERRUPTED
    return program.DONE if found.usable else program.NOT_BETTER


def compare(
    task: AnyTask, settings: config.Project, *, folder: Path, most: int | None
) -> tuple[Trained[Any, Any, Any, Any, Any], report.Report]:
    """Returns the three models' answers for the test, and the report on them."""
    posed = case(task, settings, folder=folder, most=most)
    dummy, dummy_seconds = program.timed(lambda: task.dummy(posed))
    peer, peer_seconds, without = _peer(task, posed)
    fitted, our_seconds = program.timed(lambda: task.fit(posed))
    test = posed.split.test
    ours = task.predict(fitted.model, task.take(posed.data.examples, test), settings)
    by_dummy, by_peer = dummy(test), None if peer is None else peer(test)
    entries = {"dummy": report.Entry(task.dummy_title, task.score(posed, by_dummy), dummy_seconds)}
    if peer is not None:
        entries["peer"] = report.Entry(_peer_title(task, settings), task.score(posed, by_peer), peer_seconds)
    entries["ours"] = report.Entry(task.ours_title, task.score(posed, ours), our_seconds)
    if settings.metric not in entries["ours"].draws:
        raise ConfigError(
            f"metric: {settings.metric} has no value on this data; one of {', '.join(entries['ours'].draws)}"
        )
    trained = Trained(posed, fitted, by_dummy, by_peer, ours)
    features = len(task.features(fitted.model))
    facts = report.facts(settings, posed.data, posed.split, features=features, most=most)
    found = report.Report(
        title=task.title(settings),
        target=getattr(settings, "target", None),
        metric=settings.metric,
        metrics=task.metrics,
        entries=entries,
        split=posed.split.words,
        ended=fitted.ended,
        decisions=(*posed.data.decisions, *fitted.notes, *without),
        refusal=None if task.refusal is None else task.refusal(trained),
        facts={**facts, **fitted.facts},
    )
    return trained, found


def case(task: AnyTask, settings: config.Project, *, folder: Path, most: int | None) -> Case[Any, Any, Any]:
    """Returns the data that the settings name, read, split and prepared."""
    data = task.read(settings, folder, most)
    split = task.split(data, settings)
    return Case(settings, data, split, task.prepare(data, split, settings))


def _peer(task: AnyTask, case: Case[Any, Any, Any]) -> tuple[Callable[[Any], Any] | None, float, list[str]]:
    """Returns the fitted peer and its seconds; without one, None and a sentence why."""
    if task.peer is None:
        return None, 0.0, []
    fit = task.peer
    with suppress(ImportError):  # most peers come from there, and loading it is no part of a training
        importlib.import_module("sklearn.ensemble")
    try:
        peer, seconds = program.timed(lambda: fit(case))
    except Unavailable as error:
        return None, 0.0, [f"{_peer_title(task, case.settings)} was not measured: {error}"]
    return peer, seconds, []


def _peer_title(task: AnyTask, settings: config.Project) -> str:
    title: str = task.peer_title(settings) if callable(task.peer_title) else task.peer_title
    return title


def _save(
    task: AnyTask,
    trained: Trained[Any, Any, Any, Any, Any],
    found: report.Report,
    output: Path,
    *,
    folder: Path,
    plots: bool,
) -> None:
    case, model = trained.case, trained.fitted.model
    task.save(model, output)
    shown = numbered(task.shown(trained.ours, model))
    known = task.actual(case).with_row_index("place", offset=1).with_columns(pl.col("place").cast(pl.Int64))
    numbers = pl.DataFrame({"place": range(1, len(case.split.test) + 1), "number": case.data.numbers[case.split.test]})
    table = shown.rename({"row": "place"}).join(known, on="place", how="left", maintain_order="left")
    table = table.join(numbers, on="place", how="left", maintain_order="left").rename({"number": "row"})
    names = ["row", *known.columns[1:], *shown.columns[1:]]
    files.write(output / report.PREDICTIONS_FILE, report.to_csv(names, table.select(names).rows()))
    if task.files is not None:
        task.files(output, trained)
    if plots and task.plots is not None:
        task.plots(output, trained)
    found.facts["onnx"] = _onnx(task, trained.fitted, case.settings, output)
    report.save(found, output, asked=report.question(folder), features=task.features(model))


def numbered(shown: pl.DataFrame) -> pl.DataFrame:
    """Returns answers with the place of their example, from 1, as their first column `row`.

    >>> numbered(pl.DataFrame({"predicted": ["a", "b"]})).rows()
    [(1, 'a'), (2, 'b')]
    """
    if "row" not in shown.columns:
        shown = shown.with_row_index("row", offset=1)
    return shown.select(pl.col("row").cast(pl.Int64), pl.exclude("row"))


def _onnx(task: AnyTask, fitted: Fitted[Any], settings: config.Project, output: Path) -> dict[str, str]:
    """Writes model.onnx where the model has such a form, checked by ONNX Runtime; returns what metrics.json says."""
    form = task.onnx if isinstance(task.onnx, str) else None
    if form is None and (missing := [name for name in ("onnx", "onnxruntime") if not importlib.util.find_spec(name)]):
        form = f"{' and '.join(missing)} not installed; pip install {' '.join(missing)} and train again"
    if form is not None or isinstance(task.onnx, str):
        return {"why_not": form or ""}
    import tensor_core as tc

    try:
        what = task.onnx(fitted.model, settings)
        tc.export_onnx(what.function, what.example, output / ONNX_FILE, dynamic=what.dynamic)
    except Exception as error:  # noqa: BLE001 - a model that was trained is not lost for want of a second form of it
        (output / ONNX_FILE).unlink(missing_ok=True)
        return {"why_not": f"{type(error).__name__}: {error}"}
    return {"file": ONNX_FILE, "checked": "ONNX Runtime gives the same to 1e-5"}


def saved_settings(task: AnyTask, given: argparse.Namespace) -> tuple[Any, Path]:
    """Returns the settings that the saved model was trained with, and the folder it lies in."""
    folder = Path(program.settings(given, task.settings).output)
    file = folder / CONFIG_FILE
    if not file.is_file():
        raise ArtefactError(f"{folder}: there is no trained model; run train.py first")
    return config.read(file, task.settings), folder


def _evaluate(task: AnyTask, here: Path, arguments: Sequence[str]) -> int:
    given = program.options("Measures the saved model again, on the same test.", here).parse_args(arguments)
    settings, folder = saved_settings(task, given)
    before = report.before(folder)
    with program.threads(settings.threads):
        posed = case(task, settings, folder=given.config.resolve().parent, most=before.most)
        if posed.data.sha256 != before.sha256:
            raise ArtefactError(
                f"{settings.table}: the data are not those the model was trained on; run train.py again"
            )
        model = task.load(folder, settings)
        examples = task.take(posed.data.examples, posed.split.test)
        draws = task.score(posed, task.predict(model, examples, settings))
    same, words = report.compared(draws, before, task.metrics)
    tested = count(posed.split.test.size, f"test {posed.data.noun}")
    sys.stdout.write(f"{tested} of {settings.table}\n{words}\n")
    return program.DONE if same else program.NOT_BETTER


def _predict(task: AnyTask, here: Path, arguments: Sequence[str]) -> int:
    parser = program.options("Predicts for each row of a new table, with the model that train.py saved.", here)
    parser.add_argument(
        "table", type=Path, metavar="TABLE", help="a table with the columns of training; others are ignored"
    )
    parser.add_argument(
        "--to", type=Path, metavar="FILE", help="where to write the predictions, instead of the terminal"
    )
    given = parser.parse_args(arguments)
    settings, folder = saved_settings(task, given)
    table = tables.load(given.table, fewest_columns=1)
    with program.threads(settings.threads):
        shown = answers(task, task.load(folder, settings), table.frame, settings)
    for note in table.notes:
        sys.stderr.write(f"note: {note}\n")
    content = report.to_csv(shown.columns, shown.rows())
    if given.to is None:
        sys.stdout.write(content)
    else:
        files.write(given.to, content)
        sys.stderr.write(f"{shown.height:,} predictions are in {given.to}\n")
    return program.DONE


def answers(task: AnyTask, model: Any, table: pl.DataFrame, settings: Any) -> pl.DataFrame:
    """Returns the answers for each row of a new table, the first column being `row`, from 1."""
    return numbered(task.shown(task.predict(model, task.inputs(table, model, settings), settings), model))
