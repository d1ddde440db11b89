"""Tests of how pictures and their numbers are read and split, and of the mean over places, beside those of the kit."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import polars as pl
import pytest
from model import TEMPLATE

import tensor_core as tc
from models.kit import canvases, config
from models.kit.convolution import Form, Network
from models.kit.errors import TableError
from models.kit.task import Case

GENERATOR = np.random.default_rng(0)
ROWS = 30


def settings(**changes: Any) -> Any:
    """Returns the settings of config.yaml for the table that a test writes."""
    found = config.read(Path(__file__).resolve().parents[1] / "config.yaml", TEMPLATE.settings)
    return replace(found, table="pictures.parquet", image="scan", target="grams", group=None, **changes)


def written(folder: Path, **columns: Any) -> Path:
    """Writes a table of pictures of eight by eight pixels, and their numbers with a decimal comma."""
    urls = [canvases.png(GENERATOR.integers(0, 256, (8, 8), dtype=np.uint8)) for _ in range(ROWS)]
    grams = [f"{place},5" for place in range(ROWS)]
    pl.DataFrame({"scan": urls, "grams": grams} | columns).write_parquet(folder / "pictures.parquet")
    return folder


def test_pictures_without_a_number_are_left_out(tmp_path: Path) -> None:
    grams = [None, "?", *(f"{place},5" for place in range(2, ROWS))]
    found = TEMPLATE.read(settings(side=8), written(tmp_path, grams=grams), None)
    assert found.examples.shape == (ROWS - 2, 1, 8, 8)
    assert found.numbers.tolist() == list(range(3, ROWS + 1))
    assert found.about.target.tolist() == [place + 0.5 for place in range(2, ROWS)]
    assert any("missing in 2 of 30 rows" in said for said in found.decisions)


def test_pictures_may_be_lists_of_pixels_or_columns(tmp_path: Path) -> None:
    pixels = GENERATOR.integers(0, 17, (ROWS, 64))
    given = settings()
    listed = TEMPLATE.read(given, written(tmp_path, scan=pixels.tolist()), None)
    beside = {f"p{place}": pixels[:, place] for place in range(64)}
    apart = TEMPLATE.read(replace(given, image=None, leave_out=("scan",)), written(tmp_path, **beside), None)
    assert (listed.examples == apart.examples).all()
    assert apart.about.columns == tuple(beside)


@pytest.mark.parametrize("by", [None, "group", "time"])
def test_each_split_has_all_pictures(by: str | None, tmp_path: Path) -> None:
    given = replace(settings(side=8), **({by: "visit"} if by else {}))
    data = TEMPLATE.read(given, written(tmp_path, visit=[place // 3 for place in range(ROWS)]), None)
    split = TEMPLATE.split(data, given)
    assert np.sort(np.concatenate(split[:3])).tolist() == list(range(ROWS))
    if by == "time":
        assert split.test.min() > split.validation.max() > split.train.max()


def test_a_target_that_is_no_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="'grams' is not a number"):
        TEMPLATE.read(settings(), written(tmp_path, grams=["heavy", "light"] * (ROWS // 2)), None)
    with pytest.raises(TableError, match="did you mean 'grams'"):
        TEMPLATE.read(replace(settings(), target="gram"), written(tmp_path), None)


@pytest.mark.parametrize("loss", ["huber", "squared"])
def test_predictions_are_in_the_unit_of_the_target(loss: str, tmp_path: Path) -> None:
    """Of a target far from 0 in large units, what is predicted is as near as what the loss says."""
    grams = [1e6 + 1e4 * place for place in range(ROWS)]
    given = settings(side=8, width=2, epochs=1, loss=loss)
    data = TEMPLATE.read(given, written(tmp_path, grams=grams), None)
    split = TEMPLATE.split(data, given)
    case: Any = Case(given, data, split, TEMPLATE.prepare(data, split, given))
    fitted = TEMPLATE.fit(case)
    predicted = TEMPLATE.predict(fitted.model, data.examples[split.validation], given)
    apart = tc.as_tensor((predicted - data.about.target[split.validation]) / case.prepared.spread)
    measure = tc.huber_loss if loss == "huber" else tc.mse_loss
    lowest = min(point.validation for point in fitted.history if point.validation is not None)
    assert measure(apart, tc.zeros_like(apart)).item() == pytest.approx(lowest, rel=1e-4)


def test_the_mean_is_that_of_all_places() -> None:
    net = Network(Form(1, 16, 16, outputs=1, features=2, end="mean"), dropout=0.0).eval()
    seen = tc.as_tensor(GENERATOR.normal(size=(3, 1, 16, 16)).astype(np.float32))
    with tc.no_grad():
        each = net.last(net.stages(seen).flatten(2).transpose(1, 2)).numpy()
        assert each.shape == (3, 16, 1)
        assert np.allclose(net(seen).numpy(), each.mean(axis=1), atol=1e-6)
