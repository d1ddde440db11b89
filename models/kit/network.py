"""The network of a tabular model, linear or a multilayer perceptron, kept as safetensors (weights) and JSON (shape)."""

import copy
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import files
from models.kit.config import Numeric
from models.kit.errors import ArtefactError

SCHEMA = 2
SHAPE, WEIGHTS = "model.json", "weights.safetensors"
CHUNK_ROWS = 65_536  # rows that are scored at once


class Piecewise(tc.nn.Module):
    """Each input as several: how far it has come through each of its `pieces`, from 0 to 1.

    A network sees steps and bends of a single column at once that it would otherwise have to learn (Gorishniy, Rubachev
    and Babenko, 2022, On Embeddings for Numerical Features in Tabular Deep Learning, piecewise linear encoding). The
    first and the last piece go on beyond their edge, so nothing is cut off. An input with fewer values than pieces has
    as many pieces as it needs; the others stay at 0.

    >>> layer = Piecewise(1, 2)
    >>> layer.learn(np.array([[0.0], [2.0], [6.0]]))
    >>> layer(tc.as_tensor([[4.0]])).tolist()
    [[1.0, 0.5]]
    """

    def __init__(self, inputs: int, pieces: int) -> None:
        """Makes room for the edges, which `learn` or `load_state_dict` bring."""
        self.low = tc.zeros(inputs, pieces, dtype=tc.float64)  # where a piece begins
        self.width = tc.ones(inputs, pieces, dtype=tc.float64)  # 1 where there is no piece
        self.least = tc.zeros(inputs, pieces, dtype=tc.float64)  # what a piece gives at least and at most
        self.most = tc.zeros(inputs, pieces, dtype=tc.float64)

    def learn(self, inputs: npt.NDArray[np.float64]) -> None:
        """Takes the quantiles of each column of the training rows as edges."""
        pieces = self.low.shape[1]
        for place, column in enumerate(inputs.T):
            edges = np.unique(np.quantile(column, np.linspace(0, 1, pieces + 1), method="nearest"))
            if edges.size < 2:
                continue
            found = np.diff(edges)
            self.low[place, : found.size] = tc.as_tensor(edges[:-1])
            self.width[place, : found.size] = tc.as_tensor(found)
            self.most[place, : found.size] = 1.0
            self.least[place, 0] = -np.inf
            self.most[place, found.size - 1] = np.inf

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        """Pieces of shape (rows, inputs × pieces), those of an input side by side."""
        parts = (x.unsqueeze(-1) - self.low) / self.width
        found: tc.Tensor = tc.minimum(tc.maximum(parts, self.least), self.most).reshape(x.shape[0], -1)
        return found


def build(
    *, inputs: int, outputs: int, hidden: tuple[int, ...] = (), dropout: float = 0.0, pieces: int = 0
) -> tc.nn.Module:
    """Returns a network in float64: `inputs` to `outputs`, through hidden layers with GELU and dropout.

    With `pieces` the inputs are first cut into as many pieces each; their edges are yet to be learned.

    >>> net = build(inputs=3, outputs=1)
    >>> [tuple(parameter.shape) for parameter in net.parameters()]
    [(1, 3), (1,)]
    """
    widths = [inputs * (pieces or 1), *hidden]
    layers: list[tc.nn.Module] = [Piecewise(inputs, pieces)] if pieces else []
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


def fresh(settings: Numeric, *, inputs: npt.NDArray[np.float64], outputs: int) -> tc.nn.Module:
    """Returns the untrained network that the settings describe; the same seed gives the same weights.

    `inputs` are those of the training rows, of shape (rows, inputs): they say where the edges of the pieces are.
    """
    tc.manual_seed(settings.seed)
    if settings.model == "linear":
        return build(inputs=inputs.shape[1], outputs=outputs)
    net = build(
        inputs=inputs.shape[1],
        outputs=outputs,
        hidden=settings.hidden,
        dropout=settings.dropout,
        pieces=settings.pieces,
    )
    for layer in net.modules():
        if isinstance(layer, Piecewise):
            layer.learn(inputs)
    return net


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
    pieces = next((layer.low.shape[1] for layer in net.modules() if isinstance(layer, Piecewise)), 0)
    shape = {"schema": SCHEMA, "hidden": hidden, "pieces": pieces}
    files.write(folder / SHAPE, json.dumps(shape, indent=1) + "\n")
    tc.nn.save_safetensors(net.state_dict(), folder / WEIGHTS)


def load(folder: Path, *, inputs: int, outputs: int) -> tc.nn.Module:
    """Returns the network that `save` wrote; raises `ArtefactError` when it is missing or of another shape."""
    shape = files.read_json(folder / SHAPE, remedy="run train.py first")
    try:
        if shape["schema"] != SCHEMA:
            raise ValueError(f"schema {shape['schema']!r} is not {SCHEMA}")
        hidden = tuple(int(width) for width in shape["hidden"])
        net = build(inputs=inputs, outputs=outputs, hidden=hidden, pieces=int(shape["pieces"]))
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS))
    except FileNotFoundError:
        raise ArtefactError(f"{folder / WEIGHTS}: there is no such file; run train.py first") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    net.eval()
    return net
