"""Data-parallel training over torch.distributed: every process has the model and a share of each batch.

    world = tc.distributed.start()
    reduce = tc.distributed.Averager(model.parameters(), world)
    with world:
        for x, y in tc.batches(xs, ys, size=64, seed=0, rank=world.rank, ranks=world.size):
            optimizer.zero_grad()
            reduce.backward(loss_of(x, y))
            optimizer.step()

Run it with `torchrun --nproc-per-node 2 train.py`. The gradients of a bucket of parameters travel as soon as the last
of them is known, while backward goes on. Each process gathers all shares and adds them in the order of the ranks, so
that the result is bit for bit that of one process that accumulates the same shares one after the other, on any number
of processes; a ring's all-reduce adds in another order on each element.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterable
from datetime import timedelta
from types import FrameType, TracebackType
from typing import Any, Self

import torch

from tensor_core.autograd import Leaf, Node, accumulate, walk
from tensor_core.rows import dense
from tensor_core.tensor import Tensor

_BUCKET_BYTES = 4 * 2**20  # large enough that a message is not mostly latency, small enough to overlap
_SECONDS = 60.0  # without an answer, after which a worker counts as lost


class WorkerLostError(RuntimeError):
    """Another process of the run is gone."""


class World:
    """The processes of a run. As a context manager it ends the run in words when one of them is lost.

    torchrun ends those that are left with SIGTERM, often before they notice by themselves, so that is told as well.
    """

    def __init__(self, rank: int, size: int, checkpoint: str | None) -> None:
        """Process `rank` of `size`; `checkpoint` is named in the message of a lost worker."""
        self.rank, self.size, self.checkpoint = rank, size, checkpoint
        self._handler: Any = None  # of SIGTERM before, where it is ours meanwhile

    @property
    def first(self) -> bool:
        """Whether this is the process that saves and reports."""
        return self.rank == 0

    def __enter__(self) -> Self:
        alone = self.size == 1 or threading.current_thread() is not threading.main_thread()
        if not alone and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # a program's own handler knows better
            self._handler = signal.signal(signal.SIGTERM, self._told_to_stop)
        return self

    def _told_to_stop(self, number: int, frame: FrameType | None) -> None:
        raise self.lost(RuntimeError("or whoever started the run stops it: SIGTERM"))

    def _hand_back(self) -> None:
        if self._handler is not None:
            signal.signal(signal.SIGTERM, self._handler)
            self._handler = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, WorkerLostError):
            if self._handler is not None:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the last words come first
            print(f"rank {self.rank}: {error}", file=sys.stderr, flush=True)  # noqa: T201 - torchrun hides tracebacks
        self._hand_back()
        if self.size > 1 and kind is None:
            torch.distributed.barrier()
            torch.distributed.destroy_process_group()

    def lost(self, error: Exception) -> WorkerLostError:
        """The error to raise when talking to the others failed."""
        resume = f"; start the same command again, it resumes from {self.checkpoint}" if self.checkpoint else ""
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return WorkerLostError(f"another worker of the {self.size} is gone ({reason}){resume}")


def start(*, backend: str | None = None, seconds: float = _SECONDS, checkpoint: str | None = None) -> World:
    """Join the run that torchrun started, over NCCL with a GPU and gloo without; alone if there is none.

    A worker that does not answer for `seconds` counts as lost.
    """
    if "RANK" not in os.environ:
        return World(0, 1, checkpoint)
    if not torch.distributed.is_available():
        raise RuntimeError("this build of torch has no torch.distributed; run without torchrun")
    chosen = backend or ("nccl" if torch.cuda.is_available() else "gloo")
    torch.distributed.init_process_group(chosen, timeout=timedelta(seconds=seconds))
    if chosen == "nccl":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    return World(torch.distributed.get_rank(), torch.distributed.get_world_size(), checkpoint)


class Averager:
    """Backward passes whose gradients are the mean over all processes."""

    def __init__(self, parameters: Iterable[Tensor], world: World, *, bucket_bytes: int = _BUCKET_BYTES) -> None:
        """Put the parameters into buckets, the last ones first: theirs are the first gradients to be known."""
        self.world = world
        self.buckets: list[list[Tensor]] = []
        filled = bucket_bytes
        for parameter in reversed([p for p in parameters if p.requires_grad]):
            bytes_ = parameter.numel() * parameter.raw.element_size()
            alike = bool(self.buckets) and self.buckets[-1][0].dtype == parameter.dtype
            if filled + bytes_ > bucket_bytes or not alike:
                self.buckets.append([])
                filled = 0
            self.buckets[-1].append(parameter)
            filled += bytes_
        self.started_early = 0  # buckets of the last backward that travelled before it ended

    def backward(self, loss: Tensor) -> None:
        """As `loss.backward()`, and then `.grad` grows by the mean of all processes' gradients."""
        if loss.place is None or loss.numel() != 1:
            raise RuntimeError(f"backward needs a scalar that requires a gradient, not shape {tuple(loss.shape)}")
        last_users = _last_users(loss.place)
        waiting = [{p.place for p in bucket} for bucket in self.buckets]  # what was not used is waited for to the end
        users: dict[Node, list[Any]] = {}
        for leaf, user in last_users.items():
            users.setdefault(user, []).append(leaf)
        sent: list[tuple[Any, list[torch.Tensor]]] = []

        def progress(node: Node, grads: dict[Any, Any]) -> None:
            done = users.get(node, ())
            if not done:
                return
            for bucket in waiting:
                bucket.difference_update(done)
            # In one order everywhere, or the processes would talk past each other.
            while len(sent) < len(waiting) and not waiting[len(sent)]:
                sent.append(self._send(self.buckets[len(sent)], grads))

        found = walk(
            [(loss.place, torch.ones_like(loss.raw))], create_graph=False, retain_graph=False, handle=Tensor.handle,
            progress=progress,
        )  # fmt: skip
        self.started_early = len(sent)
        for bucket in self.buckets[len(sent) :]:
            sent.append(self._send(bucket, found))
        for bucket, (handle, shares) in zip(self.buckets, sent, strict=True):
            found.update(self._received(bucket, handle, shares))
        accumulate(found, create_graph=False, handle=Tensor.handle)

    def average(self) -> None:
        """Replace every `.grad` by the mean over all processes, after a backward pass of another kind."""
        grads = {p.place: p.grad.raw for bucket in self.buckets for p in bucket if p.grad is not None}
        sent = [self._send(bucket, grads) for bucket in self.buckets]
        for bucket, (handle, shares) in zip(self.buckets, sent, strict=True):
            means = self._received(bucket, handle, shares)
            for parameter in bucket:
                if parameter.place in means:
                    parameter.grad = Tensor.handle(means[parameter.place])

    def _send(self, bucket: list[Tensor], grads: dict[Any, Any]) -> tuple[Any, list[torch.Tensor]]:
        """Start to gather a bucket's gradients, and for each whether this process has one."""
        flat = [(dense(grads[p.place]) if p.place in grads else torch.zeros_like(p.raw)).reshape(-1) for p in bucket]
        known = torch.tensor([float(p.place in grads) for p in bucket], dtype=flat[0].dtype, device=flat[0].device)
        mine = torch.cat([*flat, known])
        if self.world.size == 1:
            return None, [mine]
        shares = [torch.empty_like(mine) for _ in range(self.world.size)]
        try:
            return torch.distributed.all_gather(shares, mine, async_op=True), shares
        except RuntimeError as error:
            raise self.world.lost(error) from error

    def _received(self, bucket: list[Tensor], handle: Any, shares: list[torch.Tensor]) -> dict[Any, torch.Tensor]:
        """The mean of each parameter that any process has a gradient for: shares added in the order of ranks."""
        try:
            if handle is not None:
                handle.wait()
        except RuntimeError as error:
            raise self.world.lost(error) from error
        total = shares[0].clone()
        for share in shares[1:]:
            total += share
        sizes = [p.numel() for p in bucket]
        *parts, known = torch.split(total, [*sizes, len(bucket)])
        return {
            p.place: part.reshape(p.shape).div_(self.world.size).clone()
            for p, part, count in zip(bucket, parts, known.tolist(), strict=True)
            if count
        }


def _last_users(root: Any) -> dict[Leaf, Node]:
    """For each leaf the node that backward comes to last of those that used it: the oldest."""
    found: dict[Leaf, Node] = {}
    seen: set[Any] = {root}
    stack = [root]
    while stack:
        node = stack.pop()
        if not isinstance(node, Node):
            continue
        for place in node.places:
            if isinstance(place, Leaf) and (place not in found or found[place].number > node.number):
                found[place] = node
            if place is not None and place not in seen:
                seen.add(place)
                stack.append(place)
    return found


def average(value: float, world: World) -> float:
    """The mean of a number over all processes, added in the order of ranks."""
    if world.size == 1:
        return value
    shares = [torch.zeros(1, dtype=torch.float64) for _ in range(world.size)]
    try:
        torch.distributed.all_gather(shares, torch.tensor([value], dtype=torch.float64))
    except RuntimeError as error:
        raise world.lost(error) from error
    return sum(float(share) for share in shares) / world.size
