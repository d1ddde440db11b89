"""How an op is declared: its kernel on raw tensors, and beside it one gradient rule for each input.

    @op(input=lambda grad, other: grad * other, other=lambda grad, input: grad * input)
    def mul(input: Array, other: Array) -> Array:
        return torch.mul(input, other)

The names of a rule's parameters say what the node saves: inputs, options, `out`, or `shape` (that of the input the
rule is for; not saved). Rules use only what raw tensors and ours share, so on raw tensors they run at torch's speed,
and with `create_graph` the same rule records itself. Given raw tensors alone, an op is its kernel.
"""

import functools
import operator
import sys
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, cast

import torch

from tensor_core.autograd import Array, Node, Place, is_grad_enabled, next_number
from tensor_core.calls import binary, general, unary, viewing, writing
from tensor_core.tensor import Tensor

_P = ParamSpec("_P")
_Rule = Callable[..., Any]
_Joint = tuple[str, _Rule]  # the names of several parameters, and the one rule that gives all their gradients
_Adapted = Callable[[Array, Sequence[Any], Any], Any]  # a rule given the gradient, what was saved, the input's place
_Gradients = Callable[[Array, Sequence[Place | None], Sequence[Any]], Sequence[Array | None]]
_NUMPYS = {"axis": "dim", "keepdims": "keepdim"}
_SHAPE = -1  # stands for the shape of the rule's own input among the positions of saved values
_WANTED = -2  # stands there for which of a joint rule's gradients are asked for


def torchs_name(name: str, parameters: Sequence[str]) -> str:
    """The name of an argument, where it was given by numpy's."""
    torchs = _NUMPYS.get(name, name)
    return torchs if torchs in parameters else name


class Op:
    """A declared op: its kernel, its parameters, its rules, and what each set of wanted gradients must save."""

    def __init__(
        self,
        kernel: Callable[..., Any],
        rules: dict[str, _Rule],
        joint: _Joint | None = None,
        extras: str = "",
        parameters: tuple[str, ...] = (),
    ) -> None:
        """Check the rules' names against the kernel's."""
        self.name = kernel.__name__
        self.kernel = kernel
        self.defaults: tuple[Any, ...] = ()
        if not parameters:
            code = kernel.__code__
            parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            self.defaults = (kernel.__defaults__ or ()) + tuple((kernel.__kwdefaults__ or {}).values())
        self.parameters = parameters
        self.required = len(parameters) - len(self.defaults)
        self.extras = tuple(extras.split())
        values = (*parameters, "out", *self.extras)
        positions = {**{name: i for i, name in enumerate(values)}, "shape": _SHAPE, "wanted": _WANTED}
        needs: list[tuple[int, ...]] = [() for _ in parameters]
        self.rules: list[_Adapted | None] = [None for _ in parameters]
        for names, rule in [*rules.items(), *([joint] if joint else [])]:
            asked = rule.__code__.co_varnames[1 : rule.__code__.co_argcount]
            for name in asked:
                if name not in positions:
                    raise TypeError(f"op {self.name}: the rule for {names} asks for {name}, not one of {[*positions]}")
            for name in names.split():
                if name not in parameters:
                    raise TypeError(f"op {self.name}: a rule is for {name}, not one of {parameters}")
                i = parameters.index(name)
                needs[i] = tuple(positions[n] for n in asked)
                self.rules[i] = _adapt(rule, needs[i])
        self.differentiable = tuple((1 << bit, i) for bit, i in enumerate(i for i, r in enumerate(self.rules) if r))
        self.plans = [
            tuple(any(mask & bit and i in needs[j] for bit, j in self.differentiable) for i in range(len(values)))
            for mask in range(1 << len(self.differentiable))
        ]
        self.gradients: _Gradients = _together(self.rules, joint, parameters) if joint else _one_by_one(self.rules)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """All arguments by position, defaults filled in."""
        left = len(self.parameters) - len(args)
        if not kwargs and 0 <= left <= len(self.defaults):
            return args + self.defaults[len(self.defaults) - left :]
        if left < 0:
            raise TypeError(f"{self.name} takes at most {len(self.parameters)} arguments, not {len(args)}")
        given = dict(zip(self.parameters, args, strict=False))
        for name, value in kwargs.items():
            name = torchs_name(name, self.parameters)
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
        return tuple([given[p] for p in self.parameters])

    def node(
        self, places: tuple[Place | None, ...], raws: Sequence[Any], out: torch.Tensor, extras: Sequence[Any] = ()
    ) -> Node | None:
        """The node that records this op, or None where no gradient is wanted; tensors no rule needs are not saved."""
        mask = 0
        for bit, i in self.differentiable:
            if places[i] is not None:
                mask |= bit
        if not mask or not is_grad_enabled():
            return None
        node = Node()
        node.number = next_number()
        node.op = self
        node.places = places
        saves_out = self.plans[mask][len(raws)]
        holds = saves_out or bool(extras)
        saved: list[Any] = []
        for raw, keep in zip(raws, self.plans[mask], strict=False):
            if not isinstance(raw, torch.Tensor):
                saved.append(raw)
            elif keep:
                saved.append(raw)
                holds = True
            else:
                saved.append(None)
        node.saved = (*saved, out if saves_out else None, *extras)
        node.holds = holds
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
        plain = general if joint or extras else _WRAPPERS.get(declared.parameters, general)
        make = viewing if view else plain
        call = functools.wraps(kernel)(make(declared))
        call.op = declared  # type: ignore[attr-defined]
        if in_place is not None:
            call.in_place = writing(declared, in_place)  # type: ignore[attr-defined]
        return cast(Callable[_P, Tensor], call)

    return declare


