"""What is this template's own: lists of pixels of the user's size, whatever size files are brought to."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import polars as pl
import pytest
from model import TEMPLATE

from models.kit import config

PROJECT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("smoke", [False, True])
def test_lists_of_pixels_keep_their_size(tmp_path: Path, *, smoke: bool) -> None:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (60, 12 * 12)).tolist()
    rows = {"image": pixels, "digits": [[str(n % 3), "x"] for n in range(60)]}
    pl.DataFrame(rows).write_parquet(tmp_path / "table.parquet")
    changes = {"table": "table.parquet", "group": None} | (dict(TEMPLATE.smoke) if smoke else {})
    config.write(PROJECT / "config.yaml", tmp_path / "config.yaml", **changes)
    data = TEMPLATE.read(config.read(tmp_path / "config.yaml", TEMPLATE.settings), tmp_path, None)
    assert data.examples.shape == (60, 1, 12, 12)
    assert data.decisions[-1] == "pictures are grey, 12 by 12 pixels (height by width)"
