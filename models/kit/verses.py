r"""Texts that are kept in one piece with the place of each verse: files of the packages pythonbible-*, read as text.

Such a file is Python source, which is never run: its first long text is the book, and the two tables after it say where
each verse begins and ends.
"""

import re

import polars as pl

from models.kit.errors import TableError

QUOTES = '"""'
_PLACE = re.compile(r"(\d+): (\d+)")
_ADDED = re.compile(r"[\[\]]")  # the King James Version puts words in brackets that its translators added


def read(words: str, *, name: str = "text") -> pl.DataFrame:
    r"""Returns one row for each verse: its number and its text, white space and the brackets of added words taken out.

    >>> read('x = f(\n"\"\"Let [there] be light. So it was.\"\"\",\n{1: 0, 2: 22},\n{1: 21, 2: 33},\n)').rows()
    [('1', 'Let there be light.'), ('2', 'So it was.')]
    """
    start = words.find(QUOTES) + len(QUOTES)
    end = words.find(QUOTES, start)
    if start < len(QUOTES) or end < 0:
        raise TableError(f"{name}: no text between {QUOTES} and {QUOTES}; this is not a book of pythonbible")
    begins, after = _places(words, end, name)
    ends, _ = _places(words, after, name)
    book = words[start:end]
    if missing := begins.keys() ^ ends.keys():
        raise TableError(f"{name}: verse {min(missing)} has a beginning or an end, but not both; the file is damaged")
    texts = [" ".join(_ADDED.sub("", book[first : ends[verse]]).split()) for verse, first in begins.items()]
    frame = pl.DataFrame({"verse": list(begins), "text": texts}, schema={"verse": pl.String, "text": pl.String})
    return frame.filter(pl.col("text") != "")


def _places(words: str, after: int, name: str) -> tuple[dict[str, int], int]:
    """Returns the table of places that begins next, and where it ends."""
    start, end = words.find("{", after), words.find("}", after)
    if not 0 <= start < end:
        raise TableError(f"{name}: no table of the places of verses after the text; this is not a book of pythonbible")
    return {verse: int(place) for verse, place in _PLACE.findall(words[start:end])}, end + 1
