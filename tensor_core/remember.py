"""A step recognised by what it does, so that a later process runs the compiled step without tracing it.

Tracing needs parts of torch that take a second to import. The first call of a step runs uncaptured anyway; it is
recorded: which ops, on which tensors, with which numbers. That record says the same as the graph. A note on the disk
leads from its hash to the artefact and says which of the recorded tensors are the artefact's inputs.
"""

import functools
import hashlib
import json
import os
import secrets
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tensor_core import compile as compiling
from tensor_core import tracing
from tensor_core.tracing import Slot, Traced, Watch, watching


class Record:
    """One recorded call: its hash, the tensors that it found (not made), and what it noticed besides."""

    def __init__(self, kind: Any, raws: Sequence[torch.Tensor], constant: Callable[[torch.Tensor], Any]) -> None:
        """Begin with the arguments, whose kind is part of the hash."""
        self.constant = constant
        self.raws = list(raws)
        self.digest = hashlib.sha256(repr((kind, compiling.circumstances())).encode())
        self.numbers: dict[int, str] = {id(raw): f"argument {i}" for i, raw in enumerate(raws)}
        self.found: list[torch.Tensor] = []
        self.alive: dict[int, Any] = {}  # what was made, by id, so that the id is forgotten when the tensor goes
        self.count = 0  # of what was made
        self.watch = Watch()
        self._mode = _recording(self)

    def __enter__(self) -> Self:
        self._token = watching.set(self.watch)
        self._mode.__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        self._mode.__exit__(*error)  # type: ignore[no-untyped-call]
        watching.reset(self._token)

    def name(self, value: Any) -> Any:
        """A tensor by its number, a container by what is in it, anything else as it is written."""
        if isinstance(value, torch.Tensor):
            known = self.numbers.get(id(value))
            if known is None:
                number = self.constant(value)
                known = f"found {len(self.found)}" if number is None else f"number {number!r} {value.dtype}"
                if number is None:
                    self.numbers[id(value)] = known
                    self.found.append(value)
                    about = tuple(value.shape), value.stride(), value.dtype, value.device
                    self.digest.update(repr(about).encode())
            return known
        if isinstance(value, list | tuple):
            return [self.name(entry) for entry in value]
        return repr(value)

    def made(self, value: Any) -> None:
        """Number what an op made."""
        for entry in value if isinstance(value, list | tuple) else [value]:
            if isinstance(entry, torch.Tensor) and id(entry) not in self.numbers:
                self.count += 1
                self.numbers[id(entry)] = f"made {self.count}"
                self.alive[id(entry)] = weakref.ref(entry, functools.partial(self._gone, id(entry)))

    def _gone(self, number: int, reference: Any) -> None:
        self.numbers.pop(number, None)
        self.alive.pop(number, None)

    def place(self) -> Path:
        """Where the note of this record lies."""
        modes = [mode for _, mode in self.watch.modes.items()]
        digest = self.digest.copy()
        digest.update(repr(modes).encode())
        return compiling.cache_folder() / f"{digest.hexdigest()[:40]}.json"

    def write(self, traced: Traced, key: str) -> None:
        """Leave a note, if all that the traced step needs was found by this record, too."""
        numbers = {id(raw): i for i, raw in enumerate(self.found)}
        leaves = {id(leaf): i for i, leaf in enumerate(self.watch.leaves)}
        outline = _plain(traced.outline)
        if (
            outline is None
            or traced.added
            or any(id(raw) not in numbers for raw in traced.state)
            or any(id(leaf) not in leaves for leaf in traced.left)
            or [m for m, _ in traced.modes] != list(self.watch.modes)
        ):
            return
        note = {
            "key": key,
            "state": [numbers[id(raw)] for raw in traced.state],
            "written": [numbers[id(raw)] for raw in traced.written],
            "left": [leaves[id(leaf)] for leaf in traced.left],
            "outline": outline,
        }
        place = self.place()
        temporary = place.with_name(f".{place.name}.{secrets.token_hex(6)}")
        temporary.write_text(json.dumps(note), encoding="utf-8")
        os.replace(temporary, place)

    def read(self) -> tuple[str, Traced] | None:
        """The artefact's name and what the note says of the traced step; None without a note."""
        try:
            note = json.loads(self.place().read_text(encoding="utf-8"))
            leaves = list(self.watch.leaves)
            traced = Traced(
                module=torch.fx.GraphModule({}, torch.fx.Graph()),
                inputs=tuple(torch.empty_like(raw, device="meta") for raw in self.raws),
                state=tuple(self.found[i] for i in note["state"]),
                written=tuple(self.found[i] for i in note["written"]),
                outline=_whole(note["outline"]),
                modes=tuple(self.watch.modes.items()),
                added=(),
                left=tuple(leaves[i] for i in note["left"]),
                settings=tracing.settings,
                symbols={},
                guards=(),
            )
            return str(note["key"]), traced
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            return None


def _recording(record: Record) -> TorchDispatchMode:
    def dispatch(
        self: Any, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = [record.name(a) for a in args], {k: record.name(v) for k, v in (kwargs or {}).items()}
        record.digest.update(f"{func} {named}\n".encode())
        made = func(*args, **(kwargs or {}))
        record.made(made)
        return made

    class Recording(TorchDispatchMode):  # type: ignore[no-untyped-call]
        pass

    # Set afterwards, because torch wraps what stands in the class so that its first call imports the compiler.
    Recording.__torch_dispatch__ = dispatch  # type: ignore[method-assign]
    return Recording()  # type: ignore[no-untyped-call]


def _plain(outline: Any) -> Any:
    """An outline as JSON has it; None if it holds what JSON does not."""
    if isinstance(outline, Slot):
        return {"slot": outline.number}
    if type(outline) in (list, tuple):
        entries = [_plain(entry) for entry in outline]
        return None if None in entries else {type(outline).__name__: entries}
    if type(outline) is dict and all(isinstance(key, str) for key in outline):
        values = {key: _plain(entry) for key, entry in outline.items()}
        return None if None in values.values() else {"dict": values}
    return {"value": outline} if outline is None or type(outline) in (bool, int, float, str) else None


def _whole(plain: dict[str, Any]) -> Any:
    ((kind, value),) = plain.items()
    if kind == "slot":
        return Slot(value)
    if kind in ("list", "tuple"):
        entries = [_whole(entry) for entry in value]
        return entries if kind == "list" else tuple(entries)
    return {key: _whole(entry) for key, entry in value.items()} if kind == "dict" else value
