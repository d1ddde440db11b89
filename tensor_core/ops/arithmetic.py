"""Arithmetic and comparison, element by element, with broadcasting."""

import functools
from collections.abc import Callable
from typing import Any

import torch

from tensor_core.autograd import Array
from tensor_core.op import kernel_op, op
from tensor_core.ops.elementwise import _flat
from tensor_core.ops.memory import result_type
from tensor_core.tensor import Tensor

_NUMBERS = int | float | complex
_pair = functools.partial(kernel_op, parameters="input other")


def _optional(plain: Any, form: Any, **unset: Any) -> Callable[..., Tensor]:
    """`plain`, or `form` where an option is not as in `unset`; an operator is `plain` itself and looks for none."""

    def chosen(plain: Any, form: Any) -> Any:
        @functools.wraps(plain)
        def call(input: Any, other: Any, **options: Any) -> Any:
            return form(input, other, **options) if options and options != unset else plain(input, other)

        call.plain = plain  # type: ignore[attr-defined]
        return call

    call: Any = chosen(plain, form)
    call.in_place = chosen(plain.in_place, form.in_place)
    return call  # type: ignore[no-any-return]


def _power_of_slope(grad: Array, input: Array, other: Array) -> Array:
    return (grad * (input.pow(other - 1) * other)).masked_fill(other.eq(0), 0)


def _larger(grad: Array, input: Array, other: Array) -> Array:
    """The gradient where `input` is larger than `other`, half of it where they are equal."""
    return grad.masked_fill(input.lt(other), 0) * (1 - input.eq(other).to(grad.dtype) * 0.5)


def _smaller(grad: Array, input: Array, other: Array) -> Array:
    return _larger(grad, other, input)


def _turned(grad: Array, input: Array, other: Array, side: Array) -> Array:
    """How an angle turns with a side of its triangle, given the other side; at the origin, where it jumps, 0."""
    square = input * input + other * other
    return grad * (side / square).masked_fill(square.eq(0), 0)


def _weighed(grad: Array, input: Array, other: Array) -> Array:
    """The share of exp(`input`) in the sum with exp(`other`)."""
    return grad * (input - other).sigmoid()


@op(
    input=lambda grad: grad,
    other=lambda grad, alpha: grad * alpha,
    in_place=lambda input, other, alpha: input.add_(other, alpha=alpha),
)
def _add(input: Array, other: Array, alpha: Any) -> Array:
    return torch.add(input, other, alpha=alpha)


@op(
    input=lambda grad: grad,
    other=lambda grad, alpha: (grad * alpha).neg(),
    in_place=lambda input, other, alpha: input.sub_(other, alpha=alpha),
)
def _sub(input: Array, other: Array, alpha: Any) -> Array:
    return torch.sub(input, other, alpha=alpha)


@op(
    input=_flat,
    other=_flat,
    in_place=lambda input, other, rounding_mode: input.div_(other, rounding_mode=rounding_mode),
)
def _div(input: Array, other: Array, rounding_mode: str) -> Array:
    return torch.div(input, other, rounding_mode=rounding_mode)


# fmt: off
add = _optional(_pair(torch.add, "The sum of `input` and `alpha` times `other`.", "add(tensor([1.0, 2.0]), 1, alpha=3)",
    "tensor([4., 5.])", input=lambda grad: grad, other=lambda grad: grad), _add, alpha=1)
sub = _optional(_pair(torch.sub, "`input` less `alpha` times `other`.", "sub(5, tensor([1.0, 2.0]))",
    "tensor([4., 3.])",
    input=lambda grad: grad, other=lambda grad: grad.neg()), _sub, alpha=1)
mul = _pair(torch.mul, "The product.", "mul(tensor([1.0, 2.0]), tensor([[2.0], [3.0]]))",
    "tensor([[2., 4.],\n        [3., 6.]])",
    input=lambda grad, other: grad * other, other=lambda grad, input: grad * input)
div = _optional(_pair(torch.div,
    "The quotient, a floating point number; or rounded, with `rounding_mode=` \"floor\" (down) or \"trunc\" (to 0).",
    "div(tensor([1, 2]), 2), div(tensor([-3]), 2, rounding_mode=\"floor\")", "(tensor([0.5000, 1.0000]), tensor([-2]))",
    input=lambda grad, other: grad / other, other=lambda grad, other, out: (grad * out / other).neg()),
    _div, rounding_mode=None)
maximum = _pair(torch.maximum, "The larger of two; equal ones share the gradient.",
    "maximum(tensor([1.0, 5.0]), tensor([3.0, 2.0]))", "tensor([3., 5.])",
    input=_larger, other=lambda grad, input, other: _larger(grad, other, input))
minimum = _pair(torch.minimum, "The smaller of two; equal ones share the gradient.",
    "minimum(tensor([1.0, 5.0]), tensor([3.0, 2.0]))", "tensor([1., 2.])",
    input=_smaller, other=_larger)
