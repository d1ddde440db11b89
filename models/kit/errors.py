"""The one kind of error that templates report: an input that is refused, with what, where, and what to do."""

import difflib
from collections.abc import Iterable

LONGEST_NAME = 60  # characters of a name that is one of several


class Refused(Exception):
    """An input cannot be used; the message says what, where, and what to do."""


class TableError(Refused):
    """A table, or a column of it, cannot be used."""


class ConfigError(Refused):
    """A settings file cannot be used; the message begins with file and line."""


class ArtefactError(Refused):
    """What an earlier run saved is missing, damaged, or belongs to something else."""


class Unavailable(Exception):
    """A peer cannot be measured here, as a package is missing; the message says which."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns "; did you mean 'x'?" for the known name nearest to `name`, or nothing when none is near.

    >>> did_you_mean("progresion", ["age", "progression"])
    "; did you mean 'progression'?"
    >>> did_you_mean("zzz", ["age"])
    ''
    """
    by_folded = {each.casefold(): each for each in known}
    near = difflib.get_close_matches(name.casefold(), list(by_folded), n=1, cutoff=0.6)
    return f"; did you mean {by_folded[near[0]]!r}?" if near else ""


def listed(names: Iterable[str], *, most: int = 8) -> str:
    """Returns the names quoted in one line, cut after `most`.

    >>> listed(["a", "b", "c"], most=2)
    "'a', 'b' and 1 more"
    """
    quoted = [repr(name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…") for name in names]
    rest = len(quoted) - most
    return ", ".join(quoted[:most]) + (f" and {rest} more" if rest > 0 else "")


def count(number: int, noun: str) -> str:
    """Returns the number with its noun, in the plural where it is not one.

    >>> count(1, "row"), count(1200, "row"), count(3, "class")
    ('1 row', '1,200 rows', '3 classes')
    >>> count(2, "query")
    '2 queries'
    """
    if noun.endswith("y") and noun[-2] not in "aeiou":
        plural = noun[:-1] + "ies"
    else:
        plural = noun + ("es" if noun.endswith(("s", "x", "sh", "tch")) else "s")
    return f"{number:,} {noun if number == 1 else plural}"
