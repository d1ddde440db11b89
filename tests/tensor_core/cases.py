"""The cases that the public ops are tried with, under our names or torch's: values, gradients, and devices."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

ANY = ((2, 3), (), (0, 3))  # shapes an elementwise op is tried with
PAIRS = (((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 3)), ((2, 3), ()), ((0, 3), (3,)), ((), ()))
I64, F64 = torch.int64, torch.float64


class Torch:
    """torch's names in one place, as tensor_core has them."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch.nn.functional, name, None) or getattr(torch, name)


class Case(NamedTuple):
    op: str
    run: Callable[..., Any]  # (names, *tensors) -> a tensor or several
    shapes: tuple[tuple[int, ...], ...]
    low: float
    high: float
    only_value: bool
    once: bool


def case(
    op: str,
    run: Callable[..., Any],
    *shapes: tuple[int, ...],
    low: float = -2.0,
    high: float = 2.0,
    only_value: bool = False,
    once: bool = False,
) -> Case:
    """`once`: torch has no second derivative to compare with, or it is meant to differ."""
    return Case(op, run, shapes, low, high, only_value, once)


def unary(op: str, low: float = -2.0, high: float = 2.0) -> list[Case]:
    return [case(op, lambda m, x: getattr(m, op)(x), shape, low=low, high=high) for shape in ANY]


def binary(op: str, low: float = -2.0, high: float = 2.0) -> list[Case]:
    return [case(op, lambda m, x, y: getattr(m, op)(x, y), *pair, low=low, high=high) for pair in PAIRS]


def compare(op: str) -> list[Case]:
    return [case(op, lambda m, x, y: getattr(m, op)(x, y), (2, 3), (3,), only_value=True)]


def loss(op: str, low: float = -2.0, high: float = 2.0, **options: float) -> list[Case]:
    return [
        case(op, lambda m, x, y, r=r: getattr(m, op)(x, y, reduction=r, **options), (4, 3), (4, 3), low=low, high=high)
        for r in ("mean", "sum", "none")
    ]


def ints(m: Any, *rows: Any) -> Any:
    return m.tensor(list(rows) if len(rows) > 1 else rows[0], dtype=I64)


