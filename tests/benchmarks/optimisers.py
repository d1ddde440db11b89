"""Whether Lion earns a place beside AdamW: `python tests/benchmarks/optimisers.py`.

Both train the same networks from the same start for the same number of steps, each at the best of its learning rates
(for Lion a tenth of AdamW's and ten times the decay, as its paper advises). Printed are the median over seeds of the
loss on held-out rows, and the median time of an update in interleaved turns.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
import workloads
from sklearn.datasets import load_digits

import tensor_core as tc
from tensor_core.optim import AdamW, Group, Optimizer

STEPS, ROWS, SEEDS, TURNS = 300, 64, 3, 15
DECAY = 0.01
RATES = (3e-3, 1e-2, 3e-2, 1e-1)  # of AdamW


class Lion(Optimizer):
    """Lion (Chen et al. 2023, algorithm 2): the sign of a mean of gradients, with one state tensor a parameter."""

    def __init__(self, params: Any, lr: float, *, weight_decay: float) -> None:
        super().__init__(params, lr=lr, betas=(0.9, 0.99), weight_decay=weight_decay)

    def update(self, group: Group, keys: list[str], params: list[torch.Tensor], grads: list[torch.Tensor]) -> None:
        """p -= lr · (sign(β₁ m + (1 - β₁) g) + decay · p), then m moves to g by 1 - β₂."""
        beta1, beta2 = group["betas"]
        torch._foreach_mul_(params, 1 - group.rate * group["weight_decay"])
        mean = self.kept("mean", keys)
        moves = torch._foreach_lerp(mean, grads, 1 - beta1)
        torch._foreach_sign_(moves)
        torch._foreach_addcmul_(params, moves, [group.rate.neg()] * len(params))
        torch._foreach_lerp_(mean, grads, 1 - beta2)


MAKERS: dict[str, Callable[[Any, float], Optimizer]] = {
    "AdamW": lambda params, rate: AdamW(params, rate, weight_decay=DECAY),
    "Lion": lambda params, rate: Lion(params, rate / 10, weight_decay=DECAY * 10),
}


def digits(seed: int) -> tuple[list[tc.Tensor], Callable[[tc.Tensor], Any], torch.Tensor, torch.Tensor]:
    """An MLP 64 → 64 → 10 on the handwritten digits of scikit-learn."""
    data = load_digits()
    x, y = torch.tensor(data.data / 16, dtype=torch.float32), torch.tensor(data.target)
    draw = torch.Generator().manual_seed(seed)
    shapes = ((64, 64), (64,), (10, 64), (10,))
    raws = [torch.randn(s, generator=draw) / 8 if len(s) > 1 else torch.zeros(s) for s in shapes]
    p = [tc.as_tensor(raw).requires_grad_() for raw in raws]
    return p, lambda rows: tc.linear(tc.relu(tc.linear(rows, p[0], p[1])), p[2], p[3]), x, y


def held_out_loss(make: Callable[[Any, float], Optimizer], rate: float, seed: int) -> float:
    """The loss on every fifth row after training on the others."""
    params, network, x, y = digits(seed)
    optimizer = make(params, rate)
    draw = torch.Generator().manual_seed(seed)
    kept = torch.arange(len(y)) % 5 == 0
    seen, labels = x[~kept], y[~kept]
    for _ in range(STEPS):
        rows = torch.randint(len(labels), (ROWS,), generator=draw)
        optimizer.zero_grad()
        tc.cross_entropy(network(tc.as_tensor(seen[rows])), tc.as_tensor(labels[rows])).backward()
        optimizer.step()
    with tc.no_grad():
        return float(tc.cross_entropy(network(tc.as_tensor(x[kept])), tc.as_tensor(y[kept])))


def update_seconds(workload: workloads.Workload) -> dict[str, float]:
    """The median time of one update of a workload's parameters, the optimisers taking turns."""
    runs = {}
    for name, make in MAKERS.items():
        params = [tc.tensor(p, requires_grad=True) for p in workload.parameters]
        for param in params:
            param.grad = tc.ones_like(param)
        runs[name] = make(params, RATES[0])
        runs[name].step()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(TURNS):
        for name, optimizer in runs.items():
            start = time.perf_counter()
            optimizer.step()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    for name, make in MAKERS.items():
        losses = {rate: statistics.median(held_out_loss(make, rate, seed) for seed in range(SEEDS)) for rate in RATES}
        print(f"{name:6} held-out loss on digits after {STEPS} steps, best rate: {min(losses.values()):.4f}", end="  ")
        print(", ".join(f"{rate:g}: {loss:.4f}" for rate, loss in losses.items()))
    for make_workload in (workloads.medium_mlp, workloads.transformer):
        found = update_seconds(make_workload())
        print(f"{make_workload.__name__}: " + ", ".join(f"{n} {s * 1e6:.0f} µs" for n, s in found.items()), end="")
        print(f", Lion / AdamW {found['Lion'] / found['AdamW']:.2f}")


if __name__ == "__main__":
    main()
