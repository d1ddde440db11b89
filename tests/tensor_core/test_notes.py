"""The notes that the mathematics follows: each of their cells prints what it prints with torch.

The notes lie beside the repository, where they are given; without them there is nothing to run.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECK = ROOT.parent / "shared" / "notes" / "check_notes.py"


@pytest.mark.skipif(not CHECK.exists(), reason=f"{CHECK} is not there")
def test_the_cells_of_the_notes() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, CHECK], capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
