"""What a column may be: every plausible kind with a probability, from its values, its figures and its name.

Each kind gets a score from what speaks for it, and the scores are shared out. The numbers are chosen on the worked
tables (tests/advisor/tables), the synthetic targets and the tables that scikit-learn and statsmodels carry.
"""

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from advisor.profiling import names
from advisor.profiling.schema import Kind, Statistics
from advisor.profiling.values import CURRENCY, Values

if TYPE_CHECKING:
    import polars as pl

FEWEST_FOR_SHAPE = 5  # values before their shape tells an id from a name
MOST_STEPS = 11  # of a grade
MOST_LEVELS = 50  # of a category in many rows
NEAR_CONSTANT = 0.995
NAMED_AGAIN = 2.0  # rows of a mean value, from which it is no text that somebody wrote
TEXT_WORDS = 3.0  # in a mean cell of free text
LEAST_PROBABILITY = 0.02  # a kind less likely than this is not named
TAG_DELIMITERS = (";", "|", ",", "/", "+")
TAG_SHARE = 0.3  # of the cells hold a delimiter
LONGEST_TAG = 3.0  # words of a mean tag
FALLEN = 0.25  # rows of the largest of the counted numbers, as a share of the commonest
LEAST_SKEW, SMALL = 0.8, 5  # of what is counted: many small numbers and a long tail
CODE_SHARE = 0.9  # of the cells look like a code
_MOST_CELLS = 2000  # whose form is looked at

_URL = r"^(?:https?://|www\.|s3://|gs://)"
_MEDIA = r"(?i)\.(?:png|jpe?g|tiff?|gif|bmp|webp|heic|svg|dcm|nii|wav|mp3|flac|ogg|m4a|mp4|avi|mov|mkv|webm|npy|pdf)$"
_POINT = r"^(?:POINT ?\(|\(?-?\d{1,3}\.\d+[,;] ?-?\d{1,3}\.\d+\)?$)"
_EMAIL = r"^[^@\s]+@[^@\s]+\.\w+$"
_UUID = r"^(?:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F-]{18,}|[0-9a-fA-F]{7,64})$"
_CODED = r"^(?:[A-Za-z]{0,8}[-_/. #:]?\d[\w\-./]*|[A-Za-z]{1,4}\d*[-_/.]\w*\d\w*)$"
_LETTERS_AND_DIGITS = r"^[A-Za-z]{1,8}[-_/. #]?\d"
_IOB = r"^(?:[BIOESLU](?:-[\w]+)?)(?: [BIOESLU](?:-[\w]+)?)*$"
_STEP = r"(?:\d{1,6}|[A-Za-z]\d{0,4}|[A-Z]{2,4}\d*|[BIOESLU]-\w+)"
_STEPS = rf"^{_STEP}(?:(?: ?(?:>|->|→) ?| ){_STEP})*(?: ?(?:>|->|→) ?\w+)*$|^\w+(?: ?(?:>|->|→) ?\w+)+$"
_GRADE = r"^[A-Za-z]{0,2}\d$"
_BAND = r"^(?:[<>≤≥]=? ?\d|\d+[.,]?\d* ?(?:-|–|to|bis) ?\d+|\d+ ?\+$|(?:under|over|unter|über|ab) \d)"
_GRADES = tuple(
    frozenset(grade.strip().split(","))
    for grade in """
    none,mild,moderate,severe,extreme
    very low,low,medium,high,very high
    none,low,medium,high
    low,normal,high,critical
    never,rarely,sometimes,often,always
    strongly disagree,disagree,neutral,agree,strongly agree
    poor,fair,good,very good,excellent
    ideal,premium,very good,good,fair
    xs,s,m,l,xl,xxl
    small,medium,large
    minor,moderate,major,critical,blocker
    slight,moderate,serious,fatal
    a,b,c,d,e,f,g
    i,ii,iii,iv,v
    p1,p2,p3,p4,p5
    first,second,third
    cold,warm,hot
    bad,ok,good
    green,yellow,orange,red
    bronze,silver,gold,platinum
    niedrig,mittel,hoch
    gering,mittel,hoch
    leicht,mittel,schwer
    kein,leicht,mittel,stark
    schlecht,mittel,gut
    sehr gut,gut,befriedigend,ausreichend,mangelhaft,ungenügend
    faible,moyen,élevé
    bajo,medio,alto
    basso,medio,alto
    baixo,médio,alto
    laag,midden,hoog
    laag,gemiddeld,hoog
    låg,medel,hög
    niski,średni,wysoki
    """.strip().splitlines()
)


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
        scores, delimiter = _of_texts(values, figures, present)
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
    if "id" in last and "count" not in last - {"count"} and not _counts_things(values.name):
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
    if last & {"actor", "item", "query"} and not _counts_things(values.name):
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
    if "count" in means or _counts_things(values.name):
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


