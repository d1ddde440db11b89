"""Masks: pictures of class numbers, one for each picture and as large as it, read without loss.

A cell of the mask column is the path of a PNG, GIF or BMP file, the file as a data URL, or lists of class numbers, a
list for each line. The value of a pixel is its class: of a picture with a palette the place in it, not its colour.
"""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import canvases, pictures
from models.kit.errors import TableError, count, listed

MOST_CLASSES = 64  # more values than that are shades of a picture, not classes
LARGEST = 255  # of a class number
VALUES = ("1", "L", "P")  # Pillow's modes whose values can be class numbers

Mask = npt.NDArray[np.uint8]  # (height, width), of one picture


def read(
    cells: pl.Series, *, folder: Path, sizes: npt.NDArray[np.int64], shape: Sequence[int], numbers: npt.NDArray[Any]
) -> Mask:
    """Returns class numbers (pictures, height, width), brought to `shape` by taking the nearest pixel.

    `sizes` are the height and the width that each picture has; `numbers` are those of the rows, for what is said.
    Raises `TableError` where a mask is missing, of another size than its picture, or no picture of class numbers.

    >>> read(pl.Series("mask", [[[0, 1], [2, 3]]]), folder=Path(), sizes=np.array([[2, 2]]), shape=(4, 4),
    ...     numbers=np.array([1]))[0].tolist()
    [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    """
    found = np.empty((len(cells), *shape), dtype=np.uint8)
    known: dict[str, Mask] = {}
    for place, (cell, size, number) in enumerate(zip(cells.to_list(), sizes, numbers, strict=True)):
        where = f"row {number}: {cells.name}"
        if cell is None:
            raise TableError(f"{where} is empty; each row needs a mask")
        if isinstance(cell, str) and not cell.startswith("["):
            if cell not in known:
                known[cell] = _file(cell, where, folder=folder)
            mask = known[cell]
        else:
            mask = _numbers(cell, where)
        if mask.shape != tuple(size):
            raise TableError(
                f"{where}: the mask is {mask.shape[0]} by {mask.shape[1]} pixels (height by width) and its picture "
                f"{size[0]} by {size[1]}; a mask lies on its picture pixel by pixel"
            )
        found[place] = nearest(mask, shape)
    return found


def nearest(mask: Mask, shape: Sequence[int]) -> Mask:
    """Returns a mask of another height and width, whose pixels are the nearest ones of this.

    >>> nearest(np.array([[1, 2, 3, 4]], dtype=np.uint8), (1, 2)).tolist()
    [[2, 4]]
    """
    lines, columns = (
        ((np.arange(after) + 0.5) * before / after).astype(np.int64)
        for after, before in zip(shape, mask.shape, strict=True)
    )
    return mask[np.ix_(lines, columns)]


def classes(found: Mask, *, allowed: Sequence[int], ignored: int | None, numbers: npt.NDArray[Any]) -> tuple[int, ...]:
    """Returns the class numbers of some masks, ascending, without the ignored one.

    Raises `TableError` where a mask holds a number that is not allowed, or there are not two to some dozen classes.

    >>> classes(np.array([[[0, 7], [255, 0]]], dtype=np.uint8), allowed=(), ignored=255, numbers=np.array([1]))
    (0, 7)
    """
    there = tuple(value for value in np.unique(found).tolist() if value != ignored)
    if strange := [value for value in there if allowed and value not in allowed]:
        row = int((found == strange[0]).any(axis=(1, 2)).argmax())
        raise TableError(
            f"row {numbers[row]}: the mask holds the value {strange[0]}, which is not one of the classes "
            f"{listed(map(str, allowed))} (`classes` in config.yaml); add it there, or set `ignore` to it"
        )
    if len(there) < 2:
        raise TableError(
            f"the masks hold only {count(len(there), 'class')} ({listed(map(str, there))}); there is nothing to tell "
            "apart"
        )
    if len(there) > MOST_CLASSES:
        raise TableError(
            f"the masks hold {len(there)} different values, and {MOST_CLASSES} classes are the most; the value of a "
            "pixel should be the number of its class; shades between classes come from saving with loss or smoothing"
        )
    return there


def urls(places: npt.NDArray[np.int64], names: Sequence[str], sizes: npt.NDArray[np.int64]) -> list[str]:
    """Returns masks (pictures, height, width) of places of classes as PNG files of their numbers, as data URLs.

    Each is brought to the height and width that its picture has.

    >>> urls(np.array([[[1]]]), ("0", "7"), np.array([[1, 1]]))[0][:22]
    'data:image/png;base64,'
    """
    values = np.array([int(name) for name in names], dtype=np.uint8)
    return [canvases.png(nearest(values[each], size.tolist())) for each, size in zip(places, sizes, strict=True)]


def _file(cell: str, where: str, *, folder: Path) -> Mask:
    try:
        from PIL import Image
    except ImportError:
        raise TableError(
            f"{where}: masks in files need Pillow, which is not installed; run `python -m pip install pillow`"
        ) from None
    content, shown = pictures.content(cell, where, folder=folder)
    try:
        with Image.open(io.BytesIO(content)) as opened:
            if opened.width * opened.height > pictures.MOST_PIXELS:
                raise TableError(f"{shown}: {opened.width:,} by {opened.height:,} pixels are too many; make it smaller")
            if opened.format == "JPEG":
                raise TableError(f"{shown}: a JPEG file changes class numbers a little; save the mask as PNG")
            mode, values = opened.mode, np.asarray(opened)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise TableError(f"{shown}: not a mask that can be read ({error}); save it as PNG") from None
    if mode == "RGB" and (values == values[..., :1]).all():
        return np.ascontiguousarray(values[..., 0])
    if mode not in VALUES:
        raise TableError(
            f"{shown}: a mask in colours or of more than 8 bits (Pillow's mode {mode}); the value of a pixel should "
            f"be the number of its class, 0 to {LARGEST}, in a grey picture or one with a palette"
        )
    return values.astype(np.uint8)


def _numbers(cell: Any, where: str) -> Mask:
    try:
        values = np.asarray(json.loads(cell) if isinstance(cell, str) else cell, dtype=np.float64)
    except (TypeError, ValueError):
        raise TableError(f"{where}: lines of a mask should hold equally many class numbers") from None
    if values.ndim != 2 or not values.size:
        raise TableError(f"{where}: a mask should be a list of lines, each a list of class numbers, a path or a file")
    if strange := values[~((values >= 0) & (values <= LARGEST) & (values == np.round(values)))].tolist():
        raise TableError(f"{where}: {strange[0]:g} is no class number; these are whole, from 0 to {LARGEST}")
    return values.astype(np.uint8)
