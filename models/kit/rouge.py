"""ROUGE: how many words, pairs of words, and words in the same order a summary shares with its reference.

Lin (2004), ROUGE: A Package for Automatic Evaluation of Summaries: ROUGE-1, ROUGE-2, and ROUGE-L by the longest common
subsequence of the whole texts; F1 for each text, from 0 to 1, one reference, words in lower case, neither stemmed nor
left out. Figures of other programs that stem or that take ROUGE-L sentence by sentence differ a little.
"""

from collections import Counter
from collections.abc import Sequence

Words = Sequence[str]


def runs(text: Words, length: int) -> Counter[tuple[str, ...]]:
    """Returns how often each run of that many words stands in a text.

    >>> runs(["a", "b", "a", "b"], 2)[("a", "b")]
    2
    """
    return Counter(tuple(text[start : start + length]) for start in range(len(text) - length + 1))


def f1(shared: int, mine: int, theirs: int) -> float:
    """Returns the harmonic mean of shared / mine and shared / theirs, 0 where nothing is shared.

    >>> f1(1, 1, 3)
    0.5
    """
    return 2 * shared / (mine + theirs) if shared else 0.0


def rouge_n(text: Words, reference: Words, length: int) -> float:
    """Returns the F1 of shared runs of that many words.

    >>> round(rouge_n("the cat sat".split(), "the cat was sat".split(), 1), 4)
    0.8571
    >>> rouge_n("the cat sat".split(), "the cat was sat".split(), 2)
    0.4
    """
    mine, theirs = runs(text, length), runs(reference, length)
    return f1((mine & theirs).total(), mine.total(), theirs.total())


def rouge_l(text: Words, reference: Words) -> float:
    """Returns the F1 of the longest common subsequence.

    >>> rouge_l("police killed the gunman".split(), "the gunman police killed".split())
    0.5
    """
    return f1(common(text, reference), len(text), len(reference))


def common(one: Words, other: Words) -> int:
    """Returns the length of the longest common subsequence, in time len(one) × len(other).

    >>> common("abcbdab", "bdcaba")
    4
    """
    before = [0] * (len(other) + 1)
    for word in one:
        row = [0]
        for place, each in enumerate(other):
            row.append(before[place] + 1 if word == each else max(before[place + 1], row[-1]))
        before = row
    return before[-1]


def scores(text: Words, reference: Words) -> tuple[float, float, float]:
    """Returns ROUGE-1, ROUGE-2 and ROUGE-L.

    >>> scores(["a", "b"], ["a", "b"])
    (1.0, 1.0, 1.0)
    """
    return rouge_n(text, reference, 1), rouge_n(text, reference, 2), rouge_l(text, reference)


def oracle(sentences: Sequence[Words], reference: Words, most: int) -> list[int]:
    """Returns the places of the sentences that together come near the reference, added one by one while it helps.

    What is raised is ROUGE-1 + ROUGE-2, as for the labels of SummaRuNNer (Nallapati, Zhai and Zhou, 2017).

    >>> oracle([["it", "rains"], ["a", "b"], ["c", "d"]], ["a", "b", "c", "d", "e"], 2)
    [1, 2]
    """
    chosen: list[int] = []
    pairs = [runs(reference, length) for length in (1, 2)]
    own = [[runs(sentence, length) for sentence in sentences] for length in (1, 2)]
    sums: list[Counter[tuple[str, ...]]] = [Counter(), Counter()]
    best = 0.0
    while len(chosen) < most:
        gains = {}
        for place in range(len(sentences)):
            if place not in chosen:
                together = [total + part[place] for total, part in zip(sums, own, strict=True)]
                parts = zip(together, pairs, strict=True)
                gains[place] = sum(f1((mine & right).total(), mine.total(), right.total()) for mine, right in parts)
        place = max(gains, key=lambda each: gains[each], default=-1)
        if place < 0 or gains[place] <= best:
            break
        best = gains[place]
        chosen.append(place)
        sums = [total + part[place] for total, part in zip(sums, own, strict=True)]
    return sorted(chosen)
