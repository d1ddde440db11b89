"""A trained forecaster and its files: JSON for what it is, safetensors for weights and history."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import forecaster
import numpy as np
import timetable
import windows
from forecaster import Forecaster
from panel import Panel
from timetable import Table
from windows import Plan

import tensor_core as tc
from models.kit import files, preprocess
from models.kit.errors import ArtefactError

SCHEMA = 1
MODEL_FILE, WEIGHTS_FILE, HISTORY_FILE = "model.json", "weights.safetensors", "history.safetensors"


class Model(NamedTuple):
    """A trained forecaster, what it sees, how far its interval is widened, and the history that it forecasts from."""

    net: Forecaster
    plan: Plan
    widening: float
    table: Table
    history: Panel


def save(model: Model, folder: Path) -> None:
    """Writes model.json, weights.safetensors, history.safetensors, and preprocess.json where columns are known."""
    layers = [layer for layer in model.net.modules() if isinstance(layer, forecaster.Side)]
    about = {
        "schema": SCHEMA,
        "plan": model.plan._asdict(),
        "widening": model.widening,
        "members": int(layers[0].weight.shape[0]),
        "hidden": [int(layer.weight.shape[2]) for layer in layers[:-1]],
        **timetable.to_dict(model.table),
    }
    files.write(folder / MODEL_FILE, json.dumps(about, ensure_ascii=False, indent=1) + "\n")
    if model.table.learned is not None:
        preprocess.save(model.table.learned, folder / preprocess.FILE)
    tc.nn.save_safetensors(model.net.state_dict(), folder / WEIGHTS_FILE)
    grids = {"values": tc.as_tensor(model.history.values), "known": tc.as_tensor(model.history.known)}
    tc.nn.save_safetensors(grids, folder / HISTORY_FILE)


def load(folder: Path, settings: object) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    about = files.read_json(folder / MODEL_FILE, remedy="run train.py first")
    learned = preprocess.load(folder / preprocess.FILE) if (folder / preprocess.FILE).exists() else None
    try:
        if about["schema"] != SCHEMA:
            raise ValueError(f"schema {about['schema']!r} is not {SCHEMA}")
        plain: dict[str, Any] = {
            name: tuple(each) if isinstance(each, list) else each for name, each in about["plan"].items()
        }
        plan = Plan(**plain)
        net = Forecaster(
            len(windows.names(plan)),
            members=int(about["members"]),
            hidden=tuple(about["hidden"]),
            outputs=3,
            dropout=0.0,
        )
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS_FILE))
        grids = {name: grid.numpy() for name, grid in tc.nn.load_safetensors(folder / HISTORY_FILE).items()}
        nothing = np.zeros(0, dtype=np.int64)
        history = Panel(grids["values"], grids["known"], nothing, nothing, nothing)
        model = Model(net, plan, float(about["widening"]), timetable.from_dict(about, learned), history)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    net.eval()
    return model
