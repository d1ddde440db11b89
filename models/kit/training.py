"""Training: a loop that can be timed, watched and interrupted, and always ends with a usable model.

A convex objective of a moderate table is minimised with L-BFGS over all rows: scipy walks (Liu and Nocedal, 1989, On
the limited memory BFGS method), tensor_core gives the gradient. Everything else takes mini-batches with Adam or AdamW
(Loshchilov and Hutter, 2019) and a learning rate that falls along a cosine; with validation rows it keeps the best
state and stops when that no longer improves.
"""

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

import tensor_core as tc
from models.kit.config import Settings
from models.kit.errors import count

MOST_FULL_BATCH_CELLS = 50_000_000  # rows × features (0.4 GB as float64); beyond it "auto" takes mini-batches
MOST_ITERATIONS = 2_000
GRADIENT_TOLERANCE = 1e-5  # of the mean loss, largest component
MEMORY = 30  # steps that L-BFGS remembers

Rows = npt.NDArray[np.int64]


class Point(NamedTuple):
    """The mean loss after a step (an epoch or an iteration); `validation` is None where there are no such rows."""

    step: int
    training: float
    validation: float | None


class Run(NamedTuple):
    """How training went: why it ended, in words, its learning curve, and whether Ctrl-C ended it."""

    ended: str
    history: tuple[Point, ...]
    interrupted: bool = False


class Objective(NamedTuple):
    """What is minimised: the loss of some training rows with its penalty, and the plain loss of the validation rows."""

    rows: int
    loss: Callable[[Rows | None], tc.Tensor]
    validation: Callable[[], tc.Tensor] | None


class Stepping(Protocol):
    """The settings that mini-batches need."""

    @property
    def seed(self) -> int:
        """Of the order of the examples."""

    @property
    def learning_rate(self) -> float:
        """Of the first step; it falls along a cosine."""

    @property
    def epochs(self) -> int:
        """At most."""

    @property
    def batch_rows(self) -> int:
        """Examples of a step."""

    @property
    def patience(self) -> int:
        """Epochs without improvement on the validation examples."""

    @property
    def time_budget_seconds(self) -> float:
        """At most."""


class Watch:
    """Knows whether training should stop: Ctrl-C was pressed, or the time is spent."""

    def __init__(self, *, budget_seconds: float) -> None:
        """Starts the clock."""
        self.started = time.perf_counter()
        self.budget_seconds = budget_seconds
        self.interrupted = False

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    @property
    def reason(self) -> str | None:
        """Why training should stop now, or None."""
        if self.interrupted:
            return "interrupted (Ctrl-C)"
        return f"time budget of {self.budget_seconds:g} s spent" if self.seconds > self.budget_seconds else None


def minimise(net: tc.nn.Module, objective: Objective, *, cells: int, settings: Settings) -> Run:
    """Trains the network in place, with the optimiser that the settings name; returns how it went.

    `cells` is the size of the design matrix, which decides what "auto" means for a linear model.
    """
    auto = "lbfgs" if settings.model == "linear" and cells <= MOST_FULL_BATCH_CELLS else "adam"
    optimizer = auto if settings.optimizer == "auto" else settings.optimizer
    with watched(budget_seconds=settings.time_budget_seconds) as watch:
        if optimizer == "lbfgs":
            return _lbfgs(net, objective, watch)
        return _mini_batches(net, objective, watch, optimizer, settings)


def by_batches(net: tc.nn.Module, objective: Objective, settings: Stepping) -> Run:
    """Trains the network in place with Adam on parts of the examples, for a template with a network of its own."""
    with watched(budget_seconds=settings.time_budget_seconds) as watch:
        return _mini_batches(net, objective, watch, "adam", settings)


def by_lbfgs(net: tc.nn.Module, objective: Objective, *, budget_seconds: float) -> Run:
    """Trains the network in place with L-BFGS over all examples, for a convex objective of a template's own."""
    with watched(budget_seconds=budget_seconds) as watch:
        return _lbfgs(net, objective, watch)


def penalty(net: tc.nn.Module) -> tc.Tensor:
    """Returns the sum of squares of all weights; intercepts (tensors of one axis) are not penalised.

    >>> layer = tc.nn.Linear(2, 1)
    >>> _ = layer.load_state_dict({"weight": tc.as_tensor([[3.0, 4.0]]), "bias": tc.as_tensor([9.0])})
    >>> penalty(layer).item()
    25.0
    """
    first, *others = (weight for weight in net.parameters() if weight.dim() > 1)
    total: tc.Tensor = (first * first).sum()
    for weight in others:
        total = total + (weight * weight).sum()
    return total


@contextmanager
def watched(*, budget_seconds: float) -> Iterator[Watch]:
    """Yields a watch that notes the first Ctrl-C, so that no step is torn; a second one interrupts at once.

    A loop of a template's own asks `watch.reason` after every step, and ends with what it has where there is one.

    >>> with watched(budget_seconds=60) as watch:
    ...     watch.reason
    """
    watch = Watch(budget_seconds=budget_seconds)
    if threading.current_thread() is not threading.main_thread():
        yield watch
        return

    before = signal.getsignal(signal.SIGINT) or signal.default_int_handler  # None: one that Python did not set

    def note(number: int, frame: FrameType | None) -> None:
        watch.interrupted = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield watch
    finally:
        signal.signal(signal.SIGINT, before)


