"""Labels every word of a sentence with a window network on tensor_core; beside it the commonest label, and a CRF."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import tagger
from tagger import Model, Tagger, Vocabulary

import tensor_core as tc
from models.kit import config, metrics, plots, sequences, splits, word_features
from models.kit.config import Between
from models.kit.errors import TableError, Unavailable, count
from models.kit.metrics import Metric
from models.kit.sequences import Steps
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained
from models.kit.word_features import KINDS

CRF_ROUNDS = 150  # of L-BFGS, at most; the penalty is the package's own


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["accuracy", "span_f1"]
    text: str
    target: str
    sequence: str | None
    group: str | None
    test_share: Annotated[float, Between(0.05, 0.5)]
    validation_share: Annotated[float, Between(0.05, 0.5)]
    window: Annotated[int, Between(0, 20)]
    width: Annotated[int, Between(1, 4096)]
    hidden: Annotated[int, Between(1, 65_536)]
    dropout: Annotated[float, Between(0, 0.95)]
    word_dropout: Annotated[float, Between(0, 0.95)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_sequences: Annotated[int, Between(1, 1_000_000)]


class Sentences(NamedTuple):
    """Words, and their tags (of sentences whose tags are asked for: none)."""

    words: list[Steps]
    tags: list[Steps]


class Prepared(NamedTuple):
    """What the training sentences taught, all sentences in numbers, and the words that training holds."""

    learned: Vocabulary
    encoded: list[npt.NDArray[np.int64]]
    tags: list[npt.NDArray[np.int64]]
    known_words: frozenset[str]


Run = Case[Settings, Sentences, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Sentences]:
    """Returns the sentences of the table, at most `most`, drawn at random; as `about` the group of each."""
    table = sequences.table(settings.table, folder=folder)
    roles = {"text": settings.text, "target": settings.target}
    found = sequences.read(table.frame, roles, sequence=settings.sequence, group=settings.group)
    words, tags = found.columns["text"], found.columns["target"]
    for number, one, other in zip(found.numbers, words, tags, strict=True):
        if len(one) != len(other):
            raise TableError(
                f"row {number}: {count(len(one), 'word')} in {settings.text!r}, but {count(len(other), 'tag')} in "
                f"{settings.target!r}; each word needs one tag, separated by spaces"
            )
    chosen = sequences.drawn(len(words), most, seed=settings.seed)
    examples = take(Sentences(words, tags), chosen)
    groups = None if found.groups is None else [found.groups[row] for row in chosen]
    decisions = (*table.notes, f"{sum(map(len, examples.words)):,} words in {count(chosen.size, 'sentence')}")
    return Data(settings.table, table.sha256, examples, found.numbers[chosen], decisions, "sentence", groups)


def split(data: Data[Sentences], settings: Settings) -> Split:
    """Returns whole groups, or sentences drawn at random."""
    shares = {"test_share": settings.test_share, "validation_share": settings.validation_share}
    if settings.group is not None:
        drawn = splits.by_group(np.array(data.about), name=settings.group, seed=settings.seed, **shares)
    else:
        drawn = splits.shuffled(data.size, seed=settings.seed, **shares)
    return drawn._replace(noun="sentence")


def prepare(data: Data[Sentences], split: Split, settings: Settings) -> Prepared:
    """Returns what the tagger sees of all sentences; what it knows is what training sentences hold."""
    words, tags = data.examples
    learned = tagger.vocabulary((words[row] for row in split.train), (tags[row] for row in split.train))
    if len(learned.tags) < 2:
        raise TableError(f"column {settings.target!r}: all training words have the same tag; there is nothing to learn")
    place = {tag: number for number, tag in enumerate(learned.tags)}
    numbers = [np.array([place.get(tag, tagger.NO_TAG) for tag in each]) for each in tags]
    known = frozenset(word for row in split.train for word in words[row])
    return Prepared(learned, [word_features.encode(each, learned.features) for each in words], numbers, known)


def dummy(case: Run) -> Callable[[Rows], list[Steps]]:
    """Returns each word's commonest tag, and for a new word the commonest of all words."""
    words, tags = case.data.examples
    counts: dict[str, Counter[str]] = {}
    total: Counter[str] = Counter()
    for row in case.known:
        total.update(tags[row])
        for word, tag in zip(words[row], tags[row], strict=True):
            counts.setdefault(word, Counter())[tag] += 1
    common, best = total.most_common(1)[0][0], {word: found.most_common(1)[0][0] for word, found in counts.items()}
    return lambda rows: [tuple(best.get(word, common) for word in words[row]) for row in rows]