CASES: list[Case] = [
    *binary("add"), *binary("sub"), *binary("mul"), *binary("div", low=0.5), *binary("maximum"), *binary("minimum"),
    *binary("pow", low=0.5), *unary("neg"), *unary("abs"), *unary("sign"), *unary("floor"), *unary("ceil"),
    *unary("round"), *unary("exp"), *unary("log", low=0.5), *unary("log1p", low=-0.5), *unary("expm1"),
    *unary("sqrt", low=0.5), *unary("reciprocal", low=0.5), *unary("sin"), *unary("cos"), *unary("tanh"),
    *unary("sigmoid"), *unary("relu"), *unary("erf"), *unary("gelu"), *unary("softplus"), *unary("logsigmoid"),
    *unary("silu"), *unary("clone"),
    *compare("eq"), *compare("ne"), *compare("lt"), *compare("le"), *compare("gt"), *compare("ge"),
    *compare("logical_and"), *compare("logical_or"), *compare("logical_xor"), *compare("floor_divide"),
    *compare("remainder"),
    case("add", lambda m, x: 3 + x + 2, (2, 3)),
    case("sub", lambda m, x: 3 - x - 2, (2, 3)),
    case("mul", lambda m, x: 3 * x * 2.5, (2, 3)),
    case("mul", lambda m, x: 0 * x * -0.0, (2, 3)),
    case("mul", lambda m, x: x * x, (2, 3)),
    case("div", lambda m, x: 3 / (x / 2.5), (2, 3), low=0.5),
    case("pow", lambda m, x: x**2 + x**3 + x**1 + x**0, (2, 3)),
    case("pow", lambda m, x: x**-1.5 + 2**x, (2, 3), low=0.5),
    case("pow", lambda m, x: (x * 0) ** x.abs(), (2, 3), low=1.0, once=True),
    case("pow", lambda m, x: 2.5 ** ints(m, 1, 2, 0) * x + ints(m, 4, 9, 0) ** 2.0 + ints(m, 4, 9, 0) ** 2, (2, 3)),
    case("add", lambda m, x, y: m.add(x, y, alpha=3) * x.add(2.0, alpha=0.5), (2, 3), (3,)),
    case("sub", lambda m, x, y: m.sub(x, y, alpha=3) * x.sub(y, alpha=1), (2, 3), (3,)),
    case("div", lambda m, x, y: m.div(x, y, rounding_mode=None) * x.div(y, rounding_mode="floor"), (2, 3), (3,)),
    case("result_type", lambda m, x: x * (m.result_type(x, 1) == m.float64), (2, 3)),
    case("type", lambda m, x: x.type(m.float64) * (x.type() == "torch.DoubleTensor"), (2, 3)),
    case("neg", lambda m, x: -x, (2, 3)),
    case("abs", lambda m, x: abs(x), (2, 3)),
    case("maximum", lambda m, x: m.maximum(x, x * 1.0), (2, 3), once=True),
    case("clamp", lambda m, x: m.clamp(x, -0.5, 0.5), (4, 5)),
    case("clip", lambda m, x: m.clip(x, -0.5, 0.5), (4, 5)),
    case("clip_", lambda m, x: (x * 1).clip_(max=0.5), (4, 5)),
    case("is_tensor", lambda m, x: x * m.is_tensor(x) + m.is_tensor(1), (2, 3)),
    case("numel", lambda m, x: x * m.numel(x), (2, 3)),
    case("cumprod", lambda m, x: m.cumprod(x, 0) * x.relu().cumprod(1), (2, 3)),
    case("cat", lambda m, x: m.cat([x, x.sum(1, keepdims=True)], axis=1), (2, 3)),
    case("prod", lambda m, x: m.stack([x, x], axis=0).prod(axis=1, keepdims=True), (2, 3)),
    case("meshgrid", lambda m, x, y: m.meshgrid(x, y, indexing="xy"), (2,), (3,)),
    case("view", lambda m, x: x.view(m.int64).view(m.float64) + x.view(m.float64), (2, 3), only_value=True),
    case("index_put", lambda m, x, y: m.index_put(x, (ints(m, 1, 0), ints(m, 0, 0)), y), (2, 3), (2,)),
    case("index_put_", lambda m, x, y: (x * 1).index_put_((ints(m, 1, 1),), y, True), (2, 3), (3,)),
    case("clamp", lambda m, x: x.clamp(min=-0.5) + x.clamp(max=0.5), (4, 5)),
    case("where", lambda m, x, y: m.where(x > 0, x, y), (2, 3), (3,)),
    case("where", lambda m, x: m.where(x > 0, x, 0.0), (2, 3)),
    case("masked_fill", lambda m, x: m.masked_fill(x, x > 0, 7.0), (2, 3)),
    case("logical_not", lambda m, x: m.logical_not(x > 0), (2, 3), only_value=True),
    case("isnan", lambda m, x: m.isnan(x.log()), (2, 3), only_value=True),
    case("isfinite", lambda m, x: m.isfinite(x.log()), (2, 3), only_value=True),
    case("gelu", lambda m, x: m.gelu(x, approximate="tanh"), (2, 3)),
    # reductions
    case("sum", lambda m, x: m.sum(x), (2, 3)),
    case("sum", lambda m, x: m.sum(x), ()),
    case("sum", lambda m, x: x.sum(), (0, 3)),
    case("sum", lambda m, x: x.sum(axis=1), (2, 3)),
    case("sum", lambda m, x: x.sum(dim=(0, 2)), (2, 3, 4)),
    case("sum", lambda m, x: x.sum((0, -1), keepdim=True), (2, 3, 4)),
    case("mean", lambda m, x: m.mean(x), (2, 3)),
    case("mean", lambda m, x: x.mean(-1), (2, 3)),
    case("mean", lambda m, x: x.mean((0, 1), keepdim=True), (2, 3, 4)),
    case("amax", lambda m, x: m.amax(x, 1), (2, 3)),
    case("amax", lambda m, x: m.amax(x.round(), (0, 1)), (4, 5), once=True),
    case("amin", lambda m, x: m.amin(x, 1, keepdim=True), (2, 3)),
    case("max", lambda m, x: m.max(x), (2, 3)),
    case("max", lambda m, x: m.max(x, 1)[0], (2, 3)),
    case("max", lambda m, x: x.max(0, keepdim=True)[0], (2, 3)),
    case("max", lambda m, x, y: m.max(x, y), (2, 3), (3,)),
    case("min", lambda m, x: m.min(x), (2, 3)),
    case("min", lambda m, x: m.min(x, 1)[0], (2, 3)),
    case("argmax", lambda m, x: m.argmax(x, dim=1), (2, 3), only_value=True),
    case("argmin", lambda m, x: m.argmin(x), (2, 3), only_value=True),
    case("argsort", lambda m, x: m.argsort(x, dim=0, descending=True), (4, 3), only_value=True),
    case("any", lambda m, x: m.any(x > 0, dim=1), (2, 3), only_value=True),
    case("all", lambda m, x: m.all(x > 0), (2, 3), only_value=True),
    case("logsumexp", lambda m, x: m.logsumexp(x, 1), (2, 3)),
    case("logsumexp", lambda m, x: m.logsumexp(x * 500, 0, keepdim=True), (2, 3)),
    case("softmax", lambda m, x: m.softmax(x, -1), (2, 3)),
    case("softmax", lambda m, x: m.softmax(x, dim=0), (2, 3, 2)),
    case("log_softmax", lambda m, x: m.log_softmax(x, dim=1), (2, 3)),
    case("norm", lambda m, x: m.norm(x), (2, 3)),
    case("norm", lambda m, x: m.norm(x, p=1, dim=1), (2, 3)),
    case("norm", lambda m, x: m.norm(x, p=3, dim=0, keepdim=True), (2, 3)),
    case("var", lambda m, x: m.var(x) + m.var(x, dim=1, correction=0), (2, 3)),
    case("std", lambda m, x: m.std(x, dim=1, keepdim=True), (2, 3)),
    case("cumsum", lambda m, x: m.cumsum(x, 1), (2, 3)),
    # products
    case("matmul", lambda m, x, y: x @ y, (2, 3), (3, 4)),
    case("matmul", lambda m, x, y: x @ y, (3,), (3,)),
    case("matmul", lambda m, x, y: x @ y, (2, 3), (3,)),
    case("matmul", lambda m, x, y: x @ y, (3,), (3, 4)),
    case("matmul", lambda m, x, y: x @ y, (3,), (2, 3, 4)),
    case("matmul", lambda m, x, y: x @ y, (2, 4, 3), (3,)),
    case("matmul", lambda m, x, y: m.matmul(x, y), (5, 2, 3), (3, 4)),
    case("matmul", lambda m, x, y: m.matmul(x, y), (2, 3), (5, 3, 4)),
    case("matmul", lambda m, x, y: m.matmul(x, y), (5, 1, 2, 3), (2, 3, 4)),
    case("matmul", lambda m, x, y: m.matmul(x, y), (0, 3), (3, 4)),
    case("matmul", lambda m, x, y: m.matmul(x, y), (2, 0), (0, 4)),
    case("mm", lambda m, x, y: m.mm(x, y), (2, 3), (3, 4)),
    case("bmm", lambda m, x, y: m.bmm(x, y), (5, 2, 3), (5, 3, 4)),
    case("mv", lambda m, x, y: m.mv(x, y), (2, 3), (3,)),
    case("dot", lambda m, x, y: m.dot(x, y), (3,), (3,)),
    case("linear", lambda m, x, w, b: m.linear(x, w, b), (5, 3), (2, 3), (2,)),
    case("linear", lambda m, x, w, b: m.linear(x, w, b), (4, 5, 3), (2, 3), (2,)),
    case("linear", lambda m, x, w: m.linear(x, w), (3,), (2, 3)),
    # shapes
    case("view", lambda m, x: x.view(3, -1), (2, 3), once=True),
    case("reshape", lambda m, x: m.reshape(x, (3, 2)) * 2, (2, 3)),
    case("reshape", lambda m, x: x.transpose(0, 1).reshape(-1), (2, 3)),
    case("reshape", lambda m, x: x[:, 0].reshape(1, 2), (2, 3)),
    case("reshape", lambda m, x: x.reshape(3, 0), (0, 3)),
    case("flatten", lambda m, x: x.flatten(1), (2, 3, 4)),
    case("transpose", lambda m, x: m.transpose(x, 0, -1), (2, 3, 4)),
    case("permute", lambda m, x: m.permute(x, (2, 0, 1)), (2, 3, 4)),
    case("permute", lambda m, x: x.permute(-1, 0, 1), (2, 3, 4)),
    case("t", lambda m, x: m.t(x) @ x, (2, 3)),
    case("t", lambda m, x: x.T @ x.mT.T, (2, 3)),
    case("unsqueeze", lambda m, x: m.unsqueeze(x, -1) * x.unsqueeze(1), (2, 3)),
    case("squeeze", lambda m, x: m.squeeze(x) * x.squeeze(1), (2, 1, 3), once=True),
    case("squeeze", lambda m, x: x.squeeze(1), (2, 3)),
    case("expand", lambda m, x: x.expand(4, -1, 3), (2, 1)),
    case("broadcast_to", lambda m, x: m.broadcast_to(x, (4, 2, 3)), (2, 1)),
    case("select", lambda m, x: m.select(x, 1, -1), (2, 3)),
    case("narrow", lambda m, x: m.narrow(x, 1, 1, 2), (2, 3)),
    case("narrow", lambda m, x: m.narrow(x, -1, -2, 2), (2, 3)),
    case("narrow", lambda m, x: x.narrow(0, 2, 0), (2, 3)),
    case("flip", lambda m, x: m.flip(x, (0, 1)), (2, 3)),
    case("split", lambda m, x: m.split(x, 2), (5, 3)),
    case("split", lambda m, x: m.split(x, [1, 2], dim=1), (5, 3)),
    case("unbind", lambda m, x: m.unbind(x, 1), (2, 3)),
    case("cat", lambda m, x, y: m.cat([x, y, x], dim=1), (2, 3), (2, 1)),
    case("cat", lambda m, x, y: m.cat((x, y), dim=-2), (2, 3), (0, 3)),
    case("stack", lambda m, x, y: m.stack([x, y], dim=1), (2, 3), (2, 3)),
    case("contiguous", lambda m, x: x.T.contiguous(), (2, 3)),
    # indices
    case("getitem", lambda m, x: x[1], (2, 3)),
    case("getitem", lambda m, x: x[-1, 0], (2, 3)),
    case("getitem", lambda m, x: x[:, 1:], (2, 3)),
    case("getitem", lambda m, x: x[..., ::2], (2, 3)),
    case("getitem", lambda m, x: x[None, :, None, 2], (2, 3)),
    case("getitem", lambda m, x: x[5:2], (2, 3)),
    case("getitem", lambda m, x: x[...], ()),
    case("getitem", lambda m, x: x[x > 0], (2, 3)),
    case("getitem", lambda m, x: x[ints(m, 1, 0, 1)], (2, 3)),
    case("getitem", lambda m, x: x[:, ints(m, 2, 2)], (2, 3)),
    case("getitem", lambda m, x: x[ints(m, 1, 0), ints(m, 2, 2)], (2, 3)),
    case("getitem", lambda m, x: x[ints(m, [0], [1]), [0, 2]], (2, 3)),
    case("getitem", lambda m, x: x[[0, 1], :, [1, 1]], (2, 3, 4)),
    case("getitem", lambda m, x: x[0, :, [1, 1]], (2, 3, 4)),
    case("getitem", lambda m, x: x[m.tensor([True, False])], (2, 3)),
    case("getitem", lambda m, x: x[m.tensor(1), True], (2, 3)),
    case("getitem", lambda m, x: x[False], (2, 3)),
    case("getitem", lambda m, x: x[:, m.tensor([[True, False], [True, True], [False, False]])], (2, 3, 2)),
    case("setitem", lambda m, x, y: put(x.clone(), 1, y), (2, 3), (3,)),
    case("setitem", lambda m, x, y: put(x.clone(), (slice(None), slice(0, 3, 2)), y), (2, 3), (2, 1)),
    case("setitem", lambda m, x, y: put(x.clone(), ints(m, 1, 0), y), (2, 3), (2, 3)),
    case("setitem", lambda m, x, y: put(x.clone(), x > 0, y), (2, 3), ()),
    case("setitem", lambda m, x, y: put(x.clone(), (0, [2, 0]), y), (2, 3), (2,)),
    case("setitem", lambda m, x: put(x.clone(), (slice(None), 1), 5), (2, 3)),
    case("gather", lambda m, x: m.gather(x, 1, ints(m, [0, 0], [2, 1])), (2, 3)),
    case("scatter_add", lambda m, x, y: m.scatter_add(x, 1, ints(m, [0, 0], [2, 1]), y), (2, 3), (2, 2)),
    case("scatter_add_", lambda m, x, y: x.clone().scatter_add_(1, ints(m, [0, 0], [2, 1]), y), (2, 3), (2, 2)),
    case("index_select", lambda m, x: m.index_select(x, 1, ints(m, 0, 2, 2)), (2, 3)),
    case("nonzero", lambda m, x: m.nonzero(x > 0), (2, 3), only_value=True),
    case("one_hot", lambda m, x: m.one_hot(ints(m, [0, 2], [1, 1]), 3) + 0 * x.sum().long(), (1,), only_value=True),
    # types
    case("to", lambda m, x: x.to(m.float32).to(m.float64), (2, 3), only_value=True),
    case("float", lambda m, x: x.float(), (2, 3), only_value=True),
    case("double", lambda m, x: x.double(), (2, 3), once=True),
    case("long", lambda m, x: x.long(), (2, 3), only_value=True),
    case("bool", lambda m, x: x.bool(), (2, 3), only_value=True),
    case("cpu", lambda m, x: x.cpu() * 2, (2, 3)),
    case("type_as", lambda m, x: x.type_as(x) * 2, (2, 3)),
    case("new_zeros", lambda m, x: x.new_zeros(2, 2), (2, 3), only_value=True),
    case("new_full", lambda m, x: x.new_full((2, 2), 7.0), (2, 3), only_value=True),
    # in place
    case("add_", lambda m, x, y: x.clone().add_(y), (2, 3), (3,)),
    case("sub_", lambda m, x, y: x.clone().sub_(y), (2, 3), (3,)),
    case("mul_", lambda m, x, y: (x * 1).mul_(y), (2, 3), (3,)),
    case("div_", lambda m, x, y: (x * 1).div_(y), (2, 3), (3,), low=0.5),
    case("neg_", lambda m, x: x.clone().neg_(), (2, 3)),
    case("exp_", lambda m, x: x.clone().exp_(), (2, 3)),
    case("tanh_", lambda m, x: x.clone().tanh_(), (2, 3)),
    case("sigmoid_", lambda m, x: x.clone().sigmoid_(), (2, 3)),
    case("relu_", lambda m, x: x.clone().relu_(), (2, 3)),
    case("clamp_", lambda m, x: x.clone().clamp_(-0.5, 0.5), (2, 3)),
    case("masked_fill_", lambda m, x: x.clone().masked_fill_(x > 0, 7.0), (2, 3)),
    case("zero_", lambda m, x: x * x.clone().zero_(), (2, 3)),
    case("fill_", lambda m, x, y: x.clone().fill_(y) * x, (2, 3), ()),
    case("copy_", lambda m, x, y: x.clone().copy_(y) * x, (2, 3), (3,)),
    case("uniform_", lambda m, x: seeded(m, x * 1).uniform_(2, 3), (2, 3), only_value=True),
    case("normal_", lambda m, x: seeded(m, x * 1).normal_(2, 3), (2, 3), only_value=True),
    case("bernoulli_", lambda m, x: seeded(m, x * 1).bernoulli_(0.3), (2, 3), only_value=True),
    # losses
    *loss("mse_loss"), *loss("huber_loss", delta=0.7), *loss("binary_cross_entropy_with_logits", low=0.1, high=0.9),
    case(
        "binary_cross_entropy_with_logits",
        lambda m, x, y: m.binary_cross_entropy_with_logits(x, y, weights(m), pos_weight=weights(m) * 3),
        (2, 3), (2, 3), low=0.1, high=0.9, once=True,
    ),
    case("cross_entropy", lambda m, x: m.cross_entropy(x, ints(m, 2, 0)), (2, 3)),
    case("cross_entropy", lambda m, x: m.cross_entropy(x, m.tensor(2)), (3,)),
    case("cross_entropy", lambda m, x: m.cross_entropy(x, ints(m, 2, -100), reduction="sum"), (2, 3)),
    case("cross_entropy", lambda m, x: m.cross_entropy(x, ints(m, 2, 1), ignore_index=1), (2, 3)),
    case("cross_entropy", lambda m, x: m.cross_entropy(x, ints(m, 2, 0), reduction="none"), (2, 3)),
    case("cross_entropy", lambda m, x: m.cross_entropy(x, ints(m, 2, 0), label_smoothing=0.1), (2, 3)),
    case("cross_entropy", lambda m, x: m.cross_entropy(x, ints(m, 2, 0), weights(m), label_smoothing=0.1), (2, 3)),
    case("cross_entropy", lambda m, x: m.cross_entropy(x, ints(m, 2, -100), weights(m), label_smoothing=0.1), (2, 3)),
    case("cross_entropy", lambda m, x: m.cross_entropy(x, ints(m, [2, 1], [0, 1])), (2, 3, 2)),
    case("cross_entropy", lambda m, x, y: m.cross_entropy(x, y, weights(m), label_smoothing=0.1), (2, 3), (2, 3)),
    case("cross_entropy", lambda m, x, y: m.cross_entropy(x, y.softmax(1), reduction="none"), (2, 3, 2), (2, 3, 2)),
    # attention
    case("embedding", lambda m, x: m.embedding(ints(m, [1, 2], [3, 1]), x, padding_idx=0), (4, 3)),
    case("embedding", lambda m, x, y: m.embedding(ints(m, 0, 0), x * x) * y, (4, 3), (2, 3)),
    case("layer_norm", lambda m, x, w, b: m.layer_norm(x, (4,), w, b), (2, 3, 4), (4,), (4,)),
    case("layer_norm", lambda m, x: m.layer_norm(x, (3, 4), eps=0.1), (2, 3, 4)),
    *[
        case("scaled_dot_product_attention", lambda m, q, k, v, f=f: attend(m, q, k, v, f), q, k, k)
        for q, k in (((2, 3, 5, 4), (2, 3, 6, 4)), ((5, 4), (6, 4)), ((2, 3, 0, 4), (2, 3, 6, 4)))
        for f in ("plain", "causal", "mask", "bias", "scale")
    ],
    case("pinball_loss", lambda m, x, y: pinball(m, x, y, "mean"), (4, 3), (4, 3)),
    case("pinball_loss", lambda m, x, y: pinball(m, x, y, "none"), (4, 3), (4, 3)),
    case("gru", lambda m, *given: recurrent(m, "gru", *given), (4, 3, 3), (3, 2), (6, 3), (6, 2), (6,), (6,)),
    case("gru", lambda m, *given: recurrent(m, "gru", *given)[0], (1, 3, 3), (3, 2), (6, 3), (6, 2), (6,), (6,)),
    case("lstm", lambda m, *given: recurrent(m, "lstm", *given), (4, 3, 3), (3, 4), (8, 3), (8, 2), (8,), (8,)),
    case("lstm", lambda m, *given: recurrent(m, "lstm", *given)[-1], (3, 2, 3), (2, 4), (8, 3), (8, 2), (8,), (8,)),
    # complex numbers
    case("real", lambda m, x: m.fft.rfft(x).real * m.fft.fft(x)[..., :3].imag, (2, 5)),
    case("imag", lambda m, x: m.imag(m.fft.rfft(x, norm="ortho") * m.fft.rfft(x.exp())), (2, 5)),
    case("abs", lambda m, x: m.fft.rfft(x).abs(), (2, 5), once=True),
    case("mul", lambda m, x, w: m.fft.irfft(m.fft.rfft(x) * m.fft.rfft(w) / 2, n=5), (2, 5), (5,)),
    case("exp", lambda m, x: m.fft.irfft(m.fft.rfft(x).exp(), n=4), (4,)),
    case("matmul", lambda m, x, w: (m.fft.rfft(x) @ m.fft.rfft(w).mT).real, (2, 5), (3, 5)),
    case("is_complex", lambda m, x: x * m.is_complex(m.fft.rfft(x)) + m.is_complex(x), (2, 3)),
    case("dropout", lambda m, x: m.dropout(seeded(m, x), 0.3, training=True), (20, 3)),
    case("dropout", lambda m, x: m.dropout(x, 1.0, training=True) + m.dropout(x, 0.5, training=False), (2, 3)),
]  # fmt: skip


