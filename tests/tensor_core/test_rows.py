"""Gradients that have some rows alone, beside torch's sparse ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import tensor_core as tc
from tensor_core.rows import RowGradient

ROWS, WIDTH, STEPS = 12, 3, 15
READ = [[0, 3, 3], [5, 11, 0], [3, 7, 5]]  # rows, some of them twice
SAME = 1e-6  # largest distance of two trajectories


def start() -> torch.Tensor:
    return torch.randn(ROWS, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def targets() -> torch.Tensor:
    return torch.randn(3, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def batches() -> list[list[list[int]]]:
    return [[[(i * 5 + step * 7) % ROWS for i in row] for row in READ] for step in range(STEPS)]


def walked(m: Any, table: Any, optimizer: Any, *, sparse: bool = True, clip: float | None = None) -> Any:
    """The table after some steps on batches that read some rows of it."""
    look = torch.nn.functional.embedding if m is torch else tc.embedding
    for read in batches():
        optimizer.zero_grad()
        ((look(m.tensor(read), table, sparse=sparse).sum(1) - m.tensor(targets().tolist())) ** 2).sum().backward()
        if clip is not None:
            tc.optim.clip_grad_norm_([table], clip)
        optimizer.step()
    return table


SETTINGS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "SGD": (lambda p: tc.optim.SGD(p, lr=0.02), lambda p: torch.optim.SGD(p, lr=0.02)),
    "Adam": (lambda p: tc.optim.Adam(p, lr=0.05), lambda p: torch.optim.SparseAdam(p, lr=0.05)),
    "Adam, slow": (
        lambda p: tc.optim.Adam(p, lr=0.05, betas=(0.5, 0.9)),
        lambda p: torch.optim.SparseAdam(p, lr=0.05, betas=(0.5, 0.9)),
    ),
    "Adagrad": (lambda p: tc.optim.Adagrad(p, lr=0.1), lambda p: torch.optim.Adagrad(p, lr=0.1)),
}


@pytest.mark.filterwarnings("ignore:Sparse invariant")
@pytest.mark.parametrize("name", SETTINGS)
def test_rows_walk_as_with_torchs_sparse_gradients(name: str) -> None:
    ours, theirs = SETTINGS[name]
    mine = tc.tensor(start(), requires_grad=True)
    yours = start().requires_grad_()
    walked(tc, mine, ours([mine]))
    walked(torch, yours, theirs([yours]))
    assert float((mine.raw - yours.detach()).abs().max()) < SAME
    assert float((mine.raw - start()).abs().max()) > 0.1


@pytest.mark.parametrize("clip", [None, 0.5])
def test_plain_descent_by_rows_is_the_dense_one(clip: float | None) -> None:
    tables = [tc.tensor(start(), requires_grad=True) for _ in range(2)]
    for table, sparse in zip(tables, (True, False), strict=True):
        walked(tc, table, tc.optim.SGD([table], lr=0.02), sparse=sparse, clip=clip)
    assert float((tables[0] - tables[1]).abs().max()) < 1e-12


@pytest.mark.parametrize(
    "make",
    [
        lambda p: tc.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
        lambda p: tc.optim.Adam(p, lr=0.1, weight_decay=0.1),
        lambda p: tc.optim.AdamW(p, lr=0.1, weight_decay=0.1),
        lambda p: tc.optim.Adagrad(p, lr=0.1, weight_decay=0.1),
    ],
)
def test_only_rows_that_were_read_move_and_they_move_as_if_alone(make: Callable[..., Any]) -> None:
    table = tc.tensor(start(), requires_grad=True)
    alone = tc.tensor(start()[[2, 4]], requires_grad=True)
    for part, index in ((table, [4, 2, 4]), (alone, [1, 0, 1])):
        optimizer = make([part])
        for _ in range(5):
            optimizer.zero_grad()
            (tc.embedding(tc.tensor(index), part, sparse=part is table) ** 2).sum().backward()
            optimizer.step()
    assert float((table.detach()[[2, 4]] - alone).abs().max()) < 1e-12
    still = [i for i in range(ROWS) if i not in (2, 4)]
    assert torch.equal(table.raw[still], start()[still])


def test_gradients_add_up_as_rows_and_with_dense_ones() -> None:
    read = tc.tensor([1, 4, 1])
    table = tc.tensor(start(), requires_grad=True)

    def loss(sparse: bool) -> Any:
        return (tc.embedding(read, table, sparse=sparse) ** 2).sum()

    loss(False).backward()
    dense = table.grad
    assert dense is not None
    table.grad = None
    (loss(True) + loss(True)).backward()
    assert isinstance(table.grad, RowGradient)
    assert table.grad.indices.tolist() == [1, 4, 1, 1, 4, 1]
    assert torch.allclose(table.grad.to_dense().raw, 2 * dense.raw)
    assert table.grad.coalesce().indices.tolist() == [1, 4]
    assert torch.allclose(table.grad.coalesce().to_dense().raw, 2 * dense.raw)
    assert table.grad.coalesce().norm() == pytest.approx(float(table.grad.norm()))
    assert float(table.grad.norm()) == pytest.approx(float((2 * dense.raw).norm()))
    loss(True).backward()  # rows onto rows
    assert isinstance(table.grad, RowGradient)
    assert torch.allclose(table.grad.to_dense().raw, 3 * dense.raw)
    loss(False).backward()  # dense onto rows
    assert isinstance(table.grad, tc.Tensor)
    assert torch.allclose(table.grad.raw, 4 * dense.raw)
    loss(True).backward()  # rows onto dense
    assert torch.allclose(table.grad.raw, 5 * dense.raw)
    for order in ((True, False), (False, True), (False, True, False, True)):  # in one pass
        table.grad = None
        sum((loss(sparse) for sparse in order), tc.tensor(0.0)).backward()
        assert isinstance(table.grad, tc.Tensor)
        assert torch.allclose(table.grad.raw, len(order) * dense.raw)


def test_a_gradient_of_rows_owns_its_numbers_and_hooks_see_it() -> None:
    table, given = tc.zeros(4, 2, requires_grad=True), tc.ones(2, 2)
    seen: list[Any] = []
    table.register_hook(seen.append)
    tc.embedding(tc.tensor([1, 2]), table, sparse=True).backward(given)
    given.zero_()
    assert table.grad is not None
    assert table.grad.to_dense().tolist() == [[0, 0], [1, 1], [1, 1], [0, 0]]
    assert isinstance(seen[0], RowGradient)
    handle = table.register_hook(lambda grad: grad.scaled(torch.tensor(3.0)))
    (made,) = tc.grad(tc.embedding(tc.tensor([1]), table, sparse=True).sum(), table)
    assert made is not None
    assert made.to_dense().tolist()[1] == [3, 3] if isinstance(made, RowGradient) else False
    handle.remove()
    with pytest.raises(AttributeError, match="to_dense"):
        table.grad.tolist()


def test_padding_gets_nothing_and_computed_tables_get_dense_gradients() -> None:
    table = tc.tensor(start(), requires_grad=True)
    tc.embedding(tc.tensor([0, 2]), table, 0, sparse=True).sum().backward()
    assert table.grad is not None
    assert isinstance(table.grad, RowGradient)
    assert table.grad.to_dense()[0].tolist() == [0, 0, 0]
    other = tc.tensor(start(), requires_grad=True)
    tc.embedding(tc.tensor([0, 2]), other * 2, sparse=True).sum().backward()
    assert isinstance(other.grad, tc.Tensor)
    (slope,) = tc.grad((tc.embedding(tc.tensor([2]), other, sparse=True) ** 3).sum(), other, create_graph=True)
    assert isinstance(slope, tc.Tensor)
    (curve,) = tc.grad(slope.sum(), other)
    assert isinstance(curve, RowGradient)
    assert torch.allclose(curve.to_dense().raw[2], 6 * start()[2])
    checked = tc.tensor(start(), requires_grad=True)
    tc.checkpoint(lambda t: tc.embedding(tc.tensor([1]), t, sparse=True), checked * 1).sum().backward()
    assert isinstance(checked.grad, tc.Tensor)


@pytest.mark.parametrize("take", ["index_select", "gather"])
def test_rows_by_other_ways(take: str) -> None:
    read = [1, 4, 1]
    table = tc.tensor(start() if take == "index_select" else start()[:, 0], requires_grad=True)
    (getattr(table, take)(0, tc.tensor(read), sparse_grad=True) ** 2).sum().backward()
    assert isinstance(table.grad, RowGradient)
    found, table.grad = table.grad.to_dense(), None
    (getattr(table, take)(0, tc.tensor(read)) ** 2).sum().backward()
    assert table.grad is not None
    assert torch.allclose(found.raw, table.grad.raw)
    before = table.tolist()
    tc.optim.Adam([table], lr=0.1).step()
    assert [i for i, row in enumerate(table.tolist()) if row != before[i]] == [1, 4]
    with pytest.raises(ValueError, match="sparse_grad"):
        getattr(tc.zeros(2, 2), take)(1, tc.zeros(2, 2).long(), sparse_grad=True)


BAGS: list[tuple[list[Any], list[int] | None]] = [
    (READ, None), ([0, 3, 3, 5, 11, 0], [0, 2, 2, 5]), ([3, 3, 3], [0]), ([[3, 3], [3, 3]], None)
]  # fmt: skip


@pytest.mark.parametrize("mode", ["sum", "mean"])
@pytest.mark.parametrize("padding", [None, 3, -9])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("bags", BAGS, ids=["rows", "offsets", "one", "padding alone"])
def test_bags_are_torchs(
    mode: str, padding: int | None, sparse: bool, bags: tuple[list[Any], list[int] | None]
) -> None:
    read, offsets = bags
    mine, yours = tc.tensor(start(), requires_grad=True), start().requires_grad_()
    options: dict[str, Any] = {"mode": mode, "padding_idx": padding}

    def bagged(*, sparse: bool = False) -> Any:
        starts = None if offsets is None else tc.tensor(offsets)
        return tc.embedding_bag(tc.tensor(read), mine, starts, sparse=sparse, **options)

    ours = bagged(sparse=sparse)
    theirs = torch.nn.functional.embedding_bag(
        torch.tensor(read), yours, None if offsets is None else torch.tensor(offsets), **options
    )
    assert torch.allclose(ours.raw, theirs)
    (ours**2).sum().backward()
    (theirs**2).sum().backward()
    assert mine.grad is not None
    assert isinstance(mine.grad, RowGradient) == sparse
    found = mine.grad.to_dense() if isinstance(mine.grad, RowGradient) else mine.grad
    assert torch.allclose(found.raw, yours.grad)
    # The second derivative of the sum of squares, in the direction of the table, is twice its gradient's.
    (first,) = tc.grad((bagged() ** 2).sum(), mine, create_graph=True)
    assert first is not None
    (second,) = tc.grad((first * mine.detach()).sum(), mine)
    assert second is not None
    assert torch.allclose(second.raw, found.raw)


def test_layers_and_errors() -> None:
    tc.manual_seed(0)
    ours = tc.nn.EmbeddingBag(9, 4, mode="sum", padding_idx=0, sparse=True)
    torch.manual_seed(0)
    theirs = torch.nn.EmbeddingBag(9, 4, mode="sum", padding_idx=0, sparse=True)
    assert list(ours.state_dict()) == list(theirs.state_dict()) == ["weight"]
    read, offsets = [1, 0, 8, 2], [0, 3]
    assert torch.allclose(
        ours(tc.tensor(read), tc.tensor(offsets)).raw, theirs(torch.tensor(read), torch.tensor(offsets))
    )
    assert repr(ours) == "EmbeddingBag(9, 4, padding_idx=0, sparse=True, mode='sum')"
    layer = tc.nn.Embedding(9, 4, sparse=True)
    layer(tc.tensor([3])).sum().backward()
    assert isinstance(layer.weight.grad, RowGradient)
    with pytest.raises(IndexError, match="embedding_bag: indices go from 0 to 8, but input holds 3 to 9"):
        ours(tc.tensor([[3, 9]]))
    with pytest.raises(ValueError, match="mode is 'sum' or 'mean', not 'max'"):
        tc.embedding_bag(tc.tensor([[3]]), ours.weight, mode="max")
    with pytest.raises(ValueError, match=r"a row for each bag.*shape is \(1, 1\)"):
        tc.embedding_bag(tc.tensor([[3]]), ours.weight, tc.tensor([0]))


@pytest.mark.parametrize("kind", ["SGD", "Adam", "Adagrad"])
def test_a_captured_step_moves_the_rows_that_it_reads(kind: str, cache: Path) -> None:
    ends = []
    for captured in (False, True):
        table = tc.tensor(start().float(), requires_grad=True)
        optimizer = getattr(tc.optim, kind)([table], lr=0.1)

        def step(read: Any, table: Any = table, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = (tc.embedding_bag(read, table, sparse=True) ** 2).sum()
            loss.backward()
            optimizer.step()
            return loss

        run = tc.capture(step) if captured else step
        losses = [run(tc.tensor(read)).item() for read in batches()[:4]]
        ends.append((losses, table.raw))
        assert table.grad is None or not captured
    assert ends[0][0] == pytest.approx(ends[1][0], rel=1e-5)
    assert torch.allclose(ends[0][1], ends[1][1], atol=1e-5)


def test_a_captured_gradient_without_an_optimiser_is_dense(cache: Path) -> None:
    table = tc.tensor(start(), requires_grad=True)

    @tc.capture
    def backward(read: Any) -> Any:
        loss = (tc.embedding(read, table, sparse=True) ** 2).sum()
        loss.backward()
        return loss

    for _ in range(3):
        table.grad = None
        backward(tc.tensor([1, 4, 1]))
    assert isinstance(table.grad, tc.Tensor)
    assert torch.allclose(table.grad.raw[1], 4 * start()[1])
    table.grad = None
    tc.embedding(tc.tensor([2]), table, sparse=True).sum().backward()
    again = tc.capture(backward.step)
    again(tc.tensor([1, 4]))  # the first call of a kind runs as it is
    with pytest.raises(tc.CaptureError, match="zero_grad"):
        again(tc.tensor([1, 4]))
