"""What a text says in the terms of the knowledge base: which rules fire, where, and what else its words hint at."""

from typing import NamedTuple

from taxonomy.knowledge import PITFALL, UNLESS, WHEN, Knowledge
from taxonomy.schema import Rule
from taxonomy.smalltalk import sentences
from taxonomy.spelling import slips
from taxonomy.tokens import Tokens, tokenize

MOST_LEFT = 3  # words of a courtesy's sentence beside it: "from all here"


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
    tokens: Tokens  # slips of the pen put right
    slips: dict[int, str]  # by the number of a word that was a slip: what was meant
    negated: list[bool]  # for each word
    courteous: list[bool]  # for each word: it only greets, thanks or chats


def read_text(knowledge: Knowledge, text: str) -> Reading:
    """Which rules fire in `text` what it hints at; linear in the length of the text.

    >>> from taxonomy.knowledge import load
    >>> reading = read_text(load(), "How many hours will this surgery take?")
    >>> any("regression" in fired.rule.points_to for fired in reading.fired)
    True
    """
    tokens = tokenize(text)
    slipped = slips(text, tokens)
    if slipped:
        words = [slipped.get(place, word) for place, word in enumerate(tokens.words)]
        tokens = tokens._replace(words=words)
    matcher = knowledge.matcher
    walk = matcher.walk(tokens)
    fired: dict[str, Fired] = {}
    pitfalls: dict[str, str] = {}
    advice: dict[str, str] = {}
    matches, reached, courtesies = matcher.find(walk)
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
                fired[name] = Fired(rule, text[start:end], start, end, matcher.captures(text, walk, match))
        elif owner.startswith(PITFALL):
            pitfalls.setdefault(owner.removeprefix(PITFALL), text[tokens.starts[first] : tokens.ends[last]])
        elif not negated and not walk.holds(UNLESS + owner, first):
            advice.setdefault(owner, text[tokens.starts[first] : tokens.ends[last]])
    told = {rule for rule in fired if knowledge.rules[rule].points_to}
    telling = {match.first for match in matches if match.owner.removeprefix(WHEN) in told}
    courteous = _courteous(tokens, courtesies, telling - courtesies)
    return Reading(tuple(fired.values()), pitfalls, advice, tokens, slipped, reached, courteous)


def _courteous(tokens: Tokens, courtesies: set[int], telling: set[int]) -> list[bool]:
    """For each word whether it belongs to a courtesy, or to a sentence of small talk in which no rule speaks.

    Small talk is also a sentence with a courtesy and hardly more.

    Args:
        tokens: the words.
        courtesies: which of them belong to a courtesy.
        telling: with which of them the phrase of a rule about categories begins.
    """
    spoken = {tokens.sentences[word] for word in telling}
    polite = sentences(tokens, spoken)
    if not courtesies:
        return [sentence in polite for sentence in tokens.sentences]
    courtesies |= {
        word for word in range(1, len(tokens.words)) if {word - 1, word + 1} <= courtesies
    }  # "thanks for your help"
    left = dict.fromkeys({tokens.sentences[word] for word in courtesies} - spoken, 0)
    for word, sentence in enumerate(tokens.sentences):
        if sentence in left and word not in courtesies:
            left[sentence] += 1
    polite |= {sentence for sentence, others in left.items() if others <= MOST_LEFT}
    return [sentence in polite or word in courtesies for word, sentence in enumerate(tokens.sentences)]
