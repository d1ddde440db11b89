"""capture: one compiled graph that does what the step does."""

from pathlib import Path
from typing import Any

import pytest
import torch

import tensor_core as tc
from tensor_core import compile as compiling

needs_compiler = pytest.mark.skipif(compiling.missing_compiler(torch.device("cpu")) is not None, reason="no compiler")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("compiled", numbered=True)
    folder.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENSOR_CORE_CACHE", str(folder))
        yield folder


def network() -> tuple[tc.nn.Module, tc.optim.AdamW]:
    tc.manual_seed(0)
    net = tc.nn.Sequential(tc.nn.Linear(6, 5), tc.nn.GELU(), tc.nn.Dropout(0.5), tc.nn.Linear(5, 3))
    weights = [p for p in net.parameters() if p.dim() > 1]
    biases = [p for p in net.parameters() if p.dim() == 1]
    groups = [{"params": weights, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0.0}]
    return net, tc.optim.AdamW(groups, lr=0.02)


def training_step(net: tc.nn.Module, optimizer: tc.optim.Optimizer) -> Any:
    def step(x: tc.Tensor, y: tc.Tensor) -> dict[str, tc.Tensor]:
        optimizer.zero_grad()
        loss = tc.cross_entropy(net(x), y)
        loss.backward()
        norm = tc.optim.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
        return {"loss": loss, "norm": norm}

    return step


def batch(rows: int) -> tuple[tc.Tensor, tc.Tensor]:
    return tc.randn(rows, 6), tc.randint(0, 3, (rows,))


@needs_compiler
def test_a_captured_step_trains_like_the_step_itself(cache: Path) -> None:
    """Same losses, norms and weights: with a schedule, groups, clipping, changing batch sizes and both modes."""
    twins = [network() for _ in range(2)]
    steps = [training_step(*twins[0]), tc.capture(training_step(*twins[1]))]
    schedules = [tc.optim.Schedule(o, lambda n: tc.optim.cosine_factor(n, total=30, warmup=5)) for _, o in twins]
    for net, _ in twins:
        net.eval()  # no dropout, so that both see the same
    for rows in [7] * 5 + [9, 12, 1, 7, 1]:
        x, y = batch(rows)
        plain, captured = (step(x, y) for step in steps)
        for schedule in schedules:
            schedule.step()
        for name in ("loss", "norm"):
            torch.testing.assert_close(captured[name].raw, plain[name].raw, rtol=1e-5, atol=1e-6)
    assert len({id(c) for found in steps[1].known.values() for c in found}) == 2, (
        "7, 9, 12 share a graph; 1 has its own"
    )
    for ours, theirs in zip(twins[1][0].parameters(), twins[0][0].parameters(), strict=True):
        torch.testing.assert_close(ours.raw, theirs.raw, rtol=1e-5, atol=1e-5)
        assert ours.grad is None
    assert twins[0][1].state.keys() == twins[1][1].state.keys()
