"""Which class a signal is of: random kernels and a ridge classifier on tensor_core; beside it the nearest neighbour."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import rocket
from rocket import Model, Vector

import tensor_core as tc
from models.kit import config, labels, metrics, plots, signals, splits, training
from models.kit.config import Between
from models.kit.errors import count
from models.kit.signals import Channel, Signals
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained

MOST_COMPARED = 100  # steps to which the peer brings all signals


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["accuracy", "macro_f1", "balanced_accuracy", "log_loss", "average_precision", "roc_auc"]
    target: str
    series: str | None
    step: str | None
    values: tuple[str, ...]
    leave_out: tuple[str, ...]
    positive: str | None
    part: str | None
    group: str | None
    test_share: Annotated[float, Between(0.05, 0.5)]
    kernels: Annotated[int, Between(1, 100_000)]


class About(NamedTuple):
    """The table, the columns that are measured, and of each signal its class and what it belongs to or is for."""

    frame: pl.DataFrame
    channels: tuple[Channel, ...]
    labels: npt.NDArray[np.object_]
    group: npt.NDArray[np.object_] | None
    part: npt.NDArray[np.object_] | None


class Prepared(NamedTuple):
    """The classes, the place of each signal's class, the scale of the channels, and all signals brought to it."""

    classes: tuple[str, ...]
    target: npt.NDArray[np.int64]
    scale: rocket.Scale
    values: list[signals.Signal]


class Answers(NamedTuple):
    """What each signal is called, and the probability of each class, of shape (signals, classes)."""

    names: list[str]
    chances: Vector


Run = Case[Settings, Signals, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Signals]:
    """Returns the signals that have a class."""
    table = signals.table(settings.table, folder=folder)
    others = (settings.target, settings.series, settings.step, settings.part, settings.group, *settings.leave_out)
    used, said = signals.channels(table.frame, named=settings.values, series=settings.series, taken=others)
    found = signals.read(table.frame, used, series=settings.series, step=settings.step)
    named = signals.constant(table.frame, settings.target, found, setting="target")
    named, known, missing = labels.checked(named, noun="signal")
    beside = {
        setting: None if name is None else signals.constant(table.frame, name, found, setting=setting).filter(known)
        for setting, name in (("group", settings.group), ("part", settings.part))
    }
    kept = np.flatnonzero(known)
    chosen = np.arange(kept.size)
    if most is not None and most < kept.size:
        chosen = np.sort(np.random.default_rng(settings.seed).permutation(kept.size)[:most])
    group, part = (None if each is None else each.fill_null("").to_numpy()[chosen] for each in beside.values())
    about = About(table.frame, used, named.to_numpy()[chosen], group, part)
    examples = take(found, kept[chosen])
    numbers = np.array([rows[0] + 1 for rows in examples.rows])
    return Data(settings.table, table.sha256, examples, numbers, (*table.notes, *said, *missing), "signal", about)


def split(data: Data[Signals], settings: Settings) -> Split:
    """Returns the split that a column names, whole groups, or signals drawn at random within each class."""
    about: About = data.about
    if about.part is not None:
        drawn = splits.by_part(about.part, name=str(settings.part), seed=settings.seed)
    elif about.group is not None:
        name = str(settings.group)
        drawn = splits.by_group(about.group, name=name, test_share=settings.test_share, seed=settings.seed)
    else:
        drawn = splits.stratified(about.labels, test_share=settings.test_share, seed=settings.seed)
    return splits.known_classes(drawn, about.labels)._replace(noun="signal")


def prepare(data: Data[Signals], split: Split, settings: Settings) -> Prepared:
    """Returns the classes and the scale that the training signals have."""
    known, target = labels.placed(data.about.labels, split, positive=settings.positive, metric=settings.metric)
    values = data.examples.values
    scale = rocket.scale([values[row] for row in (*split.train, *split.validation)])
    return Prepared(known, target, scale, rocket.scaled(values, scale))


def dummy(case: Run) -> Callable[[Rows], Answers]:
    """Returns what needs no model: the share of each class among the known signals."""
    shares = labels.shares(case.prepared.target[case.known], number=len(case.prepared.classes))
    return lambda rows: Answers([case.data.examples.names[row] for row in rows], shares(rows))


def peer(case: Run) -> Callable[[Rows], Answers]:
    """Returns scikit-learn's nearest neighbour, by the Euclidean distance of signals stretched to one length."""
    from sklearn.neighbors import KNeighborsClassifier

    values, target = case.prepared.values, case.prepared.target[case.known]
    steps = min(int(np.median([values[row].shape[1] for row in case.known])), MOST_COMPARED)

    def flat(rows: Rows) -> Vector:
        return np.stack([signals.stretched(values[row], steps).ravel() for row in rows])

    nearest = KNeighborsClassifier(n_neighbors=1).fit(flat(case.known), target)
    known = np.eye(len(case.prepared.classes))
    return lambda rows: Answers([case.data.examples.names[row] for row in rows], known[nearest.predict(flat(rows))])


