"""torch's own samples for its ops (op_db), run on ours: each sample agrees in value, gradient, second gradient and in
place, or is refused with the error listed here.
"""

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

import tensor_core as tc

samples_of_torch = pytest.importorskip("torch.testing._internal.common_methods_invocations", reason="needs expecttest")

F64 = torch.float64
SEED = 42  # the one op_db's wrappers of random ops set themselves
CLOSE = {"rtol": 1e-7, "atol": 1e-7, "equal_nan": True}
SECOND_SAMPLES = 24  # a variant: second gradients of more are not taken
TYPES = ("bfloat16", "bool", "double", "float", "half", "int", "long")  # names of types in tc, and of methods

# What is not supported, and the error that says so.
REFUSED = {
    "stft": "only onesided=True and return_complex=True",
    "nn.functional.max_pool1d": "does not return indices",
    "nn.functional.max_pool2d": "does not return indices",
    "nn.functional.batch_norm": r"needs \(rows, channels, …\), not shape \(0,\)",
    "nn.functional.embedding_bag": "unexpected keyword argument '(include_last_offset|per_sample_weights)'|mode is",
    "norm.nuc": "use linalg.matrix_norm",
    "nn.functional.one_hot": "needs num_classes",
    "linalg.qr": "has no gradient; pass mode='reduced'",
    "linalg.svd": "has no gradient.*full_matrices=False",
}
NOT_RUN = {
    "normal": "torch gives what it drew a gradient of zeros, ours has none",
    "zero_": "its samples write to leaves",
    "rand_like": "its samples call randn_like",
    "nn.functional.unfold": "another op of the same name",
}
# op_db calls these with their arguments in another order.
CALLED: dict[str, Callable[..., Any]] = {
    "einsum": lambda operands, equation: tc.einsum(equation, *operands),
    "where": lambda input, condition, other: tc.where(condition, input, other),
    "nn.functional.embedding": lambda weight, indices, **options: tc.embedding(indices, weight, **options),
    "nn.functional.embedding_bag": lambda weight, indices, **options: tc.embedding_bag(indices, weight, **options),
    **{name: lambda x, *a, name=name, **k: getattr(x, name)(*a, **k) for name in TYPES},
}
CONSTANT = {("linalg.slogdet", 0)}  # outputs that torch gives a gradient of zeros
NO_SECOND = {
    "linalg.norm.subgradients_at_zero": "a norm has no second derivative at 0",
    "nn.functional.ctc_loss": "ctc_loss has no second gradient",
    "maximum": "ties", "minimum": "ties", "amax": "ties", "amin": "ties", "max": "ties", "min": "ties",
}  # fmt: skip


def ours_of(name: str) -> Callable[..., Any] | None:
    """Our function of torch's name; None if we have none."""
    found: Any = tc
    for part in name.removeprefix("nn.functional.").split("."):
        if not hasattr(found, part):
            return None
        found = getattr(found, part)
    return CALLED.get(name, found)  # type: ignore[no-any-return]


def key_of(info: Any) -> str:
    return info.name + (f".{info.variant_test_name}" if info.variant_test_name else "")


def dtype_of(info: Any) -> torch.dtype | None:
    """The type its samples are drawn in: double precision if it can be; None for what has only complex ones."""
    kinds = info.supported_dtypes("cpu")
    return next((kind for kind in (F64, torch.int64, torch.bool) if kind in kinds), None)


@functools.cache
def named() -> dict[str, Any]:
    """torch's infos for the ops that we name."""
    return {
        key_of(info): info
        for info in samples_of_torch.op_db
        if info.name not in NOT_RUN and callable(ours_of(info.name)) and dtype_of(info) is not None
    }


def converted(value: Any) -> Any:
    """The same arguments with our tensors in place of torch's."""
    if isinstance(value, torch.Tensor):
        tensor = tc.Tensor.handle(value.detach())
        return tensor.requires_grad_() if value.requires_grad else tensor
    if isinstance(value, list | tuple):
        return type(value)(converted(v) for v in value)
    return {k: converted(v) for k, v in value.items()} if isinstance(value, dict) else value


def tensors(value: Any) -> Iterator[Any]:
    if isinstance(value, torch.Tensor | tc.Tensor):
        yield value
    elif isinstance(value, list | tuple | dict):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from tensors(entry)


def same(ours: Any, theirs: Any, what: str) -> None:
    if ours is None and theirs is None:
        return
    assert (ours is None) == (theirs is None), f"{what}: {ours} instead of {theirs}"
    mine, other = ours.raw, theirs.detach()
    assert mine.dtype == other.dtype, f"{what}: {mine.dtype} instead of {other.dtype}"
    torch.testing.assert_close(mine, other, **CLOSE, msg=lambda text: f"{what}: {text}")


