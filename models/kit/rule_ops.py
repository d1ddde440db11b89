"""The steps that a rule is made of: what each does to values, and how it reads in Python and in SQL, side by side.

A value is a number (float), a text, a moment (datetime) or None for a missing one; a missing argument makes a missing
result. The SQL is what DuckDB and PostgreSQL both take.
"""

import datetime as dt
import math
from collections.abc import Callable
from typing import Any, NamedTuple

Value = float | str | dt.datetime | bool | None
DAY_SECONDS = 86_400.0
SLACK = 1e-9  # so that 2.675, which binary floats hold as 2.67499…, rounds as it is written


class Op(NamedTuple):
    """A step: how many arguments it takes, what it does, and its Python and SQL with the arguments as {0}, {1}, …

    `kinds` has one letter an argument: v any value, n number, t text, d moment, b condition, i a written whole number,
    s a written text.
    """

    kinds: str
    run: Callable[..., Any]
    python: str
    sql: str


def round_half_up(value: float, digits: int) -> float:
    """The number rounded as people do it, halves away from nought.

    >>> round_half_up(2.675, 2), round_half_up(-0.5, 0)
    (2.68, -1.0)
    """
    scaled = abs(value) * 10.0**digits
    return math.copysign(
        round(math.floor(scaled + 0.5 + SLACK * max(scaled, 1.0)) / 10.0**digits, max(digits, 0)), value
    )


def round_half_even(value: float, digits: int) -> float:
    """The number rounded as most programs do it, halves to the even neighbour, after it was scaled in binary.

    >>> round_half_even(0.125, 2), round_half_even(0.375, 2)
    (0.12, 0.38)
    """
    return round(value * 10.0**digits) / 10.0**digits


def floor(value: float) -> float:
    """The whole number below, forgiving what binary floats lose.

    >>> floor(0.29 * 100), floor(-1.5)
    (29.0, -2.0)
    """
    return float(math.floor(value + SLACK * max(abs(value), 1.0)))


def ceiling(value: float) -> float:
    """The whole number above, forgiving what binary floats add.

    >>> ceiling(1.1 * 10), ceiling(1.2)
    (11.0, 2.0)
    """
    return float(math.ceil(value - SLACK * max(abs(value), 1.0)))


def months_between(start: dt.datetime, end: dt.datetime) -> float:
    """Whole months from one moment to another.

    >>> months_between(dt.datetime(2024, 1, 31), dt.datetime(2024, 3, 30))
    1.0
    """
    if end < start:
        return -months_between(end, start)
    return float((end.year - start.year) * 12 + end.month - start.month - (end.day < start.day))


def years_between(start: dt.datetime, end: dt.datetime) -> float:
    """Whole years from one moment to another, such as an age.

    >>> years_between(dt.datetime(2000, 6, 2), dt.datetime(2024, 6, 1))
    23.0
    """
    if end < start:
        return -years_between(end, start)
    return float(end.year - start.year - ((end.month, end.day) < (start.month, start.day)))


def part(text: str, mark: str, number: int) -> str | None:
    """What stands between two marks; counted from 1.

    >>> part("SKU-RED-XL", "-", 2)
    'RED'
    """
    parts = text.split(mark)
    return parts[number - 1] if 0 < number <= len(parts) else None


