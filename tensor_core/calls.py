"""The functions that an op becomes, one form for each number of inputs: most of a small op's time is spent here.

Each unwraps what it is given, calls the kernel, and records a node where a gradient is wanted.
"""

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tensor_core.autograd import Node, Place, is_grad_enabled, next_number
from tensor_core.tensor import Tensor
from tensor_core.view import View

if TYPE_CHECKING:
    from tensor_core.op import Op


_CACHED_SCALARS = 1024  # numbers


_CACHED_TYPES = (torch.float32, torch.float64)


_KERNEL_ERRORS = (RuntimeError, TypeError, ValueError, IndexError)


@functools.lru_cache(_CACHED_SCALARS)
def _scalar(value: float, dtype: torch.dtype) -> torch.Tensor:
    """A number as a tensor of shape (): torch reads it 2.5 times as fast as a Python number."""
    return torch.tensor(value, dtype=dtype)


def cached_number(raw: torch.Tensor) -> float | None:
    """The number that a tensor from `scalar` stands for; None for every other tensor."""
    if raw.dim() or raw.dtype not in _CACHED_TYPES or raw.device.type != "cpu":
        return None
    number: float = raw.item()
    return number if number and _scalar(number, raw.dtype) is raw else None


def scalar(value: Any, like: torch.Tensor) -> Any:
    """`value` ready to meet `like` in a kernel: unwrapped, or cached if it is a number of the same type."""
    if isinstance(value, Tensor):
        return value.raw
    kind = type(value)
    # Zero is left out because 0.0 and -0.0 are one key; half precision because torch computes with the exact number;
    # subclasses, because a tensor made while they trace is one of theirs.
    if (kind is float or kind is int) and value and like.dtype in _CACHED_TYPES and type(like) is torch.Tensor:
        return _scalar(value, like.dtype)
    return torch.as_tensor(value, device=like.device) if isinstance(value, np.ndarray | np.generic) else value


def unary(op: "Op") -> Callable[..., Any]:
    """`op` as a function of one tensor."""
    kernel = op.kernel
    saves_input, saves_out = op.plans[-1]
    holds = saves_input or saves_out
    recorded = bool(op.differentiable)

    def call(input: Any) -> Any:
        if not isinstance(input, Tensor):
            return _outside(op, input)
        raw = input.raw
        try:
            made = kernel(raw)
        except _KERNEL_ERRORS as error:
            raise _explained(op, error, (raw,)) from None
        out = Tensor()
        out.raw = made
        place = input.place
        if place is None or not recorded or not is_grad_enabled():
            return out
        out.place = node = Node()
        node.number = next_number()
        node.op = op
        node.places = (place,)
        node.saved = (raw if saves_input else None, made if saves_out else None)
        node.holds = holds
        node.shape = made.shape
        node.dtype = made.dtype
        node.hooks = None
        return out

    return call


def binary(op: "Op") -> Callable[..., Any]:
    """`op` as a function of two tensors, or a tensor and a number."""
    kernel = op.kernel
    recorded = len(op.differentiable) == 2
    plans = [plan if any(plan) else None for plan in op.plans]

    def call(input: Any, other: Any) -> Any:
        left = right = None
        if isinstance(input, Tensor):
            a, left = input.raw, input.place
            if isinstance(other, Tensor):
                b, right = other.raw, other.place
            else:
                b = scalar(other, a)
        elif isinstance(other, Tensor):
            b, right = other.raw, other.place
            a = scalar(input, b)
        else:
            return _outside(op, input, other)
        try:
            made = kernel(a, b)
        except _KERNEL_ERRORS as error:
            raise _explained(op, error, (a, b)) from None
        out = Tensor()
        out.raw = made
        if (left is None and right is None) or not recorded or not is_grad_enabled():
            return out
        out.place = node = Node()
        node.number = next_number()
        node.op = op
        node.places = (left, right)
        plan = plans[3 if right is not None and left is not None else 1 if right is None else 2]
        if plan is None:
            node.saved = _NOTHING
            node.holds = False
        else:
            keeps_left, keeps_right, keeps_out = plan
            node.saved = (a if keeps_left else None, b if keeps_right else None, made if keeps_out else None)
            node.holds = True
        node.shape = made.shape
        node.dtype = made.dtype
        node.hooks = None
        return out

    return call


