"""The trained reader as one ONNX file with weights of eight bits and the tokenizer inside."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from models.sentence_encoder.export import Array, Graph, save, trunk


class Labels(NamedTuple):
    """What the reader answers with, each in the order of its logits."""

    categories: tuple[str, ...]
    roles: tuple[str, ...]
    pitfalls: tuple[str, ...]


def build(state: Mapping[str, Array], *, bits: int = 8) -> Graph:
    """The graph: `ids`, `mask` (tables × tokens) and `spans` (tables × columns × tokens) to the network's logits."""
    import numpy as np
    from onnx import TensorProto

    graph = Graph()
    x = trunk(graph, state, bits=bits)
    graph.node("Cast", ("mask",), "mask.float", to=TensorProto.FLOAT)
    graph.node("Unsqueeze", ("mask.float", graph.constant("last", np.array([-1], np.int64))), "mask.column")
    graph.constant("tokens.axis", np.array([1], np.int64))
    graph.node("ReduceSum", ("mask.column", "tokens.axis"), "count", keepdims=0)
    graph.node("Mul", (x, "mask.column"), "kept")
    graph.node("ReduceSum", ("kept", "tokens.axis"), "sum", keepdims=0)
    mean = graph.node("Div", ("sum", "count"), "mean")
    columns = graph.node("MatMul", ("spans", x), "columns")
    for head, read in (("category", mean), ("nothing", mean), ("pitfalls", mean), ("roles", columns)):
        graph.node("MatMul", (read, graph.constant(f"{head}.weight", state[f"{head}.weight"].T)), f"{head}.product")
        graph.node("Add", (f"{head}.product", graph.constant(f"{head}.bias", state[f"{head}.bias"])), head)
    return graph


def write(
    path: Path,
    state: Mapping[str, Array],
    *,
    labels: Labels,
    tokenizer: str,
    facts: Mapping[str, str],
    bits: int = 8,
) -> None:
    """Write the reader to `path`.

    Args:
        state: parameters of `network.ColumnReader` by name.
        labels: what the logits stand for.
        tokenizer: JSON of the tokenizer.
        facts: more that the file should say about itself.
        bits: 8, or 32 for a file to compare with.
    """
    save(
        path,
        build(state, bits=bits),
        "column_reader",
        inputs={"spans": ["texts", "columns", "tokens"]},
        outputs={
            "category": ["texts", len(labels.categories)],
            "roles": ["texts", "columns", len(labels.roles)],
            "nothing": ["texts", 1],
            "pitfalls": ["texts", len(labels.pitfalls)],
        },
        facts={**facts, "tokenizer": tokenizer, "labels": json.dumps(labels._asdict())},
    )
