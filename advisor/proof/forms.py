"""The forms of arithmetic that are tried: which terms are made of one, two or three columns.

A form is written once. It works on blocks of numbers, where thousands of column pairs are computed at once, and on
`Symbol`s, where it gives the expression of a rule.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from models.kit.rules import Expression

STEPS = (5, 7, 10, 12, 20, 24, 25, 30, 50, 60, 100, 250, 500, 1000)  # of things paid by the started unit


class Symbol:
    """An expression that grows by arithmetic.

    >>> a, b = Symbol(["column", "a"]), Symbol(["column", "b"])
    >>> (a * b).expression
    ['multiply', ['column', 'a'], ['column', 'b']]
    """

    def __init__(self, expression: "Expression") -> None:
        self.expression = expression

    def __mul__(self, other: "Symbol") -> "Symbol":
        return Symbol(["multiply", self.expression, other.expression])

    def __truediv__(self, other: "Symbol") -> "Symbol":
        return Symbol(["divide", self.expression, other.expression])

    def __sub__(self, other: "Symbol") -> "Symbol":
        return Symbol(["subtract", self.expression, other.expression])

    def __rtruediv__(self, one: int) -> "Symbol":
        return Symbol(["divide", one, self.expression])

    def __pow__(self, exponent: float) -> "Symbol":
        return Symbol(["power", self.expression, exponent])

    def __abs__(self) -> "Symbol":
        return Symbol(["absolute", self.expression])


class Form(NamedTuple):
    """Terms made of some columns: the target is a sum of multiples of them and a constant, or (`inverse`) one over it.

    `order` picks the columns: "any" for each set once, "all" for each order of them.
    """

    terms: Callable[..., tuple[Any, ...]]
    columns: int
    order: str = "any"
    inverse: bool = False

    def places(self, width: int) -> Iterator[tuple[int, ...]]:
        """Which columns, of `width` there are, take part."""
        pick = combinations if self.order == "any" else permutations
        return pick(range(width), self.columns)


def _least(a: Any, b: Any) -> Any:
    import numpy as np

    return Symbol(["least", a.expression, b.expression]) if isinstance(a, Symbol) else np.minimum(a, b)


def _greatest(a: Any, b: Any) -> Any:
    import numpy as np

    return Symbol(["greatest", a.expression, b.expression]) if isinstance(a, Symbol) else np.maximum(a, b)


def _started(step: int, name: str) -> Callable[[Any], tuple[Any, ...]]:
    """Whole steps in a number, the started one counted (`ceiling`) or not (`floor`)."""

    def terms(a: Any) -> tuple[Any, ...]:
        import numpy as np

        if isinstance(a, Symbol):
            return (Symbol([name, ["divide", a.expression, step]]),)
        parts = np.round(a / step, 9)
        return (np.ceil(parts) if name == "ceiling" else np.floor(parts),)

    return terms


ONE: Sequence[Form] = (
    Form(lambda a: (a,), 1),
    Form(lambda a: (a * a,), 1),
    Form(lambda a: (a**3,), 1),
    Form(lambda a: (a**0.5,), 1),
    Form(lambda a: (1 / a,), 1),
    Form(lambda a: (abs(a),), 1),
    *(Form(_started(step, name), 1) for step in STEPS for name in ("ceiling", "floor")),
)
TWO: Sequence[Form] = (
    Form(lambda a, b: (a * b,), 2),
    Form(lambda a, b: (a / b,), 2, "all"),
    Form(lambda a, b: (a, b), 2),
    Form(lambda a, b: (_least(a, b),), 2),
    Form(lambda a, b: (_greatest(a, b),), 2),
    Form(lambda a, b: (abs(a - b),), 2),
    Form(lambda a, b: (a / (b * b),), 2, "all"),
    Form(lambda a, b: (a * a * b,), 2, "all"),
    Form(lambda a, b: (a, a * b), 2, "all"),
    Form(lambda a, b: (a * a, b * b), 2),
    Form(lambda a, b: (b / a,), 2, "all", inverse=True),
)
THREE: Sequence[Form] = (
    Form(lambda a, b, c: (a * b * c,), 3),
    Form(lambda a, b, c: (a * b / c,), 3, "all"),
    Form(lambda a, b, c: (a / (b * c),), 3, "all"),
    Form(lambda a, b, c: (a, b, c), 3),
    Form(lambda a, b, c: (a * b, c), 3, "all"),
    Form(lambda a, b, c: (a * c, b * c), 3, "all"),
    Form(lambda a, b, c: (a * b, a * b * c), 3, "all"),
    Form(lambda a, b, c: (a / c, b / c), 3, "all"),
    Form(lambda a, b, c: (a / b, c), 3, "all"),
    Form(lambda a, b, c: (b / a, c / a), 3, "all", inverse=True),
)
