"""Weights of what speaks for a target and for a leak, fitted to worked tables: profiling/weights.json.

The target is a choice among the columns of one table, so its weights come from a conditional logit over them; whether a
column leaks is asked of each column, so those come from a logistic regression. Both are held near the priors, which
were set by hand. Tables that are held out are never read here.
"""

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize

from advisor.profiling import weighing
from advisor.profiling.targets import TEMPERATURE
from taxonomy.sources import ROOT

Array = np.ndarray[Any, np.dtype[Any]]
Item = dict[str, Any]

TABLES = ROOT.parent / "tests" / "advisor" / "tables"
MORE = ("second_development.jsonl", "third_development.jsonl")
NO_TARGET = ("unsupervised", "no_ml", "other")
STIFFNESS = {"target": 2.0, "leak": 0.5}  # of the prior: squared distance of a weight from it, against log loss
HELD, HARD = ("unfit_", "asked"), 10.0  # traits that small tables hardly show: nearly as they were set by hand
FOLDS = 8
BIAS = "(bias)"


class Example(NamedTuple):
    """One choice among columns, or one column: traits of each option, and which are right."""

    table: int
    traits: tuple[dict[str, float], ...]
    right: Array


def items() -> list[Item]:
    """The development tables."""
    found = [json.loads(file.read_text(encoding="utf-8")) | {"own": True} for file in sorted(TABLES.glob("*.json"))]
    return found + [
        json.loads(line) for name in MORE for line in (TABLES / name).read_text(encoding="utf-8").splitlines()
    ]


def examples(worked: Sequence[Item]) -> tuple[list[Example], list[Example]]:
    """What the worked tables teach about targets, and about leaks given the right target."""
    from advisor.api import frame
    from advisor.findings import all_signs
    from advisor.profiling import looking, opening, targets

    choices, leaks = [], []
    leanings = [frame(item["text"]).probabilities for item in worked]
    forms = ((place, form) for place, one in enumerate(worked) for form in (one, shuffled(one)))
    for number, item in forms:
        wanted = {item["target"]} if isinstance(item["target"], str) else set(item["target"] or ())
        if not wanted:
            continue
        rows = opening.from_rows(item["table"])
        text, leaning = item["text"], leanings[number]
        prepared = looking.prepare(rows, description=text, target=None, leaning=leaning)
        options = targets.options(prepared.setting)
        right = np.array([set(option.columns) == wanted for option in options])
        if not right.any():
            right = np.array([set(option.columns) <= wanted for option in options])
        if item["category"] not in NO_TARGET and right.any() and item is worked[number]:
            choices.append(Example(number, tuple(dict(option.traits) for option in options), right))
        named = item["target"] if isinstance(item["target"], str) else None
        seen, sample = looking.judge(prepared, target=named), prepared.opened.sample
        if named is None:
            seen = seen._replace(target=tuple(item["target"]))
        for name, signs in all_signs(sample, seen, text):
            traits = {sign.name: 1.0 for sign in signs}
            leaks.append(Example(number, (traits,), np.array([name in item["leakage"]])))
    return choices, leaks


def shuffled(item: Item) -> Item:
    """The same table with its columns in another order, for leaks: that they stand behind the target is a habit of who
    writes worked tables, while that a target stands last is one of everybody."""
    names, rows = item["table"]["columns"], item["table"]["rows"]
    order = random.Random(item["id"]).sample(range(len(names)), len(names))
    table = {"columns": [names[place] for place in order], "rows": [[row[place] for place in order] for row in rows]}
    return item | {"table": table}


def fit_target(found: Sequence[Example], prior: dict[str, float], *, stiffness: float) -> dict[str, float]:
    """Weights of a conditional logit: the right column against the others of its table."""
    designs = [np.array([[each.get(name, 0.0) for name in prior] for each in one.traits]) for one in found]

    def loss(weights: Array) -> tuple[float, Array]:
        total, slope = 0.0, np.zeros_like(weights)
        for one, design in zip(found, designs, strict=True):
            logits = design @ weights / TEMPERATURE
            chances = np.exp(logits - logits.max())
            chances /= chances.sum()
            of_right = (chances * one.right).sum()
            total -= float(np.log(of_right))
            slope += design.T @ (chances - chances * one.right / of_right) / TEMPERATURE
        return total, slope

    hold = {name: stiffness * (HARD if name.startswith(HELD) else 1.0) for name in prior}
    return _minimum(loss, prior, hold)


