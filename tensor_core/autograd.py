"""The graph and the walk back through it. This module knows no op and no tensor type beyond `Traced`.

A recorded op is a `Node`; its edges lead to *places*: the node or leaf where each input stood when it was used. A
tensor written in place moves to a new place, while older edges keep leading to the old one. Numbers grow with creation,
so that from the largest to the smallest every node follows all that used it (Griewank and Walther, Evaluating
Derivatives, section 4.3).
"""

import functools
import itertools
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from heapq import heappop, heappush
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias, TypeVar

import torch

from tensor_core.tracing import CaptureError, watching

# What a gradient rule computes with: a raw torch.Tensor, or a Traced tensor when the rule itself is to be recorded.
Array: TypeAlias = Any
Hook: TypeAlias = Callable[[Any], Any]

_recording: ContextVar[bool] = ContextVar("recording", default=True)
is_grad_enabled = _recording.get
next_number = itertools.count(1).__next__


class Memory:
    """What all tensors on one piece of memory share: the number of its last write and of its graph's rebindings."""

    written = 0
    rebound = 0
    last_write = 0  # anywhere: what was recorded later than this needs no look at its memory

    @staticmethod
    def of(raw: torch.Tensor) -> "Memory":
        """The memory that `raw` lies in. It hangs on the raw tensor from the first time that somebody asks."""
        try:
            memory: Memory = raw.memory  # type: ignore[attr-defined]
        except AttributeError:
            memory = raw.memory = Memory()  # type: ignore[attr-defined]
        return memory

    def write(self, number: int) -> None:
        """Remember a write."""
        self.written = number
        Memory.last_write = max(Memory.last_write, number)


class Leaf:
    """The place of a tensor that was not computed; gradients that arrive here end in the tensor's `.grad`."""

    __slots__ = ("dtype", "hooks", "owner", "shape")

    def __init__(self, owner: "Traced") -> None:
        """Remember the owner weakly: nobody can see the gradient of a tensor that is gone."""
        self.owner = weakref.ref(owner)
        self.shape = owner.raw.shape
        self.dtype = owner.raw.dtype
        self.hooks: dict[int, Hook] | None = None


class Recordable(Protocol):
    """What the walk asks of an op."""

    name: str

    def gradients(self, grad: Array, places: Sequence["Place | None"], values: Sequence[Any]) -> Sequence[Array | None]:
        """One gradient for each place; None where no place is given or nothing flows."""


class Node:
    """One recorded op: where its inputs stood, what its rule needs, and the shape and dtype of what it made."""

    __slots__ = ("dtype", "holds", "hooks", "number", "op", "places", "saved", "shape")

    number: int
    op: Recordable
    places: "tuple[Place | None, ...]"
    saved: tuple[Any, ...] | None  # one value for each input, then the output; None once freed
    holds: bool  # whether any of them is a tensor
    shape: torch.Size
    dtype: torch.dtype
    hooks: dict[int, Hook] | None

    @staticmethod
    def made(op: Recordable, places: "tuple[Place | None, ...]", saved: tuple[Any, ...], like: Any) -> "Node":
        """A node made now, for what has the shape and dtype of `like`; no tensor it saved is freed or guarded."""
        node = Node()
        node.number = next_number()
        node.op, node.places, node.saved = op, places, saved
        node.holds, node.hooks = False, None
        node.shape, node.dtype = like.shape, like.dtype
        return node

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def name(self) -> str:
        """The op's name as torch would write it: MulBackward0."""
        return "".join(word.capitalize() for word in self.op.name.split("_")) + "Backward0"


Place: TypeAlias = Leaf | Node


class Traced:
    """A raw tensor, and the place it stands at in the graph (None: no gradient wanted)."""

    raw: torch.Tensor
    place: Place | None = None
    _grad: Any = None

    @property
    def grad(self) -> Any:
        """What backward added up for this tensor; None before."""
        return self._grad

    @grad.setter
    def grad(self, grad: Any) -> None:
        if grad is not None:
            check_gradient(grad, self, f"the gradient set for a tensor of shape {tuple(self.raw.shape)}")
        self._grad = grad

    @property
    def memory(self) -> Memory:
        """What this tensor shares with all others on the same memory."""
        return Memory.of(self.raw)

    @staticmethod
    def handle(raw: torch.Tensor, place: Place | None = None) -> "Traced":
        """A tensor for `raw` at `place`."""
        raise NotImplementedError


_Function = TypeVar("_Function", bound=Callable[..., Any])


