"""Which column is to be predicted: every candidate with a probability and the reasons for it.

What the description asks for says most, then the name ("label", "churned"), then whether the values fit the task that
the description sounds like, then the place: people put what they want to know last. Each reason that counts is told.
The weights are chosen on the worked tables of tests/advisor/tables (by hand, then moved
half way to a conditional logit over the reasons).
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from advisor.profiling import names
from advisor.profiling.mentions import Heard, after_into, loudness, unit_named
from advisor.profiling.roles import Roles
from advisor.profiling.schema import CLASSES, NUMBERS, Column, Kind, TargetCandidate

NO_TARGET = ("unsupervised",)  # tasks in which nothing is predicted
DECIDED = 0.5  # probability of a task from the words, from which its form is followed
TEMPERATURE = 1.2
MOST_CANDIDATES = 12
FEWEST_TOGETHER = 2  # yes/no columns side by side that are answered together

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
_UNFIT: dict[str, float] = {
    "id": -7.0, "constant": -8.0, "empty": -8.0, "time": -4.5, "geo": -3.0, "media": -5.0, "url": -5.0, "nested": -3.0,
    "text": -7.0, "near_constant": -0.5, "code": -0.7, "sequence": -1.0,
}  # fmt: skip
_NAMED: dict[names.Meaning, tuple[float, str]] = {
    "label": (2.6, "its name is that of an answer"),
    "happened": (1.7, "its name says what happened"),
    "rating": (1.5, "its name is that of a judgement"),
    "score": (0.7, "its name is that of a result"),
    "tags": (1.2, "its name is that of labels"),
}
_AGAINST: dict[names.Meaning, float] = {"setting": -1.0, "place": -0.8, "weight": -2.0, "position": -2.0, "split": -3.0}
_ANYTHING: frozenset[names.Meaning] = frozenset({"id", "text", "item", "actor", "time", "flag", "setting", "place"})
_FEEDBACK: frozenset[names.Meaning] = frozenset({"rating", "happened"})
_FITS = 1.4  # weight of how well the values serve the task
_LOUD = 1.3  # weight of what the description says
_WRITTEN_KINDS = ("text", "sequence", "tags")
Option = tuple[tuple[str, ...], float, dict[str, float]]  # columns, score, what the score is made of


class Chosen(NamedTuple):
    """The target, or None where nothing is to be predicted, all candidates, and what a written target is made from."""

    target: str | tuple[str, ...] | None
    candidates: tuple[TargetCandidate, ...]
    source: str | None


def choose(columns: Sequence[Column], roles: Roles, *, rows: int, heard: Heard, leaning: Mapping[str, float]) -> Chosen:
    """The likeliest target of a table, for what the description sounds like."""
    scored = {}
    loud = loudness([column.name for column in columns], heard)
    for place, column in enumerate(columns):
        scored[column.name] = _score(column, place, len(columns), roles, rows, heard, leaning, loud[column.name])
    options: list[Option] = [((name,), score, why) for name, (score, why) in scored.items()]
    options += _together(columns, scored, roles, leaning, heard)
    options.sort(key=lambda option: -option[1])
    options = options[:MOST_CANDIDATES] + [option for option in options[MOST_CANDIDATES:] if len(option[0]) > 1]
    best = max((score for _, score, _ in options), default=0.0)
    odds = [math.exp((score - best) / TEMPERATURE) for _, score, _ in options]
    by_name = {column.name: column for column in columns}
    candidates = tuple(
        TargetCandidate(
            each, value / sum(odds), "tags" if len(each) > 1 else by_name[each[0]].kind, tuple(_sentences(why))
        )
        for (each, _, why), value in zip(options, odds, strict=True)
    )
    return Chosen(settle(candidates, columns, roles, leaning), candidates, _source(columns, candidates, roles, leaning))


def settle(
    candidates: Sequence[TargetCandidate], columns: Sequence[Column], roles: Roles, leaning: Mapping[str, float]
) -> str | tuple[str, ...] | None:
    """The target for a task: none where nothing is predicted, or where only what was chosen is recorded."""
    likely = max(leaning, key=lambda name: leaning[name], default="") if leaning else ""
    if leaning.get(likely, 0.0) >= DECIDED:
        if likely in NO_TARGET:
            return None
        known = {column.name: column for column in columns}
        if likely == "recommendation":
            return _liked(candidates, known)
        if likely == "ranking":
            return next((each.name for each in candidates[:3] if _is_judged(each, known, roles)), None)
    return candidates[0].name if candidates else None


def _liked(candidates: Sequence[TargetCandidate], known: Mapping[str, Column]) -> str | None:
    """What tells how much somebody liked a thing: a judgement, else how much they used it; None where nothing does."""
    for meanings in (_FEEDBACK, {"engaged"}):
        for each in candidates:
            column = known[each.columns[0]]
            if (
                len(each.columns) == 1
                and meanings & names.meanings(column.name)
                and column.chance(*CLASSES, *NUMBERS) > 0.5
            ):
                return column.name
    first = candidates[0]
    column = known[first.columns[0]]
    used = column.chance("binary", "ordinal", "count", "duration", "percent") > 0.5
    elsewhere = names.meanings(column.name) & {"money", "setting", "place", "geo", "time"}
    return column.name if used and not elsewhere and first.probability > 0.25 and len(first.columns) == 1 else None


def _is_judged(candidate: TargetCandidate, known: Mapping[str, Column], roles: Roles) -> bool:
    """Whether a column says how well a row answers its query."""
    column = known[candidate.columns[0]]
    if len(candidate.columns) > 1 or column.chance(*CLASSES, *NUMBERS) < 0.5:
        return False
    feedback = bool((_FEEDBACK | {"label"}) & names.meanings(column.name)) or names.participle(column.name)
    asked = any("asks for" in reason for reason in candidate.reasons)
    return feedback or (roles.query is not None and (candidate.probability > 0.3 or asked))


def _score(
    column: Column,
    place: int,
    width: int,
    roles: Roles,
    rows: int,
    heard: Heard,
    leaning: Mapping[str, float],
    loud: float,
) -> tuple[float, dict[str, float]]:
    """The score of one column and what it is made of."""
    means, last = names.meanings(column.name), names.head(column.name)
    why: dict[str, float] = {}
    if loud:
        why["the description asks for it" if loud >= 2 else "the description names it"] = _LOUD * loud
    meant = max(
        (heard.meant.get(meaning, 0.0) for meaning in last - {"id", "text", "item", "actor", "time"}), default=0.0
    )
    if meant and not loud:
        why["the description asks for a thing of this kind"] = 0.4 * meant
    unit = unit_named(heard, column.name, column.unit)
    if unit:
        why["the description says its unit"] = unit
    happened = column.chance(*CLASSES, "text") > 0.4
    named = [
        (value, because)
        for meaning, (value, because) in _NAMED.items()
        if meaning in means and (meaning != "happened" or happened)
    ]
    if not named and column.chance("binary") > 0.5 and names.participle(column.name):
        named = [_NAMED["happened"]]
    if named:
        value, because = max(named)
        why[because] = value
    if "after" in means:
        why["its name tells of what comes after"] = -1.0
    if "actor" in last and "happened" not in means:
        why["its name is that of somebody"] = -1.0
    why["its name is that of a setting or a place"] = sum(
        value for meaning, value in _AGAINST.items() if meaning in last
    )
    if width > 1:
        why["it stands last"] = 1.3 if place == width - 1 else 0.3 if place == width - 2 else 0.0
        why["it stands first"] = -0.5 if place == 0 else 0.0
    fit = _FITS * sum(p * _fit(column, category) for category, p in leaning.items() if category in _FIT)
    why["its values fit the task"] = fit
    if heard.wanted == "amount" and column.kind in NUMBERS:
        why["the description asks how much"] = 1.5
    elif heard.wanted == "class" and column.kind in CLASSES:
        why["the description asks which"] = 1.5
    written = leaning.get("seq2seq", 0.0)
    unfit = sum(p * _UNFIT.get(kind, 0.0) for kind, p in column.kinds.items())
    if column.kind in _WRITTEN_KINDS:
        unfit *= 1 - written
    if written:
        why["its name is that of what is written"] = written * 1.5 * ("output" in means)
        why["its name is that of what is read"] = -written * 1.5 * ("input" in means and "output" not in last)
        why["it stands where the text goes to"] = written * 2.0 * after_into(heard, column.name)
    why["its values are not those of an answer"] = unfit
    if column.name in roles.taken():
        why["it plays another part"] = -6.0
    elif column.name in (roles.group, roles.item, roles.query):
        why["it plays another part"] = -2.5
    why["cells are missing"] = -2.5 * column.missing / max(rows, 1)
    if column.distinct == rows and column.kind in CLASSES:
        why["every row is a class of its own"] = -2.0
    return sum(why.values()), why


def _fit(column: Column, category: str) -> float:
    fit = _FIT[category]
    return sum(p * fit.get(kind, 0.0) for kind, p in column.kinds.items())


def _sentences(why: Mapping[str, float]) -> list[str]:
    return [because for because, value in sorted(why.items(), key=lambda pair: -pair[1]) if value >= 0.3]


def _together(
    columns: Sequence[Column],
    scored: Mapping[str, tuple[float, dict[str, float]]],
    roles: Roles,
    leaning: Mapping[str, float],
    heard: Heard,
) -> list[Option]:
    """Runs of yes/no columns side by side, as one answer of several labels."""
    found: list[Option] = []
    run: list[Column] = []
    for column in [*columns, None]:
        kind: Kind | None = column.kind if column is not None else None
        free = column is not None and column.name not in (
            *roles.taken(),
            *roles.ids,
            roles.group,
            roles.item,
            roles.query,
        )
        if kind == "binary" and free and column is not None and not _asks(column.name):
            run.append(column)
            continue
        if len(run) >= FEWEST_TOGETHER:
            mean = sum(scored[each.name][0] for each in run) / len(run)
            several = 3.0 * leaning.get("tagging", 0.0) + 0.15 * min(len(run), 8) - 1.5
            why = {"several yes/no columns side by side": several, "its columns one by one": mean}
            found.append((tuple(each.name for each in run), mean + several, why))
        run = []
    del heard
    return found


def _asks(name: str) -> bool:
    """Whether the name is that of a property (`is_member`), not of a label."""
    return names.words(name)[:1] in (("is",), ("has",))


def _source(
    columns: Sequence[Column], candidates: Sequence[TargetCandidate], roles: Roles, leaning: Mapping[str, float]
) -> str | None:
    """What is read where the target is written: the other text, sequence, sound or image beside it."""
    if not candidates or len(candidates[0].columns) > 1 or leaning.get("seq2seq", 0.0) < 0.3:
        return None
    target = candidates[0].columns[0]
    best, most = None, 0.4
    for place, column in enumerate(columns):
        if column.name == target:
            continue
        score = column.chance("text", "sequence", "tags", "media") - 0.02 * place
        means = names.meanings(column.name)
        score += 0.6 * ("input" in means) + 0.3 * ("media" in means) - 0.5 * (column.name in roles.ids)
        score += 0.4 * min(column.statistics.characters, 100.0) / 100
        if score > most:
            best, most = column.name, score
    return best
