"""Memory for time: a part of a computation keeps its inputs alone, and is computed again when its gradient is asked for
(Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from tensor_core.autograd import Array, Node, Place, enable_grad, is_grad_enabled, next_number, read_outside, walk
from tensor_core.rows import dense
from tensor_core.tensor import Tensor
from tensor_core.tracing import watching


def checkpoint(function: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """`function(*inputs)`, computed again in backward, on the same random numbers, instead of remembered.

    What the function reads from outside, a module's parameters among it, gets its gradients as well.

    >>> from tensor_core import tensor
    >>> x = tensor([1.0, 2.0], requires_grad=True)
    >>> checkpoint(lambda x: (x * x).exp(), x).sum().backward()
    >>> x.grad
    tensor([  5.4366, 218.3926])
    """
    # While a step is captured the compiler decides what is kept, and a second drawing would be another one.
    if not is_grad_enabled() or watching.get() is not None:
        return function(*inputs)
    before = next_number()
    streams = _streams(inputs)
    aliases = _aliases(inputs, recorded=False)
    made = function(*aliases)
    if not isinstance(made, Tensor):
        raise TypeError(f"checkpoint: the function gives one tensor, not {type(made).__name__}")
    out = Tensor.handle(made.raw)
    own = {alias.place for alias in aliases if isinstance(alias, Tensor) and alias.place is not None}
    outside = [] if made.place is None else read_outside([made.place], before, own)
    places = (*[x.place if isinstance(x, Tensor) else None for x in inputs], *outside)
    if not any(places):
        return out
    out.place = Node.made(_AGAIN, places, (function, inputs, streams), made.raw)
    return out


class _Again:
    """The op of a checkpoint."""

    name = "checkpoint"

    def gradients(self, grad: Array, places: Sequence[Place | None], values: Sequence[Any]) -> Sequence[Array | None]:
        function, inputs, streams = values[:3]
        recorded = isinstance(grad, Tensor)
        now = _streams(inputs)
        _set_streams(streams)
        try:
            with enable_grad():
                aliases = _aliases(inputs, recorded=recorded)
                out = function(*aliases)
        finally:
            _set_streams(now)
        ends = [alias.place if isinstance(alias, Tensor) else None for alias in aliases]
        asked = [end if place is not None else None for end, place in zip(ends, places, strict=False)]
        asked += places[len(inputs) :]
        found = walk(
            [(out.place, grad)],
            create_graph=recorded,
            retain_graph=recorded,
            handle=Tensor.handle,
            targets=frozenset(place for place in asked if place is not None),
        )
        return [None if place is None else dense(found.get(place)) for place in asked]


_AGAIN = _Again()


def _aliases(inputs: Sequence[Any], *, recorded: bool) -> list[Any]:
    """The inputs to compute with: cut off from what made them, or aliases at places of their own."""
    return [
        x
        if not isinstance(x, Tensor) or not x.requires_grad
        else x.view(x.shape)
        if recorded
        else x.detach().requires_grad_()
        for x in inputs
    ]


def _streams(inputs: Sequence[Any]) -> list[tuple[Any, torch.Tensor]]:
    """The random streams of the CPU and of the devices that the inputs lie on, where they stand."""
    devices = {x.device for x in inputs if isinstance(x, Tensor) and x.device.type not in ("cpu", "meta")}
    return [(torch, torch.get_rng_state())] + [
        (module, module.get_rng_state()) for module in map(torch.get_device_module, devices)
    ]


def _set_streams(streams: list[tuple[Any, torch.Tensor]]) -> None:
    for module, state in streams:
        module.set_rng_state(state)
