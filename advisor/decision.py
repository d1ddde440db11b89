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
    numbers = posterior.reckoning(knowledge)
    categories = list(knowledge.categories)
    limits = {"least": numbers.least, "least_margin": numbers.least_margin}

    def weigh(pieces: Sequence[Evidence]) -> Posterior:
        return posterior.weigh(pieces, categories, **limits)

    decisions = [
        Decision(weigh([*posterior.scaled(one.evidence, numbers.rules_alone), *one.others]), None) for one in said
    ]
    unsure = [place for place, found in enumerate(decisions) if not sure(knowledge, found)]
    if not encoder or not unsure:
        return decisions
    from advisor.encoder import load
    from advisor.impression import from_impression

    reader = load()
    if reader is None:
        return decisions

    impressions = reader.read([said[place].text for place in unsure])
    for place, impression in zip(unsure, impressions, strict=True):
        one = said[place]
        rules = posterior.scaled(one.evidence, numbers.rules, subtasks=numbers.subtask_rules)
        seen = from_impression(knowledge, one.text, impression, encoder=numbers.encoder, neighbours=numbers.neighbours)
        decisions[place] = Decision(weigh([*rules, *seen, *one.others]), impression.subtasks)
    return decisions


def sure(knowledge: Knowledge, decision: Decision) -> bool:
    """Whether the rules are sure of what they decided, so that the encoder need not be asked."""
    return max(decision.posterior.probabilities.values()) >= posterior.reckoning(knowledge).sure
