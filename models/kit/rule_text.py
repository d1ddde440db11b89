"""A rule as text for people: Python, SQL, and tests. Names and values stand there as quoted literals, nothing else.

The texts are shown and saved beside the rule; this package never runs them (`rules` runs the data they are made from).
"""

import datetime as dt
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from models.kit import rule_ops
from models.kit.rule_ops import OPS, SCHEMES, Value
from models.kit.rules import Expression, Rule

_HELPERS: dict[str, tuple[Any, ...]] = {
    "round": (rule_ops.round_half_up,),
    "round_even": (rule_ops.round_half_even,),
    "floor": (rule_ops.floor,),
    "ceiling": (rule_ops.ceiling,),
    "months_between": (rule_ops.months_between,),
    "years_between": (rule_ops.years_between,),
    "part": (rule_ops.part,),
    "check_sum": (rule_ops.Scheme, rule_ops.check_sum),
}
_AS_PHRASE = ("prefix", "suffix", "length", "weekday", "year", "month", "day", "hour", "quarter", "lower", "upper")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def python(rule: Rule) -> str:
    """The rule as a Python module with one function, `answer(row)`; `row` maps names of columns to values.

    >>> from models.kit.rules import Input
    >>> print(python(Rule(Input("fee", "number"), (Input("kg", "number"),), ["multiply", ["column", "kg"], 2])))
    def answer(row):
        return (row['kg'] * 2)
    <BLANKLINE>
    """
    used = _operations(rule.expression)
    imports = ["import datetime"] if "plus_days" in used else []
    imports += ["import bisect"] if "intervals" in used else []
    imports += ["import math"] if used & {"round", "floor", "ceiling"} else []
    helpers: list[Any] = []
    for name in _HELPERS:
        helpers += [each for each in _HELPERS[name] if name in used]
    if used & {"months_between", "years_between"}:
        imports.append("import datetime as dt")
    constants = []
    if used & {"round", "floor", "ceiling"}:
        constants.append(f"SLACK = {rule_ops.SLACK!r}")
    if "check_sum" in used:
        imports.append("from typing import NamedTuple")
        constants.append(f"LONGEST_CODE = {rule_ops.LONGEST_CODE}")
    parts = ["\n".join(sorted(set(imports)) + constants)] if imports or constants else []
    parts += [_source(each) for each in helpers]
    if "check_sum" in used:
        schemes = {name: SCHEMES[name] for name in sorted(_schemes(rule.expression))}
        parts.append(f"SCHEMES = {schemes!r}")
    parts.append(f"def answer(row):\n    return {_written(rule.expression, _python_step, repr)}")
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"


def _source(thing: Any) -> str:
    """The source of a helper, without its docstring's examples."""
    lines = inspect.getsource(thing).split("\n")
    kept, inside = [], False
    for line in lines:
        if inside or line.strip().startswith('"""'):
            closes = line.strip().endswith('"""') and (inside or len(line.strip()) > 3)
            inside = not closes
            continue
        kept.append(line)
    return "\n".join(kept)


def _python_step(name: str, arguments: Sequence[Any], write: Callable[[Expression], str]) -> str:
    if name == "column":
        return f"row[{arguments[0]!r}]"
    if name == "lookup":
        keys, rows, other = arguments
        if len(keys) == 1:
            return f"{ {row[0]: row[-1] for row in rows}!r}.get({write(keys[0])}, {other!r})"
        table = {tuple(row[:-1]): row[-1] for row in rows}
        return f"{table!r}.get(({', '.join(map(write, keys))}), {other!r})"
    if name == "intervals":
        number, limits, values = arguments
        return f"{values!r}[bisect.bisect_right({limits!r}, {write(number)})]"
    return OPS[name].python.format(*map(write, arguments))


def sql(rule: Rule, *, table: str = "your_table") -> str:
    """The rule as one SQL query, as DuckDB and PostgreSQL take it.

    >>> from models.kit.rules import Input
    >>> print(sql(Rule(Input("fee", "number"), (Input("kg", "number"),), ["multiply", ["column", "kg"], 2])))
    SELECT
        "kg",
        ("kg" * 2) AS "fee"
    FROM "your_table"
    <BLANKLINE>
    """
    inputs = [f"    {_name(each.name)}," for each in rule.inputs]
    answer = _written(rule.expression, _sql_step, _literal)
    return "\n".join(["SELECT", *inputs, f"    {answer} AS {_name(rule.target.name)}", f"FROM {_name(table)}"]) + "\n"


def _sql_step(name: str, arguments: Sequence[Any], write: Callable[[Expression], str]) -> str:
    if name == "column":
        return _name(arguments[0])
    if name == "if":
        return f"CASE WHEN {write(arguments[0])} THEN {write(arguments[1])} ELSE {write(arguments[2])} END"
    if name == "lookup":
        keys, rows, other = arguments
        written = [write(key) for key in keys]
        cases = []
        for row in rows:
            tests = [
                f"{key} IS NULL" if value is None else f"{key} = {_literal(value)}"
                for key, value in zip(written, row[:-1], strict=True)
            ]
            cases.append(f"WHEN {' AND '.join(tests)} THEN {_literal(row[-1])}")
        return f"CASE {' '.join(cases)} ELSE {_literal(other)} END"
    if name == "intervals":
        number, limits, values = write(arguments[0]), arguments[1], arguments[2]
        cases = [
            f"WHEN {number} < {limit!r} THEN {_literal(value)}" for limit, value in zip(limits, values, strict=False)
        ]
        return f"CASE WHEN {number} IS NULL THEN NULL {' '.join(cases)} ELSE {_literal(values[-1])} END"
    if name == "check_sum":
        return _check_sum(write(arguments[0]), arguments[1])
    return OPS[name].sql.format(*map(write, arguments))


