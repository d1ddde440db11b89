"""A whole step as one graph of torch's own ops, with everything that it read and wrote found by running it once.

The step runs on fake tensors, which have shapes and no numbers. A real tensor that turns up on the way (a parameter,
the optimiser's state, a mask) becomes an input of the graph, so that nobody has to list what a step depends on and the
graph always reads memory as it is. What else shaped the graph is noticed where it is read: a module's mode here, the
settings of an optimiser by `outdate`.
"""

import contextlib
import dataclasses
import linecache
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import torch

_DYNAMIC = "dynamic"  # the name of the symbols that stand for sizes that may vary
_MINE = os.path.dirname(__file__) + os.sep
_TORCH = os.path.dirname(torch.__file__) + os.sep


class CaptureError(RuntimeError):
    """A step that cannot be one graph; the message names the line and the remedy."""


class Watch:
    """What a step used that is no tensor of its own: modes of modules, leaves that got gradients, optimisers."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.fakes: Any = None  # the mode of the fake tensors, and what makes an input of the graph of a real one
        self.lift: Any = None
        self.modes: dict[Any, bool] = {}
        self.leaves: dict[Any, None] = {}  # each once, in order
        self.optimizers: list[Any] = []


watching: ContextVar[Watch | None] = ContextVar("watching", default=None)
settings = 0  # grows whenever a setting that graphs hold fixed is changed; see `outdate`


def outdate() -> None:
    """Let no graph traced so far be used again: a setting it holds fixed has changed, or its tensors were replaced."""
    global settings
    settings += 1


def note_mode(module: Any, training: bool) -> None:
    """Remember, while a step is traced, that the graph holds for this mode of the module alone."""
    watch = watching.get()
    if watch is not None:
        watch.modes[module] = training


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Inside, real tensors are made although a step is being traced: state that lives longer than the step."""
    if watching.get() is None:
        yield
        return
    from torch.utils._python_dispatch import _disable_current_modes

    with _disable_current_modes():
        yield


class Traced(NamedTuple):
    """A step as a graph: its inputs are the arguments' tensors, then `state`; its outputs fill `outline`."""

    module: torch.fx.GraphModule
    inputs: tuple[torch.Tensor, ...]  # fakes: shapes with symbols, strides, types, devices
    state: tuple[torch.Tensor, ...]
    written: tuple[torch.Tensor, ...]  # those of `state` that the graph writes to
    outline: Any
    modes: tuple[tuple[Any, bool], ...]  # of modules, as the graph takes them to be
    added: tuple[tuple[Any, Any], ...]  # leaves and their gradients, which the graph adds to
    left: tuple[Any, ...]  # leaves whose gradients are the last outputs, because no optimiser took them
    settings: int
    symbols: dict[tuple[int, int], Any]  # (argument, dimension) to the symbol of its size
    guards: tuple[Any, ...]  # what must be true of the symbols, as sympy expressions

    @property
    def device(self) -> torch.device:
        """Where the step runs."""
        return next((t.device for t in (*self.state, *self.inputs)), torch.device("cpu"))

    def fits(self, shapes: Sequence[torch.Size]) -> bool:
        """Whether the graph holds for arguments of these shapes."""
        values: dict[Any, int] = {}
        for i, (shape, fake) in enumerate(zip(shapes, self.inputs, strict=False)):
            if len(shape) != fake.dim():
                return False
            for dim, size in enumerate(shape):
                symbol = self.symbols.get((i, dim))
                if symbol is None:
                    if size != fake.shape[dim]:
                        return False
                elif values.setdefault(symbol, size) != size:
                    return False
        return all(size > 1 for size in values.values()) and all(bool(g.xreplace(values)) for g in self.guards)

    def holds(self) -> bool:
        """Whether what the graph takes for granted, besides the arguments, is still so."""
        return (
            self.settings == settings
            and all(module._training is mode for module, mode in self.modes)
            and all(leaf.grad is grad for leaf, grad in self.added)
            and all(leaf.grad is None for leaf in self.left)
        )


class Slot(NamedTuple):
    """Where a tensor stands in an outline."""

    number: int


def flatten(value: Any, found: list[Any], unwrap: Callable[[Any], Any]) -> Any:
    """The outline of nested tuples, lists and dicts, each tensor replaced by its slot and added to `found`."""
    raw = unwrap(value)
    if raw is not None:
        found.append(raw)
        return Slot(len(found) - 1)
    if isinstance(value, dict):
        return {key: flatten(entry, found, unwrap) for key, entry in value.items()}
    if isinstance(value, list | tuple) and not isinstance(value, Slot):
        return rebuilt(value, [flatten(entry, found, unwrap) for entry in value])
    return value


