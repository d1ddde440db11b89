"""A function as an ONNX model, written from the same graph that capture compiles, and its int8 form.

Each ATen op of the graph has one line, or a short function, that says what it is there. Sizes that may vary stay open.
"""

import math
import operator
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tensor_core import tracing
from tensor_core.autograd import no_grad
from tensor_core.calls import cached_number
from tensor_core.tensor import Tensor

_OPSET = 18
_IR = 9  # of the file format; what runtimes of 2024 and later read
_TOLERANCE = 1e-5  # between the model in ONNX Runtime and the function, relative to the largest output


def export_onnx(
    fn: Callable[..., Any], example: Tensor | Sequence[Tensor], path: str | Path, *, dynamic: int | Sequence[int] = 0
) -> Path:
    """Write `fn` as an ONNX model and return its path, once ONNX Runtime gives the same for `example` to 1e-5.

    Inputs are named input_0, input_1, …, outputs output_0, …. The sizes along the dimensions in `dynamic` stay open.
    Raises `CaptureError` for a function that cannot be one graph and `NotImplementedError` for an op without a form.
    """
    onnx = _needed("onnx")
    examples = [example] if isinstance(example, Tensor) else list(example)
    raws = [e.raw.contiguous() for e in examples]

    def call(tensors: Sequence[torch.Tensor]) -> tuple[list[torch.Tensor], Any]:
        found: list[torch.Tensor] = []
        with no_grad():
            outline = tracing.flatten(fn(*[Tensor.handle(t) for t in tensors]), found, _raw)
        return found, outline

    dims = [dynamic] if isinstance(dynamic, int) else list(dynamic)
    traced = tracing.trace(call, raws, dims, cached_number)
    if traced.written:
        raise tracing.CaptureError("export_onnx: the function writes to its state; call eval() on its modules first")
    model = _Writer(onnx, traced).model(len(raws))
    onnx.checker.check_model(model)
    target = Path(path)
    target.write_bytes(model.SerializeToString())
    _check(target, raws, [t.detach() for t in call(raws)[0]])
    return target


def quantize_int8(path: str | Path, target: str | Path) -> Path:
    """Write the model at `path` with its weights as int8 (a quarter of the size) and return the new path.

    The activations are quantised as they come, each by its own range (ONNX Runtime's dynamic quantisation).
    """
    quantization = _needed("onnxruntime.quantization")
    quantization.quantize_dynamic(
        str(path), str(target), weight_type=quantization.QuantType.QInt8, per_channel=True,
        extra_options={"MatMulConstBOnly": True},
    )  # fmt: skip
    return Path(target)