class _GradMode:
    """A switch for recording: a context manager, and a decorator. It holds for this thread or asyncio task alone."""

    enabled: bool

    def __init__(self) -> None:
        self._tokens: list[Any] = []

    def __enter__(self) -> Self:
        self._tokens.append(_recording.set(self.enabled))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _recording.reset(self._tokens.pop())

    def __call__(self, function: _Function) -> _Function:
        @functools.wraps(function)
        def switched(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return function(*args, **kwargs)

        return switched  # type: ignore[return-value]


class no_grad(_GradMode):
    """Nothing is recorded inside.

    >>> with no_grad():
    ...     is_grad_enabled()
    False
    """

    enabled = False


class enable_grad(_GradMode):
    """Ops are recorded inside, even within `no_grad`.

    >>> with no_grad(), enable_grad():
    ...     is_grad_enabled()
    True
    """

    enabled = True


class set_grad_enabled(_GradMode):
    """Recording switched on or off: from now on, or inside a `with` block or a decorated function alone.

    >>> with set_grad_enabled(False):
    ...     is_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        """Switch at once."""
        super().__init__()
        self.enabled = mode
        super().__enter__()

    def __enter__(self) -> Self:
        return self if self._tokens else super().__enter__()

    def __call__(self, function: _Function) -> _Function:
        """A function that switches while it runs; what switched at once is taken back."""
        self.__exit__(None, None, None)
        return (enable_grad if self.enabled else no_grad)()(function)


def fit(grad: Array, shape: torch.Size) -> Array:
    """`grad` in the shape of the input it belongs to: summed over broadcast dimensions, or spread over reduced ones."""
    extra = grad.dim() - len(shape)
    if extra >= 0:
        current = grad.shape
        summed = [*range(extra), *(extra + i for i, n in enumerate(shape) if n == 1 != current[extra + i])]
        if summed:
            grad = grad.sum(summed, keepdim=True)
        if extra:
            grad = grad.reshape(grad.shape[extra:])
    return grad if grad.shape == shape else grad.expand(shape)


def walk(
    roots: Iterable[tuple[Place, Array]],
    *,
    create_graph: bool,
    retain_graph: bool,
    handle: Callable[..., Traced],
    targets: frozenset[Place] | None = None,
    progress: Callable[[Node, dict[Place, Array]], None] | None = None,
) -> dict[Place, Array]:
    """The gradient at each leaf reached from `roots`, or at each of `targets`, from the newest node to the oldest.

    Gradients are raw tensors, or traced ones with `create_graph`. Saved values are freed unless `retain_graph`.
    `progress` is told each node once its gradients have arrived, and all gradients so far.
    """
    grads: dict[Place, Array] = {}
    sums: set[Place] = set()  # places whose gradient is a sum made here, to which more can be added in place
    found: dict[Place, Array] = {}
    waiting: list[tuple[int, Node]] = []
    newest: Node | None = None  # it is not in the heap: most graphs are chains
    needed = None if targets is None else _leading_to(targets, [place for place, _ in roots])
    arrivals: Iterable[tuple[Place | None, Array | None]] = [
        (place, grad if type(place) is Node else grad.clone()) for place, grad in roots
    ]
    grad: Array = None
    node: Node | None = None
    token = _recording.set(create_graph)
    try:
        while True:
            for place, flow in arrivals:
                if place is None or flow is None:
                    continue
                if flow.shape != place.shape:
                    flow = fit(flow, place.shape)
                if flow.dtype is not place.dtype:
                    flow = (flow.real if flow.is_complex() and not place.dtype.is_complex else flow).to(place.dtype)
                if place in grads:
                    if place in sums:
                        grads[place] += flow
                    else:
                        grads[place] = grads[place] + flow
                        if not create_graph:
                            sums.add(place)
                    continue
                if type(place) is Node:
                    if newest is not None and newest.number < place.number:
                        heappush(waiting, (-newest.number, newest))
                        newest = place
                    elif newest is None and (not waiting or -waiting[0][0] < place.number):
                        newest = place
                    else:
                        heappush(waiting, (-place.number, place))
                elif _share_memory(flow, grad):
                    flow = flow.clone()  # what ends in .grad belongs to it alone
                grads[place] = flow
            if progress is not None and node is not None:
                progress(node, grads)
            if newest is not None:
                node, newest = newest, None
            elif waiting:
                node = heappop(waiting)[1]
            else:
                break
            grad = grads.pop(node)
            if node.hooks:
                grad = _run_hooks(node.hooks, grad, handle)
            if targets is not None and node in targets:
                found[node] = grad
            values, places = node.saved, node.places
            if needed is not None:
                places = tuple([place if place in needed else None for place in places])
                if not any(places):
                    arrivals = ()
                    continue
            if values is None:
                raise RuntimeError(
                    f"backward reached {node.name} a second time, but what it saved was freed the first time; "
                    "pass retain_graph=True to the first backward"
                )
            if node.holds and node.number < Memory.last_write:
                _check_unchanged(node, values)
            if create_graph:
                values = _revive(node, values, handle)
            if node.dtype.is_complex:  # for a holomorphic f, torch's gradient is that of conj(f)
                flows = [f if f is None else f.conj() for f in node.op.gradients(grad.conj(), places, values)]
            else:
                flows = node.op.gradients(grad, places, values)  # type: ignore[assignment]
            arrivals = zip(places, flows, strict=False)
            if node.holds and not retain_graph:
                node.saved = None
        for leaf, grad in grads.items():
            if leaf.hooks:
                grad = _run_hooks(leaf.hooks, grad, handle)
            found[leaf] = grad
    finally:
        _recording.reset(token)
    return found


def accumulate(found: dict[Place, Array], *, create_graph: bool, handle: Callable[..., Traced]) -> None:
    """Add each gradient to the `.grad` of the leaf's tensor."""
    watch = watching.get()
    for leaf, grad in found.items():
        owner = leaf.owner() if isinstance(leaf, Leaf) else None
        if owner is None:
            continue
        if watch is not None:
            watch.leaves[owner] = None
        held: Any = owner._grad
        given = _handled(grad, handle)
        if held is None:
            owner._grad = given
        elif not isinstance(held, Traced) or not isinstance(given, Traced):
            if watch is not None and watch.fakes is not None:
                raise CaptureError("a captured step cannot add to a gradient of rows that is there; call zero_grad()")
            owner._grad = held + given if isinstance(given, Traced) else given + held
        elif create_graph or held.place is not None:
            owner._grad = held + given  # type: ignore[operator]
        else:
            held.raw.add_(grad)
            held.memory.write(next_number())


def _handled(grad: Array, handle: Callable[..., Traced]) -> Any:
    """`grad` as its owner sees it; a traced one, or a gradient of rows, is what it is."""
    return handle(grad) if isinstance(grad, torch.Tensor) else grad


def _leading_to(targets: frozenset[Place], roots: Iterable[Place]) -> set[Place]:
    """The places on a path from the roots to the targets, targets included."""
    seen: set[Place] = set()
    stack = list(roots)
    while stack:
        place = stack.pop()
        if place not in seen:
            seen.add(place)
            if isinstance(place, Node):
                stack.extend(p for p in place.places if p is not None)
    needed = set(targets)
    for node in sorted((p for p in seen if isinstance(p, Node)), key=lambda node: node.number):
        if any(place in needed for place in node.places):
            needed.add(node)
    return needed


def read_outside(ends: Iterable[Place], before: int, own: set[Place]) -> list[Place]:
    """The places that the graph behind `ends` begins at: those not in `own` that are leaves or older than `before`."""
    found: list[Place] = []
    seen = set(own)
    stack = list(ends)
    while stack:
        place = stack.pop()
        if place in seen:
            continue
        seen.add(place)
        if isinstance(place, Node) and place.number > before:
            stack.extend(p for p in place.places if p is not None)
        else:
            found.append(place)
    return found


def _run_hooks(hooks: dict[int, Hook], grad: Array, handle: Callable[..., Traced]) -> Array:
    """`grad` after each hook had its turn; a hook sees a tensor and may return another one like it."""
    for hook in list(hooks.values()):
        answer = hook(_handled(grad, handle))
        if answer is not None:
            check_gradient(answer, grad, f"what the hook {getattr(hook, '__name__', hook)} returned")
            grad = answer if isinstance(grad, Traced) else answer.raw
    return grad


def check_gradient(given: Any, like: Any, what: str) -> None:
    """Refuse `given`, which `what` describes, unless it is a gradient of the shape, dtype and device of `like`."""
    if not hasattr(given, "raw"):
        raise TypeError(f"{what} is of type {type(given).__name__}; a gradient is a tensor of tensor_core, or None")
    for name in ("shape", "dtype", "device"):
        found, wanted = getattr(given, name), getattr(like, name)
        if found != wanted:
            words = f"{tuple(found)} instead of {tuple(wanted)}" if name == "shape" else f"{found} instead of {wanted}"
            raise RuntimeError(f"{what} has {name} {words}; make it of the same shape, dtype and device")


def _check_unchanged(node: Node, values: tuple[Any, ...]) -> None:
    """Refuse to go on from a saved value that was written since."""
    for value in values:
        if isinstance(value, torch.Tensor) and Memory.of(value).written > node.number:
            raise RuntimeError(
                f"a tensor of shape {tuple(value.shape)} was changed in place after {node.op.name} saved it for its "
                "gradient; use clone() before the change, or the same op without '_'"
            )


def _revive(node: Node, values: tuple[Any, ...], handle: Callable[..., Traced]) -> tuple[Any, ...]:
    """The saved values as traced tensors at the places they stood at, so that the rule is recorded too."""
    return tuple(
        handle(value, place) if isinstance(value, torch.Tensor) else value
        for value, place in itertools.zip_longest(values, (*node.places, node))
    )


def _share_memory(one: Array, other: Array) -> bool:
    """Whether two tensors lie in one piece of memory; `_cdata` is the address of torch's storage object."""
    if isinstance(one, Traced):
        one, other = one.raw, getattr(other, "raw", None)
    if one is other or not isinstance(other, torch.Tensor):
        return one is other
    return bool(one.untyped_storage()._cdata == other.untyped_storage()._cdata)
