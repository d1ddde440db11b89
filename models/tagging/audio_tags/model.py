"""Every sound that a recording holds, on tensor_core; beside it the most frequent tags, and logistic regression."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import columns, config, dataset, listener, metrics, multilabel, plots, sequences, sound, splits, tags
from models.kit.config import Between
from models.kit.errors import count
from models.kit.listener import Frames, Model, Vector
from models.kit.multilabel import Answers, Marks
from models.kit.sound import Samples
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained, take

MOST_STEPS = 1_000  # of the peer


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["micro_f1", "macro_f1", "mean_average_precision", "hamming_loss", "exact_match"]
    sound: str
    tags: str
    delimiter: str | None
    no_tags: Literal["unknown", "none"]
    rate: Annotated[int, Between(4_000, 48_000)]
    group: str | None
    test_share: Annotated[float, Between(0.05, 0.5)]
    validation_share: Annotated[float, Between(0.05, 0.5)]
    fewest_examples: Annotated[int, Between(1, 1_000_000)]
    thresholds: Literal["label", "all"]
    width: Annotated[int, Between(1, 4096)]
    dropout: Annotated[float, Between(0, 0.95)]
    hidden_share: Annotated[float, Between(0, 0.9)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_rows: Annotated[int, Between(1, 100_000)]
    patience: Annotated[int, Between(1, 1_000_000)]


class About(NamedTuple):
    """The tags of each sound, and the group of each, if there are any."""

    tags: list[tuple[str, ...]]
    groups: npt.NDArray[Any] | None


class Prepared(NamedTuple):
    """The tags that count, the commonest first, which each sound has, and all sounds as frames."""

    labels: tuple[str, ...]
    truth: Marks
    frames: list[Frames]


Run = Case[Settings, list[Samples], Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[list[Samples]]:
    """Returns the sounds whose tags are known; as `about` their tags and groups."""
    table = dataset.table(settings.table, folder=folder)
    for setting in ("sound", "group"):
        if (name := getattr(settings, setting)) is not None:
            columns.check_name(table.frame, name, setting=setting)
    found = tags.read(table.frame, settings.tags, delimiter=settings.delimiter)
    usable = found.known if settings.no_tags == "unknown" else np.ones_like(found.known)
    known = np.flatnonzero(usable)
    chosen = known[sequences.drawn(known.size, most, seed=settings.seed)]
    sounds = sound.column(table.frame[settings.sound], chosen.tolist(), rate=settings.rate, folder=folder)
    said = [f"column {settings.tags!r}: tags are separated by {found.delimiter!r}"] if found.delimiter else []
    if without := int((~usable).sum()):
        said.append(
            f"column {settings.tags!r}: {count(without, 'row')} without tags left out (no_tags: none keeps them)"
        )
    groups = None if settings.group is None else columns.grouped(table.frame[chosen][settings.group])
    about = About([found.rows[row] for row in chosen], groups)
    return Data(settings.table, table.sha256, sounds, chosen + 1, (*table.notes, *said), "sound", about)


def split(data: Data[list[Samples]], settings: Settings) -> Split:
    """Returns whole groups of sounds, or sounds drawn so that each side has its share of every tag."""
    shares = {"test_share": settings.test_share, "validation_share": settings.validation_share}
    if settings.group is not None:
        drawn = splits.by_group(data.about.groups, name=settings.group, seed=settings.seed, **shares)
    else:
        drawn = tags.stratified(data.about.tags, seed=settings.seed, **shares)
    return drawn._replace(noun=data.noun)


def prepare(data: Data[list[Samples]], split: Split, settings: Settings) -> Prepared:
    """Returns the tags that are common enough among the training sounds, and what the network hears of every sound."""
    labels = tags.vocabulary([data.about.tags[row] for row in split.train], fewest=settings.fewest_examples)
    frames = [sound.frames(each, rate=settings.rate) for each in data.examples]
    return Prepared(labels, tags.matrix(data.about.tags, labels), frames)


def dummy(case: Run) -> Callable[[Rows], Answers]:
    """Returns what needs no model: the most frequent tags for every sound."""
    known = case.prepared.truth[case.known]
    return lambda rows: multilabel.constant(known, rows.size)


def peer(case: Run) -> Callable[[Rows], Answers]:
    """Returns scikit-learn's logistic regression, one a tag, on the mean and the largest log-energy of each band.

    Its thresholds are chosen as ours are.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    truth = case.prepared.truth
    flat = np.stack([np.concatenate([each.mean(axis=0), each.max(axis=0)]) for each in case.prepared.frames])
    alone = LogisticRegression(max_iter=MOST_STEPS)
    machine = make_pipeline(StandardScaler(), OneVsRestClassifier(alone))
    machine.fit(flat[case.split.train], truth[case.split.train])
    stops = case.split.validation
    cut = _cut(machine.predict_proba(flat[stops]), truth[stops], case.settings)
    return lambda rows: multilabel.answers(machine.predict_proba(flat[rows]), cut)


