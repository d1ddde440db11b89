"""Preprocessing: a table in, a design matrix out. scikit-learn learns it, plain numbers remember it, numpy applies it.

What was learned (medians, means, scales, levels) is a small JSON file, so a model is loaded without pickle and without
scikit-learn, and gives the same matrix to the last bit. The rules are those of `SimpleImputer(strategy="median",
add_indicator=True)`, `StandardScaler` and `OneHotEncoder(min_frequency=…, handle_unknown="ignore")`; a date becomes
year, elapsed days and, where it has one, the hour, as numbers, and month and day of the week as categories.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import cells, files
from models.kit.columns import Column, Roles, check_kind, target_values
from models.kit.errors import ArtefactError, TableError, did_you_mean, listed

SCHEMA = 1
FILE = "preprocess.json"
MOST_LEVELS = 50  # of one column, the rare ones together counting as one
SECONDS_PER_DAY = 86_400

Matrix = npt.NDArray[np.float64]


class Number(NamedTuple):
    """A numeric input: the median fills gaps, then it is centred and scaled; `marked` adds a column "is missing"."""

    column: str
    kind: str
    form: str
    part: str
    median: float
    mean: float
    scale: float
    marked: bool


class Levels(NamedTuple):
    """A categorical input: a column for each level, one for all `rare` ones, and one for "is missing" if `marked`."""

    column: str
    kind: str
    form: str
    part: str
    levels: tuple[str, ...]
    rare: tuple[str, ...]
    marked: bool


class Preprocess(NamedTuple):
    """All that was learned from the training rows; `target` is what it predicts, `classes` its names or nothing."""

    target: Column
    classes: tuple[str, ...]
    target_mean: float
    target_scale: float
    blocks: tuple[Number | Levels, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a table needs, in order."""
        return tuple(dict.fromkeys(block.column for block in self.blocks))

    @property
    def features(self) -> tuple[str, ...]:
        """The name of each column of the design matrix."""
        return tuple(name for block in self.blocks for name in _names(block))


def fit(frame: pl.DataFrame, roles: Roles, *, rare_level_rows: int, classes: tuple[str, ...] = ()) -> Preprocess:
    """Returns what the training rows teach about the inputs; a level in fewer than `rare_level_rows` rows is rare.

    >>> frame = pl.DataFrame({"size": [1.0, 2.0, None], "price": [1, 2, 3]})
    >>> roles = Roles(Column("price", "number"), (Column("size", "number"),), ())
    >>> learned = fit(frame, roles, rare_level_rows=1)
    >>> learned.features, transform(learned, frame).shape
    (('size', 'size is missing'), (3, 2))
    """
    blocks: list[Number | Levels] = []
    for column in roles.inputs:
        for part, values in _parts(frame, column):
            if values.dtype == pl.String:
                block: Number | Levels | None = _levels(column, part, values, rare_level_rows=rare_level_rows)
            else:
                block = _number(column, part, values)
            blocks += [block] if block is not None else []
    if not blocks:
        raise TableError("all inputs have one value only in the training rows, so nothing can be learned from them")
    mean, scale = 0.0, 1.0
    if not classes:
        answers = target_values(frame, roles.target).to_numpy()
        mean, scale = float(np.mean(answers)), float(np.std(answers)) or 1.0
    return Preprocess(roles.target, classes, mean, scale, tuple(blocks))


def unlearned(learned: Preprocess, roles: Roles) -> tuple[str, ...]:
    """Returns, in sentences, which inputs the training rows taught nothing about, though other rows hold values.

    >>> frame = pl.DataFrame({"size": [1.0, 2.0], "later": [None, None], "price": [1, 2]})
    >>> roles = Roles(Column("price", "number"), (Column("size", "number"), Column("later", "number")), ())
    >>> unlearned(fit(frame, roles, rare_level_rows=1), roles)
    ("column 'later' has no value in the training rows; left out",)
    """
    gone = [column.name for column in roles.inputs if column.name not in learned.columns]
    return tuple(f"column {name!r} has no value in the training rows; left out" for name in gone)


