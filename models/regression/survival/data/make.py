"""Makes breast_cancer.parquet: `python make.py gbsg2.csv` (see DATA_CARD.md)."""

import sys
from pathlib import Path

import polars as pl

NAMES = {
    "horTh": "hormone_therapy",
    "age": "age",
    "menostat": "menopause",
    "tsize": "tumour_mm",
    "tgrade": "tumour_grade",
    "pnodes": "nodes",
    "progrec": "progesterone_receptors",
    "estrec": "oestrogen_receptors",
    "time": "days",
    "cens": "event",
}


def main(source: str) -> None:
    """Writes all rows under names that say what the columns are."""
    table = pl.read_csv(source).rename(NAMES).select(NAMES.values())
    table.write_parquet(Path(__file__).with_name("breast_cancer.parquet"), compression="zstd", compression_level=19)


if __name__ == "__main__":
    main(sys.argv[1])
