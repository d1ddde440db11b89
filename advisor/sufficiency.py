"""Whether a table suffices: what it holds against the minimums of the knowledge base, and what to log from tomorrow."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from advisor.profiling.schema import NUMBERS, Profile

if TYPE_CHECKING:
    import polars as pl

    from taxonomy.knowledge import Knowledge

FEWEST_ROWS = 15  # below it a table is taken for an excerpt, of which nothing is counted
MOST_LEVELS = 20  # of a column of names that a linear model learns


def judge(category: str, seen: Profile, sample: "pl.DataFrame", knowledge: "Knowledge") -> Iterator[str]:
    """A sentence for each minimum of the category that the table can be held to.

    >>> import polars as pl
    >>> from advisor.profiling import profile
    >>> from taxonomy.knowledge import load
    >>> frame = pl.DataFrame({"size": range(90), "broken": [row < 8 for row in range(90)]})
    >>> print(*judge("classification", profile(frame, target="broken"), frame, load()))
    Your table has 8 rows of the rarest class; 50 are needed, so log from tomorrow: every case of the rare class with \
the day it was known, and who decided it.
    """
    if seen.rows < FEWEST_ROWS:
        return
    have = dict(_counted(seen, sample))
    for minimum in knowledge.minimums.values():
        if category in minimum.categories and minimum.id in have:
            held = have[minimum.id]
            shown = f"{held:,.0f}" if held >= 10 or held == int(held) else f"{held:.1f}"
            said = f"Your table has {shown} {minimum.what}; {minimum.least:,} are needed"
            yield f"{said}, so log from tomorrow: {minimum.log}." if held < minimum.least else f"{said}: enough."


def _counted(seen: Profile, sample: "pl.DataFrame") -> Iterator[tuple[str, float]]:
    """What the table holds, by the ids of the minimums."""
    single = seen.column(seen.target) if isinstance(seen.target, str) else None
    if single is not None:
        counts = single.statistics.counts
        if counts and single.chance("binary", "categorical", "ordinal") >= 0.5:
            yield "rows_of_rarest_class", float(min(counts))
        if single.kind in NUMBERS:
            inputs = [each for each in seen.columns if each.name not in (single.name, *seen.ids)]
            parameters = sum(1 if each.kind in NUMBERS else min(each.distinct, MOST_LEVELS) for each in inputs)
            yield "rows_for_each_parameter", seen.rows / max(parameters, 1)
        if single.kind in ("text", "sequence"):
            yield "pairs", float(seen.rows - single.missing)
    if len(seen.target_columns) > 1:
        tags = [seen.column(name) for name in seen.target_columns]
        yield "rows_of_rarest_tag", min(float(min(each.statistics.counts, default=0)) for each in tags)
    if seen.event is not None:
        ends = seen.column(seen.event).statistics.counts
        yield "ends_seen", float(min(ends, default=0))
    for role, name in (("query", seen.query), ("user", seen.group), ("item", seen.item)):
        if name is not None:
            each = seen.rows / max(seen.column(name).distinct, 1)
            if role == "query":
                yield "queries", float(seen.column(name).distinct)
            yield f"rows_for_each_{role}", each
