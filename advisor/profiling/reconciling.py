"""Where the words and the table disagree, and what follows; and what one row is."""

from collections.abc import Iterator, Mapping, Sequence

from advisor.profiling import names
from advisor.profiling.mentions import Heard, loudness
from advisor.profiling.roles import Roles
from advisor.profiling.schema import CLASSES, NUMBERS, Column, Contradiction
from advisor.profiling.targets import alike

LIKELY = 0.4  # probability of a task from the words, from which they are taken to say it
SURE = 0.6  # of a kind, from which the table is taken to show it
ASKED = 2.5  # loudness of a column that is asked for
_ENDING = frozenset("when until till survive survives survival survived censored yet still lifetime lasts last".split())


def contradictions(
    columns: Sequence[Column],
    roles: Roles,
    target: Sequence[str],
    *,
    named: bool,
    heard: Heard,
    leaning: Mapping[str, float],
) -> tuple[Contradiction, ...]:
    """Every disagreement of the description and the table, with its resolution.

    >>> from advisor.profiling import profile
    >>> rows = [[f"q{row // 5}", row, row % 5] for row in range(20)]
    >>> table = {"columns": ["query", "doc", "grade"], "rows": rows}
    >>> found = profile(table, description="Rank the documents.", leaning={"ranking": 0.9}).contradictions
    >>> [each.id for each in found]
    ['rank_not_classes']
    """
    return tuple(_all(columns, roles, target, named=named, heard=heard, leaning=leaning))


def _all(
    columns: Sequence[Column],
    roles: Roles,
    target: Sequence[str],
    *,
    named: bool,
    heard: Heard,
    leaning: Mapping[str, float],
) -> Iterator[Contradiction]:
    by_name = {column.name: column for column in columns}
    says = {task for task, p in leaning.items() if p >= LIKELY}
    if "unsupervised" in says:
        for column in columns:
            if "label" in names.head(column.name) and column.chance(*CLASSES) > SURE:
                yield Contradiction(
                    "labels_exist",
                    "the groups are not known",
                    f"`{column.name}` names {column.distinct} of them",
                    f"You look for groups, and `{column.name}` names some: predict it, or leave it out and compare.",
                    (column.name,),
                )
    if "recommendation" in says and roles.group is None:
        yield Contradiction(
            "nobody_to_recommend_to",
            "something is to be recommended to somebody",
            "no column says who",
            "You want to recommend, but no column says to whom: add the user, or rank for each request.",
        )
    if len(target) == 1:
        yield from _of_target(by_name[target[0]], roles, says, heard)
    if not named:
        return
    if len(target) > 1 and alike([by_name[name] for name in target]) is None:
        yield _of_several_kinds([by_name[name] for name in target])
    loud = loudness([each.name for each in columns], heard)
    asked = max(loud, key=lambda name: loud[name])
    if loud[asked] >= ASKED and all(name != asked and loud[name] < loud[asked] for name in target):
        told, were = _listed(target), "was" if len(target) == 1 else "were"
        yield Contradiction(
            "another_target_is_asked_for",
            f"`{asked}` is asked for",
            f"{told} {were} named as the target",
            f"The description asks for `{asked}`, and {told} {were} named; the latter is taken.",
            (asked, *target),
        )


def _of_several_kinds(columns: Sequence[Column]) -> Contradiction:
    """Targets that no one model answers together."""
    told = _listed([column.name for column in columns])
    shown = "; ".join(f"`{column.name}`: {column.kind.replace('_', ' ')}" for column in columns)
    so = (
        "One model answers several numbers together, or several columns of yes and no, and these are neither "
        f"({shown}): name one target at a time, and frame each for itself."
    )
    return Contradiction(
        "targets_of_several_kinds",
        f"{told} are named as one target",
        shown,
        so,
        tuple(column.name for column in columns),
    )


