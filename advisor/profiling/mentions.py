"""How loudly a description names a column, and in which part: what is asked for, what is given, what merely occurs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Literal, NamedTuple

from advisor.profiling import names
from taxonomy.inflection import forms
from taxonomy.tokens import Tokens, tokenize

SHORTEST_STEM, STEM_SHARE = 6, 0.65  # of the longer word: "progressed" is the progression, a departure no department
SHORTEST_PART = 4  # letters of a word that may be the end of a compound

STOP = frozenset(
    "a about all an and any are as at be been before between but can could do does each every for has have her his i "
    "if in into is it its just me my need of on or our out per shall should so some such that the their them then "
    "there these they this those though to too up us very want was we were when where while who with would you "
    "your like new next one ones other more most only not no also than".split()
)
_ASKING = {
    form
    for word in "predict estimate forecast guess classify detect determine decide assign score foresee flag spot "
    "compute calculate fill tell say know rate find propose write draft produce generate".split()
    for form in forms(word)
}
_ASKING |= {"how", "many", "much", "long", "which", "what", "whether", "will", "when", "if", "into"}
_GIVING = frozenset("from using given based by with contains including columns features have there log history".split())
_YES_OR_NO = frozenset("is are does do did will was can has should".split())  # where a sentence begins with it
_AMOUNT = frozenset("many much long far old often tall high big heavy large fast soon wide deep".split())  # after "how"
_UNITS = tuple(
    frozenset(unit.split())
    for unit in """
    kg kilo kilos kilogram kilograms kilogramm
    g gram grams gramm
    km kilometer kilometre kilometers kilometres
    m metre metres meter meters
    min mins minute minutes minuten minuti minutos
    h hr hrs hour hours stunden heures horas ore std
    s sec secs second seconds sekunden
    d day days tage tagen jours dias giorni night nights
    month months monate mois meses mesi
    year years jahre ans anos anni
    eur euro euros
    usd dollar dollars
    gbp pound pounds
    kwh kilowatt
    mpa megapascal
    pct percent prozent percentage
    pkt point points punkte pts
    mm millimetre millimetres
    l litre litres liter liters
    t ton tons tonne tonnes
    """.strip().splitlines()
)
_OF = frozenset("of for in at per on".split())
_INTO = frozenset("into to as".split())

# A word right after a question says most, one among what is given says least; each further word says less.
_ASKED, _MENTIONED, _GIVEN, _FADING = 3.0, 1.5, 0.3, 0.65


class Heard(NamedTuple):
    """What a description says about columns."""

    said: dict[str, float]  # word -> how much it speaks for a column being the target
    given: frozenset[str]  # words that follow "from", "given", "based on"
    meant: dict[names.Meaning, float]  # the same for meanings: "rent" speaks for a column of money in any language
    wanted: Literal["amount", "class"] | None  # whether it asks how many, or which; None when neither or both
    words: tuple[str, ...]
    units: dict[frozenset[str], float]  # units of measurement that are named


def hear(description: str) -> Heard:
    """What the description says.

    >>> heard = hear("How many bikes are rented, given the weather?")
    >>> heard.wanted, heard.said["bikes"] > heard.said["weather"]
    ('amount', True)
    """
    tokens = tokenize(description)
    said, given = _said(tokens)
    meant: dict[names.Meaning, float] = {}
    for word, weight in said.items():
        for meaning in names.of_word(names.fold(word)):
            meant[meaning] = max(weight, meant.get(meaning, 0.0))
    units = {unit: max(said[word] for word in unit & set(said)) for unit in _UNITS if unit & set(said)}
    return Heard(said, frozenset(given), meant, _wanted(tokens), tuple(tokens.words), units)


def _said(tokens: Tokens) -> tuple[dict[str, float], set[str]]:
    said: dict[str, float] = {}
    given: set[str] = set()
    weight, sentence, giving = _MENTIONED, 0, False
    for word, place in zip(tokens.words, tokens.sentences, strict=True):
        if place != sentence:
            weight, sentence, giving = _MENTIONED, place, False
        if word in _ASKING:
            weight, giving = _ASKED, False
        elif word in _GIVING:
            weight, giving = _GIVEN, True
        elif word in _OF:
            weight = min(weight, _MENTIONED)  # the price of a house is a price
        elif word not in STOP:
            said[word] = max(weight, said.get(word, 0.0))
            if giving:
                given.add(word)
            weight = min(weight, max(weight * _FADING, _MENTIONED))
    return said, given


def _wanted(tokens: Tokens) -> Literal["amount", "class"] | None:
    pairs = list(zip(["", *tokens.words], tokens.words, [-1, *tokens.sentences], tokens.sentences, strict=False))
    amount = any(before == "how" and word in _AMOUNT for before, word, _, _ in pairs)
    which = any(word in ("whether", "which") or (a != b and word in _YES_OR_NO) for _, word, a, b in pairs)
    return None if amount == which else "amount" if amount else "class"


def loudness(columns: Sequence[str], heard: Heard) -> dict[str, float]:
    """How loudly each column is named; 0 where it is not, about 3 where it is what is asked for.

    >>> found = loudness(["SalePrice", "size"], hear("Estimate the price of a house from its size."))
    >>> found["SalePrice"] > found["size"] > 0
    True
    """
    parts = {name: [part for part in names.words(name) if part not in STOP] for name in columns}
    shared = Counter(part for each in parts.values() for part in set(each))
    found = {}
    for name, mine in parts.items():
        loud = [_heard(part, heard.said) / shared[part] for part in mine] or [0.0]
        # The last word is what a name is about: a SalePrice is a price. Numbers at the end say nothing.
        last = next((place for place in range(len(mine) - 1, -1, -1) if not mine[place].isdecimal()), 0)
        rest = [each for place, each in enumerate(loud) if place != last]
        found[name] = loud[last] + sum(rest) / len(loud)
    return found


def unit_named(heard: Heard, name: str, unit: str) -> float:
    """How loudly the description says the unit that the column's name or its cells carry: minutes for `wait_min`."""
    parts = {*names.words(name), names.fold(unit)}
    return max((loud for unit_words, loud in heard.units.items() if unit_words & parts), default=0.0)


def after_into(heard: Heard, name: str) -> bool:
    """Whether the name stands where a text goes to: "translate … into English"."""
    mine = set(names.words(name))
    return any(before in _INTO and word in mine for before, word in zip(heard.words, heard.words[1:], strict=False))


def _heard(part: str, said: Mapping[str, float]) -> float:
    return max((weight for word, weight in said.items() if _alike(part, word)), default=0.0)


def _alike(part: str, word: str) -> bool:
    word = word if word.isascii() else names.fold(word)
    if part == word:
        return True
    stem = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(part, word, strict=False))))
    if stem >= SHORTEST_STEM and stem >= STEM_SHARE * max(len(part), len(word)):
        return True
    return word in forms(part) or part in forms(word) or (len(word) >= SHORTEST_PART and part.endswith(word))
