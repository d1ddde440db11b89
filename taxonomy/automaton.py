"""From phrases to the tables that matching.py walks.

All segments of all phrases become one position automaton (Glushkov, 1961, The abstract theory of automata: a state for
each place where a word can stand, no empty moves). What may stand at a place is its *choice*: a set of words, or any
word at all, and the name under which the word is handed back. Positions that the same row of choices leads to then
become one *node* (the subset construction of Rabin and Scott, 1959, with choices for letters), so that "how many" is
walked once, however many phrases begin with it; the nodes are nearly a tree.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from taxonomy.inflection import forms
from taxonomy.matching import BUCKETS, NUMBER, filed
from taxonomy.packing import pack
from taxonomy.phrases import Lexicon, Part, Segment, nullable, parse, rows
from taxonomy.tokens import normalise


class _Choice(NamedTuple):
    """What may stand at a place: any of the `words`, by their numbers, or any word at all when there are none."""

    words: tuple[int, ...]
    name: str


class _Position(NamedTuple):
    choice: _Choice
    after: list[int]  # positions
    ends: list[int]  # segments that end here


class _Nodes:
    """The positions of an automaton, merged into nodes.

    `after` maps, for each node, the choices that may stand behind it to their nodes; `anywhere` and `at_start` do so
    for the beginning of a segment. `anywhere` is numbered first, so that its nodes have the numbers of their choices.
    """

    def __init__(self, positions: Sequence[_Position], anywhere: Iterable[int], at_start: Iterable[int]) -> None:
        self.choices: dict[_Choice, int] = {}
        self._positions = positions
        self._numbers: dict[tuple[int, ...], int] = {}  # positions that are one -> their node
        self.anywhere = self._enter(anywhere)
        self.at_start = self._enter(at_start)
        self.after: list[dict[int, int]] = []
        while len(self.after) < len(self._numbers):
            for node in list(self._numbers)[len(self.after) :]:
                self.after.append(self._enter(after for position in node for after in positions[position].after))

    def _enter(self, positions: Iterable[int]) -> dict[int, int]:
        """The nodes of `positions`, by choice."""
        by_choice: dict[_Choice, list[int]] = {}
        for position in sorted(set(positions)):
            by_choice.setdefault(self._positions[position].choice, []).append(position)
        return {
            self.choices.setdefault(choice, len(self.choices)): self._numbers.setdefault(
                tuple(node), len(self._numbers)
            )
            for choice, node in by_choice.items()
        }

    def ends(self) -> Iterator[list[int]]:
        """For each node the segments that end there."""
        for node in self._numbers:
            yield sorted({segment for position in node for segment in self._positions[position].ends})


class _Compiler:
    """Numbers for words, the position automaton of all segments, and the states that join segments over gaps."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.numbers: dict[str, int] = {}  # "predict", "=best" -> number
        self.forms: dict[str, list[int]] = {}  # a word of a text -> numbers
        self.positions: list[_Position] = []
        self.segments: dict[tuple[Part, bool], int] = {}
        self.starts: tuple[list[int], list[int]] = ([], [])  # first positions: anywhere, at the start of a sentence
        self.named: dict[int, list[int]] = {}  # segment with captures -> its first positions
        self.steps: list[dict[tuple[int, int], int]] = []  # segment -> (state before, gap) -> state after
        self.accept: list[list[str]] = [[]]
        self.open: set[int] = set()

    def number(self, word: str) -> int:
        if word not in self.numbers:
            self.numbers[word] = len(self.numbers)
            for form in self.forms_of(word):
                self.forms.setdefault(form, []).append(self.numbers[word])
        return self.numbers[word]

    def forms_of(self, word: str) -> frozenset[str]:
        """What a text may hold for "predict", "=best", "#" or the single words of "@list"."""
        if word[0] == "@":
            members = (parse(member, self.lexicon) for member in self.lexicon[word[1:]])
            single = (part for member in members for part in (member.parts if member.kind == "either" else (member,)))
            words = {inner for part in single if part.kind == "word" for inner in part.words}
            return frozenset().union(*(self.forms_of(inner) for inner in words))
        return frozenset({word if word == NUMBER else normalise(word[1:])}) if word[0] in "#=" else forms(word)

    def build(self, part: Part) -> tuple[list[int], list[int]]:
        """Enter the positions of `part`; return the first and the last ones."""
        if part.kind == "word":
            choice = _Choice(tuple(sorted({self.number(word) for word in part.words})), part.name)
            self.positions.append(_Position(choice, [], []))
            return [len(self.positions) - 1], [len(self.positions) - 1]
        if part.kind != "row":
            built = [self.build(inner) for inner in part.parts]
            return [p for first, _ in built for p in first], [p for _, last in built for p in last]
        first, last, before_all_optional = list[int](), list[int](), True
        for inner in part.parts:
            inner_first, inner_last = self.build(inner)
            for position in last:
                self.positions[position].after.extend(inner_first)
            if before_all_optional:
                first += inner_first
            optional = nullable(inner)
            before_all_optional = before_all_optional and optional
            last = [*last, *inner_last] if optional else inner_last
        return first, last

    def segment(self, segment: Segment) -> int:
        key = (segment.part, segment.at_start)
        if key not in self.segments:
            number = self.segments[key] = len(self.segments)
            built = len(self.positions)
            first, last = self.build(segment.part)
            if any(position.choice.name for position in self.positions[built:]):
                self.named[number] = first
            self.starts[segment.at_start].extend(first)
            for position in last:
                self.positions[position].ends.append(number)
            self.steps.append({})
        return self.segments[key]

    def add(self, owner: str, row: Sequence[Segment]) -> None:
        state = 0
        for place, segment in enumerate(row):
            steps = self.steps[self.segment(segment)]
            key = (state, segment.gap)
            if key not in steps:
                steps[key] = len(self.accept)
                self.accept.append([])
            state = steps[key]
            if place < len(row) - 1:
                self.open.add(state)
        if owner not in self.accept[state]:
            self.accept[state].append(owner)

    def tables(self) -> dict[str, Any]:
        """What has been entered, packed: a program that frames one text should not have to unpack it all."""
        nodes = _Nodes(self.positions, *self.starts)
        gaps_first = sorted(range(len(self.accept)), key=lambda state: (state > 0, state not in self.open))
        states = {state: place for place, state in enumerate(gaps_first)}
        steps = [
            [n for (before, width), behind in row.items() for n in (segment, states[before], width, states[behind])]
            for segment, row in enumerate(self.steps)
        ]
        owners = {owner: place for place, owner in enumerate(dict.fromkeys(o for row in self.accept for o in row))}
        named = {}
        for segment, first in self.named.items():
            roots = nodes.at_start if first[0] in self.starts[True] else nodes.anywhere
            choices = dict.fromkeys(nodes.choices[self.positions[position].choice] for position in first)
            named[str(segment)] = [[choice, roots[choice]] for choice in choices]
        return {
            **self.words(nodes.choices),
            "names": {str(number): choice.name for choice, number in nodes.choices.items() if choice.name},
            "any": [number for choice, number in nodes.choices.items() if not choice.words],
            "anywhere": len(nodes.anywhere),
            "at_start": [list(root) for root in nodes.at_start.items()],
            "after": pack([n for pair in row.items() for n in pair] for row in nodes.after),
            "ends": pack([n for segment in row for n in steps[segment]] for row in nodes.ends()),
            "named": named,
            "gaps": len(self.open),
            "accept": pack([owners[owner] for owner in self.accept[state]] for state in gaps_first),
            "owners": list(owners),
        }

    def words(self, choices: Mapping[_Choice, int]) -> dict[str, str]:
        """Every form of every word, and the choices that it can stand for; forms that stand for the same are a kind."""
        standing: dict[int, list[int]] = {}
        for choice, number in choices.items():
            for word in choice.words:
                standing.setdefault(word, []).append(number)
        kinds: dict[tuple[int, ...], int] = {(): 0}  # 0: words that no phrase knows
        buckets: list[list[object]] = [[] for _ in range(BUCKETS)]
        for form, words in sorted(self.forms.items()):
            meanings = [*words, *self.forms.get(NUMBER, [])] if form[0].isdigit() else words  # "3d" is a number as well
            kind = tuple(sorted({number for word in meanings for number in standing[word]}))
            key, bucket = filed(form)
            buckets[bucket] += key.decode(), kinds.setdefault(kind, len(kinds))
        return {"forms": pack(buckets), "kinds": pack(kinds)}


def compile_phrases(owners: Mapping[str, Sequence[str]], lexicon: Lexicon | None = None) -> dict[str, Any]:
    """One index of all phrases of all owners, plain data that JSON can hold and `matching.Matcher` runs.

    Args:
        owners: name of a rule (or other owner) -> its phrases.
        lexicon: name of a list -> its words and phrases, for `@name`.

    Raises:
        PhraseError: a phrase is not of the language; names it.

    >>> compile_phrases({"a": ["how many"]})["owners"]
    ['a']
    """
    compiler = _Compiler(lexicon or {})
    for owner, phrases in owners.items():
        for phrase in phrases:
            for row in rows(phrase, compiler.lexicon):
                compiler.add(owner, row)
    return compiler.tables()
