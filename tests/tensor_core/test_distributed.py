"""Data-parallel training: two processes do bit for bit what one does with the same shares; a lost one is said."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import tensor_core as tc
from tensor_core.distributed import Averager, World
from tensor_core.resume import load_checkpoint, save_checkpoint
from tests.tensor_core.distributed_program import ROWS

PROGRAM = Path(__file__).with_name("distributed_program.py")
needs_gloo = pytest.mark.skipif(
    not torch.distributed.is_available() or not torch.distributed.is_gloo_available(), reason="no gloo"
)


def launch(folder: Path, *, processes: int = 2, kill_at: int = 0) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    command += ["--master-addr", "127.0.0.1", "--master-port", "0", "--rdzv-backend", "c10d"]
    command += ["--rdzv-endpoint", "127.0.0.1:0", str(PROGRAM), str(folder), str(kill_at)]
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[2]), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment)


def alone(shares: int) -> tc.nn.Module:
    """The same training in this process: the shares of each batch one after the other."""
    tc.manual_seed(0)
    net = tc.nn.Sequential(tc.nn.Linear(5, 7), tc.nn.GELU(), tc.nn.Linear(7, 1))
    optimizer = tc.optim.AdamW(net.parameters(), lr=0.01)
    xs, ys = tc.randn(48, 5), tc.randn(48, 1)
    parts = [tc.batches(xs, ys, size=ROWS, seed=3, rank=rank, ranks=shares) for rank in range(shares)]
    for batch in zip(*parts, strict=True):
        optimizer.zero_grad()
        for x, y in batch:
            tc.mse_loss(net(x), y).backward()
        for parameter in net.parameters():
            assert parameter.grad is not None
            parameter.grad.raw.div_(shares)
        optimizer.step()
    return net


@needs_gloo
def test_two_processes_equal_one_bit_for_bit_and_overlap_with_backward(tmp_path: Path) -> None:
    ended = launch(tmp_path)
    assert ended.returncode == 0, ended.stderr
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert facts["size"] == 2
    assert 0 < facts["early"] <= facts["buckets"]
    assert facts["buckets"] > 1
    saved = tc.nn.load_safetensors(tmp_path / "net.safetensors")
    expected = alone(2).state_dict()
    for name, value in saved.items():
        assert torch.equal(value.raw, expected[name].raw), name


@needs_gloo
def test_a_killed_worker_ends_the_run_in_words_and_it_resumes_to_the_same_result(tmp_path: Path) -> None:
    torn = launch(tmp_path, kill_at=4)
    assert torn.returncode != 0
    assert "rank 0: another worker of the 2 is gone" in torn.stderr
    assert f"it resumes from {tmp_path / 'checkpoints'}" in torn.stderr
    assert not (tmp_path / "facts.json").exists()
    ended = launch(tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert json.loads((tmp_path / "facts.json").read_text())["resumed"] == 3
    saved = tc.nn.load_safetensors(tmp_path / "net.safetensors")
    for name, value in alone(2).state_dict().items():
        assert torch.equal(value.raw, saved[name].raw), name


def test_a_worker_that_is_ended_with_the_others_says_why_and_hands_the_signal_back() -> None:
    """torchrun's SIGTERM may come before the worker has noticed by itself."""
    program = (
        "import os, signal\n"
        "from tensor_core.distributed import World\n"
        "before = signal.getsignal(signal.SIGTERM)\n"
        "try:\n"
        "    with World(0, 2, 'kept'):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        raise SystemExit('the signal was lost')\n"
        "except RuntimeError:\n"
        "    raise SystemExit(signal.getsignal(signal.SIGTERM) is not before)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[2])}
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.startswith("rank 0: another worker of the 2 is gone")
    assert "it resumes from kept" in ended.stderr


def test_a_run_of_one_process_is_plain_training() -> None:
    net, twin = (tc.nn.Linear(3, 2) for _ in range(2))
    twin.load_state_dict(net.state_dict())
    unused = tc.tensor([1.0], requires_grad=True)
    x = tc.randn(4, 3)
    reduce = Averager([*net.parameters(), unused], World(0, 1, None))
    for _ in range(2):
        reduce.backward((net(x) ** 2).mean())
        (twin(x) ** 2).mean().backward()
    for a, b in zip(net.parameters(), twin.parameters(), strict=True):
        assert a.grad is not None
        assert b.grad is not None
        assert torch.equal(a.grad.raw, b.grad.raw)
    assert unused.grad is None
    with pytest.raises(RuntimeError, match="needs a scalar"):
        reduce.backward(net(x))


def test_a_checkpoint_is_whole_or_not_there(tmp_path: Path) -> None:
    net = tc.nn.Linear(3, 2)
    adam = tc.optim.Adam(net.parameters(), lr=0.5)
    assert load_checkpoint(tmp_path, net, adam) is None
    for step in (1, 2, 3):
        net(tc.ones(1, 3)).sum().backward()
        adam.step()
        save_checkpoint(tmp_path, step, net, adam, epoch=step)
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["step-000000002", "step-000000003"]
    draws = tc.rand(3)
    other = tc.nn.Linear(3, 2)
    fresh = tc.optim.Adam(other.parameters())
    assert load_checkpoint(tmp_path, other, fresh) == (3, {"epoch": 3})
    assert torch.equal(other.weight.raw, net.weight.raw)
    assert fresh.param_groups[0]["lr"] == 0.5
    assert torch.equal(tc.rand(3).raw, draws.raw), "chance goes on where it was"
    assert fresh.state.keys() == adam.state.keys()
    (tmp_path / "step-000000003" / "model.safetensors").write_bytes(b"torn")
    assert load_checkpoint(tmp_path, other, fresh) == (2, {"epoch": 2})


def test_batches_are_seeded_and_shared_out() -> None:
    x = tc.arange(10)
    for epoch in (0, 1):
        rows = [b.tolist() for (b,) in tc.batches(x, size=4, seed=1, epoch=epoch)]
        assert rows == [b.tolist() for (b,) in tc.batches(x, size=4, seed=1, epoch=epoch)]
        assert sorted(row for batch in rows for row in batch) == list(range(10))
        halves = [[b.tolist() for (b,) in tc.batches(x, size=4, seed=1, epoch=epoch, rank=r, ranks=2)] for r in (0, 1)]
        assert [a + b for a, b in zip(*halves, strict=True)] == rows
    assert [b.tolist() for (b,) in tc.batches(x, size=4, seed=1)] != rows
    assert len(list(tc.batches(x, size=4, drop_last=True))) == 2
    with pytest.raises(ValueError, match="shared out"):
        next(tc.batches(x, size=3, ranks=2))
