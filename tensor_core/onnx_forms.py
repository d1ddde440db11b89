"""What each ATen op is in ONNX: one line for it, or a short function, by the op's name.

A form is given the writer of the model (export.py), the node of the graph and its arguments, writes what it needs, and
returns the name of the result; of an op with several results, a list of names.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from tensor_core.export import Writer


def _same(kind: str) -> Callable[..., str]:
    return lambda w, node, x, *_, **__: w.node(kind, w.name(x))


def _pair(kind: str, *, of: str = "") -> Callable[..., str]:
    """An op of two inputs of one type: that of the result, or of the first tensor (`of="input"`)."""

    def form(w: "Writer", node: Any, a: Any, b: Any, *_: Any, alpha: Any = 1, **__: Any) -> str:
        tensor = a if isinstance(a, torch.fx.Node) and isinstance(a.meta.get("val"), torch.Tensor) else b
        if not isinstance(tensor, torch.fx.Node) or not isinstance(tensor.meta.get("val"), torch.Tensor):
            return w.node(kind, w.name(a), w.name(b))  # sizes
        types = [x.meta["val"].dtype for x in (a, b) if isinstance(x, torch.fx.Node)]
        wanted = torch.promote_types(types[0], types[-1]) if of else node.meta["val"].dtype
        names = [
            w.node("Cast", w.name(x), to=w.kind(wanted))
            if isinstance(x, torch.fx.Node) and x.meta["val"].dtype != wanted
            else w.name(x) if isinstance(x, torch.fx.Node) else w.constant(torch.tensor(x, dtype=wanted))
            for x in (a, b)
        ]  # fmt: skip
        if alpha != 1:
            names[1] = w.node("Mul", names[1], w.constant(torch.tensor(alpha, dtype=wanted)))
        return w.node(kind, *names)

    return form


def _bitwise(kind: str) -> Callable[..., str]:
    """An op on truths, or on the bits of whole numbers."""
    of_truths, of_bits = _pair(kind), _pair(f"Bitwise{kind}")
    return lambda w, node, a, b: (of_truths if node.meta["val"].dtype == torch.bool else of_bits)(w, node, a, b)


def _not_equal(w: "Writer", node: Any, a: Any, b: Any) -> str:
    return w.node("Not", _pair("Equal", of="input")(w, node, a, b))


def _permuted(w: "Writer", node: Any, x: Any, a: int = 0, b: int = 1) -> str:
    dims = list(range(x.meta["val"].dim()))
    if dims:
        dims[a], dims[b] = dims[b], dims[a]
    name = w.name(x)
    if name in w.known:  # a weight is written as it is used, so that int8 finds it
        return w.constant(w.known[name].permute(dims))
    return w.node("Transpose", name, perm=dims)


def _dims(node: Any, dim: Any) -> list[int]:
    return list(range(node.meta["val"].dim())) if dim in (None, []) else [dim] if isinstance(dim, int) else list(dim)


def _reduced(kind: str) -> Callable[..., str]:
    def form(w: "Writer", node: Any, x: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> str:
        return w.node(kind, w.name(x), np.asarray(_dims(x, dim), np.int64), keepdims=int(keepdim))

    return form


def _sliced(w: "Writer", node: Any, x: Any, dim: int = 0, start: Any = 0, end: Any = None, step: int = 1) -> str:
    last = torch.iinfo(torch.int64).max if end is None else end
    return w.node("Slice", w.name(x), w.sizes([start or 0]), w.sizes([last]), w.sizes([dim]), w.sizes([step]))


def _gelu(w: "Writer", node: Any, x: Any, **_: Any) -> str:
    name, dtype = w.name(x), x.meta["val"].dtype

    def number(value: float) -> str:
        return w.constant(torch.tensor(value, dtype=dtype))

    bell = w.node("Add", w.node("Erf", w.node("Div", name, number(math.sqrt(2)))), number(1.0))
    return w.node("Mul", w.node("Mul", name, bell), number(0.5))


def _layer_norm(w: "Writer", node: Any, x: Any, shape: Any, weight: Any, bias: Any, eps: float) -> list[Any]:
    dtype = x.meta["val"].dtype
    scale = w.name(weight) if weight is not None else w.constant(torch.ones(shape, dtype=dtype))
    shift = [] if bias is None else [w.name(bias)]
    return [w.node("LayerNormalization", w.name(x), scale, *shift, axis=-len(shape), epsilon=eps), None, None]


def _convolved(
    w: "Writer", node: Any, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, *rest: Any
) -> str:
    transposed, _, groups = rest
    if transposed:
        raise NotImplementedError("export_onnx: a transposed convolution has no ONNX form here")
    given = [w.name(each) for each in (x, weight, bias) if each is not None]
    pads = [*padding, *padding]  # before and after
    return w.node("Conv", *given, strides=list(stride), pads=pads, dilations=list(dilation), group=groups)


def _batch_norm(
    w: "Writer", node: Any, x: Any, weight: Any, bias: Any, mean: Any, variance: Any, _: float, eps: float
) -> list[Any]:
    like = mean.meta["val"]
    scale = w.name(weight) if weight is not None else w.constant(torch.ones(like.shape, dtype=like.dtype))
    shift = w.name(bias) if bias is not None else w.constant(torch.zeros(like.shape, dtype=like.dtype))
    name = w.node("BatchNormalization", w.name(x), scale, shift, w.name(mean), w.name(variance), epsilon=eps)
    return [name, None, None]


def _max_pooled(
    w: "Writer", node: Any, x: Any, size: Any, stride: Any = (), padding: Any = (0,), dilation: Any = (1,),
    ceil_mode: bool = False,
) -> list[Any]:  # fmt: skip
    sizes, pads, apart = (list(each) * (2 // len(each)) for each in (size, padding, dilation))
    steps = list(stride) * (2 // len(stride)) if stride else sizes
    form = {"kernel_shape": sizes, "strides": steps, "pads": pads * 2, "dilations": apart, "ceil_mode": int(ceil_mode)}
    return [w.node("MaxPool", w.name(x), **form), None]


def _attention(
    w: "Writer", node: Any, q: Any, k: Any, v: Any, *_: Any, attn_mask: Any = None, scale: Any = None
) -> Any:
    val = q.meta["val"]
    factor = torch.tensor(1 / math.sqrt(val.shape[-1]) if scale is None else scale, dtype=val.dtype)
    keys = w.node("Transpose", w.name(k), perm=[0, 1, 3, 2])
    scores = w.node("MatMul", w.node("Mul", w.name(q), w.constant(factor)), keys)
    if attn_mask is not None:
        scores = w.node("Add", scores, w.name(attn_mask))
    return [w.node("MatMul", w.node("Softmax", scores, axis=-1), w.name(v)), None]


def _filled(w: "Writer", size: str, value: Any, dtype: torch.dtype) -> str:
    array = torch.full((1,), value, dtype=dtype).numpy()
    return w.node("ConstantOfShape", size, value=w.onnx.numpy_helper.from_array(array))


def _like(value: Any) -> Callable[..., str]:
    def form(w: "Writer", node: Any, x: Any, *rest: Any, **_: Any) -> str:
        number = rest[0] if value is None else value
        return _filled(w, w.node("Shape", w.name(x)), number, node.meta["val"].dtype)

    return form


def _sized(value: Any) -> Callable[..., str]:
    def form(w: "Writer", node: Any, size: Any, *rest: Any, **_: Any) -> str:
        number = rest[0] if value is None else value
        return _filled(w, w.sizes(size), number, node.meta["val"].dtype)

    return form


def _masked(w: "Writer", node: Any, x: Any, mask: Any, value: Any) -> str:
    return w.node("Where", w.name(mask), w.name(value, like=node), w.name(x))


def _clamped(w: "Writer", node: Any, x: Any, low: Any = None, high: Any = None) -> str:
    return w.node("Clip", w.name(x), *["" if end is None else w.name(end, like=node) for end in (low, high)])


def _ranged(w: "Writer", node: Any, *bounds: Any, **_: Any) -> str:
    start, end, step = (*((0,) if len(bounds) == 1 else ()), *bounds, 1)[:3]
    names = [w.name(bound, like=node) for bound in (start, end, step)]
    return w.node("Range", *names)


def _linear(w: "Writer", node: Any, bias: Any, a: Any, b: Any, **_: Any) -> str:
    return w.node("Add", w.node("MatMul", w.name(a), w.name(b)), w.name(bias))


def _cast(w: "Writer", node: Any, x: Any, *_: Any, **__: Any) -> str:
    return w.node("Cast", w.name(x), to=w.kind(node.meta["val"].dtype))


def _squeezed(kind: str) -> Callable[..., str]:
    return lambda w, node, x, dim: w.node(kind, w.name(x), w.sizes([dim] if isinstance(dim, int) else dim))


FORMS: dict[str, Callable[..., Any]] = {
    **{name: _same(kind) for name, kind in {
        "neg": "Neg", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "reciprocal": "Reciprocal", "tanh": "Tanh",
        "sigmoid": "Sigmoid", "relu": "Relu", "erf": "Erf", "abs": "Abs", "sin": "Sin", "cos": "Cos", "sign": "Sign",
        "floor": "Floor", "ceil": "Ceil", "logical_not": "Not", "clone": "Identity",
        "detach": "Identity", "alias": "Identity", "lift_fresh_copy": "Identity",
    }.items()},
    **{name: _pair(kind) for name, kind in {
        "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "pow": "Pow", "matmul": "MatMul", "mm": "MatMul",
        "bmm": "MatMul", "mv": "MatMul", "dot": "MatMul", "maximum": "Max", "minimum": "Min", "logical_and": "And",
        "logical_or": "Or", "logical_xor": "Xor", "floordiv": "Div",
    }.items()},
    **{name: _pair(kind, of="input") for name, kind in {
        "eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual",
    }.items()},
    **{f"bitwise_{name}": _bitwise(kind) for name, kind in {"and": "And", "or": "Or", "xor": "Xor"}.items()},
    "bitwise_not": lambda w, node, x: _same("Not" if x.meta["val"].dtype == torch.bool else "BitwiseNot")(w, node, x),
    "ne": _not_equal,
    "rsqrt": lambda w, node, x: w.node("Reciprocal", w.node("Sqrt", w.name(x))),
    "square": lambda w, node, x: w.node("Mul", w.name(x), w.name(x)),
    "t": lambda w, node, x: _permuted(w, node, x) if x.meta["val"].dim() == 2 else w.name(x),
    "transpose": _permuted,
    "permute": lambda w, node, x, dims: w.node("Transpose", w.name(x), perm=[d % len(dims) for d in dims]),
    **dict.fromkeys(
        ["view", "_unsafe_view", "reshape"],
        lambda w, node, x, size: w.node("Reshape", w.name(x), w.sizes(size), allowzero=1),
    ),
    "expand": lambda w, node, x, size, **_: w.node(
        "Expand", w.name(x), w.sizes([1 if isinstance(s, int) and s == -1 else s for s in size])
    ),
    "unsqueeze": _squeezed("Unsqueeze"),
    "squeeze": _squeezed("Squeeze"),
    "select": lambda w, node, x, dim, index: w.node("Gather", w.name(x), np.asarray(index, np.int64), axis=dim),
    "slice": _sliced,
    "cat": lambda w, node, tensors, dim=0: w.node("Concat", *[w.name(t) for t in tensors], axis=dim),
    "addmm": _linear,
    "sum": _reduced("ReduceSum"),
    "mean": _reduced("ReduceMean"),
    "amax": _reduced("ReduceMax"),
    "amin": _reduced("ReduceMin"),
    "logsumexp": _reduced("ReduceLogSumExp"),
    "argmax": lambda w, node, x, dim=-1, keepdim=False: w.node("ArgMax", w.name(x), axis=dim, keepdims=int(keepdim)),
    "_softmax": lambda w, node, x, dim, _: w.node("Softmax", w.name(x), axis=dim),
    "_log_softmax": lambda w, node, x, dim, _: w.node("LogSoftmax", w.name(x), axis=dim),
    "gelu": _gelu,
    "native_layer_norm": _layer_norm,
    "convolution": _convolved,
    "_native_batch_norm_legit_no_training": _batch_norm,
    "max_pool2d_with_indices": _max_pooled,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "embedding": lambda w, node, table, index, *_: w.node("Gather", w.name(table), w.name(index), axis=0),
    "where": lambda w, node, c, a, b: w.node("Where", w.name(c), w.name(a, like=node), w.name(b, like=node)),
    "masked_fill": _masked,
    "clamp": _clamped,
    "_to_copy": _cast,
    "arange": _ranged,
    "sym_size": lambda w, node, x, dim: w.node("Gather", w.node("Shape", w.name(x)), np.asarray(dim, np.int64)),
    "empty_like": _like(0),
    "zeros_like": _like(0),
    "ones_like": _like(1),
    "full_like": _like(None),
    "zeros": _sized(0),
    "ones": _sized(1),
    "full": _sized(None),
}  # fmt: skip
