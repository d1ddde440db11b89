"""Products of matrices and vectors. Gradients: Giles, Collected matrix derivative results (2008), section 2."""

import string
from typing import Any

import torch

from tensor_core.amp import lowered as _lowered
from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.tensor import Tensor


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
        return input.flatten(0, -2).mT @ grad.flatten(0, -2)
    return input.mT @ grad


@_lowered
@op(input=_matmul_left, other=_matmul_right)
def matmul(input: Array, other: Array) -> Array:
    """The matrix product of the last two dimensions; earlier ones are broadcast.

    >>> matmul(tensor([[1.0, 2.0], [3.0, 4.0]]), tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    return torch.matmul(input, other)


@_lowered
@op(input=lambda grad, other: grad @ other.mT, other=lambda grad, input: input.mT @ grad)
def mm(input: Array, other: Array) -> Array:
    """The product of two matrices.

    >>> mm(tensor([[1.0, 2.0]]), tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    return torch.mm(input, other)


@_lowered
@op(input=lambda grad, other: grad @ other.mT, other=lambda grad, input: input.mT @ grad)
def bmm(input: Array, other: Array) -> Array:
    """The products of two batches of matrices.

    >>> bmm(tensor([[[1.0, 2.0]]]), tensor([[[3.0], [4.0]]]))
    tensor([[[11.]]])
    """
    return torch.bmm(input, other)


@_lowered
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
        grad, input = (x.flatten(0, -2) if x.dim() > 1 else x.unsqueeze(0) for x in (grad, input))
    return grad.mT @ input


@_lowered
@op(input=lambda grad, weight: grad @ weight, weight=_weight_slope, bias=lambda grad: grad)
def linear(input: Array, weight: Array, bias: Array | None = None) -> Array:
    """`input` times the transpose of `weight` (outputs × inputs), plus `bias`.

    >>> linear(tensor([1.0, 2.0]), tensor([[3.0, 4.0]]), tensor([0.5]))
    tensor([11.5000])
    """
    return torch.nn.functional.linear(input, weight, bias)


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """`beta` times `input` plus `alpha` times the product of two matrices.

    >>> addmm(tensor([1.0]), tensor([[1.0, 2.0]]), tensor([[3.0], [4.0]]))
    tensor([[12.]])
    """
    product = mm(mat1, mat2) if alpha == 1 else mm(mat1, mat2) * alpha
    shift = input if beta == 1 else input * beta
    return product + shift if beta else product


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The products of every entry of one vector with every entry of another.

    >>> outer(tensor([1.0, 2.0]), tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    if input.dim() != 1 or vec2.dim() != 1:
        raise RuntimeError(f"outer needs two vectors, not shapes {tuple(input.shape)} and {tuple(vec2.shape)}")
    return input.unsqueeze(1) * vec2


# ---- einsum: operands meet two at a time, and the gradient of such a meeting is another one


def _left_slope(grad: Array, other: Array, left: str, right: str, made: str) -> Array:
    return _contract(grad, other, made, right, left)


def _right_slope(grad: Array, input: Array, left: str, right: str, made: str) -> Array:
    return _contract(grad, input, made, left, right)


@op(input=_left_slope, other=_right_slope)
def _contract(input: Array, other: Array, left: str, right: str, made: str) -> Array:
    return torch.einsum(f"{left},{right}->{made}", input, other)


def _named(part: str, operand: Tensor, wide: int, letters: str) -> str:
    """The subscripts of one operand with letters in place of '...'."""
    names = part.replace(" ", "")
    if "..." in names:
        hidden = operand.dim() - len(names.replace("...", ""))
        if hidden < 0:
            raise ValueError(f"einsum: {part!r} has more subscripts than an operand of shape {tuple(operand.shape)}")
        names = names.replace("...", letters[wide - hidden : wide])
    if len(names) != operand.dim():
        raise ValueError(f"einsum: {part!r} does not name every dimension of shape {tuple(operand.shape)}")
    return names


def _single(operand: Tensor, names: str, kept: str) -> tuple[Tensor, str]:
    """An operand with each subscript once: diagonals taken, and what nobody else needs summed."""
    for name in dict.fromkeys(names):
        while names.count(name) > 1:
            first = names.index(name)
            second = names.index(name, first + 1)
            operand = operand.diagonal(0, first, second)
            names = names[:first] + names[first + 1 : second] + names[second + 1 :] + name
    lost = [i for i, name in enumerate(names) if name not in kept]
    if lost:
        operand = operand.sum(lost)
        names = "".join(name for name in names if name in kept)
    return operand, names


def einsum(equation: str, *operands: Any) -> Tensor:
    """Products of the operands summed over the subscripts that do not follow '->' (Einstein 1916, section 5).

    >>> einsum("ij,jk->ik", tensor([[1.0, 2.0]]), tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    held: list[Tensor] = list(operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands)
    sources, arrow, target = equation.partition("->")
    parts = sources.split(",")
    if len(parts) != len(held):
        raise ValueError(f"einsum: {equation!r} names {len(parts)} operands, but {len(held)} were given")
    letters = "".join(c for c in string.ascii_letters if c not in equation)
    wide = max(
        o.dim() - len(p.replace(" ", "").replace("...", "")) if "..." in p else 0
        for p, o in zip(parts, held, strict=True)
    )
    names = [_named(p, o, wide, letters) for p, o in zip(parts, held, strict=True)]
    every = "".join(names)
    implied = "".join(sorted(c for c in set(every) if every.count(c) == 1 and c not in letters[:wide]))
    out = target.replace(" ", "").replace("...", letters[:wide]) if arrow else letters[:wide] + implied
    unknown = [c for c in out if c not in every]
    if unknown:
        raise ValueError(f"einsum: the result of {equation!r} has {unknown[0]!r}, which no operand has")
    result, have = _single(held[0], names[0], out + "".join(names[1:]))
    for i in range(1, len(held)):
        later = out + "".join(names[i + 1 :])
        operand, own = _single(held[i], names[i], later + have)
        result, have = _single(result, have, later + own)
        joined = "".join(c for c in dict.fromkeys(have + own) if c in later)
        result, have = _contract(result, operand, have, own, joined), joined
    return result.permute(*[have.index(c) for c in out]) if have != out else result