def bar(total: int | None, unit: str) -> Any:
    """Returns a progress bar on stderr, silent where nobody watches: no terminal, or a build server (CI)."""
    quiet = bool(os.environ.get("CI")) or not sys.stderr.isatty()
    return tqdm(
        total=total, unit=unit, desc="training", file=sys.stderr, disable=quiet, leave=False, dynamic_ncols=True
    )


def _lbfgs(net: tc.nn.Module, objective: Objective, watch: Watch) -> Run:
    from scipy.optimize import OptimizeResult, minimize

    net.eval()  # its line search needs the same loss twice, so there is no dropout
    parameters = list(net.parameters())
    history: list[Point] = []

    def value_and_gradient(vector: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        _place(parameters, vector)
        for parameter in parameters:
            parameter.grad = None
        loss = objective.loss(None)
        loss.backward()
        return loss.item(), np.concatenate([_gradient(parameter) for parameter in parameters])

    with bar(None, "iteration") as shown:

        def after_step(intermediate_result: OptimizeResult) -> None:  # scipy looks for this name
            history.append(Point(len(history) + 1, float(intermediate_result.fun), None))
            shown.update()
            if watch.reason:
                raise StopIteration

        start = np.concatenate([parameter.detach().numpy().ravel() for parameter in parameters])
        found = minimize(
            value_and_gradient, start, jac=True, method="L-BFGS-B", callback=after_step,
            options={"maxiter": MOST_ITERATIONS, "maxcor": MEMORY, "gtol": GRADIENT_TOLERANCE, "ftol": 1e-13},
        )  # fmt: skip
    _place(parameters, found.x)
    default = "converged" if found.status == 0 else f"L-BFGS ended ({found.message.lower()})"
    return ended(watch, watch.reason or default, "iteration", history)


def _mini_batches(net: tc.nn.Module, objective: Objective, watch: Watch, optimizer: str, settings: Stepping) -> Run:
    generator = np.random.default_rng(settings.seed)
    batch = min(settings.batch_rows, objective.rows)
    steps = -(-objective.rows // batch)
    make = tc.optim.AdamW if optimizer == "adamw" else tc.optim.Adam
    adam = make(net.parameters(), lr=settings.learning_rate)
    total_steps = steps * settings.epochs
    schedule = tc.optim.Schedule(adam, lambda step: tc.optim.cosine_factor(step, total=total_steps))
    history: list[Point] = []
    best, best_loss, best_epoch = net.state_dict(), np.inf, 0
    reason = None
    with bar(settings.epochs, "epoch") as shown:
        while reason is None and len(history) < settings.epochs:
            net.train()
            order, total, seen = generator.permutation(objective.rows), 0.0, 0
            for start in range(0, objective.rows, batch):
                chosen = order[start : start + batch]
                adam.zero_grad()
                loss = objective.loss(chosen)
                loss.backward()
                adam.step()
                schedule.step()
                total, seen = total + loss.item() * chosen.size, seen + chosen.size
                reason = watch.reason if math.isfinite(total) else "the loss is no longer finite; lower learning_rate"
                if reason:
                    break
            net.eval()
            validation = None
            if objective.validation is not None:
                with tc.no_grad():
                    validation = objective.validation().item()
                if validation < best_loss:
                    best, best_loss, best_epoch = snapshot(net), validation, len(history) + 1
                elif len(history) + 1 - best_epoch >= settings.patience:
                    reason = reason or f"the validation loss was lowest at epoch {best_epoch}"
            history.append(Point(len(history) + 1, total / seen, validation))
            shown.set_postfix(loss=f"{total / seen:.4g}")
            shown.update()
    if best_epoch:
        net.load_state_dict(best)
    return ended(watch, reason or "all epochs done", "epoch", history)


def snapshot(net: tc.nn.Module) -> dict[str, tc.Tensor]:
    """Returns a copy of all that the network holds, which later steps do not touch; `load_state_dict` brings it back.

    >>> layer = tc.nn.Linear(1, 1)
    >>> kept = snapshot(layer)
    >>> with tc.no_grad():
    ...     _ = layer.weight.zero_()
    >>> bool((kept["weight"] != layer.weight).all())
    True
    """
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


def ended(watch: Watch, reason: str, unit: str, history: Sequence[Point]) -> Run:
    """Returns how a training went that ended for that reason after `history`, counted in `unit`s."""
    steps = count(len(history), unit)
    kept = "; the result so far is kept" if watch.interrupted else ""
    return Run(f"Training took {steps} and {watch.seconds:.2f} s: {reason}{kept}.", tuple(history), watch.interrupted)


def _gradient(parameter: tc.Tensor) -> npt.NDArray[np.float64]:
    gradient = parameter.grad
    return np.zeros(parameter.numel()) if gradient is None else np.asarray(gradient.numpy(), dtype=np.float64).ravel()


def _place(parameters: Sequence[tc.Tensor], vector: npt.NDArray[np.float64]) -> None:
    """Writes one long vector into the parameters, each taking its part."""
    done = 0
    with tc.no_grad():
        for parameter in parameters:
            part = vector[done : done + parameter.numel()].reshape(tuple(parameter.shape))
            parameter.copy_(tc.as_tensor(part))
            done += parameter.numel()
