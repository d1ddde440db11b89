"""Elementwise ops where it hurts: not numbers, infinities, both zeros, tiny and huge numbers; big, expanded, stepped
and turned memory. Values and gradients are torch's.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

import tensor_core as tc
from tensor_core.ops import FUNCTIONS

F64 = torch.float64
SPECIAL = torch.tensor(
    [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.5, 1e-300, -1e-300, 1e300, -1e300, math.inf, -math.inf, math.nan, 30.0],
    dtype=F64,
)
UNARY = sorted(
    name
    for name, f in FUNCTIONS.items()
    if getattr(f, "op", None) and f.op.parameters == ("input",) and name[-1] != "_"
)
BINARY = sorted(
    name
    for name, f in FUNCTIONS.items()
    if getattr(f, "op", None)
    and f.op.parameters == ("input", "other")
    and name[-1] != "_"
    and f.op.kernel is not torch.dot
)
PRODUCTS = {"matmul", "mm", "bmm", "dot"}
MEMORY: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "big": lambda x: x.repeat(20_000),
    "expanded": lambda x: x.expand(3, -1),
    "stepped": lambda x: x.repeat(2)[::3],
    "turned": lambda x: x.reshape(4, 4).T,
    "0-d": lambda x: x[4],
    "empty": lambda x: x[:0],
}
NO_GRADIENT = {"floor_divide"}  # torch records it, and fails in backward


def theirs(name: str) -> Callable[..., Any]:
    return getattr(torch, name, None) or getattr(torch.nn.functional, name)


def agree(name: str, arrays: list[torch.Tensor]) -> None:
    ours = [tc.Tensor.handle(a).requires_grad_() for a in arrays]
    reference = [a.detach().requires_grad_() for a in arrays]
    got, expected = FUNCTIONS[name](*ours), theirs(name)(*reference)
    torch.testing.assert_close(got.raw, expected.detach(), rtol=1e-12, atol=0, equal_nan=True)
    if not expected.requires_grad or name in NO_GRADIENT:
        assert not got.requires_grad
        return
    found = tc.grad(got.sum(), ours, allow_unused=True)
    wanted = torch.autograd.grad(expected.sum(), reference, allow_unused=True, materialize_grads=True)
    for one, other in zip(found, wanted, strict=True):
        mine = torch.zeros_like(other) if one is None else one.raw
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("memory", ["plain", *MEMORY])
@pytest.mark.parametrize("name", UNARY)
def test_one_number(name: str, memory: str) -> None:
    array = MEMORY.get(memory, lambda x: x)(SPECIAL)
    if name in ("real", "conj", "imag"):
        pytest.skip("for complex numbers")
    agree(name, [array])


@pytest.mark.parametrize("name", [n for n in BINARY if n not in PRODUCTS])
def test_two_numbers(name: str) -> None:
    agree(name, [SPECIAL.unsqueeze(1), SPECIAL])
