"""Gradients and second gradients by central differences in double precision, over torch's own samples (op_db).

Where test_conformance has torch's gradients for a second opinion, this has the definition of a derivative: the slope of
the values along a random direction of one input. A sample that stands on a kink, where the slopes to both sides differ,
is passed over; every op needs one that does not. Each op's check is made again with the gradient 0.05 % too large,
which it must notice.
"""

import random
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import torch

import tensor_core as tc
from tests.tensor_core import test_conformance as conformance

STEP = 1e-6
TOLERANCE = 1e-5  # relative to the slope; a gradient wrong by 0.05 % is 50 times worse
NOISE = 1e-9  # of a slope, relative to the value that it is of and 1: rounding over STEP, five times
KINK = 1e-3  # slopes to both sides that differ by more, relative, are of a kink
WRONG = 1.0005
SAMPLES = 6  # an op
SECOND_SAMPLES = 3  # an op
SMALL = 400  # entries of all inputs together

# The op as a function of its differentiable inputs to one number, which comes with the leaves it was made of.
Scalar = Callable[[list[torch.Tensor]], tuple[tc.Tensor | None, list[tc.Tensor]]]
# What has no slope to measure.
NO_SLOPE = {
    "bernoulli": "chance", "empty": "no value", "empty_like": "no value", "new_empty": "no value",
    **dict.fromkeys(("ceil", "floor", "trunc", "round", "sign", "sgn"), "steps"),
    **dict.fromkeys(("div.floor_rounding", "div.trunc_rounding"), "steps"),
    **dict.fromkeys(("round.decimals_0", "round.decimals_3", "round.decimals_neg_3"), "steps"),
    **dict.fromkeys(("float", "half", "bfloat16"), "less than double precision"),
    "linalg.norm.subgradients_at_zero": "kinks",
    **dict.fromkeys(("norm.nuc", "nn.functional.embedding_bag"), "refused"),
}  # fmt: skip
# Inputs as the gradient wants them: of a symmetric matrix one triangle is read, ctc_loss takes logarithms that add up
# to 1, and tan has poles all over its sample.
PREPARED: dict[str, Callable[[tc.Tensor], tc.Tensor]] = {
    **dict.fromkeys(("linalg.cholesky", "linalg.eigh", "linalg.eigvalsh"), lambda x: x + x.mT),
    "nn.functional.ctc_loss": lambda x: x.log_softmax(-1),
    "tan": lambda x: x * 0.1,
}


def differentiable() -> list[str]:
    """The variants with a gradient."""
    return sorted(
        key
        for key, info in conformance.named().items()
        if info.supports_autograd and conformance.dtype_of(info) is torch.float64 and key not in NO_SLOPE
    )


def twice_differentiable() -> list[str]:
    """Those of them with a second gradient."""
    infos = conformance.named()
    none = conformance.NO_SECOND
    return [k for k in differentiable() if infos[k].supports_gradgrad and not none.keys() & {k, infos[k].name}]


def small(info: Any) -> list[Any]:
    """Samples of few entries in a drawn order; the smallest one where all are large."""
    torch.manual_seed(conformance.SEED)
    sized = [
        (entries, sample)
        for sample in info.sample_inputs("cpu", torch.float64, requires_grad=True)
        if (entries := sum(t.numel() for t in wanted(sample)))
    ]
    found = [sample for entries, sample in sized if entries <= SMALL]
    found = found or [min(sized, key=lambda pair: pair[0])[1]]
    return random.Random(conformance.SEED).sample(found, len(found))


def wanted(sample: Any) -> list[torch.Tensor]:
    """The inputs that require a gradient."""
    return [t for t in conformance.tensors((sample.input, sample.args, sample.kwargs)) if t.requires_grad]


def replaced(value: Any, fresh: Iterator[torch.Tensor], made: list[tc.Tensor]) -> Any:
    """Our arguments like torch's `value`: leaves from `fresh`, appended to `made`, where a gradient is wanted."""
    if isinstance(value, torch.Tensor):
        if not value.requires_grad:
            return tc.Tensor.handle(value)
        made.append(tc.Tensor.handle(next(fresh).clone()).requires_grad_())
        return made[-1]
    if isinstance(value, list | tuple):
        return type(value)(replaced(v, fresh, made) for v in value)
    return {k: replaced(v, fresh, made) for k, v in value.items()} if isinstance(value, dict) else value


