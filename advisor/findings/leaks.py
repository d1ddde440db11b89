"""Which columns may know the answer: several weak signs that add up, since a table may be a few rows.

Each sign has a weight; a column whose signs reach `SUSPECTED` is asked about and never dropped in silence. In few rows
the name, the gaps and the dates carry the verdict, in many rows the column's own power to predict does.
"""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from advisor.findings import alone
from advisor.findings.names import moments, related
from advisor.findings.words import said_to_follow
from advisor.profiling.schema import CLASSES, WRITTEN, Column, Finding, Profile

if TYPE_CHECKING:
    import polars as pl

SUSPECTED = 2.0
NEAR_PERFECT = 0.98  # AUC, R² or accuracy of one column alone
CLEARLY_ABOVE = 0.05  # of an accuracy, over what the commonest class reaches
FEWEST_ROWS = 6
FEW_ROWS = 40  # below it, predictive power says little
FEWEST_OF_EACH = 2  # rows with and without a value, for gaps to say much
ORDERED = 0.99  # rank correlation
FEWEST_ORDERED = 8  # rows

_WEIGHTS = {
    "near perfect": 3.0,
    "named after": 2.0,
    "named of the target": 1.0,
    "reaction": 2.0,
    "consequence": 0.6,
    "behind the target": 0.4,
    "filled for one answer": 1.6,
    "filled for one answer only": 1.0,
    "nothing for one answer": 1.4,
    "same order": 1.5,
    "later date": 1.2,
    "said to follow": 1.6,
    "named before": -2.5,
    "a role": -2.5,
    "an id": -1.0,
    "a text": -1.5,
    "given": -1.0,
}


class Sign(NamedTuple):
    """One reason to suspect a column, or not to; `figure` is None where there is nothing to count."""

    name: str
    because: str
    measure: str = ""
    figure: float | None = None

    @property
    def weight(self) -> float:
        """What it adds to the suspicion."""
        return _WEIGHTS[self.name]


def leaks(frame: "pl.DataFrame", profile: Profile, description: str = "") -> Iterator[Finding]:
    """The columns under suspicion, most suspect first, each with its signs and the question to ask.

    >>> import polars as pl
    >>> from advisor.profiling import profile
    >>> frame = pl.DataFrame({"size": [3, 5, 4, 8, 1, 9] * 4, "refund_issued": [0, 1] * 12, "returned": [0, 1] * 12})
    >>> [finding.columns for finding in leaks(frame, profile(frame, target="returned"))]
    [('refund_issued',)]
    """
    targets = profile.target_columns
    if not targets or frame.height < FEWEST_ROWS:
        return
    found = []
    for column in profile.columns:
        if column.name in targets or (column.distinct < 2 and not column.missing) or column.kind == "empty":
            continue
        signs = list(_signs(frame, profile, column, description))
        suspicion = sum(sign.weight for sign in signs)
        if suspicion >= SUSPECTED:
            found.append((suspicion, column.name, signs))
    for _, name, signs in sorted(found, key=lambda each: -each[0]):
        counted = [sign for sign in signs if sign.weight > 0]
        told = max(counted, key=lambda sign: (sign.figure is not None, sign.weight))
        yield Finding(
            "target_leakage",
            (name,),
            told.measure,
            told.figure,
            "; ".join(sign.because for sign in counted),
            f"Is `{name}` known when you predict?",
        )


def suspected_by_name(frame: "pl.DataFrame", profile: Profile, description: str = "") -> tuple[str, ...]:
    """The columns whose names, gaps and dates tell of afterwards, whatever they predict: a rule reads none of them."""
    found = []
    for column in profile.columns if profile.target_columns else ():
        if column.name not in profile.target_columns:
            signs = [*_of_name(profile, column, description), *_of_dates(frame, profile, column)]
            if sum(sign.weight for sign in signs) >= SUSPECTED:
                found.append(column.name)
    return tuple(found)


def _signs(frame: "pl.DataFrame", profile: Profile, column: Column, description: str) -> Iterator[Sign]:
    yield from _of_name(profile, column, description)
    single = profile.target if isinstance(profile.target, str) else None
    if single is None or frame[column.name].dtype.is_nested() or frame[single].dtype.is_nested():
        return
    yield from _of_gaps(frame, profile, column, single)
    yield from _of_power(frame, column, single)
    yield from _of_dates(frame, profile, column)


def _of_name(profile: Profile, column: Column, description: str) -> Iterator[Sign]:
    name = column.name
    said = moments(name)
    if "after" in said and "before" not in said:
        yield Sign("named after", "its name tells of what comes after")
    elif "reaction" in said and "before" not in said:
        yield Sign("reaction", "its name tells of what somebody does when the answer is there")
    elif "consequence" in said and "before" not in said:
        yield Sign("consequence", "its name fits what follows from the answer")
    if "before" in said:
        yield Sign("named before", "its name tells of what is known before")
    if any(related(name, target) for target in profile.target_columns) and said & {"after", "reaction", "consequence"}:
        yield Sign("named of the target", "it is named after the target")
    roles = (profile.time, profile.group, profile.item, profile.query, profile.position, profile.source, profile.split)
    if name in roles or name in (profile.weight, profile.event):
        yield Sign("a role", "it has a part of its own in the table")
    elif column.kind in WRITTEN and not said & {"after"} and name not in profile.target_columns:
        yield Sign("a text", "it is a text, which is more likely read than left behind")
    elif name in profile.ids and not said & {"after", "reaction"}:
        yield Sign("an id", "it names rows or things")
    order = [each.name for each in profile.columns]
    if order.index(name) > max(order.index(target) for target in profile.target_columns):
        yield Sign("behind the target", "it stands behind the target in the table")
    if said_to_follow(description, name):
        yield Sign("said to follow", "the description says that it comes later")


