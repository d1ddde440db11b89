"""Tests of masks, of the U-Net and its loss, and of intersection over union, beside those of the kit."""

import base64
import io
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import iou
import masks
import model
import numpy as np
import polars as pl
import pytest
import unet
from PIL import Image

import tensor_core as tc
from models.kit import canvases, config
from models.kit.convolution import Form
from models.kit.errors import TableError

GENERATOR = np.random.default_rng(0)
CLASSES = GENERATOR.integers(0, 3, (6, 9), dtype=np.uint8)
ROWS = 12


def url(picture: Image.Image, kind: str = "PNG") -> str:
    """Returns a picture as a file in a data URL."""
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def read(cell: Any, *, size: tuple[int, int] = (6, 9), shape: tuple[int, int] = (6, 9)) -> Any:
    """Returns the one mask of a column of one cell."""
    column = pl.Series("mask", [cell])
    return masks.read(column, folder=Path(), sizes=np.array([size]), shape=shape, numbers=np.array([5]))[0]


def colourful() -> Image.Image:
    """Returns class numbers as places in a palette of loud colours."""
    picture = Image.fromarray(CLASSES, mode="P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    return picture


@pytest.mark.parametrize(
    "cell",
    [
        canvases.png(CLASSES),
        url(colourful()),
        url(Image.fromarray(np.repeat(CLASSES[..., None], 3, axis=2))),
        CLASSES.tolist(),
        str(CLASSES.tolist()),
    ],
    ids=["grey", "palette", "three equal channels", "lists", "lists as text"],
)
def test_masks_may_be_given_in_several_ways(cell: Any) -> None:
    assert (read(cell) == CLASSES).all()


def test_a_mask_is_brought_to_another_size_without_new_classes() -> None:
    small = read(canvases.png(CLASSES), shape=(3, 4))
    assert small.shape == (3, 4)
    assert set(np.unique(small)) <= {0, 1, 2}
    assert small[1, 1] == CLASSES[3, 3]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (canvases.png(CLASSES[:5]), r"row 5: mask: the mask is 5 by 9 pixels .* its picture 6 by 9"),
        (CLASSES[:, :8].tolist(), r"row 5: mask: the mask is 6 by 8 pixels"),
        (None, "row 5: mask is empty"),
        (url(Image.fromarray(CLASSES * 100), "JPEG"), "row 5: mask: a JPEG file changes class numbers"),
        (url(Image.fromarray(GENERATOR.integers(0, 255, (6, 9, 3), dtype=np.uint8))), "a mask in colours"),
        (url(Image.fromarray(CLASSES.astype(np.uint16) + 300)), "more than 8 bits"),
        ("data:image/png;base64,AAAA", "row 5: mask: not a mask that can be read"),
        ([[0, 1], [2]], "equally many class numbers"),
        ([[0.5, 1.0]], "0.5 is no class number"),
        ([[0, -1]], "-1 is no class number"),
        ([[0, 256]], "256 is no class number"),
        ("there/is/none.png", "there is no such file"),
    ],
)
def test_masks_that_cannot_be_used_are_refused(cell: Any, message: str) -> None:
    with pytest.raises(TableError, match=message):
        read(cell)


def table(folder: Path, pixels: Any, **changes: Any) -> Any:
    """Returns what the template reads of a table of twelve pictures of 6 by 9 pixels with one mask each."""
    urls = [canvases.png(GENERATOR.integers(0, 256, (6, 9), dtype=np.uint8)) for _ in range(ROWS)]
    frame = pl.DataFrame({"image": urls, "mask": [None if each is None else canvases.png(each) for each in pixels]})
    frame.write_parquet(folder / "t.parquet")
    given = {"table": "t.parquet", "group": None, "side": 8, **changes}
    written = {name: config.written(value) for name, value in given.items()}
    settings = config.read(Path(model.__file__).parent / "config.yaml", model.Settings, changes=written)
    return model.read(settings, folder, None)


def test_pictures_and_masks_are_brought_to_one_size(tmp_path: Path) -> None:
    found = table(tmp_path, [CLASSES * 7] * (ROWS - 1) + [None])
    assert found.size == ROWS - 1
    assert found.examples.pixels.shape == (ROWS - 1, 1, 8, 8)
    assert found.examples.sizes[0].tolist() == [6, 9]
    assert found.about.numbers == (0, 7, 14)
    assert found.about.places.shape == (ROWS - 1, 8, 8)
    assert any("1 row without a mask left out" in each for each in found.decisions)


def test_what_is_ignored_is_no_class(tmp_path: Path) -> None:
    found = table(tmp_path, [np.where(CLASSES == 2, 255, CLASSES).astype(np.uint8)] * ROWS, ignore=255)
    assert found.about.numbers == (0, 1)
    assert set(np.unique(found.about.places)) == {unet.UNKNOWN, 0, 1}


