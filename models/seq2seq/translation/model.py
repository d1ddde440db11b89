"""Translation that keeps the order of words: each word gets an edit; beside it the source as it is, and a word-list.

What a word becomes is chosen by a window network on tensor_core among the edits that training pairs show (rewriter.py).
Words whose order the languages turn round are found and drawn (inversions.png), but not turned: where most sentences
need that, another model is needed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import polars as pl
import rewriter
import wording
from rewriter import Ids, Inventory, Model, Rewriter
from wording import Lexicon

import tensor_core as tc
from models.kit import bleu, cells, columns, config, metrics, plots, sequences, splits
from models.kit.config import Between
from models.kit.errors import TableError, count
from models.kit.metrics import Metric
from models.kit.sequences import Steps
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained

FEWEST_PAIRS = 20
RELUCTANCE = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)  # to leave a word out, of which validation chooses
LONGEST_DRAWN = 25  # words of a sentence whose attention is drawn


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["bleu", "edits"]
    source: str
    target: str
    other: str | None
    key: str | None
    group: str | None
    test_share: Annotated[float, Between(0.01, 0.5)]
    validation_share: Annotated[float, Between(0.01, 0.5)]
    window: Annotated[int, Between(0, 20)]
    width: Annotated[int, Between(1, 4096)]
    hidden: Annotated[int, Between(1, 65_536)]
    dropout: Annotated[float, Between(0, 0.95)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_words: Annotated[int, Between(1, 1_000_000)]


class Texts(NamedTuple):
    """Sources and targets as words; targets of questions are empty."""

    sources: list[Steps]
    targets: list[Steps]


class Prepared(NamedTuple):
    """What pairs taught: the lexicon, the words and edits, and for training and stopping texts their numbers."""

    learned: Lexicon
    inventory: Inventory
    train: tuple[list[Ids], list[Ids]]
    validation: tuple[list[Ids], list[Ids]]


Run = Case[Settings, Texts, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Texts]:
    """Returns the pairs of the table, at most `most`, drawn at random; as `about` the group of each."""
    table = sequences.table(settings.table, folder=folder)
    frame, said = table.frame, list(table.notes)
    if settings.other is not None:
        second = sequences.table(settings.other, folder=folder)
        if settings.key is None:
            raise TableError("other: set `key` to the column by which the rows of both files belong together")
        for one in (frame, second.frame):
            columns.check_name(one, settings.key, setting="key")
        frame = frame.join(second.frame, on=settings.key, suffix=" of other", maintain_order="left")
        said += [*second.notes, f"{count(frame.height, 'row')} with a {settings.key!r} that both files have"]
    for setting in ("source", "target", "group"):
        if (name := getattr(settings, setting)) is not None:
            columns.check_name(frame, name, setting=setting)
    pairs = [
        (wording.tokens(one or ""), wording.tokens(other or ""))
        for one, other in zip(cells.texts(frame[settings.source]), cells.texts(frame[settings.target]), strict=True)
    ]
    whole = np.array([row for row, pair in enumerate(pairs) if all(pair)], dtype=np.int64)
    if whole.size < FEWEST_PAIRS:
        raise TableError(f"{count(whole.size, 'pair')} with a source and a target; at least {FEWEST_PAIRS} are needed")
    if lost := len(pairs) - whole.size:
        said.append(f"{count(lost, 'row')} without a source or a target left out")
    chosen = whole[sequences.drawn(whole.size, most, seed=settings.seed)]
    examples = Texts([pairs[row][0] for row in chosen], [pairs[row][1] for row in chosen])
    groups = None if settings.group is None else columns.grouped(frame[settings.group])[chosen].tolist()
    return Data(settings.table, table.sha256, examples, chosen + 1, tuple(said), "pair", groups)


def split(data: Data[Texts], settings: Settings) -> Split:
    """Returns whole groups, or pairs drawn at random; pairs with one source are on one side."""
    test, stop, seed = settings.test_share, settings.validation_share, settings.seed
    groups = np.array(data.about or [" ".join(each) for each in data.examples.sources])
    name = settings.group or settings.source
    drawn = splits.by_group(groups, name=name, test_share=test, validation_share=stop, seed=seed)
    return drawn._replace(noun="pair")


def prepare(data: Data[Texts], split: Split, settings: Settings) -> Prepared:
    """Returns the lexicon and the edits that training pairs teach, and the numbers of both."""
    sources, targets = data.examples
    learned = wording.learn([(sources[row], targets[row]) for row in split.train])
    changes = [
        [wording.edits(sources[row], targets[row], learned) for row in rows] for rows in (split.train, split.validation)
    ]
    inventory = rewriter.inventory([sources[row] for row in split.train], changes[0])
    numbers = {edit: place for place, edit in enumerate(inventory.edits)}
    parts = []
    for rows, each in zip((split.train, split.validation), changes, strict=True):
        ids = [rewriter.encode(sources[row], inventory.words) for row in rows]
        right = [rewriter.wanted(one, edits, inventory, numbers) for one, edits in zip(ids, each, strict=True)]
        parts.append((ids, right))
    return Prepared(learned, inventory, parts[0], parts[1])


def dummy(case: Run) -> Callable[[Rows], list[Steps]]:
    """Returns the source as it is."""
    return lambda rows: [case.data.examples.sources[row] for row in rows]


def peer(case: Run) -> Callable[[Rows], list[Steps]]:
    """Returns each word's likeliest translation by Model 1 (Brown et al. 1993); unknown words stay as they are."""
    meanings = case.prepared.learned.meanings
    likeliest = {word: max(found, key=lambda each: found[each]) for word, found in meanings.items()}
    return lambda rows: [tuple(likeliest.get(word, word) for word in case.data.examples.sources[row]) for row in rows]


