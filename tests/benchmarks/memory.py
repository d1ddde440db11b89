"""The memory that training needs at its peak (Linux): `python tests/benchmarks/memory.py [workload …]`.

For each workload and side a fresh process takes three steps with Adam, then resets the kernel's high-water mark and
takes two more. Printed is how far the mark rises above what was held between two steps, plus the arrays held then:
parameters, gradients, two moments, the batch, counted, because the libraries' own memory would drown them. In MiB, and
as a ratio to torch's eager step with fused Adam. malloc gives freed memory back at once.
"""

import ctypes
import gc
import os
import subprocess
import sys
from pathlib import Path

WARM, COUNTED = 3, 2  # steps
SIDES = ("torch", "ours", "captured")


def mark(name: str) -> int:
    """A line of /proc/self/status, in KiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def peak(workload: str, side: str) -> float:
    """The peak of a step, in MiB."""
    sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]
    import peers
    import torch
    import workloads

    torch.set_num_threads(1)
    made = getattr(workloads, workload)()
    run = peers.torch_step(made) if side == "torch" else peers.our_step(made, captured=side == "captured")
    for _ in range(WARM):
        run()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what small arrays left behind is no longer held
    before = mark("VmRSS")
    gradients = 0 if side == "captured" else 1  # those of a captured step live and die inside it
    held = sum(p.nbytes for p in made.parameters) * (3 + gradients) + sum(b.nbytes for b in made.batch)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    for _ in range(COUNTED):
        run()
    return (mark("VmHWM") - before) / 1024 + held / 2**20


def main() -> None:
    """Print the table, or, called for one side, its number."""
    if len(sys.argv) == 4 and sys.argv[1] == "--one":
        print(peak(*sys.argv[2:]))
        return
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_MMAP_THRESHOLD_": "65536"}
    for workload in sys.argv[1:] or ["tiny_mlp", "medium_mlp", "factorisation", "logistic", "gru", "chain"]:
        found = {}
        for side in SIDES:
            command = [sys.executable, __file__, "--one", workload, side]
            made = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
            found[side] = float(made.stdout)
        ratios = [f"{side} {mib:.1f} MiB ({mib / found['torch']:.2f})" for side, mib in found.items()]
        print(f"{workload:14}" + "  ".join(ratios), flush=True)


if __name__ == "__main__":
    main()
