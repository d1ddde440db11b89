"""How an op is declared: its kernel on raw tensors, and beside it one gradient rule for each input.

    @op(input=lambda grad, other: grad * other, other=lambda grad, input: grad * input, in_place=torch.Tensor.mul_)
    def mul(input: Array, other: Array) -> Array:
        return torch.mul(input, other)

The names of a rule's parameters say what the node saves: inputs, options, `out`, or `shape` (that of the input the
rule is for; not saved). Rules use only what raw tensors and ours share, so on raw tensors they run at torch's speed,
and with `create_graph` the same rule records itself. Given raw tensors alone, an op is its kernel.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, cast

import numpy as np
import torch

from tensor_core.autograd import Array, Memory, Node, Place, Traced, is_grad_enabled, next_number
from tensor_core.tensor import Tensor
from tensor_core.view import View

_P = ParamSpec("_P")
_Rule = Callable[..., Array | None]
_Adapted = Callable[[Array, Sequence[Any], Any], Any]  # a rule given the gradient, what was saved, the place
_Joint = tuple[str, _Rule]  # the names of several parameters, and the one rule that gives all their gradients
_SHAPE = -1  # stands for the shape of the rule's own input among the positions of saved values
_WANTED = -2  # stands there for which of a joint rule's gradients are asked for
_CACHED_SCALARS = 1024  # numbers
_CACHED_TYPES = (torch.float32, torch.float64)
_KERNEL_ERRORS = (RuntimeError, TypeError, ValueError, IndexError)
_handle = Tensor.handle


class Op:
    """A declared op: its kernel, its parameters, its rules, and what each set of wanted gradients must save."""

    def __init__(
        self, kernel: Callable[..., Any], rules: dict[str, _Rule], joint: _Joint | None = None, extras: str = ""
    ) -> None:
        """Check the rules' names against the kernel's."""
        code = kernel.__code__
        self.name = kernel.__name__
        self.kernel = kernel
        self.parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        self.defaults = (kernel.__defaults__ or ()) + tuple((kernel.__kwdefaults__ or {}).values())
        self.required = len(self.parameters) - len(self.defaults)
        self.extras = tuple(extras.split())
        results = (*self.parameters, "out", *self.extras)
        positions = {**{p: i for i, p in enumerate(results)}, "shape": _SHAPE, "wanted": _WANTED}
        self.joint = None if joint is None else (tuple(self.parameters.index(p) for p in joint[0].split()), joint[1])
        needs: list[tuple[int, ...]] = [() for _ in self.parameters]
        self.rules: list[_Adapted | None] = [None for _ in self.parameters]
        for names, rule in [*rules.items(), *([joint] if joint else [])]:
            asked = rule.__code__.co_varnames[1 : rule.__code__.co_argcount]
            for name in (*names.split(), *asked):
                if name not in (positions if name in asked else self.parameters):
                    raise TypeError(
                        f"op {self.name}: the rule for {names} asks for {name}, not one of {[*positions]}"
                        if name in asked
                        else f"op {self.name}: a rule is for {name}, not one of {self.parameters}"
                    )
            for name in names.split():
                needs[self.parameters.index(name)] = tuple(positions[n] for n in asked)
                self.rules[self.parameters.index(name)] = _adapt(rule, needs[self.parameters.index(name)])
        self.differentiable = tuple((1 << bit, i) for bit, i in enumerate(i for i, r in enumerate(self.rules) if r))
        self.plans = [
            tuple(any(mask & bit and i in needs[j] for bit, j in self.differentiable) for i in range(len(results)))
            for mask in range(1 << len(self.differentiable))
        ]

    def gradients(self, grad: Array, places: Sequence[Place | None], values: Sequence[Any]) -> Sequence[Array | None]:
        """One gradient for each place, by its rule, or by the one rule for several."""
        if self.joint is not None:
            found: list[Array | None] = [None for _ in places]
            order, _ = self.joint
            wanted = [places[i] is not None for i in order]
            for i, flow in zip(order, self.rules[order[0]](grad, values, wanted), strict=True):  # type: ignore[misc]
                found[i] = flow
            return found
        rules = self.rules
        return [
            None if place is None or rule is None else rule(grad, values, place)
            for place, rule in zip(places, rules, strict=False)
        ]

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments by position, defaults filled in."""
        if len(args) > len(self.parameters):
            raise TypeError(f"{self.name} takes at most {len(self.parameters)} arguments, not {len(args)}")
        if not kwargs and len(args) >= self.required:
            return args + self.defaults[len(args) - self.required :]
        given = dict(zip(self.parameters, args, strict=False))
        for name, value in kwargs.items():
            name = "dim" if name == "axis" and "dim" in self.parameters else name
            if name in given:
                raise TypeError(f"{self.name} got {name!r} twice")
            if name not in self.parameters:
                raise TypeError(f"{self.name} has no {name!r}; its arguments are {', '.join(self.parameters)}")
            given[name] = value
        for name, default in zip(self.parameters[self.required :], self.defaults, strict=True):
            given.setdefault(name, default)
        missing = [p for p in self.parameters if p not in given]
        if missing:
            raise TypeError(f"{self.name} needs {' and '.join(missing)}")
        return tuple(given[p] for p in self.parameters)

    def node(
        self,
        places: tuple[Place | None, ...],
        raws: Sequence[Any],
        memories: Sequence[Memory | None],
        out: torch.Tensor,
        out_memory: Memory,
        extras: Sequence[Any] = (),
    ) -> Node | None:
        """The node that records this op, or None where no gradient is wanted; tensors no rule needs are not saved."""
        mask = 0
        for bit, i in self.differentiable:
            if places[i] is not None:
                mask |= bit
        if not mask or not is_grad_enabled():
            return None
        plan = self.plans[mask]
        node = Node()
        node.number = next_number()
        node.op = self
        node.places = places
        node.saved = (
            *[
                raw if keep or not isinstance(raw, torch.Tensor) else None
                for raw, keep in zip(raws, plan, strict=False)
            ],
            out if plan[len(raws)] else None,
            *extras,
        )
        kept = [memory if keep else None for memory, keep in zip(memories, plan, strict=False)]
        node.memories = (*kept, out_memory if plan[len(raws)] else None) if any(plan) else ()
        node.shape = out.shape
        node.dtype = out.dtype
        node.hooks = None
        return node


