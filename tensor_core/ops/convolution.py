"""Sliding windows: convolution, pooling, padding. Layouts are torch's: (rows, channels, length) or (…, height, width).

A convolution is bilinear, so three ops close under differentiation: the output from input and weight, and the gradient
of each of the two from the output's gradient and the other one (Dumoulin and Visin 2016, section 4).
"""

from collections.abc import Sequence
from typing import Any

import torch

from tensor_core.amp import lowered as _lowered
from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.ops.lookup import index_select
from tensor_core.tensor import Tensor

_ATEN: Any = torch.ops.aten  # kernels that torch gives no other name
_Sizes = tuple[int, ...]
_Form = tuple[_Sizes, _Sizes, _Sizes, int]  # stride, padding, dilation, groups


def _backward(grad: Array, input: Array, weight: Array, form: _Form, mask: list[bool]) -> Any:
    stride, padding, dilation, groups = form
    zeros = [0] * len(stride)
    return _ATEN.convolution_backward(
        grad, input, weight, None, stride, padding, dilation, False, zeros, groups, [*mask, False]
    )


def _bias_slope(grad: Array, form: _Form) -> Array:
    return grad.sum([0, *range(2, 2 + len(form[0]))])


def _input_slope(grad: Array, weight: Array, form: _Form, shape: _Sizes) -> Array:
    return _to_input(grad, weight, form, shape)


def _weight_slope(grad: Array, input: Array, form: _Form, shape: _Sizes) -> Array:
    return _to_weight(grad, input, form, shape)


@op(input=_input_slope, weight=_weight_slope, bias=_bias_slope)
def _convolution(input: Array, weight: Array, bias: Array | None, form: _Form) -> Array:
    stride, padding, dilation, groups = form
    return _ATEN.convolution(input, weight, bias, stride, padding, dilation, False, [0] * len(stride), groups)


@op(
    input=lambda grad, weight, form: _convolution(grad, weight, None, form),
    weight=lambda grad, input, form, shape: _weight_slope(input, grad, form, shape),
)
def _to_input(input: Array, weight: Array, form: _Form, size: _Sizes) -> Array:
    """The gradient that an output's gradient `input` gives an input of shape `size`."""
    return _backward(input, input.new_empty(1).expand(size), weight, form, [True, False])[0]


@op(
    input=lambda grad, other, form: _convolution(other, grad, None, form),
    other=lambda grad, input, form, shape: _input_slope(input, grad, form, shape),
)
def _to_weight(input: Array, other: Array, form: _Form, size: _Sizes) -> Array:
    """The gradient that an output's gradient `input` gives a weight of shape `size` met by the input `other`."""
    return _backward(input, other, input.new_empty(1).expand(size), form, [False, True])[1]


def _each(value: int | Sequence[int], dims: int) -> _Sizes:
    sizes = (value,) * dims if isinstance(value, int) else tuple(value)
    return sizes * dims if len(sizes) == 1 else sizes


