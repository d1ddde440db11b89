"""A file -> a Polars frame, typed, without reading more than is needed to know its form first.

The kit's reader (models/kit/tables.py) is strict, because a model must not be trained on what was guessed. This one
looks: it gives names to nameless columns, cuts rows that are too long, and says so in its notes. A file that memory
holds is read once; a larger one stays a lazy scan.
"""

import codecs
import csv
import io
import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from advisor.errors import InputRefused
from advisor.profiling.values import SPELLED
from models.kit import tables
from models.kit.errors import Refused

if TYPE_CHECKING:
    import polars as pl

HEAD_BYTES = 1 << 20  # that decide on encoding, delimiter and header
FEWEST_LINES = 4  # complete ones at the head of a file
SAMPLED_ROWS = 10_000
MOST_BYTES_HELD = 1 << 30  # of a file that is read into memory; a larger one is scanned
MOST_BYTES_RECODED = 1 << 29  # of a file that is not UTF-8
MOST_COLUMNS = 2_000
USUAL_NULLS = ("NA", "N/A", "nan", "NaN", "null", "NULL")
_INTEGER = r"^[+-]?(?:0|[1-9]\d{0,17})$"
_DECIMAL = r"^[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$"
_NUMBER = re.compile(r"^[+-]?[\d.,]*\d[\d.,]*(?:[eE][+-]?\d+)?$")


class Form(NamedTuple):
    """How a delimited file is written."""

    delimiter: str
    header: bool
    names: tuple[str, ...]


def open_file(path: str | Path) -> "tuple[pl.DataFrame | pl.LazyFrame, tuple[str, ...]]":
    """The table of a CSV, TSV, Parquet or JSON lines file, and what was decided while reading it.

    Raises:
        InputRefused: there is no such file, or it holds no table; says where and what to do.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "rooms.csv"
    >>> _ = file.write_text("1;1,5;a\\n2;2,0;b\\n")
    >>> frame, notes = open_file(file)
    >>> frame.columns
    ['column 1', 'column 2', 'column 3']
    >>> notes
    ('columns are separated by semicolon', 'no line of names; columns are numbered')
    """
    import polars as pl

    path = Path(path)
    notes: list[str] = []
    try:
        if path.suffix.lower() in tables.PARQUET or _head(path).startswith(b"PAR1"):
            frame: pl.DataFrame | pl.LazyFrame = _parquet(path)
        elif path.suffix.lower() in tables.JSON_LINES:
            frame = _json_lines(path)
        else:
            frame = _delimited(path, notes)
    except Refused as error:
        raise InputRefused(str(error), code="table_refused") from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputRefused(f"{path}: cannot be read as a table: {first}", code="table_refused") from None
    return frame, tuple(notes)


def _head(path: Path) -> bytes:
    if not path.is_file() or path.stat().st_size <= HEAD_BYTES:
        return tables.read_bytes(path)  # with its errors: no such file, a folder, empty, another format
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    tables.check_magic(path, head)
    return head


def _held(frame: "pl.LazyFrame", path: Path) -> "pl.DataFrame | pl.LazyFrame":
    return frame.collect() if path.stat().st_size <= MOST_BYTES_HELD else frame


def _parquet(path: Path) -> "pl.DataFrame | pl.LazyFrame":
    import polars as pl

    frame = pl.scan_parquet(path)
    _check_width(path, len(frame.collect_schema().names()))
    return _held(frame, path)


def _json_lines(path: Path) -> "pl.DataFrame | pl.LazyFrame":
    import polars as pl

    if path.stat().st_size > MOST_BYTES_RECODED:
        return pl.scan_ndjson(path, infer_schema_length=SAMPLED_ROWS)
    frame = tables.load(path, fewest_columns=1).frame
    _check_width(path, frame.width)
    return frame


def _delimited(path: Path, notes: list[str]) -> "pl.DataFrame | pl.LazyFrame":
    import polars as pl

    raw = _head(path)
    size = path.stat().st_size
    if len(raw) < size <= MOST_BYTES_RECODED and len(raw.splitlines()) < FEWEST_LINES:  # a very long cell
        raw = path.read_bytes()
    whole = len(raw) >= size
    text, recode = _decoded(path, raw, whole=whole, notes=notes)
    form = _form(path, text if whole else text[: text.rfind("\n") + 1] or text, notes)
    _check_width(path, len(form.names))
    source: Path | bytes = path
    if recode or "\r" in text.replace("\r\n", ""):
        if size > MOST_BYTES_RECODED:
            raise Refused(f"{path}: not UTF-8, and too large to be read otherwise; save it as UTF-8")
        full = path.read_bytes().decode(recode or "utf-8", errors="replace")
        source = full.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").encode()
    sample = _scan(source, form, dict.fromkeys(form.names, pl.String), n_rows=SAMPLED_ROWS).collect()
    spelled = pl.Series(SPELLED)
    nulls = set(USUAL_NULLS)  # few: each cell is compared with each of them
    types: dict[str, type[pl.DataType]] = {}
    for name in form.names:
        there = sample[name].drop_nulls()
        types[name] = _type(there.filter(~there.is_in(spelled.implode())))
        if types[name] != pl.String:
            nulls |= set(there.filter(there.is_in(spelled.implode())).to_list())
    try:
        frame = _held(_scan(source, form, types, nulls=nulls), path)
    except pl.exceptions.ComputeError:  # a later cell is not of the type of the first ones: all as text, then
        frame = _held(_scan(source, form, dict.fromkeys(form.names, pl.String)), path)
    return frame


