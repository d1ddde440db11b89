"""A rule as plain data: columns in, one value out, interpreted here and never run as a program.

Context. A table may hold a rule that is always right (a price list, a limit, a check digit). Names of columns and cells
of tables are the user's and may hold anything.

Decision. A rule is JSON: nested lists, an operation of `rule_ops.OPS` first, its arguments after it. This module reads,
checks and runs it; there is no other way to run one.

Consequences. No text of the user ever becomes a program, and a rule is as safe to receive as a table. Python and SQL
of a rule (`rule_text`) are for reading and for use elsewhere.

Alternatives. Generating a Python module (injection; cannot be checked), an expression language with a parser (a second
syntax to learn), Polars expressions as JSON (their format changes with the version).
"""

import datetime as dt
import json
import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import polars as pl

from models.kit import cells, files
from models.kit.columns import check_kind
from models.kit.errors import Refused, did_you_mean
from models.kit.rule_ops import OPS, SCHEMES, Value

SCHEMA = 1
DEEPEST, MOST_STEPS = 40, 20_000
SAME = 1e-9  # relative to the larger number, and absolute below 1: what floats lose on the way

Kind = Literal["number", "text", "time"]
Expression = Any  # a literal, or a list: operation, arguments; JSON has no better type
Evaluate = Callable[[Mapping[str, Value]], Value]


class RuleError(Refused):
    """A rule cannot be used."""


class Input(NamedTuple):
    """A column, and how its cells are read: as numbers (`form` is the decimal mark), moments (a pattern), or text."""

    name: str
    kind: Kind
    form: str = ""


class Rule(NamedTuple):
    """What gives `target` from `inputs`."""

    target: Input
    inputs: tuple[Input, ...]
    expression: Expression


class Checked(NamedTuple):
    """How a rule does on a table: rows with a target, those where the rule gives a value, and where it is wrong."""

    rows: int
    answered: int
    exceptions: tuple[int, ...]  # places of rows, from 0, where the rule gives another value or none

    @property
    def right(self) -> int:
        """Rows for which the rule gives the value that stands there."""
        return self.rows - len(self.exceptions)


def evaluator(expression: Expression) -> Evaluate:
    """What computes the expression from a row; raises `RuleError` where it is none.

    >>> evaluator(["round", ["multiply", ["column", "net"], 1.19], 2])({"net": 10.0})
    11.9
    >>> evaluator(["lookup", [["column", "zone"]], [["a", 3.5], ["b", 4.0]], None])({"zone": "b"})
    4.0
    >>> evaluator(["system", "ls"])
    Traceback (most recent call last):
    models.kit.rules.RuleError: the rule has no operation 'system'; there are absolute, add, ceiling, …
    """
    steps = [0]

    def build(part: Expression, depth: int) -> Evaluate:
        steps[0] += 1
        if depth > DEEPEST or steps[0] > MOST_STEPS:
            raise RuleError(f"the rule is deeper than {DEEPEST} or longer than {MOST_STEPS} steps; simplify it")
        if not isinstance(part, list):
            literal = _literal(part)
            return lambda row: literal
        if not part or not isinstance(part[0], str):
            raise RuleError("a part of the rule is a list that does not begin with an operation")
        name, arguments = part[0], part[1:]
        if name == "column":
            return _column(arguments)
        if name == "lookup":
            return _lookup(arguments, lambda each: build(each, depth + 1))
        if name == "intervals":
            return _intervals(arguments, lambda each: build(each, depth + 1))
        if name not in OPS:
            hint = did_you_mean(name, OPS) or f"; there are {', '.join(sorted(OPS)[:3])}, …"
            raise RuleError(f"the rule has no operation {name!r}{hint}")
        op = OPS[name]
        if len(arguments) != len(op.kinds):
            raise RuleError(f"{name} takes {len(op.kinds)} arguments, not {len(arguments)}")
        for kind, each in zip(op.kinds, arguments, strict=True):
            if kind in "is" and not isinstance(each, int if kind == "i" else str):
                raise RuleError(f"{name} needs a written {'whole number' if kind == 'i' else 'text'}")
        if name == "check_sum" and arguments[1] not in SCHEMES:
            raise RuleError(f"there is no check sum {arguments[1]!r}{did_you_mean(arguments[1], SCHEMES)}")
        return _step(op.run, [build(each, depth + 1) for each in arguments], lenient=name == "if")

    return build(expression, 0)


def _literal(value: Any) -> Value:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float) and math.isfinite(value):
        return value
    raise RuleError(f"a rule cannot hold a {type(value).__name__}")


