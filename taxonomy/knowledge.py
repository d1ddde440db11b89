"""What a running program knows: the compiled index, loaded once.

`python -m taxonomy compile` writes taxonomy/index.json from the YAML and the fitted weights; building the package does
the same. In a checkout, where the YAML stands beside it, an index older than a YAML file is made again on the spot. A
wheel holds the index alone. The index is JSON, laid out so that nothing is read before it is asked for (packing.py).
"""

import mmap
import os
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from taxonomy.matching import CANCELLED_BY, CONDITION, COURTESIES, ENDS, NEGATORS, Matcher
from taxonomy.packing import Layout, lay_out
from taxonomy.schema import Answer, Category, Fact, Minimum, Pitfall, Question, Rule, Subtask

if TYPE_CHECKING:
    from taxonomy.advice import Advice, Crosswalk, Gate, Landmark, Pipeline, Reframe
    from taxonomy.sources import Sources

SCHEMA = 5
FOLDER = os.path.dirname(os.path.abspath(__file__))  # os.path: pathlib costs a cold start 4 ms
INDEX = os.path.join(FOLDER, "index.json")

_SOURCES = (".yaml", ".py", ".json")
WHEN, UNLESS, PITFALL = "when:", CONDITION, "pitfall:"  # prefixes of the owners of phrases
REFRAME, GATE, PIPELINE = "reframe:", "gate:", "pipeline:"


T = TypeVar("T")


class Records(Mapping[str, T]):
    """A group of the index by name, in the order of the sources; each record is decoded when it is first asked for."""

    def __init__(self, index: Layout, group: str, decode: Callable[[Any], T]) -> None:
        self._index = index
        self._group = group
        self._decode = decode
        self._decoded: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._decoded:
            self._decoded[name] = self._decode(self._index.value(self._group, name))
        return self._decoded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._index.names(self._group))

    def __len__(self) -> int:
        return len(self._index.names(self._group))


class Knowledge(NamedTuple):
    """Everything that is known, checked and compiled."""

    hash: str  # of the sources; two programs with the same hash answer alike
    matcher: Matcher
    categories: Records[Category]
    rules: Records[Rule]
    questions: Records[Question]
    pitfalls: Records[Pitfall]
    reframes: Records["Reframe"]
    gates: Records["Gate"]
    pipelines: Records["Pipeline"]
    landmarks: Records["Landmark"]
    crosswalk: Records["Crosswalk"]  # category/subtask -> what it is called elsewhere
    asked: Records[list[str]]  # category -> questions that tell it from its neighbours; "" -> that tell all apart
    facts: Records[Fact]
    table_questions: Records[Question]  # asked about columns: {columns} in their texts stands for names
    minimums: Records[Minimum]
    always: Records[list[str]]  # category or category/subtask -> pitfalls that are always worth saying there
    weights: Records[dict[str, float]]  # rule -> category or category/subtask -> log-odds; fitted, see weights.json


def compile_index(sources: "Sources") -> dict[str, Any]:
    """All of `sources` as one index, plain data that JSON can hold; equal sources give equal bytes."""
    import hashlib

    from taxonomy.automaton import compile_phrases

    rules = {rule.id: rule for folder in sources.folders.values() for rule in folder.rules}
    questions = (
        *sources.questions,
        *(question for folder in sources.folders.values() for question in folder.questions),
    )
    pitfalls = [
        pitfall if pitfall.categories else pitfall._replace(categories=tuple(sources.folders))
        for pitfall in sources.pitfalls
    ]
    for category, folder in sources.folders.items():
        pitfalls += [pitfall._replace(categories=pitfall.categories or (category,)) for pitfall in folder.pitfalls]
    owners = {
        NEGATORS: sources.negation.negators,
        CANCELLED_BY: sources.negation.cancelled_by,
        ENDS: sources.negation.ends,
        COURTESIES: sources.negation.courtesies,
        **{WHEN + rule.id: rule.when for rule in rules.values()},
        **{UNLESS + rule.id: rule.unless for rule in rules.values() if rule.unless},
        **{PITFALL + pitfall.id: pitfall.when for pitfall in pitfalls if pitfall.when},
    }
    advice: dict[str, Advice] = {
        **{REFRAME + reframe.id: reframe for reframe in sources.reframes},
        **{GATE + gate.id: gate for gate in sources.gates},
        **{PIPELINE + pipeline.id: pipeline for pipeline in sources.pipelines},
    }
    owners |= {owner: record.when for owner, record in advice.items()}
    owners |= {UNLESS + owner: record.unless for owner, record in advice.items() if record.unless}
    always: dict[str, list[str]] = {}
    for pitfall in pitfalls:
        for name in pitfall.always:
            always.setdefault(name, []).append(pitfall.id)
    index = {
        "schema": SCHEMA,
        "categories": {
            name: _fields(_with_every_slot(folder.category, sources.slots)) for name, folder in sources.folders.items()
        },
        "rules": {name: _fields(_without_examples(rule)) for name, rule in rules.items()},
        "questions": {question.id: _fields(question) for question in questions},
        "pitfalls": {pitfall.id: _fields(pitfall) for pitfall in pitfalls},
        "reframes": {record.id: _fields(_without_examples(record)) for record in sources.reframes},
        "gates": {record.id: _fields(_without_examples(record)) for record in sources.gates},
        "pipelines": {record.id: _fields(_without_examples(record)) for record in sources.pipelines},
        "landmarks": {landmark.id: _fields(landmark) for landmark in sources.landmarks},
        "crosswalk": {name: _fields(entry) for name, entry in sources.crosswalk.items()},
        "asked": {
            "": [question.id for question in sources.questions],
            **{name: [question.id for question in folder.questions] for name, folder in sources.folders.items()},
        },
        "facts": {fact.id: _fields(fact) for fact in sources.facts},
        "table_questions": {question.id: _fields(question) for question in sources.table_questions},
        "minimums": {minimum.id: _fields(minimum) for minimum in sources.minimums},
        "always": always,
        "weights": sources.weights,
        "phrases": compile_phrases(owners, sources.lexicon),
    }
    digest = hashlib.sha256(lay_out(index)).hexdigest()
    return {"hash": digest[:16], **index}


