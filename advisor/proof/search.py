"""The ladder: from the shortest kinds of rule to the longest, each held to rows that the search has not seen."""

import json
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from advisor.proof.candidates import Candidate, Form

if TYPE_CHECKING:
    import polars as pl

    from advisor.proof.sample import Field, Sample
    from models.kit.rules import Checked, Rule

SECONDS = 2.0
MOST_VERIFIED = 24  # candidates held to the rows held out; the shortest first
LEAST_BITS = 16.0  # that the rule must spare on the rows held out: luck has a chance of 1 in 65,536
MOST_BITS_OF_DIGITS = 8.0  # for a row
MOST_WRONG = 0.01  # share of the rows held out
MOST_WRONG_OF_RARE = 0.05  # share of the rows held out that do not have the commonest answer
LEAST_ANSWERED = 0.9  # share of the rows held out for which the rule gives a value
ROWS_NAMED = 20  # exceptions
EXAMPLES = 12  # rows in the test file


class Proof(NamedTuple):
    """A rule that gives the target, and how it did on rows that the search for it had not seen.

    Row numbers count from 1 in the table that was given. Python, SQL and tests are texts to read and to take along.
    """

    form: Form
    words: str
    rule: "Rule"
    rows: int  # looked at, with a target
    held_out: int  # of them, rows that the search had not seen
    held_out_right: int
    exceptions: int  # rows of all looked at where the rule gives something else
    exception_rows: tuple[int, ...]  # the first of them
    unanswered: int  # rows for which the rule gives nothing, such as a key that is not in the list
    bits: float  # that the rule spares on the rows held out; 2**-bits bounds the chance that it is luck
    python: str
    sql: str
    tests: str
    complete: bool  # False when time ran out before every kind of rule was tried

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule reads."""
        return tuple(each.name for each in self.rule.inputs)

    @property
    def exact(self) -> bool:
        """Whether the rule is right on every row it answers."""
        return self.exceptions == 0


def prove(frame: "pl.DataFrame", target: str, *, seconds: float = SECONDS) -> Proof | None:
    """A rule that gives the target from other columns, or None where no kind of rule that is tried does.

    >>> import polars as pl
    >>> weights = [0.5 + row % 37 for row in range(200)]
    >>> frame = pl.DataFrame({"kg": weights, "fee": [4.9 if kg < 10 else 8.5 for kg in weights]})
    >>> proof = prove(frame, "fee")
    >>> proof.words, proof.exceptions
    ('fee = 4.9 if kg < 10, else 8.5', 0)
    """
    from advisor.proof import sample as samples

    started = time.perf_counter()
    sample = samples.draw(frame, target)
    if sample is None:
        return None
    bits = samples.entropy_bits(sample.answer.codes)
    exact = max(bits, _digits_bits(sample))
    if exact * sample.held_out.size < LEAST_BITS:
        return None
    best: Proof | None = None
    verified = 0
    complete = True
    for step in _ladder(sample):
        if time.perf_counter() - started > seconds:
            complete = False
            break
        found = sorted(step(), key=lambda candidate: candidate.cost)
        for candidate in found[:MOST_VERIFIED]:
            if best is not None and best.exact and candidate.cost >= _cost(best):
                continue
            verified += 1
            proof = _verified(sample, candidate, exact if candidate.form == "formula" else bits)
            if proof is not None and (best is None or _better(proof, best)):
                best = proof
        if best is not None and best.exact and best.unanswered == 0:
            break
    return None if best is None else best._replace(complete=complete)


def _digits_bits(sample: "Sample") -> float:
    """Bits that a formula spares where it hits a number to the last decimal that is written.

    Half of what the number's spread holds: a good estimate alone would come near it, but not hit it.
    """
    from math import log2

    import numpy as np

    from advisor.proof.constants import goal_of

    numbers = sample.answer.numbers
    if numbers is None:
        return 0.0
    known = numbers[numbers == numbers]
    unit = goal_of(known, np.arange(known.size)).unit or 1e-9 * float(np.abs(known).max())
    spread = float(known.std())
    return min(MOST_BITS_OF_DIGITS, log2(spread / unit) / 2) if spread > unit > 0 else 0.0


def _ladder(sample: "Sample") -> Iterator[Callable[[], list[Candidate]]]:
    """The kinds of rule, each as what finds its candidates."""
    from advisor.proof import features, formulas, joins, limits, lookups, trees

    made = list(features.moments(sample))
    yield lambda: [
        *limits.limits(sample, made),
        *lookups.lookups(sample, (*sample.fields, *made)),
        *formulas.formulas(sample, made),
        *joins.joins(sample),
    ]
    pieces: list[Field] = []
    yield lambda: [
        *lookups.lookups(sample, (*features.remainders(sample), *_kept(pieces, features.texts(sample)))),
        *limits.limits(sample, [each for each in pieces if each.expression[0] == "length"], alone=True),
    ]
    yield lambda: list(trees.trees(sample, made))


def _kept(kept: "list[Field]", fields: "Iterator[Field]") -> "list[Field]":
    """The fields as a list, which is also left in `kept`."""
    kept.extend(fields)
    return kept


def _cost(proof: Proof) -> int:
    return Candidate(proof.form, proof.rule.inputs, proof.rule.expression).cost


def _better(one: Proof, other: Proof) -> bool:
    def key(proof: Proof) -> tuple[int, int, int]:
        return proof.exceptions, proof.unanswered, _cost(proof)

    return key(one) < key(other)


def _verified(sample: "Sample", candidate: Candidate, bits_a_row: float) -> Proof | None:
    """The candidate as a proof, or None where it does not hold on the rows held out."""
    from math import log2

    import numpy as np

    from models.kit import rules

    held = sample.held_out
    checked = rules.check(rules.Rule(sample.target, candidate.inputs, candidate.expression), sample.frame[held])
    silent = checked.rows - checked.answered
    wrong = len(checked.exceptions) - silent
    others = checked.rows - int(np.bincount(sample.answer.codes[held]).max())
    if checked.answered < LEAST_ANSWERED * checked.rows:
        return None
    if wrong > MOST_WRONG * checked.rows or wrong > MOST_WRONG_OF_RARE * others:
        return None
    right = checked.answered - wrong
    spared = right * bits_a_row - wrong * (log2(max(checked.rows, 2)) + bits_a_row)
    if spared < LEAST_BITS:
        return None
    expression = candidate.expression
    if candidate.rebuild is not None:  # from all rows, now that the kind of rule is verified
        everything = np.arange(sample.frame.height)
        again = candidate.rebuild(everything)
        expression = expression if again is None else again
    rule = rules.Rule(sample.target, candidate.inputs, expression)
    return _proof(sample, candidate.form, rule, checked, right, spared)


def _proof(sample: "Sample", form: Form, rule: "Rule", held: "Checked", right: int, bits: float) -> Proof:
    from models.kit import rule_text, rules

    given = rules.apply(rule, sample.frame)
    overall = rules.check(rule, sample.frame)
    silent = [place for place in overall.exceptions if given[place] is None]
    wrong = [place for place in overall.exceptions if given[place] is not None]
    if form == "text" and sample.target.kind == "number" and '"lookup"' not in json.dumps(rule.expression):
        form = "formula"
    return Proof(
        form=form,
        words=rule_text.words(rule),
        rule=rule,
        rows=overall.rows,
        held_out=held.rows,
        held_out_right=right,
        exceptions=len(wrong),
        exception_rows=tuple(int(sample.rows[place]) + 1 for place in wrong[:ROWS_NAMED]),
        unanswered=len(silent),
        bits=round(bits, 1),
        python=rule_text.python(rule),
        sql=rule_text.sql(rule),
        tests=rule_text.pytest_file(rule, _examples(sample, rule, {*wrong, *silent})),
        complete=True,
    )


def _examples(sample: "Sample", rule: "Rule", without: set[int]) -> list[dict[str, Any]]:
    """Rows for the test file, spread over the answers."""
    from models.kit.rules import read_column

    seen: dict[int, list[int]] = {}
    for place, code in enumerate(sample.answer.codes.tolist()):
        if place not in without:
            seen.setdefault(code, []).append(place)
    each = max(1, EXAMPLES // max(len(seen), 1))
    chosen = sorted(place for places in seen.values() for place in places[:each])[:: max(1, len(seen) // EXAMPLES)]
    frame = sample.frame[chosen[:EXAMPLES]]
    columns = {each.name: read_column(frame[each.name], each) for each in (*rule.inputs, rule.target)}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
