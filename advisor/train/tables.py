"""What is learned from worked tables: the column reader, and what its voice, names, places and values weigh.

The target is a choice among the columns of one table, so its weights come from a conditional logit over them; whether a
column leaks is asked of each column, so those come from a logistic regression. First all traits are fitted to the
tables that the reader's twin learns from, held near what was set by hand; then, held near that, together with the
twin's voice to tables by hands that it has not seen. The release has learned from those, too. The limit from which a
column is told to leak is chosen on other tables, of which fewer have a leak. What is held out is never read here.
"""

import json
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize, special

from advisor.column_reader import ColumnReader
from advisor.decision import hear
from advisor.profiling import weighing
from advisor.profiling.targets import TEMPERATURE
from advisor.train import columns
from taxonomy.knowledge import load
from taxonomy.reading import read_text
from taxonomy.sources import ROOT

Array = np.ndarray[Any, np.dtype[Any]]
Item = dict[str, Any]
Weights = dict[str, dict[str, float]]  # judgement -> trait -> weight

TABLES = ROOT.parent / "tests" / "advisor" / "tables"
FIRST = "first"  # the hand that wrote the single files
UNSEEN = ("ninth", "fourteenth")  # hands whose tables the twin of the reader does not see
NO_TARGET = ("unsupervised", "no_ml", "other")
STIFFNESS = {"target": 2.0, "leak": 0.5}  # of the prior: squared distance of a weight from it, against log loss
# Traits that are held nearly as they were set by hand: those that small tables hardly show, and places, since where a
# target stands in worked tables was decided by those who wrote them.
HELD, HARD = ("unfit_", "asked", "first", "last", "second_last", "third_last", "depth"), 10.0
FOLDS = 8
TASK_STIFFNESS = 100.0  # of all voices together, against log loss: squared logarithm of their scale
MOST_ALONE = 700  # tables by which names, places and values are weighed without the reader: there are few weights
USUAL_STEP = 4  # every so many of the tables in reserve, which are many
BIAS = "(bias)"


class Example(NamedTuple):
    """One choice among columns, or one column: traits of each option, and which are right."""

    table: int
    traits: tuple[dict[str, float], ...]
    right: Array


def items() -> list[Item]:
    """The development tables; `hand` says whose they are."""
    found = [json.loads(file.read_text(encoding="utf-8")) | {"hand": FIRST} for file in sorted(TABLES.glob("*.json"))]
    return found + _lines("development")


def usual() -> list[Item]:
    """Tables of which about as many have a leak as do in life, for the limit from which a column is told to leak: of
    the development tables nearly half have one, so that there is something to learn."""
    return _lines("reserve")[::USUAL_STEP]


def _lines(kind: str) -> list[Item]:
    found: list[Item] = []
    for file in sorted(TABLES.glob(f"*_{kind}.jsonl")):
        hand = file.name.partition("_")[0]
        found += [json.loads(line) | {"hand": hand} for line in file.read_text(encoding="utf-8").splitlines()]
    return found


def examples(worked: Sequence[Item], reader: ColumnReader | None = None) -> tuple[list[Example], list[Example]]:
    """What the worked tables teach about targets, and about leaks given the right target."""
    from advisor.findings import all_signs
    from advisor.profiling import looking, opening, targets
    from advisor.tabular import consider

    knowledge = load()
    choices, leaks = [], []
    forms = ((place, form) for place, one in enumerate(worked) for form in (one, shuffled(one)))
    for number, item in forms:
        wanted = {item["target"]} if isinstance(item["target"], str) else set(item["target"] or ())
        if not wanted:
            continue
        rows, text = opening.from_rows(item["table"]), item["text"]
        said = hear(knowledge, text, read_text(knowledge, text))
        prepared, _ = consider(knowledge, said, rows, reader=reader)
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
        for name, signs in all_signs(sample, seen, text, glance=prepared.setting.glance):
            traits = {sign.name: sign.amount for sign in signs}
            leaks.append(Example(number, (traits,), np.array([name in item["leakage"]])))
    return choices, leaks


