"""Norms of matrices, and the one name that torch has for those and the p-norm."""

import math
from typing import Any

import torch

from tensor_core.linalg.decompositions import svdvals
from tensor_core.ops.reduce import vector_norm
from tensor_core.tensor import Tensor

_Dims = int | list[int] | tuple[int, ...] | None


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
        return vector_norm(A, 2, tuple(dim), keepdim)
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
    return vector_norm(A, 2.0 if ord is None else ord, dim, keepdim, dtype)
