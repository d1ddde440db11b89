"""Copies, other types and devices, and writing."""

import builtins
from collections.abc import Callable
from typing import Any

import torch

from tensor_core.autograd import Array
from tensor_core.op import op, write_op
from tensor_core.ops.elementwise import _flat
from tensor_core.tensor import Tensor

_Bool = builtins.bool  # `bool` is an op here


@op(input=lambda grad: grad)
def clone(input: Array, memory_format: torch.memory_format = torch.preserve_format) -> Array:
    """A copy in memory of its own.

    >>> x = tensor([1.0, 2.0])
    >>> y = clone(x).zero_()
    >>> x
    tensor([1., 2.])
    """
    return input.clone(memory_format=memory_format)


def contiguous(input: Tensor) -> Tensor:
    """`input` itself if its entries lie row after row, else a copy in which they do.

    >>> contiguous(tensor([[1, 2], [3, 4]]).T).stride()
    (2, 1)
    """
    return input if input.is_contiguous() else clone(input, torch.contiguous_format)


@op(input=lambda grad, source: grad.to(source))
def _moved(input: Array, target: Any, source: torch.device) -> Array:
    return input.to(target)


def to(
    input: Tensor,
    *args: Any,
    dtype: torch.dtype | None = None,
    device: Any = None,
    copy: _Bool = False,
    memory_format: torch.memory_format = torch.preserve_format,
) -> Tensor:
    """`input` with another dtype, on another device, or like another tensor; itself if nothing changes, unless `copy`.

    >>> to(tensor([1, 2]), float32)
    tensor([1., 2.])
    """
    for target in args:
        if isinstance(target, torch.dtype):
            dtype = target
        elif isinstance(target, Tensor):
            dtype, device = target.dtype, target.device
        elif isinstance(target, _Bool):  # torch's non_blocking and copy: the copy is made anyway where one is needed
            copy = copy or target
        else:
            device = target
    before = input
    if device is not None and torch.device(device) != input.device:
        input = _moved(input, torch.device(device), input.device)
    if dtype is not None and dtype != input.dtype:
        floating = dtype.is_floating_point or dtype.is_complex
        input = _converted(input, dtype) if floating else Tensor.handle(input.raw.to(dtype))
    if memory_format != torch.preserve_format and not input.raw.is_contiguous(memory_format=memory_format):
        return clone(input, memory_format)
    return clone(input) if copy and input is before else input


@op(input=lambda grad: grad)  # the engine gives a gradient its input's type
def _converted(input: Array, dtype: torch.dtype) -> Array:
    return input.to(dtype)


def _cast(name: str, target: Any, meaning: str, example: str, result: str) -> Callable[..., Tensor]:
    """`to` a fixed type or device, under a name of its own."""

    def cast(input: Tensor, memory_format: torch.memory_format = torch.preserve_format) -> Tensor:
        return to(input, target, memory_format=memory_format)

    cast.__name__ = cast.__qualname__ = name
    cast.__doc__ = f"`input` {meaning}.\n\n>>> {example}\n{result}"
    return cast


# fmt: off
half = _cast("half", torch.float16, "in half precision, with 11 bits", "tensor([1, 2]).half().dtype", "torch.float16")
bfloat16 = _cast("bfloat16", torch.bfloat16, "in half precision, with 8 bits and the range of single precision",
    "tensor([1, 2]).bfloat16().dtype", "torch.bfloat16")
float = _cast("float", torch.float32, "in single precision", "tensor([1, 2]).float().dtype", "torch.float32")
double = _cast("double", torch.float64, "in double precision", "tensor([1, 2]).double().dtype", "torch.float64")
int = _cast("int", torch.int32, "as whole numbers of 32 bits, cut off towards zero", "tensor([1.9, -1.9]).int()",
    "tensor([ 1, -1], dtype=torch.int32)")
long = _cast("long", torch.int64, "as whole numbers of 64 bits, cut off towards zero", "tensor([1.9, -1.9]).long()",
    "tensor([ 1, -1])")
bool = _cast("bool", torch.bool, "as truth: whether each entry differs from zero", "tensor([0, 2]).bool()",
    "tensor([False,  True])")
cpu = _cast("cpu", "cpu", "in the memory of the CPU", "cpu(tensor([1])).device", "device(type='cpu')")
# fmt: on


def type_as(input: Tensor, other: Tensor) -> Tensor:
    """`input` with the dtype and on the device of `other`.

    >>> type_as(tensor([1]), tensor([1.0])).dtype
    torch.float32
    """
    return to(input, other)


