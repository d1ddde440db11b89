"""The data of a matching: one list of records, two lists, or judged pairs; and which pairs truly belong together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import linking
import numpy as np
import numpy.typing as npt
import polars as pl
from linking import Pairs, Places, Record

from models.kit import cells, columns, config, sequences
from models.kit.config import Between
from models.kit.errors import TableError, count, listed
from models.kit.splits import Rows
from models.kit.task import Data

YES = ("1", "true", "yes", "y", "match", "same")
BETWEEN = " | "  # the cells of a record that is shown


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["f1", "average_precision"]
    target: str
    side: str | None
    other: str | None
    left: tuple[str, ...]
    right: tuple[str, ...]
    leave_out: tuple[str, ...]
    test_share: Annotated[float, Between(0.05, 0.5)]
    validation_share: Annotated[float, Between(0.05, 0.5)]
    candidates: Annotated[int, Between(1, 1000)]
    one_to_one: Literal["yes", "no"]
    hidden: Annotated[int, Between(1, 4096)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(1, 100_000)]


class Records(NamedTuple):
    """Records (on the left), and what each means; with `right`, each row is a pair that was judged.

    `side` is the list (0 or 1) that a record is from, and −1 where there is one list only.
    """

    left: list[Record]
    right: list[Record | None]
    side: list[int]
    means: list[str]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Records]:
    """Returns the records, at most about `most` of them, whole entities; as `about` the names of the columns."""
    table = sequences.table(settings.table, folder=folder)
    frame, said = table.frame, list(table.notes)
    if settings.other is not None:
        if settings.side is None or settings.left:
            raise TableError(
                "other: set `side` to a name for the column that says which list a row is from, left to []"
            )
        second = sequences.table(settings.other, folder=folder)
        said += second.notes
        lists = (
            frame.with_columns(pl.lit("1").alias(settings.side)),
            second.frame.with_columns(pl.lit("2").alias(settings.side)),
        )
        shared = [name for name in lists[0].columns if name in lists[1].columns]
        frame = pl.concat([each.select(pl.col(shared).cast(pl.String)) for each in lists])
    columns.check_name(frame, settings.target, setting="target")
    names = _names(frame, settings)
    examples = records_of(frame, names, settings)
    answer = cells.texts(frame[settings.target])
    if settings.left:
        means = [str(str(text).strip().casefold() in YES) for text in answer]
        if len(set(means)) < 2:
            raise TableError(
                f"target: {settings.target!r} needs pairs that match ({listed(YES)}) and others that do not"
            )
    else:
        means = [f"row {row}" if text is None else f"= {text}" for row, text in enumerate(answer)]
        if len(set(means)) == len(means):
            raise TableError(
                f"target: no two rows have the same {settings.target!r}, so there is no pair to learn from; name the "
                "column whose equal values mean the same thing"
            )
    examples = examples._replace(means=means)
    chosen = _some(groups(examples), most, seed=settings.seed)
    said.append(f"compared columns: {listed(names)}")
    return Data(settings.table, table.sha256, take(examples, chosen), chosen + 1, tuple(said), "record", names)


def _names(frame: pl.DataFrame, settings: Settings) -> tuple[str, ...]:
    """Returns the names of the compared columns, of pairs those of the left record."""
    if settings.left or settings.right:
        if len(settings.left) != len(settings.right):
            raise TableError("left and right: name as many columns on either side, in the same order")
        for setting in ("left", "right"):
            for name in getattr(settings, setting):
                columns.check_name(frame, name, setting=setting)
        return settings.left
    if settings.side is not None:
        columns.check_name(frame, settings.side, setting="side")
        found = frame[settings.side].drop_nulls().unique()
        if found.len() != 2:
            raise TableError(f"side: {settings.side!r} has {count(found.len(), 'value')}; two lists are linked, so two")
    without = {settings.target, settings.side, *settings.leave_out}
    names = tuple(name for name in frame.columns if name not in without and not frame[name].dtype.is_nested())
    if not names:
        raise TableError("there is no column left to compare; see leave_out")
    return names


def records_of(frame: pl.DataFrame, names: tuple[str, ...], settings: Settings) -> Records:
    """Returns the records of a table, or its pairs, without what they mean."""
    left = _cells(frame, names)
    right: list[Record | None] = [*_cells(frame, settings.right)] if settings.left else [None] * frame.height
    side = [-1] * frame.height
    if settings.side is not None and not settings.left:
        values = cells.texts(frame[settings.side]).fill_null("")
        first = min(values, default="")
        side = [int(value != first) for value in values]
    return Records(left, right, side, [""] * frame.height)


def _cells(frame: pl.DataFrame, names: tuple[str, ...]) -> list[Record]:
    return list(zip(*([linking.tidy(cell) for cell in cells.texts(frame[name])] for name in names), strict=True))


def groups(examples: Records) -> npt.NDArray[np.str_]:
    """Returns what belongs on one side of the split: records of one thing, or pairs with the same left record."""
    if examples.right and examples.right[0] is not None:
        return np.array([BETWEEN.join(each) for each in examples.left])
    return np.array(examples.means)


def _some(groups: npt.NDArray[np.str_], most: int | None, *, seed: int) -> Rows:
    if most is None or most >= groups.size:
        return np.arange(groups.size)
    names, member = np.unique(groups, return_inverse=True)
    order = np.argsort(np.random.default_rng(seed).permutation(names.size))[member]
    return np.sort(np.argsort(order, kind="stable")[:most])


def true_pairs(examples: Records, pairs: Pairs) -> npt.NDArray[np.bool_]:
    """Returns which of the pairs truly belong together."""
    means = np.array(examples.means)
    if examples.right and examples.right[0] is not None:
        return np.asarray(means == "True")
    return np.asarray(means[pairs.left] == means[pairs.right])


def truths(examples: Records) -> Places:
    """Returns the left record of each true pair, once for each pair."""
    if examples.right and examples.right[0] is not None:
        return np.flatnonzero(np.array(examples.means) == "True")
    places: dict[str, list[int]] = {}
    for place, name in enumerate(examples.means):
        places.setdefault(name, []).append(place)
    found, side = [], examples.side
    for members in places.values():
        for number, one in enumerate(members):
            later = members[number + 1 :]
            found += [one for other in later if side[one] < 0 or side[one] != side[other]]
    return np.array(found, dtype=np.int64)


def take(examples: Records, rows: Rows) -> Records:
    """Returns those records."""
    return Records(*([part[row] for row in rows] for part in examples))
