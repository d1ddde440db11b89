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

NEGATION = "negation:"  # owners that negate; every other owner is negated by them
NEGATORS, CANCELLED_BY, ENDS = NEGATION + "negators", NEGATION + "cancelled_by", NEGATION + "ends"
NEGATION_REACH = 7  # words behind the negator, at most
MATCHES_KEPT = 3  # for one owner and sign; a text that repeats itself says no more than one that does not
MOST_STATES = 50_000  # remembered; beyond it the memory starts afresh
_RAW_KEPT = 12  # for one owner, before negation is known
_HEADS_LOOKED_AT = 8  # latest matches that wait at a gap which is not the first of its phrase
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


class _Found(NamedTuple):
    """The words that a match, complete or still open at a gap, stands on; captures are (name, word)."""

    first: int
    last: int
    captures: tuple[tuple[str, int], ...]


class _State:
    """A set of nodes, where each kind of word leads, and what the segments that end here mean.

    `completes` are (segment, owners) of phrases of one segment; `opens` maps the gaps of phrases that begin with a
    segment of this state to that segment; `joins` maps a gap to the (segment, width, gap or end behind it) that may
    stand behind it.
    """

    __slots__ = ("completes", "joins", "moves", "nodes", "opens")

    def __init__(self, nodes: tuple[int, ...]) -> None:
        self.nodes = nodes
        self.moves: dict[int, _State | None] = {}
        self.completes: list[tuple[int, list[str]]] = []
        self.opens: dict[int, int] = {}
        self.joins: dict[int, list[tuple[int, int, int]]] = {}


