"""Ops where it hurts: not numbers, infinities, both zeros, tiny and huge numbers; big, expanded, stepped and turned
memory. Values and gradients are torch's; of every op that has a case or a sample of torch's, second gradients too.
"""

import copy
import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch

import tensor_core as tc
from tensor_core.ops import FUNCTIONS
from tests.tensor_core import test_conformance as conformance
from tests.tensor_core.cases import CASES, Case, Torch

F64 = torch.float64
SPECIAL = torch.tensor(
    [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.5, 1e-300, -1e-300, 1e300, -1e300, math.inf, -math.inf, math.nan, 30.0],
    dtype=F64,
)
BITS = sorted(name for name in FUNCTIONS if name.startswith("bitwise_") and name[-1] != "_")  # of whole numbers
UNARY = sorted(
    name
    for name, f in FUNCTIONS.items()
    if getattr(f, "op", None) and f.op.parameters == ("input",) and name[-1] != "_" and name not in BITS
)
BINARY = sorted(
    name
    for name, f in FUNCTIONS.items()
    if getattr(f, "op", None)
    and f.op.parameters == ("input", "other")
    and name[-1] != "_"
    and name not in BITS
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


@pytest.mark.parametrize("name", BITS)
def test_fractions_have_no_bits(name: str) -> None:
    arrays = [SPECIAL] * len(FUNCTIONS[name].op.parameters)  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="not implemented for 'Double'"):
        theirs(name)(*arrays)
    with pytest.raises(RuntimeError, match=f"{name}.*float64.*not implemented"):
        FUNCTIONS[name](*[tc.Tensor.handle(a) for a in arrays])


# ---- every differentiable op

LARGE = 1e100
FILLINGS: dict[str, list[float]] = {
    "nan": [math.nan],
    "0": [0.0],
    "inf": [1.0, -2.0, math.inf, 0.5],
    "large": [LARGE, -0.5 * LARGE, 0.3 * LARGE, 2 * LARGE, -0.7 * LARGE],
    "mixed": [1.0, math.nan, -2.0, math.inf, 0.5, -math.inf, 0.0, -0.0, LARGE, -LARGE, 2.0, -0.5],
}
SAMPLES = 2  # an op and filling, of torch's
SMALL = 100  # entries of all inputs of a sample together
# Where torch is no measure, and why. Its samples are meant where the name has no case.
EXCEPTIONS: dict[str, tuple[set[str], str]] = {
    "cumprod": ({"large"}, "its case multiplies six entries, past the largest number: inf - inf"),
    "prod": ({"nan", "inf", "large", "mixed"}, "torch divides by the entry, inf / inf; ours multiplies the others"),
    "logaddexp": ({"inf", "large"}, "torch's second gradient overflows to inf / inf where ours is 0"),
    "nn.functional.elu": ({"nan", "mixed"}, "torch's vectorised and plain loops differ: nan and 1"),
    "nn.functional.kl_div": ({"0", "mixed"}, "torch's slope by a target of 0 is 0 / 0; ours is that of 0"),
    "nn.functional.binary_cross_entropy_with_logits": ({"inf", "mixed"}, "an infinite target is none"),
    "binary_cross_entropy_with_logits": ({"inf", "mixed"}, "an infinite target is none"),
    "linalg.det": ({"nan", "0", "inf", "large"}, "ours needs the inverse, and says so"),
    "linalg.qr": ({"0", "large"}, "ours needs the inverse, and says so; torch gives nan"),
    "linalg.slogdet": ({"0", "large"}, "torch's own backward refuses a singular matrix"),
    "scaled_dot_product_attention": (
        {"nan", "inf", "large", "mixed"}, "torch's kernels and its formula differ for rows without a finite score"
    ),
    "cross_entropy": ({"large"}, "probabilities that are huge: the sums cancel down to rounding"),
    "pinball_loss": (set(FILLINGS), "not torch's op: what stands for it shares a tie"),
    "gru": ({"inf", "mixed"}, "what stands for it multiplies by an identity matrix, inf * 0"),
    "lstm": ({"inf", "mixed"}, "what stands for it multiplies by an identity matrix, inf * 0"),
    "real": ({"inf", "mixed"}, "the parts of an infinite product of complex numbers hang on the order of its sums"),
    "imag": ({"inf", "mixed"}, "the parts of an infinite product of complex numbers hang on the order of its sums"),
}  # fmt: skip


