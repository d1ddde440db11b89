"""A framing -> a starter project: files copied byte for byte, and the user's words as data.

Only problem.json, config.yaml and README.md hold what is the user's; no Python source does. The project carries the
parts of this package that it runs on (models/kit and tensor_core), so it runs where the advisor is not installed. It
is written beside its place and renamed into it, so a failure leaves nothing behind.
"""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from advisor import profiling as profiles
from advisor import settings
from advisor import table as user_tables
from advisor import target as targets
from advisor.errors import InputRefused, UsageError
from advisor.framing import Framing, plain
from advisor.target import Target
from models import catalog, loading
from models.catalog import Template
from models.kit import config, dataset, files, report, tables
from models.kit.errors import Refused, count, listed

ROOT = Path(catalog.__file__).parent
CARRIED = {
    **{name: ROOT / "project" / name for name in ("requirements.txt", "pyproject.toml", "Makefile", "Dockerfile")},
    ".dockerignore": ROOT / "project/dockerignore",
    ".gitignore": ROOT / "project/gitignore",
    ".github/workflows/tests.yml": ROOT / "project/github/ci.yml",
    "models/__init__.py": ROOT / "__init__.py",
    "models/kit": ROOT / "kit",
    "tensor_core": ROOT.parent / "tensor_core",
}
PROBLEM_SCHEMA = 1
CARD, SAMPLE_CARD = "DATA_CARD.md", "SAMPLE_CARD.md"  # of the table that is learned from, and of a template's own
NO_ML = "no_ml"
MOST_NAMED = 5  # columns in one sentence of the README
NOT_COPIED = ("__pycache__", "template.yaml", "output")  # nor what begins with a dot


def write(framing: Framing, directory: str | Path, *, table: Any, target: Target | None, template: str | None) -> Path:
    """Write the starter project of a framing; see `Framing.start`."""
    place = Path(directory)
    if place.exists() and not (place.is_dir() and not any(place.iterdir())):
        raise InputRefused(f"{place} exists already; name a folder that does not", code="folder_taken")
    named = targets.names(target)
    if named and table is None:
        raise UsageError("a target column was named, but no table was given; name the table as well")
    try:
        chosen = _template(framing, template)
        near = next(parent for parent in place.absolute().parents if parent.exists())
        new = files.beside(near / place.name)
        try:
            new.mkdir()
            _fill(new, framing, chosen, table=table, target=named)
            if place.exists():
                place.rmdir()  # empty, as was checked above
            place.absolute().parent.mkdir(parents=True, exist_ok=True)
            new.rename(place.absolute())
        except BaseException:
            files.discard(new)
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