def put(x: Any, key: Any, value: Any) -> Any:
    x[key] = value
    return x


def recurrent(m: Any, kind: str, x: Any, state: Any, *weights: Any) -> Any:
    if not isinstance(m, Torch):
        return getattr(m, kind)(x, state, *weights)
    states = []
    for entry in x:
        if kind == "gru":
            state = torch.gru_cell(entry, state, *weights)
        else:
            state = torch.cat(torch.lstm_cell(entry, list(state.chunk(2, -1)), *weights), -1)
        states.append(state)
    return torch.stack(states)


def pinball(m: Any, x: Any, y: Any, reduction: str) -> Any:
    if not isinstance(m, Torch):
        return m.pinball_loss(x, y, 0.3, reduction=reduction)
    loss = m.maximum((y - x) * 0.3, (x - y) * 0.7)
    return loss.mean() if reduction == "mean" else loss


def attend(m: Any, q: Any, k: Any, v: Any, form: str) -> Any:
    """Attention in each of its forms; torch's fused kernels have no second derivative, its formula has."""
    bias = m.linspace(-1, 1, q.shape[-2] * k.shape[-2], dtype=m.float64).reshape(q.shape[-2], k.shape[-2])
    options: dict[str, dict[str, Any]] = {
        "plain": {}, "causal": {"is_causal": True}, "mask": {"attn_mask": bias.abs() < 0.9},
        "bias": {"attn_mask": bias}, "scale": {"scale": 0.3},
    }  # fmt: skip
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return m.scaled_dot_product_attention(q, k, v, **options[form])


def seeded(m: Any, x: Any) -> Any:
    m.manual_seed(3)
    return x


def weights(m: Any) -> Any:
    return m.tensor([0.5, 1.0, 2.0], dtype=m.float64)


def inputs(it: Case, *, strided: bool) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(len(it.shapes) * 1000 + sum(map(sum, it.shapes)))
    made = []
    for shape in it.shapes:
        raw = torch.rand(shape, generator=draw, dtype=torch.float64) * (it.high - it.low) + it.low
        made.append(raw.mT.contiguous().mT if strided and raw.dim() > 1 else raw)
    return made
