"""The engine: depth, memory, modes, hooks, orders of derivative, and its words when something is wrong."""

import contextvars
import gc
import os
import threading
import weakref
from typing import Any

import pytest
import torch

import tensor_core as tc

DEPTH = int(os.environ.get("TENSOR_CORE_DEPTH", "200000"))  # ops in a row; 1,000,000 take half a minute


def training_step(m: Any, layers: list[Any], x: Any, y: Any) -> Any:
    hidden = x @ layers[0] + layers[1]
    hidden[:, 0].mul_(2)
    hidden = hidden.relu()
    return (
        ((hidden @ layers[2]).squeeze(1) - y).square().mean()
        if m is torch
        else tc.mse_loss((hidden @ layers[2]).squeeze(1), y)
    )


@pytest.fixture
def problem() -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    shapes = [(4, 8), (8,), (8, 1)]
    weights = [torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes]
    return (
        weights,
        torch.randn(16, 4, generator=draw, dtype=torch.float64),
        torch.randn(16, generator=draw, dtype=torch.float64),
    )


def test_a_very_deep_graph_needs_no_stack() -> None:
    x = tc.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(DEPTH):
        y = y + x
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == DEPTH + 1
    del y


def test_a_step_leaves_nothing_to_the_garbage_collector(problem: Any) -> None:
    weights, x, y = problem
    layers = [tc.tensor(w, requires_grad=True) for w in weights]
    data, target = tc.tensor(x), tc.tensor(y)
    optimizer = tc.optim.Adam(layers)
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            loss = training_step(tc, layers, data, target)
            node = weakref.ref(loss.raw)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            first = tc.grad(training_step(tc, layers, data, target), layers[0], create_graph=True)[0]
            assert first is not None
            tc.grad((first * first).sum(), layers[2], allow_unused=True)
            view = layers[1].exp()[2:]
            view.mul_(3)
            del loss, first, view
            assert node() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_without_torchs_autograd(problem: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, x, y = problem
    reference = [w.clone().requires_grad_() for w in weights]
    training_step(torch, reference, x, y).backward()
    expected = [w.grad for w in reference]

    def forbidden(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("torch's autograd was called")

    monkeypatch.setattr(torch.autograd, "backward", forbidden)
    monkeypatch.setattr(torch.autograd, "grad", forbidden)
    monkeypatch.setattr(torch.Tensor, "backward", forbidden)
    with torch.inference_mode():
        layers = [tc.tensor(w, requires_grad=True) for w in weights]
        loss = training_step(tc, layers, tc.tensor(x), tc.tensor(y))
        loss.backward()
        for layer, other in zip(layers, expected, strict=True):
            assert layer.grad is not None
            assert torch.allclose(layer.grad.raw, other)
        before = layers[0].tolist()
        tc.optim.AdamW(layers, lr=0.1).step()
        assert layers[0].tolist() != before
        z = layers[0] * 1
        out = z * z
        z.zero_()
        with pytest.raises(RuntimeError, match="changed in place"):
            out.sum().backward()
        assert layers[0].raw.is_inference()
        assert not layers[0].raw.requires_grad


def test_raw_tensors_never_require_grad() -> None:
    theirs = torch.ones(2, requires_grad=True)
    for ours in (tc.tensor(theirs), tc.as_tensor(theirs), tc.tensor(theirs * 2)):
        assert not ours.raw.requires_grad
        assert not ours.requires_grad


def test_a_second_backward_needs_retain_graph() -> None:
    x = tc.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [4, 8]
    with pytest.raises(RuntimeError, match=r"MulBackward0 a second time.*retain_graph=True"):
        y.backward()
    z = (x + 1).sum()  # nothing saved, nothing freed
    z.backward()
    z.backward()
    assert x.grad.tolist() == [6, 10]


def test_every_order_of_derivative() -> None:
    x = tc.tensor(1.5, requires_grad=True, dtype=tc.float64)
    y = x**6
    expected = [6 * 1.5**5, 30 * 1.5**4, 120 * 1.5**3, 360 * 1.5**2, 720 * 1.5, 720.0]
    for order, value in enumerate(expected):
        (y,) = tc.grad(y, x, create_graph=order < 5)
        assert y is not None
        assert y.item() == pytest.approx(value)


def test_backward_with_create_graph_fills_grad_with_a_graph() -> None:
    x = tc.tensor([2.0, 3.0], requires_grad=True)
    (x**3).sum().backward(create_graph=True)
    assert x.grad is not None
    penalty = x.grad.square_() if hasattr(x.grad, "square_") else x.grad * x.grad
    (second,) = tc.grad(penalty.sum(), x)
    assert second is not None
    assert second.tolist() == [2 * 12 * 12, 2 * 27 * 18]


def test_grad_touches_no_leaf_and_prunes(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = tc.ones(3, requires_grad=True), tc.ones(3, requires_grad=True)
    hidden = x * 2
    out = (hidden * w.exp()).sum()
    calls = []
    exp = tc.exp.op  # type: ignore[attr-defined]
    monkeypatch.setattr(exp, "gradients", _counting(exp.gradients, calls))
    (first,) = tc.grad(out, hidden, retain_graph=True)
    assert first is not None
    assert "exp" not in calls
    assert x.grad is None
    assert w.grad is None
    assert torch.allclose(first.raw, w.raw.exp())
    assert tc.grad(out, [x, tc.ones(1, requires_grad=True)], allow_unused=True)[1] is None
    freed = x.exp()
    freed.sum().backward()
    (again,) = tc.grad((freed * 3).sum(), freed)  # what lies before it is not asked
    assert again is not None
    assert again.tolist() == [3, 3, 3]


def _counting(function: Any, calls: list[str]) -> Any:
    def counted(*args: Any) -> Any:
        calls.append("exp")
        return function(*args)

    return counted


def test_hooks_see_and_replace_gradients() -> None:
    x = tc.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    seen = []
    hook = y.register_hook(lambda grad: seen.append(grad.tolist()))
    y.register_hook(lambda grad: grad * 10)
    x.register_hook(lambda grad: grad + 1)
    y.retain_grad()
    (y * 2).sum().backward()
    assert seen == [[2, 2]]
    assert y.grad is not None
    assert y.grad.tolist() == [20, 20]
    assert x.grad is not None
    assert x.grad.tolist() == [61, 61]
    hook.remove()
    (x * 3).sum().backward()
    assert len(seen) == 1
    with pytest.raises(RuntimeError, match="requires_grad_"):
        tc.ones(1).register_hook(print)


def written(m: Any, x: Any) -> Any:
    y = x * 3
    y.retain_grad()
    y.mul_(2)
    (y * 2).sum().backward()
    return y


def written_through_a_view(m: Any, x: Any) -> Any:
    y = x * 3
    y.retain_grad()
    y[0].mul_(5)
    (y * 2).sum().backward()
    return y


def read_before_and_after_a_write(m: Any, x: Any) -> Any:
    y = x * 3
    z = y * 2
    y.retain_grad()
    y.mul_(7)
    (y * 2 + z).sum().backward()
    return y


def view_written(m: Any, x: Any) -> Any:
    view = (x * 3)[0]
    view.retain_grad()
    view.mul_(5)
    (view * 2).sum().backward()
    return view


def view_written_and_base_read(m: Any, x: Any) -> Any:
    y = x * 3
    view = y[0]
    view.retain_grad()
    view.mul_(5)
    (y * 2).sum().backward()
    return view


def base_written_and_view_read(m: Any, x: Any) -> Any:
    y = x * 3
    view = y[0]
    view.retain_grad()
    y.mul_(5)
    (view * 2).sum().backward()
    return view


def two_walks(m: Any, x: Any) -> Any:
    y = x * 3
    y.retain_grad()
    out = (y * 2).sum()
    out.backward(retain_graph=True)
    out.backward()
    return y


def one_input(m: Any, x: Any) -> Any:
    w = m.ones(2, requires_grad=True)
    (x * w).sum().backward(inputs=w)
    return w


def computed_input(m: Any, x: Any) -> Any:
    y = x * 3
    for _ in range(2):
        (y * 2).sum().backward(inputs=[y, y], retain_graph=True)
    return y


def unused_input(m: Any, x: Any) -> Any:
    w = m.ones(2, requires_grad=True)
    (x * 2).sum().backward(inputs=[w])
    return w


@pytest.mark.parametrize(
    "program",
    [
        written, written_through_a_view, read_before_and_after_a_write, view_written, view_written_and_base_read,
        base_written_and_view_read, two_walks, one_input, computed_input, unused_input,
    ],
    ids=lambda program: program.__name__,
)  # fmt: skip
def test_what_ends_in_grad_is_torchs(program: Any) -> None:
    ours, theirs = tc.tensor([1.0, 2.0], requires_grad=True), torch.tensor([1.0, 2.0], requires_grad=True)
    for one, other in ((program(tc, ours), program(torch, theirs)), (ours, theirs)):
        assert (one.grad is None) == (other.grad is None)
        assert one.grad is None or one.grad.tolist() == other.grad.tolist()


def test_no_grad_holds_for_one_thread_alone() -> None:
    x = tc.ones(1, requires_grad=True)
    seen: dict[str, bool] = {}
    inside, leave = threading.Event(), threading.Event()

    def quiet() -> None:
        with tc.no_grad():
            inside.set()
            leave.wait(10)
            seen["quiet"] = (x * 2).requires_grad

    thread = threading.Thread(target=quiet)
    thread.start()
    inside.wait(10)
    seen["main"] = (x * 2).requires_grad
    leave.set()
    thread.join()
    assert seen == {"main": True, "quiet": False}
    with tc.no_grad():
        assert contextvars.copy_context().run(tc.is_grad_enabled) is False


def test_modes_nest_decorate_and_survive_errors() -> None:
    @tc.no_grad()
    def quiet(x: tc.Tensor) -> tc.Tensor:
        with tc.enable_grad():
            assert tc.is_grad_enabled()
        return x * 2

    x = tc.ones(1, requires_grad=True)
    assert not quiet(x).requires_grad
    with pytest.raises(ZeroDivisionError), tc.no_grad():
        raise ZeroDivisionError
    assert tc.is_grad_enabled()


def test_gradients_of_mixed_types_have_their_inputs_types() -> None:
    half, double = tc.ones(3, requires_grad=True), tc.ones(2, 3, dtype=tc.float64, requires_grad=True)
    (half * double * tc.arange(3)).sum().backward()
    assert half.grad is not None
    assert double.grad is not None
    assert (half.grad.dtype, double.grad.dtype) == (tc.float32, tc.float64)
    assert half.grad.tolist() == [0, 2, 4]
    (tc.ones(2, requires_grad=True).double() * 2).sum().backward()


ERRORS = {
    "scalar": (
        lambda x: (x * 2).backward(),
        r"needs a scalar, but the shape is \(2, 3\); call .sum\(\) or pass gradient=",
    ),
    "gradient": (lambda x: (x * 2).backward(tc.ones(3)), r"gradient= has shape \(3,\), but the output has \(2, 3\)"),
    "hook's shape": (lambda x: hooked(x, lambda grad: grad.sum()), r"hook <lambda> returned has shape \(\) instead of"),
    "hook's type": (lambda x: hooked(x, lambda grad: grad.double()), r"float64 instead of torch.float32; make it"),
    "hook's number": (lambda x: hooked(x, lambda grad: 2.0), r"hook <lambda> returned is of type float; a gradient is"),
    "hook of a result": (lambda x: hooked(x * 2, lambda grad: grad[0]), r"has shape \(3,\) instead of \(2, 3\)"),
    "grad's shape": (lambda x: setattr(x, "grad", tc.ones(3)), r"tensor of shape \(2, 3\) has shape \(3,\) instead of"),
    "grad's type": (lambda x: setattr(x, "grad", x.detach().double()), r"has dtype torch.float64 instead of"),
    "grad's device": (lambda x: setattr(x, "grad", tc.ones(2, 3, device="meta")), r"has device meta instead of cpu"),
    "grad's number": (lambda x: setattr(x, "grad", 1.0), r"is of type float; a gradient is a tensor"),
    "no inputs": (lambda x: x.sum().backward(inputs=[]), r"inputs= names no tensor; leave it out"),
    "constant input": (lambda x: x.sum().backward(inputs=tc.ones(2)), r"input 0.*does not require a gradient"),
    "no graph": (lambda x: x.detach().sum().backward(), r"call requires_grad_\(\) on an input"),
    "unused": (lambda x: tc.grad(x.sum(), tc.ones(2, requires_grad=True)), r"input 0, of shape \(2,\), was not used"),
    "constant": (lambda x: tc.grad(x.sum(), tc.ones(2)), r"input 0, of shape \(2,\), does not require a gradient"),
    "integers": (lambda x: tc.arange(3).requires_grad_(), r"floating point.*not torch.int64; use .float\(\)"),
    "off": (lambda x: (x * 2).requires_grad_(False), r"use detach\(\)"),
    "shapes": (
        lambda x: x + tc.ones(2),
        r"add\(input of shape \(2, 3\) and type float32, other of shape \(2,\).*must match",
    ),
    "product": (lambda x: x @ x, r"matmul\(input of shape \(2, 3\)"),
    "reshape": (lambda x: x.reshape(4, 2), r"6 entries of shape \(2, 3\) do not fit into shape \(4, 2\)"),
    "view": (lambda x: x.T.view(6), r"view\(.*reshape"),
    "item": (lambda x: x.item(), r"one entry, but the shape is \(2, 3\); use tolist\(\)"),
    "truth": (lambda x: bool(x), r"ambiguous; use any\(\) or all\(\)"),
    "numpy": (lambda x: x.numpy(), r"call detach\(\) first"),
    "index": (lambda x: x[5], r"index 5 is outside dimension 0, which has 2 entries"),
    "indices": (lambda x: x[0, 0, 0], r"3 indices are too many for a tensor of shape \(2, 3\)"),
    "index type": (lambda x: x["a"], r"an index is a whole number.*not str"),
    "float index": (lambda x: x[tc.ones(2)], r"whole numbers or a mask"),
    "mask": (lambda x: x[tc.tensor([True] * 3)], r"mask of shape \(3,\) does not match the dimensions \(2,\)"),
    "backwards slice": (lambda x: x[::-1], r"use flip\(\)"),
    "name": (lambda x: tc.sofmax(x), r"tensor_core has no 'sofmax'; did you mean 'softmax'"),
    "argument": (lambda x: x.sum(dims=0), r"sum has no 'dims'; its arguments are input, dim"),
    "not a tensor": (lambda x: tc.exp("a"), r"exp needs a tensor, not str"),
    "targets": (lambda x: tc.mse_loss(x, tc.ones(2, 1)), r"input has shape \(2, 3\) but target \(2, 1\)"),
    "classes": (lambda x: tc.cross_entropy(x, tc.tensor([0, 3])), r"go from 0 to 2, but target holds 0 to 3"),
    "class shape": (lambda x: tc.cross_entropy(x, tc.tensor([0])), r"have shape \(2,\), not \(1,\)"),
    "reduction": (lambda x: tc.mse_loss(x, x, reduction="avg"), r"one of mean, sum, none, not 'avg'"),
    "stack": (lambda x: tc.stack([x, x[0]]), r"stack needs tensors of one shape"),
    "cat": (lambda x: tc.cat([x, tc.ones(2)]), r"cat of shapes \(2, 3\), \(2,\)"),
    "pickle": (lambda x: __import__("pickle").dumps(x), r"save_safetensors"),
}


def hooked(x: tc.Tensor, hook: Any) -> None:
    x.register_hook(hook)
    x.sum().backward()


@pytest.mark.parametrize("name", ERRORS)
def test_errors_say_what_where_and_what_to_do(name: str) -> None:
    run, words = ERRORS[name]
    with pytest.raises((RuntimeError, ValueError, TypeError, IndexError, AttributeError), match=words):
        run(tc.ones(2, 3, requires_grad=True))


def test_a_rule_for_an_unknown_name_is_refused_at_once() -> None:
    from tensor_core.op import op

    with pytest.raises(TypeError, match="the rule for input asks for outt"):
        op(input=lambda grad, outt: grad)(lambda input: input)
    with pytest.raises(TypeError, match="a rule is for inputs"):
        op(inputs=lambda grad: grad)(lambda input: input)


DEVICE_STEPS = {
    "linear": lambda x, w: tc.linear(x, w.unsqueeze(0), w[:1]).sum(),
    "scalars": lambda x, w: (2 - w * 2.5 + 1 / w**3).tanh().mean(),
    "views": lambda x, w: (w[1:] * w[0] + w[::2].sum() + w.narrow(0, 0, 3)).norm(),
    "indices": lambda x, w: x[:, w.long()].sum() + w[w.long()].sum() * w.amax(),
    "writes": lambda x, w: (w * 1)[1:].mul_(2).sum() + (x @ w).relu_().sum(),
    "huber": lambda x, w: tc.huber_loss(x @ w, tc.zeros_like(x[:, 0])),
    "logistic": lambda x, w: tc.binary_cross_entropy_with_logits(x @ w, tc.ones_like(x[:, 0])),
    "classes": lambda x, w: tc.cross_entropy(x * w, x[:, 0].long(), label_smoothing=0.1),
    "joined": lambda x, w: tc.where(w > 0, tc.cat([w[:2], w[2:]]), 0.0).softmax(0).logsumexp(0),
}


@pytest.mark.parametrize("name", DEVICE_STEPS)
def test_nothing_leaves_the_device(name: str) -> None:
    """On tensors that pretend to lie on a GPU, mixing devices or waiting for a value is an error."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        x = tc.zeros(16, 4, device="cuda")
        for kind in (tc.optim.SGD, tc.optim.AdamW):
            w = tc.zeros(4, device="cuda", requires_grad=True)
            optimizer = kind([w], lr=0.1)
            DEVICE_STEPS[name](x, w).backward(create_graph=True)
            DEVICE_STEPS[name](x, w).backward()
            tc.optim.clip_grad_norm_(w, 1.0)
            optimizer.step()
            assert w.grad is not None
            assert w.grad.device.type == "cuda"
            assert all(state.device.type == "cuda" for state in optimizer.state.values())
    assert (tc.ones(1) * 2.5).item() == 2.5  # no pretended number was kept


def test_recording_is_switched_at_once_in_a_block_and_in_a_function() -> None:
    switch = tc.set_grad_enabled(False)
    try:
        assert not tc.is_grad_enabled()
        with tc.set_grad_enabled(True):
            assert tc.is_grad_enabled()
        assert not tc.is_grad_enabled()
    finally:
        switch.__exit__(None, None, None)
    assert tc.is_grad_enabled()

    @tc.set_grad_enabled(False)
    def enabled() -> bool:
        return tc.is_grad_enabled()

    assert tc.is_grad_enabled()
    assert not enabled()
    assert tc.is_grad_enabled()
