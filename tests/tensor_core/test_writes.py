"""In-place ops and views: torch's values and gradients, or a refusal that says what to do."""

import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch

import tensor_core as tc


def scale_view(x: Any, y: Any) -> Any:
    z = x * 1
    z[0].mul_(y)
    return z


def write_base_then_read_view(x: Any, y: Any) -> Any:
    z = x * 1
    view = z.T[1]
    z.mul_(y)
    return view * 2


def write_view_then_read_other_view(x: Any, y: Any) -> Any:
    z = x * 1
    one, other = z[0], z[:, 1]
    one.copy_(y)
    return other * one[1]


def view_of_view(x: Any, y: Any) -> Any:
    z = x * 1
    z.T[1:][0].add_(y[0])
    z.reshape(-1)[::2].mul_(2)
    return z * z


def constant_base_takes_gradient(x: Any, y: Any) -> Any:
    z = (x * 0).detach()
    view = z[1]
    view.copy_(y)
    return z.sum() + view.sum()


def square_itself(x: Any, y: Any) -> Any:
    z = x * y
    z += x
    z -= y
    z *= 2
    z /= 3
    return z


def transposed_base(x: Any, y: Any) -> Any:
    z = (x.T * 1).T
    z[0].mul_(y)
    z.view(-1)[1:3] *= 2
    return z * x


def gradient_in_another_layout(x: Any, y: Any) -> Any:
    z = x * y
    z.view(-1)[1:3].mul_(2)
    return z.T.contiguous() * 3


def relu_of_view(x: Any, y: Any) -> Any:
    z = x * y
    z[:, 1:].relu_()
    return z.exp()


def written_twice(x: Any, y: Any) -> Any:
    z = x + y
    z.neg_()
    z[1] = z[0] * 3
    z.tanh_()
    return z


def write_through_expand_source(x: Any, y: Any) -> Any:
    z = y * 1
    wide = z.unsqueeze(0).expand(2, 3)
    z.mul_(3)
    return wide * x


def detached_alias(x: Any, y: Any) -> Any:
    z = x * y
    z.detach().mul_(1.0)
    return z + 1


def narrow_then_cat(x: Any, y: Any) -> Any:
    z = x * 1
    head = z.narrow(0, 0, 1)
    head.sub_(y)
    return (z * z)[0] + head[0]


def setitem_loop(x: Any, y: Any) -> Any:
    z = x * 0
    for i in range(2):
        z[i] = x[i] * y + (z[i - 1] if i else 0)
    return z


def no_grad_write(x: Any, y: Any) -> Any:
    z = x + y
    with (torch if isinstance(x, torch.Tensor) else tc).no_grad():
        z.mul_(2)
    return z * 1.0


def masked(x: Any, y: Any) -> Any:
    z = x * y
    z[z > 0] = 0.5
    z[[1, 0], [0, 2]] = y[:2]
    return z * x


PROGRAMS = [
    value for value in list(globals().values()) if callable(value) and getattr(value, "__module__", "") == __name__
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_equals_torch(program: Callable[[Any, Any], Any]) -> None:
    a, b = torch.randn(2, 3, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    ours = [tc.tensor(t, requires_grad=True) for t in (a, b)]
    theirs = [t.clone().requires_grad_() for t in (a, b)]
    out, expected = program(*ours), program(*theirs)
    assert torch.allclose(out.raw, expected)
    first = tc.grad((out * out).sum(), ours, create_graph=True, allow_unused=True)
    wanted = torch.autograd.grad((expected * expected).sum(), theirs, create_graph=True, allow_unused=True)
    for one, other in zip(first, wanted, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert torch.allclose(one.raw, other)
    if all(g is not None and g.requires_grad for g in wanted):
        again = tc.grad(sum((g * g).sum() for g in first), ours)
        for one, other in zip(again, torch.autograd.grad(sum((g * g).sum() for g in wanted), theirs), strict=True):
            assert torch.allclose(one.raw, other)


@pytest.fixture
def x() -> tc.Tensor:
    return tc.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)


def test_a_leaf_is_not_written_where_gradients_are_recorded(x: tc.Tensor) -> None:
    with pytest.raises(RuntimeError, match=r"mul_ cannot write to a tensor of shape \(2, 3\): it is a leaf.*no_grad"):
        x.mul_(2)
    with pytest.raises(RuntimeError, match=r"shape \(3,\): it is a view of a leaf.*clone"):
        x[0].zero_()
    with tc.no_grad():
        x -= 1
        x[0] = 7
    assert x.tolist() == [[7, 7, 7], [3, 4, 5]]
    assert x.is_leaf
    assert x.requires_grad


def test_a_view_from_no_grad_is_not_written(x: tc.Tensor) -> None:
    y = x * 2
    with tc.no_grad():
        view = y[0]
    with pytest.raises(RuntimeError, match="made inside no_grad"):
        view.mul_(tc.tensor(2.0, requires_grad=True))


@pytest.mark.parametrize("write", [lambda z: z.mul_(2), lambda z: z[0].zero_(), lambda z: z.detach().add_(1)])
def test_a_saved_value_that_changed_is_noticed(x: tc.Tensor, write: Callable[[tc.Tensor], Any]) -> None:
    z = x * 1
    out = z.exp() * z
    write(z)
    with pytest.raises(RuntimeError, match=r"shape \(2, 3\) was changed in place after mul saved it.*clone\(\)"):
        out.sum().backward()


def test_an_output_that_changed_is_noticed(x: tc.Tensor) -> None:
    out = x.exp()
    out.mul_(2)
    with pytest.raises(RuntimeError, match="changed in place after exp saved it"):
        out.sum().backward()


def test_a_value_nobody_needs_may_change(x: tc.Tensor) -> None:
    z = x * 1
    out = z + 1
    z.mul_(2)
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[1, 1, 1], [1, 1, 1]]


def test_a_product_with_itself_in_place_is_right(x: tc.Tensor) -> None:
    z = x * 1
    z.mul_(z)
    z.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad.raw, 2 * x.raw)


