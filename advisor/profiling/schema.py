"""What a table shows, as frozen data. Names of columns are the user's; no record here holds a cell of the table."""

from typing import Literal, NamedTuple, get_args

Kind = Literal[
    "continuous",  # a measured number
    "count",  # a whole number of things, from 0
    "money",  # an amount in a currency, as a number or as text
    "percent",  # a share of a whole
    "duration",  # a length of time
    "ordinal",  # a grade: few steps with an order
    "binary",  # yes or no, and whatever has two values
    "censoring",  # yes or no: whether the end of the duration beside it was seen
    "categorical",  # one of several names
    "code",  # a label that looks like a number or a key (post code, ICD, SKU); never a quantity
    "id",  # names a row or a thing
    "text",  # words that a person wrote
    "tags",  # several labels in one cell, or one of a set of yes/no columns
    "sequence",  # a row of tokens, letters or signs that are read in order
    "time",  # a date, a date with a time, or a time of day
    "geo",  # a coordinate or a point
    "url",
    "media",  # a path or address of an image, a sound or a film
    "nested",  # a list or a record that is not a list of tags
    "constant",  # one value
    "near_constant",  # one value in nearly all rows
    "empty",  # no value at all
]
KINDS: tuple[Kind, ...] = get_args(Kind)
NUMBERS: frozenset[str] = frozenset({"continuous", "count", "money", "percent", "duration"})
NAMED = "it was named"  # the reason for a target that the user named
CLASSES: frozenset[str] = frozenset({"binary", "censoring", "categorical", "ordinal"})
WRITTEN: frozenset[str] = frozenset({"text", "sequence"})


class Statistics(NamedTuple):
    """Figures of one column. Those of numbers are None where the cells are no numbers.

    `missing` counts empty cells, words for "missing" and sentinels. `distinct`, `low` … `negative` are over all rows
    that are not missing; `median`, `top_share`, `skew` and what follows over the rows looked at.
    """

    missing: int
    distinct: int  # different values, without the missing one
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    std: float | None = None
    whole: float | None = None  # share of the numbers that are whole
    zeros: float | None = None  # share
    negative: float | None = None  # share
    median: float | None = None
    skew: float | None = None  # third standardised moment; 0 for a symmetric column
    at_low: float = 0.0  # share of the rows at the smallest number
    at_high: float = 0.0  # and at the largest
    top_share: float = 0.0  # of the commonest value
    rarest: int = 0  # rows of the rarest value, where there are few values
    counts: tuple[int, ...] = ()  # rows of each value, largest first, where there are few values; all rows
    words: float = 0.0  # in a mean cell
    characters: float = 0.0  # in a mean cell


class Column(NamedTuple):
    """One column: what it may be, with probabilities that sum to 1, and its figures."""

    name: str
    kinds: dict[Kind, float]  # likeliest first; only those worth naming
    statistics: Statistics
    unit: str = ""  # of the values: "€", "%", "km", "minutes"
    written: str = ""  # how text cells are read: a decimal mark (".", ","), or a date pattern
    delimiter: str = ""  # between the tags or tokens of a cell
    zone: str = ""  # time zone: "UTC", "+02:00", "Europe/Berlin"
    sentinels: tuple[str, ...] = ()  # values that mean "missing": "-999", "keine"
    language: str = ""  # of the name, ISO 639-1, where its words tell

    @property
    def kind(self) -> Kind:
        """The likeliest kind."""
        return next(iter(self.kinds))

    @property
    def missing(self) -> int:
        """Rows without a value."""
        return self.statistics.missing

    @property
    def distinct(self) -> int:
        """Different values."""
        return self.statistics.distinct

    def chance(self, *kinds: str) -> float:
        """The probability that the column is of one of `kinds`."""
        return sum(p for kind, p in self.kinds.items() if kind in kinds)


class TargetCandidate(NamedTuple):
    """What may be to predict: one column, or several that are answered together; and why."""

    columns: tuple[str, ...]
    probability: float  # among all candidates
    kind: Kind
    reasons: tuple[str, ...]  # sentences, strongest first

    @property
    def name(self) -> str | tuple[str, ...]:
        """The column, or the columns where there are several."""
        return self.columns[0] if len(self.columns) == 1 else self.columns


class Contradiction(NamedTuple):
    """Where the words and the table disagree, and how it is resolved."""

    id: str  # stable, snake_case
    said: str  # what the description says
    seen: str  # what the table shows
    so: str  # what follows
    columns: tuple[str, ...] = ()


class Finding(NamedTuple):
    """A leak or a pitfall that a test found in the table, with the figure that shows it."""

    id: str  # a pitfall's id: "target_leakage", "class_imbalance"
    columns: tuple[str, ...]
    measure: str  # what the figure is: "AUC of this column alone"
    figure: float | None
    because: str  # one sentence with the figure
    question: str = ""  # what to ask before anything is dropped: "is `refund_issued` known when you predict?"


class Profile(NamedTuple):
    """A table as seen; every role is a column name, or None where no column plays it."""

    rows: int  # of the whole table
    looked_at: int  # rows that the finer figures come from
    columns: tuple[Column, ...]
    target: str | tuple[str, ...] | None  # what is most likely to be predicted, or was named; None where nothing is
    target_candidates: tuple[str, ...]  # column names, likeliest first
    targets: tuple[TargetCandidate, ...]  # the same with probabilities and reasons
    ids: tuple[str, ...]  # columns that name rows or things; never inputs
    time: str | None = None  # the moment at which a row is known
    group: str | None = None  # the user, patient, machine … whose rows belong together
    item: str | None = None  # what is recommended or ranked
    query: str | None = None  # the request whose rows are ranked against each other
    position: str | None = None  # place in a list that was shown
    source: str | None = None  # what is read to write `target`: the first of a sequence pair
    weight: str | None = None  # how much a row counts
    split: str | None = None  # train, validation, test
    event: str | None = None  # whether the end of a duration was seen (censoring)
    unit_of_observation: str = ""  # what one row is, in words
    leaking: tuple[str, ...] = ()  # suspected to be known only after the outcome; ask before using them
    findings: tuple[Finding, ...] = ()  # leaks and pitfalls, each with its figure
    contradictions: tuple[Contradiction, ...] = ()
    notes: tuple[str, ...] = ()  # what was decided on the way: delimiter, encoding, header

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            KeyError: there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def target_columns(self) -> tuple[str, ...]:
        """The names of the target columns; none where nothing is predicted."""
        return () if self.target is None else (self.target,) if isinstance(self.target, str) else self.target

    @property
    def is_target_named(self) -> bool:
        """Whether the user named the target; else it was looked for."""
        return bool(self.targets) and self.targets[0].reasons == (NAMED,)
