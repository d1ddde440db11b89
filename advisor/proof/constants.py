"""The constants of a formula: fitted, then rounded to the shortest numbers that still fit, and the way of rounding."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from advisor.proof.sample import Codes, Vector
    from models.kit.rules import Expression

MOST_DECIMALS = 6
MOST_DIGITS = 10  # of a constant
MOST_WRONG = 0.01  # share of the rows searched
SPOTTED = 256  # rows on which constants are tried first
SAME = 1e-9  # as in models.kit.rules


class Goal(NamedTuple):
    """The numbers to be computed; `unit` is the last decimal they are written with, 0 where they are not rounded."""

    values: "Vector"
    rows: "Codes"  # where the formula must hold
    unit: float
    decimals: int
    wrap: "Callable[[Expression], Expression]"  # from the formula to the target


def goal_of(values: "Vector", rows: "Codes", wrap: "Callable[[Expression], Expression] | None" = None) -> Goal:
    """The goal of computing `values` on `rows`, with the decimals that they show.

    >>> import numpy as np
    >>> goal_of(np.array([1.25, 3.5]), np.array([0, 1])).unit
    0.01
    """
    import numpy as np

    known = values[rows]
    for decimals in range(-2, MOST_DECIMALS + 1):
        if np.array_equal(np.round(known, decimals), known):
            return Goal(values, rows, 10.0**-decimals, decimals, wrap or (lambda expression: expression))
    return Goal(values, rows, 0.0, MOST_DECIMALS, wrap or (lambda expression: expression))


def fitted(
    terms: Sequence["Vector"], written: Sequence["Expression"], goal: Goal, *, inverse: bool
) -> "Expression | None":
    """The sum of multiples of the terms, or one over it, that gives the goal; None where there is none.

    `terms` have the shape (rows of the goal,), `written` are their expressions.

    >>> import numpy as np
    >>> net = np.arange(40) + 0.5
    >>> fitted([net], [["column", "net"]], goal_of(net * 1.5, np.arange(40)), inverse=False)
    ['multiply', ['column', 'net'], 1.5]
    """
    import numpy as np

    target = goal.values[goal.rows]
    matrix = np.stack([*terms, np.ones(target.size)], axis=1)
    if not np.isfinite(matrix).all():
        return None
    aim = 1 / target if inverse else target
    weights = (target / np.abs(target).max()) ** 2 if inverse else np.ones(target.size)
    scale = np.abs(matrix).max(axis=0)
    solved = np.linalg.lstsq(matrix / scale * weights[:, None], aim * weights, rcond=None)[0] / scale
    spot = slice(0, SPOTTED)
    best: tuple[float, Any] | None = None
    for mode, shift in _modes(goal):
        for factors in _factors(solved[:-1], scale[:-1], goal.unit):
            base = matrix[:, :-1] @ np.asarray(factors)
            for constant in _constants(aim - base, shift, goal, inverse=inverse):
                given = base + constant
                given = 1 / given if inverse else given
                if wrong(rounded(given[spot], mode, goal.decimals), target[spot]).mean() > 2 * MOST_WRONG:
                    continue
                share = float(wrong(rounded(given, mode, goal.decimals), target).mean())
                if share <= MOST_WRONG and (best is None or share < best[0]):
                    built = _sum(written, factors, constant, inverse=inverse)
                    exact = not wrong(given, target).any()
                    best = share, built if exact else _rounding(built, mode, goal.decimals)
                if share == 0.0 and best is not None:
                    return best[1]
    return best[1] if best is not None else None


def _modes(goal: Goal) -> list[tuple[str, float]]:
    """The ways of rounding, and how far each moves the middle of what is left."""
    if not goal.unit:
        return [("", 0.0)]
    return [("round", 0.0), ("floor", goal.unit / 2), ("ceiling", -goal.unit / 2), ("round_even", 0.0)]


def _factors(solved: "Vector", scale: "Vector", unit: float) -> Iterator[list[float]]:
    """The factors with ever more digits, where they are still near enough to what was solved for."""
    import numpy as np

    near = np.maximum(2 * unit / np.maximum(scale, 1e-300), 1e-6 * np.abs(solved))
    seen = set()
    for digits in range(1, MOST_DIGITS + 1):
        for turned in (False, True):
            factors = [nice(float(value), digits, turned=turned) for value in solved]
            if (np.abs(np.asarray(factors) - solved) <= near).all() and tuple(factors) not in seen:
                seen.add(tuple(factors))
                yield factors


def nice(value: float, digits: int, *, turned: bool = False) -> float:
    """The number with so many digits; or, turned, one over such a number.

    >>> nice(0.839999, 2), nice(1 / 1.19, 3, turned=True), nice(0.0, 3)
    (0.84, 0.8403361344537815, 0.0)
    """
    if value == 0 or not math.isfinite(value):
        return 0.0
    return 1 / float(f"{1 / value:.{digits}g}") if turned else float(f"{value:.{digits}g}")


def _constants(left: "Vector", shift: float, goal: Goal, *, inverse: bool) -> Iterator[float]:
    """What may be added: nothing, or the middle of what is left, with ever more decimals."""
    middle = float((left.max() + left.min()) / 2) + shift
    seen = {0.0}
    if inverse or abs(middle) <= max(2 * goal.unit, SAME * max(float(abs(goal.values[goal.rows]).max()), 1.0)):
        yield 0.0
    for decimals in range(0, MOST_DECIMALS + 3):
        constant = round(middle, decimals)
        if constant not in seen:
            seen.add(constant)
            yield constant


def rounded(given: "Vector", mode: str, decimals: int) -> "Vector":
    """Numbers rounded as the operations of a rule do it; without a mode they stay as they are.

    >>> import numpy as np
    >>> rounded(np.array([0.125, -0.5]), "round", 2).tolist(), rounded(np.array([1.5]), "ceiling", 0).tolist()
    ([0.13, -0.5], [2.0])
    """
    import numpy as np

    scale = 10.0**decimals
    scaled = given * scale
    slack = SAME * np.maximum(np.abs(scaled), 1.0)
    if not mode:
        return given
    if mode == "floor":
        return np.asarray(np.floor(scaled + slack) / scale)
    if mode == "ceiling":
        return np.asarray(np.ceil(scaled - slack) / scale)
    if mode == "round_even":
        return np.asarray(np.round(given, decimals))
    return np.asarray(np.copysign(np.floor(np.abs(scaled) + 0.5 + slack) / scale, given))


def wrong(given: "Vector", target: "Vector") -> Any:
    """Where two columns of numbers differ by more than floats lose."""
    import numpy as np

    return ~(np.abs(given - target) <= SAME * np.maximum(np.maximum(np.abs(given), np.abs(target)), 1.0))


def short(value: float) -> float | int:
    """A whole number as an int, which reads better.

    >>> short(3.0), short(2.5)
    (3, 2.5)
    """
    return int(value) if value == int(value) and abs(value) < 2**53 else value


def _sum(written: Sequence["Expression"], factors: Sequence[float], constant: float, *, inverse: bool) -> "Expression":
    """The formula as an expression, as short as it can be said."""
    built: Any = None
    for term, factor in zip(written, factors, strict=True):
        if factor == 0:
            continue
        part = _multiple(term, abs(factor))
        if built is not None:
            built = ["add" if factor > 0 else "subtract", built, part]
        else:
            built = part if factor > 0 else ["subtract", 0, part]
    if built is None:
        return short(constant)
    if constant and isinstance(built, list) and built[:2] == ["subtract", 0]:
        built = ["subtract", short(constant), built[2]]
    elif constant:
        built = ["add" if constant > 0 else "subtract", built, short(abs(constant))]
    return _turned(built) if inverse else _factored(built)


def _factored(built: "Expression") -> "Expression":
    """`a * c - b * c` as `(a - b) * c`, and `a / c - b / c` as `(a - b) / c`.

    >>> a, b, c = ["column", "a"], ["column", "b"], ["column", "c"]
    >>> _factored(["subtract", ["multiply", a, c], ["multiply", b, c]])
    ['multiply', ['subtract', ['column', 'a'], ['column', 'b']], ['column', 'c']]
    """
    if built[0] not in ("add", "subtract") or not isinstance(built[1], list) or not isinstance(built[2], list):
        return built
    name, one, other = built
    if one[0] == other[0] and one[0] in ("multiply", "divide") and one[2] == other[2] and isinstance(one[2], list):
        return [one[0], [name, one[1], other[1]], one[2]]
    if other[0] == "multiply" and other[1] == one:
        return ["multiply", one, [name, 1, other[2]]]
    return built


def _turned(built: "Expression") -> "Expression":
    """One over a sum of parts that are all divided by the same column: that column by the sum of what is above.

    >>> a, b = ["column", "a"], ["column", "b"]
    >>> _turned(["add", ["divide", b, a], 1])
    ['divide', ['column', 'a'], ['add', ['column', 'b'], ['column', 'a']]]
    """
    parts, below = [], set()
    rest = built
    while rest[0] in ("add", "subtract") and isinstance(rest[1], list):
        parts.append((rest[0], rest[2]))
        rest = rest[1]
    parts.append(("add", rest))
    for _, part in parts:
        if isinstance(part, list):
            if part[0] != "divide" or not isinstance(part[2], list):
                return ["divide", 1, built]
            below.add(str(part[2]))
    if len(below) != 1:
        return ["divide", 1, built]
    column = next(part[2] for _, part in parts if isinstance(part, list))
    above: Any = None
    for name, part in reversed(parts):
        term = part[1] if isinstance(part, list) else _multiple(column, part)
        above = term if above is None else [name, above, term]
    return ["divide", column, above]


def _multiple(term: "Expression", factor: float) -> "Expression":
    if factor == 1:
        return term
    turned = short(round(1 / factor, MOST_DIGITS))
    if len(repr(turned)) < len(repr(short(factor))):
        return ["divide", term, turned]
    return ["multiply", term, short(factor)]


def _rounding(built: "Expression", mode: str, decimals: int) -> "Expression":
    if mode in ("round", "round_even"):
        return [mode, built, decimals]
    if decimals == 0:
        return [mode, built]
    scale = short(10.0**decimals)
    return ["divide", [mode, ["multiply", built, scale]], scale]
