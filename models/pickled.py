"""The numbers of a pickled pandas table, read without unpickling: the file's instructions are listed, never followed.

A pickle is a program that may call anything, so this project runs none. What is wanted from some data sets is plain all
the same: blocks of numbers that lie in the file as bytes, their type and shape beside them, and the names of the
columns. `pickletools.genops` lists the instructions without carrying one out; the blocks are recognised by the order
in which pandas (1.3 and later, pickle protocol 5) writes them. A file of another make is refused.
"""

import io
import lzma
import pickletools
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from models.kit.errors import Refused

XZ = b"\xfd7zXZ\x00"
LARGEST_BYTES = 500_000_000  # of a file once unpacked
KINDS = {"f8": "<f8", "f4": "<f4", "i8": "<i8", "i4": "<i4", "b1": "|b1"}
SILENT = ("FRAME", "MARK")  # instructions that hold nothing of the table
TEXT = "TEXT"


class Block(NamedTuple):
    """Columns of one type: their numbers, (columns, rows), and their places in the table."""

    numbers: "np.ndarray[Any, Any]"
    places: range


def parquet(content: bytes) -> bytes:
    """Returns the table as Parquet; raises `Refused` where the file is not of the make that is known.

    >>> try:
    ...     parquet(b"no pickle")
    ... except Refused as error:
    ...     print(error)
    not a pickled table of numbers: at position 0, opcode b'n' unknown; nothing was kept
    """
    try:
        if content.startswith(XZ):
            content = lzma.LZMADecompressor(memlimit=LARGEST_BYTES).decompress(content, LARGEST_BYTES)
        frame = _frame(_steps(content))
    except (ValueError, IndexError, KeyError, StopIteration, lzma.LZMAError, pl.exceptions.PolarsError) as error:
        raise Refused(f"not a pickled table of numbers: {str(error) or 'of another make'}; nothing was kept") from None
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def _steps(content: bytes) -> list[tuple[str, Any]]:
    """Returns the instructions that hold something; one that looks a text up holds the text that it finds."""
    found: list[tuple[str, Any]] = []
    texts: list[str | None] = []  # what is kept for later, by its number
    for step, value, _ in pickletools.genops(content):
        if step.name == "MEMOIZE":
            name, last = found[-1]
            texts.append(last if name == TEXT else None)
        elif step.name in ("BINGET", "LONG_BINGET"):
            known = texts[int(value or 0)]
            found.append((step.name, None) if known is None else (TEXT, known))
        elif step.name not in SILENT:
            found.append((TEXT if isinstance(value, str) else step.name, value))
    return found


def _frame(steps: list[tuple[str, Any]]) -> pl.DataFrame:
    starts = [place for place, (name, _) in enumerate(steps) if name.startswith("BYTEARRAY")]
    if not starts:
        raise ValueError("it holds no block of numbers")
    blocks = [_block(steps[start:end]) for start, end in pairwise([*starts, len(steps)])]
    names = _names(steps[starts[-1] :])
    found: dict[str, Any] = {}
    for block in blocks:
        for place, column in zip(block.places, block.numbers, strict=True):
            found[names[place]] = column
    if sorted(found) != sorted(names):
        raise ValueError("its columns are not all numbers")
    return pl.DataFrame({name: found[name] for name in names})


def _block(steps: list[tuple[str, Any]]) -> Block:
    """Returns the block that begins with its bytes: then come type, shape, order, and a slice of columns."""
    texts = [value for name, value in steps if name == TEXT]
    kind = KINDS[next(text for text in texts if text in KINDS)]
    tuples = [place for place, (name, _) in enumerate(steps) if name == "TUPLE2"]
    rows_by = [value for _, value in steps[tuples[0] - 2 : tuples[0]]]
    order = next(text for text in texts if text in ("C", "F"))
    cut = [place for place, (name, _) in enumerate(steps) if name == "TUPLE3"][1]
    start, stop, step = (int(value) for _, value in steps[cut - 3 : cut])
    numbers = np.frombuffer(bytes(steps[0][1]), dtype=kind).reshape(rows_by, order=order)
    places = range(start, stop, step)
    if len(places) != len(numbers):
        raise ValueError("a block has more columns than places")
    return Block(numbers, places)


def _names(steps: list[tuple[str, Any]]) -> list[str]:
    """Returns the names of the columns: the first list of texts after the last block."""
    end = next(place for place, (name, _) in enumerate(steps) if name == "APPENDS")
    start = max(place for place, (name, _) in enumerate(steps[:end]) if name == "EMPTY_LIST")
    return [value for name, value in steps[start + 1 : end] if name == TEXT]
