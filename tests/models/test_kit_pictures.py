"""Pictures: read from files, data URLs, lists and columns of pixels, and refused with the row and the remedy."""

import base64
import builtins
import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from models.kit import canvases, convolution, pictures
from models.kit.errors import TableError

GENERATOR = np.random.default_rng(0)
GREY = GENERATOR.integers(0, 256, (12, 20), dtype=np.uint8)
RGB = GENERATOR.integers(0, 256, (12, 20, 3), dtype=np.uint8)


def url(picture: Image.Image, kind: str = "PNG") -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def read(cells: list[Any], folder: Path = Path(), side: int | None = None, colour: Any = "auto") -> pictures.Read:
    return pictures.read(pl.Series("scan", cells), folder=folder, side=side, colour=colour)


def test_a_file_is_read_as_it_is_where_it_has_the_size(tmp_path: Path) -> None:
    square = GREY[:, :12]
    Image.fromarray(square).save(tmp_path / "a.png")
    Image.fromarray(np.repeat(square[..., None], 3, axis=2)).save(tmp_path / "b.png")
    found = read(["a.png", "b.png"], tmp_path, side=12)
    assert found.pixels.dtype == np.uint8
    assert (found.pixels == square).all()
    assert found.pixels.shape == (2, 1, 12, 12)


def test_files_are_brought_to_one_size_and_their_own_is_kept(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.jpg", quality=95)
    found = read(["a.jpg", canvases.png(GREY)], tmp_path, side=4)
    assert found.pixels.shape == (2, 3, 4, 4)
    assert found.sizes.tolist() == [[12, 20], [12, 20]]
    means = GREY.reshape(4, 3, 4, 5).mean(axis=(1, 3))
    assert np.abs(found.pixels[1, 0] - means).max() <= 1


def test_our_png_is_what_pillow_writes() -> None:
    assert (read([canvases.png(GREY)], side=16).pixels == read([url(Image.fromarray(GREY))], side=16).pixels).all()


def test_the_camera_says_which_way_is_up() -> None:
    turned = Image.fromarray(GREY)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned right by a quarter
    buffer = io.BytesIO()
    turned.save(buffer, "PNG", exif=exif)
    cell = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    assert read([cell], side=8).sizes.tolist() == [[20, 12]]


def test_what_is_transparent_is_white() -> None:
    clear = Image.fromarray(np.zeros((8, 8, 4), dtype=np.uint8))
    assert (read([url(clear)], side=8).pixels == pictures.FULL).all()


def test_lists_of_pixels_are_rows_or_flat() -> None:
    rows = [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [0, 1, 2]]]
    assert read(rows).pixels.tolist() == [[each] for each in rows]
    assert read([[1, 2, 3, 4]]).pixels.tolist() == [[[[1, 2], [3, 4]]]]
    assert read(["[[1, 2], [3, 4]]"]).pixels.tolist() == [[[[1, 2], [3, 4]]]]
    assert read([list(range(12))]).pixels.shape == (1, 3, 2, 2)
    coloured = read([RGB.tolist()])
    assert (coloured.pixels[0] == np.moveaxis(RGB, -1, 0)).all()
    assert (read([RGB.tolist()], colour="grey").pixels.shape) == (1, 1, 12, 20)


