"""One tensor of several, and several of one: parts that share one node, so that their gradients meet in one copy."""

import itertools
from collections.abc import Sequence
from typing import Any

import torch

from tensor_core.autograd import Array, Node, Place, is_grad_enabled
from tensor_core.ops.shape import narrow, select, unsqueeze
from tensor_core.tensor import Tensor
from tensor_core.view import View


class _Shares:
    """The gradients of parts of a tensor, on their way to it as one: they are joined there, not padded and added."""

    def __init__(self, whole: Place, parts: dict[int, Array]) -> None:
        self.shape, self.dtype, self.parts = whole.shape, whole.dtype, parts

    def __add__(self, other: "_Shares") -> "_Shares":
        self.parts.update(other.parts)
        return self


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
    whole = Node.made(_WHOLE, (place,), (dim % raw.dim(), sizes), raw)
    parts = []
    for i, step in enumerate(steps):
        part = view(raw, *step)
        parts.append(View.look(part, input, (view, step), Node.made(_PART, (whole,), (i,), part)))
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
        out.place = Node.made(_CAT, places, ((dim, ends),), raw)
    return out


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors side by side along a new dimension.

    >>> stack([tensor([1, 2]), tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    shapes = [tuple(tensor.shape) for tensor in tensors]
    if not shapes or any(shape != shapes[0] for shape in shapes):  # sizes that are symbols have no hash
        raise RuntimeError(f"stack needs tensors of one shape, not {', '.join(map(str, shapes)) or 'none'}")
    return cat([unsqueeze(tensor, dim) for tensor in tensors], dim)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors one after the other along the second dimension; vectors along their only one.

    >>> hstack([tensor([[1], [2]]), tensor([[3], [4]])])
    tensor([[1, 3],
            [2, 4]])
    """
    wide = [tensor if tensor.dim() else tensor.reshape(1) for tensor in tensors]
    return cat(wide, 0 if wide and wide[0].dim() == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors one after the other along the first dimension; a vector is a row.

    >>> vstack([tensor([1, 2]), tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return cat([tensor if tensor.dim() > 1 else tensor.reshape(1, -1) for tensor in tensors])


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Views of the vectors, each spread over a grid along a dimension of its own; "xy" swaps the first two dimensions.

    >>> rows, columns = meshgrid(tensor([1, 2]), tensor([3, 4]))
    >>> rows * columns
    tensor([[3, 4],
            [6, 8]])
    """
    if indexing not in ("ij", "xy"):
        raise ValueError(f"meshgrid: indexing is 'ij' or 'xy', not {indexing!r}")
    held: Sequence[Tensor] = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    order = [*range(len(held))]
    if indexing == "xy":
        order[:2] = order[1::-1]
    sizes = [held[i].numel() for i in order]
    spread = [[size if i == at else 1 for i, size in zip(order, sizes, strict=True)] for at in range(len(held))]
    return tuple([tensor.reshape(shape).expand(sizes) for tensor, shape in zip(held, spread, strict=True)])


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` views of equal size along `dim`, the last one possibly smaller.

    >>> [part.tolist() for part in chunk(tensor([1, 2, 3]), 2)]
    [[1, 2], [3]]
    """
    size = input.shape[dim]
    return split(input, -(-size // chunks), dim) if size else tuple(narrow(input, dim, 0, 0) for _ in range(chunks))
