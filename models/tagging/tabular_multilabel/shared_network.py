"""Networks whose labels share their layers, so that what one label teaches about a row helps the others; some of them,
averaged.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import training
from models.kit.splits import Rows

Vector = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]
ROWS_AT_ONCE = 16_384


class Members(tc.nn.Module):
    """Some networks of the same shape; what they say is averaged."""

    def __init__(self, inputs: int, labels: int, *, members: int, hidden: tuple[int, ...], dropout: float) -> None:
        """Draws the first weights."""
        self.nets = tc.nn.Sequential(*(_network(inputs, labels, hidden, dropout) for _ in range(members)))

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        """The mean logit of each label, of shape (rows, labels)."""
        first, *others = (net(x) for net in self.nets)
        total: tc.Tensor = first
        for each in others:
            total = total + each
        return total / (1 + len(others))


def _network(inputs: int, labels: int, hidden: tuple[int, ...], dropout: float) -> tc.nn.Module:
    widths, layers = (inputs, *hidden), []
    for before, after in pairwise(widths):
        layers += [tc.nn.Linear(before, after), tc.nn.ReLU(), tc.nn.Dropout(dropout)]
    return tc.nn.Sequential(*layers, tc.nn.Linear(widths[-1], labels))


def learn(
    net: tc.nn.Module,
    inputs: Vector,
    truth: Marks,
    rows: Rows,
    validation: Rows,
    *,
    learning_rate: float,
    weight_decay: float,
    epochs: int,
    batch_rows: int,
    patience: int,
    seed: int,
    watch: training.Watch,
) -> tuple[tuple[training.Point, ...], str]:
    """Trains one network in place until the validation is no longer better; returns its curve, and why it ended."""
    generator = np.random.default_rng(seed)
    x, y = inputs.astype(np.float32), truth.astype(np.float32)
    batches = -(-rows.size // batch_rows)
    adam = tc.optim.AdamW(net.parameters(), lr=learning_rate, weight_decay=weight_decay)
    schedule = tc.optim.Schedule(adam, lambda step: tc.optim.cosine_factor(step, total=batches * epochs))
    lowest, best, kept, reason = np.inf, 0, training.snapshot(net), None
    history: list[training.Point] = []
    with training.bar(epochs, "epoch") as shown:
        while reason is None and len(history) < epochs:
            net.train()
            losses = []
            for chosen in np.array_split(generator.permutation(rows), batches):
                adam.zero_grad()
                loss = tc.binary_cross_entropy_with_logits(net(tc.as_tensor(x[chosen])), tc.as_tensor(y[chosen]))
                loss.backward()
                adam.step()
                schedule.step()
                losses.append(loss.item())
                if reason := watch.reason:
                    break
            given, there = chances(net, inputs[validation]), truth[validation]
            loss_there = float(-np.log(np.maximum(np.where(there, given, 1 - given), 1e-12)).mean())
            history.append(training.Point(len(history) + 1, float(np.mean(losses)), loss_there))
            shown.update()
            if loss_there < lowest:
                lowest, best, kept = loss_there, len(history), training.snapshot(net)
            elif len(history) - best >= patience:
                reason = reason or f"the validation loss was lowest at epoch {best}"
    net.load_state_dict(kept)
    net.eval()
    return tuple(history), reason or "all epochs done"


def chances(net: tc.nn.Module, inputs: Vector) -> Vector:
    """Returns the chance of each label, of shape (rows, labels)."""
    net.eval()
    parts = range(0, max(1, len(inputs)), ROWS_AT_ONCE)
    with tc.no_grad():
        found = [
            tc.sigmoid(net(tc.as_tensor(inputs[at : at + ROWS_AT_ONCE].astype(np.float32)))).numpy() for at in parts
        ]
    return np.concatenate(found).astype(np.float64)