class Matcher:
    """All phrases of a compiled index, found together. Threads may share one.

    >>> from taxonomy.automaton import compile_phrases
    >>> from taxonomy.tokens import tokenize
    >>> matcher = Matcher(compile_phrases({"asks-how-many": ["how many <unit>"]}))
    >>> text = "Tell me how many bikes will go."
    >>> matcher.find(text, tokenize(text))
    [Match(owner='asks-how-many', first=2, last=4, negated=False, captures={'unit': 'bikes'})]
    """

    def __init__(self, compiled: Mapping[str, Any]) -> None:
        self._buckets = Packed(compiled["forms"])
        self._kinds = Packed(compiled["kinds"])
        self._after = Packed(compiled["after"])
        self._ends = Packed(compiled["ends"])
        self._accept = Packed(compiled["accept"])
        self._owners: list[str] = compiled["owners"]
        self._gaps: int = compiled["gaps"]
        self._any = frozenset[int](compiled["any"])
        self._anywhere: int = compiled["anywhere"]
        self._at_start: dict[int, int] = dict(compiled["at_start"])
        self._names: dict[int, str] = {int(choice): name for choice, name in compiled["names"].items()}
        self._named: dict[int, list[tuple[int, int]]] = {int(n): roots for n, roots in compiled["named"].items()}
        # What has been unpacked; it always unpacks the same, so threads may fill these side by side.
        self._known: dict[str, int] = {}
        self._forms: dict[int, dict[bytes, int]] = {}
        self._choices: dict[int, frozenset[int]] = {}
        self._nodes: dict[int, dict[int, int]] = {}
        self._number = self._kind(NUMBER)
        self._forget()

    def _forget(self) -> None:
        self._states: dict[tuple[int, ...], _State] = {}
        self._roots = _State(()), _State(())  # any word; the first word of a sentence

    def find(self, text: str, tokens: Tokens) -> list[Match]:
        """Every phrase that `text` holds, in the order of its words; at most three matches for an owner and sign."""
        if len(self._states) > MOST_STATES:
            self._forget()
        raw = self._join(tokens)
        negated = _negated_words(tokens, raw)
        matches = []
        for owner, found in raw.items():
            if owner.startswith(NEGATION):
                continue
            kept = {False: 0, True: 0}
            for first, last, captures in dict.fromkeys(found):
                sign = negated[first]
                kept[sign] += 1
                if kept[sign] <= MATCHES_KEPT:
                    caught = {name: text[tokens.starts[word] : tokens.ends[word]] for name, word in captures}
                    matches.append(Match(owner, first, last, sign, caught))
        matches.sort(key=lambda match: (match.first, match.last, match.owner))
        return matches

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
                    if after.completes or after.opens or after.joins:
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
            if owners := self._owners_of(after):
                state.completes.append((segment, owners))
            if after <= self._gaps:
                state.opens[after] = segment
        return state

    def _ends_of(self, node: int) -> Iterator[tuple[int, int, int, int]]:
        """Where the segments that end at a node lead, as (segment, gap before it, its width, gap or end behind it)."""
        numbers = iter(self._ends[node])
        return zip(numbers, numbers, numbers, numbers, strict=True)

    def _owners_of(self, after: int) -> list[str]:
        return [self._owners[number] for number in self._accept[after]]

    def _join(self, tokens: Tokens) -> dict[str, list[_Found]]:
        """Complete matches of each owner, whatever stands before them: segments joined over their gaps.

        Nearly all gaps that open never close, so which are open is kept as a set for each word, and the walk that
        opened one is looked for only when a segment comes that can close it.
        """
        complete: dict[str, list[_Found]] = {}
        walks: list[list[tuple[_State, int]]] = [[] for _ in tokens.words]  # that opened a gap, by their last word
        later: dict[int, list[_Found]] = {}  # gap that is not a phrase's first -> matches that wait at it
        opened: list[set[int]] = [set() for _ in tokens.words]  # gaps, by the word before them
        window: set[int] = set()
        at, sentence_begin = -1, 0
        for state, first, last in self._walks(tokens):
            if first != at:
                if tokens.sentences[sentence_begin] != tokens.sentences[first]:
                    sentence_begin = tokens.sentences.index(tokens.sentences[first], sentence_begin)
                at = first
                window = set().union(*opened[max(sentence_begin, first - 1 - WIDEST_GAP) : first])
            for segment, owners in state.completes:
                match = _Found(first, last, self._captures(segment, tokens, first, last))
                for owner in owners:
                    _keep(complete, owner, match)
            if state.opens:
                walks[last].append((state, first))
                opened[last].update(state.opens)
            for gap in sorted(state.joins.keys() & window) if window else ():
                for segment, width, after in state.joins[gap]:
                    nearest = max(sentence_begin, first - 1 - width)
                    head = self._head(gap, tokens, walks, later, range(first - 1, nearest - 1, -1))
                    if head is None:
                        continue
                    caught = self._captures(segment, tokens, first, last)
                    match = _Found(head.first, last, head.captures + caught)
                    for owner in self._owners_of(after):
                        _keep(complete, owner, match)
                    if after <= self._gaps:
                        later.setdefault(after, []).append(match)
                        opened[last].add(after)
        return complete

    def _head(
        self,
        gap: int,
        tokens: Tokens,
        walks: list[list[tuple[_State, int]]],
        later: dict[int, list[_Found]],
        words: range,
    ) -> _Found | None:
        """The latest match that waits at `gap` and ends on one of `words`."""
        for found in reversed(later.get(gap, [])[-_HEADS_LOOKED_AT:]):
            if found.last in words:
                return found
        for word in words:
            for state, first in reversed(walks[word]):
                if gap in state.opens:
                    return _Found(first, word, self._captures(state.opens[gap], tokens, first, word))
        return None

    def _captures(self, segment: int, tokens: Tokens, first: int, last: int) -> tuple[tuple[str, int], ...]:
        """What the `<name>`s of a segment stand on when it spans the words `first` to `last`."""
        if segment not in self._named:
            return ()
        stack: list[tuple[int, int, int, tuple[Any, ...]]]
        stack = [(choice, node, first, ()) for choice, node in self._named[segment]]
        while stack:
            choice, node, word, caught = stack.pop()
            if choice not in self._meanings(self._kind(tokens.words[word])):
                continue
            name = self._names.get(choice)
            so_far = (*caught, (name, word)) if name else caught
            if word < last:
                stack += [(choice, node, word + 1, so_far) for choice, node in self._following(node).items()]
            elif any(end[0] == segment for end in self._ends_of(node)):
                return so_far
        return ()


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
    cancelled = {word for match in raw.get(CANCELLED_BY, ()) for word in range(match.first, match.last + 1)}
    ends = {match.first for match in raw.get(ENDS, ())}
    for negator in negators:
        if negator.first in cancelled:
            continue
        for word in range(negator.last + 1, min(negator.last + 1 + NEGATION_REACH, len(negated))):
            if word in ends or tokens.clauses[word] != tokens.clauses[negator.last]:
                break
            negated[word] = True
    return negated
