"""Impression -> evidence: what the encoder makes of a text, told clause by clause, and the cases that read like it.

A category's logit is a mean over the tokens (encoder.py), so what a clause adds to it is known exactly: it is what the
category would lose were the clause's words left out of the mean. The strongest clauses of the likeliest categories are
told one by one; the rest of each logit is one piece of its own, so that the evidence still adds up.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from advisor.evidence import Evidence
from taxonomy.knowledge import Knowledge
from taxonomy.tokens import Tokens, tokenize

if TYPE_CHECKING:
    from advisor.encoder import Impression, Neighbour
    from taxonomy.schema import Strength

CATEGORIES_SPLIT = 3  # likeliest categories whose logit is told by clauses
CLAUSES_TOLD = 3  # for a category
LEAST_TOLD = 0.1  # log-odds that a clause must add to be told
SHORTEST_CLAUSE = 3  # words; a shorter one is told with its neighbour
LONGEST_QUOTE = 160  # characters of a worked case
NEAR = 0.05  # cosine by which a neighbour may be farther than the nearest and weigh 1/e of it
WHOLE, CLAUSE, CASE = "reads-as-a-whole", "reads-like", "nearest-case"  # what stands for a rule's id
REFERENCE = "Sentence encoder fine-tuned on the worked cases of the knowledge base; see advisor/ENCODER_CARD.md"


def from_impression(
    knowledge: Knowledge, text: str, impression: "Impression", *, encoder: float, neighbours: float
) -> list[Evidence]:
    """The evidence of an impression; what it adds to a category is its logit times `encoder`, and its share among the
    nearest cases times `neighbours`."""
    likeliest = sorted(impression.logits, key=lambda name: -impression.logits[name])[:CATEGORIES_SPLIT]
    spans = clauses(text, tokenize(text))
    found: list[Evidence] = []
    for category, logit in impression.logits.items():
        left = logit * encoder
        title = knowledge.categories[category].title
        if category in likeliest:
            adds = [encoder * _added(impression, category, start, end) for start, end in spans]
            told = sorted(range(len(spans)), key=lambda place: -abs(adds[place]))[:CLAUSES_TOLD]
            for place in told if len(spans) > 1 else ():
                if abs(adds[place]) >= LEAST_TOLD:
                    found.append(_clause(category, title, text, spans[place], adds[place]))
                    left -= adds[place]
        verb = "reads like" if left > 0 else "does not read like"
        because = f"Taken as a whole, the description {verb} {title}."
        found.append(Evidence("text", category, None, _word(left), left, "", None, None, WHOLE, because, REFERENCE))
    found += _cases(knowledge, impression.neighbours, neighbours)
    return found


def _added(impression: "Impression", category: str, start: int, end: int) -> float:
    return sum(part.adds[category] for part in impression.stretches if start <= part.start < end)


def _clause(category: str, title: str, text: str, span: tuple[int, int], added: float) -> Evidence:
    start, end = span
    quote = text[start:end]
    verb = "makes the description read like" if added > 0 else "speaks against"
    because = f"“{quote}” {verb} {title}."
    return Evidence("text", category, None, _word(added), added, quote, start, end, CLAUSE, because, REFERENCE)


def _cases(knowledge: Knowledge, near: Sequence["Neighbour"], scale: float) -> Iterator[Evidence]:
    for case, share in zip(near, shares([case.similarity for case in near]), strict=True):
        quote = case.text if len(case.text) <= LONGEST_QUOTE else case.text[: LONGEST_QUOTE - 1] + "…"
        title = knowledge.categories[case.category].title
        because = f"It reads like this worked case of {title}: “{quote}”"
        weight = scale * share
        yield Evidence("case", case.category, None, _word(weight), weight, quote, None, None, CASE, because, REFERENCE)


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


def clauses(text: str, tokens: Tokens) -> list[tuple[int, int]]:
    """Where the clauses of a text stand, as (start, end); together they hold all its words.

    >>> text = "We have photos, no labels. Which ones look alike?"
    >>> [text[start:end] for start, end in clauses(text, tokenize(text))]
    ['We have photos, no labels', 'Which ones look alike']
    """
    spans: list[list[int]] = []  # start, end, words, sentence, by clause
    at = None
    for start, end, clause, sentence in zip(tokens.starts, tokens.ends, tokens.clauses, tokens.sentences, strict=True):
        if clause == at:
            spans[-1][1:3] = end, spans[-1][2] + 1
        else:
            spans.append([start, end, 1, sentence])
        at = clause
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
