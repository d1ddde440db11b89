"""How many groups are looked for where config.yaml leaves it open."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from model import Settings, clearest

from models.kit import config

PROJECT = Path(__file__).resolve().parents[1]


def test_the_number_of_groups_is_that_which_lies_most_clearly_apart() -> None:
    settings = config.read(PROJECT / "config.yaml", Settings, changes={"clusters": "null"})
    noise, centres = np.random.default_rng(0), np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])
    for groups in (2, 3, 4):
        rows = np.repeat(centres[:groups], 40, axis=0) + noise.normal(size=(40 * groups, 2))
        assert clearest(rows, settings) == groups
