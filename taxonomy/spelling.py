"""Slips of the pen: an unknown word that is one letter away from a single known one is read as that one.

Rules, single words and the encoder all know words by their letters, so that one slip in the word that matters can
change an answer. Known is what stands in words.txt, the words of this knowledge base and the whole words of the
encoder's vocabulary (`python -m advisor.train --words` writes it), with their usual endings, beginnings and compounds,
in American and British spelling. The four kinds of slip are those of Damerau (1964, A Technique for Computer Detection
and Correction of Spelling Errors): two letters swapped, one missing, one too many, one wrong. Swapped letters are
looked for first, as they hardly ever make another word; words that begin with a capital letter, as names do and
titles, are looked at for nothing else.
"""

import os
from bisect import bisect_left
from functools import lru_cache

from taxonomy.tokens import Tokens

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "words.txt")
SHORTEST_SWAP, SHORTEST = 5, 7  # letters of a word in which two may be swapped, and in which one may be wrong
MOST = 16  # unknown words of a text that are looked at; in a text of another language all are unknown
_MOST_REMEMBERED = 4_096
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SHORTEST_PART = 3  # letters of a word that another is made of
_BEGINNINGS = "un re over under out non pre mis up down in mid sub inter super micro multi".split()
_AMERICAN = (("is", "iz"), ("ys", "yz"), ("our", "or"), ("tre", "ter"), ("ll", "l"), ("ae", "e"), ("ogue", "og"))
_ENDINGS = "s es ed d ing ings er ers r ly al ally y like ness less ful able man men est ment ments ation".split()


@lru_cache(maxsize=1)
def words() -> frozenset[str]:
    """Every word that is known as it stands."""
    return frozenset(_listed())


@lru_cache(maxsize=1)
def _listed() -> list[str]:
    """The known words in alphabetical order: to look a few up needs no set, which takes longer to make than to read."""
    with open(FILE, encoding="utf-8") as file:
        return file.read().split()


@lru_cache(maxsize=_MOST_REMEMBERED)
def _is_known(word: str) -> bool:
    place = bisect_left(_listed(), word)
    return place < len(_listed()) and _listed()[place] == word


def slips(text: str, tokens: Tokens) -> dict[int, str]:
    """For each word of `text` that is a slip, by its number among `tokens`, the word that was meant.

    >>> from taxonomy.tokens import tokenize
    >>> text = "Which pateints in Bregenn will come back to the hosptial?"
    >>> slips(text, tokenize(text))
    {1: 'patients', 9: 'hospital'}
    """
    found: dict[int, str] = {}
    looked = 0
    for place, word in enumerate(tokens.words):
        typed = text[tokens.starts[place] : tokens.ends[place]]
        if len(word) < SHORTEST_SWAP or _is_known(word) or not typed.isascii():
            continue
        looked += 1
        if looked > MOST:
            break
        meant = _meant(word, swaps_only=not typed[0].islower())
        if meant:
            found[place] = meant
    return found


@lru_cache(maxsize=_MOST_REMEMBERED)
def _meant(word: str, *, swaps_only: bool = False) -> str | None:
    """The only known word that `word` is a slip of; None where it is known itself, or there is none or more than one.

    >>> _meant("shcedule"), _meant("scheduule"), _meant("reschedulings"), _meant("zzzzzzz")
    ('schedule', 'schedule', None, None)
    """
    if not (word.isascii() and word.isalpha()) or _made_of_known(word):
        return None
    known, swapped, wrong = words(), set(), set()
    for place in range(1, len(word) - 1):
        swapped.add(word[:place] + word[place + 1] + word[place] + word[place + 2 :])
    swapped &= known
    if swapped or swaps_only or len(word) < SHORTEST:
        return swapped.pop() if len(swapped) == 1 else None
    for place in range(1, len(word) + 1):  # the first letter is hardly ever wrong
        before, behind = word[:place], word[place:]
        wrong.add(before + behind[1:])
        for letter in _LETTERS:
            wrong.add(before + letter + behind)
            wrong.add(before + letter + behind[1:])
    wrong &= known
    return wrong.pop() if len(wrong) == 1 else None


def _made_of_known(word: str) -> bool:
    """Whether a word is made of known ones: with another ending or beginning, as a compound, or in British spelling.

    >>> _made_of_known("schedulers"), _made_of_known("mistagged"), _made_of_known("hayloft"), _made_of_known("pateints")
    (True, True, True, False)
    """
    known = words()
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if len(stem) < len(word) and len(stem) >= _SHORTEST_PART:
            doubled = stem[:-1] if stem[-1] == stem[-2] else stem
            if not known.isdisjoint((stem, stem + "e", stem + "y", doubled)):
                return True
    if any(british in word and word.replace(british, american) in known for british, american in _AMERICAN):
        return True
    if word[:-3] + "y" in known and word.endswith(("ies", "ied")):
        return True
    if any(word.startswith(beginning) and word[len(beginning) :] in known for beginning in _BEGINNINGS):
        return True
    parts = range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1)
    return any(word[:place] in known and word[place:] in known for place in parts)
