"""Sums, means, extremes and norms along dimensions. A rule hands back the reduced gradient; the engine spreads it."""

import builtins
import math
from collections.abc import Callable
from typing import Any

import torch

from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.tensor import Tensor

_ATEN: Any = torch.ops.aten  # kernels that torch gives no other name
_Dims = int | tuple[int, ...] | list[int] | None


def _kept(grad: Array, shape: torch.Size, dim: _Dims, keepdim: bool) -> Array:
    """`grad` with the reduced dimensions back, of size 1."""
    if keepdim or dim is None or dim == () or dim == [] or not shape:
        return grad
    dims = [dim] if isinstance(dim, int) else list(dim)
    for d in sorted(d % len(shape) for d in dims):
        grad = grad.unsqueeze(d)
    return grad


def _count(shape: torch.Size, dim: _Dims) -> int:
    """How many entries went into one result."""
    if not shape:
        return 1
    dims = range(len(shape)) if dim is None else [dim] if isinstance(dim, int) else dim or range(len(shape))
    return math.prod(shape[d] for d in dims)


@op(input=_kept)
def sum(input: Array, dim: _Dims = None, keepdim: bool = False, dtype: torch.dtype | None = None) -> Array:
    """The sum of all entries, or along `dim`.

    >>> sum(tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
    tensor([4., 6.])
    """
    return torch.sum(input, dtype=dtype) if dim is None else torch.sum(input, dim, keepdim, dtype=dtype)


@op(input=lambda grad, shape, dim, keepdim: _kept(grad, shape, dim, keepdim) / builtins.max(_count(shape, dim), 1))
def mean(input: Array, dim: _Dims = None, keepdim: bool = False, dtype: torch.dtype | None = None) -> Array:
    """The mean of all entries, or along `dim`.

    >>> mean(tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1, keepdim=True)
    tensor([[1.5000],
            [3.5000]])
    """
    return torch.mean(input, dtype=dtype) if dim is None else torch.mean(input, dim, keepdim, dtype=dtype)


def _away(input: Array, dim: _Dims) -> Array:
    """The distance from the mean."""
    return input - (input.mean() if dim is None or dim in ((), []) else input.mean(dim, True))


def _var_slope(grad: Array, input: Array, shape: torch.Size, dim: _Dims, correction: float, keepdim: bool) -> Array:
    left = builtins.max(_count(shape, dim) - correction, 0)
    return _kept(grad, shape, dim, keepdim) * _away(input, dim) * (2 / left if left else math.nan)


@op(input=_var_slope)
def _var(input: Array, dim: _Dims, correction: float, keepdim: bool) -> Array:
    return torch.var(input, dim, correction=correction, keepdim=keepdim)


def _std_slope(
    grad: Array, input: Array, out: Array, shape: torch.Size, dim: _Dims, correction: float, keepdim: bool
) -> Array:
    return _var_slope((grad / (out + out)).masked_fill(out.eq(0), 0), input, shape, dim, correction, keepdim)


@op(input=_std_slope)
def _std(input: Array, dim: _Dims, correction: float, keepdim: bool) -> Array:
    return torch.std(input, dim, correction=correction, keepdim=keepdim)


