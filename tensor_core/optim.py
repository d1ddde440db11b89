"""Optimisers: one multi-tensor update each. Their state is tensors, saved and loaded like a module's.

Of a parameter whose gradient has some rows alone (`rows.RowGradient`) an update sees those rows, and those of its
state: the others wait, with what they remember, until they are read again. For Adam this is torch's SparseAdam.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch

from tensor_core.autograd import next_number
from tensor_core.rows import Loan, RowGradient
from tensor_core.tensor import Tensor
from tensor_core.tracing import outdate, paused, watching


class Group(dict[str, Any]):
    """Parameters under "params", and the settings that hold for them.

    The learning rate lies in memory as well, as `rate`, where a captured step reads it.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Take the settings; the rate's device is that of the first parameter."""
        super().__init__(settings)
        first = self["params"][0].raw if self["params"] else torch.empty(0)
        self.rate = torch.full((), self["lr"], dtype=_precise(first.device), device=first.device)

    def __setitem__(self, name: str, value: Any) -> None:
        if name == "lr":
            self.rate.fill_(value)
        elif value != self.get(name):
            outdate()
        super().__setitem__(name, value)

    def update(self, *others: Any, **settings: Any) -> None:
        """Change several settings."""
        for name, value in dict(*others, **settings).items():
            self[name] = value


