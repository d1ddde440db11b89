"""Products of matrices and vectors. Gradients: Giles, Collected matrix derivative results (2008), section 2."""

import torch

from tensor_core.autograd import Array
from tensor_core.op import op


def _matmul_left(grad: Array, other: Array, shape: torch.Size) -> Array:
    if other.dim() == 1:
        return grad * other if len(shape) == 1 else grad.unsqueeze(-1) * other
    if len(shape) == 1:
        return (grad.unsqueeze(-2) @ other.mT).squeeze(-2)
    return grad @ other.mT


def _matmul_right(grad: Array, input: Array, shape: torch.Size) -> Array:
    if input.dim() == 1:
        return grad * input if len(shape) == 1 else input.unsqueeze(-1) * grad.unsqueeze(-2)
    if len(shape) == 1:
        return (grad.unsqueeze(-2) @ input).squeeze(-2)
    if len(shape) == 2 < input.dim():  # one matrix for a whole batch: one product instead of a sum of many
        return input.reshape(-1, input.shape[-1]).mT @ grad.reshape(-1, grad.shape[-1])
    return input.mT @ grad


@op(input=_matmul_left, other=_matmul_right)
def matmul(input: Array, other: Array) -> Array:
    """The matrix product of the last two dimensions; earlier ones are broadcast.

    >>> matmul(tensor([[1.0, 2.0], [3.0, 4.0]]), tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    return torch.matmul(input, other)


@op(input=lambda grad, other: grad @ other.mT, other=lambda grad, input: input.mT @ grad)
def mm(input: Array, other: Array) -> Array:
    """The product of two matrices.

    >>> mm(tensor([[1.0, 2.0]]), tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    return torch.mm(input, other)


@op(input=lambda grad, other: grad @ other.mT, other=lambda grad, input: input.mT @ grad)
def bmm(input: Array, other: Array) -> Array:
    """The products of two batches of matrices.

    >>> bmm(tensor([[[1.0, 2.0]]]), tensor([[[3.0], [4.0]]]))
    tensor([[[11.]]])
    """
    return torch.bmm(input, other)


@op(input=lambda grad, vec: grad.unsqueeze(-1) * vec, vec=lambda grad, input: grad @ input)
def mv(input: Array, vec: Array) -> Array:
    """The product of a matrix and a vector.

    >>> mv(tensor([[1.0, 2.0], [3.0, 4.0]]), tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    return torch.mv(input, vec)


@op(input=lambda grad, other: grad * other, other=lambda grad, input: grad * input)
def dot(input: Array, other: Array) -> Array:
    """The sum of the products of two vectors.

    >>> dot(tensor([1.0, 2.0]), tensor([3.0, 4.0]))
    tensor(11.)
    """
    return torch.dot(input, other)


def _weight_slope(grad: Array, input: Array) -> Array:
    if input.dim() != 2:
        grad, input = grad.reshape(-1, grad.shape[-1]), input.reshape(-1, input.shape[-1])
    return grad.mT @ input


@op(
    input=lambda grad, weight: grad @ weight,
    weight=_weight_slope,
    bias=lambda grad: grad,
)
def linear(input: Array, weight: Array, bias: Array | None = None) -> Array:
    """`input` times the transpose of `weight` (outputs × inputs), plus `bias`.

    >>> linear(tensor([1.0, 2.0]), tensor([[3.0, 4.0]]), tensor([0.5]))
    tensor([11.5000])
    """
    return torch.nn.functional.linear(input, weight, bias)
