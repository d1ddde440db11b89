"""What a column may be: every plausible kind with a probability, from its values, its figures and its name.

Each kind gets a score from what speaks for it, and the scores are shared out. The numbers are chosen on the worked
tables (tests/advisor/tables), the synthetic targets and the tables that scikit-learn and statsmodels carry. Texts have
their own module, text_kinds.py.
"""

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from advisor.profiling import names
from advisor.profiling.schema import Kind, Statistics
from advisor.profiling.text_kinds import FEWEST_FOR_SHAPE, MOST_STEPS, of_texts
from advisor.profiling.values import CURRENCY, Values

if TYPE_CHECKING:
    import polars as pl

NEAR_CONSTANT = 0.995
LEAST_PROBABILITY = 0.02  # a kind less likely than this is not named
FALLEN = 0.25  # rows of the largest of the counted numbers, as a share of the commonest
LEAST_SKEW, SMALL = 0.8, 5  # of what is counted: many small numbers and a long tail
_TICKS = frozenset("x yes true y ja j oui si sí sim s ✓ ✔ • + * 1".split())  # beside cells that are left empty


class Judged(NamedTuple):
    """The kinds of a column with their probabilities, likeliest first, and the delimiter of its tags or tokens."""

    kinds: dict[Kind, float]
    delimiter: str = ""


def judge(values: Values, figures: Statistics, *, rows: int) -> Judged:
    """What a column may be.

    >>> import polars as pl
    >>> from advisor.profiling import values
    >>> column = values.read(pl.Series("plz", ["01067", "80331", "20095", "01067"]), place=0)
    >>> judge(column, Statistics(missing=0, distinct=3), rows=4).kinds
    {'code': 0.9, 'id': 0.1}
    """
    delimiter = ""
    present = rows - figures.missing
    scores: dict[Kind, float]
    if present <= 0:
        scores = {"empty": 1.0}
    elif figures.distinct <= 1:
        scores = {"constant": 1.0} if figures.missing == 0 or values.form in ("number", "moment") else {"binary": 1.0}
        if figures.missing and values.form == "text":
            ticked = values.present[0].lower() in _TICKS
            scores = {"binary": 1.0} if ticked else {"constant": 0.3, "binary": 0.3, "categorical": 0.4}
    elif values.form in ("nested", "bytes"):
        scores = {"nested": 1.0}
        if values.form == "nested":
            scores = {"tags": 0.75, "nested": 0.15, "sequence": 0.1}
            delimiter = "[]"
    elif values.form == "truth":
        scores = {"binary": 1.0}
    elif values.form == "moment":
        scores = {"time": 1.0}
        if values.written in ("year", "epoch"):
            scores = {"time": 0.8, "count": 0.1, "ordinal": 0.1}
    elif values.form == "duration":
        scores = {"duration": 0.8, "time": 0.2}
    elif values.form == "number":
        scores = _of_numbers(values, figures, rows, present)
    else:
        scores, delimiter = of_texts(values, figures, present)
    if figures.top_share >= NEAR_CONSTANT and figures.distinct > 2 and "constant" not in scores:
        scores["near_constant"] = 0.5 * sum(scores.values())
    elif figures.top_share >= NEAR_CONSTANT and figures.distinct == 2:
        scores["near_constant"] = 0.1 * sum(scores.values())
    return Judged(_shared(scores), delimiter)


def _shared(scores: dict[Kind, float]) -> dict[Kind, float]:
    """Scores as probabilities, likeliest first, without those that are not worth naming."""
    total = sum(scores.values())
    likely = {kind: score / total for kind, score in scores.items() if score / total >= LEAST_PROBABILITY}
    total = sum(likely.values())
    return {kind: likely[kind] / total for kind in sorted(likely, key=lambda kind: -likely[kind])}


def _of_numbers(values: Values, figures: Statistics, rows: int, present: int) -> dict[Kind, float]:
    means, last = names.meanings(values.name), names.head(values.name)
    low, high, distinct = figures.low or 0.0, figures.high or 0.0, figures.distinct
    whole = figures.whole == 1.0
    if "%" in values.unit:
        return {"percent": 0.9, "continuous": 0.1}
    if values.unit and not values.unit.isspace():
        if names.of_word(names.fold(values.unit)) & {"duration"} or values.unit in ("h", "s", "d", "min"):
            return {"duration": 0.8, "continuous": 0.2}
        if re.fullmatch(CURRENCY, values.unit):
            return {"money": 0.9, "continuous": 0.1}
        return {"continuous": 0.8, "count": 0.2} if whole else {"continuous": 1.0}
    if "geo" in last and low >= -180 and high <= 180 and not whole:
        return {"geo": 0.95, "continuous": 0.05}
    if not whole:
        scores: dict[Kind, float] = {"continuous": 1.0}
        if "money" in means:
            scores = {"money": 0.8, "continuous": 0.2}
        elif "duration" in last:
            scores = {"duration": 0.6, "continuous": 0.4}
        elif "share" in means and low >= 0 and high <= 100:
            scores = {"percent": 0.8, "continuous": 0.2}
        if distinct <= MOST_STEPS and present >= 20 * distinct:
            scores["ordinal"] = 2.0 if low > 0 and high <= 10 and ("rating" in means or distinct <= 10) else 0.5
            scores["categorical"] = 0.1
        return scores
    return _of_whole(values, figures, rows, present)


