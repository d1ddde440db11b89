"""Systems of equations, determinants, and the exponential of a matrix."""

from typing import Any, NamedTuple

import torch

from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.ops.join import cat
from tensor_core.tensor import Tensor


@op(input=lambda grad, out: (out.mT @ grad @ out.mT).neg())
def inv(input: Array) -> Array:
    """The matrix whose product with `input` is the identity.

    >>> import tensor_core as tc
    >>> inv(tc.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return torch.linalg.inv(input)


def _solve_system(grad: Array, A: Array, out: Array) -> Array:
    return (_solved(A.mT, grad) @ out.mT).neg()


def _solved(A: Array, B: Array) -> Array:
    return _solve(A, B)


@op(A=_solve_system, B=lambda grad, A: _solved(A.mT, grad))
def _solve(A: Array, B: Array) -> Array:
    return torch.linalg.solve(A, B)


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A X = B (or X A = B with `left=False`); B is a vector if its shape is A's without the last dimension.

    >>> import tensor_core as tc
    >>> solve(tc.tensor([[2.0, 0.0], [0.0, 4.0]]), tc.tensor([2.0, 2.0]))
    tensor([1.0000, 0.5000])
    """
    if not left:
        turned: Tensor = solve(A.mT, B.mT).mT
        return turned
    vector = B.dim() == 1 or (A.dim() - 1 == B.dim() and B.shape == A.shape[:-1])
    X = _solve(A, B.unsqueeze(-1)) if vector else _solve(A, B)
    return X.squeeze(-1) if vector else X


@op(input=lambda grad, input, out: (grad * out).unsqueeze(-1).unsqueeze(-1) * inv(input).mT)
def _regular_det(input: Array) -> Array:
    return torch.linalg.det(input)


def det(A: Tensor) -> Tensor:
    """The determinant; its gradient needs a matrix that can be inverted.

    >>> import tensor_core as tc
    >>> det(tc.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(-2.)
    """
    return _regular_det(A)


class SlogDet(NamedTuple):
    """The sign of a determinant, and the logarithm of its absolute value."""

    sign: Tensor
    logabsdet: Tensor


@op(input=lambda grad, input: grad.unsqueeze(-1).unsqueeze(-1) * inv(input).mT)
def _logabsdet(input: Array, value: Array) -> Array:
    return value


def slogdet(A: Tensor) -> SlogDet:
    """The sign of the determinant, and the logarithm of its absolute value.

    >>> import tensor_core as tc
    >>> slogdet(tc.eye(2))
    SlogDet(sign=tensor(1.), logabsdet=tensor(0.))
    """
    sign, value = torch.linalg.slogdet(A.raw)
    return SlogDet(Tensor.handle(sign), _logabsdet(A, value))


def _exponential_slope(grad: Array, input: Array) -> Array:
    """The upper right block of exp([[Aᵀ, G], [0, Aᵀ]])."""
    turned, size = input.mT, input.shape[-1]
    stack: Any = cat if isinstance(grad, Tensor) else torch.cat
    zero = grad.new_zeros(grad.shape)
    block = stack([stack([turned, grad], -1), stack([zero, turned], -1)], -2)
    return matrix_exp(block).narrow(-2, 0, size).narrow(-1, size, size)


@op(input=_exponential_slope)
def matrix_exp(input: Array) -> Array:
    """The sum of Aᵏ / k! over all k.

    >>> import tensor_core as tc
    >>> matrix_exp(tc.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return torch.linalg.matrix_exp(input)