def _column(arguments: Sequence[Any]) -> Evaluate:
    if len(arguments) != 1 or not isinstance(arguments[0], str):
        raise RuleError("column takes the name of a column")
    name = arguments[0]
    return lambda row: row[name]


def _step(run: Callable[..., Any], parts: Sequence[Evaluate], *, lenient: bool) -> Evaluate:
    def compute(row: Mapping[str, Value]) -> Value:
        values = [part(row) for part in parts]
        if None in values[: 1 if lenient else None]:
            return None
        try:
            result = run(*values)
        except (ArithmeticError, ValueError, TypeError, AttributeError, IndexError):
            return None
        return None if isinstance(result, float | complex) and not _finite(result) else result

    return compute


def _finite(value: float | complex) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _lookup(arguments: Sequence[Any], build: Callable[[Expression], Evaluate]) -> Evaluate:
    if len(arguments) != 3 or not isinstance(arguments[0], list) or not isinstance(arguments[1], list):
        raise RuleError("lookup takes a list of keys, a list of rows, and what holds for any other key")
    keys, rows, other = [build(each) for each in arguments[0]], arguments[1], _literal(arguments[2])
    if not all(isinstance(row, list) and len(row) == len(keys) + 1 for row in rows):
        raise RuleError(f"each row of the lookup holds {len(keys)} keys and a value")
    table = {tuple(map(_literal, row[:-1])): _literal(row[-1]) for row in rows}
    if len(table) != len(rows):
        raise RuleError("a key stands twice in the lookup")
    if len(keys) == 1:
        (key,) = keys
        single = {each[0]: value for each, value in table.items()}
        return lambda row: single.get(key(row), other)
    return lambda row: table.get(tuple(key(row) for key in keys), other)


def _intervals(arguments: Sequence[Any], build: Callable[[Expression], Evaluate]) -> Evaluate:
    if len(arguments) != 3 or not isinstance(arguments[1], list) or not isinstance(arguments[2], list):
        raise RuleError("intervals takes a number, a list of limits, and a list of values")
    number, limits, values = build(arguments[0]), arguments[1], [_literal(each) for each in arguments[2]]
    if len(values) != len(limits) + 1 or not all(isinstance(each, int | float) for each in limits):
        raise RuleError("intervals needs numbers as limits, and one value more than limits")
    if any(low >= high for low, high in pairwise(limits)):
        raise RuleError("the limits of intervals must rise")

    def compute(row: Mapping[str, Value]) -> Value:
        value = number(row)
        return values[bisect_right(limits, value)] if isinstance(value, int | float) else None

    return compute


def columns(expression: Expression) -> tuple[str, ...]:
    """The names of the columns that an expression reads, each once.

    >>> columns(["add", ["column", "a"], ["multiply", ["column", "b"], ["column", "a"]]])
    ('a', 'b')
    """

    def walk(part: Expression) -> Iterator[str]:
        if isinstance(part, list) and len(part) == 2 and part[0] == "column":
            yield part[1]
        elif isinstance(part, list):
            for each in part:
                yield from walk(each)

    return tuple(dict.fromkeys(walk(expression)))


def read_column(column: pl.Series, as_: Input) -> list[Value]:
    """The cells of a column as a rule sees them: floats, texts or moments, None where missing."""
    if as_.kind == "number":
        return list(cells.numbers(column, as_.form or ".").to_list())
    if as_.kind == "time":
        return list(cells.moments(column, as_.form).to_list())
    return list(cells.texts(column).to_list())


def _check_names(rule: Rule, frame: pl.DataFrame) -> None:
    for each in rule.inputs:
        if each.name not in frame.columns:
            raise RuleError(f"the table has no column {each.name!r}{did_you_mean(each.name, frame.columns)}")


def apply(rule: Rule, frame: pl.DataFrame) -> list[Value]:
    """What the rule gives for each row; raises `RuleError` where a column is missing.

    >>> rule = Rule(Input("fee", "number"), (Input("kg", "number"),), ["intervals", ["column", "kg"], [5], [4, 9]])
    >>> apply(rule, pl.DataFrame({"kg": [1.0, 5.0, None]}))
    [4, 9, None]
    """
    compute = evaluator(rule.expression)
    _check_names(rule, frame)
    values = [read_column(frame[each.name], each) for each in rule.inputs]
    names = [each.name for each in rule.inputs]
    return [compute(dict(zip(names, row, strict=True))) for row in zip(*values, strict=True)]


