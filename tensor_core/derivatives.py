"""Derivatives of functions: products with them, and whole matrices. Everything is recorded if `create_graph`.

`jvp` derives twice: the product of a vector with the transposed derivative is linear in the vector, and the transposed
derivative of that is the product asked for (Townsend 2017).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from tensor_core.autograd import enable_grad
from tensor_core.ops.join import stack
from tensor_core.tensor import Tensor, grad

_Function = Callable[..., Any]
_Inputs = Tensor | Sequence[Tensor]


def _leaves(inputs: _Inputs, create_graph: bool) -> list[Tensor]:
    """The inputs to differentiate by: fresh leaves, or, to be recorded, aliases of what was given."""
    given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if create_graph:
        return [x.view(x.shape) if x.requires_grad else x.detach().requires_grad_() for x in given]
    return [x.detach().requires_grad_() for x in given]


def _outputs(made: Any, name: str) -> list[Tensor]:
    outputs = [made] if isinstance(made, Tensor) else list(made)
    if not all(isinstance(out, Tensor) for out in outputs):
        raise TypeError(f"{name}: the function gives tensors, not {type(outputs[0]).__name__}")
    return outputs


def _like(outputs: list[Tensor], v: Any, name: str) -> list[Tensor]:
    """One vector for each output; ones for a scalar."""
    if v is None:
        if len(outputs) != 1 or outputs[0].numel() != 1:
            raise ValueError(f"{name}: v may only be left out for one scalar; pass one of the outputs' shape")
        return [Tensor.handle(torch.ones_like(outputs[0].raw))]
    vectors = [v] if isinstance(v, Tensor) else list(v)
    if [x.shape for x in vectors] != [x.shape for x in outputs]:
        shapes = [tuple(x.shape) for x in outputs]
        raise ValueError(f"{name}: v has shapes {[tuple(x.shape) for x in vectors]}, but {shapes} are needed")
    return vectors


def _filled(flows: Sequence[Tensor | None], inputs: list[Tensor]) -> list[Tensor]:
    """Zeros where nothing flows."""
    return [Tensor.handle(torch.zeros_like(x.raw)) if g is None else g for g, x in zip(flows, inputs, strict=True)]


def _derived(outputs: list[Tensor], inputs: list[Tensor], vectors: list[Tensor], create_graph: bool) -> list[Tensor]:
    reached = [(out, v) for out, v in zip(outputs, vectors, strict=True) if out.requires_grad]
    if not reached:
        return _filled([None] * len(inputs), inputs)
    outs, given = [out for out, _ in reached], [v for _, v in reached]
    return _filled(grad(outs, inputs, given, retain_graph=True, create_graph=create_graph, allow_unused=True), inputs)


def _as_given(found: list[Any], given: Any) -> Any:
    return found[0] if isinstance(given, Tensor) else tuple(found)


@enable_grad()
def vjp(func: _Function, inputs: _Inputs, v: Any = None, *, create_graph: bool = False) -> tuple[Any, Any]:
    """What `func(*inputs)` gives, and the product of `v` with its derivative: one vector for each input.

    >>> from tensor_core import tensor
    >>> vjp(lambda x: x * x, tensor([1.0, 2.0]), tensor([1.0, 10.0]))[1]
    tensor([ 2., 40.])
    """
    leaves = _leaves(inputs, create_graph)
    made = func(*leaves)
    outputs = _outputs(made, "vjp")
    found = _derived(outputs, leaves, _like(outputs, v, "vjp"), create_graph)
    kept = [out if create_graph else out.detach() for out in outputs]
    return _as_given(kept, made), _as_given(found, inputs)


@enable_grad()
def jvp(func: _Function, inputs: _Inputs, v: Any = None, *, create_graph: bool = False) -> tuple[Any, Any]:
    """What `func(*inputs)` gives, and the product of its derivative with `v`: one vector for each output.

    >>> from tensor_core import tensor
    >>> jvp(lambda x: x.sum() * x, tensor([1.0, 2.0]), tensor([1.0, 0.0]))[1]
    tensor([4., 2.])
    """
    leaves = _leaves(inputs, create_graph)
    made = func(*leaves)
    outputs = _outputs(made, "jvp")
    vectors = _like(leaves, v, "jvp")
    seeds = [Tensor.handle(torch.zeros_like(out.raw)).requires_grad_() for out in outputs]
    backward = _derived(outputs, leaves, seeds, True)
    found = _derived(backward, seeds, vectors, create_graph)
    kept = [out if create_graph else out.detach() for out in outputs]
    return _as_given(kept, made), _as_given(found, made)


@enable_grad()
def jacobian(func: _Function, inputs: _Inputs, *, create_graph: bool = False) -> Any:
    """The derivative of `func(*inputs)`, of shape (*output, *input): one for each output (outer) and input (inner).

    >>> from tensor_core import tensor
    >>> jacobian(lambda x: x * x, tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    leaves = _leaves(inputs, create_graph)
    made = func(*leaves)
    rows = []
    for out in _outputs(made, "jacobian"):
        flat, columns = out.reshape(-1), []
        for i in range(out.numel()):
            one = torch.zeros_like(flat.raw)
            one.select(0, i).fill_(1)
            columns.append(_derived([flat], leaves, [Tensor.handle(one)], create_graph))
        whole = [
            stack([column[j] for column in columns]).reshape((*out.shape, *x.shape))
            if columns
            else Tensor.handle(x.raw.new_zeros((*out.shape, *x.shape)))
            for j, x in enumerate(leaves)
        ]
        rows.append(_as_given(whole, inputs))
    return _as_given(rows, made)


def hessian(func: _Function, inputs: _Inputs, *, create_graph: bool = False) -> Any:
    """The second derivative of a scalar `func(*inputs)`, of shape (*input, *input) for each pair of inputs.

    >>> from tensor_core import tensor
    >>> hessian(lambda x: (x**3).sum(), tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """

    def slopes(*leaves: Tensor) -> Any:
        out = func(*leaves)
        if not isinstance(out, Tensor) or out.numel() != 1:
            raise ValueError("hessian: the function gives one scalar; sum its output, or take the jacobian twice")
        found = _derived([out], list(leaves), _like([out], None, "hessian"), True)
        return _as_given(found, inputs)

    return jacobian(slopes, inputs, create_graph=create_graph)