def filled(value: Any, numbers: list[float], made: list[torch.Tensor]) -> Any:
    """torch's arguments with new entries, one offset a tensor, where a gradient is wanted."""
    if isinstance(value, torch.Tensor):
        if not value.requires_grad:
            return value
        made.append(value)
        entries = [numbers[(len(made) - 1 + i) % len(numbers)] for i in range(value.numel())]
        return torch.tensor(entries, dtype=value.dtype).reshape(value.shape).requires_grad_()
    if isinstance(value, list | tuple):
        return type(value)(filled(v, numbers, made) for v in value)
    return {k: filled(v, numbers, made) for k, v in value.items()} if isinstance(value, dict) else value


def excepted(name: str, filling: str) -> bool:
    return filling in EXCEPTIONS.get(name, (set(), ""))[0]


@pytest.mark.parametrize("it", [it for it in CASES if not it.only_value], ids=lambda it: it.op)
def test_cases(it: Case) -> None:
    for filling, numbers in FILLINGS.items():
        if excepted(it.op, filling):
            continue
        made: list[torch.Tensor] = []
        blank = [torch.empty(shape, dtype=F64, requires_grad=True) for shape in it.shapes]
        theirs = [filled(tensor, numbers, made) for tensor in blank]
        ours = [tc.tensor(tensor, requires_grad=True) for tensor in theirs]
        outs, wanted = it.run(tc, *ours), it.run(Torch(), *theirs)
        pairs = list(zip(outs, wanted, strict=True)) if isinstance(outs, tuple) else [(outs, wanted)]
        for one, other in pairs:
            conformance.same(one, other, f"{filling}: value")
        flowing = [(one, other) for one, other in pairs if other.requires_grad]
        if flowing:
            try:
                conformance.gradients(
                    ours, theirs, [a for a, _ in flowing], [b for _, b in flowing], second=not it.once
                )
            except AssertionError as error:
                raise AssertionError(f"{filling}: {error}") from None


@pytest.mark.parametrize(
    "key", [k for k, i in conformance.named().items() if i.supports_autograd and conformance.dtype_of(i) is F64]
)
def test_torchs_samples_filled(key: str) -> None:
    info = conformance.named()[key]
    function = conformance.ours_of(info.name)
    assert function is not None
    second = info.supports_gradgrad and not conformance.NO_SECOND.keys() & {key, info.name}
    torch.manual_seed(conformance.SEED)
    small = [
        sample
        for sample in info.sample_inputs("cpu", F64, requires_grad=True)
        if sum(t.numel() for t in conformance.tensors((sample.input, sample.args, sample.kwargs))) <= SMALL
    ]
    for filling, numbers in FILLINGS.items():
        if excepted(key, filling):
            continue
        for drawn in small[:: max(1, len(small) // SAMPLES)][:SAMPLES]:
            sample, made = copy.copy(drawn), []
            sample.input, sample.args, sample.kwargs = filled((drawn.input, drawn.args, drawn.kwargs), numbers, made)
            try:
                conformance.compared(info, sample, function, second=second)
            except AssertionError as error:
                raise AssertionError(f"{filling}: {error}") from None
            except (RuntimeError, ValueError, TypeError) as error:
                if key not in conformance.REFUSED or not re.search(conformance.REFUSED[key], str(error)):
                    raise


def test_exceptions_name_ops_and_fillings() -> None:
    known = conformance.named().keys() | {it.op for it in CASES}
    assert EXCEPTIONS.keys() <= known
    assert all(fillings <= FILLINGS.keys() and why for fillings, why in EXCEPTIONS.values())
