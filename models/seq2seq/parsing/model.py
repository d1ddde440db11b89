"""Which word each word depends on: the best tree of arcs that tensor_core scores; beside it neighbours, and a line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import arcs
import numpy as np
import polars as pl
import trees
from arcs import NO_HEAD, Arcs, Model

import tensor_core as tc
from models.kit import config, metrics, plots, sequences, splits, word_features
from models.kit.config import Between
from models.kit.errors import TableError, count
from models.kit.metrics import Metric
from models.kit.sequences import Steps
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained
from models.kit.word_features import KINDS, Ids

UNKNOWN = "_"  # a head that nobody has given
PEER_OTHERS = 6  # wrong heads of each word that the peer learns from
PEER_COLUMNS = 2**18


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["uas", "sentences"]
    text: str
    target: str
    sequence: str | None
    group: str | None
    test_share: Annotated[float, Between(0.05, 0.5)]
    validation_share: Annotated[float, Between(0.05, 0.5)]
    longest: Annotated[int, Between(2, 1000)]
    window: Annotated[int, Between(0, 20)]
    width: Annotated[int, Between(1, 4096)]
    hidden: Annotated[int, Between(1, 65_536)]
    dropout: Annotated[float, Between(0, 0.95)]
    word_dropout: Annotated[float, Between(0, 0.95)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_sentences: Annotated[int, Between(1, 1_000_000)]


class Sentences(NamedTuple):
    """Words, and the head of each: 0 for the root, −1 where nobody has given it; of questions there are none."""

    words: list[Steps]
    heads: list[Ids]


class Prepared(NamedTuple):
    """The numbers of features, and all sentences in them."""

    features: dict[str, int]
    encoded: list[Ids]


Run = Case[Settings, Sentences, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Sentences]:
    """Returns the sentences of the table, at most `most`, drawn at random; as `about` the group of each."""
    table = sequences.table(settings.table, folder=folder)
    roles = {"text": settings.text, "target": settings.target}
    found = sequences.read(table.frame, roles, sequence=settings.sequence, group=settings.group)
    words = found.columns["text"]
    pairs = zip(found.numbers.tolist(), words, found.columns["target"], strict=True)
    heads = [_heads(number, one, other, settings.target) for number, one, other in pairs]
    if not any((each != NO_HEAD).any() for each in heads):
        raise TableError(f"column {settings.target!r}: no word has a head; this table holds no trees")
    kept = np.array([row for row, each in enumerate(words) if len(each) <= settings.longest], dtype=np.int64)
    if not kept.size:
        raise TableError(f"all sentences have more than {settings.longest} words; raise `longest`")
    chosen = kept[sequences.drawn(kept.size, most, seed=settings.seed)]
    examples = take(Sentences(words, heads), chosen)
    groups = None if found.groups is None else [found.groups[row] for row in chosen]
    said = [*table.notes, f"{sum(map(len, examples.words)):,} words in {count(chosen.size, 'sentence')}"]
    if left := len(words) - kept.size:
        said.append(f"{count(left, 'sentence')} of more than {settings.longest} words left out")
    return Data(settings.table, table.sha256, examples, found.numbers[chosen], tuple(said), "sentence", groups)


def _heads(number: int, words: Steps, given: Steps, column: str) -> Ids:
    """Returns the heads of one sentence; raises `TableError` where they are none."""
    if len(words) != len(given):
        raise TableError(
            f"row {number}: {count(len(words), 'word')}, but {count(len(given), 'head')} in {column!r}; each word "
            "needs the number of the word that it depends on (from 1), or 0 for the root"
        )
    heads = np.array([NO_HEAD if each == UNKNOWN else int(each) if each.isdecimal() else -2 for each in given])
    wrong = np.flatnonzero((heads < NO_HEAD) | (heads > len(words)) | (heads == np.arange(1, len(words) + 1)))
    if wrong.size:
        raise TableError(
            f"row {number}: {given[wrong[0]]!r} in {column!r} is no head of word {wrong[0] + 1}; write a number from 0 "
            f"(the root) to {len(words)}, but not the word's own"
        )
    return heads


def split(data: Data[Sentences], settings: Settings) -> Split:
    """Returns whole groups, or sentences drawn at random."""
    test, stop, seed = settings.test_share, settings.validation_share, settings.seed
    if settings.group is not None:
        groups = np.array(data.about)
        drawn = splits.by_group(groups, name=settings.group, test_share=test, validation_share=stop, seed=seed)
    else:
        drawn = splits.shuffled(data.size, test_share=test, validation_share=stop, seed=seed)
    return drawn._replace(noun="sentence")


def prepare(data: Data[Sentences], split: Split, settings: Settings) -> Prepared:
    """Returns what the parser sees of all sentences; what it knows is what training sentences hold."""
    features = word_features.known(data.examples.words[row] for row in split.train)
    return Prepared(features, [word_features.encode(each, features) for each in data.examples.words])


def _neighbours(words: int, step: int) -> Ids:
    """Returns heads that are all one step away; where there is no such word, the root."""
    heads = np.arange(1, words + 1) + step
    return np.where((heads < 1) | (heads > words), 0, heads)


def _share(case: Run, rows: Rows, step: int) -> float:
    heads = [case.data.examples.heads[row] for row in rows]
    right = sum(int((each == _neighbours(each.size, step)).sum()) for each in heads)
    return right / max(sum(int((each != NO_HEAD).sum()) for each in heads), 1)


def dummy(case: Run) -> Callable[[Rows], list[Ids]]:
    """Returns the word before as the head of each word, or the word after, whichever is right more often."""
    step = max((-1, 1), key=lambda each: _share(case, case.known, each))
    return lambda rows: [_neighbours(len(case.data.examples.words[row]), step) for row in rows]


def peer(case: Run) -> Callable[[Rows], list[Ids]]:
    """Returns scikit-learn's logistic regression of arcs, on features as those of McDonald, Crammer and Pereira (2005).

    Online Large-Margin Training of Dependency Parsers: forms, ends of words, direction and distance, in pairs.
    """
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.linear_model import SGDClassifier

    words, heads = case.data.examples
    hasher = FeatureHasher(PEER_COLUMNS, input_type="string")
    generator = np.random.default_rng(case.settings.seed)
    seen: list[list[str]] = []
    right: list[bool] = []
    for row in case.known:
        for place, head in enumerate(heads[row].tolist(), start=1):
            others = generator.permutation(len(words[row]) + 1)[:PEER_OTHERS].tolist()
            tried = [head, *(each for each in others if each not in (head, place))]
            if head != NO_HEAD:
                seen += [_arc(words[row], each, place) for each in tried]
                right += [each == head for each in tried]
    learner = SGDClassifier(loss="log_loss", random_state=case.settings.seed).fit(hasher.transform(seen), right)

    def found(rows: Rows) -> list[Ids]:
        answers = []
        for row in rows:
            size = len(words[row]) + 1
            arcs_there = [_arc(words[row], head, place) for head in range(size) for place in range(1, size)]
            scores = np.zeros((size, size))
            scores[:, 1:] = learner.decision_function(hasher.transform(arcs_there)).reshape(size, size - 1)
            answers.append(trees.best(scores))
        return answers

    return found


def _arc(words: Steps, head: int, place: int) -> list[str]:
    """Returns what the peer sees of an arc."""
    above, below = words[head - 1] if head else "ROOT", words[place - 1]
    away = "root" if not head else f"{'left' if head < place else 'right'}{min(abs(head - place), 8)}"
    ends = [f"{above[-size:]}>{below[-size:]}" for size in (2, 3)]
    near = [words[at - 1] if 0 < at <= len(words) else "" for at in (place - 1, place + 1, head - 1, head + 1)]
    return [
        away, f"{away} {above}", f"{away} {below}", f"{above}>{below}", f"{away} {below[-2:]}", f"{away} {above[-2:]}",
        *ends, *(f"{away} {end}" for end in ends), f"{away} {near[0]} {below}", f"{away} {below} {near[1]}",
        f"{away} {near[2]} {above}", f"{away} {above} {near[3]}",
    ]  # fmt: skip


def fit(case: Run) -> Fitted[Model]:
    """Returns the parser, trained on the training sentences, as it was best on the validation sentences."""
    settings, (features, encoded) = case.settings, case.prepared
    heads = case.data.examples.heads
    tc.manual_seed(settings.seed)
    net = Arcs(
        features=len(features), window=settings.window, width=settings.width, hidden=settings.hidden,
        dropout=settings.dropout,
    )  # fmt: skip
    parts, stops = (
        ([encoded[row] for row in rows], [heads[row] for row in rows])
        for rows in (case.split.train, case.split.validation)
    )
    run = arcs.train(net, parts, stops, features["0"], settings)
    left, right = (_share(case, case.split.test, step) for step in (-1, 1))
    note = f"on the test, the word before is the head of {left:.1%} of all words, the word after that of {right:.1%}"
    return Fitted(Model(features, net), *run, (note,), {"attach_left": left, "attach_right": right})


def predict(model: Model, examples: Sentences, settings: Settings) -> list[Ids]:
    """Returns the head of each word."""
    return arcs.parse(model.net, [word_features.encode(each, model.features) for each in examples.words])


def score(case: Run, answers: list[Ids]) -> metrics.Draws:
    """Returns the share of words with the right head (UAS), and of whole trees; resampled by sentence."""
    wanted = take(case.data.examples, case.split.test).heads
    right = [float(((a == b) & (b != NO_HEAD)).sum()) for a, b in zip(answers, wanted, strict=True)]
    known = [float((each != NO_HEAD).sum()) for each in wanted]
    whole = [float(a == b) for a, b in zip(right, known, strict=True)]
    return metrics.ratios({"uas": (right, known), "sentences": (whole, [1.0] * len(whole))}, seed=case.settings.seed)


def _text(heads: Sequence[Ids]) -> list[str]:
    return [" ".join(UNKNOWN if head == NO_HEAD else str(head) for head in each) for each in heads]


def shown(answers: list[Ids], model: Model) -> pl.DataFrame:
    """Returns the heads of each sentence's words, separated by spaces."""
    return pl.DataFrame({"predicted": _text(answers)}, schema={"predicted": pl.String})


