"""A table, read from a file: delimited text, Parquet, or one JSON object a line.

Cells of text files stay text here; `columns` decides what they mean. What cannot be read raises `TableError` with the
place and the remedy.
"""

import codecs
import csv
import hashlib
import io
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from models.kit.errors import TableError, count

PARQUET, JSON_LINES = (".parquet", ".pq"), (".jsonl", ".ndjson")
SUFFIXES = (".csv", ".tsv", ".txt", *PARQUET, *JSON_LINES)  # any other is taken for delimited text
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SNIFFED_RECORDS = 50
LONGEST_CELL = 16_000_000  # characters; the csv module's own limit of 131,072 would refuse long texts
LOOKED_AT_BYTES, MOST_CONTROLS = 4096, 8  # more control bytes than that are no text of whatever encoding
MAGIC = {
    b"PK\x03\x04": "an Excel workbook or a zip archive; open it and save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; open it and save the sheet as CSV",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
    b"%PDF": "a PDF document; export its table as CSV",
    b"SQLite format 3": "an SQLite database; export one table as CSV",
}


class Table(NamedTuple):
    """A table, the SHA-256 of the file it came from, and what was decided while reading it."""

    frame: pl.DataFrame
    sha256: str
    notes: tuple[str, ...]


def read(path: str | Path) -> pl.DataFrame:
    """Returns the table of a CSV, TSV, Parquet or JSON Lines file; raises `TableError`.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "rooms.csv"
    >>> _ = file.write_text("room;price\\nA;1,5\\nB;2,0\\n")
    >>> read(file).rows()
    [('A', '1,5'), ('B', '2,0')]
    """
    return load(path).frame


def load(path: str | Path, *, fewest_columns: int = 2) -> Table:
    """Returns the table of a file together with its hash and what was decided on the way; raises `TableError`.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "rooms.csv"
    >>> _ = file.write_text("room;price\\nA;1,5\\n")
    >>> load(file).notes
    ('rooms.csv: columns are separated by semicolon',)
    """
    path = Path(path)
    data = read_bytes(path)
    notes: list[str] = []
    if data.startswith(b"PAR1") or path.suffix.lower() in PARQUET:
        frame = _parquet(path, data)
    elif path.suffix.lower() in JSON_LINES:
        frame = _json_lines(path, _text(path, data, notes))
    else:
        frame = _delimited(path, _text(path, data, notes), notes)
    if frame.height == 0:
        raise TableError(f"{path}: there are column names but no rows; add the rows below the first line")
    if frame.width < fewest_columns:
        raise TableError(
            f"{path}: only one column, {frame.columns[0]!r}; a table needs the target and at least one other column, "
            f"separated by {', '.join(DELIMITERS.values())}"
        )
    return Table(frame, hashlib.sha256(data).hexdigest(), tuple(notes))