remainder = _pair(torch.remainder, "What the floored division leaves, with the sign of `other`.",
    "remainder(tensor([5, -5]), 3)", "tensor([2, 1])",
    input=lambda grad: grad, other=lambda grad, input, other: (grad * input.floor_divide(other)).neg())
fmod = _pair(torch.fmod, "What the truncated division leaves, with the sign of `input`.",
    "fmod(tensor([5, -5]), 3)", "tensor([ 2, -2])",
    input=lambda grad: grad, other=lambda grad, input, other: (grad * (input.detach() / other.detach()).trunc()).neg())
atan2 = _pair(torch.atan2, "The angle in radians of the point (`other`, `input`).",
    "atan2(tensor([1.0]), tensor([-1.0]))", "tensor([2.3562])",
    input=lambda grad, input, other: _turned(grad, input, other, other),
    other=lambda grad, input, other: _turned(grad, input, other, input.neg()))
hypot = _pair(torch.hypot, "The length of the vector (`input`, `other`).", "hypot(tensor([3.0]), tensor([4.0]))",
    "tensor([5.])",
    input=lambda grad, input, out: grad * input / out, other=lambda grad, other, out: grad * other / out)
logaddexp = _pair(torch.logaddexp, "The logarithm of the sum of two exponentials, without overflow.",
    "logaddexp(tensor([100.0]), tensor([100.0]))", "tensor([100.6931])",
    input=_weighed, other=lambda grad, input, other: _weighed(grad, other, input))
floor_divide = _pair(torch.floor_divide, "The quotient, rounded down; no gradient.", "floor_divide(tensor([5, -5]), 2)",
    "tensor([ 2, -3])")
eq = _pair(torch.eq, "Whether two are equal.", "tensor([1, 2]) == 2", "tensor([False,  True])")
ne = _pair(torch.ne, "Whether two differ.", "tensor([1, 2]) != 2", "tensor([ True, False])")
lt = _pair(torch.lt, "Whether the first is smaller.", "tensor([1, 2]) < 2", "tensor([ True, False])")
le = _pair(torch.le, "Whether the first is not larger.", "tensor([1, 2]) <= 1", "tensor([ True, False])",)
gt = _pair(torch.gt, "Whether the first is larger.", "tensor([1, 2]) > 1", "tensor([False,  True])")
ge = _pair(torch.ge, "Whether the first is not smaller.", "tensor([1, 2]) >= 2", "tensor([False,  True])",)
logical_not = kernel_op(torch.logical_not, "Whether an entry is zero.", "logical_not(tensor([0, 2]))",
    "tensor([ True, False])")
logical_and = _pair(torch.logical_and, "Whether both are true.", "logical_and(tensor([6, 0]), tensor([1, 1]))",
    "tensor([ True, False])")
logical_or = _pair(torch.logical_or, "Whether at least one is true.", "logical_or(tensor([6, 0]), tensor([0, 0]))",
    "tensor([ True, False])")
logical_xor = _pair(torch.logical_xor, "Whether exactly one is true.", "logical_xor(tensor([6, 0]), tensor([1, 1]))",
    "tensor([False,  True])")
bitwise_not = kernel_op(torch.bitwise_not, "Every bit turned over; of a truth, whether it is false.",
    "~tensor([True, False]), ~tensor([6, 0])", "(tensor([False,  True]), tensor([-7, -1]))")
bitwise_and = _pair(torch.bitwise_and, "The bits set in both; of truths, whether both are true.",
    "tensor([True, False]) & tensor([True, True]), tensor([6, 5]) & 3", "(tensor([ True, False]), tensor([2, 1]))")
bitwise_or = _pair(torch.bitwise_or, "The bits set in at least one; of truths, whether at least one is true.",
    "tensor([True, False]) | tensor([False, False]), tensor([6, 5]) | 3", "(tensor([ True, False]), tensor([7, 7]))")
bitwise_xor = _pair(torch.bitwise_xor, "The bits set in exactly one; of truths, whether exactly one is true.",
    "tensor([True, False]) ^ tensor([True, True]), tensor([6, 5]) ^ 3", "(tensor([False,  True]), tensor([5, 6]))")
bitwise_left_shift = _pair(torch.bitwise_left_shift, "The bits moved up `other` places.", "tensor([1, 3]) << 2",
    "tensor([ 4, 12])")
bitwise_right_shift = _pair(torch.bitwise_right_shift, "The bits moved down `other` places, the sign kept.",
    "tensor([12, -3]) >> 1", "tensor([ 6, -2])")
# fmt: on


def _power_slope(grad: Array, input: Array, exponent: Any) -> Array:
    if exponent == 0:
        return grad.new_zeros(input.shape)
    slope = input + input if exponent == 2 else input.pow(exponent - 1) * exponent
    return grad * slope


