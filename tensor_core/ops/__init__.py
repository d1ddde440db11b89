"""The ops, one module a family. What a module defines without a leading underscore is public; nothing is listed twice.

A function whose first parameter is `input` is a method of `Tensor` as well; an op with an in-place kernel also exists
under its name with `_` behind it; operators are spelled by the table below.
"""

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

from tensor_core.op import torchs_name
from tensor_core.tensor import Tensor

_OPERATORS = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "truediv": "div",
    "pow": "pow",
    "matmul": "matmul",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
    "lt": "lt",
    "le": "le",
    "gt": "gt",
    "ge": "ge",
    "eq": "eq",
    "ne": "ne",
    "neg": "neg",
    "abs": "abs",
    "invert": "bitwise_not",
    "getitem": "getitem",
    "setitem": "setitem",
}
_PROPERTIES = ("real", "imag")
_IN_PLACE = ("add", "sub", "mul", "truediv", "pow", "floordiv", "mod", "and", "or", "xor", "lshift", "rshift")
_REFLECTED = (*_IN_PLACE, "matmul")


def _discover() -> dict[str, Callable[..., Any]]:
    """Every public function of every family, by name."""
    found: dict[str, Callable[..., Any]] = {}
    for family in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{family.name}")
        for name, value in vars(module).items():
            if not name.startswith("_") and inspect.isfunction(value) and value.__module__ == module.__name__:
                found[name] = value
                in_place = getattr(value, "in_place", None)
                if in_place is not None:
                    found[f"{name}_"] = in_place
    return {name: _numpys(function) for name, function in found.items()}


def _numpys(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, told dimensions by numpy's names as well; the ops see to it themselves."""
    code = function.__code__
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if hasattr(function, "op") or "dim" not in parameters:
        return function

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            return function(*args)
        return function(*args, **{torchs_name(name, parameters): value for name, value in kwargs.items()})

    return call


def _operation(name: str, functions: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    """What an operator calls: the function, or its form without options."""
    function = functions[name]
    return getattr(function, "plain", function)


def _swapped(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: function(other, self)


def _attach(functions: dict[str, Callable[..., Any]]) -> None:
    """Make methods and operators of the functions."""
    for name, function in functions.items():
        op = getattr(function, "op", None)
        parameters = op.parameters if op else inspect.unwrap(function).__code__.co_varnames
        if parameters[:1] == ("input",) and not hasattr(Tensor, name):
            setattr(Tensor, name, function)
    for name in _PROPERTIES:
        setattr(Tensor, name, property(functions[name], doc=f"As `{name}()`."))
    for operator, name in _OPERATORS.items():
        setattr(Tensor, f"__{operator}__", _operation(name, functions))
    for operator in _REFLECTED:
        setattr(Tensor, f"__r{operator}__", _swapped(_operation(_OPERATORS[operator], functions)))
    for operator in _IN_PLACE:
        setattr(Tensor, f"__i{operator}__", _operation(_OPERATORS[operator] + "_", functions))


FUNCTIONS = _discover()
_attach(FUNCTIONS)