def unflatten(outline: Any, tensors: Sequence[Any]) -> Any:
    """The nested value of an outline."""
    if isinstance(outline, Slot):
        return tensors[outline.number]
    if isinstance(outline, dict):
        return {key: unflatten(entry, tensors) for key, entry in outline.items()}
    if isinstance(outline, list | tuple):
        return rebuilt(outline, [unflatten(entry, tensors) for entry in outline])
    return outline


def rebuilt(like: Any, entries: list[Any]) -> Any:
    """A list, tuple or named tuple of the same kind."""
    return type(like)(*entries) if hasattr(like, "_fields") else type(like)(entries)


def trace(
    call: Callable[[Sequence[torch.Tensor]], tuple[list[torch.Tensor], Any]],
    arguments: Sequence[torch.Tensor],
    dynamic: Sequence[int],
    constant: Callable[[torch.Tensor], Any],
) -> Traced:
    """The graph of `call`, which takes raw tensors like `arguments` and gives raw tensors and an outline.

    `constant` turns a real tensor into the number it stands for, or None if the graph is to read its memory. The sizes
    of the dimensions in `dynamic` become symbols, one for each size and dimension.
    """
    from torch._dispatch.python import enable_python_dispatcher
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.fx.experimental.symbolic_shapes import ShapeEnv

    shapes = ShapeEnv(duck_shape=False, allow_scalar_outputs=False, allow_dynamic_output_shape_ops=False)
    fakes = FakeTensorMode(shape_env=shapes)
    sizes = _sizes(shapes, arguments, dynamic)
    with fakes:
        inputs = [torch.empty(size, dtype=a.dtype, device=a.device) for size, a in zip(sizes, arguments, strict=True)]
    lift = _lift(fakes, constant)
    watch = Watch()
    watch.fakes, watch.lift = fakes, lift.lift
    outline: Any = None
    left: list[Any] = []

    def run(*tensors: torch.Tensor) -> list[torch.Tensor]:
        nonlocal outline
        with lift:
            found, outline = call(tensors)
            if not watch.optimizers:
                left.extend(leaf for leaf in watch.leaves if _is_fake(leaf.grad))
                found = [*found, *(_dense(leaf.grad) for leaf in left)]
            # What is state already is copied, because the caller would see the next step write into it.
            known = {id(fake) for _, fake, _ in lift.lifted.values()} | {id(t) for t in tensors}
            return [lift.lift(t).clone() if id(lift.lift(t)) in known else t for t in found]

    before = settings
    token = watching.set(watch)
    try:
        with torch.no_grad(), fakes, enable_python_dispatcher():
            module = make_fx(run, decomposition_table=_simpler())(*inputs)
    except Exception as error:
        raise _explained(error) from error
    finally:
        watching.reset(token)
        _forget_fakes(watch)
    # The step may not look at numbers, but the loops that TorchInductor makes may.
    shapes.settings = dataclasses.replace(
        shapes.settings, allow_scalar_outputs=True, allow_dynamic_output_shape_ops=True
    )
    _arrange(module, [node for *_, node in lift.lifted.values()])
    written = _written(module)
    sized: list[tuple[tuple[int, int], Any]] = [
        ((i, d), n) for i, t in enumerate(inputs) for d, n in enumerate(t.shape)
    ]
    symbols = {key: n.node.expr for key, n in sized if isinstance(n, torch.SymInt) and n.node.expr.is_Symbol}
    return Traced(
        module,
        (*inputs, *(fake for _, fake, _ in lift.lifted.values())),
        tuple(real for real, *_ in lift.lifted.values()),
        tuple(real for real, _, node in lift.lifted.values() if node in written),
        outline,
        tuple(watch.modes.items()),
        tuple((leaf, leaf.grad) for leaf in watch.leaves if leaf.grad is not None),
        tuple(left),
        before,
        symbols,
        tuple(guard.expr for guard in shapes.guards),
    )


def _simpler() -> dict[Any, Callable[..., Any]]:
    """What takes the place of ops that TorchInductor has no code of its own for."""

    def foreach_norm(tensors: list[torch.Tensor], order: float = 2, dtype: Any = None) -> list[torch.Tensor]:
        return [torch.linalg.vector_norm(tensor, order, dtype=dtype) for tensor in tensors]

    return {torch.ops.aten._foreach_norm.Scalar: foreach_norm}