def _decoded(path: Path, raw: bytes, *, whole: bool, notes: list[str]) -> tuple[str, str]:
    """The head as text, and the encoding to recode from where the file is not UTF-8."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        notes.append("read as UTF-16")
        return raw[: len(raw) // 2 * 2].decode("utf-16", errors="replace"), "utf-16"
    if (place := raw.find(b"\0")) >= 0:
        line = raw.count(b"\n", 0, place) + 1
        raise Refused(f"{path}:{line}: a NUL byte, so this is not a text file; export the table as CSV")
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(raw, final=whole)
    except UnicodeDecodeError as error:
        controls = sum(byte < 32 and byte not in b"\t\n\r\f" for byte in raw[: tables.LOOKED_AT_BYTES])
        if controls > tables.MOST_CONTROLS:
            raise Refused(f"{path}: {controls} control bytes at the beginning; this is not a text file") from None
        line = raw.count(b"\n", 0, error.start) + 1
        notes.append(f"line {line} is not UTF-8; read as Windows-1252, so check accents and symbols")
        return raw.decode("cp1252", errors="replace"), "cp1252"
    if not text.strip():
        raise Refused(f"{path}: the file is empty")
    return text, ""


def _form(path: Path, text: str, notes: list[str]) -> Form:
    """Delimiter, whether the first line holds names, and the names, each different from the others."""
    text = text.lstrip("\r\n")
    csv.field_size_limit(tables.LONGEST_CELL)
    delimiter = tables.delimiter(path, text)
    records = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        rows = [record for record, _ in zip(records, range(tables.SNIFFED_RECORDS), strict=False) if record]
    except csv.Error as error:
        raise Refused(f"{path}:{records.line_num}: {error}; is a quotation mark missing?") from None
    if not rows:
        raise Refused(f"{path}: the file is empty")
    if delimiter != ",":
        notes.append(f"columns are separated by {tables.DELIMITERS[delimiter]}")
    header = _is_header(rows)
    if not header:
        notes.append("no line of names; columns are numbered")
    elif len(rows) < 2:
        raise Refused(f"{path}: there are column names but no rows; add the rows below the first line")
    widest = max(len(row) for row in rows)
    if widest > len(rows[0]):
        notes.append(f"some lines have {widest} cells where the first has {len(rows[0])}; the rest is left out")
    return Form(delimiter, header, _names(rows[0], header=header, notes=notes))


def _is_header(rows: list[list[str]]) -> bool:
    first = [cell.strip() for cell in rows[0]]
    numbers = [bool(_NUMBER.match(cell)) for cell in first]
    if not any(numbers):
        return True
    if all(numbers):
        return False
    # A number among words is a name (the year 2024 over a column) unless the column below is of such numbers, too.
    below = [
        sum(bool(_NUMBER.match(row[place].strip())) for row in rows[1:] if place < len(row))
        for place in range(len(first))
    ]
    alike = sum(count > 0.5 * (len(rows) - 1) for is_number, count in zip(numbers, below, strict=True) if is_number)
    return len(rows) < 2 or alike < max(1, 0.5 * sum(numbers)) or sum(numbers) < 0.3 * len(first)


def _names(first: list[str], *, header: bool, notes: list[str]) -> tuple[str, ...]:
    names: list[str] = []
    for place, cell in enumerate(first, start=1):
        name = " ".join(cell.split()) if header else ""
        if not name:
            name = f"column {place}"
            if header:
                notes.append(f"column {place} has no name; it is called {name!r}")
        wanted, times = name, 1
        while name in names:
            times += 1
            name = f"{wanted} ({times})"
        if times > 1:
            notes.append(f"column {place} has the name of another one; it is called {name!r}")
        names.append(name)
    return tuple(names)


def _check_width(path: Path, columns: int) -> None:
    if columns > MOST_COLUMNS:
        raise Refused(f"{path}: {columns:,} columns, more than the {MOST_COLUMNS:,} that are looked at; leave some out")


def _scan(
    source: "Path | bytes",
    form: Form,
    types: "dict[str, type[pl.DataType]]",
    nulls: Collection[str] = (),
    n_rows: int | None = None,
) -> "pl.LazyFrame":
    import polars as pl

    return pl.scan_csv(
        source,
        separator=form.delimiter,
        has_header=form.header,
        new_columns=list(form.names),
        schema_overrides=types,
        null_values=["", *nulls],
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
        infer_schema=False,
        n_rows=n_rows,
    )


def _type(column: "pl.Series") -> "type[pl.DataType]":
    """The type of all sampled cells: whole numbers, numbers or text. A leading nought makes a code, which is text."""
    import polars as pl

    present = column.str.strip_chars().drop_nulls()
    if not present.len() or present.len() != column.drop_nulls().eq(present).sum():
        return pl.String
    if present.str.contains(_INTEGER).all():
        return pl.Int64
    return pl.Float64 if present.str.contains(_DECIMAL).all() else pl.String
