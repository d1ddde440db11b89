"""Shallow decision trees: do a few yes-or-no tests on single columns give the answer?

Grown greedily by Gini impurity (Breiman, Friedman, Olshen and Stone, 1984, Classification and Regression Trees), no
deeper than somebody can read.
"""

from collections.abc import Callable, Iterator, Sequence
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

Split = tuple[Field, "Expression", "np.ndarray[Any, Any]"]  # the test's column, the test, and which rows pass it


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
    orders = [None if each.numbers is None else each.numbers.argsort(kind="stable") for each in fields]  # sorted once
    splits: dict[tuple[bool, ...], Split | None] = {}  # by the way to a node: a deeper tree begins like a shallow one

    def split(way: tuple[bool, ...], part: "Codes") -> Split | None:
        if way not in splits:
            splits[way] = _best(sample, fields, orders, part)
        return splits[way]

    for deepest in range(2, DEEPEST + 1):
        grown = _grow(sample, split, deepest)
        if grown is None:
            continue
        expression, inputs = grown
        used = merged(*inputs)
        if used:
            yield Candidate("tree", used, expression)
        return


def _grow(
    sample: Sample, split_of: "Callable[[tuple[bool, ...], Codes], Split | None]", deepest: int
) -> "tuple[Expression, list[tuple[Input, ...]]] | None":
    import numpy as np

    rows = sample.searched
    meaning = values_of(sample.answer, rows, sample.frame)
    answers = sample.answer.codes
    wrong = 0
    allowed = MOST_WRONG * min(rows.size, 10 * (rows.size - int(np.bincount(answers[rows]).max())))
    inputs: list[Any] = []

    def grow(part: "Codes", way: tuple[bool, ...]) -> "Expression | None":
        nonlocal wrong
        counts = np.bincount(answers[part])
        most = int(counts.argmax())
        missed = int(part.size - counts[most])
        if missed == 0 or len(way) == deepest or part.size < 2 * FEWEST_ROWS:
            wrong += missed
            return meaning[most] if wrong <= allowed else None
        split = split_of(way, part)
        if split is None:
            wrong += missed
            return meaning[most] if wrong <= allowed else None
        field, test, inside = split
        yes, no = grow(part[inside], (*way, True)), grow(part[~inside], (*way, False))
        if wrong > allowed:
            return None
        if yes == no:
            return yes
        inputs.append(field.inputs)
        return ["if", test, yes, no]

    expression = grow(rows, ())
    return (expression, inputs) if wrong <= allowed and inputs else None


def _best(sample: Sample, fields: Sequence[Field], orders: "Sequence[Codes | None]", rows: "Codes") -> Split | None:
    """The test that leaves the answers purest, and which rows pass it; `orders` are of each field's numbers."""
    import numpy as np

    answers = sample.answer.codes[rows]
    _, answers = np.unique(answers, return_inverse=True)
    width = int(answers.max()) + 1
    best: tuple[float, Field, Any] | None = None
    start = _impurity(np.bincount(answers, minlength=width)[None, :].astype(np.float64))[0]
    asked = np.full(sample.answer.codes.size, -1)
    asked[rows] = answers
    for field, order in zip(fields, orders, strict=True):
        found: tuple[float, float] | None
        if field.numbers is None or order is None:
            found = _level(field.codes[rows], answers, width)
        else:
            ordered = order[asked[order] >= 0]
            found = _threshold(field.numbers[ordered], asked[ordered], width)
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
    """The lowest impurity that a limit on sorted numbers reaches, and the limit; missing ones, the last, are not below.

    The squares of the counts on both sides of every limit are running sums: a row whose answer stands `before` times
    below it already adds 2 · before + 1 to those below.
    """
    import numpy as np

    known = int(np.isfinite(values).sum())
    places = np.flatnonzero(values[: max(known - 1, 0)] < values[1 : max(known, 1)])
    places = places[(places + 1 >= FEWEST_ROWS) & (values.size - places - 1 >= FEWEST_ROWS)]
    if not places.size:
        return None
    counts = np.bincount(answers, minlength=width)
    alike = np.argsort(answers.astype(np.int16 if width < 2**15 else np.int64), kind="stable")  # short: by radix
    before = np.empty(values.size, np.int64)
    before[alike] = np.arange(values.size) - np.repeat(counts.cumsum() - counts, counts)
    squares = (2 * before + 1).cumsum()[places]
    squares_above = (counts**2).sum() - 2 * counts[answers].cumsum()[places] + squares
    rows = places + 1
    both = rows - squares / rows + (values.size - rows) - squares_above / (values.size - rows)
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
