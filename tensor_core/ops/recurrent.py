"""One step of a gated recurrent unit (Cho et al. 2014), with the reset gate after the product, as torch has it."""

from typing import Any

import torch

from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.ops.matrix import linear as _linear
from tensor_core.tensor import Tensor
from tensor_core.tensor import recorded_gradients as _recorded_gradients
from tensor_core.tracing import watching as _watching

_ATEN: Any = torch.ops.aten  # kernels that torch gives no other name


def _plain_gru_step(gates: Tensor, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    width = h.shape[-1]
    reset_in, update_in, new_in = gates.split(width, -1)
    reset_own, update_own, new_own = _linear(h, weight, bias).split(width, -1)
    new = (new_in + (reset_in + reset_own).sigmoid() * new_own).tanh()
    moved: Tensor = new + (update_in + update_own).sigmoid() * (h - new)
    return moved


def _gru_slopes(
    grad: Array,
    gates: Array,
    h: Array,
    weight: Array,
    bias: Array,
    switches: Array,
    new: Array,
    new_own: Array,
    wanted: list[bool],
) -> Any:
    if isinstance(grad, Tensor):
        return _recorded_gradients(_plain_gru_step, (gates, h, weight, bias), wanted, grad)
    width = h.shape[-1]
    reset, update = switches.narrow(-1, 0, width), switches.narrow(-1, width, width)
    to_new = _ATEN.tanh_backward.default(grad - grad * update, new)
    to_switches = torch.cat([to_new * new_own, grad * (h - new)], -1)
    to_switches = _ATEN.sigmoid_backward.default(to_switches, switches)
    to_own = torch.cat([to_switches, to_new * reset], -1)
    rows = to_own.reshape(-1, 3 * width)
    return (
        torch.cat([to_switches, to_new], -1) if wanted[0] else None,
        torch.addmm((grad * update).reshape(-1, width), rows, weight).reshape(h.shape) if wanted[1] else None,
        rows.mT @ h.reshape(-1, width) if wanted[2] else None,
        rows.sum(0) if wanted[3] else None,
    )


@op(joint=("gates h weight bias", _gru_slopes), extras="switches new new_own")
def _fused_gru_step(gates: Array, h: Array, weight: Array, bias: Array) -> Any:
    width = h.shape[-1]
    own = torch.nn.functional.linear(h, weight, bias)
    switches = (gates.narrow(-1, 0, 2 * width) + own.narrow(-1, 0, 2 * width)).sigmoid_()
    new_own = own.narrow(-1, 2 * width, width)
    new = torch.addcmul(gates.narrow(-1, 2 * width, width), switches.narrow(-1, 0, width), new_own).tanh_()
    return torch.lerp(new, h, switches.narrow(-1, width, width)), switches, new, new_own


def gru_step(gates: Tensor, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The next state from the input's share of the three gates (reset, update, new), and the state.

    >>> gru_step(zeros(1, 6), ones(1, 2), zeros(6, 2), zeros(6))
    tensor([[0.5000, 0.5000]])
    """
    # The compiler fuses for itself, and a scan keeps the products it finds in the formula.
    step = _plain_gru_step if _watching.get() is not None else _fused_gru_step
    return step(gates, h, weight, bias)
