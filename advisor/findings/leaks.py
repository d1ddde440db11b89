"""Which columns may know the answer: several weak signs that add up, since a table may be a few rows.

Each sign has a fitted weight (profiling/weights.json); a suspect column is asked about and never dropped in silence.
In few rows the name, the gaps and the dates carry the verdict, in many rows the column's own power to predict does.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from advisor.column_reader import Glance
from advisor.findings import alone
from advisor.profiling import followers, names, weighing
from advisor.profiling.followers import Following, Way
from advisor.profiling.moments import moments, related
from advisor.profiling.pointing import said_known, said_to_follow
from advisor.profiling.schema import CLASSES, WRITTEN, Column, Finding, Profile

if TYPE_CHECKING:
    import polars as pl

NEAR_PERFECT = 0.98  # AUC, R² or accuracy of one column alone
CLEARLY_ABOVE = 0.05  # of an accuracy, over what the commonest class reaches
FEWEST_ROWS = 6
FEW_ROWS = 40  # below it, predictive power says little
ORDERED, NEARLY_ORDERED = 0.99, 0.9  # rank correlations
FEWEST_ORDERED = 6  # rows
MOST_ROWS = 1000  # that are looked at one by one
MOST_VALUES = 12  # of a column that may decide the target
LONG_TAIL = 4  # columns behind the target, from which their place says nothing
WIDE = 6  # columns, from which their order tells something
LATER_BY_NAME = 2.0  # of the weights set by hand, from which a column is no part of a rule
FOLLOWING: dict[Way, str] = {
    "copy": "each of its values stands for one of the target",
    "coarser": "each of its values stands for some of the target",
    "cut": "it is the target, cut into classes",
    "counted": "it counts what the target holds",
    "computed": "it is reckoned from the target and another column",
    "multiple": "it is the target times a constant",
}
READ_LATER = "read together with the description, its name and cells tell of what is known later"
MOST_READ = 4.0  # log-odds beyond which it is all one how sure the reader is
BEHIND = "it stands behind the target in the table"
_BLANKS = frozenset("0 no false none nein non nej 0.0 never n keine kein -".split())


class Sign(NamedTuple):
    """One reason to suspect a column, or not to; `because` is empty where it is not told.

    `figure` is None where there is nothing to count.
    """

    name: str
    because: str = ""
    measure: str = ""
    figure: float | None = None
    amount: float = 1.0  # of what the sign says, where it can say more or less

    def weight(self, *, read: bool) -> float:
        """What it adds to the suspicion, where the column reader has `read` the table, or has not."""
        return weighing.weights("leak", read=read)[self.name] * self.amount


def leaks(
    frame: "pl.DataFrame",
    profile: Profile,
    description: str = "",
    *,
    glance: Glance | None = None,
    follow: Following | None = None,
) -> Iterator[Finding]:
    """The columns under suspicion, most suspect first, each with its signs and the question to ask; see `look`.

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
    read = glance is not None
    least = weighing.threshold("leak", read=read)
    for name, signs in all_signs(frame, profile, description, glance=glance, follow=follow):
        suspicion = sum(sign.weight(read=read) for sign in signs)
        if suspicion >= least:
            found.append((suspicion, name, signs))
    for _, name, signs in sorted(found, key=lambda each: -each[0]):
        counted = [sign for sign in signs if sign.weight(read=read) > 0 and sign.because] or [Sign("behind", BEHIND)]
        told = max(counted, key=lambda sign: (sign.figure is not None, sign.weight(read=read)))
        yield Finding(
            "target_leakage",
            (name,),
            told.measure,
            told.figure,
            "; ".join(sign.because for sign in counted),
            f"Is `{name}` known when you predict?",
        )