class Optimizer:
    """Parameters in groups with settings, and state tensors for each parameter, called as in `states`."""

    states: tuple[str, ...] = ()

    def __init__(self, params: Iterable[Tensor] | Iterable[Mapping[str, Any]], **defaults: Any) -> None:
        """Take parameters, or dicts with "params" and settings of their own."""
        given: list[Any] = list(params)
        if not given:
            raise ValueError(f"{type(self).__name__} got no parameters; was a generator used up before?")
        groups = given if isinstance(given[0], dict) else [{"params": given}]
        self.param_groups: list[Group] = []
        for group in groups:
            unknown = set(group) - {"params"} - set(defaults)
            if unknown:
                raise TypeError(f"{type(self).__name__} has no setting {min(unknown)!r}; it has {', '.join(defaults)}")
            self.param_groups.append(Group({**defaults, **group, "params": list(group["params"])}))
        for group in self.param_groups:
            for name in ("lr", "weight_decay", "momentum", "eps"):
                setting: Any = group.get(name, 0)
                if setting < 0:
                    raise ValueError(f"{type(self).__name__}: {name} is not negative, but {setting} was given")
            for param in group["params"]:
                if not param.requires_grad or not param.is_leaf:
                    raise ValueError(f"{type(self).__name__} needs leaves that require a gradient, not {param!r}")
        self.state: dict[str, torch.Tensor] = {}
        self._loan = Loan()

    def zero_grad(self) -> None:
        """Forget every parameter's gradient."""
        for group in self.param_groups:
            for param in group["params"]:
                param.grad = None

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        watch = watching.get()
        if watch is not None:
            watch.optimizers.append(self)
        for number, group in enumerate(self.param_groups):
            ready = [(f"{number}.{i}", param) for i, param in enumerate(group["params"]) if param.grad is not None]
            if not ready:
                continue
            grads = [self._summed(key, param.grad.raw) for key, param in ready]
            params = [self._loan.take(key, param.raw) for key, param in ready]
            self.update(group, [key for key, _ in ready], params, grads)
            self._loan.put_back()
            for _, param in ready:
                param.memory.write(next_number())

    def _summed(self, key: str, grad: Any) -> torch.Tensor:
        """The gradient as an array; of rows alone, which are then all that the update sees of parameter and state."""
        if not isinstance(grad, RowGradient):
            raw: torch.Tensor = grad
            return raw
        self._loan.index[key] = grad.index
        return grad.totals()[0]

    def update(self, group: Group, keys: list[str], params: list[torch.Tensor], grads: list[torch.Tensor]) -> None:
        """Write the moved parameters; each optimiser says it for itself."""
        raise NotImplementedError

    def kept(self, name: str, keys: list[str], start: torch.Tensor | None = None) -> list[torch.Tensor]:
        """The state tensor called `name` of each parameter, at first a copy of `start`, or zeros like the parameter."""
        for key in keys:
            if f"{name}.{key}" not in self.state:
                with paused():
                    self.state[f"{name}.{key}"] = self._zeros(key) if start is None else start.clone()
        return [self._loan.take(key, self.state[f"{name}.{key}"]) for key in keys]

    def _zeros(self, key: str) -> torch.Tensor:
        group, position = map(int, key.split("."))
        return torch.zeros_like(self.param_groups[group]["params"][position].raw)

    def state_dict(self) -> dict[str, Any]:
        """`state`: tensors by name; `groups`: the settings of each group."""
        groups = [{name: value for name, value in group.items() if name != "params"} for group in self.param_groups]
        return {"state": {name: Tensor.handle(raw.clone()) for name, raw in self.state.items()}, "groups": groups}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Take over settings and state, whose names and shapes must match."""
        name, groups = type(self).__name__, len(saved["groups"])
        if groups != len(self.param_groups):
            raise ValueError(f"{name}: the state has {groups} groups, but there are {len(self.param_groups)} here")
        shapes = {str(number): (len(group["params"]),) for number, group in enumerate(self.param_groups)}
        for number, group in enumerate(self.param_groups):
            shapes |= {f"{number}.{i}": tuple(param.shape) for i, param in enumerate(group["params"])}
        for key, value in saved["state"].items():
            if key.split(".", 1)[0] not in self.states:
                raise ValueError(
                    f"{name} keeps no state {key}, but {' and '.join(self.states)}; "
                    "was it saved by another optimiser, or by an older version?"
                )
            if tuple(value.shape) != shapes.get(key.split(".", 1)[1]):
                raise ValueError(
                    f"{name}: state {key} of shape {tuple(value.shape)} fits no parameter here; "
                    "was it saved for another model?"
                )
        for group, settings in zip(self.param_groups, saved["groups"], strict=True):
            group.update(settings)
        self.state = {key: value.raw.clone() for key, value in saved["state"].items()}
        outdate()


class SGD(Optimizer):
    """Stochastic gradient descent with momentum (Sutskever et al. 2013), in torch's form.

    >>> import tensor_core as tc
    >>> x = tc.tensor([1.0], requires_grad=True)
    >>> (x * 3).sum().backward()
    >>> SGD([x], lr=0.1).step()
    >>> x.tolist()
    [0.699999988079071]
    """

    states = ("momentum",)

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        *,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        """Take parameters and settings."""
        if nesterov and momentum <= 0:
            raise ValueError("SGD: nesterov needs a momentum above 0")
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)

    def update(self, group: Group, keys: list[str], params: list[torch.Tensor], grads: list[torch.Tensor]) -> None:
        """p -= lr · (g, or the decaying sum of all g)."""
        if group["weight_decay"]:
            grads = list(torch._foreach_add(grads, params, alpha=group["weight_decay"]))
        momentum = group["momentum"]
        if momentum:
            sums = self.kept("momentum", keys)
            torch._foreach_mul_(sums, momentum)
            torch._foreach_add_(sums, grads)
            grads = list(torch._foreach_add(grads, sums, alpha=momentum)) if group["nesterov"] else sums
        torch._foreach_addcmul_(params, grads, [group.rate.neg()] * len(params))


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1); `weight_decay` is added to the gradient.

    >>> import tensor_core as tc
    >>> x = tc.tensor([1.0], requires_grad=True)
    >>> (x * 3).sum().backward()
    >>> Adam([x], lr=0.1).step()
    >>> x
    tensor([0.9000], requires_grad=True)
    """

    decoupled = False
    states = ("mean", "square", "steps")

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        """Take parameters and settings."""
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"{type(self).__name__}: betas are from 0 to below 1, not {betas}")
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def update(self, group: Group, keys: list[str], params: list[torch.Tensor], grads: list[torch.Tensor]) -> None:
        """p -= lr · m̂ / (√v̂ + eps), with m̂ and v̂ the bias-corrected running means of g and g²."""
        (beta1, beta2), decay = group["betas"], group["weight_decay"]
        mean, square = self.kept("mean", keys), self.kept("square", keys)
        steps = self._counted(group, keys)
        if watching.get() is None and all(map(_side_by_side, params, grads, mean, square)):
            # The same formula in one pass over memory, without any of its own.
            kernel: Any = torch._fused_adamw_ if self.decoupled else torch._fused_adam_
            kernel(
                params, grads, mean, square, [], steps.unbind(), lr=group["lr"], beta1=beta1, beta2=beta2,
                weight_decay=decay, eps=group["eps"], amsgrad=False, maximize=False,
            )  # fmt: skip
            return
        if decay and self.decoupled:
            torch._foreach_mul_(params, 1 - group.rate * decay)
        elif decay:
            grads = list(torch._foreach_add(grads, params, alpha=decay))
        torch._foreach_lerp_(mean, grads, 1 - beta1)
        torch._foreach_mul_(square, beta2)
        torch._foreach_addcmul_(square, grads, grads, 1 - beta2)
        # Side by side in memory: a captured step would else compute both again for every eight entries.
        counts = steps.to(group.rate.dtype)
        scale, correction = torch.stack([(beta1**counts - 1) / group.rate, (1 - beta2**counts).rsqrt()])
        root = torch._foreach_sqrt(square)
        torch._foreach_mul_(root, correction.unbind())
        torch._foreach_add_(root, group["eps"])  # before the scale, which is infinite at a learning rate of 0
        torch._foreach_mul_(root, scale.unbind())
        torch._foreach_addcdiv_(params, mean, root)

    def _counted(self, group: Group, keys: list[str]) -> torch.Tensor:
        """How many steps each moved parameter has made, this one included."""
        number, total = keys[0].split(".")[0], len(group["params"])
        with paused():
            start = torch.zeros(total, dtype=torch.float32, device=group.rate.device)
        (steps,) = self.kept("steps", [number], start)
        if len(keys) == total:
            return steps.add_(1)
        places = torch.tensor([int(key.split(".")[1]) for key in keys], device=steps.device)
        counted = steps.index_select(0, places) + 1
        steps.index_copy_(0, places, counted)
        return counted


