"""The words that are known as they stand, from which slips of the pen are told (taxonomy/spelling.py)."""

import json
from collections.abc import Iterable
from pathlib import Path

from advisor import encoder
from advisor.train.cases import Item
from taxonomy import spelling
from taxonomy.sources import ROOT
from taxonomy.tokens import tokenize


def known(items: Iterable[Item], file: str = encoder.FILE) -> list[str]:
    """The words of the knowledge base and its cases, and the whole words of the vocabulary of the encoder in `file`.

    They are sorted.

    >>> found = known([Item("Who takes the ferry to Mousehole?", "ranking", "ranking/search", (), "a")])
    >>> "mousehole" in found, "hospital" in found, "pateints" in found
    (True, True, False)
    """
    _, facts = encoder.opened(file)
    pieces: dict[str, int] = json.loads(facts["tokenizer"])["model"]["vocab"]
    texts = [*(item.text for item in items), *(path.read_text(encoding="utf-8") for path in ROOT.rglob("*.yaml"))]
    found = {word for text in texts for word in tokenize(text).words} | pieces.keys()
    return sorted(word for word in found if word.isascii() and word.isalpha())


def write(words: Iterable[str], path: Path = Path(spelling.FILE)) -> None:
    """Write one word a line."""
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
