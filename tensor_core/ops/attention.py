"""What a transformer is made of: features normalised over a width, attention (Vaswani et al. 2017, eq. 1).

Each is one op on torch's fused kernels, forward and backward. Those have no derivatives of their own, so a rule that is
itself to be recorded goes through the same formula written in differentiable ops.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch

from tensor_core.amp import lowered as _lowered
from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.ops.losses import dropout as _dropout
from tensor_core.ops.reduce import softmax as _softmax
from tensor_core.tensor import Tensor
from tensor_core.tensor import recorded_gradients as _recorded_gradients

_ATEN: Any = torch.ops.aten  # kernels that torch gives no other name


def _plain_layer_norm(
    input: Array, weight: Array | None, bias: Array | None, normalized_shape: Sequence[int], eps: float
) -> Array:
    dims = list(range(-len(normalized_shape), 0))
    away = input - input.mean(dims, True)
    out = away / ((away * away).mean(dims, True) + eps).sqrt()
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


def _layer_norm_slopes(
    grad: Array,
    input: Array,
    normalized_shape: Sequence[int],
    weight: Array | None,
    bias: Array | None,
    eps: float,
    mean: Array,
    scale: Array,
    wanted: list[bool],
) -> Any:
    if isinstance(grad, Tensor):
        return _recorded_gradients(
            lambda x, w, b: _plain_layer_norm(x, w, b, normalized_shape, eps), (input, weight, bias), wanted, grad
        )
    return _ATEN.native_layer_norm_backward(grad, input, normalized_shape, mean, scale, weight, bias, wanted)


@op(joint=("input weight bias", _layer_norm_slopes), extras="mean scale")
def layer_norm(
    input: Array,
    normalized_shape: Sequence[int],
    weight: Array | None = None,
    bias: Array | None = None,
    eps: float = 1e-5,
) -> Array:
    """`input` brought to mean 0 and variance 1 over its last dimensions, of shape `normalized_shape` (Ba et al. 2016).

    >>> layer_norm(tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    return torch.native_layer_norm(input, normalized_shape, weight, bias, eps)


def _plain_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float, dropout_p: float = 0.0
) -> Tensor:
    scores = (query * scale) @ key.mT
    if mask is not None:
        scores = scores.masked_fill(mask.logical_not(), -math.inf) if mask.dtype == torch.bool else scores + mask
    return _dropout(_softmax(scores, -1), dropout_p) @ value


def _attention_slopes(
    grad: Array,
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None,
    scale: float,
    out: Array,
    normaliser: Array,
    wanted: list[bool],
) -> Any:
    if isinstance(grad, Tensor):
        return _recorded_gradients(
            lambda q, k, v: _plain_attention(q, k, v, mask, scale), (query, key, value), wanted, grad
        )
    return _ATEN._scaled_dot_product_flash_attention_for_cpu_backward(
        grad, query, key, value, out, normaliser, 0.0, False, attn_mask=mask, scale=scale
    )


@op(joint=("query key value", _attention_slopes), extras="normaliser")
def _fused_attention(query: Array, key: Array, value: Array, mask: Array | None, scale: float) -> Array:
    return _ATEN._scaled_dot_product_flash_attention_for_cpu(query, key, value, attn_mask=mask, scale=scale)


@_lowered
def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
) -> Tensor:
    """For each query (…, queries, width) the mean of the values, weighted by the softmax of query·key·`scale`.

    `scale` is 1/√width by default. `attn_mask`, broadcast to (…, queries, keys), is True where a query sees a key,
    or is added to the scores; every query must see a key. `is_causal`: query i sees the keys up to i.

    >>> x = eye(2).reshape(1, 1, 2, 2)
    >>> scaled_dot_product_attention(x, x, x, is_causal=True)[0, 0, 0]
    tensor([1., 0.])
    """
    if query.dim() < 2 or key.shape[:-1] != value.shape[:-1] or query.shape[-1] != key.shape[-1]:
        shapes = ", ".join(str(tuple(t.shape)) for t in (query, key, value))
        raise ValueError(f"scaled_dot_product_attention: query, key, value of shapes {shapes} do not fit together")
    if is_causal and attn_mask is not None:
        raise ValueError("scaled_dot_product_attention: pass either attn_mask or is_causal")
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    if is_causal:
        ones = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool, device=query.device)
        attn_mask = Tensor.handle(ones.tril_())
    fused = (
        query.device.type == "cpu"  # the other devices' fused kernels each ask for their own padding and alignment
        and query.dim() == 4
        and not dropout_p
        and query.shape[-1] == value.shape[-1]
        and query.stride()[-1] == key.stride()[-1] == value.stride()[-1] == 1  # the kernel does not check
        and min(*query.shape, key.shape[-2]) > 0
        and query.shape[:2] == key.shape[:2]
        and (attn_mask is None or not attn_mask.requires_grad)
    )
    if not fused:
        return _plain_attention(query, key, value, attn_mask, scale, dropout_p)
    if attn_mask is not None:
        if attn_mask.dtype == torch.bool:
            attn_mask = Tensor.handle(
                torch.zeros_like(attn_mask.raw, dtype=query.dtype).masked_fill_(~attn_mask.raw, -math.inf)
            )
        if attn_mask.dim() not in (2, 4):
            attn_mask = attn_mask.reshape(*[1] * (4 - attn_mask.dim()), *attn_mask.shape)
    return _fused_attention(query, key, value, attn_mask, scale)