def _counts_things(name: str) -> bool:
    """Whether the name begins like "number of …", "n_…", "anzahl_…", or is a plural of things: "employees"."""
    parts = names.words(name)
    if parts and len(parts[-1]) > 4 and parts[-1].endswith("s") and names.of_word(parts[-1][:-1]) & {"actor", "item"}:
        return True
    return len(parts) > 1 and (
        parts[0] in ("number", "n", "num", "no", "nb", "count", "total", "anzahl", "nombre", "numero")
    )


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


def _of_texts(values: Values, figures: Statistics, present: int) -> tuple[dict[Kind, float], str]:
    means, last = names.meanings(values.name), names.head(values.name)
    cells = values.present.head(_MOST_CELLS)
    share = _shares(cells)
    lowered = {cell.lower() for cell in cells.unique().head(_MOST_CELLS).to_list()}
    distinct = figures.distinct
    repeated = present / max(distinct, 1)
    if share(_MEDIA) >= CODE_SHARE:
        return {"media": 0.97, "text": 0.03}, ""
    if share(_URL) >= CODE_SHARE:
        return {"url": 0.95, "id": 0.05}, ""
    if share(_POINT) >= CODE_SHARE:
        return {"geo": 0.95, "text": 0.05}, ""
    if share(_EMAIL) >= CODE_SHARE:
        return {"id": 0.9, "text": 0.1}, ""
    words, characters = figures.words, figures.characters
    if distinct == 2 and words < TEXT_WORDS:
        return {"binary": 0.95, "categorical": 0.05}, ""
    if lowered and share(r"^\[") >= CODE_SHARE:
        return {"tags": 0.85, "sequence": 0.1, "nested": 0.05}, "[]"
    if share(_IOB) >= CODE_SHARE and share(" ") > 0.3:
        return {"sequence": 0.95, "text": 0.05}, " "
    if share(_STEPS) >= 0.8 and share(r"[ >→]") > TAG_SHARE:
        return {"sequence": 0.85, "tags": 0.1, "text": 0.05}, " "
    delimiter = tag_delimiter(cells)
    coded = share(_CODED) >= CODE_SHARE and words < 1.5
    if share(_GRADE) >= 1.0 and 2 < distinct <= MOST_STEPS and repeated >= 1.3 and not last & {"actor", "item", "id"}:
        return {"ordinal": 0.6, "categorical": 0.3, "code": 0.1}, ""
    if coded or (share(_UUID) >= CODE_SHARE and "id" in means | {"id"} and share(r"\d") > 0.5):
        return _of_codes(values, means, last, distinct, present, share), ""
    if not delimiter and "tags" in last and distinct > 1:
        delimiter = _any_delimiter(cells)
    if delimiter:
        likely = 0.9 if "tags" in means else 0.6
        if "tokens" in means and delimiter == " ":
            return {"sequence": 0.8, "tags": 0.2}, delimiter
        return {"tags": likely, "text": 0.8 - 0.7 * likely, "categorical": 0.1}, delimiter
    grades = _is_graded(lowered) or (share(_BAND) >= 0.6)
    if grades:
        return {"ordinal": 0.75, "categorical": 0.25}, ""
    if "tokens" in last and words >= 2:
        return {"sequence": 0.7, "text": 0.3}, " "
    if words >= TEXT_WORDS and repeated < 3:
        return {"text": 0.9, "categorical": 0.1}, ""
    if words >= 2 and repeated < 1.3 and "text" in means and "actor" not in last:
        return {"text": 0.8, "categorical": 0.2}, ""
    if "text" in last and repeated < 1.5 and characters >= 4:
        return {"text": 0.65, "categorical": 0.35}, ""
    if "id" in last and not _counts_things(values.name):
        return ({"id": 0.85, "categorical": 0.15} if repeated < 3 else {"code": 0.5, "id": 0.4, "categorical": 0.1}), ""
    if "code" in last:
        return {"code": 0.8, "categorical": 0.2}, ""
    if repeated <= 1.0 and present >= 2 * FEWEST_FOR_SHAPE:
        if means & {"actor", "item"}:
            return {"id": 0.6, "categorical": 0.2, "text": 0.2}, ""
        if words < TEXT_WORDS and not means & {"text", "label", "after"}:
            return {"id": 0.5, "text": 0.25, "categorical": 0.25}, ""
        return {"id": 0.2, "text": 0.4 if words >= 2 else 0.2, "categorical": 0.4}, ""
    once = repeated < NAMED_AGAIN  # what comes again and again is a name, not a text
    scores: dict[Kind, float] = {"categorical": 0.9, "text": 0.05 * once + 0.2 * (words >= 2)}
    if distinct > MOST_LEVELS:
        scores["id"] = 0.2
    return scores, ""


