"""Tokens of a description: words with their place in the original text.

A word is normalised on its own, never the whole text, so every offset stays an offset, in Unicode code points, into
what the user wrote. Nothing here knows a rule; everything here is linear in the length of the text.
"""

import re
from functools import lru_cache
from typing import NamedTuple

# A word is letters and digits, joined by apostrophes, combining marks and invisible joiners ("don't", "cafe\u0301");
# a number keeps its separators ("1,000.5"). `_` separates, so that `refund_issued` is two words.
_JOINERS = (
    "\u2019\u02bc\u00ad\u200b-\u200d\u2060\ufeff\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_INVISIBLE = {ord(c): None for c in "\u00ad\u200b\u200c\u200d\u2060\ufeff"}


@lru_cache
def _pattern(*, ascii_only: bool) -> re.Pattern[str]:
    """What is a word, a sentence end, or a pause. Wide character classes are slow to compile, and rarely needed."""
    joiners, dots, ends, closing, dashes = "", "", "", "", ""
    if not ascii_only:
        joiners, dots, ends, closing, dashes = (
            _JOINERS,
            "\u2026",
            r"|[\u3002\uff01\uff1f]",
            "\u201d\u2019",
            "\u2013\u2014",
        )
    return re.compile(
        rf"(?P<word>\d+(?:[.,]\d+)*(?!\w)|[^\W_](?:[^\W_]|['{joiners}])*)"
        rf"|(?P<end>[.!?{dots}]+(?=[\s\"'{closing})\]]|$)|\n\s*\n{ends})"
        rf"|(?P<pause>[,;:(){dashes}]|\s-\s)"
    )


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
    tokens = Tokens([], [], [], [], [])
    words, starts, ends, sentences, clauses = tokens
    sentence = clause = 0
    for found in _pattern(ascii_only=text.isascii()).finditer(text):
        kind = found.lastgroup
        if kind == "word":
            word = found[0]
            word = word.lower() if word.isascii() and "'" not in word else normalise(word)
            if not word:  # a lone modifier letter, such as U+02BC
                continue
            words.append(word)
            starts.append(found.start())
            ends.append(found.end())
            sentences.append(sentence)
            clauses.append(clause)
        else:
            clause += 1
            sentence += kind == "end"
    return tokens
