"""A class for every pixel of a picture, by a U-Net on tensor_core; beside it one class everywhere, and a forest."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import forest
import iou
import masks
import numpy as np
import numpy.typing as npt
import polars as pl
import unet

import tensor_core as tc
from models.kit import columns, config, convolution, files, metrics, pictures, plots, report, sequences, splits
from models.kit.config import Between
from models.kit.convolution import Form, Model
from models.kit.errors import TableError, count, listed
from models.kit.metrics import Metric
from models.kit.pictures import Colour, Pixels
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained, take

FEWEST_PICTURES = 10
SMALLEST_SIDE = 2 ** (unet.STAGES - 1)  # pixels, of which one is left at the narrowest stage
DRAWN = 6  # test pictures that are drawn


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["mean_iou", "other_iou", "pixel_accuracy"]
    image: str
    mask: str
    image_folder: str | None
    classes: tuple[Annotated[int, Between(0, masks.LARGEST)], ...]
    ignore: Annotated[int, Between(0, masks.LARGEST)] | None
    side: Annotated[int, Between(8, 4096)] | None
    colour: Colour
    group: str | None
    test_share: Annotated[float, Between(0.05, 0.5)]
    validation_share: Annotated[float, Between(0.05, 0.5)]
    width: convolution.Width
    dropout: Annotated[float, Between(0, 0.95)]
    balance: Annotated[float, Between(0, 1)]
    dice: Annotated[float, Between(0, 100)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    weight_decay: Annotated[float, Between(0, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_pictures: Annotated[int, Between(1, 100_000)]

    @property
    def shift(self) -> float:
        """Nothing is bent here: the masks would have to follow."""
        return 0.0

    turn = zoom = shift
    mirror = False


class Scenes(NamedTuple):
    """Pictures as the network sees them, and the height and width each had before."""

    pixels: Pixels
    sizes: npt.NDArray[np.int64]


class About(NamedTuple):
    """The class numbers there are, the place of each pixel's among them (-100: unknown), and the groups, if any."""

    numbers: tuple[int, ...]
    places: npt.NDArray[np.int64]
    groups: npt.NDArray[Any] | None


class Prepared(NamedTuple):
    """The names of the classes, the place of each pixel's, and that of the class of most known pixels."""

    names: tuple[str, ...]
    places: npt.NDArray[np.int64]
    commonest: int


class Answers(NamedTuple):
    """The place of each pixel's class (pictures, height, width), and the size that each picture had before."""

    places: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]


Run = Case[Settings, Scenes, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Scenes]:
    """Returns the pictures that have a mask, in one size; as `about` the class of each pixel, and the groups."""
    table = pictures.table(settings.table, folder=folder)
    for role in ("image", "mask", "group"):
        if getattr(settings, role) is not None:
            columns.check_name(table.frame, getattr(settings, role), setting=role)
    if settings.image == settings.mask:
        raise TableError(f"image and mask name one column, {settings.mask!r}; a mask is another picture")
    known = np.flatnonzero(table.frame[settings.mask].is_not_null().to_numpy())
    if known.size < FEWEST_PICTURES:
        raise TableError(
            f"only {count(known.size, 'picture')} with a mask; at least {FEWEST_PICTURES} are needed, and some tens "
            "of varied ones"
        )
    chosen = known[sequences.drawn(known.size, most, seed=settings.seed)]
    frame, begin = table.frame[chosen], (folder / settings.table).parent
    found = pictures.find(frame, settings, columns=(), folder=begin)
    shape = found.pixels.shape[2:]
    if min(shape) < SMALLEST_SIDE:
        raise TableError(f"pictures of {shape[0]} by {shape[1]} pixels are too small to find anything in")
    if settings.image_folder is not None:
        begin /= Path(settings.image_folder).expanduser()
    values = masks.read(frame[settings.mask], folder=begin, sizes=found.sizes, shape=shape, numbers=chosen + 1)
    numbers = masks.classes(values, allowed=settings.classes, ignored=settings.ignore, numbers=chosen + 1)
    place = np.full(masks.LARGEST + 1, unet.UNKNOWN)
    place[list(numbers)] = np.arange(len(numbers))
    places = place[values]
    groups = None if settings.group is None else columns.grouped(frame[settings.group])
    lost = table.frame.height - known.size
    left_out = (f"{count(lost, 'row')} without a mask left out",) if lost else ()
    notes = (*table.notes, *left_out, pictures.said(found), _said(numbers, places, settings.ignore))
    about = About(numbers, places, groups)
    return Data(settings.table, table.sha256, Scenes(found.pixels, found.sizes), chosen + 1, notes, "picture", about)