def _listed(names: Sequence[str]) -> str:
    """Names in a sentence.

    >>> _listed(["a"]), _listed(["a", "b", "c"])
    ('`a`', '`a`, `b` and `c`')
    """
    shown = [f"`{name}`" for name in names]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _of_target(column: Column, roles: Roles, says: set[str], heard: Heard) -> Iterator[Contradiction]:
    name, figures = column.name, column.statistics
    several = f"{column.distinct} different values"
    if "ranking" in says and roles.query is not None and column.chance(*CLASSES, "count") > SURE:
        span = several if figures.low is None else f"{figures.low:g}–{figures.high:g}"
        yield Contradiction(
            "rank_not_classes",
            "things are to be put in order",
            f"`{name}` is {span}, and rows share `{roles.query}`",
            f"You say rank, `{name}` is {span} and rows share `{roles.query}`: learning to rank within each "
            f"`{roles.query}`, not {column.distinct} classes.",
            (name, roles.query),
        )
    elif "ranking" in says and roles.query is None and column.chance(*CLASSES) > SURE:
        yield Contradiction(
            "no_lists_to_rank",
            "things are to be put in order",
            "no column says which rows belong to one list",
            f"You say rank, but no rows share a request: score each row by `{name}`, and sort by the score.",
            (name,),
        )
    if (
        "classification" in says
        and heard.wanted != "amount"
        and column.chance(*NUMBERS) > SURE
        and column.distinct > 10
    ):
        yield Contradiction(
            "number_not_class",
            "one of several classes is asked for",
            f"`{name}` is a number with {several}",
            f"You ask which class, and `{name}` is a number with {several}: predict it, or say where to cut.",
            (name,),
        )
    if (heard.wanted == "amount" or says == {"regression"}) and column.chance("binary", "categorical") > SURE:
        yield Contradiction(
            "class_not_number",
            "an amount is asked for",
            f"`{name}` has {several} and is no amount",
            f"You ask how much, and `{name}` has only {several}: a class; add the amount if you know it.",
            (name,),
        )
    if column.chance("code", "id") > SURE and not says & {"recommendation", "seq2seq"}:
        yield Contradiction(
            "code_not_quantity",
            f"`{name}` is to be predicted",
            "its numbers are labels",
            f"`{name}` is a code: it has no size, so it is a class among {column.distinct}, no quantity.",
            (name,),
        )
    if "classification" in says and column.chance("tags") > SURE:
        yield Contradiction(
            "several_labels",
            "one of several classes is asked for",
            f"cells of `{name}` hold several, separated by {column.delimiter!r}",
            f"You ask for one class, and cells of `{name}` hold several: each label is a yes or no of its own.",
            (name,),
        )
    if "tagging" in says and column.chance("binary", "categorical", "ordinal") > SURE:
        yield Contradiction(
            "one_label",
            "several labels may apply",
            f"`{name}` holds one of {column.distinct}",
            f"You say that several labels may apply, and `{name}` holds exactly one in each row: classes, not tags.",
            (name,),
        )


def event(columns: Sequence[Column], target: Sequence[str], heard: Heard) -> tuple[str, str] | None:
    """The duration that is to be predicted and the column that says whether its end was seen; None where neither is.

    A yes/no column that tells what happened, beside a length of time, is the end of that time when the description asks
    when or how long, or when both are named as the target.
    """
    if len(target) == 2:
        both = [column for column in columns if column.name in target]
        length = [column.name for column in both if _is_span(column)]
        end = [column.name for column in both if column.chance("binary", "censoring") > SURE]
        return (length[0], end[0]) if len(length) == len(end) == 1 else None
    asks = bool(_ENDING & set(heard.words)) or "long" in heard.words
    flags = [
        column
        for column in columns
        if column.chance("binary", "censoring") > SURE
        and (
            {"happened"} & names.meanings(column.name)
            or {"event", "censored", "status"} & set(names.words(column.name))
        )
    ]
    spans = [column for column in columns if _is_span(column) and column.name not in {flag.name for flag in flags}]
    if not flags or not spans or len(target) != 1:
        return None
    chosen = target[0]
    if chosen in {span.name for span in spans} and asks:
        return chosen, flags[-1].name
    if asks and chosen in {flag.name for flag in flags}:
        return spans[-1].name, chosen
    return None


def _is_span(column: Column) -> bool:
    """Whether a column is a length of time that has run: its kind, or a word for time among those of its name."""
    if column.chance("binary", "time", "id") > SURE or "age" in names.words(column.name):
        return False
    return column.chance("duration") > 0.5 or (
        "duration" in names.meanings(column.name) and column.chance(*NUMBERS) > SURE
    )


def unit_of_observation(columns: Sequence[Column], roles: Roles, rows: int) -> str:
    """What one row is, by the columns that tell it apart.

    >>> from advisor.profiling import profile
    >>> table = {"columns": ["order_id", "total"], "rows": [["A-1", 3.5], ["A-2", 2.5], ["A-3", 9.0]]}
    >>> profile(table).unit_of_observation
    'one `order_id`'
    """
    if roles.query is not None:
        return f"one `{roles.item}` for one `{roles.query}`" if roles.item else f"one candidate for one `{roles.query}`"
    own = [column.name for column in columns if column.name in roles.ids and column.distinct == rows]
    if own:
        return f"one `{own[0]}`"
    if roles.group is not None and roles.item is not None:
        return f"one `{roles.item}` of one `{roles.group}`"
    if roles.group is not None and roles.time is not None:
        return f"one `{roles.group}` at one `{roles.time}`"
    if roles.time is not None and next(c for c in columns if c.name == roles.time).distinct == rows:
        return f"one `{roles.time}`"
    return f"one of several rows of one `{roles.group}`" if roles.group is not None else ""
