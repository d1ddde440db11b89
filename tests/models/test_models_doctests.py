"""Every example in a docstring of the package, the templates' included, gives what it says."""

import doctest
import importlib
import importlib.util
import sys
from pathlib import Path

import pytest

import models
from models import catalog

PACKAGE = Path(models.__file__).parent
MODULES = sorted(
    [f"models.kit.{file.stem}" for file in (PACKAGE / "kit").glob("[a-z]*.py")]
    + ["models.catalog", "models.comparing", "models.fetching", "models.kit", "models.pickled"]
)


@pytest.mark.parametrize("name", MODULES)
def test_module(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("template", catalog.templates(), ids=lambda template: template.id)
def test_template(template: catalog.Template, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(template.folder)  # a program finds the modules beside it
    name = f"_template_{template.folder.name}"
    spec = importlib.util.spec_from_file_location(name, template.folder / "model.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert doctest.testmod(module).failed == 0


def test_kit_knows_nothing_above_it() -> None:
    for file in (PACKAGE / "kit").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert not any(f"import {name}" in text or f"from {name}" in text for name in ("advisor", "taxonomy")), file
        assert "models.catalog" not in text, file
        assert "from models import" not in text, file
