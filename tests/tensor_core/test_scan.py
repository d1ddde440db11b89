"""scan and what is built on it: equal to the loop, to torch's layers, and compiled with one body."""

from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
import torch

import tensor_core as tc


@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_is_the_loop_in_both_directions(reverse: bool) -> None:
    x = tc.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
    w = tc.tensor([0.5, -0.5], requires_grad=True)
    last, ys = tc.scan(lambda c, e: (c * w + e["x"], {"y": c}), tc.zeros(2), {"x": x}, reverse=reverse)
    expected, c = [], torch.zeros(2)
    wt = torch.tensor([0.5, -0.5])
    for i in (2, 1, 0) if reverse else (0, 1, 2):
        expected.append(c)
        c = c * wt + x.raw[i]
    torch.testing.assert_close(last.raw, c)
    torch.testing.assert_close(ys["y"].raw, torch.stack(expected[::-1] if reverse else expected))
    last.sum().backward()
    assert x.grad is not None
    assert w.grad is not None


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_recurrent_layers_equal_torchs_values_and_gradients(kind: str) -> None:
    tc.manual_seed(0)
    ours = getattr(tc.nn, kind)(3, 4, dtype=tc.float64)
    theirs = getattr(torch.nn, kind)(3, 4, dtype=torch.float64)
    with torch.no_grad():
        for name, value in ours.named_parameters():
            getattr(theirs, f"{name}_l0").copy_(value.raw)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    outputs, last = ours(tc.as_tensor(x))
    expected, expected_last = theirs(x)
    torch.testing.assert_close(outputs.raw, expected.detach())
    ours_last, theirs_last = (last[1], expected_last[1]) if kind == "LSTM" else (last, expected_last)
    torch.testing.assert_close(ours_last.raw, theirs_last[0].detach())
    (outputs.sum() + (ours_last * ours_last).sum()).backward()
    (expected.sum() + (theirs_last * theirs_last).sum()).backward()
    for name, value in ours.named_parameters():
        assert value.grad is not None
        torch.testing.assert_close(value.grad.raw, getattr(theirs, f"{name}_l0").grad)


def test_cells_equal_one_step_of_the_layers() -> None:
    for kind in ("GRU", "LSTM"):
        layer, cell = getattr(tc.nn, kind)(3, 4), getattr(tc.nn, f"{kind}Cell")(3, 4)
        cell.load_state_dict(layer.state_dict())
        x = tc.randn(1, 2, 3)
        made = cell(x[0])
        torch.testing.assert_close((made[0] if kind == "LSTM" else made).raw, layer(x)[0].raw[0])


def peak(step: Callable[[], Any]) -> int:
    """The most bytes that a call holds at once, of those that torch gave out meanwhile."""
    step()
    with torch.profiler.profile(profile_memory=True) as profile:
        step()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    return max(accumulate(e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())))


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_a_recurrent_layers_gradient_needs_no_more_memory_than_torchs(kind: str) -> None:
    ours, theirs = getattr(tc.nn, kind)(64, 64), getattr(torch.nn, kind)(64, 64)
    x = torch.randn(20, 32, 64)

    def step(layer: Any, x: Any) -> None:
        layer.zero_grad()
        layer(x)[0].sum().backward()

    assert peak(lambda: step(ours, tc.as_tensor(x))) <= 1.1 * peak(lambda: step(theirs, x))


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_a_recurrent_layers_retained_graph_gives_its_gradients_twice(kind: str) -> None:
    layer, x = getattr(tc.nn, kind)(3, 4), tc.randn(5, 2, 3, requires_grad=True)
    loss = (layer(x)[0] ** 2).sum()
    inputs = [x, *layer.parameters()]
    once, again = (tc.grad(loss, inputs, retain_graph=retain) for retain in (True, False))
    for first, second in zip(once, again, strict=True):
        assert torch.equal(first.raw, second.raw)


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_the_inputs_product_of_a_recurrent_layer_heeds_autocast(kind: str) -> None:
    layer, x = getattr(tc.nn, kind)(64, 8), tc.randn(5, 2, 64, requires_grad=True)
    exact = layer(x)[0]
    inputs = [x, *layer.parameters()]
    slopes = tc.grad((exact**2).sum(), inputs)
    with tc.autocast():
        low = layer(x)[0]
    assert low.dtype == tc.float32
    assert 0 < (low - exact).abs().max().item() < 0.02
    made = tc.grad((low**2).sum(), inputs, retain_graph=True)
    recorded = tc.grad((low**2).sum(), inputs, create_graph=True)
    for gradient, again, slope in zip(made, recorded, slopes, strict=True):
        assert gradient.dtype == tc.float32
        assert (gradient - slope).norm() < 0.02 * slope.norm()
        assert (again - slope).norm() < 0.02 * slope.norm()


def encoder_decoder() -> tuple[Any, Any, list[tc.nn.Parameter]]:
    tc.manual_seed(0)
    encoder, decoder, out = tc.nn.GRU(3, 4), tc.nn.LSTM(3, 4), tc.nn.Linear(4, 2)
    parameters = [p for module in (encoder, decoder, out) for p in module.parameters()]

    def step(x: tc.Tensor, y: tc.Tensor) -> tc.Tensor:
        states, last = encoder(x)
        outputs, (h, _) = decoder(x, (last, last * 0.5))
        # what the body reads from outside was computed (`scale`), and it goes backwards
        scale = out.weight.sum() * 0.1
        back, _ = tc.scan(lambda c, s: (c + s * scale, c), tc.zeros_like(h), states, reverse=True)
        loss = ((out(outputs) - y) ** 2).mean() + (back * back).mean()
        loss.backward()
        return loss

    return step, tc.capture(step, dynamic=()), parameters


def test_a_captured_scan_has_the_loops_gradients_and_one_body(cache: Path) -> None:
    plain, captured, parameters = encoder_decoder()
    x, y = tc.randn(6, 2, 3), tc.randn(6, 2, 2)
    found = []
    for step in (plain, captured, captured):
        for parameter in parameters:
            parameter.grad = None
        found.append([step(x, y).raw, *(p.grad.raw.clone() for p in parameters)])  # type: ignore[union-attr]
    assert captured.known
    for ours, theirs in zip(found[2], found[0], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_the_graph_of_a_scan_does_not_grow_with_the_length() -> None:
    _, captured, _ = encoder_decoder()
    sizes = []
    for length in (4, 40):
        x, y = tc.randn(length, 2, 3), tc.randn(length, 2, 2)
        traced = captured._traced([x.raw, y.raw], (x, y), {})
        sizes.append(sum(len(m.graph.nodes) for m in traced.module.modules() if hasattr(m, "graph")))
    assert sizes[0] == sizes[1]


def test_what_a_captured_scan_cannot_do_is_said() -> None:
    x = tc.randn(3, 2)
    cases = {
        "shapes and types must stay the same": lambda x: tc.scan(lambda c, e: (c.sum(), c), x[0], x),
        "draws random numbers": lambda x: tc.scan(lambda c, e: (tc.dropout(c + e, 0.5), c), x[0], x),
    }
    for message, step in cases.items():
        with pytest.raises(tc.CaptureError, match=message):
            tc.capture(step)._traced([x.raw], (x,), {})
    with pytest.raises(ValueError, match="one length"):
        tc.scan(lambda c, e: (c, c), x[0], (x, tc.randn(4, 2)))
