"""Makes customers.parquet: invented customers, some of them entered twice or more, with the mistakes that people make.

`python make.py` writes the file beside it; the same seed gives the same rows.
"""

import random
import string
from collections.abc import Callable
from pathlib import Path

import polars as pl

SEED, PEOPLE = 0, 2_200
GIVEN = """
Anna Bela Carla Dana Elena Frida Greta Hanna Ines Julia Katharina Laura Maria Nora Olga Paula Rosa Sara Theresa Vera
Adam Boris Carl David Emil Felix Georg Henrik Ivan Jonas Konrad Lukas Martin Nikolas Oskar Peter Robert Stefan Thomas
Viktor Alexander Benjamin Christina Elisabeth Margarete Michael Johanna Susanne
""".split()
SHORT = {
    "Alexander": "Alex", "Benjamin": "Ben", "Christina": "Chris", "Elisabeth": "Lisa", "Margarete": "Grete",
    "Michael": "Mike", "Johanna": "Hanna", "Susanne": "Susi", "Katharina": "Kathi", "Robert": "Rob", "Thomas": "Tom",
    "Nikolas": "Niko", "Stefan": "Steff", "Theresa": "Resi", "Maria": "Mia",
}  # fmt: skip
FIRST = "Ald Ber Brun Eich Feld Gold Hart Kirch Lind Mar Nord Ost Rosen Schön Stein Wald Wein Wolf Zim Kal".split()
LAST = "mann er berg bach feld stein hof wald meier kamp horst städt inger wig brand thal".split()
STREETS = "Oak Mill Church Station Garden Long Bridge High River School Park Hill Market Forest North Chapel".split()
KINDS = {"Street": "St.", "Road": "Rd", "Lane": "Ln", "Avenue": "Ave."}
CITIES = {"Aldersum": "20", "Brookhaven": "31", "Castleton": "44", "Dunmore": "58", "Easterby": "63", "Fairwick": "79"}
FIELDS = ("name", "street", "city", "postcode", "phone", "email", "born")

Person = dict[str, str]


def person(draw: random.Random) -> Person:
    """Returns one customer as he or she really is."""
    city = draw.choice(list(CITIES))
    given, family = draw.choice(GIVEN), draw.choice(FIRST) + draw.choice(LAST)
    mail = f"{given}.{family}".lower().replace("ö", "oe").replace("ä", "ae")
    return {
        "name": f"{given} {family}",
        "street": f"{draw.randint(1, 180)} {draw.choice(STREETS)} {draw.choice(list(KINDS))}",
        "city": city,
        "postcode": CITIES[city] + "".join(draw.choices(string.digits, k=3)),
        "phone": "0" + "".join(draw.choices(string.digits, k=9)),
        "email": f"{mail}{draw.choice(['', draw.randint(1, 99)])}@{draw.choice(['post', 'mail', 'net'])}.example",
        "born": f"{draw.randint(1940, 2004)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}",
    }


def relative(draw: random.Random, other: Person) -> Person:
    """Returns somebody else with the same family name, home and telephone: the pair that looks alike and is not one."""
    new = person(draw)
    family = other["name"].split()[-1]
    shared = {name: other[name] for name in ("street", "city", "postcode", "phone")}
    return {**new, **shared, "name": f"{new['name'].split()[0]} {family}"}


def mistyped(draw: random.Random, text: str) -> str:
    """Returns a text with one letter left out, doubled, changed, or swapped with the next one."""
    if len(text) < 3:
        return text
    place = draw.randrange(len(text) - 1)
    ways: list[Callable[[], str]] = [
        lambda: text[:place] + text[place + 1 :],
        lambda: text[:place] + text[place] + text[place:],
        lambda: text[:place] + draw.choice(string.ascii_lowercase) + text[place + 1 :],
        lambda: text[:place] + text[place + 1] + text[place] + text[place + 2 :],
    ]
    return draw.choice(ways)()


def entered(draw: random.Random, real: Person) -> Person:
    """Returns the customer as somebody typed it in."""
    row = dict(real)
    given, family = row["name"].split()
    if draw.random() < 0.3:
        given = SHORT.get(given, given[0] + ".")
    row["name"] = f"{family}, {given}" if draw.random() < 0.25 else f"{given} {family}"
    if draw.random() < 0.4:
        for long, short in KINDS.items():
            row["street"] = row["street"].replace(long, short)
    if draw.random() < 0.3:
        row["phone"] = f"+49 {row['phone'][1:4]} {row['phone'][4:]}"
    if draw.random() < 0.3:
        year, month, day = row["born"].split("-")
        row["born"] = f"{day}.{month}.{year}"
    if draw.random() < 0.12:  # moved
        new = person(draw)
        row |= {name: new[name] for name in ("street", "city", "postcode")}
    if draw.random() < 0.15:  # another address or telephone
        row |= {name: person(draw)[name] for name in [draw.choice(["phone", "email"])]}
    for name in FIELDS:
        if draw.random() < 0.12:
            row[name] = mistyped(draw, row[name])
        if name != "name" and draw.random() < 0.15:
            row[name] = ""
    return row


def rows(draw: random.Random) -> pl.DataFrame:
    """Returns all rows, shuffled, with the number of the customer that each belongs to."""
    found: list[Person] = []
    last = person(draw)
    for number in range(PEOPLE):
        last = relative(draw, last) if draw.random() < 0.25 else person(draw)
        for _ in range(draw.choices([1, 2, 3, 4], [60, 28, 9, 3])[0]):
            found.append({"customer": str(number), **entered(draw, last)})
    draw.shuffle(found)
    return pl.DataFrame(found).with_columns(pl.col(FIELDS).replace("", None))


if __name__ == "__main__":
    target = Path(__file__).with_name("customers.parquet")
    rows(random.Random(SEED)).write_parquet(target, compression="zstd", compression_level=22)
