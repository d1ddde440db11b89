"""The data of a run that learns one column of a table: the rows that have a target, and the roles of the columns."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import cache, cells, columns, corpus, samples, tables
from models.kit.config import Labelled
from models.kit.errors import TableError, count
from models.kit.task import Data

FEWEST_OF_CLASS = 5  # rows that a class keeps when only some rows of a table are used


def load(
    settings: Labelled,
    *,
    folder: Path,
    task: Literal["regression", "classification"],
    most_rows: int | None = None,
    reads: Iterable[str] = (),
    besides: Iterable[str] = (),
) -> Data[pl.DataFrame]:
    """Returns the rows that have a target, and as `about` the roles of the columns; raises `TableError`.

    `table` of the settings is relative to `folder`; `reads` are columns that the template reads in its own way,
    `besides` such that it reads beside the inputs.

    With `most_rows`, that many rows are drawn at random (by the seed), and some of each class beyond them.
    """
    source = table(settings.table, folder=folder)
    labels = (
        source.frame[settings.target] if task == "classification" and settings.target in source.frame.columns else None
    )
    frame, numbers, notes = drawn(source, most_rows, seed=settings.seed, labels=labels)
    roles = columns.assign(
        frame,
        target=settings.target,
        task=task,
        group=settings.group,
        time=settings.time,
        leave_out=settings.leave_out,
        reads=reads,
        besides=besides,
    )
    known = columns.target_values(frame, roles.target).is_not_null()
    return Data(
        settings.table,
        source.sha256,
        frame.filter(known),
        numbers[known.to_numpy()],
        (*notes, *roles.decisions),
        about=roles,
    )


def drawn(
    source: tables.Table, most: int | None, *, seed: int, labels: pl.Series | None = None
) -> tuple[pl.DataFrame, npt.NDArray[np.int64], tuple[str, ...]]:
    """Returns at most so many rows of a table, drawn at random, their numbers from 1, and what is to be said of it.

    With `labels`, some rows of each class are drawn beyond them.

    >>> frame, numbers, notes = drawn(table("sample:wine", folder=Path()), 3, seed=0)
    >>> frame.height, numbers.size, notes
    (3, 3, ('only 3 of 178 rows are used, drawn at random',))
    """
    rows = source.frame.height
    if most is None or most >= rows:
        return source.frame, np.arange(1, rows + 1), source.notes
    numbers = 1 + _drawn(rows, most, labels, seed=seed)
    said = f"only {numbers.size:,} of {rows:,} rows are used, drawn at random"
    return source.frame[numbers - 1], numbers, (*source.notes, said)


def with_text(data: Data[pl.DataFrame], column: str) -> Data[pl.DataFrame]:
    """Returns the rows that have a text in that column, and a sentence about the others.

    >>> data = Data("notes.csv", "", pl.DataFrame({"note": ["fine", None]}), np.array([1, 2]))
    >>> with_text(data, "note").decisions
    ("column 'note': 1 row without a text left out",)
    """
    given = np.array([bool(text) for text in corpus.texts(data.examples, column)], dtype=np.bool_)
    empty = int((~given).sum())
    notes = (f"column {column!r}: {count(empty, 'row')} without a text left out",) if empty else ()
    return data._replace(
        examples=data.examples.filter(pl.Series(given)),
        numbers=data.numbers[given],
        decisions=(*data.decisions, *notes),
        noun="text",
    )


def _drawn(rows: int, most: int, labels: pl.Series | None, *, seed: int) -> npt.NDArray[np.int64]:
    """Returns places of rows (from 0), ascending: `most` drawn at random, and some of each class beyond them."""
    order = np.random.default_rng(seed).permutation(rows)
    chosen = np.arange(rows) < most
    if labels is not None:
        drawn = pl.DataFrame({"label": cells.texts(labels)[order]})
        chosen |= (drawn.select(pl.int_range(pl.len()).over("label")).to_series() < FEWEST_OF_CLASS).to_numpy()
    return np.sort(order[chosen])


def table(name: str, *, folder: Path, fewest_columns: int = 2) -> tables.Table:
    """Returns the whole table that a setting names: a bundled one, a fetched one, or a file in `folder`.

    >>> table("sample:wine", folder=Path()).frame.width
    14
    """
    if not name.startswith(samples.PREFIX):
        return tables.load(file(name, folder=folder), fewest_columns=fewest_columns)
    frame = samples.load(name.removeprefix(samples.PREFIX)).frame
    return tables.Table(frame, hashlib.sha256(frame.write_csv().encode()).hexdigest(), ())


def file(name: str, *, folder: Path) -> Path:
    """Returns the file that a setting names: `fetched:ID` in the cache, anything else relative to `folder`.

    >>> file("data/rooms.csv", folder=Path("/project"))
    PosixPath('/project/data/rooms.csv')
    """
    if name.startswith(cache.PREFIX):
        return cache.find(name.removeprefix(cache.PREFIX))
    return folder / Path(name).expanduser()


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file; raises `TableError` where it cannot be read.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "a.txt"
    >>> _ = file.write_text("a")
    >>> sha256(file)[:8]
    'ca978112'
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror or error}; check `table` in config.yaml") from None
