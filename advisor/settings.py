"""The settings of a starter: which column of the user's table plays which role that the template asks for.

A template asks by name: the settings `target`, `user`, `item`, `query`, `time`, … of its config.yaml. What its type
lets be null may stay empty, whatever the template's own data have there; all else must be found. The split follows from
the roles, as the card says it, and so does the metric.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

from advisor import profiling as profiles
from advisor.framing import Framing
from advisor.profiling.names import meanings, words
from advisor.profiling.schema import NUMBERS
from advisor.profiling.targets import alike, is_in_words
from advisor.profiling.traits import BECAUSE
from advisor.tabular import NOT_IN_TIME
from models import catalog, loading
from models.kit import config
from models.kit.errors import Refused, listed

Profile = profiles.Profile

IN_WORDS = {
    "user": "the user or customer",
    "item": "what is recommended",
    "query": "the request whose rows are ranked",
    "time": "the moment of a row",
    "event": "whether the end was seen",
    "source": "what is read",
    "source_node": "who points",
    "target_node": "what is pointed at",
    "series": "which series a row belongs to",
    "text": "the text",
    "title": "the title of a text",
    "texts": "the texts",
    "document": "the text that is searched",
    "tags": "the tags",
    "image": "the image",
    "mask": "the picture that holds the class of each pixel",
    "x": "where a box begins, from the left",
    "y": "where a box begins, from the top",
    "w": "how wide a box is",
    "h": "how high a box is",
    "sound": "the sound",
}


class Chosen(NamedTuple):
    """The settings that follow from a table, and those of them that may be dropped where they do not serve."""

    settings: dict[str, Any]
    droppable: tuple[str, ...]


def learns_together(seen: Profile) -> str | None:
    """Return the id of the template that learns the targets at once; None where no one model does."""
    category = CATEGORIES.get(alike([seen.column(name) for name in seen.target_columns]) or "")
    others = {*seen.target_columns, *seen.leaking, *seen.ids}
    in_words = is_in_words([each for each in seen.columns if each.name not in others], seen.rows)
    for template in catalog.templates():
        asked = config.optional(template.folder / "config.yaml")
        if template.category == category and "targets" in asked and (in_words or "texts" not in asked):
            return template.id
    return None


def single(asked: Mapping[str, bool]) -> str | None:
    """Return the setting that holds the one column of the answer, in a template that learns one; None in others."""
    return None if "targets" in asked else next((role for role in ANSWERS if role in asked), None)


def choose(template_config: Path, framing: Framing, seen: Profile) -> Chosen:
    """Return the settings of the columns; raises `Refused` where the template needs a role that no column plays."""
    asked = config.optional(template_config)
    with loading.task(template_config.parent) as task:
        kind = task.settings
    spare = config.spare(kind)
    needed, unasked = {*asked} - spare, {"time", "group"}
    found: dict[str, Any] = {name: None for name in asked if name in spare and not asked[name]}
    late = _late(framing) if "leave_out" in asked else []
    if late:
        found["leave_out"] = late
    taken = set(late)
    if asked.keys() >= LISTED_OR_MARKED:
        answer = _listed_or_marked(seen, taken)
        needed, unasked = needed | {answer}, unasked | LISTED_OR_MARKED - {answer}
    for role, find in FINDERS.items():
        if role not in asked or role in unasked:
            continue
        column = _namesake(role, seen, taken) or find(seen, taken)
        if column is None and role in needed:
            column = LAST_RESORTS.get(role, _only)(seen, taken)
        if column is None and role in needed:
            raise _lacks(role, seen)
        if column is not None:
            found[role] = column
            taken |= {column} if isinstance(column, str) else set(column)
    split = _split(asked, seen, taken)
    if "time" in asked and found.get("query") in _rounds(seen):
        split.setdefault("time", found["query"])
    if "time" in asked and "time" not in spare and "time" not in split:
        raise _lacks("time", seen)
    every = {**found, **split}
    return Chosen({**every, "metric": _metric(template_config, kind, framing, seen, every)}, tuple(split))


def _lacks(role: str, seen: Profile) -> Refused:
    what = IN_WORDS.get(role, "what is predicted")
    return Refused(
        f"the template needs a column for `{role}` ({what}), and none of "
        f"{listed(each.name for each in seen.columns)} looks like one; give it that name, "
        "or name another template"
    )


def _metric(
    template_config: Path, kind: type[config.Project], framing: Framing, seen: Profile, found: Mapping[str, Any]
) -> str:
    """Return the metric that the card names first, where the template offers it and the table lets it have a value;
    else the template's own, or the next one that has a value.
    """
    target = found.get("target")
    classes = next((each.distinct for each in seen.columns if each.name == target), None)
    lacking = {name for name, setting in NEEDS.items() if found.get(setting) is None}
    lacking |= set(OF_TWO_CLASSES) if classes not in (None, 2) else set()
    own: str = config.read(template_config, kind).metric
    every: tuple[str, ...] = (own, *get_args(get_type_hints(kind)["metric"]))
    offered = [name for name in dict.fromkeys(every) if name not in lacking]
    first = re.split("[;,(]", framing.card.metric.casefold())[0]
    told = {name: place for name in offered if (place := first.find(CALLED.get(name, name))) >= 0}
    return min(told, key=lambda name: told[name], default=offered[0])


def _split(asked: Mapping[str, bool], seen: Profile, taken: set[str]) -> dict[str, Any]:
    """Return the time or the group that the split follows, or both where the template asks for both by itself."""
    query = seen.query if "query" not in asked else None
    group = next((name for name in (query, seen.group) if name is not None and name not in taken), None)
    time = seen.time if seen.time not in taken or seen.time == seen.query else None
    if "time" in asked and "group" in asked and group is not None and time is not None:
        first = "group" if query is not None else "time"
        return {first: {"time": time, "group": group}[first]}
    both = {"time": time, "group": group}
    return {name: column for name, column in both.items() if name in asked and column is not None}


def _late(framing: Framing) -> list[str]:
    """Return the columns that were said to come too late."""
    told = framing.profile
    return [
        name
        for finding in (told.findings if told is not None else ())
        if finding.id == "target_leakage" and finding.because == NOT_IN_TIME
        for name in finding.columns
    ]


def _namesake(role: str, seen: Profile, taken: set[str]) -> str | None:
    """Return the column that bears the name of the role; the target was settled before."""
    if role in TARGETS:
        return None
    return next((each.name for each in seen.columns if each.name.casefold() == role and each.name not in taken), None)


def _only(seen: Profile, taken: set[str]) -> str | None:
    """Return the one column that is left, if only one is."""
    free = [each.name for each in seen.columns if each.name not in {*taken, *seen.target_columns}]
    return free[0] if len(free) == 1 else None


def _target(seen: Profile, taken: set[str]) -> str | None:
    return seen.target if isinstance(seen.target, str) else None


def _targets(seen: Profile, taken: set[str]) -> list[str] | None:
    """Return the columns of the answer; one of yes and no together with its neighbours of yes and no, a number together
    with the other numbers that are asked for.
    """
    if len(seen.target_columns) != 1:
        return list(seen.target_columns) or None
    order = [each.name for each in seen.columns]
    binary = [each.kind == "binary" and each.name not in taken for each in seen.columns]
    if seen.column(seen.target_columns[0]).kind in NUMBERS:
        return _numbers_asked(seen, taken)
    first = last = order.index(seen.target_columns[0])
    if not binary[first]:
        return list(seen.target_columns)
    while first > 0 and binary[first - 1]:
        first -= 1
    while last + 1 < len(order) and binary[last + 1]:
        last += 1
    return order[first : last + 1]


def _numbers_asked(seen: Profile, taken: set[str]) -> list[str]:
    """Return the target together with what is asked for alike, or else with the other numbers that the description
    names, in the order of the table.
    """
    (target,) = seen.target_columns
    together = next((each.columns for each in seen.targets if target in each.columns and len(each.columns) > 1), None)
    if together is not None:
        return [name for name in together if name not in taken]
    least = LEAST_AS_LIKELY * max(each.probability for each in seen.targets)
    alone = [each for each in seen.targets if len(each.columns) == 1 and each.kind in NUMBERS]
    named = {each.columns[0] for each in alone if each.probability >= least and ASKED & set(each.reasons)}
    return [each.name for each in seen.columns if each.name == target or each.name in named - taken]


def _role(name: str) -> Callable[[Profile, set[str]], str | None]:
    def find(seen: Profile, taken: set[str]) -> str | None:
        column: str | None = getattr(seen, name)
        return None if column in taken else column

    return find


def _called(*called: str) -> Callable[[Profile, set[str]], str | None]:
    """Return a finder of the column that bears one of those names, or else has one in its own."""

    def find(seen: Profile, taken: set[str]) -> str | None:
        free = [each.name for each in seen.columns if each.name not in taken]
        whole = (name for wanted in called for name in free if name.casefold() == wanted)
        return next(whole, None) or next((name for wanted in called for name in free if wanted in words(name)), None)

    return find


def _end(*called: str) -> Callable[[Profile, set[str]], str | None]:
    """Return a finder of an end of a link: a column with one of those words in its name, else the first that names."""

    def find(seen: Profile, taken: set[str]) -> str | None:
        free = (each.name for each in seen.columns if each.name not in taken and each.kind in ENDS)
        return _called(*called)(seen, taken) or next(free, None) or _pair(seen, taken)

    return find


def _pair(seen: Profile, taken: set[str]) -> str | None:
    """Return the next column of a table that holds two and no more."""
    free = [each.name for each in seen.columns if each.name not in taken]
    return free[0] if len(seen.columns) == 2 and free else None


def _likeliest(*kinds: str) -> Callable[[Profile, set[str]], str | None]:
    """Return a finder of the column that is likeliest of those kinds, of equal ones that with the longest cells."""

    def find(seen: Profile, taken: set[str]) -> str | None:
        free = [each for each in seen.columns if each.name not in taken and each.kind in kinds]
        longest: Sequence[Any] = sorted(free, key=lambda each: each.statistics.characters, reverse=True)
        return longest[0].name if longest else None

    return find


def _mask(seen: Profile, taken: set[str]) -> str | None:
    """Return the column of masks: one that is called so, or the target where it holds pictures, or the last of several
    columns of pictures that is not called as what was photographed.
    """
    free = [each for each in seen.columns if each.name not in taken]
    pictures = [each.name for each in free if each.kind in PICTURES]
    measured = {*NUMBERS, "binary", "time"}  # is_masked is no mask
    called = next((each.name for each in free if "mask" in each.name.casefold() and each.kind not in measured), None)
    if called is not None:
        return called
    others = [name for name in pictures if name.casefold() not in PHOTOGRAPHED]
    target = _target(seen, taken)
    if target in others:
        return target
    return others[-1] if others and len(pictures) > 1 else None


def _user(seen: Profile, taken: set[str]) -> str | None:
    others = {seen.item, seen.query, *taken}
    return next((name for name in (seen.group, *seen.ids) if name is not None and name not in others), None)


def _item(seen: Profile, taken: set[str]) -> str | None:
    others = {seen.group, seen.query, *taken}
    told = next((name for name in (seen.item, *seen.ids) if name is not None and name not in others), None)
    others |= {seen.time, *seen.target_columns}
    free = [each for each in seen.columns if each.name not in others and each.kind in THINGS]
    richest = max(free, key=lambda each: each.distinct, default=None)
    return told or (richest.name if richest is not None else None)


def _candidate(seen: Profile, taken: set[str]) -> str | None:
    """Return the column that only names what stands in a list."""
    return next((name for name in seen.ids if name not in {seen.query, *taken}), None)


def _query(seen: Profile, taken: set[str]) -> str | None:
    """Return the column that says what is asked; of two columns of text what is asked is the shorter one."""
    lists = {each.name for each in seen.columns if each.distinct * FEWEST_CANDIDATES <= seen.rows}
    held = (name for name in (seen.group, *seen.ids) if name in lists)
    rounds = (name for name in _rounds(seen) if seen.query is None)
    named = next((name for name in (seen.query, *held, *rounds) if name is not None and name not in taken), None)
    return named or _shortest_of_several(seen, taken)


def _rounds(seen: Profile) -> list[str]:
    """Return the columns of moments that rows have in common, as of a week with all its candidates."""
    shared = (each for each in seen.columns if 1 < each.distinct * FEWEST_CANDIDATES <= seen.rows)
    return [each.name for each in shared if "time" in meanings(each.name) or each.kind == "time"]


def _shortest_of_several(seen: Profile, taken: set[str]) -> str | None:
    texts = [each for each in seen.columns if each.name not in taken and each.kind == "text"]
    return min(texts, key=lambda each: each.statistics.characters).name if len(texts) > 1 else None


def _document(seen: Profile, taken: set[str]) -> str | None:
    """Return the text that is searched; a profile may take it for the target, as it is the answer to the query."""
    return _likeliest("text", "sequence")(seen, taken) or _target(seen, taken)


def _relevance(seen: Profile, taken: set[str]) -> str | None:
    """Return the target where it can be a grade."""
    name = _target(seen, taken)
    return name if name is not None and seen.column(name).kind in {*NUMBERS, "ordinal", "binary"} else None


def _step(seen: Profile, taken: set[str]) -> str | None:
    """Return the column that orders the moments of a series."""
    named = (each.name for each in seen.columns if each.name.casefold().removesuffix("s") in MOMENTS)
    ended = (each.name for each in seen.columns if {*words(each.name)[-1:]} & {*MOMENTS})
    return next((name for name in (seen.time, *named, *ended) if name is not None and name not in taken), None)


def _series(seen: Profile, taken: set[str]) -> str | None:
    """Return what tells several series apart: moments that stand in several rows are those of its values."""
    step = _step(seen, taken)
    moments = next((each.distinct for each in seen.columns if each.name == step), seen.rows)
    if moments >= seen.rows or any(each.kind in LISTED for each in seen.columns):
        return None
    free = [each for each in seen.columns if each.name not in {*taken, *seen.target_columns, step}]
    names = [each for each in free if each.kind in SERIES_KINDS and moments * each.distinct >= seen.rows]
    fewest = min(names, key=lambda each: each.distinct, default=None)
    return _role("group")(seen, taken) or (fewest.name if fewest is not None else None)


def _tags(seen: Profile, taken: set[str]) -> str | None:
    target = _target(seen, taken)
    if any(each.name == target and each.kind == "tags" for each in seen.columns):
        return target
    return _likeliest("tags")(seen, taken) or target


def _listed_or_marked(seen: Profile, taken: set[str]) -> str:
    """Return which setting holds the tags: `tags`, one column of lists, or `targets`, columns of yes and no."""
    is_list = any(each.kind == "tags" for each in seen.columns) or any(
        seen.column(name).kind != "binary" for name in seen.target_columns
    )
    several = len(seen.target_columns) > 1 or (not is_list and len(_targets(seen, taken) or ()) > 1)
    return "targets" if several else "tags"


def _texts(seen: Profile, taken: set[str]) -> list[str] | None:
    """Return all columns whose words may count; not the answer, nor what the split follows, nor what comes too late."""
    others = {*taken, *seen.target_columns, *seen.leaking, seen.time, seen.group}
    kinds = ("text", "sequence", "tags", "categorical")
    return [each.name for each in seen.columns if each.name not in others and each.kind in kinds] or None


ASKED = frozenset(BECAUSE[name] for name in ("asked", "named", "verbatim", "same_thing"))  # reasons for a target
LEAST_AS_LIKELY = 0.01  # as the likeliest target, to be one of several
SERIES_KINDS = frozenset({"binary", "categorical", "code", "id"})
THINGS = ("id", "code", "categorical")  # kinds that name one of many
ENDS = ("id", "code", "categorical", "url", "text", "sequence", "binary")  # kinds that name what is linked
MOMENTS = ("t", "at", "time", "step", "frame", "tick", "moment", "sample", "index", "second", "minute", "hour")  # names
FEWEST_CANDIDATES = 2  # rows of one list, on average
PICTURES = ("media", "nested")  # kinds whose cells can be pictures
PHOTOGRAPHED = ("image", "photo", "picture", "scan", "img")  # names of the picture itself, where masks lie beside it
LISTED = ("nested", "tags", "sequence", "media")  # kinds whose cells hold a whole signal
NEEDS = {"shd": "truth", "analogies": "analogies", "ari": "check"}  # metrics that have no value without a setting
OF_TWO_CLASSES = ("average_precision", "roc_auc")
CALLED = {  # how cards call a metric where they do not by the name in the settings
    "log_loss": "log loss",
    "macro_f1": "macro-averaged f1",
    "micro_f1": "micro-averaged f1",
    "average_precision": "average precision",
    "mean_average_precision": "mean average precision over the labels",
    "precision_at_1": "precision at 1",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "mase": "mean absolute scaled error",
    "deviance": "poisson deviance",
    "c_index": "concordance index",
    "mrr": "mean reciprocal rank",
    "recall_100": "recall@100",
    "wer": "word error rate",
    "explained": "variance explained",
    "log_likelihood": "log-likelihood",
    "npmi": "coherence",
}
TARGETS = ("target", "targets", "rating", "relevance", "duration")
CATEGORIES = {"numbers": "regression", "yes_or_no": "tagging"}  # of the templates that learn several such columns
LISTED_OR_MARKED = {"tags", "targets"}  # settings of which a template that reads both kinds of table has one
ANSWERS = ("target", "rating", "relevance", "duration", "tags")  # settings of one column that is learned
LAST_RESORTS = {"series": _user}  # where a template cannot do without; else the one column that is left
FINDERS: dict[str, Callable[[Profile, set[str]], Any]] = {
    "target": _target,
    "targets": _targets,
    "rating": _target,
    "relevance": _relevance,
    "duration": _target,
    "tags": _tags,
    "query": _query,
    "user": _user,
    "person": _user,
    "item": _item,
    "candidate": _candidate,
    "event": _role("event"),
    "position": _role("position"),
    "source_node": _end("from", "source", "src", "origin", "citing", "follower", "sender", "von"),
    "target_node": _end("to", "target", "dst", "destination", "cited", "followed", "receiver", "nach"),
    "weight": lambda seen, taken: _role("weight")(seen, taken) or _likeliest(*sorted(NUMBERS), "ordinal")(seen, taken),
    "source": lambda seen, taken: _role("source")(seen, taken) or _likeliest("text", "sequence")(seen, taken),
    "title": _called("title", "headline", "heading", "subject"),
    "text": _likeliest("text", "sequence"),
    "texts": _texts,
    "document": _document,
    "mask": _mask,
    "image": _likeliest(*PICTURES),
    "x": _called("x", "left", "box_x"),
    "y": _called("y", "top", "box_y"),
    "w": _called("w", "width", "box_w", "box_width"),
    "h": _called("h", "height", "box_h", "box_height"),
    "sound": lambda seen, taken: _likeliest("media")(seen, taken) or _likeliest(*sorted(LISTED))(seen, taken),
    "series": _series,
    "step": lambda seen, taken: _step(seen, taken) if _series(seen, set()) in taken else None,
    "part": _role("split"),
    "time": _role("time"),
    "group": _role("group"),
}
