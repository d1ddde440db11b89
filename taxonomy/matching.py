"""Finding compiled phrases in a text: one pass, linear time, exact places.

This half of the phrase language runs when a text is framed, so it imports nothing that is slow to load. The other half,
phrases.py and automaton.py, describes the language and compiles it.

The automaton is made deterministic while it runs (Thompson, 1968, Regular expression search algorithm): a set of its
nodes becomes a state when it is first met and remembers its moves, so that a warm walk is one look-up a word.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from taxonomy.packing import Packed
from taxonomy.tokens import Tokens

CONDITION = "unless:"  # owners that are looked for only when somebody asks for them
NEGATION = "negation:"  # owners that negate; every other owner is negated by them
NEGATORS, CANCELLED_BY, ENDS = NEGATION + "negators", NEGATION + "cancelled_by", NEGATION + "ends"
NEGATION_REACH = 7  # words behind the negator, at most
MATCHES_KEPT = 3  # for one owner and sign; a text that repeats itself says no more than one that does not
MOST_STATES = 50_000  # remembered; beyond it the memory starts afresh
_RAW_KEPT = 12  # for one owner, before negation is known
_HEADS_LOOKED_AT = 12  # latest matches that wait at a gap
WIDEST_GAP = 8  # words
NUMBER = "#"  # stands in a phrase for a number in digits
BUCKETS = 4093  # in which the forms of words are filed; a prime, so that every letter counts


class Match(NamedTuple):
    """A phrase found: the words `first` to `last` (both included), whether it is negated, what its `<name>`s caught."""

    owner: str
    first: int
    last: int
    negated: bool
    captures: dict[str, str]


def filed(form: str) -> tuple[bytes, int]:
    """What stands in the index for a form of a word, and the bucket where it stands.

    >>> filed("how")[0], filed("\u03bb")[0]
    (b'how', b'&#955;')
    """
    key = form.encode("ascii", "xmlcharrefreplace")
    return key, int.from_bytes(key, "big") % BUCKETS


_Part = tuple[int, int, int]  # a segment with captures, and the first and last word that it stands on
_Found = tuple[int, int, tuple[_Part, ...]]  # first and last word of a match, complete or open at a gap; its parts


class _State:
    """A set of nodes, where each kind of word leads, and what the segments that end here mean.

    `completes` are (segment, owners) of phrases of one segment, `conditions` those of owners that somebody must ask
    for; `opens` maps the gaps of phrases that begin with a segment of this state to that segment, `eager` are those
    of them that lead to other owners than conditions; `joins` maps a gap to the (segment, width, gap or end behind
    it) that may stand behind it.
    """

    __slots__ = ("completes", "conditions", "eager", "joins", "moves", "nodes", "opens")

    def __init__(self, nodes: tuple[int, ...]) -> None:
        self.nodes = nodes
        self.moves: dict[int, _State | None] = {}
        self.completes: list[tuple[int, list[str]]] = []
        self.conditions: list[tuple[int, list[str]]] = []
        self.eager: list[int] = []
        self.opens: dict[int, int] = {}
        self.joins: dict[int, list[tuple[int, int, int]]] = {}


class Walk:
    """What the automaton met in a text: states in which segments end, with their first and last word, by first word.

    `opened` are the gaps that open anywhere, `eager` those of them that lead to other owners than conditions, `closed`
    the gaps behind which a segment stands somewhere.
    """

    __slots__ = ("closed", "eager", "opened", "states", "tokens")

    def __init__(self, tokens: Tokens, states: list[tuple[_State, int, int]]) -> None:
        met = {state for state, _, _ in states}
        self.tokens = tokens
        self.states = states
        self.opened = set[int]().union(*(state.opens for state in met))
        self.eager = set[int]().union(*(state.eager for state in met))
        self.closed = set[int]().union(*(state.joins for state in met))


class Finds(NamedTuple):
    """The phrases of a text, and for each of its words whether a negator reaches it."""

    matches: list[Match]
    negated: list[bool]


class Matcher:
    """All phrases of a compiled index, found together. Threads may share one.

    >>> from taxonomy.automaton import compile_phrases
    >>> from taxonomy.tokens import tokenize
    >>> matcher = Matcher(compile_phrases({"asks-how-many": ["how many <unit>"]}))
    >>> text = "Tell me how many bikes will go."
    >>> matcher.find(text, matcher.walk(tokenize(text))).matches
    [Match(owner='asks-how-many', first=2, last=4, negated=False, captures={'unit': 'bikes'})]
    """

    def __init__(self, compiled: Mapping[str, Any]) -> None:
        self._buckets = Packed(compiled["forms"])
        self._kinds = Packed(compiled["kinds"])
        self._after = Packed(compiled["after"])
        self._ends = Packed(compiled["ends"])
        self._accept = Packed(compiled["accept"])
        self._owners: list[str] = compiled["owners"]
        self._gaps: int = compiled["gaps"]  # states up to this number are gaps,
        self._eager: int = compiled["eager"]  # and up to this one lead to more than conditions
        self._gaps_of = Packed(compiled["gaps_of"])
        self._conditions: dict[str, int] = compiled["conditions"]
        self._any = frozenset[int](compiled["any"])
        self._anywhere: int = compiled["anywhere"]
        self._at_start: dict[int, int] = dict(compiled["at_start"])
        self._names: dict[int, str] = {int(choice): name for choice, name in compiled["names"].items()}
        self._named: dict[int, dict[int, int]] = {int(n): dict(roots) for n, roots in compiled["named"].items()}
        # What has been unpacked; it always unpacks the same, so threads may fill these side by side.
        self._known: dict[str, int] = {}
        self._forms: dict[int, dict[bytes, int]] = {}
        self._choices: dict[int, frozenset[int]] = {}
        self._nodes: dict[int, dict[int, int]] = {}
        self._owned: dict[int, list[str]] = {}
        self._number = self._kind(NUMBER)
        self._forget()

    def _forget(self) -> None:
        self._states: dict[tuple[int, ...], _State] = {}
        self._roots = _State(()), _State(())  # any word; the first word of a sentence

    def walk(self, tokens: Tokens) -> Walk:
        """The one pass over a text that everything else reads from."""
        if len(self._states) > MOST_STATES:
            self._forget()
        return Walk(tokens, list(self._walks(tokens)))

    def find(self, text: str, walk: Walk) -> Finds:
        """Every phrase that `text` holds, in the order of its words; at most three matches for an owner and sign.

        Phrases of conditions are not looked for: nearly all of them belong to rules that do not fire (`holding`).
        """
        tokens = walk.tokens
        raw = self._join(walk, None, frozenset())
        negated = _negated_words(tokens, raw)
        found = []
        for owner, matches in raw.items():
            if owner.startswith(NEGATION):
                continue
            kept = [0, 0]
            for first, last, parts in matches if len(matches) == 1 else dict.fromkeys(matches):
                sign = negated[first]
                kept[sign] += 1
                if kept[sign] <= MATCHES_KEPT:
                    found.append((first, last, owner, sign, parts))
        found.sort()
        shown = [
            Match(owner, first, last, sign, self._caught(text, tokens, parts) if parts else {})
            for first, last, owner, sign, parts in found
        ]
        return Finds(shown, negated)

    def holding(self, walk: Walk, owners: Iterable[str]) -> set[tuple[str, int]]:
        """Which conditions of `owners` hold in which sentence, as (owner, sentence)."""
        wanted = frozenset(owner for owner in owners if owner in self._conditions)
        gaps = frozenset(gap for owner in wanted for gap in self._gaps_of[self._conditions[owner]])
        found = self._join(walk, wanted, gaps) if wanted else {}
        return {(owner, walk.tokens.sentences[first]) for owner, matches in found.items() for first, _, _ in matches}

    def _walks(self, tokens: Tokens) -> Iterator[tuple[_State, int, int]]:
        """States in which segments end, as (state, first word, last word), by first word."""
        sentences = tokens.sentences
        kinds = [self._kind(word) for word in tokens.words]
        anywhere, at_start = self._roots
        count = len(kinds)
        for first in range(count):
            sentence = sentences[first]
            roots = (anywhere,) if first and sentences[first - 1] == sentence else (anywhere, at_start)
            for root in roots:
                state, word = root, first
                while word < count and sentences[word] == sentence:
                    kind = kinds[word]
                    after = state.moves[kind] if kind in state.moves else self._move(state, kind)
                    if after is None:
                        break
                    if after.opens or after.joins or after.completes or after.conditions:
                        yield after, first, word
                    state = after
                    word += 1

    def _kind(self, word: str) -> int:
        """The kind of a word: words of a kind stand for the same choices. All that no phrase knows are of kind 0."""
        if word in self._known:
            return self._known[word]
        key, bucket = filed(word)
        forms = self._forms.get(bucket)
        if forms is None:
            entries = iter(self._buckets.words(bucket))
            forms = self._forms[bucket] = {form: int(kind) for form, kind in zip(entries, entries, strict=True)}
        if key in forms:
            return self._known.setdefault(word, forms[key])
        return self._number if word[0].isdigit() else 0

    def _meanings(self, kind: int) -> frozenset[int]:
        """The choices that a word of this kind can stand for."""
        if kind not in self._choices:
            self._choices[kind] = self._any.union(self._kinds[kind])
        return self._choices[kind]

    def _following(self, node: int) -> dict[int, int]:
        """The nodes behind a node, by choice."""
        if node not in self._nodes:
            numbers = iter(self._after[node])
            self._nodes[node] = dict(zip(numbers, numbers, strict=True))
        return self._nodes[node]

    def _move(self, state: _State, kind: int) -> _State | None:
        """The state after a word, worked out once and remembered; None when no segment goes on."""
        meanings = self._meanings(kind)
        reached: Iterable[int]
        if state is self._roots[0]:
            reached = (choice for choice in meanings if choice < self._anywhere)  # the root node has the same number
        elif state is self._roots[1]:
            reached = (self._at_start[choice] for choice in meanings & self._at_start.keys())
        else:
            follow = (self._following(node) for node in state.nodes)
            reached = {nodes[choice] for nodes in follow for choice in meanings & nodes.keys()}
        nodes = tuple(sorted(reached))
        after = None
        if nodes:
            after = self._states.get(nodes) or self._states.setdefault(nodes, self._new_state(nodes))
        state.moves[kind] = after
        return after

    def _new_state(self, nodes: tuple[int, ...]) -> _State:
        state = _State(nodes)
        for segment, before, width, after in sorted({end for node in nodes for end in self._ends_of(node)}):
            if before:
                state.joins.setdefault(before, []).append((segment, width, after))
                continue
            owners = self._owners_of(after)
            for kept, conditions in ((state.completes, False), (state.conditions, True)):
                if wanted := [owner for owner in owners if owner.startswith(CONDITION) == conditions]:
                    kept.append((segment, wanted))
            if after <= self._gaps:
                state.opens[after] = segment
        state.eager = [gap for gap in state.opens if gap <= self._eager]
        return state

    def _ends_of(self, node: int) -> Iterator[tuple[int, int, int, int]]:
        """Where the segments that end at a node lead, as (segment, gap before it, its width, gap or end behind it)."""
        numbers = iter(self._ends[node])
        return zip(numbers, numbers, numbers, numbers, strict=True)

    def _owners_of(self, after: int) -> list[str]:
        if after not in self._owned:
            self._owned[after] = [self._owners[number] for number in self._accept[after]]
        return self._owned[after]

    def _join(self, walk: Walk, wanted: frozenset[str] | None, gaps: frozenset[int]) -> dict[str, list[_Found]]:
        """Complete matches of each owner, whatever stands before them: segments joined over their gaps.

        Of all owners but conditions, when `wanted` is None; else of the wanted conditions, whose gaps are `gaps`.

        Nearly all gaps that open never close, so only those are looked at that a segment of this text can close.
        """
        tokens = walk.tokens
        complete: dict[str, list[_Found]] = {}
        waiting = walk.closed & (walk.eager if wanted is None else walk.opened & gaps)  # gaps that may yet close
        heads: dict[int, list[_Found]] = {}  # gap -> matches that wait at it
        named = self._named
        sentence, begin = None, 0
        for state, first, last in walk.states:
            for segment, owners in state.completes if wanted is None else state.conditions:
                match: _Found = (first, last, ((segment, first, last),) if segment in named else ())
                for owner in owners:
                    if wanted is None or owner in wanted:
                        _keep(complete, owner, match)
            if not waiting:
                continue
            closing = heads and not waiting.isdisjoint(state.joins)
            if closing and tokens.sentences[first] != sentence:
                sentence = tokens.sentences[first]
                begin = tokens.sentences.index(sentence, begin)
            for gap in sorted(heads.keys() & state.joins.keys()) if closing else ():
                for segment, width, after in state.joins[gap]:
                    head = _latest(heads[gap], first, max(begin, first - 1 - width))
                    if head is None:
                        continue
                    parts = (*head[2], (segment, first, last)) if segment in named else head[2]
                    match = (head[0], last, parts)
                    for owner in self._owners_of(after):
                        if owner in wanted if wanted is not None else not owner.startswith(CONDITION):
                            _keep(complete, owner, match)
                    if after <= self._eager if wanted is None else after in gaps:
                        waiting.add(after)
                        heads.setdefault(after, []).append(match)
            for gap in waiting.intersection(state.opens):
                segment = state.opens[gap]
                match = (first, last, ((segment, first, last),) if segment in named else ())
                heads.setdefault(gap, []).append(match)
        return complete

    def _caught(self, text: str, tokens: Tokens, parts: tuple[_Part, ...]) -> dict[str, str]:
        """What the `<name>`s of a match caught."""
        return {
            name: text[tokens.starts[word] : tokens.ends[word]]
            for segment, first, last in parts
            for name, word in self._captures(segment, tokens, first, last)
        }

    def _captures(self, segment: int, tokens: Tokens, first: int, last: int) -> tuple[tuple[str, int], ...]:
        """What the `<name>`s of a segment stand on when it spans the words `first` to `last`."""
        best: tuple[tuple[str, int], ...] = ()  # of several readings, the one that catches most
        stack: list[tuple[Mapping[int, int], int, tuple[tuple[str, int], ...]]]
        stack = [(self._named[segment], first, ())]
        while stack:
            following, word, caught = stack.pop()
            for choice in self._meanings(self._kind(tokens.words[word])).intersection(following):
                node, name = following[choice], self._names.get(choice)
                so_far = (*caught, (name, word)) if name else caught
                if word < last:
                    stack.append((self._following(node), word + 1, so_far))
                elif any(end[0] == segment for end in self._ends_of(node)):
                    best = max(best, so_far, key=len)
        return best


def _latest(heads: list[_Found], before: int, nearest: int) -> _Found | None:
    """The match that ends latest of those that end before the word `before`, at the word `nearest` or behind it."""
    fitting = [head for head in heads[-_HEADS_LOOKED_AT:] if nearest <= head[1] < before]
    return max(fitting, key=_end) if fitting else None


def _end(found: _Found) -> tuple[int, int]:
    return found[1], found[0]


def _keep(complete: dict[str, list[_Found]], owner: str, match: _Found) -> None:
    matches = complete.setdefault(owner, [])
    if len(matches) < _RAW_KEPT or owner.startswith(NEGATION):
        matches.append(match)


def _negated_words(tokens: Tokens, raw: dict[str, list[_Found]]) -> list[bool]:
    """For each word whether a negator of its clause reaches it."""
    negated = [False] * len(tokens.words)
    negators = raw.get(NEGATORS)
    if not negators:
        return negated
    cancelled = {word for first, last, _ in raw.get(CANCELLED_BY, ()) for word in range(first, last + 1)}
    ends = {first for first, _, _ in raw.get(ENDS, ())}
    for first, last, _ in negators:
        if first in cancelled:
            continue
        for word in range(last + 1, min(last + 1 + NEGATION_REACH, len(negated))):
            if word in ends or tokens.clauses[word] != tokens.clauses[last]:
                break
            negated[word] = True
    return negated