def all_signs(
    frame: "pl.DataFrame",
    profile: Profile,
    description: str = "",
    *,
    glance: Glance | None = None,
    follow: Following | None = None,
) -> Iterator[tuple[str, list[Sign]]]:
    """The signs of every column that may leak, as its name and what speaks for and against it."""
    cells = _Cells(frame.head(MOST_ROWS))
    if follow is None:
        follow = followers.following(followers.of_frame(frame))
    for column in profile.columns:
        if column.name in profile.target_columns or column.kind == "empty":
            continue
        if column.distinct < 2 and not column.missing:
            continue
        yield (
            column.name,
            [
                *_signs(frame, cells, profile, column, description),
                *_of_following(profile, follow, column.name),
                *_of_glance(glance, column.name),
            ],
        )


def suspected_by_name(frame: "pl.DataFrame", profile: Profile, description: str = "") -> tuple[str, ...]:
    """The columns whose names, gaps and dates tell of afterwards, whatever they predict: a rule reads none of them."""
    found = []
    by_hand = weighing.priors("leak")
    for column in profile.columns if profile.target_columns else ():
        if column.name not in profile.target_columns:
            signs = [*_of_name(profile, column, description), *_of_dates(frame, profile, column)]
            if sum(by_hand.get(sign.name, 0.0) for sign in signs) >= LATER_BY_NAME:
                found.append(column.name)
    return tuple(found)


class _Cells:
    """The cells of some rows as text, None where missing, each column read when it is asked for."""

    def __init__(self, frame: "pl.DataFrame") -> None:
        self._frame = frame
        self._read: dict[str, list[str | None]] = {}

    def of(self, name: str) -> list[str | None]:
        """One column."""
        from models.kit import cells

        if name not in self._read:
            self._read[name] = cells.texts(self._frame[name]).to_list()
        return self._read[name]


def _signs(frame: "pl.DataFrame", cells: _Cells, profile: Profile, column: Column, description: str) -> Iterator[Sign]:
    yield from _of_name(profile, column, description)
    yield from _of_place(profile, column)
    single = profile.target if isinstance(profile.target, str) else None
    if single is None or frame[column.name].dtype.is_nested() or frame[single].dtype.is_nested():
        return
    yield from _of_answers(profile, cells.of(column.name), cells.of(single), column, single)
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
    if any(related(name, target) for target in profile.target_columns):
        if said & {"after", "reaction", "consequence"}:
            yield Sign("named of the target", "it is named after the target")
        else:
            yield Sign("shares a word")
    roles = (profile.time, profile.group, profile.item, profile.query, profile.position, profile.source, profile.split)
    if name in roles or name in (profile.weight, profile.event):
        yield Sign("a role", "it has a part of its own in the table")
    elif column.kind in WRITTEN and not said & {"after"} and name not in profile.target_columns:
        yield Sign("a text", "it is a text, which is more likely read than left behind")
    elif name in profile.ids and not said & {"after", "reaction"}:
        yield Sign("an id", "it names rows or things")
    if column.kind == "time":
        yield Sign("a date")
    if "money" in names.meanings(name) or column.kind == "money":
        yield Sign("money")
    if said_to_follow(description, name):
        yield Sign("said to follow", "the description says that it comes later")
    if said_known(description, name):
        yield Sign("said to be known", "the description says that it is known before")


def _of_place(profile: Profile, column: Column) -> Iterator[Sign]:
    """Behind the target: people write down what they want to know, and then what came of it."""
    order = [each.name for each in profile.columns]
    last = max(order.index(target) for target in profile.target_columns)
    apart, tail = order.index(column.name) - last, len(order) - 1 - last
    if len(order) < WIDE:
        return
    if apart > 0 and tail >= LONG_TAIL:
        yield Sign("behind an early target")
    elif apart > 0:
        yield Sign("behind", BEHIND)
        if apart == 1:
            yield Sign("next behind")
        if apart == tail:
            yield Sign("last of all")
        if column.missing:
            yield Sign("gaps behind")
        said = moments(column.name)
        if "consequence" in said and not said & {"after", "reaction", "before"}:
            yield Sign("consequence behind")
    elif apart < -2:
        yield Sign("well before")
    elif apart == -1:
        yield Sign("next before")


