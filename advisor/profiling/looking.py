"""What a table shows: its columns, and which of them is likely the target, an id, a time, or known only afterwards.

A first profile, from names, values and the description, by general sense and without statistics worth the name. It
reads the first rows only, and it never shows a cell. `advisor.suspicion` holds what makes a column look like a leak.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal

from advisor import suspicion
from advisor.errors import InputRefused
from advisor.profiling.schema import Column, Kind, Profile, Statistics, TargetCandidate
from advisor.table import numbers, read, words
from taxonomy.inflection import forms
from taxonomy.tokens import Tokens, tokenize

if TYPE_CHECKING:
    import polars as pl

ROWS_LOOKED_AT = 10_000
FEWEST_ROWS = 10  # below it, values say nothing about a role
MOST_CLASSES = 20  # different values of a column that answers "which"
TEXT_SPACES = 3  # in a mean cell of free text
SHORTEST_STEM, STEM_SHARE = 6, 0.65  # of the longer word: "progressed" is the progression, a departure no department

_STOP = frozenset(
    "a about all an and any are as at be been before between but can could do does each every for has have her his i "
    "if in into is it its me my need of on or our out per shall should so some that the their them then there these "
    "they this those to up us want was we were when where who why with would you your".split()
)
_ASKING = {form for word in ("predict", "estimate", "forecast", "guess", "classify", "detect") for form in forms(word)}
_ASKING |= {"how", "many", "much", "long", "which", "what", "whether", "will"}
_GIVING = frozenset("from using given based by with contains including columns features".split())
_WRITING = frozenset("translate summarize summarise summary caption reply answer write generate transcribe".split())
_YES_OR_NO = frozenset("is are does do did will was can has".split())  # where a sentence begins with it
_AMOUNT = frozenset("many much long far old often".split())  # after "how"

_TARGET = frozenset("target label y class outcome response result tags rating score grade".split())
_ID = frozenset(
    "id ids uuid guid key code no nr num number ref reference sku isbn ean vin iban barcode hash token email phone url "
    "username".split()
)
_TIME = frozenset("date datetime day hour minute month period quarter time timestamp week year".split())
_CODE = r"^(?:[A-Za-z]{1,5}[-_/ ]?\d{3,}|[0-9a-fA-F]{8}-?[0-9a-fA-F-]{8,})$"

# Scores of a target candidate. A word right after a question says most, one among what is given says least.
_ASKED, _MENTIONED, _GIVEN, _FADING = 3.0, 1.5, 0.3, 0.6
_NAMED, _FITS, _LAST, _UNFIT = 2.0, 1.5, 1.0, -8.0


def profile(table: Any, *, description: str = "", target: str | None = None) -> Profile:
    """The profile of a file (CSV, TSV, Parquet, JSON lines) or of any data frame that Narwhals knows.

    Raises:
        InputRefused: the table cannot be read, has no rows, or has no column `target`.

    >>> import polars as pl
    >>> table = pl.DataFrame({"house_id": [1, 2, 3], "price": [90.5, 120.0, 99.9], "rooms": [2, 3, 3]})
    >>> seen = profile(table, description="Estimate the price of a house from its rooms.")
    >>> seen.target, seen.ids
    ('price', ('house_id',))
    """
    frame = read(table).head(ROWS_LOOKED_AT)
    if target is not None:
        from models.kit import columns as kit_columns
        from models.kit.errors import Refused

        try:
            kit_columns.check_name(frame, target, setting="target")
        except Refused as error:
            raise InputRefused(str(error), code="table_refused") from None
    columns = tuple(_column(frame, name) for name in frame.columns)
    ids = tuple(column.name for place, column in enumerate(columns) if _is_id(frame, column, first=place == 0))
    candidates = _candidates(columns, ids, tokenize(description))
    chosen = target or candidates[0]
    leaking = suspicion.leaking(frame, target=chosen)
    times = [column.name for column in columns if column.kind == "time" and column.name != chosen]
    time = min(times, key=lambda name: name in leaking, default=None)  # the first one that is known beforehand
    ranked = tuple(TargetCandidate((name,), 1 / len(candidates), "categorical", ()) for name in candidates)
    return Profile(frame.height, frame.height, columns, chosen, candidates, ranked, ids, time=time, leaking=leaking)


def _column(frame: "pl.DataFrame", name: str) -> Column:
    import polars as pl

    from models.kit import cells

    values = frame[name]
    if values.dtype.is_nested() or values.dtype == pl.Binary:
        return Column(name, {"nested": 1.0}, Statistics(values.null_count(), values.len() - values.null_count()))
    texts = cells.texts(values)
    missing, distinct = texts.null_count(), texts.drop_nulls().n_unique()
    kind: Kind
    if distinct == 0:
        kind = "empty"
    elif distinct == 1 and values.len() > 1 and not missing:
        kind = "constant"
    elif values.dtype.is_numeric():
        kind = "continuous"
    elif values.dtype in (pl.Date, pl.Datetime) or cells.date_pattern(values) is not None:
        kind = "time"
    elif cells.decimal_mark(values) is not None:
        kind = "continuous"
    else:
        spaces = texts.str.count_matches(" ").mean()
        kind = "text" if isinstance(spaces, float) and spaces >= TEXT_SPACES else "categorical"
    return Column(name, {kind: 1.0}, Statistics(missing, distinct))


def _is_id(frame: "pl.DataFrame", column: Column, *, first: bool) -> bool:
    """Named like an id, or values like those of one: codes, a name for every row, numbers that count the rows."""
    parts = words(column.name)
    if column.kind not in ("continuous", "categorical"):
        return False
    if parts and (parts[-1] in _ID or parts[0] in ("id", "uuid")):
        return True
    present = frame.height - column.missing
    if present < FEWEST_ROWS or _TIME & set(parts):
        return False
    from models.kit import cells

    values = frame[column.name]
    if column.kind == "categorical":
        codes = cells.texts(values).drop_nulls().str.contains(_CODE).all()
        return column.distinct == present or (codes and column.distinct > MOST_CLASSES)
    read_as = numbers(values)
    if read_as is None or read_as.null_count() or column.distinct < frame.height:
        return False
    steps = read_as.diff().drop_nulls()
    counting = bool(((steps > 0) & (steps == steps.round())).all())
    return counting and (first or bool((steps == 1).all()))


def _candidates(columns: Sequence[Column], ids: Collection[str], tokens: Tokens) -> tuple[str, ...]:
    """Column names, the likeliest target first."""
    said, wanted, writing = _said(tokens), _wanted(tokens), bool(_WRITING & set(tokens.words))
    parts = {column.name: [part for part in words(column.name) if part not in _STOP] for column in columns}
    shared = Counter(part for each in parts.values() for part in set(each))

    def score(place: int) -> float:
        column = columns[place]
        mine = parts[column.name]
        heard = [_heard(part, said) / shared[part] for part in mine] or [0.0]
        # The last word is what a name is about: a SalePrice is a price.
        value = heard[-1] + sum(heard[:-1]) / len(heard)
        fits = column.kind == "continuous" if wanted == "amount" else 1 < column.distinct <= MOST_CLASSES
        unfit = column.kind in ("constant", "empty", "time") or (column.kind in ("text", "nested") and not writing)
        value += _NAMED * bool(_TARGET & set(mine)) + _LAST * (place == len(columns) - 1)
        return value + _FITS * (wanted is not None and fits) + _UNFIT * (unfit or column.name in ids)

    order = sorted(range(len(columns)), key=lambda place: (-score(place), -place))
    return tuple(columns[place].name for place in order)


def _said(tokens: Tokens) -> dict[str, float]:
    """How much each word of the description speaks for a column being the target."""
    said: dict[str, float] = {}
    weight, sentence = _MENTIONED, 0
    for word, place in zip(tokens.words, tokens.sentences, strict=True):
        if place != sentence:
            weight, sentence = _MENTIONED, place
        if word in _ASKING:
            weight = _ASKED
        elif word in _GIVING:
            weight = _GIVEN
        elif word not in _STOP:
            said[word] = max(weight, said.get(word, 0.0))
            weight = min(weight, max(weight * _FADING, _MENTIONED))
    return said


def _wanted(tokens: Tokens) -> Literal["amount", "class"] | None:
    """Whether the description asks how many, or which; None when it does neither or both."""
    pairs = list(zip(["", *tokens.words], tokens.words, [-1, *tokens.sentences], tokens.sentences, strict=False))
    amount = any(before == "how" and word in _AMOUNT for before, word, _, _ in pairs)
    which = any(word in ("whether", "which") or (a != b and word in _YES_OR_NO) for _, word, a, b in pairs)
    return None if amount == which else "amount" if amount else "class"


def _heard(part: str, said: Mapping[str, float]) -> float:
    """How loudly the description says a part of a column's name, in any of its forms."""
    return max((weight for word, weight in said.items() if _alike(part, word)), default=0.0)


def _alike(part: str, word: str) -> bool:
    stem = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(part, word, strict=False))))
    if stem >= SHORTEST_STEM and stem >= STEM_SHARE * max(len(part), len(word)):
        return True
    return word in forms(part) or part in forms(word) or (len(word) > 3 and part.endswith(word))