@pytest.mark.parametrize("colours", [1, 3])
def test_what_is_asked_is_read_again(colours: int) -> None:
    pixels = GENERATOR.integers(0, 256, (3, colours, 4, 4), dtype=np.uint8)
    column = pictures.nested(pixels, "scan")
    assert (pictures.read(column, folder=Path(), side=4, colour="auto").pixels == pixels).all()


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["a.png", None], "row 2: scan is empty"),
        (["nowhere.png"], "row 1: scan: .*nowhere.png: there is no such file; paths begin"),
        (["note.txt"], "row 1: .*note.txt: not a picture that can be read"),
        (["../secret.png"], "row 1: scan: '../secret.png' lies outside"),
        (["/etc/hostname"], "row 1: scan: '/etc/hostname' lies outside"),
        (["data:image/png;base64,@@@"], "row 1: scan: a data URL whose base64 is damaged"),
        (["data:image/png;base64,aGVsbG8="], "row 1: scan: not a picture"),
        ([[1, 2], [1, 2, 3]], "equally many numbers"),
        ([[1, 2, 3, 4, 5]], "5 numbers are no square picture"),
        ([[1.0, float("nan"), 1.0, 1.0]], "no finite number"),
        ([1, 2], "holds Int64, not pictures"),
        (["[1, 2"], "equally many numbers"),
    ],
)
def test_what_is_no_picture_is_refused(cells: list[Any], message: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "note.txt").write_text("not a picture")
    Image.fromarray(GREY).save(inside / "a.png")
    Image.fromarray(GREY).save(tmp_path / "secret.png")
    with pytest.raises(TableError, match=message):
        read(cells, inside)


def test_more_than_8_bits_and_too_many_pixels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = url(Image.fromarray(GREY.astype(np.uint16) * 200))
    with pytest.raises(TableError, match="more than 8 bits a pixel"):
        read([deep])
    monkeypatch.setattr(pictures, "MOST_PIXELS", 100)
    with pytest.raises(TableError, match="20 by 12 pixels are too many"):
        read([url(Image.fromarray(GREY))])


def test_without_pillow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def blocked(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("PIL"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", blocked)
    with pytest.raises(TableError, match="pip install pillow"):
        read([canvases.png(GREY)])
    assert read([[1, 2, 3, 4]]).pixels.size == 4


def test_columns_of_pixels_say_which_is_none() -> None:
    frame = pl.DataFrame({"a": ["1", "2"], "b": ["1", "x"], "c": ["1", "2"], "d": ["1", "2"]})
    with pytest.raises(TableError, match="row 2: b: 'x' is no pixel; name the column of pictures"):
        pictures.of_columns(frame, "abcd", colour="auto")
    with pytest.raises(TableError, match="2 numbers are no square picture"):
        pictures.of_columns(frame.select("a", "c"), "ac", colour="auto")
    with pytest.raises(TableError, match="there is no column 'e', a pixel of training"):
        pictures.of_columns(frame, "acde", colour="auto")


def test_bare_pixels_have_names(tmp_path: Path) -> None:
    (tmp_path / "few.pixels").write_text("0,0,0,0,7\n1,1,1,1,3\n")
    frame = pictures.table("few.pixels", folder=tmp_path).frame
    assert frame.columns == ["pixel 1", "pixel 2", "pixel 3", "pixel 4", "label"]
    assert frame["label"].to_list() == ["7", "3"]


class Bend:
    def __init__(self, **changes: Any) -> None:
        self.shift = self.turn = self.zoom = 0.0
        self.mirror = False
        vars(self).update(changes)


def test_bending_moves_turns_and_mirrors() -> None:
    once = np.arange(25, dtype=np.float32).reshape(1, 1, 5, 5)
    many = np.repeat(once, 200, axis=0)
    mirrored = convolution.bent(many, Bend(mirror=True), np.random.default_rng(0))
    same, other = (mirrored == once).all(axis=(1, 2, 3)), (mirrored == once[..., ::-1]).all(axis=(1, 2, 3))
    assert (same ^ other).all()
    assert 60 < same.sum() < 140
    moved = convolution.bent(many, Bend(shift=0.2), np.random.default_rng(0))
    difference = moved[:, 0, 2, 2] - 12  # of the ramp 5·line + column, moved by up to one pixel each way
    assert 3 < np.abs(difference).max() <= 6
    turned = convolution.bent(many, Bend(turn=180), np.random.default_rng(0))
    assert np.allclose(turned[:, 0, 2, 2], 12, atol=1e-4)
    assert turned[:, 0, 0, 0].std() > 3
    zoomed = convolution.bent(many, Bend(zoom=0.5), np.random.default_rng(0))
    assert np.allclose(zoomed[:, 0, 2, 2], 12, atol=1e-4)
    assert zoomed[:, 0, 1, 2].std() > 0.5
