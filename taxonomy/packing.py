"""Packed data: one text of which a run reads no more than it needs.

The knowledge is large and one framing touches little of it, so nothing is decoded before it is asked for. `lay_out`
writes an index as ordinary JSON whose first line says at which byte each value stands; `Layout` decodes single values
of such a file. `pack` writes rows of a table as a text; `Packed` decodes single rows, where they lie.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from mmap import mmap

_LONGEST_PLACE = 8  # hexadecimal digits; packed texts are far below 4 GB


class Stretch(NamedTuple):
    """A stretch of a larger text, not copied; `end` is exclusive."""

    data: "bytes | mmap"
    begin: int
    end: int


class Packed:
    """Rows in one text, of which only the rows that are asked for are ever read.

    The first character is the number of hexadecimal digits of the places behind it: where each row begins and the last
    ends, counted from the first character. Then come the rows, their entries separated by spaces.
    """

    def __init__(self, text: str | Stretch) -> None:
        stretch = Stretch(text.encode("ascii"), 0, len(text)) if isinstance(text, str) else text
        self._data, self._begin, _ = stretch
        self._digits = int(self._data[self._begin : self._begin + 1])

    def words(self, row: int) -> list[bytes]:
        """The entries of a row."""
        data, digits, begin = self._data, self._digits, self._begin
        place = begin + 1 + row * digits
        places = data[place : place + 2 * digits]
        return data[begin + int(places[:digits], 16) : begin + int(places[digits:], 16)].split()

    def __getitem__(self, row: int) -> list[int]:
        return list(map(int, self.words(row)))


def pack(rows: Iterable[Iterable[object]]) -> str:
    """Rows of numbers, or of words in ASCII, as a text that `Packed` reads.

    >>> Packed(pack([[7, 8], [], [9]]))[0]
    [7, 8]
    >>> Packed(pack([["seven"], ["eight", 8]])).words(1)
    [b'eight', b'8']
    """
    texts = [" ".join(map(str, row)) for row in rows]
    digits = len(f"{sum(map(len, texts)) + (len(texts) + 2) * _LONGEST_PLACE:x}")
    places = accumulate(map(len, texts), initial=1 + (len(texts) + 1) * digits)
    return str(digits) + "".join(f"{place:0{digits}x}" for place in places) + "".join(texts)


def lay_out(index: Mapping[str, Any]) -> bytes:
    """`index` as JSON that `Layout` reads: what is a dict value by value, everything else in the first line.

    Raises:
        ValueError: a string in a dict is no packed text; write a list or a dict.

    >>> text = lay_out({"hash": "2f", "rules": {"a": {"x": 1}, "b": {}}, "none": {}})
    >>> json.loads(text)["rules"]
    {'a': {'x': 1}, 'b': {}}
    """
    header: dict[str, Any] = {name: value for name, value in index.items() if not isinstance(value, dict)}
    places: dict[str, dict[str, tuple[int, int]]] = {}
    body = bytearray()
    for group, values in index.items():
        if group in header:
            continue
        body += (b",\n" if body else b"") + _json(group) + b":{"
        places[group] = {}
        for name, value in values.items():
            body += (b",\n" if places[group] else b"\n") + _json(name) + b":"
            begin = len(body)
            body += _json(value)
            if isinstance(value, str) and len(body) - begin != len(value) + 2:
                raise ValueError(
                    f"{group}/{name}: a string must be a packed text, of characters that JSON does not escape"
                )
            places[group][name] = begin, len(body)
        body += b"}"
    return _json({**header, "places": places})[:-1] + (b",\n" if body else b"\n") + body + b"}\n"


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


class Layout:
    """An index that `lay_out` wrote, read value by value.

    >>> index = Layout(lay_out({"hash": "2f", "rules": {"a": {"x": 1}, "b": {}}}))
    >>> index.header["hash"], list(index.names("rules")), index.value("rules", "a")
    ('2f', ['a', 'b'], {'x': 1})
    """

    def __init__(self, data: "bytes | mmap") -> None:
        end = data.find(b"\n")
        self.header: dict[str, Any] = json.loads(data[:end].removesuffix(b",") + b"}")
        self._places: dict[str, dict[str, tuple[int, int]]] = self.header.pop("places")
        self._data = data
        self._body = end + 1

    def names(self, group: str) -> Collection[str]:
        """The names in a group, in the order of the index."""
        return self._places[group]

    def value(self, group: str, name: str) -> Any:
        """The value that stands under a name, decoded; a packed text stays where it is."""
        begin, end = self._places[group][name]
        begin, end = self._body + begin, self._body + end
        if self._data[begin : begin + 1] == b'"':
            return Stretch(self._data, begin + 1, end - 1)  # of ASCII, and without escapes
        return json.loads(self._data[begin:end])
