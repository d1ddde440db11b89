"""Pitfalls that words and names of columns give away together: few examples, a choice that hides outcomes, people; and
those that experts named where description and columns read alike."""

import re
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from advisor.column_reader import Glance
from advisor.profiling import names
from advisor.profiling.schema import CLASSES, Finding, Profile

if TYPE_CHECKING:
    import polars as pl

LIKELIER_THAN_NOT = 0.0  # log-odds
ALIKE = "description and columns read like worked tables of which experts warned so"
_NUMBER = (
    r"(?:a few|few|some|a couple of|several|a handful of|(?<![\d,.])\d{1,3}(?![\d,.]?\d)|ten|twelve|fifteen|twenty"
    r"|thirty|forty|fifty|sixty|seventy|eighty|ninety"
    r"|(?:a |one |two |three |four |five |a few |some )?(?:hundred|dozen))"
)
_DONE = (
    r"(?:done|hand|label+ed|coded|corrected|collected|marked|measured|transcribed|typed|judged|annotated|graded"
    r"|translated|written|rated|surveyed)"
)
_FEW = re.compile(
    rf"\b(?:{_NUMBER}(?: (?!thousand|million)[a-z']+){{0,3}} {_DONE}"
    rf"|{_DONE} (?:only |just |about |so far )?{_NUMBER}(?! ?thousand| ?million))\b"
)
# What somebody chose, and only what was chosen shows how it ends; folded words that begin the words of a name.
_CHOSEN = (
    "invit", "shortlist", "hire", "fund", "approv", "grant", "admit", "accept", "inspect", "audit", "investigat",
    "contacted", "phoned", "visited", "seiz", "eingeladen", "zuschlag", "zusage", "bewillig", "kontroll", "geprueft",
    "treffer", "invite", "retenu", "accorde", "aprobad", "concedid", "invitad", "approvat", "concess", "aprovad",
    "toegekend", "beviljad", "won", "picked", "selected", "screened", "interview", "sold", "awarded",
)  # fmt: skip
# Properties of people by which a decision must not be worse; folded words.
_PROTECTED = frozenset(
    "gender geschlecht genre genero sesso kon tribe ethnic ethnicity ethnie etnia race nationality nationalitaet "
    "nationalite nacionalidad nazionalita staat staatsangehoerigkeit origin herkunft origine origen religion caste "
    "jati disability behinderung handicap migrant".split()
)


def told(frame: "pl.DataFrame", profile: Profile, description: str) -> Iterator[Finding]:
    """What the description and the names of the columns warn of.

    >>> import polars as pl
    >>> from advisor.profiling import profile
    >>> rows = pl.DataFrame({"tribe": ["a", "b", "a", "b"] * 3, "granted": [0, 1, 1, 0] * 3})
    >>> seen = profile(rows, target="granted")
    >>> [each.id for each in told(rows, seen, "Who gets a loan? We judged forty cases by hand so far.")]
    ['too_few_rows', 'censored_feedback', 'unequal_groups']
    """
    if not profile.target_columns:
        return
    few = _FEW.search(description.lower())
    if few is not None:
        said = f"the description says that there are few examples: “{few.group(0)}”"
        yield Finding("too_few_rows", (), "", None, said)
    for column in profile.columns:
        chosen = any(word.startswith(_CHOSEN) for word in names.words(column.name))
        if chosen and column.chance(*CLASSES) > 0.5 and (column.name in (*profile.target_columns, *profile.leaking)):
            said = f"`{column.name}` was somebody's choice, and how the others would have ended is not known"
            yield Finding("censored_feedback", (column.name,), "", None, said)
            break
    for column in profile.columns:
        parts = set(names.words(column.name))
        if parts & _PROTECTED and column.chance(*CLASSES, "code") > 0.5 and column.name not in profile.target_columns:
            said = f"`{column.name}` tells groups of people apart, for some of which it may err more often"
            yield Finding("unequal_groups", (column.name,), "", None, said)
            break


def sounds_like(glance: Glance | None, known: Collection[str]) -> Iterator[Finding]:
    """What the column reader warns of beside what is `known` already: it has no figure, so the card gives its check.

    >>> glance = Glance({}, {}, 0.0, {}, {"label_noise": 0.7, "cold_start": -2.0, "too_few_rows": 1.5})
    >>> [each.id for each in sounds_like(glance, ["too_few_rows"])]
    ['label_noise']
    """
    for pitfall, odds in glance.pitfalls.items() if glance is not None else ():
        if odds > LIKELIER_THAN_NOT and pitfall not in known:
            yield Finding(pitfall, (), "", None, ALIKE)