def _of_codes(
    values: Values,
    means: frozenset[names.Meaning],
    last: frozenset[names.Meaning],
    distinct: int,
    present: int,
    share: "Share",
) -> dict[Kind, float]:
    """Cells of letters and digits in one piece: ids where they name rows or things, else codes."""
    if "code" in last and "id" not in last:
        return {"code": 0.9, "id": 0.1}
    if "id" in last or means & {"id"}:
        return {"id": 0.85, "code": 0.15}
    zero = share(r"^0\d+$")
    if zero > 0 and share(r"^\d+$") >= CODE_SHARE and "actor" not in means:
        return {"code": 0.8, "id": 0.2} if distinct < present or "code" in means else {"code": 0.5, "id": 0.5}
    if "label" in last or "happened" in last or "score" in last:
        return {"categorical": 0.5, "code": 0.4, "id": 0.1}
    if last & {"actor", "item", "query"}:
        return {"id": 0.8, "code": 0.15, "categorical": 0.05}
    if distinct == present and present >= FEWEST_FOR_SHAPE:
        return {"id": 0.75, "code": 0.25}
    long = (values.present.str.len_chars().mean() or 0) >= 4  # type: ignore[operator]
    if present >= 2 * distinct and distinct <= MOST_LEVELS:
        return (
            {"categorical": 0.55, "code": 0.25, "id": 0.2}
            if not long
            else {"id": 0.35, "code": 0.35, "categorical": 0.3}
        )
    return {"id": 0.5, "code": 0.4, "categorical": 0.1} if long else {"categorical": 0.4, "code": 0.4, "id": 0.2}


class Share:
    """The share of cells that match a pattern."""

    def __init__(self, cells: "pl.Series") -> None:
        self._cells = cells

    def __call__(self, pattern: str) -> float:
        """Between 0 and 1."""
        found = self._cells.str.contains(pattern).mean()
        return float(found) if isinstance(found, float) else 0.0


def _shares(cells: "pl.Series") -> Share:
    return Share(cells)


def _is_graded(lowered: set[str]) -> bool:
    return 2 < len(lowered) <= MOST_STEPS and any(lowered <= grade for grade in _GRADES)


def _any_delimiter(cells: "pl.Series") -> str:
    counts = {mark: int((cells.str.contains(mark, literal=True)).sum()) for mark in TAG_DELIMITERS}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ""


def tag_delimiter(cells: "pl.Series") -> str:
    """The sign between several labels of a cell; "" where cells are no lists of labels.

    >>> import polars as pl
    >>> tag_delimiter(pl.Series(["red; big", "red", "blue; big; old", "old; red"]))
    ';'
    """
    listed = cells.to_list()
    best, most = "", 0.0
    for mark in TAG_DELIMITERS:
        split = [[part.strip() for part in cell.split(mark)] for cell in listed]
        share = sum(len(parts) > 1 for parts in split) / max(len(split), 1)
        if share < TAG_SHARE:
            continue
        parts = [part for cell in split for part in cell if part]
        if not parts or sum(len(part.split()) for part in parts) / len(parts) > LONGEST_TAG:
            continue
        if (
            any(len(part) > 40 for part in parts)
            or sum(part.replace(".", "").isdecimal() for part in parts) > len(parts) / 2
        ):
            continue
        again = len(parts) / len({part.lower() for part in parts})
        same_length = len({len(cell) for cell in split}) == 1  # "12 Main Street, Ulm": an address, a record
        needed = 1.15 if mark in ";|" else 1.4
        if again < needed or (same_length and mark not in ";|" and again < 2):
            continue
        if share * min(again, 3) > most:
            best, most = mark, share * min(again, 3)
    return best