def inputs(frame: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """The table as it is; raises `Refused` where a column is missing, or holds no numbers or moments where it should.

    >>> rule = Rule(Input("fee", "number"), (Input("kg", "number"),), ["intervals", ["column", "kg"], [5], [4, 9]])
    >>> inputs(pl.DataFrame({"kg": [1.0, None]}), rule).height
    2
    """
    _check_names(rule, frame)
    for each in rule.inputs:
        if each.kind != "text":
            read = pl.Series(read_column(frame[each.name], each))
            check_kind(frame[each.name], read, "number" if each.kind == "number" else "date")
    return frame


def check(rule: Rule, frame: pl.DataFrame) -> Checked:
    """How the rule does on the rows of a table that have a target.

    >>> rule = Rule(Input("fee", "number"), (Input("kg", "number"),), ["intervals", ["column", "kg"], [5], [4, 9]])
    >>> check(rule, pl.DataFrame({"kg": [1.0, 5.0, 7.0], "fee": [4.0, 9.0, 4.0]})).exceptions
    (2,)
    """
    if rule.target.name not in frame.columns:
        raise RuleError(f"the table has no column {rule.target.name!r}{did_you_mean(rule.target.name, frame.columns)}")
    actual = read_column(frame[rule.target.name], rule.target)
    given = apply(rule, frame)
    known = [place for place, value in enumerate(actual) if value is not None]
    wrong = tuple(place for place in known if not same(actual[place], given[place]))
    return Checked(len(known), sum(given[place] is not None for place in known), wrong)


def same(one: Value, other: Value) -> bool:
    """Whether two values are the same, numbers to the accuracy of their texts.

    >>> same(0.1 + 0.2, 0.3), same("a", "A"), same(1.0, None)
    (True, False, False)
    """
    if isinstance(one, float | int) and isinstance(other, float | int):
        return abs(one - other) <= SAME * max(1.0, abs(one), abs(other))
    return one is not None and one == other


def to_dict(rule: Rule) -> dict[str, Any]:
    """The rule as plain data.

    >>> rule = Rule(Input("y", "number"), (Input("x", "number"),), ["add", ["column", "x"], 1])
    >>> from_dict(to_dict(rule)) == rule
    True
    """
    inputs = [each._asdict() for each in rule.inputs]
    return {
        "schema": SCHEMA,
        "target": rule.target._asdict(),
        "inputs": inputs,
        "expression": rule.expression,
    }


def from_dict(data: Any) -> Rule:
    """The rule that plain data holds; raises `RuleError` when it holds none."""
    if not isinstance(data, dict) or set(data) != {"schema", "target", "inputs", "expression"}:
        raise RuleError("a rule has the fields schema, target, inputs and expression")
    if data["schema"] != SCHEMA:
        raise RuleError(f"the rule is of schema {data['schema']!r}; this program reads schema {SCHEMA}")
    if not isinstance(data["inputs"], list):
        raise RuleError("the inputs of a rule are a list")
    inputs = tuple(_input(each) for each in data["inputs"])
    evaluator(data["expression"])
    known = [each.name for each in inputs]
    if strange := [name for name in columns(data["expression"]) if name not in known]:
        raise RuleError(f"the rule reads {strange[0]!r}, which is none of its inputs{did_you_mean(strange[0], known)}")
    return Rule(_input(data["target"]), inputs, data["expression"])


def _input(data: Any) -> Input:
    fields = {"name", "kind", "form"}
    if not isinstance(data, dict) or set(data) != fields or not all(isinstance(data[field], str) for field in fields):
        raise RuleError("a column of a rule has the fields name, kind and form, all of them texts")
    if data["kind"] not in get_args(Kind):
        raise RuleError(f"there is no kind of column {data['kind']!r}; there are {', '.join(get_args(Kind))}")
    return Input(**data)


def load(path: Path) -> Rule:
    """The rule in a JSON file; raises `RuleError` or `ArtefactError`."""
    return from_dict(files.read_json(path, remedy="write the rule there, see rules.py"))


def save(rule: Rule, path: Path) -> None:
    """Writes the rule as JSON."""
    files.write(path, json.dumps(to_dict(rule), ensure_ascii=False, indent=1) + "\n")


def plain(value: Value) -> bool | float | str | None:
    """A value as JSON can hold it: moments as ISO text.

    >>> plain(dt.datetime(2024, 2, 29))
    '2024-02-29T00:00:00'
    """
    return value.isoformat() if isinstance(value, dt.datetime) else value