def op(
    *,
    in_place: Callable[..., Any] | None = None,
    view: bool = False,
    joint: _Joint | None = None,
    extras: str = "",
    **rules: _Rule,
) -> Callable[[Callable[_P, Any]], Callable[_P, Tensor]]:
    """Declare an op: the decorated kernel becomes a function on tensors that records itself.

    `in_place` is the kernel that writes into its first argument, published under the name with `_` behind it. A `view`
    shares memory with its first argument. Without rules nothing is recorded. A `joint` rule gives the gradients of the
    inputs it names together, where one kernel makes them all. `extras` names what the kernel returns behind its result
    for rules to use; to a rule that records itself they are constants.
    """

    def declare(kernel: Callable[_P, Any]) -> Callable[_P, Tensor]:
        declared = Op(kernel, rules, joint, extras)
        plain = _general if joint or extras else _WRAPPERS.get(declared.parameters, _general)
        make = _view if view else plain
        call = functools.wraps(kernel)(make(declared))
        call.op = declared  # type: ignore[attr-defined]
        if in_place is not None:
            call.in_place = _in_place(declared, in_place)  # type: ignore[attr-defined]
        return cast(Callable[_P, Tensor], call)

    return declare


def write_op(**rules: _Rule) -> Callable[[Callable[_P, Any]], Callable[_P, Tensor]]:
    """Declare an op that exists only in place; the decorated kernel writes into its first argument."""

    def declare(kernel: Callable[_P, Any]) -> Callable[_P, Tensor]:
        declared = Op(kernel, rules)
        return cast(Callable[_P, Tensor], functools.wraps(kernel)(_in_place(declared, kernel)))

    return declare


@functools.lru_cache(_CACHED_SCALARS)
def _scalar(value: float, dtype: torch.dtype) -> torch.Tensor:
    """A number as a tensor of shape (): torch reads it 2.5 times as fast as a Python number."""
    return torch.tensor(value, dtype=dtype)


