"""Writes vowels.parquet from the fetched archive: python make.py (after `python -m models data japanese_vowels`)."""

from pathlib import Path

import polars as pl

from models.kit import signals

DIGITS = 3  # after the point: a hundredth of a channel's spread at most, and a third of the size

if __name__ == "__main__":
    frame = signals.table("fetched:japanese_vowels", folder=Path()).frame
    names = {f"channel {place}": f"cepstrum {place}" for place in range(1, frame.width - 1)}
    rounded = frame.rename(names).with_columns(
        pl.col(name).list.eval(pl.element().round(DIGITS)) for name in names.values()
    )
    found = rounded.rename({signals.LABEL: "speaker", signals.PART: "split"}).select(
        "speaker", "split", *names.values()
    )
    found.write_parquet(Path(__file__).parent / "vowels.parquet", compression="zstd", compression_level=22)
