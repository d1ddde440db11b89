"""What else in the table may lead astray: each pitfall a test, each finding with the figure that shows it.

A test asks two things: could this go wrong here (the roles and kinds say so), and how much (the figure). Ids are those
of the knowledge base, where every pitfall has its reason, its remedy and its source. Tests of rows that are not
independent stand in rows.py, those of answers that people give in people.py.
"""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from advisor.findings.people import LIKELY, interactions, judgements, positions, target_of
from advisor.findings.rows import (
    FEW_ROWS,
    MOST_CLASSES,
    drift,
    duplicates,
    group_constants,
    groups,
    id_order,
    order,
)
from advisor.profiling.schema import NUMBERS, Column, Finding, Profile

if TYPE_CHECKING:
    import polars as pl

Test = Callable[["pl.DataFrame", Profile], Iterator[Finding]]

SMALL_MINORITY = 0.2  # share of the rarest of the classes that matter
SMALL_MINORITY_OF_FEW = 0.4  # the same where there are few rows
FEWEST_OF_CLASS = 20  # rows, in a table of more than FEW_ROWS
ROWS_PER_PARAMETER = 10
LARGE_SKEW = 1.5
HEAVY_TAIL = 4.0  # largest value over median
PILE_UP = 0.03  # share of the rows at the largest value
SMALL_CHANCE = 0.01
MANY_GAPS = 0.2  # share of the rows
NEAR_ZERO = 0.02  # share of noughts in the target
MOST_SIGNS = 3000  # different cells that are looked at
_SIGNS = frozenset(
    f"{day}{rest}"
    for day in (
        "1900-01-01",
        "1970-01-01",
        "9999-12-31",
        "0000-00-00",
        "01.01.1900",
        "31.12.9999",
        "01/01/1900",
        "00000000",
    )
    for rest in ("", " 00:00", "t00:00", "t00:00:00", " 00:00:00")
)


