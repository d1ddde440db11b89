"""Functions of one number, element by element. Derivatives: Abramowitz and Stegun, chapters 4, 6 and 7."""

import math
from typing import Any

import torch

from tensor_core.autograd import Array
from tensor_core.op import kernel_op, op
from tensor_core.tensor import Tensor

_ATEN: Any = torch.ops.aten  # kernels that torch gives no other name


def _flat(grad: Array, shape: torch.Size) -> Array:
    """The gradient of a step function: zero everywhere."""
    return grad.new_zeros(shape)


# fmt: off
exp = kernel_op(torch.exp, "e to the power of `input`.", "exp(tensor([0.0, 1.0]))", "tensor([1.0000, 2.7183])",
    input=lambda grad, out: grad * out)
exp2 = kernel_op(torch.exp2, "2 to the power of `input`.", "exp2(tensor([0.0, 3.0]))", "tensor([1., 8.])",
    input=lambda grad, out: grad * out * math.log(2))
expm1 = kernel_op(torch.expm1, "e to the power of `input`, less 1, exact near 0.", "expm1(tensor([0.0, 1.0]))",
    "tensor([0.0000, 1.7183])", input=lambda grad, out: grad * (out + 1))
log = kernel_op(torch.log, "The natural logarithm.", "log(tensor([1.0, 10.0]))", "tensor([0.0000, 2.3026])",
    input=lambda grad, input: grad / input)
log2 = kernel_op(torch.log2, "The logarithm to base 2.", "log2(tensor([1.0, 8.0]))", "tensor([0., 3.])",
    input=lambda grad, input: grad / (input * math.log(2)))
log10 = kernel_op(torch.log10, "The logarithm to base 10.", "log10(tensor([1.0, 100.0]))", "tensor([0., 2.])",
    input=lambda grad, input: grad / (input * math.log(10)))
log1p = kernel_op(torch.log1p, "The natural logarithm of 1 + `input`, exact near 0.", "log1p(tensor([0.0, 1.0]))",
    "tensor([0.0000, 0.6931])", input=lambda grad, input: grad / (input + 1))
sqrt = kernel_op(torch.sqrt, "The square root.", "sqrt(tensor([4.0, 9.0]))", "tensor([2., 3.])",
    input=lambda grad, out: grad / (out + out))
rsqrt = kernel_op(torch.rsqrt, "1 divided by the square root.", "rsqrt(tensor([4.0, 16.0]))",
    "tensor([0.5000, 0.2500])",
    input=lambda grad, out: grad * out * out * out * -0.5)
square = kernel_op(torch.square, "`input` times itself.", "square(tensor([2.0, -3.0]))", "tensor([4., 9.])",
    input=lambda grad, input: grad * (input + input))
reciprocal = kernel_op(torch.reciprocal, "1 divided by `input`.", "reciprocal(tensor([2.0, 4.0]))",
    "tensor([0.5000, 0.2500])", input=lambda grad, out: (grad * out * out).neg())
neg = kernel_op(torch.neg, "The negative.", "-tensor([1.0, -2.0])", "tensor([-1.,  2.])", input=lambda grad: grad.neg())
abs = kernel_op(torch.abs, "The absolute value; its gradient at 0 is 0.", "abs(tensor([1.0, -2.0]))",
    "tensor([1., 2.])",
    input=lambda grad, input: grad * input.sgn())
sin = kernel_op(torch.sin, "The sine of an angle in radians.", "sin(tensor([0.0, 1.0]))", "tensor([0.0000, 0.8415])",
    input=lambda grad, input: grad * input.cos())
cos = kernel_op(torch.cos, "The cosine of an angle in radians.", "cos(tensor([0.0, 1.0]))", "tensor([1.0000, 0.5403])",
    input=lambda grad, input: (grad * input.sin()).neg())
tan = kernel_op(torch.tan, "The tangent of an angle in radians.", "tan(tensor([0.0, 1.0]))", "tensor([0.0000, 1.5574])",
    input=lambda grad, out: grad * (out * out + 1))
asin = kernel_op(torch.asin, "The angle in radians whose sine is `input`.", "asin(tensor([0.0, 1.0]))",
    "tensor([0.0000, 1.5708])", input=lambda grad, input: grad * (1 - input * input).rsqrt())
