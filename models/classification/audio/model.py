"""Which class a sound is of: a convolutional network on tensor_core; beside it a support vector machine."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import cells, columns, config, dataset, labels, listener, metrics, signals, sound, splits
from models.kit.config import Between
from models.kit.errors import count
from models.kit.listener import Frames, Model, Vector
from models.kit.sound import Samples
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained

ENOUGH = 1_000  # sounds; where there are fewer and no number of copies is set, copies make about so many
FRAMES_COMPARED = 24  # to which the peer brings all sounds


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["accuracy", "macro_f1", "balanced_accuracy", "log_loss", "average_precision", "roc_auc"]
    sound: str
    target: str
    positive: str | None
    rate: Annotated[int, Between(4_000, 48_000)]
    copies: Annotated[int, Between(0, 100_000)] | None
    snr_db: Annotated[float, Between(-20, 100)]
    part: str | None
    group: str | None
    test_share: Annotated[float, Between(0.05, 0.5)]
    validation_share: Annotated[float, Between(0.05, 0.5)]
    width: Annotated[int, Between(1, 4096)]
    dropout: Annotated[float, Between(0, 0.95)]
    hidden_share: Annotated[float, Between(0, 0.9)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_rows: Annotated[int, Between(1, 100_000)]
    patience: Annotated[int, Between(1, 1_000_000)]


class About(NamedTuple):
    """Of each sound its class, and what it belongs to or is for, where the table says so; the split that is drawn."""

    labels: npt.NDArray[np.object_]
    group: npt.NDArray[np.object_] | None
    part: npt.NDArray[np.object_] | None
    drawn: Split | None = None  # of sounds that are copied, drawn before the copies are made


class Prepared(NamedTuple):
    """The classes, the place of each sound's class, and all sounds as frames."""

    classes: tuple[str, ...]
    target: npt.NDArray[np.int64]
    frames: list[Frames]


