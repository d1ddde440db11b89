"""Time tensor_core's eager mode beside torch's, in one run: `python tests/benchmarks/core.py`.

Each workload runs forward and backward. The two sides take turns, so that a slow moment of the machine hits both; what
is printed is the median of each and their ratio. One thread.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))
import tensor_core

ROUNDS = 41  # turns of each side
SECONDS_A_TURN = 0.01
IMPORTS = 7  # fresh processes of each kind
CHAIN = 1_000  # ops

Step = Callable[[], Any]


def _leaf(lib: ModuleType, raw: torch.Tensor) -> Any:
    return lib.tensor(raw.tolist(), requires_grad=True)


def mlp(lib: ModuleType) -> Step:
    """Forward and backward of 32×64 → 64 → 10 with cross entropy."""
    draw = torch.Generator().manual_seed(0)
    weights = [_leaf(lib, torch.randn(shape, generator=draw) / 8) for shape in [(64, 64), (64,), (10, 64), (10,)]]
    x = lib.tensor(torch.randn(32, 64, generator=draw).tolist())
    y = lib.tensor(torch.randint(0, 10, (32,), generator=draw).tolist())
    functional = torch.nn.functional if lib is torch else lib

    def step() -> None:
        for weight in weights:
            weight.grad = None
        hidden = functional.linear(x, weights[0], weights[1]).relu()
        functional.cross_entropy(functional.linear(hidden, weights[2], weights[3]), y).backward()

    return step


def logistic(lib: ModuleType) -> Step:
    """Forward and backward of a logistic regression, 1,024 rows × 1,000 columns."""
    draw = torch.Generator().manual_seed(0)
    x = lib.tensor(torch.randn(1024, 1000, generator=draw).numpy())
    y = lib.tensor((torch.rand(1024, generator=draw) > 0.5).float().numpy())
    w, b = _leaf(lib, torch.zeros(1000)), _leaf(lib, torch.zeros(()))
    functional = torch.nn.functional if lib is torch else lib

    def step() -> None:
        w.grad = b.grad = None
        functional.binary_cross_entropy_with_logits(x @ w + b, y).backward()

    return step


def chain(lib: ModuleType) -> Step:
    """Forward and backward of 1,000 elementwise ops on 10 numbers."""
    x, scale = _leaf(lib, torch.linspace(-1, 1, 10)), lib.tensor([0.999] * 10)

    def step() -> None:
        x.grad = None
        y = x
        for _ in range(CHAIN // 4):
            y = ((y * scale).tanh() + x).sigmoid()
        y.sum().backward()

    return step


def forward_only(lib: ModuleType) -> Step:
    """1,000 recorded products of 10 numbers, no backward."""
    x, scale = _leaf(lib, torch.linspace(-1, 1, 10)), lib.tensor([0.999] * 10)

    def step() -> None:
        y = x
        for _ in range(CHAIN):
            y = y * scale

    return step


def scalars(lib: ModuleType) -> Step:
    """1,000 recorded products with a Python number, no backward."""
    x = _leaf(lib, torch.linspace(-1, 1, 10))

    def step() -> None:
        y = x
        for _ in range(CHAIN):
            y = y * 0.999

    return step


def turn(step: Step, repeats: int) -> float:
    """Seconds a step, over `repeats` steps."""
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - start) / repeats


def compare(workload: Callable[[ModuleType], Step]) -> tuple[float, float]:
    """Median seconds a step of tensor_core and of torch."""
    ours, theirs = workload(tensor_core), workload(torch)
    turn(ours, 3)
    repeats = max(1, round(SECONDS_A_TURN / turn(theirs, 3)))
    pairs = [(turn(ours, repeats), turn(theirs, repeats)) for _ in range(ROUNDS)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def import_seconds(module: str) -> float:
    """Median seconds that a fresh interpreter takes to import `module`."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    root = Path(__file__).parents[2]
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
        for _ in range(IMPORTS)
    ]
    return statistics.median(float(run.stdout) for run in runs)


def main() -> None:
    """Print one line a workload, and the import time."""
    torch.set_num_threads(1)
    print(f"{'workload':14} {'ours µs':>10} {'torch µs':>10} {'ratio':>6}")
    for workload in (mlp, logistic, chain, forward_only, scalars):
        ours, theirs = compare(workload)
        print(f"{workload.__name__:14} {ours * 1e6:10.1f} {theirs * 1e6:10.1f} {ours / theirs:6.2f}")
    ours, theirs = import_seconds("tensor_core"), import_seconds("torch")
    print(f"import: tensor_core {ours:.2f} s, torch {theirs:.2f} s, ours alone {(ours - theirs) * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
