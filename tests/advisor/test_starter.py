"""Starter projects: byte for byte, complete or not there at all, and running on their own."""

import ast
import errno
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import yaml
from PIL import Image

import advisor
from advisor.cli import main
from advisor.errors import InputRefused, UsageError
from advisor.starter import CARRIED
from models import catalog, loading
from models.kit import config, samples

ROOT = Path(__file__).parent.parent.parent
DIABETES = "What will the disease progression score of this patient be after one year?"
PIXELS = "Segment each satellite image: which pixels are road, roof or water?"
HOSTILE_NAME = 'price"); import os #: {{ x }} \U0001f600\n- !!python/object'
HOSTILE_TEXT = (
    'How much will it cost? """; import os; os.abort() # {{ 7*7 }} ${HOME} </script> ' + "'" * 3 + " \\ \u202e"
)
USERS = {"problem.json", "config.yaml", "README.md"}


@pytest.fixture
def diabetes(tmp_path):
    samples.load("diabetes").frame.write_csv(tmp_path / "diabetes.csv")
    return tmp_path / "diabetes.csv"


def sources(template: str) -> dict[str, bytes]:
    """Every file that a starter of this template must hold byte for byte, by its name in the starter."""
    roots = {"": catalog.find(template).folder, **CARRIED}
    found = {}
    for name, root in roots.items():
        for path in [root] if root.is_file() else root.rglob("*"):
            inner = "" if root.is_file() else path.relative_to(root).as_posix()
            hidden = any(part.startswith(".") or part == "__pycache__" for part in inner.split("/"))
            if path.is_file() and not hidden and path.name != "template.yaml":
                found["/".join(part for part in (name, inner) if part)] = path.read_bytes()
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def hostile_table(path: Path) -> Path:
    sizes = [(37 * i) % 61 / 2 for i in range(60)]  # in no order, so that they do not look like row numbers
    columns = {HOSTILE_NAME: [3 * size + 1 for size in sizes], "size": sizes, "=cmd()": ["a", "b"] * 30}
    pl.DataFrame(columns).write_csv(path)
    return path


def test_a_starter_is_the_template_byte_for_byte(tmp_path, diabetes):
    framing = advisor.frame(DIABETES)
    folder = framing.start(tmp_path / "project", table=diabetes, target="progression")
    written, expected = files(folder), sources("regression/linear")
    assert set(written) == set(expected) | USERS | {"data/table.csv"}
    assert {name for name in expected if written[name] != expected[name]} <= {"config.yaml", "data/DATA_CARD.md"}
    assert written["data/table.csv"] == diabetes.read_bytes()
    problem = json.loads(written["problem.json"])
    assert problem["description"] == DIABETES
    assert problem["target"] == "progression"
    assert problem["category"] == "regression"
    assert problem["knowledge"] == framing.knowledge
    assert DIABETES in written["README.md"].decode()