def _of_whole(values: Values, figures: Statistics, rows: int, present: int) -> dict[Kind, float]:
    means, last = names.meanings(values.name), names.head(values.name)
    low, high, distinct = figures.low or 0.0, figures.high or 0.0, figures.distinct
    span = high - low + 1
    dense = distinct / span  # of the whole numbers between the smallest and the largest
    scores: dict[Kind, float]
    if distinct == 2:
        scores = {"binary": 0.95, "count": 0.03, "categorical": 0.02}
        if present < 30 and (span > 2 or "count" in means or "duration" in means):
            scores = {"binary": 0.5 if span <= 2 else 0.3, "count": 0.5, "ordinal": 0.2}
        return scores
    if "code" in last or ("code" in means and "id" not in last):
        return {"code": 0.9, "id": 0.05, "categorical": 0.05}
    unique = distinct == present and present >= FEWEST_FOR_SHAPE
    if "id" in last and "count" not in last - {"count"} and not names.counts_things(values.name):
        return {"id": 0.85, "code": 0.1, "count": 0.05}
    counting = unique and values.numbers is not None and _counts_up(values.numbers)
    if counting and values.place == 0 and not means & {"duration", "count", "money", "time"}:
        return {"id": 0.85, "count": 0.1, "continuous": 0.05}
    if counting and present == rows and high - low + 1 == distinct and "time" not in means:
        return {"id": 0.7, "count": 0.15, "continuous": 0.15}
    if counting and present == rows and not means & {"duration", "count", "money", "time", "score"}:
        return {"id": 0.6, "count": 0.2, "continuous": 0.2}
    if unique and low >= 10_000 and present >= FEWEST_FOR_SHAPE and means & {"actor", "item", "query"}:
        return {"id": 0.9, "continuous": 0.1}
    if "money" in means:
        return {"money": 0.8, "continuous": 0.1, "count": 0.1}
    if "share" in means and low >= 0 and high <= 100 and not (distinct <= MOST_STEPS and high <= 10):
        return {"percent": 0.8, "continuous": 0.2}
    if "duration" in last and low >= 0:
        return {"duration": 0.7, "count": 0.2, "continuous": 0.1}
    if last & {"actor", "item", "query"} and not names.counts_things(values.name):
        if low >= 1000 or (unique and low >= 100):
            return {"id": 0.8, "code": 0.1, "count": 0.1}
        if not last & {"duration", "time", "score"}:
            return {"id": 0.5, "categorical": 0.2, "count": 0.3}
    if low < 0:
        scores = {"continuous": 0.9, "ordinal": 0.1}
        if distinct <= MOST_STEPS:
            scores = {"ordinal": 0.5, "continuous": 0.4, "categorical": 0.1}
        return scores
    few = distinct <= MOST_STEPS and high <= 10
    if few and ("rating" in means or "share" in means):
        return {"ordinal": 0.85, "categorical": 0.08, "count": 0.07}
    if distinct <= MOST_STEPS and low <= 1 and high <= MOST_STEPS and "label" in means:  # classes that were numbered
        return {"categorical": 0.55, "ordinal": 0.38, "count": 0.07}
    if "count" in means or names.counts_things(values.name):
        return {"count": 0.9, "ordinal": 0.05, "continuous": 0.05}
    if few and "score" in last:
        return {"ordinal": 0.7, "count": 0.15, "continuous": 0.15}
    if few and dense >= 0.7 and present >= 3 * distinct:
        falling = _falls(values)
        if low == 0:
            return {"count": 0.5, "ordinal": 0.4, "categorical": 0.1} if falling else {
                "ordinal": 0.5, "categorical": 0.25, "count": 0.25,
            }  # fmt: skip
        return {"ordinal": 0.6, "categorical": 0.2, "count": 0.2}
    if few:
        return {"count": 0.45, "ordinal": 0.4, "categorical": 0.15}
    if _same_width(low, high) and low >= 10_000 and distinct >= 0.5 * min(present, span) and dense < 0.9:
        return {"continuous": 0.35, "code": 0.35, "id": 0.3}
    if low == 0 or (high <= 100 and dense > 0.5) or (low <= SMALL and (figures.skew or 0.0) >= LEAST_SKEW):
        return {"count": 0.65, "continuous": 0.3, "ordinal": 0.05}
    return {"continuous": 0.55, "count": 0.4, "code": 0.05}


def _counts_up(numbers: "pl.Series") -> bool:
    """Whether each row has a larger whole number than the one before, in small steps."""
    if numbers.null_count() or numbers.len() < FEWEST_FOR_SHAPE:
        return False
    steps = numbers.diff().drop_nulls()
    largest, usual = float(steps.max()), float(steps.median())  # type: ignore[arg-type]
    return bool((steps > 0).all()) and largest <= 10 * max(1.0, usual)


def _falls(values: Values) -> bool:
    """Whether the smallest numbers are the commonest, as with things that are counted."""
    if values.numbers is None:
        return False
    counts = sorted(Counter(values.numbers.drop_nulls().to_list()).items())
    return (
        len(counts) > 2 and counts[-1][1] < FALLEN * max(times for _, times in counts) and counts[1][1] > counts[-1][1]
    )


def _same_width(low: float, high: float) -> bool:
    return len(f"{low:.0f}") == len(f"{high:.0f}")
