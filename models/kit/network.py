"""The network of a tabular model, linear or a multilayer perceptron, kept as safetensors (weights) and JSON (shape)."""

import copy
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import files
from models.kit.config import Numeric
from models.kit.errors import ArtefactError

SCHEMA = 4
SHAPE, WEIGHTS = "model.json", "weights.safetensors"
LARGEST = 1e30  # number that enters a layer in float32, far from where its products overflow
MOST_ALIKE = 0.999  # correlation of two inputs above which their difference is hardly more than rounding
CHUNK_ROWS = 65_536  # rows that are scored at once


class Piecewise(tc.nn.Module):
    """Each input as several: how far it has come through each of its pieces, from 0 to 1, or centred from −1 to 1.

    A network sees steps and bends of a single column at once that it would otherwise have to learn (Gorishniy, Rubachev
    and Babenko, 2022, On Embeddings for Numerical Features in Tabular Deep Learning, piecewise linear encoding). The
    first and the last piece of an input go on beyond their edge, so nothing is cut off.

    >>> layer = Piecewise(2)
    >>> layer.learn([np.array([0.0, 2.0, 6.0])])
    >>> layer(tc.as_tensor([[4.0]])).tolist()
    [[1.0, 0.5]]
    """

    def __init__(self, pieces: int) -> None:
        """Makes room for the edges of so many pieces in all, which `learn` or `load_state_dict` bring."""
        self.input = tc.zeros(pieces, dtype=tc.int64)  # of which a piece is cut
        self.low = tc.zeros(pieces, dtype=tc.float64)  # where a piece is 0: its beginning, or its middle
        self.width = tc.ones(pieces, dtype=tc.float64)  # from there to 1
        self.least = tc.zeros(pieces, dtype=tc.float64)  # what a piece gives at least and at most
        self.most = tc.ones(pieces, dtype=tc.float64)

    def learn(self, edges: Sequence[npt.NDArray[np.float64]], *, centred: bool = False) -> None:
        """Takes the edges of the pieces of each input, in order; `centred` pieces go from −1 to 1.

        Hidden layers learn from centred ones in fewer steps where most columns are numbers, and worse where most are
        categories.
        """
        end = 0
        for place, found in enumerate(edges):
            start, end = end, end + found.size - 1
            if start == end:
                continue
            self.input[start:end] = place
            low, width = found[:-1], np.diff(found)
            if centred:
                width = width / 2
                low, self.least[start:end] = low + width, -1.0
            self.low[start:end] = tc.as_tensor(low)
            self.width[start:end] = tc.as_tensor(width)
            self.least[start], self.most[end - 1] = -np.inf, np.inf

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        """Pieces of shape (rows, pieces), those of an input side by side."""
        parts = (x.index_select(1, self.input) - self.low) / self.width
        found: tc.Tensor = tc.minimum(tc.maximum(parts, self.least), self.most)
        return found


class Cast(tc.nn.Module):
    """The same numbers in another precision."""

    def __init__(self, *, wide: bool) -> None:
        """Takes the precision: float64 where `wide`, else float32."""
        self.wide = wide

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        """The numbers, of the same shape; those that float32 cannot hold as far out as it can."""
        found: tc.Tensor = x.to(tc.float64) if self.wide else x.clamp(-LARGEST, LARGEST).to(tc.float32)
        return found


