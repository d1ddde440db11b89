"""Finding compiled phrases in a text: one pass, linear time, exact places.

This half of the phrase language runs when a text is framed, so it imports nothing that is slow to load. The other half,
phrases.py, describes the language and compiles it.

The position automaton is made deterministic while it runs (Thompson, 1968, Regular expression search algorithm): a set
of positions becomes a state when it is first met and remembers its moves, so that a warm walk is one look-up a word.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

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
ANY = 0  # the number under which "any word at all" is filed
LINE = ","  # between the records of a compiled text; unlike a line break it stands in JSON without an escape
LETTERS = 3  # forms are filed under their first letters


class Match(NamedTuple):
    """A phrase found: the words `first` to `last` (both included), whether it is negated, what its `<name>`s caught."""

    owner: str
    first: int
    last: int
    negated: bool
    captures: dict[str, str]


class Packed:
    """Rows of numbers in one text, of which only the rows that are asked for are ever read.

    The first character is the number of hexadecimal digits of every number behind it: how many rows there are, where
    each begins, where the last ends, and then the numbers of all rows.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._digits = int(text[0])
        self._shift = self._read(0, 1)[0] + 2

    def _read(self, begin: int, end: int) -> list[int]:
        """The numbers at the places `begin` to `end`, end exclusive."""
        text, digits = self._text, self._digits
        return [int(text[at : at + digits], 16) for at in range(1 + begin * digits, 1 + end * digits, digits)]

    def __getitem__(self, row: int) -> list[int]:
        begin, end = self._read(row + 1, row + 3)
        return self._read(self._shift + begin, self._shift + end) if end > begin else []

    def one(self, place: int) -> int:
        """The number at a place, of a table that is a single row."""
        return self._read(self._shift + place, self._shift + place + 1)[0]


class _Found(NamedTuple):
    """The words that a match, complete or still open at a gap, stands on; captures are (name, word)."""

    first: int
    last: int
    captures: tuple[tuple[str, int], ...]


class _State:
    """A set of positions, where each known word leads, and what the segments that end here mean.

    `completes` are (segment, owners) of phrases of one segment; `opens` maps the gaps of phrases that begin with a
    segment of this state to that segment; `joins` maps a gap to the (segment, width, gap or end behind it) that may
    stand behind it.
    """

    __slots__ = ("completes", "joins", "moves", "opens", "positions")

    def __init__(self, positions: tuple[int, ...]) -> None:
        self.positions = positions
        self.moves: dict[str, _State | None] = {}
        self.completes: list[tuple[int, list[str]]] = []
        self.opens: dict[int, int] = {}
        self.joins: dict[int, list[tuple[int, int, int]]] = {}


