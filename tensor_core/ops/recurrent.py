"""Gated recurrent units (Cho et al. 2014, the reset gate after the product, as torch has it) and long short-term memory
(Hochreiter and Schmidhuber 1997, with Gers' forget gate), over whole sequences.

A sequence is one op, the inputs' product among it, so that the gates take that product's memory. On the way back, what
does not depend on the flow is computed for all steps at once, and each step writes its gradient over it, so that a step
is four kernels, and a weight's gradient is one product. The compiler fuses for itself: while a step is traced, a
sequence is a `scan` of the formula.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch

from tensor_core.amp import lower as _lower
from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.ops.join import cat as _cat
from tensor_core.ops.matrix import linear as _linear
from tensor_core.scan import scan as _scan
from tensor_core.tensor import Tensor
from tensor_core.tensor import recorded_gradients as _recorded_gradients
from tensor_core.tracing import watching as _watching

_ATEN = torch.ops.aten


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


def _by_steps(formula: Callable[..., Tensor], x: Tensor, start: Tensor, *weights: Tensor) -> Tensor:
    """The states after each step, by the formula."""
    weight_ih, weight_hh, bias_ih, bias_hh = weights

    def body(state: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
        state = formula(share, state, weight_hh, bias_hh)
        return state, state

    states: Tensor = _scan(body, start, _linear(x, weight_ih, bias_ih))[1]
    return states


def _before(start: Array, states: Array) -> Array:
    """The states before each step."""
    return torch.cat([start.unsqueeze(0), states.narrow(0, 0, states.shape[0] - 1)])


def _from_products(products: Array, inputs: Array, wanted: Sequence[bool]) -> Sequence[Array | None]:
    """The gradients of weight and bias from those of all steps' products with inputs (steps, rows, …)."""
    flat = products.flatten(0, 1)
    return (flat.mT @ inputs.flatten(0, 1) if wanted[0] else None), (flat.sum(0) if wanted[1] else None)


def _from_shares(
    shares: Array, x: Array, weight: Array, wanted: Sequence[bool]
) -> tuple[Array | None, Array | None, Array | None]:
    """The gradients of the inputs, their weight and bias from those of the inputs' shares of the gates."""
    shares = shares.to(weight.dtype)
    weight_slope, bias_slope = _from_products(shares, x, (wanted[2], wanted[4]))
    return (shares @ weight if wanted[0] else None), weight_slope, bias_slope


def _gru_slopes(
    grad: Array, x: Array, h: Array, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array, gates: Array,
    new_own: Array, out: Array, wanted: list[bool],
) -> Any:  # fmt: skip
    if isinstance(grad, Tensor):
        given = (x, h, weight_ih, weight_hh, bias_ih, bias_hh)
        return _recorded_gradients(functools.partial(_by_steps, _gru_formula), given, wanted, grad)
    before = _before(h, out)
    reset, update, new = gates.chunk(3, -1)
    to_new = _ATEN.tanh_backward(1 - update, new)
    # What the gradient of a state is multiplied by on its way to each gate's product.
    ways = gates.new_empty(*gates.shape[:2], 3, h.shape[-1])
    torch.mul(to_new * new_own, reset, out=ways.select(2, 0)).mul_(1 - reset)
    torch.mul(before - new, update, out=ways.select(2, 1)).mul_(1 - update)
    torch.mul(to_new, reset, out=ways.select(2, 2))
    flows, flow = torch.empty_like(out), torch.zeros_like(h)
    for t in reversed(range(grad.shape[0])):
        way = ways.select(0, t)
        arrived = torch.add(grad.select(0, t), flow, out=flows.select(0, t))
        product = torch.mul(arrived.unsqueeze(-2), way, out=way)
        flow = torch.addmm(arrived * update.select(0, t), product.flatten(1), weight_hh)
    products = ways.flatten(2)
    weight_slope, bias_slope = _from_products(products, before, (wanted[3], wanted[5]))
    torch.mul(flows, to_new, out=ways.select(2, 2))  # the new state's share of the inputs is not reset
    to_x, input_slope, shift_slope = _from_shares(products, x, weight_ih, wanted)
    return to_x, flow, input_slope, weight_slope, shift_slope, bias_slope


@op(joint=("x h weight_ih weight_hh bias_ih bias_hh", _gru_slopes), extras="gates new_own")
def _gru(x: Array, h: Array, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array) -> Any:
    width = h.shape[-1]
    both = 2 * width
    bias = torch.cat([(bias_ih + bias_hh).narrow(0, 0, both), bias_ih.narrow(0, both, width)])
    gates = torch.nn.functional.linear(x, weight_ih, bias.to(x.dtype)).to(h.dtype)
    new_own = (
        bias_hh.narrow(0, both, width).expand(*gates.shape[:2], width).clone(memory_format=torch.contiguous_format)
    )
    out = torch.empty_like(new_own)
    switches, own = gates.narrow(-1, 0, both).unbind(), new_own.unbind()
    reset, update, new = (part.unbind() for part in gates.chunk(3, -1))
    to_switches, to_own = weight_hh.narrow(0, 0, both).mT, weight_hh.narrow(0, both, width).mT
    for t in range(gates.shape[0]):
        switches[t].addmm_(h, to_switches).sigmoid_()
        told = new[t].addcmul_(reset[t], own[t].addmm_(h, to_own)).tanh_()
        h = torch.lerp(told, h, update[t], out=out.select(0, t))
    return out, gates, new_own


