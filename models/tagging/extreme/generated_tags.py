"""A generated set with thousands of labels, few of them common: words follow labels, and labels come in topics."""

import numpy as np
import polars as pl

LABELS_OF_TOPIC = 20
WORDS_OF_LABEL = 6  # that speak for it; half of them belong to its topic
LABELS_OF_TEXT = (3, 10)  # least and most
WORDS_OF_TEXT_FOR_LABEL = 3
NOISE_WORDS = 12  # of a text
ZIPF = 0.8  # how fast labels get rarer
LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))


def frame(*, labels: int, texts: int, seed: int) -> pl.DataFrame:
    """Returns texts with their tags, a list each.

    >>> made = frame(labels=100, texts=50, seed=0)
    >>> made.columns, made.height, made["tags"].list.len().min()
    (['text', 'tags'], 50, 3)
    """
    draw = np.random.default_rng(seed)
    topics = max(1, labels // LABELS_OF_TOPIC)
    own = WORDS_OF_LABEL // 2
    vocabulary = np.array([_word(place) for place in range(labels * own + topics * WORDS_OF_LABEL + 2_000)])
    topic_words = np.arange(topics * WORDS_OF_LABEL).reshape(topics, WORDS_OF_LABEL)
    topic = draw.integers(0, topics, labels)
    speaks = np.concatenate(
        [
            draw.permuted(topic_words[topic], axis=1)[:, :own],
            topics * WORDS_OF_LABEL + draw.integers(0, labels * own, (labels, own)),  # shared by some labels
        ],
        axis=1,
    )
    chance = 1 / np.arange(1, labels + 1) ** ZIPF
    chance = draw.permutation(chance / chance.sum())
    reached = chance.cumsum()
    members = [np.flatnonzero(topic == each) for each in range(topics)]
    rows, lists = [], []
    for _ in range(texts):
        first = int(np.searchsorted(reached, draw.random()))
        near = members[topic[min(first, labels - 1)]]
        weights = chance[near] / chance[near].sum()
        most = min(int(draw.integers(LABELS_OF_TEXT[0], LABELS_OF_TEXT[1] + 1)), near.size)
        chosen = near[np.argsort(-np.log(draw.random(near.size)) / weights)[:most]]
        spoken = draw.permuted(speaks[chosen], axis=1)[:, :WORDS_OF_TEXT_FOR_LABEL].ravel()
        words = draw.permutation(np.concatenate([spoken, draw.integers(0, vocabulary.size, NOISE_WORDS)]))
        rows.append(" ".join(vocabulary[words]))
        lists.append([f"label {place}" for place in chosen])
    return pl.DataFrame({"text": rows, "tags": lists}, schema={"text": pl.String, "tags": pl.List(pl.String)})


def _word(number: int) -> str:
    """Returns a word for a number: letters only, another one for each.

    >>> _word(0), _word(27)
    ('aaaa', 'aabb')
    """
    return "".join(LETTERS[(number // 26**place) % 26] for place in (3, 2, 1, 0))
