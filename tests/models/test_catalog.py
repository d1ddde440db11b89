"""The catalog and its terminal program."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from models import __main__ as program
from models import catalog, fetching
from models.kit import program as kit_program
from models.kit import samples, tables
from models.kit.errors import ConfigError

ROOT = catalog.ROOT.parent
PROGRAMS = ("train.py", "evaluate.py", "predict.py", "serve.py", "doctor.py", "tests/test_starter.py")
FILES = {"template.yaml", "config.yaml", "model.py", "tests", *PROGRAMS[:-1]}
MOST_DATA_BYTES = 300_000
GOOD = "title: T\nsubtasks: [a, b]\ndata: wine\nmetric: r2\npeer: P\norder: 1\n"


def _run(*arguments: str) -> int:
    return kit_program.run(program.main, arguments)


@pytest.mark.parametrize("template", catalog.templates(), ids=lambda template: template.id)
def test_all_templates_look_alike(template: catalog.Template) -> None:
    assert {file.name for file in template.folder.iterdir()} >= FILES
    assert template.id == f"{template.category}/{template.folder.name}"
    known = ("bundled", *samples.names(), *fetching.data_sets())
    assert all(each.data in known for each in template.runs)


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_are_the_same_in_all_templates(program: str) -> None:
    contents = {(template.folder / program).read_bytes() for template in catalog.templates()}
    assert len(contents) == 1, f"copy {program} from regression/linear, byte for byte"


@pytest.mark.parametrize("template", catalog.templates(), ids=lambda template: template.id)
def test_bundled_data_are_small_and_described(template: catalog.Template) -> None:
    table = yaml.safe_load((template.folder / "config.yaml").read_text())["table"]
    card = template.folder / "data" / "DATA_CARD.md"
    assert card.exists(), "write data/DATA_CARD.md: origin, licence, sha256, how it was made"
    text = card.read_text()
    assert all(word in text for word in ("Origin", "Licence", "SHA-256")), f"{card} lacks one of these"
    for file in card.parent.iterdir():
        assert file.stat().st_size <= MOST_DATA_BYTES, f"{file} is too large to be bundled; fetch it"
        if file.is_file() and file.suffix not in (".md", ".py"):  # what they say of themselves, and how they were made
            assert hashlib.sha256(file.read_bytes()).hexdigest() in text, f"{card} lacks the SHA-256 of {file.name}"
    assert table.startswith("sample:") or (template.folder / table).exists()


def test_every_folder_with_a_manifest_is_found() -> None:
    assert {template.folder for template in catalog.templates()} == {
        file.parent for file in catalog.ROOT.rglob("template.yaml")
    }


def test_choose_by_subtask() -> None:
    served: dict[tuple[str, str], str] = {}
    for template in catalog.templates():  # the first of several is the one that is offered
        for subtask in template.subtasks:
            served.setdefault((template.category, subtask), template.id)
    for (category, subtask), identifier in served.items():
        chosen = catalog.choose(category, subtask)
        assert chosen is not None
        assert chosen.id == identifier
    assert catalog.choose("classification", "no_such_subtask") is None
    assert catalog.choose("other", None) is None


def test_find_says_what_was_meant() -> None:
    with pytest.raises(ConfigError, match="did you mean 'regression/linear'"):
        catalog.find("regresion/linear")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("title", "titel"), "1: titel: there is no such field; did you mean 'title'?"),
        (GOOD.replace("[a, b]", "a"), "2: subtasks: should be a list"),
        (GOOD.replace("order: 1", "order: first"), "6: order: should be a whole number"),
        (GOOD.replace("data: wine", "data:"), "3: data: should be one value"),
        (GOOD.replace("peer: P\n", ""), " the field 'peer' is missing"),
        ("title: [", "not YAML"),
        ("- a", "1: there should be lines"),
    ],
)
def test_faulty_manifest_is_reported_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "sorting" / "bubble" / "template.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        catalog.templates(tmp_path)
    assert str(refused.value).startswith(f"{file}:")
    assert message in str(refused.value)


def test_new_folder_is_a_new_template(tmp_path: Path) -> None:
    for name, order in (("late", 2), ("early", 1)):
        (tmp_path / "sorting" / name).mkdir(parents=True)
        (tmp_path / "sorting" / name / "template.yaml").write_text(GOOD.replace("order: 1", f"order: {order}"))
    assert [template.id for template in catalog.templates(tmp_path)] == ["sorting/early", "sorting/late"]


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("list", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert [entry["id"] for entry in shown] == [template.id for template in catalog.templates()]
    assert set(shown[0]) == {"id", "category", "subtasks", "title", "data", "metric", "peer"}
    assert _run("list") == 0
    assert "regression/linear" in capsys.readouterr().out


def test_list_loads_no_heavy_package() -> None:
    code = (
        "import sys\nfrom models import __main__ as m\nm.main(['list'])\n"
        "sys.exit(str({'torch', 'sklearn', 'polars', 'numpy'} & set(sys.modules) or ''))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert run.stderr.strip() in ("", "set()")


@pytest.mark.parametrize("name", samples.names())
def test_data_is_written_and_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    path = tmp_path / "d.csv"
    assert _run("data", name, "--to", str(path)) == 0
    sample = samples.load(name)
    frame = tables.read(path)
    assert (frame.shape, frame.columns) == (sample.frame.shape, sample.frame.columns)
    said = capsys.readouterr().out
    for fact in (
        str(path),
        f"{frame.height:,} rows",
        f"{frame.width:,} columns",
        f"target {sample.target}" if sample.target else "no target",
        sample.licence,
    ):
        assert fact in said


def test_data_replaces_nothing_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "d.csv"
    path.write_text("precious")
    assert _run("data", "wine", "--to", str(path)) == 3
    assert path.read_text() == "precious"
    assert "--force" in capsys.readouterr().err
    assert _run("data", "wine", "--to", str(path), "--force") == 0
    assert _run("data", "wine", "--to", str(path)) == 0  # the same content


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data", "diabets"], "did you mean 'diabetes'"),
        (["data", "wine", "--to", "/no/such/folder/d.csv"], "no folder"),
        (["data", "wine", "--to", "/"], "this is a folder"),
        (["compare", "regression/liner"], "did you mean 'regression/linear'"),
    ],
)
def test_refusals(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert _run(*arguments) == 3
    assert message in capsys.readouterr().err


def test_usage_and_faults(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as usage:
        _run("sort")
    assert usage.value.code == 2

    def fail() -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(catalog, "templates", fail)
    assert _run("list") == 4
    assert "fault: RuntimeError: broken" in capsys.readouterr().err


def test_a_module_beside_a_model_has_a_name_of_its_own():
    """Several templates may be loaded in one process, where two modules of one name would stand for each other."""
    shared = {"model", "train", "evaluate", "predict", "serve", "doctor"}
    names = [path.stem for each in catalog.templates() for path in each.folder.glob("*.py") if path.stem not in shared]
    assert len(names) == len(set(names))
