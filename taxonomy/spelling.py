"""Slips of the pen: an unknown word that is one letter away from a single known one is read as that one.

Rules, single words and the encoder all know words by their letters, so that one slip in the word that matters can
change an answer. Known is what stands in words.txt (`python -m advisor.train --words` writes it from this knowledge
base, the encoder's vocabulary and a list of common words), with the usual endings, beginnings and compounds, in
American and British spelling. The four kinds of slip are those of Damerau (1964, A Technique for Computer Detection
and Correction of Spelling Errors): two letters swapped, one missing, one too many, one wrong. Swapped letters are
looked for first, as they hardly ever make another word; words that begin with a capital letter, as names do and
titles, are looked at for nothing else, and names of columns not at all.
"""

import os
from bisect import bisect_left
from functools import lru_cache

from taxonomy.tokens import Tokens

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "words.txt")
SHORTEST_SWAP, SHORTEST = 5, 7  # letters of a word in which two may be swapped, and in which one may be wrong
SHORTEST_MET, LONGEST = 3, 24  # letters of a word from which the language is told; of one that is looked at
MOST = 16  # different unknown words of a text that are looked at
_MOST_REMEMBERED = 4_096
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SHORTEST_PART = 3  # letters of a word that another is made of
_BEGINNINGS = "un re over under out non pre mis up down in mid sub inter super micro multi".split()
_SPELLINGS = (("is", "iz"), ("ys", "yz"), ("our", "or"), ("tre", "ter"), ("ll", "l"), ("ae", "e"), ("ogue", "og"))
_ENDINGS = "s es ed d id ing ings er ers r ly al ally y like ness less ful able man men est ment ments ation".split()


@lru_cache(maxsize=1)
def words() -> frozenset[str]:
    """Every word that is known as it stands."""
    return frozenset(_listed())


@lru_cache(maxsize=1)
def _listed() -> list[str]:
    """The known words in alphabetical order: to look a few up needs no set, which takes longer to make than to read."""
    with open(FILE, encoding="utf-8") as file:
        return file.read().split()


def slips(text: str, tokens: Tokens) -> dict[int, str]:
    """For each word of `text` that is a slip, by its number among `tokens`, the word that was meant.

    Nothing is put right in a text most of whose words are unknown: it is of another language.

    >>> from taxonomy.tokens import tokenize
    >>> text = "Which pateints in Bregenn will come back to the hosptial?"
    >>> slips(text, tokenize(text))
    {1: 'patients', 9: 'hospital'}
    """
    met = {word for word in tokens.words if SHORTEST_MET <= len(word) <= LONGEST}
    unknown = {word for word in met if not _is_known(word)}
    if not unknown or (len(met) > 1 and 2 * len(unknown) > len(met)):
        return {}
    found: dict[int, str] = {}
    looked: set[str] = set()
    for place, word in enumerate(tokens.words):
        if word not in unknown or len(word) < SHORTEST_SWAP:
            continue
        start, end = tokens.starts[place], tokens.ends[place]
        typed = text[start:end]
        plain = typed.islower() or typed.isupper() or typed.istitle()  # a name of a column is none of these: storeId
        if not (plain and typed.isascii()) or "_" in (text[start - 1 : start], text[end : end + 1]):
            continue
        looked.add(word)
        if len(looked) > MOST:
            break
        meant = _meant(word, swaps_only=not typed.islower())
        if meant:
            found[place] = meant
    return found


@lru_cache(maxsize=_MOST_REMEMBERED)
def _is_known(word: str) -> bool:
    place = bisect_left(_listed(), word)
    return _listed()[place : place + 1] == [word] or not word.isalpha() or is_made_of(words(), word)


@lru_cache(maxsize=_MOST_REMEMBERED)
def _meant(word: str, *, swaps_only: bool = False) -> str | None:
    """The only known word that `word`, which is unknown, is a slip of; None where there is none or more than one.

    >>> _meant("shcedule"), _meant("scheduule"), _meant("zzzzzzz")
    ('schedule', 'schedule', None)
    """
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


def is_made_of(known: frozenset[str], word: str) -> bool:
    """Whether a word is made of known ones: with another ending or beginning, as a compound, or in the other spelling.

    >>> known = frozenset(["schedule", "tag", "hay", "loft", "flavor", "phenotypes"])
    >>> [is_made_of(known, word) for word in ("schedulers", "mistag", "hayloft", "flavour", "phenotype", "hya")]
    [True, True, True, True, True, False]
    """
    for ending in _ENDINGS:
        stem = word.removesuffix(ending)
        if len(stem) < len(word) and len(stem) >= _SHORTEST_PART:
            doubled = stem[:-1] if stem[-1] == stem[-2] else stem
            if not known.isdisjoint((stem, stem + "e", stem + "y", doubled)):
                return True
    if not known.isdisjoint((word + "s", word + "d", word + "ed")):
        return True
    for pair in _SPELLINGS:
        for one, other in (pair, pair[::-1]):
            if one in word and word.replace(one, other) in known:
                return True
    if word[:-3] + "y" in known and word.endswith(("ies", "ied")):
        return True
    if any(word.startswith(beginning) and word[len(beginning) :] in known for beginning in _BEGINNINGS):
        return True
    parts = range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1)
    return any(word[:place] in known and word[place:] in known for place in parts)
