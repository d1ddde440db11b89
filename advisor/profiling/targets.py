"""Which column is to be predicted: every candidate with a probability and the reasons for it.

What the description asks for says most, then the name ("label", "churned"), then whether the values fit the task that
the description sounds like, then the place: people put what they want to know last, and behind it what is known later.
The traits stand in traits.py, their fitted weights in weights.json; each reason that counts is told.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple

from advisor.profiling import names, traits, weighing
from advisor.profiling.roles import Roles
from advisor.profiling.schema import CLASSES, NAMED, NUMBERS, Column, Kind, TargetCandidate
from advisor.profiling.traits import Setting

NO_TARGET = ("unsupervised",)  # tasks in which nothing is predicted
OFTEN_NONE = ("recommendation", "ranking", "no_ml", "other")  # in which often no column holds what is asked for
LIKELY = 0.5  # probability of a kind, from which a column is of it
DECIDED = 0.5  # probability of a task from the words, from which its form is followed
TEMPERATURE = 1.2
MOST_CANDIDATES = 12
LEAST_TOLD = 0.3  # what a reason adds to the score, to be told
MOST_NUMBERS = 2  # columns of numbers beside a text in whose words the answer is looked for
NEARLY_AS_LIKELY = 1.2  # log-odds by which columns that are asked for together may differ
FEWEST_TOGETHER = 2  # yes/no columns side by side that are answered together

_SEVERAL = frozenset("both coordinates where and all three two each y beide alle deux coordonnees coordenadas".split())
_NEXT = frozenset(
    "next after afterwards naechste naechstes danach folgt suivant suivante ensuite siguiente despues seguinte depois "
    "prossimo prossima dopo volgende daarna nasta sedan naeste".split()
)
_FEEDBACK: frozenset[names.Meaning] = frozenset({"rating", "happened"})


class Option(NamedTuple):
    """What may be the target: a column or several, its score, and the traits that it is made of."""

    columns: tuple[str, ...]
    score: float
    traits: Mapping[str, float]


class Chosen(NamedTuple):
    """The target, or None where nothing is to be predicted, all candidates, and what a written target is made from."""

    target: str | tuple[str, ...] | None
    candidates: tuple[TargetCandidate, ...]
    source: str | None


def choose(setting: Setting) -> Chosen:
    """The likeliest target of a table, for what the description sounds like."""
    found = sorted(options(setting), key=lambda option: -option.score)
    found = found[:MOST_CANDIDATES] + [option for option in found[MOST_CANDIDATES:] if len(option.columns) > 1]
    best = max((option.score for option in found), default=0.0)
    odds = [math.exp((option.score - best) / TEMPERATURE) for option in found]
    by_name = {column.name: column for column in setting.columns}
    candidates = tuple(
        TargetCandidate(
            option.columns,
            value / sum(odds),
            _kind(option, by_name[option.columns[0]]),
            tuple(_sentences(option.traits, read=setting.glance is not None)),
        )
        for option, value in zip(found, odds, strict=True)
    )
    target = settle(candidates, setting)
    return Chosen(target, candidates, _source(setting.columns, candidates, setting.roles, setting.leaning))


def _kind(option: Option, first: Column) -> Kind:
    """The kind of a candidate: yes/no columns that are answered together are tags."""
    return "tags" if len(option.columns) > 1 and first.kind == "binary" else first.kind


def as_named(names: Sequence[str], columns: Sequence[Column]) -> TargetCandidate:
    """The target that the user named: one column, or several that are answered together."""
    by_name = {column.name: column for column in columns}
    chosen = [by_name[name] for name in names]
    several = len(chosen) > 1 and alike(chosen) == "yes_or_no"
    return TargetCandidate(tuple(names), 1.0, "tags" if several else chosen[0].kind, (NAMED,))


def alike(columns: Sequence[Column]) -> Literal["numbers", "yes_or_no"] | None:
    """What columns have in common that one model can answer together; None where they are of several kinds.

    >>> from advisor.profiling import profile
    >>> rows = [[n % 2, n % 3 > 0, n / 7, n * 2.5] for n in range(40)]
    >>> hot, wet, wide, high = profile({"columns": ["hot", "wet", "wide", "high"], "rows": rows}).columns
    >>> alike([hot, wet]), alike([wide, high]), alike([hot, wide])
    ('yes_or_no', 'numbers', None)
    """
    marks = [column for column in columns if column.chance("binary", "censoring", "tags") >= LIKELY]
    if marks and all(column in marks or _never(column) for column in columns):
        return "yes_or_no"
    if marks or any(column.chance(*NUMBERS, *_steps(column)) < LIKELY for column in columns):
        return None
    return "numbers"


def is_in_words(inputs: Sequence[Column], rows: int) -> bool:
    """Whether what is known beforehand is mainly a text: most rows have one, and hardly any number stands beside it.

    >>> from advisor.profiling import profile
    >>> said = [f"the pump number {n} makes a strange noise since it rained" for n in range(40)]
    >>> seen = profile({"columns": ["said", "a", "b", "c", "d"], "rows": [[t, *(n / 7 + k for k in range(4))]
    ...     for n, t in enumerate(said)]})
    >>> is_in_words(seen.columns[:2], 40), is_in_words(seen.columns, 40), is_in_words(seen.columns[1:], 40)
    (True, False, False)
    """
    texts = [column for column in inputs if column.kind == "text" and 2 * column.missing <= rows]
    return bool(texts) and sum(column.chance(*NUMBERS) >= LIKELY for column in inputs) <= MOST_NUMBERS


def _steps(column: Column) -> tuple[str, ...]:
    """Grades that are written as numbers are numbers, too."""
    return () if column.statistics.low is None else ("ordinal",)


def _never(column: Column) -> bool:
    """Whether a column may be a label that no row here has."""
    return column.kind == "constant" and column.statistics.high == 0.0


def options(setting: Setting) -> list[Option]:
    """Everything that may be the target: each column, and columns that are answered together."""
    weights = weighing.weights("target", read=setting.glance is not None)
    found = []
    for place, column in enumerate(setting.columns):
        mine = traits.of_target(setting, place)
        found.append(Option((column.name,), _score(mine, weights), mine))
    several = _together(setting, found, weights) + _numbers_together(setting, found, weights)
    return found + several + _read_together(setting, found, [option.columns for option in several], weights)


def _score(mine: Mapping[str, float], weights: Mapping[str, float]) -> float:
    return sum(weights[name] * value for name, value in mine.items())


def settle(candidates: Sequence[TargetCandidate], setting: Setting) -> str | tuple[str, ...] | None:
    """The target for a task: none where nothing is predicted, or where only what was chosen is recorded; the thing
    itself where it is asked which comes next."""
    roles, leaning, glance = setting.roles, setting.leaning, setting.glance
    likely = max(leaning, key=lambda name: leaning[name], default="") if leaning else ""
    if leaning.get(likely, 0.0) >= DECIDED:
        if likely in NO_TARGET:
            return None
        known = {column.name: column for column in setting.columns}
        if likely == "recommendation":
            rated = any("rating" in names.meanings(name) and known[name].chance(*CLASSES) > 0.5 for name in known)
            if roles.item is not None and not rated and _NEXT & set(setting.heard.words):
                return roles.item
        if glance is not None:
            nothing = likely in OFTEN_NONE and glance.nothing > max(glance.target.values(), default=-math.inf)
            return None if nothing or not candidates else candidates[0].name
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


def _sentences(mine: Mapping[str, float], *, read: bool) -> list[str]:
    weights = weighing.weights("target", read=read)
    told = {name: weights[name] * value for name, value in mine.items() if name in traits.BECAUSE}
    return [
        traits.BECAUSE[name] for name, value in sorted(told.items(), key=lambda pair: -pair[1]) if value >= LEAST_TOLD
    ]


def _together(setting: Setting, single: Sequence[Option], weights: Mapping[str, float]) -> list[Option]:
    """Runs of yes/no columns side by side, as one answer of several labels: the mean of their traits, and one more."""
    roles = setting.roles
    others = (*roles.taken(), *roles.ids, roles.group, roles.item, roles.query)
    found: list[Option] = []
    run: list[Option] = []
    for column, option in [*zip(setting.columns, single, strict=True), (None, None)]:
        fits = column is not None and _may_be_one_of_several(column, others, run)
        if fits and option is not None and (not run or _related(run, option)):
            run.append(option)
            continue
        if len(run) >= FEWEST_TOGETHER:
            mean = _mean(run)
            mean["together"] = 3.0 * setting.leaning.get("tagging", 0.0) + 0.15 * min(len(run), 8) - 1.5
            mean["read"] = traits.read(setting, [each.columns[0] for each in run])
            mean["together_prefix"] = bool(_prefix(run[0]) and _prefix(run[0]) == _prefix(run[1]))
            found.append(Option(tuple(each.columns[0] for each in run), _score(mean, weights), mean))
        run = [option] if fits and option is not None else []
    return found


def _prefix(option: Option) -> str:
    """The first of several words of a name."""
    parts = names.words(option.columns[0])
    return parts[0] if len(parts) > 1 else ""


def _related(run: Sequence[Option], option: Option) -> bool:
    """Whether a column goes on with a run: where two begin with one word, all must."""
    if len(run) < FEWEST_TOGETHER or not _prefix(run[0]) or _prefix(run[0]) != _prefix(run[1]):
        return True
    return _prefix(option) == _prefix(run[0])


def _numbers_together(setting: Setting, single: Sequence[Option], weights: Mapping[str, float]) -> list[Option]:
    """Runs of numbers with names of one pattern, `x_mm` and `y_mm`, where the description wants several."""
    several = bool(_SEVERAL & set(setting.heard.words)) * setting.leaning.get("regression", 0.0)
    found: list[Option] = []
    run: list[tuple[str, Option]] = []
    for column, option in [*zip(setting.columns, single, strict=True), (None, None)]:
        pattern = _pattern(column.name) if column is not None and column.chance(*NUMBERS) > 0.5 else ""
        if option is not None and pattern and run and pattern == run[-1][0]:
            run.append((pattern, option))
            continue
        if len(run) >= FEWEST_TOGETHER and several:
            mean = _mean([option for _, option in run])
            mean["together_numbers"] = several
            mean["read"] = traits.read(setting, [option.columns[0] for _, option in run])
            found.append(Option(tuple(option.columns[0] for _, option in run), _score(mean, weights), mean))
        run = [(pattern, option)] if option is not None and pattern else []
    return found


def _read_together(
    setting: Setting, single: Sequence[Option], known: Collection[tuple[str, ...]], weights: Mapping[str, float]
) -> list[Option]:
    """The columns that the reader takes to be asked for alike, where it takes several so."""
    glance = setting.glance
    if glance is None:
        return []
    most = max(glance.target.values())
    run = [option for option in single if glance.target.get(option.columns[0], -math.inf) > most - NEARLY_AS_LIKELY]
    columns = tuple(option.columns[0] for option in run)
    if len(run) < FEWEST_TOGETHER:
        return []
    mean = _mean(run) | {"read": traits.read(setting, columns), "read_together": 1.0}
    if columns in known:  # one set, one option: it is told what speaks for both
        return []
    return [Option(columns, _score(mean, weights), mean)]


def _pattern(name: str) -> str:
    """What names of one kind share: all but a letter that stands alone; "" where there is none.

    >>> _pattern("x_mm") == _pattern("y_mm") != "", _pattern("width")
    (True, '')
    """
    pattern, times = re.subn(r"(?<![^\W_])[^\W\d_](?![^\W_])", "·", name)
    return pattern if times == 1 else ""


def _mean(options: Sequence[Option]) -> dict[str, float]:
    mean = {name: 0.0 for each in options for name in each.traits}
    for each in options:
        for name, value in each.traits.items():
            mean[name] += value / len(options)
    return mean


def _may_be_one_of_several(column: Column, others: Collection[str | None], run: Sequence[Option]) -> bool:
    never = _never(column) and bool(run)
    return (column.kind == "binary" or never) and column.name not in others and not _asks(column.name)


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
