"""Rows of tables. With `sparse` the gradient of a leaf has the rows that were read, and no others (`rows`)."""

from typing import Any

import torch

from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.rows import RowGradient as _RowGradient
from tensor_core.tensor import Tensor

_ATEN: Any = torch.ops.aten  # kernels that torch gives no other name
_BAGS = {"sum": 0, "mean": 1}  # torch's numbers for what is made of a bag


def _row_slope(grad: Array, indices: Array, rows: int, padding_idx: int) -> Array:
    looked_up = _lookup(grad, indices, -1)
    return looked_up if padding_idx < 0 else looked_up * indices.ne(padding_idx).unsqueeze(-1)


@op(input=_row_slope)
def _summed_rows(input: Array, indices: Array, rows: int, padding_idx: int) -> Array:
    """A matrix of `rows` rows: each the sum of the rows of `input` that were looked up there."""
    return _ATEN.embedding_dense_backward(input, indices, rows, padding_idx, False)


def _table_slope(grad: Array, indices: Array, shape: torch.Size, padding_idx: int, sparse: bool) -> Array:
    """The gradient of a table of `shape` from those of its rows at `indices`, of which padding gets none."""
    if not sparse or isinstance(grad, Tensor):
        return _summed_rows(grad, indices, shape[0], padding_idx)
    index, values = indices.reshape(-1), grad.reshape(-1, *shape[1:])
    if padding_idx >= 0:
        values = values * index.ne(padding_idx).unsqueeze(-1)
    return _RowGradient(shape, index, values)


@op(weight=lambda grad, input, shape, padding_idx, sparse: _table_slope(grad, input, shape, padding_idx, sparse))
def _lookup(weight: Array, input: Array, padding_idx: int, sparse: bool = False) -> Array:
    return torch.embedding(weight, input)


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None, *, sparse: bool = False) -> Tensor:
    """The row of `weight` at each index; the row `padding_idx` gets no gradient.

    With `sparse` the gradient of a leaf is a `RowGradient`, and optimisers move the rows that it has, and no others.

    >>> embedding(tensor([1, 0]), tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    padding = _padding("embedding", weight, padding_idx)
    try:
        return _lookup(weight, input, padding, sparse and weight.is_leaf)
    except IndexError:
        raise _outside("embedding", input, weight) from None


def _bag_slope(
    grad: Array, input: Array, bags: Array, scale: Array, padding_idx: int, sparse: bool, shape: torch.Size
) -> Array:
    """Every index gets its bag's gradient: once, or its share of the mean."""
    return _table_slope(grad.index_select(0, bags) * scale, input, shape, padding_idx, sparse)


@op(weight=_bag_slope)
def _bagged(
    weight: Array, input: Array, offsets: Array, bags: Array, scale: Array, mode: int, padding_idx: int, sparse: bool
) -> Array:
    return _ATEN._embedding_bag(weight, input, offsets, False, mode, False, None, False, padding_idx)[0]


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    *,
    mode: str = "mean",
    padding_idx: int | None = None,
    sparse: bool = False,
) -> Tensor:
    """The mean (or "sum") of the rows of `weight` in each bag, padding left out: the rows are never laid side by side.

    Bags are the rows of `input`, or, if it is a vector, begin at `offsets`. An empty bag gives zeros.

    >>> table = tensor([[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]])
    >>> embedding_bag(tensor([[0, 1], [1, 2]]), table, padding_idx=2)
    tensor([[2., 3.],
            [3., 4.]])
    >>> embedding_bag(tensor([0, 1, 1]), table, tensor([0, 2]), mode="sum")
    tensor([[4., 6.],
            [3., 4.]])
    """
    if mode not in _BAGS:
        raise ValueError(f"embedding_bag: mode is {' or '.join(map(repr, _BAGS))}, not {mode!r}")
    if input.dim() != (2 if offsets is None else 1):
        raise ValueError(
            "embedding_bag: input has a row for each bag, or is a vector with offsets=; "
            f"its shape is {tuple(input.shape)}"
        )
    padding = _padding("embedding_bag", weight, padding_idx)
    device, flat = input.device, input.raw.reshape(-1)
    if offsets is None:
        count, length = input.shape
        starts = torch.arange(count, device=device) * length
        bags = torch.arange(count, device=device).unsqueeze(-1).expand(count, length).reshape(-1)
    else:
        count, starts = offsets.shape[0], offsets.raw
        bags = torch.searchsorted(starts, torch.arange(flat.shape[0], device=device), right=True) - 1
    scale = torch.ones(flat.shape[0], dtype=weight.dtype, device=device)
    if mode == "mean":
        kept = scale if padding < 0 else flat.ne(padding).to(weight.dtype)
        sizes = torch.zeros(count, dtype=weight.dtype, device=device).index_add_(0, bags, kept)
        scale = sizes.clamp(min=1).reciprocal().index_select(0, bags)
    indices, offsets, bag, scales = map(Tensor.handle, (flat, starts, bags, scale.unsqueeze(-1)))
    try:
        return _bagged(weight, indices, offsets, bag, scales, _BAGS[mode], padding, sparse and weight.is_leaf)
    except (IndexError, RuntimeError):
        if flat.numel() and device.type == "cpu" and not 0 <= int(flat.min()) <= int(flat.max()) < weight.shape[0]:
            raise _outside("embedding_bag", input, weight) from None
        raise


