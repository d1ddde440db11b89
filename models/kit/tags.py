"""Cells that hold several tags: how they are cut, which tags count, which rows have them, and a split that keeps all.

A list may be written as JSON (`["a", "b"]`, also with single quotes), as a list of a Parquet or JSONL file, or with a
sign between the tags (`a | b`), which is found. A tag that stands twice in a cell counts once.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import cells, columns, config, splits
from models.kit.config import Between
from models.kit.errors import ConfigError, TableError, count
from models.kit.splits import Split

DELIMITERS = ("|", ";", ",", "\n", "\t", "/")  # the likelier first
LISTS_SHARE = 0.9  # of the cells are written with brackets: then all are
SEEN_SHARE = 0.02  # of the cells hold a sign, below which it is no delimiter
FEWEST_TAGS = 2
YES, NO = ("1", "true", "yes", "y"), ("0", "false", "no", "n")

_QUOTED = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^,'"\[\]]+))\s*(?:,|$)""")


@dataclass(frozen=True, kw_only=True)
class Tagged(config.Learning):
    """What a template is told that learns which tags a row has."""

    group: str | None
    time: str | None
    test_share: Annotated[float, Between(0.05, 0.5)]
    validation_share: Annotated[float, Between(0.05, 0.5)]
    fewest_examples: Annotated[int, Between(1, 1_000_000)]


class Tags(NamedTuple):
    """The tags of each row, in the order of the cell and each once; `known` says where a cell holds any answer at all.

    `delimiter` is the sign between the tags, "" where cells are lists.
    """

    rows: tuple[tuple[str, ...], ...]
    known: npt.NDArray[np.bool_]
    delimiter: str


def read(frame: pl.DataFrame, column: str, *, setting: str = "tags", delimiter: str | None = None) -> Tags:
    """Returns the tags of a column; raises `TableError` where there are none.

    Without a `delimiter` the sign is taken whose parts come again most often.

    >>> read(pl.DataFrame({"topics": ["a, b", "b", None, "b,a,a"]}), "topics")
    Tags(rows=(('a', 'b'), ('b',), (), ('b', 'a')), known=array([ True,  True, False,  True]), delimiter=',')
    """
    columns.check_name(frame, column, setting=setting)
    values = frame[column]
    if isinstance(values.dtype, pl.List | pl.Array):
        found = [None if each is None else [str(tag) for tag in each if tag is not None] for each in values.to_list()]
        return _tags(found, "")
    if values.dtype.is_nested() or values.dtype == pl.Binary:
        raise TableError(f"{setting}: column {column!r} holds records; write the tags of a row as a list")
    texts = cells.texts(values)
    present = [text for text in texts.to_list() if text is not None]
    if not present:
        raise TableError(f"{setting}: all values of column {column!r} are missing; name another column")
    if delimiter is None and sum(text.startswith("[") for text in present) >= LISTS_SHARE * len(present):
        return _tags([None if text is None else _listed(text, row, column) for row, text in enumerate(texts, 1)], "")
    sign = likely_delimiter(present) if delimiter is None else delimiter
    return _tags([None if text is None else (text.split(sign) if sign else [text]) for text in texts], sign)


def marks(frame: pl.DataFrame, names: Sequence[str], *, setting: str = "targets") -> Tags:
    """Returns the tags of columns of yes and no, each a tag by its name; a row is known where every column is.

    >>> marks(pl.DataFrame({"rude": ["yes", "no", None], "spam": [1, 0, 1]}), ["rude", "spam"])
    Tags(rows=(('rude', 'spam'), (), ('spam',)), known=array([ True,  True, False]), delimiter='')
    """
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise TableError(f"{setting}: column {twice[0]!r} is named twice; name it once")
    known, has = np.ones(frame.height, dtype=np.bool_), np.zeros((frame.height, len(names)), dtype=np.bool_)
    for place, name in enumerate(names):
        columns.check_name(frame, name, setting=setting)
        answers = cells.texts(frame[name]).str.to_lowercase()
        if len(odd := answers.drop_nulls().filter(~answers.drop_nulls().is_in([*YES, *NO]))):
            raise TableError(f"{setting}: column {name!r} holds {odd[0]!r}; write 1 or 0, yes or no, true or false")
        known &= answers.is_not_null().to_numpy()
        has[:, place] = answers.is_in(YES).fill_null(value=False).to_numpy()
    rows = tuple(tuple(name for name, is_set in zip(names, row, strict=True) if is_set) for row in has)
    return Tags(rows, known, "")


