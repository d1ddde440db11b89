"""How the cells of a column are read: as missing, as numbers with a unit, as moments, or as text.

The decisions are made on a sample of the rows, as Polars; the expressions are Narwhals, so that the same decisions are
carried out on the whole table wherever it lies.
"""

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from advisor.profiling import names
from models.kit import cells

if TYPE_CHECKING:
    import narwhals as nw
    import polars as pl

MISSING = (  # whatever the column is
    "", "na", "n/a", "n.a.", "#n/a", "nan", "null", "nil", "?", "??", "-", "--", "---", ".", "missing", "unknown",
    "unbekannt", "k.a.", "k. a.", "keine angabe", "inconnu", "n.d.", "nd", "s/d", "desconocido", "sin datos",
    "sconosciuto", "onbekend", "okänt", "brak danych", "(null)", "<na>", "not available", "n.v.t.",
)  # fmt: skip
MISSING_NUMBERS = (  # only where the other cells are numbers or dates; elsewhere it may be an answer
    "none", "keine", "kein", "ohne", "nein", "aucun", "aucune", "ninguno", "ninguna", "nessuno", "nenhum", "geen",
    "ingen", "inga", "brak", "no", "nothing", "tbd", "n", "x", "*", "error", "leer", "vide", "vacio", "vuoto",
    "not measured", "not tested", "pending", "offen", "defekt", "off", "fehlt",
)  # fmt: skip
SPELLED = tuple(dict.fromkeys(form for word in MISSING for form in (word, word.upper(), word.capitalize())))
NUMBERS_SHARE = 0.85  # a text column is of numbers when at least this share of its values are; the same for moments
UNIT_SHARE = 0.5  # of the numbers carry the column's unit
LONGEST_UNIT = 12
FEWEST_MOMENTS = 5  # different numbers that all can be days or months, before they are taken for it
FAR_OUT = 5.0  # a sentinel lies this many spans of the other values away from them
MOST_LOOKED_AT = 3000  # different values of a column whose form is looked at

