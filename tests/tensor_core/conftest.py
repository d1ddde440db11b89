"""What the tests of compiled steps share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tensor_core import compile as compiling


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of compiled steps for this run; tests that ask for it are skipped where nothing can be compiled."""
    missing = compiling.missing_compiler(torch.device("cpu"))
    if missing:
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("compiled")
    folder.chmod(0o700)
    before = os.environ.get("TENSOR_CORE_CACHE")
    os.environ["TENSOR_CORE_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["TENSOR_CORE_CACHE"]
    else:
        os.environ["TENSOR_CORE_CACHE"] = before
