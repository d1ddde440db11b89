"""A graph as machine code: TorchInductor writes and compiles it ahead of time, and the disk keeps it.

The artefact is a shared library that torch loads by itself, so that a later process needs neither TorchInductor (which
takes seconds to import) nor a compiler. Its name is the hash of all that it depends on: the graph, the shapes, strides
and types of its inputs, the versions, the processor, the number of threads. Whoever may write into the folder may run
code here, so a folder of another user, or one that others may write to, is refused, and so is one that stands in such a
folder, unless it is sticky.
"""

import functools
import hashlib
import json
import os
import platform
import shutil
import stat
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tensor_core.tracing import Traced

Runner = Callable[[list[torch.Tensor]], list[torch.Tensor]]

_FORMAT = 1  # of the folders on disk
_MOST_KEPT = 128  # artefacts; the least recently used ones go first
_LIBRARY, _NOTE = "step.so", "note.json"
_HANDED_BACK = "step.json"  # where torch looks for the ops that TorchInductor has no code for
_REMEDY = "let TENSOR_CORE_CACHE be a folder that is yours alone, in one that others may not rename it in"
# On a CPU a chain of small ops is one loop, however long: broken up, each piece hands its results on through an array
# of its own, and asking for those took most of the time. A GPU's kernel of that length was never measured. And every
# compiler that knows the C++ of torch's headers knows the vectors of the processors it runs on: to ask it by building a
# library took four seconds.
_OPTIONS: dict[str, dict[str, Any]] = {"cpu": {"max_fusion_size": 4_096, "cpp.vec_isa_ok": True}}


def cache_folder() -> Path:
    """Where compiled steps are kept: $TENSOR_CORE_CACHE, or a folder of the user's cache."""
    given = os.environ.get("TENSOR_CORE_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tensor_core"


@functools.cache
def _processor() -> str:
    """What machine code depends on here: architecture and instruction sets."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        flags = ""
    return f"{platform.system()} {platform.machine()} {torch.backends.cpu.get_cpu_capability()} {flags}"


def circumstances() -> tuple[Any, ...]:
    """What machine code depends on besides the graph."""
    return _FORMAT, torch.__version__, _processor(), torch.get_num_threads(), sorted(_OPTIONS.items())


def fingerprint(traced: Traced) -> str:
    """The name of the artefact of a graph: equal exactly if everything that it depends on is."""
    parts = [
        circumstances(),
        [(str(t.dtype), str(t.device), str(tuple(t.shape)), str(t.stride())) for t in traced.inputs],
        [str(guard) for guard in traced.guards],
    ]
    digest = hashlib.sha256(repr(parts).encode())
    for node in traced.module.graph.nodes:
        digest.update(f"{node.op} {node.name} {node.target} {node.args} {node.kwargs}\n".encode())
    for name, held in sorted(traced.module.named_buffers()) + sorted(_constants(traced.module)):
        digest.update(f"{name} {held.dtype} {tuple(held.shape)}".encode())
        digest.update(held.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:40]


def _constants(module: torch.fx.GraphModule) -> list[tuple[str, torch.Tensor]]:
    return [(name, held) for name, held in vars(module).items() if isinstance(held, torch.Tensor)]


def missing_compiler(device: torch.device) -> str | None:
    """Why nothing can be compiled for a device here, in words; None if it can. Takes about a millisecond."""
    if device.type == "cpu":
        names = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "clang++"]
        return None if any(shutil.which(name) for name in names) else f"there is no C++ compiler ({' or '.join(names)})"
    if device.type == "cuda":
        import importlib.util

        return None if importlib.util.find_spec("triton") else "triton is not installed"
    return f"there is no ahead-of-time compiler for {device.type}"


def load(key: str, device: torch.device) -> Runner | None:
    """The compiled step of that name, if the disk has it whole."""
    folder = cache_folder() / key
    try:
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        _check_owner(folder)
        library = folder / _LIBRARY
        if hashlib.sha256(library.read_bytes()).hexdigest() != note["sha256"]:
            return None
        os.utime(folder)
        return _open(library, device)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError):
        return None


def _open(library: Path, device: torch.device) -> Runner:
    kind = "AOTIModelContainerRunnerCpu" if device.type == "cpu" else "AOTIModelContainerRunnerCuda"
    runner: Runner = getattr(torch._C._aoti, kind)(str(library), 1).run
    return runner


def _check_owner(folder: Path) -> None:
    """Refuse a folder that another user could have written, or put in the place of ours."""
    if os.name != "posix":
        return
    for place in (folder, folder.parent):
        found = place.stat()
        fixed = place is not folder and found.st_mode & stat.S_ISVTX  # as /tmp: others may not rename what is ours
        if found.st_uid not in (os.getuid(), 0):
            raise PermissionError(f"{place} belongs to another user; {_REMEDY}")
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not fixed:
            raise PermissionError(
                f"others may write to {place}; take that right away (chmod go-w {place}), or {_REMEDY}"
            )


def compile(traced: Traced, key: str) -> Runner:
    """The compiled step, written to the disk first. Takes seconds to minutes, and one core or more."""
    import torch._inductor

    started = time.perf_counter()
    base = cache_folder()
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_owner(base)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=base))
    try:
        options = {**_OPTIONS.get(traced.device.type, {}), "aot_inductor.output_path": str(making / _LIBRARY)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch._inductor.aot_compile(traced.module, traced.inputs, options=options)
        for entry in list(making.iterdir()):  # the sources have served
            if entry.name.endswith(".wrapper.json"):
                entry.rename(making / _HANDED_BACK)
            elif entry.name != _LIBRARY:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        checksum = hashlib.sha256((making / _LIBRARY).read_bytes()).hexdigest()
        note = {
            "sha256": checksum,
            "torch": torch.__version__,
            "nodes": len(traced.module.graph.nodes),
            "seconds": round(time.perf_counter() - started, 3),
        }
        (making / _NOTE).write_text(json.dumps(note) + "\n", encoding="utf-8")
        _publish(making, base / key)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    _trim(base)
    return _open(base / key / _LIBRARY, traced.device)


def _publish(making: Path, place: Path) -> None:
    """Move the finished folder to its name in one step; whoever was faster made the same."""
    try:
        os.rename(making, place)
    except OSError:
        stale = Path(tempfile.mkdtemp(prefix=".making-", dir=place.parent))
        if place.exists():
            os.rename(place, stale / "old")
        os.rename(making, place)
        shutil.rmtree(stale, ignore_errors=True)


def _trim(base: Path) -> None:
    """Drop the artefacts that were not used for longest."""
    kept = sorted((f for f in base.iterdir() if (f / _NOTE).exists()), key=lambda f: f.stat().st_mtime)
    for folder in kept[:-_MOST_KEPT]:
        shutil.rmtree(folder, ignore_errors=True)
    for note in sorted(base.glob("*.json"), key=lambda f: f.stat().st_mtime)[:-_MOST_KEPT]:
        note.unlink(missing_ok=True)
