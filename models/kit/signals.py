"""Signals in tables: measurements over time, of one channel or several, every one as long as it is.

A table holds them in one of three ways. One row a step: the column `series` says which signal a row belongs to, and
every column of numbers is a channel. One row a signal: every column of lists (in JSON lines or text as `[1.5, 2]`) is a
channel. One row a signal, spread: the columns of numbers are the steps of one channel, in their order. A file that ends
in .ts, or a folder with such files for training and test, is an archive in the form of aeon and sktime.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import cells, columns, dataset, tables
from models.kit.errors import TableError, count, listed

ARCHIVE = ".ts"
LABEL, PART = "label", "part"  # columns that reading an archive adds
TRAIN, TEST = "train", "test"
LISTS = "lists"  # the form of a column whose cells are lists

Signal = npt.NDArray[np.float32]  # (channels, steps); NaN where a measurement is missing
Rows = npt.NDArray[np.int64]


class Channel(NamedTuple):
    """A column that is measured, and how its cells are read: as lists, or as numbers with a decimal mark."""

    name: str
    form: str


class Signals(NamedTuple):
    """Signals, what each is called, and the places of its rows in the table."""

    names: list[str]
    values: list[Signal]
    rows: list[Rows]


def table(name: str, *, folder: Path) -> tables.Table:
    """Returns the table that a setting names, archives among them; raises `TableError`."""
    path = dataset.file(name, folder=folder)
    files = sorted(path.glob(f"*{ARCHIVE}")) if path.is_dir() else [path]
    if not files or files[0].suffix.lower() != ARCHIVE:
        return dataset.table(name, folder=folder)
    contents = [tables.read_bytes(file) for file in files]
    parts = [TEST if file.stem.lower().endswith(f"_{TEST}") else TRAIN for file in files]
    frames = [
        archive(content.decode("utf-8", "replace"), name=str(file), part=part)
        for file, content, part in zip(files, contents, parts, strict=True)
    ]
    if len({frame.width for frame in frames}) > 1:
        raise TableError(f"{path}: its files have different numbers of channels; name one of them")
    return tables.Table(pl.concat(frames), hashlib.sha256(b"".join(contents)).hexdigest(), ())


def archive(text: str, *, name: str = "text", part: str = TRAIN) -> pl.DataFrame:
    """Returns one row a signal of a .ts file: a column of lists for each channel, its label, and the part it is of.

    >>> archive("@classLabel true a b\\n@data\\n1,2,?:3,4,5:a\\n").row(0)
    ([1.0, 2.0, nan], [3.0, 4.0, 5.0], 'a', 'train')
    """
    head, found, data = text.partition("@data")
    if not found:
        raise TableError(f"{name}: there is no line @data, so this is no .ts file")
    first = head.count("\n") + 1
    rows: list[tuple[object, ...]] = []
    for number, line in enumerate(data.splitlines(), start=first):
        *channels, label = line.strip().split(":")
        if not channels:
            continue
        try:
            values = [[float(cell.replace("?", "nan")) for cell in channel.split(",")] for channel in channels]
        except ValueError as error:
            raise TableError(f"{name}:{number}: {error}; a line is numbers,…:numbers,…:label") from None
        if rows and len(values) + 2 != len(rows[0]):
            raise TableError(f"{name}:{number}: {count(len(values), 'channel')}, and {len(rows[0]) - 2} before")
        rows.append((*values, label, part))
    if not rows:
        raise TableError(f"{name}: no signal with a label after @data")
    names = [f"channel {place}" for place in range(1, len(rows[0]) - 1)]
    kinds = {**dict.fromkeys(names, pl.List(pl.Float32)), LABEL: pl.String(), PART: pl.String()}
    return pl.DataFrame(rows, schema=kinds, orient="row")


def channels(
    frame: pl.DataFrame, *, named: Sequence[str], series: str | None, taken: Iterable[str | None]
) -> tuple[tuple[Channel, ...], list[str]]:
    """Returns the columns that are measured, and what was decided: those `named`, or all that are not `taken`.

    >>> channels(pl.DataFrame({"x": [[1.0]], "who": ["a"]}), named=(), series=None, taken=["who"])
    ((Channel(name='x', form='lists'),), [])
    """
    mark = cells.likely_mark(frame)
    if named:
        for name in named:
            columns.check_name(frame, name, setting="values")
    others = {name for name in taken if name is not None}
    asked = [name for name in named or frame.columns if named or name not in others]
    found = [Channel(name, form) for name in asked if (form := _form(frame[name], mark)) is not None]
    forms = {LISTS} if series is None and any(each.form == LISTS for each in found) else {".", ","}
    kept = tuple(each for each in found if each.form in forms)
    left = [name for name in asked if name not in {each.name for each in kept}]
    if named and left:
        what = "numbers" if series is not None else "lists of numbers, or all of them numbers"
        raise TableError(f"values: column {left[0]!r} does not hold {what}")
    if not kept:
        hint = "" if series is not None else "; if a signal has one row for each step, set `series`"
        raise TableError(f"no column of numbers or lists of numbers is left to learn from{hint}")
    return kept, [f"column {name!r} is not measured over time; left out" for name in left]


def _form(column: pl.Series, likely: str | None) -> str | None:
    """Returns how the cells of a column are read, or None where they hold no numbers."""
    if isinstance(column.dtype, pl.List | pl.Array):
        inner = column.dtype.inner
        return LISTS if inner is not None and (inner.is_numeric() or inner == pl.Null) else None
    if column.dtype.is_nested() or column.dtype == pl.Boolean:
        return None
    if column.dtype.is_numeric():
        return "."
    if column.dtype != pl.String:
        return None
    first = column.drop_nulls().head(1).to_list()
    if first and first[0].lstrip().startswith("["):
        return LISTS
    return cells.decimal_mark(column, likely=likely)


def read(frame: pl.DataFrame, used: Sequence[Channel], *, series: str | None, step: str | None) -> Signals:
    """Returns the signals of a table in the order in which they begin; raises `TableError` where a channel is missing.

    `step` orders the rows of a signal; without it they stand as in the file.

    >>> table = pl.DataFrame({"run": ["a", "b", "a"], "x": ["2", "7", "1"], "at": [2, 1, 1]})
    >>> read(table, [Channel("x", ".")], series="run", step="at").values
    [array([[1., 2.]], dtype=float32), array([[7.]], dtype=float32)]
    """
    for name in (*(each.name for each in used), *(each for each in (series, step) if each is not None)):
        columns.check_name(frame, name, setting="table")
    if used[0].form == LISTS:
        rows = [np.array([place]) for place in range(frame.height)]
        return Signals(_numbered(frame), [_listed(frame, used, place) for place in range(frame.height)], rows)
    numbers = np.stack([_numbers(frame[each.name], each.form) for each in used])
    if series is None:
        rows = [np.array([place]) for place in range(frame.height)]
        return Signals(_numbered(frame), [numbers[:, place][None] for place in range(frame.height)], rows)
    names = cells.texts(frame[series])
    if missing := names.null_count():
        raise TableError(f"series: column {series!r} is empty in {count(missing, 'row')}; name the signal of each row")
    order = np.arange(frame.height) if step is None else np.argsort(columns.ordered(frame[step]), kind="stable")
    places: dict[str, list[int]] = {name: [] for name in names}
    for place in order.tolist():
        places[names[place]].append(place)
    rows = [np.array(each) for each in places.values()]
    return Signals(list(places), [numbers[:, each] for each in rows], rows)


def _numbered(frame: pl.DataFrame) -> list[str]:
    return [str(place) for place in range(1, frame.height + 1)]


def _numbers(column: pl.Series, mark: str) -> Signal:
    """Returns numbers, NaN where there is none; raises `TableError` where most cells are no numbers."""
    read = cells.numbers(column, mark)
    columns.check_kind(column, read, "number")
    found: Signal = read.fill_null(float("nan")).to_numpy().astype(np.float32)
    return found


def _listed(frame: pl.DataFrame, used: Sequence[Channel], place: int) -> Signal:
    """Returns the signal of one row, whose channels are lists of one length."""
    found = [_list(frame[each.name][place], where=f"row {place + 1}: {each.name}") for each in used]
    sizes = {part.size for part in found}
    if len(sizes) > 1:
        said = ", ".join(f"{each.name} {part.size}" for each, part in zip(used, found, strict=True))
        raise TableError(f"row {place + 1}: its channels have different numbers of steps ({said}); make them equal")
    return np.stack(found)


def _list(cell: object, *, where: str) -> Signal:
    """Returns the numbers of one cell."""
    if isinstance(cell, str):
        with suppress(ValueError, RecursionError):
            cell = json.loads(cell)
    if isinstance(cell, pl.Series):
        cell = cell.to_list()
    if not isinstance(cell, list) or not cell:
        raise TableError(f"{where}: should be a list of numbers, as [1.5, 2], not {str(cell)[:40]!r}")
    try:
        found = np.array([np.nan if each is None else float(each) for each in cell], dtype=np.float32)
    except (TypeError, ValueError, OverflowError):
        raise TableError(f"{where}: holds something that is no number") from None
    found[np.isinf(found)] = np.nan
    return found


def constant(frame: pl.DataFrame, name: str, found: Signals, *, setting: str) -> pl.Series:
    """Returns what a column says of each signal, as text; raises `TableError` where its rows say different things.

    >>> table = pl.DataFrame({"run": ["a", "a"], "x": [1.0, 2.0], "kind": ["good", None]})
    >>> constant(table, "kind", read(table, [Channel("x", ".")], series="run", step=None), setting="target").to_list()
    ['good']
    """
    columns.check_name(frame, name, setting=setting)
    texts = cells.texts(frame[name])
    said: list[str | None] = []
    for signal, rows in zip(found.names, found.rows, strict=True):
        values = texts[rows].drop_nulls().unique().sort().to_list()
        if len(values) > 1:
            raise TableError(
                f"{setting}: the rows of {signal!r} have several values of {name!r} ({listed(values)}), and a signal "
                "has one; check `series`"
            )
        said.append(values[0] if values else None)
    return pl.Series(name, said, dtype=pl.String)


def filled(signal: Signal) -> Signal:
    """Returns the signal with gaps bridged by a straight line; a channel without any value stays NaN.

    >>> filled(np.array([[1, np.nan, 3]], dtype=np.float32)).tolist()
    [[1.0, 2.0, 3.0]]
    """
    if not np.isnan(signal).any():
        return signal
    whole = signal.copy()
    for channel in whole:
        known = np.flatnonzero(~np.isnan(channel))
        if known.size:
            channel[:] = np.interp(np.arange(channel.size), known, channel[known])
    return whole


def stretched(signal: Signal, steps: int) -> Signal:
    """Returns the signal with another number of steps, linearly interpolated.

    >>> stretched(np.array([[0.0, 2.0]], dtype=np.float32), 3).tolist()
    [[0.0, 1.0, 2.0]]
    """
    places = np.linspace(0, signal.shape[1] - 1, steps)
    return np.stack([np.interp(places, np.arange(signal.shape[1]), channel) for channel in signal]).astype(np.float32)
