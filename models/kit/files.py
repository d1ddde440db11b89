"""Files that are written whole or not at all: first beside their place, then renamed into it."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from models.kit.errors import ArtefactError

MOST_INTERRUPTIONS = 10  # while an unfinished folder is removed
CONTENTS = "contents.json"  # names what a run wrote, so that the next run replaces that and nothing else


def write(path: str | Path, content: str | bytes) -> None:
    """Puts the content into the file at once; on any failure the old file stays as it was (`ArtefactError`).

    >>> import tempfile
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
    temporary = beside(path)
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def beside(path: Path) -> Path:
    """Returns a hidden name beside `path` that nothing has; unlike those of tempfile, files there follow the umask."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}")


@contextmanager
def folder(path: str | Path) -> Iterator[Path]:
    """Yields an empty folder that takes the place of `path` when the block ends well, and vanishes when it does not.

    Of an older folder at that place, what its own run had written goes; files that somebody else put there stay.

    >>> import tempfile
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
    new = beside(path)
    try:
        new.mkdir()
        yield new
        names = sorted(file.name for file in new.iterdir())
        write(new / CONTENTS, json.dumps(names, indent=1) + "\n")
        _exchange(new, path)
    except BaseException:
        discard(new)
        raise


def discard(folder: Path) -> None:
    """Removes a folder that was not finished; pressing Ctrl-C again does not keep it."""
    for _ in range(MOST_INTERRUPTIONS):
        with suppress(KeyboardInterrupt):
            shutil.rmtree(folder, ignore_errors=True)
            return


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
    old = beside(path)
    os.rename(path, old)
    os.rename(new, path)
    for foreign in old.iterdir():
        if foreign.name not in written and not (path / foreign.name).exists():
            os.rename(foreign, path / foreign.name)
    shutil.rmtree(old, ignore_errors=True)


def _contents(path: Path) -> list[str]:
    try:
        return [str(name) for name in json.loads((path / CONTENTS).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []
