"""Runs the programs of a template in this process, and reads what they wrote: what the tests of templates share."""

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

TEMPLATES = ["regression/linear", "classification/softmax"]  # test_every_template.py has what holds for all
OUR_MODULES = ("model", "train", "evaluate", "predict")


def in_process(project: Path, name: str, *arguments: str) -> int:
    """Returns the exit code of one of the project's programs, run here, which spares the imports."""
    sys.path.insert(0, str(project))
    try:
        for module in OUR_MODULES:
            sys.modules.pop(module, None)
        spec = importlib.util.spec_from_file_location(name, project / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module_: ModuleType = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module_)
        run: Callable[..., int] = getattr(module_.programs, name)
        return run(module_.TEMPLATE, str(project / f"{name}.py"), arguments)
    finally:
        sys.path.remove(str(project))
        for module in OUR_MODULES:
            sys.modules.pop(module, None)


def metrics(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    return found
