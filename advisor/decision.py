"""Evidence -> posterior, by a cascade: rules alone where they are sure, else rules, encoder and nearest cases together.

Most of the cost of an answer is the encoder's, and many descriptions say plainly what they want. So the rules speak
first; how sure they must be is fitted on held-out cases (posterior.Reckoning.sure).
"""

from collections.abc import Sequence
from typing import NamedTuple

from advisor import posterior
from advisor.evidence import Evidence
from advisor.posterior import Posterior
from taxonomy.knowledge import Knowledge


class Said(NamedTuple):
    """What is known of one description before anything is weighed.

    `evidence` is what the rules found; `others` is what the user answered and what the table shows, which count in
    full either way.
    """

    text: str
    evidence: Sequence[Evidence]
    others: Sequence[Evidence] = ()


class Decision(NamedTuple):
    """The posterior, and what the encoder says of each "category/subtask" where it was asked."""

    posterior: Posterior
    subtask_logits: dict[str, float] | None


def decide(knowledge: Knowledge, said: Sequence[Said], *, encoder: bool = True) -> list[Decision]:
    """The decision about each description, in order.

    Args:
        knowledge: the compiled knowledge base.
        said: what is known of each description.
        encoder: whether the encoder may be asked at all.
    """
    decisions = [by_rules(knowledge, one) for one in said]
    return with_encoder(knowledge, said, decisions) if encoder else decisions


def by_rules(knowledge: Knowledge, said: Said) -> Decision:
    """What the rules alone decide, with what the user answered and the table shows."""
    scale = posterior.reckoning(knowledge).rules_alone
    return Decision(_weigh(knowledge, [*posterior.scaled(said.evidence, scale), *said.others]), None)


def is_sure(knowledge: Knowledge, decision: Decision) -> bool:
    """Whether the rules are sure of what they decided, so that the encoder need not be asked."""
    return max(decision.posterior.probabilities.values()) >= posterior.reckoning(knowledge).sure


def with_encoder(knowledge: Knowledge, said: Sequence[Said], decisions: Sequence[Decision]) -> list[Decision]:
    """The decisions of the rules, and where they are not sure that of rules and encoder together."""
    decided = list(decisions)
    unsure = [place for place, found in enumerate(decided) if not is_sure(knowledge, found)]
    if not unsure:
        return decided
    from advisor.encoder import load
    from advisor.impression import from_impression

    reader = load()
    if reader is None:
        return decided

    numbers = posterior.reckoning(knowledge)
    impressions = reader.read([said[place].text for place in unsure])
    for place, impression in zip(unsure, impressions, strict=True):
        one = said[place]
        rules = posterior.scaled(one.evidence, numbers.rules, subtasks=numbers.subtask_rules)
        seen = from_impression(knowledge, one.text, impression, encoder=numbers.encoder, neighbours=numbers.neighbours)
        decided[place] = Decision(_weigh(knowledge, [*rules, *seen, *one.others]), impression.subtasks)
    return decided


def _weigh(knowledge: Knowledge, pieces: Sequence[Evidence]) -> Posterior:
    numbers = posterior.reckoning(knowledge)
    categories = list(knowledge.categories)
    return posterior.weigh(pieces, categories, least=numbers.least, least_margin=numbers.least_margin)
