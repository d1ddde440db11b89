"""Losses, each one op with a closed-form gradient.

Sources: Bishop, Pattern Recognition and Machine Learning, section 4.3; Huber 1964; Szegedy et al. 2016, section 7
(label smoothing).
"""

import math
from typing import Any

import torch

from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.ops.elementwise import softplus
from tensor_core.tensor import Tensor

_ATEN: Any = torch.ops.aten  # kernels that torch gives no other name
_REDUCTIONS = ("mean", "sum", "none")
_CODES = {"none": 0, "mean": 1, "sum": 2}  # ATen's


def _checked(name: str, reduction: str) -> None:
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{name}: reduction is one of {', '.join(_REDUCTIONS)}, not {reduction!r}")


def _same_shape(name: str, input: Tensor, target: Tensor, reduction: str) -> None:
    _checked(name, reduction)
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: input has shape {tuple(input.shape)} but target {tuple(target.shape)}; "
            "they must be the same, because broadcasting would compare every entry with every other"
        )


def _reduced(loss: Any, reduction: str) -> Tensor:
    reduced: Tensor = loss.mean() if reduction == "mean" else loss.sum() if reduction == "sum" else loss
    return reduced


def _portion(grad: Array, input: Array, reduction: str) -> Array:
    """The gradient that each entry's loss receives."""
    return grad / max(input.numel(), 1) if reduction == "mean" else grad


@op(
    input=lambda grad, input, target, reduction: _portion(grad, input, reduction) * (input - target) * 2,
    target=lambda grad, input, target, reduction: _portion(grad, input, reduction) * (target - input) * 2,
)
def _squared(input: Array, target: Array, reduction: str) -> Array:
    return torch.nn.functional.mse_loss(input, target, reduction=reduction)


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """The squared error, `reduction` one of mean, sum, none.

    >>> mse_loss(tensor([1.0, 2.0]), tensor([0.0, 4.0]))
    tensor(2.5000)
    """
    _same_shape("mse_loss", input, target, reduction)
    return _squared(input, target, reduction)


@op(
    input=lambda grad, input, target, delta, reduction: (
        _portion(grad, input, reduction) * (input - target).clamp(-delta, delta)
    ),
    target=lambda grad, input, target, delta, reduction: (
        _portion(grad, input, reduction) * (target - input).clamp(-delta, delta)
    ),
)
def _huber(input: Array, target: Array, delta: float, reduction: str) -> Array:
    return torch.nn.functional.huber_loss(input, target, reduction=reduction, delta=delta)


def huber_loss(input: Tensor, target: Tensor, *, delta: float = 1.0, reduction: str = "mean") -> Tensor:
    """Half the squared error up to `delta`, growing linearly beyond it (Huber 1964).

    >>> huber_loss(tensor([0.0, 0.0]), tensor([1.0, 3.0]), reduction="none")
    tensor([0.5000, 2.5000])
    """
    _same_shape("huber_loss", input, target, reduction)
    if delta <= 0:
        raise ValueError(f"huber_loss: delta is a positive number, not {delta}")
    return _huber(input, target, delta, reduction)


@op(
    input=lambda grad, input, target, reduction: _portion(grad, input, reduction) * (input.sigmoid() - target),
    target=lambda grad, input, reduction: _portion(grad, input, reduction) * input.neg(),
)
def _logistic(input: Array, target: Array, reduction: str) -> Array:
    return torch.nn.functional.binary_cross_entropy_with_logits(input, target, reduction=reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    pos_weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of targets in [0, 1] under probabilities sigmoid(`input`), in nats.

    `weight` multiplies each loss, `pos_weight` the positive part of each loss.

    >>> binary_cross_entropy_with_logits(tensor([0.0]), tensor([1.0]))
    tensor(0.6931)
    """
    _same_shape("binary_cross_entropy_with_logits", input, target, reduction)
    if weight is None and pos_weight is None:
        return _logistic(input, target, reduction)
    if pos_weight is None:
        loss = _logistic(input, target, "none")
    else:
        loss = (1 - target) * input + (1 + (pos_weight - 1) * target) * softplus(-input)
    return _reduced(loss if weight is None else loss * weight, reduction)


def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """The absolute error.

    >>> l1_loss(tensor([1.0, 2.0]), tensor([0.0, 4.0]))
    tensor(1.5000)
    """
    _same_shape("l1_loss", input, target, reduction)
    return _reduced((input - target).abs(), reduction)


def _pinball_slope(grad: Array, input: Array, target: Array, quantile: Any, reduction: str) -> Array:
    return _portion(grad, input, reduction) * (input.ge(target).to(grad.dtype) - quantile)


@op(
    input=_pinball_slope,
    target=lambda grad, input, target, quantile, reduction: _pinball_slope(
        grad, input, target, quantile, reduction
    ).neg(),
)
def _pinball(input: Array, target: Array, quantile: Any, reduction: str) -> Array:
    away = target - input
    return _reduced(torch.maximum(away * quantile, away * (quantile - 1)), reduction)


def pinball_loss(input: Tensor, target: Tensor, quantile: Any, *, reduction: str = "mean") -> Tensor:
    """The error of a predicted quantile, least where the share `quantile` of targets lies below (Koenker and Bassett
    1978, eq. 2.1); `quantile` is a number or one for each column.

    >>> pinball_loss(tensor([0.0, 0.0]), tensor([1.0, -1.0]), 0.9, reduction="none")
    tensor([0.9000, 0.1000])
    """
    _same_shape("pinball_loss", input, target, reduction)
    return _pinball(input, target, quantile, reduction)


@op(
    input=lambda grad, input, target, reduction: _portion(grad, input, reduction) * (input.exp() - target),
    target=lambda grad, input, reduction: (_portion(grad, input, reduction) * input).neg(),
)
def _log_poisson(input: Array, target: Array, reduction: str) -> Array:
    return _reduced(input.exp() - target * input, reduction)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of counts under a Poisson distribution whose mean is exp(`input`), or `input` itself;
    `full` adds Stirling's approximation of log(target!) for targets above 1.

    >>> poisson_nll_loss(tensor([0.0]), tensor([2.0]))
    tensor(1.)
    """
    _same_shape("poisson_nll_loss", input, target, reduction)
    if log_input and not full:
        return _log_poisson(input, target, reduction)
    loss = _log_poisson(input, target, "none") if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return _reduced(loss, reduction)


def kl_div(input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """target · (log target - `input`) for log-probabilities `input`; reduction batchmean divides the sum by the rows.

    >>> kl_div(tensor([0.5]).log(), tensor([1.0]))
    tensor(0.6931)
    """
    if reduction != "batchmean":
        _checked("kl_div", reduction)
    loss = target.exp() * (target - input) if log_target else _self_information(target) - target * input
    return _reduced(loss.sum() / input.shape[0], "none") if reduction == "batchmean" else _reduced(loss, reduction)


def _self_information(target: Array) -> Array:
    """target · log target, 0 at 0."""
    zero = target.eq(0)
    return target * target.masked_fill(zero, 1).log()


def dropout(input: Tensor, p: float = 0.5, *, training: bool = True) -> Tensor:
    """`input` with entries set to 0 with probability `p` and the others divided by 1 - `p` (Srivastava et al. 2014).

    >>> dropout(tensor([1.0, 2.0]), 0.5, training=False)
    tensor([1., 2.])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is a probability from 0 to 1, not {p}")
    if not training or p == 0:
        return input
    mask = torch.empty_like(input.raw).bernoulli_(1 - p)
    return input * Tensor.handle(mask.div_(1 - p) if p < 1 else mask)
