"""When a column is filled, as far as its name tells: afterwards, beforehand, or as a consequence of the answer."""

import configparser
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from advisor.profiling.names import words

Moment = Literal["after", "before", "reaction", "consequence"]

_SHORTEST_HEAD = 3  # letters of a compound before its last part
_SHORTEST_TAIL = 5  # letters of a last part that makes a compound
SHORTEST_SHARED = 5  # letters that two words begin with, to be of one family


class _Lists(NamedTuple):
    whole: frozenset[str]
    beginnings: tuple[str, ...]
    ends: tuple[str, ...]

    def has(self, word: str) -> bool:
        return (
            word in self.whole
            or word.startswith(self.beginnings)
            or any(word.endswith(end) and len(word) >= len(end) + _SHORTEST_HEAD for end in self.ends)
        )


def _read() -> dict[Moment, _Lists]:
    file = configparser.ConfigParser(inline_comment_prefixes=("#",))
    file.read_string(Path(__file__).with_name("moments.ini").read_text(encoding="utf-8"))
    found: dict[Moment, _Lists] = {}
    for moment in get_args(Moment):
        listed = [word for line in file[moment].values() for word in line.split()]
        plain = {word.lower() for word in listed if not word.endswith("*")}
        beginnings = tuple(word[:-1].lower() for word in listed if word.endswith("*"))
        found[moment] = _Lists(frozenset(plain), beginnings, tuple(w.lower() for w in listed if w.isupper()))
    return found


_LISTS = _read()


@lru_cache(maxsize=4096)
def moments(name: str) -> frozenset[Moment]:
    """What the words of a column's name say about when it is filled.

    >>> sorted(moments("refundIssued")), sorted(moments("previous_refunds")), sorted(moments("size"))
    (['after'], ['after', 'before'], [])
    """
    parts = [part for part in words(name) if not part.isdecimal()]
    parts += ["_".join(pair) for pair in pairwise(parts)]
    windowed = any(len(part) <= 4 and part[:-1].isdecimal() and part[-1] in "dhwmy" for part in name.lower().split("_"))
    found: set[Moment] = {moment for moment, lists in _LISTS.items() if any(lists.has(part) for part in parts)}
    return frozenset(found | ({"before"} if windowed else set()))


def related(name: str, other: str) -> bool:
    """Whether two names share a word, or words of one family.

    >>> related("cancel_reason", "cancelled"), related("size", "price")
    (True, False)
    """
    mine, theirs = words(name), words(other)
    return any(
        one == two or (len(one) >= SHORTEST_SHARED <= len(two) and one[:SHORTEST_SHARED] == two[:SHORTEST_SHARED])
        for one in mine
        for two in theirs
        if len(one) > 2 and not one.isdecimal()
    )
