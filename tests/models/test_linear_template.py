"""What only regression/linear has: the peer that is chosen."""

import json
from pathlib import Path

import pytest

from models import catalog, loading
from models.kit import program, programs

FOLDER = catalog.find("regression/linear").folder


def test_peer_is_the_one_that_the_settings_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = {}
    for peer in ("ridge", "trees"):
        options = ["--no-plots", "--output", str(tmp_path / peer), f"--set=peer={peer}"]
        with loading.task(FOLDER) as task:
            code = programs.train(task, str(FOLDER / "train.py"), options)
        assert code == program.DONE, capsys.readouterr().err
        found[peer] = json.loads((tmp_path / peer / "metrics.json").read_text())["models"]["peer"]
    titles = {peer: told["title"] for peer, told in found.items()}
    assert titles == {"ridge": "scikit-learn Ridge", "trees": "scikit-learn HistGradientBoosting"}
    assert found["ridge"]["scores"]["r2"] != found["trees"]["scores"]["r2"]
