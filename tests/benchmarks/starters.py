"""Every starter in full: `python tests/benchmarks/starters.py [ID …]`, tests/models/test_every_template.py unabridged.

Of each template a starter is written and runs its own tests in a process that sees neither the advisor nor this
repository, and trains on its table under other and under hostile names.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).parents[1] / "models" / "test_every_template.py"


def main(arguments: Sequence[str]) -> int:
    """Runs the tests and returns their exit code."""
    chosen = ["-k", " or ".join(f"[{identifier}" for identifier in arguments)] if arguments else []
    command = [sys.executable, "-m", "pytest", "-n", "0", "--durations", "20", str(TESTS), *chosen]
    return subprocess.run(command, env=os.environ | {"EVERY_STARTER": "1"}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
