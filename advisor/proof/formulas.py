"""Arithmetic: is the target computed from up to three columns?

Every form tried is linear in one, two or three terms (`forms`), so one projection, computed for thousands of forms at
once on a few rows, tells which may be exact. What passes is fitted (`constants`) on all rows searched.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from advisor.proof.candidates import Candidate, merged
from advisor.proof.constants import Goal, fitted, goal_of, short
from advisor.proof.forms import ONE, THREE, TWO, Form, Symbol
from advisor.proof.sample import Field, Sample, stack

if TYPE_CHECKING:
    from advisor.proof.sample import Codes, Vector
    from models.kit.rules import Expression

LADDER = ((ONE, 60), (TWO, 40), (THREE, 30))  # forms, and how many columns they are tried on
SCREENED_ROWS = 32
FEWEST_ROWS = 5  # with all numbers, of the rows searched
MOST_FITTED = 24  # forms that pass the screen and are fitted on all rows
CHUNK = 4_096  # groups of columns at once
LEAST_VALUES = 4  # of the target, or there is nothing to compute
CLIPPED_SHARE = 0.03  # of the rows at the smallest or largest answer
MOST_TARGET_DATES = 3
SCREEN_UNITS = 1.5  # of the last decimal, that a projection may leave; a fitted formula leaves half of one
CLEAR = 1e-3  # of a unit; what leaves less is exact without any rounding


class Passed(NamedTuple):
    """A form on some columns that passed the screen; `left` is what its projection leaves, 1 is a unit."""

    left: float
    form: Form
    places: tuple[int, ...]


def formulas(sample: Sample, made: Sequence[Field]) -> Iterator[Candidate]:
    """Formulas that hold on the rows searched; `made` are numbers made of dates, tried like columns."""
    import numpy as np

    target = sample.answer.numbers
    if target is None or sample.answer.levels < LEAST_VALUES:
        return
    fields = [each for each in (*sample.fields, *made) if each.numbers is not None]
    numeric = [each for each in fields if each.inputs[0].kind == "number" or each.expression[0] != "column"]
    with np.errstate(all="ignore"):
        if sample.target.kind == "time":
            for date in [each for each in fields if each not in numeric][:MOST_TARGET_DATES]:
                yield from _later(sample, date, target, numeric)
            return
        for goal in _goals(target, sample.searched):
            found = list(_search(goal, numeric))
            yield from found
            if found:
                return


def _goals(target: "Vector", rows: "Codes") -> Iterator[Goal]:
    """The target itself, then what of it lies above a floor, or below a ceiling, that many rows share."""
    known = target[rows]
    yield goal_of(target, rows)
    for edge, name in ((float(known.min()), "greatest"), (float(known.max()), "least")):
        inside = rows[known != edge]
        if rows.size - inside.size >= max(3, CLIPPED_SHARE * rows.size) and inside.size >= FEWEST_ROWS:
            yield goal_of(target, inside, _clipped(name, edge))


def _clipped(name: str, edge: float) -> "Callable[[Expression], Expression]":
    return lambda expression: [name, expression, short(edge)]


def _later(sample: Sample, date: Field, target: "Vector", numeric: Sequence[Field]) -> Iterator[Candidate]:
    """Moments that are another moment and a number of days."""
    import numpy as np

    if date.numbers is None:
        return
    days = np.round(target - date.numbers, 9)
    rows = sample.searched[~np.isnan(days[sample.searched])]
    if rows.size < FEWEST_ROWS:
        return

    def wrap(expression: "Expression") -> "Expression":
        return ["plus_days", date.expression, expression]

    if np.ptp(days[rows]) == 0:
        yield Candidate("formula", date.inputs, wrap(short(float(days[rows][0]))))
        return
    for candidate in _search(goal_of(days, rows, wrap), numeric):
        if (inputs := merged(date.inputs, candidate.inputs)) is not None:
            yield candidate._replace(inputs=inputs)


def _search(goal: Goal, fields: Sequence[Field]) -> Iterator[Candidate]:
    """Formulas of one, two and three columns; a longer one is tried only where no shorter one fits."""
    import numpy as np

    fields, rows = _complete(fields, goal.rows)
    if rows.size < FEWEST_ROWS or np.unique(goal.values[rows]).size < LEAST_VALUES:
        return
    goal = goal._replace(rows=rows)
    matrix = stack([each.numbers for each in fields])
    chosen = rows[:: max(1, rows.size // SCREENED_ROWS)][:SCREENED_ROWS]
    for forms, most in LADDER:
        block = matrix[:most, chosen]
        passed = [each for form in forms for each in _screened(form, block, goal.values[chosen], goal.unit)]
        passed.sort(key=lambda each: (each.left > CLEAR, each.left))
        found = False
        for each in passed[:MOST_FITTED]:
            candidate = _candidate(each, fields, matrix, goal)
            if candidate is not None:
                found = True
                yield candidate
        if found:
            return


def _candidate(passed: Passed, fields: Sequence[Field], matrix: "Vector", goal: Goal) -> Candidate | None:
    """The form with its constants; None where it does not hold on all rows searched."""
    from models.kit.rules import columns

    used = [fields[place] for place in passed.places]
    inputs = merged(*(each.inputs for each in used))
    if inputs is None:
        return None
    terms = passed.form.terms(*(matrix[place, goal.rows] for place in passed.places))
    symbols = passed.form.terms(*(Symbol(each.expression) for each in used))
    expression = fitted(terms, [each.expression for each in symbols], goal, inverse=passed.form.inverse)
    if expression is None:
        return None
    left = columns(expression)  # the factor of a column may have turned out nought
    return Candidate("formula", tuple(each for each in inputs if each.name in left), goal.wrap(expression))


def _complete(fields: Sequence[Field], rows: "Codes") -> "tuple[list[Field], Codes]":
    """The fields, without those of most gaps where too few rows would have all numbers; and the rows that have."""
    import numpy as np

    gaps = {id(each): np.isnan(each.numbers[rows]) for each in fields if each.numbers is not None and each.levels > 1}
    kept = sorted((each for each in fields if id(each) in gaps), key=lambda each: int(gaps[id(each)].sum()))
    while kept:
        full = rows[~stack([gaps[id(each)] for each in kept]).any(axis=0)]
        if full.size >= max(FEWEST_ROWS, min(2 * SCREENED_ROWS, rows.size // 2)):
            return kept, full
        kept.pop()
    return kept, rows[:0]


def _screened(form: Form, block: "Vector", target: "Vector", unit: float) -> Iterator[Passed]:
    """Where the projection of the target on the form's terms leaves next to nothing; `block` is (columns, rows)."""
    import numpy as np

    tolerance = max(unit, 1e-9 * max(float(np.abs(target).max()), 1.0), 1e-7 * float(target.std()))
    allowed = np.full(target.size, tolerance)
    if form.inverse:
        if (target == 0).any():
            return
        allowed = tolerance / target**2
        target = 1 / target
    centred = target - target.mean()
    places = np.fromiter(chain.from_iterable(form.places(block.shape[0])), np.int64).reshape(-1, form.columns)
    for start in range(0, len(places), CHUNK):
        chunk = places[start : start + CHUNK]
        terms = form.terms(*(block[chunk[:, place]] for place in range(form.columns)))
        left = _left(terms, centred) / allowed
        for place in np.flatnonzero(left.max(axis=1) <= SCREEN_UNITS):
            yield Passed(float(left[place].max()), form, tuple(int(each) for each in chunk[place]))


def _left(terms: Sequence[Any], centred: "Vector") -> "Vector":
    """What the projection on the terms leaves of the target, in absolute numbers; NaN where terms depend on others."""
    import numpy as np

    rest = np.broadcast_to(centred, terms[0].shape).copy()
    basis: list[Any] = []
    for term in terms:
        term = term - term.mean(axis=1, keepdims=True)
        before = np.sqrt(_dot(term, term))
        for other in basis:
            term -= _dot(term, other) * other
        length = np.sqrt(_dot(term, term))
        term /= np.where(length > 1e-7 * before, length, np.nan)
        rest -= _dot(rest, term) * term
        basis.append(term)
    return np.asarray(np.abs(rest))


def _dot(one: "Vector", other: "Vector") -> "Vector":
    """The scalar products of two blocks' rows, as a column."""
    import numpy as np

    return np.asarray(np.einsum("ij,ij->i", one, other)[:, None])
