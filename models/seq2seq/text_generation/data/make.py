"""How verses.parquet was made; run it in this folder after `python -m models data bible_kjv`."""

import random
from pathlib import Path

import polars as pl

from models.kit import sequences

VERSES, SEED = 2_000, 4


def main() -> None:
    """Draws whole chapters until there are enough verses, and writes them in the order of the book."""
    book = sequences.table("fetched:bible_kjv", folder=Path()).frame.select("text", "verse")
    book = book.with_columns(pl.col("verse").str.zfill(8)).with_columns(pl.col("verse").str.head(5).alias("chapter_id"))
    chapters = book["chapter_id"].unique().sort().to_list()
    random.Random(SEED).shuffle(chapters)
    sizes = dict(book.group_by("chapter_id").len().iter_rows())
    kept, verses = [], 0
    while verses < VERSES:
        kept.append(chapters.pop())
        verses += sizes[kept[-1]]
    book.filter(pl.col("chapter_id").is_in(kept)).write_parquet(
        "verses.parquet", compression="zstd", compression_level=22
    )


if __name__ == "__main__":
    main()
