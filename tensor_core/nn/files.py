"""Tensors in safetensors files. Nothing is pickled."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import torch

from tensor_core.nn.module import Module
from tensor_core.tensor import Tensor


def save_safetensors(
    state: Module | Mapping[str, Tensor], path: str | os.PathLike[str], *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors to a safetensors file, whole or not at all, with the permissions of any new file."""
    from safetensors.torch import save

    tensors = state.state_dict() if isinstance(state, Module) else state
    raws = {
        name: held.raw.detach().cpu().clone(memory_format=torch.contiguous_format) for name, held in tensors.items()
    }
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        with temporary.open("xb") as file:
            file.write(save(raws, metadata=dict(metadata) if metadata else None))
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load_safetensors(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file; save one with save_safetensors")
    try:
        return {name: Tensor.handle(raw) for name, raw in load(Path(path).read_bytes()).items()}
    except SafetensorError as error:
        raise ValueError(f"{path}: not a whole safetensors file ({error})") from None
