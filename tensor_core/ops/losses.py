"""Losses, each one op with a closed-form gradient.

Sources: Bishop, Pattern Recognition and Machine Learning, section 4.3; Huber 1964; Szegedy et al. 2016, section 7
(label smoothing).
"""

from typing import Any

import torch

from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.ops.elementwise import softplus
from tensor_core.tensor import Tensor

_REDUCTIONS = ("mean", "sum", "none")


def _checked(name: str, reduction: str) -> None:
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{name}: reduction is one of {', '.join(_REDUCTIONS)}, not {reduction!r}")


def _same_shape(name: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: input has shape {tuple(input.shape)} but target {tuple(target.shape)}; "
            "they must be the same, because broadcasting would compare every entry with every other"
        )


def _reduced(loss: Array, reduction: str) -> Array:
    return loss.mean() if reduction == "mean" else loss.sum() if reduction == "sum" else loss


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
    _checked("mse_loss", reduction)
    _same_shape("mse_loss", input, target)
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
    _checked("huber_loss", reduction)
    _same_shape("huber_loss", input, target)
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
    _checked("binary_cross_entropy_with_logits", reduction)
    _same_shape("binary_cross_entropy_with_logits", input, target)
    if weight is None and pos_weight is None:
        return _logistic(input, target, reduction)
    if pos_weight is None:
        loss = _logistic(input, target, "none")
    else:
        loss = (1 - target) * input + (1 + (pos_weight - 1) * target) * softplus(-input)
    reduced: Tensor = _reduced(loss if weight is None else loss * weight, reduction)
    return reduced


def _shares(
    input: Array, target: Array, weight: Array | None, ignore_index: int, label_smoothing: float, reduction: str
) -> Array:
    """What each class counts for: the loss is minus the sum of these times the logarithms of the probabilities."""
    dim = _class_dim(input)
    classes = input.shape[dim]
    if weight is not None:
        weight = weight.reshape(-1, *[1] * (input.dim() - dim - 1))
    rows: Any = input.numel() // max(classes, 1)
    share, kept = target, 1
    if not target.is_floating_point():
        index = target.unsqueeze(dim)
        kept = index.ne(ignore_index)
        share = input.new_zeros(input.shape).scatter_add(dim, index * kept, kept.to(input.dtype))
        rows = (share if weight is None else share * weight).sum()
    if label_smoothing:
        share = share * (1 - label_smoothing) + kept * (label_smoothing / classes)
    if weight is not None:
        share = share * weight
    return share / rows if reduction == "mean" else share


def _class_dim(input: Array) -> int:
    return 0 if input.dim() == 1 else 1


def _spread(grad: Array, input: Array, reduction: str) -> Array:
    """The gradient of a loss, ready to meet the classes."""
    return grad.unsqueeze(_class_dim(input)) if reduction == "none" else grad


def _logit_slope(
    grad: Array,
    input: Array,
    target: Array,
    weight: Array | None,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
) -> Array:
    dim = _class_dim(input)
    share = _shares(input, target, weight, ignore_index, label_smoothing, reduction)
    return (input.softmax(dim) * share.sum(dim, keepdim=True) - share) * _spread(grad, input, reduction)


def _probability_slope(
    grad: Array,
    input: Array,
    target: Array,
    weight: Array | None,
    label_smoothing: float,
    reduction: str,
) -> Array:
    dim = _class_dim(input)
    each = _shares(input, target.new_full(target.shape, 1.0), weight, 0, 0.0, reduction)
    cost = input.log_softmax(dim).neg() * each
    return cost * (1 - label_smoothing) * _spread(grad, input, reduction)


@op(input=_logit_slope, target=_probability_slope)
def _cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
) -> Array:
    return torch.nn.functional.cross_entropy(
        input, target, weight, ignore_index=ignore_index, label_smoothing=label_smoothing, reduction=reduction
    )


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """The negative log-likelihood of the targets under softmax(`input`), in nats.

    `input` is (classes), (rows, classes) or (rows, classes, …). `target` holds class indices (the shape without
    classes) or probabilities (the same shape). With indices the mean is weighted by `weight` (one number a class).

    >>> cross_entropy(tensor([[0.0, 0.0]]), tensor([1]))
    tensor(0.6931)
    """
    _checked("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing is from 0 to 1, not {label_smoothing}")
    if input.dim() == 0:
        raise ValueError("cross_entropy: input needs a dimension of classes, but its shape is ()")
    dim = _class_dim(input)
    shape = tuple(input.shape)
    if weight is not None and weight.shape != (shape[dim],):
        raise ValueError(f"cross_entropy: weight has shape {tuple(weight.shape)}, but there are {shape[dim]} classes")
    if target.is_floating_point():
        _same_shape("cross_entropy", input, target)
    elif tuple(target.shape) != shape[:dim] + shape[dim + 1 :]:
        raise ValueError(
            f"cross_entropy: class indices for input of shape {shape} have shape {shape[:dim] + shape[dim + 1 :]}, "
            f"not {tuple(target.shape)}"
        )
    try:
        return _cross_entropy(input, target, weight, ignore_index, label_smoothing, reduction)
    except IndexError:
        low, high = int(target.raw.min()), int(target.raw.max())
        raise IndexError(
            f"cross_entropy: class indices go from 0 to {shape[dim] - 1}, but target holds {low} to {high}"
        ) from None


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
