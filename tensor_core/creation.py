"""New tensors: from data, from rules, from chance. The random streams are torch's: equal seeds give equal numbers."""

import functools
from collections.abc import Callable
from typing import Any

import torch

from tensor_core.tensor import Tensor

Generator = torch.Generator
manual_seed = torch.manual_seed


def _bare(data: Any) -> Any:
    """`data` without our tensors in it."""
    if isinstance(data, Tensor):
        return data.raw
    if isinstance(data, torch.Tensor):
        return data.detach()
    if isinstance(data, list | tuple) and any(
        isinstance(entry, Tensor | torch.Tensor | list | tuple) for entry in data
    ):
        return [_listed(entry) for entry in data]
    return data


def _listed(entry: Any) -> Any:
    if isinstance(entry, Tensor | torch.Tensor):
        return entry.tolist()
    return [_listed(e) for e in entry] if isinstance(entry, list | tuple) else entry


def _made(raw: torch.Tensor, requires_grad: bool) -> Tensor:
    out = Tensor.handle(raw)
    return out.requires_grad_() if requires_grad else out


def tensor(data: Any, *, dtype: torch.dtype | None = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of `data`: numbers, nested lists, a numpy array or a tensor.

    >>> tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    bare = _bare(data)
    try:
        if isinstance(bare, torch.Tensor):
            raw = bare.to(device=device, dtype=dtype, copy=True)
        else:
            raw = torch.tensor(bare, dtype=dtype, device=device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise type(error)(f"tensor() of a {type(data).__name__}: {error}") from None
    return _made(raw, requires_grad)


def as_tensor(data: Any, *, dtype: torch.dtype | None = None, device: Any = None) -> Tensor:
    """A tensor on the memory of `data` where possible, else a copy; our tensors come back as they are.

    >>> as_tensor([1.0, 2.0])
    tensor([1., 2.])
    """
    if isinstance(data, Tensor):
        moved: Tensor = data.to(dtype=dtype, device=device)
        return moved
    try:
        return Tensor.handle(torch.as_tensor(_bare(data), dtype=dtype, device=device))
    except (TypeError, ValueError, RuntimeError) as error:
        raise type(error)(f"as_tensor() of a {type(data).__name__}: {error}") from None


def from_numpy(array: Any) -> Tensor:
    """A tensor on the memory of a numpy array.

    >>> import numpy
    >>> from_numpy(numpy.ones(2))
    tensor([1., 1.], dtype=torch.float64)
    """
    return Tensor.handle(torch.from_numpy(array))


def _creator(kernel: Callable[..., torch.Tensor], meaning: str) -> Callable[..., Tensor]:
    """torch's function, making our tensors."""

    def create(*args: Any, requires_grad: bool = False, **kwargs: Any) -> Tensor:
        bare = [a.raw if isinstance(a, Tensor) else a for a in args]
        try:
            raw = kernel(*bare, **{k: v.raw if isinstance(v, Tensor) else v for k, v in kwargs.items()})
        except (TypeError, ValueError, RuntimeError) as error:
            raise type(error)(f"{kernel.__name__}: {str(error).splitlines()[0]}") from None
        return _made(raw, requires_grad)

    functools.update_wrapper(create, kernel, assigned=("__name__",), updated=())
    create.__doc__ = f"{meaning} Arguments as torch's function of this name takes them."
    create.__module__ = __name__
    return create


arange = _creator(torch.arange, "Numbers from start up to, but not including, end.")
linspace = _creator(torch.linspace, "Evenly spaced numbers from start to end.")
zeros = _creator(torch.zeros, "Zeros of a shape.")
ones = _creator(torch.ones, "Ones of a shape.")
empty = _creator(torch.empty, "Memory of a shape as it was found.")
full = _creator(torch.full, "One number everywhere in a shape.")
eye = _creator(torch.eye, "The identity matrix.")
rand = _creator(torch.rand, "Numbers spread evenly from 0 to 1.")
randn = _creator(torch.randn, "Standard normal numbers.")
normal = _creator(torch.normal, "Normally distributed numbers.")
randint = _creator(torch.randint, "Whole numbers from low up to, but not including, high.")
randperm = _creator(torch.randperm, "The numbers below n in random order.")
zeros_like = _creator(torch.zeros_like, "Zeros like another tensor.")
ones_like = _creator(torch.ones_like, "Ones like another tensor.")
empty_like = _creator(torch.empty_like, "Memory as it was found, like another tensor.")
full_like = _creator(torch.full_like, "One number everywhere, like another tensor.")
rand_like = _creator(torch.rand_like, "Numbers spread evenly from 0 to 1, like another tensor.")
randn_like = _creator(torch.randn_like, "Standard normal numbers, like another tensor.")
