"""What speaks for a column being the target, and against it: named traits with values; weights.json weighs them."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from advisor.column_reader import Glance
from advisor.profiling import mentions, names, pointing
from advisor.profiling.followers import BOTH_WAYS, Cells, Following
from advisor.profiling.mentions import Heard
from advisor.profiling.moments import moments
from advisor.profiling.roles import Roles
from advisor.profiling.schema import CLASSES, NUMBERS, Column

# category -> kind -> how well a target of that kind serves it
_FIT: dict[str, dict[str, float]] = {
    "regression": {
        **dict.fromkeys(NUMBERS, 1.2), "ordinal": 0.2, "binary": -0.6, "categorical": -1.5, "text": -2.0, "tags": -2.0,
    },
    "classification": {
        **dict.fromkeys(CLASSES, 1.2), **dict.fromkeys(NUMBERS, -0.7), "code": 0.3, "text": -1.5, "tags": -0.5,
        "time": -1.5,
    },
    "tagging": {"tags": 3.0, "binary": 0.8, "text": -1.0, "categorical": -0.2, **dict.fromkeys(NUMBERS, -0.8)},
    "ranking": {"ordinal": 1.2, "binary": 1.0, "count": 0.3, "categorical": -0.8, "text": -2.5, "money": -0.7,
                "continuous": 0.0},
    "recommendation": {"ordinal": 1.2, "binary": 0.8, "count": 0.0, "categorical": -1.0, "text": -2.0, "money": -1.0},
    "seq2seq": {"text": 2.0, "sequence": 2.5, "tags": 0.5, **dict.fromkeys(NUMBERS, -2.0),
                **dict.fromkeys(CLASSES, -2.0)},
}  # fmt: skip
_UNFIT = (
    "id",
    "constant",
    "empty",
    "time",
    "geo",
    "media",
    "url",
    "nested",
    "text",
    "near_constant",
    "code",
    "sequence",
)
_WRITTEN_KINDS = ("text", "sequence", "tags")
_OF_ANSWERS: tuple[names.Meaning, ...] = ("label", "happened", "rating", "tags", "score")  # the first that fits counts
_AGAINST: tuple[names.Meaning, ...] = ("setting", "place", "weight", "position", "split")
_COMMON = frozenset("id nr no num date datum time type name code is has of per total".split())
_SOUND = frozenset("hear heard voice voices spoken speak speaks aloud announce announcement announcements say".split())
_VAGUE: frozenset[names.Meaning] = frozenset({"id", "text", "item", "actor", "time"})
_HORIZON = re.compile(
    r"(?:^|_|\b)(?:in|within|next|at)?_?\d+ ?(?:d|h|m|mo|mon|w|y|yr|min|days?|months?|tage?|monate?)\b", re.I
)
LOUD = 2.0  # from which a description asks for a column rather than names it
MOST_BEHIND = 4
PHRASE_WORDS = 1.5  # of a mean cell that was written, though it is short
OUTSIDE = 0.2  # share of the words of a text that carry no label
LEAST_SHARE = 1e-9
LEAST_READ = -4.0  # log-odds below which it is all one how unlikely a reading is
WIDE = 6  # columns, from which what is known later may stand behind the target

# trait -> why, as the user is told; the other traits are not told
BECAUSE = {
    "read": "read together, description and columns ask for it",
    "asked": "the description asks for it",
    "named": "the description names it",
    "same_thing": "the description asks for this thing in other words",
    "shortened": "its name shortens a word of the description",
    "verbatim": "the description writes its name",
    "pointed_at": "the description points at it",
    "meant": "the description asks for a thing of this kind",
    "unit": "the description says its unit",
    "label": "its name is that of an answer",
    "happened": "its name says what happened",
    "rating": "its name is that of a judgement",
    "score": "its name is that of a result",
    "tags": "its name is that of labels",
    "last": "it stands last",
    "later_behind": "what stands behind it is known later",
    "led_gaps": "other columns are filled for one of its values alone",
    "led_gaps_within": "other columns are filled for one of its values alone",
    "led_later": "what comes later follows from it",
    "led_counted": "another column counts what it holds",
    "horizon": "its name looks ahead",
    "defined": "the description says what its values mean",
    "values_said": "the description names its values",
    "fit": "its values fit the task",
    "asks_amount": "the description asks how much",
    "asks_class": "the description asks which",
    "output": "its name is that of what is written",
    "echoed": "other columns are named after it",
    "echoed_before": "an earlier value of it stands beside it",
    "token_label": "it labels the words, a row each",
    "together_numbers": "several numbers of one kind side by side",
    "into": "it stands where the text goes to",
    "together": "several yes/no columns side by side",
    "read_together": "read together, description and columns ask for all of these",
}


class Setting(NamedTuple):
    """What all columns of a table are judged by."""

    columns: Sequence[Column]
    roles: Roles
    rows: int
    heard: Heard
    leaning: Mapping[str, float]
    loud: Mapping[str, float]
    cells: Mapping[str, Cells]  # of the first rows
    follow: Following  # column -> what follows from it
    named: Mapping[str, float]  # column -> share of its values that the description names
    glance: Glance | None = None  # what description and columns say, read together


def of_target(setting: Setting, place: int) -> dict[str, float]:
    """The traits of one column as the target; those that do not hold are left out or 0."""
    column = setting.columns[place]
    found = {
        **_said(setting, column, place),
        **_of_name(column),
        **_of_place(setting, place),
        **_of_followers(setting, column.name),
        **_of_family(setting, column.name),
        **_of_values(setting, column),
        **_of_role(setting, column),
        "read": read(setting, (column.name,)),
    }
    return {name: float(value) for name, value in found.items() if value}


def read(setting: Setting, names_together: Sequence[str]) -> float:
    """How much likelier than a column by chance the reader takes these, together, for what is asked for, in log-odds;
    nearly nothing where it thinks that no column is."""
    glance = setting.glance
    known = [glance.target[name] for name in names_together if name in glance.target] if glance is not None else []
    if glance is None or not known:
        return 0.0
    asked = 1 - math.exp(glance.nothing)
    share = sum(map(math.exp, known)) / max(asked, LEAST_SHARE)
    return asked * max(math.log(max(share, LEAST_SHARE) * len(glance.target)), LEAST_READ)


def _said(setting: Setting, column: Column, place: int) -> dict[str, float]:
    heard, name = setting.heard, column.name
    loud, last = setting.loud[name], names.head(name)
    thing = mentions.same_thing(heard, name)
    meant = max((heard.meant.get(meaning, 0.0) for meaning in last - _VAGUE), default=0.0)
    return {
        "asked": loud * (loud >= LOUD),
        "named": loud * (loud < LOUD),
        "same_thing": thing * (not loud),
        "same_thing_too": thing * bool(loud),
        "meant": meant * (not loud),
        "shortened": mentions.shortened(heard, name) * (not loud),
        "unit": mentions.unit_named(heard, name, column.unit),
        "verbatim": pointing.verbatim(heard, name),
        "verbatim_early": pointing.verbatim(heard, name) and heard.text.find(name) < 60,
        "pointed_at": pointing.placed(heard, place, len(setting.columns), name),
        "defined": pointing.defined(heard, name),
        "values_said": setting.named.get(name, 0.0),
        "said_known": pointing.said_known(heard.text, name),
        "said_later": pointing.said_to_follow(heard.text, name),
        "asks_amount": heard.wanted == "amount" and column.kind in NUMBERS,
        "asks_class": heard.wanted == "class" and column.kind in CLASSES,
    }


def _of_name(column: Column) -> dict[str, float]:
    name = column.name
    means, last, said = names.meanings(name), names.head(name), moments(name)
    found = dict.fromkeys((f"against_{each}" for each in _AGAINST if each in last), 1.0)
    happened = column.chance(*CLASSES, "text") > 0.4
    fitting = [each for each in _OF_ANSWERS if each in means and (each != "happened" or happened)]
    if not fitting and column.chance("binary") > 0.5 and names.participle(name):
        fitting = ["happened"]
    if fitting:
        found[fitting[0]] = 1.0
    return found | {
        "after": "after" in means,
        "told_later": bool(said & {"after", "reaction"}) and "before" not in said,
        "told_before": "before" in said,
        "consequence": "consequence" in said and not said & {"after", "reaction", "before"},
        "time_name": "time" in last and "duration" not in last,
        "somebody": "actor" in last and not means & {"happened", "label"},
        "horizon": bool(_HORIZON.search(name.replace("_", " "))) and column.chance(*CLASSES) > 0.4,
        "y": names.words(name) in (("y",), ("target",), ("label",), ("ziel",)),
    }


def _of_place(setting: Setting, place: int) -> dict[str, float]:
    width = len(setting.columns)
    if width < 2:
        return {}
    later = [_later(each) for each in setting.columns]
    behind, before = later[place + 1 :], later[:place]
    return {
        "last": place == width - 1,
        "second_last": place == width - 2 and width >= WIDE,
        "third_last": place == width - 3 and width >= WIDE,
        "first": place == 0 and width >= WIDE,
        "depth": place / (width - 1) if width > 3 else 0.5,
        "later_behind": bool(behind) and all(behind),
        "later_next": bool(behind) and behind[0],
        "later_before": min(sum(before), 2),
        "plain_behind": min(len(behind) - sum(behind), MOST_BEHIND) * (width >= WIDE),
    }


def _of_followers(setting: Setting, name: str) -> dict[str, float]:
    """What follows from the column, and from what it follows, unless both are settled by whose row it is."""
    follow, roles = setting.follow, setting.roles
    marks = [each for each in (roles.group, roles.item, roles.query, roles.time, *roles.ids) if each is not None]
    found: dict[str, float] = {}
    later = 0
    for column in setting.columns:
        other = column.name
        ways, back = follow.get(name, {}).get(other, frozenset()), follow.get(other, {}).get(name, frozenset())
        if not ways | back or other in roles.taken():
            continue
        if any(
            mark not in (name, other) and _settles(follow, mark, name) and _settles(follow, mark, other)
            for mark in marks
        ):
            continue
        for way in ways:
            found[f"led_{way}"] = min(found.get(f"led_{way}", 0.0) + 1.0, 2.0)
        for way in back - BOTH_WAYS - {"coarser"}:  # what a rule decides is a coarser word, too, and may be asked for
            found[f"follows_{way}"] = min(found.get(f"follows_{way}", 0.0) + 1.0, 2.0)
        later += bool(ways) and _later(column)
    found["led_later"] = min(later, 2)
    return found


def _settles(follow: Following, one: str, other: str) -> bool:
    return bool(follow.get(one, {}).get(other, frozenset()) & {"copy", "coarser"})


def _of_family(setting: Setting, name: str) -> dict[str, float]:
    """Other columns that are named after this one: its plan, its last value, its bill. And the other way round."""
    mine = _own_words(name)
    found = {"echoed": 0.0, "echoes": 0.0, "echoed_before": 0.0}
    if not mine:
        return found
    for column in setting.columns:
        theirs = _own_words(column.name)
        if column.name == name or not mine & theirs:
            continue
        found["echoed"] += mine < theirs
        found["echoes"] += theirs < mine
        found["echoed_before"] += "before" in moments(column.name) and "before" not in moments(name)
    return {way: min(value, 2.0) for way, value in found.items()}


def _own_words(name: str) -> set[str]:
    """The words of a name but units, numbers and what names share by chance."""
    return (
        {word for word in names.words(name) if len(word) > 1 and not word.isdecimal()} - mentions.UNIT_WORDS - _COMMON
    )


def _later(column: Column) -> bool:
    """Whether a column's name tells of what comes after."""
    said = moments(column.name)
    return bool(said & {"after", "reaction", "consequence"}) and "before" not in said


