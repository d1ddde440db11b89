"""Layers: containers of parameters that say what they hold, and how it is saved and loaded."""

import difflib
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import torch

from tensor_core.autograd import Leaf, next_number, no_grad
from tensor_core.creation import empty
from tensor_core.ops.elementwise import gelu, relu
from tensor_core.ops.losses import dropout
from tensor_core.ops.matrix import linear
from tensor_core.tensor import Tensor


class Parameter(Tensor):
    """A leaf that a module learns.

    >>> from tensor_core import ones
    >>> Parameter(ones(2))
    tensor([1., 1.], requires_grad=True)
    """

    def __init__(self, data: Tensor, *, requires_grad: bool = True) -> None:
        """Stand on the memory of `data`, outside its graph."""
        self.raw = data.raw
        self.memory = data.memory
        self.place = None
        if requires_grad:
            self.requires_grad_()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Parameter":
        return Parameter(Tensor.handle(self.raw.clone()), requires_grad=self.requires_grad)


class Module:
    """A function with state. Tensors, modules, and lists of modules that are its attributes belong to it.

    >>> layer = Linear(3, 2)
    >>> [(name, tuple(parameter.shape)) for name, parameter in layer.named_parameters()]
    [('weight', (2, 3)), ('bias', (2,))]
    """

    training: bool = True

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
            module.training = mode
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
            held.memory.written = next_number()
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


class Linear(Module):
    """`x` times the transpose of `weight` (outputs × inputs), plus `bias`; initial values are torch's.

    >>> from tensor_core import ones
    >>> Linear(3, 2)(ones(5, 3)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self, in_features: int, out_features: int, *, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        """Draw weights and bias uniformly within 1/√inputs of 0 (He et al. 2015, with torch's slope of √5)."""
        self.weight = Parameter(empty(out_features, in_features, device=device, dtype=dtype))
        self.bias = Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None
        bound = 1 / math.sqrt(in_features) if in_features else 0.0
        kaiming_uniform_(self.weight, slope=math.sqrt(5))
        if self.bias is not None:
            uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """The affine map of the last dimension."""
        return linear(x, self.weight, self.bias)

    def _settings(self) -> str:
        outputs, inputs = self.weight.shape
        return f"in_features={inputs}, out_features={outputs}, bias={self.bias is not None}"


class ReLU(Module):
    """`relu` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """`x` where it is positive, else 0."""
        return relu(x)


class GELU(Module):
    """`gelu` as a layer."""

    def __init__(self, *, approximate: str = "none") -> None:
        """Remember the formula, 'none' or 'tanh'."""
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """`x` times the probability that a standard normal number is smaller."""
        return gelu(x, self.approximate)


class Dropout(Module):
    """`dropout` as a layer; it does nothing after `eval()`."""

    def __init__(self, p: float = 0.5) -> None:
        """Remember the probability that an entry is dropped."""
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p is a probability from 0 to 1, not {p}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """`x` with entries dropped while training."""
        return dropout(x, self.p, training=self.training)

    def _settings(self) -> str:
        return f"p={self.p}"


class Sequential(Module):
    """Layers one after the other, named 0, 1, 2, …

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
        for _, layer in self.children():
            x = layer(x)
        return x

    def __len__(self) -> int:
        """The number of layers."""
        return sum(1 for _ in self.children())

    def __getitem__(self, index: int) -> Module:
        """The layer at `index`."""
        return [layer for _, layer in self.children()][index]


# ---- initial values


@no_grad()
def uniform_(tensor: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    """`tensor` filled with numbers spread evenly from `low` to `high`."""
    filled: Tensor = tensor.uniform_(low, high)
    return filled


@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """`tensor` filled with normally distributed numbers."""
    filled: Tensor = tensor.normal_(mean, std)
    return filled


@no_grad()
def zeros_(tensor: Tensor) -> Tensor:
    """`tensor` filled with zeros."""
    filled: Tensor = tensor.zero_()
    return filled


def kaiming_uniform_(tensor: Tensor, *, slope: float = 0.0) -> Tensor:
    """A weight (outputs × inputs) drawn so that leaky relus of `slope` keep the variance (He et al. 2015, eq. 14)."""
    fan_in = math.prod(tensor.shape[1:])
    bound = math.sqrt(2 / (1 + slope**2)) * math.sqrt(3 / fan_in) if fan_in else 0.0
    return uniform_(tensor, -bound, bound)


def xavier_uniform_(tensor: Tensor, *, gain: float = 1.0) -> Tensor:
    """A weight (outputs × inputs) drawn so that both passes keep the variance (Glorot and Bengio 2010, eq. 16)."""
    outputs, inputs = tensor.shape
    bound = gain * math.sqrt(6 / (outputs + inputs)) if outputs + inputs else 0.0
    return uniform_(tensor, -bound, bound)


# ---- files


def save_safetensors(
    state: Module | Mapping[str, Tensor], path: str | os.PathLike[str], *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors to a safetensors file, whole or not at all, with the permissions of any new file."""
    from safetensors.torch import save

    tensors = state.state_dict() if isinstance(state, Module) else state
    raws = {
        name: held.raw.detach().cpu().clone(memory_format=torch.contiguous_format) for name, held in tensors.items()
    }
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        with temporary.open("xb") as file:
            file.write(save(raws, metadata=dict(metadata) if metadata else None))
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load_safetensors(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file; save one with save_safetensors")
    try:
        return {name: Tensor.handle(raw) for name, raw in load(Path(path).read_bytes()).items()}
    except SafetensorError as error:
        raise ValueError(f"{path}: not a whole safetensors file ({error})") from None
