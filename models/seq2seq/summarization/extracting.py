"""A text cut into sentences, what is seen of each sentence, and the small network that scores them.

Seen are place, length, centrality (TextRank by idf-weighted likeness: Mihalcea and Tarau, 2004; Erkan and Radev, 2004,
LexRank), tf-idf, words shared with the title (Edmundson, 1969, New Methods in Automatic Extracting), and its words.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import files, lexical
from models.kit.errors import ArtefactError

SCHEMA = 1
LEARNED, WEIGHTS = "preprocess.json", "weights.safetensors"
FEATURES = (
    "place", "first", "last", "start of the text", "length", "centrality", "mean tf-idf", "likeness to the text",
    "words of the title", "numbers",
)  # fmt: skip
DAMPING, ROUNDS = 0.85, 50  # of TextRank
LONGEST = 80  # words of a sentence that the network sees
SPACE, UNSEEN, FIRST = 0, 1, 2  # numbers of no word, of an unknown word, and of the first known one
FEWEST_DOCUMENTS, MOST_WORDS = 3, 20_000  # in which a word is known; words that are known

_BREAK = re.compile(r"""(?:(?<=[.!?…])|(?<=[.!?…]["”’»)\]]))\s+|(?<=[。！？])\s*|\s*\n\s*""")
_OPEN = re.compile(r"(?:\b[A-Z]|\b(?:mr|mrs|ms|dr|prof|st|vs|fig|approx|e\.g|i\.e|cf))\.$", re.IGNORECASE)

Vector = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]


class Document(NamedTuple):
    """The sentences of a text, the words of each, and the words of its title."""

    sentences: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    title: tuple[str, ...]


class Learned(NamedTuple):
    """What training documents say of words and of what is seen: how rare each is, mean and spread of each feature."""

    words: dict[str, int]
    rarity: dict[str, float]
    unseen: float
    mean: Vector
    spread: Vector


class Seen(NamedTuple):
    """Sentences as the network reads them: features (sentences, features) and words (sentences, longest)."""

    features: npt.NDArray[np.float32]
    words: Ids


def cut(text: str) -> list[str]:
    """Returns the sentences of a text; a new line ends one, "Dr." or an initial does not.

    >>> cut('Dr. J. Roe came. "Was it late?" It was 3.5 p.m. and dark.\\nNo end')
    ['Dr. J. Roe came.', '"Was it late?"', 'It was 3.5 p.m. and dark.', 'No end']
    """
    found: list[str] = []
    joined = False
    start = 0
    for gap in [*_BREAK.finditer(text), None]:
        piece = text[start : gap.start() if gap else len(text)].strip()
        if piece:
            found[-1:] = [f"{found[-1]} {piece}"] if joined or (found and piece[0].islower()) else [*found[-1:], piece]
            joined = gap is not None and "\n" not in gap.group() and _OPEN.search(piece) is not None
        start = gap.end() if gap else start
    return found


def document(text: str, title: str, most: int) -> Document:
    """Returns the first `most` sentences of a text that hold a word."""
    pairs = [(sentence, tuple(lexical.words(sentence))) for sentence in cut(text)]
    kept = [pair for pair in pairs if pair[1]][:most]
    return Document(tuple(one for one, _ in kept), tuple(words for _, words in kept), tuple(lexical.words(title)))


def textrank(likeness: Vector) -> Vector:
    """Returns how central each sentence is, summing to 1: where a walk ends that goes from like to like.

    >>> textrank(np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])).round(2).tolist()
    [0.49, 0.26, 0.26]
    """
    size = len(likeness)
    total = likeness.sum(axis=1, keepdims=True)
    walk = np.divide(likeness, total, out=np.full(likeness.shape, 1 / max(size, 1)), where=total > 0)
    rank = np.full(size, 1 / max(size, 1))
    for _ in range(ROUNDS):
        rank = (1 - DAMPING) / size + DAMPING * rank @ walk
    return rank


def learn(documents: Sequence[Document]) -> Learned:
    """Returns known words and their rarity, and the mean and spread of the features, of training documents."""
    seen = Counter(word for each in documents for word in {word for words in each.words for word in words})
    known = sorted((word for word in seen if seen[word] >= FEWEST_DOCUMENTS), key=lambda word: (-seen[word], word))
    known = known[:MOST_WORDS]
    rarity = {word: round(math.log((1 + len(documents)) / (1 + seen[word])) + 1, 5) for word in known}
    numbers = {word: place for place, word in enumerate(known, start=FIRST)}
    plain = Learned(numbers, rarity, math.log(1 + len(documents)) + 1, np.zeros(len(FEATURES)), np.ones(len(FEATURES)))
    table = np.concatenate([features(each, plain) for each in documents])
    spread = table.std(axis=0)
    return plain._replace(mean=table.mean(axis=0), spread=np.where(spread > 0, spread, 1.0))


def features(text: Document, learned: Learned) -> Vector:
    """Returns what is seen of each sentence, of shape (sentences, features), not yet scaled.

    >>> learned = Learned({}, {}, 1.0, np.zeros(10), np.ones(10))
    >>> features(document("Rain fell. It was 9.", "Rain", 5), learned)[:, [0, 1, 2, 8, 9]].round(2).tolist()
    [[0.0, 1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 1.0, 0.0, 0.33]]
    """
    size = len(text.sentences)
    if not size:
        return np.zeros((0, len(FEATURES)))
    columns = lexical.vocabulary(text.words)
    counts = np.zeros((size, len(columns)))
    for row, words in enumerate(text.words):
        for word in words:
            counts[row, columns[word]] += 1
    weighed = counts * np.array([learned.rarity.get(word, learned.unseen) for word in columns])
    unit = weighed / np.linalg.norm(weighed, axis=1, keepdims=True)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, 0.0)
    whole = weighed.sum(axis=0)
    place, length = np.arange(size), counts.sum(axis=1)
    title = set(text.title)
    columns_seen = (
        place / max(size - 1, 1), place == 0, place == size - 1, 1 / (1 + place), np.log(length),
        textrank(likeness) * size, (counts @ whole) / length / size, unit @ (whole / np.linalg.norm(whole)),
        [len(title & set(words)) / max(len(title), 1) for words in text.words],
        [sum(word.isdigit() for word in words) / len(words) for words in text.words],
    )  # fmt: skip
    return np.stack([np.asarray(each, dtype=np.float64) for each in columns_seen], axis=1)


