"""The catalog: which templates there are. A template is a folder with a template.yaml; its id is its place.

A template.yaml may say under `runs` what the benchmark trains, and what must be reached there (with the metric's own
direction), in how many seconds; the first run is that of config.yaml where `data` is `bundled`. What must be reached is
a figure, or a multiple of what the peer reaches (`seconds` are those of a training):

    runs:
      - {data: bundled, reach: [r2 0.45, r2 0.99 of the peer, seconds 2 of the peer]}
      - {data: california, reach: [rmse 0.435], seconds: 30, set: {target: MedHouseVal, model: mlp}}

What a run on the template's own data gave stands under `measured`, in the first metric, for a starter's README; the
seconds are those of our training, on a machine with other work:

    measured: {dummy: -0.002, peer: 0.524, ours: 0.524, seconds: 0.2}
"""

import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import yaml

from models.kit.errors import ConfigError, did_you_mean

ROOT = Path(__file__).parent
MANIFEST = "template.yaml"
REACH = re.compile(r"(\w+) (\S+)( of the peer)?")


class Wanted(NamedTuple):
    """What a run must reach in a metric, or in seconds: a figure, or so many times what the peer reaches."""

    metric: str
    figure: float
    of_peer: bool

    @property
    def words(self) -> str:
        """As it stands in template.yaml."""
        return f"{self.metric} {self.figure:g}{' of the peer' if self.of_peer else ''}"


class Run(NamedTuple):
    """A training that the benchmark measures: data, what metrics must reach, what seconds ours may take, and changes.

    `data` is `bundled` (what config.yaml names), or the id of a sample of the kit or of a data set that is fetched.
    """

    data: str = "bundled"
    reach: tuple[Wanted, ...] = ()
    seconds: float | None = None
    changes: tuple[tuple[str, str], ...] = ()


class Measured(NamedTuple):
    """What one run on a template's own data gave, in its first metric; and the seconds of our training."""

    dummy: float
    ours: float
    peer: float | None = None
    seconds: float | None = None


