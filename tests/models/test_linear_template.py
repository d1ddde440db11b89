"""What only regression/linear has: the peer that is chosen."""

import json
from pathlib import Path

import pytest

from models import catalog, loading
from models.kit import program, programs

FOLDER = catalog.find("regression/linear").folder


@pytest.mark.parametrize(
    ("peer", "title"), [("ridge", "scikit-learn Ridge"), ("trees", "scikit-learn HistGradientBoosting")]
)
def test_peer_is_the_one_that_the_settings_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], peer: str, title: str
) -> None:
    options = ["--no-plots", "--output", str(tmp_path / "output"), f"--set=peer={peer}"]
    with loading.task(FOLDER) as task:
        code = programs.train(task, str(FOLDER / "train.py"), options)
    assert code == program.DONE, capsys.readouterr().err
    assert json.loads((tmp_path / "output" / "metrics.json").read_text())["models"]["peer"]["title"] == title