class Axes(tc.nn.Module):
    """The inputs, and beside them sums and differences of pairs of them.

    Where two columns lie along a slanted line, as latitude and longitude along a coast, pieces of each alone cut across
    it; pieces of their sum and difference follow it.

    >>> layer = Axes(2, 2)
    >>> layer.learn([(0, 1)])
    >>> layer(tc.as_tensor([[4.0, 3.0]], dtype=tc.float64)).tolist()
    [[4.0, 3.0, 7.0, 1.0]]
    """

    def __init__(self, inputs: int, more: int) -> None:
        """Makes room for so many sums and differences in all, which `learn` or `load_state_dict` bring."""
        self.turn = tc.zeros(inputs, more, dtype=tc.float64)

    def learn(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Takes the places of the inputs of each pair."""
        for number, (one, other) in enumerate(pairs):
            self.turn[one, 2 * number : 2 * number + 2] = 1.0
            self.turn[other, 2 * number] = 1.0
            self.turn[other, 2 * number + 1] = -1.0

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        """The inputs and behind them the sum and the difference of each pair, of shape (rows, inputs + 2 pairs)."""
        found: tc.Tensor = tc.cat([x, x @ self.turn], 1)
        return found


def together(inputs: npt.NDArray[np.float64], *, least: float) -> list[tuple[int, int]]:
    """Returns the places of the inputs whose correlation is at least `least`, in either direction, the highest first.

    There are at most as many pairs as inputs. Inputs that say the same are no pair.

    >>> line, noise = np.arange(8.0), np.array([1.0, -1, -1, 1, 1, -1, -1, 1])
    >>> together(np.stack([line, noise - line, noise, 2 * line], axis=1), least=0.7)
    [(0, 1), (1, 3)]
    """
    spread = inputs - inputs.mean(axis=0)
    lengths = np.linalg.norm(spread, axis=0)
    spread /= np.where(lengths > 0, lengths, 1.0)
    alike = np.triu(np.abs(spread.T @ spread), 1)
    found = np.argwhere((alike >= least) & (alike <= MOST_ALIKE))
    order = np.argsort(-alike[tuple(found.T)], kind="stable")[: inputs.shape[1]]
    return [(int(one), int(other)) for one, other in found[order]]


def edges(column: npt.NDArray[np.float64], pieces: int) -> npt.NDArray[np.float64]:
    """Returns the edges of at most so many pieces of a column, between which equally many rows lie.

    A value that fills more than a piece is an edge, and the other rows are shared among the other pieces: a column that
    is nearly always 0 is cut where it is not. A column of one value has one edge, and so no piece.

    >>> edges(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 2).tolist()
    [1.0, 3.0, 5.0]
    >>> edges(np.array([0.0] * 90 + [5.0] * 5 + [7.0] * 5), 3).tolist()
    [0.0, 5.0, 7.0]
    """
    values, times = np.unique(column, return_counts=True)
    heavy = values[times * pieces > column.size]
    rest = column[~np.isin(column, heavy)]
    cuts = np.linspace(0, 1, max(pieces - heavy.size, 1) + 1)
    between = np.quantile(rest, cuts, method="nearest") if rest.size else rest
    return np.unique(np.concatenate([heavy, between, values[[0, -1]]]))


def build(
    *,
    inputs: int,
    outputs: int,
    hidden: tuple[int, ...] = (),
    dropout: float = 0.0,
    pieces: int = 0,
    slanted: int = 0,
    single: bool = False,
) -> tc.nn.Module:
    """Returns a network from `inputs` to `outputs`, both in float64, through hidden layers with GELU and dropout.

    `single` layers are in float32, which halves the time of wide ones.
    With `slanted` so many sums and differences of inputs stand beside them, and with `pieces` all are cut into so many
    pieces in all; which ones, and where, is yet to be learned.

    >>> net = build(inputs=3, outputs=1)
    >>> [tuple(parameter.shape) for parameter in net.parameters()]
    [(1, 3), (1,)]
    """
    widths = [pieces or inputs + slanted, *hidden]
    layers: list[tc.nn.Module] = [Axes(inputs, slanted)] if slanted else []
    layers += [Piecewise(pieces)] if pieces else []
    dtype = tc.float32 if single else tc.float64
    layers += [Cast(wide=False)] if single else []
    for before, after in pairwise(widths):
        layers += [tc.nn.Linear(before, after, dtype=dtype), tc.nn.GELU(), tc.nn.Dropout(dropout)]
    layers += [tc.nn.Linear(widths[-1], outputs, dtype=dtype)]
    net = tc.nn.Sequential(*layers, *([Cast(wide=True)] if single else []))
    if not hidden:
        with (
            tc.no_grad()
        ):  # the objective is convex: every start ends at the same place, and nought is the nearest to it
            for parameter in net.parameters():
                parameter.zero_()
    return net


def cut(
    inputs: npt.NDArray[np.float64],
    *,
    pieces: int,
    outputs: int,
    hidden: tuple[int, ...] = (),
    dropout: float = 0.0,
    slanted: float = 0.0,
    centred: bool = False,
    single: bool = False,
) -> tc.nn.Module:
    """Returns the untrained network behind inputs that are cut into at most `pieces` each (0: none), at their edges.

    Inputs that correlate at least as much as `slanted` (0: none) are also cut along their sum and difference.
    """
    width = inputs.shape[1]
    axes = Axes(width, 0)
    if slanted:
        pairs = together(inputs, least=slanted)
        axes = Axes(width, 2 * len(pairs))
        axes.learn(pairs)
    columns = axes(tc.as_tensor(inputs)).numpy()
    found = [edges(column, pieces) for column in columns.T] if pieces else []
    total, more = sum(each.size - 1 for each in found), columns.shape[1] - width
    net = build(
        inputs=width, outputs=outputs, hidden=hidden, dropout=dropout, pieces=total, slanted=more, single=single
    )
    for layer in net.modules():
        if isinstance(layer, Axes):
            layer.turn.copy_(axes.turn)
        if isinstance(layer, Piecewise):
            layer.learn(found, centred=centred)
    return net


def fresh(
    settings: Numeric,
    *,
    inputs: npt.NDArray[np.float64],
    outputs: int,
    slanted: float = 0.0,
    centred: bool = False,
    single: bool = False,
) -> tc.nn.Module:
    """Returns the untrained network that the settings describe; the same seed gives the same weights.

    `inputs` are those of the training rows, of shape (rows, inputs): they say where the edges of the pieces are.
    """
    tc.manual_seed(settings.seed)
    if settings.model == "linear":
        return build(inputs=inputs.shape[1], outputs=outputs)
    return cut(
        inputs,
        pieces=settings.pieces,
        outputs=outputs,
        hidden=settings.hidden,
        dropout=settings.dropout,
        slanted=slanted,
        centred=centred,
        single=single,
    )


def outputs(net: tc.nn.Module, inputs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns what the network gives for each row, of shape (rows, outputs), without dropout and without a graph.

    The rows are copied to where tensor_core allocates: numpy's arrays begin anywhere, and by where they begin a product
    adds in another order.
    """
    net.eval()
    with tc.no_grad():
        chunks = (inputs[start : start + CHUNK_ROWS] for start in range(0, max(len(inputs), 1), CHUNK_ROWS))
        return np.concatenate([net(tc.as_tensor(chunk).clone()).numpy() for chunk in chunks])


def single(net: tc.nn.Module) -> tc.nn.Module:
    """Returns a copy in float32, as other runtimes want it (ONNX Runtime has no GELU in float64)."""
    found = copy.deepcopy(net).eval().float()
    for layer in found.modules():
        if isinstance(layer, Cast):
            layer.wide = False
    return found


def save(net: tc.nn.Module, folder: Path, *, inputs: int) -> None:
    """Writes the weights and the shape of the network, which reads so many inputs, into the folder."""
    sizes = [tuple(weight.shape) for weight in net.parameters() if weight.dim() > 1]
    hidden = [after for after, _ in sizes[:-1]]
    pieces = next((layer.low.shape[0] for layer in net.modules() if isinstance(layer, Piecewise)), 0)
    slanted = next((layer.turn.shape[1] for layer in net.modules() if isinstance(layer, Axes)), 0)
    single = any(isinstance(layer, Cast) for layer in net.modules())
    shape = {
        "schema": SCHEMA, "inputs": inputs, "hidden": hidden, "pieces": pieces, "slanted": slanted, "single": single
    }  # fmt: skip
    files.write(folder / SHAPE, json.dumps(shape, indent=1) + "\n")
    tc.nn.save_safetensors(net.state_dict(), folder / WEIGHTS)


def load(folder: Path, *, inputs: int, outputs: int) -> tc.nn.Module:
    """Returns the network that `save` wrote; raises `ArtefactError` when it is missing or of another shape."""
    shape = files.read_json(folder / SHAPE, remedy="run train.py first")
    try:
        if shape["schema"] != SCHEMA:
            raise ValueError(f"schema {shape['schema']!r} is not {SCHEMA}")
        if shape["inputs"] != inputs:
            raise ValueError(f"it reads {shape['inputs']} inputs, not {inputs}")
        hidden = tuple(int(width) for width in shape["hidden"])
        net = build(
            inputs=inputs,
            outputs=outputs,
            hidden=hidden,
            pieces=int(shape["pieces"]),
            slanted=int(shape["slanted"]),
            single=bool(shape["single"]),
        )
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS))
    except FileNotFoundError:
        raise ArtefactError(f"{folder / WEIGHTS}: there is no such file; run train.py first") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    net.eval()
    return net