def _padding(name: str, weight: Tensor, padding_idx: int | None) -> int:
    """The row that stands for padding, from the start of the table; -1 if there is none."""
    rows = weight.shape[0]
    if padding_idx is not None and not -rows <= padding_idx < rows:
        raise ValueError(f"{name}: padding_idx is one of the {rows} rows, not {padding_idx}")
    return -1 if padding_idx is None else padding_idx % rows


def _outside(name: str, input: Tensor, weight: Tensor) -> IndexError:
    low, high = int(input.raw.min()), int(input.raw.max())
    return IndexError(f"{name}: indices go from 0 to {weight.shape[0] - 1}, but input holds {low} to {high}")


def _gather_slope(grad: Array, dim: int, index: Array, shape: torch.Size, sparse_grad: bool) -> Array:
    if sparse_grad and not isinstance(grad, Tensor):
        return _RowGradient(shape, index, grad)
    return grad.new_zeros(shape).scatter_add(dim, index, grad)


@op(input=_gather_slope)
def _gathered(input: Array, dim: int, index: Array, sparse_grad: bool) -> Array:
    return torch.gather(input, dim, index)


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """From each row along `dim` the entries at the positions in `index`.

    With `sparse_grad` the gradient of a leaf that is a vector is a `RowGradient`, as for `embedding`.

    >>> gather(tensor([[1, 2], [3, 4]]), 1, tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    if sparse_grad and input.dim() != 1:
        raise ValueError("gather: sparse_grad is for vectors; take whole rows with index_select(…, sparse_grad=True)")
    return _gathered(input, dim, index, sparse_grad and input.is_leaf)


def _selected_slope(grad: Array, dim: int, index: Array, shape: torch.Size, sparse_grad: bool) -> Array:
    if sparse_grad and not isinstance(grad, Tensor):
        return _RowGradient(shape, index, grad)
    return grad.new_zeros(shape).index_add(dim, index, grad)


@op(input=_selected_slope)
def _selected(input: Array, dim: int, index: Array, sparse_grad: bool) -> Array:
    return torch.index_select(input, dim, index)


def index_select(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """The entries at the positions in `index` (a vector) along `dim`.

    With `sparse_grad` the gradient of a leaf, along `dim` 0, is a `RowGradient`, as for `embedding`.

    >>> index_select(tensor([[1, 2], [3, 4]]), 1, tensor([1, 1]))
    tensor([[2, 2],
            [4, 4]])
    """
    if sparse_grad and dim != 0:
        raise ValueError(f"index_select: sparse_grad is for rows, along dim 0, not {dim}")
    return _selected(input, dim, index, sparse_grad and input.is_leaf)
