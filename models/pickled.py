"""What a pickled pandas table holds, read without unpickling: the file's instructions are listed, never followed.

A pickle is a program that may call anything, so this project runs none. What is wanted from some data sets is plain all
the same: blocks of numbers that lie in the file as bytes, their type and shape beside them, a block of texts, and the
names of the columns. `pickletools.genops` lists the instructions without carrying one out; the blocks are recognised by
the order in which pandas (1.3 and later, pickle protocol 5) writes them. A file of another make is refused.
"""

import io
import lzma
import pickletools
from itertools import pairwise, takewhile
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from models.kit.errors import Refused

XZ = b"\xfd7zXZ\x00"
LARGEST_BYTES = 500_000_000  # of a file once unpacked
KINDS = {"f8": "<f8", "f4": "<f4", "i8": "<i8", "i4": "<i4", "b1": "|b1"}
SILENT = ("FRAME", "MARK")  # instructions that hold nothing of the table
TEXT = "TEXT"
OF_TEXTS, INDEX = (
    (TEXT, "ndarray"),
    (TEXT, "_new_Index"),
)  # where the block of texts begins, and what follows all blocks


class Block(NamedTuple):
    """Columns of one type: their values, (columns, rows), their places in the table, and the step that ends them."""

    values: "np.ndarray[Any, Any]"
    places: range
    end: int


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
        elif step.name == "MARK" and found[-1][0] == "APPENDS":
            found.pop()  # a long list is filled in several goes
        elif step.name not in SILENT:
            found.append((TEXT if isinstance(value, str) else step.name, value))
    return found


def _frame(steps: list[tuple[str, Any]]) -> pl.DataFrame:
    last = steps.index(INDEX) if INDEX in steps else len(steps)
    starts = [place for place, step in enumerate(steps[:last]) if step[0].startswith("BYTEARRAY") or step == OF_TEXTS]
    if not starts:
        raise ValueError("it holds no block of numbers")
    parts = [steps[start:end] for start, end in pairwise([*starts, len(steps)])]
    blocks = [_texts(part) if part[0] == OF_TEXTS else _numbers(part) for part in parts]
    names = _names(parts[-1][blocks[-1].end :])
    found: dict[str, Any] = {}
    for block in blocks:
        if len(block.places) != len(block.values):
            raise ValueError("a block has more columns than places")
        for place, column in zip(block.places, block.values, strict=True):
            found[names[place]] = column.tolist() if column.dtype == object else column
    if sorted(found) != sorted(names):
        raise ValueError("its columns are not all numbers or texts")
    return pl.DataFrame({name: found[name] for name in names})


def _numbers(steps: list[tuple[str, Any]]) -> Block:
    """Returns the block that begins with its bytes: then come type, shape, order, and a slice of columns."""
    texts = [value for name, value in steps if name == TEXT]
    kind = KINDS[next(text for text in texts if text in KINDS)]
    order = next(text for text in texts if text in ("C", "F"))
    numbers = np.frombuffer(bytes(steps[0][1]), dtype=kind).reshape(_shape(steps), order=order)
    end = [place for place, (name, _) in enumerate(steps) if name == "TUPLE3"][1]
    return Block(numbers, _slice(steps, end), end)


def _texts(steps: list[tuple[str, Any]]) -> Block:
    """Returns the block whose values lie in a list: before them their shape, after them a slice of columns."""
    start = steps.index(("EMPTY_LIST", None))
    items = takewhile(lambda step: step[0] in (TEXT, "NONE"), steps[start + 1 :])
    values = np.array([value for _, value in items], dtype=object)
    end = next(place for place, (name, _) in enumerate(steps) if place > start and name == "TUPLE3")
    return Block(values.reshape(_shape(steps)), _slice(steps, end), end)


def _shape(steps: list[tuple[str, Any]]) -> list[int]:
    """Returns how many columns and rows a block has: the first pair of numbers."""
    end = next(place for place, (name, _) in enumerate(steps) if name == "TUPLE2")
    return [int(value) for _, value in steps[end - 2 : end]]


def _slice(steps: list[tuple[str, Any]], end: int) -> range:
    start, stop, step = (int(value) for _, value in steps[end - 3 : end])
    return range(start, stop, step)


def _names(steps: list[tuple[str, Any]]) -> list[str]:
    """Returns the names of the columns: the first list of texts after the last block."""
    end = next(place for place, (name, _) in enumerate(steps) if name == "APPENDS")
    start = max(place for place, (name, _) in enumerate(steps[:end]) if name == "EMPTY_LIST")
    return [value for name, value in steps[start + 1 : end] if name == TEXT]