def _said(numbers: tuple[int, ...], places: npt.NDArray[np.int64], ignored: int | None) -> str:
    """Returns in a sentence which classes the masks hold, and how much of them."""
    shares = np.bincount(places[places >= 0], minlength=len(numbers)) / max(int((places >= 0).sum()), 1)
    each = ", ".join(f"{number} ({share:.1%})" for number, share in zip(numbers, shares, strict=True))
    unknown = float((places < 0).mean())
    without = "" if ignored is None else f"; {unknown:.1%} of the pixels are {ignored}, which counts for nothing"
    return f"classes of the pixels: {each}{without}"


def split(data: Data[Scenes], settings: Settings) -> Split:
    """Returns whole groups of pictures, or pictures drawn at random."""
    shares = {"test_share": settings.test_share, "validation_share": settings.validation_share}
    if settings.group is not None:
        drawn = splits.by_group(data.about.groups, name=settings.group, seed=settings.seed, **shares)
    else:
        drawn = splits.shuffled(data.size, seed=settings.seed, **shares)
    return drawn._replace(noun=data.noun)


def prepare(data: Data[Scenes], split: Split, settings: Settings) -> Prepared:
    """Returns the names of all classes, the place of each pixel's, and that of the class of most known pixels."""
    numbers, places, _ = data.about
    known = np.concatenate([split.train, split.validation])
    there = np.bincount(places[known][places[known] >= 0], minlength=len(numbers))
    return Prepared(tuple(map(str, numbers)), places, int(there.argmax()))


def dummy(case: Run) -> Callable[[Rows], Answers]:
    """Returns what needs no model: the class of most known pixels, everywhere."""
    shape = case.prepared.places.shape[1:]
    return lambda rows: Answers(np.full((rows.size, *shape), case.prepared.commonest), case.data.examples.sizes[rows])


def peer(case: Run) -> Callable[[Rows], Answers]:
    """Returns scikit-learn's random forest, which sees of each pixel the small square around it."""
    pixels, sizes = case.data.examples
    named = forest.named(pixels, case.known, case.prepared.places, seed=case.settings.seed)
    return lambda rows: Answers(named(rows), sizes[rows])


def fit(case: Run) -> Fitted[Model]:
    """Returns the U-Net as its loss was lowest on the validation pictures."""
    settings, split, (names, places, _) = case.settings, case.split, case.prepared
    pixels = case.data.examples.pixels
    form, scale, _ = convolution.fresh(pixels, split, outputs=len(names), settings=settings, end="anywhere")
    tc.manual_seed(settings.seed)
    net = unet.Network(form, dropout=settings.dropout)
    weight = tc.as_tensor(unet.weights(places[split.train], len(names), balance=settings.balance))
    run = convolution.train(
        net, convolution.seen(pixels, scale), split, settings,
        lambda scores, rows: unet.loss(scores, places[rows], weight, dice=settings.dice),
    )  # fmt: skip
    there = np.unique(places[split.train])
    lacking = [name for place, name in enumerate(names) if place not in there]
    notes = (f"no training picture has a pixel of {listed(lacking)}, which cannot be learned",) if lacking else ()
    return Fitted(Model(form, scale, names, (), net), *run, notes)


def predict(model: Model, examples: Scenes, settings: Settings) -> Answers:
    """Returns the likeliest class of each pixel."""
    return Answers(convolution.outputs(model, examples.pixels).argmax(axis=1), examples.sizes)


def score(case: Run, answers: Answers) -> metrics.Draws:
    """Returns mean IoU, that without the commonest class, and the share of right pixels, on the test pictures."""
    names, places, commonest = case.prepared
    counts = iou.counts(places[case.split.test], answers.places, len(names))
    return iou.draws(counts, commonest=commonest, seed=case.settings.seed)


