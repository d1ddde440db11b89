"""Settings: config.yaml, read and checked against a frozen dataclass, and rewritten without losing a comment.

A setting's type says what is allowed: `Annotated[float, Between(0, 1)]`, `Literal["a", "b"]`, `str | None`,
`tuple[int, ...]`. A text is taken as it is written, so `target: no` and `target: 2024` name columns. Every setting
stands in the file; nothing hides.
"""

import json
import math
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from models.kit import files
from models.kit.errors import ConfigError, did_you_mean


class Between(NamedTuple):
    """The smallest and the largest value that a number may have."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Project:
    """What every program is told, be there anything to learn or not; `metric` decides the verdict."""

    table: str
    metric: str
    seed: Annotated[int, Between(0, 2**32 - 1)]
    threads: Annotated[int, Between(1, 1024)]
    output: str


@dataclass(frozen=True, kw_only=True)
class Learning(Project):
    """What every template that learns is told."""

    time_budget_seconds: Annotated[float, Between(0.1, 1e7)]


@dataclass(frozen=True, kw_only=True)
class Divided(Learning):
    """What a template is told that learns from a table whose rows are split at random, by group or by time."""

    leave_out: tuple[str, ...]
    group: str | None
    time: str | None
    test_share: Annotated[float, Between(0.05, 0.5)]
    validation_share: Annotated[float, Between(0.05, 0.5)]


@dataclass(frozen=True, kw_only=True)
class Labelled(Divided):
    """What a template is told that learns one column of such a table."""

    target: str


@dataclass(frozen=True, kw_only=True)
class Numeric(Divided):
    """What a template is told that turns the columns of a table into numbers, for a linear model or a network."""

    rare_level_rows: Annotated[int, Between(1, 1_000_000)]
    model: Literal["linear", "mlp"]
    hidden: tuple[Annotated[int, Between(1, 65_536)], ...]
    dropout: Annotated[float, Between(0, 0.95)]
    pieces: Annotated[int, Between(0, 1024)]
    optimizer: Literal["auto", "lbfgs", "adam", "adamw"]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_rows: Annotated[int, Between(1, 10_000_000)]
    patience: Annotated[int, Between(1, 1_000_000)]


@dataclass(frozen=True, kw_only=True)
class Settings(Labelled, Numeric):
    """What a template is told that learns one column from the others, turned into numbers."""


S = TypeVar("S", bound=Project)


def read(path: str | Path, kind: type[S], *, changes: Mapping[str, str] | None = None) -> S:
    """Returns the settings of a file; raises `ConfigError` that begins with file and line.

    `changes` are written as in the file, by name, and take the place of what stands there.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "config.yaml"
    >>> _ = file.write_text("tabel: rooms.csv\\n")
    >>> try:
    ...     read(file, Settings)
    ... except ConfigError as error:
    ...     print(str(error).rpartition("/")[2])
    config.yaml:1: tabel: there is no such setting; did you mean 'table'?
    """
    path = Path(path)
    pairs = _pairs(_text(path), path)
    hints = get_type_hints(kind, include_extras=True)
    names = [field.name for field in fields(kind)]
    for name, (line, _) in pairs.items():
        if name not in names:
            raise ConfigError(f"{path}:{line}: {name}: there is no such setting{did_you_mean(name, names)}")
    for name, text in (changes or {}).items():
        if name not in names:
            raise ConfigError(f"--set {name}={text}: there is no such setting{did_you_mean(name, names)}")
        pairs[name] = 0, _pairs(f"{name}: {text}\n", Path("--set"))[name][1]
    if absent := [name for name in names if name not in pairs]:
        raise ConfigError(f"{path}: the setting {absent[0]!r} is missing; add a line `{absent[0]}: …`")
    places = {name: f"{path}:{pairs[name][0]}: {name}" for name in names}
    places |= {name: f"--set {name}={text}" for name, text in (changes or {}).items()}
    return kind(**{name: _value(pairs[name][1], hints[name], places[name]) for name in names})


def write(source: str | Path, destination: str | Path, /, **changes: object) -> None:
    """Copies a settings file and gives the named settings new values; comments, order and everything else stay.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "config.yaml"
    >>> _ = file.write_text("target: y  # the column to predict\\nseed: 1\\n")
    >>> write(file, file, target='a "b": #c')
    >>> print(file.read_text().splitlines()[0])
    target: "a \\"b\\": #c"  # the column to predict
    """
    source = Path(source)
    text = _text(source)
    pairs = _pairs(text, source)
    for name in changes:
        if name not in pairs:
            raise ConfigError(f"{source}: {name}: there is no such setting{did_you_mean(name, pairs)}")
    for name, (line, node) in reversed(pairs.items()):
        if name not in changes:
            continue
        if isinstance(node, yaml.MappingNode) or (isinstance(node, yaml.SequenceNode) and not node.flow_style):
            raise ConfigError(f"{source}:{line}: {name}: write the value in one line, as [a, b]")
        start, end = node.start_mark.index, node.end_mark.index
        space = " " if start == end else ""
        text = text[:start] + space + written(changes[name]) + text[end:]
    files.write(destination, text)


def optional(path: str | Path) -> dict[str, bool]:
    """Returns the names of a file's settings, in order, and of each whether it may stay empty (it is null there).

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "config.yaml"
    >>> _ = file.write_text("target: y\\ngroup: null\\n")
    >>> optional(file)
    {'target': False, 'group': True}
    """
    pairs = _pairs(_text(Path(path)), Path(path))
    return {name: node.tag == "tag:yaml.org,2002:null" for name, (_, node) in pairs.items()}


def spare(kind: type[Project]) -> frozenset[str]:
    """Returns the names of the settings that may hold nothing.

    >>> sorted(spare(Settings))
    ['group', 'time']
    """
    hints = get_type_hints(kind, include_extras=True)
    return frozenset(name for name, hint in hints.items() if type(None) in get_args(hint))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file; name one with --config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None


def _pairs(text: str, path: Path) -> dict[str, tuple[int, yaml.Node]]:
    """Returns the line (from 1) and the YAML node of each setting, in the order of the file."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path}: not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path}:1: there should be lines of the form `name: value`")
    pairs: dict[str, tuple[int, yaml.Node]] = {}
    for key, value in root.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(f"{path}:{line}: a setting's name should be a word")
        if key.value in pairs:
            raise ConfigError(f"{path}:{line}: {key.value}: set twice, first in line {pairs[key.value][0]}; remove one")
        pairs[key.value] = line, value
    return pairs


