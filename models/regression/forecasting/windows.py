"""What a forecast may see: one row of numbers for a moment and the moment from which it is forecast.

Everything is told as a difference from the seasonal naive forecast (the latest known value of the same phase) in units
of the series' own seasonal change, so that series of any size, and series that grow, look alike to one model.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.kit.errors import TableError

Matrix = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

DEPTH = 3  # latest values of the same phase that are looked at, for each season
LATEST = (0, 1, 2, 4, 8)  # moments before the last known one
TURNS = (0, 2, 6)  # the same, for the change against a season before
WAVES = 8  # sines and cosines of each season, at most
MOST_SERIES = 50  # that have an input of their own
FEWEST_ROUNDS = 2  # of what is looked back on, in the training


class Plan(NamedTuple):
    """What a model sees: steps ahead, the gap before them, seasons in steps and how many of each are looked at.

    units is the seasonal change of each series, in which everything is measured; known are names of inputs.
    """

    horizon: int
    gap: int
    seasons: tuple[int, ...]
    depths: tuple[int, ...]
    units: tuple[float, ...]
    known: tuple[str, ...]

    @property
    def farthest(self) -> int:
        """How many moments a forecast lies ahead of the last known value, at most."""
        return self.horizon + self.gap

    @property
    def reach(self) -> int:
        """How many moments before the one that is forecast may be looked at."""
        lags = [(_rounds(self.farthest, season) + depth - 1) * season for season, depth in self._each()]
        return max(*lags, self.farthest + max(*LATEST, max(self.seasons) + max(TURNS)))

    def _each(self) -> list[tuple[int, int]]:
        return list(zip(self.seasons, self.depths, strict=True))


def depths(seasons: Sequence[int], *, farthest: int, moments: int) -> tuple[int, ...]:
    """Returns how many values of the same phase each season may look at in so long a training; 0 where it is too short.

    >>> depths([7, 365], farthest=14, moments=400)
    (3, 0)
    """
    found = []
    for season in seasons:
        fits = [
            depth
            for depth in range(1, DEPTH + 1)
            if FEWEST_ROUNDS * max((_rounds(farthest, season) + depth - 1) * season, farthest + season + max(TURNS))
            <= moments
        ]
        found.append(max(fits, default=0))
    return tuple(found)


def units(values: Matrix, season: int) -> tuple[float, ...]:
    """Returns the mean seasonal change of each series, what MASE measures errors in (Hyndman and Koehler, 2006).

    A series without any change has the unit 1.

    >>> units(np.array([[1.0, 2.0, 3.0, np.nan]]), 1)
    (1.0,)
    """
    with np.errstate(invalid="ignore"):
        change = np.abs(values[:, season:] - values[:, :-season])
    found = []
    for row in change:
        present = row[~np.isnan(row)]
        found.append(float(present.mean()) if present.size and present.mean() > 0 else 1.0)
    return tuple(found)


def naive(whole: Matrix, plan: Plan, series: Places, position: Places, steps: Places) -> Matrix:
    """Returns the seasonal naive forecast: the latest value of the same phase that is known so many steps before.

    >>> plan = Plan(horizon=2, gap=0, seasons=(2,), depths=(1,), units=(1.0,), known=())
    >>> naive(np.array([[1.0, 2.0, 3.0, 4.0]]), plan, *(np.array([each]) for each in (0, 3, 1))).tolist()
    [2.0]
    """
    season = plan.seasons[0]
    back = -(-(steps + plan.gap) // season) * season
    return np.asarray(whole[series, np.maximum(position - back, 0)])


def names(plan: Plan) -> tuple[str, ...]:
    """Returns the name of each input, in the order of `inputs`."""
    found = []
    for place, (season, depth) in enumerate(zip(plan.seasons, plan.depths, strict=True)):
        found += [f"season {season}, {round_ + 1} back" for round_ in range(depth) if place or round_]
    found += [f"value {back} before the last known" for back in LATEST]
    found += [f"mean of the last {span}" for span in _spans(plan)]
    found += [f"change over season {season}, {back} before the last known" for season in plan.seasons for back in TURNS]
    found += ["steps ahead"]
    found += [f"{wave} {turn} of season {season}" for season, turn in _waves(plan) for wave in ("sine", "cosine")]
    for name in plan.known:
        found += [
            name,
            f"{name} at the last known moment",
            f"{name}, mean of a season",
            f"{name}, mean of a quarter season",
        ]
        found += [f"{name}, season {season} back" for season in plan.seasons]
    many = len(plan.units)
    return (*found, *(f"series {each + 1}" for each in range(many) if 1 < many <= MOST_SERIES))


def inputs(
    whole: Matrix, known: Matrix, plan: Plan, series: Places, position: Places, steps: Places
) -> tuple[npt.NDArray[np.float32], Matrix]:
    """Returns what is seen of each example, of shape (examples, inputs), and its seasonal naive forecast.

    whole: values without gaps, (series, positions). Nothing later than `steps` + gap moments before an example is
    looked at, except what is known in advance.

    >>> plan = Plan(horizon=2, gap=0, seasons=(2,), depths=(1,), units=(1.0,), known=())
    >>> example = (np.array([each]) for each in (0, 20, 2))
    >>> row, base = inputs(np.arange(30.0)[None], np.zeros((1, 30, 0)), plan, *example)
    >>> row.shape[1] == len(names(plan)), base.tolist()
    (True, [18.0])
    """
    if position.size and position.max() >= known.shape[1]:
        raise TableError("a moment to forecast lies beyond what is known in advance")
    unit = np.array(plan.units)[series]
    base = naive(whole, plan, series, position, steps)
    origin = position - steps - plan.gap

    def at(place: Places) -> Matrix:
        return np.asarray(whole[series, np.maximum(place, 0)])

    levels = []
    for number, (season, depth) in enumerate(zip(plan.seasons, plan.depths, strict=True)):
        back = -(-(steps + plan.gap) // season) * season
        levels += [at(position - back - each * season) for each in range(depth) if number or each]
    levels += [at(origin - back) for back in LATEST]
    sums = np.concatenate([np.zeros((len(whole), 1)), whole.cumsum(axis=1)], axis=1)
    levels += [_mean(sums, series, origin, span) for span in _spans(plan)]
    found = [(level - base) / unit for level in levels]
    found += [(at(origin - back) - at(origin - back - season)) / unit for season in plan.seasons for back in TURNS]
    found += [steps / plan.horizon]
    for season, turn in _waves(plan):
        angle = 2 * np.pi * turn * (position % season) / season
        found += [np.sin(angle), np.cos(angle)]
    quarter = max(plan.seasons[0] // 4, 1)
    totals = np.concatenate([np.zeros_like(known[:, :1]), known.cumsum(axis=1)], axis=1)
    for column in range(known.shape[2]):
        here, total = known[:, :, column], totals[:, :, column]
        found += [here[series, position], here[series, np.maximum(origin, 0)]]
        found += [_mean(total, series, position, span) for span in (plan.seasons[0], quarter)]
        for season in plan.seasons:
            back = -(-(steps + plan.gap) // season) * season
            found += [here[series, np.maximum(position - back, 0)]]
    if 1 < len(plan.units) <= MOST_SERIES:
        found += list(np.eye(len(plan.units))[:, series])
    return np.stack(found, axis=1).astype(np.float32), base


def _rounds(steps: int, season: int) -> int:
    return -(-steps // season)


def _spans(plan: Plan) -> list[int]:
    first = plan.seasons[0]
    return sorted({max(first // 8, 2), max(first // 4, 2), *plan.seasons} - {1})


def _waves(plan: Plan) -> list[tuple[int, int]]:
    return [(season, turn) for season in plan.seasons for turn in range(1, min(WAVES, season // 2) + 1)]


def _mean(sums: Matrix, series: Places, last: Places, span: int) -> Matrix:
    """Returns the mean of the `span` moments up to `last`; sums are cumulative, with a leading 0."""
    end = np.maximum(last + 1, 1)
    start = np.maximum(end - span, 0)
    return np.asarray((sums[series, end] - sums[series, start]) / (end - start))