def test_no_source_depends_on_what_the_user_wrote(tmp_path, diabetes):
    plain = advisor.frame(DIABETES).start(tmp_path / "a", table=diabetes)
    table = hostile_table(tmp_path / "hostile.csv")
    hostile = advisor.frame(HOSTILE_TEXT).start(
        tmp_path / "b", table=table, target=HOSTILE_NAME, template="regression/linear"
    )
    code = {name for name in files(plain) if name.endswith(".py")}
    assert code == {name for name in files(hostile) if name.endswith(".py")}
    assert all(files(plain)[name] == files(hostile)[name] for name in code)
    done = subprocess.run([sys.executable, hostile / "train.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("data", "text", "target"),
    [("diabetes", DIABETES, "progression"), ("breast_cancer", "Is this tumour malignant or benign?", "diagnosis")],
)
def test_a_starter_runs_without_this_checkout(tmp_path, data, text, target):
    """Trained, scored and tested from another folder, in a process that cannot see the advisor."""
    table = tmp_path / "table.csv"
    samples.load(data).frame.write_csv(table)
    project = advisor.frame(text).start(tmp_path / "my project", table=table)
    blocked = tmp_path / "blocked"
    for name in ("advisor", "taxonomy"):
        (blocked / name).mkdir(parents=True)
        (blocked / name / "__init__.py").write_text("raise ImportError('a starter does not need this')")
    environment = {**os.environ, "PYTHONPATH": str(blocked), "OMP_NUM_THREADS": "1"}

    def run(*arguments: object) -> str:
        done = subprocess.run(
            [sys.executable, *map(str, arguments)], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    table_of_results = run(project / "train.py")
    for name in ("dummy", "peer", "ours"):
        assert name in table_of_results
    metrics = json.loads((project / "output" / "metrics.json").read_text())
    assert metrics
    assert (project / "output" / "weights.safetensors").exists()
    assert list((project / "output").glob("*.png"))
    assert not list(project.rglob("*.pkl"))
    modes = {path.name: path.stat().st_mode for path in (project / "output").iterdir()}
    assert len(set(modes.values())) == 1, modes
    run(project / "predict.py", table, "--to", tmp_path / "scored.csv")
    assert pl.read_csv(tmp_path / "scored.csv").height == samples.load(data).frame.height
    run("-m", "pytest", "-q", "-p", "no:cacheprovider", project / "tests")


def test_a_data_frame_becomes_a_table(tmp_path):
    frame = pd.DataFrame({"size": range(40), "town": ["a", "b"] * 20, "price": [2.5 * i + i % 3 for i in range(40)]})
    folder = advisor.frame("How much will the house cost?").start(tmp_path / "houses", table=frame)
    assert pl.read_parquet(folder / "data" / "table.parquet").columns == list(frame.columns)
    assert json.loads((folder / "problem.json").read_text())["target"] == "price"


def test_without_a_table_the_starter_runs_on_the_templates_own_data(tmp_path):
    folder = advisor.frame(DIABETES).start(tmp_path / "project")
    assert (folder / "config.yaml").read_bytes() == sources("regression/linear")["config.yaml"]


def test_a_card_of_the_users_table_says_what_was_read_and_no_cell(tmp_path):
    table = pl.DataFrame(
        {"town": ["Ulm", "Bonn"] * 20, "size": range(40), "price": [2.5 * i + i % 3 for i in range(40)]}
    )
    project = advisor.frame("How much will the house cost?").start(tmp_path / "project", table=table, target="price")
    card = (project / "data" / "DATA_CARD.md").read_text()
    digest = hashlib.sha256((project / "data" / "table.parquet").read_bytes()).hexdigest()
    assert all(
        word in card for word in ("Origin: fill in", "Licence: fill in", digest, "40 rows, 3 columns", "| town |")
    )
    assert "Ulm" not in card
    assert not (project / "data" / "SAMPLE_CARD.md").exists()  # the template's own data lie in the kit


def test_the_card_of_a_sample_stays_beside_it(tmp_path):
    links = pl.DataFrame({"from_page": [f"p{i % 7}" for i in range(40)], "to_page": [f"p{i % 11}" for i in range(40)]})
    framing = advisor.frame("Which pages of our wiki are the most important?")
    project = framing.start(tmp_path / "project", table=links, template="ranking/link_analysis")
    found = yaml.safe_load((project / "config.yaml").read_text())
    assert (found["source_node"], found["target_node"], found["weight"]) == ("from_page", "to_page", None)
    own = sources("ranking/link_analysis")
    assert (project / "data" / "SAMPLE_CARD.md").read_bytes() == own["data/DATA_CARD.md"]
    assert "routes.parquet" not in (project / "data" / "DATA_CARD.md").read_text()


def test_the_metric_is_the_cards_where_the_template_offers_it(tmp_path, diabetes):
    project = advisor.frame(DIABETES).start(tmp_path / "project", table=diabetes, target="progression")
    assert yaml.safe_load((project / "config.yaml").read_text())["metric"] == "mae"
    assert "the first metric mae" in (project / "README.md").read_text()


@pytest.mark.parametrize(
    ("template", "metric"),
    [("clustering", "explained"), ("causal_discovery", "log_likelihood"), ("anomaly_detection", "precision")],
)
def test_a_table_without_labels_is_not_checked_by_those_of_the_sample(tmp_path, template, metric):
    rows = range(120)
    table = {
        "age": [18 + 37 * i % 61 for i in rows],
        "spent": [i * i % 97 / 3 for i in rows],
        "visits": [7 * i % 31 for i in rows],
    }
    framing = advisor.frame("Look at our customers.")
    framing = framing._replace(card=framing.card._replace(metric="precision among the k cases"))
    project = framing.start(tmp_path / "project", table=pl.DataFrame(table), template=f"unsupervised/{template}")
    found = yaml.safe_load((project / "config.yaml").read_text())
    assert found["metric"] == metric
    assert {found.get("check"), found.get("odd"), found.get("truth")} == {None}


@pytest.mark.parametrize(
    ("template", "settings"),
    [("clustering", ("clusters", "scale")), ("dimensionality_reduction", ("components", "scale"))],
)
def test_what_suits_the_sample_alone_is_left_open(tmp_path, template, settings):
    table = pl.DataFrame({"age": [18 + 37 * n % 61 for n in range(90)], "spent": [n * n % 97 / 3 for n in range(90)]})
    project = advisor.frame("Look.").start(tmp_path / "project", table=table, template=f"unsupervised/{template}")
    found = yaml.safe_load((project / "config.yaml").read_text())
    assert [found[name] for name in settings] == [None] * len(settings)


@pytest.mark.parametrize(("template", "setting"), [("seq2seq/speech", "strings"), ("classification/audio", "copies")])
def test_no_sounds_are_made_of_a_users_but_where_they_are_few(tmp_path, template, setting):
    """The samples are 36 recordings, of which thousands of sounds are made, which takes minutes."""
    noise = np.random.default_rng(0)
    sounds = [[round(float(each), 3) for each in noise.normal(size=800)] for _ in range(40)]
    table = pl.DataFrame({"sound": sounds, "said": ["yes", "no"] * 20})
    project = advisor.frame("What is said?").start(tmp_path / "p", table=table, target="said", template=template)
    assert yaml.safe_load((project / "config.yaml").read_text())[setting] is None
    with loading.task(project) as task:
        read = task.read(config.read(project / "config.yaml", task.settings), project, None)
    assert read.size == 40 if setting == "strings" else read.size <= 1_100


@pytest.mark.parametrize(
    "template", ["unsupervised/embedding", "unsupervised/topic_modeling", "seq2seq/text_generation"]
)
def test_a_list_of_texts_is_a_table_of_one_column(tmp_path, template):
    words = "river city road house tree stone bird wind fire night day queen bread salt ship wood".split()
    notes = [" ".join(words[(i * j) % 16] for j in range(1, 12)) + f" {i}" for i in range(120)]
    pl.DataFrame({"note": notes}).write_csv(tmp_path / "notes.csv")
    framing = advisor.frame("Find the themes.")
    project = framing.start(tmp_path / "project", table=tmp_path / "notes.csv", template=template)
    found = yaml.safe_load((project / "config.yaml").read_text())
    assert found["text"] == "note"
    assert found["metric"] != "analogies"


def test_words_with_a_label_each_get_the_window_and_not_the_alarms(tmp_path):
    """Two templates serve sequence labelling; the one for words is offered first, and finds its columns."""
    words = catalog.find("seq2seq/window").folder / "data" / "porttinari.parquet"
    framing = advisor.frame("Mark the verbs and the names of people in each sentence.")
    folder = framing.start(tmp_path / "words", table=words)
    assert (folder / "model.py").read_bytes() == sources("seq2seq/window")["model.py"]
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    assert (settings["text"], settings["target"]) == ("words", "tags")


BAD_TABLES = {
    "missing.csv": (None, "there is no such file"),
    "empty.csv": ("", "is empty"),
    "header.csv": ("a,b,y\n", "no rows"),
    "one_column.csv": ("progression\n1\n2\n", "only one column"),
    "one_row.csv": ("a,progression\n1,2\n", "only 1 row"),
    "no_target.csv": ("a,progresion\n" + "1,2\n" * 20, "did you mean 'progresion'?"),
    "all_missing.csv": ("a,progression\n" + "1,\n" * 20, "progression"),
    "nul.csv": ("a,progression\n1,\0\n" * 10, "NUL"),
    "ragged.csv": ("a,progression\n1,2,3\n" * 10, "cells"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_refused_and_nothing_is_left(tmp_path, name, capsys):
    content, message = BAD_TABLES[name]
    if content is not None:
        (tmp_path / name).write_text(content)
    before = sorted(path.name for path in tmp_path.iterdir())
    place, table = tmp_path / "new" / "project", tmp_path / name
    code = main(["start", str(place), "--text", DIABETES, "--table", str(table), "--target", "progression"])
    captured = capsys.readouterr()
    assert code == 3
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_one_class_is_refused(tmp_path):
    (tmp_path / "table.csv").write_text("a,spam\n" + "1,yes\n2,yes\n" * 20)
    with pytest.raises(InputRefused, match="spam"):
        advisor.frame("Is this message spam or not?").start(
            tmp_path / "project", table=tmp_path / "table.csv", template="classification/softmax"
        )
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize("taken", ["a file", "a full folder"])
def test_a_taken_folder_is_left_alone(tmp_path, taken):
    place = tmp_path / "project"
    if taken == "a file":
        place.write_text("mine")
    else:
        place.mkdir()
        (place / "mine.txt").write_text("mine")
    with pytest.raises(InputRefused, match="exists already"):
        advisor.frame(DIABETES).start(place)
    assert (place.read_text() if place.is_file() else (place / "mine.txt").read_text()) == "mine"


def test_an_empty_folder_is_used(tmp_path):
    (tmp_path / "project").mkdir()
    assert (advisor.frame(DIABETES).start(tmp_path / "project") / "train.py").exists()


def test_what_cannot_be_started_says_why(tmp_path, monkeypatch):
    with pytest.raises(InputRefused, match="undecided"):
        advisor.frame("hello").start(tmp_path / "project")
    others = tuple(each for each in catalog.templates() if "segmentation" not in each.subtasks)
    with monkeypatch.context() as without:
        without.setattr(catalog, "templates", lambda: others)
        with pytest.raises(InputRefused, match=r"no template for classification/segmentation yet; .*regression/linear"):
            advisor.frame(PIXELS).start(tmp_path / "project")
    with pytest.raises(UsageError, match="did you mean 'regression/linear'"):
        advisor.frame(DIABETES).start(tmp_path / "project", template="regresion/linear")
    with pytest.raises(InputRefused, match="cannot be read"):
        advisor.frame(DIABETES).start(tmp_path / "project", table=object())
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_are_asked_for_together_are_the_targets_of_one_starter(tmp_path):
    cement = [200 + 7 * (each % 31) for each in range(60)]
    table = {
        "cement_kg": cement,
        "water_kg": [150 + each % 13 for each in range(60)],
        "strength_mpa": [0.11 * each for each in cement],
        "slump_cm": [None if each == 5 else 3 + each % 13 for each in range(60)],
    }
    framing = advisor.frame("Predict two numbers at once for each mix: the strength and the slump of the concrete.")
    project = framing.start(tmp_path / "project", table=pl.DataFrame(table))
    assert 'targets: ["strength_mpa", "slump_cm"]' in (project / "config.yaml").read_text()
    assert "`targets` names the columns to predict" in (project / "README.md").read_text()
    with loading.task(project) as task:
        data = task.read(config.read(project / "config.yaml", task.settings), project, None)
    assert data.size == 59
    assert "1 of 60 rows lacks one of the targets and is left out, with the targets that they have" in data.decisions


def pictured(folder: Path, *, image: str, mask: str, side: int = 9) -> Path:
    """A table of twelve pictures in files of their own and a mask of each, in two columns."""
    generator = np.random.default_rng(0)
    for place in range(12):
        classes = (generator.random((9, 12)) < 0.3).astype(np.uint8)
        Image.fromarray(classes * 120 + 40).save(folder / f"roof_{place}.jpg")
        Image.fromarray(classes[:side]).save(folder / f"roof_{place}.png")
    paths = {image: [f"roof_{place}.jpg" for place in range(12)], mask: [f"roof_{place}.png" for place in range(12)]}
    pl.DataFrame(paths | {"taken_by": ["Ada", "Bo", "Cy"] * 4}).write_csv(folder / "table.csv")
    return folder / "table.csv"


@pytest.mark.parametrize(
    ("image", "mask", "target"),
    [
        ("image", "mask", None),
        ("file", "mask_file", None),
        ("photo", "outline", None),
        ("first", "second", "second"),
        ("first", "second", None),
    ],
)
def test_the_column_of_masks_is_found_beside_that_of_pictures(tmp_path, image, mask, target):
    table = pictured(tmp_path, image=image, mask=mask)
    project = advisor.frame(PIXELS).start(tmp_path / "project", table=table, target=target)
    found = yaml.safe_load((project / "config.yaml").read_text())
    assert (found["image"], found["mask"]) == (image, mask)
    assert found["image_folder"] == str(tmp_path)
    assert "`mask` names the column of pictures" in (project / "README.md").read_text()
    with loading.task(project) as task:
        data = task.read(config.read(project / "config.yaml", task.settings), project, None)
    assert data.size == 12
    assert data.about.numbers == (0, 1)


def test_masks_that_do_not_lie_on_their_pictures_are_no_starter(tmp_path):
    table = pictured(tmp_path, image="image", mask="mask", side=8)
    with pytest.raises(InputRefused, match=r"row 1: mask: the mask is 8 by 12 pixels .* and its picture 9 by 12"):
        advisor.frame(PIXELS).start(tmp_path / "project", table=table)
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize("shops", [1, 2, 8])
def test_series_are_told_apart_by_the_column_whose_values_repeat_the_moments(tmp_path, shops):
    days = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 6, 30), "1d", eager=True)
    rows = [{"day": day, "shop": f"shop {each}", "sold": 3.5 * each + day.day} for each in range(shops) for day in days]
    framing = advisor.frame("Forecast the sales of every shop for the next 7 days.")
    project = framing.start(tmp_path / "project", table=pl.DataFrame(rows), target="sold")
    found = yaml.safe_load((project / "config.yaml").read_text())
    assert (found["target"], found["time"], found["series"]) == ("sold", "day", "shop" if shops > 1 else None)


@pytest.fixture
def shop(tmp_path) -> Path:
    """A table with a repeating id, a time, a column that is known afterwards only, and hostile Markdown."""
    rows = 60
    late = [row % 3 == 0 for row in range(rows)]
    pl.DataFrame(
        {
            "customer_id": [f"C{row % 20:04d}" for row in range(rows)],
            "day": [f"2024-{1 + row // 28:02d}-{1 + row % 28:02d}" for row in range(rows)],
            "size *|<b>": [37 * row % 61 for row in range(rows)],
            "refund_paid": [12.5 if each else None for each in late],
            "late": ["yes" if each else "no" for each in late],
        }
    ).write_csv(tmp_path / "shop.csv")
    return tmp_path / "shop.csv"


def test_the_readme_says_what_to_check_in_the_table(tmp_path, shop):
    project = advisor.frame("Is the parcel late or not?").start(tmp_path / "project", table=shop)
    readme = (project / "README.md").read_text()
    about = readme[readme.index("Check these settings") :]
    assert "The target is the column 'late'" in about
    assert r"'size \*\|\<b\>'" in about
    assert r"'refund\_paid': by name or values, known only when the answer is" in about
    assert "'day': a time" in about
    assert r"'customer\_id': an id that repeats" in about
    problem = json.loads((project / "problem.json").read_text())
    assert problem["card"]["target"] == problem["target"] == "late"


def test_a_target_named_for_the_framing_is_the_starters(tmp_path, shop):
    framing = advisor.frame("Is the parcel late or not?", table=shop, target="customer_id")
    project = framing.start(tmp_path / "project", table=shop)
    assert json.loads((project / "problem.json").read_text())["target"] == "customer_id"


def test_a_guessed_target_that_does_not_fit_is_called_a_guess(tmp_path):
    pl.DataFrame({"a": [row / 7 for row in range(60)], "b": [row * row / 9 for row in range(60)]}).write_csv(
        tmp_path / "t.csv"
    )
    with pytest.raises(InputRefused, match="no target was named, and 'b' seemed the likeliest"):
        advisor.frame("Is it spam or not?").start(tmp_path / "project", table=tmp_path / "t.csv")


@pytest.mark.parametrize("stop", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_start_that_is_stopped_leaves_nothing(tmp_path, diabetes, monkeypatch, stop):
    copied, removed = shutil.copyfile, shutil.rmtree

    def copy(source, destination):
        if Path(source).name == "report.py":
            raise stop
        return copied(source, destination)

    def remove(*arguments, **options):  # Ctrl-C is pressed again while the folder is removed
        monkeypatch.setattr(shutil, "rmtree", removed)
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copyfile", copy)
    monkeypatch.setattr(shutil, "rmtree", remove)
    with pytest.raises((InputRefused, KeyboardInterrupt)) as raised:
        advisor.frame(DIABETES).start(tmp_path / "a" / "project", table=diabetes)
    assert list(tmp_path.iterdir()) == [diabetes]
    assert isinstance(raised.value, KeyboardInterrupt) or str(raised.value).endswith("No space left on device")


def test_a_starter_is_its_owners_to_change(tmp_path, diabetes):
    mask = os.umask(0o027)
    try:
        project = advisor.frame(DIABETES).start(tmp_path / "project", table=diabetes)
    finally:
        os.umask(mask)
    modes = {path.stat().st_mode & 0o777 for path in [project, *project.rglob("*")]}
    assert modes == {0o640, 0o750}


MESS = [
    "\0",
    "\ufeff",
    '"',
    ",",
    ";",
    "\t",
    "\n",
    "\r",
    "NaN",
    "1e999",
    "-",
    "é",
    "😀",
    "=cmd()",
    "1.234,5",
    "{}",
    "9" * 400,
    " ",
]


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_table_is_refused_or_started_and_never_halfway(tmp_path, diabetes, seed):
    chance = random.Random(seed)
    text = "\n".join(diabetes.read_text().split("\n")[:40])
    for _ in range(chance.choice([1, 3, 30])):
        place = chance.randrange(len(text))
        text = text[:place] + chance.choice(MESS) + text[place + chance.randrange(9) :]
    file = tmp_path / f"table{chance.choice(['.csv', '.tsv', '.jsonl', '.parquet', ''])}"
    file.write_bytes(text.encode(chance.choice(["utf-8", "utf-16", "utf-32", "cp1252"]), errors="replace"))
    before = sorted(tmp_path.iterdir())
    try:
        project = advisor.frame(DIABETES).start(tmp_path / "project", table=file)
    except InputRefused as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
        assert sorted(tmp_path.iterdir()) == before
    else:
        assert (project / "train.py").exists()


def _walked(tree: ast.AST):
    """Every node but those under `try: … except ImportError`, where a peer is looked for that may be missing."""
    caught = tree.handlers if isinstance(tree, ast.Try) else []
    if any(isinstance(each.type, ast.Name) and each.type.id == "ImportError" for each in caught):
        return
    yield tree
    for child in ast.iter_child_nodes(tree):
        yield from _walked(child)


def _imported(tree: ast.AST) -> set[str]:
    names: list[str] = []
    for node in _walked(tree):
        names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    return {each.split(".")[0] for each in names}


def test_requirements_name_everything_that_a_starter_imports():
    of_package = {"yaml": "pyyaml", "sklearn": "scikit-learn", "PIL": "pillow"}
    own = {"advisor", "model", "models", "tensor_core", "train", *sys.stdlib_module_names}
    needed = set()
    read: dict[bytes, set[str]] = {}  # what all starters carry is read once
    for template in catalog.templates():
        beside = {file.stem for file in template.folder.rglob("*.py")}
        for name, content in sources(template.id).items():
            if name.endswith(".py"):
                if content not in read:
                    read[content] = _imported(ast.parse(content))
                needed |= read[content] - own - beside
    named = {re.split(r"[<>=\[]", line)[0] for line in CARRIED["requirements.txt"].read_text().splitlines()[1:]}
    assert {of_package.get(each, each) for each in needed} == named, "write it into models/project/requirements.txt"


def test_what_a_starter_needs_is_what_this_package_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    known = {each.replace("[standard]", "") for each in project["dependencies"]}
    known |= {*project["optional-dependencies"]["dev"]}
    lines = [line for line in CARRIED["requirements.txt"].read_text().splitlines() if not line.startswith("#")]
    assert {line if line in known else line.rpartition(",")[0] for line in lines} <= known
    assert all("<" in line for line in lines)  # bounded: what is major and new may break a project that nobody watches