def scalar(value: Any, like: torch.Tensor) -> Any:
    """`value` ready to meet `like` in a kernel: unwrapped, or cached if it is a number of the same type."""
    if isinstance(value, Traced):
        return value.raw
    kind = type(value)
    # Zero is left out because 0.0 and -0.0 are one key; half precision because torch computes with the exact number;
    # subclasses, because a tensor made while they trace is one of theirs.
    if (kind is float or kind is int) and value and like.dtype in _CACHED_TYPES and type(like) is torch.Tensor:
        return _scalar(value, like.dtype)
    return torch.as_tensor(value, device=like.device) if isinstance(value, np.ndarray | np.generic) else value


def _unary(op: Op) -> Callable[..., Any]:
    kernel = op.kernel
    saves_input, saves_out = op.plans[-1]
    recorded = bool(op.differentiable)

    def call(input: Any) -> Any:
        if not isinstance(input, Traced):
            return _outside(op, input)
        raw = input.raw
        try:
            made = kernel(raw)
        except _KERNEL_ERRORS as error:
            raise _explained(op, error, (raw,)) from None
        out = Tensor()
        out.raw = made
        out.memory = memory = Memory()
        place = input.place
        if place is None or not recorded or not is_grad_enabled():
            out.place = None
            return out
        out.place = node = Node()
        node.number = next_number()
        node.op = op
        node.places = (place,)
        node.saved = (raw if saves_input else None, made if saves_out else None)
        node.memories = (input.memory if saves_input else None, memory if saves_out else None)
        node.shape = made.shape
        node.dtype = made.dtype
        node.hooks = None
        return out

    return call


def _binary(op: Op) -> Callable[..., Any]:
    kernel = op.kernel
    recorded = len(op.differentiable) == 2
    plans = [plan if any(plan) else None for plan in op.plans]

    def call(input: Any, other: Any = None, **kwargs: Any) -> Any:
        if kwargs:
            input, other = op.bind((input,) if other is None else (input, other), kwargs)
        left = right = left_memory = right_memory = None
        if isinstance(input, Traced):
            a, left, left_memory = input.raw, input.place, input.memory
            if isinstance(other, Traced):
                b, right, right_memory = other.raw, other.place, other.memory
            else:
                b = scalar(other, a)
        elif isinstance(other, Traced):
            b, right, right_memory = other.raw, other.place, other.memory
            a = scalar(input, b)
        else:
            return _outside(op, input, other)
        try:
            made = kernel(a, b)
        except _KERNEL_ERRORS as error:
            raise _explained(op, error, (a, b)) from None
        out = Tensor()
        out.raw = made
        out.memory = memory = Memory()
        if (left is None and right is None) or not recorded or not is_grad_enabled():
            out.place = None
            return out
        out.place = node = Node()
        node.number = next_number()
        node.op = op
        node.places = (left, right)
        plan = plans[(left is not None) + 2 * (right is not None)]
        if plan is None:
            node.saved = (None, None, None)
            node.memories = ()
        else:
            keeps_left, keeps_right, keeps_out = plan
            node.saved = (a if keeps_left else None, b if keeps_right else None, made if keeps_out else None)
            node.memories = (
                left_memory if keeps_left else None,
                right_memory if keeps_right else None,
                memory if keeps_out else None,
            )
        node.shape = made.shape
        node.dtype = made.dtype
        node.hooks = None
        return out

    return call


def _general(op: Op) -> Callable[..., Any]:
    kernel = op.kernel
    count = len(op.parameters)
    recorded = bool(op.differentiable)

    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != count:
            args = op.bind(args, kwargs)
        traced = [isinstance(a, Traced) for a in args]
        raws = [a.raw if t else a for a, t in zip(args, traced, strict=False)]
        if True not in traced:
            return kernel(*raws)[0] if op.extras else kernel(*raws)
        try:
            made = kernel(*raws)
        except _KERNEL_ERRORS as error:
            raise _explained(op, error, raws) from None
        extras: Sequence[Any] = ()
        if op.extras:
            made, *extras = made
        memory = Memory()
        if not recorded or not is_grad_enabled():
            return _handle(made, None, memory)
        places = tuple([a.place if t else None for a, t in zip(args, traced, strict=False)])
        memories = [a.memory if t else None for a, t in zip(args, traced, strict=False)]
        return _handle(made, op.node(places, raws, memories, made, memory, extras), memory)

    return call


