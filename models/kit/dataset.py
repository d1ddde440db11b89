"""The data set of a run: the rows that have a target, the roles of their columns, and the hash of what was read."""

import hashlib
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import cells, columns, samples, tables
from models.kit.config import Settings

FEWEST_OF_CLASS = 5  # rows that a class keeps when only some rows of a table are used


class Dataset(NamedTuple):
    """The rows with a target; `numbers` counts rows in the table as it was read, from 1."""

    name: str
    frame: pl.DataFrame
    numbers: npt.NDArray[np.int64]
    roles: columns.Roles
    sha256: str
    decisions: tuple[str, ...]


def load(
    settings: Settings, *, folder: Path, task: Literal["regression", "classification"], most_rows: int | None = None
) -> Dataset:
    """Returns the data set that the settings name, `table` being relative to `folder`; raises `TableError`.

    With `most_rows`, that many rows are drawn at random (by the seed), and some of each class beyond them.
    """
    source = table(settings.table, folder=folder)
    frame, notes = source.frame, list(source.notes)
    numbers = np.arange(1, frame.height + 1)
    if most_rows is not None and most_rows < frame.height:
        labels = frame[settings.target] if task == "classification" and settings.target in frame.columns else None
        numbers = 1 + _drawn(frame.height, most_rows, labels, seed=settings.seed)
        frame = frame[numbers - 1]
        notes.append(f"only {frame.height:,} of {source.frame.height:,} rows are used, drawn at random")
    roles = columns.assign(
        frame,
        target=settings.target,
        task=task,
        group=settings.group,
        time=settings.time,
        leave_out=settings.leave_out,
    )
    known = columns.target_values(frame, roles.target).is_not_null()
    return Dataset(
        settings.table, frame.filter(known), numbers[known.to_numpy()], roles, source.sha256, (*notes, *roles.decisions)
    )


def _drawn(rows: int, most: int, labels: pl.Series | None, *, seed: int) -> npt.NDArray[np.int64]:
    """Returns places of rows (from 0), ascending: `most` drawn at random, and some of each class beyond them."""
    order = np.random.default_rng(seed).permutation(rows)
    chosen = np.arange(rows) < most
    if labels is not None:
        drawn = pl.DataFrame({"label": cells.texts(labels)[order]})
        chosen |= (drawn.select(pl.int_range(pl.len()).over("label")).to_series() < FEWEST_OF_CLASS).to_numpy()
    return np.sort(order[chosen])


def table(name: str, *, folder: Path) -> tables.Table:
    """Returns the whole table that a setting names: a bundled one, or a file whose path is relative to `folder`.

    >>> table("sample:wine", folder=Path()).frame.width
    14
    """
    if not name.startswith(samples.PREFIX):
        return tables.load(folder / Path(name).expanduser())
    frame = samples.load(name.removeprefix(samples.PREFIX)).frame
    return tables.Table(frame, hashlib.sha256(frame.write_csv().encode()).hexdigest(), ())
