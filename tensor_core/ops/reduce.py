"""Sums, means, extremes and norms along dimensions. A rule hands back the reduced gradient; the engine spreads it."""

import builtins
from typing import Any, NamedTuple

import torch

from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.ops.elementwise import sqrt as _sqrt
from tensor_core.tensor import Tensor

_ATEN: Any = torch.ops.aten  # kernels that torch gives no other name
_Dims = int | tuple[int, ...] | list[int] | None


class Extreme(NamedTuple):
    """Values along a dimension and where they stood."""

    values: Tensor
    indices: Tensor


def _kept(grad: Array, shape: torch.Size, dim: _Dims, keepdim: bool) -> Array:
    """`grad` with the reduced dimensions back, of size 1."""
    if keepdim or dim is None or not shape:
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
    count = 1
    for d in dims:
        count *= shape[d]
    return count


@op(input=_kept)
def sum(input: Array, dim: _Dims = None, keepdim: bool = False, dtype: torch.dtype | None = None) -> Array:
    """The sum of all entries, or along `dim`.

    >>> sum(tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
    tensor([4., 6.])
    """
    return torch.sum(input, dtype=dtype) if dim is None else torch.sum(input, dim, keepdim, dtype=dtype)


@op(input=lambda grad, shape, dim, keepdim: _kept(grad, shape, dim, keepdim) / builtins.max(_count(shape, dim), 1))
def mean(input: Array, dim: _Dims = None, keepdim: bool = False) -> Array:
    """The mean of all entries, or along `dim`.

    >>> mean(tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1, keepdim=True)
    tensor([[1.5000],
            [3.5000]])
    """
    return torch.mean(input) if dim is None else torch.mean(input, dim, keepdim)


def _shared(grad: Array, input: Array, out: Array, shape: torch.Size, dim: _Dims, keepdim: bool) -> Array:
    """The gradient of an extreme, shared evenly by all entries that reach it."""
    reached = input.eq(_kept(out, shape, dim, keepdim)).to(grad.dtype)
    share = reached.sum() if dim is None else reached.sum(dim, keepdim=True)
    return _kept(grad, shape, dim, keepdim) * reached / share


@op(input=_shared)
def amax(input: Array, dim: _Dims = None, keepdim: bool = False) -> Array:
    """The largest of all entries, or along `dim`; equal ones share the gradient.

    >>> amax(tensor([[1.0, 2.0], [4.0, 3.0]]), dim=1)
    tensor([2., 4.])
    """
    return torch.amax(input) if dim is None else torch.amax(input, dim, keepdim)


@op(input=_shared)
def amin(input: Array, dim: _Dims = None, keepdim: bool = False) -> Array:
    """The smallest of all entries, or along `dim`; equal ones share the gradient.

    >>> amin(tensor([[1.0, 2.0], [4.0, 3.0]]), dim=1)
    tensor([1., 3.])
    """
    return torch.amin(input) if dim is None else torch.amin(input, dim, keepdim)


