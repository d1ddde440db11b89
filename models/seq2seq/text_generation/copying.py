"""What is wrong with made-up text: it repeats itself (Holtzman et al. 2020), or it was copied from training texts."""

from collections.abc import Sequence

RUN = 3  # words that count as repeated together
PARTED = "\0"  # between training texts


def repeated(text: str) -> float:
    """Returns the share of runs of three words that stood before in the same text.

    >>> repeated("a b c a b c")
    0.25
    """
    words = text.split()
    runs = list(zip(*(words[at:] for at in range(RUN)), strict=False))
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def copied(text: str, source: str) -> float:
    """Returns the length of the longest part that stands in the source, as a share of the text.

    >>> copied("in the end", "at the edge")
    0.6
    """
    longest = start = 0
    for end in range(1, len(text) + 1):
        while text[start:end] not in source:
            start += 1
        longest = max(longest, end - start)
    return longest / len(text) if text else 0.0


def source(texts: Sequence[str]) -> str:
    """Returns training texts as one, in which no part runs over from one to the next."""
    return PARTED.join(texts)
