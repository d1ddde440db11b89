"""Alarms: what a chance of an event is worth that is given at every step, in events caught, lead time and false alarms.

An event begins where its column turns from 0 to 1. At each step the question is whether one begins within the horizon;
while an event lasts nothing is asked, and where a series ends within the horizon without one, nobody knows. An alarm is
raised where the chance reaches a limit, and none for a while after it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.kit import metrics
from models.kit.metrics import Draws

Vector = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

CELLS_AT_ONCE = 4_000_000  # weights of steps held in memory
LIMITS_TRIED = 200


class Course(NamedTuple):
    """Of one series: whether an event begins within the horizon of each step (NaN: nobody knows), and where it does."""

    soon: Vector
    onsets: Places


class Raised(NamedTuple):
    """Of one series: its steps that were asked, its events, those with an alarm in time, leads and false alarms."""

    steps: int
    events: int
    caught: int
    leads: tuple[int, ...]  # steps from the first alarm in time to the event, of each event that was caught
    false: int


def course(event: npt.NDArray[np.bool_], *, horizon: int) -> Course:
    """Returns what is to be predicted at each step of a series.

    >>> course(np.array([0, 0, 0, 1, 1, 0, 0], dtype=bool), horizon=2).soon.tolist()
    [0.0, 1.0, 1.0, nan, nan, nan, nan]
    """
    onsets = np.flatnonzero(event & ~np.concatenate([[False], event[:-1]]))
    steps = np.arange(event.size)
    following = np.searchsorted(onsets, steps, side="right")
    ahead = np.append(onsets, 2 * event.size + horizon)[following] - steps
    soon = (ahead <= horizon).astype(np.float64)
    soon[(ahead > horizon) & (steps + horizon >= event.size)] = np.nan
    soon[event] = np.nan
    return Course(soon, onsets)


def raised(chances: Vector, limit: float, *, silence: int) -> Places:
    """Returns the steps at which an alarm is raised.

    >>> raised(np.array([0.1, 0.9, 0.9, 0.9, 0.9]), 0.5, silence=2).tolist()
    [1, 4]
    """
    found: list[int] = []
    for step in np.flatnonzero(chances >= limit).tolist():
        if not found or step - found[-1] > silence:
            found.append(step)
    return np.array(found, dtype=np.int64)


def judged(chances: Vector, known: Course, limit: float, *, horizon: int, silence: int) -> Raised:
    """Returns what the alarms of one series are worth; an alarm where nothing is asked counts for nothing.

    >>> known = course(np.array([0, 0, 0, 0, 1, 0, 0, 0, 0], dtype=bool), horizon=2)
    >>> judged(np.array([0.9, 0, 0.8, 0, 0, 0, 0, 0, 0]), known, 0.5, horizon=2, silence=1)
    Raised(steps=6, events=1, caught=1, leads=(2,), false=1)
    """
    asked = ~np.isnan(known.soon)
    alarms = raised(np.where(asked, chances, -np.inf), limit, silence=silence)
    ahead = [alarms[(alarms < onset) & (alarms >= onset - horizon)] for onset in known.onsets]
    leads = tuple(int(onset - each[0]) for onset, each in zip(known.onsets, ahead, strict=True) if each.size)
    false = int((known.soon[alarms] == 0).sum())
    return Raised(int(asked.sum()), known.onsets.size, len(leads), leads, false)


def limit(
    chances: Sequence[Vector], known: Sequence[Course], *, false_a_day: float, day: float, horizon: int, silence: int
) -> float:
    """Returns the lowest limit, of quantiles of the chances, that raises no more false alarms a day than that."""
    together = np.concatenate([each[~np.isnan(of.soon)] for each, of in zip(chances, known, strict=True)])
    for tried in np.unique(np.quantile(together, np.linspace(0, 1, LIMITS_TRIED))):
        found = [
            judged(each, of, float(tried), horizon=horizon, silence=silence)
            for each, of in zip(chances, known, strict=True)
        ]
        if sum(each.false for each in found) <= false_a_day * sum(each.steps for each in found) / day:
            return float(tried)
    return float("inf")


def score(
    chances: Sequence[Vector],
    known: Sequence[Course],
    found: Sequence[Raised],
    *,
    day: float,
    minutes: float,
    seed: int,
) -> Draws:
    """Returns ROC-AUC and average precision over steps, and what alarms are worth; whole series are resampled."""
    asked = [~np.isnan(each.soon) for each in known]
    scores = np.concatenate([each[there] for each, there in zip(chances, asked, strict=True)])
    positive = np.concatenate([each.soon[there] == 1 for each, there in zip(known, asked, strict=True)])
    of = np.repeat(np.arange(len(known)), [int(there.sum()) for there in asked])
    events, caught, false, steps, lead = (
        np.array([float(value) for value in values])
        for values in zip(*((each.events, each.caught, each.false, each.steps, sum(each.leads)) for each in found),
                          strict=True)
    )  # fmt: skip

    def statistics(weights: Vector) -> Draws:
        size = max(1, CELLS_AT_ONCE // max(1, of.size))
        parts = [
            metrics.ranked(weights[start : start + size][:, of], positive, scores)
            for start in range(0, len(weights), size)
        ]
        with np.errstate(divide="ignore", invalid="ignore"):
            return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} | {
                "caught": (weights @ caught) / (weights @ events),
                "lead_minutes": (weights @ lead) / (weights @ caught) * minutes,
                "false_a_day": (weights @ false) / (weights @ steps) * day,
            }

    return metrics.weighted(statistics, len(known), seed=seed)