def _check_sum(text: str, scheme: str) -> str:
    """The remainder as SQL: a sum over places from the right, the weights in one text of three digits each."""
    rule = SCHEMES[scheme]
    code = f"regexp_replace({text}, '[ ./-]', '', 'g')"
    if rule.turned:
        code = f"upper(substr({code}, 5) || substr({code}, 1, 4))"
        for place, letter in enumerate(_LETTERS, start=10):
            code = f"replace({code}, '{letter}', '{place}')"
    longest = 2 * rule_ops.LONGEST_CODE
    weights = "".join(f"{weight:03d}" for weight in rule.weights(longest))
    sign = "substr(code, cast(length(code) - place AS integer), 1)"
    digit = f"cast(CASE WHEN {sign} IN ('X', 'x') THEN '10' ELSE {sign} END AS integer)"
    product = f"{digit} * cast(substr('{weights}', cast(3 * place + 1 AS integer), 3) AS integer)"
    if rule.add_digits:
        product = f"floor(({product}) / 10.0) + ({product}) % 10"
    allowed = "^[0-9]*[0-9Xx]$" if scheme == "isbn10" else "^[0-9]+$"
    return (
        f"(SELECT sum(cast({product} AS integer)) % {rule.modulus} FROM (SELECT {code} AS code) AS it, "
        f"generate_series(0, {longest - 1}) AS places(place) "
        f"WHERE place < length(code) AND regexp_matches(code, '{allowed}'))"
    )


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Value) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return repr(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"


def pytest_file(rule: Rule, examples: Sequence[Mapping[str, Value]]) -> str:
    """A pytest file that holds the rule to rows of the table; each example has the inputs and the target.

    >>> from models.kit.rules import Input
    >>> rule = Rule(Input("fee", "number"), (Input("kg", "number"),), ["multiply", ["column", "kg"], 2])
    >>> "({'kg': 2.0}, 4.0)," in pytest_file(rule, [{"kg": 2.0, "fee": 4.0}])
    True
    """
    rows = [
        f"    ({ {each.name: example[each.name] for each in rule.inputs}!r}, {example[rule.target.name]!r}),"
        for example in examples
    ]
    moments = any(isinstance(value, dt.datetime) for example in examples for value in example.values())
    about = "pytest.approx(expected)" if rule.target.kind == "number" else "expected"
    head = [*(["import datetime", ""] if moments else []), "import pytest", "from rule import answer", ""]
    return "\n".join(
        [
            *head,
            "EXAMPLES = [",
            *rows,
            "]",
            "",
            "",
            '@pytest.mark.parametrize(("row", "expected"), EXAMPLES)',
            "def test_answer(row, expected):",
            f"    assert answer(row) == {about}",
            "",
        ]
    )


def words(rule: Rule) -> str:
    """The rule in one line, as people write formulas.

    >>> from models.kit.rules import Input
    >>> words(Rule(Input("fee", "number"), (Input("kg", "number"),), ["multiply", ["column", "kg"], 2]))
    'fee = (kg * 2)'
    """

    def step(name: str, arguments: Sequence[Any], write: Callable[[Expression], str]) -> str:
        if name == "column":
            return str(arguments[0])
        if name == "lookup":
            return f"what stands in a list of {len(arguments[1])} entries under {', '.join(map(write, arguments[0]))}"
        if name == "intervals":
            limits, values = arguments[1], arguments[2]
            cases = [f"{value!r} below {limit:g}" for limit, value in zip(limits, values, strict=False)]
            return f"{', '.join(cases)}, else {values[-1]!r}, by {write(arguments[0])}"
        if name == "if":
            return f"{write(arguments[1])} if {write(arguments[0])}, else {write(arguments[2])}"
        if name == "days_between":
            return f"days from {write(arguments[0])} to {write(arguments[1])}"
        if name == "plus_days":
            return f"{write(arguments[0])} + {write(arguments[1])} days"
        if name in _AS_PHRASE or name in _HELPERS or name.endswith("_even"):
            return f"{name.replace('_', ' ')}({', '.join(map(write, arguments))})"
        return OPS[name].python.format(*map(write, arguments))

    def literal(value: Value) -> str:
        return f"“{value}”" if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)

    return f"{rule.target.name} = {_written(rule.expression, step, literal)}"


def _written(part: Expression, step: Callable[..., str], literal: Callable[[Value], str]) -> str:
    def write(each: Expression) -> str:
        return step(each[0], each[1:], write) if isinstance(each, list) else literal(each)

    return write(part)


def _operations(part: Expression) -> set[str]:
    if not isinstance(part, list) or not part or not isinstance(part[0], str):
        return set()
    if part[0] == "column":
        return {"column"}
    inner = part[1] if part[0] == "lookup" else part[1:2] if part[0] == "intervals" else part[1:]
    return {part[0]}.union(*map(_operations, inner))


def _schemes(part: Expression) -> set[str]:
    if not isinstance(part, list):
        return set()
    own = {part[2]} if len(part) == 3 and part[0] == "check_sum" else set()
    return own.union(*map(_schemes, part))