@op()
def argmax(input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """Where the largest entry stands, in the flattened tensor or along `dim`.

    >>> argmax(tensor([[1.0, 2.0], [4.0, 3.0]]), dim=1)
    tensor([1, 0])
    """
    return torch.argmax(input, dim, keepdim)


@op()
def argmin(input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """Where the smallest entry stands, in the flattened tensor or along `dim`.

    >>> argmin(tensor([[1.0, 2.0], [4.0, 3.0]]), dim=1)
    tensor([0, 1])
    """
    return torch.argmin(input, dim, keepdim)


@op()
def any(input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """Whether any entry is true.

    >>> any(tensor([False, True]))
    tensor(True)
    """
    return torch.any(input) if dim is None else torch.any(input, dim, keepdim)


@op()
def all(input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """Whether all entries are true.

    >>> all(tensor([False, True]))
    tensor(False)
    """
    return torch.all(input) if dim is None else torch.all(input, dim, keepdim)


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest entry; with `dim` the largest along it and where they stand; with a tensor the larger of two.

    >>> values, indices = max(tensor([[1.0, 2.0], [4.0, 3.0]]), dim=1)
    >>> values, indices
    (tensor([2., 4.]), tensor([1, 0]))
    """
    return _extreme(input, dim, keepdim, argmax, amax, "maximum")


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest entry; with `dim` the smallest along it and where they stand; with a tensor the smaller of two.

    >>> min(tensor([3.0, 1.0, 2.0]))
    tensor(1.)
    """
    return _extreme(input, dim, keepdim, argmin, amin, "minimum")


def _extreme(input: Tensor, dim: Any, keepdim: bool, where: Any, extreme: Any, pairwise: str) -> Any:
    if isinstance(dim, Tensor):
        return getattr(input, pairwise)(dim)
    if dim is None:
        return extreme(input)
    indices = where(input, dim, True)
    values = input.gather(dim, indices) if input.dim() else input.clone()
    return Extreme(values, indices) if keepdim else Extreme(values.squeeze(dim), indices.squeeze(dim))


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


@op(
    input=lambda grad, other, dim: _softmax_slope(grad, other, dim),
    other=lambda grad, input, other, dim: (
        grad * (input - (input * other).sum(dim, True)) - input * (grad * other).sum(dim, True)
    ),
)
def _softmax_backward(input: Array, other: Array, dim: int) -> Array:
    """`other` times what `input` is above its mean weighted by `other`, in one kernel."""
    return _ATEN._softmax_backward_data(input, other, dim, input.dtype)


def _softmax_slope(grad: Array, out: Array, dim: int) -> Array:
    return _softmax_backward(grad, out, dim)


@op(input=_softmax_slope)
def softmax(input: Array, dim: int) -> Array:
    """Exponentials along `dim`, divided by their sum.

    >>> softmax(tensor([0.0, 0.0, 0.0, 0.0]), dim=0)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    return torch.softmax(input, dim)


@op(
    input=lambda grad, other, dim: grad - (grad * other.exp()).sum(dim, True),
    other=lambda grad, input, other, dim: (grad * other.exp() * input.sum(dim, True)).neg(),
)
def _log_softmax_backward(input: Array, other: Array, dim: int) -> Array:
    """`input` less its sum times the exponential of `other`, in one kernel."""
    return _ATEN._log_softmax_backward_data(input, other, dim, input.dtype)


@op(input=lambda grad, out, dim: _log_softmax_backward(grad, out, dim))
def log_softmax(input: Array, dim: int) -> Array:
    """The logarithm of the softmax along `dim`, without overflow.

    >>> log_softmax(tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    return torch.log_softmax(input, dim)


def _norm_slope(
    grad: Array,
    input: Array,
    out: Array,
    shape: torch.Size,
    p: float,
    dim: _Dims,
    keepdim: bool,
) -> Array:
    grad, out = _kept(grad, shape, dim, keepdim), _kept(out, shape, dim, keepdim)
    if p == 1:
        return grad * input.sign()
    direction = input / out if p == 2 else input.sign() * (input.abs() / out).pow(p - 1)
    return grad * direction.masked_fill(out.eq(0), 0)


@op(input=_norm_slope)
def norm(input: Array, p: float = 2.0, dim: _Dims = None, keepdim: bool = False) -> Array:
    """The p-norm of all entries, or along `dim`, for a finite p of at least 1; its gradient at 0 is 0.

    >>> norm(tensor([3.0, -4.0]))
    tensor(5.)
    """
    return torch.linalg.vector_norm(input, p, dim, keepdim)


def var(input: Tensor, dim: _Dims = None, *, correction: int = 1, keepdim: bool = False) -> Tensor:
    """The mean squared distance from the mean, with n - `correction` in place of n.

    >>> var(tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    away = input - mean(input, dim, True) if dim is not None else input - mean(input)
    return sum(away * away, dim, keepdim) / builtins.max(_count(input.shape, dim) - correction, 0)


def std(input: Tensor, dim: _Dims = None, *, correction: int = 1, keepdim: bool = False) -> Tensor:
    """The square root of the variance.

    >>> std(tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    return _sqrt(var(input, dim, correction=correction, keepdim=keepdim))


@op(input=lambda grad, dim: grad.flip(dim).cumsum(dim).flip(dim))
def cumsum(input: Array, dim: int) -> Array:
    """The sums of all entries so far along `dim`.

    >>> cumsum(tensor([1.0, 2.0, 3.0]), 0)
    tensor([1., 3., 6.])
    """
    return torch.cumsum(input, dim)