def fit_task(worked: Sequence[Item], reader: ColumnReader) -> dict[str, float]:
    """What the reader's log-odds of the task are multiplied by, beside all that words and facts of the table say, and
    what their sum is multiplied by (`weighing.scale`), held near 1: what words weigh was fitted to many more cases."""
    from advisor import tabular
    from advisor.profiling import opening
    from models.sentence_encoder.training import soft_label

    knowledge = load()
    names = list(knowledge.categories)
    rest, said, wanted = [], [], []
    for item in worked:
        rows, text = opening.from_rows(item["table"]), item["text"]
        reading = read_text(knowledge, text)
        heard = hear(knowledge, text, reading)
        alone = tabular.frame(heard, knowledge, reading, table=rows, target=None, answers={}, about={}, reader=None)
        prepared, _ = tabular.consider(knowledge, heard, rows, reader=reader)
        assert prepared.setting.glance is not None
        rest.append([np.log(alone.probabilities[name] + 1e-9) for name in names])
        said.append([prepared.setting.glance.categories[name] for name in names])
        wanted.append(soft_label(item["category"], item["accept"], names))
    before, beside, right = np.array(rest), np.array(said), np.array(wanted)

    def loss(scales: Array) -> float:
        logits = scales[1] * (before + scales[0] * beside)
        held = TASK_STIFFNESS * np.log(max(scales[1], 1e-6)) ** 2 / 2
        return float((right * (special.logsumexp(logits, axis=1, keepdims=True) - logits)).sum() + held)

    own, every = optimize.minimize(loss, np.array([0.5, 1.0]), method="Nelder-Mead").x
    return {"reader": round(float(own), 3), "all": round(float(every), 3)}


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
    """Make the column reader, fit all weights, say how well they do on tables that they were not fitted to, and write
    everything."""
    numbers = json.loads(weighing.FILE.read_text(encoding="utf-8"))
    worked, categories = items(), list(load().categories)
    known = [item for item in worked if item["hand"] not in UNSEEN]
    unseen = [item for item in worked if item["hand"] in UNSEEN]
    tell(f"{len(known)} worked tables, and {len(unseen)} to weigh the column reader by")
    by_hand = {name: {k: v["prior"] for k, v in numbers[name]["traits"].items()} for name in STIFFNESS}
    by_hand["leak"][BIAS] = -numbers["leak"]["thresholds"]["prior"]
    some = known[:: -(-len(known) // MOST_ALONE)]
    alone = fitted(*examples(some), by_hand, tell)
    keep(numbers, alone, "alone", cut_of(numbers, alone, "alone", None, tell))
    ready = [columns.worked(item, categories) for item in (*known, *unseen)]
    twin = columns.train(ready[: len(known)], categories, tell=tell)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "twin.onnx"
        columns.write(twin, path)
        reader = ColumnReader(str(path))
        together = fitted(*examples(unseen, reader), alone, tell)
        numbers["task"] = fit_task(unseen, reader)
        keep(numbers, together, "together", cut_of(numbers, together, "together", reader, tell))
        figures = columns.figures(reader, ready[len(known) :])
    columns.release(twin, ready, figures, tell=tell)
    tell(f"wrote {weighing.FILE}")


def keep(numbers: dict[str, Any], weights: Weights, side: str, cut: float) -> None:
    """Write fitted weights beside the others, and the score from which a column is told to leak."""
    for judgement, traits in weights.items():
        for trait, each in numbers[judgement]["traits"].items():
            each[side] = round(traits[trait], 3)
    numbers["leak"]["thresholds"][side] = round(cut, 3)
    weighing.FILE.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    weighing.forget()


def cut_of(
    numbers: dict[str, Any],
    weights: Weights,
    side: str,
    reader: ColumnReader | None,
    tell: Callable[[str], None],
) -> float:
    """The score from which a column is told to leak, beside the targets that are chosen with the fitted weights."""
    keep(numbers, weights, side, 0.0)
    return best_cut(*suspicions(usual(), reader), tell)


def fitted(
    choices: Sequence[Example], leaks: Sequence[Example], priors: Weights, tell: Callable[[str], None]
) -> Weights:
    """The weights of both judgements, held near `priors`; cross-validated figures are told."""

    def target(some: Sequence[Example]) -> dict[str, float]:
        return fit_target(some, priors["target"], stiffness=STIFFNESS["target"])

    def leak(some: Sequence[Example]) -> dict[str, float]:
        return fit_leak(some, priors["leak"], stiffness=STIFFNESS["leak"])

    scores = judged(choices, target)
    hits = [bool(one.right[int(np.argmax(each))]) for one, each in zip(choices, scores, strict=True)]
    tell(f"target, cross-validated: {sum(hits)} of {len(hits)}")
    truth = np.concatenate([one.right for one in leaks])
    tell("leaks, given the target, cross-validated:")
    best_cut(np.array([each[0] for each in judged(leaks, leak)]), truth, tell)
    return {"target": target(choices), "leak": leak(leaks)}


def suspicions(worked: Sequence[Item], reader: ColumnReader | None) -> tuple[Array, Array]:
    """How suspect each column is beside the target that the weights on disk choose, and whether it leaks."""
    from advisor.findings import all_signs
    from advisor.profiling import looking, opening
    from advisor.tabular import consider

    knowledge = load()
    weighing.forget()
    guess, truth = [], []
    for item in worked:
        rows, text = opening.from_rows(item["table"]), item["text"]
        prepared, _ = consider(knowledge, hear(knowledge, text, read_text(knowledge, text)), rows, reader=reader)
        seen, sample = looking.judge(prepared), prepared.opened.sample
        for name, signs in all_signs(sample, seen, text, glance=prepared.setting.glance) if seen.target_columns else ():
            guess.append(sum(sign.weight(read=reader is not None) for sign in signs))
            truth.append(name in item["leakage"])
    return np.array(guess), np.array(truth)


def best_cut(guess: Array, truth: Array, tell: Callable[[str], None]) -> float:
    """The score from which the lower of precision and recall is highest; both are told."""
    cuts = np.linspace(np.quantile(guess, 0.5), np.quantile(guess, 0.99), 100)
    told = guess[:, None] >= cuts
    hits = (told & truth[:, None]).sum(axis=0)
    lower = np.minimum(hits / np.maximum(told.sum(axis=0), 1), hits / max(truth.sum(), 1))
    best = int(np.median(np.flatnonzero(lower == lower.max())))
    tell(f"leaks: precision {hits[best] / max(told[:, best].sum(), 1):.2f}, recall {hits[best] / truth.sum():.2f}")
    return float(cuts[best])
