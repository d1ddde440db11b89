"""The forecaster: several small networks side by side that give quantiles, and the loop that trains them.

The pinball loss makes an output the quantile of its level (Koenker and Bassett, 1978, Regression Quantiles). What the
quantiles promise is then checked on later rows and the interval widened or narrowed to keep it (Romano, Patterson and
Candès, 2019, Conformalized Quantile Regression).
"""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import training

Matrix = npt.NDArray[np.float64]
Inputs = npt.NDArray[np.float32]

FARTHEST = 6.0  # standard deviations from the mean, beyond which an input is taken for that
FEWEST_ROWS, MOST_ROWS = 2_000, 200_000  # of an epoch; moments of a short series are met from several distances


class Side(tc.nn.Module):
    """A linear layer of several members side by side: (members or 1, rows, inputs) → (members, rows, outputs)."""

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        """Draw weights as `tc.nn.Linear` does."""
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = tc.nn.Parameter(bound * (2 * tc.rand(members, inputs, outputs) - 1))
        self.bias = tc.nn.Parameter(bound * (2 * tc.rand(members, 1, outputs) - 1))

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        """Return the sums."""
        found: tc.Tensor = x @ self.weight + self.bias
        return found


class Forecaster(tc.nn.Module):
    """Inputs of `windows.inputs` → quantiles of the difference from the seasonal naive forecast, in its unit."""

    def __init__(self, inputs: int, *, members: int, hidden: tuple[int, ...], outputs: int, dropout: float) -> None:
        """Make the networks; `learn` or `load_state_dict` bring the scales of the inputs."""
        super().__init__()
        self.mean = tc.zeros(inputs)
        self.scale = tc.ones(inputs)
        layers: list[tc.nn.Module] = []
        for before, after in pairwise((inputs, *hidden)):
            layers += [Side(members, before, after), tc.nn.GELU(), tc.nn.Dropout(dropout)]
        self.layers = tc.nn.Sequential(*layers, Side(members, (inputs, *hidden)[-1], outputs))

    def learn(self, inputs: Inputs) -> None:
        """Take mean and standard deviation of each input from training rows."""
        self.mean.copy_(tc.as_tensor(inputs.mean(axis=0)))
        spread = inputs.std(axis=0)
        self.scale.copy_(tc.as_tensor(np.where(spread > 0, spread, 1).astype(np.float32)))

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        """Return what each member says: (members, rows, quantiles)."""
        near = ((x - self.mean) / self.scale).clamp(-FARTHEST, FARTHEST)
        found: tc.Tensor = self.layers(near.unsqueeze(0))
        return found

    def together(self, x: tc.Tensor) -> tc.Tensor:
        """Return the mean of the members: (rows, quantiles)."""
        found: tc.Tensor = self(x).mean(0)
        return found


def pinball(quantiles: tc.Tensor, truth: tc.Tensor, levels: tc.Tensor) -> tc.Tensor:
    """Returns the mean pinball loss of quantiles (…, rows, levels) of the truth (rows, 1).

    >>> one = tc.as_tensor([[1.0]])
    >>> round(pinball(one, tc.as_tensor([[3.0]]), tc.as_tensor([0.9])).item(), 6)
    1.8
    """
    error = truth - quantiles
    found: tc.Tensor = tc.maximum(levels * error, (levels - 1) * error).mean()
    return found


def quantiles(net: Forecaster, inputs: Inputs) -> Matrix:
    """Returns the quantiles of each row in order, of shape (rows, levels), without dropout."""
    net.eval()
    with tc.no_grad():
        parts = [net.together(tc.as_tensor(part)).numpy() for part in np.array_split(inputs, len(inputs) // 8192 + 1)]
    return np.sort(np.concatenate(parts).astype(np.float64), axis=1)


def widening(quantiles: Matrix, truth: Matrix, *, share: float) -> float:
    """Returns by how much the outer quantiles of rows not trained on must move apart to hold that share of them.

    It is negative where they hold more.

    >>> float(widening(np.array([[0.0, 0.5, 1.0]] * 4), np.array([0.5, 1.5, 3.0, 0.1]), share=0.5))
    0.5
    """
    beyond = np.sort(np.maximum(quantiles[:, 0] - truth, truth - quantiles[:, -1]))
    place = min(math.ceil((beyond.size + 1) * share), beyond.size) - 1
    return float(beyond[place])


def widened(quantiles: Matrix, by: float) -> Matrix:
    """Returns the quantiles with the outer ones moved apart, never past the middle one.

    >>> widened(np.array([[0.0, 1.0, 2.0]]), 0.5).tolist()
    [[-0.5, 1.0, 2.5]]
    """
    low, middle, high = quantiles.T
    return np.stack([np.minimum(low - by, middle), middle, np.maximum(high + by, middle)], axis=1)


def train(
    net: Forecaster,
    drawn: Callable[[np.random.Generator], tuple[Inputs, Matrix]],
    later: tuple[Inputs, Matrix] | None,
    *,
    watch: training.Watch,
    levels: tuple[float, ...],
    epochs: int,
    batch_rows: int,
    learning_rate: float,
    weight_decay: float,
    patience: int,
    seed: int,
) -> tuple[str, list[training.Point], int]:
    """Trains in place; returns why it ended, the learning curve, and the best epoch.

    `drawn` gives the rows of an epoch anew each time, with other steps ahead. With `later` rows the best state by
    them is kept, and training ends `patience` epochs after it.
    """
    generator = np.random.default_rng(seed)
    inputs, truth = drawn(generator)
    net.learn(inputs)
    marks = tc.as_tensor(np.array(levels, dtype=np.float32))
    adam = tc.optim.AdamW(net.parameters(), lr=learning_rate, weight_decay=weight_decay)
    batches = max(-(-len(truth) // batch_rows), 1)
    schedule = tc.optim.Schedule(adam, lambda step: tc.optim.cosine_factor(step, total=epochs * batches))
    history: list[training.Point] = []
    best, best_loss, best_epoch, reason = net.state_dict(), math.inf, 0, None
    with training.bar(epochs, "epoch") as shown:
        while reason is None and len(history) < epochs:
            if history:
                inputs, truth = drawn(generator)
            order, total = generator.permutation(len(truth)), 0.0
            net.train()
            for rows in np.array_split(order, batches):
                adam.zero_grad()
                answers = tc.as_tensor(truth[rows, None].astype(np.float32))
                loss = pinball(net(tc.as_tensor(inputs[rows])), answers, marks)
                loss.backward()
                adam.step()
                schedule.step()
                total += loss.item() * rows.size
                reason = watch.reason if math.isfinite(total) else "the loss is no longer finite; lower learning_rate"
                if reason:
                    break
            found = None
            if later is not None:
                net.eval()
                with tc.no_grad():
                    told = net.together(tc.as_tensor(later[0]))
                    found = pinball(told, tc.as_tensor(later[1][:, None].astype(np.float32)), marks).item()
                if found < best_loss:
                    best, best_loss, best_epoch = training.snapshot(net), found, len(history) + 1
                elif len(history) + 1 - best_epoch >= patience:
                    reason = reason or f"the loss of later rows was lowest at epoch {best_epoch}"
            history.append(training.Point(len(history) + 1, total / max(len(truth), 1), found))
            shown.update()
    if best_epoch:
        net.load_state_dict(best)
    return reason or "all epochs done", history, best_epoch or len(history)
