"""The cache: where data sets lie that were fetched at somebody's wish, under the user's own folder for such files."""

import os
import sys
from pathlib import Path

from models.kit.errors import TableError

PREFIX = "fetched:"  # in config.yaml: `table: fetched:california`
VARIABLE = "MODELS_DATA"  # names another folder
NAME = "problem-framing-advisor"


def folder() -> Path:
    """Returns the folder of fetched data sets: $MODELS_DATA, or what the platform has for caches."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / NAME / "data"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / NAME / "data"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / NAME / "data"


def find(identifier: str) -> Path:
    """Returns the file of a fetched data set, or its folder of several; raises `TableError` when it was not fetched."""
    usual = identifier.replace("_", "").isalnum()
    names = (f"{identifier}.*", identifier) if usual else ()
    found = sorted(path for name in names for path in folder().glob(name))
    if not found:
        raise TableError(
            f"{PREFIX}{identifier}: not in {folder()}; fetch it with `python -m models data {identifier}`, "
            "or name a file (`table` in config.yaml)"
        )
    return found[0]
