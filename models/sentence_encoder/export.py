"""The trained encoder as one ONNX file that needs nothing beside it: weights of eight bits, tokenizer, labels, cases.

The graph is written node by node with ONNX Runtime's fused operators, so that it loads without being optimised again.
Weights are signed bytes with a scale for each output (symmetric); activations become bytes while it runs (dynamic
quantisation; Jacob et al., 2018, Quantization and Training of Neural Networks, section 2).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from models.sentence_encoder.network import HEADS, LAYERS, NORM_EPSILON, WIDTH

OPSET = 17
IR_VERSION = 9
FUSED = "com.microsoft"
WEIGHT_STEPS = 127  # of a signed byte, both ways
Array = np.ndarray[Any, np.dtype[Any]]
Shape = list[str | int | None]


class Labels(NamedTuple):
    """What the encoder answers with, each in the order of its logits."""

    categories: tuple[str, ...]
    subtasks: tuple[str, ...]  # "category/subtask"


class Graph:
    """Nodes and constants of an ONNX graph as it grows."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, Array] = {}

    def constant(self, name: str, value: Array) -> str:
        """The name of a constant, entered."""
        self.constants[name] = np.ascontiguousarray(value)
        return name

    def node(self, operator: str, inputs: Sequence[str], *outputs: str, domain: str = "", **attributes: Any) -> str:
        """The name of the first output of an operator, entered."""
        from onnx import helper

        self.nodes.append(helper.make_node(operator, list(inputs), list(outputs), domain=domain, **attributes))
        return outputs[0]

    def linear(self, name: str, x: str, weight: Array, bias: Array, *, bits: int) -> str:
        """`x` times the transpose of `weight` (outputs × inputs) plus `bias`; with 8 bits, in bytes."""
        self.constant(f"{name}.bias", bias.astype(np.float32))
        if bits == 32:
            self.constant(f"{name}.weight", weight.T.astype(np.float32))
            self.node("MatMul", (x, f"{name}.weight"), f"{name}.product")
            return self.node("Add", (f"{name}.product", f"{name}.bias"), f"{name}.out")
        rounded, scale = to_bytes(weight)
        self.constant(f"{name}.weight", rounded.T)
        self.constant(f"{name}.scale", scale)
        self.constant(f"{name}.zero", np.zeros(scale.shape, np.int8))
        parts = (x, *(f"{name}.{part}" for part in ("weight", "scale", "zero", "bias")))
        return self.node("DynamicQuantizeMatMul", parts, f"{name}.out", domain=FUSED)

    def normalised_sum(self, name: str, x: str, y: str, state: Mapping[str, Array]) -> str:
        """Layer normalisation of `x + y`: two nodes, six times as fast in ONNX Runtime as its fused one."""
        for part in ("weight", "bias"):
            self.constant(f"{name}.{part}", state[f"{name}.{part}"])
        parts = (self.node("Add", (x, y), f"{name}.sum"), f"{name}.weight", f"{name}.bias")
        return self.node("LayerNormalization", parts, f"{name}.out", epsilon=NORM_EPSILON, axis=-1)


def facts_of(path: Path) -> dict[str, str]:
    """What a file that `write` wrote says about itself."""
    import onnx

    return {each.key: each.value for each in onnx.load(str(path)).metadata_props}


def read_back(path: Path) -> dict[str, Array]:
    """The parameters of a file that `write` wrote, by their names in the network, as the bytes say them."""
    import onnx
    from onnx import numpy_helper

    held = {each.name: numpy_helper.to_array(each) for each in onnx.load(str(path)).graph.initializer}
    found = {"words.weight": held["words"] * held.get("words.scale", np.float32(1)), "places.weight": held["places"]}
    for name, value in held.items():
        part = name.rpartition(".")[0]
        if name.endswith(".bias") and not part.startswith("case"):
            weight = held[f"{part}.weight"]
            if f"{part}.scale" in held:
                weight = weight * held[f"{part}.scale"]
            found |= {name: value, f"{part}.weight": weight if "norm" in part else weight.T}
    return {name: np.ascontiguousarray(value, np.float32) for name, value in found.items()}


