"""Choosing entries. Whole numbers, slices and None make views, one step each; masks and index tensors make copies."""

from typing import Any

import numpy as np
import torch

from tensor_core.autograd import Array
from tensor_core.op import op, write_op
from tensor_core.ops.lookup import gather
from tensor_core.ops.shape import _slice, narrow, select, unsqueeze, view
from tensor_core.tensor import Tensor

_ATEN: Any = torch.ops.aten  # kernels that torch gives no other name
_broadcast_shapes: Any = torch.broadcast_shapes
_END = torch.iinfo(torch.int64).max  # of a slice that goes on to the last entry
_Indices = tuple[torch.Tensor | None, ...]


def _unchosen(grad: Array, indices: _Indices, accumulate: bool) -> Array:
    """The gradient of what an index_put wrote over: zero where it replaced, untouched where it added."""
    return grad if accumulate else _index_put(grad, indices, grad.new_zeros(()), False)


def _unindexed(grad: Array, indices: _Indices, shape: torch.Size) -> Array:
    return _index_put(grad.new_zeros(shape), indices, grad, True)


@op(input=_unindexed)
def _index(input: Array, indices: _Indices) -> Array:
    return _ATEN.index(input, indices)


@op(input=_unchosen, values=lambda grad, indices: _index(grad, indices))
def _index_put(input: Array, indices: _Indices, values: Array, accumulate: bool) -> Array:
    return _ATEN.index_put(input, indices, values, accumulate)


@write_op(input=_unchosen, values=lambda grad, indices: _index(grad, indices))
def _index_put_(input: Array, indices: _Indices, values: Array, accumulate: bool = False) -> Array:
    return _ATEN.index_put_(input, indices, values, accumulate)


def _indices_of(input: Tensor, indices: Any) -> _Indices:
    """Index tensors as the kernel takes them: masks as the indices they stand for."""
    found: list[torch.Tensor | None] = []
    for key in indices:
        found.extend((None,) if key is None else _index_tensors(key, input.device))
    return tuple(found)


