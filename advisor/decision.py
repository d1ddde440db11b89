"""Evidence -> posterior, by a cascade: rules and words alone where they are sure, else with encoder and nearest cases.

Most of the cost of an answer is the encoder's, and many descriptions say plainly what they want. So rules and words
speak first; how sure they must be is fitted on held-out cases (posterior.Reckoning.sure).
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from advisor import impression, posterior, wording
from advisor.evidence import Evidence, from_reading
from advisor.posterior import Posterior
from advisor.wording import SILENT, Words
from taxonomy.knowledge import Knowledge
from taxonomy.reading import Reading
from taxonomy.tokens import Tokens

ENDS = ".!?\u2026"  # of sentences
Span = tuple[int, int]  # offsets in the text, end exclusive


class Said(NamedTuple):
    """What is known of one description before anything is weighed.

    `evidence` is what the rules found; `others` is what the user answered and what the table shows, which count in
    full either way. The encoder is given the text without its `courtesies` and with its `slips` of the pen put right,
    and what it makes of `negated` words is taken out again; the words that speak for themselves are neither.
    """

    text: str
    evidence: Sequence[Evidence]
    others: Sequence[Evidence] = ()
    tokens: Tokens = Tokens([], [], [], [], [])
    negated: Sequence[Span] = ()
    courtesies: Sequence[Span] = ()
    slips: Sequence[tuple[Span, str]] = ()  # where one stands, and the word that was meant
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
    slips = [
        ((tokens.starts[place], tokens.ends[place]), meant)
        for place, meant in reading.slips.items()
        if not courteous[place]
    ]
    return Said(
        text, evidence, others, tokens, _spans(tokens, negated), _courtesies(text, tokens, courteous), slips, words
    )


def _courtesies(text: str, tokens: Tokens, courteous: Sequence[bool]) -> list[Span]:
    """Where courtesies stand; whole sentences and what ends the text with the signs that end them.

    A question mark behind a courtesy that ends a question remains: "Who pays, thanks?".
    """
    found: list[Span] = []
    if not any(courteous):
        return found
    starts, ends, sentences = tokens.starts, tokens.ends, [-1, *tokens.sentences, -1]
    for polite, run in groupby(range(len(courteous)), courteous.__getitem__):
        if polite:
            places = list(run)
            first, behind = places[0], places[-1] + 1
            last = behind == len(starts)
            signs = text[ends[behind - 1] : len(text) if last else starts[behind]]
            whole = sentences[first] != sentences[first + 1] and sentences[behind] != sentences[behind + 1]
            blank = (
                max((signs.rfind(sign) + 1 for sign in ENDS), default=0) if whole or (last and "?" not in signs) else 0
            )
            found.append((starts[first], ends[behind - 1] + blank))
    return found


def _spans(tokens: Tokens, chosen: Sequence[bool]) -> list[Span]:
    if not any(chosen):
        return []
    places = zip(tokens.starts, tokens.ends, chosen, strict=True)
    return [(start, end) for start, end, wanted in places if wanted]


class Heard(NamedTuple):
    """What the encoder is given for a text, and how its places are found in the text again."""

    text: str
    grown: Sequence[int] = ()  # rising places of letters that were put in

    def spoken(self, place: int) -> int:
        """The place in the text of what stands at `place` here."""
        return place - bisect_left(self.grown, place)


def heard(said: Said) -> Heard:
    """The text with blanks for its courtesies, and other slips put right; as it is where nothing else is in it.

    >>> heard(Said("Hi. Who pays? Thanks.", [], courtesies=[(0, 4), (14, 21)])).text
    '    Who pays?        '
    >>> found = heard(Said("Their hosptial stay", [], slips=[((6, 14), "hospital")]))
    >>> found.text, [found.spoken(place) for place in (6, 14, 15)]
    ('Their hospital stay', [6, 14, 15])
    """
    text = said.text
    for start, end in said.courtesies:
        text = text[:start] + " " * (end - start) + text[end:]
    if not any(map(str.isalnum, text)):
        return Heard(said.text)
    grown: list[int] = []
    for (start, end), meant in said.slips:
        start, end = start + len(grown), end + len(grown)
        grown += range(end, start + len(meant))  # at most one letter
        text = text[:start] + meant.ljust(end - start) + text[end:]
    return Heard(text, grown)


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
    given = [heard(one) for one in said]
    for one, told, whole in zip(said, given, reader.read([each.text for each in given]), strict=True):
        read = whole.moved(told.spoken) if told.grown else whole
        read = read.without(one.negated) if one.negated else read
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