acos = kernel_op(torch.acos, "The angle in radians whose cosine is `input`.", "acos(tensor([0.0, 1.0]))",
    "tensor([1.5708, 0.0000])", input=lambda grad, input: (grad * (1 - input * input).rsqrt()).neg())
atan = kernel_op(torch.atan, "The angle in radians whose tangent is `input`.", "atan(tensor([0.0, 1.0]))",
    "tensor([0.0000, 0.7854])", input=lambda grad, input: grad / (input * input + 1))
sinh = kernel_op(torch.sinh, "The hyperbolic sine.", "sinh(tensor([0.0, 1.0]))", "tensor([0.0000, 1.1752])",
    input=lambda grad, input: grad * input.cosh())
cosh = kernel_op(torch.cosh, "The hyperbolic cosine.", "cosh(tensor([0.0, 1.0]))", "tensor([1.0000, 1.5431])",
    input=lambda grad, input: grad * input.sinh())
asinh = kernel_op(torch.asinh, "The inverse of sinh.", "asinh(tensor([0.0, 1.0]))", "tensor([0.0000, 0.8814])",
    input=lambda grad, input: grad * (input * input + 1).rsqrt())
acosh = kernel_op(torch.acosh, "The inverse of cosh, at least 0.", "acosh(tensor([1.0, 2.0]))",
    "tensor([0.0000, 1.3170])",
    input=lambda grad, input: grad * (input * input - 1).rsqrt())
atanh = kernel_op(torch.atanh, "The inverse of tanh.", "atanh(tensor([0.0, 0.5]))", "tensor([0.0000, 0.5493])",
    input=lambda grad, input: grad / (1 - input * input))
erf = kernel_op(torch.erf, "The error function.", "erf(tensor([0.0, 1.0]))", "tensor([0.0000, 0.8427])",
    input=lambda grad, input: grad * (input * input).neg().exp() * (2 / math.sqrt(math.pi)))
erfc = kernel_op(torch.erfc, "1 - erf, exact far from 0.", "erfc(tensor([0.0, 1.0]))", "tensor([1.0000, 0.1573])",
    input=lambda grad, input: grad * (input * input).neg().exp() * (-2 / math.sqrt(math.pi)))
erfinv = kernel_op(torch.erfinv, "The inverse of erf.", "erfinv(tensor([0.0, 0.5]))", "tensor([0.0000, 0.4769])",
    input=lambda grad, out: grad * (out * out).exp() * (math.sqrt(math.pi) / 2))
lgamma = kernel_op(torch.lgamma, "The logarithm of the absolute value of the gamma function.",
    "lgamma(tensor([1.0, 5.0]))", "tensor([0.0000, 3.1781])", input=lambda grad, input: grad * input.digamma())
digamma = kernel_op(torch.digamma, "The slope of lgamma.", "digamma(tensor([1.0, 5.0]))", "tensor([-0.5772,  1.5061])",
    input=lambda grad, input: _polygamma_slope(grad, input, 0))
sign = kernel_op(torch.sign, "-1, 0 or 1.", "sign(tensor([-3.0, 0.0, 2.0]))", "tensor([-1.,  0.,  1.])", input=_flat)
sgn = kernel_op(torch.sgn, "`input` divided by its absolute value; 0 at 0.", "sgn(tensor([-3.0, 0.0, 2.0]))",
    "tensor([-1.,  0.,  1.])", input=_flat)
floor = kernel_op(torch.floor, "The largest whole number that is not larger.", "floor(tensor([-1.5, 1.5]))",
    "tensor([-2.,  1.])", input=_flat)
ceil = kernel_op(torch.ceil, "The smallest whole number that is not smaller.", "ceil(tensor([-1.5, 1.5]))",
    "tensor([-1.,  2.])", input=_flat)
trunc = kernel_op(torch.trunc, "The whole number next to it towards 0.", "trunc(tensor([-1.5, 1.5]))",
    "tensor([-1.,  1.])", input=_flat)
frac = kernel_op(torch.frac, "What trunc cuts off.", "frac(tensor([-1.5, 1.25]))", "tensor([-0.5000,  0.2500])",
    input=lambda grad: grad)
