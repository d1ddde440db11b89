"""Arithmetic and comparison, element by element, with broadcasting."""

from typing import Any

import torch

from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.tensor import Tensor


@op(input=lambda grad: grad, other=lambda grad: grad, in_place=torch.Tensor.add_)
def add(input: Array, other: Array) -> Array:
    """The sum.

    >>> add(tensor([1.0, 2.0]), 1)
    tensor([2., 3.])
    """
    return torch.add(input, other)


@op(input=lambda grad: grad, other=lambda grad: grad.neg(), in_place=torch.Tensor.sub_)
def sub(input: Array, other: Array) -> Array:
    """The difference.

    >>> sub(5, tensor([1.0, 2.0]))
    tensor([4., 3.])
    """
    return torch.sub(input, other)


@op(
    input=lambda grad, other: grad * other,
    other=lambda grad, input: grad * input,
    in_place=torch.Tensor.mul_,
)
def mul(input: Array, other: Array) -> Array:
    """The product.

    >>> mul(tensor([1.0, 2.0]), tensor([[2.0], [3.0]]))
    tensor([[2., 4.],
            [3., 6.]])
    """
    return torch.mul(input, other)


@op(
    input=lambda grad, other: grad / other,
    other=lambda grad, other, out: (grad * out / other).neg(),
    in_place=torch.Tensor.div_,
)
def div(input: Array, other: Array) -> Array:
    """The quotient; always a floating point number.

    >>> div(tensor([1, 2]), 2)
    tensor([0.5000, 1.0000])
    """
    return torch.true_divide(input, other)


def _power_slope(grad: Array, input: Array, exponent: float) -> Array:
    if exponent == 0:
        return grad.new_zeros(input.shape)
    slope = input + input if exponent == 2 else input.pow(exponent - 1) * exponent
    return grad * slope


@op(input=_power_slope)
def _power(input: Array, exponent: float) -> Array:
    return torch.square(input) if exponent == 2 else torch.pow(input, exponent)


@op(
    input=lambda grad, input, other: grad * (input.pow(other - 1) * other).masked_fill(other.eq(0), 0),
    # 0 ** b is constant in b for b >= 0, where the logarithm is not finite.
    other=lambda grad, input, other, out: grad * (out * input.log()).masked_fill(input.eq(0) & other.ge(0), 0),
)
def _power_of(input: Array, other: Array) -> Array:
    return torch.pow(input, other)