def test_writes_of_an_optimiser_are_noticed(x: tc.Tensor) -> None:
    loss = (x * x).sum()
    loss.backward(retain_graph=True)
    tc.optim.SGD([x], lr=0.1).step()
    with pytest.raises(RuntimeError, match="changed in place after mul saved it"):
        loss.backward()


def test_views_share_memory_and_version(x: tc.Tensor) -> None:
    y = x.detach().clone()
    views = [y[0], y.T, y.view(-1), y.reshape(3, 2), y[:, ::2], y.unsqueeze(0), y.narrow(1, 0, 1), y.expand(2, 2, 3)]
    for view in views:
        assert view.memory is y.memory
        assert view.raw.untyped_storage().data_ptr() == y.raw.untyped_storage().data_ptr()
    for copy in [y.clone(), y.T.reshape(-1), y[y > 0], y[[0]], y + 0, y.T.contiguous()]:
        assert copy.memory is not y.memory
        assert copy.raw.untyped_storage().data_ptr() != y.raw.untyped_storage().data_ptr()


def test_a_transposed_leaf_stays_a_leaf() -> None:
    w = tc.ones(2, 3).T.requires_grad_()
    (w * 2).sum().backward()
    assert w.grad is not None
    assert w.grad.tolist() == [[2, 2]] * 3
    with pytest.raises(RuntimeError, match="view of a leaf"):
        w[0].mul_(2)


def test_gradients_belong_to_their_leaves_alone() -> None:
    a, b = tc.zeros(3, requires_grad=True), tc.zeros(3, requires_grad=True)
    seed = tc.ones(3)
    (a + b).backward(seed)
    assert a.grad is not None
    a.grad.zero_()
    assert b.grad is not None
    assert b.grad.tolist() == [1, 1, 1]
    assert seed.tolist() == [1, 1, 1]
    a.sum().backward(create_graph=True)
    a.view(3).backward(tc.ones(3))
    assert a.grad.tolist() == [2, 2, 2]


IN_PLACE_OPERATORS: dict[str, Callable[[Any], Any]] = {
    "pow": lambda z: operator.ipow(z, 2),
    "pow of a float": lambda z: operator.ipow(z, 0.5),
    "floordiv": lambda z: operator.ifloordiv(z, 2),
    "mod": lambda z: operator.imod(z, 3),
    "eq": lambda z: z.eq_(2),
}


@pytest.mark.parametrize("name", IN_PLACE_OPERATORS)
def test_an_operator_in_place_writes_what_its_aliases_see(name: str) -> None:
    for whole in (torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5, 2], [3, 4]])):
        if name == "pow of a float" and not whole.is_floating_point():
            continue
        ours, theirs = tc.tensor(whole), whole.clone()
        alias, row = ours, ours[0]
        assert IN_PLACE_OPERATORS[name](ours) is ours is alias
        IN_PLACE_OPERATORS[name](theirs)
        assert torch.equal(row.raw, theirs[0])


@pytest.mark.parametrize("name", IN_PLACE_OPERATORS)
def test_an_operator_in_place_is_recorded(name: str) -> None:
    leaves = []
    for m in (tc, torch):
        leaf = m.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
        z = leaf * 2
        IN_PLACE_OPERATORS[name](z[0])
        if m is torch and name == "floordiv":  # torch has no gradient of it; it is flat almost everywhere
            z = leaf * 2 * m.tensor([[0.0], [1.0]])
        (z * 3).sum().backward()
        leaves.append(leaf)
    assert torch.equal(leaves[0].grad.raw, leaves[1].grad)


def test_a_view_is_not_detached_in_place(x: tc.Tensor) -> None:
    with pytest.raises(RuntimeError, match=r"detach_\(\) cannot cut off a view, of shape \(3,\); use detach\(\)"):
        (x * 1)[0].detach_()
    assert not (x * 1).detach_().requires_grad


def test_a_leaf_stands_on_the_data_it_is_given(x: tc.Tensor) -> None:
    given = tc.ones(2, dtype=tc.float64)
    x.data = given
    assert x.is_leaf
    (x * x).sum().backward()
    assert x.grad is not None
    assert (x.grad.dtype, x.grad.tolist()) == (tc.float64, [2, 2])
    given.zero_()
    assert x.tolist() == [0, 0]
    for computed, why in ((x * 1, "it was computed"), (x[0], "it is a view"), (given[:1], "it is a view")):
        with pytest.raises(RuntimeError, match=f"cannot be set: {why}"):
            computed.data = given


def test_a_captured_step_does_not_swap_memory() -> None:
    x = tc.ones(2)

    @tc.capture
    def step(value: tc.Tensor) -> tc.Tensor:
        x.data = value
        return x * 1

    with pytest.raises(tc.CaptureError, match=r"cannot set \.data"):
        step(tc.zeros(2))


def test_the_same_bits_of_another_type_share_memory() -> None:
    for m in (tc, torch):
        x = m.tensor([1.0, -2.0])
        bits = x.view(m.int32)
        bits.bitwise_and_(0x7FFFFFFF)
        assert x.tolist() == [1, 2]
        assert m.zeros(2, 3).view(m.int16).shape == (2, 6)
