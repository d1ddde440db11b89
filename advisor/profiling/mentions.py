"""How loudly a description names a column, and in which part: what is asked for, what is given, what merely occurs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Literal, NamedTuple

from advisor.profiling import concepts, names
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
_ASKING |= set(
    "wie wieviel wieviele welche welcher welches welchen ob vorhersagen schaetzen abschaetzen prognose wann "
    "combien quel quelle quels quelles prevoir predire estimer cuanto cuanta cuantos cuantas que cual cuales predecir "
    "estimar quanto quanta quanti quante qual quais prever quale quali prevedere stimare hoeveel welke welk "
    "voorspellen "
    "schatten hur vilken vilket vilka ile ktory ktora".split()
)
_GIVING = frozenset(
    "from using given based by with contains including columns features have there log history aus anhand mit depuis "
    "avec selon desde con segun partir com usando uit van met fran med".split()
)
_EACH = frozenset("per each every je jede jeder jedes jeden pro par chaque cada por ogni elk elke varje".split())
_OTHER_STOP = frozenset(
    "der die das den dem des ein eine einen einem einer und oder ist sind war wird werden wir ich es sie er von vom zu "
    "zum zur im in am an auf aus bei fuer nach vor mit ohne nicht auch noch schon dass damit wenn so wer man uns unser "
    "unsere sich hat haben kann soll will nur als um bis ueber unter le la les un une des du de et ou est sont sera "
    "nous "
    "on il elle pour dans sur au aux avec sans pas ne ce cette ces se si plus y a el los las una unos unas del al y "
    "o es "
    "son sera en para por con sin no se lo le su sus mas como os as um uma do da dos das no na nos nas e ou em com sem "
    "nao mais seu sua ao lo gli il i una uno della dello dei degli di che per con non ne si piu het een de en of is "
    "zijn "
    "wordt voor op met zonder niet ook te aan bij dat die er ett och eller ar som for pa att inte till av "
    "den det".split()
)
_YES_OR_NO = frozenset("is are does do did will was can has should".split())  # where a sentence begins with it
_AMOUNT = frozenset("many much long far old often tall high big heavy large fast soon wide deep".split())  # after "how"
_AMOUNT_ELSEWHERE = frozenset(
    "viel viele lange hoch schwer gross weit oft alt mycket manga lang veel".split()
)  # after "wie", "hur", "hoe"
_HOW = frozenset("wie hur hoe".split())
_HOW_MUCH = frozenset(
    "wieviel wieviele combien cuanto cuanta cuantos cuantas quanto quanta quanti quante quantos quantas hoeveel "
    "ile".split()
)
_WHICH = frozenset(
    "whether which ob welche welcher welches welchen quel quelle quels quelles cual cuales quale quali qual quais "
    "welke welk vilken vilket vilka ktory".split()
)
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
UNIT_WORDS = frozenset().union(*_UNITS)
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
    things: dict[int, float]  # the same as `said` for things, whatever they are called (concepts.py)
    text: str  # as it was written


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
    things: dict[int, float] = {}
    for word, weight in said.items():
        for thing in concepts.things(names.fold(word)):
            things[thing] = max(weight, things.get(thing, 0.0))
    return Heard(said, frozenset(given), meant, _wanted(tokens), tuple(tokens.words), units, things, description)


def _said(tokens: Tokens) -> tuple[dict[str, float], set[str]]:
    said: dict[str, float] = {}
    given: set[str] = set()
    weight, sentence, giving = _MENTIONED, 0, False
    each = False
    for written, place in zip(tokens.words, tokens.sentences, strict=True):
        word = written if written.isascii() else names.fold(written)
        if place != sentence:
            weight, sentence, giving = _MENTIONED, place, False
        if each and word not in STOP and word not in _OTHER_STOP:
            said[word] = max(_GIVEN, said.get(word, 0.0))
            each = False
        elif word in _EACH:
            each = True
        elif word in _ASKING:
            weight, giving = _ASKED, False
        elif word in _GIVING:
            weight, giving = _GIVEN, True
        elif word in _OF:
            weight = min(weight, _MENTIONED)  # the price of a house is a price
        elif word not in STOP and word not in _OTHER_STOP:
            said[word] = max(weight, said.get(word, 0.0))
            if giving:
                given.add(word)
            weight = min(weight, max(weight * _FADING, _MENTIONED))
    return said, given


def _wanted(tokens: Tokens) -> Literal["amount", "class"] | None:
    words = [word if word.isascii() else names.fold(word) for word in tokens.words]
    pairs = list(zip(["", *words], words, [-1, *tokens.sentences], tokens.sentences, strict=False))
    amount = any(
        word in _HOW_MUCH or (before == "how" and word in _AMOUNT) or (before in _HOW and word in _AMOUNT_ELSEWHERE)
        for before, word, _, _ in pairs
    )
    which = any(word in _WHICH or (a != b and word in _YES_OR_NO) for _, word, a, b in pairs)
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


def same_thing(heard: Heard, name: str) -> float:
    """How loudly the description speaks of the thing that a column's name means, in whatever words and language.

    >>> same_thing(hear("Which rent is fair?"), "loyer_cc") > same_thing(hear("Which rent is fair?"), "surface")
    True
    """
    parts = [part for part in names.words(name) if not part.isdecimal() and part not in STOP]
    loud = [max((heard.things.get(thing, 0.0) for thing in concepts.things(part)), default=0.0) for part in parts]
    return max(loud, default=0.0) * (0.5 + 0.5 * sum(each > 0 for each in loud) / max(len(loud), 1))


def shortened(heard: Heard, name: str) -> float:
    """How loudly the description says a word that a part of the name shortens."""
    parts = [part for part in names.words(name) if part not in STOP and part not in heard.said]
    return max(
        (
            weight
            for word, weight in heard.said.items()
            for part in parts
            if concepts.shortens(part, word if word.isascii() else names.fold(word))
        ),
        default=0.0,
    )


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
    if len(part) >= SHORTEST_PART <= len(word) and (part.endswith(word) or word.endswith(part)):
        return True
    return word in forms(part) or part in forms(word)
