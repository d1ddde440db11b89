"""What a walk through a text keeps: the states it comes through, the gaps that are open, and what it found."""

from collections.abc import Callable

from taxonomy.tokens import Tokens

NEGATION = "negation:"  # owners that negate; every other owner is negated by them
_RAW_KEPT = 12  # for one owner, before negation is known
_HEADS_LOOKED_AT = 12  # latest matches that wait at a gap
WIDEST_GAP = 8  # words

Part = tuple[int, int, int]  # a segment with captures, and the first and last word that it stands on
Found = tuple[int, int, tuple[Part, ...]]  # first and last word of a match, complete or open at a gap; its parts
Firsts = tuple[int, frozenset[int], "Firsts"] | None  # the first word of a segment, the gaps it opens; earlier ones


class State(dict[int, "State | None"]):
    """A set of nodes, where each kind of word leads from it, and what the segments that end here mean.

    Where a kind leads is worked out when it is first asked for. `completes` are (owner, segment) of phrases of one
    segment; the segment is None where it catches nothing. `conditions` are those owners that count only when somebody
    asks for them. `opens` are the gaps of phrases that begin with a segment of this state; `joins` maps a gap to the
    (segment, width, gap or end behind it) that may stand behind it. `opening` and `closing` are the gaps of both as the
    bits of a number, so that one step compares them all. `tells` says whether there is any of this.
    """

    __slots__ = (
        "closing",
        "completes",
        "conditions",
        "following",
        "joins",
        "move",
        "nodes",
        "opening",
        "opens",
        "tells",
    )

    def __init__(
        self,
        nodes: tuple[int, ...],
        move: "Callable[[State, int], State | None]",
        following: dict[int, list[int]] | None = None,
    ) -> None:
        self.nodes = nodes
        self.move = move
        self.following = following  # choice -> nodes, once it is asked for
        self.completes: list[tuple[str, int | None]] = []
        self.conditions: frozenset[str] = frozenset()
        self.opens: frozenset[int] = frozenset()
        self.joins: dict[int, list[tuple[int | None, int, int]]] = {}
        self.opening = self.closing = 0
        self.tells = False

    def __missing__(self, kind: int) -> "State | None":
        after = self[kind] = self.move(self, kind)
        return after


class Walk:
    """What a text holds: the complete matches of each owner, where conditions hold, and the gaps that are open."""

    __slots__ = ("_begin", "_heads", "_met", "complete", "conditions", "firsts", "kinds", "opened", "tokens")

    def __init__(self, tokens: Tokens, kinds: list[int]) -> None:
        words = len(kinds)
        self.tokens = tokens
        self.kinds = kinds  # of the words
        self.complete: dict[str, list[Found]] = {}
        self.conditions: list[tuple[int, frozenset[str]]] = []  # first words, with the owners
        self.opened: list[frozenset[int]] = [frozenset()] * words  # by word: the gaps of segments that end with it
        self.firsts: list[Firsts] = [None] * words  # and the first words of these segments
        self._met: set[str] | None = None
        self.begin(0)

    def begin(self, word: int) -> None:
        """Close all gaps: a sentence begins with `word`."""
        self._begin = word
        self._heads: dict[int, list[Found]] = {}  # gap -> matches of more than one segment that wait at it

    def wait(self, gap: int, match: Found) -> None:
        """Let a match of more than one segment wait at a gap."""
        self._heads.setdefault(gap, []).append(match)

    def latest(self, gap: int, before: int, width: int) -> Found | None:
        """The match that ends latest of those that wait at a gap, end before the word `before`, and not too far."""
        nearest = max(self._begin, before - 1 - width)
        if gap in self._heads:
            fitting = [head for head in self._heads[gap][-_HEADS_LOOKED_AT:] if nearest <= head[1] < before]
            return max(fitting, key=_end) if fitting else None
        opened = self.opened
        for last in range(before - 1, nearest - 1, -1):
            if gap in opened[last]:
                firsts = self.firsts[last]
                while firsts is not None:
                    first, gaps, firsts = firsts
                    if gap in gaps:
                        return first, last, ()
        return None

    def holds(self, condition: str, word: int) -> bool:
        """Whether a condition holds in the sentence of a word."""
        if self._met is None:
            self._met = set[str]().union(*[owners for _, owners in self.conditions])
        if condition not in self._met:
            return False
        sentences = self.tokens.sentences
        places = [first for first, owners in self.conditions if condition in owners]
        return sentences[word] in [sentences[first] for first in places[:_RAW_KEPT]]


def _end(found: Found) -> tuple[int, int]:
    return found[1], found[0]


def keep(found: dict[str, list[Found]], owner: str, match: Found) -> None:
    """Enter a match of an owner, unless there are enough; those of negators all count."""
    matches = found.get(owner)
    if matches is None:
        found[owner] = [match]
    elif len(matches) < _RAW_KEPT or owner.startswith(NEGATION):
        matches.append(match)