@pytest.mark.parametrize(
    ("masks_there", "changes", "message"),
    [
        ([CLASSES] * 2 + [CLASSES + 1] + [CLASSES] * 9, {"classes": [0, 1, 2]}, "row 3: the mask holds the value 3"),
        ([CLASSES * 0] * ROWS, {}, r"only 1 class"),
        ([GENERATOR.permuted(np.arange(54, dtype=np.uint8)).reshape(6, 9) * 2 + (each % 2) for each in range(ROWS)],
         {"side": 64}, "different values, and 64 classes are the most"),
        ([CLASSES] * 2 + [None] * 10, {}, "only 2 pictures with a mask"),
        ([CLASSES] * ROWS, {"image": "mask"}, "image and mask name one column"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_learned_are_refused(
    masks_there: list[Any], changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(TableError, match=message):
        table(tmp_path, masks_there, **changes)


def test_iou_is_what_sets_of_pixels_give() -> None:
    truth, found = GENERATOR.integers(-1, 3, (4, 5, 6)), GENERATOR.integers(0, 3, (4, 5, 6))
    truth[truth == -1] = unet.UNKNOWN
    by_class = iou.by_class(iou.counts(truth, found, 4))
    for place in range(3):
        known = truth >= 0
        real, told = (set(zip(*np.nonzero((each == place) & known), strict=True)) for each in (truth, found))
        assert by_class[place] == pytest.approx(len(real & told) / len(real | told))
    assert np.isnan(by_class[3])
    drawn = iou.draws(iou.counts(truth, found, 4), commonest=0, seed=0)
    assert drawn["mean_iou"][0] == pytest.approx(by_class[:3].mean())
    assert drawn["other_iou"][0] == pytest.approx(by_class[1:3].mean())
    assert drawn["pixel_accuracy"][0] == pytest.approx((truth == found)[truth >= 0].mean())


def test_a_resample_is_the_score_of_the_pictures_that_it_drew() -> None:
    truth, found = GENERATOR.integers(0, 3, (6, 4, 4)), GENERATOR.integers(0, 3, (6, 4, 4))
    drawn = iou.draws(iou.counts(truth, found, 3), commonest=0, seed=0)["mean_iou"]
    chosen = np.random.default_rng(0).integers(0, 6, (1_000, 6))[4]
    again = iou.by_class(iou.counts(truth[chosen], found[chosen], 3))
    assert drawn[5] == pytest.approx(np.nanmean(again))


def test_the_loss_is_nearly_nought_where_all_is_right_and_passes_over_the_unknown() -> None:
    places = GENERATOR.integers(0, 3, (2, 4, 5))
    right = np.moveaxis(np.eye(3, dtype=np.float32)[places], -1, 1) * 50
    weight = tc.ones(3)
    assert unet.loss(tc.as_tensor(right), places, weight, dice=1.0).item() < 1e-3
    unknown, other = places.copy(), right.copy()
    unknown[:, 0], other[:, :, 0] = unet.UNKNOWN, GENERATOR.normal(0, 9, other[:, :, 0].shape)
    assert unet.loss(tc.as_tensor(other), unknown, weight, dice=1.0).item() < 1e-3
    assert unet.loss(tc.as_tensor(-right), places, weight, dice=1.0).item() > 1


def test_the_network_sees_the_same_wherever_a_batch_was_cut() -> None:
    """In evaluation each picture is answered alone, at any height and width from the narrowest on."""
    net = unet.Network(Form(3, 11, 8, outputs=2, features=4, end="anywhere"), dropout=0.5).eval()
    pictures = tc.as_tensor(GENERATOR.normal(size=(3, 3, 11, 8)).astype(np.float32))
    together, alone = net(pictures), net(pictures[1:2])
    assert tuple(together.shape) == (3, 2, 11, 8)
    assert np.allclose(together[1:2].detach().numpy(), alone.detach().numpy(), atol=1e-5)


def test_no_digit_of_the_data_is_in_two_batches_and_a_mask_shows_ink() -> None:
    drawn = canvases.draw_marked(24, seed=0)
    assert [each.batch for each in drawn[:12]] == list(range(12))
    ink = np.concatenate([each.picture[each.classes > 0] for each in drawn])
    paper = np.concatenate([each.picture[each.classes == 0] for each in drawn])
    assert np.median(ink) > 100 > 20 > np.median(paper)
    again = canvases.draw_marked(24, seed=0)
    assert all((one.classes == two.classes).all() for one, two in zip(drawn, again, strict=True))
