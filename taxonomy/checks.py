"""The knowledge base against itself: the examples that every rule, reframe, gate and pipeline carries, run."""

from taxonomy.advice import Advice
from taxonomy.knowledge import GATE, PIPELINE, REFRAME, Knowledge, compile_index, from_index
from taxonomy.reading import read_text
from taxonomy.sources import Sources


def example_mistakes(sources: Sources) -> list[str]:
    """Every example that does not hold: `matches` fire their rule, `ignores` do not, `known_misses` do not yet."""
    knowledge = from_index(compile_index(sources))
    mistakes = []
    for category, folder in sources.folders.items():
        for rule in folder.rules:
            name = f"taxonomy/{category}/rules.yaml: {rule.id}"
            fires = {
                text: _fires(knowledge, rule.id, text) for text in (*rule.matches, *rule.ignores, *rule.known_misses)
            }
            mistakes += [f"{name} must match but does not: {text}" for text in rule.matches if not fires[text]]
            mistakes += [f"{name} must ignore but matches: {text}" for text in rule.ignores if fires[text]]
            mistakes += [
                f"{name} matches a known miss; move it to matches: {text}" for text in rule.known_misses if fires[text]
            ]
    shared: dict[str, tuple[Advice, ...]] = {
        REFRAME: sources.reframes,
        GATE: sources.gates,
        PIPELINE: sources.pipelines,
    }
    for kind, records in shared.items():
        for record in records:
            name, owner = f"taxonomy/{kind[:-1]}s.yaml: {record.id}", kind + record.id
            mistakes += [
                f"{name} must match but does not: {text}"
                for text in record.matches
                if owner not in read_text(knowledge, text).advice
            ]
            mistakes += [
                f"{name} must ignore but matches: {text}"
                for text in record.ignores
                if owner in read_text(knowledge, text).advice
            ]
    return mistakes


def _fires(knowledge: Knowledge, rule: str, text: str) -> bool:
    return any(fired.rule.id == rule for fired in read_text(knowledge, text).fired)