def fit(case: Run) -> Fitted[Model]:
    """Returns the kernels and the ridge classifier behind them, from all signals that are not in the test."""
    settings, (classes, target, scale, values) = case.settings, case.prepared
    known, wanted = [values[row] for row in case.known], target[case.known]
    generator = np.random.default_rng(settings.seed)
    longest = max(each.shape[1] for each in known)
    with training.watched(budget_seconds=settings.time_budget_seconds) as watch:
        net = rocket.drawn(generator, kernels=settings.kernels, channels=known[0].shape[0], longest=longest)
        with tc.no_grad():
            net, features = rocket.transform(net, known, watch, generator)
        mean, spread = features.mean(axis=0), features.std(axis=0)
        spread = np.where(spread > rocket.SMALLEST_SPREAD, spread, 1).astype(np.float32)
        found = rocket.ridge((features - mean) / spread, wanted, classes=len(classes))
    factor = rocket.sharpness(found.others, wanted)
    net.mean, net.spread = tc.as_tensor(mean), tc.as_tensor(spread)
    net.weight = tc.as_tensor((found.weight * factor).astype(np.float32))
    net.shift = tc.as_tensor((found.shift * factor).astype(np.float32))
    number = sum(each for _, each in net.dilations)
    alone = float((found.others.argmax(axis=1) == wanted).mean())
    ended = f"Training took {count(number, 'kernel')} and {watch.seconds:.2f} s: {watch.reason or 'all kernels done'}."
    notes = (
        f"the strength of the ridge is {found.strength:.3g}; without itself in training, {alone:.3f} of the training "
        "signals are told",
    )
    return Fitted(Model(case.data.about.channels, classes, scale, net), ended, (), watch.interrupted, notes)


def predict(model: Model, examples: Signals, settings: Settings) -> Answers:
    """Returns the probability of each class for each signal."""
    odds = rocket.odds(model.net, rocket.scaled(examples.values, model.scale))
    return Answers(examples.names, tc.softmax(tc.as_tensor(odds), -1).numpy())


def score(case: Run, answers: Answers) -> metrics.Draws:
    """Returns the metrics of the test signals."""
    return metrics.classification(case.prepared.target[case.split.test], answers.chances, seed=case.settings.seed)


def shown(answers: Answers, model: Model) -> pl.DataFrame:
    """Returns the name of each signal (its row, where it is one row), its likeliest class, and all probabilities."""
    found = labels.shown(answers.chances, model.classes)
    return found.insert_column(0, pl.Series("signal", answers.names, dtype=pl.String))


def actual(case: Run) -> pl.DataFrame:
    """Returns the class of the test signals."""
    return pl.DataFrame({"actual": case.data.about.labels[case.split.test]}, schema={"actual": pl.String})


def questions(case: Run) -> pl.DataFrame:
    """Returns the rows of the test signals without what they are and what they are for."""
    rows = np.concatenate([case.data.examples.rows[row] for row in case.split.test])
    away = [each for each in (case.settings.target, case.settings.part) if each is not None]
    found: pl.DataFrame = case.data.about.frame[rows].drop(away)
    return found


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Signals:
    """Returns the signals of a new table; raises `TableError` where a channel is missing."""
    return signals.read(table, model.channels, series=settings.series, step=settings.step)


def take(examples: Signals, rows: Rows) -> Signals:
    """Returns those signals."""
    return Signals(*([part[row] for row in rows] for part in examples))


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the network as a function of scaled signals of 64 steps and of where they are."""
    return Onnx(model.net, (tc.zeros(2, len(model.channels), 64), tc.ones(2, 1, 64)))


def draw(folder: Path, trained: Trained[Settings, Signals, Prepared, Model, Answers]) -> None:
    """Draws what was taken for what, and of two classes how far the probabilities can be trusted."""
    case = trained.case
    truth, names, chances = case.prepared.target[case.split.test], case.prepared.classes, trained.ours.chances
    plots.confusion(folder / "confusion.png", truth, chances, classes=names)
    if len(names) == 2:
        plots.calibration(folder / "calibration.png", truth == 1, chances[:, 1], name=names[1])
        plots.precision_recall(folder / "precision_recall.png", truth == 1, chances[:, 1], name=names[1])


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Random convolution kernels with a ridge classifier",
    dummy_title="class shares",
    peer_title="scikit-learn 1-NN, signals stretched to one length",
    metrics=metrics.chosen("accuracy", "macro_f1", "balanced_accuracy", "log_loss", "average_precision", "roc_auc"),
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
    save=rocket.save,
    load=lambda folder, settings: rocket.load(folder),
    take=take,
    onnx=onnx,
    features=lambda model: tuple(each.name for each in model.channels),
    plots=draw,
    smoke={"kernels": 200},
    smoke_examples=None,
)