class Matcher:
    """All phrases of a compiled index, found together. Threads may share one.

    >>> from taxonomy.phrases import compile_phrases
    >>> from taxonomy.tokens import tokenize
    >>> matcher = Matcher(compile_phrases({"asks-how-many": ["how many <unit>"]}))
    >>> text = "Tell me how many bikes will go."
    >>> matcher.find(text, tokenize(text))
    [Match(owner='asks-how-many', first=2, last=4, negated=False, captures={'unit': 'bikes'})]
    """

    def __init__(self, compiled: dict[str, Any]) -> None:
        self._letters: dict[str, str] = compiled["forms"]
        self._choices = Packed(compiled["choices"])
        self._position_choices = Packed(compiled["position_choices"])
        self._after = Packed(compiled["position_after"])
        self._ends = Packed(compiled["position_ends"])
        self._starts = [Packed(starts) for starts in compiled["starts"]]
        self._steps = Packed(compiled["steps"])
        self._owners: list[str] = compiled["owners"]
        self._accept = Packed(compiled["accept"])
        self._names: dict[int, str] = {int(position): name for position, name in compiled["names"].items()}
        self._named: dict[int, list[int]] = {int(segment): first for segment, first in compiled["named"].items()}
        self._open = frozenset(Packed(compiled["open"])[0])
        # What has been unpacked; it always unpacks the same, so threads may fill these side by side.
        self._forms: dict[str, dict[str, list[int]]] = {}
        self._words: dict[int, frozenset[int]] = {}
        self._forget()

    def _forget(self) -> None:
        self._states: dict[tuple[int, ...], _State] = {}
        self._roots = _State((-1,)), _State((-2,))  # any word; the first word of a sentence

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
        keys = [self._key(word) for word in tokens.words]
        anywhere, at_start = self._roots
        count = len(keys)
        for first in range(count):
            sentence = sentences[first]
            roots = (anywhere,) if first and sentences[first - 1] == sentence else (anywhere, at_start)
            for root in roots:
                state, word = root, first
                while word < count and sentences[word] == sentence:
                    key = keys[word]
                    after = state.moves[key] if key in state.moves else self._move(state, key)
                    if after is None:
                        break
                    if after.completes or after.opens or after.joins:
                        yield after, first, word
                    state = after
                    word += 1

    def _key(self, word: str) -> str:
        """What a word is for the automaton: itself when a phrase knows it, a number, or any word."""
        return word if self._numbers(word) else NUMBER if word[0].isdigit() else ""

    def _numbers(self, key: str) -> list[int]:
        """The numbers of the words that `key` can be a form of."""
        letters = key[:LETTERS]
        if letters not in self._forms:
            lines = (line.split(" ") for line in self._letters.get(letters, "").split(LINE))
            self._forms[letters] = {form: list(map(int, numbers)) for form, *numbers in lines}
        return self._forms[letters].get(key, [])

    def _stands(self, position: int, meanings: list[int]) -> bool:
        """Whether a word with these numbers may stand at a position."""
        choice = self._position_choices.one(position)
        words = self._words.get(choice)
        if words is None:
            words = self._words[choice] = frozenset(self._choices[choice])
        return not words or not words.isdisjoint(meanings)

    def _meanings(self, key: str) -> list[int]:
        """The numbers of `key`, and of a number in digits when it is one ("3d" is both)."""
        return [*self._numbers(key), *self._numbers(NUMBER)] if key[:1].isdigit() else self._numbers(key)

    def _move(self, state: _State, key: str) -> _State | None:
        """The state after a word, worked out once and remembered; None when no segment goes on."""
        meanings = self._meanings(key)
        reached: Iterable[int]
        if state.positions[0] < 0:
            starts = self._starts[-1 - state.positions[0]]
            reached = {position for number in (*meanings, ANY) for position in starts[number]}
        else:
            follow = {after for position in state.positions for after in self._after[position]}
            reached = (position for position in follow if self._stands(position, meanings))
        positions = tuple(sorted(reached))
        after = None
        if positions:
            after = self._states.get(positions) or self._states.setdefault(positions, self._new_state(positions))
        state.moves[key] = after
        return after

    def _new_state(self, positions: tuple[int, ...]) -> _State:
        state = _State(positions)
        for segment in sorted({segment for position in positions for segment in self._ends[position]}):
            numbers = iter(self._steps[segment])
            for before, width, after in zip(numbers, numbers, numbers, strict=True):
                if before:
                    state.joins.setdefault(before, []).append((segment, width, after))
                    continue
                if owners := self._owners_of(after):
                    state.completes.append((segment, owners))
                if after in self._open:
                    state.opens[after] = segment
        return state

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
        at = sentence_begin = -1
        for state, first, last in self._walks(tokens):
            if first != at:
                if at < 0 or tokens.sentences[at] != tokens.sentences[first]:
                    sentence_begin = bisect_left(tokens.sentences, tokens.sentences[first])
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
                    if after in self._open:
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
        stack: list[tuple[int, int, tuple[Any, ...]]] = [(position, first, ()) for position in self._named[segment]]
        while stack:
            position, word, caught = stack.pop()
            if not self._stands(position, self._meanings(self._key(tokens.words[word]))):
                continue
            name = self._names.get(position)
            so_far = (*caught, (name, word)) if name else caught
            if word < last:
                stack += [(after, word + 1, so_far) for after in self._after[position]]
            elif segment in self._ends[position]:
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
