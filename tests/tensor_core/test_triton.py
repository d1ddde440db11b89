"""The kernels of captured steps become PTX for two generations of GPUs, without a GPU.

Covered are the code that TorchInductor generates for the graph of the whole step (forward, backward, Adam) and what
Triton makes of it. Matrix products are calls of a library and no kernels; nothing is run, so no number is checked.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "triton_program.py"
WORKLOADS = ("tiny_mlp", "medium_mlp", "factorisation", "logistic", "gru", "chain", "transformer")


@pytest.mark.skipif(not importlib.util.find_spec("triton"), reason="triton is not installed")
@pytest.mark.parametrize("architecture", [80, 90])
def test_kernels_of_captured_steps_become_ptx(architecture: int, tmp_path: Path) -> None:
    changed = {f"{name}_CACHE_DIR": str(tmp_path / name) for name in ("TRITON", "TORCHINDUCTOR")}
    paths = [str(PROGRAM.parents[2]), str(PROGRAM.parents[1] / "benchmarks"), os.environ.get("PYTHONPATH", "")]
    changed["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    command = [sys.executable, str(PROGRAM), str(architecture), *WORKLOADS]
    made = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **changed}, check=False)
    assert made.returncode == 0, made.stderr[-3_000:]
    found = json.loads(made.stdout.splitlines()[-1])
    assert set(found) == set(WORKLOADS)
    for name, kernels in found.items():
        assert kernels, name
        for targets in kernels.values():
            assert targets  # one for each setting to be tried; Triton asks for sm_90a, the whole of that generation
            assert {target.rstrip("a") for target in targets} == {f"sm_{architecture}"}