def pitfalls(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    """Every pitfall that a test finds in the table.

    >>> import polars as pl
    >>> from advisor.profiling import profile
    >>> frame = pl.DataFrame({"size": range(100), "fraud": [row % 50 == 0 for row in range(100)]})
    >>> [(each.id, each.figure) for each in pitfalls(frame, profile(frame, target="fraud")) if "imb" in each.id]
    [('class_imbalance', 0.02)]
    """
    for test in TESTS:
        yield from test(frame, profile)


def _imbalance(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    limit = SMALL_MINORITY if profile.looked_at >= FEW_ROWS else SMALL_MINORITY_OF_FEW
    for name in profile.target_columns:
        column = profile.column(name)
        if column.chance("tags") >= LIKELY:
            yield from _rare_tags(frame, column)
            return
        classes = column.chance("binary", "categorical", "ordinal", "code", "censoring") >= LIKELY
        if not classes or not 2 <= column.distinct <= MOST_CLASSES:
            continue
        counts = _counts(frame, name)
        total = sum(counts)
        share = counts[-1] / total
        if share <= limit * 2 / max(column.distinct, 2):
            said = f"the rarest value of `{name}` is in {share:.2g} of the rows ({counts[-1]} of {total})"
            yield Finding("class_imbalance", (name,), "share of the rarest class", round(share, 4), said)
            return


def _counts(frame: "pl.DataFrame", name: str) -> list[int]:
    """Rows of each value, the most frequent first."""
    from models.kit import cells

    return list(cells.texts(frame[name]).drop_nulls().value_counts(sort=True)["count"].to_list()) or [0]


def _rare_tags(frame: "pl.DataFrame", column: Column) -> Iterator[Finding]:
    counts = _tag_counts(frame, column)
    if len(counts) > 2 and counts[-1] <= max(1, 0.1 * frame.height):
        share = counts[-1] / frame.height
        said = f"the rarest of {len(counts)} tags is in {counts[-1]} of {frame.height} rows"
        yield Finding("class_imbalance", (column.name,), "share of the rarest tag", round(share, 4), said)


def _tag_counts(frame: "pl.DataFrame", column: Column) -> list[int]:
    import polars as pl

    values = frame[column.name]
    if values.dtype == pl.List:
        parts = values.drop_nulls().explode().drop_nulls().cast(pl.String, strict=False)
    elif column.delimiter and values.dtype == pl.String:
        parts = values.drop_nulls().str.split(column.delimiter).explode().str.strip_chars()
    else:
        return []
    return list(parts.value_counts(sort=True)["count"].to_list())


def _sentinels(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    for column in profile.columns:
        signs = column.sentinels or _disguised(frame[column.name])
        if signs:
            said = f"`{column.name}` writes {', '.join(signs[:3])} where nothing is known"
            yield Finding("sentinel_missing_values", (column.name,), "different signs", len(signs), said)


def _disguised(column: "pl.Series") -> tuple[str, ...]:
    """Words for "missing" and days on which nothing happened, written beside other values."""
    import polars as pl

    from advisor.profiling import values

    if column.dtype != pl.String:
        return ()
    seen = column.drop_nulls().str.strip_chars().str.to_lowercase().unique(maintain_order=True).head(MOST_SIGNS)
    found = [cell for cell in seen.to_list() if cell in _SIGNS or (cell and cell in values.MISSING and cell != "-")]
    return tuple(found) if len(found) < seen.len() else ()


def _skew(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    target = target_of(profile)
    if target is None or target.chance(*NUMBERS) < LIKELY:
        return
    figures = target.statistics
    if figures.low is None or figures.low < 0 or not figures.median or figures.high is None:
        return
    tail = figures.high / figures.median
    skew = figures.skew or 0.0
    if skew >= LARGE_SKEW or tail >= HEAVY_TAIL:
        said = f"the largest `{target.name}` is {tail:.1f} times the median (skewness {skew:.1f})"
        yield Finding("skewed_target", (target.name,), "largest value over the median", round(tail, 2), said)


def _censored(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    target = target_of(profile)
    events = [each for each in profile.columns if each.chance("censoring") >= LIKELY]
    event = profile.event or (events[0].name if events else None)
    if event is not None:
        import polars as pl

        from models.kit import cells

        counts = cells.texts(frame[event]).drop_nulls().value_counts().sort(pl.col("count"))["count"].to_list()
        share = round(min(counts) / sum(counts), 4) if len(counts) > 1 else None
        said = f"`{event}` says for which rows the end was seen"
        yield Finding("censored_target", (event,), "share of the rarer of seen and unseen ends", share, said)
    elif target is not None and target.chance(*NUMBERS) >= LIKELY and profile.looked_at >= FEW_ROWS:
        figures = target.statistics
        piled = figures.at_high >= PILE_UP and figures.at_high > 3 / max(target.distinct, 1)
        if piled and target.distinct > 10:
            said = f"{figures.at_high:.1%} of the rows have the largest `{target.name}`, as if it were cut off there"
            yield Finding("censored_target", (target.name,), "share at the largest", round(figures.at_high, 4), said)


def _gaps(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    """Gaps of a column that go with the target, and gaps in the target that go with a column."""
    from models.kit import cells

    targets = profile.target_columns
    if not targets:
        return
    for column in profile.columns:
        if not 0 < column.missing < profile.rows or frame[column.name].dtype.is_nested():
            continue
        if column.name in targets and profile.looked_at < FEW_ROWS:
            continue  # in an excerpt it is what is still to be answered
        if column.name in targets:
            share = column.missing / profile.rows
            said = f"`{column.name}` is missing in {share:.0%} of the rows; who gets an answer may not be chance"
            yield Finding("censored_feedback", (column.name,), "share of rows without an answer", round(share, 4), said)
            continue
        gap = cells.texts(frame[column.name]).is_null()
        share = column.missing / profile.rows
        if profile.looked_at < FEW_ROWS and share >= MANY_GAPS and column.name not in profile.leaking:
            said = f"`{column.name}` is missing in {share:.0%} of the rows, too few here to see whether by chance"
            yield Finding(
                "missing_not_at_random", (column.name,), "share of rows without a value", round(share, 4), said
            )
            continue
        if (found := _goes_with(gap, frame[targets[0]])) is not None and found[1] <= SMALL_CHANCE:
            said = f"whether `{column.name}` is missing goes with `{targets[0]}` ({found[0]:.2f} of a deviation)"
            yield Finding("missing_not_at_random", (column.name,), "difference in standard deviations", found[0], said)


def _goes_with(gap: "pl.Series", answer: "pl.Series") -> tuple[float, float] | None:
    """How far the target differs between rows with and without a gap, in standard deviations, and its chance."""
    import numpy as np

    from advisor.proof.sample import field

    truth = field(answer) if not answer.dtype.is_nested() else None
    if truth is None or truth.levels < 2:
        return None
    commonest = np.bincount(truth.codes[truth.codes > 0]).argmax()
    values = truth.numbers if truth.numbers is not None else (truth.codes == commonest).astype(np.float64)
    known = (truth.codes > 0) & (values == values)
    inside, outside = values[known & gap.to_numpy()], values[known & ~gap.to_numpy()]
    spread = float(values[known].std())
    if min(inside.size, outside.size) < 8 or not spread:
        return None
    apart = abs(float(inside.mean() - outside.mean())) / spread
    chance = math.erfc(apart / (2 * (1 / inside.size + 1 / outside.size)) ** 0.5)
    return round(apart, 4), chance


def _grades(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    target = target_of(profile)
    if target is None:
        return
    if target.chance("ordinal") >= LIKELY:
        said = f"`{target.name}` has {target.distinct} steps with an order"
        yield Finding("ordinal_target", (target.name,), "steps", target.distinct, said)
    if target.chance("count") >= LIKELY:
        said = f"`{target.name}` counts something and has {target.distinct} different values"
        yield Finding("counts_treated_as_classes", (target.name,), "different values", target.distinct, said)
    zeros = target.statistics.zeros
    if target.chance(*NUMBERS) >= LIKELY and zeros is not None and zeros >= NEAR_ZERO:
        said = f"{zeros:.0%} of the rows have a `{target.name}` of 0, where a percentage error has no value"
        yield Finding("percentage_error_near_zero", (target.name,), "share of noughts", round(zeros, 4), said)


def _size(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    """Rows for each number that a linear model must learn; a table of a few rows may be an excerpt."""
    if not profile.target_columns or profile.rows < 15:
        return
    inputs = [each for each in profile.columns if each.name not in (*profile.target_columns, *profile.ids)]
    parameters = sum(1 if each.chance(*NUMBERS) >= LIKELY else min(each.distinct, 20) for each in inputs) or 1
    share = profile.rows / parameters
    if profile.rows < FEW_ROWS or share < ROWS_PER_PARAMETER:
        said = f"{profile.rows} rows for {parameters} numbers that a linear model would learn"
        yield Finding("too_few_rows", (), "rows for each parameter", round(share, 2), said)


def _rare_classes(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    target = target_of(profile)
    if target is None or profile.looked_at < FEW_ROWS or target.chance("binary", "categorical", "ordinal") < LIKELY:
        return
    counts = _counts(frame, target.name)
    rare = sum(count < FEWEST_OF_CLASS for count in counts)
    if rare and len(counts) <= MOST_CLASSES:
        said = f"{rare} of {len(counts)} values of `{target.name}` have fewer than {FEWEST_OF_CLASS} rows"
        yield Finding("too_few_rows", (target.name,), "rows of the rarest class", counts[-1], said)


TESTS: tuple[Test, ...] = (
    _imbalance, _rare_classes, groups, group_constants, order, drift, duplicates, _sentinels, _skew, _censored, _gaps,
    positions, interactions, judgements, _grades, _size, id_order,
)  # fmt: skip
