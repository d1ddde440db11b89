"""CPU time of one `advisor frame` from cold, beside a bare interpreter: medians of interleaved runs.

python tests/benchmarks/cold_start.py [RUNS]
"""

import os
import resource
import statistics
import subprocess
import sys

# Compiled modules are written once and then read, as they are for a user.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "advisor frame": ["-m", "advisor", "frame", "Is this tumour malignant or benign?"],  # the rules are sure
    "advisor frame, with the encoder": ["-m", "advisor", "frame", "How many hours will this surgery take?"],
}


def cpu_seconds(arguments: list[str]) -> float:
    """User and system time of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 31
    for arguments in COMMANDS.values():
        cpu_seconds(arguments)  # compiles modules and knowledge where that is still to be done
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        for name, arguments in COMMANDS.items():
            times[name].append(cpu_seconds(arguments))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, value in medians.items():
        print(f"{name:32s} {value * 1e3:6.1f} ms")
    bare, frame, _ = medians.values()
    print(f"{'ratio where the rules are sure':32s} {frame / bare:6.2f}  (to hold: at most 3.5)")


if __name__ == "__main__":
    main()
