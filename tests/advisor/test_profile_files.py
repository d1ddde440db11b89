"""Files as people have them: well-formed ones are understood, malformed ones are refused clearly or profiled."""

import io
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from advisor.errors import InputRefused
from advisor.profiling import profile

PLAIN = "id;name;price;day\n" + "".join(f"{n};Ort {n % 7};{n},5 €;{1 + n % 28:02d}.04.2024\n" for n in range(1, 41))
LONGEST_SECONDS = 20.0
BROKEN = 360


def written(folder: Path, content: str | bytes, name: str = "table.csv") -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        "\n\n" + PLAIN,
        PLAIN.replace(";", "\t"),
        PLAIN.replace(";", "|"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("cp1252"),
        PLAIN.replace("Ort 3", '"Ort ""3"""'),
    ],
    ids=["plain", "BOM", "CRLF", "CR", "blank lines", "tabs", "bars", "UTF-16", "Windows-1252", "quotes"],
)
def test_one_table_in_many_writings(tmp_path: Path, content: str | bytes) -> None:
    seen = profile(written(tmp_path, content), description="Estimate the price.")
    assert [column.name for column in seen.columns] == ["id", "name", "price", "day"]
    assert (seen.rows, seen.target, seen.ids, seen.time) == (40, "price", ("id",), "day")
    price = seen.column("price")
    assert (price.kind, price.unit, price.written, price.statistics.mean) == ("money", "€", ",", 21.0)


def test_columns_without_names_are_numbered(tmp_path: Path) -> None:
    seen = profile(written(tmp_path, "1,4.5,a\n2,6.5,b\n3,7.5,c\n"))
    assert seen.rows == 3
    assert [column.name for column in seen.columns] == ["column 1", "column 2", "column 3"]
    assert "no line of names; columns are numbered" in seen.notes


def test_names_are_made_different_and_told(tmp_path: Path) -> None:
    seen = profile(written(tmp_path, "a,,a\n1,2,x\n4,5,y\n"))
    assert [column.name for column in seen.columns] == ["a", "column 2", "a (2)"]
    assert len(seen.notes) == 2


def test_a_later_cell_of_another_type_is_no_surprise(tmp_path: Path) -> None:
    rows = "".join(f"{n},{n % 5}\n" for n in range(12_000))
    seen = profile(written(tmp_path, f"a,b\n{rows}x7,not yet\n"))
    assert seen.rows == 12_001
    assert seen.column("a").missing == 1


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("", "a.csv", "empty"),
        ("  \n \n", "a.csv", "empty"),
        ("a,b\n", "a.csv", "no rows"),
        (b"a,b\n1,\x00\n", "a.csv", "NUL"),
        (b"PK\x03\x04 workbook", "a.csv", "Excel"),
        (b"PAR1 cut off", "a.parquet", "cannot be read"),
        ("[1, 2]\n", "a.jsonl", "JSON"),
        ("{", "a.jsonl", "JSON"),
        (",".join(f"c{n}" for n in range(10_000)) + "\n" + ",".join("1" * 10_000), "a.csv", "10,000 columns"),
    ],
)
def test_what_is_no_table_is_refused_with_the_reason(
    tmp_path: Path, content: str | bytes, name: str, message: str
) -> None:
    with pytest.raises(InputRefused, match=message):
        profile(written(tmp_path, content, name))


def test_a_cell_of_ten_megabytes(tmp_path: Path) -> None:
    seen = profile(written(tmp_path, "a,b\n1," + "x" * 10_000_000 + "\n2,y\n3,z\n"))
    assert seen.rows == 3


def _parquet() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"a": list(range(50)), "b": [f"x{n % 3}" for n in range(50)]}).write_parquet(buffer)
    return buffer.getvalue()


def broken(count: int) -> Iterator[tuple[str, bytes]]:
    """Files damaged at random, always the same ones: cut, bits turned, lines and quotes and NULs thrown in."""
    chance = random.Random(11)
    lines = "".join(json.dumps({"a": n, "b": f"x{n % 3}", "c": [n]}) + "\n" for n in range(30))
    sources = [
        ("csv", PLAIN.encode()),
        ("csv", PLAIN.replace(";", ",").replace(",5 €", ".5").encode()),
        ("tsv", PLAIN.replace(";", "\t").encode("utf-16")),
        ("csv", PLAIN.encode("cp1252")),
        ("parquet", _parquet()),
        ("jsonl", lines.encode()),
    ]
    junk = [
        b'"',
        b"\x00",
        b"\r",
        b"\n\n",
        b";;;;;;",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\x80",
        b"nan",
        b"1e999",
        b"\xed\xa0\x80",
    ]
    for number in range(count):
        suffix, data = sources[number % len(sources)]
        damaged = bytearray(data)
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(damaged)) if damaged else 0
            what = chance.randrange(5)
            if what == 0:
                del damaged[place:]
            elif what == 1 and damaged:
                damaged[place] ^= 1 << chance.randrange(8)
            elif what == 2:
                damaged[place:place] = chance.choice(junk)
            elif what == 3:
                del damaged[place : place + chance.randint(1, 30)]
            else:
                damaged[place:place] = bytes(damaged[place : place + 40]) * chance.randint(1, 20)
        yield suffix, bytes(damaged)


def test_broken_files_are_refused_or_profiled_and_never_worse(tmp_path: Path) -> None:
    refusals: list[tuple[Path, str]] = []
    slowest = 0.0
    for number, (suffix, data) in enumerate(broken(BROKEN)):
        file = written(tmp_path, data, f"{number}.{suffix}")
        start = time.process_time()
        try:
            seen = profile(file, description="Estimate the price.")
        except InputRefused as error:
            refusals.append((file, str(error)))
        else:
            assert seen.rows > 0
            assert seen.columns
        slowest = max(slowest, time.process_time() - start)
    assert all(str(file) in message and len(message) < 600 for file, message in refusals)
    assert 30 <= len(refusals) < BROKEN - 30  # both happen, or the damage tests nothing
    assert slowest < LONGEST_SECONDS