def peer(case: Run) -> Callable[[Rows], list[Steps]]:
    """Returns CRFsuite (Okazaki 2007), a linear chain on the same features of a word and of its two neighbours."""
    try:
        import pycrfsuite
    except ImportError:
        raise Unavailable("python-crfsuite is not installed; pip install python-crfsuite") from None
    import tempfile

    words, tags = case.data.examples
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", verbose=False)
    for row in case.known:
        trainer.append(_crf_features(words[row]), list(tags[row]))
    trainer.set_params({"max_iterations": CRF_ROUNDS})
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "crf")
        trainer.train(file)
        model = pycrfsuite.Tagger()
        model.open(file)
    return lambda rows: [tuple(model.tag(_crf_features(words[row]))) for row in rows]


def _crf_features(words: Steps) -> list[list[str]]:
    own = [[f"{kind}={value}" for kind, value in zip(KINDS, word_features.seen(word), strict=True)] for word in words]
    around = [
        [f"{step:+d} {feature}" for step in (-1, 1) if 0 <= place + step < len(words) for feature in own[place + step]]
        for place in range(len(words))
    ]
    return [["bias", *mine, *theirs] for mine, theirs in zip(own, around, strict=True)]


def fit(case: Run) -> Fitted[Model]:
    """Returns the tagger, trained on the training sentences, as it was best on the validation sentences."""
    settings, (learned, encoded, tags, _) = case.settings, case.prepared
    tc.manual_seed(settings.seed)
    net = Tagger(
        features=len(learned.features), tags=len(learned.tags), window=settings.window, width=settings.width,
        hidden=settings.hidden, dropout=settings.dropout,
    )  # fmt: skip
    parts = ([encoded[row] for row in case.split.train], [tags[row] for row in case.split.train])
    stops = ([encoded[row] for row in case.split.validation], [tags[row] for row in case.split.validation])
    run = tagger.train(net, parts, stops, learned.features["0"], settings)
    return Fitted(Model(learned, net, settings.window), *run)


def predict(model: Model, examples: Sentences, settings: Settings) -> list[Steps]:
    """Returns the tags of each sentence."""
    encoded = [word_features.encode(each, model.vocabulary.features) for each in examples.words]
    best = [scores.argmax(axis=1) for scores in tagger.outputs(model.net, encoded)]
    return [tuple(model.vocabulary.tags[tag] for tag in each) for each in best]


def score(case: Run, answers: list[Steps]) -> metrics.Draws:
    """Returns accuracy of tags, of new words and of sentences, and F1 of spans where tags mark them."""
    words, tags = take(case.data.examples, case.split.test)
    right = [np.array([a == b for a, b in zip(*pair, strict=True)]) for pair in zip(answers, tags, strict=True)]
    new = [np.array([word not in case.prepared.known_words for word in each]) for each in words]
    parts = {
        "accuracy": ([each.sum() for each in right], [each.size for each in right]),
        "unseen_accuracy": (
            [(one & other).sum() for one, other in zip(right, new, strict=True)],
            [each.sum() for each in new],
        ),
        "sentences": ([float(each.all()) for each in right], [1.0] * len(right)),
    }
    if any(tag.startswith("B-") for each in tags for tag in each):
        mine, theirs = [spans(each) for each in answers], [spans(each) for each in tags]
        parts["span_f1"] = (
            [2.0 * len(one & other) for one, other in zip(mine, theirs, strict=True)],
            [float(len(one) + len(other)) for one, other in zip(mine, theirs, strict=True)],
        )
    return metrics.ratios(parts, seed=case.settings.seed)


