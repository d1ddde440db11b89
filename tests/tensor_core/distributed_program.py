"""A small training program for the tests of tensor_core.distributed; torchrun starts it in several processes."""

import json
import os
import signal
import sys
from pathlib import Path

import tensor_core as tc
from tensor_core.distributed import Averager, start
from tensor_core.resume import load_checkpoint, save_checkpoint

STEPS, ROWS = 6, 8


def main(folder: str, kill_at: int) -> None:
    checkpoints = str(Path(folder) / "checkpoints")
    world = start(seconds=20, checkpoint=checkpoints)
    tc.set_num_threads(1)
    tc.manual_seed(0)
    net = tc.nn.Sequential(tc.nn.Linear(5, 7), tc.nn.GELU(), tc.nn.Linear(7, 1))
    optimizer = tc.optim.AdamW(net.parameters(), lr=0.01)
    reduce = Averager(net.parameters(), world, bucket_bytes=64)
    xs, ys = tc.randn(48, 5), tc.randn(48, 1)
    resumed = load_checkpoint(checkpoints, net, optimizer)
    done = resumed[0] if resumed else 0
    early = 0
    with world:
        data = tc.batches(xs, ys, size=ROWS, seed=3, rank=world.rank, ranks=world.size)
        for step, (x, y) in enumerate(data, start=1):
            if step <= done:
                continue
            if step == kill_at and world.rank == world.size - 1:
                os.kill(os.getpid(), signal.SIGKILL)
            optimizer.zero_grad()
            reduce.backward(tc.mse_loss(net(x), y))
            early = max(early, reduce.started_early)
            optimizer.step()
            if world.first:
                save_checkpoint(checkpoints, step, net, optimizer, loss=0.5)
        if world.first:
            tc.nn.save_safetensors(net, Path(folder) / "net.safetensors")
            facts = {"size": world.size, "early": early, "buckets": len(reduce.buckets), "resumed": done}
            (Path(folder) / "facts.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
