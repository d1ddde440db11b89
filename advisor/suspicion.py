"""Which columns may know the answer: their names tell of what comes after, or their values follow it too well."""

from typing import TYPE_CHECKING

from advisor.table import numbers, words

if TYPE_CHECKING:
    import polars as pl

FEWEST_ROWS = 10  # with both values, before they are compared
FEWEST_OF_GROUP = 4  # rows of each of a few values
FEWEST_ROWS_APART = 20  # in fewer rows a good input may well tell the groups apart
MOST_GROUPS = 20
RANK_CORRELATION = 0.99
CHANCE = 1e-4  # how unlikely it must be that cells are filled for one answer alone by accident

# A column named like these is often written down only when the outcome is known.
_AFTERWARDS = frozenset(
    "after actual adjudicated arrived awarded cancellation canceled cancelled chargeback chargeoff churned closed "
    "closing closure completed completion confirmed converted death deceased delivered died discharge discharged "
    "disposition ended final finished outcome paid recovered recovery refund refunded reimbursed repaid resolution "
    "resolved returned settled settlement shipped sold terminated termination verdict writeoff".split()
)


def leaking(frame: "pl.DataFrame", *, target: str) -> tuple[str, ...]:
    """The columns under suspicion of being known only when the target is; ask before using them.

    >>> import polars as pl
    >>> prices = [float(7 * row % 31) for row in range(30)]
    >>> frame = pl.DataFrame({"price": prices, "cents": [100 * each for each in prices], "rooms": [1, 2, 3] * 10})
    >>> leaking(frame, target="price")
    ('cents',)
    """
    from models.kit import cells

    answer = None if frame[target].dtype.is_nested() else cells.texts(frame[target])
    answers = None if answer is None else numbers(frame[target])

    def follows(value: "pl.Series") -> bool:
        if answer is None or value.dtype.is_nested():
            return False
        group, number = cells.texts(value), numbers(value)
        texts = group.to_frame("value").with_columns(answer.alias("answer")).drop_nulls("answer")
        if texts.height < FEWEST_ROWS or texts["answer"].n_unique() < 2:
            return False
        return (
            _filled_for_one(texts)
            or _one_each(texts.drop_nulls())
            or _same_order(number, answers)
            or _apart(answer, number)
            or _apart(group, answers)
        )

    others = [name for name in frame.columns if name != target]
    return tuple(name for name in others if _AFTERWARDS & set(words(name)) or follows(frame[name]))


def _filled_for_one(texts: "pl.DataFrame") -> bool:
    """Whether all filled cells, or all empty ones, stand beside one and the same answer."""
    filled = texts["value"].is_not_null()
    for part in (texts.filter(filled), texts.filter(~filled)):
        if 0 < part.height < texts.height and part["answer"].n_unique() == 1:
            share = float((texts["answer"] == part["answer"][0]).sum()) / texts.height
            if share**part.height < CHANCE:
                return True
    return False


def _one_each(texts: "pl.DataFrame") -> bool:
    """Whether each value of a few has one answer of its own: a code and its name, a status and yes or no."""
    values, answers = texts["value"].n_unique(), texts["answer"].n_unique()
    enough = texts.height >= max(FEWEST_ROWS, FEWEST_OF_GROUP * values)
    return enough and min(values, answers) > 1 and texts.n_unique() == values


def _same_order(value: "pl.Series | None", answer: "pl.Series | None") -> bool:
    """Whether two numbers put the rows in one order: one is the other scaled, rounded or turned round."""
    import polars as pl

    if value is None or answer is None:
        return False
    both = pl.DataFrame({"value": value, "answer": answer}).drop_nulls()
    if both.height < FEWEST_ROWS or min(both["value"].n_unique(), both["answer"].n_unique()) <= 2:
        return False
    return abs(float(both.select(pl.corr("value", "answer", method="spearman")).item())) >= RANK_CORRELATION


def _apart(group: "pl.Series", number: "pl.Series | None") -> bool:
    """Whether the numbers of each group keep to a stretch of their own: a number cut into bands, or what it decides."""
    import polars as pl

    if number is None or not 2 <= group.n_unique() <= MOST_GROUPS + 1:
        return False
    rows = pl.DataFrame({"group": group, "number": number}).drop_nulls()
    column = pl.col("number")
    spans = rows.group_by("group").agg(low=column.min(), high=column.max(), rows=pl.len()).sort("low")
    if not 2 <= spans.height <= MOST_GROUPS or spans.filter(pl.col("rows") < FEWEST_OF_GROUP).height:
        return False
    return rows.height >= FEWEST_ROWS_APART and spans.filter(pl.col("low").shift(-1) <= pl.col("high")).height == 0
