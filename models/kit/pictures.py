"""Pictures: read from files, from text that holds one, or from pixels in a table; always brought to one size.

A cell of a picture column is the path of a PNG, JPEG, GIF, BMP or WebP file, the file itself as a data URL
(`data:image/png;base64,…`, as a service is sent one), or its pixels: a list of rows, each a list of numbers (grey) or
of [red, green, blue], or all of them in one list, if the picture is as high as it is wide. Instead, each pixel may
have a column of its own. Files need Pillow.

Pictures are arrays (pictures, channels, height, width), of uint8 where they were files, else of float32.
"""

import base64
import binascii
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import cells, dataset, tables
from models.kit.errors import TableError, did_you_mean, listed

Pixels = npt.NDArray[Any]  # (pictures, channels, height, width)
Colour = Literal["auto", "grey", "rgb"]

FILE_SIDE = 32  # pixels to which files are brought where no side is asked for
MOST_BYTES = 50_000_000  # of one file
MOST_PIXELS = 100_000_000  # of one file, before it is made smaller
BARE = ".pixels"  # a file of numbers without names: the pixels of a picture in each line, and last what it shows
DATA_URL = "data:"
FULL = 255  # of 8 bits


class Read(NamedTuple):
    """Pictures of one size, and of each the height and width it had before."""

    pixels: Pixels
    sizes: npt.NDArray[np.int64]


