"""Other arrangements of the same entries. Those that can share memory are views."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import torch

from tensor_core.autograd import Array, Node, Place, is_grad_enabled, next_number
from tensor_core.op import op
from tensor_core.ops.memory import clone
from tensor_core.tensor import Tensor
from tensor_core.view import View

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


class _Shares:
    """The gradients of parts of a tensor, on their way to it as one: they are joined there, not padded and added."""

    def __init__(self, whole: Place, parts: dict[int, Array]) -> None:
        self.shape, self.dtype, self.parts = whole.shape, whole.dtype, parts

    def __add__(self, other: "_Shares") -> "_Shares":
        self.parts.update(other.parts)
        return self

    add_ = __add__


class _Part:
    """The op of one part of a split tensor."""

    name = "split"

    def gradients(self, grad: Array, places: Sequence[Place | None], values: Sequence[Any]) -> Sequence[Any]:
        return [None if place is None else _Shares(place, {values[0]: grad}) for place in places]


class _Whole:
    """The op that stands between a tensor and its parts: it joins their gradients."""

    name = "split"

    def gradients(self, grad: Any, places: Sequence[Place | None], values: Sequence[Any]) -> Sequence[Array | None]:
        dim, sizes = values  # one size for each part; none where the parts have lost the dimension
        some = next(iter(grad.parts.values()))
        shape, joined = list(grad.shape), []
        for i, size in enumerate(sizes or [1] * shape[dim]):
            shape[dim] = size
            given = grad.parts.get(i)
            joined.append(given if given is not None else some.new_zeros(shape if sizes else some.shape))
        join: Any = (cat if sizes else stack) if isinstance(some, Tensor) else (torch.cat if sizes else torch.stack)
        return [join(joined, dim)]


_PART, _WHOLE = _Part(), _Whole()


def _node(op: Any, place: Place, saved: tuple[Any, ...], shape: torch.Size, dtype: torch.dtype) -> Node:
    node = Node()
    node.number, node.op, node.places, node.saved = next_number(), op, (place,), saved
    node.holds, node.shape, node.dtype, node.hooks = False, shape, dtype, None
    return node


def split(input: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of `split_size` indices each along `dim`, the last one possibly smaller; or of the given sizes.

    >>> [part.tolist() for part in split(tensor([1, 2, 3]), 2)]
    [[1, 2], [3]]
    """
    total = input.shape[dim]
    if isinstance(split_size, int):
        split_size = [min(split_size, total - start) for start in range(0, total, split_size)] or [0]
    elif sum(split_size) != total:
        raise RuntimeError(f"split: sizes {list(split_size)} do not add up to the {total} entries along dim {dim}")
    starts = itertools.accumulate(split_size[:-1], initial=0)
    return _parts(input, dim, tuple(split_size), narrow, [(dim, *at) for at in zip(starts, split_size, strict=True)])


def _parts(
    input: Tensor, dim: int, sizes: tuple[int, ...], view: Any, steps: list[tuple[int, ...]]
) -> tuple[Tensor, ...]:
    """The views of `input` that `view` takes with each of `steps`."""
    place, raw = input.place, input.raw
    if place is None or not is_grad_enabled() or raw.is_complex():
        return tuple([view(input, *step) for step in steps])
    whole = _node(_WHOLE, place, (dim % raw.dim(), sizes), raw.shape, raw.dtype)
    parts = []
    for i, step in enumerate(steps):
        part = view(raw, *step)
        parts.append(View.look(part, input, (view, step), _node(_PART, whole, (i,), part.shape, raw.dtype)))
    return tuple(parts)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """One view for each index along `dim`.

    >>> unbind(tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    return _parts(input, dim, (), select, [(dim, i) for i in range(input.shape[dim])])


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


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` views of equal size along `dim`, the last one possibly smaller.

    >>> [part.tolist() for part in chunk(tensor([1, 2, 3]), 2)]
    [[1, 2], [3]]
    """
    size = input.shape[dim]
    return split(input, -(-size // chunks), dim) if size else tuple(narrow(input, dim, 0, 0) for _ in range(chunks))


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