def check(learned: Preprocess, frame: pl.DataFrame) -> None:
    """Raises `TableError` where a table lacks a column that training had, or holds no numbers or dates where it did."""
    _check_names(learned, frame)
    for column in _columns(learned):
        if column.kind != "category":
            _, read = next(_parts(frame, column))
            check_kind(frame[column.name], read, column.kind)


def unknown(learned: Preprocess, frame: pl.DataFrame) -> tuple[str, ...]:
    """Returns the names of the columns whose values are all new: none is a level that training saw.

    >>> roles = Roles(Column("price", "number"), (Column("city", "category"),), ())
    >>> learned = fit(pl.DataFrame({"city": ["Ulm", "Bonn"], "price": [1, 2]}), roles, rare_level_rows=1)
    >>> unknown(learned, pl.DataFrame({"city": ["Ulm", "Rome"]})), unknown(learned, pl.DataFrame({"city": ["Rome"]}))
    ((), ('city',))
    """
    whole = [block for block in learned.blocks if isinstance(block, Levels) and not block.part]
    present = [(block, cells.texts(frame[block.column]).drop_nulls()) for block in whole]
    return tuple(
        block.column
        for block, values in present
        if values.len() and not values.is_in([*block.levels, *block.rare]).any()
    )


def _columns(learned: Preprocess) -> tuple[Column, ...]:
    """Returns the columns that training read, each with the kind that it had."""
    every = (Column(block.column, block.kind, block.form) for block in learned.blocks)  # type: ignore[arg-type]
    return tuple(dict.fromkeys(every))


def _check_names(learned: Preprocess, frame: pl.DataFrame) -> None:
    for name in learned.columns:
        if name not in frame.columns:
            hint = did_you_mean(name, frame.columns)
            raise TableError(
                f"the table has no column {name!r}, which the model needs{hint}; it needs {listed(learned.columns)}"
            )


def transform(learned: Preprocess, frame: pl.DataFrame) -> Matrix:
    """Returns the design matrix of shape (rows, features); raises `TableError` naming a column that the table lacks."""
    _check_names(learned, frame)
    read = {column.name: dict(_parts(frame, column)) for column in _columns(learned)}
    blocks = []
    for block in learned.blocks:
        values = read[block.column][block.part]
        blocks.append(_apply_number(block, values) if isinstance(block, Number) else _apply_levels(block, values))
    return np.concatenate(blocks, axis=1)


