"""capture: a whole step (forward, backward, update) as one compiled graph that writes parameters and state in place.

Context. A step of many small ops costs Python and dispatch for each of them, and memory traffic between them.

Decision. The first call with arguments of new shapes runs as it is; the second one is traced on fake tensors, compiled
ahead of time and kept on disk; all later ones run machine code. What a step reads and writes is found by tracing it
(`tracing`), so nothing is listed. What cannot be captured raises; what cannot be compiled here runs as it is.

Consequences. Learning rates, bias corrections and random numbers come from memory and stay fresh; other numbers are
held fixed, and a changed setting or mode of a module makes a new graph. Side effects in Python happen while tracing
alone. Gradients live and die inside the step, unless no optimiser takes them.

Alternatives. torch.compile (Dynamo) breaks on tensors that are not torch's; a list of the step's state, as in JAX, is
one more thing to get wrong; several steps in one graph took minutes to compile and gained nothing.
"""

import threading
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import torch

from tensor_core import compile as compiling
from tensor_core import tracing
from tensor_core.autograd import Memory, next_number
from tensor_core.calls import cached_number
from tensor_core.remember import Record
from tensor_core.repay import Judge
from tensor_core.tensor import Tensor
from tensor_core.tracing import CaptureError, Traced

When = Literal["always", "auto", "never"]
_MANY_KINDS = 8  # of arguments, after which a warning asks whether a number should be a tensor
_one_at_a_time = threading.Lock()  # TorchInductor's settings are the process's


class _Compiled(NamedTuple):
    run: compiling.Runner
    traced: Traced


