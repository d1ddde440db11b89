"""A function as an ONNX model, written from the same graph that capture compiles, and its int8 form.

Before it is written, the graph is brought to torch's core ops, which write to nothing. What each of them is in ONNX
stands in onnx_forms.py. Sizes that may vary stay open.
"""

import itertools
import operator
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch

from tensor_core import tracing
from tensor_core.autograd import no_grad
from tensor_core.calls import cached_number
from tensor_core.onnx_forms import FORMS
from tensor_core.tensor import Tensor

_OPSET = 18
_IR = 9  # of the file format; what runtimes of 2024 and later read
_TOLERANCE = 1e-5  # between the model in ONNX Runtime and the function, relative to the largest output


@overload
def export_onnx(
    fn: Callable[..., Any], example: Tensor | Sequence[Tensor], path: str | Path, *, dynamic: int | Sequence[int] = 0
) -> Path: ...
@overload
def export_onnx(
    fn: Callable[..., Any], example: Tensor | Sequence[Tensor], *, dynamic: int | Sequence[int] = 0
) -> bytes: ...
def export_onnx(
    fn: Callable[..., Any],
    example: Tensor | Sequence[Tensor],
    path: str | Path | None = None,
    *,
    dynamic: int | Sequence[int] = 0,
) -> bytes | Path:
    """Returns `fn` as the bytes of an ONNX model, once ONNX Runtime gives the same for `example` to 1e-5, or
    writes them to `path` and returns that.

    Inputs are named input_0, input_1, …, outputs output_0, …. The sizes along the dimensions in `dynamic` stay open.
    Raises `CaptureError` for a function that cannot be one graph, or not for other sizes along those dimensions, and
    `NotImplementedError` for an op without a form.

    >>> from tensor_core import rand
    >>> import onnxruntime
    >>> session = onnxruntime.InferenceSession(export_onnx(lambda x: x * 2, rand(4, 3)))
    >>> session.run(None, {"input_0": rand(5, 3).numpy()})[0].shape
    (5, 3)
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
    _check_open(traced, dims)
    if traced.written:
        raise tracing.CaptureError("export_onnx: the function writes to its state; call eval() on its modules first")
    model = Writer(onnx, _in_core_ops(traced)).model(len(raws))
    onnx.checker.check_model(model)
    written: bytes = model.SerializeToString()
    _check(written, raws, [t.detach() for t in call(raws)[0]])
    if path is None:
        return written
    Path(path).write_bytes(written)
    return Path(path)


def quantize_int8(path: str | Path, target: str | Path) -> Path:
    """Write the model at `path` with its weights as int8 (a quarter of the size) and return the new path.

    The activations are quantised as they come, each by its own range (ONNX Runtime's dynamic quantisation). The weights
    use seven of the eight bits: processors without VNNI add pairs of products in 16 bits, which eight would overflow
    (the error of a small network is then ten times as large), and a file is to give the same answers everywhere.
    """
    quantization = _needed("onnxruntime.quantization")
    quantization.quantize_dynamic(
        str(path), str(target), weight_type=quantization.QuantType.QInt8, per_channel=True,
        reduce_range=True, extra_options={"MatMulConstBOnly": True},
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


def _check_open(traced: tracing.Traced, dims: Sequence[int]) -> None:
    """Refuse a function that holds for one size alone of a dimension that is to stay open."""
    for i, fake in enumerate(traced.inputs[: len(traced.inputs) - len(traced.state)]):
        for dim, size in enumerate(fake.shape):
            if dim in dims and isinstance(size, torch.SymInt) and size.node.expr.is_number:
                raise tracing.CaptureError(
                    f"export_onnx: the function holds for {size} entries along dimension {dim} of input_{i} alone "
                    f"(it loops over them, or counts them); leave {dim} out of dynamic="
                )


def _in_core_ops(traced: tracing.Traced) -> tracing.Traced:
    """The same graph in torch's core ops without writes; ops that have a form of their own stay as they are."""
    from torch._decomp import core_aten_decompositions
    from torch._dispatch.python import enable_python_dispatcher
    from torch.fx.experimental.proxy_tensor import make_fx

    simpler = dict(core_aten_decompositions())
    table = {op: simpler[op] for op in simpler if _name(op) not in FORMS}
    fakes: Any = traced.inputs[0]
    with torch.no_grad(), fakes.fake_mode, enable_python_dispatcher():
        module = make_fx(torch.func.functionalize(traced.module), decomposition_table=table)(*traced.inputs)
    for part in module.modules():
        if isinstance(part, torch.fx.GraphModule):
            part.graph.eliminate_dead_code()
    return traced._replace(module=module)


def _name(target: Any) -> str:
    """The name of an op without its overload; one that only copies a view bears the view's."""
    name: str = target._schema.name.split("::")[1] if isinstance(target, torch._ops.OpOverload) else target.__name__
    return name.removesuffix("_copy") if name.removesuffix("_copy") in FORMS else name


def _check(model: bytes, inputs: Sequence[torch.Tensor], expected: Sequence[torch.Tensor]) -> None:
    runtime = _needed("onnxruntime")
    session = runtime.InferenceSession(model, providers=["CPUExecutionProvider"])
    made = session.run(None, {f"input_{i}": raw.numpy() for i, raw in enumerate(inputs)})
    for i, (ours, theirs) in enumerate(zip(expected, made, strict=True)):
        if not ours.numel():
            continue
        scale = max(float(ours.double().abs().max()), 1.0)
        away = float((ours.double() - torch.as_tensor(theirs).double()).abs().max())
        if not away <= _TOLERANCE * scale:
            raise ArithmeticError(f"export_onnx: output {i} is {away:.2g} away in ONNX Runtime")


class Writer:
    """Writes nodes and constants; `values` holds the ONNX name of each node of the graph, or its Python value."""

    def __init__(self, onnx: Any, traced: tracing.Traced) -> None:
        self.onnx, self.traced = onnx, traced
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.numbers = itertools.count()
        self.read: set[str] = set()
        self.values: dict[Any, Any] = {}
        self.known: dict[str, torch.Tensor] = {}  # constants that came as tensors

    def model(self, inputs: int) -> Any:
        """The whole model."""
        helper = self.onnx.helper
        names = [f"input_{i}" for i in range(inputs)]
        state = [self.constant(held) for held in self.traced.state]
        outputs = []
        for i, result in enumerate(self.graph(self.traced.module, [*names, *state])):
            name = self.name(result)
            self.nodes.append(helper.make_node("Identity", [name], [f"output_{i}"]))
            self.read.add(name)
            outputs.append(self.info(f"output_{i}", result.meta["val"]))
        given = [self.info(name, fake) for name, fake in zip(names, self.traced.inputs, strict=False)]
        kept = [constant for constant in self.constants if constant.name in self.read]
        graph = helper.make_graph(self.nodes, "tensor_core", given, outputs, kept)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)

    def graph(self, module: torch.fx.GraphModule, given: Sequence[str]) -> Sequence[Any]:
        """Write the nodes of a graph whose inputs have these names; the nodes that are its results."""
        names, results = iter(given), ()
        for node in module.graph.nodes:
            if node.op == "placeholder":
                self.values[node] = next(names)
            elif node.op == "get_attr":
                held = getattr(module, node.target)
                self.values[node] = held if isinstance(held, torch.fx.GraphModule) else self.constant(held)
            elif node.op == "output":
                results = node.args[0]
            else:
                self.values[node] = self.converted(node)
        return results

    def loop(self, body: torch.fx.GraphModule, carries: Sequence[Any], entries: Sequence[Any], outside: Any) -> Any:
        """The last carries and the stacked outputs of a loop, whose body becomes a graph of its own."""
        outer, self.nodes = self.nodes, []
        fakes = [node.meta["val"] for node in body.graph.nodes if node.op == "placeholder"]
        names = [f"inner_{next(self.numbers)}" for _ in (*carries, *entries)]
        results = self.graph(body, [*names, *[self.name(each) for each in outside]])
        made = [self.info(self.node("Identity", self.name(result)), result.meta["val"]) for result in results]
        given = [self.info(name, fake) for name, fake in zip(names, fakes, strict=False)]
        inner, self.nodes = self.onnx.helper.make_graph(self.nodes, "body", given, made), outer
        starts = [self.name(each) for each in (*carries, *entries)]
        return self.several(len(made), "Scan", *starts, body=inner, num_scan_inputs=len(entries))

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
        return self.several(1, kind, *inputs, **attributes)[0]

    def several(self, results: int, kind: str, *inputs: Any, **attributes: Any) -> list[str]:
        """The names of the results of a new node."""
        names = [f"value_{next(self.numbers)}" for _ in range(results)]
        given = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        self.read.update(given)
        self.nodes.append(self.onnx.helper.make_node(kind, given, names, **attributes))
        return names

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
        key = _name(target)
        form = FORMS.get(key.rstrip("_") if not key.startswith("__") else key)
        if form is None:
            chance = torch.Tag.nondeterministic_seeded in getattr(target, "tags", ())
            reason = "draws random numbers; call eval() first" if chance else "has no ONNX form here"
            raise NotImplementedError(f"export_onnx: {target} {reason}")
        return form(self, node, *node.args, **node.kwargs)
