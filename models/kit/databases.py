"""A table of an SQLite database: the first one that has the columns which are asked for."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import polars as pl

from models.kit import dataset, tables
from models.kit.errors import TableError, listed

MAGIC = b"SQLite format 3\0"


def table(name: str, *, folder: Path, needs: Sequence[str]) -> tables.Table:
    """Returns the table that a setting names, which may also be an SQLite database that holds the columns `needs`.

    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp())
    >>> with closing(sqlite3.connect(place / "shop.db")) as shop:
    ...     _ = shop.execute("CREATE TABLE sold (item TEXT, price INTEGER)")
    ...     _ = shop.execute("INSERT INTO sold VALUES ('tea', 3)")
    ...     shop.commit()
    >>> table("shop.db", folder=place, needs=["price"]).frame.rows()
    [('tea', 3.0)]
    """
    if name.startswith("sample:"):
        return dataset.table(name, folder=folder)
    path = dataset.file(name, folder=folder)
    if not path.is_file():
        return tables.load(path)
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return tables.load(path)
    return tables.Table(_read(path, needs), dataset.sha256(path), ())


def _read(path: Path, needs: Sequence[str]) -> pl.DataFrame:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                quoted = '"' + name.replace('"', '""') + '"'
                found = connection.execute(f"SELECT * FROM {quoted}")
                there = [column[0] for column in found.description]
                if set(needs) <= set(there):
                    rows = found.fetchall()
                    return pl.DataFrame(
                        [tables.series(each, [row[place] for row in rows]) for place, each in enumerate(there)]
                    )
    except sqlite3.Error as error:
        raise TableError(f"{path}: the database cannot be read: {error}") from None
    raise TableError(f"{path}: no table of the database has the columns {listed(needs)}; it has {listed(names)}")
