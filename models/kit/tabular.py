"""What templates share that learn one column of a table from the others: design matrix, network, and their files."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import network, preprocess
from models.kit.config import Project
from models.kit.preprocess import Preprocess
from models.kit.task import Case, Onnx, Rows

Vector = npt.NDArray[np.float64]


class Prepared(NamedTuple):
    """What the training rows taught about the columns, the design matrix of all rows, and their target.

    The target is a number, or the place of a class (-1: a class that training lacks).
    """

    learned: Preprocess
    inputs: Vector
    target: npt.NDArray[Any]


class Model(NamedTuple):
    """A trained model: what was learned about the columns, and the network behind it."""

    learned: Preprocess
    net: tc.nn.Module


def outputs(model: Model, table: pl.DataFrame) -> Vector:
    """Returns what the network gives for each row of a table, of shape (rows, outputs)."""
    return network.outputs(model.net, preprocess.transform(model.learned, table))


def save(model: Model, folder: Path) -> None:
    """Writes preprocess.json, model.json and weights.safetensors."""
    network.save(model.net, folder, inputs=len(model.learned.features))
    preprocess.save(model.learned, folder / preprocess.FILE)


def load(folder: Path, settings: Project) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    learned = preprocess.load(folder / preprocess.FILE)
    net = network.load(folder, inputs=len(learned.features), outputs=len(learned.classes) or 1)
    return Model(learned, net)


def questions(case: Case[Any, pl.DataFrame, Any]) -> pl.DataFrame:
    """Returns the test rows without the target."""
    return case.data.examples[case.split.test].drop(case.settings.target)


def inputs(table: pl.DataFrame, model: Any, settings: Project) -> pl.DataFrame:
    """Returns the table as it is: its rows are the examples; raises `TableError` where it is not as in training."""
    preprocess.check(model.learned, table)
    return table


def take(table: pl.DataFrame, rows: Rows) -> pl.DataFrame:
    """Returns those rows of the table."""
    return table[rows]


def onnx(model: Model, settings: Project) -> Onnx:
    """Returns the network in float32, as a function of the design matrix, whose columns preprocess.json describes."""
    return Onnx(network.single(model.net), tc.as_tensor(np.zeros((2, len(model.learned.features)), dtype=np.float32)))


def features(model: Model) -> tuple[str, ...]:
    """Returns the names of the columns of the design matrix."""
    return model.learned.features
