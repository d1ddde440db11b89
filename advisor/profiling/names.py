"""What the words of a column's name say about it, in the languages people head their columns in.

A name is cut into words ("refundIssued_2024", "Bestelldatum", "n° client"), and each word is looked up in lists of
words by meaning (words.ini). German, Dutch and Scandinavian compounds are known by their last part, which is what they
are.
"""

import configparser
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

Meaning = Literal[
    "id", "code", "actor", "item", "query", "time", "position", "weight", "split", "rating", "label", "happened",
    "count", "money", "share", "duration", "text", "geo", "media", "tags", "tokens", "score", "place", "flag",
    "setting", "input", "output", "after", "engaged",
]  # fmt: skip

_SHORTEST_TAIL = 2  # letters of a compound's last part
_SHORTEST_HEAD = 3  # and of what stands before it
_NO_PARTICIPLES = frozenset("speed breed needed planned mixed weed seed limited united hundred related".split())
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})


def fold(text: str) -> str:
    """Lower case without accents, umlauts as in a telegram.

    >>> fold("Schlüssel"), fold("Année")
    ('schluessel', 'annee')
    """
    plain = unicodedata.normalize("NFKD", text.translate(_UMLAUTS).casefold())
    return "".join(sign for sign in plain if not unicodedata.combining(sign))


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """The words of a column name, folded.

    >>> words("refundIssued_2024"), words("N° Kunden-Nr.")
    (('refund', 'issued', '2024'), ('n', 'kunden', 'nr'))
    """
    cut = re.sub(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_])(?=\d)", " ", name)
    return tuple(re.findall(r"[^\W_]+", fold(cut)))


def _listed() -> tuple[dict[str, set[Meaning]], list[tuple[str, Meaning]], dict[str, set[str]]]:
    """Word -> meanings; tails of compounds with their meanings; word -> languages."""
    file = configparser.ConfigParser()
    file.read_string(Path(__file__).with_name("words.ini").read_text(encoding="utf-8"))
    known: dict[str, set[Meaning]] = {}
    tails: list[tuple[str, Meaning]] = []
    languages: dict[str, set[str]] = {}
    for meaning in get_args(Meaning):
        for tongue, listed in file[meaning].items():
            for word in listed.split():
                if word.isupper():
                    tails.append((word.lower(), meaning))
                known.setdefault(word.lower(), set()).add(meaning)
                languages.setdefault(word.lower(), set()).add(tongue)
    return known, sorted(tails, key=lambda tail: -len(tail[0])), languages


_MEANINGS, _TAILS, _LANGUAGES = _listed()


def of_word(word: str) -> frozenset[Meaning]:
    """What one folded word may mean; a plural and a compound count as their singular and their last part.

    >>> sorted(of_word("kundennr")), "actor" in of_word("customers")
    (['id'], True)
    """
    found = set(_MEANINGS.get(word, ()))
    if not found and word.endswith("s") and len(word) > 3:
        found |= _MEANINGS.get(word[:-1], set())
    if not found:
        for tail, meaning in _TAILS:
            if word.endswith(tail) and len(word) >= len(tail) + _SHORTEST_HEAD:
                found.add(meaning)
                break
    return frozenset(found)


@lru_cache(maxsize=4096)
def meanings(name: str) -> frozenset[Meaning]:
    """Everything that any word of the name, or the whole name, may mean.

    >>> sorted(meanings("patient_id"))
    ['actor', 'id']
    """
    parts = words(name)
    found = set(_MEANINGS.get("_".join(parts), ()))
    for part in parts:
        found |= of_word(part)
    return frozenset(found)


def participle(name: str) -> bool:
    """Whether the last word says what happened, as an English participle does.

    >>> participle("was_upgraded"), participle("wind_speed")
    (True, False)
    """
    parts = [part for part in words(name) if not part.isdecimal()]
    return bool(parts) and len(parts[-1]) > 4 and parts[-1].endswith("ed") and parts[-1] not in _NO_PARTICIPLES


@lru_cache(maxsize=4096)
def head(name: str) -> frozenset[Meaning]:
    """What the last word that is no number means: a `SalePrice` is a price, a `number_of_rooms` is about rooms.

    >>> "money" in head("SalePrice"), "id" in head("number_of_rooms")
    (True, False)
    """
    parts = [part for part in words(name) if not part.isdecimal()]
    whole = _MEANINGS.get("_".join(parts))
    if whole or not parts:
        return frozenset(whole or ())
    return of_word(parts[-1]) | ({"id"} if parts[0] in ("id", "uuid") else set())


def counts_things(name: str) -> bool:
    """Whether the name begins like "number of …", "n_…", "anzahl_…", or is a plural of things: "employees".

    >>> counts_things("n_rooms"), counts_things("employees"), counts_things("rooms")
    (True, True, False)
    """
    parts = words(name)
    if parts and len(parts[-1]) > 4 and parts[-1].endswith("s") and of_word(parts[-1][:-1]) & {"actor", "item"}:
        return True
    return len(parts) > 1 and (
        parts[0] in ("number", "n", "num", "no", "nb", "count", "total", "anzahl", "nombre", "numero")
    )


def language(names: Iterable[str]) -> str:
    """The language that most names are in (ISO 639-1), or "" where their words do not tell; English where it ties.

    >>> language(["Kundennr", "Bestelldatum", "Preis"]), language(["a", "b"])
    ('de', '')
    """
    votes: dict[str, float] = {}
    for name in names:
        for word in words(name):
            known = _LANGUAGES.get(word, set()) or {
                "de" for tail, _ in _TAILS if word.endswith(tail) and len(word) >= len(tail) + _SHORTEST_HEAD
            }
            for each in known:
                votes[each] = votes.get(each, 0.0) + 1 / len(known)
    return max(votes, key=lambda each: (votes[each], each == "en"), default="")
