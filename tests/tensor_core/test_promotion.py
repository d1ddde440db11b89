"""The types of results, and their values: every pair of dtypes, for tensors, tensors of shape () and numbers of Python.

What torch refuses, ours refuses too.
"""

import operator
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

import tensor_core as tc

DTYPES = (
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128,
)  # fmt: skip
NUMBERS = (True, 0, 2, 2.0, 2.5, 1 + 2j)
OPERATORS = (
    "add", "sub", "mul", "truediv", "pow", "floordiv", "mod", "and_", "or_", "xor", "lshift", "rshift",
    "lt", "le", "gt", "ge", "eq", "ne",
)  # fmt: skip
NAMED = (
    "add", "sub", "div", "fmod", "maximum", "minimum", "atan2", "hypot", "logaddexp", "logical_and", "logical_or",
    "logical_xor", "result_type",
)  # fmt: skip
IN_PLACE = (
    "iadd", "isub", "imul", "itruediv", "ipow", "ifloordiv", "imod", "iand", "ior", "ixor", "ilshift", "irshift",
)  # fmt: skip
UNARY = (
    "neg", "abs", "invert", "round", "floor", "ceil", "trunc", "sign", "square", "sqrt", "exp", "sigmoid", "sum",
    "prod", "mean", "cumsum", "logical_not", "bitwise_not",
)  # fmt: skip
HALVES = (torch.float16, torch.bfloat16)
REFUSALS = (RuntimeError, TypeError)
# Functions that take no numbers in torch; ours takes some.
OF_TENSORS = {"maximum", "minimum", "atan2", "hypot", "logaddexp", "logical_and", "logical_or", "logical_xor"}


def pairs() -> Iterator[tuple[Any, Any]]:
    """Two operands, at least one of which is a tensor."""
    rows = {dtype: torch.tensor([3, 1, 2]).to(dtype) for dtype in DTYPES}
    points = {dtype: torch.tensor(2).to(dtype) for dtype in DTYPES}
    for one in DTYPES:
        for other in DTYPES:
            yield rows[one], rows[other]
            yield rows[one], points[other]
            yield points[one], rows[other]
        for number in NUMBERS:
            for held in (rows[one], points[one]):
                yield held, number
                yield number, held


def ours(value: Any) -> Any:
    return tc.Tensor.handle(value) if isinstance(value, torch.Tensor) else value


def told(value: Any) -> str:
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, torch.Tensor) else repr(value)


def difference(run: Callable[..., Any], given: tuple[Any, ...], theirs: Callable[..., Any]) -> str | None:
    """What ours does otherwise than torch; None if nothing."""
    try:
        expected = theirs(*given)
    except REFUSALS:
        expected = None
    try:
        made = run(*map(ours, given))
    except REFUSALS as error:
        return None if expected is None else f"refused: {error}"
    if expected is None:
        return f"torch refuses, ours gives {made!r}"
    if not isinstance(expected, torch.Tensor):
        return None if made == expected else f"{made} instead of {expected}"
    if made.dtype != expected.dtype:
        return f"{made.dtype} instead of {expected.dtype}"
    rounding = 0.0 if not (made.is_floating_point() or made.is_complex()) else 4 * torch.finfo(made.dtype).eps
    one, other = (x.to(torch.complex128) for x in (made.raw, expected))
    return (
        None
        if torch.allclose(one, other, rtol=rounding, atol=0, equal_nan=True)
        else f"{made.tolist()} instead of {expected.tolist()}"
    )


def report(name: str, ours_of: Any, torchs: Any, every: Iterator[tuple[Any, ...]]) -> None:
    wrong, tried = [], 0
    for given in every:
        tried += 1
        found = difference(ours_of, given, torchs)
        if found:
            wrong.append(f"{name}({', '.join(map(told, given))}): {found}")
    assert not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong[:20])


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name: str) -> None:
    every = pairs()
    if name == "truediv":  # torch multiplies by the reciprocal, which it rounds to half precision first
        every = (x for x in every if not (isinstance(x[0], complex) and x[1].dtype in HALVES))
    report(name, getattr(operator, name), getattr(operator, name), every)


@pytest.mark.parametrize("name", NAMED)
def test_functions(name: str) -> None:
    every = pairs()
    if name in OF_TENSORS:
        every = (given for given in every if all(isinstance(x, torch.Tensor) for x in given))
    elif name == "fmod":
        every = (given for given in every if isinstance(given[0], torch.Tensor))
    report(name, getattr(tc, name), getattr(torch, name), every)


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place(name: str) -> None:
    def write(target: Any, value: Any) -> Any:
        copy = target.clone()
        alias = copy.view(copy.shape)
        getattr(operator, name)(copy, value)
        return alias

    report(name, write, write, (given for given in pairs() if isinstance(given[0], torch.Tensor)))


@pytest.mark.parametrize("name", UNARY)
def test_one_operand(name: str) -> None:
    along = (0,) if name == "cumsum" else ()
    every = ((torch.tensor([3, 1, 2]).to(dtype),) for dtype in DTYPES)
    if name == "invert":
        return report(name, operator.invert, operator.invert, every)
    return report(name, lambda x: getattr(tc, name)(x, *along), lambda x: getattr(torch, name)(x, *along), every)


def test_casts_and_what_types_become() -> None:
    for one in DTYPES:
        x, expected = tc.ones(2, dtype=one), torch.ones(2, dtype=one)
        assert x.type() == expected.type()
        for name in ("bool", "int", "long", "half", "bfloat16", "float", "double"):
            assert getattr(x, name)().dtype == getattr(expected, name)().dtype
        for other in DTYPES:
            assert x.type(other).dtype == other
            assert tc.promote_types(one, other) == torch.promote_types(one, other)
            assert tc.can_cast(one, other) == torch.can_cast(one, other)
    assert x.type("torch.DoubleTensor").dtype == tc.float64