def _of_values(setting: Setting, column: Column) -> dict[str, float]:
    leaning, rows = setting.leaning, max(setting.rows, 1)
    written = leaning.get("seq2seq", 0.0)
    fit = sum(p * _fit(column, category) for category, p in leaning.items() if category in _FIT)
    found = {f"unfit_{kind}": column.kinds.get(kind, 0.0) for kind in _UNFIT}  # type: ignore[call-overload]
    if column.kind in _WRITTEN_KINDS:
        found = {name: value * (1 - written) for name, value in found.items()}
    means, last = names.meanings(column.name), names.head(column.name)
    plain = column.kind in NUMBERS and setting.heard.wanted != "class"
    return found | {
        "fit": fit,
        "output": written * ("output" in means),
        "input": written * ("input" in means and "output" not in last),
        "into": written * mentions.after_into(setting.heard, column.name),
        "missing": 0.0 if column.kind == "binary" and column.distinct == 1 else column.missing / rows,
        "phrases": written * (column.kind in ("categorical", "id") and _are_phrases(column, rows)),
        "sound_wanted": written * (column.kind == "media" and bool(_SOUND & set(setting.heard.words))),
        "token_label": written * _labels_tokens(setting, column),
        "every_row_a_class": column.distinct == rows and column.kind in CLASSES,
        "every_row_a_number": plain and column.distinct >= 0.9 * rows,
        "fractions": plain and (column.statistics.whole or 1.0) < 1.0,
    }


def _are_phrases(column: Column, rows: int) -> bool:
    return column.statistics.words >= PHRASE_WORDS and column.distinct >= 0.8 * rows


def _labels_tokens(setting: Setting, column: Column) -> bool:
    """Whether the table has a word a row and the column labels them: "O" where there is nothing, or named so."""
    if column.kind not in CLASSES | {"code", "id"} or column.distinct == setting.rows:
        return False
    cells = setting.cells[column.name].texts
    outside = sum(cell in ("O", "_") for cell in cells) >= OUTSIDE * len(cells)
    return outside or "tokens" in names.head(column.name)


def _of_role(setting: Setting, column: Column) -> dict[str, float]:
    roles = setting.roles
    taken = column.name in roles.taken()
    return {"taken": taken, "thing": not taken and column.name in (roles.group, roles.item, roles.query)}


def _fit(column: Column, category: str) -> float:
    fit = _FIT[category]
    return sum(p * fit.get(kind, 0.0) for kind, p in column.kinds.items())
