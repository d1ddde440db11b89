"""Other arrangements of the same entries. Those that can share memory are views."""

import math
from typing import Any

import torch

from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.ops.memory import clone
from tensor_core.tensor import Tensor

_ATEN: Any = torch.ops.aten  # kernels that torch gives no other name


def _sizes(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given one by one or as one sequence."""
    if len(sizes) == 1 and not isinstance(sizes[0], int | Tensor | torch.SymInt):
        sizes = tuple(sizes[0])
    return tuple([n if isinstance(n, torch.SymInt) else int(n) for n in sizes])  # type: ignore[misc] # open sizes stay open


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


@op(view=True)
def _reinterpreted(input: Array, dtype: torch.dtype) -> Array:
    return input.view(dtype)


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
    """A view of another shape; the entries must lie in memory one after the other. Given a dtype, the same bits as it.

    >>> view(tensor([1, 2, 3, 4]), 2, -1)
    tensor([[1, 2],
            [3, 4]])
    """
    try:
        sizes = _sizes(size)
    except TypeError:
        if not isinstance(size[0], torch.dtype):
            raise
        return _reinterpreted(input, size[0])
    return _view(input, sizes)


def numel(input: Tensor) -> int:
    """The number of entries.

    >>> numel(tensor([[1, 2], [3, 4]]))
    4
    """
    return input.numel()


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
    except (RuntimeError, ValueError):  # the strides do not allow a view; fake tensors say ValueError
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


def flip(input: Tensor, *dims: Any, **named: Any) -> Tensor:
    """A copy with the order along `dims` reversed.

    >>> flip(tensor([1, 2, 3]), 0)
    tensor([3, 2, 1])
    """
    return _flip(input, _sizes(dims or (named["dims"],)))


def broadcast_to(input: Tensor, *size: Any) -> Tensor:
    """A view of shape `size`, dimensions of size 1 repeated without copying.

    >>> broadcast_to(tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return _expand(input, _sizes(size))


# ---- diagonals and triangles


@op(input=lambda grad, offset, dim1, dim2: grad.diagonal(offset, dim1, dim2))
def _undiagonal(input: Array, size: tuple[int, ...], offset: int, dim1: int, dim2: int) -> Array:
    """Zeros of shape `size`, with `input` on one diagonal."""
    return _ATEN.diagonal_backward.default(input, size, offset, dim1, dim2)


@op(view=True, input=lambda grad, shape, offset, dim1, dim2: _undiagonal(grad, shape, offset, dim1, dim2))
def diagonal(input: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    """A view of the entries whose indices along `dim2` and `dim1` differ by `offset`.

    >>> diagonal(tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return torch.diagonal(input, offset, dim1, dim2)


@op(input=lambda grad, offset, dim1, dim2: grad.diagonal(offset, dim1, dim2))
def diag_embed(input: Array, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Array:
    """Matrices of zeros with the last dimension of `input` on a diagonal.

    >>> diag_embed(tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    return torch.diag_embed(input, offset, dim1, dim2)


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The matrix with a vector on its diagonal, or a copy of the diagonal of a matrix.

    >>> diag(tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if input.dim() not in (1, 2):
        raise RuntimeError(f"diag needs a vector or a matrix, not shape {tuple(input.shape)}; use diagonal()")
    return diag_embed(input, diagonal) if input.dim() == 1 else clone(input.diagonal(diagonal))


def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix.

    >>> trace(tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    if input.dim() != 2:
        raise RuntimeError(f"trace needs a matrix, not shape {tuple(input.shape)}")
    total: Tensor = diagonal(input).sum()
    return total


@op(input=lambda grad, diagonal: grad.tril(diagonal), in_place=torch.Tensor.tril_)
def tril(input: Array, diagonal: int = 0) -> Array:
    """`input` with zeros above a diagonal of its last two dimensions.

    >>> tril(tensor([[1, 2], [3, 4]]))
    tensor([[1, 0],
            [3, 4]])
    """
    return torch.tril(input, diagonal)


@op(input=lambda grad, diagonal: grad.triu(diagonal), in_place=torch.Tensor.triu_)
def triu(input: Array, diagonal: int = 0) -> Array:
    """`input` with zeros below a diagonal of its last two dimensions.

    >>> triu(tensor([[1, 2], [3, 4]]))
    tensor([[1, 2],
            [0, 4]])
    """
    return torch.triu(input, diagonal)


# ---- repeated and moved


@op(input=lambda grad, shifts, dims: _rolled(grad, [-n for n in shifts], dims))
def _roll(input: Array, shifts: list[int], dims: list[int]) -> Array:
    return torch.roll(input, shifts, dims)


def _rolled(grad: Array, shifts: list[int], dims: list[int]) -> Array:
    return _roll(grad, shifts, dims)


def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """`input` moved by `shifts` along `dims`; what leaves at the end comes in at the start.

    >>> roll(tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    moves, along = _sizes((shifts,)), () if dims is None else _sizes((dims,))
    if along:
        return _roll(input, list(moves), list(along))
    return reshape(_roll(flatten(input), list(moves), [0]), input.shape)


def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """A copy with `input` side by side so many times along each dimension.

    >>> repeat(tensor([1, 2]), 2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    times = _sizes(repeats)
    if len(times) < input.dim():
        raise RuntimeError(f"repeat needs a number for each dimension of shape {tuple(input.shape)}, not {times}")
    shape = (*[1] * (len(times) - input.dim()), *input.shape)
    apart = reshape(input, [n for size in shape for n in (1, size)])
    wide = expand(apart, [n for time, size in zip(times, shape, strict=True) for n in (time, size)])
    return clone(wide, torch.contiguous_format).reshape([t * n for t, n in zip(times, shape, strict=True)])


def tile(input: Tensor, *dims: Any) -> Tensor:
    """As `repeat`, for the last dimensions only if fewer are named.

    >>> tile(tensor([[1], [2]]), 2)
    tensor([[1, 1],
            [2, 2]])
    """
    times = _sizes(dims)
    return repeat(input, (*[1] * (input.dim() - len(times)), *times))


def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """A view with dimensions moved, the others keeping their order.

    >>> movedim(zeros(2, 3, 4), 0, -1).shape
    torch.Size([3, 4, 2])
    """
    count = input.dim() or 1
    moves = {d % count: s % count for s, d in zip(_sizes((source,)), _sizes((destination,)), strict=True)}
    rest = iter([d for d in range(input.dim()) if d not in moves.values()])
    return _permute(input, tuple(moves[d] if d in moves else next(rest) for d in range(input.dim())))


@op(input=lambda grad, dimension, size, step: grad.unfold(dimension, size, step))
def _fold(input: Array, shape: tuple[int, ...], dimension: int, size: int, step: int) -> Array:
    """Windows added back to where they were taken from."""
    return _ATEN.unfold_backward.default(input, shape, dimension, size, step)


@op(view=True, input=lambda grad, shape, dimension, size, step: _fold(grad, shape, dimension, size, step))
def unfold(input: Array, dimension: int, size: int, step: int) -> Array:
    """A view of windows of `size` indices along `dimension`, `step` apart, as a new last dimension.

    >>> unfold(tensor([1, 2, 3, 4]), 0, 2, 1)
    tensor([[1, 2],
            [2, 3],
            [3, 4]])
    """
    return input.unfold(dimension, size, step)
