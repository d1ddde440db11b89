"""The rule: read from rule.json and applied; beside it the commonest answer and a decision tree."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import config, metrics, rules
from models.kit.config import Between
from models.kit.rule_ops import Value

MOST_LABELS = 200  # different answers that the tree learns as classes; more are learned as numbers

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Settings(config.Project):
    """The settings of config.yaml."""

    rule: str
    most_exceptions: Annotated[int, Between(0, 1_000_000_000)]
    test_share: Annotated[float, Between(0.05, 0.5)]


def load(settings: Settings, *, folder: Path) -> rules.Rule:
    """Returns the rule that the settings name; raises `RuleError` where its target is another column."""
    rule = rules.load(folder / settings.rule)
    if rule.target.name != settings.target:
        raise rules.RuleError(
            f"{settings.rule}: the rule gives {rule.target.name!r}, not the target {settings.target!r}"
        )
    return rule


def right(given: list[Value], actual: list[Value]) -> Flags:
    """Returns where the given values are the actual ones.

    >>> right([1.0, None, "a"], [1.0, 2.0, "a"]).tolist()
    [True, False, True]
    """
    return np.array([rules.same(one, other) for one, other in zip(given, actual, strict=True)], dtype=bool)


def draws(flags: Flags, *, seed: int) -> metrics.Draws:
    """Returns the share of rows that are right, with its resamples.

    >>> float(draws(np.array([True, True, False, True]), seed=0)["accuracy"][0])
    0.75
    """
    chances = np.stack([1.0 - flags, flags.astype(np.float64)], axis=1)
    return {"accuracy": metrics.classification(np.ones(flags.size, dtype=np.int64), chances, seed=seed)["accuracy"]}


def dummy(known: list[Value], rows: int) -> list[Value]:
    """Returns what needs no rule: the commonest answer of the known rows, for each of `rows` rows.

    >>> dummy(["a", "b", "a"], 2)
    ['a', 'a']
    """
    return [Counter(known).most_common(1)[0][0]] * rows if known else [None] * rows


def peer(
    rule: rules.Rule,
    frame: pl.DataFrame,
    actual: list[Value],
    known: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
) -> list[Value]:
    """Returns what scikit-learn's decision tree predicts for `rows`, learned on `known` from the rule's own columns."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    inputs = np.stack([_numbers(frame[each.name], each) for each in rule.inputs], axis=1)
    labels = sorted({str(actual[row]) for row in known})
    if len(labels) > MOST_LABELS and rule.target.kind == "number":
        tree = DecisionTreeRegressor(random_state=0).fit(inputs[known], [actual[row] for row in known])
        return [float(value) for value in tree.predict(inputs[rows])]
    values = {str(actual[row]): actual[row] for row in known}
    tree = DecisionTreeClassifier(random_state=0).fit(inputs[known], [str(actual[row]) for row in known])
    return [values[str(label)] for label in tree.predict(inputs[rows])]


def _numbers(column: pl.Series, as_: rules.Input) -> npt.NDArray[np.float64]:
    """Returns a column as numbers: texts by their place in the alphabet, moments in seconds, -1 where missing."""
    if as_.kind == "number":
        return np.array([-1.0 if each is None else each for each in rules.read_column(column, as_)], dtype=np.float64)
    cells = pl.Series(rules.read_column(column, as_))
    ranks = cells.dt.epoch("s") if as_.kind == "time" else cells.rank("dense")
    return ranks.cast(pl.Float64).fill_null(-1.0).to_numpy()