def _convolve(
    dims: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    name = f"conv{dims}d"
    if input.dim() not in (dims + 1, dims + 2) or weight.dim() != dims + 2:
        raise ValueError(
            f"{name}: input (rows, channels, sizes…) and weight (outputs, channels, sizes…) have {dims + 2} "
            f"dimensions, not the shapes {tuple(input.shape)} and {tuple(weight.shape)}"
        )
    if padding == "same":
        reach = [d * (k - 1) for d, k in zip(_each(dilation, dims), weight.shape[2:], strict=True)]
        if set(_each(stride, dims)) != {1}:
            raise ValueError(f"{name}: padding='same' needs a stride of 1, not {stride}")
        if any(r % 2 for r in reach):
            input = pad(input, [x for r in reversed(reach) for x in (r // 2, r - r // 2)])
            padding = 0
        else:
            padding = [r // 2 for r in reach]
    elif padding == "valid":
        padding = 0
    form = (_each(stride, dims), _each(padding, dims), _each(dilation, dims), groups)
    batch = input if input.dim() == dims + 2 else input.unsqueeze(0)
    out = _convolution(batch, weight, bias, form)
    return out if batch is input else out.squeeze(0)


@_lowered
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """`input` (rows, channels, length) correlated with `weight` (outputs, channels / groups, length).

    >>> conv1d(tensor([[[1.0, 2.0, 3.0]]]), tensor([[[1.0, 1.0]]]))
    tensor([[[3., 5.]]])
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


@_lowered
def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """`input` (rows, channels, height, width) correlated with `weight` (outputs, channels / groups, height, width).

    >>> conv2d(ones(1, 1, 3, 3), ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


def _unpooled(grad: Array, indices: Array, shape: torch.Size) -> Array:
    """The gradient at the places the maxima were taken from."""
    flat = grad.new_zeros((*shape[:-2], shape[-2] * shape[-1]))
    return flat.scatter_add(-1, indices.flatten(-2), grad.flatten(-2)).reshape(shape)


@op(input=_unpooled, extras="indices")
def _max_pool(input: Array, size: _Sizes, stride: _Sizes, padding: _Sizes, dilation: _Sizes, ceil_mode: bool) -> Array:
    return torch.nn.functional.max_pool2d_with_indices(input, size, stride, padding, dilation, ceil_mode)


def _pooled(dims: int, input: Tensor, pool: Any) -> Tensor:
    """`pool` of `input` with as many dimensions as two-dimensional pooling asks for."""
    if input.dim() not in (dims + 1, dims + 2):
        raise ValueError(f"pooling over {dims} dimensions needs (rows, channels, sizes…), not {tuple(input.shape)}")
    out: Tensor = pool(input if dims == 2 else input.unsqueeze(-2))
    return out if dims == 2 else out.squeeze(-2)


def _wide(value: Any, dims: int, other: int) -> _Sizes:
    """Sizes for two dimensions, the first of them `other` where only one is pooled."""
    return _each(value, 2) if dims == 2 else (other, *_each(value, 1))


def _max_pooled(
    dims: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, where: bool
) -> Tensor:
    if where:
        raise ValueError(f"max_pool{dims}d does not return indices; leave return_indices away")
    size, step = _wide(kernel_size, dims, 1), _wide(stride or kernel_size, dims, 1)
    around, apart = _wide(padding, dims, 0), _wide(dilation, dims, 1)
    return _pooled(dims, input, lambda x: _max_pool(x, size, step, around, apart, ceil_mode))


def max_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """The largest entry of each window along the last dimension.

    >>> max_pool1d(tensor([[1.0, 3.0, 2.0, 4.0]]), 2)
    tensor([[3., 4.]])
    """
    return _max_pooled(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """The largest entry of each window over the last two dimensions.

    >>> max_pool2d(tensor([[[1.0, 3.0], [2.0, 4.0]]]), 2)
    tensor([[[4.]]])
    """
    return _max_pooled(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


_Pool = tuple[_Sizes, _Sizes, _Sizes, bool, bool, int | None]  # size, stride, padding, ceil, count the padding, divisor


def _pool_slope(grad: Array, pool: _Pool) -> Array:
    return _avg_pool(grad, pool)


@op(input=_pool_slope)
def _spread_windows(input: Array, pool: _Pool, size: _Sizes) -> Array:
    """Each mean's gradient `input`, spread over the window it was taken from."""
    return _ATEN.avg_pool2d_backward(input, input.new_empty(1).expand(size), *pool)


def _avg_slope(grad: Array, pool: _Pool, shape: torch.Size) -> Array:
    return _spread_windows(grad, pool, shape)


@op(input=_avg_slope)
def _avg_pool(input: Array, pool: _Pool) -> Array:
    return torch.nn.functional.avg_pool2d(input, *pool)


def avg_pool1d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window along the last dimension.

    >>> avg_pool1d(tensor([[1.0, 3.0, 2.0, 4.0]]), 2)
    tensor([[2., 3.]])
    """
    stride = stride or kernel_size
    sizes = (_wide(kernel_size, 1, 1), _wide(stride, 1, 1), _wide(padding, 1, 0))
    return _pooled(1, input, lambda x: _avg_pool(x, (*sizes, ceil_mode, count_include_pad, None)))


def avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window over the last two dimensions.

    >>> avg_pool2d(tensor([[[1.0, 3.0], [2.0, 4.0]]]), 2)
    tensor([[[2.5000]]])
    """
    stride = stride or kernel_size
    sizes = (_wide(kernel_size, 2, 1), _wide(stride, 2, 1), _wide(padding, 2, 0))
    return _pooled(2, input, lambda x: _avg_pool(x, (*sizes, ceil_mode, count_include_pad, divisor_override)))


def _cut(grad: Array, pad: list[int]) -> Array:
    return _constant_pad(grad, [-n for n in pad], 0.0)


@op(input=_cut)
def _constant_pad(input: Array, pad: list[int], value: float) -> Array:
    return torch.constant_pad_nd(input, pad, value)


def _padded_positions(size: int, before: int, after: int, mode: str, device: torch.device) -> torch.Tensor:
    """Where each entry of a padded dimension comes from."""
    positions = torch.arange(-before, size + after, device=device)
    if mode == "circular":  # around what negative numbers leave
        first, left = max(-before, 0), size + min(before, 0) + min(after, 0)
        return first + (positions - first) % left
    if mode == "replicate":
        return positions.clamp(0, size - 1)
    return size - 1 - (size - 1 - positions.abs()).abs()


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """`input` with entries added around: `pad` holds (before, after) of the last dimension, then of the one before, …

    `mode` is constant (`value`, 0 by default), reflect, replicate or circular; negative numbers cut off.

    >>> pad(tensor([1.0, 2.0, 3.0]), (1, 2), mode="reflect")
    tensor([2., 1., 2., 3., 2., 1.])
    """
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise ValueError(f"pad: mode is constant, reflect, replicate or circular, not {mode!r}")
    if len(pad) % 2 or len(pad) > 2 * input.dim():
        raise ValueError(f"pad: {len(pad)} numbers are not a (before, after) for some of {input.dim()} dimensions")
    if mode == "constant":
        return _constant_pad(input, list(pad), 0.0 if value is None else value)
    for i in range(0, len(pad), 2):
        dim, before, after = input.dim() - 1 - i // 2, pad[i], pad[i + 1]
        size = input.shape[dim]
        if max(before, after) > {"reflect": size - 1, "circular": size}.get(mode, max(before, after)):
            raise ValueError(f"pad: {mode} padding of {(before, after)} is too wide for a dimension of size {size}")
        positions = _padded_positions(size, before, after, mode, input.device)
        input = index_select(input, dim, Tensor.handle(positions))
    return input