def save(learned: Preprocess, path: str | Path) -> None:
    """Writes what was learned as JSON; every float is written so that it reads back as itself."""
    blocks = [{"block": type(block).__name__, **block._asdict()} for block in learned.blocks]
    content = {"schema": SCHEMA, **learned._asdict(), "target": learned.target._asdict(), "blocks": blocks}
    files.write(path, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def load(path: str | Path) -> Preprocess:
    """Returns what `save` wrote; raises `ArtefactError` when the file is not whole or not of this kind.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / FILE
    >>> size = Number("size", "number", ".", "", median=1.0, mean=0.3, scale=0.7, marked=False)
    >>> learned = Preprocess(Column("price", "number"), (), 0.1, 3.0, (size,))
    >>> save(learned, file)
    >>> load(file) == learned
    True
    """
    path = Path(path)
    content = files.read_json(path, remedy="run train.py first")
    try:
        if content["schema"] != SCHEMA:
            raise ArtefactError(f"{path}: schema {content['schema']!r} is not {SCHEMA}; run train.py again")
        target = _checked(Column, content["target"])
        blocks = tuple(_checked(_BLOCKS[block.pop("block")], block) for block in content["blocks"])
        learned: Preprocess = _checked(
            Preprocess, {name: content[name] for name in Preprocess._fields} | {"target": target, "blocks": blocks}
        )
        if not blocks or not all(block.scale > 0 for block in blocks if isinstance(block, Number)):
            raise ValueError("a scale is not positive")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtefactError(
            f"{path}: not a preprocessing file, or a damaged one ({error}); run train.py again"
        ) from None
    return learned


_BLOCKS: dict[str, type[Any]] = {"Number": Number, "Levels": Levels}


def _checked(kind: type[Any], fields: dict[str, Any]) -> Any:
    """Returns the fields as that NamedTuple; raises `ValueError` when one is missing, unknown, or of another type."""
    hints = get_type_hints(kind)
    if odd := hints.keys() ^ fields.keys():
        raise ValueError(f"{kind.__name__}: {listed(sorted(odd))} missing or unknown")
    values = {}
    for name, value in fields.items():
        if hints[name] is float:
            good = type(value) in (int, float) and math.isfinite(value)
        elif hints[name] == tuple[str, ...]:
            good = all(isinstance(each, str) for each in value)
            value = tuple(value)
        else:
            good = type(value) is hints[name] or name in ("kind", "target", "blocks")
        if not good:
            raise ValueError(f"{kind.__name__}: {name} has an unusable value")
        values[name] = value
    return kind(**values)


def _parts(frame: pl.DataFrame, column: Column) -> Iterator[tuple[str, pl.Series]]:
    """Yields what a column is read as: itself, or the parts of a date; numbers as float64, categories as text."""
    values = frame[column.name]
    if column.kind == "number":
        yield "", cells.numbers(values, column.form or ".")
    elif column.kind == "category":
        yield "", cells.texts(values)
    else:
        moments = cells.moments(values, column.form)
        yield "year", moments.dt.year().cast(pl.Float64)
        yield "elapsed days", moments.dt.epoch("us") / 1e6 / SECONDS_PER_DAY
        yield "hour", (moments.dt.hour() + moments.dt.minute() / 60).cast(pl.Float64)
        yield "month", moments.dt.month().cast(pl.String)
        yield "day of week", moments.dt.weekday().cast(pl.String)


def _number(column: Column, part: str, values: pl.Series) -> Number | None:
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    if values.null_count() == values.len() or (part and values.n_unique() == 1):
        return None
    matrix = values.to_numpy().reshape(-1, 1)
    imputer = SimpleImputer(strategy="median")
    scaler = StandardScaler().fit(imputer.fit_transform(matrix))
    median, mean, scale = (float(learned[0]) for learned in (imputer.statistics_, scaler.mean_, scaler.scale_))
    marked = values.null_count() > 0 and part in ("", "elapsed days")  # one mark is enough for all parts of a date
    return Number(column.name, column.kind, column.form, part, median, mean, scale, marked)


def _levels(column: Column, part: str, values: pl.Series, *, rare_level_rows: int) -> Levels | None:
    from sklearn.preprocessing import OneHotEncoder

    present = values.drop_nulls()
    if not present.len() or (part and present.n_unique() == 1):
        return None
    encoder = OneHotEncoder(min_frequency=rare_level_rows, max_categories=MOST_LEVELS, handle_unknown="ignore")
    encoder.fit(present.to_numpy().astype(object).reshape(-1, 1))
    (rare,) = encoder.infrequent_categories_
    rare = () if rare is None else tuple(str(level) for level in rare)
    levels = tuple(str(level) for level in encoder.categories_[0] if level not in set(rare))
    return Levels(column.name, column.kind, column.form, part, levels, rare, values.null_count() > 0 and not part)


def _apply_number(block: Number, values: pl.Series) -> Matrix:
    gaps = values.is_null().to_numpy()
    filled = (values.fill_null(block.median).to_numpy() - block.mean) / block.scale
    return np.column_stack([filled, gaps] if block.marked else [filled]).astype(np.float64)


def _apply_levels(block: Levels, values: pl.Series) -> Matrix:
    known = [*block.levels, *block.rare]
    columns = [*range(len(block.levels)), *[len(block.levels)] * len(block.rare)]
    place = values.replace_strict(known, columns, default=None, return_dtype=pl.Int64)
    hit = place.is_not_null().to_numpy()
    matrix = np.zeros((values.len(), len(_names(block))))
    matrix[np.flatnonzero(hit), place.drop_nulls().to_numpy()] = 1.0
    if block.marked:
        matrix[:, -1] = values.is_null().to_numpy()
    return matrix


def _names(block: Number | Levels) -> list[str]:
    name = f"{block.column}: {block.part}" if block.part else block.column
    if isinstance(block, Number):
        names = [name]
    else:
        names = [f"{name} = {level}" for level in block.levels] + ([f"{name}: rare"] if block.rare else [])
    return [*names, f"{name} is missing"] if block.marked else names
