"""What holds for every template of the catalog, on its own data and on a table with other, hostile names.

A new template is found through the catalog. All trainings are smoke trainings, in this process; starters run their own
tests, alone and as a user would, for the first template of each category, and for all where EVERY_STARTER is set.
"""

import ast
import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import advisor
from advisor import settings as starter_settings
from advisor.errors import InputRefused
from models import catalog, comparing, loading
from models.kit import checks, config, dataset, preprocess, program, programs, report, tables, training
from models.kit.errors import Refused

TEMPLATES = [template.id for template in catalog.templates()]
EVERYTHING = bool(os.environ.get("EVERY_STARTER"))
FIRST = {template.category: template.id for template in reversed(catalog.templates())}
OWN_TESTS_SECONDS = 1_500.0  # one that hangs is ended; of a starter's own tests, on a machine with much else to do
SMOKE_SECONDS = 10.0  # of the processor, for our training; whatever else a smoke training does is not the model's
UNMEASURED = {"seq2seq/aligned", "tagging/text_tags", "tagging/extreme"}  # in minutes, what others do in seconds
HOSTILE_TEXT = 'Say it. """; import os; os.abort() # {{ 7*7 }} ${HOME} </script> ' + "'" * 3 + " \\ \u202e"
HOSTILE = [
    '{name}"); import os #: {{{{ x }}}}\n- !!python/object',
    "=cmd('{name}')|$y$",
    "{name}: 😀 #",
    "ｎame ${{{name}}}",
]
JSON = {"content-type": "application/json"}


def environment(tmp_path: Path) -> dict[str, str]:
    """A process that cannot see the advisor, and is quiet about threads."""
    blocked = tmp_path / "blocked"
    for name in ("advisor", "taxonomy"):
        (blocked / name).mkdir(parents=True, exist_ok=True)
        (blocked / name / "__init__.py").write_text("raise ImportError('a starter does not need this')")
    kept = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    return {**kept, "PYTHONPATH": str(blocked), "OMP_NUM_THREADS": "1"}


def renamed(template: catalog.Template, place: Path) -> dict[str, object] | None:
    """Writes the template's own table with other column names; returns its settings, None where there is no table."""
    found = config.optional(template.folder / "config.yaml")
    with loading.task(template.folder) as task:
        given = config.read(template.folder / "config.yaml", task.settings)
    try:
        frame = dataset.table(given.table, folder=template.folder).frame
    except tables.TableError:
        return None  # not one table
    columns = {name: _other(place, number, name) for number, name in enumerate(frame.columns)}
    frame.rename(columns).write_parquet(place / "table.parquet")
    changed: dict[str, object] = {"table": "table.parquet"}
    for role in found:
        value = getattr(given, role)
        if isinstance(value, str) and value in columns and role != "metric":
            changed[role] = columns[value]
        elif isinstance(value, str) and role != "table" and (template.folder / value).is_file():
            return None  # a second file names the same columns
        elif isinstance(value, tuple) and value and all(each in columns for each in value):
            changed[role] = [columns[each] for each in value]
    return changed


def clocked(task: programs.AnyTask) -> tuple[Any, list[float]]:
    """Returns the task, and a list to which each of our trainings adds its processor seconds: of its own, as those of
    the clock on the wall are also other programs'.
    """
    spent: list[float] = []

    def fit(case: Any) -> Any:
        started = time.process_time()
        try:
            return task.fit(case)
        finally:
            spent.append(time.process_time() - started)

    return replace(task, fit=fit), spent


def _other(place: Path, number: int, name: str) -> str:
    return HOSTILE[number % len(HOSTILE)].format(name=name) if "hostile" in place.name else f"column {number} {name}"


@pytest.fixture(scope="module", params=TEMPLATES)
def template(request: pytest.FixtureRequest) -> catalog.Template:
    return catalog.find(str(request.param))


