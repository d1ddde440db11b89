"""Makes reviews.parquet: `python make.py WomensClothingE-CommerceReviews.parquet.brotli` (see DATA_CARD.md)."""

import sys
from pathlib import Path

import polars as pl

REVIEWS, SEED = 1_600, 0


def main(source: str) -> None:
    """Writes a sample of the reviews that have a text, drawn at random, each with its stars."""
    names = {"Review Text": "review", "Rating": "stars"}
    table = pl.read_parquet(source).select(*names).rename(names).drop_nulls("review")
    drawn = table.sample(REVIEWS, seed=SEED, shuffle=True)
    drawn.write_parquet(Path(__file__).with_name("reviews.parquet"), compression="zstd", compression_level=19)


if __name__ == "__main__":
    main(sys.argv[1])
