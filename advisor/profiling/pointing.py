"""How a description points at a column without asking for it: by place, by its very name, by when it is filled."""

import re

from advisor.profiling import names
from advisor.profiling.mentions import Heard

_LATER = re.compile(
    r"\b(afterwards?|there if|only if|only when|filled if|set if|given if|hinterher|nach abschluss|"
    r"quando (?:sai|acaba)|after the fact|only then|later on|in hindsight|once (?:it|the|a|they)|"
    r"comes? (?:in )?later|"
    r"filled (?:in|out)? ?(?:after|later|once|when)|known (?:only )?(?:after|later|once|when|at the end)|"
    r"(?:written|entered|added|recorded|noted) (?:down )?(?:after|later|once|when|at the end)|at the end of|eventually|"
    r"hinterher|nachher|danach|erst (?:nach|wenn|spaeter)|apres coup|ensuite|despues|dopo|depois|naderhand|efterat)\b"
)
_PLAIN = frozenset("id date time at on of by the is a no nr in to per and for".split())
LONGEST_SENTENCE = 400  # characters


def said_to_follow(description: str, name: str) -> bool:
    """Whether a sentence that names the column says that it is filled later.

    >>> said_to_follow("Will the order come back? The refund is entered afterwards.", "refund_amount")
    True
    >>> said_to_follow("Will the order come back? The refund is entered afterwards.", "size")
    False
    """
    return _in_a_sentence(_LATER, description, name)


_KNOWN = re.compile(
    r"\b(known (?:at|on|from|when|before|to us|beforehand|in advance)|(?:is|are|was|were|"
    r"stands?) (?:already )?(?:fixed|set|agreed|known)"
    r"|fixed (?:at|on|before|when|by)|set (?:before|at)|steht? (?:schon |bereits )?(?:fest|seit)|"
    r"vorher fest|vor dem start"
    r"|wird vor|werden vor|bekannt|connue?s? (?:a|au|des|avant)|fixee? (?:a|au|avant)|conocid[oa]s? (?:al|antes|desde)"
    r"|conhecid[oa]s? (?:na|no|antes)|not[oi] (?:al|prima)|bekend (?:bij|voor))"
)


def said_known(description: str, name: str) -> bool:
    """Whether a sentence that names the column says that it is known beforehand.

    >>> said_known("The column closing_rate is fixed at the signing.", "closing_rate")
    True
    """
    return _in_a_sentence(_KNOWN, description, name)


def _in_a_sentence(pattern: re.Pattern[str], description: str, name: str) -> bool:
    """Whether a sentence that holds the pattern names the column."""
    mine = {word for word in names.words(name) if word not in _PLAIN and len(word) > 2 and not word.isdecimal()}
    for sentence in re.split(r"(?<=[.!?;])\s+|\n", description):
        plain = names.fold(sentence[:LONGEST_SENTENCE])
        if pattern.search(plain) and mine & set(names.words(plain)):
            return True
    return False


def verbatim(heard: Heard, name: str) -> bool:
    """Whether the description writes a name that is no ordinary word: `order_no`, "W_cm", or one in quotes."""
    if f'"{name}"' in heard.text or f"`{name}`" in heard.text or f"“{name}”" in heard.text or f"'{name}'" in heard.text:
        return True
    odd = (
        any(sign in "_%/0123456789" for sign in name)
        or (name.upper() == name and len(name) > 2)
        or name[1:].lower() != name[1:]
    )
    return odd and name in heard.text


def defined(heard: Heard, name: str) -> bool:
    """Whether the description says what a column's values mean: "passed = score >= 50", "left=0: still here"."""
    return bool(re.search(rf"(?<!\w){re.escape(name)}\s*(?:=|:=)", heard.text))


_PLACES = {
    0: "first erste ersten erster premiere primera prima primeira eerste forsta 1 1st one eins",
    1: "second zweite zweiten deuxieme segunda seconda tweede andra 2 2nd two zwei",
    2: "third dritte dritten troisieme tercera terza terceira derde tredje 3 3rd three drei",
    3: "fourth vierte vierten quatrieme cuarta quarta vierde fjarde 4 4th four vier",
    4: "fifth fuenfte fuenften cinquieme quinta vijfde femte 5 5th five fuenf",
    5: "sixth sechste sechsten sixieme sexta sesta zesde sjatte 6 6th six sechs",
    6: "seventh siebte siebten septieme septima settima setima zevende sjunde 7 7th seven sieben",
    7: "eighth achte achten huitieme octava ottava oitava achtste attonde 8 8th eight acht",
    -1: "last final rightmost letzte letzten letzter derniere ultima laatste sista",
    -2: "penultimate vorletzte vorletzten",
}
_COLUMN = frozenset(
    "column columns col spalte spalten colonne columna coluna colonna kolom kolumn kolonne field variable".split()
)
_ORDINAL = {word: place for place, words in _PLACES.items() for word in words.split()}


def placed(heard: Heard, place: int, width: int, name: str) -> bool:
    """Whether the description points at a column by its place or letter: "the last column", "column 5", "column C".

    >>> from advisor.profiling.mentions import hear
    >>> placed(hear("What comes in the last column?"), 4, 5, "x"), placed(hear("Fill column two."), 0, 5, "x")
    (True, False)
    """
    words = [names.fold(word) for word in heard.words]
    for at, word in enumerate(words):
        if word in _COLUMN:
            for near in (*words[max(at - 1, 0) : at], *words[at + 1 : at + 2]):
                if near in _ORDINAL and _ORDINAL[near] in (place, place - width):
                    return True
                if near == names.fold(name):
                    return True
    return False