def actual(case: Run) -> pl.DataFrame:
    """Returns the words of the test sentences and their heads."""
    words, heads = take(case.data.examples, case.split.test)
    return pl.DataFrame({"words": [" ".join(each) for each in words], "actual": _text(heads)})


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
    return Sentences(words, [np.full(len(each), NO_HEAD) for each in words])


def take(examples: Sentences, rows: Rows) -> Sentences:
    """Returns those sentences."""
    return Sentences(*([part[row] for row in rows] for part in examples))


def draw(folder: Path, trained: Trained[Settings, Sentences, Prepared, Model, list[Ids]]) -> None:
    """Draws the learning curve."""
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="cross-entropy of a head")


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Dependency parser: arcs of a window network, and the best tree",
    dummy_title="a neighbour of each word",
    peer_title="scikit-learn linear model of arcs",
    metrics={
        "uas": Metric("words with the right head (UAS)", higher_is_better=True),
        "sentences": Metric("whole trees right", higher_is_better=True),
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
    save=arcs.save,
    load=lambda folder, settings: arcs.load(folder),
    take=take,
    onnx="the best tree is looked for by a program, which is no network",
    features=lambda model: KINDS,
    plots=draw,
    smoke={"epochs": 2, "hidden": 48, "width": 48, "window": 2, "learning_rate": 0.01},
    smoke_examples=500,
)
