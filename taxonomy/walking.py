"""What a walk through a text keeps: the states it comes through, the gaps that are open, and what it found."""

from typing import TypeVar

from taxonomy.tokens import Tokens

NEGATION = "negation:"  # owners that negate; every other owner is negated by them
_RAW_KEPT = 12  # for one owner, before negation is known
_HEADS_LOOKED_AT = 12  # latest matches that wait at a gap
WIDEST_GAP = 8  # words

T = TypeVar("T")
Part = tuple[int, int, int]  # a segment with captures, and the first and last word that it stands on
Found = tuple[int, int, tuple[Part, ...]]  # first and last word of a match, complete or open at a gap; its parts


class State:
    """A set of nodes, where each kind of word leads, and what the segments that end here mean.

    `completes` are (owner, segment) of phrases of one segment; the segment is None where it catches nothing.
    `conditions` are those owners that count only when somebody asks for them. `opens` are the gaps of phrases that
    begin with a segment of this state; `joins` maps a gap to the (segment, width, gap or end behind it) that may stand
    behind it, and `closes` are these gaps. `tells` says whether there is any of this but gaps that open.
    """

    __slots__ = ("closes", "completes", "conditions", "following", "joins", "moves", "nodes", "opens", "tells")

    def __init__(self, nodes: tuple[int, ...]) -> None:
        self.nodes = nodes
        self.moves: dict[int, State | None] = {}
        self.following: dict[int, list[int]] | None = None  # choice -> nodes, once it is asked for
        self.completes: list[tuple[str, int | None]] = []
        self.conditions: list[str] = []
        self.opens: frozenset[int] = frozenset()
        self.closes: frozenset[int] = frozenset()
        self.joins: dict[int, list[tuple[int, int, int]]] = {}
        self.tells = False


class Walk:
    """What a text holds: the complete matches of each owner, and where conditions hold."""

    __slots__ = ("_conditions", "_met", "complete", "tokens")

    def __init__(
        self, tokens: Tokens, complete: dict[str, list[Found]], conditions: list[tuple[int, list[str]]]
    ) -> None:
        self.tokens = tokens
        self.complete = complete
        self._conditions = conditions  # first words, with the owners
        self._met = set[str]().union(*[owners for _, owners in conditions])

    def holds(self, condition: str, word: int) -> bool:
        """Whether a condition holds in the sentence of a word."""
        if condition not in self._met:
            return False
        sentences = self.tokens.sentences
        places = [first for first, owners in self._conditions if condition in owners]
        return sentences[word] in [sentences[first] for first in places[:_RAW_KEPT]]


class Open:
    """Gaps that are open in the sentence that is being walked."""

    __slots__ = ("at", "begin", "firsts", "gaps", "heads")

    def __init__(self, words: int) -> None:
        self.firsts: list[list[tuple[int, frozenset[int]]]] = [[] for _ in range(words)]  # by last word of a segment
        self.at: list[frozenset[int]] = [frozenset()] * words  # by word: what opened behind it
        self.start(0)

    def start(self, word: int) -> None:
        """Close everything: a sentence begins with `word`."""
        self.begin = word
        self.gaps = set[int]()  # that opened anywhere in the sentence
        self.heads: dict[int, list[Found]] = {}  # gap -> matches of more than one segment that wait at it

    def latest(self, gap: int, before: int, width: int) -> Found | None:
        """The match that ends latest of those that wait at a gap, end before the word `before`, and not too far."""
        nearest = max(self.begin, before - 1 - width)
        if gap in self.heads:
            fitting = [head for head in self.heads[gap][-_HEADS_LOOKED_AT:] if nearest <= head[1] < before]
            return max(fitting, key=_end) if fitting else None
        at = self.at
        for last in range(before - 1, nearest - 1, -1):
            if gap in at[last]:
                for first, gaps in reversed(self.firsts[last]):
                    if gap in gaps:
                        return first, last, ()
        return None


def _end(found: Found) -> tuple[int, int]:
    return found[1], found[0]


def keep(found: dict[str, list[T]], owner: str, match: T) -> None:
    """Enter a match of an owner, unless there are enough; those of negators all count."""
    matches = found.get(owner)
    if matches is None:
        found[owner] = [match]
    elif len(matches) < _RAW_KEPT or owner.startswith(NEGATION):
        matches.append(match)