def _cut(chances: Vector, truth: Marks, settings: Settings) -> Vector:
    """Returns the thresholds that are best on validation sounds, for the metric that decides."""
    aim: Literal["micro_f1", "macro_f1"] = "macro_f1" if settings.metric == "macro_f1" else "micro_f1"
    return multilabel.thresholds(chances, truth, aim=aim, each=settings.thresholds)


def fit(case: Run) -> Fitted[Model]:
    """Returns the network as its loss was lowest on the validation sounds, and the thresholds chosen there."""
    settings, (names, truth, frames) = case.settings, case.prepared
    stops, wanted = case.split.validation, truth.astype(np.float32)

    def loss(odds: tc.Tensor, rows: Rows) -> tc.Tensor:
        found: tc.Tensor = tc.binary_cross_entropy_with_logits(odds, tc.as_tensor(wanted[rows]))
        return found

    net, run = listener.train(frames, case.split, loss, outputs=len(names), settings=settings)
    cut = _cut(_chances(net, [frames[row] for row in stops]), truth[stops], settings)
    notes = tags.rarer([case.data.about.tags[row] for row in case.known], names)
    return Fitted(Model(names, net, settings.width, {"thresholds": cut.tolist()}), *run, notes)


def _chances(net: listener.Network, frames: list[Frames]) -> Vector:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-listener.odds(net, frames))))


def predict(model: Model, examples: list[Samples], settings: Settings) -> Answers:
    """Returns the chance of each tag for each sound, and which are set."""
    chances = _chances(model.net, [sound.frames(each, rate=settings.rate) for each in examples])
    return multilabel.answers(chances, model.told["thresholds"])


def score(case: Run, given: Answers) -> metrics.Draws:
    """Returns the metrics of the test sounds."""
    return multilabel.score(case.prepared.truth[case.split.test], given, seed=case.settings.seed)


def actual(case: Run) -> pl.DataFrame:
    """Returns the tags of the test sounds."""
    lists = [json.dumps(case.data.about.tags[row], ensure_ascii=False) for row in case.split.test]
    return pl.DataFrame({"actual": lists}, schema={"actual": pl.String})


def questions(case: Run) -> pl.DataFrame:
    """Returns the samples of the test sounds."""
    sounds = [case.data.examples[row].tolist() for row in case.split.test]
    return pl.DataFrame({case.settings.sound: sounds}, schema={case.settings.sound: pl.List(pl.Float32)})


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> list[Samples]:
    """Returns the sounds of a new table; paths of WAV files are relative to where the program runs."""
    columns.check_name(table, settings.sound, setting="sound")
    return sound.column(table[settings.sound], rate=settings.rate, folder=Path())


def draw(folder: Path, trained: Trained[Settings, list[Samples], Prepared, Model, Answers]) -> None:
    """Draws the learning curve."""
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="log-loss of a tag")


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Convolutional listener for tags",
    dummy_title="most frequent tags",
    peer_title="scikit-learn one-vs-rest logistic regression on log spectra",
    metrics=multilabel.chosen("micro_f1", "macro_f1", "mean_average_precision", "exact_match", "hamming_loss"),
    read=read,
    split=split,
    prepare=prepare,
    dummy=dummy,
    peer=peer,
    fit=fit,
    predict=predict,
    score=score,
    shown=lambda given, model: multilabel.shown(given, model.classes),
    actual=actual,
    questions=questions,
    inputs=inputs,
    save=listener.save,
    load=lambda folder, settings: listener.load(folder),
    take=take,
    onnx=listener.onnx,
    features=listener.features,
    plots=draw,
    smoke={"epochs": 8, "width": 32, "learning_rate": 0.008},
    smoke_examples=800,
)
