"""The worked cases as what training needs: texts with soft labels, split by whose hand they are from."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from taxonomy.sources import Sources

HELD_OUT = ("d", "k", "n", "w")  # batches, each by one hand: plain voices, traps, titles, unclear public texts


class Item(NamedTuple):
    """One description; `category` is empty where no expert could decide."""

    text: str
    category: str
    subtask: str  # "category/subtask"
    accept: tuple[str, ...]
    batch: str


def items(sources: Sources) -> list[Item]:
    """Every worked case, and every text that says too little, in the order of the knowledge base."""
    found = [
        Item(case.text, category, f"{category}/{case.subtask}", case.accept, case.batch)
        for category, folder in sources.folders.items()
        for case in folder.cases
    ]
    return found + [Item(vague.text, "", "", (), vague.batch) for vague in sources.vague]


def split(found: Iterable[Item], held_out: Sequence[str] = HELD_OUT) -> tuple[list[Item], list[Item]]:
    """Those to fit on, and those held out."""
    fit: list[Item] = []
    held: list[Item] = []
    for item in found:
        (held if item.batch in held_out else fit).append(item)
    return fit, held


def targets(item: Item, categories: Sequence[str]) -> list[float]:
    """How much each category is right: even where none can be decided.

    >>> targets(Item("hello", "", "", (), ""), ["a", "b"])
    [0.5, 0.5]
    """
    from models.sentence_encoder.training import soft_label

    if not item.category:
        return [1 / len(categories)] * len(categories)
    return soft_label(item.category, item.accept, categories)
