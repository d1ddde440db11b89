"""The numbers that add up rules, words, encoder and nearest cases, fitted on cases that none of them was fitted on."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize

from advisor.encoder import Impression
from advisor.evidence import from_reading
from advisor.impression import shares
from advisor.posterior import Reckoning, Scales, scaled
from advisor.train import wording
from advisor.train.cases import Item, targets
from taxonomy.knowledge import Knowledge
from taxonomy.reading import read_text

Array = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

PRECISION = 0.985  # of the rules alone, where they decide alone: the promise is 0.98
LEAST_SURE = 100  # cases above the limit that must show it
NOTHING = -1e9  # log-odds of what cannot be chosen
COST_OF_ASKING = 0.002  # share of the held-out cases whose right answer may be lost by asking when unsure,
MOST_LEAST = 1 / 3  # and the limit that this may set at most: it rests on a case or two


class Table(NamedTuple):
    """What each source says of each item, items × categories (`subtask_…`: items × sub-tasks)."""

    rules: Array
    words: Array
    encoder: Array
    neighbours: Array
    wanted: Array
    subtask_rules: Array
    subtask_words: Array
    subtask_encoder: Array
    subtask_wanted: Array  # number of the sub-task


class Cross(NamedTuple):
    """What rules and words say of every item, fitted without its batch, and what is wanted; items × categories."""

    rules: Array
    words: Array
    wanted: Array


def tabulate(
    knowledge: Knowledge, words: wording.Fitted, items: Sequence[Item], impressions: Sequence[Impression]
) -> Table:
    """What rules, words, encoder and nearest cases say of the items."""
    categories = list(knowledge.categories)
    subtasks = list(impressions[0].subtasks)
    rules, subtask_rules = np.zeros((len(items), len(categories))), np.zeros((len(items), len(subtasks)))
    neighbours = np.zeros((len(items), len(categories)))
    for row, (item, impression) in enumerate(zip(items, impressions, strict=True)):
        for piece in scaled(from_reading(knowledge, read_text(knowledge, item.text)), 1.0):
            if piece.subtask is None:
                rules[row, categories.index(piece.category)] += piece.weight
            else:
                subtask_rules[row, subtasks.index(f"{piece.category}/{piece.subtask}")] += piece.weight
        near = impression.neighbours
        for case, share in zip(near, shares([case.similarity for case in near]), strict=True):
            neighbours[row, categories.index(case.category)] += share
    said = wording.logits(words, items)
    place = [words.outcomes.index(name) for name in (*categories, *subtasks)]
    return Table(
        rules,
        said[:, place[: len(categories)]],
        np.array([[one.logits[name] for name in categories] for one in impressions]),
        neighbours,
        np.array([targets(item, categories) for item in items]),
        subtask_rules,
        said[:, place[len(categories) :]],
        np.array([list(one.subtasks.values()) for one in impressions]),
        np.array([subtasks.index(item.subtask) if item.subtask else -1 for item in items]),
    )


def fit(table: Table, subtasks: Sequence[str], cross: Cross) -> Reckoning:
    """The scales that make what is wanted likeliest, and the limits that keep the promises.

    Args:
        table: what each source says of the held-out items.
        subtasks: what the columns of its sub-task logits stand for.
        cross: how sure rules and words must be to decide alone is a matter of rare errors, and takes more cases than
            are held out.
    """
    alone = _scales([cross.rules, cross.words], cross.wanted)
    together = _scales([table.rules, table.words, table.encoder, table.neighbours], table.wanted)
    told = table.subtask_wanted >= 0
    wanted, closed = _among_own(table, subtasks, told)
    parts = [table.subtask_rules[told], table.subtask_words[told], table.subtask_encoder[told]]
    subtask_alone, subtask_together = _scales(parts[:2], wanted, closed), _scales(parts, wanted, closed)
    numbers = Reckoning(
        alone=_scaled([*alone, 0.0, 0.0, *subtask_alone, 0.0]), together=_scaled([*together, *subtask_together])
    )
    decided = table.wanted.max(axis=1) > 1.5 / table.wanted.shape[1]
    probabilities = _probabilities(mixed(table, numbers.together))
    return numbers._replace(
        sure=_sure(_probabilities(alone[0] * cross.rules + alone[1] * cross.words), cross.wanted),
        least=_least(probabilities[decided], table.wanted[decided]),
    )


def mixed(table: Table, scales: Scales) -> Array:
    """The log-odds of the categories."""
    found: Array = scales.rules * table.rules + scales.words * table.words
    return found + scales.encoder * table.encoder + scales.neighbours * table.neighbours


def mixed_subtasks(table: Table, scales: Scales) -> Array:
    """The log-odds of the sub-tasks."""
    found: Array = scales.subtask_rules * table.subtask_rules + scales.subtask_words * table.subtask_words
    return found + scales.subtask_encoder * table.subtask_encoder


def _scaled(scales: Sequence[float]) -> Scales:
    return Scales(**{name: round(float(scale), 3) for name, scale in zip(Scales._fields, scales, strict=True)})


def _probabilities(logits: Array) -> Array:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: Array = odds / odds.sum(axis=1, keepdims=True)
    return found


def _scales(parts: Sequence[Array], wanted: Array, closed: Array | float = 0.0) -> Array:
    """The scales of the parts; `closed` is far below zero where an outcome cannot be chosen."""

    def cost(scales: Array) -> float:
        logits = np.asarray(sum(scale * part for scale, part in zip(scales, parts, strict=True))) + closed
        return float(-(wanted * np.log(_probabilities(logits) + 1e-12)).sum() + 0.5 * scales @ scales)

    found = optimize.minimize(cost, np.full(len(parts), 0.5), method="L-BFGS-B", bounds=[(0.0, 5.0)] * len(parts))
    scales: Array = found.x
    return scales


def _among_own(
    table: Table, subtasks: Sequence[str], told: "np.ndarray[Any, np.dtype[np.bool_]]"
) -> tuple[Array, Array]:
    """What is wanted of the items in `told`, items × sub-tasks, and what closes the sub-tasks of other categories."""
    owner = np.array([name.split("/")[0] for name in subtasks])
    of_own = table.subtask_wanted[told]
    closed = np.where(owner[None, :] == owner[of_own][:, None], 0.0, NOTHING)
    return np.eye(len(subtasks))[of_own], closed


def right(probabilities: Array, wanted: Array) -> Array:
    """Whether the likeliest category is one that is wanted."""
    best = probabilities.argmax(axis=1)
    found: Array = wanted[np.arange(len(best)), best] > 1.5 / wanted.shape[1]
    return found


def _sure(probabilities: Array, wanted: Array) -> float:
    """The lowest probability from which the rules alone keep their promise; 1 (never) when none does."""
    top = probabilities.max(axis=1)
    order = np.argsort(-top)
    precise = np.cumsum(right(probabilities, wanted)[order]) / np.arange(1, len(order) + 1)
    good = [place for place in range(LEAST_SURE - 1, len(order)) if precise[place] >= PRECISION]
    return round(float(top[order[good[-1]]]) + 5e-4, 3) if good else 1.0


def _least(probabilities: Array, wanted: Array) -> float:
    """The highest limit below which nothing is decided that costs no more right answers than may be lost."""
    top = probabilities[right(probabilities, wanted)].max(axis=1)
    return round(min(float(np.quantile(top, COST_OF_ASKING)), MOST_LEAST), 3)


def figures(
    table: Table, numbers: Reckoning, items: Sequence[Item], subtasks: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Figures on held-out items, for rules and words alone and with the encoder."""
    told = np.array([bool(item.category) for item in items])
    alone = _probabilities(mixed(table, numbers.alone))
    sure = alone.max(axis=1) >= numbers.sure
    both = np.where(sure[:, None], alone, _probabilities(mixed(table, numbers.together)))
    own, closed = _among_own(table, subtasks, told)
    rows = {}
    for side, probabilities, scales in (("alone", alone[told], numbers.alone), ("both", both[told], numbers.together)):
        wanted = table.wanted[told]
        good = right(probabilities, wanted)
        top = probabilities.max(axis=1)
        second = np.array([wanted[row, order[1]] > 1.5 / 9 for row, order in enumerate((-probabilities).argsort(1))])
        bins = np.minimum((top * 10).astype(int), 9)
        error = sum(abs(top[bins == b].sum() - good[bins == b].sum()) for b in range(10)) / len(top)
        subtask = (mixed_subtasks(table, scales)[told] + closed).argmax(axis=1)
        rows[side] = {
            "accuracy": good.mean(),
            "right among the first two": (good | second).mean(),
            "expected calibration error": error,
            "right where p ≥ 0.9": good[top >= 0.9].mean() if (top >= 0.9).any() else float("nan"),
            "share where p ≥ 0.9": (top >= 0.9).mean(),
            "decided without the encoder": sure[told].mean(),
            "right where decided without the encoder": right(alone, table.wanted)[sure & told].mean()
            if (sure & told).any()
            else float("nan"),
            "sub-task, in the true category": (subtask == own.argmax(axis=1)).mean(),
        }
    return {name: (float(rows["alone"][name]), float(rows["both"][name])) for name in rows["alone"]}
