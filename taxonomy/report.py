"""What each rule is worth: how often it fires on the worked cases, how often it is right, and what only it knows.

A rule speaks for or against categories, and for or against sub-tasks within their category; each of these is a *voice*
and gets a line of its own. The report is the place to decide which rules go: a voice that never speaks, that is right
no more often than chance, or that never says what no other says does not earn its place.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from taxonomy.knowledge import Knowledge
from taxonomy.reading import read_text
from taxonomy.schema import Rule, Strength
from taxonomy.sources import Sources

HELD_OUT = ("d", "k", "n")  # batches that nobody reads when writing rules, so that their figures are about strangers
CONFLICTS_SHOWN = 2


class Told(NamedTuple):
    """A worked case with its category, as a rule is judged by it."""

    text: str
    category: str
    subtask: str  # "category/subtask"
    accept: tuple[str, ...]  # other categories that are right
    held_out: bool


class Count(NamedTuple):
    """In how many texts something was said, and in how many of them it was right."""

    said: int = 0
    right: int = 0

    @property
    def precision(self) -> float:
        """The share that is right; not a number where nothing was said."""
        return self.right / self.said if self.said else float("nan")


class Worth(NamedTuple):
    """What one voice is worth."""

    rule: str
    target: str  # category, or category/subtask
    strength: Strength
    read: Count  # on the texts that rules may be written from
    held_out: Count
    adds: int  # texts, of either kind, that only this voice gets right
    conflicts: tuple[tuple[str, int], ...]  # rules that point only elsewhere in the same texts, commonest first


class Totals(NamedTuple):
    """What all rules together do on some texts."""

    texts: int
    silent: int  # texts in which no rule points to any category
    voiced: int  # texts in which some rule points to a right category
    alone: Count  # texts in which all rules that point anywhere agree on one category


def told(sources: Sources, held_out: Collection[str] = HELD_OUT) -> list[Told]:
    """The worked cases that have a category, in the order of the knowledge base."""
    return [
        Told(case.text, category, f"{category}/{case.subtask}", case.accept, case.batch in held_out)
        for category, folder in sources.folders.items()
        for case in folder.cases
    ]


def worths(knowledge: Knowledge, cases: Sequence[Told]) -> tuple[list[Worth], dict[str, Totals]]:
    """Every voice with its worth, those that add most first, and the totals of "read" and "held out".

    A voice for a category is right where that category is the text's or an accepted one, one against where it is not;
    a voice about a sub-task is judged on texts of its own category alone. A voice adds what no other voice says: for,
    the right category or sub-task; against, that a category or sub-task is wrong for which another rule speaks.
    """
    said: dict[tuple[str, str], list[int]] = {
        (rule.id, target): [0, 0, 0, 0, 0] for rule in knowledge.rules.values() for target, _ in _voices(rule)
    }  # read: said, right; held out: said, right; adds
    conflicts: dict[str, Counter[str]] = {name: Counter() for name in knowledge.rules}
    sums = {False: [0, 0, 0, 0, 0], True: [0, 0, 0, 0, 0]}  # texts, silent, voiced, alone: said, right
    for case in cases:
        rules = [fired.rule for fired in read_text(knowledge, case.text).fired]
        voices = [voice for rule in rules for voice in _judged(rule, case)]
        for_, against = (
            Counter(target for _, target, strength, _ in voices if (strength == "against") is sign)
            for sign in (False, True)
        )
        for rule, target, strength, right in voices:
            counts = said[rule, target]
            counts[2 * case.held_out] += 1
            counts[2 * case.held_out + 1] += right
            lonely = for_[target] == 1 if strength != "against" else for_[target] > 0 and against[target] == 1
            counts[4] += right and lonely
        _count_conflicts(rules, conflicts)
        _count_text(sums[case.held_out], case, [target for target in for_ if "/" not in target])
    found = [
        Worth(
            rule.id,
            target,
            strength,
            Count(*counts[:2]),
            Count(*counts[2:4]),
            counts[4],
            _commonest(rule.id, conflicts),
        )
        for rule in knowledge.rules.values()
        for target, strength in _voices(rule)
        for counts in (said[rule.id, target],)
    ]
    found.sort(key=lambda one: (-one.adds, -one.read.right - one.held_out.right, one.rule, one.target))
    totals = {
        name: Totals(texts, silent, voiced, Count(said_alone, right_alone))
        for name, (texts, silent, voiced, said_alone, right_alone) in (("read", sums[False]), ("held out", sums[True]))
    }
    return found, totals


def _voices(rule: Rule) -> Iterator[tuple[str, Strength]]:
    yield from rule.points_to.items()
    yield from rule.subtasks.items()


def _judged(rule: Rule, case: Told) -> Iterator[tuple[str, str, Strength, bool]]:
    """(rule, target, strength, whether it is right) for each voice that can be judged by the case."""
    for target, strength in _voices(rule):
        category, _, subtask = target.partition("/")
        if subtask and category != case.category:
            continue
        is_it = target == case.subtask if subtask else target in (case.category, *case.accept)
        yield rule.id, target, strength, is_it != (strength == "against")


def _pointed(rule: Rule) -> set[str]:
    """The categories that a rule speaks for."""
    return {target for target, strength in rule.points_to.items() if strength != "against"}


def _count_conflicts(rules: Sequence[Rule], conflicts: Mapping[str, Counter[str]]) -> None:
    pointing = [(rule.id, pointed) for rule in rules if (pointed := _pointed(rule))]
    for one, here in pointing:
        conflicts[one].update(other for other, there in pointing if not here & there)


def _count_text(sums: list[int], case: Told, pointed: Sequence[str]) -> None:
    good = {case.category, *case.accept}
    sums[0] += 1
    sums[1] += not pointed
    sums[2] += not good.isdisjoint(pointed)
    if len(pointed) == 1:
        sums[3] += 1
        sums[4] += pointed[0] in good


def _commonest(rule: str, conflicts: Mapping[str, Counter[str]]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(conflicts[rule].items(), key=lambda item: (-item[1], item[0]))[:CONFLICTS_SHOWN])


def table(found: Sequence[Worth], totals: Mapping[str, Totals], category: str = "") -> str:
    """The report as lines of text; with a category only the voices that are about it.

    >>> print(table([Worth("asks-why", "other", "strong", Count(4, 3), Count(), 2, ())], {}).splitlines()[1].strip())
    2      4   75 %      0     –  strong  other  asks-why
    """
    lines = [" adds   read right   held right  strength, what it points to, rule (commonest conflicts)"]
    for one in found:
        if category and one.target.split("/")[0] != category:
            continue
        clashes = ", ".join(f"{rule} {count}" for rule, count in one.conflicts)
        lines.append(
            f"{one.adds:5d} {one.read.said:6d} {_percent(one.read):>6s}"
            f" {one.held_out.said:6d} {_percent(one.held_out):>5s}"
            f"  {one.strength}  {one.target}  {one.rule}" + (f" ({clashes})" if clashes else "")
        )
    for name, total in totals.items():
        lines.append(
            f"{name}: {total.texts} texts; no rule points anywhere in {total.silent},"
            f" one points to a right category in {total.voiced};"
            f" all point to one category in {total.alone.said}, right in {_percent(total.alone)} of them"
        )
    return "\n".join(lines)


def _percent(count: Count) -> str:
    return f"{100 * count.precision:.0f} %" if count.said else "–"
