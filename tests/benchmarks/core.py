"""Time tensor_core beside torch, JAX and others: `python tests/benchmarks/core.py [workload …] [--quick]`.

Four tables. Whole steps with Adam: torch eager with its fused Adam, torch.compile of the step, jax.jit of the step,
ours eager and ours captured. How long the first captured step takes, compiled anew and found on the disk by a second
process. Forward and backward alone: ours eager, torch, autograd, mygrad, JAX without jit, tinygrad. Whole steps in
which tables get gradients of the rows that were read alone. All sides of a workload compute
the same loss from the same numbers, which is checked. They take turns in one process on one core, so that a slow moment
of the machine hits all of them; what is printed is the median of each, in microseconds of processor time, which other
programs lengthen least, and its ratio. Libraries that are not installed
(`pip install problem-framing-advisor[benchmarks]`) are left out.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

import gradient_peers  # noqa: E402
import peers  # noqa: E402
import torch  # noqa: E402
import workloads  # noqa: E402
from workloads import Run  # noqa: E402

ROUNDS = 21  # turns of each side
SECONDS_A_TURN = 0.02
IMPORTS = 7  # fresh processes of each kind
CHAIN = 1_000  # ops
TOLERANCE = 2e-3  # of the first loss, relative: mygrad's erf is an approximation

STEPS: dict[str, tuple[str, Callable[..., Any]]] = {
    "torch fused": ("torch", peers.torch_step),
    "compile": ("torch", peers.torch_compiled_step),
    "jax.jit": ("jax", peers.jax_step),
    "ours eager": ("torch", peers.our_step),
    "captured": ("torch", lambda w: peers.our_step(w, captured=True)),
}
GRADIENTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "ours": ("torch", peers.our_gradient),
    "torch": ("torch", peers.torch_gradient),
    "autograd": ("autograd", gradient_peers.autograd_gradient),
    "mygrad": ("mygrad", gradient_peers.mygrad_gradient),
    "jax": ("jax", peers.jax_gradient),
    "tinygrad": ("tinygrad", gradient_peers.tinygrad_gradient),
}
SPARSE: dict[str, tuple[str, Callable[..., Any]]] = {
    "torch fused": STEPS["torch fused"],
    "torch sparse": ("torch", peers.torch_sparse_step),
    "dense": ("torch", peers.our_step),
    "sparse": ("torch", lambda w: peers.our_step(w, sparse=True)),
    "captured": ("torch", lambda w: peers.our_step(w, captured=True, sparse=True)),
}


def turn(run: Run, repeats: int) -> float:
    """Seconds of the processor a run, over `repeats` runs."""
    start = time.process_time()
    for _ in range(repeats):
        run()
    return (time.process_time() - start) / repeats


def compare(
    workload: workloads.Workload, sides: dict[str, tuple[str, Callable[..., Any]]], *, rounds: int, skip: set[str]
) -> dict[str, float]:
    """Median seconds of each side that is installed and can run the workload."""
    runs: dict[str, Run] = {}
    first: float | None = None
    for name, (module, make) in sides.items():
        if name in skip or not peers.installed(module):
            continue
        start = time.perf_counter()
        try:
            runs[name] = make(workload)
            loss = float(runs[name]())
            turn(runs[name], 2)
        except Exception as error:  # noqa: BLE001 - whatever another library says, the others go on
            print(f"  {workload.name}: {name} failed ({type(error).__name__}: {error})", file=sys.stderr)
            if name in ("ours", "ours eager", "captured"):
                traceback.print_exc()
            runs.pop(name, None)
            continue
        print(f"  {workload.name}: {name} ready after {time.perf_counter() - start:.1f} s", file=sys.stderr)
        first = loss if first is None else first
        if abs(loss - first) > TOLERANCE * abs(first):
            raise AssertionError(f"{workload.name}: {name} computes a loss of {loss}, not {first}")
    everywhere = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if everywhere:
        os.sched_setaffinity(0, {max(everywhere)})  # one core, helper threads of all libraries included
    try:
        repeats = {name: max(1, round(SECONDS_A_TURN / turn(run, 2))) for name, run in runs.items()}
        turns = [{name: turn(run, repeats[name]) for name, run in runs.items()} for _ in range(rounds)]
    finally:
        if everywhere:
            os.sched_setaffinity(0, everywhere)
    return {name: statistics.median(t[name] for t in turns) for name in runs}


def table(title: str, sides: dict[str, Any], measured: dict[str, dict[str, float]], ours: str) -> None:
    """Print microseconds, and in brackets how much of each side's time ours takes."""
    print(f"\n{title}")
    print(f"{'µs (ours / it)':14}" + "".join(f"{name:>17}" for name in sides))
    for workload, found in measured.items():
        cells = [
            f"{found[n] * 1e6:9.0f} ({found[ours] / found[n]:5.2f})" if n in found and ours in found else "–"
            for n in sides
        ]
        print(f"{workload:14}" + "".join(f"{cell:>17}" for cell in cells))
    for name in sides:
        ratios = [found[ours] / found[name] for found in measured.values() if name in found and ours in found]
        if ratios and name != ours:
            print(
                f"  to {name}: {statistics.geometric_mean(ratios):.2f} in the geometric mean, {max(ratios):.2f} at most"
            )


