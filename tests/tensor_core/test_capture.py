"""capture: one compiled graph that does what the step does."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

import tensor_core as tc
from tensor_core import compile as compiling


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


def graphs(step: Any) -> int:
    return len({id(c) for found in step.known.values() for c in found})


def batch(rows: int) -> tuple[tc.Tensor, tc.Tensor]:
    return tc.randn(rows, 6), tc.randint(0, 3, (rows,))


def test_a_captured_step_trains_like_the_step_itself(cache: Path) -> None:
    """Same losses, norms and weights: with a schedule, groups, clipping, changing batch sizes and both modes."""
    twins = [network() for _ in range(2)]
    steps = [training_step(*twins[0]), tc.capture(training_step(*twins[1]))]
    schedules = [tc.optim.Schedule(o, lambda n: tc.optim.cosine_factor(n, total=30, warmup=5)) for _, o in twins]
    for net, _ in twins:
        net.eval()  # no dropout, so that both see the same
    for rows in [7] * 5 + [9, 12, 7]:
        x, y = batch(rows)
        plain, captured = (step(x, y) for step in steps)
        for schedule in schedules:
            schedule.step()
        for name in ("loss", "norm"):
            torch.testing.assert_close(captured[name].raw, plain[name].raw, rtol=1e-5, atol=1e-6)
    assert graphs(steps[1]) == 1, "all sizes share a graph"
    for ours, theirs in zip(twins[1][0].parameters(), twins[0][0].parameters(), strict=True):
        torch.testing.assert_close(ours.raw, theirs.raw, rtol=1e-5, atol=1e-5)
        assert ours.grad is None
    assert twins[0][1].state.keys() == twins[1][1].state.keys()


def test_dropout_is_fresh_in_each_call_and_the_same_for_the_same_seed(cache: Path) -> None:
    net, optimizer = network()
    step = tc.capture(training_step(net, optimizer))
    x, y = batch(7)
    start = {name: value.clone() for name, value in net.state_dict().items()}
    runs = []
    for group in optimizer.param_groups:
        group["lr"] = 0.0  # nothing moves, so that only chance tells two losses apart
    step(x, y)
    for _ in range(2):
        tc.manual_seed(3)
        runs.append([step(x, y)["loss"].item() for _ in range(3)])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 3
    for name, value in net.state_dict().items():
        assert torch.equal(value.raw, start[name].raw)
    assert graphs(step) == 1


_SECOND_PROCESS = """
import sys, time, warnings
sys.path[:0] = [{root!r}, {tests!r}]
import test_capture as t
import tensor_core as tc
net, optimizer = t.network()
net.eval()
step = tc.capture(t.training_step(net, optimizer))
x, y = t.batch(7)
step(x, y)
start = time.perf_counter()
print(step(x, y)["loss"].item(), t.graphs(step))
print(time.perf_counter() - start, "torch._dynamo" in sys.modules)
"""


def test_a_second_process_finds_the_step_on_the_disk(cache: Path) -> None:
    code = _SECOND_PROCESS.format(root=str(Path(tc.__file__).parents[1]), tests=str(Path(__file__).parent))
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
        for _ in range(2)
    ]
    first, second = (run.stdout.split() for run in runs)
    assert first[:2] == second[:2]
    assert second[3:] == ["False"], "nothing was traced, let alone compiled"
    assert float(second[2]) < 1.0  # seconds


def test_a_line_that_needs_numbers_is_named() -> None:
    x = tc.tensor([1.0, 2.0])

    def chooses(x: tc.Tensor) -> tc.Tensor:
        if x.sum() > 1:  # the line
            return x * 2
        return x

    def tells(x: tc.Tensor) -> float:
        return x.sum().item()  # the line

    def picks(x: tc.Tensor) -> tc.Tensor:
        return x[x > 1]  # the line

    for step in (chooses, tells, picks):
        captured = tc.capture(step)
        captured(x)
        with pytest.raises(tc.CaptureError, match=r"test_capture\.py:\d+: .*# the line\n.*where\(\)"):
            captured(x)


def test_without_a_compiler_the_step_runs_as_it_is_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("TENSOR_CORE_CACHE", str(tmp_path))
    net, optimizer = network()
    step = tc.capture(training_step(net, optimizer))
    with pytest.warns(UserWarning, match="runs uncaptured, because there is no C\\+\\+ compiler") as told:
        losses = [step(*batch(7))["loss"].item() for _ in range(4)]
    assert len(told) == 1
    assert len(set(losses)) == 4
    assert all(type(p.raw) is torch.Tensor for p in net.parameters()), "tracing left nothing behind"


def test_a_folder_that_others_may_write_to_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setenv("TENSOR_CORE_CACHE", str(tmp_path))
    step = tc.capture(lambda x: x * 2)
    step(tc.ones(3))
    with pytest.warns(UserWarning, match=f"its cache cannot be used: others may write to {tmp_path};"):
        assert step(tc.ones(3)).tolist() == [2, 2, 2]


def test_a_folder_of_ones_own_serves_where_others_may_write_but_not_rename(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir(mode=0o700)
    tmp_path.chmod(0o1777)
    compiling._check_owner(own)
    with pytest.raises(PermissionError, match=f"others may write to {tmp_path};"):
        compiling._check_owner(tmp_path)  # sticky or not, others may put files here
    tmp_path.chmod(0o777)
    with pytest.raises(PermissionError, match="TENSOR_CORE_CACHE"):
        compiling._check_owner(own)


def test_what_compares_shapes_or_writes_by_a_mask_is_captured(cache: Path) -> None:
    w = tc.randn(3)

    def step(x: tc.Tensor, y: tc.Tensor) -> tc.Tensor:
        both = tc.stack([x * w, y])
        both[both > 0] = -1
        both[0][y.sum(1) > 0] = both.mean()
        return both

    captured = tc.capture(step)
    for rows in (4, 4, 7):
        x, y = tc.randn(rows, 3), tc.randn(rows, 3)
        torch.testing.assert_close(captured(x, y).raw, step(x, y).raw)
    assert graphs(captured) == 1


def test_auto_compiles_in_the_background_only_what_is_repaid(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, optimizer = network()
    net.eval()
    few = tc.capture(training_step(net, optimizer), when="auto", steps=20)
    for _ in range(20):
        few(*batch(7))
    assert not few.known
    assert not few.making

    many = tc.capture(training_step(net, optimizer), when="auto", steps=10**9)
    losses = []
    for _ in range(8):
        losses.append(many(*batch(7))["loss"])
    for thread in threading.enumerate():
        if thread.name.startswith("compile"):
            thread.join(timeout=200)
    losses.append(many(*batch(7))["loss"])
    assert graphs(many) == 1
    assert all(loss.item() < 100 for loss in losses)


def test_gradients_that_no_optimiser_takes_are_left_to_the_caller(cache: Path) -> None:
    w = tc.tensor([1.0, 2.0], requires_grad=True)
    step = tc.capture(lambda x: (w * w * x).sum().backward())
    for _ in range(3):
        w.grad = None
        assert step(tc.tensor([1.0, 10.0])) is None
        assert w.grad is not None
        assert w.grad.tolist() == [2, 40]
    assert graphs(step) == 1


def test_a_changed_mode_or_setting_is_never_ignored() -> None:
    """Seen on the trace alone, without compiling: what the graph takes for granted stops to hold."""
    from tensor_core import tracing

    net, optimizer = network()
    captured = tc.capture(training_step(net, optimizer))
    captured(*batch(7))
    traced = captured._traced([t.raw for t in batch(7)], batch(7), {})
    assert traced.holds()
    net.eval()
    assert not traced.holds()
    net.train()
    assert traced.holds()
    optimizer.param_groups[0]["lr"] = 0.5
    assert traced.holds(), "the learning rate lies in memory"
    optimizer.param_groups[0]["weight_decay"] = 0.5
    assert not traced.holds()
    assert {tuple(t.shape) for t in traced.written} >= {(5, 6), (5,), (3, 5), (3,)}
    assert tracing.watching.get() is None


def test_everything_works_with_torchs_own_autograd_switched_off(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("torch's autograd was used")

    monkeypatch.setattr(torch.autograd, "backward", refuse)
    with torch.inference_mode():
        net, optimizer = network()
        net.eval()
        step = tc.capture(training_step(net, optimizer))
        x, y = batch(7)
        losses = [step(x, y)["loss"].item() for _ in range(4)]
    assert losses == sorted(losses, reverse=True)
    assert graphs(step) == 1


def test_a_checkpointed_part_draws_its_random_numbers_once_in_a_graph() -> None:
    x = tc.ones(4).requires_grad_()
    step = tc.capture(lambda y: tc.checkpoint(lambda z: tc.dropout(z * x, 0.5), y).sum().backward())
    traced = step._traced([tc.ones(4).raw], (tc.ones(4),), {})
    assert sum("bernoulli" in str(node.target) for node in traced.module.graph.nodes) == 1


def test_a_slice_of_an_open_dimension_leaves_its_size_open() -> None:
    x = tc.randn(6, 3)
    w = tc.ones(3, requires_grad=True)

    def step(x: tc.Tensor) -> tc.Tensor:
        loss = ((x[1:] - x[:-1]) * w).square().sum()
        loss.backward()
        return loss

    traced = tc.capture(step)._traced([x.raw], (x,), {})
    assert traced.fits([torch.Size((9, 3))])


def test_ctc_loss_says_that_it_is_in_no_graph() -> None:
    x, targets = tc.randn(5, 2, 4).log_softmax(-1), tc.tensor([[1, 2], [3, 1]])
    lengths = [5, 5], [2, 1]
    with pytest.raises(tc.CaptureError, match=r"ctc_loss reads its lengths as numbers.*leave the step uncaptured"):
        tc.capture(lambda x, y: tc.ctc_loss(x, y, *lengths))._traced([x.raw, targets.raw], (x, targets), {})
