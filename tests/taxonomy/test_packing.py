"""Packed texts and the layout of the index: ordinary JSON, read value by value."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy.knowledge import compile_index, from_index, load
from taxonomy.packing import Layout, Packed, Stretch, lay_out, pack
from taxonomy.sources import read

ROWS = st.lists(st.lists(st.integers(min_value=0, max_value=10**6), max_size=6), min_size=1, max_size=40)
NAMES = st.text(max_size=5)
VALUES = st.one_of(st.integers(), st.lists(st.text(max_size=4), max_size=3), st.dictionaries(NAMES, NAMES, max_size=3))


@given(ROWS)
def test_every_row_is_read_back(rows):
    packed = Packed(pack(rows))
    assert [packed[row] for row in range(len(rows))] == rows


@given(ROWS, st.binary(max_size=9))
def test_a_row_is_read_where_it_lies(rows, around):
    text = pack(rows).encode()
    packed = Packed(Stretch(around + text + around, len(around), len(around) + len(text)))
    assert [packed[row] for row in range(len(rows))] == rows


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=3), max_size=3))
def test_the_layout_is_json_and_its_values_are_found(groups):
    text = lay_out({"the schema": 7, **groups})
    places = json.loads(text).pop("places")
    assert json.loads(text) == {"the schema": 7, "places": places, **groups}
    layout = Layout(text)
    assert layout.header == {"the schema": 7}
    assert {group: {name: layout.value(group, name) for name in layout.names(group)} for group in groups} == groups


def test_a_packed_text_stays_where_it_is():
    layout = Layout(lay_out({"tables": {"empty": {}, "a": pack([[1], [2, 3]])}}))
    assert Packed(layout.value("tables", "a"))[1] == [2, 3]


def test_a_string_that_json_must_escape_is_no_packed_text():
    with pytest.raises(ValueError, match="packed"):
        lay_out({"tables": {"a": 'say "x"'}})


def test_the_index_in_memory_and_the_index_on_disk_know_the_same():
    memory, disk = from_index(compile_index(read())), load()
    assert memory.hash == disk.hash
    for group in ("categories", "rules", "questions", "pitfalls", "asked", "always"):
        assert dict(getattr(memory, group)) == dict(getattr(disk, group))
