"""Losses over classes: cross entropy, its form for probabilities, and CTC, each an op with a rule in closed form."""

from typing import Any

import torch

from tensor_core.autograd import Array
from tensor_core.op import op
from tensor_core.ops.losses import _CODES, _checked, _reduced, _same_shape
from tensor_core.tensor import Tensor
from tensor_core.tracing import CaptureError as _CaptureError
from tensor_core.tracing import watching as _watching

_ATEN: Any = torch.ops.aten  # kernels that torch gives no other name


def _shares(
    input: Array, target: Array, weight: Array | None, ignore_index: int, label_smoothing: float, reduction: str
) -> Array:
    """What each class counts for: the loss is minus the sum of these times the logarithms of the probabilities."""
    dim = _class_dim(input)
    classes = input.shape[dim]
    if weight is not None:
        weight = weight.reshape(-1, *[1] * (input.dim() - dim - 1))
    rows: Any = input.numel() // max(classes, 1)
    share, kept = target, 1.0
    if not target.is_floating_point():
        index = target.unsqueeze(dim)
        counted = index.ne(ignore_index)
        kept = counted.to(input.dtype)
        share = input.new_zeros(input.shape).scatter_add(dim, index * counted, kept)
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
    grad: Array, input: Array, target: Array, weight: Array | None, label_smoothing: float, reduction: str
) -> Array:
    dim = _class_dim(input)
    each = _shares(input, target.new_full(target.shape, 1.0), weight, 0, 0.0, reduction)
    cost = input.log_softmax(dim).neg() * each
    return cost * (1 - label_smoothing) * _spread(grad, input, reduction)


@op(input=_logit_slope, target=_probability_slope)
def _cross_entropy(
    input: Array, target: Array, weight: Array | None, ignore_index: int, label_smoothing: float, reduction: str
) -> Array:
    return torch.nn.functional.cross_entropy(
        input, target, weight, ignore_index=ignore_index, label_smoothing=label_smoothing, reduction=reduction
    )


def _class_slope(
    grad: Array,
    input: Array,
    target: Array,
    weight: Array | None,
    ignore_index: int,
    reduction: str,
    logarithms: Array,
    total: Array,
) -> Array:
    if isinstance(grad, Tensor):
        return _logit_slope(grad, input, target, weight, ignore_index, 0.0, reduction)
    code = _CODES[reduction]
    spread = _ATEN.nll_loss_backward(grad, logarithms, target, weight, code, ignore_index, total)
    return _ATEN._log_softmax_backward_data(spread, logarithms, -1, input.dtype)


@op(input=_class_slope, extras="logarithms total")
def _class_entropy(input: Array, target: Array, weight: Array | None, ignore_index: int, reduction: str) -> Any:
    """The commonest case, rows of classes and class indices, in torch's two fused kernels."""
    logarithms = torch.log_softmax(input, -1)
    loss, total = _ATEN.nll_loss_forward(logarithms, target, weight, _CODES[reduction], ignore_index)
    return loss, logarithms, total


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
    probabilities = target.is_floating_point()
    if probabilities:
        _same_shape("cross_entropy", input, target, reduction)
    elif tuple(target.shape) != shape[:dim] + shape[dim + 1 :]:
        raise ValueError(
            f"cross_entropy: class indices for input of shape {shape} have shape {shape[:dim] + shape[dim + 1 :]}, "
            f"not {tuple(target.shape)}"
        )
    try:
        if not label_smoothing and not probabilities and len(shape) <= 2:
            return _class_entropy(input, target, weight, ignore_index, reduction)
        return _cross_entropy(input, target, weight, ignore_index, label_smoothing, reduction)
    except IndexError:
        low, high = int(target.raw.min()), int(target.raw.max())
        raise IndexError(
            f"cross_entropy: class indices go from 0 to {shape[dim] - 1}, but target holds {low} to {high}"
        ) from None


def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """Minus the entry of `input` (rows, classes, …), log-probabilities, at each target class.

    >>> nll_loss(tensor([[-0.5, -1.0]]), tensor([1]))
    tensor(1.)
    """
    _checked("nll_loss", reduction)
    dim = _class_dim(input)
    kept = target != ignore_index
    index = target.masked_fill(~kept, 0)
    loss = -input.gather(dim, index.unsqueeze(dim)).squeeze(dim)
    if weight is None:
        share = kept.to(input.dtype)
    else:  # `weight[index]` would wait for the device where there is one target, whose index has no dimension
        share = weight.index_select(0, index.reshape(-1)).reshape(index.shape) * kept
    weighed: Tensor = loss.masked_fill(~kept, 0) * share
    out: Tensor = weighed.sum() / share.sum() if reduction == "mean" else _reduced(weighed, reduction)
    return out


def _ctc_slope(
    grad: Array,
    log_probs: Array,
    targets: Array,
    input_lengths: list[int],
    target_lengths: list[int],
    blank: int,
    zero_infinity: bool,
    out: Array,
    paths: Array,
) -> Array:
    if isinstance(grad, Tensor):
        raise RuntimeError("ctc_loss has no second gradient; call backward without create_graph")
    return _ATEN._ctc_loss_backward(
        grad, log_probs, targets, input_lengths, target_lengths, out, paths, blank, zero_infinity
    )


@op(log_probs=_ctc_slope, extras="paths")
def _ctc(
    log_probs: Array,
    targets: Array,
    input_lengths: list[int],
    target_lengths: list[int],
    blank: int,
    zero_infinity: bool,
) -> Array:
    return _ATEN._ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity)


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """The negative log-likelihood of target sequences under all their alignments (Graves et al. 2006, eq. 14).

    `log_probs` is (time, rows, classes) or (time, classes), `targets` (rows, length) or one after the other. With mean,
    each loss is divided by its target's length.

    >>> ctc_loss(zeros(2, 1, 2) - 0.6931, tensor([[1]]), [2], [1])
    tensor(0.2876)
    """
    _checked("ctc_loss", reduction)
    watch = _watching.get()
    if watch is not None and watch.fakes is not None:
        raise _CaptureError("ctc_loss reads its lengths as numbers, so it is in no graph; leave the step uncaptured")
    lengths = [
        length.tolist() if isinstance(length, Tensor) else list(length) if isinstance(length, tuple | list) else length
        for length in (input_lengths, target_lengths)
    ]
    times, sizes = ([n] if isinstance(n, int) else n for n in lengths)
    batch = log_probs if log_probs.dim() == 3 else log_probs.unsqueeze(1)
    loss = _ctc(batch, targets, times, sizes, blank, zero_infinity)
    loss = loss if log_probs.dim() == 3 else loss.squeeze(0)
    if reduction == "mean":
        loss = loss / Tensor.handle(torch.tensor(sizes, device=loss.device).clamp(min=1).to(loss.dtype))
    return _reduced(loss, reduction)
