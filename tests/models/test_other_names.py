"""A starter on a user's table: the columns of each template's own data under other names, and no label of a sample.

Nothing is trained: settings are written as `advisor start` does, and the template reads, splits and prepares the table.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import advisor
from advisor import settings as starter_settings
from advisor import starter
from advisor.errors import InputRefused
from models import catalog, loading
from models.kit import config, dataset, programs, tables

TEMPLATES = [each.id for each in catalog.templates() if each.category != "no_ml"]  # a rule names its columns
MOST_ROWS = 3_000  # of a template's table, from its beginning
HOSTILE = [
    '{name}"); import os #: {{{{ x }}}}\n- !!python/object',
    "=cmd('{name}')|$y$",
    "'\"{name}: 😀 #",
    "ｎame ${{{name}}} 列",
    "{name} " + 3_000 * "x",
]
NAMINGS: dict[str, Callable[[int, str], str]] = {
    "numbered": lambda place, name: f"column {place} {name}",
    "hostile": lambda place, name: HOSTILE[place % len(HOSTILE)].format(name=name),
    "bare": lambda place, name: f"{' ' * place}{chr(97 + place % 26)}{place // 26 or ''}",
}
NO_HINT = {  # what is a refusal with reason where a name says nothing: the role, and why
    "classification/detection": ("x", "four numbers of a box are told apart by their names alone"),
    "ranking/learning_to_rank": ("query", "the numbers of weeks may be any count"),
    "regression/survival": ("event", "three columns are yes or no, and one of them is the event"),
}


@pytest.fixture(scope="module", params=TEMPLATES)
def template(request: pytest.FixtureRequest) -> catalog.Template:
    return catalog.find(str(request.param))


@pytest.fixture(scope="module")
def own(template: catalog.Template) -> tuple[pl.DataFrame, str | None]:
    """The template's own table, and the column that it predicts."""
    with loading.task(template.folder) as task:
        given = config.read(template.folder / "config.yaml", task.settings)
    try:
        frame = dataset.table(given.table, folder=template.folder).frame
    except tables.TableError:
        pytest.skip("its examples are no table")
    target = next((value for role in starter_settings.TARGETS if (value := getattr(given, role, None))), None)
    return frame.head(MOST_ROWS), target if isinstance(target, str) else None


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The template prepares a part of the table, with the settings of a smoke training; what it prepared is kept."""
    prepared: list[Any] = []

    def tried(template: catalog.Template, new: Path) -> None:
        with loading.task(template.folder) as task:
            given = config.read(new / "config.yaml", task.settings)
            changes = {name: config.written(value) for name, value in task.smoke.items()}
            smoke = config.read(new / "config.yaml", task.settings, changes=changes)
            prepared.append(programs.case(task, smoke, folder=new, most=task.smoke_examples)._replace(settings=given))

    monkeypatch.setattr(starter, "_try", tried)
    return prepared


@pytest.mark.parametrize("naming", NAMINGS)
def test_a_table_under_other_names_is_taken(
    template: catalog.Template, own: tuple[pl.DataFrame, str | None], naming: str, tmp_path: Path, quick: list[Any]
) -> None:
    frame, target = own
    called = {name: NAMINGS[naming](place, name) for place, name in enumerate(frame.columns)}
    named = called[target] if target is not None else None
    framing = advisor.frame(template.title)
    table = frame.rename(called)
    if naming == "bare" and template.id in NO_HINT:
        role, _ = NO_HINT[template.id]
        with pytest.raises(InputRefused, match=f"the template needs a column for `{role}`"):
            framing.start(tmp_path / "project", table=table, target=named, template=template.id)
        return
    framing.start(tmp_path / "project", table=table, target=named, template=template.id)
    assert quick[-1].split.test.size
