"""Mixed precision: products in bfloat16, everything else in single precision.

What is computed as matrix products gets its operands rounded to bfloat16 and gives its result back in their type, so
that sums, losses, norms and parameters keep their precision and nothing needs a loss scale (Kalamkar et al. 2019, A
Study of BFLOAT16 for Deep Learning Training). The casts are recorded ops, so the backward products are low, too.
"""

import functools
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import torch

from tensor_core.tensor import Tensor

_dtype: ContextVar[torch.dtype | None] = ContextVar("product_dtype", default=None)
_Function = TypeVar("_Function", bound=Callable[..., Any])


class autocast:
    """Inside, products of single-precision tensors are computed in `dtype`.

    >>> from tensor_core import ones
    >>> with autocast():
    ...     (ones(1, 2) @ (ones(2, 1) + 0.001)).item()
    2.0
    """

    def __init__(self, dtype: torch.dtype = torch.bfloat16) -> None:
        """Compute products in `dtype`; half precision would need a loss scale, so it is refused."""
        if dtype not in (torch.bfloat16, torch.float32):
            raise ValueError(f"autocast: dtype is bfloat16 (or float32: no change), not {dtype}")
        self.dtype = None if dtype == torch.float32 else dtype
        self._tokens: list[Token[torch.dtype | None]] = []

    def __enter__(self) -> Self:
        self._tokens.append(_dtype.set(self.dtype))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _dtype.reset(self._tokens.pop())


def lowered(product: _Function) -> _Function:
    """The same product, that heeds `autocast`."""

    @functools.wraps(product)
    def call(*args: Any, **kwargs: Any) -> Any:
        dtype = _dtype.get()
        if dtype is None:
            return product(*args, **kwargs)
        made = product(*[lower(a) for a in args], **{k: lower(v) for k, v in kwargs.items()})
        return made.to(torch.float32) if isinstance(made, Tensor) and made.dtype == dtype else made

    return cast(_Function, call)


def lower(value: Any) -> Any:
    """An operand of a product as `autocast` wants it."""
    dtype = _dtype.get()
    lowers = dtype is not None and isinstance(value, Tensor) and value.dtype == torch.float32
    return value.to(dtype) if lowers else value
