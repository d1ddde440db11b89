"""The table of a forecast: which rows are history, which ask for a forecast, and from which moment each is forecast."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import panel as panels
import polars as pl
from panel import Clock, Panel, Places

from models.kit import cells, columns, dataset, preprocess
from models.kit.columns import Column, Roles
from models.kit.errors import TableError, count, did_you_mean, listed
from models.kit.preprocess import Preprocess
from models.kit.task import Data

if TYPE_CHECKING:
    from model import Settings

Matrix = npt.NDArray[np.float64]

FEWEST_VALUES = 20
RARE_LEVEL_ROWS = 5  # of a category known in advance; levels of fewer training rows are taken together
SEASONS = {  # by step in seconds, the longest step they are for: seasons in seconds
    0.5 * panels.DAY_SECONDS: (panels.DAY_SECONDS, 7 * panels.DAY_SECONDS),
    panels.DAY_SECONDS: (7 * panels.DAY_SECONDS, 365 * panels.DAY_SECONDS),
    7 * panels.DAY_SECONDS: (52 * 7 * panels.DAY_SECONDS,),
}


class Table(NamedTuple):
    """How a table was read, so that another one can be read alike.

    form: decimal mark of the target. inputs: names of what is known in advance, as numbers. test_start and
    validation_start: positions; from the first on, forecasts start every `horizon` moments. frame: a row an example,
    without its value.
    """

    clock: Clock
    series: tuple[str, ...]
    form: str
    horizon: int
    gap: int
    seasons: tuple[int, ...]
    inputs: tuple[str, ...]
    validation_start: int
    test_start: int
    learned: Preprocess | None
    frame: pl.DataFrame


def seasons(clock: Clock) -> tuple[int, ...]:
    """Returns the seasons that the step suggests, in steps; (1,) where it says nothing.

    >>> seasons(Clock("seconds", 0, 1800)), seasons(Clock("months", 0, 3)), seasons(Clock("number", 0, 1))
    ((48, 336), (4,), (1,))
    """
    if clock.kind == "months":
        return (max(round(12 / clock.step), 1),)
    if clock.kind == "seconds":
        for longest, found in SEASONS.items():
            if clock.step <= longest:
                return tuple(dict.fromkeys(max(round(season / clock.step), 1) for season in found))
    return (1,)


def read(settings: "Settings", folder: Path, most: int | None) -> Data[Panel]:
    """Returns the rows that have a value, on an even grid of moments; with `most`, about so many of the latest ones.

    Raises `TableError` where columns are missing, moments keep to no step, or too little is known.
    """
    source = dataset.table(settings.table, folder=folder)
    frame, said = source.frame, list(source.notes)
    roles = {"target": settings.target, "time": settings.time, "series": settings.series}
    for setting, name in (*roles.items(), *(("known", each) for each in settings.known)):
        if name is not None:
            columns.check_name(frame, name, setting=setting)
    if twice := {settings.target, settings.time} & {*settings.known, settings.series}:
        raise TableError(f"column {twice.pop()!r} has two roles; the target cannot be known in advance")
    unused = [name for name in frame.columns if name not in (*roles.values(), *settings.known)]
    if unused:
        said.append(f"not looked at, as `known` does not say that they are known in advance: {listed(unused)}")
    value, form, notes = _values(frame[settings.target])
    moments = panels.moments(frame[settings.time])
    named = panels.names(frame, settings.series)
    usable = ~np.isnan(value) & (moments == moments)
    if usable.sum() < FEWEST_VALUES:
        raise TableError(f"only {count(int(usable.sum()), 'row')} with time and value; at least {FEWEST_VALUES} needed")
    known_series = tuple(sorted(set(named[usable].tolist())))
    series = np.searchsorted(known_series, named).clip(max=len(known_series) - 1)
    usable &= np.array(known_series)[series] == named
    typed = frame[settings.time].dtype == pl.String and np.issubdtype(moments.dtype, np.datetime64)
    pattern = panels.pattern(frame[settings.time]) if typed else ""
    clock = panels.clock(moments[usable], series[usable], pattern=pattern)
    rows = np.flatnonzero(usable)
    position = panels.positions(clock, moments)
    on_grid, odd = panels.on_grid(position[rows], series[rows])
    rows = rows[on_grid]
    place: Places = np.round(np.where(usable, position, 0)).astype(np.int64)
    if most is not None and most < rows.size:
        first = np.sort(place[rows])[-most]
        rows = rows[place[rows] >= first]
        clock = clock._replace(start=clock.start + int(first) * clock.step)
        place -= first
        odd.append(f"only the latest {count(rows.size, 'row')} are used")
    end = int(place[rows].max()) + 1
    if len(known_series) * end > panels.MOST_CELLS:
        raise TableError(f"{count(len(known_series), 'series')} of {count(end, 'moment')} are too many at once")
    chosen = settings.seasons or seasons(clock)
    horizon = settings.horizon or chosen[0]
    test_start, validation_start = starts(end, horizon, settings)
    values = np.full((len(known_series), end), np.nan)
    values[series[rows], place[rows]] = value[rows]
    missing = int(np.isnan(values).sum())
    learned, decisions = _learned(frame, settings, rows[place[rows] < validation_start])
    design = np.zeros((rows.size, 0)) if learned is None else preprocess.transform(learned, frame[rows])
    known = panels.spread(design, series[rows], place[rows], shape=values.shape)
    steps = (place[rows] - test_start) % horizon + 1
    first = np.argmax(~np.isnan(values), axis=1)[series[rows]]
    early = place[rows] - steps - settings.gap < first
    inputs = () if learned is None else learned.features
    table = Table(
        clock, known_series, form, horizon, settings.gap, chosen, inputs, validation_start, test_start, learned,
        frame[rows[~early]].select(_asked_columns(settings)),
    )  # fmt: skip
    said += [*notes, *decisions, *odd]
    many = f", {count(len(known_series), 'serie')}" if len(known_series) > 1 else ""
    said.append(f"a moment every {clock.words}{many}, seasons of {', '.join(map(str, chosen))} moments")
    if missing:
        said.append(
            f"{count(missing, 'moment')} of {values.size:,} missing; passed over, and filled from before as input"
        )
    examples = Panel(values, known, series[rows], place[rows], steps)
    return Data(
        settings.table, source.sha256, panels.take(examples, np.flatnonzero(~early)), rows[~early] + 1, tuple(said),
        noun="value", about=table,
    )  # fmt: skip


def starts(end: int, horizon: int, settings: "Settings") -> tuple[int, int]:
    """Returns where the test begins and where the validation does, in whole horizons before the end."""
    test, validation = (
        max(round(share * end / horizon), 1) for share in (settings.test_share, settings.validation_share)
    )
    return end - test * horizon, max(end - (test + validation) * horizon, 0)


def asked(frame: pl.DataFrame, table: Table, history: Panel, settings: "Settings") -> Panel:
    """Returns the rows to forecast: those without a value. Rows with a value are news, and continue the history.

    A row after the history, and after the news of its series, is forecast from there; one before it as in the test,
    from the start of its horizon. Raises `TableError` where a row lies too far ahead, or its moment is unknown.
    """
    needed = _asked_columns(settings)
    for name in needed:
        if name not in frame.columns:
            hint = did_you_mean(name, frame.columns)
            raise TableError(
                f"the table has no column {name!r}, which the model needs{hint}; it needs {listed(needed)}"
            )
    if table.learned is not None:
        preprocess.check(table.learned, frame)
    series = panels.coded(panels.names(frame, settings.series), table.series)
    exact = panels.positions(table.clock, panels.moments(frame[settings.time], table.clock))
    _refuse(~(np.abs(exact - np.round(exact)) <= panels.OFF_GRID), f"has no time on a step of {table.clock.words}")
    position = np.round(exact).astype(np.int64)
    _refuse(position < 0, "lies before the history begins")
    value = np.full(frame.height, np.nan)
    if settings.target in frame.columns:
        value = cells.numbers(frame[settings.target], table.form).to_numpy()
    open_rows = np.flatnonzero(np.isnan(value))
    if frame.height and not open_rows.size:
        raise TableError(f"every row has a value in {settings.target!r}; add rows to forecast, with that column empty")
    end = max(history.values.shape[1], int(position.max(initial=0)) + 1)
    _refuse(position >= history.values.shape[1] + table.horizon + table.gap + (~np.isnan(value)).sum(), _too_far(table))
    values = np.full((len(table.series), end), np.nan)
    values[:, : history.values.shape[1]] = history.values
    told = np.flatnonzero(~np.isnan(value))
    values[series[told], position[told]] = value[told]
    last = np.maximum(end - 1 - np.argmax(~np.isnan(values[:, ::-1]), axis=1), history.values.shape[1] - 1)
    design = np.zeros((frame.height, 0)) if table.learned is None else preprocess.transform(table.learned, frame)
    known = _continued(history.known, design, series, position, end=end)
    place, row = position[open_rows], series[open_rows]
    ahead = place - last[row] - table.gap
    steps = np.where(ahead > -table.gap, np.maximum(ahead, 1), (place - table.test_start) % table.horizon + 1)
    far = np.zeros(frame.height, dtype=np.bool_)
    far[open_rows] = steps > table.horizon
    _refuse(far, _too_far(table))
    return Panel(values, known, row, place, steps, open_rows + 1)


def to_dict(table: Table) -> dict[str, Any]:
    """Returns what `from_dict` takes, as plain data."""
    return {
        name: list(each) if isinstance(each, tuple) else each
        for name, each in table._asdict().items()
        if name not in ("learned", "frame")
    } | {"clock": table.clock._asdict()}


def from_dict(about: Mapping[str, Any], learned: Preprocess | None) -> Table:
    """Returns the table of a saved model, without its rows; raises `KeyError` or `TypeError` where it is damaged."""
    plain = {name: about[name] for name in Table._fields if name not in ("learned", "frame", "clock")}
    lists = {name: tuple(each) for name, each in plain.items() if isinstance(each, list)}
    return Table(clock=Clock(**about["clock"]), learned=learned, frame=pl.DataFrame(), **(plain | lists))


def _asked_columns(settings: "Settings") -> list[str]:
    return [settings.time, *([settings.series] if settings.series is not None else []), *settings.known]


def _values(column: pl.Series) -> tuple[Matrix, str, list[str]]:
    """Returns the target as numbers, NaN where there is none, its decimal mark, and what there is to say."""
    found, said = columns.inputs(column.to_frame(), leave_out=())
    if not found or found[0].kind != "number":
        why = said[0] if said else f"column {column.name!r} holds no numbers"
        raise TableError(f"target {column.name!r} cannot be forecast, as it is no measured number: {why}")
    return cells.numbers(column, found[0].form).to_numpy(), found[0].form, said


def _learned(frame: pl.DataFrame, settings: "Settings", rows: Places) -> tuple[Preprocess | None, list[str]]:
    """Returns what the training rows teach about the columns that are known in advance."""
    if not settings.known:
        return None, []
    found, said = columns.inputs(frame.select(settings.known), leave_out=())
    if not found:
        return None, said
    roles = Roles(Column(settings.target, "number", _values(frame[settings.target])[1]), tuple(found), ())
    learned = preprocess.fit(frame[rows], roles, rare_level_rows=RARE_LEVEL_ROWS)
    return learned, [*said, *preprocess.unlearned(learned, roles)]


def _continued(known: Matrix, design: Matrix, series: Places, position: Places, *, end: int) -> Matrix:
    """Returns what is known in advance with what new rows say: over the history, and on to `end`."""
    grid = np.zeros((known.shape[0], end, known.shape[2]))
    grid[:, : known.shape[1]] = known
    if known.shape[2]:
        for each in range(known.shape[0]):
            mine = np.flatnonzero(series == each)
            rows = np.concatenate([known[each, -1:], design[mine]])
            places = np.concatenate([[known.shape[1] - 1], position[mine]])
            later = places >= known.shape[1] - 1
            new = panels.spread(rows[later], np.zeros(later.sum(), np.int64), places[later], shape=(1, end))
            grid[each, known.shape[1] :] = new[0, known.shape[1] :]
        inside = position < known.shape[1]
        grid[series[inside], position[inside]] = design[inside]
    return grid


def _refuse(wrong: npt.NDArray[np.bool_], why: str) -> None:
    if wrong.any():
        raise TableError(f"row {int(wrong.argmax()) + 1} {why}")


def _too_far(table: Table) -> str:
    return (
        f"lies more than {count(table.horizon, 'step')} ahead of what is known; hand in what came since (rows with a "
        "value), or raise `horizon` and train again"
    )
