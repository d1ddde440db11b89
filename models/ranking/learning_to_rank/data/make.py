"""Writes the generated lists of visits.parquet: 120 weeks, 25 shops a week, graded by what an inspection found.

Nobody's data: everything is drawn from the seed. What counts is how a shop compares with the others of its week: the
levels of the columns differ from week to week. Run it as `python data/make.py`.
"""

import sys
from pathlib import Path

import numpy as np
import polars as pl

WEEKS, SHOPS = 120, 25
FINDS = 5  # shops a week with a finding, the worst two graded 2


def made(seed: int = 11) -> pl.DataFrame:
    """Returns one row for each shop of each week."""
    generator = np.random.default_rng(seed)
    rows = []
    for week in range(WEEKS):
        level = generator.normal(0, 2, 4)
        facts = generator.normal(size=(SHOPS, 4))
        days, complaints, size, staff = (facts + level).T
        need = facts[:, 0] + 0.8 * facts[:, 1] + 0.9 * facts[:, 0] * facts[:, 1] - 0.7 * np.abs(facts[:, 2])
        order = np.argsort(-(need + generator.normal(0, 0.6, SHOPS)))
        grade = np.zeros(SHOPS, dtype=int)
        grade[order[:FINDS]], grade[order[:2]] = 1, 2
        district = generator.choice(["north", "south", "west"], SHOPS)
        for shop in range(SHOPS):
            rows.append(
                (
                    week,
                    f"shop {generator.integers(1000, 9999)}",
                    *np.round((days[shop], complaints[shop], size[shop], staff[shop]), 3),
                    str(district[shop]),
                    int(grade[shop]),
                )
            )
    names = ["week", "shop", "days since visit", "complaints", "size", "staff", "district", "finding"]
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(
        pl.col("week").cast(pl.Int16), pl.col("finding").cast(pl.Int8)
    )


if __name__ == "__main__":
    to = Path(__file__).with_name("visits.parquet")
    made().write_parquet(to, compression="zstd", compression_level=19)
    sys.stdout.write(f"{to}\n")