def _without_examples(record: "Rule | Advice") -> "Rule | Advice":
    """What a running program needs of a record: its phrases are compiled, and its examples are tests."""
    if isinstance(record, Rule):
        return record._replace(when=(), unless=(), matches=(), ignores=(), known_misses=())
    return record._replace(when=(), unless=(), matches=(), ignores=())


def _with_every_slot(category: Category, slots: Mapping[str, str]) -> Category:
    """The category's own questions first, then the general ones for what it leaves open."""
    return category._replace(
        slots={**category.slots, **{s: text for s, text in slots.items() if s not in category.slots}}
    )


def _fields(record: Any) -> Any:
    """A record as nested dicts, so that the index can be read by its names."""
    if hasattr(record, "_asdict"):
        return {name: _fields(value) for name, value in record._asdict().items()}
    if isinstance(record, dict):
        return {name: _fields(value) for name, value in record.items()}
    return [_fields(value) for value in record] if isinstance(record, tuple) else record


def write_index() -> dict[str, Any]:
    """Compile the YAML beside this file, write index.json, and return what it holds.

    Raises:
        KnowledgeError: the YAML has mistakes; nothing is written.
    """
    import contextlib
    import tempfile

    from taxonomy.sources import read

    index = compile_index(read(cases=False))
    with contextlib.suppress(OSError):  # a read-only checkout works from memory
        with tempfile.NamedTemporaryFile(dir=FOLDER, suffix=".tmp", delete=False) as file:
            file.write(lay_out(index))
        os.chmod(file.name, 0o644)
        os.replace(file.name, INDEX)
    return index


def _is_stale() -> bool:
    """Whether a source is newer than the index, be it knowledge or the code that compiles it.

    Where there is no YAML, as in a wheel, the index stands.
    """
    try:
        made = os.stat(INDEX).st_mtime_ns
    except FileNotFoundError:
        return True
    if not os.path.exists(os.path.join(FOLDER, "lexicon.yaml")):
        return False
    with os.scandir(FOLDER) as entries:
        folders = [entry.path for entry in entries if entry.is_dir() and not entry.name.startswith("_")]
    for folder in (FOLDER, *folders):
        with os.scandir(folder) as entries:
            if any(entry.name.endswith(_SOURCES) and entry.stat().st_mtime_ns > made for entry in entries):
                return True
    return False


@lru_cache(maxsize=1)
def load() -> Knowledge:
    """The knowledge base, from its index.

    >>> sorted(load().categories)[:3]
    ['classification', 'no_ml', 'other']

    Raises:
        KnowledgeError: in a checkout, the YAML has mistakes.
    """
    if _is_stale():
        return from_index(write_index())
    with open(INDEX, "rb") as file:
        return from_bytes(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def from_index(index: dict[str, Any]) -> Knowledge:
    """The knowledge that a compiled index holds."""
    return from_bytes(lay_out(index))


def from_bytes(data: bytes | mmap.mmap) -> Knowledge:
    """The knowledge that an index holds as `packing.lay_out` wrote it."""
    index = Layout(data)
    return Knowledge(
        hash=index.header["hash"],
        matcher=Matcher(Records(index, "phrases", lambda table: table)),
        categories=Records(index, "categories", _category),
        rules=Records(index, "rules", lambda fields: Rule(**fields)),
        questions=Records(index, "questions", _question),
        pitfalls=Records(index, "pitfalls", lambda fields: Pitfall(**fields)),
        reframes=Records(index, "reframes", _reframe),
        gates=Records(index, "gates", _gate),
        pipelines=Records(index, "pipelines", _pipeline),
        landmarks=Records(index, "landmarks", _landmark),
        crosswalk=Records(index, "crosswalk", _crosswalk),
        asked=Records(index, "asked", list),
        facts=Records(index, "facts", lambda fields: Fact(**fields)),
        table_questions=Records(index, "table_questions", _question),
        minimums=Records(index, "minimums", lambda fields: Minimum(**fields)),
        always=Records(index, "always", list),
        weights=Records(index, "weights", dict),
    )


def _category(fields: dict[str, Any]) -> Category:
    return Category(
        **{**fields, "subtasks": {name: Subtask(**subtask) for name, subtask in fields["subtasks"].items()}}
    )


def _question(fields: dict[str, Any]) -> Question:
    return Question(**{**fields, "answers": {name: Answer(**answer) for name, answer in fields["answers"].items()}})


def _reframe(fields: dict[str, Any]) -> "Reframe":
    from taxonomy.advice import Reframe

    return Reframe(**fields)


def _gate(fields: dict[str, Any]) -> "Gate":
    from taxonomy.advice import Gate

    return Gate(**fields)


def _pipeline(fields: dict[str, Any]) -> "Pipeline":
    from taxonomy.advice import Pipeline, Step

    return Pipeline(**{**fields, "steps": tuple(Step(**step) for step in fields["steps"])})


def _landmark(fields: dict[str, Any]) -> "Landmark":
    from taxonomy.advice import Landmark

    return Landmark(**fields)


def _crosswalk(fields: dict[str, Any]) -> "Crosswalk":
    from taxonomy.advice import Crosswalk

    return Crosswalk(**fields)
