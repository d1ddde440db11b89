"""Makes voters.parquet: `python make.py anes96.csv` (see DATA_CARD.md)."""

import sys
from pathlib import Path

import polars as pl

NAMES = {
    "popul": "place_thousands", "TVnews": "tv_news_days", "selfLR": "own_view", "ClinLR": "clinton_view",
    "DoleLR": "dole_view", "age": "age", "educ": "education", "income": "income", "vote": "vote", "PID": "party",
}  # fmt: skip


def main(source: str) -> None:
    """Writes all rows, with names that can be read."""
    table = pl.read_csv(source, separator="\t", quote_char="'")
    table = table.select(pl.col(*NAMES).cast(pl.Int64)).rename(NAMES)
    vote = pl.col("vote").replace_strict({0: "Clinton", 1: "Dole"}, return_dtype=pl.String)
    table.with_columns(vote).write_parquet(Path(__file__).with_name("voters.parquet"), compression="zstd")


if __name__ == "__main__":
    main(sys.argv[1])
