"""The numbers that add up rules, encoder and nearest cases, fitted on cases that none of them was fitted on."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize

from advisor.encoder import Impression
from advisor.evidence import from_reading
from advisor.impression import shares
from advisor.posterior import Reckoning, scaled
from advisor.train.cases import Item, targets
from taxonomy.knowledge import Knowledge
from taxonomy.reading import read_text

Array = np.ndarray[Any, np.dtype[np.float64]]

PRECISION = 0.985  # of the rules alone, where they decide alone: the promise is 0.98
LEAST_SURE = 100  # cases above the limit that must show it
COST_OF_ASKING = 0.002  # share of the held-out cases whose right answer may be lost by asking when unsure


class Table(NamedTuple):
    """What each source says of each item, items × categories (`subtask_…`: items × sub-tasks)."""

    rules: Array
    encoder: Array
    neighbours: Array
    wanted: Array
    subtask_rules: Array
    subtask_encoder: Array
    subtask_wanted: Array  # number of the sub-task


def tabulate(knowledge: Knowledge, items: Sequence[Item], impressions: Sequence[Impression]) -> Table:
    """What rules, encoder and nearest cases say of the items."""
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
    return Table(
        rules,
        np.array([[one.logits[name] for name in categories] for one in impressions]),
        neighbours,
        np.array([targets(item, categories) for item in items]),
        subtask_rules,
        np.array([list(one.subtasks.values()) for one in impressions]),
        np.array([subtasks.index(item.subtask) if item.subtask else -1 for item in items]),
    )


def fit(table: Table, subtasks: Sequence[str], cross: tuple[Array, Array]) -> Reckoning:
    """The scales that make what is wanted likeliest, and the limits that keep the promises.

    Args:
        table: what each source says of the held-out items.
        subtasks: what the columns of its sub-task logits stand for.
        cross: what the rules say of every item, fitted without its batch, and what is wanted there: how sure the rules
            must be to decide alone is a matter of rare errors, and takes more cases than are held out.
    """
    alone = _scales([cross[0]], cross[1])
    rules, encoder, neighbours = _scales([table.rules, table.encoder, table.neighbours], table.wanted)
    together = _probabilities(rules * table.rules + encoder * table.encoder + neighbours * table.neighbours)
    decided = table.wanted.max(axis=1) > 1.5 / table.wanted.shape[1]
    return Reckoning(
        rules_alone=round(float(alone[0]), 3),
        sure=_sure(_probabilities(alone[0] * cross[0]), cross[1]),
        rules=round(float(rules), 3),
        encoder=round(float(encoder), 3),
        neighbours=round(float(neighbours), 3),
        subtask_rules=round(_subtask_scale(table, subtasks), 3),
        least=_least(together[decided], table.wanted[decided]),
    )


def _probabilities(logits: Array) -> Array:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: Array = odds / odds.sum(axis=1, keepdims=True)
    return found


def _scales(parts: Sequence[Array], wanted: Array) -> Array:
    def cost(scales: Array) -> float:
        mixed = sum(scale * part for scale, part in zip(scales, parts, strict=True))
        return float(-(wanted * np.log(_probabilities(np.asarray(mixed)) + 1e-12)).sum() + 0.5 * scales @ scales)

    found = optimize.minimize(cost, np.full(len(parts), 0.5), method="L-BFGS-B", bounds=[(0.0, 5.0)] * len(parts))
    scales: Array = found.x
    return scales


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
    return round(float(np.quantile(top, COST_OF_ASKING)), 3)


def _subtask_scale(table: Table, subtasks: Sequence[str]) -> float:
    """How much the rules count among the sub-tasks of the true category, beside the encoder."""
    told = table.subtask_wanted >= 0
    owner = np.array([name.split("/")[0] for name in subtasks])
    wanted = table.subtask_wanted[told]
    closed = np.where(owner[None, :] == owner[wanted][:, None], 0.0, -1e9)

    def cost(scale: float) -> float:
        logits = table.subtask_encoder[told] + scale * table.subtask_rules[told] + closed
        return float(-np.log(_probabilities(logits)[np.arange(len(wanted)), wanted] + 1e-12).sum())

    return float(optimize.minimize_scalar(cost, bounds=(0.0, 3.0), method="bounded").x)


def figures(
    table: Table, numbers: Reckoning, items: Sequence[Item], subtasks: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Figures on held-out items, for the rules alone and with the encoder."""
    told = np.array([bool(item.category) for item in items])
    alone = _probabilities(numbers.rules_alone * table.rules)
    mixed = numbers.rules * table.rules + numbers.encoder * table.encoder + numbers.neighbours * table.neighbours
    sure = alone.max(axis=1) >= numbers.sure
    both = np.where(sure[:, None], alone, _probabilities(mixed))
    owner = np.array([name.split("/")[0] for name in subtasks])
    rows = {}
    for side, probabilities in (("alone", alone[told]), ("both", both[told])):
        wanted = table.wanted[told]
        good = right(probabilities, wanted)
        top = probabilities.max(axis=1)
        second = np.array([wanted[row, order[1]] > 1.5 / 9 for row, order in enumerate((-probabilities).argsort(1))])
        bins = np.minimum((top * 10).astype(int), 9)
        error = sum(abs(top[bins == b].sum() - good[bins == b].sum()) for b in range(10)) / len(top)
        logits = numbers.subtask_rules * table.subtask_rules[told]
        logits = logits + (table.subtask_encoder[told] if side == "both" else 0)
        of_own = table.subtask_wanted[told]
        closed = np.where(owner[None, :] == owner[of_own][:, None], 0.0, -1e9)
        rows[side] = {
            "accuracy": good.mean(),
            "right among the first two": (good | second).mean(),
            "expected calibration error": error,
            "right where p ≥ 0.9": good[top >= 0.9].mean() if (top >= 0.9).any() else float("nan"),
            "share where p ≥ 0.9": (top >= 0.9).mean(),
            "decided by the rules alone": sure[told].mean(),
            "right where decided by the rules alone": right(alone, table.wanted)[sure & told].mean()
            if (sure & told).any()
            else float("nan"),
            "sub-task, in the true category": ((logits + closed).argmax(axis=1) == of_own).mean(),
        }
    return {name: (float(rows["alone"][name]), float(rows["both"][name])) for name in rows["alone"]}
