"""Weights of the rules: multinomial logistic regression on which rules fire, with the rules' words as the prior."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, sparse

from advisor.posterior import LOG_ODDS
from advisor.train.cases import Item, targets
from taxonomy.knowledge import Knowledge
from taxonomy.reading import read_text

Array = np.ndarray[Any, np.dtype[Any]]

STIFFNESS = 1.0  # of the prior: squared distance of a weight from its word, against one case's log loss
NOTHING = -1e9  # log-odds of what is not to be chosen


class Fired(NamedTuple):
    """What fired where: `design` (texts · outcomes × weights) holds a 1 where a weight speaks for an outcome."""

    design: sparse.csr_matrix
    names: list[tuple[str, str]]  # (rule, category or category/subtask) of each weight
    prior: Array
    outcomes: list[str]


def fired(knowledge: Knowledge, items: Sequence[Item], *, subtasks: bool) -> Fired:
    """The design matrix of the rules over the categories, or over the sub-tasks."""
    outcomes = list(knowledge.categories)
    if subtasks:
        outcomes = [f"{name}/{sub}" for name in outcomes for sub in knowledge.categories[name].subtasks]
    place = {name: number for number, name in enumerate(outcomes)}
    names: list[tuple[str, str]] = []
    prior: list[float] = []
    column: dict[tuple[str, str], int] = {}
    for rule in knowledge.rules.values():
        for target, word in (rule.subtasks if subtasks else rule.points_to).items():
            column[rule.id, target] = len(names)
            names.append((rule.id, target))
            prior.append(LOG_ODDS[word])
    rows, columns = [], []
    for number, item in enumerate(items):
        for found in read_text(knowledge, item.text).fired:
            for target in found.rule.subtasks if subtasks else found.rule.points_to:
                rows.append(number * len(outcomes) + place[target])
                columns.append(column[found.rule.id, target])
    shape = (len(items) * len(outcomes), len(names))
    design = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
    return Fired(design, names, np.array(prior), outcomes)


def fit(seen: Fired, wanted: Array, open_to: Array, *, stiffness: float = STIFFNESS) -> Array:
    """The weights that make `wanted` likeliest, each held near its word.

    Args:
        seen: which rules fired.
        wanted: items × outcomes, how right each is; rows sum to 1, or to 0 where the item does not count.
        open_to: items × outcomes, 0 where an outcome could be chosen and NOTHING where not.
        stiffness: of the prior.
    """
    counts = wanted.sum(axis=1, keepdims=True)

    def cost(weights: Array) -> tuple[float, Array]:
        logits = (seen.design @ weights).reshape(wanted.shape) + open_to
        logits -= logits.max(axis=1, keepdims=True)
        log_total = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        off = weights - seen.prior
        loss = -(wanted * (logits - log_total)).sum() + stiffness / 2 * off @ off
        slope = seen.design.T @ (counts * np.exp(logits - log_total) - wanted).ravel() + stiffness * off
        return float(loss), slope

    found = optimize.minimize(cost, seen.prior, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    fitted: Array = found.x
    return fitted


def category_weights(knowledge: Knowledge, items: Sequence[Item], *, stiffness: float = STIFFNESS) -> dict[str, Any]:
    """Fitted weights as {rule: {category: log-odds}}."""
    seen = fired(knowledge, items, subtasks=False)
    wanted = np.array([targets(item, seen.outcomes) for item in items])
    return _named(seen, fit(seen, wanted, np.zeros(wanted.shape), stiffness=stiffness))


def cross_fitted(knowledge: Knowledge, items: Sequence[Item], *, stiffness: float = STIFFNESS) -> tuple[Array, Array]:
    """What the rules say of each item when they were fitted without the batch that it is from: log-odds, and targets.

    Both are items × categories. Every item is thus judged by weights that a stranger's texts were used for.
    """
    seen = fired(knowledge, items, subtasks=False)
    wanted = np.array([targets(item, seen.outcomes) for item in items])
    logits = np.zeros(wanted.shape)
    width = wanted.shape[1]
    batch = np.array([item.batch for item in items])
    for name in sorted(set(batch)):
        own, others = np.flatnonzero(batch == name), np.flatnonzero(batch != name)
        part = seen._replace(design=_rows(seen.design, others, width))
        weights = fit(part, wanted[others], np.zeros(wanted[others].shape), stiffness=stiffness)
        logits[own] = (_rows(seen.design, own, width) @ weights).reshape(-1, width)
    return logits, wanted


def _rows(design: sparse.csr_matrix, items: Array, width: int) -> sparse.csr_matrix:
    """The rows of a design matrix that are about some items."""
    return design[(items[:, None] * width + np.arange(width)).ravel()]


def subtask_weights(knowledge: Knowledge, items: Sequence[Item], *, stiffness: float = STIFFNESS) -> dict[str, Any]:
    """Fitted weights as {rule: {category/subtask: log-odds}}, each category's sub-tasks among themselves."""
    told = [item for item in items if item.subtask]
    seen = fired(knowledge, told, subtasks=True)
    owner = np.array([name.split("/")[0] for name in seen.outcomes])
    wanted = np.array([[float(name == item.subtask) for name in seen.outcomes] for item in told])
    open_to = np.array([np.where(owner == item.category, 0.0, NOTHING) for item in told])
    return _named(seen, fit(seen, wanted, open_to, stiffness=stiffness))


def _named(seen: Fired, weights: Array) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for (rule, target), weight in zip(seen.names, weights, strict=True):
        found.setdefault(rule, {})[target] = round(float(weight), 3)
    return found
