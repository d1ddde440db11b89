"""A table -> its profile: opened, sampled, measured, judged, and each column given its part."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from advisor import column_reader
from advisor import target as naming
from advisor.column_reader import ColumnReader, Shown
from advisor.errors import InputRefused
from advisor.profiling import (
    followers,
    kinds,
    measures,
    mentions,
    names,
    opening,
    reconciling,
    relations,
    roles,
    targets,
    values,
)
from advisor.profiling.schema import NUMBERS, Column, Profile
from advisor.profiling.traits import Setting
from advisor.target import Target

if TYPE_CHECKING:
    import polars as pl


MOST_SHOWN = 60  # rows of which the column reader sees cells


class Prepared(NamedTuple):
    """A table that was read and measured, and what its columns are judged by."""

    opened: opening.Opened
    setting: Setting
    measured: measures.Measured
    read: Sequence[values.Values]


def profile(
    table: Any, *, description: str = "", target: Target | None = None, leaning: Mapping[str, float] | None = None
) -> Profile:
    """The profile of a table with its findings; see `look` for the arguments and errors.

    >>> import polars as pl
    >>> table = pl.DataFrame({"house_id": [1, 2, 3], "price": [90.5, 120.0, 99.9], "rooms": [2, 3, 3]})
    >>> seen = profile(table, description="Estimate the price of a house from its rooms.")
    >>> seen.target, seen.ids
    ('price', ('house_id',))
    """
    from advisor import findings

    reader = column_reader.load() if description.strip() else None
    prepared = prepare(table, description=description, target=target, leaning=leaning or {}, reader=reader)
    judged, setting = judge(prepared, target=target), prepared.setting
    return findings.look(prepared.opened.sample, judged, description, glance=setting.glance, follow=setting.follow)


def look(
    table: Any, *, description: str = "", target: Target | None = None, leaning: Mapping[str, float] | None = None
) -> "tuple[Profile, pl.DataFrame]":
    """The profile, without findings, and the rows looked at.

    Args:
        table: a file (CSV, TSV, Parquet, JSON lines) or any frame that Narwhals knows, lazy ones too.
        description: the problem in the user's own words.
        target: the column to predict, or a list of the columns that are predicted together; without one it is looked
            for.
        leaning: category -> its probability from the words alone; it says which kind of target to look for.

    Raises:
        InputRefused: the table cannot be read, has no rows, or lacks a column of `target`; `target` is no text and no
            list of texts, is empty, or names a column twice.

    >>> import polars as pl
    >>> seen, rows = look(pl.DataFrame({"size": [1, 2, 3], "price": [90.5, 120.0, 99.9]}))
    >>> seen.target, rows.height
    ('price', 3)
    """
    reader = column_reader.load() if description.strip() else None
    prepared = prepare(table, description=description, target=target, leaning=leaning or {}, reader=reader)
    return judge(prepared, target=target), prepared.opened.sample


def judge(prepared: Prepared, *, target: Target | None = None) -> Profile:
    """The profile, without findings, of a table that was read; `target` is what was named as such."""
    opened, setting, measured, _ = prepared
    columns, parts, heard, leaning = list(setting.columns), setting.roles, setting.heard, setting.leaning
    sample = opened.sample
    chosen, told = targets.choose(setting), naming.names(target)
    candidates = chosen.candidates
    wanted = chosen.target
    if told:
        named = targets.as_named(told, columns)
        candidates = (named, *(each for each in candidates if each.columns != named.columns))
        wanted = named.name
    answers = () if wanted is None else (wanted,) if isinstance(wanted, str) else wanted
    ending = reconciling.event(columns, answers, heard)
    if ending is not None:
        columns = [_ended(column) if column.name == ending[1] else column for column in columns]
        if len(told) > 1:
            candidates = (targets.as_named(ending[:1], columns), *candidates[1:])
        if len(told) != 1:
            wanted = ending[0]
            answers = (wanted,)
            order = sorted(candidates, key=lambda each: each.columns != answers)
            candidates = tuple(order)
    by_name = {column.name: column for column in columns}
    return Profile(
        rows=measured.rows,
        looked_at=sample.height,
        columns=tuple(columns),
        target=wanted,
        target_candidates=tuple(dict.fromkeys(name for each in candidates for name in each.columns)),
        targets=candidates,
        ids=tuple(
            name for name in parts.ids if name not in told and not (name in answers and by_name[name].kind in NUMBERS)
        ),
        time=parts.time if parts.time not in told else None,
        group=parts.group if parts.group not in told else None,
        item=parts.item,
        query=parts.query,
        position=parts.position,
        source=chosen.source,
        weight=parts.weight,
        split=parts.split,
        event=ending[1] if ending is not None and ending[1] != wanted else None,
        unit_of_observation=reconciling.unit_of_observation(columns, parts, measured.rows),
        contradictions=reconciling.contradictions(
            columns, parts, answers, named=bool(told), heard=heard, leaning=leaning
        ),
        notes=(*opened.notes, *measured.notes),
    )


def leant(prepared: Prepared, leaning: Mapping[str, float]) -> Prepared:
    """The same table in the light of another leaning, in which its columns may play other parts."""
    setting = prepared.setting
    parts = roles.assign(setting.columns, prepared.read, rows=setting.rows, heard=setting.heard, leaning=leaning)
    parts = roles.in_sight(parts, setting.columns, setting.glance)
    return prepared._replace(setting=setting._replace(roles=parts, leaning=leaning))


def prepare(
    table: Any,
    *,
    description: str,
    target: Target | None,
    leaning: Mapping[str, float],
    reader: ColumnReader | None = None,
) -> Prepared:
    """The table opened, what its columns are judged by, and its figures; arguments and errors as of `look`.

    `reader`, where there is one, says what description and columns say together.
    """
    told = naming.names(target)
    opened = opening.open_table(table)
    sample = opened.sample
    for name in told:
        if name not in sample.columns:
            raise _no_column(name, sample.columns)
    mark = values.likely_mark(sample)
    read = [values.read(sample[name], place=place, likely_mark=mark) for place, name in enumerate(sample.columns)]
    try:
        measured = measures.measure(opened.frame, read)
    except Exception as error:
        raise opening.unreadable(table, error) from error
    columns = []
    for column, figures in zip(read, measured.statistics, strict=True):
        judged = kinds.judge(column, figures, rows=measured.rows)
        columns.append(
            Column(
                column.name,
                judged.kinds,
                figures,
                unit=column.unit,
                written=column.written,
                delimiter=judged.delimiter,
                zone=column.zone,
                sentinels=column.sentinels,
                language=names.language([column.name]),
            )
        )
    heard = mentions.hear(description)
    parts = roles.assign(columns, read, rows=measured.rows, heard=heard, leaning=leaning)
    loud = mentions.loudness([column.name for column in columns], heard)
    cells = followers.of_values(read)
    follow = followers.following(cells)
    named = relations.values_said(read, description, heard.words)
    glance = reader.read(description, [_shown(column) for column in read]) if reader is not None else None
    parts = roles.in_sight(parts, columns, glance)
    setting = Setting(columns, parts, measured.rows, heard, leaning, loud, cells, follow, named, glance)
    return Prepared(opened, setting, measured, read)


def shown(frame: "pl.DataFrame") -> tuple[Shown, ...]:
    """The columns of a frame as the column reader sees them."""
    mark = values.likely_mark(frame)
    return tuple(_shown(values.read(frame[name], place=0, likely_mark=mark)) for name in frame.columns)


def _shown(column: values.Values) -> Shown:
    return Shown(column.name, column.texts.head(MOST_SHOWN).to_list())


def _ended(column: Column) -> Column:
    """A yes/no column that says whether the end of a length of time was seen."""
    return column._replace(kinds={"censoring": 0.8, "binary": 0.2})


def _no_column(name: str, known: list[str]) -> InputRefused:
    import polars as pl

    from models.kit import columns as kit_columns
    from models.kit.errors import Refused

    try:
        kit_columns.check_name(pl.DataFrame(schema=dict.fromkeys(known, pl.String)), name, setting="target")
    except Refused as error:
        public = "the table has no column of the name that was given as target; name one that it has"
        return InputRefused(str(error), code="table_refused", public=public)
    raise AssertionError(name)  # check_name refuses what is not there