def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """`input` with `values` at the positions that `indices` choose, one index tensor a dimension; or added there.

    >>> index_put(zeros(3), (tensor([0, 2]),), tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    return _index_put(input, _indices_of(input, indices), values, accumulate)


def index_put_(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """`index_put`, written into the first argument, which is returned.

    >>> index_put_(zeros(3), (tensor([0, 2]),), tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    return _index_put_(input, _indices_of(input, indices), values, accumulate)


def _index_tensors(key: Any, device: torch.device) -> list[torch.Tensor]:
    """The index tensors that a tensor, mask or list stands for, one for each dimension; none for other keys."""
    if isinstance(key, Tensor):
        raw = key.raw
    elif isinstance(key, torch.Tensor):
        raw = key
    elif isinstance(key, bool | list | range | np.ndarray | np.bool_):
        raw = torch.as_tensor(key, device=device)
        raw = raw if raw.numel() or raw.dtype == torch.bool else raw.long()
    else:
        return []
    if raw.dtype == torch.bool:
        return list(raw.nonzero().unbind(1)) if raw.dim() else [raw]
    if raw.is_floating_point():
        raise IndexError(f"an index tensor holds whole numbers or a mask, not {raw.dtype}; use .long()")
    return [raw.long()]


def _checked_mask(input: Tensor, dim: int, key: Any) -> None:
    """Refuse a mask that does not match the dimensions it stands for."""
    mask = key.raw if isinstance(key, Tensor) else key
    if isinstance(mask, torch.Tensor | np.ndarray) and mask.dtype in (torch.bool, np.bool_) and mask.ndim:
        met = tuple(input.shape[dim : dim + mask.ndim])
        if met != tuple(mask.shape):
            raise IndexError(f"a mask of shape {tuple(mask.shape)} does not match the dimensions {met} it stands for")


def _parsed(input: Tensor, key: Any) -> tuple[Tensor, _Indices]:
    """The view that the simple part of a key leads to, and the index tensors that remain to be applied to it."""
    keys = [(k, _index_tensors(k, input.device)) for k in (key if isinstance(key, tuple) else (key,))]
    scalar_mask = [len(t) == 1 and t[0].dtype == torch.bool for _, t in keys]  # True and False take no dimension
    taken = sum(
        len(t) or (k is not None and k is not Ellipsis) for (k, t), m in zip(keys, scalar_mask, strict=True) if not m
    )
    rest = input.dim() - taken
    if rest < 0:
        raise IndexError(f"{taken} indices are too many for a tensor of shape {tuple(input.shape)}")
    left: list[torch.Tensor | None] = []
    dim = 0
    for (k, tensors), is_scalar_mask in zip(keys, scalar_mask, strict=True):
        if tensors and tensors[0].dim() == 0 and not is_scalar_mask:
            input = select(input, dim, int(tensors[0]))
        elif tensors:
            if is_scalar_mask:
                input, tensors = unsqueeze(input, dim), [tensors[0].reshape(1)]
            _checked_mask(input, dim, k)
            left.extend([None] * (dim - len(left)))
            left.extend(tensors)
            dim += len(tensors)
        elif k is Ellipsis:
            dim, rest = dim + rest, 0
        elif k is None:
            input, dim = unsqueeze(input, dim), dim + 1
        elif isinstance(k, slice):
            input, dim = _sliced(input, dim, k), dim + 1
        else:
            input = _selected(input, dim, k)
    return input, tuple(left)


def _selected(input: Tensor, dim: int, index: Any) -> Tensor:
    try:
        position = index.__index__()
    except AttributeError:
        raise TypeError(
            f"an index is a whole number, slice, None, '...', mask or index tensor, not {type(index).__name__}"
        ) from None
    size = input.shape[dim]
    if not -size <= position < size:
        raise IndexError(f"index {position} is outside dimension {dim}, which has {size} entries")
    return select(input, dim, position)


def _sliced(input: Tensor, dim: int, key: slice) -> Tensor:
    if key == slice(None):
        return input
    if key.step is not None and key.step.__index__() < 1:
        raise ValueError(f"a slice goes forward, not in steps of {key.step}; use flip()")
    size = input.shape[dim]
    if type(size) is not int or type(key.start) is torch.SymInt or type(key.stop) is torch.SymInt:
        # While a step is traced, a size may stay open: the kernel counts from its end, where Python would fix it.
        start, stop = 0 if key.start is None else key.start, _END if key.stop is None else key.stop
        return _slice(input, dim, start, stop, key.step or 1)
    start, stop, step = key.indices(size)
    if step == 1:
        return narrow(input, dim, start, max(stop - start, 0))
    return _slice(input, dim, start, max(stop, start), step)


def getitem(input: Tensor, key: Any) -> Tensor:
    """The entries that `key` chooses, as Python and numpy read it: a view unless the key holds masks or index tensors.

    >>> x = tensor([[1, 2], [3, 4]])
    >>> getitem(x, (slice(None), -1)), x[x > 2]
    (tensor([2, 4]), tensor([3, 4]))
    """
    viewed, indices = _parsed(input, key)
    if indices:
        return _index(viewed, indices)
    return view(input, input.shape) if viewed is input else viewed


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, Tensor) and not value.dim())


def _like(value: Any, input: Tensor) -> Tensor:
    """What is to be written, in the type of `input`."""
    if isinstance(value, Tensor):
        return value.to(input.dtype)
    return Tensor.handle(torch.as_tensor(value, dtype=input.dtype, device=input.device))


def setitem(input: Tensor, key: Any, value: Any) -> None:
    """Write `value`, broadcast, to the entries that `key` chooses.

    >>> x = zeros(3)
    >>> x[1:] = tensor([1.0, 2.0])
    >>> x
    tensor([0., 1., 2.])
    """
    if isinstance(key, Tensor) and key.dtype == torch.bool and _is_number(value):
        _checked_mask(input, 0, key)
        mask = key.reshape(*key.shape, *[1] * (input.dim() - key.dim()))
        input.masked_fill_(mask, _like(value, input))  # which, unlike positions, needs not wait for the mask's numbers
        return
    target, indices = _parsed(input, key)
    if not indices and isinstance(value, int | float):
        target.fill_(value)
        return
    value = _like(value, target)
    if indices:
        _index_put_(target, indices, value)
        return
    while value.dim() > target.dim() and value.shape[0] == 1:
        value = value.squeeze(0)
    target.copy_(value)


@op(input=lambda grad: grad, src=lambda grad, dim, index: grad.gather(dim, index), in_place=torch.Tensor.scatter_add_)
def scatter_add(input: Array, dim: int, index: Array, src: Array) -> Array:
    """`input` with each entry of `src` (of the shape of `index`) added at the position in `index` along `dim`.

    >>> scatter_add(zeros(3), 0, tensor([0, 2, 2]), tensor([1.0, 2.0, 3.0]))
    tensor([1., 0., 5.])
    """
    return torch.scatter_add(input, dim, index, src)