_SENTINELS = frozenset(
    sign * number
    for number in (99, 999, 9999, 99999, 999999, 9999999, 99999999, 888, 8888, 777, 7777)
    for sign in (1.0, -1.0)
) | {-1.0, -2.0, -9.0, -8.0}
CURRENCY = r"[$€£¥₹₽₩₺₴฿]|US\$|R\$|USD|EUR|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|zł|Kč|kr|Fr\."
_AMOUNT = r"[+\-−]?(?:\d[\d.,'’   ]*|[.,]\d+)(?:[eE][+-]?\d+)?"
NUMBER_TEXT = rf"^\s*(?:(?:{CURRENCY})\s*)?{_AMOUNT}\s*(?:[^\d\s.,:;/\-][^\d,;:]{{0,11}})?\s*$"
_PARTS = re.compile(rf"^\s*({CURRENCY})?\s*({_AMOUNT})\s*(.*?)\s*$")
_READABLE = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_FORM = {  # cells that a decimal mark reads without doubt or can read
    ".": r"^[+-]?(?:\d+(?:\.\d+)?|\.\d+|[1-9]\d{0,2}(?:[,'’   ]\d{3})+(?:\.\d+)?)(?:[eE][+-]?\d+)?$",
    ",": r"^[+-]?(?:\d+(?:,\d+)?|,\d+|[1-9]\d{0,2}(?:[.'’   ]\d{3})+(?:,\d+)?)(?:[eE][+-]?\d+)?$",
}
_THOUSANDS = r"^[+-]?[1-9]\d{0,2}[.,]\d{3}$"
_LEADING_ZERO = r"^0\d+$"
MEDIA = (
    r"(?i)^data:(?:image|audio|video)/"
    r"|\.(?:png|jpe?g|tiff?|gif|bmp|webp|heic|svg|dcm|nii|wav|mp3|flac|ogg|m4a|mp4|avi|mov|mkv|webm|npy|pdf)$"
)  # a picture, a sound or a film: itself, or the name of its file
_MONTH = (  # its name, or what begins like it, in some languages
    r"(?i:ja[nä]|ene|gen|janv|f[eé][bv]|m[aä]r|mai|may|mag|maj|mei|maa|avr|a[pb]r|jun|juin|giu|jul|juil|lug|a[gu][ogu]|ao[uû]"
    r"|s[e]t|sep|o[ckt]t|okt|out|nov|d[eéi][czs])[a-zéûäç]{0,7}"
)
_MOMENTS = {
    "week": r"^\d{4}[- ]?[WK]W?\d{1,2}$",
    "month": rf"^(?:\d{{4}}[-/.](?:0[1-9]|1[0-2])|(?:0[1-9]|1[0-2])[/.]\d{{4}}|{_MONTH}\.?[- ]'?\d{{2,4}})$",
    "quarter": r"^(?:\d{4}[- /]?Q[1-4]|Q[1-4][- /]?\d{4})$",
    "clock": r"^(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?: ?[APap][Mm])?$",
    "day": r"^(?:(?:0?[1-9]|[12]\d|3[01])\.(?:0?[1-9]|1[0-2])\.|[0-3]?\d[./][01]?\d\.? \d{1,2}:\d\d"
    rf"|(?:0?[1-9]|[12]\d|3[01])\.?[- ]{_MONTH}\.?)$",
    "mixed": r"^\s*(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})"
    r"|\d{1,2}\.?[- ][A-Za-zäéû]{3,9}\.?[- ]'?(?:\d{4}|\d{2})|[A-Za-z]{3,9} \d{1,2}, \d{4})(?:[T ].{0,24})?$",
}  # fmt: skip
_ZONE = re.compile(r"\d{2}:\d{2}(?::\d{2})?(?:\.\d+)?\s*(Z|UTC|GMT|CET|CEST|[+-]\d{2}:?\d{2})$")
_DURATION = r"^(?:P(?:\d+[DWMY])?(?:T[\dHMS.]+)?|(?:\d+ ?(?:d|h|m|min|s|sec|std)\.? ?){2,}|\d+:[0-5]\d:[0-5]\d)$"
_EPOCH = (1e8, 4.2e9)  # seconds: 1973 to 2103
_YEARS = (1800, 2100)


class Values(NamedTuple):
    """The sampled cells of one column, read, and how they were read. All series have the rows of the sample."""

    name: str
    place: int  # of the column, from 0
    form: str  # number, truth, text, moment, duration, nested, bytes, nothing
    texts: "pl.Series"  # trimmed text, null where missing
    numbers: "pl.Series | None"  # float64, null where missing; None where the cells are no numbers
    written: str = ""  # the decimal mark, or the pattern or shape of moments
    unit: str = ""
    zone: str = ""
    sentinels: tuple[str, ...] = ()
    whole: bool = False  # whether the type holds whole numbers alone
    padded: bool = False  # whether text cells have blanks around them
    typed: bool = False  # whether the cells came as numbers, truths or moments rather than as text

    @property
    def present(self) -> "pl.Series":
        """The texts that are not missing."""
        return self.texts.drop_nulls()


def read(column: "pl.Series", *, place: int, likely_mark: str | None = None) -> Values:
    """How the cells of a sampled column are to be read.

    >>> import polars as pl
    >>> found = read(pl.Series("Miete", ["1.250 €", "890,50 €", "keine", "710 €"]), place=0)
    >>> found.form, found.numbers.to_list(), found.unit, found.sentinels
    ('number', [1250.0, 890.5, None, 710.0], '€', ('keine',))
    """
    import polars as pl

    dtype = column.dtype
    if dtype.is_nested() or dtype == pl.Object:
        blank = pl.Series(column.name, [None if cell is None else "…" for cell in column.to_list()], dtype=pl.String)
        return Values(column.name, place, "nested", blank, None, typed=True)
    if dtype == pl.Binary:
        blank = pl.select(pl.when(column.is_not_null()).then(pl.lit("…"))).to_series()
        return Values(column.name, place, "bytes", blank, None, typed=True)
    if dtype == pl.Null:
        return Values(column.name, place, "nothing", column.cast(pl.String), None, typed=True)
    if dtype == pl.Boolean:
        truths = column.cast(pl.Float64)
        return Values(column.name, place, "truth", column.cast(pl.String), truths, whole=True, typed=True)
    if dtype in (pl.Date, pl.Datetime, pl.Time):
        zone = str(getattr(dtype, "time_zone", None) or "")
        return Values(column.name, place, "moment", column.cast(pl.String), None, str(dtype), zone=zone, typed=True)
    if dtype == pl.Duration:
        seconds = column.dt.total_microseconds() / 1e6
        return Values(column.name, place, "duration", cells.texts(column), seconds, unit="seconds", typed=True)
    if dtype.is_numeric():
        read = _of_numbers(column.name, place, column.cast(pl.Float64, strict=False), typed=True)
        return read._replace(whole=dtype.is_integer())
    return _of_text(column, place, likely_mark)