def spans(tags: Steps) -> frozenset[tuple[int, int, str]]:
    """Returns the spans (first step, step after the last, kind) of tags that say begin (B-) and inside (I-).

    >>> sorted(spans(("B-PER", "I-PER", "O", "I-LOC")))
    [(0, 2, 'PER'), (3, 4, 'LOC')]
    """
    found, start, kind = set(), 0, ""
    for place, tag in enumerate((*tags, "O")):
        mark, _, name = tag.partition("-")
        if mark == "I" and name == kind:
            continue
        if kind:
            found.add((start, place, kind))
        start, kind = place, name if mark in ("B", "I") else ""
    return frozenset(found)


def shown(answers: list[Steps], model: Model) -> pl.DataFrame:
    """Returns the tags of each sentence, separated by spaces."""
    return pl.DataFrame({"predicted": [" ".join(each) for each in answers]})


def actual(case: Run) -> pl.DataFrame:
    """Returns the words of the test sentences and their tags."""
    words, tags = take(case.data.examples, case.split.test)
    return pl.DataFrame({"words": [" ".join(each) for each in words], "actual": [" ".join(each) for each in tags]})


def questions(case: Run) -> pl.DataFrame:
    """Returns the words of the test sentences, one a row where the settings name a column that joins them."""
    words = [case.data.examples.words[row] for row in case.split.test]
    name, joining = case.settings.text, case.settings.sequence
    if joining is None:
        return pl.DataFrame({name: words}, schema={name: pl.List(pl.String)})
    places = [place for place, each in enumerate(words) for _ in each]
    return pl.DataFrame({joining: places, name: [word for each in words for word in each]})


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Sentences:
    """Returns the sentences of a new table."""
    words = sequences.read(table, {"text": settings.text}, sequence=settings.sequence).columns["text"]
    return Sentences(words, [()] * len(words))


def save(model: Model, folder: Path) -> None:
    """Writes the vocabulary and the weights."""
    tagger.save(model, folder, width=model.net.table.weight.shape[1], hidden=model.net.first.weight.shape[0])


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the tagger as a function of the features of words, with `window` rows of nought around each sentence."""
    net = model.net

    def scores(ids: tc.Tensor) -> tc.Tensor:
        return net.scores(net.table(ids).sum(1))

    return Onnx(scores, tc.zeros(2 * model.window + 5, len(KINDS), dtype=tc.int64))


def take(examples: Sentences, rows: Rows) -> Sentences:
    """Returns those sentences."""
    return Sentences(*([part[row] for row in rows] for part in examples))


def draw(folder: Path, trained: Trained[Settings, Sentences, Prepared, Model, list[Steps]]) -> None:
    """Draws the learning curve."""
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="cross-entropy of a tag")


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Window network that labels every word",
    dummy_title="commonest tag of each word",
    peer_title="CRFsuite",
    metrics={
        "accuracy": Metric("accuracy of tags", higher_is_better=True),
        "unseen_accuracy": Metric("accuracy on words that training lacks", higher_is_better=True),
        "sentences": Metric("sentences without a mistake", higher_is_better=True),
        "span_f1": Metric("F1 of exact spans", higher_is_better=True),
    },
    read=read,
    split=split,
    prepare=prepare,
    dummy=dummy,
    peer=peer,
    fit=fit,
    predict=predict,
    score=score,
    shown=shown,
    actual=actual,
    questions=questions,
    inputs=inputs,
    save=save,
    load=lambda folder, settings: tagger.load(folder),
    take=take,
    onnx=onnx,
    features=lambda model: KINDS,
    plots=draw,
    smoke={"epochs": 4, "learning_rate": 0.01},
    smoke_examples=1000,
)
