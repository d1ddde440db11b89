"""The network of a tabular model, linear or a multilayer perceptron, kept as safetensors (weights) and JSON (shape)."""

import copy
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import files
from models.kit.config import Settings
from models.kit.errors import ArtefactError

SCHEMA = 1
SHAPE, WEIGHTS = "model.json", "weights.safetensors"
CHUNK_ROWS = 65_536  # rows that are scored at once


def build(*, inputs: int, outputs: int, hidden: tuple[int, ...] = (), dropout: float = 0.0) -> tc.nn.Module:
    """Returns a network in float64: `inputs` to `outputs`, through hidden layers with GELU and dropout.

    >>> net = build(inputs=3, outputs=1)
    >>> [tuple(parameter.shape) for parameter in net.parameters()]
    [(1, 3), (1,)]
    """
    widths = [inputs, *hidden]
    layers: list[tc.nn.Module] = []
    for before, after in pairwise(widths):
        layers += [tc.nn.Linear(before, after, dtype=tc.float64), tc.nn.GELU(), tc.nn.Dropout(dropout)]
    net = tc.nn.Sequential(*layers, tc.nn.Linear(widths[-1], outputs, dtype=tc.float64))
    if not hidden:
        with (
            tc.no_grad()
        ):  # the objective is convex: every start ends at the same place, and nought is the nearest to it
            for parameter in net.parameters():
                parameter.zero_()
    return net


def fresh(settings: Settings, *, inputs: int, outputs: int) -> tc.nn.Module:
    """Returns the untrained network that the settings describe; the same seed gives the same weights."""
    tc.manual_seed(settings.seed)
    hidden = settings.hidden if settings.model == "mlp" else ()
    return build(inputs=inputs, outputs=outputs, hidden=hidden, dropout=settings.dropout)


def outputs(net: tc.nn.Module, inputs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns what the network gives for each row, of shape (rows, outputs), without dropout and without a graph."""
    net.eval()
    with tc.no_grad():
        starts = range(0, max(len(inputs), 1), CHUNK_ROWS)
        return np.concatenate([net(tc.as_tensor(inputs[start : start + CHUNK_ROWS])).numpy() for start in starts])


def single(net: tc.nn.Module) -> tc.nn.Module:
    """Returns a copy in float32, as other runtimes want it (ONNX Runtime has no GELU in float64)."""
    return copy.deepcopy(net).eval().float()


def save(net: tc.nn.Module, folder: Path) -> None:
    """Writes the weights and the shape of the network into the folder."""
    sizes = [tuple(weight.shape) for weight in net.parameters() if weight.dim() > 1]
    hidden = [after for after, _ in sizes[:-1]]
    files.write(folder / SHAPE, json.dumps({"schema": SCHEMA, "hidden": hidden}, indent=1) + "\n")
    tc.nn.save_safetensors(net.state_dict(), folder / WEIGHTS)


def load(folder: Path, *, inputs: int, outputs: int) -> tc.nn.Module:
    """Returns the network that `save` wrote; raises `ArtefactError` when it is missing or of another shape."""
    shape = files.read_json(folder / SHAPE, remedy="run train.py first")
    try:
        if shape["schema"] != SCHEMA:
            raise ValueError(f"schema {shape['schema']!r} is not {SCHEMA}")
        hidden = tuple(int(width) for width in shape["hidden"])
        net = build(inputs=inputs, outputs=outputs, hidden=hidden)
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS))
    except FileNotFoundError:
        raise ArtefactError(f"{folder / WEIGHTS}: there is no such file; run train.py first") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    net.eval()
    return net
