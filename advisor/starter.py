"""A framing -> a starter project: files copied byte for byte, and the user's words as data.

Only problem.json, config.yaml and README.md hold what is the user's; no Python source does. The project carries the
parts of this package that it runs on (models/kit and tensor_core), so it runs where the advisor is not installed. It
is written beside its place and renamed into it, so a failure leaves nothing behind.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from advisor import profile as profiles
from advisor.errors import InputRefused, UsageError
from advisor.framing import Framing, plain
from models import catalog
from models.catalog import Template
from models.kit import columns, config, tables
from models.kit.errors import Refused

ROOT = Path(catalog.__file__).parent
CARRIED = {
    "requirements.txt": ROOT / "requirements.txt",
    "models/__init__.py": ROOT / "__init__.py",
    "models/kit": ROOT / "kit",
    "tensor_core": ROOT.parent / "tensor_core",
}
PROBLEM_SCHEMA = 1
_IGNORED = shutil.ignore_patterns("__pycache__", "template.yaml", "output", ".*")


def write(framing: Framing, directory: str | Path, *, table: Any, target: str | None, template: str | None) -> Path:
    """Write the starter project of a framing; see `Framing.start`."""
    place = Path(directory)
    if place.exists() and not (place.is_dir() and not any(place.iterdir())):
        raise InputRefused(f"{place} exists already; name a folder that does not", code="folder_taken")
    if target is not None and table is None:
        raise UsageError("a target column was named, but no table was given; name the table as well")
    try:
        chosen = _template(framing, template)
        beside = next(parent for parent in place.absolute().parents if parent.exists())
        new = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=beside))
        try:
            _fill(new, framing, chosen, table=table, target=target)
            new.chmod(0o755)
            if place.exists():
                place.rmdir()  # empty, as was checked above
            place.absolute().parent.mkdir(parents=True, exist_ok=True)
            new.rename(place.absolute())
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
    except Refused as error:
        raise InputRefused(str(error), code="table_refused") from None
    except OSError as error:
        raise InputRefused(f"{place} cannot be written: {error.strerror or error}", code="folder_unwritable") from error
    return place


def _template(framing: Framing, template_id: str | None) -> Template:
    """The template that was named, or the one that serves the framing."""
    if template_id is not None:
        try:
            return catalog.find(template_id)
        except Refused as error:
            raise UsageError(str(error)) from None
    known = ", ".join(template.id for template in catalog.templates())
    if framing.category is None or framing.subtask is None:
        raise InputRefused(
            f"the task is undecided, so no template can be chosen. {framing.undecided} "
            f"Answer the questions or name a template: {known}",
            code="undecided",
        )
    chosen = catalog.choose(framing.category, framing.subtask)
    if chosen is None:
        raise InputRefused(
            f"there is no template for {framing.category}/{framing.subtask} yet; name one that comes near: {known}",
            code="no_template",
        )
    return chosen


def _fill(new: Path, framing: Framing, template: Template, *, table: Any, target: str | None) -> None:
    """Write every file of the project into the folder `new`."""
    shutil.copytree(template.folder, new, ignore=_IGNORED, dirs_exist_ok=True)
    for name, source in CARRIED.items():
        if source.is_dir():
            shutil.copytree(source, new / name, ignore=_IGNORED)
        else:
            (new / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(source, new / name)
    table_name, target_name = None, None
    if table is not None:
        table_name = _copy_table(table, new)
        frame = tables.read(new / table_name)
        seen = profiles.profile(frame, description=framing.description, target=target)
        target_name = seen.target
        columns.assign(frame, target=target_name, task=template.category)  # type: ignore[arg-type]
        config.write(template.folder / "config.yaml", new / "config.yaml", table=table_name, target=target_name)
    problem = {
        "schema": PROBLEM_SCHEMA,
        "description": framing.description,
        "category": framing.category,
        "subtask": framing.subtask,
        "table": table_name,
        "target": target_name,
        "card": plain(framing.card),
        "knowledge": framing.knowledge,
    }
    (new / "problem.json").write_text(json.dumps(problem, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    (new / "README.md").write_text(_readme(framing, template), encoding="utf-8")


def _copy_table(table: Any, new: Path) -> str:
    """Copy a file as it is, or write a data frame as Parquet; return its path within the project."""
    data = new / "data"
    data.mkdir()
    if isinstance(table, str | os.PathLike):
        source = Path(table)
        tables.read(source)  # refuse before copying, with the name that the user knows
        name = "table" + source.suffix.lower()
        shutil.copyfile(source, data / name)
    else:
        name = "table.parquet"
        profiles.read(table).write_parquet(data / name)
    return f"data/{name}"


def _readme(framing: Framing, template: Template) -> str:
    return f"""{framing.to_markdown()}
## This project

It began as the template `{template.id}`. All settings stand in `config.yaml`, the problem and its card in
`problem.json`.

    python -m pip install -r requirements.txt
    python train.py            # trains; shows the dummy, the scikit-learn peer and our baseline on the same split
    python evaluate.py         # scores the saved weights on the test rows again
    python predict.py NEW.csv  # scores new rows
    python -m pytest tests     # checks the data, the training and the saved files

What a run leaves stands in `output/`: metrics.json, predictions.csv, plots, the weights (safetensors) and the
preprocessing (JSON). `models/kit` and `tensor_core` are carried along, so that only what requirements.txt names needs
to be installed.
"""
