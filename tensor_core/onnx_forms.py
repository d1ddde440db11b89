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
        return w.node(_OF_TRUTHS.get(kind, kind) if wanted == torch.bool else kind, *names)

    return form


_OF_TRUTHS = {"Mul": "And", "Add": "Or"}


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
    return _turned(w, x, dims)


def _turned(w: "Writer", x: Any, dims: list[int]) -> str:
    name = w.name(x)
    if name in w.known:  # a weight is written as it is used, so that int8 finds it
        return w.constant(w.known[name].permute(dims))
    return w.node("Transpose", name, perm=dims)


def _dims(node: Any, dim: Any) -> list[int]:
    return list(range(node.meta["val"].dim())) if dim in (None, []) else [dim] if isinstance(dim, int) else list(dim)


def _reduced(kind: str) -> Callable[..., str]:
    def form(w: "Writer", node: Any, x: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> str:
        name, made = w.name(x), node.meta["val"]
        if isinstance(made, torch.Tensor) and made.dtype != x.meta["val"].dtype:
            name = w.node("Cast", name, to=w.kind(made.dtype))
        return w.node(kind, name, np.asarray(_dims(x, dim), np.int64), keepdims=int(keepdim))

    return form


def _sliced(w: "Writer", node: Any, x: Any, dim: int = 0, start: Any = 0, end: Any = None, step: int = 1) -> str:
    last = torch.iinfo(torch.int64).max if end is None else end
    return w.node("Slice", w.name(x), w.sizes([start or 0]), w.sizes([last]), w.sizes([dim]), w.sizes([step]))


def _formula(w: "Writer", node: Any) -> Callable[..., str]:
    """Writes a node of nodes and numbers; the numbers get the type of the result."""
    return lambda kind, *inputs: w.node(kind, *[i if isinstance(i, str) else w.name(i, like=node) for i in inputs])


def _gelu(w: "Writer", node: Any, x: Any, approximate: str = "none") -> str:
    f = _formula(w, node)
    if approximate == "tanh":
        inner = f("Mul", f("Add", x, f("Mul", f("Pow", x, 3), 0.044715)), math.sqrt(2 / math.pi))
        bell = f("Tanh", inner)
    else:
        bell = f("Erf", f("Div", x, math.sqrt(2)))
    return f("Mul", f("Mul", x, f("Add", bell, 1)), 0.5)


def _softplus(w: "Writer", node: Any, x: Any, beta: float = 1, threshold: float = 20) -> str:
    f = _formula(w, node)
    steep = f("Mul", x, beta)
    return f("Where", w.node("Greater", steep, w.name(threshold, like=node)), x, f("Div", f("Softplus", steep), beta))


def _elu(w: "Writer", node: Any, x: Any, alpha: float = 1, scale: float = 1, steep: float = 1) -> str:
    f = _formula(w, node)
    low = f("Mul", f("Sub", f("Exp", f("Mul", x, steep)), 1), alpha)
    return f("Mul", f("Where", w.node("Greater", w.name(x), w.name(0, like=node)), x, low), scale)


def _divided(w: "Writer", node: Any, a: Any, b: Any, rounding_mode: str | None = None) -> str:
    quotient = _pair("Div")(w, node, a, b)
    if rounding_mode is None:
        return quotient
    if node.meta["val"].dtype.is_floating_point:
        return w.node("Floor", quotient) if rounding_mode == "floor" else _truncated(w, node, quotient)
    return quotient if rounding_mode == "trunc" else w.node("Div", _less_the_rest(w, node, a, b), w.name(b, like=node))


def _truncated(w: "Writer", node: Any, x: Any) -> str:
    f = _formula(w, node)
    return f("Mul", f("Sign", x), f("Floor", f("Abs", x)))


def _less_the_rest(w: "Writer", node: Any, a: Any, b: Any) -> str:
    return w.node("Sub", w.name(a, like=node), _remainder(w, node, a, b))


def _remainder(w: "Writer", node: Any, a: Any, b: Any) -> str:
    if not node.meta["val"].dtype.is_floating_point:
        return _pair("Mod")(w, node, a, b)
    f = _formula(w, node)
    return f("Sub", a, f("Mul", f("Floor", f("Div", a, b)), b))


def _variance(w: "Writer", node: Any, x: Any, dim: Any = None, correction: Any = 1, keepdim: bool = False) -> str:
    dims, f = np.asarray(_dims(x, dim), np.int64), _formula(w, node)
    mean = w.node("ReduceMean", w.name(x), dims, keepdims=1)
    away = f("Sub", x, mean)
    squares = w.node("ReduceSum", f("Mul", away, away), dims, keepdims=int(keepdim))
    count = w.node("Div", w.node("Size", w.name(x)), w.node("Size", mean))
    left = w.node("Cast", w.node("Max", w.node("Sub", count, w.name(int(correction or 0))), w.name(0)),
                  to=w.kind(node.meta["val"].dtype))  # fmt: skip
    return f("Div", squares, left)


def _extreme(kind: str) -> Callable[..., Any]:
    def form(w: "Writer", node: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        value = _reduced(f"Reduce{kind}")(w, node, x, dim, keepdim)
        return value if dim is None else [value, _placed(f"Arg{kind}")(w, node, x, dim, keepdim)]

    return form


def _placed(kind: str) -> Callable[..., str]:
    def form(w: "Writer", node: Any, x: Any, dim: int | None = None, keepdim: bool = False) -> str:
        name = w.name(x) if dim is not None else w.node("Reshape", w.name(x), np.asarray([-1], np.int64))
        return w.node(kind, name, axis=dim or 0, keepdims=int(keepdim))

    return form


def _some(w: "Writer", node: Any, x: Any, dim: Any = None, keepdim: bool = False) -> str:
    whole = w.node("Cast", w.node("Cast", w.name(x), to=w.kind(torch.bool)), to=w.kind(torch.int32))
    most = w.node("ReduceMax", whole, np.asarray(_dims(x, dim), np.int64), keepdims=int(keepdim))
    return w.node("Cast", most, to=w.kind(torch.bool))


def _norm(w: "Writer", node: Any, x: Any, order: float = 2, dim: Any = None, keepdim: bool = False, **_: Any) -> str:
    f, dims = _formula(w, node), np.asarray(_dims(x, dim), np.int64)

    def reduced(kind: str, name: str) -> str:
        return w.node(kind, name, dims, keepdims=int(keepdim))

    size = f("Abs", x)
    if math.isinf(order):
        return reduced("ReduceMax" if order > 0 else "ReduceMin", size)
    if order == 0:
        return reduced("ReduceSum", w.node("Abs", f("Sign", x)))
    return reduced(f"ReduceL{order:.0f}", size) if order in (1, 2) else f(
        "Pow", reduced("ReduceSum", f("Pow", size, order)), 1 / order
    )  # fmt: skip


def _top(w: "Writer", node: Any, x: Any, k: Any, dim: int = -1, largest: bool = True, sorted: bool = True) -> list[str]:
    return w.several(2, "TopK", w.name(x), w.sizes([k]), axis=dim, largest=int(largest))


def _sorted(w: "Writer", node: Any, x: Any, dim: int = -1, descending: bool = False, **_: Any) -> list[str]:
    size = w.node("Gather", w.node("Shape", w.name(x)), np.asarray([dim], np.int64))
    return w.several(2, "TopK", w.name(x), size, axis=dim, largest=int(descending))


def _positions(w: "Writer", indices: Any) -> str:
    """Index tensors, broadcast to each other, side by side along a new last dimension."""
    names = [w.name(index) for index in indices]
    whole = names[0]
    for name in names[1:]:
        whole = w.node("Add", whole, name)
    shape, last = w.node("Shape", whole), np.asarray([-1], np.int64)
    return w.node("Concat", *[w.node("Unsqueeze", w.node("Expand", n, shape), last) for n in names], axis=-1)


def _indexed(w: "Writer", node: Any, x: Any, indices: Any) -> str:
    rank, dims = x.meta["val"].dim(), [d for d, index in enumerate(indices) if index is not None]
    if len(dims) == 1:
        return w.node("Gather", w.name(x), w.name(indices[dims[0]]), axis=dims[0])
    rest = [d for d in range(rank) if d not in dims]
    turned = w.node("Transpose", w.name(x), perm=[*dims, *rest])
    found = w.node("GatherND", turned, _positions(w, [indices[d] for d in dims]))
    if dims[-1] - dims[0] >= len(dims) or not dims[0]:
        return found
    wide = max(indices[d].meta["val"].dim() for d in dims)  # neighbours: what they chose stands where they stood
    before = [wide + i for i in range(dims[0])]
    return w.node("Transpose", found, perm=[*before, *range(wide), *range(wide + dims[0], wide + len(rest))])


def _put(w: "Writer", node: Any, x: Any, indices: Any, values: Any, accumulate: bool = False) -> str:
    first, rank = sum(index is None for index in indices), x.meta["val"].dim()
    if any(index is None for index in indices[first:]):
        raise NotImplementedError("export_onnx: a write by index tensors apart from each other has no ONNX form here")
    wide = max(index.meta["val"].dim() for index in indices[first:])
    given = w.node("Expand", w.name(values), w.node("Shape", _indexed(w, node, x, indices)))
    behind = range(first + wide, first + wide + rank - len(indices))
    given = w.node("Transpose", given, perm=[*range(first, first + wide), *range(first), *behind])
    turn = [*range(first, len(indices)), *range(first), *range(len(indices), rank)]
    name, places = w.node("Transpose", w.name(x), perm=turn), _positions(w, indices[first:])
    written = w.node("ScatterND", name, places, given, reduction="add" if accumulate else "none")
    return w.node("Transpose", written, perm=[turn.index(d) for d in range(rank)])


def _scattered(reduction: str) -> Callable[..., str]:
    def form(w: "Writer", node: Any, x: Any, dim: int, index: Any, src: Any) -> str:
        given = w.name(src, like=node)
        if not isinstance(src, torch.fx.Node):
            given = w.node("Expand", given, w.node("Shape", w.name(index)))
        return w.node("ScatterElements", w.name(x), w.name(index), given, axis=dim, reduction=reduction)

    return form


def _slice_written(
    w: "Writer", node: Any, x: Any, src: Any, dim: int = 0, start: Any = 0, end: Any = None, step: int = 1
) -> str:
    size = w.node("Gather", w.node("Shape", w.name(x)), w.name(dim))
    places = w.node("Range", w.name(0), size, w.name(1))
    last = torch.iinfo(torch.int64).max if end is None else end
    places = w.node("Slice", places, w.sizes([start or 0]), w.sizes([last]), w.sizes([0]), w.sizes([step]))
    rank = x.meta["val"].dim()
    places = w.node("Reshape", places, np.asarray([-1 if d == dim % rank else 1 for d in range(rank)], np.int64))
    places = w.node("Expand", places, w.node("Shape", w.name(src)))
    return w.node("ScatterElements", w.name(x), places, w.name(src), axis=dim)


def _averaged(
    w: "Writer", node: Any, x: Any, size: Any, stride: Any = (), padding: Any = (0,), ceil_mode: bool = False,
    with_padding: bool = True, divisor: Any = None,
) -> str:  # fmt: skip
    if divisor is not None:
        raise NotImplementedError("export_onnx: avg_pool with a divisor has no ONNX form here")
    sizes, pads = (list(each) * (2 // len(each)) for each in (size, padding))
    steps = list(stride) * (2 // len(stride)) if stride else sizes
    form = {"kernel_shape": sizes, "strides": steps, "pads": pads * 2, "ceil_mode": int(ceil_mode)}
    return w.node("AveragePool", w.name(x), **form, count_include_pad=int(with_padding))


def _padded(w: "Writer", node: Any, x: Any, pads: Any, value: Any = 0) -> str:
    left = x.meta["val"].dim() - len(pads) // 2
    ends = [[0] * left + list(pads[side::2])[::-1] for side in (0, 1)]
    return w.node("Pad", w.name(x), w.sizes([*ends[0], *ends[1]]), w.name(value, like=node))


def _flipped(w: "Writer", node: Any, x: Any, dims: Any) -> str:
    back = np.full(len(dims), -1, np.int64)
    return w.node("Slice", w.name(x), back, np.full(len(dims), -(2**63), np.int64), np.asarray(dims, np.int64), back)


def _diagonal(w: "Writer", node: Any, x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> str:
    rank, (rows, columns) = x.meta["val"].dim(), (x.meta["val"].shape[d] for d in (dim1, dim2))
    pair = [dim1 % rank, dim2 % rank]
    rest = [d for d in range(rank) if d not in pair]
    i = np.arange(max(min(rows + min(offset, 0), columns - max(offset, 0)), 0))
    places = np.stack([i - min(offset, 0), i + max(offset, 0)], -1).astype(np.int64)
    found = w.node("GatherND", w.node("Transpose", w.name(x), perm=[*pair, *rest]), places)
    return w.node("Transpose", found, perm=[*range(1, len(rest) + 1), 0])


def _bags(
    w: "Writer", node: Any, table: Any, index: Any, offsets: Any, by_frequency: bool = False, mode: int = 0,
    sparse: bool = False, weights: Any = None, *_: Any,
) -> list[Any]:  # fmt: skip
    if mode == 2 or weights is not None:
        raise NotImplementedError("export_onnx: embedding_bag with mode='max' or weights has no ONNX form here")
    size, one = w.node("Size", w.name(index)), np.asarray([1], np.int64)
    place = w.node("Range", w.name(0), size, w.name(1))
    first = w.name(offsets)
    later = w.node("Slice", first, one, np.asarray([2**63 - 1], np.int64))
    ends = w.node("Concat", later, w.node("Reshape", size, one), axis=0)
    begun = w.node("LessOrEqual", w.node("Unsqueeze", first, one), place)
    member = w.node("And", begun, w.node("Less", place, w.node("Unsqueeze", ends, one)))
    member = w.node("Cast", member, to=w.kind(table.meta["val"].dtype))  # (bags, indices)
    total = w.node("MatMul", member, w.node("Gather", w.name(table), w.name(index), axis=0))
    if mode == 1:
        count = w.node("ReduceSum", member, one, keepdims=1)
        total = w.node("Div", total, w.node("Max", count, w.name(1, like=table)))
    return [total, None, None, None]


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
        "tan": "Tan", "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "asinh": "Asinh",
        "acosh": "Acosh", "atanh": "Atanh", "round": "Round", "isnan": "IsNaN", "isinf": "IsInf",
        "floor": "Floor", "ceil": "Ceil", "logical_not": "Not", "clone": "Identity",
        "detach": "Identity", "alias": "Identity", "lift_fresh_copy": "Identity",
    }.items()},
    **{name: _pair(kind) for name, kind in {
        "add": "Add", "sub": "Sub", "mul": "Mul", "pow": "Pow", "matmul": "MatMul", "mm": "MatMul",
        "bmm": "MatMul", "mv": "MatMul", "dot": "MatMul", "maximum": "Max", "minimum": "Min", "logical_and": "And",
        "logical_or": "Or", "logical_xor": "Xor", "floordiv": "Div",
    }.items()},
    **{name: _pair(kind, of="input") for name, kind in {
        "eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual",
    }.items()},
    **{f"bitwise_{name}": _bitwise(kind) for name, kind in {"and": "And", "or": "Or", "xor": "Xor"}.items()},
    "bitwise_not": lambda w, node, x: _same("Not" if x.meta["val"].dtype == torch.bool else "BitwiseNot")(w, node, x),
    "ne": _not_equal,
    "div": _divided,
    "remainder": _remainder,
    "trunc": _truncated,
    "log1p": lambda w, node, x: w.node("Log", w.node("Add", w.name(x), w.name(1, like=node))),
    "expm1": lambda w, node, x: w.node("Sub", w.node("Exp", w.name(x)), w.name(1, like=node)),
    "exp2": lambda w, node, x: w.node("Pow", w.name(2, like=node), w.name(x)),
    "log2": lambda w, node, x: w.node("Div", w.node("Log", w.name(x)), w.name(math.log(2), like=node)),
    "erfc": lambda w, node, x: w.node("Sub", w.name(1, like=node), w.node("Erf", w.name(x))),
    "hypot": lambda w, node, a, b: w.node(
        "Sqrt", w.node("Add", w.node("Mul", w.name(a), w.name(a)), w.node("Mul", w.name(b), w.name(b)))
    ),
    "fmod": lambda w, node, a, b: w.node("Mod", w.name(a), w.name(b, like=node), fmod=1),
    "softplus": _softplus,
    "elu": _elu,
    "leaky_relu": lambda w, node, x, slope=0.01: w.node("LeakyRelu", w.name(x), alpha=slope),
    "rsqrt": lambda w, node, x: w.node("Reciprocal", w.node("Sqrt", w.name(x))),
    "square": lambda w, node, x: w.node("Mul", w.name(x), w.name(x)),
    "t": lambda w, node, x: _permuted(w, node, x) if x.meta["val"].dim() == 2 else w.name(x),
    "transpose": _permuted,
    "permute": lambda w, node, x, dims: _turned(w, x, [d % len(dims) for d in dims]),
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
    "prod": _reduced("ReduceProd"),
    "max": _extreme("Max"),
    "min": _extreme("Min"),
    "argmax": _placed("ArgMax"),
    "argmin": _placed("ArgMin"),
    "any": _some,
    "var": _variance,
    "linalg_vector_norm": _norm,
    "cumsum": lambda w, node, x, dim, **_: w.node("CumSum", w.name(x), w.name(dim)),
    "topk": _top,
    "sort": _sorted,
    "_softmax": lambda w, node, x, dim, _: w.node("Softmax", w.name(x), axis=dim),
    "_log_softmax": lambda w, node, x, dim, _: w.node("LogSoftmax", w.name(x), axis=dim),
    "gelu": _gelu,
    "native_layer_norm": _layer_norm,
    "convolution": _convolved,
    "_native_batch_norm_legit_no_training": _batch_norm,
    "max_pool2d_with_indices": _max_pooled,
    "avg_pool2d": _averaged,
    "constant_pad_nd": _padded,
    "flip": _flipped,
    "diagonal": _diagonal,
    "repeat": lambda w, node, x, times: w.node("Tile", w.name(x), w.sizes(times)),
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "embedding": lambda w, node, table, index, *_: w.node("Gather", w.name(table), w.name(index), axis=0),
    "_embedding_bag": _bags,
    "gather": lambda w, node, x, dim, index: w.node("GatherElements", w.name(x), w.name(index), axis=dim),
    "index_select": lambda w, node, x, dim, index: w.node("Gather", w.name(x), w.name(index), axis=dim),
    "index": _indexed,
    "index_put": _put,
    "scatter": _scattered("none"),
    "scatter_add": _scattered("add"),
    "slice_scatter": _slice_written,
    "scan": lambda w, node, body, carries, entries, outside: w.loop(w.values[body], carries, entries, outside),
    "scalar_tensor": lambda w, node, value, **_: w.name(value, like=node),
    "where": lambda w, node, c, a, b: w.node("Where", w.name(c), w.name(a, like=node), w.name(b, like=node)),
    "masked_fill": _masked,
    "clamp": _clamped,
    "_to_copy": _cast,
    "arange": _ranged,
    "sym_size": lambda w, node, x, dim: w.node("Gather", w.node("Shape", w.name(x)), np.asarray(dim, np.int64)),
    "sym_numel": lambda w, node, x: w.node("Size", w.name(x)),
    "empty": _sized(0),
    "empty_like": _like(0),
    "zeros_like": _like(0),
    "ones_like": _like(1),
    "full_like": _like(None),
    "zeros": _sized(0),
    "ones": _sized(1),
    "full": _sized(None),
}  # fmt: skip
