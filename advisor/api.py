"""The Python API: every other door calls these functions."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from advisor import description as descriptions
from advisor import evidence, framing
from advisor.decision import Said, by_rules, decide, hear, is_sure, with_encoder
from advisor.errors import UsageError
from advisor.framing import Framing
from taxonomy.knowledge import load
from taxonomy.reading import read_text
from taxonomy.schema import Category

if TYPE_CHECKING:
    from advisor.profiling import Profile
    from advisor.target import Target
    from taxonomy.reading import Reading


def frame(
    text: str,
    *,
    table: Any = None,
    target: "Target | None" = None,
    answers: Mapping[str, str] | None = None,
    encoder: bool = True,
) -> Framing:
    """Which task `text` describes, why, and what to do about it.

    Args:
        text: the problem in the user's own words, at most 8,000 characters.
        table: a file (CSV, TSV, Parquet, JSON lines) or any data frame; its columns name the target.
        target: the column of `table` to predict, or a list of the columns that are predicted together; without one it
            is looked for.
        answers: question id -> answer id, for questions that an earlier framing asked.
        encoder: whether the sentence encoder is asked where the rules are not sure.

    Raises:
        InputRefused: the text or table cannot be used; `target` is no text and no list of texts, is empty, names a
            column twice, or one that the table lacks; says why.
        UsageError: an answer that does not exist, or to a question that does not; a target without a table.

    >>> f = frame("How many hours will this surgery take?")
    >>> f.category, f.subtask, f.card.unit
    ('regression', 'duration', 'hours')
    >>> frame("hello").category is None
    True
    >>> rows = [[n % 8, 2.5 + n % 7, 1.5 + n % 5] for n in range(40)]
    >>> throws = {"columns": ["angle", "far_m", "high_m"], "rows": rows}
    >>> f = frame("How far and how high does the ball fly?", table=throws, target=["far_m", "high_m"])
    >>> f.subtask, f.card.target
    ('multi_output', ('far_m', 'high_m'))
    """
    if table is None:
        if target is not None:
            from advisor import target as targets

            descriptions.check(text)
            targets.names(target)
            raise UsageError("a target column was named, but no table was given; pass table= as well")
        return finish(begin(text, answers=answers), encoder=encoder)
    from advisor import column_reader, tabular
    from advisor import target as targets

    descriptions.check(text)
    named = targets.names(target) or None
    knowledge = load()
    reading = read_text(knowledge, text)
    own, about = tabular.split_answers(answers or {}) if isinstance(answers, Mapping) else (answers or {}, {})
    said = hear(knowledge, text, reading, evidence.from_answers(knowledge, own))
    reader = column_reader.load() if encoder else None
    return tabular.frame(
        said,
        knowledge,
        reading,
        table=table,
        target=named,
        answers=own,
        about=about,
        reader=reader,
        encoder=encoder,
    )


class Begun(NamedTuple):
    """A description that the rules have read; `sure` says whether they need no encoder."""

    said: Said
    reading: "Reading"
    answers: Mapping[str, str]
    sure: bool


def begin(text: str, *, answers: Mapping[str, str] | None = None) -> Begun:
    """The first half of `frame` without a table: it takes under a millisecond for most texts and loads no encoder.

    For programs that must not wait, such as the service; `finish` does the rest.

    Raises:
        InputRefused, UsageError: as `frame`.

    >>> begin("What other books should we suggest to each reader?").sure, begin("hello").sure
    (True, False)
    """
    descriptions.check(text)
    knowledge = load()
    reading = read_text(knowledge, text)
    answers = answers or {}
    said = hear(knowledge, text, reading, evidence.from_answers(knowledge, answers))
    return Begun(said, reading, answers, is_sure(knowledge, said))


def finish(begun: Begun, *, encoder: bool = True) -> Framing:
    """The framing of a description that was begun.

    >>> finish(begin("hello")) == frame("hello")
    True
    """
    knowledge = load()
    if encoder and not begun.sure:
        (decision,) = with_encoder(knowledge, [begun.said])
    else:
        decision = by_rules(knowledge, begun.said)
    return framing.build(begun.said.text, knowledge, begun.reading, decision, answers=begun.answers)


def profile(table: Any, *, description: str = "", target: "Target | None" = None) -> "Profile":
    """What `table` shows: what each column may be, the likely target, ids, time and other roles, and what to beware of.

    Args:
        table: a file (CSV, TSV, Parquet, JSON lines) or any data frame that Narwhals knows, lazy ones too.
        description: the problem in the user's own words; it tells the target better than any column does.
        target: the column to predict, or a list of the columns that are predicted together; without one it is looked
            for.

    Raises:
        InputRefused: the table cannot be read, has no rows, or lacks a column of `target`; `target` is no text and no
            list of texts, is empty, or names a column twice.

    >>> import polars as pl
    >>> table = pl.DataFrame({"house_id": [1, 2, 3], "price": [90.5, 120.0, 99.9], "rooms": [2, 3, 3]})
    >>> seen = profile(table, description="Estimate the price of a house from its rooms.")
    >>> seen.target, seen.ids
    ('price', ('house_id',))
    """
    from advisor import profiling
    from advisor import target as targets

    named = targets.names(target) or None
    leaning = None
    if description:
        descriptions.check(description)
        knowledge = load()
        said = hear(knowledge, description, read_text(knowledge, description))
        leaning = decide(knowledge, [said])[0].posterior.probabilities
    return profiling.profile(table, description=description, target=named, leaning=leaning)


def frame_many(texts: Iterable[str], *, encoder: bool = True) -> list[Framing]:
    """The framing of each text, in order; each is the same as `frame` alone would give.

    >>> [f.category for f in frame_many(["How many hours will it take?", "hello"])]
    ['regression', None]
    """
    if isinstance(texts, str):
        raise UsageError("frame_many takes several texts, not one; pass a list, or call frame")
    knowledge = load()
    described = [descriptions.check(text) for text in texts]
    readings = [read_text(knowledge, text) for text in described]
    said = [hear(knowledge, text, reading) for text, reading in zip(described, readings, strict=True)]
    return [
        framing.build(text, knowledge, reading, decision)
        for text, reading, decision in zip(described, readings, decide(knowledge, said, encoder=encoder), strict=True)
    ]


def taxonomy() -> dict[str, Category]:
    """Every category by its id, with its sub-tasks.

    >>> "duration" in taxonomy()["regression"].subtasks
    True
    """
    return dict(load().categories)
