"""Features brought to a common scale over a batch or a group."""

import math
from typing import Any

import torch

from tensor_core.autograd import Array, next_number
from tensor_core.op import op
from tensor_core.ops.attention import layer_norm as _layer_norm
from tensor_core.tensor import Tensor
from tensor_core.tensor import recorded_gradients as _recorded_gradients

_ATEN: Any = torch.ops.aten  # kernels that torch gives no other name


def _plain_batch_norm(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, eps: float
) -> Any:
    shape = (1, -1, *[1] * (input.dim() - 2))
    if training:
        dims = [0, *range(2, input.dim())]
        away = input - input.mean(dims, True)
        out = away / ((away * away).mean(dims, True) + eps).sqrt()
    else:
        out = (input - running_mean.reshape(shape)) / (running_var.reshape(shape) + eps).sqrt()
    out = out if weight is None else out * weight.reshape(shape)
    return out if bias is None else out + bias.reshape(shape)


def _batch_norm_slopes(
    grad: Array,
    input: Array,
    weight: Array,
    bias: Array,
    running_mean: Array,
    running_var: Array,
    training: bool,
    eps: float,
    mean: Array,
    scale: Array,
    wanted: list[bool],
) -> Any:
    if isinstance(grad, Tensor):
        return _recorded_gradients(
            lambda x, w, b: _plain_batch_norm(x, w, b, running_mean, running_var, training, eps),
            (input, weight, bias),
            wanted,
            grad,
        )
    return _ATEN.native_batch_norm_backward(
        grad, input, weight, running_mean, running_var, mean, scale, training, eps, wanted
    )


@op(joint=("input weight bias", _batch_norm_slopes), extras="mean scale")
def _batch_norm(
    input: Array,
    weight: Array | None,
    bias: Array | None,
    running_mean: Array | None,
    running_var: Array | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Array:
    return torch.native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Each channel (dimension 1) brought to mean 0 and variance 1 over the batch (Ioffe and Szegedy 2015, algorithm 1).

    In training the running statistics are moved towards the batch's by `momentum`; else they take its place.

    >>> batch_norm(tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0)
    tensor([[-1.],
            [ 1.]])
    """
    if input.dim() < 2:
        raise ValueError(f"batch_norm needs (rows, channels, …), not shape {tuple(input.shape)}")
    if training and input.numel() == input.shape[1]:
        raise ValueError(f"batch_norm: one value a channel has no variance; the shape is {tuple(input.shape)}")
    if not training and (running_mean is None or running_var is None):
        raise ValueError("batch_norm outside training needs running_mean and running_var")
    for running in (running_mean, running_var):
        if training and running is not None:
            running.memory.write(next_number())
    return _batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Each group of channels (dimension 1) of each row brought to mean 0 and variance 1 (Wu and He 2018).

    >>> group_norm(tensor([[1.0, 3.0]]), 1, eps=0.0)
    tensor([[-1.,  1.]])
    """
    if input.dim() < 2 or input.shape[1] % num_groups:
        raise ValueError(f"group_norm: shape {tuple(input.shape)} has no channels in {num_groups} equal groups")
    rows, channels = input.shape[:2]
    size = math.prod(input.shape[1:]) // num_groups
    grouped = input.reshape(rows, num_groups, size)
    out = _layer_norm(grouped, grouped.shape[2:], None, None, eps).reshape(input.shape)
    shape = (1, channels, *[1] * (input.dim() - 2))
    out = out if weight is None else out * weight.reshape(shape)
    return out if bias is None else out + bias.reshape(shape)
