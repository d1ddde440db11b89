"""Layers over sequences and images: convolutions, pooling, and norms that speak of channels (dimension 1)."""

import math
from collections.abc import Sequence
from typing import Any

import torch

from tensor_core.creation import empty, ones, zeros
from tensor_core.nn.init import kaiming_uniform_, uniform_
from tensor_core.nn.module import Module, Parameter
from tensor_core.ops.convolution import avg_pool1d, avg_pool2d, conv1d, conv2d, max_pool1d, max_pool2d
from tensor_core.ops.normalisation import batch_norm, group_norm
from tensor_core.tensor import Tensor

_Sizes = int | Sequence[int]


class _Convolution(Module):
    """A weight (outputs, channels / groups, sizes…) and a bias for the op of some number of dimensions."""

    dims: int
    op: Any

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: _Sizes,
        stride: _Sizes = 1,
        padding: _Sizes | str = 0,
        dilation: _Sizes = 1,
        groups: int = 1,
        *,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        """Draw weights and bias uniformly within 1/√inputs of 0 (He et al. 2015, with torch's slope of √5)."""
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{type(self).__name__}: {groups} groups do not divide {in_channels} and {out_channels} channels"
            )
        sizes = (kernel_size,) * self.dims if isinstance(kernel_size, int) else tuple(kernel_size)
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.weight = Parameter(empty(out_channels, in_channels // groups, *sizes, device=device, dtype=dtype))
        self.bias = Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None
        kaiming_uniform_(self.weight, slope=math.sqrt(5))
        inputs = math.prod(self.weight.shape[1:])
        if self.bias is not None and inputs:
            uniform_(self.bias, -1 / math.sqrt(inputs), 1 / math.sqrt(inputs))

    def forward(self, x: Tensor) -> Tensor:
        """`x` (rows, channels, sizes…), correlated with the weight."""
        out: Tensor = type(self).op(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        return out

    def _settings(self) -> str:
        outputs, inputs, *sizes = self.weight.shape
        return f"{inputs * self.groups}, {outputs}, kernel_size={tuple(sizes)}, stride={self.stride}"


class Conv1d(_Convolution):
    """`conv1d` with learned weights; initial values are torch's.

    >>> from tensor_core import ones
    >>> Conv1d(3, 8, 5, padding="same")(ones(2, 3, 10)).shape
    torch.Size([2, 8, 10])
    """

    dims, op = 1, conv1d


class Conv2d(_Convolution):
    """`conv2d` with learned weights; initial values are torch's.

    >>> from tensor_core import ones
    >>> Conv2d(3, 8, 3, padding=1)(ones(2, 3, 10, 12)).shape
    torch.Size([2, 8, 10, 12])
    """

    dims, op = 2, conv2d


class _Pool(Module):
    """A pooling op and the window it looks at."""

    op: Any

    def __init__(self, kernel_size: _Sizes, stride: _Sizes | None = None, padding: _Sizes = 0, **options: Any) -> None:
        """Remember the window; windows lie side by side by default. `options` are those of the op."""
        self.kernel_size, self.stride, self.padding, self.options = kernel_size, stride, padding, options

    def forward(self, x: Tensor) -> Tensor:
        """One number for each window of `x` (rows, channels, sizes…)."""
        out: Tensor = type(self).op(x, self.kernel_size, self.stride, self.padding, **self.options)
        return out

    def _settings(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride or self.kernel_size}, padding={self.padding}"


class MaxPool1d(_Pool):
    """`max_pool1d` as a layer."""

    op = max_pool1d


class MaxPool2d(_Pool):
    """`max_pool2d` as a layer.

    >>> from tensor_core import ones
    >>> MaxPool2d(2)(ones(1, 3, 4, 6)).shape
    torch.Size([1, 3, 2, 3])
    """

    op = max_pool2d


class AvgPool1d(_Pool):
    """`avg_pool1d` as a layer."""

    op = avg_pool1d


class AvgPool2d(_Pool):
    """`avg_pool2d` as a layer."""

    op = avg_pool2d


class _BatchNorm(Module):
    """`batch_norm` with a learned scale and shift, and running statistics for `eval()`."""

    dims: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        """Start with scale 1, shift 0, and statistics of mean 0 and variance 1."""
        where = {"device": device, "dtype": dtype}
        self.eps, self.momentum = eps, momentum
        self.weight = Parameter(ones(num_features, **where)) if affine else None
        self.bias = Parameter(zeros(num_features, **where)) if affine else None
        self.running_mean = zeros(num_features, **where) if track_running_stats else None
        self.running_var = ones(num_features, **where) if track_running_stats else None
        self.num_batches_tracked = zeros((), dtype=torch.int64, device=device) if track_running_stats else None
        self._features = num_features

    def forward(self, x: Tensor) -> Tensor:
        """`x` (rows, channels, sizes…), normalised by its own statistics in training, by the running ones after."""
        if x.dim() not in self.dims or x.shape[1] != self._features:
            raise ValueError(
                f"{type(self).__name__}: x has {' or '.join(map(str, self.dims))} dimensions, the second of them the "
                f"{self._features} channels; its shape is {tuple(x.shape)}"
            )
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked += 1
        by_batch = self.training or self.running_mean is None
        return batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, by_batch, self.momentum, self.eps
        )

    def _settings(self) -> str:
        return f"{self._features}, eps={self.eps}, momentum={self.momentum}"


class BatchNorm1d(_BatchNorm):
    """`batch_norm` of (rows, channels) or (rows, channels, length) as a layer.

    >>> from tensor_core import tensor
    >>> BatchNorm1d(1)(tensor([[1.0], [3.0]])).detach()
    tensor([[-1.0000],
            [ 1.0000]])
    """

    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """`batch_norm` of (rows, channels, height, width) as a layer."""

    dims = (4,)


class GroupNorm(Module):
    """`group_norm` with a learned scale and shift for each channel.

    >>> from tensor_core import tensor
    >>> GroupNorm(1, 2)(tensor([[1.0, 3.0]])).detach()
    tensor([[-1.0000,  1.0000]])
    """

    def __init__(
        self, num_groups: int, num_channels: int, *, eps: float = 1e-5, affine: bool = True, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        """Start with scale 1 and shift 0."""
        if num_channels % num_groups:
            raise ValueError(f"GroupNorm: {num_groups} groups do not divide {num_channels} channels")
        self.num_groups, self.eps = num_groups, eps
        self.weight = Parameter(ones(num_channels, device=device, dtype=dtype)) if affine else None
        self.bias = Parameter(zeros(num_channels, device=device, dtype=dtype)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """`x` (rows, channels, sizes…), normalised."""
        return group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def _settings(self) -> str:
        return f"{self.num_groups}, eps={self.eps}"
