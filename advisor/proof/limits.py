"""Limits: does the answer follow from where one number lies, or what two columns make?"""

from collections.abc import Iterator, Sequence
from itertools import combinations, islice, permutations
from typing import TYPE_CHECKING, Any

from advisor.proof.candidates import Candidate, merged
from advisor.proof.sample import Field, Sample, values_of

if TYPE_CHECKING:
    from advisor.proof.sample import Codes, Vector

MOST_ANSWERS = 40
MOST_LIMITS = 24
FEWEST_ROWS_A_LIMIT = 4  # of the rows searched, for each limit
MOST_WRONG = 0.01
SCREENED_ROWS = 128
MOST_PAIRED = 30
MOST_TRIED = 12  # pairs that pass the screen


def limits(sample: Sample, made: Sequence[Field], *, alone: bool = False) -> Iterator[Candidate]:
    """Tables of limits that hold on the rows searched: of one number, then of two columns' sum, difference, …

    `made` are numbers made of columns, tried like columns; with `alone` nothing else is tried.
    """
    import numpy as np

    if sample.answer.levels > MOST_ANSWERS:
        return
    numeric = [
        each for each in (*(() if alone else sample.fields), *made) if each.numbers is not None and each.levels > 2
    ]
    found = False
    for each in numeric:
        if each.inputs[0].kind == "time" and each.expression[0] == "column":
            continue  # a date is no number to a rule
        candidate = _candidate(sample, each.inputs, each.expression, each.numbers)
        if candidate is not None:
            found = True
            yield candidate
    if found or alone:
        return
    with np.errstate(all="ignore"):
        for inputs, expression, values in islice(_pairs(sample, numeric[:MOST_PAIRED]), MOST_TRIED):
            candidate = _candidate(sample, inputs, expression, values)
            if candidate is not None:
                yield candidate


def _pairs(sample: Sample, numeric: Sequence[Field]) -> Iterator[tuple[Any, Any, "Vector"]]:
    """What two columns make, where few rows already show stretches of one answer; the clearest first."""
    import numpy as np

    numbers = [each for each in numeric if each.inputs[0].kind == "number" or each.expression[0] != "column"]
    made: list[tuple[Any, Any, Any]] = []
    for a, b in combinations(numbers, 2):
        inputs = merged(a.inputs, b.inputs)
        if inputs is None or a.numbers is None or b.numbers is None:
            continue
        made.append((inputs, ["subtract", a.expression, b.expression], a.numbers - b.numbers))
        made.append((inputs, ["add", a.expression, b.expression], a.numbers + b.numbers))
        made.append((inputs, ["multiply", a.expression, b.expression], a.numbers * b.numbers))
    for a, b in permutations(numbers, 2):
        inputs = merged(a.inputs, b.inputs)
        if inputs is None or a.numbers is None or b.numbers is None:
            continue
        made.append((inputs, ["divide", a.expression, b.expression], a.numbers / b.numbers))
        square = ["multiply", b.expression, b.expression]
        made.append((inputs, ["divide", a.expression, square], a.numbers / b.numbers**2))
    if not made:
        return
    rows = sample.searched[:SCREENED_ROWS]
    matrix = np.stack([values[rows] for _, _, values in made])
    answers = sample.answer.codes[rows]
    order = np.argsort(matrix, axis=1, kind="stable")
    changes = (np.diff(answers[order], axis=1) != 0).sum(axis=1)
    known = np.isfinite(matrix).mean(axis=1) > 0.9
    most = min(MOST_LIMITS, max(rows.size // FEWEST_ROWS_A_LIMIT, 1))
    for place in np.argsort(changes, kind="stable"):
        if changes[place] > most:
            return
        if known[place]:
            yield made[place]


def _candidate(sample: Sample, inputs: Any, expression: Any, values: Any) -> Candidate | None:
    def build(rows: "Codes") -> Any:
        found = _cut(values[rows], sample.answer.codes[rows])
        if found is None:
            return None
        meaning = values_of(sample.answer, rows, sample.frame)
        cuts, codes = found
        return _expression(expression, cuts, [meaning[code] for code in codes])

    built = build(sample.searched)
    return None if built is None else Candidate("limits", inputs, built, build)


def _expression(number: Any, cuts: list[float | int], answers: list[Any]) -> Any:
    if len(cuts) == 1:
        return ["if", ["less", number, cuts[0]], answers[0], answers[1]]
    return ["intervals", number, cuts, answers]


def _cut(values: "Vector", answers: "Codes") -> tuple[list[float | int], list[int]] | None:
    """The limits between stretches of one answer, and the answers; None where there are too many stretches."""
    import numpy as np

    known = np.isfinite(values)
    values, answers = values[known], answers[known]
    if values.size < 2 * FEWEST_ROWS_A_LIMIT:
        return None
    order = np.argsort(values, kind="stable")
    values, answers = values[order], answers[order]
    starts = np.flatnonzero(np.diff(values, prepend=values[0] - 1) > 0)
    groups = np.add.reduceat(np.ones(values.size), starts)
    if (np.diff(answers) != 0).sum() > MOST_LIMITS + 4 * MOST_WRONG * values.size:
        return None
    ends = np.append(starts[1:], values.size)
    tops = np.array([_commonest(answers[start:end]) for start, end in zip(starts, ends, strict=True)])
    wrong = sum(int((answers[start:end] != top).sum()) for start, end, top in zip(starts, ends, tops, strict=True))
    if wrong > MOST_WRONG * values.size:
        return None
    tops = _smoothed(tops, groups, most=MOST_WRONG * values.size - wrong)
    changes = np.flatnonzero(np.diff(tops) != 0)
    if not 1 <= changes.size <= min(MOST_LIMITS, values.size // FEWEST_ROWS_A_LIMIT):
        return None
    cuts = [_nicest(float(values[starts[place]]), float(values[starts[place + 1]])) for place in changes]
    return cuts, [int(code) for code in (*tops[changes], tops[-1])]


def _commonest(codes: "Codes") -> int:
    import numpy as np

    return int(codes[0]) if codes.size == 1 else int(np.bincount(codes).argmax())


def _smoothed(tops: "Codes", sizes: "Vector", *, most: float) -> "Codes":
    """The answers by value, single strays among others overruled while they are few."""
    import numpy as np

    tops = tops.copy()
    inner = np.flatnonzero((tops[1:-1] != tops[:-2]) & (tops[:-2] == tops[2:])) + 1
    if inner.size and sizes[inner].sum() <= most and sizes.size > 50:
        tops[inner] = tops[inner - 1]
    return tops


def _nicest(low: float, high: float) -> float | int:
    """The number above `low` and up to `high` with the fewest digits.

    >>> _nicest(59.0, 60.0), _nicest(17.98, 18.52), _nicest(0.1234, 0.1236)
    (60, 18.0, 0.1235)
    """
    import math

    span = high - low
    exponent = math.ceil(math.log10(max(abs(low), abs(high), span)))
    for digits in range(exponent, exponent - 17, -1):
        step = 10.0**digits
        for part in (1.0, 0.5):
            cut = math.floor(high / (step * part) + 1e-12) * step * part
            cut = round(cut, max(0, 2 - digits))
            if low < cut <= high:
                return int(cut) if cut == int(cut) and float(high).is_integer() else cut
    return high
