"""Finds what is where in a picture, with a detector on tensor_core; beside it blobs of ink, unnamed and named."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import blobs
import boxes
import detector
import numpy as np
import numpy.typing as npt
import polars as pl
import scenes
from boxes import Things
from scenes import Scenes

import tensor_core as tc
from models.kit import config, convolution, labels, metrics, pictures, plots, splits
from models.kit.config import Between
from models.kit.convolution import Form
from models.kit.errors import TableError
from models.kit.metrics import Metric
from models.kit.pictures import Colour
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained, take

HIT = 0.5  # overlap from which a found box is the one that is there
SAME = 0.5  # overlap from which two found boxes are one thing


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["map50", "map75"]
    image: str
    image_folder: str | None
    target: str
    x: str
    y: str
    w: str
    h: str
    box: Literal["corner", "centre", "corners"]
    unit: Literal["pixels", "shares"]
    side: Annotated[int, Between(16, 4096)]
    colour: Colour
    group: str | None
    test_share: Annotated[float, Between(0.05, 0.5)]
    validation_share: Annotated[float, Between(0.05, 0.5)]
    width: convolution.Width
    dropout: Annotated[float, Between(0, 0.95)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    weight_decay: Annotated[float, Between(0, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_pictures: Annotated[int, Between(1, 100_000)]

    @property
    def shift(self) -> float:
        """Nothing is bent here: the boxes would have to follow."""
        return 0.0

    turn = zoom = shift
    mirror = False


class Prepared(NamedTuple):
    """The kinds of things, and the things in each picture."""

    names: tuple[str, ...]
    things: list[Things]


class Model(NamedTuple):
    """A trained network, and how sure it has to be of a thing that is told."""

    network: convolution.Model
    least: float


Run = Case[Settings, Scenes, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Scenes]:
    """Returns the pictures of the table, each once; as `about` what is in each, and its group."""
    return scenes.read(settings, folder, most)


def split(data: Data[Scenes], settings: Settings) -> Split:
    """Returns whole groups of pictures, or pictures drawn at random."""
    shares = {"test_share": settings.test_share, "validation_share": settings.validation_share}
    if settings.group is not None:
        drawn = splits.by_group(data.about.groups, name=settings.group, seed=settings.seed, **shares)
    else:
        drawn = splits.shuffled(data.size, seed=settings.seed, **shares)
    return drawn._replace(noun=data.noun)


def prepare(data: Data[Scenes], split: Split, settings: Settings) -> Prepared:
    """Returns the kinds that the known pictures hold, and the things in all of them."""
    known = np.concatenate([split.train, split.validation])
    named = [name for row in known for name in data.about.named[row]]
    if not named:
        raise TableError("no picture of the training has a thing in it; check the columns of the boxes")
    names = labels.classes(named, positive=None)
    places = {name: place for place, name in enumerate(names)}
    things = []
    for found, called in zip(data.about.found, data.about.named, strict=True):
        kinds = np.array([places.get(name, len(names)) for name in called], dtype=np.int64)
        known_kind = kinds < len(names)  # a kind that training lacks cannot be found, and is not asked for
        things.append(Things(found[known_kind], kinds[known_kind], np.ones(int(known_kind.sum()))))
    return Prepared(names, things)


def dummy(case: Run) -> Callable[[Rows], list[Things]]:
    """Returns blobs of what stands out from the ground, each called by the commonest name."""
    common = int(np.bincount(_kinds(case)).argmax())
    parts = blobs.learned(case.data.examples, case.known, case.prepared.things)
    return lambda rows: [
        each._replace(kinds=np.full_like(each.kinds, common)) for each in blobs.found(case.data.examples, rows, parts)
    ]


def peer(case: Run) -> Callable[[Rows], list[Things]]:
    """Returns the same blobs, each named by scikit-learn's SVC that saw the known boxes, all brought to one size."""
    return blobs.named(case.data.examples, case.known, case.prepared.things, seed=case.settings.seed)


def _kinds(case: Run) -> npt.NDArray[np.int64]:
    return np.concatenate([case.prepared.things[row].kinds for row in case.known])