def to_bytes(weight: Array) -> tuple[Array, Array]:
    """Rows of a matrix as signed bytes, and the scale of each row.

    >>> to_bytes(np.array([[1.0, -0.5], [0.0, 0.0]]))[0].tolist()
    [[127, -64], [0, 0]]
    """
    largest = np.abs(weight).max(axis=1, keepdims=True)
    scale = np.where(largest > 0, largest, 1.0) / WEIGHT_STEPS
    return np.round(weight / scale).astype(np.int8), scale[:, 0].astype(np.float32)


def build(state: Mapping[str, Array], case_vectors: Array, *, bits: int = 8) -> Graph:
    """The graph: `ids` and `mask` (texts × tokens) to logits, their parts by token, and similarity to each case.

    Outputs: `category` (texts × 9), `subtask` (texts × subtasks), `tokens` (texts × tokens × 9: what each token's
    vector adds to the category logits before they are averaged over the tokens), `similarity` (texts × cases, cosine).
    """
    graph = Graph()
    _heads(graph, trunk(graph, state, bits=bits), state, case_vectors, bits)
    return graph


def trunk(graph: Graph, state: Mapping[str, Array], *, bits: int) -> str:
    """The layers of `network.Trunk`, from `ids` and `mask` to the name of a vector for each token."""
    from onnx import TensorProto

    table, scale = to_bytes(state["words.weight"]) if bits == 8 else (state["words.weight"], None)
    graph.node("Gather", (graph.constant("words", table), "ids"), "rows")
    rows = "rows"
    if scale is not None:
        graph.node("Cast", ("rows",), "rows.float", to=TensorProto.FLOAT)
        graph.node("Gather", (graph.constant("words.scale", scale[:, None]), "ids"), "rows.scale")
        rows = graph.node("Mul", ("rows.float", "rows.scale"), "rows.scaled")
    graph.node("Shape", ("ids",), "length", start=1, end=2)
    graph.constant("first", np.array([0], np.int64))
    graph.node("Slice", (graph.constant("places", state["places.weight"]), "first", "length"), "places.rows")
    graph.node("Unsqueeze", ("places.rows", "first"), "places.row")
    graph.node("Expand", ("places.row", graph.node("Shape", (rows,), "shape")), "places.all")
    x = graph.normalised_sum("norm", rows, "places.all", state)
    graph.constant("thirds", np.array([WIDTH] * 3, np.int64))
    for number in range(LAYERS):
        at = f"layers.{number}"
        part = {name: (state[f"{at}.{name}.weight"], state[f"{at}.{name}.bias"]) for name in _LINEAR}
        joint = graph.linear(f"{at}.attend", x, *part["attend"], bits=bits)
        thirds = (f"{at}.query", f"{at}.key", f"{at}.value")
        graph.node("Split", (joint, "thirds"), *thirds, axis=-1)
        graph.node("MultiHeadAttention", (*thirds, "", "mask"), f"{at}.mixed", domain=FUSED, num_heads=HEADS)
        mixed = graph.linear(f"{at}.join", f"{at}.mixed", *part["join"], bits=bits)
        x = graph.normalised_sum(f"{at}.norm_attention", x, mixed, state)
        wide = graph.linear(f"{at}.widen", x, *part["widen"], bits=bits)
        graph.node("Gelu", (wide,), f"{at}.gelu", domain=FUSED)
        narrow = graph.linear(f"{at}.narrow", f"{at}.gelu", *part["narrow"], bits=bits)
        x = graph.normalised_sum(f"{at}.norm_network", x, narrow, state)
    return x


_LINEAR = ("attend", "join", "widen", "narrow")


