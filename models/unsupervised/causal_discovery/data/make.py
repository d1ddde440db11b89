"""Makes columns.parquet and arrows.csv: ten columns that depend on each other along arrows drawn at random.

`python make.py` writes both beside this file; `world` is used to measure with other sizes and seeds.
"""

from pathlib import Path

import numpy as np
import polars as pl

ROWS, COLUMNS, ARROWS_EACH, SEED = 1_000, 10, 2.0, 0
WEAKEST, STRONGEST = 0.5, 2.0  # weights of arrows, of either sign


def world(columns: int, *, rows: int, seed: int, noise: str = "normal") -> tuple[np.ndarray, np.ndarray]:
    """Returns rows (rows × columns) and arrows ([i, j] = 1: from i to j) of a random linear world, noise variance one.

    An arrow is there with the chance that gives `ARROWS_EACH` arrows a column on average (Erdős–Rényi).
    """
    generator = np.random.default_rng(seed)
    order = generator.permutation(columns)
    drawn = np.triu(generator.random((columns, columns)) < 2 * ARROWS_EACH / (columns - 1), 1)
    arrows = np.zeros((columns, columns), dtype=np.int64)
    arrows[np.ix_(order, order)] = drawn
    weights = arrows * generator.uniform(WEAKEST, STRONGEST, arrows.shape) * generator.choice([-1, 1], arrows.shape)
    if noise == "normal":
        own = generator.normal(size=(rows, columns))
    else:
        own = generator.laplace(scale=np.sqrt(0.5), size=(rows, columns))
    return own @ np.linalg.inv(np.eye(columns) - weights), arrows


if __name__ == "__main__":
    here = Path(__file__).parent
    values, arrows = world(COLUMNS, rows=ROWS, seed=SEED)
    names = [f"x{place}" for place in range(1, COLUMNS + 1)]
    pl.DataFrame(values, schema=names).write_parquet(here / "columns.parquet")
    known = [(names[i], names[j]) for i, j in np.argwhere(arrows)]
    pl.DataFrame(known, schema=["from", "to"], orient="row").write_csv(here / "arrows.csv")
