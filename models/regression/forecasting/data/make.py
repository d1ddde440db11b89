"""Makes sea.parquet: `python make.py sea_surface_temperature.csv.gz` (see DATA_CARD.md)."""

import sys
from pathlib import Path

import polars as pl

NAMES = {"time (UTC)": "time", "temperature (celsius)": "temperature"}


def main(source: str) -> None:
    """Writes all rows under plain names."""
    table = pl.read_csv(source).rename(NAMES)
    table = table.with_columns(pl.col("time").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="ms"))
    table.write_parquet(Path(__file__).with_name("sea.parquet"), compression="zstd", compression_level=19)


if __name__ == "__main__":
    main(sys.argv[1])
