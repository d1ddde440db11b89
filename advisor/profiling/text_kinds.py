"""What a column of texts may be: scores of kinds from the form of its cells, its figures and its name.

The numbers are chosen as those of kinds.py are.
"""

from typing import TYPE_CHECKING

from advisor.profiling import names
from advisor.profiling.schema import Kind, Statistics
from advisor.profiling.values import MEDIA, Values

if TYPE_CHECKING:
    import polars as pl

FEWEST_FOR_SHAPE = 5  # values before their shape tells an id from a name
MOST_STEPS = 11  # of a grade
MOST_LEVELS = 50  # of a category in many rows
NAMED_AGAIN = 2.0  # rows of a mean value, from which it is no text that somebody wrote
TEXT_WORDS = 3.0  # in a mean cell of free text
TAG_DELIMITERS = (";", "|", ",", "/", "+")
TAG_SHARE = 0.3  # of the cells hold a delimiter
LONGEST_TAG = 3.0  # words of a mean tag
CODE_SHARE = 0.9  # of the cells look like a code
_MOST_CELLS = 2000  # whose form is looked at

_URL = r"^(?:https?://|www\.|s3://|gs://)"
_POINT = r"^(?:POINT ?\(|\(?-?\d{1,3}\.\d+[,;] ?-?\d{1,3}\.\d+\)?$)"
_EMAIL = r"^[^@\s]+@[^@\s]+\.\w+$"
_UUID = r"^(?:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F-]{18,}|[0-9a-fA-F]{7,64})$"
_CODED = r"^(?:[A-Za-z]{0,8}[-_/. #:]?\d[\w\-./]*|[A-Za-z]{1,4}\d*[-_/.]\w*\d\w*)$"
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


def of_texts(values: Values, figures: Statistics, present: int) -> tuple[dict[Kind, float], str]:
    """Scores of what a column of texts may be, and the sign between the labels or tokens of a cell."""
    means, last = names.meanings(values.name), names.head(values.name)
    cells = values.present.head(_MOST_CELLS)
    share = Share(cells)
    lowered = {cell.lower() for cell in cells.unique().head(_MOST_CELLS).to_list()}
    distinct = figures.distinct
    repeated = present / max(distinct, 1)
    if share(MEDIA) >= CODE_SHARE:
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
    if "id" in last and not names.counts_things(values.name):
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