def kernel_op(
    kernel: Callable[..., Any], meaning: str, example: str, result: str, *, parameters: str = "input", **rules: _Rule
) -> Callable[..., Tensor]:
    """Declare an op that is one of torch's functions and nothing more; its in-place form comes with it."""
    declared = Op(kernel, rules, parameters=tuple(parameters.split()))
    call = _WRAPPERS.get(declared.parameters, general)(declared)
    call.__name__ = call.__qualname__ = declared.name
    call.__module__ = sys._getframe(1).f_globals["__name__"]
    call.__doc__ = f"{meaning}\n\n>>> {example}\n" + result
    call.op = declared  # type: ignore[attr-defined]
    write = getattr(torch.Tensor, declared.name + "_", None)
    if write is not None:
        call.in_place = writing(declared, write, call.__module__)  # type: ignore[attr-defined]
    return call


def write_op(**rules: _Rule) -> Callable[[Callable[_P, Any]], Callable[_P, Tensor]]:
    """Declare an op that exists only in place; the decorated kernel writes into its first argument."""

    def declare(kernel: Callable[_P, Any]) -> Callable[_P, Tensor]:
        declared = Op(kernel, rules)
        return cast(Callable[_P, Tensor], functools.wraps(kernel)(writing(declared, kernel)))

    return declare


_WRAPPERS = {("input",): unary, ("input", "other"): binary}


# ---- from rules to what the walk calls


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
    pick = operator.itemgetter(*needs)
    return lambda grad, values, place: rule(grad, *pick(values))


def _one_by_one(rules: Sequence[_Adapted | None]) -> _Gradients:
    """One gradient for each place, by its rule."""
    only = rules[0]
    if len(rules) == 1 and only is not None:
        return lambda grad, places, values: (only(grad, values, places[0]),)

    def gradients(grad: Array, places: Sequence[Place | None], values: Sequence[Any]) -> Sequence[Array | None]:
        return [
            None if place is None or rule is None else rule(grad, values, place)
            for place, rule in zip(places, rules, strict=False)
        ]

    return gradients


def _together(rules: Sequence[_Adapted | None], joint: _Joint, parameters: tuple[str, ...]) -> _Gradients:
    """The gradients of several places by one rule."""
    order = [parameters.index(name) for name in joint[0].split()]
    rule = cast(_Adapted, rules[order[0]])

    def gradients(grad: Array, places: Sequence[Place | None], values: Sequence[Any]) -> Sequence[Array | None]:
        found: list[Array | None] = [None for _ in places]
        for i, flow in zip(order, rule(grad, values, [places[i] is not None for i in order]), strict=True):
            found[i] = flow
        return found

    return gradients
