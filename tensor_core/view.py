"""Views: tensors that look into another one's memory, and how a write through one reaches the others.

A view remembers its base and the view ops that lead to it. A recorded write through a view gives the base a new place,
in which all but the view comes from before; every other view then asks the base where it stands.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from tensor_core.autograd import Array, Leaf, Node, Place, enable_grad, is_grad_enabled
from tensor_core.tensor import Tensor

Step = tuple[Callable[..., Any], tuple[Any, ...]]  # a view op and its arguments after the input


class View(Tensor):
    """A tensor that looks into another one's memory, and asks it where it stands after a write."""

    base: Tensor
    steps: tuple[Step, ...]  # the view ops that lead from the base to here
    unrecorded: bool  # made where nothing is recorded, so that a recorded write could not be traced back
    _place: Place | None
    _seen: int  # the memory's `rebound` when `_place` was right

    @property
    def place(self) -> Place | None:
        """Where this view stands, looked up anew after the memory was written through another tensor."""
        if self._seen != self.memory.rebound and not isinstance(self._place, Leaf):
            self._seen = self.memory.rebound
            with enable_grad():
                self._place = replay(self.base, self.steps).place
            if self._kept is not None:
                self.retain_grad()
        return self._place

    @place.setter
    def place(self, place: Place | None) -> None:
        self._place = place
        self._seen = self.memory.rebound

    @staticmethod
    def look(raw: torch.Tensor, input: Tensor, step: Step, place: Place | None) -> "View":
        """`raw` as a view of `input`, made by `step`."""
        out = View()
        out.raw = raw
        memory = raw.memory = input.memory  # type: ignore[attr-defined]
        out._place = place
        out._seen = memory.rebound
        out.unrecorded = not is_grad_enabled()
        if isinstance(input, View) and not isinstance(input._place, Leaf):
            out.base = input.base
            out.steps = (*input.steps, step)
            out.unrecorded |= input.unrecorded
        else:
            out.base = input
            out.steps = (step,)
        return out

    def rebind(self, node: Node) -> None:
        """Let the base take in what was written here; this and every other view then asks the base."""
        base = self.base
        written = Node.made(_WRITE, (base.place, node), (self.steps, base.raw.stride(), None), base.raw)
        base.rebind(written)
        if self._kept is not None:
            self.retain_grad()

    def detach_(self) -> Tensor:
        """Refused: the base would lead back into the graph."""
        raise RuntimeError(f"detach_() cannot cut off a view, of shape {tuple(self.shape)}; use detach()")

    def refuse_data(self) -> str | None:
        """Why this view cannot be given another memory."""
        return "it is a view; use copy_(), or set that of its base"

    def refuse_write(self) -> str | None:
        """Why a recorded write to this view is refused; None if it is not."""
        if isinstance(self.base.place, Leaf):
            return "it is a view of a leaf that requires a gradient; write inside no_grad(), or to a clone()"
        if self.unrecorded:
            return (
                "it is a view made inside no_grad(), so its base could not follow; make the view outside, or clone() it"
            )
        return super().refuse_write()


class _Write:
    """The op of a base that was written through a view: all but the view comes from before, the view from the write."""

    name = "copy_slices"

    def gradients(self, grad: Array, places: Sequence[Place | None], values: Sequence[Any]) -> Sequence[Array | None]:
        steps, stride, _ = values
        # A copy laid out like the base, so that the same views can be taken of it.
        order = sorted(range(len(stride)), key=lambda dim: -stride[dim])
        copy = grad.permute(order).clone(memory_format=torch.contiguous_format)
        before = copy.permute(sorted(range(len(order)), key=order.__getitem__))
        window = replay(before, steps)
        after = None if places[1] is None else window.clone()
        window.zero_()
        return before, after


_WRITE = _Write()


def replay(array: Array, steps: tuple[Step, ...]) -> Array:
    """The same view of another array, raw or traced."""
    for op, args in steps:
        array = op(array, *args)
    return array
