"""Which part each column plays besides the target: id, time, group, item, query, position, weight, split."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from advisor.column_reader import Glance
from advisor.profiling import names
from advisor.profiling.mentions import Heard, loudness
from advisor.profiling.moments import moments
from advisor.profiling.schema import NUMBERS, Column
from advisor.profiling.values import Values

ID_CHANCE = 0.45  # from which a column counts as an id
FEWEST_IN_GROUP = 1.15  # rows of a mean group
MOST_OF_POSITIONS = 1000
LEAST_GROUP_SCORE = 1.3
LEAST_QUERY_SCORE = 2.5
LIKELY = 0.3  # of a category, from the words, from which its roles are looked for
FEWEST_NAMED = 5  # rows, from which a column that names them is told by its values
LONGEST_NAME_WORDS = 2.0  # of a mean name
MOST_CODED = 0.9  # share of the cells that look like a key
# Log-odds of the column reader from which it is believed; chosen on worked tables that its twin had not seen.
LIKE_KEY, UNLIKE_KEY = 0.0, -3.0  # that a column is a key, and that one that looks like a key is none
SURE = 1.0  # that a column is the group or the moment
LEAST_IN_ORDER = 0.3  # chance that a moment is of such a kind
SMALLEST_NUMBER = 100  # that names a thing rather than counts some
_KEY = r"^\+\d[\d \-]*$|^[A-Za-z]{1,6}[-_/.#]?\d[\w\-./]*$|^0\d{2,}$|^\d{5,}$"
_PEOPLE = frozenset(
    "user customer client patient member subscriber account person participant subject student pupil employee driver "
    "learner volunteer donor applicant household kunde kundin patient patientin mitglied nutzer teilnehmer schueler "
    "klient client cliente utente usuario klant kund session session_id passenger policyholder runner player".split()
)
_IN_ORDER = ("time", "ordinal", "count", "code", "continuous")  # kinds by which rows can be put in order
_QUERY = frozenset("query qid search srch impression serp suche suchanfrage requete consulta busqueda".split())
_PARTS = frozenset(
    {"train", "test", "val", "valid", "validation", "dev", "holdout", "oos", "eval", "training", "testing"}
)
_LATER = frozenset(
    "end ended ende finish finished closed close completed delivered discharge entlassung arrived returned resolved "
    "until deadline due expiry expires death updated exit cancelled canceled erledigt last paid birth born dob "
    "settled to won actual fin bis geburtsdatum geboren".split()
)


class Roles(NamedTuple):
    """Column names by the part they play; None where no column plays it."""

    ids: tuple[str, ...]
    time: str | None
    group: str | None
    item: str | None
    query: str | None
    position: str | None
    weight: str | None
    split: str | None

    def taken(self) -> set[str]:
        """Columns that cannot be the target, whatever the task."""
        return {name for name in (self.time, self.position, self.weight, self.split) if name is not None}


def assign(
    columns: Sequence[Column], values: Sequence[Values], *, rows: int, heard: Heard, leaning: Mapping[str, float]
) -> Roles:
    """The roles of all columns but the target's."""
    split = _split(columns, values)
    weight = _weight(columns)
    position = _position(columns, rows)
    marked = {name for name in (split, weight, position) if name is not None}
    free = [column for column in columns if column.name not in marked]
    query = _query(free, rows, leaning, ranked=position is not None)
    loud = loudness([column.name for column in columns], heard)
    group = _group(free, rows, loud)
    wants_items = query is not None or leaning.get("recommendation", 0.0) >= LIKELY or leaning.get("ranking", 0.0) > 0.5
    item = _item(free, rows, {query, group}) if wants_items else None
    if item is not None and item == group:
        group = None
    group = group or query
    user = group if item is not None and query is None else None
    ids = [
        column.name
        for column, read in zip(columns, values, strict=True)
        if column.name not in marked
        and (
            column.name == user or _is_id(column, {group, item, query}) or _is_coded(column, read, {group, item, query})
        )
    ]
    if free and free[0] is columns[0] and free[0].name not in ids and _names_rows(free[0], rows):
        ids.insert(0, free[0].name)
    return Roles(tuple(ids), _time(free, rows), group, item, query, position, weight, split)


