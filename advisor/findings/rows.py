"""Pitfalls of rows that are not independent: they come in groups, in an order, or again.

Each is a test as pitfalls.py describes them.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from advisor.findings.people import target_of
from advisor.profiling import names
from advisor.profiling.schema import WRITTEN, Finding, Profile

if TYPE_CHECKING:
    import polars as pl

NAMING = ("id", "code", "categorical", "binary")  # kinds of columns that say whose a row is
FEW_ROWS = 50  # below it, a table may be an excerpt, and figures are rough
MOST_CLASSES = 30
REPEATED = 1.05  # rows of a mean group
LONG_TIME_DAYS = 540.0
DRIFT = 0.3  # difference of two shares, or of means in standard deviations
DUPLICATES = 0.01  # share of the rows
LEAKING_ORDER, VISIBLE_ORDER = 0.95, 0.3  # rank correlations of an id with the target
SHARED_OPENING = 24  # characters with which near copies of a text begin


def groups(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    """Several rows of one person, thing, question or source."""
    from models.kit import cells

    targets = profile.target_columns
    ids = [name for name in profile.ids if name not in targets]
    owners = [each.name for each in profile.columns if "actor" in names.head(each.name) and each.kind in NAMING]
    roles = (profile.query, profile.group, profile.item, profile.source, *ids, *owners)
    named = [name for name in roles if name is not None and name not in targets]
    for name in dict.fromkeys(named):
        if frame[name].dtype.is_nested():
            continue
        texts = cells.texts(frame[name]).drop_nulls()
        groups = texts.n_unique()
        if groups and texts.len() / groups >= REPEATED:
            each = texts.len() / groups
            said = f"`{name}` has {each:.1f} rows for each of {groups} values, so rows are not independent"
            yield Finding("group_split_needed", (name,), "rows of a mean group", round(each, 2), said)
            return


def group_constants(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    """A target that is the same in all rows of a group: the group is the example, not the row."""
    import polars as pl

    target = target_of(profile)
    if profile.group is None or target is None or profile.looked_at < FEW_ROWS:
        return
    if profile.group == target.name or frame[target.name].dtype.is_nested():
        return
    sizes = frame.group_by(profile.group).agg(pl.col(target.name).n_unique().alias("n"), pl.len().alias("rows"))
    several = sizes.filter(pl.col("rows") > 1)
    if several.height >= 5 and (several["n"] == 1).all() and target.distinct < sizes.height:
        said = f"`{target.name}` is the same in all rows of each `{profile.group}`: there are {sizes.height} examples"
        yield Finding("group_split_needed", (profile.group,), "groups with one answer each", several.height, said)


def order(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    """Rows that are dated, and a span in which much may have changed."""
    dated = [each.name for each in profile.columns if each.kind == "time" and each.name not in profile.target_columns]
    name = profile.time or next(iter(dated), None)
    if name is None or (not profile.target_columns and profile.item is None):
        return
    days = _days(frame, name)
    span = float(days.max() - days.min()) if days is not None and days.size else None
    said = f"`{name}` dates the rows" + (f", over {span:.0f} days" if span is not None else "")
    yield Finding("temporal_split_needed", (name,), "days from the first row to the last", span, said)
    if span is not None and span >= LONG_TIME_DAYS and frame.height < FEW_ROWS:
        said = f"the rows span {span / 365.25:.1f} years, in which much may have changed"
        yield Finding("concept_drift", (name,), "years from the first row to the last", span / 365.25, said)


def _days(frame: "pl.DataFrame", name: str) -> Any:
    from advisor.proof.sample import field

    read = field(frame[name])
    if read is None or read.numbers is None or read.inputs[0].kind != "time":
        return None
    return read.numbers[read.numbers == read.numbers]


def drift(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    """The last fifth of the rows against the first, by time."""
    import numpy as np

    from advisor.proof.sample import field

    target = target_of(profile)
    if profile.time is None or target is None or frame.height < 2 * FEW_ROWS:
        return
    time, answer = field(frame[profile.time]), field(frame[target.name])
    if time is None or answer is None or time.numbers is None:
        return
    rows = np.flatnonzero((answer.codes > 0) & (time.numbers == time.numbers))
    order = rows[np.argsort(time.numbers[rows], kind="stable")]
    fifth = order.size // 5
    first, last = order[:fifth], order[-fifth:]
    if fifth < 10:
        return
    if answer.numbers is not None and answer.levels > MOST_CLASSES:
        spread = float(answer.numbers[order].std()) or 1.0
        moved = abs(float(answer.numbers[last].mean() - answer.numbers[first].mean())) / spread
        what, least = "standard deviations between the means of the first and the last fifth", DRIFT + 2 / fifth**0.5
    else:
        width = int(answer.codes.max()) + 1
        shares = [np.bincount(answer.codes[part], minlength=width) / fifth for part in (first, last)]
        moved = float(np.abs(shares[0] - shares[1]).sum()) / 2
        what, least = "share that has moved between the first and the last fifth", DRIFT / 3 + 1.5 / fifth**0.5
    if moved > least:
        said = f"`{target.name}` has moved by {moved:.2f} ({what})"
        yield Finding("concept_drift", (target.name, profile.time), what, round(moved, 4), said)


def duplicates(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    """Rows that agree in everything but ids and times, and texts that begin alike."""
    import polars as pl

    others = [name for name in frame.columns if name not in profile.ids and name != profile.time]
    plain = [name for name in others if not frame[name].dtype.is_nested()]
    if len(plain) >= 2:
        rest = frame.select(plain)
        copies = frame.height - rest.n_unique()
        different = math.prod(max(rest[name].n_unique(), 1) for name in plain)
        by_chance = frame.height**2 / (2 * different)  # where a row is one of few, two are soon alike
        if copies > 2 * by_chance and copies >= DUPLICATES * frame.height:
            share = copies / frame.height
            said = f"{copies} of {frame.height} rows are copies of others, ids and times apart"
            yield Finding("duplicate_rows", tuple(plain), "share of copies", round(share, 4), said)
            return
    for column in profile.columns:
        if column.kind in WRITTEN and frame[column.name].dtype == pl.String:
            texts = frame[column.name].drop_nulls().str.to_lowercase().str.replace_all(r"[\W\d]+", " ")
            opening = texts.str.slice(0, SHARED_OPENING).filter(texts.str.len_chars() >= SHARED_OPENING)
            alike = opening.len() - opening.n_unique()
            if alike and alike >= 0.05 * frame.height:
                said = f"{alike} texts of `{column.name}` begin like another one"
                share = alike / frame.height
                yield Finding("duplicate_rows", (column.name,), "share of near copies", round(share, 4), said)
                return


def id_order(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    """An id, or the place of a row, that goes with the target: the rows were sorted or collected in turn."""
    import numpy as np

    from advisor.proof.sample import field

    target = target_of(profile)
    if target is None or profile.looked_at < FEW_ROWS or frame[target.name].dtype.is_nested():
        return
    answer = field(frame[target.name])
    if answer is None:
        return
    truth = answer.numbers if answer.numbers is not None else answer.codes.astype(np.float64)
    places: list[tuple[str, Any]] = [("the order of the rows", np.arange(frame.height, dtype=np.float64))]
    for name in profile.ids:
        read = field(frame[name])
        if read is not None and read.numbers is not None and read.levels > frame.height // 2:
            places.append((f"`{name}`", read.numbers))
    for said, values in places:
        known = (answer.codes > 0) & (values == values)
        found = _rank_correlation(values[known], truth[known])
        if found >= VISIBLE_ORDER:
            because = f"{said} goes with `{target.name}` (rank correlation {found:.2f})"
            columns = (target.name,) if said.startswith("the") else (said.strip("`"), target.name)
            name = "target_leakage" if found >= LEAKING_ORDER else "concept_drift"
            yield Finding(name, columns, "rank correlation", round(found, 4), because)
            return


def _rank_correlation(one: Any, other: Any) -> float:
    """The absolute rank correlation; 0 where one of them has one value."""
    import numpy as np

    ranks = [np.unique(each, return_inverse=True)[1] for each in (one, other)]
    if min(int(each.max(initial=0)) for each in ranks) == 0:
        return 0.0
    return abs(float(np.corrcoef(ranks[0], ranks[1])[0, 1]))