class Captured:
    """A step that runs as one compiled graph. Made by `capture`."""

    def __init__(self, step: Callable[..., Any], *, dynamic: Sequence[int], judge: Judge | None) -> None:
        """Remember the step; nothing is traced before it is called."""
        self.step = step
        self.dynamic = tuple(dynamic)
        self.judge = judge
        self.known: dict[Any, list[_Compiled]] = {}  # by kind of arguments, exact shapes included
        self.seen: set[Any] = set()  # kinds that were run once, uncaptured
        self.records: dict[Any, Record] = {}  # of the calls of those kinds, until they are compiled
        self.refused: set[Any] = set()  # kinds that stay uncaptured
        self.making: dict[Any, threading.Thread] = {}  # kinds that are compiled in the background
        self.__name__ = getattr(step, "__name__", "step")
        self.__doc__ = step.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the step gives for these arguments."""
        if tracing.watching.get() is not None:
            return self.step(*args, **kwargs)  # inside another captured step: part of its graph
        raws: list[torch.Tensor] = []
        kind = _kind((args, kwargs) if kwargs else args, raws)
        compiled: _Compiled | None
        if self.judge is None:
            for known in self.known.get(kind, ()):
                if known.traced.holds():
                    return _run(known, raws)
            compiled = self._prepared(kind, raws, args, kwargs)
            if compiled is not None:
                return _run(compiled, raws)
            return self.step(*args, **kwargs) if kind in self.refused else self._recorded(kind, raws, args, kwargs)
        compiled = self._repaid(self.judge, kind, raws, args, kwargs)
        start = time.perf_counter()
        answer = self.step(*args, **kwargs) if compiled is None else _run(compiled, raws)
        self.judge.took(kind, time.perf_counter() - start, captured=compiled is not None)
        return answer

    # ---- always: the second call of a kind is compiled

    def _prepared(self, kind: Any, raws: list[torch.Tensor], args: Any, kwargs: Any) -> _Compiled | None:
        if kind in self.refused:
            return None
        compiled = self._fitting(kind, raws)
        if compiled is None:
            if kind not in self.seen:
                self._see(kind)
                return None
            compiled = self._compiled(self._traced(raws, args, kwargs), kind)
        if compiled is not None:
            self.known.setdefault(kind, []).insert(0, compiled)
        return compiled

    def _recorded(self, kind: Any, raws: list[torch.Tensor], args: Any, kwargs: Any) -> Any:
        """The first call of a kind as it is; if the disk knows what it does, the next one runs compiled."""
        with Record(kind, raws, cached_number) as record:
            answer = self.step(*args, **kwargs)
            noted = record.read()
        run = compiling.load(noted[0], noted[1].device) if noted is not None else None
        if noted is not None and run is not None:
            self.known.setdefault(kind, []).insert(0, _Compiled(run, noted[1]))
        else:
            self.records[kind] = record
        return answer

    def _see(self, kind: Any) -> None:
        self.seen.add(kind)
        if len(self.seen) == _MANY_KINDS:
            warnings.warn(
                f"{self.__name__} was called with {_MANY_KINDS} kinds of arguments, each to be compiled on its own; "
                "pass numbers that change as tensors, and name the dimensions that change by dynamic=",
                stacklevel=4,
            )

    def _fitting(self, kind: Any, raws: list[torch.Tensor]) -> _Compiled | None:
        """A graph that holds for these arguments, made for them or for other sizes."""
        shapes = [raw.shape for raw in raws]
        for other, found in self.known.items():
            if _same_but_sizes(kind, other):
                for compiled in found:
                    if compiled.traced.holds() and compiled.traced.fits(shapes):
                        return compiled
        return None

    def _traced(self, raws: list[torch.Tensor], args: Any, kwargs: Any) -> Traced:
        outline = tracing.flatten((args, kwargs), [], _raw)

        def call(tensors: Sequence[torch.Tensor]) -> tuple[list[torch.Tensor], Any]:
            given, named = tracing.unflatten(outline, [Tensor.handle(raw) for raw in tensors])
            found: list[torch.Tensor] = []
            answer = tracing.flatten(self.step(*given, **named), found, _raw)
            return found, answer

        return tracing.trace(call, raws, self.dynamic, cached_number)

    def _compiled(self, traced: Traced, kind: Any) -> _Compiled | None:
        """The traced step from the disk or newly compiled; None where that is impossible, which is said once."""
        key = compiling.fingerprint(traced)
        run = compiling.load(key, traced.device)
        if run is None:
            reason = compiling.missing_compiler(traced.device)
            if reason is None:
                try:
                    with _one_at_a_time:
                        run = compiling.compile(traced, key)
                except PermissionError as error:
                    reason = f"its cache cannot be used: {error}"
                except Exception as error:  # noqa: BLE001 - the step goes on as it is, whatever the compiler says
                    reason = f"TorchInductor failed: {error}"
            if run is None:
                if not self.refused:
                    warnings.warn(f"{self.__name__} runs uncaptured, because {reason}", stacklevel=4)
                self.refused.add(kind)
                return None
        record = self.records.pop(kind, None)
        if record is not None:
            record.write(traced, key)
        return _Compiled(run, traced)

    # ---- auto: compiled in the background once the remaining steps repay it

    def _repaid(self, judge: Judge, kind: Any, raws: list[torch.Tensor], args: Any, kwargs: Any) -> _Compiled | None:
        if kind in self.refused or kind in self.making:
            return None
        compiled = self._fitting(kind, raws)
        if compiled is not None:
            if judge.keeps(kind):
                return compiled
            self.refused.add(kind)
        if compiled is None and judge.wants_trace(kind):
            try:
                traced = self._traced(raws, args, kwargs)
            except CaptureError as error:
                warnings.warn(f"{self.__name__} runs uncaptured: {error}", stacklevel=4)
                self.refused.add(kind)
                return None
            key = compiling.fingerprint(traced)
            run = compiling.load(key, traced.device)
            if run is not None:
                self.known.setdefault(kind, []).insert(0, _Compiled(run, traced))
            elif compiling.missing_compiler(traced.device) is None and judge.wants_compile(
                kind, len(traced.module.graph.nodes), compiling.cache_folder()
            ):
                self._make(kind, traced)
            else:
                self.refused.add(kind)
        return None

    def _make(self, kind: Any, traced: Traced) -> None:
        def work() -> None:
            try:
                compiled = self._compiled(traced, kind)
                if compiled is not None:
                    self.known.setdefault(kind, []).insert(0, compiled)
            finally:
                del self.making[kind]

        self.making[kind] = threading.Thread(target=work, name=f"compile {self.__name__}", daemon=True)
        self.making[kind].start()


def _run(compiled: _Compiled, raws: list[torch.Tensor]) -> Any:
    traced = compiled.traced
    raws = [raw if raw.is_contiguous() else raw.contiguous() for raw in raws]
    made = compiled.run([*raws, *traced.state])
    number = next_number()
    for raw in traced.written:
        Memory.of(raw).write(number)
    if traced.left:
        for leaf, grad in zip(traced.left, made[-len(traced.left) :], strict=True):
            leaf.grad = Tensor.handle(grad)
    return tracing.unflatten(traced.outline, [Tensor.handle(raw) for raw in made])


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


def capture(
    step: Callable[..., Any] | None = None,
    *,
    when: When = "always",
    steps: int | None = None,
    dynamic: int | Sequence[int] = 0,
) -> Any:
    """`step` as one compiled graph that updates parameters, state and random numbers in place.

    Arguments and results are tensors, nested in tuples, lists and dicts; other arguments are held fixed in the graph.
    `dynamic` names the dimensions of arguments whose sizes may change without a new graph; by default the first, that
    of the batch. `when="always"` compiles at the second call; `when="auto"`, which needs `steps`, the number of all
    calls, compiles in the background, and only if the calls that remain repay it; `when="never"` gives `step` back.
    Gradients live inside the step: `.grad` is None after it, unless no optimiser took them.
    A step that needs its numbers while it is traced raises `CaptureError`, which names the line.

    >>> import tensor_core as tc
    >>> w = tc.tensor([1.0], requires_grad=True)
    >>> sgd = tc.optim.SGD([w], lr=0.5)
    >>> @tc.capture(when="auto", steps=2)
    ... def step(x):
    ...     sgd.zero_grad()
    ...     loss = ((w * x) ** 2).sum()
    ...     loss.backward()
    ...     sgd.step()
    ...     return loss
    >>> [step(tc.tensor([0.5])).item() for _ in range(2)]
    [0.25, 0.140625]
    """
    if step is None:
        return lambda wanted: capture(wanted, when=when, steps=steps, dynamic=dynamic)
    if when == "never":
        return step
    if when not in ("always", "auto"):
        raise ValueError(f"capture: when is 'always', 'auto' or 'never', not {when!r}")
    if when == "auto" and steps is None:
        raise ValueError("capture: when='auto' needs steps=, the number of calls that the compiling must repay")
    dims = [dynamic] if isinstance(dynamic, int) else dynamic
    return Captured(step, dynamic=dims, judge=Judge(steps or 0) if when == "auto" else None)