class Scheme(NamedTuple):
    """A check sum: digits from the right times `first`, then `cycle` over and over; the remainder by `modulus`."""

    modulus: int
    cycle: tuple[int, ...]
    first: tuple[int, ...] = ()
    add_digits: bool = False  # of each product, as Luhn's scheme does
    turned: bool = False  # the first four characters go to the end, letters become 10 to 35, as in an IBAN

    def weights(self, digits: int) -> tuple[int, ...]:
        """What so many digits are multiplied by, from the right on."""
        return (self.first + self.cycle * (digits // len(self.cycle) + 1))[:digits]


_POWERS_97 = tuple(pow(10, place, 97) for place in range(96))
SCHEMES = {
    "luhn": Scheme(10, (1, 2), add_digits=True),  # cards, IMEI: ISO/IEC 7812-1
    "ean": Scheme(10, (1, 3)),  # EAN, UPC, ISBN-13: GS1
    "isbn10": Scheme(11, tuple(range(1, 12))),  # ISO 2108 (2005), X is ten
    "mod11": Scheme(11, (2, 3, 4, 5, 6, 7), (1,)),  # weights 2 to 7 over and over
    "digits9": Scheme(9, (1,)),
    "digits10": Scheme(10, (1,)),
    "digits11": Scheme(11, (1,)),
    "number7": Scheme(7, (1, 3, 2, 6, 4, 5)),
    "number11": Scheme(11, (1, 10)),
    "number97": Scheme(97, _POWERS_97),
    "iban": Scheme(97, _POWERS_97, turned=True),  # ISO 13616, remainder 1 when right
}
LONGEST_CODE = 64  # characters


def check_sum(text: str, scheme: str) -> float | None:
    """The remainder of a code by a scheme of `SCHEMES`; None where it holds no digits, or something that is no digit.

    >>> check_sum("4539 1488 0343 6467", "luhn"), check_sum("080442957X", "isbn10"), check_sum("abc", "ean")
    (0.0, 0.0, None)
    >>> check_sum("GB82 WEST 1234 5698 7654 32", "iban")
    1.0
    """
    code = "".join(sign for sign in text[: 2 * LONGEST_CODE] if sign not in " -./")
    rule = SCHEMES[scheme]
    if rule.turned:
        code = "".join(str(int(sign, 36)) if sign.isascii() and sign.isalnum() else "?" for sign in code[4:] + code[:4])
    digits = [int(sign) if "0" <= sign <= "9" else -1 for sign in reversed(code)]
    if scheme == "isbn10" and code[-1:] in ("X", "x"):
        digits[0] = 10
    if not digits or min(digits) < 0 or len(digits) > 2 * LONGEST_CODE:
        return None
    products = [digit * weight for digit, weight in zip(digits, rule.weights(len(digits)), strict=True)]
    if rule.add_digits:
        products = [product // 10 + product % 10 for product in products]
    return float(sum(products) % rule.modulus)


def _date_part(name: str, sql: str) -> Op:
    return Op("d", lambda moment: float(getattr(moment, name)), f"{{0}}.{name}", sql)


OPS: dict[str, Op] = {
    "add": Op("nn", lambda a, b: a + b, "({0} + {1})", "({0} + {1})"),
    "subtract": Op("nn", lambda a, b: a - b, "({0} - {1})", "({0} - {1})"),
    "multiply": Op("nn", lambda a, b: a * b, "({0} * {1})", "({0} * {1})"),
    "divide": Op("nn", lambda a, b: a / b, "({0} / {1})", "({0} * 1.0 / nullif({1}, 0))"),
    "power": Op("nn", lambda a, b: a**b, "({0} ** {1})", "power({0}, {1})"),
    "modulo": Op("nn", lambda a, b: a % b, "({0} % {1})", "({0} - floor({0} / {1}) * {1})"),
    "absolute": Op("n", abs, "abs({0})", "abs({0})"),
    "least": Op("nn", min, "min({0}, {1})", "least({0}, {1})"),
    "greatest": Op("nn", max, "max({0}, {1})", "greatest({0}, {1})"),
    "floor": Op("n", floor, "floor({0})", "floor({0} + 1e-9)"),
    "ceiling": Op("n", ceiling, "ceiling({0})", "ceil({0} - 1e-9)"),
    "round": Op(
        "ni",
        round_half_up,
        "round_half_up({0}, {1})",
        "(sign({0}) * floor(abs({0}) * power(10.0, {1}) + 0.5 + 1e-9) / power(10.0, {1}))",
    ),
    "round_even": Op(
        "ni",
        round_half_even,
        "round_half_even({0}, {1})",
        "((floor({0} * power(10.0, {1}) + 0.5) - "
        "CASE WHEN {0} * power(10.0, {1}) - floor({0} * power(10.0, {1})) = 0.5 "
        "AND cast(floor({0} * power(10.0, {1})) AS bigint) % 2 = 0 THEN 1 ELSE 0 END) / power(10.0, {1}))",
    ),
    "days_between": Op(
        "dd",
        lambda start, end: (end - start).total_seconds() / DAY_SECONDS,
        "(({1} - {0}).total_seconds() / 86400)",
        "(extract(epoch from (cast({1} as timestamp) - cast({0} as timestamp))) / 86400.0)",
    ),
    "months_between": Op(
        "dd",
        months_between,
        "months_between({0}, {1})",
        "((extract(year from {1}) - extract(year from {0})) * 12 + extract(month from {1}) - extract(month from {0})"
        " - case when extract(day from {1}) < extract(day from {0}) then 1 else 0 end)",
    ),
    "years_between": Op(
        "dd",
        years_between,
        "years_between({0}, {1})",
        "(extract(year from {1}) - extract(year from {0}) - case when extract(month from {1}) * 100 + extract(day from "
        "{1}) < extract(month from {0}) * 100 + extract(day from {0}) then 1 else 0 end)",
    ),
    "plus_days": Op(
        "dn",
        lambda moment, days: moment + dt.timedelta(days=days),
        "({0} + datetime.timedelta(days={1}))",
        "(cast({0} as timestamp) + {1} * interval '1 day')",
    ),
    "year": _date_part("year", "extract(year from {0})"),
    "month": _date_part("month", "extract(month from {0})"),
    "day": _date_part("day", "extract(day from {0})"),
    "hour": _date_part("hour", "extract(hour from {0})"),
    "weekday": Op(
        "d", lambda moment: float(moment.isoweekday()), "{0}.isoweekday()", "extract(isodow from {0})"
    ),  # Monday is 1
    "quarter": Op(
        "d",
        lambda moment: float((moment.month + 2) // 3),
        "(({0}.month + 2) // 3)",
        "extract(quarter from {0})",
    ),
    "prefix": Op("ti", lambda text, length: text[:length], "{0}[:{1}]", "substr({0}, 1, {1})"),
    "suffix": Op("ti", lambda text, length: text[-length:], "{0}[-{1}:]", "right({0}, {1})"),
    "part": Op("tsi", part, "part({0}, {1}, {2})", "nullif(split_part({0}, {1}, {2}), '')"),
    "length": Op("t", lambda text: float(len(text)), "len({0})", "length({0})"),
    "lower": Op("t", str.lower, "{0}.lower()", "lower({0})"),
    "upper": Op("t", str.upper, "{0}.upper()", "upper({0})"),
    "join": Op("tt", lambda first, second: first + second, "({0} + {1})", "({0} || {1})"),
    "check_sum": Op("ts", check_sum, "check_sum({0}, {1})", ""),  # its SQL is made in rule_text
    "less": Op("nn", lambda a, b: a < b, "{0} < {1}", "{0} < {1}"),
    "equal": Op("vv", lambda a, b: a == b, "{0} == {1}", "{0} = {1}"),
    "contains": Op("ts", lambda text, piece: piece in text, "{1} in {0}", "position({1} in {0}) > 0"),
    "if": Op("bvv", lambda test, yes, no: yes if test else no, "({1} if {0} else {2})", ""),
}