Run = Case[Settings, list[Samples], Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[list[Samples]]:
    """Returns the table's sounds that have a class; of those for training copies, changed and put under noise.

    Where each class has one sound only, its copies are on all sides: there is no other to test with.
    """
    table = dataset.table(settings.table, folder=folder)
    for setting in ("sound", "target", "group", "part"):
        if (name := getattr(settings, setting)) is not None:
            columns.check_name(table.frame, name, setting=setting)
    texts = cells.texts(table.frame[settings.target])
    copies = ENOUGH // max(1, texts.len()) if settings.copies is None else settings.copies
    once = settings.group is None and settings.part is None and texts.drop_nulls().is_unique().all()
    _, _, missing = labels.checked(pl.concat([texts] * max(1, copies if once else 1)), noun="sound")
    places = np.flatnonzero(texts.is_not_null().to_numpy())
    chosen = np.arange(places.size)
    if most is not None and most < places.size and not copies:
        chosen = np.sort(np.random.default_rng(settings.seed).permutation(places.size)[:most])
    sounds = sound.column(table.frame[settings.sound], places[chosen].tolist(), rate=settings.rate, folder=folder)
    group, part = (
        None if name is None else cells.texts(table.frame[name]).fill_null("").to_numpy()[places[chosen]]
        for name in (settings.group, settings.part)
    )
    about = About(texts.to_numpy()[places[chosen]], group, part)
    notes = (*table.notes, *missing)
    if not copies:
        return Data(settings.table, table.sha256, sounds, places[chosen] + 1, notes, "sound", about)
    copies = copies if most is None else max(1, min(most // len(sounds), copies))
    drawn = None if once else _drawn(about, settings)
    made, of, said = _copied(sounds, drawn, copies, settings)
    numbers = np.arange(1, of.size + 1) if drawn is None else places[chosen][of] + 1
    of_each = About(about.labels[of], None, None, None if drawn is None else _placed(drawn, copies))
    return Data(settings.table, table.sha256, made, numbers, (*notes, said), "sound", of_each)


def _copied(
    sounds: list[Samples], drawn: Split | None, copies: int, settings: Settings
) -> tuple[list[Samples], Rows, str]:
    """Returns copies of the training sounds and then the others as they are, of which sound each is, and what was done.

    Without a split that was drawn before, all sounds are copied.
    """
    train = np.arange(len(sounds)) if drawn is None else drawn.train
    held = train[:0] if drawn is None else np.concatenate([drawn.validation, drawn.test])
    generator = np.random.default_rng(settings.seed)
    made = [
        sound.rounded(sound.string([sounds[row]], generator, rate=settings.rate, snr_db=settings.snr_db))
        for row in np.repeat(train, copies)
    ]
    noun, tested = "training recording", "validation and test hold other recordings, as they are"
    if drawn is None:
        noun = "recording"
        tested = "speeds, places, levels and noise of the test are new, its recordings are not: each class has only one"
    said = f"{count(copies, 'copy')} of each of {count(train.size, noun)}, at {settings.snr_db:g} dB; {tested}"
    return [*made, *(sounds[row] for row in held)], np.concatenate([np.repeat(train, copies), held]), said


def _placed(drawn: Split, copies: int) -> Split:
    """Returns the split of what `_copied` returns."""
    ends = np.cumsum([drawn.train.size * copies, drawn.validation.size, drawn.test.size])
    train, validation, test = np.split(np.arange(ends[-1]), ends[:-1])
    return drawn._replace(train=train, validation=validation, test=test)


def split(data: Data[list[Samples]], settings: Settings) -> Split:
    """Returns the split that a column names, whole groups, or sounds drawn at random within each class."""
    drawn: Split = data.about.drawn or _drawn(data.about, settings)
    return drawn


def _drawn(about: About, settings: Settings) -> Split:
    """Returns the split of sounds by what is known of them."""
    stops, seed = settings.validation_share, settings.seed
    if about.part is not None:
        drawn = splits.by_part(about.part, name=str(settings.part), validation_share=stops, seed=seed)
    elif about.group is not None:
        shares = {"test_share": settings.test_share, "validation_share": stops}
        drawn = splits.by_group(about.group, name=str(settings.group), seed=seed, **shares)
    else:
        drawn = splits.stratified(about.labels, test_share=settings.test_share, validation_share=stops, seed=seed)
    return splits.known_classes(drawn, about.labels)._replace(noun="sound")


def prepare(data: Data[list[Samples]], split: Split, settings: Settings) -> Prepared:
    """Returns the classes that training holds, and what the network hears of every sound."""
    known, target = labels.placed(data.about.labels, split, positive=settings.positive, metric=settings.metric)
    return Prepared(known, target, [sound.frames(each, rate=settings.rate) for each in data.examples])


def dummy(case: Run) -> Callable[[Rows], Vector]:
    """Returns what needs no model: the share of each class among the known sounds."""
    return labels.shares(case.prepared.target[case.known], number=len(case.prepared.classes))


def peer(case: Run) -> Callable[[Rows], Vector]:
    """Returns scikit-learn's SVC on the log-energies of all sounds, stretched to one length.

    Its margins are turned into probabilities with the softmax: their order is its own, their size is not.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    frames, classes = case.prepared.frames, len(case.prepared.classes)

    def flat(rows: Rows) -> Vector:
        return np.stack([signals.stretched(frames[row].T, FRAMES_COMPARED).ravel() for row in rows])

    machine = make_pipeline(StandardScaler(), SVC()).fit(flat(case.known), case.prepared.target[case.known])

    def answer(rows: Rows) -> Vector:
        margins = machine.decision_function(flat(rows))
        both = np.stack([-margins, margins], axis=1) if classes == 2 else margins
        chances: Vector = tc.softmax(tc.as_tensor(both), -1).numpy()
        return chances

    return answer


def fit(case: Run) -> Fitted[Model]:
    """Returns the listener, trained on the training sounds, as its loss was lowest on the validation sounds."""
    settings, (classes, target, frames) = case.settings, case.prepared

    def loss(odds: tc.Tensor, rows: Rows) -> tc.Tensor:
        found: tc.Tensor = tc.cross_entropy(odds, tc.as_tensor(target[rows]))
        return found

    net, run = listener.train(frames, case.split, loss, outputs=len(classes), settings=settings)
    return Fitted(Model(classes, net, settings.width), *run)


def predict(model: Model, examples: list[Samples], settings: Settings) -> Vector:
    """Returns the probability of each class for each sound."""
    odds = listener.odds(model.net, [sound.frames(each, rate=settings.rate) for each in examples])
    chances: Vector = tc.softmax(tc.as_tensor(odds), -1).numpy()
    return chances


def score(case: Run, chances: Vector) -> metrics.Draws:
    """Returns the metrics of the test sounds."""
    return metrics.classification(case.prepared.target[case.split.test], chances, seed=case.settings.seed)


def shown(chances: Vector, model: Model) -> pl.DataFrame:
    """Returns the likeliest class of each sound, and the probability of each."""
    return labels.shown(chances, model.classes)


def actual(case: Run) -> pl.DataFrame:
    """Returns the class of the test sounds."""
    return pl.DataFrame({"actual": case.data.about.labels[case.split.test]}, schema={"actual": pl.String})


def questions(case: Run) -> pl.DataFrame:
    """Returns the samples of the test sounds."""
    sounds = [case.data.examples[row].tolist() for row in case.split.test]
    return pl.DataFrame({case.settings.sound: sounds}, schema={case.settings.sound: pl.List(pl.Float32)})


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> list[Samples]:
    """Returns the sounds of a new table; paths of WAV files are relative to where the program runs."""
    columns.check_name(table, settings.sound, setting="sound")
    return sound.column(table[settings.sound], rate=settings.rate, folder=Path())


def take(examples: list[Samples], rows: Rows) -> list[Samples]:
    """Returns those sounds."""
    return [examples[row] for row in rows]


def draw(folder: Path, trained: Trained[Settings, list[Samples], Prepared, Model, Vector]) -> None:
    """Draws what was taken for what, the learning curve, and of two classes how far probabilities can be trusted."""
    case = trained.case
    truth, names = case.prepared.target[case.split.test], case.prepared.classes
    labels.draw(folder, truth, trained.ours, names=names, history=trained.fitted.history)


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Convolutional listener",
    dummy_title="class shares",
    peer_title="scikit-learn SVC on log spectra",
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
    save=listener.save,
    load=lambda folder, settings: listener.load(folder),
    take=take,
    onnx=listener.onnx,
    features=listener.features,
    plots=draw,
    smoke={"epochs": 6, "width": 32, "learning_rate": 0.006, "copies": 16, "snr_db": 30},
    smoke_examples=600,
)
