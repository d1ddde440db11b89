"""Scenes: a table of boxes, several rows a picture, as pictures with the things in each."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import cells, columns, pictures, sequences
from models.kit.errors import TableError, count
from models.kit.pictures import Pixels
from models.kit.task import Data

FEWEST_PICTURES = 10


class Scenes(NamedTuple):
    """Pictures as the network sees them, and the height and width each had before."""

    pixels: Pixels
    sizes: npt.NDArray[np.int64]


class About(NamedTuple):
    """The boxes in each picture [left, top, right, bottom], in its own pixels, their names, and its group, if any."""

    found: list[npt.NDArray[np.float64]]
    named: list[tuple[str, ...]]
    groups: npt.NDArray[Any] | None


def read(settings: Any, folder: Path, most: int | None) -> Data[Scenes]:
    """Returns the pictures of the table, each once; raises `TableError` where a box cannot be used.

    A row without a name and a box says that there is nothing in its picture. The number of a picture is that of its
    first row.
    """
    table = pictures.table(settings.table, folder=folder)
    frame = table.frame
    for role in ("image", "target", "x", "y", "w", "h", "group"):
        if getattr(settings, role) is not None:
            columns.check_name(frame, getattr(settings, role), setting=role)
    column = frame[settings.image]
    keys = column if column.dtype == pl.String else pl.Series([str(cell) for cell in column.to_list()])
    first: dict[str, int] = {}
    for row, key in enumerate(keys):
        first.setdefault(key, row)
    if len(first) < FEWEST_PICTURES:
        raise TableError(
            f"only {count(len(first), 'picture')}; at least {FEWEST_PICTURES} are needed, and some hundred"
        )
    starts = np.fromiter(first.values(), dtype=np.int64)
    chosen = starts[sequences.drawn(starts.size, most, seed=settings.seed)]
    place = {key: where for where, key in enumerate(keys[chosen])}
    rows = np.array([row for row, key in enumerate(keys) if key in place], dtype=np.int64)
    found = pictures.find(frame[chosen], settings, columns=(), folder=(folder / settings.table).parent)
    own = np.array([place[key] for key in keys[rows]])
    names = cells.texts(frame[settings.target][rows])
    sides = _boxes(frame[rows], names, settings, found.sizes[own], rows + 1)
    there = names.is_not_null().to_numpy()
    per_picture = [np.flatnonzero((own == where) & there) for where in range(chosen.size)]
    groups = None
    if settings.group is not None:
        groups = columns.grouped(frame[settings.group])[chosen]
    about = About([sides[each] for each in per_picture], [tuple(names[each]) for each in per_picture], groups)
    number = sum(each.size for each in per_picture)
    notes = (*table.notes, pictures.said(found), f"{count(number, 'box')} in {count(chosen.size, 'picture')}")
    return Data(settings.table, table.sha256, Scenes(found.pixels, found.sizes), chosen + 1, notes, "picture", about)


def _boxes(
    frame: pl.DataFrame, names: pl.Series, settings: Any, sizes: npt.NDArray[np.int64], numbers: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Returns each row's box in pixels, as [left, top, right, bottom]."""
    values = [cells.numbers(frame[getattr(settings, role)]) for role in ("x", "y", "w", "h")]
    table = np.stack([each.to_numpy() for each in values], axis=1).astype(np.float64)
    named = names.is_not_null().to_numpy()
    half = np.flatnonzero(named != np.isfinite(table).all(axis=1))
    if half.size:
        raise TableError(
            f"row {numbers[half[0]]}: a thing needs a name ({settings.target}) and four numbers ({settings.x}, "
            f"{settings.y}, {settings.w}, {settings.h}); a picture with nothing in it has none of them"
        )
    if settings.unit == "shares":
        table = table * sizes[:, [1, 0, 1, 0]]
    begin, last = table[:, :2], table[:, 2:]
    if settings.box == "corners":
        found = table
    elif settings.box == "centre":
        found = np.concatenate([begin - last / 2, begin + last / 2], axis=1)
    else:
        found = np.concatenate([begin, begin + last], axis=1)
    inside = np.concatenate([found[:, :2].clip(min=0), np.minimum(found[:, 2:], sizes[:, ::-1])], axis=1)
    empty = np.flatnonzero(named & (inside[:, 2:] <= inside[:, :2]).any(axis=1))
    if empty.size:
        row = empty[0]
        height, width = sizes[row]
        raise TableError(
            f"row {numbers[row]}: the box {table[row].tolist()} has no area in its picture, {height} pixels high and "
            f"{width} wide; check the columns, `box` and `unit`"
        )
    return inside


def words(found: npt.NDArray[np.float64], named: tuple[str, ...]) -> list[str]:
    """Returns each thing as its name and its box: left, top, width by height.

    >>> words(np.array([[1.0, 2.0, 4.0, 8.0]]), ("cat",))
    ['cat at 1, 2, 3 × 6']
    """
    return [
        f"{name} at {left:g}, {top:g}, {right - left:g} × {bottom - top:g}"
        for name, (left, top, right, bottom) in zip(named, found.tolist(), strict=True)
    ]
