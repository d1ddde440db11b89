"""What can be made of one column, and may be what a rule looks at: remainders, digits, parts of dates and of codes."""

from collections.abc import Iterator
from itertools import permutations
from typing import TYPE_CHECKING, Any

from advisor.proof.sample import LONGEST_TEXT, Field, Sample, coded

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from advisor.proof.sample import Vector
    from models.kit.rules import Expression, Input

MODULI = (*range(2, 32), 60, 97, 100, 1000)
MOST_DATES = 6
MOST_CODES = 12  # columns of text that are looked into
CODE = r"[0-9]{2}"  # a cell that may carry a check digit holds at least two digits in a row
SEPARATORS = "-_/. :,;#|@"
PREFIXES, SUFFIXES = (1, 2, 3, 4, 5, 6), (1, 2, 3, 4)
SPOT_ROWS = 60  # looked at before a feature is computed on all rows


def moments(sample: Sample) -> Iterator[Field]:
    """Years, months, weekdays and the like of each date, and the time between two."""
    import numpy as np

    dates = [each for each in sample.fields if each.inputs[0].kind == "time"][:MOST_DATES]
    parts = {id(each): _parts(sample, each) for each in dates}
    for each in dates:
        for name, values in parts[id(each)].items():
            yield _made(each.inputs, [name, each.expression], values)
    for start, end in permutations(dates, 2):
        days = end.numbers - start.numbers  # type: ignore[operator]
        if not np.nanmedian(days) >= 0:
            continue
        inputs, pair = (*start.inputs, *end.inputs), [start.expression, end.expression]
        yield _made(inputs, ["days_between", *pair], np.round(days, 9))
        if np.nanmax(days) > 31 and (days[days == days] >= 0).all():
            one, other = parts[id(start)], parts[id(end)]
            months = (other["year"] - one["year"]) * 12 + other["month"] - one["month"]
            months = months - (other["day"] < one["day"])
            yield _made(inputs, ["months_between", *pair], months)
            yield _made(inputs, ["years_between", *pair], np.floor(months / 12))


def _parts(sample: Sample, date: Field) -> "dict[str, Vector]":
    """Year, quarter, month, day, weekday and hour of a date, by the names of the operations that give them."""
    import polars as pl

    from models.kit import cells

    source = date.inputs[0]
    times = cells.moments(sample.frame[source.name], source.form).dt
    made = {
        "year": times.year(),
        "quarter": times.quarter(),
        "month": times.month(),
        "day": times.day(),
        "weekday": times.weekday(),
        "hour": times.hour(),
    }
    return {name: values.cast(pl.Float64).fill_null(float("nan")).to_numpy() for name, values in made.items()}


def _made(inputs: "tuple[Input, ...]", expression: "Expression", numbers: "Vector") -> Field:
    codes, levels = coded(numbers)
    return Field(inputs, expression, numbers, codes, levels)


def remainders(sample: Sample) -> Iterator[Field]:
    """Whole numbers modulo the common moduli."""
    import numpy as np

    for each in sample.fields:
        numbers = each.numbers
        if each.inputs[0].kind != "number" or numbers is None or each.levels < 4:
            continue
        known = numbers[numbers == numbers]
        if not np.array_equal(known, np.round(known)) or np.abs(known).max(initial=0) > 2**50:
            continue
        missing = numbers != numbers
        whole = np.where(missing, 0, numbers).astype(np.int64)
        for modulus in MODULI:
            if modulus < each.levels:
                left = whole % modulus
                rest, codes = np.where(missing, np.nan, left), np.where(missing, 0, left + 1)
                yield Field(each.inputs, ["modulo", each.expression, modulus], rest, codes, modulus)