def _heads(graph: Graph, x: str, state: Mapping[str, Array], case_vectors: Array, bits: int) -> None:
    from onnx import TensorProto

    graph.node("Cast", ("mask",), "mask.float", to=TensorProto.FLOAT)
    graph.node("Unsqueeze", ("mask.float", graph.constant("last", np.array([-1], np.int64))), "mask.column")
    graph.node("MatMul", (x, graph.constant("category.weight", state["category.weight"].T)), "tokens.all")
    graph.node("Mul", ("tokens.all", "mask.column"), "tokens")
    graph.constant("tokens.axis", np.array([1], np.int64))
    graph.node("ReduceSum", ("mask.column", "tokens.axis"), "count", keepdims=0)
    graph.node("ReduceSum", ("tokens", "tokens.axis"), "category.sum", keepdims=0)
    graph.node("Div", ("category.sum", "count"), "category.mean")
    graph.node("Add", ("category.mean", graph.constant("category.bias", state["category.bias"])), "category")
    graph.node("Mul", (x, "mask.column"), "kept")
    graph.node("ReduceSum", ("kept", "tokens.axis"), "sum", keepdims=0)
    graph.node("Div", ("sum", "count"), "mean")
    graph.node("MatMul", ("mean", graph.constant("subtask.weight", state["subtask.weight"].T)), "subtask.product")
    graph.node("Add", ("subtask.product", graph.constant("subtask.bias", state["subtask.bias"])), "subtask")
    graph.node("LpNormalization", ("mean",), "direction", axis=-1, p=2)
    directions = case_vectors / np.linalg.norm(case_vectors, axis=1, keepdims=True)
    graph.linear("case", "direction", directions, np.zeros(len(directions), np.float32), bits=bits)
    graph.node("Identity", ("case.out",), "similarity")


def write(
    path: Path,
    state: Mapping[str, Array],
    *,
    labels: Labels,
    tokenizer: str,
    cases: Sequence[Mapping[str, Any]],
    case_vectors: Array,
    facts: Mapping[str, str],
    bits: int = 8,
) -> None:
    """Write the encoder to `path`.

    Args:
        state: parameters of `network.SentenceEncoder` by name.
        labels: what the logits stand for.
        tokenizer: JSON of the tokenizer.
        cases: text, category and subtask of each case, to be quoted.
        case_vectors: their mean vectors, cases × 384.
        facts: more that the file should say about itself.
        bits: 8, or 32 for a file to compare with.
    """
    graph = build(state, case_vectors, bits=bits)
    texts, tokens = "texts", "tokens"
    outputs: dict[str, Shape] = {
        "category": [texts, len(labels.categories)],
        "subtask": [texts, len(labels.subtasks)],
        "tokens": [texts, tokens, len(labels.categories)],
        "similarity": [texts, len(cases)],
    }
    told = {
        **facts,
        "tokenizer": tokenizer,
        "labels": json.dumps(labels._asdict()),
        "cases": json.dumps(list(cases), ensure_ascii=False, separators=(",", ":")),
    }
    save(path, graph, "sentence_encoder", outputs=outputs, facts=told)


def save(
    path: Path,
    graph: Graph,
    name: str,
    *,
    outputs: Mapping[str, Shape],
    facts: Mapping[str, str],
    inputs: Mapping[str, Shape] = MappingProxyType({}),
) -> None:
    """Write a graph that reads `ids`, `mask` and further float `inputs`, with `facts` about it."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    def floats(shapes: Mapping[str, Shape]) -> list[Any]:
        return [helper.make_tensor_value_info(each, TensorProto.FLOAT, shape) for each, shape in shapes.items()]

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            name,
            [
                helper.make_tensor_value_info("ids", TensorProto.INT64, ["texts", "tokens"]),
                helper.make_tensor_value_info("mask", TensorProto.INT32, ["texts", "tokens"]),
                *floats(inputs),
            ],
            floats(outputs),
            [numpy_helper.from_array(value, each) for each, value in graph.constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, 1)],
        ir_version=IR_VERSION,
        producer_name="problem-framing-advisor",
    )
    helper.set_model_props(model, dict(facts))
    onnx.save(model, str(path))