def in_sight(roles: Roles, columns: Sequence[Column], glance: Glance | None) -> Roles:
    """The roles, with what the column reader is sure of: which are keys, whose row it is, and when.

    Args:
        roles: what names and values say.
        columns: the columns of the table, in order.
        glance: what description and columns say together, where the reader was asked.
    """
    if glance is None:
        return roles
    keys, marked = glance.roles["id"], {roles.position, roles.weight, roles.split} - {None}
    ids = tuple(
        column.name
        for column in columns
        if (keys.get(column.name, 0.0) > UNLIKE_KEY if column.name in roles.ids else _like_key(column, keys))
    )
    free = [column for column in columns if column.name not in marked and column.distinct > 1]
    things = {column.name for column in free if column.name != roles.item}
    moments = {column.name for column in free if column.chance(*_IN_ORDER) > LEAST_IN_ORDER}
    return roles._replace(
        ids=ids,
        # What was found stays: to split by one too many costs little, to miss one makes every score too good.
        group=_surest(roles.group, glance.roles["group"], things),
        time=_surest(roles.time, glance.roles["time"], moments),
    )


def _like_key(column: Column, keys: Mapping[str, float]) -> bool:
    """Whether the reader takes a column for a key that is no measured number."""
    return keys.get(column.name, LIKE_KEY) > LIKE_KEY and column.statistics.whole in (None, 1.0)


def _surest(found: str | None, odds: Mapping[str, float], possible: Collection[str]) -> str | None:
    """The column that plays a part: the one found, unless the reader is sure of another."""
    best = max(odds, key=lambda name: odds[name], default=None)
    if best is not None and odds[best] > SURE and best in possible:
        return best
    return found


def _is_id(column: Column, things: Collection[str | None]) -> bool:
    if column.chance("id") >= ID_CHANCE:
        return True
    means = names.meanings(column.name)
    if column.kind == "code" and "id" in means:
        return True
    if "id" in names.head(column.name) and column.kind in ("categorical", "sequence", "text", "constant"):
        return True
    numbered = names.words(column.name)[:1] in (("n",), ("no",), ("nr",), ("num",), ("numero",))
    if numbered and column.statistics.whole == 1.0 and (column.statistics.low or 0.0) >= SMALLEST_NUMBER:
        return True  # "n° train" is a number that names, "n trains" counts
    return column.name in things and (column.chance("id", "code") >= 0.3 or "id" in means)


def _is_coded(column: Column, read: Values, things: Collection[str | None]) -> bool:
    """Whether the cells are keys such as D07 or NB-17, and the column stands for people, things or the rows' owners."""
    if read.form != "text" or column.chance("time", "tags", "sequence", "media") > 0.5:
        return False
    means = names.head(column.name)
    if column.kind == "ordinal" and read.place > 1 and not means & {"actor", "item", "query"}:
        return False
    if column.name not in things and read.place > 1 and not means & {"actor", "item", "query"}:
        return False
    if means & {"label", "rating", "happened", "setting", "place"}:
        return False
    matches = read.present.str.contains(_KEY).mean()
    return isinstance(matches, float) and matches >= MOST_CODED


def _names_rows(column: Column, rows: int) -> bool:
    """Whether the first column of a table names its rows: short, and different in each, whatever it is called."""
    if column.distinct != rows or rows < FEWEST_NAMED or column.kind in ("time", "duration", "money", "percent", "geo"):
        return False
    means = names.meanings(column.name)
    if column.kind in NUMBERS:
        return column.statistics.whole == 1.0 and not means and (column.statistics.low or 0.0) > 0
    return column.statistics.words < LONGEST_NAME_WORDS and column.kind not in ("tags", "sequence", "nested")


def _split(columns: Sequence[Column], values: Sequence[Values]) -> str | None:
    for column, read in zip(columns, values, strict=True):
        if read.form not in ("text", "truth", "number") or not 2 <= column.distinct <= 20:
            continue
        different = {text.lower() for text in read.present.unique().to_list()}
        named = "split" in names.meanings(column.name)
        if len(different & _PARTS) >= 2 or (named and (different <= _PARTS or read.form != "text")):
            if named and read.form == "number" and "set" in names.words(column.name):
                continue
            return column.name
    return None


def _weight(columns: Sequence[Column]) -> str | None:
    for column in columns:
        if "weight" in names.head(column.name) and column.chance("continuous", "count", "percent", "ordinal") > 0.3:
            return column.name
    return None


