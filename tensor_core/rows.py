"""Gradients of tables of which a step reads a few rows, and updates that write to those rows alone.

A dense gradient of a vocabulary is zeros but for the batch's words, and an optimiser moves all of it. A `RowGradient`
holds the rows that were read. All shapes follow from the number of indices, not from which of them are equal, so that
nothing waits for a device and a step can be captured: an index that occurs twice is computed twice, to the same end.
"""

from typing import Any, NoReturn

import torch

from tensor_core.tensor import Tensor


class RowGradient:
    """What `.grad` of a table holds after `embedding(…, sparse=True)`: `rows` (n, …) to be added at `indices` (n).

    An index may occur more than once. Sums with another row gradient stay rows; sums with a tensor are dense. With
    `create_graph` gradients are dense.

    >>> import tensor_core as tc
    >>> table = tc.zeros(4, 2, requires_grad=True)
    >>> tc.embedding(tc.tensor([3, 1, 3]), table, sparse=True).sum().backward()
    >>> table.grad.indices, table.grad.coalesce().indices
    (tensor([3, 1, 3]), tensor([1, 3]))
    >>> table.grad.to_dense()[3]
    tensor([2., 2.])
    """

    place = None  # in no graph

    def __init__(self, shape: torch.Size, index: torch.Tensor, values: torch.Tensor) -> None:
        """Rows `values` of a table of `shape`; whoever holds them shares them, so they are never written to."""
        self.shape, self.index, self.values = shape, index, values

    @property
    def indices(self) -> Tensor:
        """Which row of the table each of `rows` belongs to."""
        return Tensor.handle(self.index)

    @property
    def rows(self) -> Tensor:
        """What is to be added there."""
        return Tensor.handle(self.values)

    @property
    def raw(self) -> "RowGradient":
        """Itself: there is no dense memory behind it."""
        return self

    @property
    def dtype(self) -> torch.dtype:
        """The type of the entries."""
        return self.values.dtype

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return self.values.device

    def to_dense(self) -> Tensor:
        """The gradient as a tensor of the table's shape."""
        return Tensor.handle(dense(self))

    def coalesce(self) -> "RowGradient":
        """The same gradient with each index once, in order."""
        index, slots = torch.unique(self.index, return_inverse=True)
        values = self.values.new_zeros((*index.shape, *self.shape[1:])).index_add_(0, slots, self.values)
        return RowGradient(self.shape, index, values)

    def totals(self) -> tuple[torch.Tensor, torch.Tensor]:
        """For each index, as often as it occurs, the sum of its rows; and which occurrence stands for the others."""
        order = torch.arange(self.index.shape[0], device=self.device)
        # Whichever occurrence writes last stands for all. What no index points to is never read.
        last = torch.empty(self.shape[0], dtype=torch.int64, device=self.device).scatter_(0, self.index, order)
        slots = last.index_select(0, self.index)
        sums = torch.zeros_like(self.values).index_add_(0, slots, self.values)
        return sums.index_select(0, slots), slots == order

    def norm(self) -> torch.Tensor:
        """The square root of the sum of squares, as of the dense gradient."""
        sums, stands = self.totals()
        norm: torch.Tensor = torch.linalg.vector_norm(sums * stands.reshape(-1, *[1] * (sums.dim() - 1)))
        return norm

    def scaled(self, factor: torch.Tensor) -> "RowGradient":
        """Every row times `factor`."""
        return RowGradient(self.shape, self.index, self.values * factor)

    def to(self, dtype: torch.dtype) -> "RowGradient":
        """The rows in another type."""
        return RowGradient(self.shape, self.index, self.values.to(dtype))

    def clone(self) -> "RowGradient":
        """The same on memory of its own."""
        return RowGradient(self.shape, self.index.clone(), self.values.clone())

    def is_complex(self) -> bool:
        """Whether the entries are complex."""
        return self.values.is_complex()

    def untyped_storage(self) -> torch.UntypedStorage:
        """The memory of the rows."""
        return self.values.untyped_storage()

    def __add__(self, other: Any) -> Any:
        if isinstance(other, RowGradient):
            index, values = torch.cat([self.index, other.index]), torch.cat([self.values, other.values])
            return RowGradient(self.shape, index, values)
        if isinstance(other, Tensor):
            total: Tensor = other.index_add(0, self.indices, self.rows)
            return total
        return torch.index_add(other, 0, self.index, self.values)

    __radd__ = __add__

    def __repr__(self) -> str:
        return f"RowGradient(shape={tuple(self.shape)}, indices={self.indices}, rows={self.rows})"

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a RowGradient has no {name!r}; use its indices and rows, or to_dense() for a tensor")


def dense(gradient: Any) -> torch.Tensor:
    """A raw gradient as an array of its table's shape."""
    if not isinstance(gradient, RowGradient):
        raw: torch.Tensor = gradient
        return raw
    zeros = gradient.values.new_zeros(gradient.shape)
    return zeros.index_add_(0, gradient.index, gradient.values)


class Loan:
    """Rows that are taken out of tables, written to as if they were the tables, and put back."""

    def __init__(self) -> None:
        """Nothing taken yet."""
        self.index: dict[str, torch.Tensor] = {}
        self.taken: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []

    def take(self, key: str, table: torch.Tensor) -> torch.Tensor:
        """The rows of `table` that the gradient called `key` has; the whole table if that gradient is dense."""
        index = self.index.get(key)
        if index is None:
            return table
        rows = table.index_select(0, index)
        self.taken.append((table, index, rows))
        return rows

    def put_back(self) -> None:
        """Write what became of the rows into the tables."""
        for table, index, rows in self.taken:
            table.index_copy_(0, index, rows)
        self.taken.clear()
        self.index.clear()