def fit(case: Run) -> Fitted[Model]:
    """Returns the rewriter as it was best on the validation pairs, as reluctant to leave words out as is best there."""
    settings, inventory = case.settings, case.prepared.inventory
    tc.manual_seed(settings.seed)
    net = Rewriter(
        words=rewriter.FIRST + len(inventory.words), edits=len(inventory.edits), window=settings.window,
        width=settings.width, hidden=settings.hidden, dropout=settings.dropout,
    )  # fmt: skip
    run = rewriter.train(net, inventory, case.prepared.train, case.prepared.validation, settings)
    stops = take(case.data.examples, case.split.validation)
    models = [Model(inventory, net, reluctance) for reluctance in RELUCTANCE]
    values = [_bleu(rewriter.rewrite(model, stops.sources), stops.targets) for model in models]
    best = int(np.argmax(values))
    note = (
        f"{len(inventory.edits):,} edits of {len(inventory.words):,} words; leaving a word out is made less likely by "
        f"{RELUCTANCE[best]:g}, which gave the best BLEU on the validation pairs"
    )
    return Fitted(models[best], *run, (note,))


def _bleu(answers: list[Steps], targets: list[Steps]) -> float:
    return float(bleu.bleu(bleu.parts(answers, targets), np.ones((1, len(targets))))[0])


def predict(model: Model, examples: Texts, settings: Settings) -> list[Steps]:
    """Returns the translation of each source."""
    return rewriter.rewrite(model, examples.sources)


def score(case: Run, answers: list[Steps]) -> metrics.Draws:
    """Returns BLEU, and insertions, deletions and replacements for each word of the target; resampled by pair."""
    targets = take(case.data.examples, case.split.test).targets
    found, seed = bleu.parts(answers, targets), case.settings.seed
    draws = metrics.weighted(lambda weights: {"bleu": bleu.bleu(found, weights)}, len(targets), seed=seed)
    wrong = [sequences.edits(answer, target) for answer, target in zip(answers, targets, strict=True)]
    return draws | metrics.ratios({"edits": (wrong, [len(target) for target in targets])}, seed=seed)


def shown(answers: list[Steps], model: Model) -> pl.DataFrame:
    """Returns the translation of each source."""
    return pl.DataFrame({"predicted": [wording.joined(each) for each in answers]}, schema={"predicted": pl.String})


def actual(case: Run) -> pl.DataFrame:
    """Returns the test sources with their targets."""
    pairs = take(case.data.examples, case.split.test)
    sources, targets = ([wording.joined(each) for each in part] for part in pairs)
    return pl.DataFrame({"source": sources, "actual": targets})


def questions(case: Run) -> pl.DataFrame:
    """Returns the test sources."""
    return pl.DataFrame({case.settings.source: [" ".join(case.data.examples.sources[row]) for row in case.split.test]})


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Texts:
    """Returns the sources of a new table."""
    columns.check_name(table, settings.source, setting="source")
    sources = [wording.tokens(text or "") for text in cells.texts(table[settings.source])]
    return Texts(sources, [()] * len(sources))


def take(examples: Texts, rows: Rows) -> Texts:
    """Returns those pairs."""
    return Texts(*([part[row] for row in rows] for part in examples))


def draw(folder: Path, trained: Trained[Settings, Texts, Prepared, Model, list[Steps]]) -> None:
    """Draws the learning curve, and where the words of the test's most turned round target come from."""
    case = trained.case
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="cross-entropy of an edit")
    short = [
        pair
        for pair in zip(*take(case.data.examples, case.split.test), strict=True)
        if max(map(len, pair)) <= LONGEST_DRAWN
    ]
    if short:
        looked = [wording.attention(one, other, case.prepared.learned) for one, other in short]
        turned = max(range(len(short)), key=lambda place: wording.inversions(looked[place]))
        title = "Where the words of a target come from"
        source, target = short[turned]
        plots.shares(
            folder / "inversions.png", looked[turned], target, source, title=title, axes=("target", "source")
        )  # a diagonal keeps order


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Translation by edits of words",
    dummy_title="the source as it is",
    peer_title="Model 1, word by word",
    metrics={
        "bleu": Metric("BLEU", higher_is_better=True),
        "edits": Metric("edits per word", higher_is_better=False),
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
    save=rewriter.save,
    load=lambda folder, settings: rewriter.load(folder),
    take=take,
    onnx="which edits a word may get is looked up for each word, which is no network",
    features=lambda model: list(model.inventory.words),
    plots=draw,
    smoke={"epochs": 1},
    smoke_examples=1500,
)
