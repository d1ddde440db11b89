"""What the description says about when columns are filled."""

import re

from advisor.profiling.names import fold, words

_LATER = re.compile(
    r"\b(afterwards?|after the fact|only then|later on|in hindsight|once (?:it|the|a|they)|comes? (?:in )?later|"
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
    mine = {word for word in words(name) if word not in _PLAIN and len(word) > 2 and not word.isdecimal()}
    for sentence in re.split(r"(?<=[.!?;])\s+|\n", description):
        plain = fold(sentence[:LONGEST_SENTENCE])
        if _LATER.search(plain) and mine & set(words(plain)):
            return True
    return False
