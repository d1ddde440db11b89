"""Look-ups: does one value of a column, or one pair or triple of values, always go with one answer?"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from advisor.proof.candidates import Candidate, merged
from advisor.proof.sample import Field, Sample, values_of

if TYPE_CHECKING:
    from advisor.proof.sample import Codes

MOST_WRONG = 0.01  # share of the rows searched
MOST_KEYS_SHARE = 0.5  # of the rows; beyond it hardly a key comes twice
MOST_ENTRIES = 2_000
MOST_PAIRED = 40  # columns in pairs
MOST_TRIPLED = 14
QUICK_ROWS = 400
LEAST_SAVED = 0.9  # of all that are not the commonest answer, a look-up must explain so many


def lookups(sample: Sample, fields: Sequence[Field]) -> Iterator[Candidate]:
    """Look-ups that hold on the rows searched: of one field, then of pairs and triples of columns."""
    rows = sample.searched
    for each in fields:
        if _holds(each.codes, each.levels, sample, rows):
            yield _candidate(sample, (each,))
    few = sorted(sample.fields, key=lambda each: each.levels)
    few = [each for each in few if each.levels <= MOST_KEYS_SHARE * rows.size]
    for size, most in ((2, MOST_PAIRED), (3, MOST_TRIPLED)):
        for group in combinations(few[:most], size):
            keys = 1
            for each in group:
                keys *= each.levels + 1
            if keys > MOST_KEYS_SHARE * rows.size:
                continue
            if _holds(_joint(group), keys, sample, rows):
                yield _candidate(sample, group)


def _joint(group: Iterable[Field]) -> "Codes":
    codes: Any = 0
    for each in group:
        codes = codes * (each.levels + 1) + each.codes
    return codes  # type: ignore[no-any-return]


def _holds(codes: "Codes", levels: int, sample: Sample, rows: "Codes") -> bool:
    """Whether equal keys have equal answers, in nearly all rows searched."""
    import numpy as np

    if levels > min(MOST_KEYS_SHARE * rows.size, MOST_ENTRIES):
        return False
    answers = sample.answer.codes
    table = np.zeros(int(codes.max()) + 1, dtype=np.int64)
    quick = rows[:QUICK_ROWS]
    for part in (quick, rows):
        keys, truth = codes[part], answers[part]
        table[keys] = truth
        if (table[keys] != truth).mean() > 4 * MOST_WRONG:
            return False
    _, most_common = _table(codes, answers, rows)
    wrong = (most_common[codes[rows]] != answers[rows]).sum()
    others = rows.size - np.bincount(answers[rows]).max()
    return bool(wrong <= MOST_WRONG * rows.size and wrong <= (1 - LEAST_SAVED) * others)


def _table(codes: "Codes", answers: "Codes", rows: "Codes") -> "tuple[Codes, Codes]":
    """The keys that the rows hold, and the commonest answer by key (0 where a key does not occur)."""
    import numpy as np

    width = int(answers.max()) + 1
    pairs, counts = np.unique(codes[rows] * width + answers[rows], return_counts=True)
    order = np.argsort(counts, kind="stable")
    table = np.zeros(int(codes.max()) + 1, dtype=np.int64)
    table[pairs[order] // width] = pairs[order] % width  # the commonest comes last and stays
    return np.unique(codes[rows]), table


def _candidate(sample: Sample, group: tuple[Field, ...]) -> Candidate:
    inputs = merged(*(each.inputs for each in group))
    assert_inputs = inputs if inputs is not None else group[0].inputs

    def build(rows: "Codes") -> Any:
        return _expression(sample, group, rows)

    form = "lookup" if all(each.expression[0] == "column" for each in group) else "text"
    return Candidate(form, assert_inputs, build(sample.searched), build)  # type: ignore[arg-type]


def _expression(sample: Sample, group: tuple[Field, ...], rows: "Codes") -> Any:
    """The look-up as an expression, in the shortest form that says the same."""
    import numpy as np

    codes = _joint(group)
    keys, table = _table(codes, sample.answer.codes, rows)
    _, first = np.unique(codes[rows], return_index=True)
    value = values_of(sample.answer, rows, sample.frame)
    names = [_values(each, sample, rows[first]) for each in group]
    entries = [[*key, value[int(table[code])]] for key, code in zip(zip(*names, strict=True), keys, strict=True)]
    if len(group) == 1:
        key = group[0].expression
        if all(entry[0] == entry[1] for entry in entries):
            return key
        return _short(key, entries) or ["lookup", [key], entries, None]
    return ["lookup", [each.expression for each in group], entries, None]


def _short(key: Any, entries: list[list[Any]]) -> Any | None:
    """`if key is k then a else b`, where all keys but one have one answer."""
    answers = [entry[1] for entry in entries]
    kinds = set(answers)
    if len(kinds) != 2 or len(entries) < 3 or any(entry[0] is None for entry in entries):
        return None
    for one in kinds:
        places = [place for place, answer in enumerate(answers) if answer == one]
        if len(places) == 1:
            (other,) = kinds - {one}
            return ["if", ["equal", key, entries[places[0]][0]], one, other]
    return None


def _values(each: Field, sample: Sample, rows: "Codes") -> list[Any]:
    """The values of a field on some rows, as a rule computes them."""
    from models.kit import rules

    rule = rules.Rule(sample.target, each.inputs, each.expression)
    return rules.apply(rule, sample.frame[rows])