def _of_numbers(
    name: str,
    place: int,
    numbers: "pl.Series",
    *,
    typed: bool,
    written: str = "",
    unit: str = "",
    texts: "pl.Series | None" = None,
    sentinels: tuple[str, ...] = (),
) -> Values:
    import polars as pl

    numbers = numbers.fill_nan(None)
    numbers = pl.select(pl.when(numbers.abs() <= cells.LARGEST_NUMBER).then(numbers)).to_series().alias(name)
    found = sentinel_numbers(numbers)
    if found:
        numbers = pl.select(pl.when(~numbers.is_in(found)).then(numbers)).to_series().alias(name)
    moment = _numbers_are_moments(name, numbers)
    shown = cells.texts(numbers) if texts is None or found else texts
    return Values(
        name,
        place,
        "moment" if moment else "number",
        shown,
        numbers,
        moment or written,
        unit,
        sentinels=(*sentinels, *(f"{each:.10g}" for each in found)),
        typed=typed,
    )


def _numbers_are_moments(name: str, numbers: "pl.Series") -> str:
    """ "year" or "epoch" where the name says time and the numbers can be that; "together" for 20240304."""
    present = numbers.drop_nulls()
    if not present.len() or not (present == present.round()).all():
        return ""
    if _written_together(present):
        return "together"
    if "time" not in names.meanings(name):
        return ""
    low, high = float(present.min()), float(present.max())  # type: ignore[arg-type]
    if _YEARS[0] <= low and high <= _YEARS[1]:
        return "year"
    scale = 1e3 if low > _EPOCH[1] else 1.0
    return "epoch" if _EPOCH[0] * scale <= low and high <= _EPOCH[1] * scale else ""


