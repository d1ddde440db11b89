"""Files that are written whole or not at all: first beside their place, then renamed into it."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.kit.errors import ArtefactError

CONTENTS = "contents.json"  # names what a run wrote, so that the next run replaces that and nothing else


def write(path: str | Path, content: str | bytes) -> None:
    """Puts the content into the file at once; on any failure the old file stays as it was (`ArtefactError`).

    >>> file = Path(tempfile.mkdtemp()) / "note.txt"
    >>> write(file, "hello")
    >>> file.read_text()
    'hello'
    """
    path = Path(path)
    try:
        _write(path, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise ArtefactError(f"{path}: cannot be written: {error.strerror or error}") from error


def _write(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def folder(path: str | Path) -> Iterator[Path]:
    """Yields an empty folder that takes the place of `path` when the block ends well, and vanishes when it does not.

    Of an older folder at that place, what its own run had written goes; files that somebody else put there stay.

    >>> place = Path(tempfile.mkdtemp()) / "output"
    >>> with folder(place) as new:
    ...     write(new / "a.txt", "1")
    >>> sorted(file.name for file in place.iterdir())
    ['a.txt', 'contents.json']
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise ArtefactError(f"{path}: this is a file; name a folder for the output")
    path.parent.mkdir(parents=True, exist_ok=True)
    path = path.resolve()
    new = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        os.chmod(new, 0o777 & ~_umask())
        yield new
        names = sorted(file.name for file in new.iterdir())
        write(new / CONTENTS, json.dumps(names, indent=1) + "\n")
        _exchange(new, path)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def read_json(path: Path, *, remedy: str) -> Any:
    """Returns what a JSON file holds; raises `ArtefactError` with the remedy when it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtefactError(f"{path}: there is no such file; {remedy}") from None
    except (OSError, ValueError) as error:
        raise ArtefactError(f"{path}: cannot be read: {error}; {remedy}") from None


def _exchange(new: Path, path: Path) -> None:
    if not path.exists():
        os.rename(new, path)
        return
    written = {*_contents(path), CONTENTS}
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    os.rename(path, old / path.name)
    os.rename(new, path)
    for foreign in (old / path.name).iterdir():
        if foreign.name not in written and not (path / foreign.name).exists():
            os.rename(foreign, path / foreign.name)
    shutil.rmtree(old, ignore_errors=True)


def _contents(path: Path) -> list[str]:
    try:
        return [str(name) for name in json.loads((path / CONTENTS).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