def type(input: Tensor, dtype: Any = None) -> Any:
    """`input` with another dtype, given itself or by torch's name of its tensors; without one, that name.

    >>> tensor([1, 2]).type(), tensor([1, 2]).type(float32)
    ('torch.LongTensor', tensor([1., 2.]))
    """
    if isinstance(dtype, str):
        dtype = torch.empty(0).type(dtype).dtype
    return input.raw.type() if dtype is None else to(input, dtype)


def is_tensor(obj: Any) -> _Bool:
    """Whether it is one of our tensors.

    >>> is_tensor(tensor(1)), is_tensor(1)
    (True, False)
    """
    return isinstance(obj, Tensor)


def result_type(tensor1: Any, tensor2: Any) -> torch.dtype:
    """The dtype that two tensors, or a tensor and a number, are computed in together.

    >>> result_type(tensor([1, 2]), 1.0)
    torch.float32
    """
    return torch.result_type(*[x.raw if isinstance(x, Tensor) else x for x in (tensor1, tensor2)])


def _overwritten(grad: Array, shape: torch.Size) -> Array:
    """The gradient of entries that were all replaced: zeros, which an optimiser takes for a gradient, unlike None."""
    return grad.new_zeros(shape)


@write_op(input=_overwritten, source=lambda grad: grad)
def copy_(input: Array, source: Array) -> Array:
    """`input` with its entries replaced by those of `source`, broadcast.

    >>> copy_(zeros(2), tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    return input.copy_(source)


@write_op(input=_overwritten, value=lambda grad: grad.sum())
def fill_(input: Array, value: Array) -> Array:
    """`input` with every entry replaced by one number.

    >>> fill_(zeros(2), 3)
    tensor([3., 3.])
    """
    return input.fill_(value)


@write_op(input=_overwritten)
def zero_(input: Array) -> Array:
    """`input` with every entry replaced by 0.

    >>> zero_(ones(2))
    tensor([0., 0.])
    """
    return input.zero_()


@write_op(input=_overwritten)
def normal_(input: Array, mean: Any = 0.0, std: Any = 1.0, generator: torch.Generator | None = None) -> Array:
    """`input` filled with normally distributed numbers.

    >>> normal_(zeros(3)).shape
    torch.Size([3])
    """
    return input.normal_(mean, std, generator=generator)


@write_op(input=_overwritten)
def uniform_(input: Array, low: Any = 0.0, high: Any = 1.0, generator: torch.Generator | None = None) -> Array:
    """`input` filled with numbers spread evenly from `low` to `high`.

    >>> all(uniform_(zeros(3)) < 1)
    tensor(True)
    """
    return input.uniform_(low, high, generator=generator)


@write_op(input=_overwritten)
def bernoulli_(input: Array, p: Any = 0.5, generator: torch.Generator | None = None) -> Array:
    """`input` filled with ones, each with probability `p`, and zeros.

    >>> bernoulli_(zeros(2), 1.0)
    tensor([1., 1.])
    """
    return input.bernoulli_(p, generator=generator)


@op(input=_flat)
def bernoulli(input: Array, p: Any = None, generator: torch.Generator | None = None) -> Array:
    """Ones, each with the probability that `input` says (or `p`, everywhere), and zeros.

    >>> bernoulli(tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    given = () if p is None else (p,)
    return torch.bernoulli(input, *given, generator=generator)


@op()
def multinomial(
    input: Array, num_samples: Any, replacement: Any = False, generator: torch.Generator | None = None
) -> Array:
    """Indices drawn with the probabilities, up to a factor, in the last dimension of `input`.

    >>> multinomial(tensor([0.0, 3.0]), 2, replacement=True)
    tensor([1, 1])
    """
    return torch.multinomial(input, num_samples, replacement, generator=generator)


def new_zeros(input: Tensor, *size: Any, dtype: torch.dtype | None = None, device: Any = None) -> Tensor:
    """Zeros with the dtype and on the device of `input`.

    >>> new_zeros(tensor([1.0]), 2)
    tensor([0., 0.])
    """
    return Tensor.handle(input.raw.new_zeros(*size, dtype=dtype, device=device))


def new_full(input: Tensor, size: Any, value: Any, dtype: torch.dtype | None = None, device: Any = None) -> Tensor:
    """One number everywhere, with the dtype and on the device of `input`.

    >>> new_full(tensor([1.0]), (2,), 7)
    tensor([7., 7.])
    """
    return Tensor.handle(input.raw.new_full(size, value, dtype=dtype, device=device))