@pytest.fixture(scope="module")
def starter(template: catalog.Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A starter of the template with its own data, under a hostile description."""
    folder = tmp_path_factory.mktemp("starter")
    return advisor.frame(HOSTILE_TEXT).start(folder / "project", template=template.id)


@pytest.fixture(scope="module")
def trained(template: catalog.Template, starter: Path) -> tuple[int, dict[str, Any]]:
    """The exit code and metrics.json of a smoke training of the starter."""
    with loading.task(starter) as task:
        watched, spent = clocked(task)
        code = programs.train(watched, str(starter / "train.py"), ["--smoke"])
    found = json.loads((starter / "output" / report.METRICS_FILE).read_text())
    return code, found | {"processor seconds": sum(spent)}


def test_smoke_training_is_short_and_beats_the_dummy(trained: tuple[int, dict[str, Any]]) -> None:
    code, found = trained
    assert code == program.DONE, found["verdict"]
    assert found["processor seconds"] <= SMOKE_SECONDS


def test_a_run_leaves_what_a_starter_owes(starter: Path, trained: tuple[int, dict[str, Any]]) -> None:
    names = {file.name for file in (starter / "output").iterdir()}
    assert names >= {"metrics.json", "predictions.csv", "MODEL_CARD.md", "config.yaml", "contents.json"}
    assert any(name.endswith(".png") for name in names)  # a picture of what came out
    assert not {file.suffix for file in (starter / "output").iterdir()} & {".pkl", ".pickle", ".pt", ".joblib", ".npy"}
    found = trained[1]
    assert set(found["onnx"]) in ({"file", "checked"}, {"why_not"})
    assert ("model.onnx" in names) == ("file" in found["onnx"])
    assert {"python", "torch", "numpy"} <= set(found["versions"])
    assert len(found["data"]["sha256"]) == 64
    assert set(found["models"]) >= {"dummy", "ours"}
    with (starter / "output" / report.PREDICTIONS_FILE).open(encoding="utf-8", newline="") as file:
        assert next(csv.reader(file))[0] == "row"


def test_metric_and_title_are_those_of_the_catalog(
    template: catalog.Template, trained: tuple[int, dict[str, Any]]
) -> None:
    assert trained[1]["metric"] == template.metric
    with loading.task(template.folder) as task:
        assert template.metric in task.metrics
        known = (*task.metrics, comparing.SECONDS)
        assert all(each.metric in known for run in template.runs for each in run.reach)


def test_its_own_tests_keep_a_data_contract_and_look_for_leaks(template: catalog.Template) -> None:
    own = (template.folder / "tests" / "test_starter.py").read_bytes()
    assert own == (catalog.find(TEMPLATES[0]).folder / "tests" / "test_starter.py").read_bytes()
    assert b"from models.kit.checks import *" in own
    for kind in ("test_data_contract_", "test_leaks_"):
        names = [name for name in checks.__all__ if name.startswith(kind)]
        assert names
        assert all(callable(getattr(checks, name)) for name in names)


def test_the_readme_says_what_the_template_gives_on_its_own_data(template: catalog.Template, starter: Path) -> None:
    if template.id in UNMEASURED:
        pytest.skip("a training takes too long to be measured here")
    assert template.measured is not None, "write `measured: {dummy: …, peer: …, ours: …, seconds: …}` in template.yaml"
    dummy, ours, peer, seconds = template.measured
    row = [f"{value:g}" if value is not None else "not measured" for value in (dummy, peer, ours, seconds)]
    assert f"| {' | '.join(row)} |" in (starter / "README.md").read_text()


def test_a_copy_of_the_answer_is_no_input(template: catalog.Template, tmp_path: Path) -> None:
    with loading.task(template.folder) as task:
        settings = config.read(template.folder / "config.yaml", task.settings)
        targets = [name for name in (getattr(settings, "target", None), *getattr(settings, "targets", ())) if name]
        try:
            frame = dataset.table(settings.table, folder=template.folder).frame
        except tables.TableError:
            pytest.skip("its examples are no table")
        if not targets or not set(targets) <= set(frame.columns):
            pytest.skip("it learns no column")
        copied = frame.with_columns(frame[targets[0]].alias("the same again"))
        copied.write_parquet(tmp_path / "table.parquet")
        config.write(template.folder / "config.yaml", tmp_path / "config.yaml", table=str(tmp_path / "table.parquet"))
        changed = config.read(tmp_path / "config.yaml", task.settings)
        try:
            case = programs.case(task, changed, folder=template.folder, most=task.smoke_examples)
        except Refused:
            pytest.skip("a column more is refused")
    learned = getattr(case.prepared, "learned", None)
    if not isinstance(learned, preprocess.Preprocess):
        pytest.skip("it reads the columns that config.yaml names, and no others")
    assert "the same again" not in learned.columns


def test_its_own_tests_pass_where_nothing_of_ours_is_installed(
    template: catalog.Template, starter: Path, tmp_path: Path
) -> None:
    if template.id != FIRST[template.category] and not EVERYTHING:
        pytest.skip("tests/benchmarks/starters.py runs the tests of every starter")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(starter / "tests")]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=OWN_TESTS_SECONDS,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("kind", ["plain", "hostile"] if EVERYTHING else ["hostile"])
def test_other_column_names_are_data_and_never_code(
    template: catalog.Template, starter: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same table under other names trains to the same figures; every .py of the starter is the template's."""
    place = tmp_path / kind
    place.mkdir()
    if template.category == "no_ml":
        pytest.skip("a rule names its columns; the tests of starters make one for other names")
    changes = renamed(template, place)
    if changes is None:
        pytest.skip("its examples are no table")
    config.write(template.folder / "config.yaml", place / "config.yaml", **changes)
    with loading.task(template.folder) as task:
        options = ["--smoke", "--config", str(place / "config.yaml")]
        code = programs.train(task, str(template.folder / "train.py"), options)
        shown = capsys.readouterr()
        assert code in (program.DONE, program.NOT_BETTER), shown.err
        assert programs.evaluate(task, str(template.folder / "evaluate.py"), options[1:]) == program.DONE
    found = json.loads((place / "output" / report.METRICS_FILE).read_text())
    assert found["rows"]["test"] > 0
    assert (place / "output" / "MODEL_CARD.md").read_text()


def test_a_starter_finds_the_columns_that_the_template_asks_for(template: catalog.Template, tmp_path: Path) -> None:
    """With the template's own table as a user's, config.yaml names the columns that the template's own does."""
    if template.category == "no_ml":
        pytest.skip("the rule of a starter is looked for in the table; the tests of starters do")
    with loading.task(template.folder) as task:
        given = config.read(template.folder / "config.yaml", task.settings)
    try:
        frame = dataset.table(given.table, folder=template.folder).frame
    except tables.TableError:
        pytest.skip("its examples are no table")
    target = next((value for role in starter_settings.TARGETS if (value := getattr(given, role, None))), None)
    framing = advisor.frame(template.title)._replace(category=template.category, subtask=template.subtasks[0])
    named = target if isinstance(target, str) else None
    asked = config.optional(template.folder / "config.yaml")
    names: dict[str, str] = {}
    try:
        project = framing.start(tmp_path / "project", table=frame, target=named, template=template.id)
    except InputRefused as refused:  # the profile cannot tell; then the columns bear the names that it asks for
        if "give it that name" not in str(refused):
            raise
        others = (*starter_settings.TARGETS, "time", "group")
        roles = [role for role in asked if role in starter_settings.FINDERS and role not in others]
        names = {value: role for role in roles if isinstance(value := getattr(given, role, None), str)}
        frame = frame.rename(names)
        project = framing.start(tmp_path / "project", table=frame, target=named, template=template.id)
    with loading.task(template.folder) as task:
        found = config.read(project / "config.yaml", task.settings)
    for role in starter_settings.FINDERS.keys() & asked.keys():
        if getattr(given, role) is not None and not (names and role in ("time", "group")):
            assert getattr(found, role) == names.get(getattr(given, role), getattr(given, role)), role


def test_ctrl_c_keeps_a_usable_model_and_says_so(
    starter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C is pressed before the first step: what is saved then can be measured, and the exit code is 130."""
    watched, used = training.watched, []

    @contextmanager
    def interrupted(*, budget_seconds: float) -> Iterator[training.Watch]:
        with watched(budget_seconds=budget_seconds) as watch:
            watch.interrupted = True
            used.append(watch)
            yield watch

    monkeypatch.setattr(training, "watched", interrupted)
    options = ["--output", str(tmp_path / "output")]
    with loading.task(starter) as task:
        alone = replace(task, peer=None)  # only ours is watched
        code = programs.train(alone, str(starter / "train.py"), ["--smoke", "--no-plots", *options])
        said = capsys.readouterr()
        if not used:
            pytest.skip("it has no steps between which it could stop")
        assert code == program.INTERRUPTED, said.err
        assert "the best model so far is in" in said.err
        assert programs.evaluate(alone, str(starter / "evaluate.py"), options) == program.DONE


def test_training_ends_when_its_time_is_spent(
    template: catalog.Template, starter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "time_budget_seconds" not in config.optional(template.folder / "config.yaml"):
        pytest.skip("it learns nothing")
    options = ["--smoke", "--no-plots", "--output", str(tmp_path / "output"), "--set", "time_budget_seconds=0.1"]
    with loading.task(starter) as task:
        watched, spent = clocked(replace(task, peer=None))
        code = programs.train(watched, str(starter / "train.py"), options)
    assert code in (program.DONE, program.NOT_BETTER), capsys.readouterr().err
    assert sum(spent) <= 0.1 + SMOKE_SECONDS / 2  # what is between two steps may take a while


def test_every_source_is_the_templates_own(template: catalog.Template, starter: Path) -> None:
    for file in template.folder.rglob("*.py"):
        assert (starter / file.relative_to(template.folder)).read_bytes() == file.read_bytes()
    sources = [file.read_text() for file in starter.rglob("*.py")]
    assert not any("os.abort()" in source for source in sources)
    for source in sources:
        imported = {
            name.name.split(".")[0]
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Import)
            for name in node.names
        }
        assert not imported & {"advisor", "taxonomy", "pickle"}


def test_the_doctor_finds_nothing(starter: Path, trained: object, capsys: pytest.CaptureFixture[str]) -> None:
    from models.kit import doctor

    with loading.task(starter) as task:
        code = doctor.check(task, str(starter / "doctor.py"), ["--json"])
    found = json.loads(capsys.readouterr().out)
    assert code == 0, [each for each in found if not each["good"]]


def test_the_service_answers_what_predict_writes(
    template: catalog.Template, starter: Path, trained: object, tmp_path: Path
) -> None:
    import argparse

    from fastapi.testclient import TestClient

    from models.kit import serving

    given = argparse.Namespace(config=starter / "config.yaml", output=None)
    with loading.task(starter) as task:
        settings, folder = programs.saved_settings(task, given)
        most = report.before(folder).most
        asked = task.questions(programs.case(task, settings, folder=starter, most=most)).head(5)
        asked.write_parquet(tmp_path / "asked.parquet")
        options = [str(tmp_path / "asked.parquet"), "--to", str(tmp_path / "p.csv")]
        assert programs.predict(task, str(starter / "predict.py"), options) == 0
        with TestClient(serving.app(task, given), raise_server_exceptions=False) as client:
            assert client.get("/livez").json() == {"status": "ok"}
            answer = client.post("/predict", content=f'{{"rows": {asked.write_json()}}}', headers=JSON)
            assert answer.status_code == 200, answer.text
            bad = client.post("/predict", json={"rows": [{"\0": 1}], "more": 1})
            assert bad.status_code == 422
            assert "Traceback" not in bad.text
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert len(answer.json()["predictions"]) == len(written)
    for one, other in zip(answer.json()["predictions"], written, strict=True):
        for name, value in one.items():
            text = "" if value is None else str(value)
            assert text == other[name] or float(other[name]) == pytest.approx(float(text), rel=1e-6, abs=1e-9)
