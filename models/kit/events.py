"""Events: who took which item, when, and how they liked it; and each person's history, parted into before and after.

A model that recommends learns from what people did before a moment and is tested on what they did after it. So each
person makes two examples: one to learn from (`seen`), and one to be tested on (`seen` as known then, `wanted` as it
came). They never share an event that is to be predicted.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import cells, columns
from models.kit.errors import TableError, count
from models.kit.splits import Split

Names = npt.NDArray[np.str_]
Places = npt.NDArray[np.int64]
HoldOut = Literal["random", "latest", "last", "moment"]

HELD_OUT = {
    "random": "a random part of each person's items",
    "latest": "the latest items of each person",
    "last": "the last item of each person",
    "moment": "everything after one moment, the same for all",
}


class Events(NamedTuple):
    """One event an entry: person, item, rating (1 where there is none), and the order in time (0 where unknown)."""

    person: Names
    item: Names
    rating: npt.NDArray[np.float64]
    time: npt.NDArray[np.int64]


class Histories(NamedTuple):
    """One person an entry: the name, the items seen, oldest first, and those that came after them."""

    person: Names
    seen: list[Names]
    wanted: list[Names]


class Source(NamedTuple):
    """The events of a table, the number (from 1) of the row of each, and what was decided."""

    events: Events
    numbers: Places
    decisions: tuple[str, ...]


def read(frame: pl.DataFrame, *, person: str, item: str, rating: str | None = None, time: str | None = None) -> Source:
    """Returns the events of a table, one a row; rows without a person, item, rating or time are left out.

    Raises `TableError` for a column that is not there, or when nothing is left.

    >>> table = pl.DataFrame({"who": ["Ann", "Bob", None], "book": [7, 9, 9], "stars": [5, 2, 1]})
    >>> source = read(table, person="who", item="book", rating="stars")
    >>> source.events.item.tolist(), source.decisions
    (['7', '9'], ('1 row without a person, item, rating or time left out',))
    """
    for setting, name in (("person", person), ("item", item), ("rating", rating), ("time", time)):
        if name is not None:
            columns.check_name(frame, name, setting=setting)
    who, what = cells.texts(frame[person]), cells.texts(frame[item])
    stars = numbers(frame[rating], setting="rating") if rating is not None else np.ones(frame.height)
    order = moments(frame[time]) if time is not None else np.zeros(frame.height, dtype=np.int64)
    known = np.flatnonzero((who.is_not_null() & what.is_not_null()).to_numpy() & ~np.isnan(stars) & (order >= 0))
    if not known.size:
        raise TableError(f"no row has a person ({person!r}) and an item ({item!r}); check the names of the columns")
    lost = frame.height - known.size
    said = (f"{count(lost, 'row')} without a person, item, rating or time left out",) if lost else ()
    events = Events(_text(who)[known], _text(what)[known], stars[known], order[known])
    return Source(events, known + 1, said)


def numbers(column: pl.Series, *, setting: str) -> npt.NDArray[np.float64]:
    """Returns a column of numbers as float64, NaN where there is none; raises `TableError` where it holds no numbers.

    >>> numbers(pl.Series("stars", ["5", "4,5", ""]), setting="rating").tolist()
    [5.0, 4.5, nan]
    """
    mark = None if column.dtype.is_numeric() else cells.decimal_mark(column)
    if mark is None and not column.dtype.is_numeric():
        raise TableError(f"{setting}: column {column.name!r} holds no numbers; name another column")
    return cells.numbers(column, mark or ".").fill_null(float("nan")).to_numpy().astype(np.float64)


def moments(column: pl.Series) -> Places:
    """Returns the order in time as whole numbers from 0, equal moments alike, -1 where the moment is missing.

    >>> moments(pl.Series("day", ["2024-01-02", None, "2024-01-01"])).tolist()
    [1, -1, 0]
    """
    values = columns.ordered(column)
    known = values == values  # neither NaN nor NaT equals itself
    order = np.full(values.size, -1, dtype=np.int64)
    order[known] = np.unique(values[known], return_inverse=True)[1]
    return order


def _text(column: pl.Series) -> Names:
    return column.fill_null("").to_numpy().astype(np.str_)


def histories(
    events: Events, *, hold_out: HoldOut | None, share: float = 0.2, seed: int = 0
) -> tuple[Histories, Places]:
    """Returns each person's history, people in the order of their first event, and the place of that event.

    With `hold_out`, that part of each history is `wanted` (of two events or more one is always left to be seen), and
    what is wanted again after it was seen counts no more. Repeated items of `seen` stay, in their order.

    >>> day = np.array([1, 2, 3])
    >>> taken = Events(np.array(["Ann", "Ann", "Ann"]), np.array(["a", "b", "c"]), np.ones(3), day)
    >>> found, _ = histories(taken, hold_out="last")
    >>> found.seen[0].tolist(), found.wanted[0].tolist()
    (['a', 'b'], ['c'])
    """
    _, first, member = np.unique(events.person, return_index=True, return_inverse=True)
    order = np.lexsort((np.arange(member.size), events.time, member))
    parts = np.split(order, np.cumsum(np.bincount(member))[:-1])
    generator = np.random.default_rng(seed)
    moment = float(np.quantile(events.time, 1 - share)) if hold_out == "moment" else 0.0
    seen, wanted = [], []
    for part in parts:
        held = _held(part, events, hold_out, share, moment, generator)
        before, after = events.item[part[~held]], events.item[part[held]]
        seen.append(before)
        wanted.append(np.array(list(dict.fromkeys(after[~np.isin(after, before)].tolist())), dtype=np.str_))
    by_first = np.argsort(first, kind="stable")
    found = Histories(
        events.person[first[by_first]], [seen[place] for place in by_first], [wanted[place] for place in by_first]
    )
    return found, first[by_first]


def _held(
    part: Places, events: Events, hold_out: HoldOut | None, share: float, moment: float, generator: np.random.Generator
) -> npt.NDArray[np.bool_]:
    size = part.size
    if hold_out is None:
        return np.zeros(size, dtype=np.bool_)
    if hold_out == "moment":
        return events.time[part] > moment
    few = 1 if hold_out == "last" else round(size * share)
    tail = np.arange(size) >= size - min(few, size - 1)
    return generator.permutation(tail) if hold_out == "random" else tail


def halves(parted: Histories, first: Places) -> tuple[Histories, Places, Split]:
    """Returns two examples of each person, to learn from and to be tested on, the place of each, and their split.

    >>> one = Histories(np.array(["Ann", "Bob"]), [np.array(["a"])] * 2, [np.array(["b"])] * 2)
    >>> both, places, split = halves(one, np.array([0, 5]))
    >>> split.train.tolist(), split.test.tolist(), places.tolist()
    ([0, 1], [2, 3], [0, 5, 0, 5])
    """
    people = len(parted.person)
    nothing: list[Names] = [np.array([], dtype=np.str_)] * people
    both = Histories(np.concatenate([parted.person] * 2), parted.seen * 2, nothing + parted.wanted)
    tested = [people + place for place in range(people) if len(parted.seen[place]) and len(parted.wanted[place])]
    if len(tested) < 2:
        raise TableError(
            f"only {count(len(tested), 'person')} can be tested; people with two items or more are needed, some of "
            "them with items that come later (see hold_out in config.yaml)"
        )
    rows = np.arange(people)
    split = Split(rows, rows[:0], np.array(tested), "what each test person took afterwards", "person")
    return both, np.concatenate([first, first]), split


def catalogue(seen: Iterable[Names]) -> tuple[str, ...]:
    """Returns the names of all items, sorted.

    >>> catalogue([np.array(["b", "a"]), np.array(["b"])])
    ('a', 'b')
    """
    return tuple(sorted(set().union(*(set(each.tolist()) for each in seen))))


def coded(seen: Sequence[Names], items: Sequence[str]) -> list[Places]:
    """Returns each history as places in the catalogue, in order; what the catalogue lacks is left out.

    >>> [each.tolist() for each in coded([np.array(["b", "x", "a"])], ("a", "b"))]
    [[1, 0]]
    """
    places = {name: place for place, name in enumerate(items)}
    return [np.array([places[name] for name in each.tolist() if name in places], dtype=np.int64) for each in seen]


def table(people: Histories, *, person: str, item: str, time: str | None) -> pl.DataFrame:
    """Returns what people have seen as a table of events, as somebody would hand it in.

    >>> table(Histories(np.array(["Ann"]), [np.array(["a", "b"])], []), person="who", item="what", time=None).rows()
    [('Ann', 'a'), ('Ann', 'b')]
    """
    lengths = [len(each) for each in people.seen]
    made: dict[str, Any] = {
        person: np.repeat(people.person, lengths).tolist(),
        item: [name for each in people.seen for name in each.tolist()],
    }
    if time is not None:
        made[time] = [place for length in lengths for place in range(length)]
    return pl.DataFrame(made)
