"""A template's own object, loaded from its folder, wherever that lies: for comparisons, tests and new starters."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.kit.errors import ConfigError

if TYPE_CHECKING:
    from models.kit.programs import AnyTask


@contextmanager
def task(folder: Path) -> Iterator["AnyTask"]:
    """Yields the `TEMPLATE` of the model.py in a folder; its modules are gone from Python's table afterwards.

    >>> from models import catalog
    >>> with task(catalog.find("regression/linear").folder) as found:
    ...     found.dummy_title
    'mean'
    """
    folder = folder.resolve()
    names = {file.stem for file in folder.glob("*.py")}
    before: dict[str, Any] = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location("model", folder / "model.py")
        if spec is None or spec.loader is None or not (folder / "model.py").is_file():
            raise ConfigError(f"{folder}: there is no model.py, so this is no template")
        module = importlib.util.module_from_spec(spec)
        sys.modules["model"] = module  # frozen dataclasses look themselves up there
        spec.loader.exec_module(module)
        yield module.TEMPLATE
    finally:
        sys.path.remove(str(folder))
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(before)
