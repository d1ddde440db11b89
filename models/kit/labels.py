"""Labels: the classes of a target in the order in which probabilities stand, and what all classifiers do with them."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import columns, plots
from models.kit.errors import ConfigError, TableError, count, did_you_mean
from models.kit.splits import Rows, Split
from models.kit.training import Point

OF_TWO_CLASSES = ("average_precision", "roc_auc", "recall_at_capacity")  # metrics

Vector = npt.NDArray[np.float64]


class Labels(NamedTuple):
    """The classes in order, and the place of each example's class; -1 is a class of rows that the split left out."""

    classes: tuple[str, ...]
    target: npt.NDArray[np.int64]


def classes(labels: Sequence[str], *, positive: str | None) -> tuple[str, ...]:
    """Returns the classes in order: numbers by size, names by alphabet; of two, the positive (or rarer) one is last.

    >>> classes(["10", "9", "10", "1"], positive=None), classes(["no", "no", "yes"], positive="no")
    (('1', '9', '10'), ('yes', 'no'))
    """
    found = sorted(set(labels))
    with suppress(ValueError):  # names, which are sorted already
        found.sort(key=float)
    if positive is not None and (positive not in found or len(found) != 2):
        known = did_you_mean(positive, found) or f"; the classes are {', '.join(found[:8])}"
        raise ConfigError(f"positive: {positive!r} is not one of two classes{known}")
    if len(found) == 2:
        last = positive if positive is not None else min(reversed(found), key=labels.count)
        found.sort(key=lambda name: name == last)
    return tuple(found)


def placed(named: npt.NDArray[Any], split: Split, *, positive: str | None, metric: str) -> Labels:
    """Returns the classes that the known examples have, and the place of each example's; raises `ConfigError` where the
    metric is for two classes and there are more.

    >>> split = Split(np.array([0, 1]), np.array([], dtype=np.int64), np.array([2]), "in order")
    >>> placed(np.array(["no", "yes", "no"]), split, positive=None, metric="log_loss").target.tolist()
    [0, 1, 0]
    """
    known = classes(named[np.concatenate([split.train, split.validation])].tolist(), positive=positive)
    if metric in OF_TWO_CLASSES and len(known) != 2:
        raise ConfigError(f"metric: {metric} is for two classes, and there are {len(known)}; use log_loss or macro_f1")
    places = {name: place for place, name in enumerate(known)}
    return Labels(known, np.array([places.get(label, -1) for label in named], dtype=np.int64))


def checked(named: pl.Series, *, noun: str) -> tuple[pl.Series, npt.NDArray[np.bool_], tuple[str, ...]]:
    """Returns the classes of those examples that have one, which these are, and a sentence about the others.

    Raises `TableError` where there is nothing to tell apart, or more than can be learned.

    >>> checked(pl.Series("kind", ["a", None, *"ababababa"]), noun="sound")[2]
    ("target 'kind' is missing in 1 of 11 sounds; those are left out",)
    """
    name, known = named.name, named.is_not_null().to_numpy()
    present = named.drop_nulls()
    if present.len() < columns.FEWEST_ROWS:
        raise TableError(
            f"target {name!r}: only {count(present.len(), noun)} with one; at least {columns.FEWEST_ROWS} are needed"
        )
    number = present.n_unique()
    if number == 1:
        raise TableError(f"target {name!r} has only one class, {present[0]!r}; there is nothing to tell apart")
    if number > columns.MOST_CLASSES_SHARE * present.len():
        raise TableError(
            f"target {name!r} has {count(number, 'class')} in {count(present.len(), noun)}, more than can be learned; "
            "group them, or name another column"
        )
    gaps = named.len() - present.len()
    said = f"target {name!r} is missing in {gaps:,} of {count(named.len(), noun)}; those are left out"
    return present, known, (said,) if gaps else ()


def shares(target: npt.NDArray[np.int64], *, number: int) -> Callable[[Rows], Vector]:
    """Returns what needs no model, as a function of rows: the share of each of `number` classes among the known.

    >>> shares(np.array([0, 0, 1, 0]), number=2)(np.array([5])).tolist()
    [[0.75, 0.25]]
    """
    found = np.bincount(target, minlength=number) / target.size
    return lambda rows: np.tile(found, (rows.size, 1))


def shown(probabilities: Vector, names: Sequence[str]) -> pl.DataFrame:
    """Returns the likeliest class of each example, and the probability of each.

    >>> shown(np.array([[0.2, 0.8]]), ["no", "yes"]).row(0)
    ('yes', 0.2, 0.8)
    """
    likeliest = pl.Series("predicted", [names[place] for place in probabilities.argmax(axis=1)], dtype=pl.String)
    chances = [pl.Series(f"probability of {name}", probabilities[:, place]) for place, name in enumerate(names)]
    return pl.DataFrame([likeliest, *chances])


def draw(
    folder: Path,
    truth: npt.NDArray[np.int64],
    probabilities: Vector,
    *,
    names: Sequence[str],
    history: Sequence[Point],
) -> None:
    """Draws what was taken for what, and of two classes how far the probabilities can be trusted."""
    plots.confusion(folder / "confusion.png", truth, probabilities, classes=tuple(names))
    plots.learning_curve(folder / "learning_curve.png", tuple(history), title="log-loss")
    if len(names) == 2:
        plots.calibration(folder / "calibration.png", truth == 1, probabilities[:, 1], name=names[1])
        plots.precision_recall(folder / "precision_recall.png", truth == 1, probabilities[:, 1], name=names[1])
