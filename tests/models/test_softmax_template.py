"""What only classification/softmax has: recall at capacity, and the peer that is chosen."""

import json
from pathlib import Path
from typing import Any

import pytest

from models import catalog, loading
from models.kit import program, programs

FOLDER = catalog.find("classification/softmax").folder


def _trained(tmp_path: Path, capsys: pytest.CaptureFixture[str], **changes: object) -> dict[str, Any]:
    options = [f"--set={name}={value}" for name, value in changes.items()]
    with loading.task(FOLDER) as task:
        code = programs.train(
            task, str(FOLDER / "train.py"), ["--no-plots", "--output", str(tmp_path / "output"), *options]
        )
    assert code == program.DONE, capsys.readouterr().err
    found: dict[str, Any] = json.loads((tmp_path / "output" / "metrics.json").read_text())
    return found


def test_recall_at_capacity_decides_where_it_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of 113 tumours 42 are malignant: 21 that are looked at are half, as many as expected are nearly all."""
    half = _trained(tmp_path, capsys, metric="recall_at_capacity", capacity=21 / 113)
    assert half["models"]["ours"]["scores"]["recall_at_capacity"]["value"] == pytest.approx(0.5)
    assert half["models"]["dummy"]["scores"]["recall_at_capacity"]["value"] == pytest.approx(21 / 113)
    free = _trained(tmp_path, capsys, metric="recall_at_capacity")
    score = free["models"]["ours"]["scores"]["recall_at_capacity"]
    assert score["low"] < score["value"] <= score["high"] <= 1
    assert score["value"] > 0.9


def test_three_classes_have_no_recall_at_capacity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _trained(tmp_path, capsys, table="sample:wine", target="cultivar", peer="trees")
    assert "recall_at_capacity" not in found["models"]["ours"]["scores"]
    assert found["models"]["peer"]["title"] == "scikit-learn HistGradientBoosting"
