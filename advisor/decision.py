"""Evidence -> posterior, by a cascade: rules and words alone where they are sure, else with encoder and nearest cases.

Most of the cost of an answer is the encoder's, and many descriptions say plainly what they want. So rules and words
speak first; how sure they must be is fitted on held-out cases (posterior.Reckoning.sure).
"""

from collections.abc import Sequence
from typing import NamedTuple

from advisor import impression, posterior, wording
from advisor.evidence import Evidence, from_reading
from advisor.posterior import Posterior
from advisor.wording import SILENT, Words
from taxonomy.knowledge import Knowledge
from taxonomy.reading import Reading
from taxonomy.tokens import Tokens

Span = tuple[int, int]  # offsets in the text, end exclusive


class Said(NamedTuple):
    """What is known of one description before anything is weighed.

    `evidence` is what the rules found; `others` is what the user answered and what the table shows, which count in
    full either way. The encoder is given the text without its `courtesies`, and what it makes of `negated` words is
    taken out again; the words that speak for themselves are neither.
    """

    text: str
    evidence: Sequence[Evidence]
    others: Sequence[Evidence] = ()
    tokens: Tokens = Tokens([], [], [], [], [])
    negated: Sequence[Span] = ()
    courtesies: Sequence[Span] = ()
    words: Words = SILENT


class Decision(NamedTuple):
    """The posterior, and the log-odds of each "category/subtask" that words and encoder give."""

    posterior: Posterior
    subtasks: dict[str, float]


def hear(knowledge: Knowledge, text: str, reading: Reading, others: Sequence[Evidence] = ()) -> Said:
    """What rules and words say of a text that has been read."""
    tokens, negated, courteous = reading.tokens, reading.negated, reading.courteous
    unheard = [either or other for either, other in zip(negated, courteous, strict=True)] if any(courteous) else negated
    words = wording.load().read(tokens, unheard)
    evidence = from_reading(knowledge, reading)
    return Said(text, evidence, others, tokens, _spans(tokens, negated), _spans(tokens, courteous), words)


def _spans(tokens: Tokens, chosen: Sequence[bool]) -> list[Span]:
    if not any(chosen):
        return []
    places = zip(tokens.starts, tokens.ends, chosen, strict=True)
    return [(start, end) for start, end, wanted in places if wanted]


def heard(said: Said) -> str:
    """The text with blanks for its courtesies, so that every offset stays; as it is where nothing else is in it.

    >>> heard(Said("Hi. Who pays? Thanks.", [], courtesies=[(0, 2), (14, 20)]))
    '  . Who pays?       .'
    """
    text = said.text
    for start, end in said.courtesies:
        text = text[:start] + " " * (end - start) + text[end:]
    return text if any(map(str.isalnum, text)) else said.text


def decide(knowledge: Knowledge, said: Sequence[Said], *, encoder: bool = True, scale: float = 1.0) -> list[Decision]:
    """The decision about each description, in order.

    Args:
        knowledge: the compiled knowledge base.
        said: what is known of each description.
        encoder: whether the encoder may be asked at all.
        scale: what all weights are multiplied by once they are known, but for what the user answered.
    """
    sure = [not encoder or is_sure(knowledge, one) for one in said]
    asked = iter(with_encoder(knowledge, [one for one, alone in zip(said, sure, strict=True) if not alone], scale))
    return [by_rules(knowledge, one, scale) if alone else next(asked) for one, alone in zip(said, sure, strict=True)]


def by_rules(knowledge: Knowledge, said: Said, scale: float = 1.0) -> Decision:
    """What rules and words alone decide, with what the user answered and the table shows."""
    scales = posterior.reckoning(knowledge).alone
    rules = posterior.scaled(said.evidence, scales.rules, subtasks=scales.subtask_rules)
    leaning = impression.from_leanings(
        knowledge, said.text, said.tokens, [(scales.words, said.words)], impression.WORDS
    )
    found = _weigh(knowledge, [*rules, *leaning, *said.others], scale)
    subtasks = said.words.subtasks(found.category) if found.category else {}
    return Decision(found, {name: scales.subtask_words * value for name, value in subtasks.items()})


def is_sure(knowledge: Knowledge, said: Said) -> bool:
    """Whether rules and words are sure of what they would decide, so that the encoder need not be asked.

    Only the sums are made here, no evidence: most of what `by_rules` does would be done in vain where they are not.
    """
    numbers = posterior.reckoning(knowledge)
    log_odds = dict.fromkeys(knowledge.categories, 0.0)
    posterior.add(log_odds, said.evidence, numbers.alone.rules)
    posterior.add(log_odds, said.others)
    for category, value in said.words.logits.items():
        log_odds[category] += numbers.alone.words * value
    return max(posterior.softmax(log_odds).values()) >= numbers.sure


def with_encoder(knowledge: Knowledge, said: Sequence[Said], scale: float = 1.0) -> list[Decision]:
    """What rules, words and encoder decide together; rules and words alone where there is no encoder."""
    if not said:
        return []
    from advisor.encoder import load

    reader = load()
    if reader is None:
        return [by_rules(knowledge, one, scale) for one in said]

    scales = posterior.reckoning(knowledge).together
    decided = []
    for one, whole in zip(said, reader.read([heard(one) for one in said]), strict=True):
        read = whole.without(one.negated) if one.negated else whole
        rules = posterior.scaled(one.evidence, scales.rules, subtasks=scales.subtask_rules)
        leanings: list[tuple[float, impression.Leaning]] = [(scales.words, one.words), (scales.encoder, read)]
        leaning = impression.from_leanings(knowledge, one.text, one.tokens, leanings, impression.ENCODER)
        cases = impression.from_neighbours(knowledge, read.neighbours, scales.neighbours)
        found = _weigh(knowledge, [*rules, *leaning, *cases, *one.others], scale)
        subtasks = {name: scales.subtask_encoder * value for name, value in read.subtasks.items()}
        for name, value in (one.words.subtasks(found.category) if found.category else {}).items():
            subtasks[name] = subtasks.get(name, 0.0) + scales.subtask_words * value
        decided.append(Decision(found, subtasks))
    return decided


def _weigh(knowledge: Knowledge, pieces: Sequence[Evidence], scale: float) -> Posterior:
    numbers = posterior.reckoning(knowledge)
    categories = list(knowledge.categories)
    if scale != 1.0:
        answers = [piece for piece in pieces if piece.source == "answer"]
        pieces = [*posterior.scaled((piece for piece in pieces if piece.source != "answer"), scale), *answers]
    return posterior.weigh(pieces, categories, least=numbers.least, least_margin=numbers.least_margin)
