"""Says what a picture shows, with a small convolutional network on tensor_core; beside it shares and an SVC."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import cells, columns, config, convolution, labels, metrics, pictures, sequences, splits
from models.kit.config import Between
from models.kit.convolution import Model
from models.kit.errors import TableError, count
from models.kit.pictures import Colour, Pixels
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained, take

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Settings(config.Labelled):
    """The settings of config.yaml."""

    metric: Literal["accuracy", "log_loss", "balanced_accuracy", "macro_f1", "average_precision", "roc_auc"]
    image: str | None
    image_folder: str | None
    side: Annotated[int, Between(8, 4096)] | None
    colour: Colour
    positive: str | None
    members: Annotated[int, Between(1, 100)]
    width: convolution.Width
    dropout: Annotated[float, Between(0, 0.95)]
    shift: Annotated[float, Between(0, 0.5)]
    turn: Annotated[float, Between(0, 180)]
    zoom: Annotated[float, Between(0, 1)]
    mirror: bool
    learning_rate: Annotated[float, Between(1e-8, 10)]
    weight_decay: Annotated[float, Between(0, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_pictures: Annotated[int, Between(1, 100_000)]


class About(NamedTuple):
    """What else was read: the class of each picture, the columns of the split, and those of the pixels, if any."""

    classes: npt.NDArray[np.object_]
    frame: pl.DataFrame
    columns: tuple[str, ...]


class Prepared(NamedTuple):
    """The classes, and the place of each picture's."""

    names: tuple[str, ...]
    target: npt.NDArray[np.int64]


Run = Case[Settings, Pixels, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Pixels]:
    """Returns the pictures that have a class, in one size."""
    table = pictures.table(settings.table, folder=folder)
    beside = [("target", settings.target), ("group", settings.group), ("time", settings.time)]
    for setting, name in (*beside, *(("leave_out", name) for name in settings.leave_out)):
        if name is not None:
            columns.check_name(table.frame, name, setting=setting)
    classes = cells.texts(table.frame[settings.target])
    known = np.flatnonzero(classes.is_not_null().to_numpy())
    chosen = known[sequences.drawn(known.size, most, seed=settings.seed)]
    frame = table.frame[chosen]
    if (values := classes[chosen].n_unique()) > columns.MOST_CLASSES_SHARE * chosen.size:
        raise TableError(
            f"column {settings.target!r} has {count(values, 'value')} in {count(chosen.size, 'row')}: a class needs "
            "several pictures; name another `target`"
        )
    unseen = {settings.target, settings.group, settings.time, *settings.leave_out}
    pixels = () if settings.image else tuple(name for name in frame.columns if name not in unseen)
    where = (folder / settings.table).parent
    found = pictures.find(frame, settings, columns=pixels, folder=where)
    split_by = [name for name in (settings.group, settings.time) if name is not None]
    about = About(classes[chosen].to_numpy(), frame.select(split_by), pixels)
    notes = (*table.notes, *_left(table.frame.height - known.size, settings.target), pictures.said(found))
    return Data(settings.table, table.sha256, found.pixels, chosen + 1, notes, "picture", about)


def _left(rows: int, target: str) -> tuple[str, ...]:
    return (f"{count(rows, 'row')} without a value of {target!r} left out",) if rows else ()


def split(data: Data[Pixels], settings: Settings) -> Split:
    """Returns the split that the settings ask for."""
    return splits.draw(settings, data.about.frame, labels=data.about.classes)._replace(noun="picture")


def prepare(data: Data[Pixels], split: Split, settings: Settings) -> Prepared:
    """Returns the classes that the known pictures have, and the place of each picture's class."""
    found = labels.placed(data.about.classes, split, positive=settings.positive, metric=settings.metric)
    return Prepared(found.classes, found.target)


def dummy(case: Run) -> Callable[[Rows], Vector]:
    """Returns what needs no model: the share of each class in the known pictures."""
    return labels.shares(case.prepared.target[case.known], number=len(case.prepared.names))


def peer(case: Run) -> Callable[[Rows], Vector]:
    """Returns scikit-learn's SVC on the pixels as they are, with its own settings; its scores are taken as log-odds."""
    from sklearn.svm import SVC  # a prediction does without it

    flat = case.data.examples.reshape(case.data.size, -1).astype(np.float64)
    svc = SVC(break_ties=True).fit(flat[case.known], case.prepared.target[case.known])

    def chances(rows: Rows) -> Vector:
        scores = svc.decision_function(flat[rows])
        return softmax(np.stack([-scores / 2, scores / 2], axis=1) if scores.ndim == 1 else scores)

    return chances