def see(documents: Sequence[Document], learned: Learned) -> Seen:
    """Returns all sentences of documents, one behind the other, as the network reads them."""
    tables = [features(each, learned) for each in documents]
    table = np.concatenate([np.zeros((0, len(FEATURES))), *tables])
    sentences = [words[:LONGEST] for each in documents for words in each.words]
    ids = np.full((len(sentences), max(map(len, sentences), default=1)), SPACE, dtype=np.int64)
    for row, words in enumerate(sentences):
        ids[row, : len(words)] = [learned.words.get(word, UNSEEN) for word in words]
    return Seen(((table - learned.mean) / learned.spread).astype(np.float32), ids)


class Scorer(tc.nn.Module):
    """The logarithmic odds that a sentence belongs in the summary, from its features and the mean of its words.

    >>> net = Scorer(words=5, width=4, hidden=8, dropout=0.0)
    >>> tuple(net(Seen(np.zeros((3, 10), dtype=np.float32), np.ones((3, 7), dtype=np.int64))).shape)
    (3,)
    """

    def __init__(self, *, words: int, width: int, hidden: int, dropout: float) -> None:
        """Draws the weights; words begin near nought, so that at first the features count."""
        self.table = tc.nn.EmbeddingBag(words, width, padding_idx=SPACE)
        self.first = tc.nn.Linear(len(FEATURES) + width, hidden)
        self.last = tc.nn.Linear(hidden, 1)
        self.drop = tc.nn.Dropout(dropout)
        with tc.no_grad():
            self.table.weight.mul_(0.1)

    def forward(self, seen: Seen) -> tc.Tensor:
        """Scores of shape (sentences,)."""
        words = self.drop(self.table(tc.as_tensor(seen.words)))
        hidden = tc.gelu(self.first(tc.cat([tc.as_tensor(seen.features), words], 1)))
        scores: tc.Tensor = self.last(self.drop(hidden)).squeeze(-1)
        return scores


class Model(NamedTuple):
    """A trained scorer, and how many sentences make a summary."""

    learned: Learned
    net: Scorer
    sentences: int


def best(text: Document, scores: Vector, most: int) -> tuple[str, ...]:
    """Returns the `most` sentences with the highest scores, in the order of the text.

    >>> best(document("It is so. We saw. All left.", "", 9), np.array([0.1, 0.9, 0.5]), 2)
    ('We saw.', 'All left.')
    """
    places = np.sort(np.argsort(-scores, kind="stable")[:most])
    return tuple(text.sentences[place] for place in places)


def summaries(model: Model, documents: Sequence[Document]) -> list[tuple[str, ...]]:
    """Returns the sentences chosen of each document."""
    model.net.eval()
    found = []
    with tc.no_grad():
        for each in documents:
            scores = model.net(see([each], model.learned)).numpy() if each.sentences else np.zeros(0)
            found.append(best(each, scores, model.sentences))
    return found


def save(model: Model, folder: Path) -> None:
    """Writes preprocess.json and weights.safetensors."""
    learned, net, sentences = model
    about = {
        "schema": SCHEMA, "sentences": sentences, "width": int(net.table.weight.shape[1]),
        "hidden": int(net.first.weight.shape[0]), "rarity": learned.rarity, "unseen": learned.unseen,
        "mean": learned.mean.tolist(), "spread": learned.spread.tolist(),
    }  # fmt: skip
    files.write(folder / LEARNED, json.dumps(about, ensure_ascii=False) + "\n")
    tc.nn.save_safetensors(net.state_dict(), folder / WEIGHTS)


def load(folder: Path) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing, damaged, or of another version."""
    about = files.read_json(folder / LEARNED, remedy="run train.py first")
    try:
        if about["schema"] != SCHEMA:
            raise ValueError("it was saved by another version")
        state = tc.nn.load_safetensors(folder / WEIGHTS)
        rarity = {str(word): float(value) for word, value in about["rarity"].items()}
        numbers = {word: place for place, word in enumerate(rarity, start=FIRST)}
        scale = [np.array(about[name], dtype=np.float64) for name in ("mean", "spread")]
        learned = Learned(numbers, rarity, float(about["unseen"]), *scale)
        net = Scorer(words=FIRST + len(numbers), width=about["width"], hidden=about["hidden"], dropout=0.0)
        net.load_state_dict(state)
        sentences = int(about["sentences"])
    except FileNotFoundError:
        raise ArtefactError(f"{folder / WEIGHTS}: there is no such file; run train.py first") from None
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    net.eval()
    return Model(learned, net, sentences)
