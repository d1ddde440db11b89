"""scan: a loop over the entries of a sequence whose compiled form holds its body once, however long the sequence is.

Uncaptured, it is the loop. While a step is traced, the body becomes a graph of its own inside torch's `scan`. What the
body reads from outside is found by running it once on fake tensors. The gradient is a second scan from the end to the
beginning, which computes each entry anew from the carry it began with, all but the products, so that nothing but
carries and products is kept (after Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from tensor_core.autograd import Node, Place, enable_grad, is_grad_enabled, next_number, no_grad, read_outside, walk
from tensor_core.calls import cached_number
from tensor_core.ops.join import stack, unbind
from tensor_core.tensor import Tensor
from tensor_core.tracing import CaptureError, Watch, flatten, paused, unflatten, watching

Body = Callable[[Any, Any], tuple[Any, Any]]


def scan(body: Body, carry: Any, xs: Any, *, reverse: bool = False) -> tuple[Any, Any]:
    """The last carry and the stacked outputs of `carry, y = body(carry, x)` for each x along dimension 0 of `xs`.

    `carry`, `xs` and `y` are tensors, or tuples, lists and dicts of them. With `reverse` the last entry comes first;
    the outputs stand where their entries stood.

    >>> from tensor_core import tensor
    >>> scan(lambda total, x: (total + x, total * x), tensor(0.0), tensor([1.0, 2.0, 3.0]))
    (tensor(6.), tensor([0., 2., 9.]))
    """
    entries: list[Tensor] = []
    outline = flatten(xs, entries, _tensor)
    if not entries or any(x.dim() == 0 or x.shape[0] != entries[0].shape[0] for x in entries):
        shapes = ", ".join(str(tuple(x.shape)) for x in entries) or "none"
        raise ValueError(f"scan: xs are tensors of one length along dimension 0, but the shapes are {shapes}")
    if entries[0].shape[0] == 0:
        raise ValueError("scan: xs have no entries")
    watch = watching.get()
    if watch is not None and watch.fakes is not None:
        return _looped(body, carry, entries, outline, reverse, watch)
    ys: list[list[Tensor]] = []
    y_outline: Any = None
    order, rows = range(entries[0].shape[0]), [unbind(x) for x in entries]
    for i in reversed(order) if reverse else order:
        carry, y = body(carry, unflatten(outline, [row[i] for row in rows]))
        ys.append([])
        y_outline = flatten(y, ys[-1], _tensor)
    if reverse:
        ys.reverse()
    return carry, unflatten(y_outline, [stack(column) for column in zip(*ys, strict=True)])


def _tensor(value: Any) -> Any:
    return value if isinstance(value, Tensor) else None


class _Parts:
    """Gradients of some of a loop's outputs by position, travelling to the loop's node as if they were one array."""

    shape, dtype = torch.Size(), torch.float32  # those of the loop's node, so that the walk leaves parts as they are
    _cdata = 0  # the address of their memory, which is nobody's

    def __init__(self, parts: dict[int, torch.Tensor]) -> None:
        self.parts = parts

    def __add__(self, other: "_Parts") -> "_Parts":
        both = dict(self.parts)
        for i, grad in other.parts.items():
            both[i] = both[i] + grad if i in both else grad
        return _Parts(both)

    def untyped_storage(self) -> "_Parts":
        return self


class _Part:
    """The op of one output of a loop."""

    name = "scan_part"

    def __init__(self, number: int) -> None:
        self.number = number

    def gradients(self, grad: Any, places: Sequence[Place | None], values: Sequence[Any]) -> Sequence[Any]:
        if isinstance(grad, Tensor):
            raise CaptureError("scan: a captured loop has first gradients alone; leave the step uncaptured")
        return (_Parts({self.number: grad}),)


class _Loop:
    """A body in the form that torch's scan wants: flat raw tensors, what it reads from outside among them."""

    name = "scan"

    def __init__(self, body: Body, carries: list[Tensor], carry_outline: Any, x_outline: Any, watch: Watch) -> None:
        self.body, self.carry_outline, self.x_outline, self.watch = body, carry_outline, x_outline, watch
        self.count = len(carries)
        self.outside: list[torch.Tensor] = []
        self.places: list[Place] = []  # outside, where gradients go
        self.y_outline: Any = None

    def call(self, carries: list[Tensor], entries: list[Tensor]) -> list[Tensor]:
        """The carries and outputs of the body."""
        carry, y = self.body(unflatten(self.carry_outline, carries), unflatten(self.x_outline, entries))
        found: list[Tensor] = []
        outline = flatten(carry, found, _tensor)
        given = [(t.shape, t.dtype) for t in carries]
        if outline != self.carry_outline or [(t.shape, t.dtype) for t in found] != given:
            raise CaptureError(
                f"scan: the body got carries of {_shapes(carries)} but gave {_shapes(found)}; "
                "shapes and types must stay the same"
            )
        self.y_outline = flatten(y, found, _tensor)
        return found

    def explore(self, carries: list[Tensor], entries: list[Tensor]) -> None:
        """Run the body once on fakes, to see which tensors and places it reads from outside."""
        start = next_number()
        swap = _swap(self.watch.fakes, {}, self.outside)
        with paused(), self.watch.fakes:
            inner = [_leaf(torch.empty_strided(t.shape, t.stride(), dtype=t.dtype, device=t.device)) for t in carries]
            rows = [_leaf(torch.empty(x.shape[1:], dtype=x.dtype, device=x.device)) for x in entries]
            swap.inside.update({id(t.raw): t.raw for t in (*inner, *rows)})
            with swap:
                outputs = self.call(inner, rows)
        own = {t.place for t in (*inner, *rows) if t.place is not None}
        self.places = read_outside([t.place for t in outputs if t.place is not None], start, own)

    def forward(self, keeps: bool) -> Callable[..., list[torch.Tensor]]:
        """carries, entries, outside → new carries, outputs and, if they are kept, the carries before."""

        def combine(*raws: torch.Tensor) -> list[torch.Tensor]:
            carries, rest = raws[: self.count], raws[self.count :]
            entries, outside = rest[: len(rest) - len(self.outside)], rest[len(rest) - len(self.outside) :]
            with self.swapped(outside) as swap, no_grad():
                made = self.call([Tensor.handle(c) for c in carries], [Tensor.handle(x) for x in entries])
            kept = (*carries, *swap.products) if keeps else ()
            return [*[t.raw.clone() for t in made], *[raw.clone() for raw in kept]]

        return combine

    def backward(self, wanted: list[bool], products_kept: int) -> Callable[..., list[torch.Tensor]]:
        """Gradients of carries and places so far; carries, products, entries, gradients of outputs; outside → the
        gradients of carries and places, and those of the entries."""

        def combine(*raws: torch.Tensor) -> list[torch.Tensor]:
            queue = list(raws)

            def take(n: int) -> list[torch.Tensor]:
                taken, queue[:] = queue[:n], queue[n:]
                return taken

            flows, sums, kept = take(self.count), take(len(self.places)), take(self.count)
            products, rows = take(products_kept), take(len(wanted))
            outputs = take(len(queue) - len(self.outside))
            with self.swapped(queue) as swap, enable_grad():
                carries = [_leaf(c) for c in kept]
                entries = [_leaf(x) if w else Tensor.handle(x) for x, w in zip(rows, wanted, strict=True)]
                swap.given = iter(products)
                made = self.call(carries, entries)
                swap.given = None
                roots = [
                    (t.place, grad) for t, grad in zip(made, [*flows, *outputs], strict=True) if t.place is not None
                ]
                ends = [t.place for t in (*carries, *entries)] + self.places
                found = walk(
                    roots, create_graph=False, retain_graph=False, handle=Tensor.handle,
                    targets=frozenset(place for place in ends if place is not None),
                )  # fmt: skip

            def grad(t: Tensor) -> torch.Tensor:
                flow = None if t.place is None else found.get(t.place)
                return torch.zeros_like(t.raw) if flow is None else flow.clone()

            return [
                *[grad(c) for c in carries],
                *[
                    total + found[p] if p in found else total.clone()
                    for total, p in zip(sums, self.places, strict=True)
                ],
                *[grad(x) for x, w in zip(entries, wanted, strict=True) if w],
            ]

        return combine

    def lifted(self) -> tuple[torch.Tensor, ...]:
        """What the body reads from outside, as tensors of the graph."""
        return tuple(self.watch.lift(raw) for raw in self.outside)

    def swapped(self, inner: Sequence[torch.Tensor]) -> Any:
        """Inside, what the body reads from outside is the loop's own input."""
        return _swap(self.watch.fakes, {id(o): (o, i) for o, i in zip(self.outside, inner, strict=True)}, None)

    def gradients(self, grad: _Parts, places: Sequence[Place | None], values: Sequence[Any]) -> Sequence[Any]:
        """The gradients of carries, entries and places, by a scan from the end."""
        kept, entries, ends, shapes, reverse = values[0]  # kept: carries, then products
        count = self.count
        flows = [grad.parts.get(i, None) for i in range(count)]
        # A loop writes its carries in place, so each needs memory of its own, laid out row after row.
        flows = [torch.zeros_like(end) if f is None else _own(f) for f, end in zip(flows, ends, strict=True)]
        outputs = [grad.parts.get(count + i, None) for i in range(len(shapes))]
        outputs = [torch.zeros_like(y) if g is None else g for g, y in zip(outputs, shapes, strict=True)]
        wanted = [p is not None for p in places[count : count + len(entries)]]
        sums = [torch.zeros(p.shape, dtype=p.dtype, device=kept[0].device) for p in self.places]
        # The last entry of the forward pass comes first; kept carries are already in its order.
        rows = [k.flip(0) for k in kept] + [t if reverse else t.flip(0) for t in (*entries, *outputs)]
        made = _scan_op()(self.backward(wanted, len(kept) - count), [*flows, *sums], rows, self.lifted())
        stacked = iter(m if reverse else m.flip(0) for m in made[count + len(sums) :])
        return (*made[:count], *[next(stacked) if w else None for w in wanted], *made[count : count + len(sums)])