def read_bytes(path: Path) -> bytes:
    """Returns the content of a file that may hold a table; raises `TableError` where it cannot."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise TableError(f"{path}: there is no such file; check the path (`table` in config.yaml)") from None
    except IsADirectoryError:
        raise TableError(f"{path}: this is a folder; name the file in it") from None
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not data.strip():
        raise TableError(f"{path}: the file is empty")
    check_magic(path, data)
    return data


def check_magic(path: Path, head: bytes) -> None:
    """Raises `TableError` where the first bytes are those of a workbook, an archive or another kind of file."""
    for magic, what in MAGIC.items():
        if head.startswith(magic):
            raise TableError(f"{path}: this is {what}")


def _text(path: Path, data: bytes, notes: list[str]) -> str:
    utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not utf_16 and (place := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, place) + 1
        raise TableError(f"{path}:{line}: a NUL byte, so this is not a text file; export the table as CSV")
    try:
        text = data.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        if utf_16:
            raise TableError(f"{path}: begins like UTF-16 but is not; save it as UTF-8") from None
        if (junk := sum(byte < 32 and byte not in b"\t\n\r\f" for byte in data[:LOOKED_AT_BYTES])) > MOST_CONTROLS:
            raise TableError(f"{path}: {junk} control bytes at the beginning, so this is not a text file") from None
        line = data.count(b"\n", 0, error.start) + 1
        notes.append(f"{path.name}: line {line} is not UTF-8; read as Latin-1, so check accents and symbols")
        return data.decode("latin-1")
    if not text.strip():
        raise TableError(f"{path}: the file is empty")
    if utf_16:
        notes.append(f"{path.name}: read as UTF-16")
    return text


def _delimited(path: Path, text: str, notes: list[str]) -> pl.DataFrame:
    csv.field_size_limit(LONGEST_CELL)
    separator = delimiter(path, text)
    if separator != ",":
        notes.append(f"{path.name}: columns are separated by {DELIMITERS[separator]}")
    names = _header(path, text, separator)
    try:
        content = io.BytesIO(text.lstrip("\r\n").encode())
        frame = pl.read_csv(content, separator=separator, infer_schema=False, has_header=False, new_columns=names)
    except pl.exceptions.PolarsError as error:
        _check_widths(path, text, separator, width=len(names))
        raise TableError(f"{path}: not a delimited table: {str(error).splitlines()[0]}") from None
    if frame.width != len(names):
        _check_widths(path, text, separator, width=len(names))
    frame = frame.slice(1)
    filled = frame.filter(~pl.all_horizontal(pl.all().is_null()))
    if empty := frame.height - filled.height:
        notes.append(f"{path.name}: {count(empty, 'empty row')} passed over")
    frame = filled
    if frame.height and frame[names[-1]].null_count():  # a short row looks like one with an empty last cell
        _check_widths(path, text, separator, width=len(names))
    return frame


def _records(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yields the line on which each record ends, and its cells; blank lines are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for record in reader:
            if record:
                yield reader.line_num, record
    except csv.Error as error:
        raise TableError(f"{path}:{reader.line_num}: {error}; is a quotation mark missing?") from None


def delimiter(path: Path, text: str) -> str:
    """Returns the sign that cuts most of the first records into equally many cells.

    >>> delimiter(Path("rooms.csv"), "room;price\\nA;1,5\\nB;2,0\\n")
    ';'
    """

    def score(sign: str) -> tuple[float, int]:
        widths = []
        try:
            for _, (_, record) in zip(range(SNIFFED_RECORDS), _records(path, text, sign), strict=False):
                widths.append(len(record))
        except TableError:
            pass  # the wrong delimiter breaks quotes; with the right one the error comes back from `_header`
        agreeing = sum(width == widths[0] for width in widths) if widths and widths[0] > 1 else 0
        return agreeing / max(len(widths), 1), widths[0] if widths else 0

    return max(DELIMITERS, key=score)


def _header(path: Path, text: str, delimiter: str) -> list[str]:
    _, names = next(_records(path, text, delimiter))
    names = [name.strip() for name in names]
    for place, name in enumerate(names, start=1):
        if not name:
            raise TableError(
                f"{path}:1: column {place} has no name; write one (a table saved by pandas: `to_csv(index=False)`)"
            )
    _check_unique(path, names)
    if all(name.replace(".", "", 1).replace("-", "", 1).isdecimal() for name in names):
        raise TableError(f"{path}:1: the first line holds numbers; it should hold the names of the columns")
    return names


def _check_unique(path: Path, names: Sequence[str]) -> None:
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise TableError(f"{path}:1: two columns have the name {twice[0]!r}; rename one")


def _check_widths(path: Path, text: str, delimiter: str, *, width: int) -> None:
    for line, record in _records(path, text, delimiter):
        if len(record) != width:
            raise TableError(
                f"{path}:{line}: {len(record)} cells where the first line has {width}; "
                f"is there a {DELIMITERS[delimiter]} inside a cell without quotation marks?"
            )


def _parquet(path: Path, data: bytes) -> pl.DataFrame:
    try:
        return pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TableError(f"{path}: not a Parquet file, or a damaged one: {str(error).splitlines()[0]}") from None


def _json_lines(path: Path, text: str) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise TableError(f"{path}:{number}: not JSON: {error}; write one object a line") from None
        if not isinstance(row, dict):
            raise TableError(f"{path}:{number}: a JSON {type(row).__name__}; write one object a line")
        if "\\ud" in line.lower() and not _writable(row):
            raise TableError(
                f"{path}:{number}: half a character (\\ud800 to \\udfff, alone); write it whole or remove it"
            )
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        raise TableError(f"{path}: the objects have no fields, so there are no columns")
    if not all(name.strip() for name in names):
        raise TableError(f"{path}: a field has an empty name; give it one")
    return pl.DataFrame([series(name, [row.get(name) for row in rows]) for name in names])


def _writable(row: dict[str, Any]) -> bool:
    try:
        return bool(json.dumps(row, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        return False


def _float(number: float) -> float:
    """Returns a number of any size as a float; one that is too large is infinite, and so no number to `cells`."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def series(name: str, cells: list[Any]) -> pl.Series:
    """Returns one column: of one type where the cells agree, of text where they do not."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {int, float}:
        return pl.Series(name, [None if cell is None else _float(cell) for cell in cells], dtype=pl.Float64)
    if kinds == {bool}:
        return pl.Series(name, cells, dtype=pl.Boolean)
    texts = [cell if cell is None or isinstance(cell, str) else json.dumps(cell) for cell in cells]
    return pl.Series(name, texts, dtype=pl.String)
