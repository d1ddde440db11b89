"""Labels: the classes of a target, in the order in which probabilities stand."""

from collections.abc import Sequence
from contextlib import suppress

from models.kit.errors import ConfigError, did_you_mean


def classes(labels: Sequence[str], *, positive: str | None) -> tuple[str, ...]:
    """Returns the classes in order: numbers by size, names by alphabet; of two, the positive (or rarer) one is last.

    >>> classes(["10", "9", "10", "1"], positive=None), classes(["no", "no", "yes"], positive="no")
    (('1', '9', '10'), ('yes', 'no'))
    """
    found = sorted(set(labels))
    with suppress(ValueError):  # names, which are sorted already
        found.sort(key=float)
    if positive is not None and (positive not in found or len(found) != 2):
        known = did_you_mean(positive, found) or f"; the classes are {', '.join(found[:8])}"
        raise ConfigError(f"positive: {positive!r} is not one of two classes{known}")
    if len(found) == 2:
        last = positive if positive is not None else min(reversed(found), key=labels.count)
        found.sort(key=lambda name: name == last)
    return tuple(found)
