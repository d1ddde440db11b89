"""Every public op: value, gradient and second gradient against torch, and the gradient by central differences."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

import tensor_core as tc
from tensor_core.ops import FUNCTIONS
from tests.tensor_core import test_conformance as conformance
from tests.tensor_core.cases import CASES, Case, Torch, case, inputs

STEP = 1e-6  # of the central differences
TOLERANCE = 1e-6  # relative, of the central differences; a gradient wrong by 0.05 % is 500 times worse
EXACT = 1e-9  # relative, against torch in double precision


def total(outs: Any, cotangents: list[torch.Tensor], wrap: Callable[[torch.Tensor], Any]) -> Any:
    outs = outs if isinstance(outs, tuple) else (outs,)
    result = None
    for out, cotangent in zip(outs, cotangents, strict=True):
        term = (out * wrap(cotangent)).sum()
        result = term if result is None else result + term
    return result


def raw(value: Any) -> torch.Tensor:
    return value.raw if isinstance(value, tc.Tensor) else value.detach()


def close(ours: Any, theirs: Any, what: str, tolerance: float = EXACT) -> None:
    torch.testing.assert_close(
        raw(ours), raw(theirs), rtol=tolerance, atol=tolerance, equal_nan=True, msg=lambda m: f"{what}: {m}"
    )


def fresh(arrays: list[torch.Tensor]) -> tuple[list[tc.Tensor], list[torch.Tensor]]:
    ours = [tc.as_tensor(a.clone(memory_format=torch.preserve_format)).requires_grad_() for a in arrays]
    theirs = [a.clone(memory_format=torch.preserve_format).requires_grad_() for a in arrays]
    return ours, theirs


def check(it: Case, *, strided: bool) -> None:
    """Value, gradient, second gradient, and central differences."""
    arrays = inputs(it, strided=strided)
    ours, theirs = fresh(arrays)
    out, expected = it.run(tc, *ours), it.run(Torch(), *theirs)
    pairs = list(zip(out, expected, strict=True)) if isinstance(out, tuple) else [(out, expected)]
    for one, other in pairs:
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        close(one, other, "value")
    if it.only_value:
        return
    draw = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(other.shape, generator=draw, dtype=torch.float64) for _, other in pairs]
    first = tc.grad(total(out, cotangents, tc.as_tensor), ours, create_graph=True, allow_unused=True)
    wanted = torch.autograd.grad(
        total(expected, cotangents, lambda c: c), theirs, create_graph=True, materialize_grads=True, allow_unused=True
    )
    filled = [tc.zeros_like(x) if g is None else g for g, x in zip(first, ours, strict=True)]
    for position, (one, other) in enumerate(zip(filled, wanted, strict=True)):
        close(one, other, f"gradient of input {position}")
    differences(it, arrays, cotangents, filled)
    plain, _ = fresh(arrays)
    total(it.run(tc, *plain), cotangents, tc.as_tensor).backward()
    for position, (tensor, other) in enumerate(zip(plain, wanted, strict=True)):
        close(tc.zeros_like(tensor) if tensor.grad is None else tensor.grad, other, f".grad of input {position}")
    if not it.once:
        second(filled, list(wanted), ours, theirs)


def second(first: list[Any], wanted: list[Any], ours: list[Any], theirs: list[Any]) -> None:
    draw = torch.Generator().manual_seed(2)
    cotangents = [torch.randn(g.shape, generator=draw, dtype=torch.float64) for g in wanted]
    scalar, expected = total(tuple(first), cotangents, tc.as_tensor), total(tuple(wanted), cotangents, lambda c: c)
    if not expected.requires_grad:
        return
    again = torch.autograd.grad(expected, theirs, allow_unused=True, materialize_grads=True)
    got = tc.grad(scalar, ours, allow_unused=True) if scalar.requires_grad else [None] * len(ours)
    for position, (one, other) in enumerate(zip(got, again, strict=True)):
        close(tc.zeros_like(ours[position]) if one is None else one, other, f"second gradient of input {position}")


def differences(it: Case, arrays: list[torch.Tensor], cotangents: list[torch.Tensor], gradients: list[Any]) -> None:
    """The slope along a random direction, by central differences, against the gradient."""
    draw = torch.Generator().manual_seed(4)
    directions = [torch.randn(a.shape, generator=draw, dtype=torch.float64) for a in arrays]

    def along(step: float) -> float:
        moved = [tc.as_tensor(a + step * d) for a, d in zip(arrays, directions, strict=True)]
        with tc.no_grad():
            return float(total(it.run(tc, *moved), cotangents, tc.as_tensor))

    slope = (along(STEP) - along(-STEP)) / (2 * STEP)
    claimed = sum(float((raw(g) * d).sum()) for g, d in zip(gradients, directions, strict=True))
    assert claimed == pytest.approx(slope, rel=TOLERANCE, abs=TOLERANCE * 10)


@pytest.mark.parametrize(
    "it", CASES, ids=lambda it: f"{it.op}-{'-'.join('x'.join(map(str, s)) or '0d' for s in it.shapes)}"
)
def test_op(it: Case) -> None:
    check(it, strided=False)
    if any(len(shape) > 1 for shape in it.shapes) and it.op != "view":
        check(it, strided=True)


def derived(it: Case) -> list[torch.Tensor]:
    """What a case gives, its gradients and its second gradients."""
    ours, _ = fresh(inputs(it, strided=False))
    outs = it.run(tc, *ours)
    found = list(outs if isinstance(outs, tuple) else (outs,))
    flowing = found
    for recorded in (True, False):
        flowing = [out for out in flowing if out is not None and out.requires_grad]
        if not flowing:
            break
        seeds = [tc.ones_like(out) * 0.5 for out in flowing]
        flowing = list(tc.grad(flowing, ours, seeds, create_graph=recorded, allow_unused=True))
        found += flowing
    return [tensor.raw for tensor in found if tensor is not None]


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad], ids=["inference", "no_grad"])
@pytest.mark.parametrize("it", CASES, ids=lambda it: it.op)
def test_torchs_autograd_plays_no_part(it: Case, mode: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = derived(it)

    def forbidden(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("torch's autograd was called")

    monkeypatch.setattr(torch.autograd, "backward", forbidden)
    monkeypatch.setattr(torch.autograd, "grad", forbidden)
    with mode():
        found = derived(it)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


def test_every_public_op_has_a_case() -> None:
    covered = {it.op for it in CASES}
    for info in conformance.named().values():
        covered.add(info.name.rpartition(".")[2])
        if info.inplace_variant is not None:
            covered.add(info.name.rpartition(".")[2] + "_")
    missing = sorted(set(FUNCTIONS) - covered)
    assert not missing, "write in CASES:\n" + "\n".join(
        f'    case("{name}", lambda m, x: m.{name}(x), (2, 3)),' for name in missing
    )


@pytest.fixture
def wrong_exp() -> Iterator[Callable[[Any], Any]]:
    """exp with a gradient that is 0.05 % too large."""
    from tensor_core.op import op

    @op(input=lambda grad, out: grad * out * 1.0005)
    def exp(input: Any) -> Any:
        return torch.exp(input)

    return exp


def test_the_checker_notices_half_a_per_mille(wrong_exp: Callable[[Any], Any]) -> None:
    wrong = case("exp", lambda m, x: wrong_exp(x) if m is tc else m.exp(x), (2, 3))
    arrays = inputs(wrong, strided=False)
    (x,), _ = fresh(arrays)
    cotangents = [torch.ones(2, 3, dtype=torch.float64)]
    gradients = list(tc.grad(wrong_exp(x).sum(), x))
    with pytest.raises(AssertionError, match="gradient of input 0"):
        check(wrong, strided=False)
    with pytest.raises(AssertionError):
        differences(wrong, arrays, cotangents, gradients)
    right = case("exp", lambda m, x: m.exp(x), (2, 3))
    differences(right, arrays, cotangents, list(tc.grad(x.exp().sum(), x)))
