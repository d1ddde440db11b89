"""Reading tables: what is accepted, and every refusal with its place and remedy."""

import contextlib
import io
import json
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.kit import cells, tables
from models.kit.errors import TableError

ROWS = [("A", "1,5"), ("B", "2,0")]


def _file(folder: Path, content: bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    text = "\r\n".join(delimiter.join(row) for row in [("room", "price"), *ROWS])
    table = tables.load(_file(tmp_path, text.encode()))
    assert table.frame.rows() == ROWS
    assert table.frame.columns == ["room", "price"]
    assert len(table.notes) == 1


def test_comma_is_no_news_and_quotes_protect_it(tmp_path: Path) -> None:
    table = tables.load(_file(tmp_path, b'a,b\n"x, y","line\nbreak"\n'))
    assert table.frame.rows() == [("x, y", "line\nbreak")]
    assert table.notes == ()


def test_delimiter_inside_quotes_does_not_mislead(tmp_path: Path) -> None:
    table = tables.load(_file(tmp_path, b'a;b\n"1,2,3";x\n"4,5,6";y\n'))
    assert table.frame.rows() == [("1,2,3", "x"), ("4,5,6", "y")]


@pytest.mark.parametrize(
    ("encoding", "said"), [("utf-8", None), ("utf-8-sig", None), ("latin-1", "Latin-1"), ("utf-16", "UTF-16")]
)
def test_encodings(tmp_path: Path, encoding: str, said: str | None) -> None:
    table = tables.load(_file(tmp_path, "größe,ort\n1,Köln\n2,Bern\n".encode(encoding)))
    assert table.frame.columns == ["größe", "ort"]
    assert table.frame["ort"].to_list() == ["Köln", "Bern"]
    assert [said in note for note in table.notes] == ([True] if said else [])


def test_parquet_and_json_lines(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1.5, None], "b": ["x", "y"], "c": [True, False]})
    frame.write_parquet(tmp_path / "t.parquet")
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps(row) for row in frame.to_dicts()) + "\n\n")
    assert tables.read(tmp_path / "t.parquet").equals(frame)
    assert tables.read(tmp_path / "t.jsonl").equals(frame)


def test_json_lines_of_mixed_types_become_text(tmp_path: Path) -> None:
    path = _file(tmp_path, b'{"a": 1, "b": [1, 2]}\n{"a": "x"}\n{"c": 1e3}\n', "t.jsonl")
    assert tables.read(path).rows() == [("1", "[1, 2]", None), ("x", None, None), (None, None, 1000.0)]


def test_empty_rows_are_passed_over_and_said(tmp_path: Path) -> None:
    table = tables.load(_file(tmp_path, b"a,b\n1,2\n\n3,4\n\n"))
    assert table.frame.rows() == [("1", "2"), ("3", "4")]
    assert any("empty row" in note for note in table.notes)


def test_empty_lines_before_the_names(tmp_path: Path) -> None:
    assert tables.read(_file(tmp_path, b"\r\n\na,b\n1,2\n")).to_dicts() == [{"a": "1", "b": "2"}]


def test_last_cell_may_be_empty(tmp_path: Path) -> None:
    assert tables.read(_file(tmp_path, b"a,b\n1,\n3,4\n")).rows() == [("1", None), ("3", "4")]


def test_one_column_serves_where_one_is_enough(tmp_path: Path) -> None:
    assert tables.load(_file(tmp_path, b"a\n1\n2\n"), fewest_columns=1).frame.rows() == [("1",), ("2",)]