def _sizes(shapes: Any, arguments: Sequence[torch.Tensor], dynamic: Sequence[int]) -> list[list[Any]]:
    """The sizes of fake arguments: one symbol for each (dimension, size) that may vary; 0 and 1 stay numbers."""
    from torch._dynamo.source import ConstantSource
    from torch.fx.experimental.symbolic_shapes import DimDynamic

    made: dict[tuple[int, int], Any] = {}
    answer: list[list[Any]] = []
    for argument in arguments:
        answer.append([])
        for dim, size in enumerate(argument.shape):
            key = dim, size
            if dim not in dynamic or size < 2:
                answer[-1].append(size)
                continue
            if key not in made:
                source = ConstantSource(f"{_DYNAMIC}_{dim}_{len(made)}")
                symbol = shapes.create_symbol(size, source, dynamic_dim=DimDynamic.DYNAMIC)
                made[key] = shapes.create_symintnode(symbol, hint=size, source=source)
            answer[-1].append(made[key])
    return answer


def _lift(fakes: Any, constant: Callable[[torch.Tensor], Any]) -> Any:
    """A mode in which every real tensor is replaced by a fake one that is an input of the graph."""
    from torch._subclasses.fake_tensor import FakeTensor
    from torch.fx.experimental.proxy_tensor import get_proxy_mode, track_tensor_tree
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_map

    class Lift(TorchDispatchMode):  # type: ignore[no-untyped-call]
        supports_higher_order_operators = True

        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.lifted: dict[int, tuple[torch.Tensor, torch.Tensor, Any]] = {}

        def lift(self, value: Any) -> Any:
            if not isinstance(value, torch.Tensor) or isinstance(value, FakeTensor):
                return value
            held = self.lifted.get(id(value))
            if held is None:
                with paused():
                    number = constant(value)
                if number is not None:
                    return number
                with paused(), fakes:
                    fake = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device=value.device)
                mode = get_proxy_mode()
                if mode is None:
                    raise RuntimeError("a tensor was lifted outside of tracing")
                tracer = mode.tracer
                proxy = tracer.create_proxy("placeholder", f"state_{len(self.lifted)}", (), {})
                track_tensor_tree(fake, proxy, constant=None, tracer=tracer)
                held = self.lifted[id(value)] = value, fake, proxy.node
            return held[1]

        def __torch_dispatch__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
        ) -> Any:
            return func(*tree_map(self.lift, args), **tree_map(self.lift, kwargs or {}))

    return Lift()


def _arrange(module: torch.fx.GraphModule, placeholders: Sequence[Any]) -> None:
    """Put the inputs that were found on the way behind the arguments, at the head of the graph."""
    graph = module.graph
    body = next((node for node in graph.nodes if node.op != "placeholder"), None)
    for node in placeholders:
        if body is not None:
            body.prepend(node)
    graph.eliminate_dead_code()
    module.recompile()


def _written(module: torch.fx.GraphModule) -> set[Any]:
    """The inputs that the graph writes to, directly or through views."""
    roots: dict[Any, Any] = {}
    written = set()
    for node in module.graph.nodes:
        if node.op == "placeholder":
            roots[node] = node
        schema = getattr(node.target, "_schema", None)
        if schema is None:
            continue
        for argument, value in zip(schema.arguments, node.args, strict=False):
            if argument.alias_info is None:
                continue
            for tensor in value if isinstance(value, list | tuple) else [value]:
                root = roots.get(tensor)
                if root is not None and argument.alias_info.is_write:
                    written.add(root)
                elif root is not None:
                    roots[node] = root
    return written


def _forget_fakes(watch: Watch) -> None:
    """Leave no fake gradient behind: the gradients of a captured step live and die inside it."""
    for leaf in watch.leaves:
        if _is_fake(leaf.grad):
            leaf.grad = None


def _is_fake(tensor: Any) -> bool:
    if tensor is None:
        return False
    return type(tensor.raw if isinstance(tensor.raw, torch.Tensor) else tensor.values) is not torch.Tensor


def _dense(grad: Any) -> Any:
    """The array of a gradient, or of a gradient of rows."""
    return grad.raw if isinstance(grad.raw, torch.Tensor) else grad.to_dense().raw


def _explained(error: Exception) -> CaptureError:
    """The error of a step that cannot be traced, with the line of the step's own code that it comes from."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith((_MINE, _TORCH))]
    place = ""
    if frames:
        frame = frames[-1]
        line = (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()
        place = f"{frame.filename}:{frame.lineno}: {line}\n  "
    kind = type(error).__name__
    if any(word in kind for word in ("DataDependent", "DynamicOutput")):
        return CaptureError(
            f"{place}this line needs numbers that are known only when the step runs, so the step cannot be one graph; "
            "use where() for a choice, return tensors and read them outside, or leave the step uncaptured"
        )
    return CaptureError(f"{place}the step cannot be captured: {str(error).splitlines()[0] if str(error) else kind}")
