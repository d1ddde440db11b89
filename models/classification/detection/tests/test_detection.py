"""Tests of boxes, of the maps of the detector, and of tables of boxes, beside those of the kit."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import boxes
import detector
import numpy as np
import polars as pl
import pytest
import scenes
from boxes import Things

from models.kit import canvases
from models.kit.errors import TableError

GENERATOR = np.random.default_rng(0)


def things(number: int, kinds: int, side: float = 40.0) -> Things:
    """Returns boxes at random, none wider than a third of the picture."""
    begin = GENERATOR.uniform(0, side * 2 / 3, (number, 2))
    last = begin + GENERATOR.uniform(side / 8, side / 3, (number, 2))
    return Things(np.concatenate([begin, last], axis=1), GENERATOR.integers(0, kinds, number), GENERATOR.random(number))


def test_overlap_is_what_counting_cells_gives() -> None:
    one, other = (np.array([[2, 3, 9, 8]], dtype=float), np.array([[5, 1, 12, 6]], dtype=float))
    cells = np.zeros((2, 20, 20), dtype=bool)
    for mask, (left, top, right, bottom) in zip(cells, np.concatenate([one, other]).astype(int), strict=True):
        mask[top:bottom, left:right] = True
    assert boxes.overlap(one, other)[0, 0] == pytest.approx((cells[0] & cells[1]).sum() / (cells[0] | cells[1]).sum())


def test_average_precision_is_the_area_under_the_steps() -> None:
    """By hand: of three things of one kind, hits at ranks 1 and 3 of 4 give (1 + 2/3) / 3."""
    spots = [np.array([[10.0 * place, 0, 10.0 * place + 8, 8]]) for place in range(5)]
    truth = Things(np.concatenate(spots[:3]), np.zeros(3, dtype=np.int64), np.ones(3))
    found = Things(
        np.concatenate([spots[0], spots[3], spots[1], spots[4]]),
        np.zeros(4, dtype=np.int64),
        np.array([0.9, 0.8, 0.7, 0.6]),
    )
    drawn = boxes.average_precisions([found], [truth], least_overlaps={"map50": 0.5}, seed=0)
    assert drawn["map50"][0] == pytest.approx((1 + 2 / 3) / 3)


def test_a_resample_is_the_score_of_the_pictures_that_it_drew() -> None:
    """What the weights give is what scoring the drawn pictures one by one gives."""
    truth = [things(3, 2) for _ in range(6)]
    found = [each._replace(boxes=each.boxes + GENERATOR.normal(0, 1.5, each.boxes.shape)) for each in truth]
    given: dict[str, Any] = {"least_overlaps": {"map50": 0.5}, "seed": 0}
    drawn = boxes.average_precisions(found, truth, **given)["map50"]
    chosen = np.random.default_rng(0).integers(0, 6, (1_000, 6))[4]
    again = boxes.average_precisions([found[row] for row in chosen], [truth[row] for row in chosen], **given)
    assert drawn[5] == pytest.approx(again["map50"][0], abs=1e-9)


def test_perfect_maps_give_the_boxes_back() -> None:
    """What the targets say is read as the boxes they were made of, also where a picture was made smaller."""
    truth = Things(np.array([[3.0, 5, 15, 21], [22, 8, 39, 30], [1, 30, 12, 44]]), np.array([2, 0, 1]), np.ones(3))
    wanted = detector.targets([truth], 3, height=48, width=48)
    odds = np.log(wanted.hills.clip(1e-6, 1 - 1e-6) / (1 - wanted.hills.clip(1e-6, 1 - 1e-6)))
    maps = np.concatenate([odds, wanted.sides], axis=1).astype(np.float64)
    for factor in (1, 2):
        (found,) = detector.found(maps, np.array([[48 * factor, 48 * factor]]))
        sure = boxes.kept(found, least=0.9, most_overlap=0.5)
        order = np.argsort(sure.kinds)
        assert sure.kinds[order].tolist() == [0, 1, 2]
        assert np.allclose(sure.boxes[order], truth.boxes[np.argsort(truth.kinds)] * factor, atol=1e-3)


class Settings:
    """What `scenes.read` asks of the settings."""

    table, image, image_folder, target = "boxes.parquet", "picture", None, "what"
    x, y, w, h, group = "x", "y", "w", "h", None
    box, unit, side, colour, seed = "corner", "pixels", 16, "auto", 0


def read(folder: Path, changes: dict[str, Any], **columns: Any) -> Any:
    """Returns what is read of a table of twelve pictures with one box each."""
    urls = [canvases.png(GENERATOR.integers(0, 256, (20, 40), dtype=np.uint8)) for _ in range(12)]
    given = {"picture": urls, "what": ["cat"] * 12, "x": [4.0] * 12, "y": [2.0] * 12, "w": [8.0] * 12, "h": [6.0] * 12}
    pl.DataFrame(given | columns).write_parquet(folder / "boxes.parquet")
    settings = Settings()
    vars(settings).update(changes)
    return scenes.read(settings, folder, None)


@pytest.mark.parametrize(
    ("changes", "numbers"),
    [
        ({}, (4.0, 2.0, 8.0, 6.0)),
        ({"box": "corners"}, (4.0, 2.0, 12.0, 8.0)),
        ({"box": "centre"}, (8.0, 5.0, 8.0, 6.0)),
        ({"unit": "shares"}, (0.1, 0.1, 0.2, 0.3)),
    ],
)
def test_boxes_may_be_written_in_several_ways(
    changes: dict[str, Any], numbers: tuple[float, ...], tmp_path: Path
) -> None:
    columns = {name: [value] * 12 for name, value in zip("xywh", numbers, strict=True)}
    found = read(tmp_path, changes, **columns)
    assert np.allclose(found.about.found[3], [[4, 2, 12, 8]])
    assert found.examples.sizes[3].tolist() == [20, 40]
    assert found.examples.pixels.shape == (12, 1, 16, 16)


def test_a_picture_may_have_several_things_or_none(tmp_path: Path) -> None:
    urls = [canvases.png(np.full((20, 40), place, dtype=np.uint8)) for place in range(11)]
    found = read(
        tmp_path, {}, picture=[urls[0], *urls], what=["dog", "cat", None, *["cat"] * 9],
        x=[1.0, 4.0, None, *[4.0] * 9], y=[1.0, 2.0, None, *[2.0] * 9], w=[2.0, 8.0, None, *[8.0] * 9],
        h=[2.0, 6.0, None, *[6.0] * 9],
    )  # fmt: skip
    assert found.size == 11
    assert found.about.named[:3] == [("dog", "cat"), (), ("cat",)]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"w": [None, *[8.0] * 11]}, "row 1: a thing needs a name"),
        ({"what": [None, *["cat"] * 11]}, "row 1: a thing needs a name"),
        ({"x": [8.0, 99.0, *[8.0] * 10]}, "row 2: the box .* has no area in its picture, 20 pixels high and 40 wide"),
        ({"h": [0.0] * 12}, "row 1: the box .* has no area"),
    ],
)
def test_boxes_that_cannot_be_are_refused(columns: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=message):
        read(tmp_path, {}, **columns)
