"""Containers of parameters that say what they hold, and load what was saved."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Self

import torch

from tensor_core.autograd import Leaf, next_number
from tensor_core.tensor import Tensor
from tensor_core.tracing import note_mode, outdate


class Parameter(Tensor):
    """A leaf that a module learns.

    >>> from tensor_core import ones
    >>> Parameter(ones(2))
    tensor([1., 1.], requires_grad=True)
    """

    def __init__(self, data: Tensor, *, requires_grad: bool = True) -> None:
        """Stand on the memory of `data`, outside its graph."""
        self.raw = data.raw
        self.place = None
        if requires_grad:
            self.requires_grad_()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Parameter":
        return Parameter(Tensor.handle(self.raw.clone()), requires_grad=self.requires_grad)


class Module:
    """A function with state. Tensors, modules, and lists of modules that are its attributes belong to it.

    >>> from tensor_core.nn import Linear
    >>> layer = Linear(3, 2)
    >>> [(name, tuple(parameter.shape)) for name, parameter in layer.named_parameters()]
    [('weight', (2, 3)), ('bias', (2,))]
    """

    _training = True

    @property
    def training(self) -> bool:
        """Whether the module trains (dropout works) or predicts; `train` and `eval` set it."""
        note_mode(self, self._training)
        return self._training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; each module says it for itself."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(); define it")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As `forward`."""
        return self.forward(*args, **kwargs)

    def children(self) -> "Iterator[tuple[str, Module]]":
        """The modules directly inside, by name."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, list | tuple):
                for i, entry in enumerate(value):
                    if isinstance(entry, Module):
                        yield f"{name}.{i}", entry

    def modules(self) -> "Iterator[Module]":
        """This module and all inside it."""
        yield self
        for _, child in self.children():
            yield from child.modules()

    def named_tensors(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Every tensor that belongs here, by dotted name: parameters and what else is kept."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                yield prefix + name, value
        for name, child in self.children():
            yield from child.named_tensors(f"{prefix}{name}.")

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Every parameter once, by dotted name."""
        seen: set[int] = set()
        for name, value in self.named_tensors():
            if isinstance(value, Parameter) and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter once."""
        return (parameter for _, parameter in self.named_parameters())

    def zero_grad(self) -> None:
        """Forget every parameter's gradient."""
        for parameter in self.parameters():
            parameter.grad = None

    def train(self, mode: bool = True) -> Self:
        """This module, set to train (dropout works), or not."""
        for module in self.modules():
            module._training = mode
        return self

    def eval(self) -> Self:
        """This module, set to predict."""
        return self.train(False)

    def to(self, target: torch.dtype | torch.device | str) -> Self:
        """This module with its floating point tensors in another type, or all tensors on another device."""
        for _, held in self.named_tensors():
            if not isinstance(target, torch.dtype) or held.is_floating_point():
                held.raw = held.raw.to(target)
                held.grad = None
                if isinstance(held.place, Leaf):
                    held.place = Leaf(held)
        outdate()
        return self

    def double(self) -> Self:
        """This module in double precision."""
        return self.to(torch.float64)

    def float(self) -> Self:
        """This module in single precision."""
        return self.to(torch.float32)

    def state_dict(self) -> dict[str, Tensor]:
        """Every tensor by dotted name, on the module's own memory, outside the graph."""
        return {name: held.detach() for name, held in self.named_tensors()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> Self:
        """This module with the numbers of `state`; if a name or shape does not match, nothing is written."""
        own = dict(self.named_tensors())
        problems = [f"{name} is missing" for name in own if name not in state]
        for name, value in state.items():
            if name not in own:
                close = difflib.get_close_matches(name, own, n=1)
                problems.append(f"{name} is not a name here" + (f"; did you mean {close[0]}?" if close else ""))
            elif value.shape != own[name].shape:
                problems.append(f"{name} has shape {tuple(value.shape)}, but here {tuple(own[name].shape)}")
        if problems:
            raise ValueError(f"load_state_dict into {type(self).__name__}: " + "; ".join(problems))
        for name, held in own.items():
            held.raw.copy_(state[name].raw)
            held.memory.write(next_number())
        return self

    def __repr__(self) -> str:
        inside = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.children()]
        return (
            f"{type(self).__name__}({self._settings()})"
            if not inside
            else "\n".join([f"{type(self).__name__}(", *inside, ")"])
        )

    def _settings(self) -> str:
        return ""


class Sequential(Module):
    """Layers one after the other, named 0, 1, 2, …

    >>> from tensor_core.nn import Linear, ReLU
    >>> Sequential(Linear(3, 2), ReLU())
    Sequential(
      (0): Linear(in_features=3, out_features=2, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *layers: Module) -> None:
        """Take the layers in order."""
        for i, layer in enumerate(layers):
            setattr(self, str(i), layer)

    def forward(self, x: Tensor) -> Tensor:
        """What the last layer makes of it."""
        for layer in self:
            x = layer(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        """The layers in order."""
        return (layer for _, layer in self.children())

    def __len__(self) -> int:
        """The number of layers."""
        return sum(1 for _ in self.children())

    def __getitem__(self, index: int) -> Module:
        """The layer at `index`."""
        return [layer for _, layer in self.children()][index]
