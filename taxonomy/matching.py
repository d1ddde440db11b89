"""Finding compiled phrases in a text: one pass, linear time, exact places.

This half of the phrase language runs when a text is framed, so it imports nothing that is slow to load. The other half,
phrases.py and automaton.py, describes the language and compiles it.

The automaton is made deterministic while it runs (Thompson, 1968, Regular expression search algorithm): a set of its
nodes becomes a state when it is first met and remembers its moves, so that a warm walk is one look-up a word.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from taxonomy.packing import Packed
from taxonomy.tokens import Tokens
from taxonomy.walking import NEGATION, Found, Part, State, Walk, keep

CONDITION = "unless:"  # owners that are looked for only when somebody asks for them
NEGATORS, CANCELLED_BY, ENDS = NEGATION + "negators", NEGATION + "cancelled_by", NEGATION + "ends"
COURTESIES = NEGATION + "courtesies"
NEGATION_REACH = 7  # words behind the negator, at most
MATCHES_KEPT = 3  # for one owner and sign; a text that repeats itself says no more than one that does not
MOST_STATES = 50_000  # remembered; beyond it the memory starts afresh
MOST_WORDS, LONGEST_WORD = 50_000, 30  # whose kinds are remembered; characters of one
NUMBER = "#"  # stands in a phrase for a number in digits
BUCKETS = 4093  # in which the forms of words are filed; a prime, so that every letter counts


class Match(NamedTuple):
    """A phrase found: the words `first` to `last` (both included), and whether it is negated."""

    first: int
    last: int
    owner: str
    negated: bool
    parts: tuple[Part, ...]  # what `Matcher.captures` reads


def filed(form: str) -> tuple[bytes, int]:
    """What stands in the index for a form of a word, and the bucket where it stands.

    >>> filed("how")[0], filed("\u03bb")[0]
    (b'how', b'&#955;')
    """
    key = form.encode("ascii", "xmlcharrefreplace")
    return key, int.from_bytes(key, "big") % BUCKETS


class Finds(NamedTuple):
    """The phrases of a text, and for each of its words whether a negator reaches it, and the courtesies among them."""

    matches: list[Match]
    negated: list[bool]
    courteous: set[int]


class Matcher:
    """All phrases of a compiled index, found together. Threads may share one.

    >>> from taxonomy.automaton import compile_phrases
    >>> from taxonomy.tokens import tokenize
    >>> matcher = Matcher(compile_phrases({"asks-how-many": ["how many <unit>"]}))
    >>> text = "Tell me how many bikes will go."
    >>> walk = matcher.walk(tokenize(text))
    >>> (match,) = matcher.find(walk).matches
    >>> match.owner, match.first, match.last, matcher.captures(text, walk, match)
    ('asks-how-many', 2, 4, {'unit': 'bikes'})
    """

    def __init__(self, compiled: Mapping[str, Any]) -> None:
        self._buckets = Packed(compiled["forms"])
        self._kinds = Packed(compiled["kinds"])
        self._after = Packed(compiled["after"])
        self._ends = Packed(compiled["ends"])
        self._accept = Packed(compiled["accept"])
        self._owners: list[str] = compiled["owners"]
        self._gaps: int = compiled["gaps"]  # states up to this number are gaps
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
        self._owned: dict[int, tuple[list[str], frozenset[str]]] = {}
        self._begins: dict[int, int] = {}  # gap of a phrase that begins with a segment with captures -> that segment
        self._number = self._kind(NUMBER)
        self._forget()

    def _forget(self) -> None:
        self._states: dict[tuple[int, ...], State] = {}
        self._catches: dict[tuple[int, tuple[int, ...]], tuple[tuple[str, int], ...]] = {}
        # Before any word, and before the first of a sentence; what both have in common stands in neither (`_move`).
        self._roots = (
            State((), self._move, {}),
            State((), self._move, {c: [node] for c, node in self._at_start.items()}),
        )

    def walk(self, tokens: Tokens) -> Walk:
        """The one pass over a text that everything else reads from.

        From each word the automaton goes on as far as a segment does. A segment that ends may complete a phrase, open
        the gaps of phrases that begin with it, and close gaps that are open.
        """
        if len(self._states) + len(self._catches) > MOST_STATES:
            self._forget()
        walk = Walk(tokens, self._kinds_of(tokens.words))
        complete, conditions, opened, firsts = walk.complete, walk.conditions, walk.opened, walk.firsts
        kinds, sentences = walk.kinds, tokens.sentences
        anywhere, at_start = self._roots
        end = gaps = 0  # of the sentence; that are open in it
        for first, kind in enumerate(kinds):
            if first == end:
                end = bisect_right(sentences, sentences[first], first)
                gaps = 0
                walk.begin(first)
                state = at_start[kind]
            else:
                state = anywhere[kind]
            last = first
            while state is not None:
                if state.tells:
                    if state.opens:
                        gaps |= state.opening
                        opened[last] = opened[last] | state.opens if opened[last] else state.opens
                        firsts[last] = first, state.opens, firsts[last]
                    for owner, segment in state.completes:
                        keep(complete, owner, (first, last, () if segment is None else ((segment, first, last),)))
                    if state.conditions:
                        conditions.append((first, state.conditions))
                    if waiting := gaps & state.closing:
                        gaps |= self._join(walk, state, waiting, first, last)
                last += 1
                if last == end:
                    break
                state = state[kinds[last]]
        return walk

    def _join(self, walk: Walk, state: State, waiting: int, first: int, last: int) -> int:
        """Join what waits at gaps to the segments that end in `state`, and return the gaps that this opens."""
        opening = 0
        while waiting:
            gap = (waiting & -waiting).bit_length() - 1  # the lowest
            waiting ^= 1 << gap
            for segment, width, after in state.joins[gap]:
                head = walk.latest(gap, first, width)
                if head is None:
                    continue
                begin, before, parts = head
                if gap in self._begins:
                    parts = ((self._begins[gap], begin, before),)
                match = begin, last, parts if segment is None else (*parts, (segment, first, last))
                owners, conditions = self._owners_of(after)
                for owner in owners:
                    keep(walk.complete, owner, match)
                if conditions:
                    walk.conditions.append((begin, conditions))
                if after <= self._gaps:
                    walk.wait(after, match)
                    opening |= 1 << after
        return opening

    def find(self, walk: Walk) -> Finds:
        """Every phrase of a text, in the order of its words; at most three matches for an owner and sign.

        Phrases of conditions are not among them: they count only where somebody asks (`Walk.holds`).
        """
        negated = _negated_words(walk.tokens, walk.complete)
        found = []
        for owner, matches in walk.complete.items():
            if owner.startswith(NEGATION):
                continue
            kept = [0, 0]
            for first, last, parts in matches if len(matches) == 1 else dict.fromkeys(matches):
                sign = negated[first]
                kept[sign] += 1
                if kept[sign] <= MATCHES_KEPT:
                    found.append(Match(first, last, owner, sign, parts))
        found.sort()
        courtesies = walk.complete.get(COURTESIES, ())
        return Finds(found, negated, {word for first, last, _ in courtesies for word in range(first, last + 1)})

    def captures(self, text: str, walk: Walk, match: Match) -> dict[str, str]:
        """What the `<name>`s of a match caught."""
        caught = {}
        for segment, first, last in match.parts:
            for name, place in self._caught(segment, tuple(walk.kinds[first : last + 1])):
                word = first + place
                caught[name] = text[walk.tokens.starts[word] : walk.tokens.ends[word]]
        return caught

    def _kinds_of(self, words: Sequence[str]) -> list[int]:
        """The kind of each word."""
        known = list(map(self._known.get, words))
        return [self._kind(word) if kind is None else kind for word, kind in zip(words, known, strict=True)]

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
        if word.isalpha() and len(self._known) < MOST_WORDS and len(word) <= LONGEST_WORD:
            self._known[word] = 0
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

    def _move(self, state: State, kind: int) -> State | None:
        """Work out the state after a word; None when no segment goes on."""
        if state.following is None:
            state.following = self._choices_behind(state.nodes)
        meanings, nodes = self._meanings(kind), set[int]()
        for choice in meanings & state.following.keys():
            nodes.update(state.following[choice])
        if not state.nodes:  # any segment may begin
            nodes.update(choice for choice in meanings if choice < self._anywhere)  # the node has the same number
        if not nodes:
            return None
        place = tuple(sorted(nodes))
        if place not in self._states:
            self._states[place] = self._new_state(place)
        return self._states[place]

    def _choices_behind(self, nodes: tuple[int, ...]) -> dict[int, list[int]]:
        """The nodes behind some nodes, by choice."""
        behind: dict[int, list[int]] = {}
        for node in nodes:
            for choice, after in self._following(node).items():
                behind.setdefault(choice, []).append(after)
        return behind

    def _new_state(self, nodes: tuple[int, ...]) -> State:
        state = State(nodes, self._move)
        for segment, before, width, after in sorted({end for node in nodes for end in self._ends_of(node)}):
            catching = segment if segment in self._named else None
            if before:
                state.joins.setdefault(before, []).append((catching, width, after))
                state.closing |= 1 << before
                continue
            owners, conditions = self._owners_of(after)
            state.completes += [(owner, catching) for owner in owners]
            state.conditions |= conditions
            if after <= self._gaps:
                state.opens |= {after}
                state.opening |= 1 << after
                if catching is not None:
                    self._begins[after] = segment
        state.tells = bool(state.opens or state.completes or state.conditions or state.joins)
        return state

    def _ends_of(self, node: int) -> Iterator[tuple[int, int, int, int]]:
        """Where the segments that end at a node lead, as (segment, gap before it, its width, gap or end behind it)."""
        numbers = iter(self._ends[node])
        return zip(numbers, numbers, numbers, numbers, strict=True)

    def _owners_of(self, after: int) -> tuple[list[str], frozenset[str]]:
        """Whose phrases end at `after`: owners, and conditions among them."""
        if after not in self._owned:
            owners = [self._owners[number] for number in self._accept[after]]
            conditions = frozenset(owner for owner in owners if owner.startswith(CONDITION))
            self._owned[after] = [owner for owner in owners if owner not in conditions], conditions
        return self._owned[after]

    def _caught(self, segment: int, kinds: tuple[int, ...]) -> tuple[tuple[str, int], ...]:
        """What the `<name>`s of a segment stand on when it spans words of these kinds, counted from its first."""
        if (segment, kinds) in self._catches:
            return self._catches[segment, kinds]
        best: tuple[tuple[str, int], ...] = ()  # of several readings, the one that catches most
        stack: list[tuple[Mapping[int, int], int, tuple[tuple[str, int], ...]]]
        stack = [(self._named[segment], 0, ())]
        while stack:
            following, word, caught = stack.pop()
            for choice in self._meanings(kinds[word]).intersection(following):
                node, name = following[choice], self._names.get(choice)
                so_far = (*caught, (name, word)) if name else caught
                if word < len(kinds) - 1:
                    stack.append((self._following(node), word + 1, so_far))
                elif any(end[0] == segment for end in self._ends_of(node)):
                    best = max(best, so_far, key=len)
        self._catches[segment, kinds] = best
        return best


def _negated_words(tokens: Tokens, raw: dict[str, list[Found]]) -> list[bool]:
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
