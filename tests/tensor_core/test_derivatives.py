"""Jacobians, Hessians, products with them, and checkpoints, beside torch's."""

import gc
from typing import Any

import pytest
import torch

import tensor_core as tc

F64 = torch.float64
theirs = torch.autograd.functional


def two(x: Any, y: Any) -> Any:
    return (x * y.exp()).sum(0), (x * x).sum() * y[0]


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=F64)


def same(ours: Any, expected: Any) -> None:
    if isinstance(expected, tuple):
        assert len(ours) == len(expected)
        for one, other in zip(ours, expected, strict=True):
            same(one, other)
        return
    torch.testing.assert_close(ours.raw, expected.detach(), rtol=1e-12, atol=1e-12)


A, B = draw(2, 3), draw(3)


def test_products_with_the_derivative() -> None:
    ours, reference = (tc.tensor(A), tc.tensor(B)), (A, B)
    v = (draw(3), draw())
    same(tc.vjp(two, ours, tuple(map(tc.tensor, v))), theirs.vjp(two, reference, v))
    u = (draw(2, 3), draw(3))
    same(tc.jvp(two, ours, tuple(map(tc.tensor, u))), theirs.jvp(two, reference, u))
    same(tc.vjp(lambda x: x.sum(), ours[0]), theirs.vjp(lambda x: x.sum(), A))


def test_whole_matrices() -> None:
    ours, reference = (tc.tensor(A), tc.tensor(B)), (A, B)
    same(tc.jacobian(two, ours), theirs.jacobian(two, reference))
    same(tc.jacobian(lambda x: x.exp() * x.sum(), ours[1]), theirs.jacobian(lambda x: x.exp() * x.sum(), B))
    same(
        tc.hessian(lambda x, y: (x * y).sum().exp(), ours), theirs.hessian(lambda x, y: (x * y).sum().exp(), reference)
    )
    assert tc.jacobian(lambda x: x.detach() * 2, ours[1]).tolist() == [[0, 0, 0]] * 3
    assert tc.jacobian(lambda x: x[:0], ours[1]).shape == (0, 3)


def test_a_recorded_jacobian_is_derived_again() -> None:
    x = tc.tensor(B, requires_grad=True)
    (got,) = tc.grad((tc.jacobian(lambda x: x**3, x, create_graph=True) ** 2).sum(), x)
    assert got is not None
    torch.testing.assert_close(got.raw, 36 * B**3)
    outer = tc.tensor(2.0, requires_grad=True, dtype=tc.float64)
    _, product = tc.jvp(lambda x: x * outer, x, tc.ones(3, dtype=tc.float64), create_graph=True)
    (slope,) = tc.grad(product.sum(), outer)
    assert slope is not None
    assert slope.item() == 3


def test_the_words_of_derivatives() -> None:
    x = tc.tensor(B)
    with pytest.raises(ValueError, match="v may only be left out for one scalar"):
        tc.vjp(lambda x: x * 2, x)
    with pytest.raises(ValueError, match=r"v has shapes \[\(2,\)\], but \[\(3,\)\] are needed"):
        tc.jvp(lambda x: x * 2, x, tc.ones(2))
    with pytest.raises(ValueError, match="hessian: the function gives one scalar"):
        tc.hessian(lambda x: x * 2, x)
    with pytest.raises(TypeError, match="jacobian: the function gives tensors, not float"):
        tc.jacobian(lambda x: [1.0], x)
    with pytest.raises(TypeError, match="checkpoint: the function gives one tensor, not tuple"):
        tc.checkpoint(lambda x: (x, x), x)


def block(layer: Any, x: Any) -> Any:
    return tc.dropout(tc.gelu(layer(x)), 0.3) * x


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_checkpoint_has_the_same_gradients(create_graph: bool) -> None:
    found = []
    for kept in (True, False):
        tc.manual_seed(5)
        layers = [tc.nn.Linear(3, 3, dtype=tc.float64) for _ in range(3)]
        x = tc.tensor(A, requires_grad=True)
        h = x * 2
        for layer in layers:
            h = block(layer, h) if kept else tc.checkpoint(lambda h, layer=layer: block(layer, h), h)
        leaves = [x, *[p for layer in layers for p in layer.parameters()]]
        first = tc.grad(h.sum(), leaves, create_graph=create_graph)
        again = tc.grad(sum((g * g).sum() for g in first if g is not None), leaves) if create_graph else ()
        found.append([g.raw for g in (*first, *again) if g is not None])
    assert len(found[0]) == len(found[1]) >= 7
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_a_checkpoint_keeps_its_inputs_alone() -> None:
    def held(deep: Any) -> int:
        x = tc.tensor(torch.ones(777), requires_grad=True)
        out = deep(lambda x: x.sin().sin().sin().sin().sin().sin().sin().sin(), x * 1)
        count = sum(isinstance(t, torch.Tensor) and t.shape == (777,) for t in gc.get_objects())
        assert out.requires_grad
        return count

    assert held(lambda f, x: f(x)) - held(tc.checkpoint) >= 5
    with tc.no_grad():
        assert not tc.checkpoint(lambda x: x * 2, tc.ones(2, requires_grad=True)).requires_grad
    assert not tc.checkpoint(lambda x: x * 2, tc.ones(2)).requires_grad
