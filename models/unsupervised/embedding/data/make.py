"""Makes sentences.parquet and analogies.csv: a small world in which Rome − Italy + France can only be Paris.

`python make.py` writes both beside this file. A sentence names a country, its capital or its people, with words that go
with that role, and words that go with that country, whoever of it is named.
"""

from pathlib import Path

import numpy as np
import polars as pl

SENTENCES, SEED = 6_000, 0
OF_ROLE, OF_COUNTRY = 3, 3  # words of each kind in a sentence
THINGS_EACH = 6  # words that go with one country

COUNTRIES = (
    "italy rome italians, france paris french, spain madrid spaniards, germany berlin germans, poland warsaw poles, "
    "austria vienna austrians, greece athens greeks, portugal lisbon portuguese, sweden stockholm swedes, "
    "norway oslo norwegians, denmark copenhagen danes, finland helsinki finns, hungary budapest hungarians, "
    "ireland dublin irish, japan tokyo japanese, china beijing chinese, egypt cairo egyptians, kenya nairobi kenyans, "
    "peru lima peruvians, cuba havana cubans, canada ottawa canadians, india delhi indians"
)
ROLES = (
    "border nation government parliament minister army law budget",
    "mayor city streets metro suburb station square airport",
    "cook sing dance speak travel laugh work celebrate",
)
SYLLABLES = (
    "ba be bo da di du ga ge go ka ke ku la li lo ma mi mu na ne no pa pe po ra ri ro sa si so ta te to va vi vo"
)


def world() -> tuple[list[str], list[tuple[str, str, str, str]]]:
    """Returns sentences, and questions a, b, c with their answer d: b is to a as d is to c."""
    generator = np.random.default_rng(SEED)
    countries = [names.split() for names in COUNTRIES.split(", ")]
    roles, syllables = [role.split() for role in ROLES], SYLLABLES.split()
    made: list[str] = []
    while len(made) < THINGS_EACH * len(countries):
        word = "".join(generator.choice(syllables, 4))
        made += [word] if word not in made else []
    sentences = []
    for _ in range(SENTENCES):
        country, role = int(generator.integers(len(countries))), int(generator.integers(len(roles)))
        things = made[THINGS_EACH * country : THINGS_EACH * (country + 1)]
        words = [
            countries[country][role],
            *generator.choice(roles[role], OF_ROLE, replace=False),
            *generator.choice(things, OF_COUNTRY, replace=False),
        ]
        sentences.append(" ".join(generator.permutation(words)))
    questions = [
        (first[0], first[role], other[0], other[role])
        for role in (1, 2)
        for first in countries
        for other in countries
        if first is not other
    ]
    return sentences, questions


if __name__ == "__main__":
    here = Path(__file__).parent
    sentences, questions = world()
    pl.DataFrame({"sentence": sentences}).write_parquet(here / "sentences.parquet", compression_level=19)
    pl.DataFrame(questions, schema=["a", "b", "c", "d"], orient="row").write_csv(here / "analogies.csv")