def _lstm_slopes(
    grad: Array, x: Array, state: Array, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array,
    gates: Array, told: Array, out: Array, wanted: list[bool],
) -> Any:  # fmt: skip
    if isinstance(grad, Tensor):
        given = (x, state, weight_ih, weight_hh, bias_ih, bias_hh)
        return _recorded_gradients(functools.partial(_by_steps, _lstm_formula), given, wanted, grad)
    h_before, c_before = _before(state, out).chunk(2, -1)
    inward, forget, new, outward = gates.chunk(4, -1)
    ways = gates.new_empty(*told.shape[:2], 4, weight_hh.shape[1])
    torch.mul(new, inward, out=ways.select(2, 0)).mul_(1 - inward)
    torch.mul(c_before, forget, out=ways.select(2, 1)).mul_(1 - forget)
    torch.mul(inward, 1 - new * new, out=ways.select(2, 2))
    torch.mul(told, outward, out=ways.select(2, 3)).mul_(1 - outward)
    across = _ATEN.tanh_backward(outward, told)
    to_h, to_c = grad.chunk(2, -1)
    flow_h, flow_c = torch.zeros_like(state).chunk(2, -1)
    for t in reversed(range(grad.shape[0])):
        way = ways.select(0, t)
        flow_h = flow_h + to_h.select(0, t)
        flow_c = torch.addcmul(flow_c + to_c.select(0, t), flow_h, across.select(0, t))
        way.narrow(1, 0, 3).mul_(flow_c.unsqueeze(-2))
        way.select(1, 3).mul_(flow_h)
        flow_c = flow_c * forget.select(0, t)
        flow_h = way.flatten(1) @ weight_hh
    products = ways.flatten(2)
    to_x, input_slope, bias_slope = _from_shares(products, x, weight_ih, wanted)
    weight_slope, own_slope = _from_products(products, h_before, (wanted[3], wanted[5]))
    return to_x, torch.cat([flow_h, flow_c], -1), input_slope, weight_slope, bias_slope, own_slope


@op(joint=("x state weight_ih weight_hh bias_ih bias_hh", _lstm_slopes), extras="gates told")
def _lstm(x: Array, state: Array, weight_ih: Array, weight_hh: Array, bias_ih: Array, bias_hh: Array) -> Any:
    width = weight_hh.shape[1]
    gates = torch.nn.functional.linear(x, weight_ih, (bias_ih + bias_hh).to(x.dtype)).to(state.dtype)
    out, told = gates.new_empty(*gates.shape[:2], 2 * width), gates.new_empty(*gates.shape[:2], width)
    h, c = state.chunk(2, -1)
    transposed = weight_hh.mT
    for t in range(gates.shape[0]):
        now = gates.select(0, t).addmm_(h, transposed)
        now.narrow(1, 0, 2 * width).sigmoid_()
        now.narrow(1, 3 * width, width).sigmoid_()
        inward, forget, new, outward = now.chunk(4, -1)
        new.tanh_()
        h, kept = out.select(0, t).chunk(2, -1)
        c = torch.mul(forget, c, out=kept).addcmul_(inward, new)
        torch.mul(outward, torch.tanh(c, out=told.select(0, t)), out=h)
    return out, gates, told


def _sequence(
    fused: Callable[..., Tensor], formula: Callable[..., Tensor], x: Tensor, start: Tensor, *weights: Tensor
) -> Tensor:
    if x.dim() != 3 or start.dim() != 2 or x.shape[0] == 0:
        shapes = f"{tuple(x.shape)} and {tuple(start.shape)}"
        raise ValueError(f"a sequence of inputs (steps, rows, …) meets a state (rows, …), not the shapes {shapes}")
    if _watching.get() is not None:
        return _by_steps(formula, x, start, *weights)
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    return fused(_lower(x), start, _lower(weight_ih), weight_hh, _lower(bias_ih), bias_hh)


def gru(x: Tensor, h: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
    """All states (steps, rows, hidden) of a gated recurrent unit (its gates in the order reset, update, new) from the
    inputs (steps, rows, features) and the first state.

    >>> gru(zeros(2, 1, 3), ones(1, 2), zeros(6, 3), zeros(6, 2), zeros(6), zeros(6))
    tensor([[[0.5000, 0.5000]],
    <BLANKLINE>
            [[0.2500, 0.2500]]])
    """
    return _sequence(_gru, _gru_formula, x, h, weight_ih, weight_hh, bias_ih, bias_hh)


def lstm(x: Tensor, state: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
    """All states and memories (steps, rows, 2 · hidden) of a long short-term memory (its gates in the order input,
    forget, new, output) from the inputs (steps, rows, features) and the first ones.

    >>> lstm(zeros(1, 1, 3), ones(1, 2), zeros(4, 3), zeros(4, 1), zeros(4), zeros(4))
    tensor([[[0.2311, 0.5000]]])
    """
    return _sequence(_lstm, _lstm_formula, x, state, weight_ih, weight_hh, bias_ih, bias_hh)