def _parquet() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"a": [1], "b": [2]}).write_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "the file is empty"),
        ("t.csv", b" \n\n", "the file is empty"),
        ("t.csv", b"\xff\xfe", "the file is empty"),
        ("t.csv", b"\xff\xfe1", "begins like UTF-16 but is not"),
        ("t.csv", b"a,b\n", "no rows"),
        ("t.csv", b"a\n1\n2\n", "only one column, 'a'"),
        ("t.csv", b"a,b\n1,2\nx\0y,3\n", ":3: a NUL byte"),
        ("t.csv", bytes(range(1, 256)) * 20, "control bytes"),
        ("t.csv", b"a,b\n1,2\n1,2,3\n", ":3: 3 cells where the first line has 2"),
        ("t.csv", b"a,b,c\n1,2,3\n1,2\n", ":3: 2 cells where the first line has 3"),
        ("t.csv", b"a,a\n1,2\n", "two columns have the name 'a'"),
        ("t.csv", b",a\n0,2\n", "column 1 has no name"),
        ("t.csv", b"1.5,2\n3,4\n", "the first line holds numbers"),
        ("t.csv", b'a,b\n1,"x\n2,y\n', "quotation mark"),
        ("t.xlsx", b"PK\x03\x04rest", "Excel workbook"),
        ("t.csv.gz", b"\x1f\x8brest", "gzip"),
        ("t.parquet", b"PAR1 and nothing else", "not a Parquet file"),
        ("t.parquet", _parquet()[:-10], "not a Parquet file"),
        ("t.jsonl", b'{"a": 1}\n{"a": \n', ":2: not JSON"),
        ("t.jsonl", b"[1, 2]\n", ":1: a JSON list"),
        ("t.jsonl", b"{}\n{}\n", "no columns"),
        ("t.jsonl", b'{"": 1, "b": 2}\n', "empty name"),
    ],
)
def test_refusals_say_what_and_where(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = _file(tmp_path, content, name)
    with pytest.raises(TableError) as refused:
        tables.read(path)
    assert message in str(refused.value)
    assert str(path) in str(refused.value)


ANY_TEXT = st.text("ab,;\t|\"'\n\r 1.é\ufeff", max_size=60).map(str.encode)


@given(st.binary(max_size=60) | ANY_TEXT, st.sampled_from(tables.SUFFIXES))
@settings(max_examples=300)
def test_any_file_is_read_or_refused(content: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = _file(Path(folder), content, f"t{suffix}")
        with contextlib.suppress(TableError):
            frame = tables.read(path)
            assert frame.height >= 1
            assert frame.width >= 2


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no such file"):
        tables.read(tmp_path / "absent.csv")
    with pytest.raises(TableError, match="this is a folder"):
        tables.read(tmp_path)


def test_same_file_same_hash(tmp_path: Path) -> None:
    one, other = _file(tmp_path, b"a,b\n1,2\n", "1.csv"), _file(tmp_path, b"a,b\n1,3\n", "2.csv")
    assert tables.load(one).sha256 == tables.load(one).sha256 != tables.load(other).sha256


def test_json_numbers_of_any_size_and_half_characters(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    file.write_text(f'{{"a": 1{"0" * 400}, "b": 1}}\n{{"a": 2, "b": -1{"0" * 400}}}\n')
    assert tables.read(file).rows() == [(float("inf"), 1.0), (2.0, float("-inf"))]
    file.write_text('{"a": "\\ud83d\\ude00", "b": 1}\n{"a": "\\ud83d", "b": 2}\n')
    with pytest.raises(TableError, match=r"t\.jsonl:2: half a character"):
        tables.read(file)


def test_answers_that_are_kept_are_those_of_the_question() -> None:
    first, second = pl.Series("a", ["1,500", "2,750"]), pl.Series("b", ["1,500", "2,750"])
    assert [cells.numbers(first, mark).to_list() for mark in ".,."] == [[1500, 2750], [1.5, 2.75], [1500, 2750]]
    assert (cells.texts(first).name, cells.texts(second).name) == ("a", "b")


def test_large_cells_are_not_kept() -> None:
    """A service that read them would grow with every table."""
    asked: list[int] = []
    counted = cells._kept(lambda column: asked.append(column.len()))
    for cell in ("small", "x" * 100_000):
        for _ in range(2):
            counted(pl.Series([cell, cell]))
    assert len(asked) == 1 + 2
