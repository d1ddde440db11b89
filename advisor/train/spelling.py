"""The words that are known as they stand, from which slips of the pen are told (taxonomy/spelling.py)."""

import json
from collections.abc import Iterable
from pathlib import Path

from advisor import encoder
from advisor.train import wheels
from advisor.train.cases import Item
from taxonomy import spelling
from taxonomy.sources import ROOT
from taxonomy.tokens import tokenize

COMMON = "symspellpy==6.10.1"  # a wheel that carries a list of words with how often they are written (MIT)
COMMON_SHA256 = "a653a6c125839a21ada87c3e044d690fc3b39872efbd7b7270db3de9471315e1"
COMMON_FILE = "symspellpy/frequency_dictionary_en_82_765.txt"
REAL = frozenset(  # of this field, and in neither list
    "perceptron autoencoder hyperparameter tokenizer lemma dataset dataframe config catalyse enology".split()
)


def known(items: Iterable[Item], common: Iterable[str], file: str = encoder.FILE) -> list[str]:
    """The words of the knowledge base and its cases, the whole words of the vocabulary of the encoder in `file`, and
    those of the `common` words that are not made of these. They are sorted.

    >>> items = [Item("Who takes the ferry to Mousehole?", "ranking", "ranking/search", (), "a")]
    >>> found = known(items, ["samovar", "hospitals"])
    >>> [word in found for word in ("mousehole", "samovar", "hospital", "hospitals", "pateints")]
    [True, True, True, True, False]
    """
    _, facts = encoder.opened(file)
    pieces: dict[str, int] = json.loads(facts["tokenizer"])["model"]["vocab"]
    texts = [*(item.text for item in items), *(path.read_text(encoding="utf-8") for path in ROOT.rglob("*.yaml"))]
    found = {word for text in texts for word in tokenize(text).words} | pieces.keys() | REAL
    own = frozenset(word for word in found if word.isascii() and word.isalpha())
    long = {word for word in common if len(word) >= spelling.SHORTEST_SWAP and word.isascii() and word.isalpha()}
    return sorted(own | {word for word in long - own if not spelling.is_made_of(own, word)})


def fetch_common(wheel: Path | None = None) -> list[str]:
    """82,000 words of English, British and American."""
    with wheels.opened(COMMON, COMMON_SHA256, wheel) as archive:
        return [line.split()[0] for line in archive.read(COMMON_FILE).decode("utf-8-sig").splitlines()]


def write(words: Iterable[str], path: Path = Path(spelling.FILE)) -> None:
    """Write one word a line."""
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
