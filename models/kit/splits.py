"""Splits: which rows train, which stop the training, and which test, with the split stated in words.

A random split is right only when rows are exchangeable; rows of one patient, shop or day belong on one side
(`by_group`), and what will be used on the future is tested on the latest rows (`by_time`).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import columns
from models.kit.config import Divided
from models.kit.errors import ConfigError, TableError, count, listed

Rows = npt.NDArray[np.int64]
FEWEST_TEST_ROWS = 2
SAY_TEST, SAY_VALIDATION = ("test", "testing", "holdout"), ("validation", "valid", "val", "dev")


class Split(NamedTuple):
    """Places of rows (from 0), ascending; no row is in two of them."""

    train: Rows
    validation: Rows
    test: Rows
    how: str
    noun: str = "row"

    @property
    def words(self) -> str:
        """The split in words."""
        middle = f", {self.validation.size:,} to stop it" if self.validation.size else ""
        return (
            f"{count(self.train.size, self.noun)} for training{middle} and {self.test.size:,} for the test, {self.how}"
        )


def draw(
    settings: Divided, frame: pl.DataFrame, *, labels: npt.NDArray[Any] | None = None, stops: bool = True
) -> Split:
    """Returns the split that the settings ask for: by time, by group, or at random (stratified where there are labels).

    Validation rows are set aside only for a model that stops on them (`stops`).
    """
    if settings.time is not None and settings.group is not None:
        raise ConfigError("group and time are both set; a split follows one of them, so set the other to null")
    test, seed = settings.test_share, settings.seed
    stop = settings.validation_share if stops else 0.0
    if settings.time is not None:
        times = columns.ordered(frame[settings.time])
        split = by_time(times, name=settings.time, test_share=test, validation_share=stop)
    elif settings.group is not None:
        groups = columns.grouped(frame[settings.group])
        split = by_group(groups, name=settings.group, test_share=test, validation_share=stop, seed=seed)
    elif labels is not None:
        split = stratified(labels, test_share=test, validation_share=stop, seed=seed)
    else:
        split = shuffled(frame.height, test_share=test, validation_share=stop, seed=seed)
    return split if labels is None else known_classes(split, labels)


def shuffled(rows: int, *, test_share: float, validation_share: float = 0.0, seed: int) -> Split:
    """Returns a split drawn at random.

    >>> shuffled(10, test_share=0.2, seed=1).test.size
    2
    """
    order = np.random.default_rng(seed).permutation(rows)
    tested, stopping = max(round(rows * test_share), FEWEST_TEST_ROWS), round(rows * validation_share)
    test, validation, train = np.split(order, [tested, tested + stopping])
    return _split(train, validation, test, f"drawn at random (seed {seed})")


def stratified(labels: npt.NDArray[Any], *, test_share: float, validation_share: float = 0.0, seed: int) -> Split:
    """Returns a split drawn at random within each class, so that the shares of the classes agree.

    Every class is in training; one with two rows or more is also in the test.

    >>> split = stratified(np.array(["a"] * 8 + ["b"] * 2 + ["c"]), test_share=0.25, seed=0)
    >>> split.train.size, split.test.size
    (8, 3)
    """
    generator = np.random.default_rng(seed)
    parts: tuple[list[Rows], list[Rows], list[Rows]] = ([], [], [])
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        tested = min(max(round(members.size * test_share), 1), members.size - 1)
        stopping = min(round(members.size * validation_share), members.size - tested - 1)
        ends = [members.size - tested - stopping, members.size - tested]
        for part, chosen in zip(parts, np.split(members, ends), strict=True):
            part.append(chosen)
    train, validation, test = (np.concatenate(part) for part in parts)
    return _split(train, validation, test, f"drawn at random within each class (seed {seed})")


def by_group(
    groups: npt.NDArray[Any], *, name: str, test_share: float, validation_share: float = 0.0, seed: int
) -> Split:
    """Returns a split in which all rows of one group (a patient, a shop) are on one side.

    >>> split = by_group(np.repeat(["x", "y", "z", "w"], 5), name="shop", test_share=0.25, seed=0)
    >>> split.words
    "15 rows for training and 5 for the test, whole groups of 'shop' drawn at random (seed 0)"
    """
    found, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    needed = 3 if validation_share else 2
    if found.size < needed:
        raise TableError(
            f"group: column {name!r} has only {count(found.size, 'value')}; a split by group needs {needed}"
        )
    order = np.random.default_rng(seed).permutation(found.size)
    ends = np.cumsum(sizes[order])
    test = _nearest(ends[: found.size - needed + 1], test_share * groups.size)
    validation = test
    if validation_share:
        validation += _nearest(ends[test:-1] - ends[test - 1], validation_share * groups.size)
    side = np.empty(found.size, dtype=np.int64)
    side[order] = np.searchsorted([test, validation], np.arange(found.size), side="right")
    in_train, in_validation, in_test = (np.flatnonzero(side[member] == each) for each in (2, 1, 0))
    return _split(in_train, in_validation, in_test, f"whole groups of {name!r} drawn at random (seed {seed})")


def by_time(
    times: npt.NDArray[Any], *, name: str, test_share: float, validation_share: float = 0.0, gap: int = 0
) -> Split:
    """Returns a split in which the latest rows are the test and those before them the validation.

    Rows of the same moment stay together; rows without a time are in neither part. With a `gap`, so many moments before
    the test and before the validation are left out: at a horizon of 7 days, what happened in the last 7 days is not
    known yet when a forecast is made.

    >>> by_time(np.array([3, 1, 2, 5, 4]), name="day", test_share=0.4).test.tolist()
    [3, 4]
    """
    known = np.flatnonzero(times == times)  # neither NaN nor NaT equals itself
    moments = np.unique(times[known])
    needed = 3 if validation_share else 2
    if moments.size < needed:
        raise TableError(
            f"time: column {name!r} has only {count(moments.size, 'moment')}; a split by time needs {needed}"
        )
    order = known[np.argsort(times[known], kind="stable")]
    starts = np.searchsorted(times[order], moments)  # where each moment's rows begin
    test = _latest(starts[needed - 1 :], order.size, test_share)
    before = starts[1 : np.searchsorted(starts, test)]
    validation = _latest(before, test, validation_share * order.size / test) if validation_share else test
    left = f"; {count(times.size - known.size, 'row')} without a time left out" if known.size < times.size else ""
    ends = [end if not gap or end == 0 else _before(starts, end, gap) for end in (validation, test)]
    spared = f", with a gap of {count(gap, 'moment')} before them" if gap else ""
    train, middle = order[: ends[0]], order[validation : max(validation, ends[1])]
    if not validation_share:
        train, middle = order[: ends[1]], order[:0]
    return _split(train, middle, order[test:], f"the latest rows by {name!r}{spared}{left}")


def rolling(
    times: npt.NDArray[Any], *, name: str, origins: int, horizon: int, gap: int = 0, noun: str = "row"
) -> tuple[Split, ...]:
    """Returns one split for each origin, the earliest first: `horizon` moments are tested after all that was known.

    The tests follow one another without overlap up to the last moment; `gap` moments before each are left out. An
    average over origins says more of a forecast than one test (Tashman, 2000, Out-of-sample tests of forecasting
    accuracy).

    >>> [split.test.tolist() for split in rolling(np.arange(10), name="day", origins=2, horizon=2)]
    [[6, 7], [8, 9]]
    >>> rolling(np.arange(10), name="day", origins=2, horizon=2, gap=3)[0].train.tolist()
    [0, 1, 2]
    """
    known = np.flatnonzero(times == times)
    moments, place = np.unique(times[known], return_inverse=True)
    if moments.size < origins * horizon + gap + 1:
        raise TableError(
            f"time: column {name!r} has {count(moments.size, 'moment')}; {origins} origins with a horizon of "
            f"{horizon} and a gap of {gap} need {origins * horizon + gap + 1}: lower one of them"
        )
    found = []
    for number in range(origins):
        start = moments.size - (origins - number) * horizon
        test = known[(place >= start) & (place < start + horizon)]
        how = f"origin {number + 1} of {origins} by {name!r}, a horizon of {count(horizon, 'moment')}"
        found.append(_split(known[place < start - gap], known[:0], test, how)._replace(noun=noun))
    return tuple(found)


def last_of_each(
    groups: npt.NDArray[Any], times: npt.NDArray[Any], *, name: str, test: int = 1, validation: int = 1
) -> Split:
    """Returns a split in which the latest rows of each group (a user) are the test, those before them the validation.

    A group with too few rows is in the training only. Between groups time is not kept: where the model will be used on
    later days for everybody at once, `by_time` is the stricter one.

    >>> users, times = np.array(list("aaabbb")), np.array([1, 3, 2, 1, 2, 3])
    >>> last_of_each(users, times, name="user").test.tolist()
    [1, 5]
    """
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.lexsort((times, member))
    from_end = np.empty(groups.size, dtype=np.int64)
    from_end[order] = np.repeat(np.cumsum(sizes), sizes) - 1 - np.arange(groups.size)
    enough = sizes[member] > test + validation
    in_test, held = enough & (from_end < test), enough & (from_end < test + validation)
    train, middle, last = (np.flatnonzero(part) for part in (~held, held & ~in_test, in_test))
    return _split(train, middle, last, f"the last {count(test, 'row')} of each {name!r}")


def by_part(parts: npt.NDArray[Any], *, name: str, validation_share: float = 0.0, seed: int) -> Split:
    """Returns the split that a column names: rows that say test, rows that say validation, and all others for training.

    Where no row says validation, that share of the training rows is drawn for it.

    >>> by_part(np.array(["train", "Test", "train", "test"]), name="part", seed=0).test.tolist()
    [1, 3]
    """
    said = np.array([str(each).strip().casefold() for each in parts])
    test, validation = np.isin(said, SAY_TEST), np.isin(said, SAY_VALIDATION)
    if not test.any():
        there = listed(map(repr, sorted(set(parts.tolist()), key=str)))
        raise TableError(f"part: no row of column {name!r} says 'test'; it has {there}")
    train = np.flatnonzero(~test & ~validation)
    stops = np.flatnonzero(validation)
    if not stops.size and validation_share:
        train, stops = np.split(np.random.default_rng(seed).permutation(train), [-round(train.size * validation_share)])
    return _split(train, stops, np.flatnonzero(test), f"as column {name!r} says")


def everything(examples: int, *, noun: str = "row") -> Split:
    """Returns all examples as training and as test: for what is found in the data rather than predicted (clusters).

    >>> everything(100).words
    '100 rows for training and 100 for the test, the same ones, as nothing is predicted'
    """
    rows = np.arange(examples)
    return Split(rows, rows[:0], rows, "the same ones, as nothing is predicted", noun)


def known_classes(split: Split, labels: npt.NDArray[Any]) -> Split:
    """Returns the split without those test and validation rows whose class no training row has, and says so.

    >>> split = by_time(np.arange(6), name="day", test_share=0.5)
    >>> known_classes(split, np.array(list("ababca"))).how
    "the latest rows by 'day'; left out 1 row of a class that training lacks: 'c'"
    """
    learned = np.unique(labels[split.train])
    if learned.size < 2:
        raise TableError(f"all training rows are of class {str(learned[0])!r}; choose another split")
    unknown = np.setdiff1d(labels, learned)
    if not unknown.size:
        return split
    validation, test = (rows[np.isin(labels[rows], learned)] for rows in (split.validation, split.test))
    lost = split.validation.size + split.test.size - validation.size - test.size
    left = f"left out {count(lost, 'row')} of a class that training lacks: {listed(map(str, unknown))}"
    return _split(split.train, validation, test, f"{split.how}; {left}")


def _nearest(ends: npt.NDArray[np.int64], wanted: float) -> int:
    """Returns how many groups, at least one, make up a number of rows nearest to the wanted one."""
    return int(np.argmin(np.abs(ends - wanted))) + 1


def _latest(starts: npt.NDArray[np.int64], end: int, share: float) -> int:
    """Returns the start among `starts` that leaves nearest to that share of rows after it."""
    return int(starts[np.argmin(np.abs(end - starts - share * end))])


def _before(starts: npt.NDArray[np.int64], end: int, gap: int) -> int:
    """Returns where the moment begins that is `gap` moments before the one that begins at `end`."""
    return int(starts[max(int(np.searchsorted(starts, end)) - gap, 0)])


def _split(train: Rows, validation: Rows, test: Rows, how: str) -> Split:
    if not train.size or test.size < FEWEST_TEST_ROWS:
        raise TableError(
            f"the split leaves {count(train.size, 'row')} for training and {test.size} for the test; "
            f"at least 1 and {FEWEST_TEST_ROWS} are needed"
        )
    return Split(np.sort(train), np.sort(validation), np.sort(test), how)