@op(input=_power_slope, in_place=torch.Tensor.pow_)
def _power(input: Array, exponent: Any) -> Array:
    # 2.0 makes floating point numbers of whole ones, 2 does not.
    return torch.square(input) if exponent == 2 and type(exponent) is int else torch.pow(input, exponent)


@op(
    input=_power_of_slope,
    # 0 ** b is constant in b for b >= 0, where the logarithm is not finite.
    other=lambda grad, input, other, out: grad * (out * input.log()).masked_fill(input.eq(0) & other.ge(0), 0),
    in_place=torch.Tensor.pow_,
)
def _power_of(input: Array, other: Array) -> Array:
    return torch.pow(input, other)


def pow(input: Any, other: Any) -> Tensor:
    """`input` to the power of `other`.

    >>> pow(tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    if isinstance(other, _NUMBERS):
        return _power(input, other)
    if isinstance(input, _NUMBERS):  # as a tensor, because its gradient rule takes the logarithm
        input = other.new_full((), input, dtype=result_type(input, other))
    return _power_of(input, other)


def pow_(input: Tensor, other: Any) -> Tensor:
    """`pow`, written into the first argument, which is returned.

    >>> pow_(tensor([1.0, 3.0]), 2)
    tensor([1., 9.])
    """
    power: Any = _power if isinstance(other, _NUMBERS) else _power_of
    written: Tensor = power.in_place(input, other)
    return written


@op(
    input=lambda grad, weight: grad * (1 - weight),
    end=lambda grad, weight: grad * weight,
    weight=lambda grad, input, end: grad * (end - input),
    in_place=torch.Tensor.lerp_,
)
def lerp(input: Array, end: Array, weight: Any) -> Array:
    """The point between `input` and `end` at the share `weight` of the way.

    >>> lerp(tensor([0.0]), tensor([10.0]), 0.25)
    tensor([2.5000])
    """
    return torch.lerp(input, end, weight)


@op(
    input=lambda grad: grad,
    tensor1=lambda grad, tensor2, value: grad * tensor2 * value,
    tensor2=lambda grad, tensor1, value: grad * tensor1 * value,
    in_place=lambda input, tensor1, tensor2, value: input.addcmul_(tensor1, tensor2, value=value),
)
def addcmul(input: Array, tensor1: Array, tensor2: Array, value: float = 1) -> Array:
    """`input` plus `value` times the product of the other two.

    >>> addcmul(tensor([1.0]), tensor([2.0]), tensor([3.0]))
    tensor([7.])
    """
    return torch.addcmul(input, tensor1, tensor2, value=value)


def _inside(grad: Array, input: Array, min: Any, max: Any) -> Array:
    if min is not None:
        grad = grad * input.ge(min)
    return grad if max is None else grad * input.le(max)


def _below(grad: Array, input: Array, min: Array, max: Any) -> Array:
    low = input.lt(min)
    return grad * (low if max is None else low & min.lt(max))


def _above(grad: Array, input: Array, min: Any, max: Array) -> Array:
    high = input.gt(max)
    return grad * (high if min is None else high | max.lt(min))


@op(input=_inside, min=_below, max=_above, in_place=torch.Tensor.clamp_)
def clamp(input: Array, min: Any = None, max: Any = None) -> Array:
    """`input` cut off below `min` and above `max`, numbers or tensors; its gradient is 0 outside.

    >>> clamp(tensor([-1.0, 0.5, 2.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    return torch.clamp(input, min, max)


clip = clamp


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have one shape and the same entries.

    >>> equal(tensor([1, 2]), tensor([1, 2]))
    True
    """
    return torch.equal(input.raw, other.raw)


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether no two entries differ by more than `atol` and `rtol` times the second one.

    >>> allclose(tensor([1.0, 2.0]), tensor([1.0, 2.00001]))
    True
    """
    return torch.allclose(input.raw, other.raw, rtol, atol, equal_nan)


@op(
    input=lambda grad, condition: grad.masked_fill(condition.logical_not(), 0),
    other=lambda grad, condition: grad.masked_fill(condition, 0),
)
def _where(condition: Array, input: Array, other: Array) -> Array:
    return torch.where(condition, input, other)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """`input` where the condition holds, elsewhere `other`; without both, where it holds: one index tensor a dimension.

    >>> where(tensor([True, False]), tensor([1.0, 2.0]), 0.0)
    tensor([1., 0.])
    """
    if input is None and other is None:
        return tuple(Tensor.handle(index) for index in torch.where(condition.raw))
    return _where(condition, input, other)


@op(
    input=lambda grad, mask: grad.masked_fill(mask, 0),
    value=lambda grad, mask: grad.masked_fill(mask.logical_not(), 0).sum(),
    in_place=torch.Tensor.masked_fill_,
)
def masked_fill(input: Array, mask: Array, value: Any) -> Array:
    """`input` with the number `value` where the mask holds.

    >>> masked_fill(tensor([1.0, 2.0]), tensor([True, False]), 0)
    tensor([0., 2.])
    """
    return input.masked_fill(mask, value)
