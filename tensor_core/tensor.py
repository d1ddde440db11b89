"""The tensor: a handle on raw memory, and what can be asked of it. Ops attach their methods in `tensor_core.ops`."""

import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import torch

from tensor_core.autograd import Array, Hook, Leaf, Node, Place, Traced, accumulate, next_number, walk
from tensor_core.tracing import CaptureError, outdate, watching

_LINE_WIDTH = 80  # characters, as torch prints


class Tensor(Traced):
    """An array of numbers that remembers how it was computed. Made by `tensor`, `zeros`, `randn` and their like.

    >>> import tensor_core as tc
    >>> x = tc.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    _kept: "Removable | None" = None  # the hook that retain_grad placed

    if TYPE_CHECKING:  # the ops' methods and operators are attached by tensor_core.ops
        place: Place | None
        grad: "Tensor | None"

        def _unary(self) -> "Tensor": ...
        def _binary(self, other: Any) -> "Tensor": ...
        def _method(self, *args: Any, **kwargs: Any) -> "Tensor": ...

        abs = amax = amin = diagonal = expand = flatten = gather = masked_fill = mean = movedim = narrow = neg = _method
        permute = reshape = squeeze = sum = to = transpose = unsqueeze = view = _method

        __neg__ = __abs__ = __invert__ = _unary
        __add__ = __sub__ = __mul__ = __truediv__ = __pow__ = __matmul__ = __floordiv__ = __mod__ = _binary
        __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __rmatmul__ = __rfloordiv__ = __rmod__ = _binary
        __lt__ = __le__ = __gt__ = __ge__ = __and__ = __or__ = __xor__ = __lshift__ = __rshift__ = _binary
        __rand__ = __ror__ = __rxor__ = __rlshift__ = __rrshift__ = _binary
        __getitem__ = _binary

        def __setitem__(self, key: Any, value: Any) -> None: ...
        def __eq__(self, other: object) -> "Tensor": ...  # type: ignore[override]
        def __ne__(self, other: object) -> "Tensor": ...  # type: ignore[override]

    def __getattr__(self, name: str) -> Any:
        plain = name.removesuffix("_")
        remedy = f"; use x = x.{plain}(…)" if name != plain and hasattr(type(self), plain) else ""
        raise AttributeError(f"a tensor has no {name!r}{remedy}", name=name, obj=self)

    __hash__ = object.__hash__
    __array_priority__ = 1000  # numpy leaves `array * tensor` to us

    @staticmethod
    def handle(raw: torch.Tensor, place: Place | None = None) -> "Tensor":
        """A tensor for `raw` at `place`."""
        out = Tensor()
        out.raw = raw
        out.place = place
        return out

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Refuse to be an argument of torch's functions, in words; operators are tried again from our side."""
        name = func.__name__
        if name.startswith("__"):
            return NotImplemented
        family, _, rest = name.partition("_")  # torch calls linalg.svd linalg_svd
        package = sys.modules["tensor_core"]
        nested = family in ("linalg", "fft") and hasattr(getattr(package, family), rest)
        ours = f"{family}.{rest}" if nested else name if hasattr(package, name) else ""
        remedy = f"use tensor_core.{ours}" if ours else "tensor_core has none; hand over .raw, outside the graph"
        raise TypeError(f"torch's {name}() got a tensor of tensor_core, which it cannot record: {remedy}")

    # ---- the graph

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to or through this tensor."""
        return self.place is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> "Tensor":
        """This tensor, from now on a leaf that collects gradients (or no longer one)."""
        if not requires_grad:
            if isinstance(self.place, Node):
                raise RuntimeError(
                    "requires_grad can only be switched off at a leaf; use detach() for a computed tensor"
                )
            self.place = None
        elif self.place is None:
            if not (self.dtype.is_floating_point or self.dtype.is_complex):
                raise RuntimeError(f"only floating point tensors can require gradients, not {self.dtype}; use .float()")
            self.place = Leaf(self)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether this tensor was not computed from others that require gradients."""
        return not isinstance(self.place, Node)

    @property
    def grad_fn(self) -> Node | None:
        """The node that made this tensor; None at a leaf."""
        place = self.place
        return place if isinstance(place, Node) else None

    def backward(
        self,
        gradient: "Tensor | None" = None,
        *,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: "Tensor | Sequence[Tensor] | None" = None,
    ) -> None:
        """Add this tensor's gradient to the `.grad` of every leaf, or of `inputs` alone, computed ones among them.

        `gradient` is needed unless this is a scalar.

        >>> import tensor_core as tc
        >>> x, w = tc.ones(2, requires_grad=True), tc.ones(2, requires_grad=True)
        >>> (x * w).sum().backward(inputs=[w])
        >>> x.grad, w.grad
        (None, tensor([1., 1.]))
        """
        if inputs is not None:
            inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
            if not inputs:
                raise ValueError("backward: inputs= names no tensor; leave it out for all leaves")
            for tensor in inputs:
                tensor.retain_grad()
        found = _walk([self], [gradient], inputs, retain_graph=retain_graph, create_graph=create_graph)
        if inputs is not None:
            found = {place: found[place] for tensor in inputs if (place := tensor.place) in found}
        accumulate(found, create_graph=create_graph, handle=Tensor.handle)

    def detach(self) -> "Tensor":
        """The same memory, outside the graph."""
        return Tensor.handle(self.raw)

    def detach_(self) -> "Tensor":
        """This tensor, cut off from what computed it."""
        self.place = None
        return self

    @property
    def data(self) -> "Tensor":
        """The same memory, outside the graph; as `detach`. A leaf that is given other data stands on their memory."""
        return self.detach()

    @data.setter
    def data(self, data: "Tensor") -> None:
        refusal = self.refuse_data()
        if refusal is not None:
            raise RuntimeError(f"the data of a tensor of shape {tuple(self.shape)} cannot be set: {refusal}")
        if watching.get() is not None:
            raise CaptureError("a captured step cannot set .data; use copy_() inside no_grad()")
        self.raw = data.raw
        if self.place is not None:
            self.place.shape, self.place.dtype = data.shape, data.dtype
        outdate()

    def refuse_data(self) -> str | None:
        """Why this tensor cannot be given another memory; None if it can."""
        return "it was computed; use copy_() or a new name" if isinstance(self.place, Node) else None

    def register_hook(self, hook: Hook) -> "Removable":
        """Call `hook(grad)` once this tensor's gradient is known; a tensor that it returns replaces the gradient."""
        place = self.place
        if place is None:
            raise RuntimeError("a hook needs a tensor that requires a gradient; call requires_grad_() first")
        if place.hooks is None:
            place.hooks = {}
        key = next_number()
        place.hooks[key] = hook
        return Removable(place.hooks, key)

    def retain_grad(self) -> None:
        """Add up the gradient of this computed tensor in `.grad` as well, wherever it stands after it is written to."""
        if isinstance(self.place, Node):
            if self._kept is not None:
                self._kept.remove()
            owner = weakref.ref(self)

            def keep(grad: Tensor) -> None:
                tensor = owner()
                if tensor is not None:
                    tensor.grad = grad.clone() if tensor.grad is None else tensor.grad + grad

            self._kept = self.register_hook(keep)

    def rebind(self, node: Node) -> None:
        """Stand at `node` from now on, because this tensor was written in place."""
        self.place = node
        self.memory.rebound += 1
        if self._kept is not None:
            self.retain_grad()

    def refuse_write(self) -> str | None:
        """Why a recorded write to this tensor is refused; None if it is not."""
        if isinstance(self.place, Leaf):
            return "it is a leaf that requires a gradient; write inside no_grad(), or to a clone()"
        return None

    # ---- what it is

    @property
    def shape(self) -> torch.Size:
        """The number of entries along each dimension."""
        return self.raw.shape

    @property
    def dtype(self) -> torch.dtype:
        """The type of the entries."""
        return self.raw.dtype

    @property
    def device(self) -> torch.device:
        """Where the memory is."""
        return self.raw.device

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.raw.ndim

    @property
    def T(self) -> "Tensor":  # noqa: N802 - torch's name
        """The dimensions in reverse order, as a view."""
        permuted: Tensor = self.permute(*range(self.raw.dim() - 1, -1, -1))
        return permuted

    @property
    def mT(self) -> "Tensor":  # noqa: N802 - torch's name
        """The last two dimensions swapped, as a view."""
        swapped: Tensor = self.transpose(-2, -1)
        return swapped

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the number of entries along `dim`."""
        return self.raw.shape if dim is None else self.raw.shape[dim]

    def dim(self) -> int:
        """The number of dimensions."""
        return self.raw.dim()

    def numel(self) -> int:
        """The number of entries."""
        return self.raw.numel()

    def is_contiguous(self) -> bool:
        """Whether the entries lie in memory row after row."""
        return self.raw.is_contiguous()

    def stride(self) -> tuple[int, ...]:
        """Steps in memory, in entries, from one index to the next along each dimension."""
        return self.raw.stride()

    def data_ptr(self) -> int:
        """The address of the first entry."""
        return self.raw.data_ptr()

    def is_floating_point(self) -> bool:
        """Whether the entries are floating point numbers."""
        return self.raw.is_floating_point()

    # ---- out to Python and numpy

    def item(self) -> Any:
        """The one entry as a Python number."""
        if self.raw.numel() != 1:
            raise RuntimeError(f"item() needs one entry, but the shape is {tuple(self.shape)}; use tolist()")
        return self.raw.item()

    def tolist(self) -> Any:
        """The entries as nested lists of Python numbers."""
        return self.raw.tolist()

    def numpy(self) -> "np.ndarray[Any, Any]":
        """The entries as a numpy array on the same memory."""
        if self.place is not None:
            raise RuntimeError("numpy() would lose the gradient; call detach() first")
        return self.raw.numpy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> "np.ndarray[Any, Any]":
        array = self.detach().numpy()
        return array.astype(dtype) if dtype is not None and array.dtype != dtype else array.copy() if copy else array

    def __len__(self) -> int:
        if not self.raw.dim():
            raise TypeError("a tensor of shape () has no len(); use item()")
        return self.raw.shape[0]

    def __iter__(self) -> "Iterator[Tensor]":
        return (self[i] for i in range(len(self)))

    def __reversed__(self) -> "Tensor":
        flipped: Tensor = self.flip(0) if self.raw.dim() else self
        return flipped

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    def __bool__(self) -> bool:
        if self.raw.numel() != 1:
            raise RuntimeError(f"the truth of shape {tuple(self.shape)} is ambiguous; use any() or all()")
        return bool(self.raw)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self.raw.__index__()

    def __format__(self, spec: str) -> str:
        return format(self.item() if self.raw.dim() == 0 else str(self), spec)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Tensor":
        if isinstance(self.place, Node):
            raise RuntimeError("only leaves can be deep-copied; use clone() or detach() for a computed tensor")
        copy = Tensor.handle(self.raw.clone())
        return copy.requires_grad_() if self.requires_grad else copy

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        raise TypeError("tensors are not pickled, because unpickling can run code; use nn.save_safetensors")

    def __repr__(self) -> str:
        text = repr(self.raw)
        place = self.place
        if place is None:
            return text
        suffix = f"grad_fn=<{place.name}>" if isinstance(place, Node) else "requires_grad=True"
        line = text[text.rfind("\n") + 1 : -1]
        # torch takes a line that ends in numbers, not in a suffix it has wrapped itself, for two characters longer
        length = len(line) if "\n" in text and "]" not in line else len(line) + 2
        gap = ",\n       " if length + len(", ") + len(suffix) > _LINE_WIDTH else ", "
        return f"{text[:-1]}{gap}{suffix})"


class Removable:
    """A registered hook; `remove()` takes it away."""

    def __init__(self, hooks: dict[int, Hook], key: int) -> None:
        """Remember where the hook stands."""
        self._hooks, self._key = hooks, key

    def remove(self) -> None:
        """Take the hook away."""
        self._hooks.pop(self._key, None)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    *,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradient of the sum of `outputs` with respect to each of `inputs`; no `.grad` is touched.

    >>> import tensor_core as tc
    >>> x = tc.tensor(3.0, requires_grad=True)
    >>> (first,) = tc.grad(x**3, x, create_graph=True)
    >>> tc.grad(first, x)
    (tensor(18.),)
    """
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if isinstance(grad_outputs, Tensor) or grad_outputs is None:
        grad_outputs = [grad_outputs] * len(outputs)
    found = _walk(outputs, list(grad_outputs), inputs, retain_graph=retain_graph, create_graph=create_graph)
    answers = []
    for position, tensor in enumerate(inputs):
        answer = found.get(tensor.place) if tensor.place is not None else None
        if answer is None and not allow_unused:
            raise RuntimeError(
                f"input {position}, of shape {tuple(tensor.shape)}, was not used to compute the outputs; "
                "pass allow_unused=True to get None for it"
            )
        answers.append(Tensor.handle(answer) if isinstance(answer, torch.Tensor) else answer)
    return tuple(answers)