def _needed(module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError:
        name = module.split(".")[0]
        raise ImportError(f"exporting needs {name}, which is not installed; pip install {name}") from None


def _raw(value: Any) -> torch.Tensor | None:
    return value.raw if isinstance(value, Tensor) else None


def _check(path: Path, inputs: Sequence[torch.Tensor], expected: Sequence[torch.Tensor]) -> None:
    runtime = _needed("onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    made = session.run(None, {f"input_{i}": raw.numpy() for i, raw in enumerate(inputs)})
    for i, (ours, theirs) in enumerate(zip(expected, made, strict=True)):
        if not ours.numel():
            continue
        scale = max(float(ours.double().abs().max()), 1.0)
        away = float((ours.double() - torch.as_tensor(theirs).double()).abs().max())
        if not away <= _TOLERANCE * scale:
            raise ArithmeticError(f"export_onnx: output {i} is {away:.2g} away in ONNX Runtime; {path} is not usable")


class _Writer:
    """Writes nodes and constants; `values` holds the ONNX name of each node of the graph, or its Python value."""

    def __init__(self, onnx: Any, traced: tracing.Traced) -> None:
        self.onnx, self.traced = onnx, traced
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.values: dict[Any, Any] = {}
        self.known: dict[str, torch.Tensor] = {}  # constants that came as tensors

    def model(self, inputs: int) -> Any:
        """The whole model."""
        helper = self.onnx.helper
        given, outputs, state = [], [], iter(self.traced.state)
        placeholders = 0
        for node in self.traced.module.graph.nodes:
            if node.op == "placeholder":
                if placeholders < inputs:
                    self.values[node] = f"input_{placeholders}"
                    given.append(self.info(f"input_{placeholders}", self.traced.inputs[placeholders]))
                else:
                    self.values[node] = self.constant(next(state))
                placeholders += 1
            elif node.op == "get_attr":
                self.values[node] = self.constant(getattr(self.traced.module, node.target))
            elif node.op == "output":
                for i, result in enumerate(node.args[0]):
                    self.nodes.append(helper.make_node("Identity", [self.name(result)], [f"output_{i}"]))
                    outputs.append(self.info(f"output_{i}", result.meta["val"]))
            else:
                self.values[node] = self.converted(node)
        read = {name for node in self.nodes for name in node.input}
        kept = [constant for constant in self.constants if constant.name in read]
        graph = helper.make_graph(self.nodes, "tensor_core", given, outputs, kept)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)

    def info(self, name: str, fake: torch.Tensor) -> Any:
        """The declaration of an input or output."""
        shape = [size if isinstance(size, int) else str(size) for size in fake.shape]
        return self.onnx.helper.make_tensor_value_info(name, self.kind(fake.dtype), shape)

    def kind(self, dtype: torch.dtype) -> int:
        """ONNX's number of a type."""
        array = torch.empty(0, dtype=dtype).numpy()
        number: int = self.onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        return number

    def constant(self, value: Any) -> str:
        """The name of a constant tensor."""
        array = value.detach().cpu().contiguous().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        name = f"constant_{len(self.constants)}"
        if isinstance(value, torch.Tensor):
            self.known[name] = value
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def node(self, kind: str, *inputs: Any, **attributes: Any) -> str:
        """The name of what a new node makes."""
        name = f"value_{len(self.nodes)}"
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        self.nodes.append(self.onnx.helper.make_node(kind, names, [name], **attributes))
        return name

    def name(self, argument: Any, like: Any = None) -> str:
        """The name of an argument; a number becomes a constant of the type of `like`."""
        if isinstance(argument, torch.fx.Node):
            held = self.values[argument]
            if isinstance(held, str):
                return held
            argument = held
        dtype = like.meta["val"].dtype if isinstance(like, torch.fx.Node) else torch.int64
        return self.constant(torch.tensor(argument, dtype=dtype))

    def sizes(self, sizes: Sequence[Any]) -> str:
        """A shape as a vector; sizes that are not known yet are computed by the model."""
        if all(isinstance(size, int) for size in sizes):
            return self.constant(np.asarray(sizes, np.int64))
        zero = np.asarray([0], np.int64)
        parts = [
            np.asarray([s], np.int64) if isinstance(s, int) else self.node("Unsqueeze", self.name(s), zero)
            for s in sizes
        ]
        return self.node("Concat", *parts, axis=0)

    def converted(self, node: Any) -> Any:
        """What the node is in ONNX."""
        target = node.target
        if target is operator.getitem:
            return self.values[node.args[0]][node.args[1]]
        key = target.__name__ if not isinstance(target, torch._ops.OpOverload) else target._schema.name.split("::")[1]
        form = _FORMS.get(key.rstrip("_") if not key.startswith("__") else key)
        if form is None:
            chance = torch.Tag.nondeterministic_seeded in getattr(target, "tags", ())
            reason = "draws random numbers; call eval() first" if chance else "has no ONNX form here"
            raise NotImplementedError(f"export_onnx: {target} {reason}")
        return form(self, node, *node.args, **node.kwargs)


def _same(kind: str) -> Callable[..., str]:
    return lambda w, node, x, *_, **__: w.node(kind, w.name(x))


def _pair(kind: str, *, of: str = "") -> Callable[..., str]:
    """An op of two inputs of one type: that of the result, or of the first tensor (`of="input"`)."""

    def form(w: _Writer, node: Any, a: Any, b: Any, *_: Any, alpha: Any = 1, **__: Any) -> str:
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


def _not_equal(w: _Writer, node: Any, a: Any, b: Any) -> str:
    return w.node("Not", _pair("Equal", of="input")(w, node, a, b))


def _permuted(w: _Writer, node: Any, x: Any, a: int = 0, b: int = 1) -> str:
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
    def form(w: _Writer, node: Any, x: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> str:
        return w.node(kind, w.name(x), np.asarray(_dims(x, dim), np.int64), keepdims=int(keepdim))

    return form


def _sliced(w: _Writer, node: Any, x: Any, dim: int = 0, start: Any = 0, end: Any = None, step: int = 1) -> str:
    last = torch.iinfo(torch.int64).max if end is None else end
    return w.node("Slice", w.name(x), w.sizes([start or 0]), w.sizes([last]), w.sizes([dim]), w.sizes([step]))


def _gelu(w: _Writer, node: Any, x: Any, **_: Any) -> str:
    name, dtype = w.name(x), x.meta["val"].dtype

    def number(value: float) -> str:
        return w.constant(torch.tensor(value, dtype=dtype))

    bell = w.node("Add", w.node("Erf", w.node("Div", name, number(math.sqrt(2)))), number(1.0))
    return w.node("Mul", w.node("Mul", name, bell), number(0.5))


def _layer_norm(w: _Writer, node: Any, x: Any, shape: Any, weight: Any, bias: Any, eps: float) -> list[Any]:
    dtype = x.meta["val"].dtype
    scale = w.name(weight) if weight is not None else w.constant(torch.ones(shape, dtype=dtype))
    shift = [] if bias is None else [w.name(bias)]
    return [w.node("LayerNormalization", w.name(x), scale, *shift, axis=-len(shape), epsilon=eps), None, None]


def _convolved(
    w: _Writer, node: Any, x: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, *rest: Any
) -> str:
    transposed, _, groups = rest
    if transposed:
        raise NotImplementedError("export_onnx: a transposed convolution has no ONNX form here")
    given = [w.name(each) for each in (x, weight, bias) if each is not None]
    pads = [*padding, *padding]  # before and after
    return w.node("Conv", *given, strides=list(stride), pads=pads, dilations=list(dilation), group=groups)


def _batch_norm(
    w: _Writer, node: Any, x: Any, weight: Any, bias: Any, mean: Any, variance: Any, _: float, eps: float
) -> list[Any]:
    like = mean.meta["val"]
    scale = w.name(weight) if weight is not None else w.constant(torch.ones(like.shape, dtype=like.dtype))
    shift = w.name(bias) if bias is not None else w.constant(torch.zeros(like.shape, dtype=like.dtype))
    name = w.node("BatchNormalization", w.name(x), scale, shift, w.name(mean), w.name(variance), epsilon=eps)
    return [name, None, None]


def _max_pooled(
    w: _Writer, node: Any, x: Any, size: Any, stride: Any = (), padding: Any = (0,), dilation: Any = (1,),
    ceil_mode: bool = False,
) -> list[Any]:  # fmt: skip
    sizes, pads, apart = (list(each) * (2 // len(each)) for each in (size, padding, dilation))
    steps = list(stride) * (2 // len(stride)) if stride else sizes
    form = {"kernel_shape": sizes, "strides": steps, "pads": pads * 2, "dilations": apart, "ceil_mode": int(ceil_mode)}
    return [w.node("MaxPool", w.name(x), **form), None]


def _attention(w: _Writer, node: Any, q: Any, k: Any, v: Any, *_: Any, attn_mask: Any = None, scale: Any = None) -> Any:
    val = q.meta["val"]
    factor = torch.tensor(1 / math.sqrt(val.shape[-1]) if scale is None else scale, dtype=val.dtype)
    keys = w.node("Transpose", w.name(k), perm=[0, 1, 3, 2])
    scores = w.node("MatMul", w.node("Mul", w.name(q), w.constant(factor)), keys)
    if attn_mask is not None:
        scores = w.node("Add", scores, w.name(attn_mask))
    return [w.node("MatMul", w.node("Softmax", scores, axis=-1), w.name(v)), None]


def _filled(w: _Writer, size: str, value: Any, dtype: torch.dtype) -> str:
    array = torch.full((1,), value, dtype=dtype).numpy()
    return w.node("ConstantOfShape", size, value=w.onnx.numpy_helper.from_array(array))


def _like(value: Any) -> Callable[..., str]:
    def form(w: _Writer, node: Any, x: Any, *rest: Any, **_: Any) -> str:
        number = rest[0] if value is None else value
        return _filled(w, w.node("Shape", w.name(x)), number, node.meta["val"].dtype)

    return form


def _sized(value: Any) -> Callable[..., str]:
    def form(w: _Writer, node: Any, size: Any, *rest: Any, **_: Any) -> str:
        number = rest[0] if value is None else value
        return _filled(w, w.sizes(size), number, node.meta["val"].dtype)

    return form


def _masked(w: _Writer, node: Any, x: Any, mask: Any, value: Any) -> str:
    return w.node("Where", w.name(mask), w.name(value, like=node), w.name(x))


def _clamped(w: _Writer, node: Any, x: Any, low: Any = None, high: Any = None) -> str:
    return w.node("Clip", w.name(x), *["" if end is None else w.name(end, like=node) for end in (low, high)])


def _ranged(w: _Writer, node: Any, *bounds: Any, **_: Any) -> str:
    start, end, step = (*((0,) if len(bounds) == 1 else ()), *bounds, 1)[:3]
    names = [w.name(bound, like=node) for bound in (start, end, step)]
    return w.node("Range", *names)


def _linear(w: _Writer, node: Any, bias: Any, a: Any, b: Any, **_: Any) -> str:
    return w.node("Add", w.node("MatMul", w.name(a), w.name(b)), w.name(bias))


def _cast(w: _Writer, node: Any, x: Any, *_: Any, **__: Any) -> str:
    return w.node("Cast", w.name(x), to=w.kind(node.meta["val"].dtype))


def _squeezed(kind: str) -> Callable[..., str]:
    return lambda w, node, x, dim: w.node(kind, w.name(x), w.sizes([dim] if isinstance(dim, int) else dim))


_FORMS: dict[str, Callable[..., Any]] = {
    **{name: _same(kind) for name, kind in {
        "neg": "Neg", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "reciprocal": "Reciprocal", "tanh": "Tanh",
        "sigmoid": "Sigmoid", "relu": "Relu", "erf": "Erf", "abs": "Abs", "sin": "Sin", "cos": "Cos", "sign": "Sign",
        "floor": "Floor", "ceil": "Ceil", "logical_not": "Not", "bitwise_not": "Not", "clone": "Identity",
        "detach": "Identity", "alias": "Identity", "lift_fresh_copy": "Identity",
    }.items()},
    **{name: _pair(kind) for name, kind in {
        "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "pow": "Pow", "matmul": "MatMul", "mm": "MatMul",
        "bmm": "MatMul", "mv": "MatMul", "dot": "MatMul", "maximum": "Max", "minimum": "Min", "logical_and": "And",
        "logical_or": "Or", "bitwise_and": "And", "bitwise_or": "Or", "floordiv": "Div",
    }.items()},
    **{name: _pair(kind, of="input") for name, kind in {
        "eq": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual",
    }.items()},
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
