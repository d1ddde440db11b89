"""What templates share that find something in a table without an answer: its rows, its columns, its design matrix.

Every column is an input, except those that `leave_out` names and the column `check`, which holds what somebody knows
about the rows (their kind, which of them are odd). No model ever sees it; results are compared with it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import cells, columns, dataset, metrics, preprocess, splits
from models.kit.columns import Column, Roles
from models.kit.config import Between, Learning
from models.kit.errors import ArtefactError, TableError, count
from models.kit.preprocess import Levels, Preprocess
from models.kit.task import Case, Data

Matrix = npt.NDArray[np.float64]
Vector = npt.NDArray[np.float64]

NO_ANSWER = Column("", "category")  # stands where a preprocessing has the column that it predicts
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, kw_only=True)
class Settings(Learning):
    """What a template is told that finds something in the columns of a table."""

    check: str | None
    leave_out: tuple[str, ...]
    rare_level_rows: Annotated[int, Between(1, 1_000_000)]
    scale: Literal["standard", "none"] | None


class Prepared(NamedTuple):
    """What the training rows taught about the columns, and the design matrix of all rows."""

    learned: Preprocess
    inputs: Matrix


def read(settings: Settings, folder: Path, most: int | None) -> Data[pl.DataFrame]:
    """Returns the rows of the table, and as `about` the roles of its columns; raises `TableError`.

    With `most`, that many rows are drawn at random (by the seed).
    """
    source = dataset.table(settings.table, folder=folder)
    frame, numbers, notes = dataset.drawn(source, most, seed=settings.seed)
    roles = assign(frame, check=settings.check, leave_out=settings.leave_out)
    return Data(settings.table, source.sha256, frame, numbers, (*notes, *roles.decisions), about=roles)


def plane(inputs: Matrix) -> Matrix:
    """Returns rows as points in the plane of their two largest principal components, to be looked at.

    >>> np.abs(plane(np.array([[0.0, 0.0], [3.0, 4.0]]))).round(1).tolist()
    [[2.5, 0.0], [2.5, 0.0]]
    """
    centred = inputs - inputs.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    two = np.zeros((inputs.shape[1], 2))
    two[:, : min(2, len(directions))] = directions[:2].T
    turned = np.sign(two[np.abs(two).argmax(axis=0), [0, 1]])  # a direction has no sign of its own
    found: Matrix = centred @ two * np.where(turned == 0, 1, turned)
    return found


def assign(frame: pl.DataFrame, *, check: str | None, leave_out: tuple[str, ...]) -> Roles:
    """Returns the roles of the columns of a table without an answer; raises `TableError`.

    >>> frame = pl.DataFrame({"row": range(12), "size": [1.5, 2.5, 3.0] * 4, "kind": ["a", "b"] * 6})
    >>> roles = assign(frame, check="kind", leave_out=())
    >>> [column.name for column in roles.inputs]
    ['size']
    >>> roles.decisions[-1]
    "column 'kind' is kept from the model; the result is compared with it"
    """
    if check is not None:
        columns.check_name(frame, check, setting="check")
    for name in leave_out:
        columns.check_name(frame, name, setting="leave_out")
    if frame.height < columns.FEWEST_ROWS:
        raise TableError(f"only {count(frame.height, 'row')}; at least {columns.FEWEST_ROWS} are needed")
    unseen = frame.drop(check) if check is not None else frame
    inputs, decisions = columns.inputs(unseen, leave_out=leave_out)
    if check is not None:
        decisions.append(f"column {check!r} is kept from the model; the result is compared with it")
    if not inputs:
        raise TableError("no column is left to look at: " + "; ".join(decisions))
    return Roles(NO_ANSWER, tuple(inputs), tuple(decisions))


def everything(data: Data[pl.DataFrame], settings: Settings) -> splits.Split:
    """Returns all rows as training and as test: what is found is found in these rows."""
    return splits.everything(data.size)


def prepare(data: Data[pl.DataFrame], split: splits.Split, settings: Settings) -> Prepared:
    """Returns the design matrix of all rows, as the training rows teach it."""
    learned = learn(data.examples[split.train], data.about, settings)
    return Prepared(learned, preprocess.transform(learned, data.examples))


def learn(frame: pl.DataFrame, roles: Roles, settings: Settings) -> Preprocess:
    """Returns what the rows teach about the columns; with `scale: none` numbers keep their own unit."""
    learned = preprocess.fit(frame, roles, rare_level_rows=settings.rare_level_rows, classes=("",))
    if settings.scale == "none":
        plain = (
            block if isinstance(block, Levels) else block._replace(mean=0.0, scale=1.0) for block in learned.blocks
        )
        learned = learned._replace(blocks=tuple(plain))
    return learned


def known(case: Case[Any, pl.DataFrame, Any]) -> npt.NDArray[Any] | None:
    """Returns what the column `check` says about the test rows, as text; None where no column is named."""
    if case.settings.check is None:
        return None
    return cells.texts(case.data.examples[case.settings.check]).fill_null("")[case.split.test].to_numpy()


def questions(case: Case[Any, pl.DataFrame, Any]) -> pl.DataFrame:
    """Returns the test rows without what is known about them."""
    rows = case.data.examples[case.split.test]
    return rows if case.settings.check is None else rows.drop(case.settings.check)


def actual(case: Case[Any, pl.DataFrame, Any]) -> pl.DataFrame:
    """Returns what is known about the test rows, as a column `known`, empty where no column is named."""
    found = known(case)
    return pl.DataFrame({"known": [""] * case.split.test.size if found is None else found.tolist()})


def features(model: Any) -> tuple[str, ...]:
    """Returns the names of the columns of the design matrix of a model that keeps what was `learned` about them."""
    learned: Preprocess = model.learned
    return learned.features


def shares(above: dict[str, Matrix], *, seed: int) -> metrics.Draws:
    """Returns 1 − Σ above / Σ below over the rows for each metric: the share of a spread that is explained.

    A value holds two columns, what is left over and what there was, for each row.

    >>> float(shares({"explained": np.array([[1.0, 2.0], [0.0, 2.0]])}, seed=0)["explained"][0])
    0.75
    """
    drawn = metrics.ratios({name: (each[:, 0], each[:, 1]) for name, each in above.items()}, seed=seed)
    return {name: 1 - each for name, each in drawn.items()}


def save(learned: Preprocess, arrays: dict[str, tc.Tensor], folder: Path) -> None:
    """Writes preprocess.json and weights.safetensors."""
    preprocess.save(learned, folder / preprocess.FILE)
    tc.nn.save_safetensors(arrays, folder / WEIGHTS)


def load(folder: Path, *names: str) -> tuple[Preprocess, dict[str, tc.Tensor]]:
    """Returns what `save` wrote; raises `ArtefactError` where a file or one of the named arrays is missing."""
    learned = preprocess.load(folder / preprocess.FILE)
    try:
        arrays = dict(tc.nn.load_safetensors(folder / WEIGHTS))
    except FileNotFoundError:
        raise ArtefactError(f"{folder / WEIGHTS}: there is no such file; run train.py first") from None
    except (ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder / WEIGHTS}: damaged ({error}); run train.py again") from None
    if absent := [name for name in names if name not in arrays]:
        raise ArtefactError(f"{folder / WEIGHTS}: {absent[0]!r} is missing; run train.py again")
    return learned, arrays


def decoded(learned: Preprocess, inputs: Matrix) -> pl.DataFrame:
    """Returns rows of a design matrix as a table again: numbers in their unit, of the levels the likeliest.

    A number whose mark "is missing" is above a half, and a level that is, come back as missing.

    >>> frame = pl.DataFrame({"size": [1.0, 2.0, 6.0], "kind": ["a", "b", "a"]})
    >>> roles = Roles(NO_ANSWER, (Column("size", "number"), Column("kind", "category")), ())
    >>> learned = preprocess.fit(frame, roles, rare_level_rows=1, classes=("",))
    >>> decoded(learned, preprocess.transform(learned, frame)).rows()
    [(1.0, 'a'), (2.0, 'b'), (6.0, 'a')]
    """
    found: dict[str, Any] = {}
    done = 0
    for block in learned.blocks:
        name = f"{block.column}: {block.part}" if block.part else block.column
        if isinstance(block, Levels):
            named = [*block.levels, *(["rare"] if block.rare else []), *([None] if block.marked else [])]
            part = inputs[:, done : done + len(named)]
            found[name] = [named[place] for place in part.argmax(axis=1)]
            done += len(named)
        else:
            values = inputs[:, done] * block.scale + block.mean
            gaps = inputs[:, done + 1] > 0.5 if block.marked else np.zeros(len(inputs), dtype=bool)
            found[name] = [None if gap else value for value, gap in zip(values.tolist(), gaps.tolist(), strict=True)]
            done += 2 if block.marked else 1
    return pl.DataFrame(found)