def likely_delimiter(texts: Sequence[str]) -> str:
    """Returns the sign between tags whose parts come again most often, "" where cells hold one tag each.

    >>> likely_delimiter(["war; crime, true", "war", "crime, true;war"]), likely_delimiter(["one", "two words"])
    (';', '')
    """
    best, most = "", _again(texts, "")
    for sign in DELIMITERS:
        if sum(sign in text for text in texts) > SEEN_SHARE * len(texts) and (again := _again(texts, sign)) > most:
            best, most = sign, again
    if not best and all(part.startswith("#") for text in texts for part in text.split()):
        return " "
    return best


def _again(texts: Sequence[str], sign: str) -> float:
    """Returns how often a part comes, in the mean over the different parts."""
    parts = Counter(part.strip() for text in texts for part in (text.split(sign) if sign else [text]))
    return sum(parts.values()) / len(parts)


def _listed(text: str, row: int, column: str) -> list[str]:
    """Returns the tags of a cell that is written as a list."""
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        inner = text.strip()[1:].removesuffix("]").strip()
        matches = list(_QUOTED.finditer(inner))
        if "".join(match.group() for match in matches) != inner:
            raise TableError(
                f"row {row}: column {column!r}: {text[:60]!r} is not a list of tags; write it as JSON"
            ) from None
        found = [next(part for part in match.groups() if part is not None) for match in matches]
    if not isinstance(found, list) or not all(isinstance(tag, str | int | float) for tag in found):
        raise TableError(f'row {row}: column {column!r}: {text[:60]!r} is not a list of tags; write ["a", "b"]')
    return [str(tag) for tag in found]


def _tags(found: Sequence[list[str] | None], sign: str) -> Tags:
    rows = tuple(tuple(dict.fromkeys(tag for part in each or () if (tag := part.strip()))) for each in found)
    return Tags(rows, np.array([each is not None for each in found]), sign)


def vocabulary(rows: Sequence[Sequence[str]], *, fewest: int) -> tuple[str, ...]:
    """Returns the tags that at least `fewest` of these (training) rows have, the commonest first; raises `TableError`
    where fewer than two are left.

    >>> vocabulary([["a", "b"], ["b"], ["b", "a", "c"]], fewest=2)
    ('b', 'a')
    """
    seen = Counter(tag for row in rows for tag in row)
    kept = sorted((tag for tag, times in seen.items() if times >= fewest), key=lambda tag: (-seen[tag], tag))
    if len(kept) < FEWEST_TAGS:
        raise TableError(
            f"only {count(len(kept), 'tag')} of {len(seen):,} in {fewest} training rows or more, and {FEWEST_TAGS} are "
            "needed; more rows are needed, or lower fewest_examples"
        )
    return tuple(kept)


