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
from taxonomy.walking import NEGATION, Found, Open, Part, State, Walk, keep

CONDITION = "unless:"  # owners that are looked for only when somebody asks for them
NEGATORS, CANCELLED_BY, ENDS = NEGATION + "negators", NEGATION + "cancelled_by", NEGATION + "ends"
COURTESIES = NEGATION + "courtesies"
NEGATION_REACH = 7  # words behind the negator, at most
MATCHES_KEPT = 3  # for one owner and sign; a text that repeats itself says no more than one that does not
MOST_STATES = 50_000  # remembered; beyond it the memory starts afresh
_ANYWHERE, _AT_START = (-1,), (-2,)  # nodes of the states before any word, and before the first of a sentence
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
    >>> tokens = tokenize(text)
    >>> (match,) = matcher.find(matcher.walk(tokens)).matches
    >>> match.owner, match.first, match.last, matcher.captures(text, tokens, match)
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
        self._owned: dict[int, tuple[list[str], list[str]]] = {}
        self._begins: dict[int, int] = {}  # gap of a phrase that begins with a segment with captures -> that segment
        self._number = self._kind(NUMBER)
        self._forget()

    def _forget(self) -> None:
        self._states: dict[tuple[int, ...], State] = {}
        self._catches: dict[tuple[int, tuple[int, ...]], tuple[tuple[str, int], ...]] = {}
        self._roots = State(_ANYWHERE), State(_AT_START)

    def walk(self, tokens: Tokens) -> Walk:
        """The one pass over a text that everything else reads from.

        From each word the automaton goes on as far as a segment does. A segment that ends may complete a phrase, open
        the gaps of phrases that begin with it, and close gaps that are open.
        """
        if len(self._states) + len(self._catches) > MOST_STATES:
            self._forget()
        complete = dict[str, list[Found]]()
        conditions: list[tuple[int, list[str]]] = []
        kinds, sentences = self._kinds_of(tokens.words), tokens.sentences
        anywhere, at_start = self._roots
        starts = list(map(anywhere.moves.get, kinds))
        open_ = Open(len(kinds))
        at, firsts, gaps = open_.at, open_.firsts, open_.gaps
        begun: tuple[State | None, ...]
        end = 0  # of the sentence
        for first, state in enumerate(starts):
            if first == end:
                end = bisect_right(sentences, sentences[first], first)
                open_.start(first)
                gaps = open_.gaps
                begun = (state or self._step(anywhere, kinds[first]), self._step(at_start, kinds[first]))
            else:
                begun = (state or self._step(anywhere, kinds[first]),)
            for state in begun:
                last = first
                while state is not None:
                    if state.opens:
                        gaps |= state.opens
                        at[last] = at[last] | state.opens if at[last] else state.opens
                        firsts[last].append((first, state.opens))
                    if state.tells:
                        for owner, segment in state.completes:
                            parts = () if segment is None else ((segment, first, last),)
                            keep(complete, owner, (first, last, parts))
                        if state.conditions:
                            conditions.append((first, state.conditions))
                        if not gaps.isdisjoint(state.closes):
                            for match, owners, asked in self._joined(open_, state, first, last):
                                for owner in owners:
                                    keep(complete, owner, match)
                                if asked:
                                    conditions.append((match[0], asked))
                    last += 1
                    if last == end:
                        break
                    before = state
                    try:
                        state = before.moves[kinds[last]]
                    except KeyError:
                        state = self._move(before, kinds[last])
        return Walk(tokens, complete, conditions)

    def _joined(self, open_: Open, state: State, first: int, last: int) -> list[tuple[Found, list[str], list[str]]]:
        """The matches that wait at gaps, joined to the segments that end in `state`; with owners and conditions."""
        joined = []
        for gap in sorted(open_.gaps & state.closes):
            for segment, width, after in state.joins[gap]:
                head = open_.latest(gap, first, width)
                if head is None:
                    continue
                begin, before, parts = head
                if gap in self._begins:
                    parts = ((self._begins[gap], begin, before),)
                match = begin, last, (*parts, (segment, first, last)) if segment in self._named else parts
                joined.append((match, *self._owners_of(after)))
                if after <= self._gaps:
                    open_.gaps.add(after)
                    open_.heads.setdefault(after, []).append(match)
        return joined

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

    def captures(self, text: str, tokens: Tokens, match: Match) -> dict[str, str]:
        """What the `<name>`s of a match caught."""
        caught = {}
        for segment, first, last in match.parts:
            kinds = tuple(map(self._kind, tokens.words[first : last + 1]))
            for name, place in self._caught(segment, kinds):
                word = first + place
                caught[name] = text[tokens.starts[word] : tokens.ends[word]]
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

    def _step(self, state: State, kind: int) -> State | None:
        """The state after a word; None when no segment goes on."""
        return state.moves[kind] if kind in state.moves else self._move(state, kind)

    def _move(self, state: State, kind: int) -> State | None:
        """Work out the state after a word, and remember it."""
        meanings, nodes = self._meanings(kind), set[int]()
        if state.nodes == _ANYWHERE:
            nodes.update(choice for choice in meanings if choice < self._anywhere)  # the node has the same number
        else:
            if state.following is None:
                state.following = self._choices_behind(state)
            for choice in meanings & state.following.keys():
                nodes.update(state.following[choice])
        after = None
        if nodes:
            place = tuple(sorted(nodes))
            after = self._states.get(place) or self._states.setdefault(place, self._new_state(place))
        state.moves[kind] = after
        return after

    def _choices_behind(self, state: State) -> dict[int, list[int]]:
        """The nodes behind a state, by choice."""
        if state.nodes == _AT_START:
            return {choice: [node] for choice, node in self._at_start.items()}
        behind: dict[int, list[int]] = {}
        for node in state.nodes:
            for choice, after in self._following(node).items():
                behind.setdefault(choice, []).append(after)
        return behind

    def _new_state(self, nodes: tuple[int, ...]) -> State:
        state = State(nodes)
        opens = []
        for segment, before, width, after in sorted({end for node in nodes for end in self._ends_of(node)}):
            if before:
                state.joins.setdefault(before, []).append((segment, width, after))
                continue
            owners, conditions = self._owners_of(after)
            state.completes += [(owner, segment if segment in self._named else None) for owner in owners]
            state.conditions += conditions
            if after <= self._gaps:
                opens.append(after)
                if segment in self._named:
                    self._begins[after] = segment
        state.opens, state.closes = frozenset(opens), frozenset(state.joins)
        state.tells = bool(state.completes or state.conditions or state.joins)
        return state

    def _ends_of(self, node: int) -> Iterator[tuple[int, int, int, int]]:
        """Where the segments that end at a node lead, as (segment, gap before it, its width, gap or end behind it)."""
        numbers = iter(self._ends[node])
        return zip(numbers, numbers, numbers, numbers, strict=True)

    def _owners_of(self, after: int) -> tuple[list[str], list[str]]:
        """Whose phrases end at `after`: owners, and conditions among them."""
        if after not in self._owned:
            owners = [self._owners[number] for number in self._accept[after]]
            conditions = [owner for owner in owners if owner.startswith(CONDITION)]
            self._owned[after] = [owner for owner in owners if not owner.startswith(CONDITION)], conditions
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