class Template(NamedTuple):
    """A program to start from: the subtasks it serves, its own data set, its first metric, and its peer."""

    id: str
    category: str
    subtasks: tuple[str, ...]
    title: str
    data: str
    metric: str
    peer: str
    order: int
    folder: Path
    runs: tuple[Run, ...] = (Run(),)
    measured: Measured | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns what the listing shows, as plain data."""
        shown = {
            name: value for name, value in self._asdict().items() if name not in ("order", "folder", "runs", "measured")
        }
        return shown | {"subtasks": list(self.subtasks)}


@cache
def templates(root: Path = ROOT) -> tuple[Template, ...]:
    """Returns all templates by category and declared order; raises `ConfigError` for a faulty template.yaml.

    >>> "regression/linear" in [template.id for template in templates()]
    True
    """
    found = [_read(file, root) for file in sorted(root.glob(f"*/*/{MANIFEST}"))]
    return tuple(sorted(found, key=lambda template: (template.category, template.order, template.id)))


def find(identifier: str) -> Template:
    """Returns the template of that id; raises `ConfigError` with the nearest one.

    >>> find("regression/linear").data
    'diabetes'
    """
    by_id = {template.id: template for template in templates()}
    if identifier not in by_id:
        hint = did_you_mean(identifier, by_id)
        raise ConfigError(f"there is no template {identifier!r}{hint or '; there are ' + ', '.join(by_id)}")
    return by_id[identifier]


def choose(category: str, subtask: str | None) -> Template | None:
    """Returns the first template of the category that serves the subtask (None: any subtask), or None.

    >>> choose("regression", "duration").id, choose("classification", "no_such_subtask")
    ('regression/linear', None)
    """
    for template in templates():
        if template.category == category and (subtask is None or subtask in template.subtasks):
            return template
    return None


_WRITTEN = ("title", "subtasks", "data", "metric", "peer", "order")  # the rest of a template is its place
_OPTIONAL = ("runs", "measured")
_OF_RUN = ("data", "reach", "seconds", "set")


def _read(file: Path, root: Path) -> Template:
    try:
        node = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}:{line}: not YAML: {error.problem}") from None
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{file}:1: there should be lines of the form `name: value`")
    values: dict[str, Any] = {}
    for key, value in node.value:
        where = f"{file}:{key.start_mark.line + 1}: {key.value}"
        if key.value not in (*_WRITTEN, *_OPTIONAL):
            raise ConfigError(f"{where}: there is no such field{did_you_mean(key.value, (*_WRITTEN, *_OPTIONAL))}")
        read = {"runs": _runs, "measured": _measured}.get(key.value)
        values[key.value] = _field(key.value, value, where) if read is None else read(value, where)
    if absent := [name for name in _WRITTEN if name not in values]:
        raise ConfigError(f"{file}: the field {absent[0]!r} is missing")
    identifier = file.parent.relative_to(root).as_posix()
    return Template(id=identifier, category=identifier.split("/")[0], folder=file.parent, **values)


def _field(name: str, node: yaml.Node, where: str) -> Any:
    kind = get_type_hints(Template)[name]
    if kind == tuple[str, ...]:
        if (
            isinstance(node, yaml.SequenceNode)
            and node.value
            and all(isinstance(each, yaml.ScalarNode) for each in node.value)
        ):
            return tuple(each.value for each in node.value)
        raise ConfigError(f"{where}: should be a list of names, as [a, b]")
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        raise ConfigError(f"{where}: should be one value")
    if kind is int and not node.value.isdecimal():
        raise ConfigError(f"{where}: should be a whole number, not {node.value!r}")
    return kind(node.value)


def _runs(node: yaml.Node, where: str) -> tuple[Run, ...]:
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise ConfigError(f"{where}: should be a list of runs, as - {{data: bundled, reach: [r2 0.4]}}")
    return tuple(_run(each, where) for each in node.value)


def _run(node: yaml.Node, where: str) -> Run:
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{where}: should be a list of runs, as - {{data: bundled, reach: [r2 0.4]}}")
    given = {key.value: value for key, value in node.value}
    for name in given:
        if name not in _OF_RUN:
            raise ConfigError(f"{where}: a run has no field {name!r}{did_you_mean(name, _OF_RUN)}")
    try:
        reach = tuple(wanted(each.value) for each in given["reach"].value) if "reach" in given else ()
        seconds = float(given["seconds"].value) if "seconds" in given else None
        changes = tuple((key.value, _plain(value)) for key, value in given["set"].value) if "set" in given else ()
    except (TypeError, ValueError, AttributeError):
        raise ConfigError(
            f"{where}: a run has reach: [METRIC NUMBER, METRIC NUMBER of the peer, …], seconds: NUMBER, "
            "set: {NAME: VALUE}"
        ) from None
    return Run(given["data"].value if "data" in given else "bundled", reach, seconds, changes)


def _measured(node: yaml.Node, where: str) -> Measured:
    try:
        return Measured(**{key.value: float(value.value) for key, value in node.value})
    except (TypeError, ValueError, AttributeError):
        raise ConfigError(
            f"{where}: should be {{dummy: NUMBER, peer: NUMBER, ours: NUMBER, seconds: NUMBER}}; peer and seconds may "
            "be left out"
        ) from None


def wanted(text: str) -> Wanted:
    """Returns what a text says must be reached; raises `ValueError` where it says no such thing.

    >>> wanted("rmse 0.435"), wanted("inertia 1.001 of the peer")
    (Wanted(metric='rmse', figure=0.435, of_peer=False), Wanted(metric='inertia', figure=1.001, of_peer=True))
    """
    found = REACH.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return Wanted(found[1], float(found[2]), found[3] is not None)


def _plain(node: yaml.Node) -> str:
    """Returns a value as it may stand in a config.yaml, in one line."""
    return str(yaml.serialize(node, width=float("inf"))).removesuffix("...\n").strip()
