"""Tests that travel with the project. Run them with `pytest tests` in the project's folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.kit.checks import *  # noqa: F403 - after the path; the tests themselves are the kit's
