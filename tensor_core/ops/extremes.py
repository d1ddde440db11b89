"""Values together with where they stood: the values are taken from the input, so that one rule serves all."""

from typing import Any, NamedTuple

import torch

from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.tensor import Tensor


class Extreme(NamedTuple):
    """Values along a dimension and where they stood."""

    values: Tensor
    indices: Tensor


@op(input=lambda grad, dim, index, shape: grad.new_zeros(shape).scatter_add(dim, index, grad))
def _taken(input: Array, dim: int, index: Array, values: Array) -> Array:
    """`values`, which some kernel took from `input` at `index` along `dim`."""
    return values


def _found(input: Tensor, dim: int, kept: Any, keepdim: bool = True) -> Extreme:
    """What a kernel found along `dim`, recorded."""
    values, indices = _taken(input, dim, Tensor.handle(kept[1]), kept[0]), Tensor.handle(kept[1])
    return Extreme(values, indices) if keepdim else Extreme(values.squeeze(dim), indices.squeeze(dim))


def _reaching(grad: Array, input: Array, out: Array) -> Array:
    """The gradient of an extreme or a median, shared evenly by all entries that are it, even if it is not a number."""
    reached = (input.eq(out) | (input.isnan() & out.isnan())).to(grad.dtype)
    return grad / reached.sum() * reached


@op(input=_reaching)
def _max(input: Array) -> Array:
    return torch.max(input)


@op(input=_reaching)
def _min(input: Array) -> Array:
    return torch.min(input)


@op(input=_reaching)
def _median(input: Array) -> Array:
    return torch.median(input)


def _extreme(input: Tensor, dim: Any, keepdim: bool, along: Any, all_of: Any, pairwise: str) -> Any:
    if isinstance(dim, Tensor):
        return getattr(input, pairwise)(dim)
    if dim is None:
        return all_of(input)
    return _found(input, dim, along(input.raw, dim, True), keepdim)


def max(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest entry; with `dim` the largest along it and where they stand; with a tensor the larger of two.

    >>> values, indices = max(tensor([[1.0, 2.0], [4.0, 3.0]]), dim=1)
    >>> values, indices
    (tensor([2., 4.]), tensor([1, 0]))
    """
    return _extreme(input, dim, keepdim, torch.max, _max, "maximum")


def min(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest entry; with `dim` the smallest along it and where they stand; with a tensor the smaller of two.

    >>> min(tensor([3.0, 1.0, 2.0]))
    tensor(1.)
    """
    return _extreme(input, dim, keepdim, torch.min, _min, "minimum")


def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle entry, the lower of two; with `dim` those along it and where they stand.

    >>> median(tensor([3.0, 1.0, 2.0, 4.0]))
    tensor(2.)
    """
    if dim is None:
        return _median(input)
    return _found(input, dim, torch.median(input.raw, dim, True), keepdim)


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Extreme:
    """The k-th smallest entries along `dim`, and where they stand.

    >>> kthvalue(tensor([3.0, 1.0, 2.0]), 2).values
    tensor(2.)
    """
    return _found(input, dim, torch.kthvalue(input.raw, k, dim, True), keepdim)


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Extreme:
    """The entries in order along `dim`, and where they stood.

    >>> sort(tensor([3.0, 1.0, 2.0])).values
    tensor([1., 2., 3.])
    """
    return _found(input, dim, torch.sort(input.raw, dim=dim, descending=descending, stable=stable))


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Extreme:
    """The `k` largest (or smallest) entries along `dim`, and where they stand.

    >>> topk(tensor([3.0, 1.0, 2.0]), 2).indices
    tensor([0, 2])
    """
    return _found(input, dim, torch.topk(input.raw, k, dim, largest, sorted))