def recorded_op(lib: Any, number: Any) -> Run:
    """1,000 recorded products of 10 numbers with a tensor or a number, no backward."""
    x = lib.linspace(-1, 1, 10)
    x.requires_grad_()
    scale = lib.full((10,), 0.999) if number is None else number

    def run() -> None:
        y = x
        for _ in range(CHAIN):
            y = y * scale

    return run


def import_seconds() -> tuple[float, float]:
    """Seconds of the processor to import torch and then tensor_core, in a fresh interpreter with bytecode on disk."""
    clock = "time.process_time()"
    code = f"import time; a = {clock}; import torch; b = {clock}; import tensor_core; print(b - a, {clock} - b)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, cwd=Path(__file__).parents[2], env=environment, check=True,
    )  # fmt: skip
    theirs, ours = map(float, run.stdout.split())
    return theirs, ours


def ready_seconds(workload: str, caches: dict[str, str]) -> tuple[float, float]:
    """Seconds of the clock, and of the processor with the compiler's, until a fresh process has run a captured step."""
    clocks = "time.perf_counter(), sum(os.times()[:4])"
    code = (
        "import os, time, torch, peers, workloads; torch.set_num_threads(1); "
        f"run = peers.our_step(workloads.{workload}(), captured=True); "
        f"a = [{clocks}]; run(); run(); b = [{clocks}]; print(b[0] - a[0], b[1] - a[1])"
    )
    paths = [str(Path(__file__).parents[2]), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, **caches, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    clock, processor = map(float, run.stdout.split())
    return clock, processor


def print_ready(chosen: list[Callable[[], workloads.Workload]]) -> None:
    """Print how long each workload's first captured step takes with empty caches, and in a process after that."""
    print("\nUntil a captured step has run, in seconds (of the processor, the compiler's included)", flush=True)
    print(f"{'':14}{'compiled anew':>17}{'from the disk':>17}")
    for make in chosen:
        with tempfile.TemporaryDirectory() as folder:
            caches = {name: f"{folder}/{name}" for name in ("TENSOR_CORE_CACHE", "TORCHINDUCTOR_CACHE_DIR")}
            found = [ready_seconds(make.__name__, caches) for _ in range(2)]
        cells = [f"{clock:.2f} ({processor:.2f})" for clock, processor in found]
        print(f"{make().name:14}" + "".join(f"{cell:>17}" for cell in cells), flush=True)


def main() -> None:
    """Print the tables, what a recorded op costs, and the import time."""
    import tensor_core

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [make.__name__ for make in (*workloads.ALL, workloads.tagging)]
    parser.add_argument("workloads", nargs="*", choices=[[], *names], help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--skip", nargs="*", default=[], help="columns to leave out")
    parser.add_argument("--only", choices=["steps", "ready", "gradients", "sparse", "rest"], help="one of the tables")
    parser.add_argument("--quick", action="store_true", help="fewer turns")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rounds = 7 if given.quick else ROUNDS
    chosen = [make for make in workloads.ALL if not given.workloads or make.__name__ in given.workloads]
    for kind, title, sides, ours in (
        ("steps", "Whole step with Adam", STEPS, "captured"),
        ("gradients", "Forward and backward", GRADIENTS, "ours"),
    ):
        if given.only in (None, kind):
            found = {
                w.name: compare(w, sides, rounds=rounds, skip=set(given.skip)) for w in (make() for make in chosen)
            }
            table(title, sides, found, ours)
    if given.only in (None, "ready"):
        print_ready(chosen)
    if given.only in (None, "sparse"):
        tables = [w for w in (workloads.tagging, workloads.factorisation) if w.__name__ in (given.workloads or names)]
        found = {w.name: compare(w, SPARSE, rounds=rounds, skip=set(given.skip)) for w in (make() for make in tables)}
        table("Whole step with Adam, tables with gradients of rows", SPARSE, found, "sparse")
    if given.only in (None, "rest"):
        for label, number in (("with a tensor", None), ("with a number", 0.999)):
            runs = [recorded_op(tensor_core, number), recorded_op(torch, number)]
            pairs = [[turn(run, 3) / CHAIN for run in runs] for _ in range(rounds)]
            ours, theirs = (statistics.median(pair[i] for pair in pairs) for i in range(2))
            print(
                f"\na recorded product {label}: {ours * 1e6:.2f} µs, torch {theirs * 1e6:.2f} µs, "
                f"ratio {ours / theirs:.2f}"
            )
        imports = [import_seconds() for _ in range(IMPORTS + 1)][1:]  # the first one writes the bytecode
        theirs, ours = (statistics.median(side) for side in zip(*imports, strict=True))
        print(f"import: torch {theirs:.2f} s, tensor_core {ours * 1e3:.0f} ms more")


if __name__ == "__main__":
    main()
