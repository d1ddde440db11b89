"""Linear algebra, under torch's names.

Gradients: Giles, Collected matrix derivative results (2008); Townsend, Differentiating the singular value decomposition
(2016); Seeger et al., Auto-differentiating linear algebra (2017); Al-Mohy and Higham (2009) for the exponential. A
gradient that needs another factor of the same decomposition takes the one the kernel gave; where the rule is itself
recorded it decomposes again, in recorded ops.
"""

import math
from typing import Any, NamedTuple

import torch

from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.ops.join import cat as _cat
from tensor_core.ops.reduce import vector_norm as _vector_norm
from tensor_core.tensor import Tensor

_Dims = int | list[int] | tuple[int, ...] | None


# ---- systems of equations


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


@op(input=lambda grad, input, out: (grad * out).unsqueeze(-1).unsqueeze(-1) * _inverse(input).mT)
def _regular_det(input: Array) -> Array:
    return torch.linalg.det(input)


def _inverse(array: Array) -> Array:
    return inv(array)


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


@op(input=lambda grad, input: grad.unsqueeze(-1).unsqueeze(-1) * _inverse(input).mT)
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


# ---- decompositions


def _cholesky_slope(grad: Array, out: Array) -> Array:
    inner = (out.mT @ grad).tril()
    inner = inner - inner.diagonal(0, -2, -1).diag_embed() * 0.5
    inverse = _inverse(out)
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


def _reduced(input: Array) -> Any:
    return qr(input)


def _mirrored(inner: Array) -> Array:
    """A symmetric matrix from the lower triangle."""
    lower = inner.tril(-1)
    return lower + lower.mT + inner.diagonal(0, -2, -1).diag_embed()


def _orthonormal_slope(grad: Array, input: Array, Q: Array, R: Array) -> Array:
    Q, R = _decomposed(_reduced, input, Q, R)
    return (grad + Q @ _mirrored((grad.mT @ Q).neg())) @ _inverse(R).mT


def _triangular_slope(grad: Array, input: Array, Q: Array, R: Array) -> Array:
    Q, R = _decomposed(_reduced, input, Q, R)
    return Q @ _mirrored(R @ grad.triu().mT) @ _inverse(R).mT


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


def _exponential_slope(grad: Array, input: Array) -> Array:
    """The upper right block of exp([[Aᵀ, G], [0, Aᵀ]])."""
    turned, size = input.mT, input.shape[-1]
    stack: Any = _cat if isinstance(grad, Tensor) else torch.cat
    zero = grad.new_zeros(grad.shape)
    block = stack([stack([turned, grad], -1), stack([zero, turned], -1)], -2)
    return _exponential(block).narrow(-2, 0, size).narrow(-1, size, size)


def _exponential(array: Array) -> Array:
    return matrix_exp(array)


@op(input=_exponential_slope)
def matrix_exp(input: Array) -> Array:
    """The sum of Aᵏ / k! over all k.

    >>> import tensor_core as tc
    >>> matrix_exp(tc.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return torch.linalg.matrix_exp(input)


# ---- norms


def vector_norm(
    x: Tensor, ord: float = 2, dim: _Dims = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> Tensor:
    """The p-norm of all entries taken as one vector, or along `dim`, for p = `ord`; its gradient at 0 is 0.

    >>> import tensor_core as tc
    >>> vector_norm(tc.tensor([3.0, -4.0]), 1)
    tensor(7.)
    """
    return _vector_norm(x, ord, dim, keepdim, dtype)


def matrix_norm(
    A: Tensor,
    ord: Any = "fro",
    dim: tuple[int, int] | list[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """The norm of matrices: fro, nuc, 2, -2 (of the singular values), 1, -1 (of columns), inf, -inf (of rows).

    >>> import tensor_core as tc
    >>> matrix_norm(tc.tensor([[3.0, 0.0], [0.0, 4.0]]), "nuc")
    tensor(7.)
    """
    if ord not in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf):
        raise ValueError(f"matrix_norm: ord is fro, nuc, 1, -1, 2, -2, inf or -inf, not {ord!r}")
    if len(dim) != 2 or A.dim() < 2:
        raise ValueError(f"matrix_norm needs two dimensions, not dim={dim} of shape {tuple(A.shape)}")
    A = A if dtype is None else A.to(dtype)
    if ord == "fro":
        return _vector_norm(A, 2, tuple(dim), keepdim)
    rows, columns = (d % A.dim() for d in dim)
    matrices = A.movedim((rows, columns), (-2, -1))
    if ord in ("nuc", 2, -2):
        values = svdvals(matrices)
        out = values.sum(-1) if ord == "nuc" else values.amax(-1) if ord == 2 else values.amin(-1)
    else:
        sums = matrices.abs().sum(-2 if ord in (1, -1) else -1)
        out = sums.amax(-1) if ord > 0 else sums.amin(-1)
    for d in sorted((rows, columns)) if keepdim else ():
        out = out.unsqueeze(d)
    return out


def norm(
    A: Tensor, ord: Any = None, dim: _Dims = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> Tensor:
    """The length of all entries taken as one vector, or along `dim`; with `ord` the matrix norm if two dimensions are
    meant, else the p-norm.

    >>> import tensor_core as tc
    >>> norm(tc.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if ord is not None and ((dim is None and A.dim() == 2) or (isinstance(dim, tuple | list) and len(dim) == 2)):
        pair: Any = (-2, -1) if dim is None else dim
        return matrix_norm(A, ord, pair, keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise ValueError(f"norm: ord={ord!r} is for matrices, not dim={dim} of shape {tuple(A.shape)}")
    return _vector_norm(A, 2.0 if ord is None else ord, dim, keepdim, dtype)