def values_of(info: Any, sample: Any) -> Scalar:
    """A weighted sum of what the op gives."""
    function = conformance.ours_of(info.name)
    prepare = PREPARED.get(info.name, lambda input: input)

    def run(arrays: list[torch.Tensor]) -> tuple[tc.Tensor | None, list[tc.Tensor]]:
        leaves: list[tc.Tensor] = []
        input, args, options = replaced((sample.input, sample.args, sample.kwargs), iter(arrays), leaves)
        torch.manual_seed(conformance.SEED)
        made = sample.output_process_fn_grad(function(prepare(input), *args, **options))
        draw = torch.Generator().manual_seed(conformance.SEED)
        total: tc.Tensor | None = None
        for out in conformance.tensors(made):
            if out.requires_grad:
                for part in (out.real, out.imag) if out.is_complex() else (out,):
                    weight = torch.rand(part.shape, dtype=part.dtype, generator=draw) + 0.5
                    term = (part * tc.Tensor.handle(weight)).sum()
                    total = term if total is None else total + term
        return total, leaves

    return run


def slopes_of(values: Scalar) -> Scalar:
    """A weighted sum of the gradients."""

    def run(arrays: list[torch.Tensor]) -> tuple[tc.Tensor | None, list[tc.Tensor]]:
        total, leaves = values(arrays)
        draw = torch.Generator().manual_seed(conformance.SEED + 1)
        weights = [torch.rand(a.shape, dtype=a.dtype, generator=draw) + 0.5 for a in arrays]
        flows = tc.grad(total, leaves, create_graph=True, allow_unused=True) if total is not None else ()
        terms = [
            (flow * tc.Tensor.handle(weight)).sum()
            for flow, weight in zip(flows, weights, strict=False)
            if flow is not None and flow.requires_grad
        ]
        return (sum(terms[1:], start=terms[0]) if terms else None), leaves

    return run


class Claim(NamedTuple):
    """The slope along a direction by the gradient, by central differences, and how far those may be off."""

    gradient: float
    slope: float
    noise: float

    def holds(self, factor: float = 1.0) -> bool:
        """Whether the gradient, times `factor`, is the slope."""
        return abs(self.gradient * factor - self.slope) <= TOLERANCE * abs(self.slope) + self.noise


def claims(function: Scalar, arrays: list[torch.Tensor]) -> list[Claim]:
    """One for each input that does not stand on a kink, along a random direction."""
    total, leaves = function(arrays)
    if total is None:
        return []
    found: list[Claim] = []
    middle = total.item()
    flows = tc.grad(total, leaves, allow_unused=True)
    draw = torch.Generator().manual_seed(conformance.SEED + 2)
    for i, (array, flow) in enumerate(zip(arrays, flows, strict=True)):
        direction = torch.randn(array.shape, dtype=array.dtype, generator=draw)

        def moved(step: float, i: int = i, direction: torch.Tensor = direction) -> float:
            value, _ = function([a + step * direction if i == j else a for j, a in enumerate(arrays)])
            return middle if value is None else float(value.item())

        ahead, behind = (moved(STEP) - middle) / STEP, (middle - moved(-STEP)) / STEP
        if abs(ahead - behind) <= KINK * max(1.0, abs(ahead), abs(behind)):
            gradient = 0.0 if flow is None else float((flow.raw * direction).sum())
            found.append(Claim(gradient, (ahead + behind) / 2, NOISE * max(1.0, abs(middle))))
    return found


def checked(key: str, *, second: bool) -> list[Claim]:
    """The claims of a variant's first small samples that are not refused; each of them holds."""
    info = conformance.named()[key]
    found: list[Claim] = []
    left = SECOND_SAMPLES if second else SAMPLES
    for sample in small(info):
        function = values_of(info, sample)
        try:
            made = claims(slopes_of(function) if second else function, [t.detach() for t in wanted(sample)])
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            if re.search(conformance.REFUSED.get(key, "$^"), str(error)):
                continue
            raise
        for claim in made:
            assert claim.holds(), f"{key}: the gradient says {claim.gradient}, central differences {claim.slope}"
        found += made
        left -= 1
        if not left:
            break
    return found


@pytest.mark.parametrize("key", differentiable())
def test_gradients(key: str) -> None:
    found = checked(key, second=False)
    assert any(not claim.holds(WRONG) for claim in found), f"no sample of {key} tells a gradient that is 0.05 % wrong"


@pytest.mark.parametrize("key", twice_differentiable())
def test_second_gradients(key: str) -> None:
    found = checked(key, second=True)  # none where the op is linear
    curved = any(abs(claim.slope) > claim.noise for claim in found)
    assert not curved or any(not claim.holds(WRONG) for claim in found)