def _corrected(dim: Any, unbiased: bool | None, correction: float | None) -> tuple[Any, float]:
    """The dimensions and the correction that torch's two spellings stand for."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return dim, correction if correction is not None else 1 if unbiased is None else int(unbiased)


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The mean squared distance from the mean, with n - `correction` (1, or 0 if not `unbiased`) in place of n.

    >>> var(tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    dim, correction = _corrected(dim, unbiased, correction)
    return _var(input, dim, correction, keepdim)


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The square root of the variance; its gradient at 0 is 0.

    >>> std(tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    dim, correction = _corrected(dim, unbiased, correction)
    return _std(input, dim, correction, keepdim)


def _others(grad: Array, input: Array) -> Array:
    """The product of all other entries along the last dimension, right even where one is 0."""
    if isinstance(grad, Tensor):
        size = input.shape[-1]
        own = Tensor.handle(torch.eye(size, dtype=torch.bool, device=grad.device))
        return _prod(input.unsqueeze(-2).expand(*input.shape[:-1], size, size).masked_fill(own, 1))
    ones = input.new_ones((*input.shape[:-1], 1))
    before = torch.cat([ones, input.narrow(-1, 0, input.shape[-1] - 1)], -1).cumprod(-1)
    after = torch.cat([ones, input.narrow(-1, 1, input.shape[-1] - 1).flip(-1)], -1).cumprod(-1).flip(-1)
    return before * after


def _prod_slope(grad: Array, input: Array) -> Array:
    return grad.unsqueeze(-1) * _others(grad, input) if input.shape[-1] else grad.new_zeros(input.shape)


@op(input=_prod_slope)
def _prod(input: Array) -> Array:
    return torch.prod(input, -1)


def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, dtype: torch.dtype | None = None) -> Tensor:
    """The product of all entries, or along `dim`.

    >>> prod(tensor([1.0, 2.0, 3.0]))
    tensor(6.)
    """
    if dtype is not None:
        input = input.to(dtype)
    if not input.is_floating_point():
        raw = torch.prod(input.raw) if dim is None else torch.prod(input.raw, dim, keepdim)
        return Tensor.handle(raw)
    if dim is None or not input.dim():
        return _prod(input.reshape(-1))
    out = _prod(input.transpose(dim, -1))
    kept: Tensor = out.unsqueeze(-1).transpose(dim, -1)
    return kept if keepdim else kept.squeeze(dim)


def _shared(grad: Array, input: Array, out: Array, shape: torch.Size, dim: _Dims, keepdim: bool) -> Array:
    """The gradient of an extreme, shared evenly by all entries that reach it."""
    reached = input.eq(_kept(out, shape, dim, keepdim)).to(grad.dtype)
    share = reached.sum() if dim is None or dim in ((), []) else reached.sum(dim, keepdim=True)
    return _kept(grad, shape, dim, keepdim) * reached / share


def _along(
    kernel: Callable[..., Array], meaning: str, example: str, result: str, rule: Callable[..., Array] | None = None
) -> Callable[..., Tensor]:
    """Declare an op that is one of torch's functions, of all entries or along `dim`."""

    def reduced(input: Array, dim: _Dims = None, keepdim: bool = False) -> Array:
        if dim is None:
            return kernel(input, keepdim=True) if keepdim else kernel(input)
        return kernel(input, dim, keepdim)

    reduced.__name__ = reduced.__qualname__ = kernel.__name__
    reduced.__doc__ = f"{meaning}, of all entries or along `dim`.\n\n>>> {example}\n{result}"
    return op(input=rule)(reduced) if rule else op()(reduced)


# fmt: off
amax = _along(torch.amax, "The largest, equal ones sharing the gradient",
    "amax(tensor([[1.0, 2.0], [4.0, 3.0]]), dim=1)", "tensor([2., 4.])", _shared)
amin = _along(torch.amin, "The smallest, equal ones sharing the gradient",
    "amin(tensor([[1.0, 2.0], [4.0, 3.0]]), dim=1)", "tensor([1., 3.])", _shared)
argmax = _along(torch.argmax, "Where the largest stands", "argmax(tensor([[1.0, 2.0], [4.0, 3.0]]), dim=1)",
    "tensor([1, 0])")
argmin = _along(torch.argmin, "Where the smallest stands", "argmin(tensor([[1.0, 2.0], [4.0, 3.0]]), dim=1)",
    "tensor([0, 1])")
any = _along(torch.any, "Whether one is true", "any(tensor([False, True]))", "tensor(True)")
all = _along(torch.all, "Whether each is true", "all(tensor([False, True]))", "tensor(False)")
# fmt: on


# ---- exponentials and norms


@op(
    input=lambda grad, input, out, shape, dim, keepdim: (
        _kept(grad, shape, dim, keepdim) * (input - _kept(out, shape, dim, keepdim)).exp()
    )
)
def logsumexp(input: Array, dim: int | tuple[int, ...] | list[int], keepdim: bool = False) -> Array:
    """The logarithm of the sum of exponentials along `dim`, without overflow.

    >>> logsumexp(tensor([100.0, 100.0]), 0)
    tensor(100.6931)
    """
    return torch.logsumexp(input, dim, keepdim)


def _softmax_slope(grad: Array, out: Array, dim: int) -> Array:
    return _softmax_backward(grad, out, dim)


@op(
    input=lambda grad, other, dim: _softmax_slope(grad, other, dim),
    other=lambda grad, input, other, dim: (
        grad * (input - (input * other).sum(dim, True)) - input * (grad * other).sum(dim, True)
    ),
)
def _softmax_backward(input: Array, other: Array, dim: int) -> Array:
    """`other` times what `input` is above its mean weighted by `other`, in one kernel."""
    return _ATEN._softmax_backward_data(input, other, dim, input.dtype)


