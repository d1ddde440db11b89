"""Writes the generated events of events.parquet: 400 people, 250 books, with tastes, series and ratings from 1 to 5.

Nobody's data: everything is drawn from the seed. Run it as `python data/make.py`.
"""

import sys
from pathlib import Path

import numpy as np
import polars as pl

PEOPLE, BOOKS, TASTES, SERIES = 400, 250, 5, 5  # books of a series are read one after the other
FEWEST, MOST = 15, 60  # books a person
NEXT_OF_SERIES = 0.5  # chance that the next book is the next of the series
FIRST_DAY = 19_000  # since 1970


def made(seed: int = 7) -> pl.DataFrame:
    """Returns the events, in the order of people and days."""
    generator = np.random.default_rng(seed)
    person, book = generator.normal(size=(PEOPLE, TASTES)), generator.normal(size=(BOOKS, TASTES)) / TASTES**0.5
    strict, good = generator.normal(0, 0.4, PEOPLE), generator.normal(0, 0.4, BOOKS)
    known = generator.gumbel(0, 0.4, BOOKS)
    rows = []
    for who in range(PEOPLE):
        draw = 2.0 * person[who] @ book.T + known
        left, day = np.ones(BOOKS, dtype=bool), FIRST_DAY + int(generator.integers(0, 300))
        last = -1
        for _ in range(int(generator.integers(FEWEST, MOST + 1))):
            following = last + 1
            in_series = last >= 0 and following % SERIES and left[following]
            if in_series and generator.random() < NEXT_OF_SERIES:
                chosen = following
            else:
                chosen = int(np.argmax(np.where(left, draw + generator.gumbel(0, 1, BOOKS), -np.inf)))
            stars = 3.4 + strict[who] + good[chosen] + 0.7 * person[who] @ book[chosen] + generator.normal(0, 0.6)
            rows.append((f"p{who:03}", f"b{chosen:03}", int(np.clip(np.round(stars), 1, 5)), day))
            left[chosen], last = False, chosen
            day += int(generator.integers(1, 8))
    table = pl.DataFrame(rows, schema=["person", "book", "stars", "day"], orient="row")
    return table.with_columns(pl.col("stars").cast(pl.Int8), pl.col("day").cast(pl.Int32).cast(pl.Date))


if __name__ == "__main__":
    to = Path(__file__).with_name("events.parquet")
    made().write_parquet(to, compression="zstd", compression_level=19)
    sys.stdout.write(f"{to}\n")
