"""YAML files -> checked records, every mistake as `file:line: what; what to do`.

Development time only: a running program loads the compiled index (knowledge.py) and never comes here.
"""

import difflib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

import pydantic
import yaml

from taxonomy.advice import Crosswalk, Gate, Landmark, Pipeline, Reframe
from taxonomy.phrases import Lexicon, PhraseError, rows
from taxonomy.schema import (
    Case,
    Category,
    Fact,
    Minimum,
    Negation,
    Pitfall,
    Question,
    Rule,
    Scope,
    Strength,
    Vague,
)

ROOT = Path(__file__).parent
T = TypeVar("T")


class KnowledgeError(ValueError):
    """Mistakes in the knowledge base, one a line, each as `file:line: what; what to do`."""


class Folder(NamedTuple):
    """One category's files, checked."""

    category: Category
    rules: tuple[Rule, ...]
    questions: tuple[Question, ...]
    pitfalls: tuple[Pitfall, ...]
    cases: tuple[Case, ...]


class Sources(NamedTuple):
    """The whole knowledge base, checked: the folders by category id, and what they share."""

    folders: dict[str, Folder]
    lexicon: dict[str, tuple[str, ...]]
    negation: Negation
    questions: tuple[Question, ...]
    pitfalls: tuple[Pitfall, ...]
    facts: tuple[Fact, ...]
    table_questions: tuple[Question, ...]
    minimums: tuple[Minimum, ...]
    reframes: tuple[Reframe, ...]
    gates: tuple[Gate, ...]
    pipelines: tuple[Pipeline, ...]
    landmarks: tuple[Landmark, ...]
    crosswalk: dict[str, Crosswalk]  # category/subtask -> what it is called elsewhere
    slots: dict[str, str]  # what every framing must settle: slot -> question
    vague: tuple[Vague, ...]  # texts that say too little
    weights: dict[str, dict[str, float]]  # generated: what was fitted to the cases, see advisor.train