def _written_together(present: "pl.Series") -> bool:
    """Whether all numbers are days or months in one piece, as in 20240304 and 202403."""
    low, high = float(present.min()), float(present.max())  # type: ignore[arg-type]
    if present.n_unique() < FEWEST_MOMENTS:
        return False
    if low >= 190_001 and high <= 210_012:
        return bool((present % 100).is_between(1, 12).all())
    if low >= 19_000_101 and high <= 21_001_231:
        months, days = (present // 100) % 100, present % 100
        return bool(months.is_between(1, 12).all() and days.is_between(1, 31).all())
    return False


def sentinel_numbers(numbers: "pl.Series") -> tuple[float, ...]:
    """The numbers that stand for "missing": -999 and its like, far away from all others.

    >>> import polars as pl
    >>> sentinel_numbers(pl.Series([4.1, 3.9, -999.0, 4.4])), sentinel_numbers(pl.Series([998.0, 999.0, 1000.0]))
    ((-999.0,), ())
    """
    present = numbers.drop_nulls()
    suspects = sorted(set(present.filter(present.is_in(list(_SENTINELS))).to_list()))
    if not suspects:
        return ()
    rest = present.filter(~present.is_in(suspects))
    if rest.n_unique() < 2 or rest.len() < present.len() / 2:
        return ()
    low, high = float(rest.min()), float(rest.max())  # type: ignore[arg-type]
    span = high - low
    found = []
    for each in suspects:
        if -10 < each < 0:  # -1 among numbers that are never negative, and not just below the smallest of few steps
            far = low >= 0 and (low > 2 * abs(each) or (rest.n_unique() > 5 and high > 5))
            typical = float(rest.median()) if rest.len() else 0.0  # type: ignore[arg-type]
            far = far and typical > 0 and (low > 0 or typical >= 5)
        else:
            far = each < low - FAR_OUT * max(span, 1e-9) or each > high + FAR_OUT * max(span, 1e-9)
            far = far or (each < 0 <= low and abs(each) > 9 and each < low - span)
            far = far or (each < 0 <= low and abs(each) in (99, 999, 9999, 99999, 999999))
        if far:
            found.append(each)
    return tuple(found)


def _of_text(column: "pl.Series", place: int, likely_mark: str | None) -> Values:
    import polars as pl

    cells_there = column.cast(pl.String).drop_nulls()
    padded = bool((cells_there != cells_there.str.strip_chars()).any())
    return _of_trimmed(column, place, likely_mark)._replace(padded=padded)


def _of_trimmed(column: "pl.Series", place: int, likely_mark: str | None) -> Values:
    import polars as pl

    texts = pl.select(text_or_missing_polars(column.cast(pl.String))).to_series().alias(column.name)
    seen = texts.drop_nulls()
    if not seen.len():
        return Values(column.name, place, "nothing", texts, None)
    lowered = seen.str.to_lowercase()
    words = lowered.is_in(list(MISSING_NUMBERS))
    plain = seen.filter(~words)
    different = plain.unique(maintain_order=True).head(MOST_LOOKED_AT)
    sentinels = tuple(sorted(set(seen.filter(words).to_list())))
    if not different.len():
        return Values(column.name, place, "text", texts, None)
    moment = _moment_pattern(different)
    if moment:
        rest = _without(texts, sentinels)
        zones = Counter(match[1] for cell in different.head(200) if (match := _ZONE.search(cell)))
        zone = zones.most_common(1)[0][0] if zones else ""
        return Values(column.name, place, "moment", rest, None, moment, zone=zone, sentinels=sentinels)
    if (different.str.contains(_DURATION).mean() or 0) >= NUMBERS_SHARE:  # type: ignore[operator]
        return Values(column.name, place, "duration", _without(texts, sentinels), None, "clock")
    files = (different.str.contains(MEDIA).mean() or 0) >= NUMBERS_SHARE  # type: ignore[operator]  # 7.jpg is no amount
    if not files and not different.str.contains(_LEADING_ZERO).any():
        found = _number_form(different, likely_mark)
        if found is not None:
            mark, unit = found
            bare = _without(texts, sentinels)
            numbers = _numbers(bare, mark, unit)
            return _of_numbers(
                column.name, place, numbers, typed=False, written=mark, unit=unit, texts=bare, sentinels=sentinels
            )
    return Values(column.name, place, "text", texts, None)


def _without(texts: "pl.Series", sentinels: tuple[str, ...]) -> "pl.Series":
    import polars as pl

    if not sentinels:
        return texts
    return pl.select(pl.when(~texts.is_in(list(sentinels))).then(texts)).to_series().alias(texts.name)


def _numbers(texts: "pl.Series", mark: str, unit: str) -> "pl.Series":
    import narwhals as nw

    frame = nw.from_native(texts.alias("x").to_frame()).select(number_of(nw.col("x"), mark, unit))
    return frame.to_native()["x"].alias(texts.name)


def _moment_pattern(different: "pl.Series") -> str:
    """The date pattern, or the shape of moment, of most values; "" where they are none."""
    pattern = cells.date_pattern(different)
    if pattern:
        return pattern
    for shape, form in _MOMENTS.items():
        share = different.str.contains(form).mean()
        if isinstance(share, float) and share >= NUMBERS_SHARE:
            if shape == "month" and different.str.contains(r"^\d{1,2}\.\d{4}$").all() and different.len() < 3:
                continue
            return shape
    return ""


def _number_form(different: "pl.Series", likely_mark: str | None) -> tuple[str, str] | None:
    """The decimal mark and the unit with which the values are numbers; None where they are not."""
    share = different.str.contains(NUMBER_TEXT).mean()
    if not isinstance(share, float) or share < NUMBERS_SHARE:
        return None
    amounts, units = [], Counter[str]()
    for cell in different.to_list():
        found = _PARTS.match(cell)
        if found is None:
            continue
        amounts.append(found[2].strip().replace("−", "-").rstrip(".,"))
        units[(found[1] or "").strip() or found[3].strip()] += 1
    unit, times = units.most_common(1)[0] if units else ("", 0)
    named = {each: count for each, count in units.items() if each}
    if named and unit == "":
        unit, times = max(named.items(), key=lambda pair: pair[1])
        unit = unit if times >= UNIT_SHARE * len(amounts) else ""
    strange = sum(count for each, count in named.items() if each != unit)
    if len(unit) > LONGEST_UNIT or strange > (1 - NUMBERS_SHARE) * len(amounts) + (len(named) <= 3) * len(amounts):
        return None
    if not unit and strange > 0.3 * len(amounts):
        return None
    readable = {
        mark: sum(bool(re.match(form, amount)) for amount in amounts) / len(amounts) for mark, form in _FORM.items()
    }
    if max(readable.values()) < NUMBERS_SHARE:
        return None
    if readable["."] == readable[","]:
        doubtful = [amount for amount in amounts if re.match(_THOUSANDS, amount)]
        if not doubtful:
            return likely_mark or ".", unit
        if likely_mark:
            return likely_mark, unit
        # Amounts of money have no three decimals, so 1.250 € is a thousand and more, and so is 182.400 km.
        if unit and len(doubtful) >= UNIT_SHARE * len(amounts):
            return ("," if "." in doubtful[0] else "."), unit
        return ".", unit
    return max(readable, key=lambda mark: readable[mark]), unit


def likely_mark(frame: "pl.DataFrame") -> str | None:
    """The decimal mark of the text columns that leave no doubt, or None where none does or they disagree.

    >>> import polars as pl
    >>> likely_mark(pl.DataFrame({"rent": ["950 €", "1.100 €"], "size": ["40,5", "62,25"]}))
    ','
    """
    import polars as pl

    sure = set()
    for column in frame.iter_columns():
        if column.dtype != pl.String:
            continue
        present = column.drop_nulls().unique(maintain_order=True).head(200).to_list()
        amounts = [
            found[2].strip() for cell in present if (found := _PARTS.match(cell)) and re.match(NUMBER_TEXT, cell)
        ]
        if not amounts or len(amounts) < NUMBERS_SHARE * len(present):
            continue
        reads = [mark for mark, form in _FORM.items() if all(re.match(form, amount) for amount in amounts)]
        sure |= set(reads) if len(reads) == 1 else set()
    return sure.pop() if len(sure) == 1 else None


def text_or_missing_polars(column: "pl.Series") -> "pl.Expr":
    """The trimmed cells as a Polars expression, null for what always means "missing"."""
    import polars as pl

    trimmed = column.str.strip_chars()
    return pl.when(~trimmed.str.to_lowercase().is_in(list(MISSING))).then(trimmed)


def text_or_missing(column: "nw.Expr", sentinels: tuple[str, ...], *, padded: bool) -> "nw.Expr":
    """The cells of a text column, null for what means "missing" and for this column's sentinels.

    Words in capitals and with a capital are known, too. `padded` cells are trimmed first, which is slow.
    """
    import narwhals as nw

    text = column.str.strip_chars() if padded else column
    return nw.when(~text.is_in([*SPELLED, *sentinels])).then(text)


def number_of(texts: "nw.Expr", mark: str, unit: str) -> "nw.Expr":
    """A text column as float64, without its unit and marks between thousands; null where there is no number."""
    import narwhals as nw

    bare = texts.str.replace_all("−", "-", literal=True).str.replace_all(r"[\s'’]", "")
    if unit:
        bare = bare.str.replace_all("".join(unit.split()), "", literal=True)
    bare = bare.str.replace_all("," if mark == "." else ".", "", literal=True)
    if mark == ",":
        bare = bare.str.replace_all(",", ".", literal=True)
    return nw.when(bare.str.contains(_READABLE)).then(bare).cast(nw.Float64)
