"""Mini-batches of tensors in memory: seeded, and shared out among the processes of a run."""

from collections.abc import Iterator

import torch

from tensor_core.tensor import Tensor


def batches(
    *tensors: Tensor, size: int, seed: int | None = None, epoch: int = 0, rank: int = 0, ranks: int = 1,
    drop_last: bool = False,
) -> Iterator[tuple[Tensor, ...]]:  # fmt: skip
    """The rows of `tensors` in batches of `size`, in an order that `seed` and `epoch` decide (in turn without a seed).

    Of `ranks` processes each gets its share of every batch, so that all take the same number of steps; the rows that
    cannot be shared out evenly at the end are left out, and without `drop_last` no others.

    >>> from tensor_core import arange
    >>> [x.tolist() for (x,) in batches(arange(5), size=2)]
    [[0, 1], [2, 3], [4]]
    >>> [[x.tolist() for (x,) in batches(arange(5), size=4, rank=rank, ranks=2)] for rank in range(2)]
    [[[0, 1]], [[2, 3]]]
    """
    rows = {tensor.shape[0] for tensor in tensors}
    if len(rows) != 1:
        raise ValueError(f"batches: the tensors have {sorted(rows) or 'no'} rows; they must have the same number")
    if size < 1 or not 0 <= rank < ranks or size % ranks:
        raise ValueError(f"batches: size {size} cannot be shared out among {ranks} ranks (this one is {rank})")
    (count,) = rows
    if seed is None:
        order = torch.arange(count)
    else:
        order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
    orders = {tensor.device: order.to(tensor.device) for tensor in tensors}  # once, as a device makes each copy wait
    for start in range(0, count, size):
        found = min(size, count - start)
        share = found // ranks
        if share == 0 or (drop_last and found < size):
            return
        first = start + rank * share
        yield tuple(Tensor.handle(t.raw.index_select(0, orders[t.device].narrow(0, first, share))) for t in tensors)
