"""Makes reviews.parquet: `python make.py WomensClothingE-CommerceReviews.parquet.brotli` (see DATA_CARD.md)."""

import sys
from pathlib import Path

import polars as pl

REVIEWS, SEED = 1_600, 0


def main(source: str) -> None:
    """Writes a sample of the reviews that have a text, drawn at random."""
    names = {"Review Text": "review", "Recommended IND": "recommended", "Rating": "stars", "Class Name": "garment"}
    table = pl.read_parquet(source).select(*names).rename(names).drop_nulls("review")
    answer = pl.col("recommended").replace_strict({0: "no", 1: "yes"}, return_dtype=pl.String)
    drawn = table.with_columns(answer).sample(REVIEWS, seed=SEED, shuffle=True)
    drawn.write_parquet(Path(__file__).with_name("reviews.parquet"), compression="zstd", compression_level=19)


if __name__ == "__main__":
    main(sys.argv[1])
