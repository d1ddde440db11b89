"""Makes visits.parquet: `python make.py randhie.csv` (see DATA_CARD.md)."""

import sys
from pathlib import Path

import polars as pl

NAMES = {
    "mdvis": "visits",
    "lncoins": "log_coinsurance",
    "idp": "individual_deductible",
    "lpi": "log_incentive",
    "fmde": "log_deductible",
    "physlm": "physical_limit",
    "disea": "diseases",
    "hlthg": "health_good",
    "hlthf": "health_fair",
    "hlthp": "health_poor",
}


def main(source: str) -> None:
    """Writes all rows under names that say what the columns are; who agrees in all of them is taken for one person."""
    table = pl.read_csv(source, infer_schema_length=None).rename(NAMES)
    person = pl.struct(pl.exclude("visits")).rank("dense").cast(pl.Int32).alias("person")
    table = table.with_columns(person)
    table.write_parquet(Path(__file__).with_name("visits.parquet"), compression="zstd", compression_level=19)


if __name__ == "__main__":
    main(sys.argv[1])
