"""What a text says in the terms of the knowledge base: which rules fire, where, and what else its words hint at."""

from typing import NamedTuple

from taxonomy.knowledge import ADVICE, PITFALL, UNLESS, WHEN, Knowledge
from taxonomy.schema import Rule
from taxonomy.tokens import Tokens, tokenize


class Fired(NamedTuple):
    """A rule that fires, and the words that made it: offsets in Unicode code points, end exclusive."""

    rule: Rule
    quote: str
    start: int
    end: int
    captures: dict[str, str]


class Reading(NamedTuple):
    """Everything that the knowledge base finds in one text."""

    fired: tuple[Fired, ...]  # each rule once, in the order of the text
    pitfalls: dict[str, str]  # pitfall id -> the user's words that hint at it
    advice: dict[str, str]  # "reframe:", "gate:" or "pipeline:" and an id -> the user's words that call for it
    tokens: Tokens
    negated: list[bool]  # for each word


def read_text(knowledge: Knowledge, text: str) -> Reading:
    """Which rules fire in `text` what it hints at; linear in the length of the text.

    >>> from taxonomy.knowledge import load
    >>> reading = read_text(load(), "How many hours will this surgery take?")
    >>> any("regression" in fired.rule.points_to for fired in reading.fired)
    True
    """
    tokens = tokenize(text)
    walk = knowledge.matcher.walk(tokens)
    matches, negated = knowledge.matcher.find(text, walk)
    conditions = {UNLESS + match.owner.removeprefix(WHEN) for match in matches if match.owner.startswith(WHEN)}
    switched_off = knowledge.matcher.holding(walk, conditions)
    fired: dict[str, Fired] = {}
    pitfalls: dict[str, str] = {}
    advice: dict[str, str] = {}
    for match in matches:
        start, end = tokens.starts[match.first], tokens.ends[match.last]
        if match.owner.startswith(WHEN):
            rule = knowledge.rules[match.owner.removeprefix(WHEN)]
            counts = rule.scope == "any" or match.negated == (rule.scope == "negated")
            off = (UNLESS + rule.id, tokens.sentences[match.first]) in switched_off
            if counts and not off and rule.id not in fired:
                fired[rule.id] = Fired(rule, text[start:end], start, end, match.captures)
        elif match.owner.startswith(PITFALL):
            pitfalls.setdefault(match.owner.removeprefix(PITFALL), text[start:end])
        elif (
            match.owner.startswith(ADVICE)
            and not match.negated
            and (match.owner, tokens.sentences[match.first]) not in switched_off
        ):
            advice.setdefault(match.owner, text[start:end])
    return Reading(tuple(fired.values()), pitfalls, advice, tokens, negated)
