"""How long a profile of a million rows of thirty columns takes, and how much memory, beside Polars' own figures.

    python tests/benchmarks/profiling.py [--rows N] [--rounds K]

Each round runs, in processes of their own and by turns, the profile of a CSV file, and reading the same file with
`pl.read_csv`, then `describe()`, `n_unique` and `null_count`. Shown are the medians, their ratio and the largest
resident memory. Imports are not timed.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).parent.parent.parent
OURS = "from advisor import profiling\nimport advisor.findings, models.kit.cells\ndo = lambda: profiling.profile(file)"
PEER = (
    "def do():\n    frame = pl.read_csv(file)\n    frame.describe()\n"
    "    frame.select(pl.all().n_unique())\n    frame.null_count()"
)
RUN = """
import json, resource, sys, time
import narwhals, polars as pl
file = sys.argv[1]
{what}
start = time.perf_counter(), time.process_time()
do()
wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
print(json.dumps([wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6]))
"""


def write(file: Path, rows: int) -> None:
    """A table of thirty columns: ids, measured numbers, counts, names, post codes, texts, times and gaps."""
    chance = np.random.default_rng(0)
    columns: dict[str, object] = {"order_id": np.arange(rows) + 1_000_000}
    columns |= {f"x{place}": chance.normal(size=rows).round(4) for place in range(10)}
    columns |= {f"n{place}": chance.poisson(8, size=rows) for place in range(6)}
    columns |= {f"c{place}": chance.choice(["north", "south", "west", "east coast"], rows) for place in range(5)}
    columns["zip"] = [f"{code:05d}" for code in chance.integers(1000, 99_999, rows)]
    columns["user"] = [f"U{user:06d}" for user in chance.integers(0, 200_000, rows)]
    columns["price"] = chance.lognormal(3, 1, rows).round(2)
    columns["text"] = chance.choice(["the pump is broken again", "please call me", "all is fine with me"], rows)
    start = pl.datetime(2020, 1, 1)
    minutes = pl.datetime_range(start, start + pl.duration(minutes=rows - 1), interval="1m", eager=True)
    columns["t"] = minutes.dt.strftime("%Y-%m-%d %H:%M")
    columns["yes"] = chance.choice(["yes", "no"], rows)
    columns["flag"] = (chance.random(rows) < 0.01).astype(int)
    columns["gap"] = [None if each < 0.2 else each for each in chance.random(rows).round(3)]
    pl.DataFrame(columns).write_csv(file)


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.csv"
        write(file, options.rows)
        print(
            f"{options.rows:,} rows of 30 columns, {file.stat().st_size / 1e6:.0f} MB, {pl.thread_pool_size()} threads"
        )
        found: dict[str, list[list[float]]] = {"profile": [], "polars": []}
        for _ in range(options.rounds):
            for name, what in (("profile", OURS), ("polars", PEER)):
                code = RUN.format(what=what)
                done = subprocess.run(
                    [sys.executable, "-c", code, str(file)], cwd=ROOT, capture_output=True, text=True, check=True
                )
                found[name].append(json.loads(done.stdout))
    wall, cpu = ({name: statistics.median(run[at] for run in runs) for name, runs in found.items()} for at in (0, 1))
    for name, runs in found.items():
        print(f"{name:8s} {wall[name]:5.2f} s, {cpu[name]:5.2f} s of CPU, {max(run[2] for run in runs):.2f} GB")
    print(
        f"ratio    {wall['profile'] / wall['polars']:.2f} of the time, {cpu['profile'] / cpu['polars']:.2f} of the CPU"
    )


if __name__ == "__main__":
    main()