class _File(NamedTuple):
    """A YAML file as plain data, and the line on which each part of it begins."""

    name: str
    data: Any
    lines: dict[tuple[str | int, ...], int]

    def at(self, *path: str | int) -> str:
        """`file:line` of the innermost part of `path` that the file has."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.name}:{self.lines.get(path, 1)}"


def files(root: Path = ROOT) -> list[Path]:
    """Every YAML file of the knowledge base, in a fixed order."""
    return sorted([*root.glob("*.yaml"), *root.glob("*/*.yaml")])


def read(root: Path = ROOT, *, cases: bool = True) -> Sources:
    """The knowledge base under `root`, checked.

    Args:
        root: the folder that holds the categories' folders.
        cases: whether the worked cases are read; a program that frames texts needs none.

    Raises:
        KnowledgeError: every mistake found, one a line.
    """
    mistakes: list[str] = []
    name = root.name
    lexicon = _checked(_read(root / "lexicon.yaml", name, mistakes), dict[str, tuple[str, ...]], mistakes) or {}
    negation = _checked(_read(root / "negation.yaml", name, mistakes), Negation, mistakes)
    shared_questions = _records(root / "questions.yaml", name, Question, mistakes)
    shared_pitfalls = _records(root / "pitfalls.yaml", name, Pitfall, mistakes)
    vague = _records(root / "vague.yaml", name, Vague, mistakes) if cases else []
    facts = _records(root / "facts.yaml", name, Fact, mistakes)
    table_questions = _records(root / "table_questions.yaml", name, Question, mistakes)
    minimums = _records(root / "minimums.yaml", name, Minimum, mistakes)
    reframes = _records(root / "reframes.yaml", name, Reframe, mistakes)
    gates = _records(root / "gates.yaml", name, Gate, mistakes)
    pipelines = _records(root / "pipelines.yaml", name, Pipeline, mistakes)
    landmarks = _records(root / "landmarks.yaml", name, Landmark, mistakes)
    slots = _checked(_read(root / "slots.yaml", name, mistakes), dict[str, str], mistakes) or {}
    crosswalk_file = _read(root / "crosswalk.yaml", name, mistakes)
    crosswalk = _checked(crosswalk_file, dict[str, Crosswalk], mistakes) or {}
    vocabularies = (
        _checked(_read(root / "vocabularies.yaml", name, mistakes), dict[str, tuple[str, ...]], mistakes) or {}
    )
    folders: dict[str, Folder] = {}
    categories: dict[str, _File] = {}
    records: list[tuple[str, Any]] = [
        *shared_questions,
        *shared_pitfalls,
        *reframes,
        *gates,
        *pipelines,
        *landmarks,
        *facts,
        *table_questions,
        *minimums,
    ]
    for path in sorted(root.glob("*/category.yaml")):
        folder = path.parent
        category_file = _read(path, name, mistakes)
        category = _checked(category_file, Category, mistakes)
        rules = _records(folder / "rules.yaml", name, Rule, mistakes)
        questions = _records(folder / "questions.yaml", name, Question, mistakes)
        pitfalls = _records(folder / "pitfalls.yaml", name, Pitfall, mistakes)
        worked = _records(folder / "cases.yaml", name, Case, mistakes) if cases else []
        records += [*rules, *questions, *pitfalls, *worked]
        if category is not None:
            if category.default_subtask not in category.subtasks:
                wrong = _no_such("subtask", category.default_subtask, category.subtasks)
                mistakes.append(f"{category_file.at('default_subtask')}: {wrong}")
            for slot in category.slots:
                if slot not in slots:
                    mistakes.append(f"{category_file.at('slots', slot)}: {_no_such('slot', slot, slots)}")
            categories[folder.name] = category_file
            folders[folder.name] = Folder(category, _bare(rules), _bare(questions), _bare(pitfalls), _bare(worked))
    for category_id, file in categories.items():
        for other in folders[category_id].category.neighbours:
            if other not in folders or other == category_id:
                mistakes.append(f"{file.at('neighbours', other)}: {_no_such('other category', other, folders)}")
    mistakes += _cross_checks(records, folders, lexicon)
    mistakes += _crosswalk_mistakes(crosswalk_file, crosswalk, folders, vocabularies)
    if mistakes or negation is None:
        raise KnowledgeError("\n".join(mistakes))
    return Sources(
        folders,
        lexicon,
        negation,
        _bare(shared_questions),
        _bare(shared_pitfalls),
        _bare(facts),
        _bare(table_questions),
        _bare(minimums),
        _bare(reframes),
        _bare(gates),
        _bare(pipelines),
        _bare(landmarks),
        crosswalk,
        slots,
        _bare(vague),
        _weights(root / "weights.json"),
    )


def _weights(path: Path) -> dict[str, dict[str, float]]:
    """What was fitted to the cases; nothing before the first fit."""
    found: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def _bare(records: Sequence[tuple[str, T]]) -> tuple[T, ...]:
    """The records without their `file:line`."""
    return tuple(record for _, record in records)


def _read(path: Path, root: str, mistakes: list[str]) -> _File:
    name = f"{root}/{path.parent.name}/{path.name}" if path.parent.name != root else f"{root}/{path.name}"
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except FileNotFoundError:
        mistakes.append(
            f"{name}:1: the file is missing; every folder has category, rules, questions, pitfalls and cases"
        )
        return _File(name, None, {})
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        mistakes.append(f"{name}:{line}: not YAML: {error.problem}; quote texts that hold : or #")
        return _File(name, None, {})
    lines: dict[tuple[str | int, ...], int] = {}
    return _File(name, _plain(node, (), lines, name, mistakes), lines)


def _plain(
    node: Any, path: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int], name: str, mistakes: list[str]
) -> Any:
    """A YAML node as dicts, lists and strings. Every scalar stays text, so that `no` is a word and not False."""
    lines[path] = node.start_mark.line + 1 if node is not None else 1
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            if key.value in found:
                mistakes.append(f"{name}:{key.start_mark.line + 1}: {key.value!r} stands here twice; keep one")
            found[key.value] = _plain(value, (*path, key.value), lines, name, mistakes)
            lines[(*path, key.value)] = key.start_mark.line + 1
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, i), lines, name, mistakes) for i, item in enumerate(node.value)]
    return None if node is None else node.value


def _checked(file: _File, kind: type[T], mistakes: list[str]) -> T | None:
    if file.data is None and not file.lines:
        return None
    return _check(file, (), file.data, kind, mistakes)


def _check(file: _File, path: tuple[str | int, ...], data: Any, kind: type[T], mistakes: list[str]) -> T | None:
    try:
        return pydantic.TypeAdapter(kind).validate_python(data)
    except pydantic.ValidationError as error:
        for one in error.errors():
            mistakes.append(f"{file.at(*path, *one['loc'])}: {_in_words(one, kind)}")
        return None


def _in_words(error: Any, kind: Any) -> str:
    """One finding of pydantic as a sentence that says what to do."""
    what = str(error["loc"][-1]) if error["loc"] else "the file"
    if error["type"] == "extra_forbidden":
        return _no_such("field", what, _fields(kind, error["loc"][:-1]))
    if error["type"] in ("missing", "missing_argument"):
        return f"the field {what!r} is missing"
    if error["type"] == "literal_error":
        of_scope = what == "scope"
        return _no_such(
            "scope" if of_scope else "strength", str(error["input"]), get_args(Scope if of_scope else Strength)
        )
    return f"{what}: {error['msg'].lower()}"


def _fields(kind: Any, path: Sequence[str | int]) -> list[str]:
    """The names that the record at `path` inside `kind` may have."""
    for step in path:
        if hasattr(kind, "_fields"):
            kind = kind.__annotations__.get(str(step), kind)
        elif get_args(kind):
            kind = get_args(kind)[-1]
    if get_args(kind) and not hasattr(kind, "_fields"):
        kind = get_args(kind)[-1]
    return list(getattr(kind, "_fields", ()))


def _no_such(what: str, name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"{name}: there is no such {what}; " + (
        f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(known))}"
    )


def _records(path: Path, root: str, kind: type[T], mistakes: list[str]) -> list[tuple[str, T]]:
    """The records of a list file, each with its `file:line`; wrong ones are reported and left out."""
    file = _read(path, root, mistakes)
    if file.data is None:
        return []
    if not isinstance(file.data, list):
        mistakes.append(f"{file.at()}: the file must be a list of records, each beginning with '- '")
        return []
    checked = ((i, _check(file, (i,), data, kind, mistakes)) for i, data in enumerate(file.data))
    return [(file.at(i), record) for i, record in checked if record is not None]


def _cross_checks(records: Sequence[tuple[str, Any]], folders: Mapping[str, Folder], lexicon: Lexicon) -> Iterator[str]:
    """What one record alone cannot show: names that must exist elsewhere, unique ids, phrases that parse."""
    subtasks = _subtasks(folders)
    seen: dict[tuple[str, str], str] = {}
    for at, record in records:
        key = (type(record).__name__.lower(), record.text if isinstance(record, Case) else record.id)
        if key in seen:
            yield f"{at}: the {key[0]} {key[1][:60]!r} stands already at {seen[key]}; ids and texts are unique"
        seen.setdefault(key, at)
        phrases = (*getattr(record, "when", ()), *getattr(record, "unless", ()))
        for phrase in phrases:
            try:
                rows(phrase, lexicon)
            except PhraseError as error:
                yield f"{at}: {error}"
        pointing = [record, *record.answers.values()] if isinstance(record, Question) else [record]
        for one in pointing:
            for category in (
                *getattr(one, "points_to", ()),
                *getattr(one, "accept", ()),
                *getattr(one, "categories", ()),
            ):
                if category not in folders:
                    yield f"{at}: {_no_such('category', category, folders)}"
            if not isinstance(one, Case | Landmark):
                for name in getattr(one, "subtasks", ()):
                    if name not in subtasks:
                        yield f"{at}: {_no_such('subtask', name, subtasks)}"
        if isinstance(record, Reframe | Gate | Pipeline):
            yield from (f"{at}: {mistake}" for mistake in _advice_mistakes(record, folders, subtasks))
        if isinstance(record, Landmark) and f"{record.category}/{record.subtask}" not in subtasks:
            yield f"{at}: {_no_such('subtask', f'{record.category}/{record.subtask}', subtasks)}"
        if isinstance(record, Rule):
            yield from (f"{at}: {mistake}" for mistake in _rule_mistakes(record))
        if isinstance(record, Question) and record.default not in record.answers:
            yield f"{at}: {_no_such('answer', record.default, record.answers)}"
        if isinstance(record, Pitfall):
            for name in record.always:
                if name not in subtasks and name not in folders:
                    yield f"{at}: {_no_such('category or subtask', name, [*folders, *subtasks])}"
        if isinstance(record, Case):
            category = at.split("/")[-2]
            if f"{category}/{record.subtask}" not in subtasks:
                known = folders[category].category.subtasks if category in folders else ()
                yield f"{at}: {_no_such('subtask', record.subtask, known)}"


def _rule_mistakes(rule: Rule) -> Iterator[str]:
    if not rule.points_to and not rule.subtasks:
        yield f"{rule.id} points to nothing; give points_to or subtasks"
    if "{quote}" not in rule.because:
        yield f"{rule.id}: because must quote the user; write “{{quote}}” where the words go"
    if len(rule.matches) < 2 or not rule.ignores:
        yield f"{rule.id} needs at least two matches and one ignores; write sentences that a user could write"
    if not rule.when:
        yield f"{rule.id}: when is empty; write at least one phrase"


def _subtasks(folders: Mapping[str, Folder]) -> set[str]:
    return {f"{category}/{name}" for category, folder in folders.items() for name in folder.category.subtasks}


def _advice_mistakes(
    record: Reframe | Gate | Pipeline, folders: Mapping[str, Folder], subtasks: Collection[str]
) -> Iterator[str]:
    """What is wrong with a reframe, a gate or a pipeline, beyond its fields."""
    if not record.when or not record.matches or not record.ignores:
        yield f"{record.id} needs at least one phrase, one match and one ignore; write what a user could write"
    if isinstance(record, Pipeline):
        tasks = [step.task for step in record.steps]
        yield from (_no_such("subtask", task, subtasks) for task in tasks if task not in subtasks)
        if len(tasks) < 2:
            yield f"{record.id} has fewer than two steps; a single task is no pipeline"
        if tasks.count(record.primary) != 1:
            yield f"{record.id}: primary must be the task of exactly one step, of {', '.join(tasks)}"
        return
    named = (record.instead_of, record.to) if isinstance(record, Reframe) else (record.leads_to,)
    for name in named:
        if name and name not in folders and name not in subtasks:
            yield _no_such("category or subtask", name, [*folders, *subtasks])
    if isinstance(record, Reframe) and record.instead_of == record.to:
        yield f"{record.id} leads from {record.to} to itself; name two different tasks"


def _crosswalk_mistakes(
    file: _File,
    crosswalk: Mapping[str, Crosswalk],
    folders: Mapping[str, Folder],
    vocabularies: Mapping[str, Sequence[str]],
) -> Iterator[str]:
    """Names that the other vocabulary does not have, and sub-tasks that are missing or do not exist."""
    subtasks = _subtasks(folders)
    for name in sorted(subtasks - crosswalk.keys()):
        yield f"{file.at()}: {name} is missing; write what it is called elsewhere, or {{}} if nothing"
    for name, entry in crosswalk.items():
        if name not in subtasks:
            yield f"{file.at(name)}: {_no_such('subtask', name, subtasks)}"
        spoken = {**entry._asdict(), "openml": (entry.openml,) if entry.openml else ()}
        for field, words in spoken.items():
            vocabulary = "croissant" if field in ("inputs", "outputs") else field
            known = vocabularies.get(vocabulary, ())
            for word in words:
                if word not in known:
                    yield f"{file.at(name, field)}: {_no_such(f'name in {vocabulary}', word, known)}"
