"""Functions of one number, element by element. Derivatives: Abramowitz and Stegun, chapters 4 and 7."""

import math
from typing import Any

import torch

from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.ops.arithmetic import neg as _neg
from tensor_core.tensor import Tensor

_ATEN: Any = torch.ops.aten  # kernels that torch gives no other name

_CUBIC, _ROOT = 0.044715, math.sqrt(2 / math.pi)  # of gelu's approximation


@op(input=lambda grad, out: grad * out, in_place=torch.Tensor.exp_)
def exp(input: Array) -> Array:
    """e to the power of `input`.

    >>> exp(tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    return torch.exp(input)


@op(input=lambda grad, input: grad / input)
def log(input: Array) -> Array:
    """The natural logarithm.

    >>> log(tensor([1.0, 10.0]))
    tensor([0.0000, 2.3026])
    """
    return torch.log(input)


@op(input=lambda grad, input: grad / (input + 1))
def log1p(input: Array) -> Array:
    """The natural logarithm of 1 + `input`, exact near 0.

    >>> log1p(tensor([0.0, 1.0]))
    tensor([0.0000, 0.6931])
    """
    return torch.log1p(input)


@op(input=lambda grad, out: grad * (out + 1))
def expm1(input: Array) -> Array:
    """e to the power of `input`, less 1, exact near 0.

    >>> expm1(tensor([0.0, 1.0]))
    tensor([0.0000, 1.7183])
    """
    return torch.expm1(input)


@op(input=lambda grad, out: grad / (out + out))
def sqrt(input: Array) -> Array:
    """The square root.

    >>> sqrt(tensor([4.0, 9.0]))
    tensor([2., 3.])
    """
    return torch.sqrt(input)


@op(input=lambda grad, out: (grad * out * out).neg())
def reciprocal(input: Array) -> Array:
    """1 divided by `input`.

    >>> reciprocal(tensor([2.0, 4.0]))
    tensor([0.5000, 0.2500])
    """
    return torch.reciprocal(input)


@op(input=lambda grad, input: grad * input.cos())
def sin(input: Array) -> Array:
    """The sine of an angle in radians.

    >>> sin(tensor([0.0, 1.0]))
    tensor([0.0000, 0.8415])
    """
    return torch.sin(input)


@op(input=lambda grad, input: (grad * input.sin()).neg())
def cos(input: Array) -> Array:
    """The cosine of an angle in radians.

    >>> cos(tensor([0.0, 1.0]))
    tensor([1.0000, 0.5403])
    """
    return torch.cos(input)


def _tanh_slope(grad: Array, other: Array) -> Array:
    return _tanh_backward(grad, other)


@op(
    input=_tanh_slope,
    other=lambda grad, input, other: grad * input * other * -2,
)
def _tanh_backward(input: Array, other: Array) -> Array:
    """`input` times 1 - `other` squared, in one kernel."""
    return _ATEN.tanh_backward.default(input, other)


@op(input=lambda grad, out: _tanh_backward(grad, out), in_place=torch.Tensor.tanh_)
def tanh(input: Array) -> Array:
    """The hyperbolic tangent.

    >>> tanh(tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return torch.tanh(input)


def _sigmoid_slope(grad: Array, other: Array) -> Array:
    return _sigmoid_backward(grad, other)


@op(
    input=_sigmoid_slope,
    other=lambda grad, input, other: grad * input * (1 - (other + other)),
)
def _sigmoid_backward(input: Array, other: Array) -> Array:
    """`input` times `other` times 1 - `other`, in one kernel."""
    return _ATEN.sigmoid_backward.default(input, other)


@op(input=lambda grad, out: _sigmoid_backward(grad, out), in_place=torch.Tensor.sigmoid_)
def sigmoid(input: Array) -> Array:
    """1 / (1 + e to the power of -`input`).

    >>> sigmoid(tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """
    return torch.sigmoid(input)


@op(input=lambda grad, out: grad * out.sign(), in_place=torch.Tensor.relu_)
def relu(input: Array) -> Array:
    """`input` where it is positive, else 0.

    >>> relu(tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return torch.relu(input)


@op(input=lambda grad, input: grad * (input * input).neg().exp() * (2 / math.sqrt(math.pi)))
def erf(input: Array) -> Array:
    """The error function.

    >>> erf(tensor([0.0, 1.0]))
    tensor([0.0000, 0.8427])
    """
    return torch.erf(input)


def _gelu_slope(grad: Array, input: Array, approximate: str) -> Array:
    return _gelu_backward(grad, input, approximate)


def _gelu_bend(grad: Array, input: Array, other: Array, approximate: str) -> Array:
    """The gradient of gelu's slope at `other`."""
    square = other * other
    if approximate == "none":
        bell = (square / -2).exp() / math.sqrt(2 * math.pi)  # the density of the standard normal distribution
        return grad * input * bell * (2 - square)
    inner, first = _gelu_inner(other, square), (square * (3 * _CUBIC) + 1) * _ROOT
    bent = other * (_ROOT * 3 * _CUBIC) * other + first - other * inner.tanh() * first * first
    return grad * input * (1 - inner.tanh() * inner.tanh()) * bent


@op(
    input=lambda grad, other, approximate: _gelu_slope(grad, other, approximate),
    other=_gelu_bend,
)
def _gelu_backward(input: Array, other: Array, approximate: str) -> Array:
    """`input` times the slope of gelu at `other`."""
    return _ATEN.gelu_backward.default(input, other, approximate=approximate)


def _gelu_inner(x: Array, square: Array) -> Array:
    """What Hendrycks and Gimpel take the tanh of."""
    return x * (square * _CUBIC + 1) * _ROOT


@op(input=_gelu_slope)
def gelu(input: Array, approximate: str = "none") -> Array:
    """`input` times the probability that a standard normal number is smaller (Hendrycks and Gimpel 2016, eq. 1 and 2).

    `approximate="tanh"` uses the paper's approximation.

    >>> gelu(tensor([-1.0, 0.0, 1.0]))
    tensor([-0.1587,  0.0000,  0.8413])
    """
    return torch.nn.functional.gelu(input, approximate=approximate)


def _softplus_slope(grad: Array, input: Array) -> Array:
    return grad * input.sigmoid()


@op(input=_softplus_slope)
def softplus(input: Array) -> Array:
    """log(1 + e to the power of `input`): a smooth relu.

    >>> softplus(tensor([0.0, 2.0]))
    tensor([0.6931, 2.1269])
    """
    return torch.logaddexp(input, input.new_zeros(()))


def logsigmoid(input: Tensor) -> Tensor:
    """The logarithm of the sigmoid, without overflow.

    >>> logsigmoid(tensor([0.0, -100.0]))
    tensor([  -0.6931, -100.0000])
    """
    return _neg(softplus(_neg(input)))


def silu(input: Tensor) -> Tensor:
    """`input` times its sigmoid.

    >>> silu(tensor([0.0, 1.0]))
    tensor([0.0000, 0.7311])
    """
    return input * sigmoid(input)
