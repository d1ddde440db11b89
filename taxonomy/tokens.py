"""Tokens of a description: words with their place in the original text.

A word is normalised on its own, never the whole text, so every offset stays an offset, in Unicode code points, into
what the user wrote. Nothing here knows a rule; everything here is linear in the length of the text.
"""

import re
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

# A word is letters and digits, joined by apostrophes, combining marks and invisible joiners ("don't", "cafe\u0301");
# a number keeps its separators ("1,000.5"). `_` separates, so that `refund_issued` is two words.
_JOINERS = (
    "\u2019\u02bc\u00ad\u200b-\u200d\u2060\ufeff\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_SHORT = 4  # characters
_MOST_REMEMBERED = 4_096
_INVISIBLE = {ord(c): None for c in "\u00ad\u200b\u200c\u200d\u2060\ufeff"}


_ASCII_WORD = re.compile(r"([0-9]+(?:[.,][0-9]+)*(?![0-9a-z_])|[0-9a-z][0-9a-z']*)")  # of a text in lower case
_ASCII_BREAK = re.compile(r"(?P<end>[.!?]+(?=[\s\"')\]]|$)|\n\s*\n)|[,;:()]|\s-\s")


@lru_cache(maxsize=1)
def _word() -> re.Pattern[str]:
    """What is a word in any script. Wide character classes are slow to compile, and rarely needed."""
    return re.compile(rf"(\d+(?:[.,]\d+)*(?!\w)|[^\W_](?:[^\W_]|['{_JOINERS}])*)")


@lru_cache(maxsize=1)
def _break() -> re.Pattern[str]:
    """What ends a sentence, or is a pause, in any script."""
    return re.compile(
        "(?P<end>[.!?\u2026]+(?=[\\s\"'\u201d\u2019)\\]]|$)|\\n\\s*\\n|[\u3002\uff01\uff1f])|[,;:()\u2013\u2014]|\\s-\\s"
    )


class _Breaks(dict[str, int]):
    """How many sentences, or clauses, end in what stands between two words; the usual is remembered."""

    def __init__(self, *, sentences: bool) -> None:
        super().__init__()
        self._sentences = sentences

    def __missing__(self, between: str) -> int:
        pattern = _ASCII_BREAK if between.isascii() else _break()
        found = list(pattern.finditer(between + "x"))  # "x" is the word behind it
        count = sum(match.lastgroup == "end" for match in found) if self._sentences else len(found)
        if len(between) <= _SHORT and len(self) < _MOST_REMEMBERED:
            self[between] = count
        return count


_SENTENCES, _CLAUSES = _Breaks(sentences=True), _Breaks(sentences=False)


class Tokens(NamedTuple):
    """The words of a text as parallel tuples, one entry a word.

    `words` are normalised; `starts` and `ends` are offsets into the text (end exclusive, Unicode code points);
    `sentences` and `clauses` number the sentence and the clause that a word stands in.
    """

    words: list[str]
    starts: list[int]
    ends: list[int]
    sentences: list[int]
    clauses: list[int]


def normalise(word: str) -> str:
    """The form under which a word is looked up: lower case, compatible characters folded, accents and possessive off.

    >>> normalise("Pati\u00e9nt\u2019s"), normalise("DON\u2019T")
    ('patient', "don't")
    """
    word = word.lower()
    if not word.isascii():
        import unicodedata  # most texts need no part of it

        word = word.translate(_INVISIBLE).replace("\u2019", "'").replace("\u02bc", "'")
        word = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c)).casefold()
    if "'" in word:
        word = word.removesuffix("'s").strip("'")
    return word


def tokenize(text: str) -> Tokens:
    """The words of `text` with offsets, sentences and clauses.

    >>> tokenize("Rank them. Don't sort!").words
    ['rank', 'them', "don't", 'sort']
    >>> tokenize("Rank them. Don't sort!").sentences
    [0, 0, 1, 1]
    """
    ascii_only = text.isascii()
    # Between two words, and by turns with them, stands what divides them.
    parts = _ASCII_WORD.split(text.lower()) if ascii_only else _word().split(text)
    places = list(accumulate(map(len, parts)))
    words, between = parts[1::2], parts[:-1:2]
    starts, ends = places[:-1:2], places[1::2]
    sentences = list(accumulate(map(_SENTENCES.__getitem__, between)))
    clauses = list(accumulate(map(_CLAUSES.__getitem__, between)))
    if not ascii_only or "'" in text:
        words = [normalise(word) if "'" in word or not word.isascii() else word.lower() for word in words]
        if not all(words):  # a lone modifier letter, such as U+02BC, is no word
            places = [place for place, word in enumerate(words) if word]
            words = [words[place] for place in places]
            starts, ends, sentences, clauses = (
                [column[place] for place in places] for column in (starts, ends, sentences, clauses)
            )
    return Tokens(words, starts, ends, sentences, clauses)
