"""What is known of times whose end was not always seen: partial likelihood, baseline hazard, Kaplan–Meier, concordance.

A row whose end was not seen is never dropped: it is at risk until its time, and counts there.
"""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc

Vector = npt.NDArray[np.float64]
Truth = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
Ties = Literal["efron", "breslow"]


class Risk(NamedTuple):
    """Who is at risk when: for each end that was seen, in the order of `order` (latest time first).

    order: places of all rows. events: places within the order of the ends that were seen. first, last: where the rows
    of the same time begin and end there. share: how much of the ties are taken off already (nought under Breslow).
    """

    order: Places
    seen: Truth
    events: Places
    first: Places
    last: Places
    share: Vector


class Curve(NamedTuple):
    """A step function: its value from each of these times on; `start` before the first."""

    times: Vector
    values: Vector
    start: float

    def at(self, times: npt.ArrayLike, *, before: bool = False) -> Vector:
        """Return the value at these times, or just before them.

        >>> Curve(np.array([2.0]), np.array([0.5]), 1.0).at([1, 2, 3]).tolist()
        [1.0, 0.5, 0.5]
        """
        place = np.searchsorted(self.times, times, side="left" if before else "right")
        return np.asarray(np.concatenate([[self.start], self.values])[place])


def risk(time: Vector, seen: Truth, *, ties: Ties) -> Risk:
    """Returns who is at risk at each end that was seen.

    >>> found = risk(np.array([3.0, 1.0, 1.0]), np.array([False, True, True]), ties="efron")
    >>> found.order.tolist(), found.last.tolist(), found.share.tolist()
    ([0, 1, 2], [2, 2], [0.0, 0.5])
    """
    order = np.argsort(-time, kind="stable")
    ordered, ended = time[order], seen[order]
    events = np.flatnonzero(ended)
    first = np.searchsorted(-ordered, -ordered[events], side="left")
    last = np.searchsorted(-ordered, -ordered[events], side="right") - 1
    share = np.zeros(events.size)
    if ties == "efron" and events.size:
        _, start, often = np.unique(first, return_index=True, return_counts=True)
        share = (np.arange(events.size) - np.repeat(start, often)) / np.repeat(often, often)
    return Risk(order, ended, events, first, last, share)


def partial_likelihood(score: tc.Tensor, at: Risk) -> tc.Tensor:
    """Returns the negative log of the partial likelihood, divided by the number of rows.

    Cox (1972), Regression Models and Life-Tables; ties as Efron (1977), The Efficiency of Cox's Likelihood Function,
    or as Breslow (1974) have them.

    >>> at = risk(np.array([1.0, 2.0]), np.array([True, True]), ties="efron")
    >>> round(partial_likelihood(tc.as_tensor([0.0, 0.0]), at).item(), 4)
    0.3466
    """
    ordered = score[tc.as_tensor(at.order)]
    highest = ordered.detach().max()
    weight = (ordered - highest).exp()
    sums = _risk_sums(weight, at)
    told = ordered[tc.as_tensor(at.events)] - highest
    found: tc.Tensor = (sums.log() - told).sum() / len(at.order)
    return found


def _risk_sums(weight: tc.Tensor, at: Risk) -> tc.Tensor:
    """Returns, for each end, the sum of the weights at risk, less the share of those that end at the same time."""
    total: tc.Tensor = weight.cumsum(0)[tc.as_tensor(at.last)]
    if not at.share.any():
        return total
    ending = (weight * tc.as_tensor(at.seen.astype(np.float64)).to(weight.dtype)).cumsum(0)
    before = tc.cat([tc.zeros(1, dtype=weight.dtype), ending])
    tied = ending[tc.as_tensor(at.last)] - before[tc.as_tensor(at.first)]
    found: tc.Tensor = total - tc.as_tensor(at.share).to(weight.dtype) * tied
    return found


def baseline(time: Vector, seen: Truth, score: Vector, *, ties: Ties) -> Curve:
    """Returns the cumulative hazard of a row whose score is 0: at each end, one over the weights at risk.

    >>> baseline(np.array([1.0, 2.0]), np.array([True, True]), np.zeros(2), ties="efron").values.tolist()
    [0.5, 1.5]
    """
    at = risk(time, seen, ties=ties)
    highest = float(score.max(initial=0.0))
    sums = _risk_sums(tc.as_tensor(np.exp(score[at.order] - highest)), at).numpy()
    when, place = np.unique(time[at.order][at.events], return_inverse=True)
    steps = np.bincount(place, weights=np.exp(-highest) / sums, minlength=when.size)
    return Curve(when, steps.cumsum(), 0.0)


def kaplan_meier(time: Vector, seen: Truth) -> Curve:
    """Returns the share that has not ended yet (Kaplan and Meier, 1958).

    >>> kaplan_meier(np.array([1.0, 2.0, 3.0]), np.array([True, False, True])).values.round(3).tolist()
    [0.667, 0.0]
    """
    when, ends = np.unique(time[seen], return_counts=True)
    there = time.size - np.searchsorted(np.sort(time), when, side="left")
    return Curve(when, np.cumprod(1 - ends / there).astype(np.float64), 1.0)


def pairs(time: Vector, seen: Truth, score: Vector) -> tuple[Vector, Vector]:
    """Returns, of shape (rows, rows), which pairs can be compared and how much of each is told right (1, ½ or 0).

    Row i ended, and was seen to, before the time of row j: then i should have the higher score (Harrell et al., 1982,
    Evaluating the Yield of Medical Tests). One that ended at the very time until which another was seen went first.

    >>> comparable, right = pairs(np.array([1.0, 2.0]), np.array([True, False]), np.array([3.0, 1.0]))
    >>> comparable.sum(), right.sum()
    (np.float64(1.0), np.float64(1.0))
    """
    earlier = (time[:, None] < time) | ((time[:, None] == time) & ~seen)
    comparable = (earlier & seen[:, None]).astype(np.float64)
    ahead = (score[:, None] > score) + 0.5 * (score[:, None] == score)
    return comparable, comparable * ahead


def brier(time: Vector, seen: Truth, survival: Vector, horizons: Vector, *, watched: Curve) -> Vector:
    """Returns the squared error of each row's survival at each horizon, (rows, horizons), censored rows weighed in.

    A row that was lost before the horizon says nothing itself; those like it count for more, by one over the share
    `watched` that is still followed (Graf, Schmoor, Sauerbrei and Schumacher, 1999, Assessment and comparison of
    prognostic classification schemes for survival data).

    >>> never_lost = Curve(np.array([]), np.array([]), 1.0)
    >>> sure, ends = np.array([[0.0], [1.0]]), np.array([True, True])
    >>> brier(np.array([1.0, 3.0]), ends, sure, np.array([2.0]), watched=never_lost).tolist()
    [[0.0], [0.0]]
    """
    ended = (time[:, None] <= horizons) & seen[:, None]
    going = time[:, None] > horizons
    share_then = np.maximum(watched.at(time, before=True), 1 / time.size)[:, None]
    share_there = np.maximum(watched.at(horizons), 1 / time.size)
    return np.asarray(ended * survival**2 / share_then + going * (1 - survival) ** 2 / share_there)
