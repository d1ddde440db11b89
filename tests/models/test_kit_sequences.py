"""Sequences out of tables, treebanks, dictionaries and catalogues: what is read, and what is refused and how."""

import struct
from pathlib import Path

import polars as pl
import pytest

from models.kit import sequences
from models.kit.errors import TableError

WORD = "{}\t{}\t_\tNOUN\t_\t_\t0\troot\t_\t_\n"


def test_conllu_numbers_sentences_and_keeps_documents() -> None:
    text = "# newdoc id = a\n" + WORD.format(1, "dog") + "\n\n# newdoc id = b\n" + WORD.format(1, "cat")
    found = sequences.conllu(text)
    assert found.select("sentence", "document", "form").rows() == [("1", "a", "dog"), ("2", "b", "cat")]


def test_conllu_leaves_out_multiword_tokens_and_empty_nodes() -> None:
    text = WORD.format("1-2", "du") + WORD.format(1, "de") + WORD.format(2, "le") + WORD.format("2.1", "x")
    assert sequences.conllu(text)["form"].to_list() == ["de", "le"]


def test_conllu_refuses_another_number_of_fields_with_the_line() -> None:
    with pytest.raises(TableError, match=r"words:2: 2 fields separated by tabs, not 10"):
        sequences.conllu("# text\n1\tdog\n", name="words")


def test_rows_are_joined_in_the_order_of_the_file() -> None:
    table = pl.DataFrame({"s": [2, 1, 2], "w": ["a", "b", "c"], "d": ["x", "y", "x"]})
    found = sequences.read(table, {"text": "w"}, sequence="s", group="d")
    assert found.columns["text"] == [("a", "c"), ("b",)]
    assert found.numbers.tolist() == [1, 2]
    assert found.groups == ["x", "y"]


def test_a_sequence_in_two_groups_is_refused() -> None:
    table = pl.DataFrame({"s": [1, 1], "w": ["a", "b"], "d": ["x", "y"]})
    with pytest.raises(TableError, match="several values of 'd'"):
        sequences.read(table, {"text": "w"}, sequence="s", group="d")


def test_an_unknown_column_is_refused_with_the_nearest() -> None:
    with pytest.raises(TableError, match="no column 'word'; did you mean 'words'"):
        sequences.read(pl.DataFrame({"words": ["a"]}), {"text": "word"}, sequence=None)


def test_empty_and_missing_cells_are_refused() -> None:
    with pytest.raises(TableError, match="row 2 is empty"):
        sequences.read(pl.DataFrame({"w": ["a", None]}), {"text": "w"}, sequence=None)
    with pytest.raises(TableError, match="1 cell without a value"):
        sequences.read(pl.DataFrame({"s": [1, 1], "w": ["a", None]}), {"text": "w"}, sequence="s")


def test_a_dictionary_joins_variants_and_drops_comments(tmp_path: Path) -> None:
    (tmp_path / "small.dict").write_text("read R EH1 D # past\nread(2) R IY1 D\n")
    found = sequences.table("small.dict", folder=tmp_path).frame
    assert found["word"].to_list() == ["read", "read"]
    assert found["sounds"].to_list() == ["R EH D", "R IY D"]
    with pytest.raises(TableError, match="d:1: 'read' has no sounds"):
        sequences.dictionary("read\n", name="d")


def test_a_catalogue_gives_pairs_and_refuses_what_is_none(tmp_path: Path) -> None:
    texts = [
        b"",
        b"Kyiv",
        b"Content-Type: text/plain; charset=UTF-8\n",
        "Київ".encode(),
    ]  # the first pair is the header
    start, lengths = 28 + 8 * len(texts), [len(text) for text in texts]
    offsets = [start + sum(lengths[:place]) + place for place in range(len(texts))]
    places = [number for pair in zip(lengths, offsets, strict=True) for number in pair]
    head = struct.pack("<7I", 0x950412DE, 0, 2, 28, 44, 0, start) + struct.pack("<8I", *places)
    (tmp_path / "names.mo").write_bytes(head + b"".join(text + b"\0" for text in texts))
    assert sequences.table("names.mo", folder=tmp_path).frame.rows() == [("Kyiv", "Київ")]
    with pytest.raises(TableError, match="no catalogue of GNU gettext"):
        sequences.catalogue(b"nothing of the kind")


def test_edits_count_insertions_deletions_and_replacements() -> None:
    assert [sequences.edits(*pair) for pair in (("", "ab"), ("ab", ""), ("ab", "ac"), ("abc", "abc"))] == [2, 2, 1, 0]