def _value(node: yaml.Node, kind: Any, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        value = _value(node, arguments[0], where)
        low, high = arguments[1]
        if not low <= value <= high:
            raise ConfigError(f"{where}: {value} is outside {low:g} to {high:g}")
        return value
    if origin is tuple:
        if not isinstance(node, yaml.SequenceNode):
            raise ConfigError(f"{where}: should be a list, as [a, b] or []")
        return tuple(_value(each, arguments[0], where) for each in node.value)
    if not isinstance(node, yaml.ScalarNode):
        raise ConfigError(f"{where}: should be one value")
    empty = node.tag == "tag:yaml.org,2002:null"
    if origin in (Union, types.UnionType):
        return None if empty else _value(node, arguments[0], where)
    if empty:
        raise ConfigError(f"{where}: has no value")
    if origin is Literal:
        if node.value not in arguments:
            hint = did_you_mean(node.value, arguments) or f"; one of {', '.join(arguments)}"
            raise ConfigError(f"{where}: {node.value!r} is not possible{hint}")
        return node.value
    if kind is str:
        return node.value
    if kind is bool:
        if node.value.lower() not in ("true", "false"):
            raise ConfigError(f"{where}: should be true or false, not {node.value!r}")
        return node.value.lower() == "true"
    return _number(node.value, kind, where)


def _number(text: str, kind: type[int] | type[float], where: str) -> float:
    try:
        value = kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{where}: should be {what}, not {text!r}") from None
    if not math.isfinite(value):
        raise ConfigError(f"{where}: should be a finite number, not {text!r}")
    return value


def written(value: object) -> str:
    """Returns the value as YAML that reads back as the same value, whatever a text holds."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value) if "e" not in repr(value) else f"{value:.16e}"
    if isinstance(value, str):
        quoted = json.dumps(value, ensure_ascii=False)
        return "".join(character if _printable(character) else _escaped(character) for character in quoted)
    if isinstance(value, list | tuple):
        return f"[{', '.join(written(each) for each in value)}]"
    if isinstance(value, Mapping):
        raise ConfigError("a setting holds one value or a list, not a mapping")
    raise ConfigError(f"a setting cannot hold a {type(value).__name__}")


def _printable(character: str) -> bool:
    """Returns whether YAML takes the character as it is: no control, no line separator, no half of a surrogate pair."""
    return character.isprintable() or character == " "


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"