def _looped(
    body: Body, carry: Any, entries: list[Tensor], x_outline: Any, reverse: bool, watch: Watch
) -> tuple[Any, Any]:
    """The loop as one node of the graph that is being traced."""
    carries: list[Tensor] = []
    carry_outline = flatten(carry, carries, _tensor)
    loop = _Loop(body, carries, carry_outline, x_outline, watch)
    loop.explore(carries, entries)
    raws = [watch.lift(x.raw).flip(0) if reverse else watch.lift(x.raw) for x in entries]
    places = (*[t.place for t in (*carries, *entries)], *loop.places)
    recorded = is_grad_enabled() and any(place is not None for place in places)
    made = _scan_op()(loop.forward(recorded), [_own(watch.lift(c.raw)) for c in carries], raws, loop.lifted())
    total = len(made) - (loop.count if recorded else 0)
    outputs = [m.flip(0) if reverse and i >= loop.count else m for i, m in enumerate(made[:total])]
    tensors = [Tensor.handle(raw) for raw in outputs]
    if recorded:
        straight = [watch.lift(x.raw) for x in entries]
        saved = (list(made[total:]), straight, outputs[: loop.count], outputs[loop.count :], reverse)
        hub = Node.made(loop, places, (saved,), _Parts)
        hub.holds = True
        for i, tensor in enumerate(tensors):
            if tensor.is_floating_point():
                tensor.place = Node.made(_Part(i), (hub,), (), tensor)
    last = unflatten(carry_outline, tensors)
    return last, unflatten(loop.y_outline, tensors)


