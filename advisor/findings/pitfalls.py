"""What else in the table may lead astray: each pitfall a test, each finding with the figure that shows it.

A test asks two things: could this go wrong here (the roles and kinds say so), and how much (the figure). Ids are those
of the knowledge base, where every pitfall has its reason, its remedy and its source.
"""

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from advisor.findings.people import LIKELY, interactions, judgements, positions, target_of
from advisor.profiling import names
from advisor.profiling.schema import NUMBERS, WRITTEN, Column, Finding, Profile

if TYPE_CHECKING:
    import polars as pl

Test = Callable[["pl.DataFrame", Profile], Iterator[Finding]]

NAMING = ("id", "code", "categorical", "binary")  # kinds of columns that say whose a row is
FEW_ROWS = 50  # below it, a table may be an excerpt, and figures are rough
SMALL_MINORITY = 0.2  # share of the rarest of the classes that matter
SMALL_MINORITY_OF_FEW = 0.4  # the same where there are few rows
MOST_CLASSES = 30
FEWEST_OF_CLASS = 20  # rows, in a table of more than FEW_ROWS
ROWS_PER_PARAMETER = 10
LARGE_SKEW = 1.5
HEAVY_TAIL = 4.0  # largest value over median
PILE_UP = 0.03  # share of the rows at the largest value
REPEATED = 1.05  # rows of a mean group
LONG_TIME_DAYS = 540.0
DRIFT = 0.3  # difference of two shares, or of means in standard deviations
SMALL_CHANCE = 0.01
MANY_GAPS = 0.2  # share of the rows
NEAR_ZERO = 0.02  # share of noughts in the target
DUPLICATES = 0.01  # share of the rows
LEAKING_ORDER, VISIBLE_ORDER = 0.95, 0.3  # rank correlations of an id with the target
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
SHARED_OPENING = 24  # characters with which near copies of a text begin


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


def _groups(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
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


def _order(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
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


def _drift(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
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


def _duplicates(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
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


def _id_order(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
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


def _group_constants(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
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


TESTS: tuple[Test, ...] = (
    _imbalance, _rare_classes, _groups, _group_constants, _order, _drift, _duplicates, _sentinels, _skew, _censored,
    _gaps, positions, interactions, judgements, _grades, _size, _id_order,
)  # fmt: skip