def compared(info: Any, sample: Any, function: Callable[..., Any], *, second: bool) -> bool:
    """Compare one sample; whether there was anything to compare."""
    theirs = (sample.input, sample.args, sample.kwargs)
    torch.manual_seed(SEED)
    try:
        expected = info.op(sample.input, *sample.args, **sample.kwargs)
    except (RuntimeError, ValueError, IndexError, TypeError):
        return False
    ours = converted(theirs)
    torch.manual_seed(SEED)
    got = function(ours[0], *ours[1], **ours[2])
    expected, got = sample.output_process_fn_grad(expected), sample.output_process_fn_grad(got)
    wanted, made = list(tensors(expected)), list(tensors(got))
    assert len(wanted) == len(made), f"{len(made)} tensors instead of {len(wanted)}"
    assert wanted or expected == got
    if info.name not in ("empty", "empty_like", "new_empty"):
        for i, (one, other) in enumerate(zip(made, wanted, strict=True)):
            same(one, other, f"value {i}")
    derived = [i for i, t in enumerate(wanted) if t.requires_grad and (info.name, i) not in CONSTANT]
    if derived:
        gradients(ours, theirs, [made[i] for i in derived], [wanted[i] for i in derived], second=second)
    return True


def gradients(ours: Any, theirs: Any, made: list[Any], wanted: list[Any], *, second: bool) -> None:
    pairs = [(a, b) for a, b in zip(tensors(ours), tensors(theirs), strict=True) if b.requires_grad]
    leaves, their_leaves = [a for a, _ in pairs], [b for _, b in pairs]
    draw = torch.Generator().manual_seed(SEED)
    weights = [torch.rand(w.shape, dtype=w.dtype, generator=draw) for w in wanted]
    expected = torch.autograd.grad(wanted, their_leaves, weights, allow_unused=True, create_graph=second)
    got = tc.grad(made, leaves, [tc.Tensor.handle(w) for w in weights], allow_unused=True, create_graph=second)
    for i, (one, other) in enumerate(zip(got, expected, strict=True)):
        same(one, other, f"gradient {i}")
    if not second:
        return
    kept = [(a, b) for a, b in zip(got, expected, strict=True) if b is not None and b.requires_grad]
    if not kept:
        return
    try:
        again = torch.autograd.grad(sum((b * b).sum() for _, b in kept), their_leaves, allow_unused=True)
    except RuntimeError as error:  # some of torch's fused kernels have no second derivative
        if "is not implemented" in str(error):
            return
        raise
    total = sum((a * a).sum() for a, _ in kept if a is not None)
    held = isinstance(total, tc.Tensor) and total.requires_grad
    second_got = tc.grad(total, leaves, allow_unused=True) if held else [None] * len(leaves)
    for i, (leaf, one, other) in enumerate(zip(leaves, second_got, again, strict=True)):
        zeros = torch.zeros_like(leaf.raw)  # where an op is linear, both may give zeros or nothing
        same(tc.Tensor.handle(zeros) if one is None else one, zeros if other is None else other, f"second gradient {i}")


def written(info: Any, sample: Any) -> None:
    """The in-place form of an op, on a copy."""
    function = getattr(tc, info.name + "_", None)
    if function is None or info.inplace_variant is None or sample.broadcasts_input:
        return
    input = sample.input.detach().clone().requires_grad_(sample.input.requires_grad)
    mine = converted(input)
    args, options = sample.args, sample.kwargs
    try:
        expected = info.inplace_variant(input.clone(), *args, **options)
    except (RuntimeError, ValueError, IndexError, TypeError):
        return
    got = function(mine.clone(), *converted(args), **converted(options))
    same(got, expected, "in place")
    if expected.requires_grad:
        (one,) = tc.grad(got.sum(), mine, allow_unused=True)
        try:
            (other,) = torch.autograd.grad(expected.sum(), input, allow_unused=True)
        except NotImplementedError:
            return
        same(one, other, "gradient in place")


@functools.cache
def outcome(key: str) -> tuple[int, int, list[str], set[str]]:
    """Of one variant: samples that agree, samples refused as listed, what is wrong, the refusals seen."""
    info = named()[key]
    function = ours_of(info.name)
    assert function is not None
    dtype = dtype_of(info)
    differentiable = info.supports_autograd and dtype is F64
    agreed, refused, wrong, seen = 0, 0, [], set()
    second = differentiable and info.supports_gradgrad and not NO_SECOND.keys() & {key, info.name}
    for i, sample in enumerate(info.sample_inputs("cpu", dtype, requires_grad=differentiable)):
        try:
            if compared(info, sample, function, second=second and i < SECOND_SAMPLES):
                agreed += 1
            written(info, sample)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            if key in REFUSED and re.search(REFUSED[key], str(error)):
                refused += 1
                seen.add(key)
            else:
                wrong.append(f"sample {i}: {type(error).__name__}: {error}")
        except AssertionError as error:
            wrong.append(f"sample {i}: {' '.join(str(error).split())[:300]}")
    return agreed, refused, wrong, seen


@pytest.mark.parametrize("key", sorted(named()))
def test_torchs_samples(key: str) -> None:
    _, _, wrong, _ = outcome(key)
    assert not wrong, f"{len(wrong)} samples of {key} disagree:\n" + "\n".join(wrong[:4])


def test_what_is_listed_as_refused_is_refused() -> None:
    for key in REFUSED:
        if key in named():
            assert outcome(key)[3], f"{key} refuses nothing; take it out of REFUSED"
    assert len(named()) > 200


if __name__ == "__main__":
    results = {key: outcome(key) for key in named()}
    print(f"{len(results)} variants of torch's ops: {sum(r[0] for r in results.values())} samples agree,")
    print(
        f"{sum(r[1] for r in results.values())} are refused as listed, {sum(len(r[2]) for r in results.values())} wrong"
    )
