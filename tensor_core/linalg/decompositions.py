"""Matrices as products of simpler ones.

A gradient that needs another factor of the same decomposition takes the one the kernel gave; where the rule is itself
recorded it decomposes again, in recorded ops.
"""

import math
from typing import Any, NamedTuple

import torch

from tensor_core.autograd import Array
from tensor_core.linalg.systems import inv
from tensor_core.op import op
from tensor_core.tensor import Tensor


def _cholesky_slope(grad: Array, out: Array) -> Array:
    inner = (out.mT @ grad).tril()
    inner = inner - inner.diagonal(0, -2, -1).diag_embed() * 0.5
    inverse = inv(out)
    slope = inverse.mT @ inner @ inverse
    return (slope + slope.mT) * 0.5


@op(input=_cholesky_slope)
def _cholesky(input: Array, upper: bool) -> Array:
    return torch.linalg.cholesky(input)


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower triangular L with L Lᵀ = A, for a positive definite A; or `upper`, Lᵀ.

    >>> import tensor_core as tc
    >>> cholesky(tc.tensor([[4.0, 0.0], [0.0, 9.0]]))
    tensor([[2., 0.],
            [0., 3.]])
    """
    lower = _cholesky(A, upper)
    return lower.mT if upper else lower


def _apart(values: Array) -> Array:
    """1 / (v_j - v_i), 0 on the diagonal."""
    gaps = values.unsqueeze(-2) - values.unsqueeze(-1)
    eye = torch.eye(values.shape[-1], dtype=torch.bool, device=values.device)
    own = Tensor.handle(eye) if isinstance(values, Tensor) else eye
    return gaps.masked_fill(own, math.inf).reciprocal()


class Eigen(NamedTuple):
    """Eigenvalues in rising order, and eigenvectors in columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


def _decomposed(again: Any, input: Array, *factors: Array) -> Any:
    """The factors a kernel gave, or those of a recorded decomposition where the rule is recorded."""
    return again(input) if isinstance(input, Tensor) else factors


def _value_slope(grad: Array, input: Array, UPLO: str, values: Array, vectors: Array) -> Array:
    _, Q = _decomposed(lambda A: eigh(A, UPLO), input, values, vectors)
    return Q * grad.unsqueeze(-2) @ Q.mT


def _vector_slope(grad: Array, input: Array, UPLO: str, values: Array, vectors: Array) -> Array:
    L, Q = _decomposed(lambda A: eigh(A, UPLO), input, values, vectors)
    inner = Q.mT @ grad
    return Q @ ((inner - inner.mT) * _apart(L)) @ Q.mT * 0.5


@op(input=_value_slope)
def _eigenvalues(input: Array, UPLO: str, values: Array, vectors: Array) -> Array:
    return values


@op(input=_vector_slope)
def _eigenvectors(input: Array, UPLO: str, values: Array, vectors: Array) -> Array:
    return vectors


