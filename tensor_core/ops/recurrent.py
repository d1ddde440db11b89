"""Gated recurrent units (Cho et al. 2014, the reset gate after the product, as torch has it) and long short-term memory
(Hochreiter and Schmidhuber 1997, with Gers' forget gate), over whole sequences.

A sequence is one op. On the way back, what does not depend on the flow is computed for all steps at once, so that a
step is four kernels, and the weight's gradient is one product. The compiler fuses for itself: while a step is traced, a
sequence is a `scan` of the formula.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.ops.join import cat as _cat
from tensor_core.ops.matrix import linear as _linear
from tensor_core.scan import scan as _scan
from tensor_core.tensor import Tensor
from tensor_core.tensor import recorded_gradients as _recorded_gradients
from tensor_core.tracing import watching as _watching


def _gru_formula(gates: Tensor, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    width = h.shape[-1]
    reset_in, update_in, new_in = gates.split(width, -1)
    reset_own, update_own, new_own = _linear(h, weight, bias).split(width, -1)
    new = (new_in + (reset_in + reset_own).sigmoid() * new_own).tanh()
    moved: Tensor = new + (update_in + update_own).sigmoid() * (h - new)
    return moved


def _lstm_formula(gates: Tensor, state: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    h, c = state.chunk(2, -1)
    inward, forget, new, outward = (gates + _linear(h, weight, bias)).chunk(4, -1)
    c = forget.sigmoid() * c + inward.sigmoid() * new.tanh()
    return _cat([outward.sigmoid() * c.tanh(), c], -1)


def _by_steps(formula: Callable[..., Tensor], gates: Tensor, start: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The states after each step, by the formula."""

    def body(state: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        state = formula(share, state, weight, bias)
        return state, state

    states: Tensor = _scan(body, start, gates)[1]
    return states


def _before(start: Array, states: Array) -> Array:
    """The states before each step."""
    return torch.cat([start.unsqueeze(0), states.narrow(0, 0, states.shape[0] - 1)])


def _unsure(gate: Array) -> Array:
    """The slope of the sigmoid that made `gate`."""
    return gate * (1 - gate)


def _from_products(products: Array, before: Array, wanted: Sequence[bool]) -> tuple[Array | None, Array | None]:
    """The gradients of weight and bias from those of all steps' products (steps, rows, gates, width)."""
    flat = products.flatten(2).flatten(0, 1)
    return (flat.mT @ before.flatten(0, 1) if wanted[2] else None), (flat.sum(0) if wanted[3] else None)


def _gru_slopes(
    grad: Array, gates: Array, h: Array, weight: Array, bias: Array, switches: Array, new: Array, new_own: Array,
    out: Array, wanted: list[bool],
) -> Any:  # fmt: skip
    if isinstance(grad, Tensor):
        formula = _gru_formula
        return _recorded_gradients(lambda *given: _by_steps(formula, *given), (gates, h, weight, bias), wanted, grad)
    before = _before(h, out)
    reset, update = switches.chunk(2, -1)
    to_new = (1 - update) * (1 - new * new)
    # What the gradient of a state is multiplied by on its way to each gate's product.
    ways = torch.stack([to_new * new_own * _unsure(reset), (before - new) * _unsure(update), to_new * reset], -2)
    products, flows = torch.empty_like(ways), torch.empty_like(new)
    flow = torch.zeros_like(h)
    for t in reversed(range(grad.shape[0])):
        arrived = torch.add(grad.select(0, t), flow, out=flows.select(0, t))
        product = torch.mul(arrived.unsqueeze(-2), ways.select(0, t), out=products.select(0, t))
        flow = torch.addmm(arrived * update.select(0, t), product.flatten(1), weight)
    to_gates = torch.cat([products.narrow(2, 0, 2).flatten(2), flows * to_new], -1) if wanted[0] else None
    return (to_gates, flow, *_from_products(products, before, wanted))


@op(joint=("gates h weight bias", _gru_slopes), extras="switches new new_own")
def _gru(gates: Array, h: Array, weight: Array, bias: Array) -> Any:
    width = h.shape[-1]
    out, new = gates.new_empty(2, *gates.shape[:2], width).unbind()
    own, switches = (
        bias.expand_as(gates).clone(memory_format=torch.contiguous_format),
        gates.new_empty(*gates.shape[:2], 2 * width),
    )
    transposed, both = weight.mT, 2 * width
    switches_in, new_in = gates.narrow(-1, 0, both).unbind(), gates.narrow(-1, both, width).unbind()
    switches_own, new_own = own.narrow(-1, 0, both).unbind(), own.narrow(-1, both, width).unbind()
    reset, update = (part.unbind() for part in switches.chunk(2, -1))
    for t in range(gates.shape[0]):
        own.select(0, t).addmm_(h, transposed)
        torch.add(switches_in[t], switches_own[t], out=switches.select(0, t)).sigmoid_()
        told = torch.addcmul(new_in[t], reset[t], new_own[t], out=new.select(0, t)).tanh_()
        h = torch.lerp(told, h, update[t], out=out.select(0, t))
    return out, switches, new, own.narrow(-1, both, width)


def _lstm_slopes(
    grad: Array, gates: Array, state: Array, weight: Array, bias: Array, switches: Array, told: Array, out: Array,
    wanted: list[bool],
) -> Any:  # fmt: skip
    if isinstance(grad, Tensor):
        formula = _lstm_formula
        given = (gates, state, weight, bias)
        return _recorded_gradients(lambda *given: _by_steps(formula, *given), given, wanted, grad)
    h_before, c_before = _before(state, out).chunk(2, -1)
    inward, forget, new, outward = switches.chunk(4, -1)
    ways = torch.stack(
        [new * _unsure(inward), c_before * _unsure(forget), inward * (1 - new * new), told * _unsure(outward)], -2
    )
    across = outward * (1 - told * told)
    products = torch.empty_like(ways)
    to_h, to_c = grad.chunk(2, -1)
    flow_h, flow_c = torch.zeros_like(state).chunk(2, -1)
    for t in reversed(range(grad.shape[0])):
        way, product = ways.select(0, t), products.select(0, t)
        flow_h = flow_h + to_h.select(0, t)
        flow_c = torch.addcmul(flow_c + to_c.select(0, t), flow_h, across.select(0, t))
        torch.mul(flow_c.unsqueeze(-2), way.narrow(1, 0, 3), out=product.narrow(1, 0, 3))
        torch.mul(flow_h, way.select(1, 3), out=product.select(1, 3))
        flow_c = flow_c * forget.select(0, t)
        flow_h = product.flatten(1) @ weight
    return products.flatten(2), torch.cat([flow_h, flow_c], -1), *_from_products(products, h_before, wanted)


@op(joint=("gates state weight bias", _lstm_slopes), extras="switches told")
def _lstm(gates: Array, state: Array, weight: Array, bias: Array) -> Any:
    width = weight.shape[1]
    out, told = gates.new_empty(*gates.shape[:2], 2 * width), gates.new_empty(*gates.shape[:2], width)
    switches = gates + bias
    h, c = state.chunk(2, -1)
    transposed = weight.mT
    for t in range(gates.shape[0]):
        now = switches.select(0, t).addmm_(h, transposed)
        now.narrow(1, 0, 2 * width).sigmoid_()
        now.narrow(1, 3 * width, width).sigmoid_()
        inward, forget, new, outward = now.chunk(4, -1)
        new.tanh_()
        h, kept = out.select(0, t).chunk(2, -1)
        c = torch.mul(forget, c, out=kept).addcmul_(inward, new)
        torch.mul(outward, torch.tanh(c, out=told.select(0, t)), out=h)
    return out, switches, told


def _sequence(
    fused: Callable[..., Tensor], formula: Callable[..., Tensor], gates: Tensor, start: Tensor, *weights: Tensor
) -> Tensor:
    if gates.dim() != 3 or start.dim() != 2 or gates.shape[0] == 0:
        shapes = f"{tuple(gates.shape)} and {tuple(start.shape)}"
        raise ValueError(f"a sequence of gates (steps, rows, …) meets a state (rows, …), not the shapes {shapes}")
    return fused(gates, start, *weights) if _watching.get() is None else _by_steps(formula, gates, start, *weights)


def gru(gates: Tensor, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """All states (steps, rows, hidden) from the inputs' shares of the three gates (reset, update, new), and the first.

    >>> gru(zeros(2, 1, 6), ones(1, 2), zeros(6, 2), zeros(6))
    tensor([[[0.5000, 0.5000]],
    <BLANKLINE>
            [[0.2500, 0.2500]]])
    """
    return _sequence(_gru, _gru_formula, gates, h, weight, bias)


def lstm(gates: Tensor, state: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """All states and memories (steps, rows, 2 · hidden) from the inputs' shares of the four gates (input, forget, new,
    output), and the first ones.

    >>> lstm(zeros(1, 1, 4), ones(1, 2), zeros(4, 1), zeros(4))
    tensor([[[0.2311, 0.5000]]])
    """
    return _sequence(_lstm, _lstm_formula, gates, state, weight, bias)