def recorded_gradients(
    function: Callable[..., Tensor], inputs: Sequence[Any], wanted: Sequence[bool], cotangent: Tensor
) -> list[Tensor | None]:
    """The gradient of each wanted input of `function`, recorded, so that it can be derived again."""
    # Aliases, because one input may have been computed from another.
    aliases = [x.view(x.shape) if w else x for x, w in zip(inputs, wanted, strict=True)]
    asked = [alias for alias, w in zip(aliases, wanted, strict=True) if w]
    flows = iter(grad(function(*aliases), asked, cotangent, create_graph=True, allow_unused=True))
    return [next(flows) if w else None for w in wanted]


def _walk(
    outputs: list[Tensor],
    gradients: list[Tensor | None],
    inputs: list[Tensor] | None,
    *,
    retain_graph: bool | None,
    create_graph: bool,
) -> dict[Place, Array]:
    """`walk` from checked roots: every output has a place and a gradient of its shape."""
    roots: list[tuple[Place, Array]] = []
    for output, gradient in zip(outputs, gradients, strict=True):
        place, shape = output.place, output.raw.shape
        if place is None:
            raise RuntimeError(
                "backward needs a tensor computed from one that requires a gradient; "
                "call requires_grad_() on an input, and compute outside no_grad()"
            )
        if gradient is None:
            if output.raw.numel() != 1:
                raise RuntimeError(
                    f"backward needs a scalar, but the shape is {tuple(shape)}; call .sum() or pass gradient="
                )
            gradient = Tensor.handle(torch.ones_like(output.raw))
        elif gradient.shape != shape:
            raise RuntimeError(f"gradient= has shape {tuple(gradient.shape)}, but the output has {tuple(shape)}")
        roots.append((place, gradient if create_graph else gradient.raw))
    for position, tensor in enumerate(inputs or ()):
        if tensor.place is None:
            raise RuntimeError(f"input {position}, of shape {tuple(tensor.shape)}, does not require a gradient")
    targets = None if inputs is None else frozenset(t.place for t in inputs if t.place is not None)
    retain = create_graph if retain_graph is None else retain_graph
    return walk(roots, create_graph=create_graph, retain_graph=retain, handle=Tensor.handle, targets=targets)
