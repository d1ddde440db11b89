"""The columns that a user names as the target: one, or several that are answered together."""

from collections.abc import Iterable, Mapping, Sequence, Set

from advisor.errors import InputRefused

Target = str | Sequence[str]  # the name of a column, or several names

_CODE = "table_refused"


def names(target: Target | None) -> tuple[str, ...]:
    """The columns that were named, in the order in which they were; none where the target is to be looked for.

    Raises:
        InputRefused: neither a text nor a list of texts, an empty list, or a column that is named twice.

    >>> names("price"), names(["width", "height"]), names(None)
    (('price',), ('width', 'height'), ())
    >>> names(["price", "price"])
    Traceback (most recent call last):
    advisor.errors.InputRefused: the target names the column 'price' twice; name each column once
    """
    if target is None:
        return ()
    if isinstance(target, str):
        return (target,)
    unordered = isinstance(target, bytes | bytearray | Mapping | Set)
    found = () if unordered or not isinstance(target, Iterable) else tuple(target)
    if unordered or not isinstance(target, Iterable) or not all(isinstance(each, str) for each in found):
        raise InputRefused(
            "the target is neither a text nor a list of texts; name a column, or a list of columns", code=_CODE
        )
    if not found:
        raise InputRefused(
            "the target is an empty list; name at least one column, or leave the target out to have it looked for",
            code=_CODE,
        )
    twice = next((each for place, each in enumerate(found) if each in found[:place]), None)
    if twice is not None:
        raise InputRefused(
            f"the target names the column {twice!r} twice; name each column once",
            code=_CODE,
            public="the target names a column twice; name each column once",
        )
    return found