def general(op: "Op") -> Callable[..., Any]:
    """`op` as a function of any arguments, by position or name."""
    kernel = op.kernel
    count = len(op.parameters)
    recorded = bool(op.differentiable)

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != count:
            args = op.bind(args, kwargs)
        raws: list[Any] = []
        places: list[Place | None] = []
        outside = True
        for a in args:
            if isinstance(a, Tensor):
                outside = False
                raws.append(a.raw)
                places.append(a.place)
            else:
                raws.append(a)
                places.append(None)
        if outside:
            return kernel(*args)[0] if op.extras else kernel(*args)
        try:
            made = kernel(*raws)
        except _KERNEL_ERRORS as error:
            raise _explained(op, error, raws) from None
        extras: Sequence[Any] = ()
        if op.extras:
            made, *extras = made
        out = Tensor()
        out.raw = made
        if recorded and is_grad_enabled():
            out.place = op.node(tuple(places), raws, made, extras)
        return out

    return call


def viewing(op: "Op") -> Callable[..., Any]:
    """`op` as a function whose result looks into its first argument's memory."""
    kernel = op.kernel

    def call(input: Any, *args: Any, **kwargs: Any) -> Any:
        args = op.bind((input, *args), kwargs)[1:]
        if Tensor in map(type, args):
            args = tuple([a.item() if isinstance(a, Tensor) else a for a in args])
        if not isinstance(input, Tensor):
            return kernel(input, *args)
        raw = input.raw
        try:
            made = kernel(raw, *args)
        except _KERNEL_ERRORS as error:
            raise _explained(op, error, (raw, *args)) from None
        place = input.place
        node = None if place is None else op.node((place, *[None for _ in args]), (raw, *args), made)
        return View.look(made, input, (call, args), node)

    return call


def writing(op: "Op", write: Callable[..., Any], module: str | None = None) -> Callable[..., Any]:
    """`write` as a function that writes into its first argument, with the rules of `op`."""
    name = op.name if op.name.endswith("_") else op.name + "_"

    def call(*args: Any, **kwargs: Any) -> Any:
        args = op.bind(args, kwargs)
        target = args[0]
        if not isinstance(target, Tensor):
            return write(*args)
        places = tuple([a.place if isinstance(a, Tensor) else None for a in args])
        recorded = is_grad_enabled() and any(place is not None for place in places)
        if recorded:
            refusal = target.refuse_write()
            if refusal is not None:
                raise RuntimeError(f"{name} cannot write to a tensor of shape {tuple(target.shape)}: {refusal}")
        raws = [a.raw if isinstance(a, Tensor) else a for a in args]
        memory = target.memory
        saved: Sequence[Any] = raws
        if recorded:
            mask = sum(bit for bit, i in op.differentiable if places[i] is not None)
            # What the write is about to change is saved as it was before.
            saved = [
                raw.clone() if keep and isinstance(a, Tensor) and a.memory is memory else raw
                for a, raw, keep in zip(args, raws, op.plans[mask], strict=False)
            ]
        try:
            write(*raws)
        except _KERNEL_ERRORS as error:
            raise _explained(op, error, raws, name) from None
        node = op.node(places, saved, target.raw) if recorded else None
        if recorded and node is None and target.place is not None:  # nothing flows back through what has no gradient
            node = Node.made(op, places, (), target.raw)
        memory.write(next_number() if node is None else node.number)
        if node is not None:
            target.rebind(node)
        return target

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`{op.name.rstrip('_')}`, written into the first argument, which is returned."
    call.__module__ = module or op.kernel.__module__
    call.op = op  # type: ignore[attr-defined]
    return call


_NOTHING = (None, None, None)  # saved by a binary op whose rules need neither inputs nor output


def _outside(op: "Op", *args: Any) -> Any:
    """The kernel alone, for raw tensors; anything else is refused by name."""
    if isinstance(args[0], torch.Tensor) or isinstance(args[-1], torch.Tensor):
        return op.kernel(*args)
    raise TypeError(f"{op.name} needs a tensor, not {type(args[0]).__name__}; make one with tensor()")


def _explained(op: "Op", error: Exception, args: Sequence[Any], name: str | None = None) -> Exception:
    """The kernel's error in one line that names the op and what it was given."""
    kind = type(error) if type(error) in _KERNEL_ERRORS else RuntimeError
    given = ", ".join(f"{p} {_described(a)}" for p, a in zip(op.parameters, args, strict=False))
    reason = str(error).strip().split("\n")[0].split(" Exception raised from")[0]
    return kind(f"{name or op.name.lstrip('_')}({given}): {reason}")


def _described(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"of shape {tuple(value.shape)} and type {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, str | int | float | bool | torch.dtype | torch.device | None):
        return f"{value!r}"
    return f"of type {type(value).__name__}"