def shown(answers: Answers, model: Model) -> pl.DataFrame:
    """Returns the mask of each picture, as large as the picture was, and the share of its pixels that each class has.

    A mask is a PNG file of class numbers as a data URL.
    """
    places, sizes = answers
    found = pl.Series("predicted", masks.urls(places, model.names, sizes), dtype=pl.String)
    shares = [
        pl.Series(f"share of {name}", (places == place).mean(axis=(1, 2)), dtype=pl.Float64)
        for place, name in enumerate(model.names)
    ]
    return pl.DataFrame([found, *shares])


def actual(case: Run) -> pl.DataFrame:
    """Returns of each test picture the share of its known pixels that each class has."""
    names, places, _ = case.prepared
    there = places[case.split.test]
    known = np.maximum((there >= 0).sum(axis=(1, 2)), 1)
    return pl.DataFrame(
        {f"actual share of {name}": (there == place).sum(axis=(1, 2)) / known for place, name in enumerate(names)}
    )


def questions(case: Run) -> pl.DataFrame:
    """Returns the pixels of the test pictures."""
    return pl.DataFrame([pictures.nested(case.data.examples.pixels[case.split.test], case.settings.image)])


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Scenes:
    """Returns a picture for each row of a new table; paths begin where the program runs, or at image_folder."""
    found = convolution.asked(table, model, settings)
    return Scenes(found.pixels, found.sizes)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `convolution.save` wrote; raises `ArtefactError` where it is missing or damaged."""
    return convolution.load(folder, settings, build=build)


def build(form: Form) -> tc.nn.Module:
    """Returns the untrained network of that form."""
    return unet.Network(form, dropout=0.0)


def by_class(trained: Trained[Settings, Scenes, Prepared, Model, Answers]) -> pl.DataFrame:
    """Returns for each class how many test pixels it has, and the IoU of the dummy, the peer and ours."""
    names, places, _ = trained.case.prepared
    truth = places[trained.case.split.test]
    table = {"class": list(names), "test_pixels": [int((truth == place).sum()) for place in range(len(names))]}
    for who in ("dummy", "peer", "ours"):
        if (answers := getattr(trained, who)) is not None:
            found = iou.by_class(iou.counts(truth, answers.places, len(names)))
            table[who] = [None if np.isnan(each) else float(each) for each in found]
    return pl.DataFrame(table)


def write(folder: Path, trained: Trained[Settings, Scenes, Prepared, Model, Answers]) -> None:
    """Writes iou_by_class.csv."""
    table = by_class(trained)
    files.write(folder / "iou_by_class.csv", report.to_csv(table.columns, table.rows()))


def draw(folder: Path, trained: Trained[Settings, Scenes, Prepared, Model, Answers]) -> None:
    """Draws some test pictures with both masks, IoU by class, and the learning curve."""
    case, table = trained.case, by_class(trained)
    rows, names = case.split.test[:DRAWN], case.prepared.names
    parts = {"actual": case.prepared.places[rows], "predicted": trained.ours.places[:DRAWN]}
    grey = case.data.examples.pixels[rows].astype(np.float64).mean(axis=1)
    plots.masks(folder / "masks.png", grey, parts, classes=len(names), title="Test pictures and their masks")
    ours = table["ours"].fill_null(0.0).to_numpy()
    plots.bars(folder / "iou_by_class.png", ours, names=names, title="IoU by class, test pictures", axis="IoU")
    title = "cross-entropy and Dice" if case.settings.dice else "cross-entropy"
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title=title)


TEMPLATE: Task[Any, Any, Any, Any, Any] = Task(
    settings=Settings,
    title=lambda settings: "U-Net that names each pixel",
    dummy_title="the commonest class everywhere",
    peer_title="scikit-learn random forest on squares of pixels",
    metrics={
        "mean_iou": Metric("mean IoU", higher_is_better=True),
        "other_iou": Metric("mean IoU without the commonest class", higher_is_better=True),
        "pixel_accuracy": Metric("pixel accuracy", higher_is_better=True),
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
    save=convolution.save,
    load=load,
    take=take,
    onnx=convolution.onnx,
    features=convolution.features,
    plots=draw,
    files=write,
    smoke={"epochs": 4, "width": 8, "batch_pictures": 8, "learning_rate": 0.01},
    smoke_examples=300,
)