def matrix(rows: Sequence[Sequence[str]], known: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Returns whether each row has each of the known tags, of shape (rows, tags).

    >>> matrix([["b"], ["x", "a"]], ["a", "b"]).tolist()
    [[False, True], [True, False]]
    """
    places = {tag: place for place, tag in enumerate(known)}
    found = np.zeros((len(rows), len(known)), dtype=np.bool_)
    for row, each in enumerate(rows):
        found[row, [places[tag] for tag in each if tag in places]] = True
    return found


def rarer(rows: Sequence[Sequence[str]], known: Sequence[str]) -> tuple[str, ...]:
    """Returns, in a sentence, how many tags do not count as they are too rare, if any.

    >>> rarer([["a", "b"], ["a", "c"]], ["a"])
    ('2 of 3 tags are in too few training rows to be learned, and do not count in any score: b, c',)
    """
    lost = Counter(tag for row in rows for tag in row if tag not in set(known))
    if not lost:
        return ()
    names = ", ".join(tag for tag, _ in lost.most_common(5)) + (", …" if len(lost) > 5 else "")
    return (
        f"{len(lost):,} of {len(lost) + len(known):,} tags are in too few training rows to be learned, and do not "
        f"count in any score: {names}",
    )


def split(settings: Tagged, frame: pl.DataFrame, rows: Sequence[Sequence[str]]) -> Split:
    """Returns the split that the settings ask for: by group, by time, or with every tag on all sides (`stratified`)."""
    test, validation, seed = settings.test_share, settings.validation_share, settings.seed
    if settings.time is not None and settings.group is not None:
        raise ConfigError("group and time are both set; a split follows one of them, so set the other to null")
    if settings.time is not None:
        columns.check_name(frame, settings.time, setting="time")
        times = columns.ordered(frame[settings.time])
        return splits.by_time(times, name=settings.time, test_share=test, validation_share=validation)
    if settings.group is not None:
        columns.check_name(frame, settings.group, setting="group")
        groups = columns.grouped(frame[settings.group])
        return splits.by_group(groups, name=settings.group, test_share=test, validation_share=validation, seed=seed)
    return stratified(rows, test_share=test, validation_share=validation, seed=seed)


def stratified(rows: Sequence[Sequence[str]], *, test_share: float, validation_share: float = 0.0, seed: int) -> Split:
    """Returns a split drawn at random that gives each side its share of every tag.

    The rows of the rarest tag are dealt out first, each to the side that lacks most of it (iterative stratification,
    Sechidis, Tsoumakas and Vlahavas, 2011, On the Stratification of Multi-label Data).

    >>> split = stratified([["a"], ["a", "b"], ["b"], []] * 10, test_share=0.2, seed=0)
    >>> [sum(row % 4 in (0, 1) for row in part) for part in (split.train.tolist(), split.test.tolist())]
    [16, 4]
    """
    generator = np.random.default_rng(seed)
    shares = np.array([1 - test_share - validation_share, validation_share, test_share])
    names = sorted({tag for row in rows for tag in row})
    places = {tag: place for place, tag in enumerate(names)}
    held: list[list[int]] = [[] for _ in names]
    coded = [[places[tag] for tag in row] for row in rows]
    for row in generator.permutation(len(rows)).tolist():
        for tag in coded[row]:
            held[tag].append(row)
    wanted = shares[:, None] * np.array([len(each) for each in held], dtype=np.float64)  # of each tag, on each side
    room = shares * len(rows)
    side = np.full(len(rows), -1)
    left = np.array([len(each) for each in held])
    while names and left.max() > 0:
        tag = int(np.argmin(np.where(left > 0, left, len(rows) + 1)))
        for row in held[tag]:
            if side[row] >= 0:
                continue
            best = max(range(3), key=lambda place: (shares[place] > 0, wanted[place, tag], room[place]))
            side[row] = best
            wanted[best, coded[row]] -= 1
            room[best] -= 1
            left[coded[row]] -= 1
    for row in generator.permutation(np.flatnonzero(side < 0)).tolist():  # those without a tag
        best = int(np.argmax(np.where(shares > 0, room, -np.inf)))
        side[row] = best
        room[best] -= 1
    train, validation, test = (np.flatnonzero(side == place) for place in range(3))
    if not train.size or test.size < splits.FEWEST_TEST_ROWS:
        raise TableError(f"{count(len(rows), 'row')} with tags are too few to train and test; more are needed")
    return Split(train, validation, test, f"drawn at random with each tag's share on every side (seed {seed})")
