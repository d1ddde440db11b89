"""Settings: checked with file and line, and rewritten so that any text comes back as itself."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from models import catalog
from models.kit import config
from models.kit.errors import ConfigError

HOSTILE = [
    'a "b" c', "it's", "x: y #z", "- dash", "line\nbreak", "tab\there", "{{ name }}", "{% raw %}", "😀 größe", "null",
    "no", "~", "", " padded ", "1e3", "2024-01-01", "back\\slash", "\\u0041", "% percent", "@at", "`tick`",
    "!!python/object", "&anchor", "*alias",
    "\x7f\x85\u2028\u2029\ufeff\u200b", "\x00\x1b", "${HOME}", "__import__('os')", "a" * 5000,
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Settings(config.Settings):
    metric: str
    alpha: float
    peer: str
    slanted: float
    centred: bool


SOURCE = catalog.find("regression/linear").folder / "config.yaml"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_comes_back(tmp_path: Path, text: str) -> None:
    copy = tmp_path / "config.yaml"
    config.write(SOURCE, copy, target=text, leave_out=[text, "b"], group=text)
    found = config.read(copy, Settings)
    assert (found.target, found.leave_out, found.group) == (text, (text, "b"), text)
    assert yaml.safe_load(copy.read_text(encoding="utf-8"))["target"] == text


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    written = config.written(text)
    assert yaml.safe_load(f"target: {written}  # comment\n") == {"target": text}


def test_comments_and_order_stay(tmp_path: Path) -> None:
    copy = tmp_path / "config.yaml"
    config.write(SOURCE, copy, target="y", alpha=1e-7, seed=3, hidden=[8], time=None)
    before, after = SOURCE.read_text().splitlines(), copy.read_text().splitlines()
    assert [line.partition("#")[2] for line in before] == [line.partition("#")[2] for line in after]
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 4
    found = config.read(copy, Settings)
    assert (found.alpha, found.seed, found.hidden, found.time) == (1e-7, 3, (8,), None)
    assert yaml.safe_load(copy.read_text())["alpha"] == 1e-7


def test_nothing_changed_is_a_copy(tmp_path: Path) -> None:
    config.write(SOURCE, tmp_path / "c.yaml")
    assert (tmp_path / "c.yaml").read_bytes() == SOURCE.read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("alpha: 1.0", "alhpa: 1.0", "alhpa: there is no such setting; did you mean 'alpha'?"),
        ("seed: 0", "seed: 0.5", "seed: should be a whole number, not '0.5'"),
        ("seed: 0", "seed: -1", "seed: -1 is outside 0 to"),
        ("alpha: 1.0", "alpha: many", "alpha: should be a number, not 'many'"),
        ("alpha: 1.0", "alpha: .inf", "alpha: should be a number"),
        ("alpha: 1.0", "alpha: nan", "alpha: should be a finite number"),
        ("test_share: 0.2", "test_share: 1.5", "test_share: 1.5 is outside 0.05 to 0.5"),
        ("model: linear", "model: liner", "model: 'liner' is not possible; did you mean 'linear'?"),
        ("hidden: [64, 64]", "hidden: 64", "hidden: should be a list"),
        ("hidden: [64, 64]", "hidden: [64, x]", "hidden: should be a whole number, not 'x'"),
        ("target: progression", "target:", "target: has no value"),
        ("target: progression", "target: [a, b]", "target: should be one value"),
        ("seed: 0", "seed: 0\nseed: 1", "seed: set twice"),
        ("seed: 0", "seed: [0", "not YAML"),
    ],
)
def test_mistakes_are_reported_with_file_and_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "config.yaml"
    text = SOURCE.read_text()
    assert text.count(f"\n{old}") == 1
    path.write_text(text.replace(f"\n{old}", f"\n{new}"))
    with pytest.raises(ConfigError) as refused:
        config.read(path, Settings)
    where, _, said = str(refused.value).removeprefix(f"{path}:").partition(": ")
    assert message in said
    line = text[: text.index(f"\n{old}")].count("\n") + 2
    assert "not YAML" in message or int(where) in (line, line + 1)


def test_absent_setting_and_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("".join(line for line in SOURCE.open() if not line.startswith("seed")))
    with pytest.raises(ConfigError, match="the setting 'seed' is missing"):
        config.read(path, Settings)
    with pytest.raises(ConfigError, match="no such file"):
        config.read(tmp_path / "absent.yaml", Settings)
    path.write_text("- a\n- b\n")
    with pytest.raises(ConfigError, match=":1: there should be lines"):
        config.read(path, Settings)


def test_unknown_setting_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="traget: there is no such setting; did you mean 'target'"):
        config.write(SOURCE, tmp_path / "c.yaml", traget="y")
    assert not list(tmp_path.iterdir())


def test_text_is_taken_as_written(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        SOURCE.read_text().replace("target: progression", "target: no").replace("group: null", "group: 2024")
    )
    found = config.read(path, Settings)
    assert (found.target, found.group, found.time) == ("no", "2024", None)


@pytest.mark.parametrize(("written", "value"), [("true", True), ("false", False), ("False", False)])
def test_true_and_false_are_told_apart(tmp_path: Path, written: str, value: bool) -> None:
    assert config.read(_switch(tmp_path, written), Switch).refit is value


def test_what_is_neither_true_nor_false_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="refit: should be true or false, not 'maybe'"):
        config.read(_switch(tmp_path, "maybe"), Switch)


@dataclass(frozen=True, kw_only=True)
class Switch(config.Project):
    refit: bool


def _switch(tmp_path: Path, written: str) -> Path:
    file = tmp_path / "config.yaml"
    lines = ["table: t.csv", "metric: m", "seed: 0", "threads: 1", "output: o", f"refit: {written}"]
    file.write_text("\n".join(lines) + "\n")
    return file