isnan = kernel_op(torch.isnan, "Whether an entry is not a number.", "isnan(tensor([1.0, nan]))",
    "tensor([False,  True])")
isinf = kernel_op(torch.isinf, "Whether an entry is infinite.", "isinf(tensor([1.0, -inf]))", "tensor([False,  True])")
isfinite = kernel_op(torch.isfinite, "Whether an entry is neither infinite nor not a number.",
    "isfinite(tensor([1.0, inf]))", "tensor([ True, False])")
# fmt: on


def _polygamma_slope(grad: Array, input: Array, n: int) -> Array:
    return grad * _polygamma(input, n + 1)


@op(input=_polygamma_slope)
def _polygamma(input: Array, n: int) -> Array:
    return torch.polygamma(n, input)


def _write_rounded(input: Array, decimals: int) -> Array:
    return input.round_(decimals=decimals) if decimals else input.round_()


@op(input=_flat, in_place=_write_rounded)
def round(input: Array, decimals: int = 0) -> Array:
    """The nearest number with so many decimals, halves to the even one.

    >>> round(tensor([0.5, 1.5, 1.6]))
    tensor([0., 2., 2.])
    """
    # torch rounds whole numbers only where no decimals are named
    return torch.round(input, decimals=decimals) if decimals else torch.round(input)


# ---- activations whose slopes are kernels of their own


def _tanh_slope(grad: Array, other: Array) -> Array:
    return _tanh_backward(grad, other)


@op(input=_tanh_slope, other=lambda grad, input, other: grad * input * other * -2)
def _tanh_backward(input: Array, other: Array) -> Array:
    """`input` times 1 - `other` squared."""
    return _ATEN.tanh_backward.default(input, other)


tanh = kernel_op(
    torch.tanh,
    "The hyperbolic tangent.",
    "tanh(tensor([0.0, 1.0]))",
    "tensor([0.0000, 0.7616])",
    input=lambda grad, out: _tanh_backward(grad, out),
)


def _sigmoid_slope(grad: Array, other: Array) -> Array:
    return _sigmoid_backward(grad, other)


@op(input=_sigmoid_slope, other=lambda grad, input, other: grad * input * (1 - (other + other)))
def _sigmoid_backward(input: Array, other: Array) -> Array:
    """`input` times `other` times 1 - `other`."""
    return _ATEN.sigmoid_backward.default(input, other)


sigmoid = kernel_op(
    torch.sigmoid,
    "1 / (1 + e to the power of -`input`).",
    "sigmoid(tensor([0.0, 2.0]))",
    "tensor([0.5000, 0.8808])",
    input=lambda grad, out: _sigmoid_backward(grad, out),
)


def _relu_slope(grad: Array, other: Array) -> Array:
    return _where_positive(grad, other)


@op(input=_relu_slope, other=_flat)
def _where_positive(input: Array, other: Array) -> Array:
    """`input` where `other` is positive, else 0."""
    return _ATEN.threshold_backward.default(input, other, 0)


relu = kernel_op(
    torch.relu,
    "`input` where it is positive, else 0.",
    "relu(tensor([-1.0, 2.0]))",
    "tensor([0., 2.])",
    input=lambda grad, out: _where_positive(grad, out),
)

_CUBIC, _ROOT = 0.044715, math.sqrt(2 / math.pi)  # of gelu's approximation


def _gelu_slope(grad: Array, input: Array, approximate: str) -> Array:
    return _gelu_backward(grad, input, approximate)


def _gelu_bend(grad: Array, input: Array, other: Array, approximate: str) -> Array:
    """The gradient of gelu's slope at `other`."""
    square = other * other
    if approximate == "none":
        bell = (square / -2).exp() / math.sqrt(2 * math.pi)  # the density of the standard normal distribution
        return grad * input * bell * (2 - square)
    bent = (other * (square * _CUBIC + 1) * _ROOT).tanh()
    slope = (square * (3 * _CUBIC) + 1) * _ROOT
    flat = 1 - bent * bent  # 0 far out, and multiplied first, because the squares overflow there
    steep = flat * slope
    return grad * input * (flat * square * (3 * _CUBIC * _ROOT) + steep - other * bent * steep * slope)


