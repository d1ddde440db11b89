"""Checkpoints: model, optimiser and progress in one folder, written whole or not at all, without pickle."""

import hashlib
import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

import torch

from tensor_core.nn.files import load_safetensors, save_safetensors
from tensor_core.nn.module import Module
from tensor_core.optim import Optimizer
from tensor_core.tensor import Tensor

_KEPT = 2  # checkpoints; the older one is there in case the disk lost the newer one
_MODEL, _OPTIMIZER, _CHANCE, _NOTE = "model.safetensors", "optimizer.safetensors", "chance.safetensors", "note.json"


def save_checkpoint(folder: str | Path, step: int, model: Module, optimizer: Optimizer, **progress: Any) -> Path:
    """Write the state after `step`, with `progress` as JSON beside it, and return the new folder inside `folder`."""
    base = Path(folder)
    base.mkdir(parents=True, exist_ok=True)
    making = base / f".making-{secrets.token_hex(6)}"
    making.mkdir()
    try:
        state = optimizer.state_dict()
        save_safetensors(model, making / _MODEL)
        save_safetensors(state["state"], making / _OPTIMIZER)
        save_safetensors({"cpu": Tensor.handle(torch.get_rng_state())}, making / _CHANCE)
        sums = {name: _checksum(making / name) for name in (_MODEL, _OPTIMIZER, _CHANCE)}
        note = {"step": step, "groups": state["groups"], "sha256": sums, "progress": progress}
        with (making / _NOTE).open("w", encoding="utf-8") as file:
            json.dump(note, file)
            file.flush()
            os.fsync(file.fileno())
        place = base / f"step-{step:09d}"
        shutil.rmtree(place, ignore_errors=True)
        os.rename(making, place)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    for old in _found(base)[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return place


def load_checkpoint(folder: str | Path, model: Module, optimizer: Optimizer) -> tuple[int, dict[str, Any]] | None:
    """The step and progress of the latest whole checkpoint, whose state is taken over; None if there is none."""
    for place in reversed(_found(Path(folder))):
        try:
            note = json.loads((place / _NOTE).read_text(encoding="utf-8"))
            whole = all(_checksum(place / name) == checksum for name, checksum in note["sha256"].items())
        except (OSError, ValueError, KeyError, AttributeError):
            whole = False
        if not whole:
            continue
        model.load_state_dict(load_safetensors(place / _MODEL))
        groups = [{k: tuple(v) if isinstance(v, list) else v for k, v in group.items()} for group in note["groups"]]
        optimizer.load_state_dict({"state": load_safetensors(place / _OPTIMIZER), "groups": groups})
        torch.set_rng_state(load_safetensors(place / _CHANCE)["cpu"].raw)
        return int(note["step"]), dict(note["progress"])
    return None


def _found(base: Path) -> list[Path]:
    return sorted(base.glob("step-*"))


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
