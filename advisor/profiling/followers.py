"""Which columns follow from which, as far as some rows tell: a copy, a count, a sum, a gap that goes with an answer.

What is known only after the outcome mostly follows from it: the refund is filled where the answer is "returned", the
bill is the amount times a price, the number of tags is that of the tags. So a column that others follow is more likely
asked for, and what follows the target is more likely known too late.

Few rows agree by accident. Every kind of following has a chance that unrelated columns would show it, and counts only
where that is small.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from advisor.profiling.values import Values

Way = Literal[
    "gaps",  # filled, or empty, for one value alone
    "gaps_within",  # filled, or empty, for one value alone, and not for all rows that have it
    "nothing",  # nought or "no" but for one value
    "copy",  # another word for each value
    "coarser",  # a word for several values together
    "cut",  # two or more classes, cut out of the numbers
    "order",  # the same order of the rows
    "multiple",  # the same number times a constant
    "counted",  # how many things a cell holds, or how many of the columns beside it are yes
    "computed",  # a sum, difference, product or quotient of it and a third column
]
WAYS: tuple[Way, ...] = get_args(Way)
BOTH_WAYS: frozenset[Way] = frozenset({"copy", "order", "multiple", "computed"})  # which of two follows is not seen

MOST_ROWS = 60  # that are looked at
MOST_COLUMNS = 40  # of a wider table nothing is said
MOST_NUMBERS = 14  # columns between which arithmetic is tried
MOST_CLASSES = 12
FEWEST_ROWS = 6
SMALL_CHANCE = 0.03  # that unrelated columns agree as well
EXACT = 0.012  # relative error of a sum or product
SAME_ORDER = 0.99  # rank correlation
COUNTED = 0.85  # share of the rows in which a count is right
_BLANKS = frozenset("0 0.0 0,0 0,00 0.00 no false none nein non nej never n keine kein nao não nie - – f".split())
_YES = frozenset("1 1.0 yes true ja j y x oui si sí sim s tak t wahr".split())
_SIGNS = "|;,/+"  # between the parts of a cell

Array = "np.ndarray[Any, np.dtype[np.float64]]"


class Cells(NamedTuple):
    """The cells of one column: as text, None where missing, and as numbers or days, NaN where they are none."""

    texts: tuple[str | None, ...]
    numbers: "np.ndarray[Any, Any] | None"
    dated: bool  # whether the numbers are days


Following = Mapping[str, Mapping[str, frozenset[Way]]]  # column -> what follows it -> in which ways


def of_frame(frame: "pl.DataFrame") -> dict[str, Cells]:
    """The cells of the first rows of a frame."""
    from advisor.profiling import values

    frame = frame.head(MOST_ROWS)
    mark = values.likely_mark(frame)
    return of_values([values.read(frame[name], place=0, likely_mark=mark) for name in frame.columns])


def of_values(read: "Sequence[Values]") -> dict[str, Cells]:
    """The cells of the first rows of columns that were read."""
    found = {}
    for column in read:
        texts = tuple(column.texts.head(MOST_ROWS).to_list())
        numbers, dated = None, False
        if column.form == "moment" and column.numbers is None:
            numbers, dated = _days(column), True
        elif column.numbers is not None:
            numbers = column.numbers.head(MOST_ROWS).to_numpy().astype(float)
        found[column.name] = Cells(texts, numbers, dated)
    return found


def _days(column: "Values") -> "np.ndarray[Any, Any] | None":
    import polars as pl

    from models.kit import cells

    texts = column.texts.head(MOST_ROWS)
    pattern = cells.date_pattern(texts) if column.written not in ("week", "month", "quarter", "clock", "day") else None
    if pattern is None:
        return None
    days = cells.moments(texts, pattern).dt.epoch("s").cast(pl.Float64) / 86400.0
    return days.to_numpy().astype(float)


def following(cells: Mapping[str, Cells]) -> Following:
    """For each column what follows it.

    >>> import polars as pl
    >>> grade = [52, 71, 38, 90, 44, 67, 81, 29]
    >>> table = pl.DataFrame({"grade": grade, "certificate": ["yes" if each >= 50 else None for each in grade]})
    >>> following(of_frame(table.with_columns(twice=pl.col("grade") * 2)))["grade"]
    {'twice': frozenset({'multiple'})}
    >>> tags = pl.DataFrame({"tags": ["a|b", "c", "a|b|c", "b", "a|c", "c"], "n": [2, 1, 3, 1, 2, 1]})
    >>> following(of_frame(tags))["tags"]
    {'n': frozenset({'counted'})}
    """
    found: dict[str, dict[str, set[Way]]] = {name: {} for name in cells}
    rows = max((len(each.texts) for each in cells.values()), default=0)
    if not rows >= FEWEST_ROWS or len(cells) > MOST_COLUMNS:
        return {}
    for leader, follower, way in _all(cells):
        found[leader].setdefault(follower, set()).add(way)
    return {name: {other: frozenset(ways) for other, ways in each.items()} for name, each in found.items()}


def _all(cells: Mapping[str, Cells]) -> Iterator[tuple[str, str, Way]]:
    classes = {name: Counter(each.texts) for name, each in cells.items()}
    for leader, mine in cells.items():
        for follower, other in cells.items():
            if leader != follower:
                for way in _pair(mine, other, classes[leader], classes[follower]):
                    yield leader, follower, way
    yield from _counted(cells)
    yield from _computed(cells)


def _pair(leader: Cells, follower: Cells, mine: Counter[str | None], theirs: Counter[str | None]) -> Iterator[Way]:
    answers = len(mine) - (None in mine)
    if None not in mine and 2 <= answers <= MOST_CLASSES and answers <= 0.7 * len(leader.texts):
        yield from _of_answers(leader.texts, follower.texts, mine, theirs)
    if leader.numbers is not None and not leader.dated and answers > 3:
        if leader.texts == follower.texts:
            return  # the same column twice
        if follower.numbers is not None and not follower.dated and len(theirs) > 3:
            if _is_multiple(leader.numbers, follower.numbers):
                yield "multiple"
            elif _same_order(leader.numbers, follower.numbers):
                yield "order"
        elif 2 <= len(theirs) - (None in theirs) <= 5 and _cut(leader.numbers, follower.texts):
            yield "cut"


def _of_answers(
    answers: Sequence[str | None], values: Sequence[str | None], mine: Counter[str | None], theirs: Counter[str | None]
) -> Iterator[Way]:
    rows = len(answers)
    empty = theirs.get(None, 0)
    if empty:
        marked = [value is None for value in values]
        if _one_sided(marked, answers, mine):
            yield "gaps"
        elif _within(marked, answers, mine):
            yield "gaps_within"
        return
    blank = next((value for value, _ in theirs.most_common(1) if (value or "").casefold() in _BLANKS), None)
    if blank is not None and len(theirs) > 2 and _one_sided([value == blank for value in values], answers, mine):
        yield "nothing"
    if not 2 <= len(theirs) <= MOST_CLASSES or len(theirs) > 0.7 * rows:
        return
    told: dict[str | None, str | None] = {}
    chance = 1.0
    for answer, value in zip(answers, values, strict=True):
        if answer not in told:
            told[answer] = value
        elif told[answer] != value:
            return
        else:
            chance *= theirs[value] / rows
    if chance <= SMALL_CHANCE:
        yield "copy" if len(set(told.values())) == len(told) else "coarser"


def _one_sided(marked: Sequence[bool], answers: Sequence[str | None], counts: Counter[str | None]) -> bool:
    """Whether one kind of row, marked or not, has a single answer that no other row has."""
    for side in (True, False):
        inside = [answer for mark, answer in zip(marked, answers, strict=True) if mark is side]
        if not inside or len(inside) == len(answers) or len(set(inside)) != 1 or counts[inside[0]] != len(inside):
            continue
        if 1 / math.comb(len(answers), len(inside)) <= SMALL_CHANCE * 5:
            return True
    return False


def _within(marked: Sequence[bool], answers: Sequence[str | None], counts: Counter[str | None]) -> bool:
    """Whether the filled rows, or the empty ones, all have one answer, which as many rows drawn blindly hardly have."""
    for side in (False, True):
        inside = [answer for mark, answer in zip(marked, answers, strict=True) if mark is side]
        if inside and len(set(inside)) == 1:
            drawn, rows = math.comb(counts[inside[0]], len(inside)), math.comb(len(answers), len(inside))
            if drawn / rows <= SMALL_CHANCE * 5:
                return True
    return False


def _is_multiple(one: Any, other: Any) -> bool:
    import numpy as np

    both = (one == one) & (other == other) & (one != 0) & (other != 0)
    if both.sum() < FEWEST_ROWS or both.sum() < 0.8 * (one == one).sum():
        return False
    a, b = one[both], other[both]
    factor = float(np.median(b / a))
    rounding = 0.51 * max(_step(b), abs(factor) * _step(a))
    spread = float(b.max() - b.min())
    within = np.abs(b - factor * a) <= np.maximum(EXACT / 2 * np.abs(b), rounding)
    return bool(within.all() and rounding <= 0.06 * spread and np.unique(a).size > a.size // 2)


def _same_order(one: Any, other: Any) -> bool:
    import numpy as np

    both = (one == one) & (other == other)
    if both.sum() < FEWEST_ROWS:
        return False
    a, b = one[both], other[both]
    if min(np.unique(a).size, np.unique(b).size) <= a.size // 2:
        return False
    ranks = [np.unique(each, return_inverse=True)[1] for each in (a, b)]
    return bool(abs(np.corrcoef(ranks[0], ranks[1])[0, 1]) >= SAME_ORDER)


def _cut(numbers: Any, classes: Sequence[str | None]) -> bool:
    """Whether each class is a stretch of the numbers, which chance would hardly make."""
    rows = sorted(
        (float(number), value) for number, value in zip(numbers, classes, strict=True) if number == number and value
    )
    if len(rows) < FEWEST_ROWS:
        return False
    stretches = 1 + sum(one[1] != other[1] for one, other in itertools.pairwise(rows))
    counts = Counter(value for _, value in rows)
    if stretches != len(counts) or len(counts) < 2:
        return False
    if any(one[0] == other[0] and one[1] != other[1] for one, other in itertools.pairwise(rows)):
        return False
    ways = math.factorial(len(rows)) / math.prod(math.factorial(count) for count in counts.values())
    return math.factorial(len(counts)) / ways <= SMALL_CHANCE


def _counted(cells: Mapping[str, Cells]) -> Iterator[tuple[str, str, Way]]:
    """Numbers that say how many parts or words a cell has, or how many of several yes/no columns are yes."""
    import numpy as np

    whole = {
        name: each.numbers
        for name, each in cells.items()
        if each.numbers is not None and not each.dated and _are_counts(each.numbers)
    }
    if not whole:
        return
    for name, each in cells.items():
        if each.numbers is not None or name in whole:
            continue
        for lengths in _lengths(each.texts):
            for other, numbers in whole.items():
                known = (numbers == numbers) & (lengths == lengths)
                right = float((numbers[known] == lengths[known]).mean()) if known.sum() >= FEWEST_ROWS - 1 else 0.0
                if right >= COUNTED and np.unique(lengths[known]).size > 1:
                    yield name, other, "counted"
    marks = {name: _truths(each.texts) for name, each in cells.items()}
    run: list[str] = []
    for name in [*cells, ""]:
        if name and marks[name] is not None:
            run.append(name)
            continue
        if len(run) >= 2:
            total = sum(marks[one] for one in run)
            for other, numbers in whole.items():
                known = numbers == numbers
                if known.all() and np.unique(numbers).size > 1 and np.array_equal(numbers, total):
                    for one in run:
                        yield one, other, "counted"
        run = []


def _are_counts(numbers: Any) -> bool:
    import numpy as np

    known = numbers[numbers == numbers]
    return bool(known.size >= FEWEST_ROWS - 1 and (known == known.round()).all() and (known >= 0).all()) and (
        np.unique(known).size > 1
    )


def _lengths(texts: Sequence[str | None]) -> Iterator[Any]:
    """How many parts the cells have, by each sign that parts them, and how many words."""
    import numpy as np

    present = [text for text in texts if text is not None]
    for sign in _SIGNS:
        if sum(sign in text for text in present) >= 2:
            yield np.array([0.0 if text is None else float(text.count(sign) + 1) for text in texts])
    if sum(" " in text for text in present) >= len(present) / 2:
        yield np.array([float("nan") if text is None else float(len(text.split())) for text in texts])


def _truths(texts: Sequence[str | None]) -> Any:
    """1 where a cell says yes and 0 where it says no or nothing; None where the column says anything else."""
    import numpy as np

    seen = {text.casefold() for text in texts if text is not None}
    if not seen or not seen <= _BLANKS | _YES or not seen & _YES:
        return None
    return np.array([float(text is not None and text.casefold() in _YES) for text in texts])


def _computed(cells: Mapping[str, Cells]) -> Iterator[tuple[str, str, Way]]:
    """Numbers that a sum, difference, product or quotient of two others gives in every row."""
    import numpy as np

    known = {name: each for name, each in cells.items() if each.numbers is not None and _varies(each.numbers)}
    names = list(known)[:MOST_NUMBERS]
    if len(names) < 3:
        return
    table = np.array([known[name].numbers for name in names])
    for a, one in enumerate(names):
        for b in range(a + 1, len(names)):
            dated = known[one].dated, known[names[b]].dated
            forms = _forms(table[a], table[b], dated)
            for c, result in enumerate(names):
                if c in (a, b) or known[result].dated:
                    continue
                if any(_fits(form, table[c], free=free, parts=(table[a], table[b])) for form, free in forms):
                    # Of three numbers of which two give the third each may be the outcome, and the others follow it.
                    for leader, follower in ((one, result), (names[b], result), (result, one), (result, names[b])):
                        yield leader, follower, "computed"


def _forms(a: Any, b: Any, dated: tuple[bool, bool]) -> list[tuple[Any, bool]]:
    """The numbers that two columns give, and whether a constant factor is allowed."""
    import numpy as np

    if all(dated):
        return [(b - a, True)]
    if any(dated):
        return []
    with np.errstate(divide="ignore", invalid="ignore"):
        return [(a + b, False), (a - b, False), (b - a, False), (a * b, True), (a / b, True), (b / a, True)]


def _varies(numbers: Any) -> bool:
    import numpy as np

    known = numbers[numbers == numbers]
    return bool(known.size >= FEWEST_ROWS and np.unique(known).size >= 4)


def _fits(made: Any, wanted: Any, *, free: bool, parts: tuple[Any, Any]) -> bool:
    """Whether the numbers are those that were made, but for rounding; neither part may give them by itself."""
    import numpy as np

    known = np.isfinite(made) & np.isfinite(wanted) & (made != 0) & (wanted != 0)
    if known.sum() < FEWEST_ROWS or known.sum() < 0.8 * np.isfinite(wanted).sum():
        return False
    made, wanted = made[known], wanted[known]
    if np.unique(wanted).size < 4:
        return False
    ratio = wanted / made
    factor = float(np.median(ratio)) if free else 1.0
    rounding = 0.51 * _step(wanted)
    if (np.abs(wanted - factor * made) > np.maximum(EXACT * np.abs(wanted), rounding)).any():
        return False
    spread = float(wanted.max() - wanted.min())
    if rounding > 0.06 * spread:
        return False
    for part in parts:
        alone = part[known]
        ones = wanted / alone if (alone != 0).all() else None
        if ones is not None and float(ones.std()) <= 2 * EXACT * abs(float(ones.mean())):
            return False
    return True


def _step(numbers: Any) -> float:
    """The last place to which numbers are written."""
    for step in (1.0, 0.1, 0.01, 0.001):
        if (abs(numbers / step - (numbers / step).round()) < 1e-6).all():
            return step
    return 0.0