def table(name: str, *, folder: Path) -> tables.Table:
    """Returns the table that a setting names; one of bare pixels gets the names `pixel 1`, … and `label`."""
    if name.startswith("sample:") or dataset.file(name, folder=folder).suffix != BARE:
        return dataset.table(name, folder=folder)
    path = dataset.file(name, folder=folder)
    sha256 = dataset.sha256(path)
    try:
        frame = pl.read_csv(path.read_bytes(), has_header=False, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise TableError(f"{path}: not a table of pixels: {str(error).splitlines()[0]}") from None
    frame.columns = [*(f"pixel {place}" for place in range(1, frame.width)), "label"]
    return tables.Table(frame, sha256, ())


def read(cells: pl.Series, *, folder: Path, side: int | None, colour: Colour) -> Read:
    """Returns the pictures of a column; raises `TableError` that names the row.

    Files are brought to `side` by `side` pixels; lists of pixels have the size that they have. The paths of files begin
    in `folder` and lead nowhere else, as a table may come from somebody who should not see the rest. Of colour "auto",
    pictures that are all grey have one channel, else all have three.

    >>> found = read(pl.Series("scan", [[0, 1, 2, 3], [4, 5, 6, 7]]), folder=Path(), side=None, colour="auto")
    >>> found.pixels.shape, found.sizes[0].tolist()
    ((2, 1, 2, 2), [2, 2])
    """
    if cells.null_count():
        row = int(cells.is_null().arg_max() or 0) + 1
        raise TableError(f"row {row}: {cells.name} is empty; each row needs a picture")
    if cells.dtype == pl.String and not cells.str.starts_with("[").all():
        return _files(cells, folder=folder, side=side or FILE_SIDE, colour=colour)
    if cells.dtype != pl.String and not isinstance(cells.dtype, pl.List | pl.Array):
        raise TableError(
            f"column {cells.name!r} holds {cells.dtype}, not pictures: paths, data URLs or lists of pixels"
        )
    try:
        nested = [json.loads(cell) for cell in cells] if cells.dtype == pl.String else cells.to_list()
        values = np.asarray(nested, dtype=np.float32)
    except (TypeError, ValueError):
        raise TableError(f"column {cells.name!r}: all lists of pixels should hold equally many numbers") from None
    pixels = _coloured(_shaped(values, where=f"column {cells.name!r}"), colour=colour)
    return Read(pixels, np.tile(pixels.shape[2:], (len(pixels), 1)))


def of_columns(frame: pl.DataFrame, names: Sequence[str], *, colour: Colour) -> Pixels:
    """Returns pictures whose pixels have a column each, row by row; raises `TableError` where one is no number.

    >>> of_columns(pl.DataFrame({"a": [1], "b": [2], "c": [3], "d": [4]}), "abcd", colour="auto").tolist()
    [[[[1.0, 2.0], [3.0, 4.0]]]]
    """
    values = np.empty((frame.height, len(names)), dtype=np.float32)
    for place, name in enumerate(names):
        if name not in frame.columns:
            raise TableError(f"there is no column {name!r}, a pixel of training{did_you_mean(name, frame.columns)}")
        column = cells.numbers(frame[name])
        if column.null_count():
            row = int(column.is_null().arg_max() or 0) + 1
            raise TableError(
                f"row {row}: {name}: {frame[name][row - 1]!r} is no pixel; name the column of pictures (`image`), or "
                "list the columns that are no pixels (`leave_out`)"
            )
        values[:, place] = column.to_numpy()
    return _coloured(_shaped(values, where=f"the columns {listed(names, most=3)}"), colour=colour)


class Named(Protocol):
    """The settings that say where pictures are."""

    @property
    def image(self) -> str | None: ...  # noqa: D102 - as in config.yaml
    @property
    def image_folder(self) -> str | None: ...  # noqa: D102
    @property
    def side(self) -> int | None: ...  # noqa: D102
    @property
    def colour(self) -> Colour: ...  # noqa: D102


def find(frame: pl.DataFrame, settings: Named, *, columns: Sequence[str], folder: Path) -> Read:
    """Returns the pictures of a table: of the column that the settings name, or else of the pixels in `columns`.

    Paths begin at `image_folder` of the settings, else at `folder`.
    """
    if settings.image is None:
        pixels = of_columns(frame, columns, colour=settings.colour)
        return Read(pixels, np.tile(pixels.shape[2:], (len(pixels), 1)))
    if settings.image not in frame.columns:
        hint = did_you_mean(settings.image, frame.columns) or f"; it has {listed(frame.columns)}"
        raise TableError(f"image: the table has no column {settings.image!r}{hint}")
    begin = folder if settings.image_folder is None else folder / Path(settings.image_folder).expanduser()
    return read(frame[settings.image], folder=begin, side=settings.side, colour=settings.colour)


def asked(pixels: Pixels, settings: Named, columns: Sequence[str]) -> pl.DataFrame:
    """Returns pictures as a user would hand them in: a column of pictures, or a column for each pixel.

    >>> class Settings:
    ...     image, image_folder, side, colour = None, None, None, "auto"
    >>> asked(np.array([[[[1, 2], [3, 4]]]]), Settings(), "abcd").row(0)
    (1, 2, 3, 4)
    """
    if settings.image is not None:
        return pl.DataFrame([nested(pixels, settings.image)])
    flat = np.moveaxis(pixels, 1, -1).reshape(len(pixels), -1)
    return pl.DataFrame({name: flat[:, place] for place, name in enumerate(columns)})


def said(found: Read) -> str:
    """Returns in a sentence what the pictures are.

    >>> said(Read(np.zeros((2, 1, 8, 8)), np.array([[8, 8], [16, 8]])))
    'pictures are grey, brought to 8 by 8 pixels (height by width) from 8 to 16 by 8 to 8'
    """
    _, channels, height, width = found.pixels.shape
    (low, left), (high, right) = found.sizes.min(axis=0), found.sizes.max(axis=0)
    colours = "grey" if channels == 1 else "in colour"
    if (low, high, left, right) == (height, height, width, width):
        return f"pictures are {colours}, {height} by {width} pixels (height by width)"
    before = f"{low} to {high} by {left} to {right}"
    return f"pictures are {colours}, brought to {height} by {width} pixels (height by width) from {before}"


def nested(pixels: Pixels, name: str) -> pl.Series:
    """Returns pictures as a column of rows of pixels, which `read` takes as they are.

    >>> nested(np.array([[[[1, 2], [3, 4]]]]), "scan").to_list()
    [[[1, 2], [3, 4]]]
    """
    last = pixels[:, 0] if pixels.shape[1] == 1 else np.moveaxis(pixels, 1, -1)
    return pl.Series(name, last.tolist())


def _files(cells: pl.Series, *, folder: Path, side: int, colour: Colour) -> Read:
    known: dict[str, tuple[Pixels, tuple[int, int]]] = {}
    found = []
    for row, cell in enumerate(cells, start=1):
        if cell not in known:
            where = f"row {row}: {cells.name}"
            known[cell] = _file(cell, where, folder=folder, side=side, grey=colour == "grey")
        found.append(known[cell])
    pixels = np.stack([picture for picture, _ in found])
    if colour == "auto" and (pixels == pixels[:, :1]).all():
        pixels = pixels[:, :1]
    return Read(np.ascontiguousarray(pixels), np.array([size for _, size in found], dtype=np.int64))


def _file(cell: str, where: str, *, folder: Path, side: int, grey: bool) -> tuple[Pixels, tuple[int, int]]:
    """Returns one picture (channels, side, side), and the height and width it had."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise TableError(
            f"{where}: pictures in files need Pillow, which is not installed; run `python -m pip install pillow`"
        ) from None
    held, shown = content(cell, where, folder=folder)
    try:
        with Image.open(io.BytesIO(held)) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise TableError(f"{shown}: {opened.width:,} by {opened.height:,} pixels are too many; make it smaller")
            if opened.mode.startswith(("I", "F")):
                raise TableError(f"{shown}: more than 8 bits a pixel; save it as PNG or JPEG of 8 bits")
            picture = ImageOps.exif_transpose(opened)
            if "A" in picture.getbands() or "transparency" in picture.info:
                above = picture.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
            picture = picture.convert("L" if grey else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise TableError(f"{shown}: not a picture that can be read ({error}); save it as PNG or JPEG") from None
    size = picture.height, picture.width
    if size != (side, side):
        picture = picture.resize((side, side), Image.Resampling.BOX if min(size) >= side else Image.Resampling.BILINEAR)
    pixels = np.asarray(picture, dtype=np.uint8)
    return (pixels[None] if grey else np.moveaxis(pixels, -1, 0)), size


def content(cell: str, where: str, *, folder: Path) -> tuple[bytes, str]:
    """Returns the bytes that a cell holds or names, and what to call them; raises `TableError` where there are none.

    >>> content("data:text/plain;base64,aGk=", "row 1: scan", folder=Path())
    (b'hi', 'row 1: scan')
    """
    if cell.startswith(DATA_URL):
        try:
            return base64.b64decode(cell.partition(",")[2], validate=True), where
        except binascii.Error as error:
            raise TableError(f"{where}: a data URL whose base64 is damaged ({error})") from None
    path = folder / Path(cell).expanduser()
    shown = f"{where}: {path}"
    if not path.resolve().is_relative_to(folder.resolve()):
        raise TableError(
            f"{where}: {cell!r} lies outside {folder.resolve()}, where pictures are looked for; copy it there, or name "
            "the folder that holds all of them (`image_folder`)"
        )
    try:
        if path.stat().st_size > MOST_BYTES:
            raise TableError(f"{shown}: larger than {MOST_BYTES:,} bytes; make it smaller")
        return path.read_bytes(), shown
    except (OSError, ValueError) as error:
        reason = "there is no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({error})"
        raise TableError(f"{shown}: {reason}; paths begin at `image_folder`, or where the table lies") from None


def _shaped(values: npt.NDArray[np.float32], *, where: str) -> Pixels:
    """Returns pixels (pictures, channels, height, width) from numbers that are flat, rows, or rows of colours."""
    if not np.isfinite(values).all():
        raise TableError(f"{where}: a pixel is no finite number")
    if values.ndim == 4 and values.shape[-1] in (1, 3):
        return np.ascontiguousarray(np.moveaxis(values, -1, 1))
    if values.ndim == 3:
        return values[:, None]
    size = values.shape[-1]
    for channels in (1, 3):
        side = math.isqrt(size // channels)
        if values.ndim == 2 and size and channels * side * side == size:
            return np.ascontiguousarray(np.moveaxis(values.reshape(-1, side, side, channels), -1, 1))
    raise TableError(
        f"{where}: {size:,} numbers are no square picture, grey or of three colours; give its rows as lists, or list "
        "the columns that are no pixels (`leave_out`)"
    )


def _coloured(pixels: Pixels, *, colour: Colour) -> Pixels:
    return pixels.mean(axis=1, keepdims=True) if colour == "grey" else pixels