def pow(input: Any, other: Any) -> Tensor:
    """`input` to the power of `other`.

    >>> pow(tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    if isinstance(other, int | float):
        return _power(input, other)
    return _power_of(input if isinstance(input, Tensor) else other.new_full((), input), other)


@op(input=lambda grad: grad.neg(), in_place=torch.Tensor.neg_)
def neg(input: Array) -> Array:
    """The negative.

    >>> -tensor([1.0, -2.0])
    tensor([-1.,  2.])
    """
    return torch.neg(input)


@op(input=lambda grad, input: grad * input.sign())
def abs(input: Array) -> Array:
    """The absolute value; its gradient at 0 is 0.

    >>> abs(tensor([1.0, -2.0]))
    tensor([1., 2.])
    """
    return torch.abs(input)


def _larger(grad: Array, input: Array, other: Array) -> Array:
    """The gradient where `input` is larger than `other`, half of it where they are equal."""
    return grad * (input.ge(other).to(grad.dtype) + input.gt(other)) / 2


@op(
    input=_larger,
    other=lambda grad, input, other: _larger(grad, other, input),
)
def maximum(input: Array, other: Array) -> Array:
    """The larger of two; equal ones share the gradient.

    >>> maximum(tensor([1.0, 5.0]), tensor([3.0, 2.0]))
    tensor([3., 5.])
    """
    return torch.maximum(input, other)


@op(
    input=lambda grad, input, other: _larger(grad, other, input),
    other=_larger,
)
def minimum(input: Array, other: Array) -> Array:
    """The smaller of two; equal ones share the gradient.

    >>> minimum(tensor([1.0, 5.0]), tensor([3.0, 2.0]))
    tensor([1., 2.])
    """
    return torch.minimum(input, other)


def _inside(grad: Array, input: Array, min: Array | None, max: Array | None) -> Array:
    if min is not None:
        grad = grad * input.ge(min)
    return grad if max is None else grad * input.le(max)


@op(input=_inside, in_place=torch.Tensor.clamp_)
def clamp(input: Array, min: float | None = None, max: float | None = None) -> Array:
    """`input` cut off below `min` and above `max`, which are numbers; the gradient is 0 outside.

    >>> clamp(tensor([-1.0, 0.5, 2.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    return torch.clamp(input, min, max)


@op(
    input=lambda grad, condition: grad.masked_fill(condition.logical_not(), 0),
    other=lambda grad, condition: grad.masked_fill(condition, 0),
)
def _where(condition: Array, input: Array, other: Array) -> Array:
    return torch.where(condition, input, other)


def where(condition: Tensor, input: Any, other: Any) -> Tensor:
    """`input` where the condition holds, elsewhere `other`.

    >>> where(tensor([True, False]), tensor([1.0, 2.0]), 0.0)
    tensor([1., 0.])
    """
    return _where(condition, input, other)


@op(input=lambda grad, mask: grad.masked_fill(mask, 0), in_place=torch.Tensor.masked_fill_)
def masked_fill(input: Array, mask: Array, value: float) -> Array:
    """`input` with the number `value` where the mask holds.

    >>> masked_fill(tensor([1.0, 2.0]), tensor([True, False]), 0)
    tensor([0., 2.])
    """
    return input.masked_fill(mask, value)


def _flat(grad: Array, shape: torch.Size) -> Array:
    """The gradient of a step function: zero everywhere."""
    return grad.new_zeros(shape)


@op(input=_flat)
def sign(input: Array) -> Array:
    """-1, 0 or 1.

    >>> sign(tensor([-3.0, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """
    return torch.sign(input)


@op(input=_flat)
def floor(input: Array) -> Array:
    """The largest whole number that is not larger.

    >>> floor(tensor([-1.5, 1.5]))
    tensor([-2.,  1.])
    """
    return torch.floor(input)


@op(input=_flat)
def ceil(input: Array) -> Array:
    """The smallest whole number that is not smaller.

    >>> ceil(tensor([-1.5, 1.5]))
    tensor([-1.,  2.])
    """
    return torch.ceil(input)


@op(input=_flat)
def round(input: Array) -> Array:
    """The nearest whole number, halves to the even one.

    >>> round(tensor([0.5, 1.5, 1.6]))
    tensor([0., 2., 2.])
    """
    return torch.round(input)


@op()
def floor_divide(input: Array, other: Array) -> Array:
    """The quotient, rounded down; no gradient.

    >>> floor_divide(tensor([5, -5]), 2)
    tensor([ 2, -3])
    """
    return torch.floor_divide(input, other)


@op()
def remainder(input: Array, other: Array) -> Array:
    """What the floored division leaves, with the sign of `other`; no gradient.

    >>> remainder(tensor([5, -5]), 3)
    tensor([2, 1])
    """
    return torch.remainder(input, other)


@op()
def eq(input: Array, other: Array) -> Array:
    """Whether two are equal.

    >>> tensor([1, 2]) == 2
    tensor([False,  True])
    """
    return torch.eq(input, other)


@op()
def ne(input: Array, other: Array) -> Array:
    """Whether two differ.

    >>> tensor([1, 2]) != 2
    tensor([ True, False])
    """
    return torch.ne(input, other)


@op()
def lt(input: Array, other: Array) -> Array:
    """Whether the first is smaller.

    >>> tensor([1, 2]) < 2
    tensor([ True, False])
    """
    return torch.lt(input, other)


@op()
def le(input: Array, other: Array) -> Array:
    """Whether the first is not larger.

    >>> tensor([1, 2, 3]) <= 2
    tensor([ True,  True, False])
    """
    return torch.le(input, other)


@op()
def gt(input: Array, other: Array) -> Array:
    """Whether the first is larger.

    >>> tensor([1, 2]) > 1
    tensor([False,  True])
    """
    return torch.gt(input, other)


@op()
def ge(input: Array, other: Array) -> Array:
    """Whether the first is not smaller.

    >>> tensor([1, 2]) >= 2
    tensor([False,  True])
    """
    return torch.ge(input, other)


@op()
def logical_not(input: Array) -> Array:
    """Whether an entry is zero.

    >>> ~tensor([True, False])
    tensor([False,  True])
    """
    return torch.logical_not(input)


@op()
def logical_and(input: Array, other: Array) -> Array:
    """Whether both are true.

    >>> tensor([True, False]) & tensor([True, True])
    tensor([ True, False])
    """
    return torch.logical_and(input, other)


@op()
def logical_or(input: Array, other: Array) -> Array:
    """Whether at least one is true.

    >>> tensor([True, False]) | tensor([False, False])
    tensor([ True, False])
    """
    return torch.logical_or(input, other)


@op()
def logical_xor(input: Array, other: Array) -> Array:
    """Whether exactly one is true.

    >>> tensor([True, False]) ^ tensor([True, True])
    tensor([False,  True])
    """
    return torch.logical_xor(input, other)


@op()
def isnan(input: Array) -> Array:
    """Whether an entry is not a number.

    >>> isnan(tensor([1.0, nan]))
    tensor([False,  True])
    """
    return torch.isnan(input)


@op()
def isfinite(input: Array) -> Array:
    """Whether an entry is neither infinite nor not a number.

    >>> isfinite(tensor([1.0, inf]))
    tensor([ True, False])
    """
    return torch.isfinite(input)