def fit(case: Run) -> Fitted[Model]:
    """Returns the detector as its loss was lowest on the validation pictures, and how sure it has to be there."""
    settings, split, (names, things) = case.settings, case.split, case.prepared
    scenes_there = case.data.examples
    form, scale, _ = convolution.fresh(
        scenes_there.pixels, split, outputs=len(names), settings=settings, end="anywhere"
    )
    tc.manual_seed(settings.seed)
    net = detector.Network(form, dropout=settings.dropout)
    seen = convolution.seen(scenes_there.pixels, scale)
    small = [detector.scaled(each, size, seen) for each, size in zip(things, scenes_there.sizes, strict=True)]
    run = detector.trained(net, seen, split, settings, small, len(names))
    model = Model(convolution.Model(form, scale, names, (), net), 0.5)
    rows = split.validation
    there = predict(model, take(scenes_there, rows), settings)
    least = boxes.surest(there, [things[row] for row in rows], least_overlap=HIT)
    note = f"things are told from a score of {least:.2f} on: there F1 of the validation pictures is highest"
    return Fitted(model._replace(least=least), *run, (note,))


def predict(model: Model, examples: Scenes, settings: Settings) -> list[Things]:
    """Returns the things of each picture with their scores, the unlikely ones as well."""
    return detector.found(convolution.outputs(model.network, examples.pixels), examples.sizes)


def score(case: Run, answers: list[Things]) -> metrics.Draws:
    """Returns mean average precision at overlaps of .5 and .75 on the test pictures."""
    truth = [case.prepared.things[row] for row in case.split.test]
    overlaps = {"map50": HIT, "map75": 0.75}
    return boxes.average_precisions(answers, truth, least_overlaps=overlaps, seed=case.settings.seed)


def shown(answers: list[Things], model: Model) -> pl.DataFrame:
    """Returns a row for each thing that is sure enough: its picture, what it is, how sure, and its box in pixels."""
    rows = []
    for place, each in enumerate(answers, start=1):
        sure = boxes.kept(each, least=model.least, most_overlap=SAME)
        for box, kind, score in zip(sure.boxes.tolist(), sure.kinds, sure.scores.tolist(), strict=True):
            left, top, right, bottom = box
            rows.append((place, model.network.names[kind], score, left, top, right - left, bottom - top))
    columns = dict.fromkeys(("score", "x", "y", "width", "height"), pl.Float64)
    return pl.DataFrame(rows, schema={"row": pl.Int64, "predicted": pl.String, **columns}, orient="row")


def actual(case: Run) -> pl.DataFrame:
    """Returns what is in each test picture, in words."""
    about = case.data.about
    told = ["; ".join(scenes.words(about.found[row], about.named[row])) for row in case.split.test]
    return pl.DataFrame({"actual": told}, schema={"actual": pl.String})


def questions(case: Run) -> pl.DataFrame:
    """Returns the pixels of the test pictures."""
    return pl.DataFrame([pictures.nested(case.data.examples.pixels[case.split.test], case.settings.image)])


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Scenes:
    """Returns a picture for each row of a new table; paths begin where the program runs, or at image_folder."""
    found = convolution.asked(table, model.network, settings)
    return Scenes(found.pixels, found.sizes)


def save(model: Model, folder: Path) -> None:
    """Writes preprocess.json and weights.safetensors."""
    convolution.save(model.network._replace(told={"least": model.least}), folder)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    found = convolution.load(folder, settings, build=build)
    return Model(found, float(found.told["least"]))


def build(form: Form) -> tc.nn.Module:
    """Returns the untrained network of that form."""
    return detector.Network(form, dropout=0.0)


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the network as a function of pictures that are centred and scaled: maps of centres and sides."""
    return convolution.onnx(model.network, settings)


def draw(folder: Path, trained: Trained[Settings, Scenes, Prepared, Model, list[Things]]) -> None:
    """Draws the learning curve."""
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="loss of centres and boxes")


TEMPLATE: Task[Any, Any, Any, Any, Any] = Task(
    settings=Settings,
    title=lambda settings: "Detector of centres and sizes",
    dummy_title="blobs of the commonest name",
    peer_title="blobs named by scikit-learn SVC",
    metrics={
        "map50": Metric("mAP at overlap .5", higher_is_better=True),
        "map75": Metric("mAP at overlap .75", higher_is_better=True),
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
    load=load,
    take=take,
    onnx=onnx,
    features=lambda model: convolution.features(model.network),
    plots=draw,
    smoke={"epochs": 4, "width": 8, "batch_pictures": 16, "learning_rate": 0.004},
    smoke_examples=300,
)
