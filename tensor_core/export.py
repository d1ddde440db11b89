"""A function as an ONNX model, written from the same graph that capture compiles, and its int8 form.

What each ATen op of the graph is there stands in onnx_forms.py. Sizes that may vary stay open.
"""

import operator
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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
    model = Writer(onnx, traced).model(len(raws))
    onnx.checker.check_model(model)
    target = Path(path)
    target.write_bytes(model.SerializeToString())
    _check(target, raws, [t.detach() for t in call(raws)[0]])
    return target


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


class Writer:
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
        form = FORMS.get(key.rstrip("_") if not key.startswith("__") else key)
        if form is None:
            chance = torch.Tag.nondeterministic_seeded in getattr(target, "tags", ())
            reason = "draws random numbers; call eval() first" if chance else "has no ONNX form here"
            raise NotImplementedError(f"export_onnx: {target} {reason}")
        return form(self, node, *node.args, **node.kwargs)
