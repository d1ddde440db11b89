"""Which words name one thing, across languages and abbreviations: `loyer_cc` is what "which rent" asks for.

concepts.txt holds a thing a line. A column and a description meet where a word of each stands in one line, or where a
part of the column's name shortens a word of the description: `amt`, `AUSS_PROZ`.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

SHORTEST_HEAD = 3  # letters of a compound before its last part
SHORTEST_CUT, LONGEST_CUT = 3, 6  # letters of a word that is cut short
SHORTEST_WHOLE = 5  # letters of a word that people shorten


class _Lists(NamedTuple):
    whole: dict[str, frozenset[int]]  # word -> the lines that it stands in
    beginnings: tuple[tuple[str, int], ...]
    ends: tuple[tuple[str, int], ...]


@lru_cache(maxsize=1)
def _lists() -> _Lists:
    whole: dict[str, set[int]] = {}
    beginnings, ends = [], []
    text = Path(__file__).with_name("concepts.txt").read_text(encoding="utf-8")
    for line, words in enumerate(text.splitlines()):
        for word in () if words.startswith("#") else words.split():
            if word.endswith("*"):
                beginnings.append((word[:-1], line))
                continue
            if word.isupper():
                ends.append((word.lower(), line))
            whole.setdefault(word.lower(), set()).add(line)
    return _Lists({word: frozenset(lines) for word, lines in whole.items()}, tuple(beginnings), tuple(ends))


@lru_cache(maxsize=4096)
def things(word: str) -> frozenset[int]:
    """The things that a folded word may name, each by the number of its line in concepts.txt.

    >>> things("preis") & things("prices") != frozenset(), things("xyz")
    (True, frozenset())
    """
    lists = _lists()
    found = set(lists.whole.get(word, ()))
    found |= {line for beginning, line in lists.beginnings if word.startswith(beginning)}
    if not found:
        found |= {line for end, line in lists.ends if word.endswith(end) and len(word) >= len(end) + SHORTEST_HEAD}
    return frozenset(found)


def shortens(part: str, word: str) -> bool:
    """Whether people write `part` for `word`: its beginning, or its consonants.

    >>> shortens("auss", "ausschuss"), shortens("qty", "quantity"), shortens("size", "surprise")
    (True, True, False)
    """
    if not SHORTEST_CUT <= len(part) <= LONGEST_CUT or len(word) < max(SHORTEST_WHOLE, len(part) + 2):
        return False
    if word.startswith(part):
        return True
    if part[0] != word[0] or set(part[1:]) & set("aeiou"):
        return False
    rest = iter(word)
    return all(letter in rest for letter in part)