def texts(sample: Sample) -> Iterator[Field]:
    """Lengths, beginnings, ends and parts of codes, and their check sums."""
    import polars as pl

    from models.kit import cells
    from models.kit.rules import Input

    looked_into = 0
    for each in sample.fields:
        whole = each.texts
        kind = each.inputs[0].kind
        if whole is None and kind == "number" and each.inputs[0].form == "." and each.levels > 20:
            column = sample.frame[each.inputs[0].name]
            if column.dtype.is_integer() or column.dtype == pl.String:
                whole = cells.texts(column)
        if whole is None or each.levels < 3 or looked_into >= MOST_CODES:
            continue
        lengths = whole.str.len_chars()
        if float(lengths.mean() or 0.0) > LONGEST_TEXT:  # type: ignore[arg-type]
            continue
        looked_into += 1
        source = (Input(each.inputs[0].name, "text"),)
        yield from _pieces(source, whole, lengths)
        if bool(whole.str.contains(CODE).mean() or 0.0):
            yield from _check_sums(sample, source, whole)


def _pieces(source: "tuple[Input, ...]", whole: "pl.Series", lengths: "pl.Series") -> Iterator[Field]:
    key = ["column", source[0].name]
    yield _numbers(source, ["length", key], lengths)
    longest = int(lengths.max() or 0)  # type: ignore[arg-type]
    for length in PREFIXES:
        if length < longest:
            yield _strings(source, ["prefix", key, length], whole.str.slice(0, length))
    for length in SUFFIXES:
        if length < longest:
            yield _strings(source, ["suffix", key, length], whole.str.tail(length))
    head = whole.head(SPOT_ROWS).drop_nulls()
    for mark in SEPARATORS:
        most = int(head.str.count_matches(mark, literal=True).max() or 0)  # type: ignore[arg-type]
        if 0 < most < 6:
            split = whole.str.split(mark)
            for number in range(1, most + 2):
                yield _strings(source, ["part", key, mark, number], split.list.get(number - 1, null_on_oob=True))


def _check_sums(sample: Sample, source: "tuple[Input, ...]", whole: "pl.Series") -> Iterator[Field]:
    """Remainders of whole codes (is it valid?) and of codes with a nought behind them (which digit makes it so?)."""
    import numpy as np

    from models.kit.rule_ops import SCHEMES, check_sum

    key = ["column", source[0].name]
    cells = whole.to_list()
    spot = sample.searched[:SPOT_ROWS].tolist()
    for scheme in SCHEMES:
        for tail in ("", "0", "00") if SCHEMES[scheme].modulus > 90 else ("", "0"):
            few = (None if cells[row] is None else check_sum(cells[row] + tail, scheme) for row in spot)
            if not _promising(few, sample.answer.codes[spot]):
                continue
            rests = [None if cell is None else check_sum(cell + tail, scheme) for cell in cells]
            numbers = np.array([np.nan if rest is None else rest for rest in rests])
            codes, levels = coded(numbers)
            expression = ["check_sum", ["join", key, tail] if tail else key, scheme]
            yield Field(source, expression, numbers, codes, levels)


def _promising(rests: Iterator[float | None], answers: "np.ndarray[Any, Any]") -> bool:
    """Whether equal remainders have equal answers in the few rows looked at first, and half of the rows have one."""
    seen: dict[float | None, int] = {}
    wrong = missing = 0
    for rest, answer in zip(rests, answers.tolist(), strict=True):
        missing += rest is None
        wrong += seen.setdefault(rest, answer) != answer
        if wrong > answers.size // 20 or missing > answers.size // 2:
            return False  # most schemes end here, after a few rows
    return True


def _numbers(source: "tuple[Input, ...]", expression: "Expression", values: "pl.Series") -> Field:
    import polars as pl

    numbers = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    codes, levels = coded(numbers)
    return Field(source, expression, numbers, codes, levels)


def _strings(source: "tuple[Input, ...]", expression: "Expression", values: "pl.Series") -> Field:
    import numpy as np
    import polars as pl

    raw = values.cast(pl.Categorical).to_physical().cast(pl.Int64).fill_null(-1).to_numpy() + 1
    counts = np.bincount(raw, minlength=1)
    counts[0] = 0
    dense = (counts > 0).cumsum()  # 1, 2, ... for the names that are there, and 0 stays what is missing
    return Field(source, expression, None, dense[raw], int(dense[-1]), values)
