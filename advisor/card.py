"""The card with a table: the split that its roles ask for, the pitfalls found in it, and whether it suffices."""

from typing import TYPE_CHECKING

from advisor.framing import Card, CardPitfall, Framing
from advisor.profiling.schema import Profile
from advisor.sufficiency import judge

if TYPE_CHECKING:
    import polars as pl

    from taxonomy.knowledge import Knowledge
    from taxonomy.reading import Reading


def with_table(built: Framing, knowledge: "Knowledge", reading: "Reading", sample: "pl.DataFrame") -> Card:
    """The card of a framing, with what its profile adds."""
    card, seen = built.card, built.profile
    if seen is None:
        return card
    card = card._replace(pitfalls=_pitfalls(built, seen, knowledge, reading))
    if built.category is None or built.category in ("no_ml", "other"):
        return card
    split = split_for(built.category, built.subtask, seen)
    enough = judge(built.category, seen, sample, knowledge)
    return card._replace(split=split or card.split, data_needed=_sentences(card.data_needed, *enough))


def _sentences(*told: str) -> str:
    """Sentences one after the other, each with its full stop.

    >>> _sentences("a few hundred rows", "Your table has 40 rows: enough.")
    'a few hundred rows. Your table has 40 rows: enough.'
    """
    *before, last = [each for each in told if each] or [""]
    return " ".join([*(each if each.endswith(".") else f"{each}." for each in before), last])


def split_for(category: str, subtask: str | None, seen: Profile) -> str:
    """The split in words, from the roles of the columns; empty where they say nothing.

    >>> from advisor.profiling import Profile
    >>> seen = Profile(0, 0, (), "clicked", (), (), (), query="search_id")
    >>> split_for("ranking", None, seen)
    'by query: all rows of one `search_id` are on one side'
    """
    time = f"`{seen.time}`" if seen.time else ""
    group = f"`{seen.group}`" if seen.group else ""
    if seen.split is not None:
        return f"as the column `{seen.split}` says; check that no group and no later day stands on both sides"
    if seen.query is not None:
        later = f", and the test holds the latest by {time}" if time else ""
        return f"by query: all rows of one `{seen.query}` are on one side{later}"
    if category == "recommendation":
        if not time:
            return "by time, on one global timeline; the table has no time column, so log one from tomorrow"
        return f"global timeline: one moment of {time} for all; before it is training, after it the test"
    if subtask == "forecasting" and time:
        return (
            f"rolling origin on {time}: several moments, each with training before it and a test after it, "
            "with a gap as long as the horizon between them"
        )
    if time and group:
        return (
            f"by time on {time}: training before a moment, the test after it; rows of one {group} that stand on both "
            f"sides are left out of the test, or the test is by {group} where new ones will come"
        )
    if time:
        return f"by time on {time}: training before a moment, the test after it, a gap as long as the answer takes"
    if group:
        return f"by group: all rows of one {group} are on one side"
    return ""


def _pitfalls(built: Framing, seen: Profile, knowledge: "Knowledge", reading: "Reading") -> tuple[CardPitfall, ...]:
    """What was found in the table first, with its figure; then what the words and the kind of task bring."""
    found: dict[str, CardPitfall] = {}
    for finding in seen.findings:
        pitfall = knowledge.pitfalls.get(finding.id)
        if pitfall is None or (built.category is not None and built.category not in pitfall.categories):
            continue
        if finding.id in found:
            continue
        check = f"In your table: {finding.because}. {pitfall.check}"
        quote = reading.pitfalls.get(finding.id, "")
        found[finding.id] = CardPitfall(
            pitfall.id, pitfall.title, pitfall.why, check, pitfall.remedy, pitfall.source, quote
        )
    for each in built.card.pitfalls:
        found.setdefault(each.id, each)
    return tuple(found.values())
