"""Other arrangements of the same entries. Those that can share memory are views."""

import math
from collections.abc import Sequence
from typing import Any

import torch

from tensor_core.autograd import Array, Node, Place, is_grad_enabled, next_number
from tensor_core.op import op
from tensor_core.ops.memory import clone
from tensor_core.tensor import Tensor

_ATEN: Any = torch.ops.aten  # kernels that torch gives no other name


def _sizes(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given one by one or as one sequence."""
    if len(sizes) == 1 and not isinstance(sizes[0], int | Tensor):
        sizes = tuple(sizes[0])
    return tuple(int(n) for n in sizes)


@op(input=lambda grad, dim, index: grad.select(dim, index))
def _unselect(input: Array, size: tuple[int, ...], dim: int, index: int) -> Array:
    """Zeros of shape `size`, with `input` at one index along `dim`."""
    return _ATEN.select_backward.default(input, size, dim, index)


def _sliced(grad: Array, dim: int, start: int, stop: int, step: int) -> Array:
    return _slice(grad, dim, start, stop, step)


@op(input=_sliced)
def _unslice(input: Array, size: tuple[int, ...], dim: int, start: int, stop: int, step: int) -> Array:
    """Zeros of shape `size`, with `input` at the sliced indices along `dim`."""
    return _ATEN.slice_backward.default(input, size, dim, start, stop, step)


@op(view=True, input=lambda grad, shape: grad.reshape(shape))
def _view(input: Array, size: tuple[int, ...]) -> Array:
    return input.view(size)


@op(view=True, input=lambda grad, dim0, dim1: grad.transpose(dim0, dim1))
def transpose(input: Array, dim0: int, dim1: int) -> Array:
    """A view with two dimensions swapped.

    >>> transpose(tensor([[1, 2, 3]]), 0, 1).shape
    torch.Size([3, 1])
    """
    return input.transpose(dim0, dim1)


@op(view=True, input=lambda grad, dims: grad.permute(sorted(range(len(dims)), key=lambda i: dims[i] % len(dims))))
def _permute(input: Array, dims: tuple[int, ...]) -> Array:
    return input.permute(dims)


@op(view=True, input=lambda grad, dim: grad.squeeze(dim))
def unsqueeze(input: Array, dim: int) -> Array:
    """A view with a new dimension of size 1 at `dim`.

    >>> unsqueeze(tensor([1, 2]), 1).shape
    torch.Size([2, 1])
    """
    return input.unsqueeze(dim)


@op(view=True, input=lambda grad, shape: grad.reshape(shape))
def squeeze(input: Array, dim: int | tuple[int, ...] | None = None) -> Array:
    """A view without the dimensions of size 1, or without `dim` if its size is 1.

    >>> squeeze(tensor([[1, 2]])).shape
    torch.Size([2])
    """
    return input.squeeze() if dim is None else input.squeeze(dim)


@op(view=True, input=lambda grad: grad)
def _expand(input: Array, size: tuple[int, ...]) -> Array:
    return input.expand(size)


@op(view=True, input=lambda grad, shape, dim, index: _unselect(grad, shape, dim, index))
def select(input: Array, dim: int, index: int) -> Array:
    """A view of one index along `dim`, which disappears.

    >>> select(tensor([[1, 2], [3, 4]]), 1, 0)
    tensor([1, 3])
    """
    return input.select(dim, index)


def _unnarrow(grad: Array, shape: torch.Size, dim: int, start: int, length: int) -> Array:
    start = start + shape[dim] if start < 0 else start
    return _unslice(grad, shape, dim, start, start + length, 1)


@op(view=True, input=_unnarrow)
def narrow(input: Array, dim: int, start: int, length: int) -> Array:
    """A view of `length` indices along `dim` from `start`.

    >>> narrow(tensor([1, 2, 3, 4]), 0, 1, 2)
    tensor([2, 3])
    """
    return input.narrow(dim, start, length)


@op(view=True, input=lambda grad, shape, dim, start, stop, step: _unslice(grad, shape, dim, start, stop, step))
def _slice(input: Array, dim: int, start: int, stop: int, step: int) -> Array:
    return _ATEN.slice(input, dim, start, stop, step)


@op(input=lambda grad, dims: grad.flip(dims))
def _flip(input: Array, dims: tuple[int, ...]) -> Array:
    return torch.flip(input, dims)


def view(input: Tensor, *size: Any) -> Tensor:
    """A view of another shape; the entries must lie in memory one after the other.

    >>> view(tensor([1, 2, 3, 4]), 2, -1)
    tensor([[1, 2],
            [3, 4]])
    """
    return _view(input, _sizes(size))


def reshape(input: Tensor, *shape: Any) -> Tensor:
    """The entries in another shape: a view where possible, else a copy.

    >>> reshape(tensor([1, 2, 3, 4]), (2, 2))
    tensor([[1, 2],
            [3, 4]])
    """
    sizes = _sizes(shape)
    if not _fits(input.shape, sizes):
        raise RuntimeError(
            f"reshape: {input.numel()} entries of shape {tuple(input.shape)} do not fit into shape {sizes}"
        )
    try:
        return _view(input, sizes)
    except RuntimeError:  # the strides do not allow a view
        return _view(clone(input, torch.contiguous_format), sizes)


def _fits(shape: torch.Size, sizes: tuple[int, ...]) -> bool:
    """Whether `shape` has as many entries as `sizes`, which may leave one size open with -1."""
    known = math.prod(n for n in sizes if n != -1)
    count = math.prod(shape)
    free = sizes.count(-1)
    return (
        free <= 1 and min(sizes, default=0) >= -1 and (count == known if not free else known > 0 and count % known == 0)
    )


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from `start_dim` to `end_dim` joined into one.

    >>> flatten(tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    shape = list(input.shape) or [1]
    start, end = start_dim % len(shape), end_dim % len(shape)
    return reshape(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def permute(input: Tensor, *dims: Any) -> Tensor:
    """A view with the dimensions in the order `dims`.

    >>> permute(tensor([[1, 2, 3]]), 1, 0).shape
    torch.Size([3, 1])
    """
    return _permute(input, _sizes(dims))


def t(input: Tensor) -> Tensor:
    """A view with both dimensions of a matrix swapped; a vector as it is.

    >>> t(tensor([[1, 2]])).shape
    torch.Size([2, 1])
    """
    if input.dim() > 2:
        raise RuntimeError(
            f"t() needs at most 2 dimensions, but the shape is {tuple(input.shape)}; use transpose(-2, -1)"
        )
    return transpose(input, 0, 1) if input.dim() == 2 else view(input, input.shape)


def expand(input: Tensor, *size: Any) -> Tensor:
    """A view in which dimensions of size 1 are repeated without copying; -1 keeps a size.

    >>> expand(tensor([[1], [2]]), 2, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    return _expand(input, _sizes(size))


def flip(input: Tensor, *dims: Any) -> Tensor:
    """A copy with the order along `dims` reversed.

    >>> flip(tensor([1, 2, 3]), 0)
    tensor([3, 2, 1])
    """
    return _flip(input, _sizes(dims))


def split(input: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of `split_size` indices each along `dim`, the last one possibly smaller; or of the given sizes.

    >>> [part.tolist() for part in split(tensor([1, 2, 3]), 2)]
    [[1, 2], [3]]
    """
    total = input.shape[dim]
    if isinstance(split_size, int):
        split_size = [min(split_size, total - start) for start in range(0, total, split_size)] or [0]
    starts = [sum(split_size[:i]) for i in range(len(split_size))]
    return tuple(narrow(input, dim, start, size) for start, size in zip(starts, split_size, strict=True))


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """One view for each index along `dim`.

    >>> unbind(tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    return tuple(select(input, dim, i) for i in range(input.shape[dim]))


class _Cat:
    """The op of `cat`: each input gets its own stretch of the gradient."""

    name = "cat"

    def gradients(self, grad: Array, places: Sequence[Place | None], values: Sequence[Any]) -> Sequence[Array | None]:
        dim, ends = values[0]
        starts = (0, *ends)
        return [
            None if place is None else grad.narrow(dim, start, end - start)
            for place, start, end in zip(places, starts, ends, strict=False)
        ]


_CAT = _Cat()


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after the other along `dim`.

    >>> cat([tensor([1, 2]), tensor([3])])
    tensor([1, 2, 3])
    """
    if not tensors:
        raise RuntimeError("cat needs at least one tensor")
    try:
        raw = torch.cat([tensor.raw for tensor in tensors], dim)
    except (RuntimeError, IndexError) as error:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
        raise type(error)(f"cat of shapes {shapes} along dim {dim}: {error}") from None
    out = Tensor.handle(raw)
    places = tuple(tensor.place for tensor in tensors)
    if is_grad_enabled() and any(place is not None for place in places):
        ends, end = [], 0
        for tensor in tensors:
            # torch lets a vector without entries stand anywhere
            end += 0 if tensor.shape == (0,) else tensor.shape[dim]
            ends.append(end)
        node = Node()
        node.number = next_number()
        node.op = _CAT
        node.places = places
        node.saved = ((dim, ends),)
        node.holds = False
        node.shape = raw.shape
        node.dtype = raw.dtype
        node.hooks = None
        out.place = node
    return out


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors side by side along a new dimension.

    >>> stack([tensor([1, 2]), tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    shapes = {tuple(tensor.shape) for tensor in tensors}
    if len(shapes) != 1:
        raise RuntimeError(f"stack needs tensors of one shape, not {sorted(shapes) or 'none'}")
    return cat([unsqueeze(tensor, dim) for tensor in tensors], dim)


def broadcast_to(input: Tensor, *size: Any) -> Tensor:
    """A view of shape `size`, dimensions of size 1 repeated without copying.

    >>> broadcast_to(tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return _expand(input, _sizes(size))