def _view(op: Op) -> Callable[..., Any]:
    kernel = op.kernel

    def call(input: Any, *args: Any, **kwargs: Any) -> Any:
        args = op.bind((input, *args), kwargs)[1:]
        if not isinstance(input, Traced):
            return kernel(input, *args)
        raw = input.raw
        try:
            made = kernel(raw, *args)
        except _KERNEL_ERRORS as error:
            raise _explained(op, error, (raw, *args)) from None
        place = input.place
        node = None
        if place is not None:
            node = op.node((place, *[None for _ in args]), (raw, *args), (input.memory,), made, input.memory)
        return View.look(made, cast(Tensor, input), (call, args), node)

    return call


def _in_place(op: Op, write: Callable[..., Any]) -> Callable[..., Any]:
    name = op.name if op.name.endswith("_") else op.name + "_"

    def call(*args: Any, **kwargs: Any) -> Any:
        args = op.bind(args, kwargs)
        target = args[0]
        if not isinstance(target, Tensor):
            return write(*args)
        places = tuple([a.place if isinstance(a, Traced) else None for a in args])
        recorded = is_grad_enabled() and any(place is not None for place in places)
        if recorded:
            refusal = target.refuse_write()
            if refusal is not None:
                raise RuntimeError(f"{name} cannot write to a tensor of shape {tuple(target.shape)}: {refusal}")
        raws = [a.raw if isinstance(a, Traced) else a for a in args]
        memories = [a.memory if isinstance(a, Traced) else None for a in args]
        saved: Sequence[Any] = raws
        if recorded:
            mask = sum(bit for bit, i in op.differentiable if places[i] is not None)
            # What the write is about to change is saved as it was before.
            changed = [k and m is target.memory for k, m in zip(op.plans[mask], memories, strict=False)]
            saved = [raw.clone() if c else raw for raw, c in zip(raws, changed, strict=True)]
            memories = [None if c else memory for memory, c in zip(memories, changed, strict=True)]
        try:
            write(*raws)
        except _KERNEL_ERRORS as error:
            raise _explained(op, error, raws, name) from None
        node = op.node(places, saved, memories, target.raw, target.memory) if recorded else None
        target.memory.written = next_number() if node is None else node.number
        if node is not None:
            target.rebind(node)
        return target

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`{op.name.rstrip('_')}`, written into the first argument, which is returned."
    call.__module__ = op.kernel.__module__
    call.op = op  # type: ignore[attr-defined]
    return call


_WRAPPERS = {("input",): _unary, ("input", "other"): _binary}


def _adapt(rule: _Rule, needs: tuple[int, ...]) -> _Adapted:
    """The rule as a function of the gradient, the saved values and the input's place (a joint one: what is wanted)."""
    if _WANTED in needs:
        return lambda grad, values, wanted: rule(grad, *[wanted if i == _WANTED else values[i] for i in needs])
    if _SHAPE in needs:
        return lambda grad, values, place: rule(grad, *[place.shape if i == _SHAPE else values[i] for i in needs])
    if not needs:
        return lambda grad, values, place: rule(grad)
    if len(needs) == 1:
        (first,) = needs
        return lambda grad, values, place: rule(grad, values[first])
    return lambda grad, values, place: rule(grad, *[values[i] for i in needs])


def _outside(op: Op, *args: Any) -> Any:
    """The kernel alone, for raw tensors; anything else is refused by name."""
    if isinstance(args[0], torch.Tensor) or isinstance(args[-1], torch.Tensor):
        return op.kernel(*args)
    raise TypeError(f"{op.name} needs a tensor, not {type(args[0]).__name__}; make one with tensor()")


def _explained(op: Op, error: Exception, args: Sequence[Any], name: str | None = None) -> Exception:
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
