"""Shallow decision trees: do a few yes-or-no tests on single columns give the answer?

Grown greedily by Gini impurity (Breiman, Friedman, Olshen and Stone, 1984, Classification and Regression Trees), no
deeper than somebody can read.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from advisor.proof.candidates import Candidate, merged
from advisor.proof.limits import _nicest
from advisor.proof.sample import Field, Sample, values_of

if TYPE_CHECKING:
    import numpy as np

    from advisor.proof.sample import Codes, Vector
    from models.kit.rule_ops import Value
    from models.kit.rules import Expression, Input

DEEPEST = 4
MOST_ANSWERS = 20
MOST_LEVELS = 40  # of a column of names
FEWEST_ROWS = 2  # in a leaf
MOST_WRONG = 0.01


def trees(sample: Sample, made: Sequence[Field]) -> Iterator[Candidate]:
    """The tree of the rows searched, if it is right on nearly all of them."""
    if sample.answer.levels > MOST_ANSWERS:
        return
    fields = [
        each
        for each in (*sample.fields, *made)
        if (each.numbers is not None and (each.inputs[0].kind == "number" or each.expression[0] != "column"))
        or (each.numbers is None and each.levels <= MOST_LEVELS)
    ]
    for deepest in range(2, DEEPEST + 1):
        grown = _grow(sample, fields, sample.searched, deepest)
        if grown is None:
            continue
        expression, inputs = grown
        used = merged(*inputs)
        if used:
            yield Candidate("tree", used, expression)
        return


def _grow(
    sample: Sample, fields: Sequence[Field], rows: "Codes", deepest: int
) -> "tuple[Expression, list[tuple[Input, ...]]] | None":
    import numpy as np

    meaning = values_of(sample.answer, rows, sample.frame)
    answers = sample.answer.codes
    wrong = 0
    allowed = MOST_WRONG * min(rows.size, 10 * (rows.size - int(np.bincount(answers[rows]).max())))
    inputs: list[Any] = []

    def grow(part: "Codes", depth: int) -> "Expression | None":
        nonlocal wrong
        counts = np.bincount(answers[part])
        most = int(counts.argmax())
        missed = int(part.size - counts[most])
        if missed == 0 or depth == 0 or part.size < 2 * FEWEST_ROWS:
            wrong += missed
            return meaning[most] if wrong <= allowed else None
        split = _best(sample, fields, part)
        if split is None:
            wrong += missed
            return meaning[most] if wrong <= allowed else None
        field, test, inside = split
        yes, no = grow(part[inside], depth - 1), grow(part[~inside], depth - 1)
        if wrong > allowed:
            return None
        if yes == no:
            return yes
        inputs.append(field.inputs)
        return ["if", test, yes, no]

    expression = grow(rows, deepest)
    return (expression, inputs) if wrong <= allowed and inputs else None


def _best(
    sample: Sample, fields: Sequence[Field], rows: "Codes"
) -> "tuple[Field, Expression, np.ndarray[Any, Any]] | None":
    """The test that leaves the answers purest, and which rows pass it."""
    import numpy as np

    answers = sample.answer.codes[rows]
    _, answers = np.unique(answers, return_inverse=True)
    width = int(answers.max()) + 1
    best: tuple[float, Field, Any] | None = None
    start = _impurity(np.bincount(answers, minlength=width)[None, :].astype(np.float64))[0]
    for field in fields:
        found = _threshold(field.numbers[rows], answers, width) if field.numbers is not None else None
        if field.numbers is None:
            found = _level(field.codes[rows], answers, width)
        if found is not None and found[0] < start - 1e-9 and (best is None or found[0] < best[0] - 1e-9):
            best = found[0], field, found[1]
    if best is None:
        return None
    _, field, value = best
    if field.numbers is not None:
        inside = field.numbers[rows] < value
        return field, ["less", field.expression, value], inside
    codes = field.codes[rows]
    name: Value = _name(sample, field, int(rows[np.flatnonzero(codes == value)[0]]))
    return field, ["equal", field.expression, name], codes == value


def _name(sample: Sample, field: Field, row: int) -> "Value":
    from models.kit import rules

    return rules.apply(rules.Rule(sample.target, field.inputs, field.expression), sample.frame[[row]])[0]


def _impurity(counts: "Vector") -> "Vector":
    """Rows times Gini impurity, for each row of counts."""
    import numpy as np

    total = counts.sum(axis=1)
    return np.asarray(total - (counts**2).sum(axis=1) / np.maximum(total, 1))


def _threshold(values: "Vector", answers: "Codes", width: int) -> tuple[float, float] | None:
    """The lowest impurity that a limit on the number reaches, and the limit; missing numbers are not below it."""
    import numpy as np

    order = np.argsort(values, kind="stable")  # NaN comes last
    values, answers = values[order], answers[order]
    known = int(np.isfinite(values).sum())
    below = np.zeros((values.size, width))
    below[np.arange(values.size), answers] = 1
    below = below.cumsum(axis=0)
    places = np.flatnonzero(values[: max(known - 1, 0)] < values[1 : max(known, 1)])
    places = places[(places + 1 >= FEWEST_ROWS) & (values.size - places - 1 >= FEWEST_ROWS)]
    if not places.size:
        return None
    both = _impurity(below[places]) + _impurity(below[-1] - below[places])
    place = int(places[both.argmin()])
    return float(both.min()), _nicest(float(values[place]), float(values[place + 1]))


def _level(codes: "Codes", answers: "Codes", width: int) -> tuple[float, int] | None:
    """The lowest impurity that "is it this name?" reaches, and the name's code; a missing one is never asked for."""
    import numpy as np

    levels = int(codes.max()) + 1
    counts = np.bincount(codes * width + answers, minlength=levels * width).reshape(levels, width).astype(np.float64)
    inside = counts.sum(axis=1)
    fit = np.flatnonzero((inside >= FEWEST_ROWS) & (codes.size - inside >= FEWEST_ROWS) & (np.arange(levels) > 0))
    if not fit.size:
        return None
    both = _impurity(counts[fit]) + _impurity(counts.sum(axis=0) - counts[fit])
    return float(both.min()), int(fit[both.argmin()])