def fit_leak(found: Sequence[Example], prior: dict[str, float], *, stiffness: float) -> dict[str, float]:
    """Weights of a logistic regression over all columns; the bias (BIAS) is free."""
    design = np.array([[each.get(name, 0.0) for name in prior] for one in found for each in one.traits])
    design[:, list(prior).index(BIAS)] = 1.0
    right = np.concatenate([one.right for one in found]).astype(float)

    def loss(weights: Array) -> tuple[float, Array]:
        logits = design @ weights
        chances = 1 / (1 + np.exp(-logits))
        return float((np.logaddexp(0, logits) - right * logits).sum()), design.T @ (chances - right)

    return _minimum(loss, prior, {name: 0.01 if name == BIAS else stiffness for name in prior})


def _minimum(
    loss: Callable[[Array], tuple[float, Array]], prior: dict[str, float], stiffness: dict[str, float]
) -> dict[str, float]:
    start, hold = np.array(list(prior.values())), np.array([stiffness[name] for name in prior])

    def held(weights: Array) -> tuple[float, Array]:
        total, slope = loss(weights)
        off = weights - start
        return total + float((hold * off * off).sum()) / 2, slope + hold * off

    found = optimize.minimize(held, start, jac=True, method="L-BFGS-B").x
    return {name: float(weight) for name, weight in zip(prior, found, strict=True)}


def score(traits: dict[str, float], weights: dict[str, float]) -> float:
    """The score of one option, the bias left out."""
    return sum(weights[name] * value for name, value in traits.items())


def judged(found: Sequence[Example], fit: Callable[[Sequence[Example]], dict[str, float]]) -> list[list[float]]:
    """The scores of all options, each table's by weights that were fitted without it."""
    fold = np.random.default_rng(0).integers(0, FOLDS, max(one.table for one in found) + 1)
    weights = [fit([one for one in found if fold[one.table] != each]) for each in range(FOLDS)]
    return [
        [score(each, weights[fold[one.table]]) + weights[fold[one.table]].get(BIAS, 0.0) for each in one.traits]
        for one in found
    ]


def run(tell: Callable[[str], None]) -> None:
    """Fit both, say how well they do on tables that they were not fitted to, and write them."""
    numbers = json.loads(weighing.FILE.read_text(encoding="utf-8"))
    worked = items()
    first = sum("own" in item for item in worked)
    choices, leaks = examples(worked)
    priors = {name: {k: v["prior"] for k, v in numbers[name]["traits"].items()} for name in ("target", "leak")}
    priors["leak"][BIAS] = -numbers["leak"]["prior_threshold"]

    def target(some: Sequence[Example]) -> dict[str, float]:
        return fit_target(some, priors["target"], stiffness=STIFFNESS["target"])

    def leak(some: Sequence[Example]) -> dict[str, float]:
        return fit_leak(some, priors["leak"], stiffness=STIFFNESS["leak"])

    scores = judged(choices, target)
    hits = [bool(one.right[int(np.argmax(each))]) for one, each in zip(choices, scores, strict=True)]
    for where, tables in (("own", range(first)), ("other hands'", range(first, len(worked)))):
        mine = [hit for hit, one in zip(hits, choices, strict=True) if one.table in tables]
        tell(f"target, cross-validated, {where} tables: {sum(mine)} of {len(mine)}")
    truth = np.concatenate([one.right for one in leaks])
    guess = np.array([each[0] for each in judged(leaks, leak)])
    cut = best_cut(guess, truth)
    told = guess >= cut
    hit = (told & truth).sum()
    tell(f"leaks given the target, cross-validated: precision {hit / told.sum():.2f}, recall {hit / truth.sum():.2f}")
    weights = leak(leaks)
    write(weighing.FILE, numbers, target(choices), {"threshold": 0.0}, "target")
    write(weighing.FILE, numbers, weights, {"threshold": cut - weights[BIAS]}, "leak")
    tell(f"wrote {weighing.FILE}")


def best_cut(guess: Array, truth: Array) -> float:
    """The score from which the lower of precision and recall is highest."""
    cuts = np.linspace(-1.5, 1.5, 61)
    told = guess[:, None] >= cuts
    hits = (told & truth[:, None]).sum(axis=0)
    lower = np.minimum(hits / np.maximum(told.sum(axis=0), 1), hits / max(truth.sum(), 1))
    return float(np.median(cuts[lower == lower.max()]))


def write(path: Path, numbers: dict[str, Any], weights: dict[str, float], more: dict[str, float], name: str) -> None:
    """Put fitted weights beside their priors."""
    for trait, each in numbers[name]["traits"].items():
        each["weight"] = round(weights[trait], 3)
    numbers[name].update({key: round(value, 3) for key, value in more.items()})
    path.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
