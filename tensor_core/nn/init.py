"""Initial values, drawn in place outside the graph."""

import math

from tensor_core.autograd import no_grad
from tensor_core.tensor import Tensor


@no_grad()
def uniform_(tensor: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    """`tensor` filled with numbers spread evenly from `low` to `high`."""
    filled: Tensor = tensor.uniform_(low, high)
    return filled


@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """`tensor` filled with normally distributed numbers."""
    filled: Tensor = tensor.normal_(mean, std)
    return filled


@no_grad()
def zeros_(tensor: Tensor) -> Tensor:
    """`tensor` filled with zeros."""
    filled: Tensor = tensor.zero_()
    return filled


def kaiming_uniform_(tensor: Tensor, *, slope: float = 0.0) -> Tensor:
    """A weight (outputs × inputs) drawn so that leaky relus of `slope` keep the variance (He et al. 2015, eq. 14)."""
    fan_in = math.prod(tensor.shape[1:])
    bound = math.sqrt(2 / (1 + slope**2)) * math.sqrt(3 / fan_in) if fan_in else 0.0
    return uniform_(tensor, -bound, bound)


def xavier_uniform_(tensor: Tensor, *, gain: float = 1.0) -> Tensor:
    """A weight (outputs × inputs) drawn so that both passes keep the variance (Glorot and Bengio 2010, eq. 16)."""
    outputs, inputs = tensor.shape
    bound = gain * math.sqrt(6 / (outputs + inputs)) if outputs + inputs else 0.0
    return uniform_(tensor, -bound, bound)