def _of_answers(
    profile: Profile, values: list[str | None], answers: list[str | None], column: Column, target: str
) -> Iterator[Sign]:
    """Filled, or other than nought and "no", for one answer alone; or each value with one answer."""
    if not _is_class(profile, target):
        return
    both = [(value, answer) for value, answer in zip(values, answers, strict=True) if answer is not None]
    if len({answer for _, answer in both}) < 2:
        return
    filled = [answer for value, answer in both if value is not None]
    if 0 < len(filled) < len(both):
        yield from _one_sided(filled, [answer for value, answer in both if value is None])
    counts = Counter(value for value, _ in both if value is not None)
    if not counts:
        return
    blank = min(counts, key=lambda value: (-counts[value], value))
    if len(counts) > 2 and blank.casefold() in _BLANKS and len(filled) == len(both):
        inside = {answer for value, answer in both if value != blank}
        outside = {answer for value, answer in both if value == blank}
        if len(inside) == 1 and not inside & outside:
            rows = len(both) - counts[blank]
            said = f"it is nothing but for one answer ({rows} of {len(both)} rows)"
            yield Sign("nothing for one answer", said, "share of rows with a value", round(rows / len(both), 4))
            return
    if 2 <= len(counts) <= MOST_VALUES and column.name not in profile.ids:
        told: dict[str, set[str]] = {}
        for value, answer in both:
            if value is not None:
                told.setdefault(value, set()).add(answer)
        repeated = [value for value, times in counts.items() if times > 1]
        if len(repeated) >= 2 and all(len(each) == 1 for each in told.values()) and len(set(filled)) > 1:
            rows = sum(counts[value] for value in repeated)
            said = f"each of its {len(counts)} values comes with one answer"
            yield Sign("decides the target", said, "share of rows with a repeated value", round(rows / len(both), 4))


def _one_sided(filled: list[str], empty: list[str]) -> Iterator[Sign]:
    rows = len(filled) + len(empty)
    for part, rest, what in ((filled, empty, "filled"), (empty, filled, "empty")):
        if len(set(part)) != 1:
            continue
        answer = part[0]
        share = (part.count(answer) + rest.count(answer)) / rows
        chance = share ** len(part)  # that as many rows drawn blindly all have this answer
        exact = answer not in rest
        if exact and chance < 0.2:
            name = "filled for one answer"
        elif chance < 0.05:
            name = "filled for one answer only"
        else:
            continue
        yield Sign(
            name,
            f"it is {what} for one answer alone ({len(part)} of {rows} rows)",
            f"chance that {len(part)} rows agree by accident",
            float(f"{chance:.3g}"),
        )
        return


def _of_following(profile: Profile, follow: Following, name: str) -> Iterator[Sign]:
    """In which ways a column follows from the target, and that others follow from it in turn."""
    targets = [target for target in profile.target_columns if target in follow]
    ways = {way for target in targets for way in follow[target].get(name, ())}
    for way in sorted(ways & FOLLOWING.keys()):
        yield Sign(f"follows: {way}", FOLLOWING[way])
    if ways and any(_settles(follow, mark, (name, *targets)) for mark in (profile.group, *profile.ids)):
        yield Sign("follows whose row it is")


def _of_glance(glance: Glance | None, name: str) -> Iterator[Sign]:
    """What the column reader makes of the column."""
    if glance is not None and name in glance.roles["leak"]:
        odds = max(-MOST_READ, min(glance.roles["leak"][name], MOST_READ))
        yield Sign("read", READ_LATER if odds > 0 else "", amount=odds)


def _settles(follow: Following, mark: str | None, names: Collection[str]) -> bool:
    """Whether a column that names things settles all the others."""
    if mark is None or mark in names:
        return False
    return all(follow.get(mark, {}).get(name, frozenset()) & {"copy", "coarser"} for name in names)


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
    elif order is not None and order >= NEARLY_ORDERED:
        said = f"it puts the rows nearly in the order of the target (rank correlation {order:.2f})"
        yield Sign("nearly same order", said, "rank correlation with the target", round(order, 4))


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