def _leaf(raw: torch.Tensor) -> Tensor:
    tensor = Tensor.handle(raw)
    return tensor.requires_grad_() if raw.is_floating_point() and is_grad_enabled() else tensor


def _own(raw: torch.Tensor) -> torch.Tensor:
    return raw.clone(memory_format=torch.contiguous_format)


def _shapes(tensors: Sequence[Tensor]) -> str:
    return ", ".join(f"{tuple(t.shape)} {str(t.dtype).removeprefix('torch.')}" for t in tensors)


def _scan_op() -> Any:
    from torch._higher_order_ops.scan import scan_op

    return scan_op


def _swap(fakes: Any, inner: dict[int, tuple[torch.Tensor, torch.Tensor]], found: list[torch.Tensor] | None) -> Any:
    """A mode in which tensors from outside are replaced by those in `inner`; new ones are collected in `found`."""
    from torch._subclasses.fake_tensor import FakeTensor
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_map

    aten = torch.ops.aten
    products = {aten.mm, aten.addmm, aten.bmm, aten.baddbmm, aten.convolution}

    class Swap(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.inside: dict[int, torch.Tensor] = {}
            self.products: list[torch.Tensor] = []
            self.given: Iterator[torch.Tensor] | None = None  # products that take the place of those to be computed

        def swap(self, value: Any) -> Any:
            if not isinstance(value, torch.Tensor) or id(value) in self.inside:
                return value
            if id(value) in inner:
                return inner[id(value)][1]
            if found is None and isinstance(value, FakeTensor):
                return value
            with paused():
                number = None if isinstance(value, FakeTensor) else cached_number(value)
            if number is not None:
                return number
            if found is None:
                raise CaptureError("scan: the body read another tensor than when it was traced first")
            found.append(value)
            stand_in = value
            if not isinstance(value, FakeTensor):
                with paused(), fakes:
                    stand_in = torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device=value.device)
            inner[id(value)] = value, stand_in
            return stand_in

        def __torch_dispatch__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
        ) -> Any:
            if torch.Tag.nondeterministic_seeded in func.tags:
                raise CaptureError(
                    f"scan: the body draws random numbers ({func}), which its gradient would draw anew; "
                    "draw them outside and hand them in with xs"
                )
            is_product = func.overloadpacket in products
            if is_product and self.given is not None:
                return next(self.given)
            made = func(*tree_map(self.swap, args), **tree_map(self.swap, kwargs or {}))
            if is_product:
                self.products.append(made)
            if found is not None:
                for tensor in made if isinstance(made, list | tuple) else [made]:
                    if isinstance(tensor, torch.Tensor):
                        self.inside[id(tensor)] = tensor
            return made

    return Swap()
