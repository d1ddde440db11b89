"""The words that the encoder knows: those of its pretrained parent that an English description can hold."""

from collections.abc import Mapping
from typing import Any

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
MOST_TOKENS = 22_700  # keeps the released file below 25 MB; the parent lists frequent words first
LONGEST = 256  # tokens of one text that are read, both marks included


def choose(vocabulary: Mapping[str, int], used: Mapping[str, int], *, most: int = MOST_TOKENS) -> list[str]:
    """The tokens to keep, in the parent's order: special ones, single characters, what the cases use, frequent words.

    Any word can still be spelled, since single characters and their continuations stay.

    Args:
        vocabulary: token -> row in the parent.
        used: token -> how often the worked cases use it.
        most: how many to keep.

    >>> parent = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "the": 5, "yes": 6, "\u4e2d": 7}
    >>> choose(parent, {"yes": 3}, most=6)
    ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'a', 'yes']
    """
    ordered = sorted((token for token in vocabulary if _is_latin(token)), key=vocabulary.__getitem__)
    needed = {token for token in ordered if len(token.removeprefix("##")) == 1 or token in used}
    for token in ordered:
        if len(needed) + len(SPECIAL) >= most:
            break
        needed.add(token)
    return [*SPECIAL, *(token for token in ordered if token in needed)]


def _is_latin(token: str) -> bool:
    """Whether a token is Latin letters, digits, punctuation or currency, and no mark of the model's own."""
    return not (token.startswith("[") and token.endswith("]") and len(token) > 1) and all(
        c < "\u0250" or "\u2010" <= c < "\u20d0" for c in token
    )


def tokenizer(tokens: list[str]) -> Any:
    """A WordPiece tokenizer (Schuster and Nakajima, 2012) over `tokens`: lower case, accents off, [CLS] … [SEP].

    >>> tokenizer([*SPECIAL, "how", "many", "##s"]).encode("How many").ids
    [2, 4, 5, 3]
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    numbers = {token: number for number, token in enumerate(tokens)}
    made = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", numbers["[CLS]"]), ("[SEP]", numbers["[SEP]"])]
    )
    return made


def clip(ids: list[int]) -> list[int]:
    """At most `LONGEST` tokens: of a longer text the beginning and the end, where people say what they want.

    >>> len(clip(list(range(1000)))), clip([2, 7, 3])
    (256, [2, 7, 3])
    """
    half = LONGEST // 2
    return ids if len(ids) <= LONGEST else [*ids[:half], *ids[-half:]]