def _of_gaps(frame: "pl.DataFrame", profile: Profile, column: Column, target: str) -> Iterator[Sign]:
    """Filled, or other than nought and "no", for one answer alone."""
    import polars as pl

    from models.kit import cells

    if not _is_class(profile, target):
        return
    answers = cells.texts(frame[target])
    texts = cells.texts(frame[column.name])
    both = pl.DataFrame({"value": texts, "answer": answers}).drop_nulls("answer")
    if both["answer"].n_unique() < 2:
        return
    filled = both["value"].is_not_null()
    if 0 < filled.sum() < both.height:
        yield from _one_sided(both, filled, "filled")
        return
    commonest = both["value"].mode().sort()
    if commonest.len() and both["value"].n_unique() > 2:
        blank = str(commonest[0]).casefold()
        if blank in ("0", "no", "false", "none", "nein", "non", "nej", "0.0", "never"):
            other = both["value"] != commonest[0]
            inside, outside = both.filter(other)["answer"], both.filter(~other)["answer"]
            if inside.n_unique() == 1 and inside[0] not in outside.to_list() and inside.len() >= 1:
                share = inside.len() / both.height
                said = f"it is nothing but for one answer ({inside.len()} of {both.height} rows)"
                yield Sign("nothing for one answer", said, "share of rows with a value", round(share, 4))


def _one_sided(both: "pl.DataFrame", filled: "pl.Series", word: str) -> Iterator[Sign]:
    inside, outside = both.filter(filled)["answer"], both.filter(~filled)["answer"]
    for part, rest, what in ((inside, outside, word), (outside, inside, "empty")):
        if part.n_unique() != 1:
            continue
        answer = part[0]
        share = float((both["answer"] == answer).mean() or 0.0)
        chance = share ** part.len()  # that as many rows drawn blindly all have this answer
        exact = answer not in rest.to_list()
        if exact and chance < 0.2:
            name = "filled for one answer"
        elif chance < 0.05:
            name = "filled for one answer only"
        else:
            continue
        yield Sign(
            name,
            f"it is {what} for one answer alone ({part.len()} of {both.height} rows)",
            f"chance that {part.len()} rows agree by accident",
            float(f"{chance:.3g}"),
        )
        return


def _is_class(profile: Profile, target: str) -> bool:
    column = profile.column(target)
    return column.kind in CLASSES or column.distinct <= max(2, min(10, profile.looked_at // 3))


def _of_power(frame: "pl.DataFrame", column: Column, target: str) -> Iterator[Sign]:
    """What the column alone predicts."""
    if frame.height >= FEW_ROWS:
        score = alone.score(frame[column.name], frame[target])
        if score is not None and score.figure >= NEAR_PERFECT and score.figure - score.base >= CLEARLY_ABOVE:
            said = f"alone it predicts the target almost perfectly ({score.measure} {score.figure:.3f})"
            yield Sign("near perfect", said, f"{score.measure} of this column alone, cross-validated", score.figure)
        return
    order = _rank_correlation(frame, column.name, target)
    if order is not None and order >= ORDERED:
        said = f"it puts the rows in the order of the target (rank correlation {order:.2f})"
        yield Sign("same order", said, "rank correlation with the target", round(order, 4))


def _rank_correlation(frame: "pl.DataFrame", name: str, target: str) -> float | None:
    import polars as pl

    from advisor.table import numbers

    one, other = numbers(frame[name]), numbers(frame[target])
    if one is None or other is None:
        return None
    both = pl.DataFrame({"one": one, "other": other}).drop_nulls()
    if both.height < FEWEST_ORDERED or min(both["one"].n_unique(), both["other"].n_unique()) <= both.height // 2:
        return None
    found: Any = both.select(pl.corr("one", "other", method="spearman")).item()
    return abs(float(found)) if found is not None and found == found else None


def _of_dates(frame: "pl.DataFrame", profile: Profile, column: Column) -> Iterator[Sign]:
    """Dates that never lie before the moment at which a row is known."""
    if profile.time is None or column.name == profile.time or column.kind != "time":
        return
    from models.kit import cells

    one, other = frame[profile.time], frame[column.name]
    if not _dated(one) or not _dated(other):
        return
    gaps = cells.moments(other, cells.date_pattern(other) or "") - cells.moments(one, cells.date_pattern(one) or "")
    known = gaps.dt.total_seconds().drop_nulls()
    if known.len() >= 2 and (known >= 0).all() and (known > 0).any():
        share = float((known > 0).mean())  # type: ignore[arg-type]
        said = f"it lies after the moment of prediction in {share:.0%} of the rows"
        yield Sign("later date", said, f"share of rows in which it is later than `{profile.time}`", round(share, 4))


def _dated(column: "pl.Series") -> bool:
    import polars as pl

    from models.kit import cells

    return column.dtype in (pl.Date, pl.Datetime) or (
        column.dtype == pl.String and cells.date_pattern(column) is not None
    )


def names_of(findings: Collection[Finding]) -> tuple[str, ...]:
    """The columns under suspicion of leaking, each once, in the order of the findings."""
    leaking = [name for finding in findings if finding.id == "target_leakage" for name in finding.columns]
    return tuple(dict.fromkeys(leaking))