@op(
    input=lambda grad, dim, index: grad.scatter(dim, index, 0),
    src=lambda grad, dim, index: grad.gather(dim, index) if grad.dim() else grad,
    in_place=torch.Tensor.scatter_,
)
def scatter(input: Array, dim: int, index: Array, src: Any) -> Array:
    """`input` with each entry of `src` (of the shape of `index`, or one number) at the position in `index` along `dim`.

    >>> scatter(zeros(3), 0, tensor([0, 2]), tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    return torch.scatter(input, dim, index, src)


def _added_rows(grad: Array, dim: int, index: Array, alpha: float) -> Array:
    rows = grad.index_select(dim, index)
    return rows if alpha == 1 else rows * alpha


def _write_added(input: Array, dim: int, index: Array, source: Array, alpha: float) -> Array:
    return input.index_add_(dim, index, source, alpha=alpha)


@op(input=lambda grad: grad, source=_added_rows, in_place=_write_added)
def index_add(input: Array, dim: int, index: Array, source: Array, alpha: float = 1) -> Array:
    """`input` with `alpha` times each slice of `source` added at the position in `index` (a vector) along `dim`.

    >>> index_add(zeros(3), 0, tensor([0, 2, 2]), tensor([1.0, 2.0, 3.0]))
    tensor([1., 0., 5.])
    """
    return torch.index_add(input, dim, index, source, alpha=alpha)


@op(
    input=lambda grad, dim, index: grad.index_fill(dim, index, 0),
    value=lambda grad, dim, index: (grad - grad.index_fill(dim, index, 0)).sum(),
    in_place=torch.Tensor.index_fill_,
)
def index_fill(input: Array, dim: int, index: Array, value: Any) -> Array:
    """`input` with one number at the positions in `index` (a vector) along `dim`.

    >>> index_fill(zeros(3), 0, tensor([0, 2]), 7)
    tensor([7., 0., 7.])
    """
    return torch.index_fill(input, dim, index, value)


@op(
    input=lambda grad, dim, index: grad.index_fill(dim, index, 0),
    source=lambda grad, dim, index, shape: grad.index_select(dim, index).reshape(shape),
    in_place=torch.Tensor.index_copy_,
)
def index_copy(input: Array, dim: int, index: Array, source: Array) -> Array:
    """`input` with the slices of `source` at the positions in `index` (a vector) along `dim`.

    >>> index_copy(zeros(3), 0, tensor([0, 2]), tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    return torch.index_copy(input, dim, index, source)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """As `gather`, with `input` and `indices` broadcast to each other outside `dim`.

    >>> take_along_dim(tensor([[3, 1], [2, 4]]), tensor([[0], [1]]), 1)
    tensor([[3],
            [4]])
    """
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    wide = list(
        _broadcast_shapes(*[[1 if i == dim % x.dim() else n for i, n in enumerate(x.shape)] for x in (input, indices)])
    )
    wide[dim] = input.shape[dim]
    places = [*wide]
    places[dim] = indices.shape[dim]
    return gather(input.expand(wide), dim, indices.expand(places) % wide[dim])


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The entries where the mask holds, as a vector; both are broadcast to each other.

    >>> masked_select(tensor([1, 2, 3]), tensor([True, False, True]))
    tensor([1, 3])
    """
    shape = _broadcast_shapes(input.shape, mask.shape)
    selected = getitem(input.expand(shape), mask.expand(shape))
    return selected.reshape(-1)


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """The positions of the entries that are not zero, one row each; or one vector for each dimension.

    >>> nonzero(tensor([0, 3, 4]))
    tensor([[1],
            [2]])
    """
    if as_tuple:
        return tuple(Tensor.handle(positions) for positions in torch.nonzero(input.raw, as_tuple=True))
    return Tensor.handle(torch.nonzero(input.raw))


@op()
def argsort(input: Array, dim: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """The positions that would sort `input` along `dim`; equal entries keep their order.

    >>> argsort(tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    return torch.argsort(input, dim=dim, descending=descending, stable=stable)


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """For each class index a vector of `num_classes` zeros with a 1 at the index.

    >>> one_hot(tensor([0, 2]), 3)
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if num_classes < 0:
        raise ValueError("one_hot needs num_classes: to find the largest index would mean to wait for the device")
    raw = input.raw.unsqueeze(-1)
    return Tensor.handle(raw.new_zeros((*input.shape, num_classes)).scatter_(-1, raw, 1))