@op(input=lambda grad, other, approximate: _gelu_slope(grad, other, approximate), other=_gelu_bend)
def _gelu_backward(input: Array, other: Array, approximate: str) -> Array:
    """`input` times the slope of gelu at `other`."""
    return _ATEN.gelu_backward.default(input, other, approximate=approximate)


@op(input=_gelu_slope)
def gelu(input: Array, approximate: str = "none") -> Array:
    """`input` times the probability that a standard normal number is smaller (Hendrycks and Gimpel 2016, eq. 1 and 2).

    `approximate="tanh"` uses the paper's approximation.

    >>> gelu(tensor([-1.0, 0.0, 1.0]))
    tensor([-0.1587,  0.0000,  0.8413])
    """
    return torch.nn.functional.gelu(input, approximate=approximate)


# beyond the threshold torch takes softplus for the identity
@op(input=lambda grad, input, beta, threshold: grad * (input * beta).sigmoid().masked_fill(input * beta > threshold, 1))
def softplus(input: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """log(1 + e to the power of `beta` times `input`) / `beta`: a smooth relu; `input` itself above `threshold`/`beta`.

    >>> softplus(tensor([0.0, 2.0]))
    tensor([0.6931, 2.1269])
    """
    return torch.nn.functional.softplus(input, beta, threshold)


@op(input=lambda grad, input: grad * input.neg().sigmoid())
def logsigmoid(input: Array) -> Array:
    """The logarithm of the sigmoid, without overflow.

    >>> logsigmoid(tensor([0.0, -100.0]))
    tensor([  -0.6931, -100.0000])
    """
    return torch.nn.functional.logsigmoid(input)


def _silu_slope(grad: Array, input: Array) -> Array:
    gate = input.sigmoid()
    return grad * gate * (input * (1 - gate) + 1)


@op(input=_silu_slope)
def silu(input: Array) -> Array:
    """`input` times its sigmoid (Hendrycks and Gimpel 2016, section 2).

    >>> silu(tensor([0.0, 1.0]))
    tensor([0.0000, 0.7311])
    """
    return torch.nn.functional.silu(input)


@op(
    input=lambda grad, input, negative_slope: (
        grad * (input.gt(0).to(grad.dtype) * (1 - negative_slope) + negative_slope)
    )
)
def leaky_relu(input: Array, negative_slope: float = 0.01) -> Array:
    """`input` where it is positive, else `negative_slope` times it.

    >>> leaky_relu(tensor([-1.0, 2.0]))
    tensor([-0.0100,  2.0000])
    """
    return torch.nn.functional.leaky_relu(input, negative_slope)


def _elu_slope(grad: Array, input: Array, alpha: float) -> Array:
    below = input.masked_fill(input.ge(0), 0)
    return grad * (below.exp() * alpha).masked_fill(input.gt(0), 1)


@op(input=_elu_slope)
def elu(input: Array, alpha: float = 1.0) -> Array:
    """`input` where it is positive, else `alpha` times (e to the power of `input`, less 1) (Clevert et al. 2016).

    >>> elu(tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    return torch.nn.functional.elu(input, alpha)


# ---- complex numbers: the walk hands rules of complex results the conjugate of torch's gradient, and undoes that


@op(input=lambda grad: grad)
def real(input: Array) -> Array:
    """The real part of complex numbers, as a copy.

    >>> real(tensor([1 + 2j]))
    tensor([1.])
    """
    return torch.real(input).clone()


@op(input=lambda grad: grad * 1j)
def imag(input: Array) -> Array:
    """The imaginary part of complex numbers, as a copy.

    >>> imag(tensor([1 + 2j]))
    tensor([2.])
    """
    return torch.imag(input).clone()


@op(input=lambda grad: grad.conj())
def conj(input: Array) -> Array:
    """Complex numbers with the imaginary part negated; real ones as they are.

    >>> conj(tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return torch.conj(input).resolve_conj().clone() if input.is_complex() else input.clone()


def is_complex(input: Tensor) -> bool:
    """Whether the entries are complex numbers.

    >>> is_complex(tensor([1j]))
    True
    """
    return input.dtype.is_complex
