"""Makes movies.parquet: `python make.py movies.db`, the database of bokeh_sampledata 2026.1."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import polars as pl

COLUMNS = ("title", "cast", "director", "writer", "country", "language", "genres")
QUERY = """SELECT "Title", "Cast", "Director", "Writer", "Country", "Language", "Genre" FROM omdb
WHERE "Genre" <> '' ORDER BY "ID" """
ROWS, SEED = 3_000, 0

if __name__ == "__main__":
    with closing(sqlite3.connect(sys.argv[1])) as database:
        films = pl.DataFrame(database.execute(QUERY).fetchall(), schema=COLUMNS, orient="row")
    place = Path(__file__).parent / "movies.parquet"
    films.sample(ROWS, seed=SEED).write_parquet(place, compression="zstd", compression_level=19)