def _position(columns: Sequence[Column], rows: int) -> str | None:
    for column in columns:
        figures = column.statistics
        if "position" not in names.head(column.name) or figures.whole != 1.0 or column.chance("id") > 0.6:
            continue
        low, high = figures.low or 0.0, figures.high or 0.0
        dense = high - low < 2 * column.distinct  # places follow each other
        if low in (0, 1) and high <= MOST_OF_POSITIONS and column.distinct < rows and dense:
            return column.name
    return None


def _repeats(column: Column, rows: int) -> float:
    return (rows - column.missing) / max(column.distinct, 1)


def _query(columns: Sequence[Column], rows: int, leaning: Mapping[str, float], *, ranked: bool) -> str | None:
    """What the rows of one list share."""
    graded = any({"rating", "happened"} & names.meanings(column.name) for column in columns)
    best, most = None, LEAST_QUERY_SCORE
    for place, column in enumerate(columns):
        each = _repeats(column, rows)
        if (
            each < 1.5
            or column.distinct < 2
            or column.chance("binary", "continuous", "time", "tags", "media", "empty") > 0.5
        ):
            continue
        means = names.meanings(column.name)
        certain = bool(_QUERY & set(names.words(column.name)))
        score = (
            2.0 * ("query" in means) + 2.0 * certain + 3.0 * leaning.get("ranking", 0.0) + 1.0 * ranked + 0.5 * graded
        )
        score += (
            0.7 * column.chance("id", "text", "code") - 0.1 * place - 1.0 * ("actor" in means and "query" not in means)
        )
        score -= 1.0 * ("place" in means or "setting" in means) + 2.0 * leaning.get("recommendation", 0.0)
        if not leaning.get("ranking", 0.0) >= LIKELY and not ranked and not graded:
            score -= 1.5
        if score > most:
            best, most = column.name, score
    return best


def _group(columns: Sequence[Column], rows: int, loud: Mapping[str, float]) -> str | None:
    """Whose rows belong together: the user, patient, machine that has several."""
    best, most = None, LEAST_GROUP_SCORE
    for place, column in enumerate(columns):
        each = _repeats(column, rows)
        if each < FEWEST_IN_GROUP or column.distinct < 2:
            continue
        if column.chance("id", "code", "categorical", "text", "count", "ordinal", "binary") < 0.4:
            continue
        means, parts = names.meanings(column.name), set(names.words(column.name))
        score = 1.6 * ("actor" in means) + 1.0 * bool(parts & _PEOPLE) + 1.6 * column.chance("id") - 0.06 * place
        score += (
            0.4 * column.chance("code")
            - 0.8 * ("setting" in means)
            - 1.2 * bool(means & {"label", "rating", "happened"})
        )
        score += 0.1 * min(loud[column.name], 3.0) - 0.6 * ("item" in means and "actor" not in means)
        if column.distinct <= 3 and rows > 30:
            score -= 0.8
        score -= 1.0 * column.chance("count", "ordinal")
        if score > most:
            best, most = column.name, score
    return best


def _item(columns: Sequence[Column], rows: int, taken: Collection[str | None]) -> str | None:
    best, most = None, 1.0
    for column in columns:
        if column.name in taken or column.distinct < 2:
            continue
        means = names.meanings(column.name)
        score = (
            1.5 * ("item" in means) + 1.0 * column.chance("id") + 0.5 * column.chance("code") + 0.5 * ("id" in means)
        )
        score += 0.3 * (_repeats(column, rows) > 1) - 1.0 * column.chance("text", "media", "time", "continuous")
        score -= 0.7 * ("actor" in means and "item" not in means) + 1.0 * bool(means & {"rating", "label", "happened"})
        score -= 1.0 * (column.distinct == rows and rows >= 8) + 0.5 * ("order" in names.words(column.name))
        if score > most:
            best, most = column.name, score
    return best


def _time(columns: Sequence[Column], rows: int) -> str | None:
    """The moment at which a row is known: a date that is there for every row, and not the later one of two."""
    best, most = None, 0.0
    for place, column in enumerate(columns):
        if column.chance("time") < 0.5:
            continue
        parts = set(names.words(column.name))
        told = moments(column.name)
        later = bool(parts & _LATER) or ("after" in told and "before" not in told)
        score = 2.0 - 1.5 * column.missing / rows - 0.05 * place - 1.2 * later
        score += (
            0.3 * (column.distinct > 1)
            - 0.8 * (column.written == "clock")
            + 0.2 * ("time" in names.meanings(column.name))
        )
        if "year" in parts and column.written == "year" and parts & {"built", "birth", "model"}:
            score -= 1.5
        if score > most:
            best, most = column.name, score
    return best