def fit(case: Run) -> Fitted[Model]:
    """Returns the networks, each as its loss was lowest on the pictures that stop it."""
    settings, names, target = case.settings, case.prepared.names, case.prepared.target
    pixels, parts = case.data.examples, parted(case.split, settings)
    form, scale, _ = convolution.fresh(pixels, case.split, outputs=len(names), settings=settings, end="places")
    seen = convolution.seen(pixels, scale)

    def loss(scores: tc.Tensor, rows: Rows) -> tc.Tensor:
        found: tc.Tensor = tc.cross_entropy(scores, tc.as_tensor(target[rows]))
        return found

    nets, runs, left = [], [], settings.time_budget_seconds
    for place, part in enumerate(parts):
        now = replace(settings, seed=settings.seed + place, time_budget_seconds=max(left / (len(parts) - place), 0.1))
        nets.append(convolution.fresh(pixels, part, outputs=len(names), settings=now, end="places").net)
        started = time.perf_counter()
        runs.append(convolution.train(nets[-1], seen, part, now, loss))
        left -= time.perf_counter() - started
        if runs[-1].interrupted:
            break
    form = form._replace(members=len(nets))
    net = nets[0] if len(nets) == 1 else convolution.together(form, nets)
    said = runs[-1].ended if len(nets) == 1 else f"{len(nets)} networks; the last: {runs[-1].ended}"
    model = Model(form, scale, names, case.data.about.columns, net)
    return Fitted(model, said, runs[0].history, runs[-1].interrupted)


def parted(split: Split, settings: Settings) -> list[Split]:
    """Returns for each network which pictures train it and which stop it.

    One network stops on the validation pictures. Of several, each stops on another part of all known pictures, drawn at
    random, so that every picture trains most of them; with a group or a time in the split all stop on the same ones.
    """
    if settings.members == 1 or settings.group is not None or settings.time is not None:
        return [split] * settings.members
    known = np.concatenate([split.train, split.validation])
    parts = np.array_split(np.random.default_rng(settings.seed).permutation(known), settings.members)
    return [split._replace(train=np.setdiff1d(known, part), validation=np.sort(part)) for part in parts]


def predict(model: Model, pixels: Pixels, settings: Settings) -> Vector:
    """Returns the probability of each class for each picture, of shape (pictures, classes)."""
    return softmax(convolution.outputs(model, pixels))


def softmax(scores: Vector) -> Vector:
    """Returns scores (pictures, classes) as probabilities.

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    with np.errstate(under="ignore"):
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def score(case: Run, chances: Vector) -> metrics.Draws:
    """Returns the metrics of the test pictures."""
    return metrics.classification(case.prepared.target[case.split.test], chances, seed=case.settings.seed)


def shown(chances: Vector, model: Model) -> pl.DataFrame:
    """Returns the likeliest class of each picture, and the probability of each."""
    return labels.shown(chances, model.names)


def actual(case: Run) -> pl.DataFrame:
    """Returns the class of the test pictures."""
    return pl.DataFrame({"actual": case.data.about.classes[case.split.test]})


def questions(case: Run) -> pl.DataFrame:
    """Returns the pixels of the test pictures."""
    return pictures.asked(case.data.examples[case.split.test], case.settings, case.data.about.columns)


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Pixels:
    """Returns the pictures of a new table; paths begin where the program runs, unless image_folder says where."""
    return convolution.asked(table, model, settings).pixels


def draw(folder: Path, trained: Trained[Settings, Pixels, Prepared, Model, Vector]) -> None:
    """Draws what was taken for what, and of two classes how far the probabilities can be trusted."""
    case = trained.case
    truth, names = case.prepared.target[case.split.test], case.prepared.names
    labels.draw(folder, truth, trained.ours, names=names, history=trained.fitted.history)


TEMPLATE: Task[Any, Any, Any, Any, Any] = Task(
    settings=Settings,
    title=lambda settings: "Convolutional network of pictures",
    dummy_title="class shares",
    peer_title="scikit-learn SVC",
    metrics=metrics.chosen("accuracy", "log_loss", "balanced_accuracy", "macro_f1", "average_precision", "roc_auc"),
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
    save=convolution.save,
    load=convolution.load,
    take=take,
    onnx=convolution.onnx,
    features=convolution.features,
    plots=draw,
    smoke={"epochs": 10, "width": 12, "members": 2},
    smoke_examples=300,
)
