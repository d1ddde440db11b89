"""Pitfalls of answers that people give: what they are shown, choose and judge."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from advisor.profiling.schema import Column, Finding, Profile

if TYPE_CHECKING:
    import polars as pl

LIKELY = 0.4  # probability of a kind, to be looked at
READ = 0.2  # the same of an input that is read, heard or seen


def target_of(profile: Profile) -> Column | None:
    """The target's column; None where there is none, or several."""
    return profile.column(profile.target) if isinstance(profile.target, str) else None


def positions(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    """A place in a list that was shown."""
    if profile.position is None:
        return
    rate = _top_rate(frame, profile)
    said = f"`{profile.position}` is the place at which something was shown, and what stands first is taken more often"
    yield Finding("position_bias", (profile.position,), "mean target of the first place over that of all", rate, said)
    said = f"what was shown at `{profile.position}` was chosen by a system whose answers become the next data"
    yield Finding("feedback_loop", (profile.position,), "", None, said)


def _top_rate(frame: "pl.DataFrame", profile: Profile) -> float | None:
    import numpy as np

    from advisor.proof.sample import field

    target = target_of(profile)
    place = field(frame[profile.position]) if profile.position else None
    answer = field(frame[target.name]) if target is not None and not frame[target.name].dtype.is_nested() else None
    if place is None or answer is None or place.numbers is None or answer.numbers is None:
        return None
    whole = float(np.nanmean(answer.numbers))
    first = answer.numbers[place.codes == 1]
    return round(float(np.nanmean(first)) / whole, 3) if whole > 0 and first.size else None


def interactions(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    """People and things: who is new, what was never chosen, and what a shown list does."""
    if profile.group is None or profile.item is None or profile.query is not None:
        return
    from models.kit import cells

    things = (profile.group, profile.item)
    per_user, per_item = (frame.height / max(cells.texts(frame[name]).n_unique(), 1) for name in things)
    said = f"{per_user:.1f} rows for each `{things[0]}` and {per_item:.1f} for each `{things[1]}`; new ones have none"
    yield Finding("cold_start", things, "rows for each user", round(per_user, 2), said)
    target = target_of(profile)
    graded = target is not None and target.distinct > 1 and target.name not in things
    if not graded:
        said = f"a row says that `{things[0]}` took `{things[1]}`; no row says what was not wanted"
        yield Finding("implicit_positives_only", things, "rows that say no", 0.0, said)
        said = "what is recommended is seen more often, and so taken more often"
        yield Finding("feedback_loop", things, "", None, said)
    elif target is not None and target.chance("ordinal", "continuous") >= LIKELY:
        pairs = cells.texts(frame[things[0]]).n_unique() * cells.texts(frame[things[1]]).n_unique()
        full = frame.height / max(pairs, 1)
        said = f"{full:.1%} of all pairs have a `{target.name}`, and people choose what they rate"
        yield Finding("missing_not_at_random", (target.name,), "share of pairs with a rating", round(full, 4), said)


def judgements(frame: "pl.DataFrame", profile: Profile) -> Iterator[Finding]:
    """Answers that a person gave by judging: rows with the same inputs may have different ones."""
    import polars as pl

    target = target_of(profile)
    named = profile.target_columns
    if not named:
        return
    several = len(named) > 1
    judged = several or (target is not None and target.chance("ordinal", "tags", "categorical", "sequence") >= LIKELY)
    looked_at = [each for each in profile.columns if each.name not in named]
    inputs = [each for each in looked_at if each.chance("text", "media", "url", "sequence") >= READ]
    ordinal = target is not None and target.chance("ordinal") >= LIKELY
    if not judged or not (inputs or ordinal):
        return
    figure = None
    plain = [each.name for each in inputs if frame[each.name].dtype == pl.String]
    if target is not None and plain and not frame[target.name].dtype.is_nested():
        alike = frame.select([*plain, target.name]).drop_nulls()
        sizes = alike.group_by(plain).agg(pl.col(target.name).n_unique().alias("n"), pl.len().alias("rows"))
        repeated = sizes.filter(pl.col("rows") > 1)
        figure = round(float((repeated["n"] > 1).mean()), 4) if repeated.height else None  # type: ignore[arg-type]
    said = f"`{', '.join(named[:3])}` is somebody's judgement"
    said += f"; of the inputs that come twice, {figure:.0%} have two answers" if figure is not None else ""
    yield Finding("label_noise", named, "share of repeated inputs with different answers", figure, said)
