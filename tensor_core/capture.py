"""capture: a whole step (forward, backward, update) as one compiled graph that writes parameters and state in place.

    step = tc.capture(step)

The first call with arguments of new shapes runs as it is; the second one is traced, compiled and kept on disk; all
later ones run machine code. What a step reads and writes is found by tracing it (`trace`), so nothing is listed.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import torch

from tensor_core import compile as compiling
from tensor_core import trace as tracing
from tensor_core.autograd import Memory, next_number
from tensor_core.op import cached_number
from tensor_core.tensor import Tensor
from tensor_core.trace import Traced

When = Literal["always", "auto", "never"]
_MANY_KINDS = 8  # of arguments, after which a warning asks whether a number should be a tensor


class _Compiled(NamedTuple):
    """A graph that can be run, and what must still hold for that."""

    run: compiling.Runner
    traced: Traced
    settings: int
    modes: tuple[tuple[Any, bool], ...]


class Captured:
    """A step that runs as one compiled graph. Made by `capture`."""

    def __init__(self, step: Callable[..., Any], *, dynamic: Sequence[int]) -> None:
        """Remember the step; nothing is traced before it is called."""
        self.step = step
        self.dynamic = tuple(dynamic)
        self.known: dict[Any, list[_Compiled]] = {}  # by kind of arguments, exact shapes included
        self.seen: set[Any] = set()  # kinds that were run once, uncaptured
        self.refused: set[Any] = set()  # kinds that stay uncaptured
        self.__name__ = getattr(step, "__name__", "step")
        self.__doc__ = step.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the step gives for these arguments."""
        if tracing.watching.get() is not None:
            return self.step(*args, **kwargs)  # inside another captured step: part of its graph
        raws: list[torch.Tensor] = []
        kind = _kind((args, kwargs) if kwargs else args, raws)
        for compiled in self.known.get(kind, ()):
            if compiled.settings == tracing.settings and all(m._training is mode for m, mode in compiled.modes):
                return self._run(compiled, raws)
        return self._uncommon(kind, raws, args, kwargs)

    def _run(self, compiled: _Compiled, raws: list[torch.Tensor]) -> Any:
        raws = [raw if raw.is_contiguous() else raw.contiguous() for raw in raws]
        made = compiled.run([*raws, *compiled.traced.state])
        number = next_number()
        for raw in compiled.traced.written:
            Memory.of(raw).write(number)
        return tracing.unflatten(compiled.traced.outline, [Tensor.handle(raw) for raw in made])

    def _uncommon(self, kind: Any, raws: list[torch.Tensor], args: Any, kwargs: Any) -> Any:
        """A call that no graph is known for: the first of its kind runs as it is, the second is compiled."""
        if kind in self.refused:
            return self.step(*args, **kwargs)
        fitting = self._fitting(kind, raws)
        if fitting is None:
            if kind not in self.seen:
                self.seen.add(kind)
                if len(self.seen) == _MANY_KINDS:
                    warnings.warn(
                        f"{self.__name__} was called with {_MANY_KINDS} kinds of arguments, each to be compiled on its "
                        "own; pass numbers that change as tensors, and let sizes that change be named by dynamic=",
                        stacklevel=3,
                    )
                return self.step(*args, **kwargs)
            fitting = self._compile(raws, args, kwargs)
            if fitting is None:
                self.refused.add(kind)
                return self.step(*args, **kwargs)
        self.known.setdefault(kind, []).insert(0, fitting)
        return self._run(fitting, raws)

    def _fitting(self, kind: Any, raws: list[torch.Tensor]) -> _Compiled | None:
        """A graph made for other sizes that holds for these as well."""
        shapes = [raw.shape for raw in raws]
        for other, found in self.known.items():
            for compiled in found:
                if (
                    _same_but_sizes(kind, other)
                    and compiled.settings == tracing.settings
                    and all(m._training is mode for m, mode in compiled.modes)
                    and compiled.traced.fits(shapes)
                ):
                    return compiled
        return None

    def _compile(self, raws: list[torch.Tensor], args: Any, kwargs: Any) -> _Compiled | None:
        outline = tracing.flatten((args, kwargs), [], _raw)

        def call(tensors: Sequence[torch.Tensor]) -> tuple[list[torch.Tensor], Any]:
            given, named = tracing.unflatten(outline, [Tensor.handle(raw) for raw in tensors])
            found: list[torch.Tensor] = []
            answer = tracing.flatten(self.step(*given, **named), found, _raw)
            return found, answer

        settings = tracing.settings
        traced = tracing.trace(call, raws, self.dynamic, cached_number)
        device = next((raw.device for raw in (*raws, *traced.state)), torch.device("cpu"))
        key = compiling.fingerprint(traced)
        run = compiling.load(key, device)
        if run is None:
            missing = compiling.missing_compiler(device)
            if missing:
                warnings.warn(f"{self.__name__} runs uncaptured, because {missing}; results are the same", stacklevel=5)
                return None
            run = compiling.compile(traced, key, device)
        return _Compiled(run, traced, settings, tuple(traced.watch.modes.items()))


def _raw(value: Any) -> torch.Tensor | None:
    return value.raw if isinstance(value, Tensor) else value if isinstance(value, torch.Tensor) else None


def _kind(value: Any, raws: list[torch.Tensor]) -> Any:
    """What tells graphs apart: nesting, numbers, and each tensor's shape, type and device. Tensors go to `raws`."""
    if isinstance(value, Tensor):
        raw = value.raw
        raws.append(raw)
        return raw.shape, raw.dtype, raw.device
    if isinstance(value, tuple | list):
        return type(value), *[_kind(entry, raws) for entry in value]
    if isinstance(value, dict):
        return dict, *[(key, _kind(entry, raws)) for key, entry in value.items()]
    if isinstance(value, torch.Tensor):
        raws.append(value)
        return value.shape, value.dtype, value.device
    return type(value), value


def _same_but_sizes(one: Any, other: Any) -> bool:
    """Whether two kinds of arguments differ in nothing but the sizes of tensors."""
    if isinstance(one, torch.Size) and isinstance(other, torch.Size):
        return len(one) == len(other)
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return all(_same_but_sizes(a, b) for a, b in zip(one, other, strict=True))
    return type(one) is type(other) and bool(one == other)


def capture(step: Callable[..., Any], *, dynamic: int | Sequence[int] = 0) -> Captured:
    """`step` as one compiled graph that updates parameters, state and random numbers in place.

    Arguments and results are tensors, nested in tuples, lists and dicts; other arguments are held fixed in the graph.
    `dynamic` names the dimensions of arguments whose sizes may change without a new graph; by default the first, that
    of the batch. Gradients live inside the step: `.grad` is None after it.
    """
    return Captured(step, dynamic=[dynamic] if isinstance(dynamic, int) else dynamic)