class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019, algorithm 2)."""

    decoupled = True

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        """Take parameters and settings."""
        super().__init__(params, lr, betas=betas, eps=eps, weight_decay=weight_decay)


class Adagrad(Optimizer):
    """Adagrad (Duchi et al. 2011, figure 1): steps shrink with the sum of all squared gradients so far.

    >>> import tensor_core as tc
    >>> x = tc.tensor([1.0], requires_grad=True)
    >>> (x * 3).sum().backward()
    >>> Adagrad([x], lr=0.1).step()
    >>> x
    tensor([0.9000], requires_grad=True)
    """

    states = ("sum",)

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float = 1e-2,
        *,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
    ) -> None:
        """Take parameters and settings."""
        super().__init__(params, lr=lr, eps=eps, weight_decay=weight_decay)

    def update(self, group: Group, keys: list[str], params: list[torch.Tensor], grads: list[torch.Tensor]) -> None:
        """p -= lr · g / (√s + eps), with s the sum of all g²."""
        if group["weight_decay"]:
            grads = list(torch._foreach_add(grads, params, alpha=group["weight_decay"]))
        sums = self.kept("sum", keys)
        torch._foreach_addcmul_(sums, grads, grads)
        root = torch._foreach_sqrt(sums)
        torch._foreach_add_(root, group["eps"])
        moves = torch._foreach_div(grads, root)
        torch._foreach_addcmul_(params, moves, [group.rate.neg()] * len(params))


def _side_by_side(param: torch.Tensor, *others: torch.Tensor) -> bool:
    """Whether these are real numbers of one type, which lie in the processor's memory entry beside entry."""
    return (
        param.device.type == "cpu"
        and param.is_floating_point()
        and all(raw.dtype == param.dtype and raw.is_contiguous() for raw in (param, *others))
    )


def _precise(device: torch.device) -> torch.dtype:
    """Double precision, or single precision on a device without it."""
    return torch.float32 if device.type == "mps" else torch.float64


def clip_grad_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float) -> Tensor:
    """The norm of all gradients together; they are scaled down to `max_norm` if it is larger (Pascanu et al. 2013)."""
    held = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    grads: list[Any] = [param.grad for param in held if param.grad is not None]
    if not grads:
        return Tensor.handle(torch.zeros(()))
    raws = [grad.raw for grad in grads if isinstance(grad, Tensor)]
    norms = [*(torch._foreach_norm(raws) if raws else ()), *[g.norm() for g in grads if isinstance(g, RowGradient)]]
    total = torch.linalg.vector_norm(torch.stack([norm.to(norms[0].device) for norm in norms]))
    factor = (max_norm / (total + 1e-6)).clamp(max=1.0)  # torch's guard against a norm of 0
    if raws:
        torch._foreach_mul_(raws, factor)
    for param in held:
        if isinstance(param.grad, RowGradient):
            param.grad = param.grad.scaled(factor)
        elif param.grad is not None:
            param.grad.memory.write(next_number())
    return Tensor.handle(total)


def cosine_factor(step: int, *, total: int, warmup: int = 0, floor: float = 0.0) -> float:
    """The share of the learning rate at `step`: up in a line, down along a cosine (Loshchilov and Hutter 2017, eq. 5).

    >>> [round(cosine_factor(step, total=10, warmup=2), 2) for step in (0, 1, 2, 6, 10)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    if step < warmup:
        return (step + 1) / warmup
    done = min((step - warmup) / max(total - warmup, 1), 1.0)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))


class Schedule:
    """Learning rates that follow `factor(step)`; call `step()` after the optimiser's."""

    def __init__(self, optimizer: Optimizer, factor: Callable[[int], float]) -> None:
        """Remember the learning rates as they are, and set those of step 0."""
        self.optimizer, self.factor = optimizer, factor
        self.start: Sequence[float] = [group["lr"] for group in optimizer.param_groups]
        self.count = -1
        self.step()

    def step(self) -> None:
        """Set the learning rates of the next step."""
        self.count += 1
        for group, lr in zip(self.optimizer.param_groups, self.start, strict=True):
            group["lr"] = lr * self.factor(self.count)

    def state_dict(self) -> dict[str, Any]:
        """The step and the learning rates it began with."""
        return {"count": self.count, "start": list(self.start)}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Go on from a saved step."""
        self.start = saved["start"]
        self.count = saved["count"] - 1
        self.step()
