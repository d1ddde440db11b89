"""What words and encoder make of a text -> evidence, told clause by clause, and the cases that read like it.

Both are sums over the words of the text (wording.py, encoder.py), so what a clause adds to a category is known exactly:
it is what the category would lose were the clause's words left out. The strongest clauses of the likeliest categories
are told one by one; the rest of each sum is one piece of its own, so that the evidence still adds up.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from advisor.column_reader import CARD
from advisor.evidence import Evidence
from taxonomy.knowledge import Knowledge
from taxonomy.tokens import Tokens

if TYPE_CHECKING:
    from advisor.column_reader import Glance
    from advisor.encoder import Neighbour
    from taxonomy.schema import Strength

CATEGORIES_SPLIT = 3  # likeliest categories whose log-odds are told by clauses
CLAUSES_TOLD = 3  # for a category
LEAST_TOLD = 0.1  # log-odds that a clause must add to be told
SHORTEST_CLAUSE = 3  # words; a shorter one is told with its neighbour
LONGEST_QUOTE = 160  # characters of a worked case
NEAR = 0.05  # cosine by which a neighbour may be farther than the nearest and weigh 1/e of it
WHOLE, CLAUSE, CASE, TOGETHER = "reads-as-a-whole", "reads-like", "nearest-case", "reads-with-table"  # as rules' ids
WORDS = "Weights of single words, fitted to the worked cases of the knowledge base; see advisor/wording.py"
ENCODER = "Sentence encoder fine-tuned on the worked cases of the knowledge base; see advisor/ENCODER_CARD.md"


class Leaning(Protocol):
    """What one source makes of a text: log-odds of the categories, and how much of them stands in each span."""

    @property
    def logits(self) -> Mapping[str, float]: ...  # noqa: D102 - a field

    def added(self, categories: Sequence[str], spans: Sequence[tuple[int, int]]) -> Mapping[str, Sequence[float]]: ...  # noqa: D102 - said above


def from_leanings(
    knowledge: Knowledge, text: str, tokens: Tokens, leanings: Sequence[tuple[float, Leaning]], reference: str
) -> list[Evidence]:
    """The evidence of what sources make of a text; each counts with the scale that stands before it.

    Args:
        knowledge: gives the categories their titles.
        text: the description.
        tokens: its words.
        leanings: (scale, what a source says).
        reference: what the evidence rests on.
    """
    log_odds: dict[str, float] = {}
    for scale, leaning in leanings:
        for name, value in leaning.logits.items():
            log_odds[name] = log_odds.get(name, 0.0) + scale * value
    likeliest = sorted(log_odds, key=lambda name: -log_odds[name])[:CATEGORIES_SPLIT]
    spans = clauses(tokens) if log_odds else []
    adds = {name: [0.0] * len(spans) for name in likeliest} if len(spans) > 1 else {}
    for scale, leaning in leanings if adds else ():
        for name, column in leaning.added(likeliest, spans).items():
            adds[name] = [already + scale * value for already, value in zip(adds[name], column, strict=True)]
    found: list[Evidence] = []
    for category, left in log_odds.items():
        title = knowledge.categories[category].title
        if category in adds:
            told = sorted(zip(adds[category], spans, strict=True), key=lambda told: -abs(told[0]))[:CLAUSES_TOLD]
            for added, span in told:
                if abs(added) >= LEAST_TOLD:
                    found.append(_clause(category, title, text, span, added, reference))
                    left -= added
        verb = "reads like" if left > 0 else "does not read like"
        because = f"Taken as a whole, the description {verb} {title}."
        found.append(Evidence("text", category, None, _word(left), left, "", None, None, WHOLE, because, reference))
    return found


def _clause(category: str, title: str, text: str, span: tuple[int, int], added: float, reference: str) -> Evidence:
    start, end = span
    quote = text[start:end]
    verb = "makes the description read like" if added > 0 else "speaks against"
    because = f"“{quote}” {verb} {title}."
    return Evidence("text", category, None, _word(added), added, quote, start, end, CLAUSE, because, reference)


def from_neighbours(knowledge: Knowledge, near: Sequence["Neighbour"], scale: float) -> Iterator[Evidence]:
    """The evidence of the nearest cases, which share one weight, `scale`."""
    for case, share in zip(near, shares([case.similarity for case in near]), strict=True):
        quote = shortened(case.text)
        title = knowledge.categories[case.category].title
        because = f"It reads like this worked case of {title}: “{quote}”"
        weight = scale * share
        yield Evidence("case", case.category, None, _word(weight), weight, quote, None, None, CASE, because, ENCODER)


def from_glance(knowledge: Knowledge, glance: "Glance", scale: float) -> Iterator[Evidence]:
    """The evidence of what description and columns say when they are read together; it counts `scale` times."""
    for category, log_odds in glance.categories.items():
        weight = scale * log_odds
        verb = "read like" if weight > 0 else "do not read like"
        because = f"Taken together, the description and the columns {verb} {knowledge.categories[category].title}."
        yield Evidence("table", category, None, _word(weight), weight, "", None, None, TOGETHER, because, CARD)


def shortened(text: str) -> str:
    """A worked case as it is quoted.

    >>> len(shortened("word " * 100))
    160
    """
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"


def shares(similarities: Sequence[float]) -> list[float]:
    """How much each neighbour counts; they sum to 1.

    >>> [round(share, 2) for share in shares([0.9, 0.85, 0.5])]
    [0.73, 0.27, 0.0]
    """
    import math

    odds = [math.exp((value - max(similarities)) / NEAR) for value in similarities]
    return [value / sum(odds) for value in odds]


def _word(weight: float) -> "Strength":
    """The word of the knowledge base that is nearest to a weight."""
    return "strong" if weight >= 2 else "medium" if weight >= 1 else "weak" if weight >= 0 else "against"


def clauses(tokens: Tokens) -> list[tuple[int, int]]:
    """Where the clauses of a text stand, as (start, end); together they hold all its words.

    >>> from taxonomy.tokens import tokenize
    >>> text = "We have photos, no labels. Which ones look alike?"
    >>> [text[start:end] for start, end in clauses(tokenize(text))]
    ['We have photos, no labels', 'Which ones look alike']
    """
    starts, ends, numbers = tokens.starts, tokens.ends, tokens.clauses
    spans: list[tuple[int, int, int, int]] = []  # start, end, words, sentence, by clause
    first = 0
    while first < len(numbers):
        behind = bisect_right(numbers, numbers[first], first)
        spans.append((starts[first], ends[behind - 1], behind - first, tokens.sentences[first]))
        first = behind
    found: list[list[int]] = []
    for start, end, words, sentence in spans:
        short = words < SHORTEST_CLAUSE
        if found and (found[-1][2] < SHORTEST_CLAUSE or (short and found[-1][3] == sentence)):
            found[-1][1:3] = end, found[-1][2] + words
        else:
            found.append([start, end, words, sentence])
    if len(found) > 1 and found[-1][2] < SHORTEST_CLAUSE:
        last = found.pop()
        found[-1][1] = last[1]
    return [(start, end) for start, end, _, _ in found]
