"""What a text says in the terms of the knowledge base: which rules fire, where, and what else its words hint at."""

from typing import NamedTuple

from taxonomy.knowledge import PITFALL, UNLESS, WHEN, Knowledge
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
    matcher = knowledge.matcher
    walk = matcher.walk(tokens)
    fired: dict[str, Fired] = {}
    pitfalls: dict[str, str] = {}
    advice: dict[str, str] = {}
    matches, reached = matcher.find(walk)
    for match in matches:
        first, last, owner, negated, _ = match
        if owner.startswith(WHEN):
            name = owner.removeprefix(WHEN)
            if name in fired:
                continue
            rule = knowledge.rules[name]
            counts = rule.scope == "any" or negated == (rule.scope == "negated")
            if counts and not walk.holds(UNLESS + name, first):
                start, end = tokens.starts[first], tokens.ends[last]
                fired[name] = Fired(rule, text[start:end], start, end, matcher.captures(text, tokens, match))
        elif owner.startswith(PITFALL):
            pitfalls.setdefault(owner.removeprefix(PITFALL), text[tokens.starts[first] : tokens.ends[last]])
        elif not negated and not walk.holds(UNLESS + owner, first):
            advice.setdefault(owner, text[tokens.starts[first] : tokens.ends[last]])
    return Reading(tuple(fired.values()), pitfalls, advice, tokens, reached)