@op(input=_softmax_slope)
def softmax(input: Array, dim: int, dtype: torch.dtype | None = None) -> Array:
    """Exponentials along `dim`, divided by their sum.

    >>> softmax(tensor([0.0, 0.0, 0.0, 0.0]), dim=0)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    return torch.softmax(input, dim, dtype)


@op(
    input=lambda grad, other, dim: grad - (grad * other.exp()).sum(dim, True),
    other=lambda grad, input, other, dim: (grad * other.exp() * input.sum(dim, True)).neg(),
)
def _log_softmax_backward(input: Array, other: Array, dim: int) -> Array:
    """`input` less its sum times the exponential of `other`, in one kernel."""
    return _ATEN._log_softmax_backward_data(input, other, dim, input.dtype)


@op(input=lambda grad, out, dim: _log_softmax_backward(grad, out, dim))
def log_softmax(input: Array, dim: int, dtype: torch.dtype | None = None) -> Array:
    """The logarithm of the softmax along `dim`, without overflow.

    >>> log_softmax(tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    return torch.log_softmax(input, dim, dtype)


def _norm_slope(
    grad: Array, input: Array, out: Array, shape: torch.Size, ord: float, dim: _Dims, keepdim: bool
) -> Array | None:
    if ord == 0:
        return None  # a number of entries: torch hands nothing on either
    grad, out = _kept(grad, shape, dim, keepdim), _kept(out, shape, dim, keepdim)
    if ord == 1:
        return grad * input.sgn()
    if ord == 2:
        return grad * (input / out).masked_fill(out.eq(0), 0)
    size = input.abs()
    if math.isinf(ord):
        reached = (size.eq(out) | size.isnan()).to(grad.dtype)
        count = reached.sum() if dim is None else reached.sum(dim, keepdim=True)
        return input.sgn() * (grad / count * reached)
    if ord < 1:
        return input.sgn() * size.pow(ord - 1).masked_fill(size.eq(0), 0) * grad * out.pow(1 - ord)
    scaled = input * size.pow(ord - 2) if ord > 2 else input.sgn() * size.pow(ord - 1)
    return scaled * (grad / out.pow(ord - 1)).masked_fill(out.eq(0), 0)


@op(input=_norm_slope)
def vector_norm(
    input: Array, ord: float = 2, dim: _Dims = None, keepdim: bool = False, dtype: torch.dtype | None = None
) -> Array:
    """The p-norm of all entries taken as one vector, or along `dim`, for p = `ord`; its gradient at 0 is 0.

    >>> vector_norm(tensor([3.0, -4.0]))
    tensor(5.)
    """
    return torch.linalg.vector_norm(input, ord, dim, keepdim, dtype=dtype)


def norm(
    input: Tensor, p: Any = "fro", dim: _Dims = None, keepdim: bool = False, dtype: torch.dtype | None = None
) -> Tensor:
    """The p-norm of all entries taken as one vector, or along `dim`; its gradient at 0 is 0.

    >>> norm(tensor([3.0, -4.0]))
    tensor(5.)
    """
    if isinstance(p, str) and p != "fro":
        raise ValueError(f"norm: p is a number or 'fro', not {p!r}; use linalg.matrix_norm")
    return vector_norm(input, 2.0 if p in ("fro", None) else p, dim, keepdim, dtype)


@op(input=lambda grad, dim: grad.flip(dim).cumsum(dim).flip(dim) if grad.dim() else grad)
def cumsum(input: Array, dim: int, dtype: torch.dtype | None = None) -> Array:
    """The sums of all entries so far along `dim`.

    >>> cumsum(tensor([1.0, 2.0, 3.0]), 0)
    tensor([1., 3., 6.])
    """
    return torch.cumsum(input, dim, dtype=dtype)


def _cumprod_slope(grad: Array, input: Array, dim: int) -> Array:
    """Each entry's share in all later products, right even where one is 0; n² entries of memory for n of `input`."""
    if not grad.dim():
        return grad
    grad, input = grad.movedim(dim, -1), input.movedim(dim, -1)
    size = input.shape[-1]
    own: Any = torch.eye(size, dtype=torch.bool, device=grad.device)
    own = Tensor.handle(own) if isinstance(grad, Tensor) else own
    others = input.unsqueeze(-2).expand(*input.shape[:-1], size, size).masked_fill(own, 1)
    return (others.cumprod(-1).triu() * grad.unsqueeze(-2)).sum(-1).movedim(-1, dim)


@op(input=_cumprod_slope)
def cumprod(input: Array, dim: int, dtype: torch.dtype | None = None) -> Array:
    """The products of all entries so far along `dim`.

    >>> cumprod(tensor([1.0, 2.0, 3.0]), 0)
    tensor([1., 2., 6.])
    """
    return torch.cumprod(input, dim, dtype=dtype)