def _fill(new: Path, framing: Framing, template: Template, *, table: Any, target: tuple[str, ...]) -> None:
    """Write every file of the project into the folder `new`."""
    for name, source in {"": template.folder, **CARRIED}.items():
        _copy(source, new / name)
    table_name, seen = None, None
    named = bool(target) or (framing.profile is not None and framing.profile.is_target_named)
    if table is not None:
        table_name = _copy_table(table, new)
        frame = tables.load(new / table_name, fewest_columns=1).frame
        kept = _kept(target, framing, frame.columns)
        seen = profiles.profile(frame, description=framing.description, target=kept)
        if not target and framing.profile is not None:  # it was made with all that the words say
            seen = seen._replace(contradictions=framing.profile.contradictions)
        pictures = Path(table).resolve().parent if isinstance(table, str | os.PathLike) else None
        seen = _settle(new, framing, template, frame, seen, table_name, named=named, pictures=pictures)
        framing = framing._replace(card=framing.card._replace(target=seen.target or framing.card.target), profile=seen)
    problem = {
        "schema": PROBLEM_SCHEMA,
        "description": framing.description,
        "category": framing.category,
        "subtask": framing.subtask,
        "table": table_name,
        "target": plain(seen.target) if seen else None,
        "card": plain(framing.card),
        "knowledge": framing.knowledge,
    }
    (new / "problem.json").write_text(json.dumps(problem, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    with loading.task(template.folder) as task:
        given = config.read(new / "config.yaml", task.settings)
    readme = _readme(framing, template, seen, named=named, given=given)
    (new / "README.md").write_text(readme, encoding="utf-8")
    if table_name is not None and seen is not None:
        _describe(new / "data", new / table_name, seen)


def _write_rule(new: Path, framing: Framing, frame: Any, target: str) -> dict[str, Any]:
    """Write the rule that gives the target in this table, and return the settings that go with it."""
    from advisor.proof import prove
    from models.kit import rules

    proof = framing.proof
    if proof is None or proof.rule.target.name != target:
        proof = prove(frame, target)
    if proof is None:
        raise Refused(f"no rule that is looked for gives {target!r} in this table; name another template or target")
    rules.save(proof.rule, new / "rule.json")
    return {"most_exceptions": proof.exceptions + proof.unanswered}


def _settle(
    new: Path,
    framing: Framing,
    template: Template,
    frame: Any,
    seen: profiles.Profile,
    table: str,
    *,
    named: bool,
    pictures: Path | None,
) -> profiles.Profile:
    """Write config.yaml for the table, see that the template can read and split it, and return the profile with the
    targets that stand there.

    The pictures of a table stay where they are; their paths begin in the folder `pictures`.
    """
    asked = config.optional(template.folder / "config.yaml")
    role = settings.single(asked)
    if len(seen.target_columns) > 1 and (role == "target" or (role is not None and named)):
        together = settings.learns_together(seen)
        raise Refused(
            f"the template {template.id} learns one column (`{role}`), and the target is "
            f"{listed(seen.target_columns)}; name one of them{f', or the template {together}' if together else ''}"
        )
    if "target" in asked and seen.target is None:
        raise Refused("a starter learns one column, and none was found that says what to predict; name the target")
    source, place = template.folder / "config.yaml", new / "config.yaml"
    if template.category == NO_ML:
        changes = _write_rule(new, framing, frame, str(seen.target))
        config.write(source, place, table=table, target=seen.target, **changes)
        return seen
    chosen = settings.choose(source, framing, seen)
    if pictures is not None and chosen.settings.get("image") is not None:
        chosen.settings["image_folder"] = str(pictures)
    config.write(source, place, table=table, **chosen.settings)
    try:
        _try(template, new)
    except Refused as error:
        kept = {name: None if name in chosen.droppable else column for name, column in chosen.settings.items()}
        config.write(source, place, table=table, **kept)
        hint = "" if named else f" (no target was named, and {seen.target!r} seemed the likeliest)"
        try:
            _try(template, new)
        except Refused:
            raise Refused(f"{str(error).replace(str(new) + '/', '')}{hint}") from None
    learned = tuple(chosen.settings.get("targets") or seen.target_columns)
    if learned == seen.target_columns:
        return seen
    target = learned[0] if len(learned) == 1 else learned
    return seen._replace(target=target, leaking=tuple(name for name in seen.leaking if name not in learned))


def _try(template: Template, new: Path) -> None:
    """Raise `Refused` where the template cannot read the table that its settings name, or cannot split it."""
    with loading.task(template.folder) as task:
        found = config.read(new / "config.yaml", task.settings)
        task.split(task.read(found, new, None), found)


def _kept(target: tuple[str, ...], framing: Framing, columns_there: list[str]) -> tuple[str, ...] | None:
    """The target that was named: here, or when the framing was made with this table; None where it is looked for.

    One column that was found for the framing is kept, too; of several, which go together depends on the template.
    """
    if target or framing.profile is None:
        return target or None
    seen = framing.profile.target_columns
    is_kept = len(seen) == 1 or framing.profile.is_target_named
    return seen if is_kept and set(seen) <= set(columns_there) else None


def _copy(source: Path, destination: Path) -> None:
    """Copy a file or a folder into new files, which their owner may change even where the installation is read-only."""
    if source.is_file():
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, destination)
        return
    for each in source.iterdir():
        if each.name not in NOT_COPIED and not each.name.startswith("."):
            _copy(each, destination / each.name)


def _copy_table(table: Any, new: Path) -> str:
    """Copy a file as it is, or write a data frame as Parquet; return its path within the project."""
    data = new / "data"
    data.mkdir(exist_ok=True)  # the template's own sample may lie there
    if isinstance(table, str | os.PathLike):
        source = Path(table)
        tables.load(source, fewest_columns=1)  # refuse before copying, with the name that the user knows
        name = "table" + source.suffix.lower()
        shutil.copyfile(source, data / name)
    else:
        name = "table.parquet"
        user_tables.read(table).write_parquet(data / name)
    return f"data/{name}"


def _describe(data: Path, table: Path, seen: profiles.Profile) -> None:
    """Write the card of the user's table; that of the template's own data goes where those lie here, or else away."""
    own = data / CARD
    if own.exists():
        beside = any(each not in (own, table) for each in data.iterdir())
        own.rename(data / SAMPLE_CARD) if beside else own.unlink()
    noticed = [*(each.because for each in seen.findings), *(each.so for each in seen.contradictions), *seen.notes]
    columns = "\n".join(f"| {report.markdown(each.name)} | {each.kind.replace('_', ' ')} |" for each in seen.columns)
    own.write_text(
        f"""# {table.name}

* Origin: fill in
* Licence: fill in
* SHA-256: `{dataset.sha256(table)}`
* Size: {count(seen.rows, "row")}, {count(len(seen.columns), "column")}

| column | read as |
|---|---|
{columns}

Noticed:

{chr(10).join(f"* {report.markdown(each)}" for each in noticed) or "* nothing"}
""",
        encoding="utf-8",
    )


def _readme(
    framing: Framing, template: Template, seen: profiles.Profile | None, *, named: bool, given: config.Project
) -> str:
    return f"""{framing.to_markdown()}
## This project

It began as the template `{template.id}`. All settings stand in `config.yaml`, the problem and its card in
`problem.json`.
{_about_the_table(seen, given, named=named) if seen else ""}
To run it, in this folder:

    python -m pip install -r requirements.txt
    python doctor.py           # checks packages, settings, data and what may leak, and says what to do
    python train.py            # trains; shows the dummy, the peer and our baseline on the same split
    python evaluate.py         # scores the saved model on the test again
    python predict.py NEW.csv  # scores new rows
    python serve.py            # answers over HTTP: POST /predict with rows as JSON
    python -m pytest tests     # checks the data, the training and the saved files

`make` knows the same words; the Dockerfile serves the trained model as a user without rights, and
`.github/workflows/tests.yml` runs the tests on every push.

What a run leaves stands in `output/`: metrics.json, predictions.csv, plots, the weights (safetensors), the
preprocessing (JSON), and model.onnx where `onnx` and `onnxruntime` are installed. `train.py` ends with 1 and says "use
the baseline" where the model does not beat it. Ctrl-C ends a training early and keeps the best so far.
`models/kit` and `tensor_core` are carried along, so that only what requirements.txt names needs to be installed.

{_expected(template, given.metric)}"""


def _expected(template: Template, metric: str) -> str:
    """What the template reaches on its own data, so that a user knows what a sound installation gives."""
    said = f"The peer is {template.peer}, the first metric {metric}.\n"
    own, found = template.runs[0], template.measured
    if found is None:
        return said
    seconds = "not measured" if found.seconds is None else f"{found.seconds:g}"
    limit = "" if own.seconds is None else f", where the template may take {own.seconds:g} on a free machine"
    peer = "not measured" if found.peer is None else f"{found.peer:g}"
    return f"""{said}
With its own data ({template.data}) the template gave, by {template.metric}:

| dummy | peer | ours | seconds of our training |
| --- | --- | --- | --- |
| {found.dummy:g} | {peer} | {found.ours:g} | {seconds} |

Measured once, with other work on the machine{limit}.
"""


def _about_the_table(seen: profiles.Profile, given: config.Project, *, named: bool) -> str:
    """What to check in config.yaml before the first training is believed, as a Markdown list."""
    others = [name for name in seen.target_candidates if name != seen.target]
    again = [column.name for column in seen.columns if column.name in seen.ids and column.distinct < seen.rows]
    lines = [
        f"The target is the column {_shown(seen.target_columns)}. If that is wrong, set `target` ({_shown(others)})."
    ]
    if hasattr(given, "mask"):
        lines = [
            "`mask` names the column of pictures that hold the class of each pixel, and `image` that of the pictures "
            "themselves."
        ]
    apart = "in `leave_out`" if hasattr(given, "leave_out") else "not in `texts`"
    if getattr(given, "targets", ()):
        lines = [_about_targets(seen, apart, named=named)]
    if seen.leaking:
        lines.append(
            f"{_shown(seen.leaking)}: by name or values, known only when the answer is. List in `leave_out` what is "
            "unknown when a prediction is needed; otherwise the scores are too good to be true."
        )
    if seen.time:
        lines.append(
            f"{_shown([seen.time])}: a time. If the model will be used on later rows, `time` should name it; "
            "if rows are exchangeable, null."
        )
    if again:
        lines.append(f"{_shown(again)}: an id that repeats. If rows of one id belong together, `group` should name it.")
    return "\nCheck these settings before you believe a score:\n\n" + "\n".join(f"- {line}" for line in lines) + "\n"


def _about_targets(seen: profiles.Profile, apart: str, *, named: bool) -> str:
    """Where the targets come from, and what to do if they are not the right ones; `apart` is where no input stands."""
    told = f"`targets` names the columns to predict, {_shown(seen.target_columns)}, "
    if named and seen.targets[0].name == seen.target:
        return (
            f"{told}as they were named. Whatever else is part of the answer belongs there, or {apart}: taken for "
            "an input, it makes the scores look too good."
        )
    others = [name for name in seen.target_candidates if name not in seen.target_columns]
    more = f" ({_shown(others)} are the likeliest of the others)" if others else ""
    return (
        f"{told}which were guessed. If one is missing or too many, correct it there, or begin again and name each: "
        '`--target a --target b` in the terminal, `target=["a", "b"]` in Python and JSON. An answer that is forgotten '
        f"is taken for an input, and the scores look too good{more}."
    )


def _shown(names: Iterable[str]) -> str:
    return report.markdown(listed(names, most=MOST_NAMED))
