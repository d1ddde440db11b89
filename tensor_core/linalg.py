"""Linear algebra, under torch's names."""

from typing import Any

from tensor_core.ops.reduce import norm as _norm
from tensor_core.tensor import Tensor


def norm(
    A: Tensor,
    ord: Any = None,
    dim: int | list[int] | tuple[int, ...] | None = None,
    *,
    keepdim: bool = False,
) -> Tensor:
    """The length of all entries taken as one vector, or along `dim`; `ord` is the p of the p-norm, 2 by default.

    >>> import tensor_core as tc
    >>> norm(tc.tensor([3.0, 4.0]))
    tensor(5.)
    """
    return _norm(A, 2.0 if ord is None else float(ord), dim, keepdim)