def eigh(A: Tensor, UPLO: str = "L") -> Eigen:
    """Eigenvalues and eigenvectors of a symmetric matrix, of which one triangle is read.

    >>> import tensor_core as tc
    >>> eigh(tc.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    tensor([1., 2.])
    """
    values, vectors = torch.linalg.eigh(A.raw, UPLO)
    return Eigen(_eigenvalues(A, UPLO, values, vectors), _eigenvectors(A, UPLO, values, vectors))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of a symmetric matrix in rising order.

    >>> import tensor_core as tc
    >>> eigvalsh(tc.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([1., 2.])
    """
    return eigh(A, UPLO).eigenvalues


class Singular(NamedTuple):
    """U diag(S) Vh = A, with orthonormal columns of U and rows of Vh, and S falling."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def _thin(input: Array) -> Any:
    return svd(input, full_matrices=False)


def _rotations(S: Array) -> Array:
    """1 / (s_j² - s_i²), 0 on the diagonal."""
    return _apart(S * S)


def _left_slope(grad: Array, input: Array, U: Array, S: Array, Vh: Array) -> Array:
    U, S, Vh = _decomposed(_thin, input, U, S, Vh)
    inner = U.mT @ grad
    skew = inner - inner.mT
    slope = U @ ((skew * _rotations(S)) * S.unsqueeze(-2)) @ Vh
    if U.shape[-2] > U.shape[-1]:
        slope = slope + ((grad - U @ inner) / S.unsqueeze(-2)) @ Vh
    return slope


def _middle_slope(grad: Array, input: Array, U: Array, S: Array, Vh: Array) -> Array:
    U, _, Vh = _decomposed(_thin, input, U, S, Vh)
    return (U * grad.unsqueeze(-2)) @ Vh


def _right_slope(grad: Array, input: Array, U: Array, S: Array, Vh: Array) -> Array:
    U, S, Vh = _decomposed(_thin, input, U, S, Vh)
    inner = Vh @ grad.mT
    skew = inner - inner.mT
    slope = U @ (S.unsqueeze(-1) * (skew * _rotations(S))) @ Vh
    if Vh.shape[-1] > Vh.shape[-2]:
        slope = slope + (U / S.unsqueeze(-2)) @ (grad - inner.mT @ Vh)
    return slope


@op(input=_left_slope)
def _left(input: Array, U: Array, S: Array, Vh: Array) -> Array:
    return U


@op(input=_middle_slope)
def _middle(input: Array, U: Array, S: Array, Vh: Array) -> Array:
    return S


@op(input=_right_slope)
def _right(input: Array, U: Array, S: Array, Vh: Array) -> Array:
    return Vh


def svd(A: Tensor, full_matrices: bool = True) -> Singular:
    """The singular value decomposition; a gradient needs `full_matrices=False` unless A is square.

    >>> import tensor_core as tc
    >>> svd(tc.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    if full_matrices and A.shape[-1] != A.shape[-2]:
        if A.requires_grad:
            raise RuntimeError(
                f"svd of shape {tuple(A.shape)} with full_matrices=True has no gradient, because its last columns are "
                "arbitrary; pass full_matrices=False"
            )
        return Singular(*(Tensor.handle(raw) for raw in torch.linalg.svd(A.raw)))
    factors = torch.linalg.svd(A.raw, full_matrices=False)
    return Singular(_left(A, *factors), _middle(A, *factors), _right(A, *factors))


def svdvals(A: Tensor) -> Tensor:
    """The singular values, falling.

    >>> import tensor_core as tc
    >>> svdvals(tc.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor([4., 3.])
    """
    return svd(A, full_matrices=False).S


class Triangular(NamedTuple):
    """Q R = A, with orthonormal columns of Q and an upper triangular R."""

    Q: Tensor
    R: Tensor


def _mirrored(inner: Array) -> Array:
    """A symmetric matrix from the lower triangle."""
    lower = inner.tril(-1)
    return lower + lower.mT + inner.diagonal(0, -2, -1).diag_embed()


def _orthonormal_slope(grad: Array, input: Array, Q: Array, R: Array) -> Array:
    Q, R = _decomposed(qr, input, Q, R)
    return (grad + Q @ _mirrored((grad.mT @ Q).neg())) @ inv(R).mT


def _triangular_slope(grad: Array, input: Array, Q: Array, R: Array) -> Array:
    Q, R = _decomposed(qr, input, Q, R)
    return Q @ _mirrored(R @ grad.triu().mT) @ inv(R).mT


@op(input=_orthonormal_slope)
def _orthonormal(input: Array, Q: Array, R: Array) -> Array:
    return Q


@op(input=_triangular_slope)
def _triangular(input: Array, Q: Array, R: Array) -> Array:
    return R


def qr(A: Tensor, mode: str = "reduced") -> Triangular:
    """The QR decomposition; `mode="complete"` for a square Q. A gradient needs reduced, and at least as many rows.

    >>> import tensor_core as tc
    >>> qr(tc.eye(2)).R.abs()
    tensor([[1., 0.],
            [0., 1.]])
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: mode is reduced or complete, not {mode!r}")
    rows, columns = A.shape[-2:]
    if A.requires_grad and (rows < columns or (mode == "complete" and rows != columns)):
        raise RuntimeError(
            f"qr of shape {tuple(A.shape)} with mode={mode!r} has no gradient; pass mode='reduced' and a matrix with "
            "at least as many rows as columns"
        )
    Q, R = torch.linalg.qr(A.raw, mode)
    return Triangular(_orthonormal(A, Q, R), _triangular(A, Q, R))
