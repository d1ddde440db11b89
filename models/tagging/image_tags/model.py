"""Everything that a picture shows, on tensor_core; beside it the most frequent tags, and trees over the pixels."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import columns, config, convolution, metrics, multilabel, pictures, plots, sequences, splits, tags
from models.kit.config import Between
from models.kit.convolution import Model
from models.kit.errors import count
from models.kit.multilabel import Answers, Marks
from models.kit.pictures import Colour, Pixels
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained, take

TREES = 100
FEWEST_AT_LEAF = 2  # pictures

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["micro_f1", "macro_f1", "mean_average_precision", "hamming_loss", "exact_match"]
    image: str
    image_folder: str | None
    tags: str
    delimiter: str | None
    no_tags: Literal["unknown", "none"]
    side: Annotated[int, Between(8, 4096)]
    colour: Colour
    group: str | None
    test_share: Annotated[float, Between(0.05, 0.5)]
    validation_share: Annotated[float, Between(0.05, 0.5)]
    fewest_examples: Annotated[int, Between(1, 1_000_000)]
    thresholds: Literal["label", "all"]
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
    """The tags of each picture, and the group of each, if there are any."""

    tags: list[tuple[str, ...]]
    groups: npt.NDArray[Any] | None


class Prepared(NamedTuple):
    """The tags that count, the commonest first, and which each picture has."""

    labels: tuple[str, ...]
    truth: Marks


Run = Case[Settings, Pixels, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Pixels]:
    """Returns the pictures whose tags are known, in one size; as `about` their tags and groups."""
    table = pictures.table(settings.table, folder=folder)
    if settings.group is not None:
        columns.check_name(table.frame, settings.group, setting="group")
    found = tags.read(table.frame, settings.tags, delimiter=settings.delimiter)
    usable = found.known if settings.no_tags == "unknown" else np.ones_like(found.known)
    known = np.flatnonzero(usable)
    chosen = known[sequences.drawn(known.size, most, seed=settings.seed)]
    frame = table.frame[chosen]
    seen = pictures.find(frame, settings, columns=(), folder=(folder / settings.table).parent)
    said = [f"column {settings.tags!r}: tags are separated by {found.delimiter!r}"] if found.delimiter else []
    if without := int((~usable).sum()):
        said.append(
            f"column {settings.tags!r}: {count(without, 'row')} without tags left out (no_tags: none keeps them)"
        )
    groups = None if settings.group is None else columns.grouped(frame[settings.group])
    about = About([found.rows[row] for row in chosen], groups)
    notes = (*table.notes, *said, pictures.said(seen))
    return Data(settings.table, table.sha256, seen.pixels, chosen + 1, notes, "picture", about)


def split(data: Data[Pixels], settings: Settings) -> Split:
    """Returns whole groups of pictures, or pictures drawn so that each side has its share of every tag."""
    shares = {"test_share": settings.test_share, "validation_share": settings.validation_share}
    if settings.group is not None:
        drawn = splits.by_group(data.about.groups, name=settings.group, seed=settings.seed, **shares)
    else:
        drawn = tags.stratified(data.about.tags, seed=settings.seed, **shares)
    return drawn._replace(noun=data.noun)


def prepare(data: Data[Pixels], split: Split, settings: Settings) -> Prepared:
    """Returns the tags that are common enough among the training pictures, and which pictures have them."""
    labels = tags.vocabulary([data.about.tags[row] for row in split.train], fewest=settings.fewest_examples)
    return Prepared(labels, tags.matrix(data.about.tags, labels))


def dummy(case: Run) -> Callable[[Rows], Answers]:
    """Returns what needs no model: the most frequent tags for every picture."""
    known = case.prepared.truth[case.known]
    return lambda rows: multilabel.constant(known, rows.size)


def peer(case: Run) -> Callable[[Rows], Answers]:
    """Returns scikit-learn's ExtraTreesClassifier on the pixels, with thresholds chosen as ours are."""
    from sklearn.ensemble import ExtraTreesClassifier

    flat, truth = case.data.examples.reshape(case.data.size, -1), case.prepared.truth
    forest = ExtraTreesClassifier(TREES, min_samples_leaf=FEWEST_AT_LEAF, random_state=case.settings.seed)
    forest.fit(flat[case.split.train], truth[case.split.train])

    def chances(rows: Rows) -> Vector:
        each = forest.predict_proba(flat[rows])
        # a tag that all training pictures have, or none, has one class only
        columns = [
            part[:, list(classes).index(True)] if True in classes else np.zeros(rows.size)
            for part, classes in zip(each, forest.classes_, strict=True)
        ]
        return np.stack(columns, axis=1)

    cut = _cut(chances(case.split.validation), truth[case.split.validation], case.settings)
    return lambda rows: multilabel.answers(chances(rows), cut)


def _cut(chances: Vector, truth: Marks, settings: Settings) -> Vector:
    """Returns the thresholds that are best on validation pictures, for the metric that decides."""
    aim: Literal["micro_f1", "macro_f1"] = "macro_f1" if settings.metric == "macro_f1" else "micro_f1"
    return multilabel.thresholds(chances, truth, aim=aim, each=settings.thresholds)


def fit(case: Run) -> Fitted[Model]:
    """Returns the network as its loss was lowest on the validation pictures, and the thresholds chosen there."""
    settings, split, (names, truth) = case.settings, case.split, case.prepared
    form, scale, net = convolution.fresh(
        case.data.examples, split, outputs=len(names), settings=settings, end="anywhere"
    )
    wanted = truth.astype(np.float32)

    def loss(scores: tc.Tensor, rows: Rows) -> tc.Tensor:
        found: tc.Tensor = tc.binary_cross_entropy_with_logits(scores, tc.as_tensor(wanted[rows]))
        return found

    run = convolution.train(net, convolution.seen(case.data.examples, scale), split, settings, loss)
    model = Model(form, scale, names, (), net)
    cut = _cut(_chances(model, case.data.examples[split.validation]), truth[split.validation], settings)
    notes = tags.rarer([case.data.about.tags[row] for row in case.known], names)
    return Fitted(model._replace(told={"thresholds": cut.tolist()}), *run, notes)


def _chances(model: Model, pixels: Pixels) -> Vector:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-convolution.outputs(model, pixels))))


def predict(model: Model, pixels: Pixels, settings: Settings) -> Answers:
    """Returns the chance of each tag for each picture, and which are set."""
    return multilabel.answers(_chances(model, pixels), model.told["thresholds"])


def score(case: Run, given: Answers) -> metrics.Draws:
    """Returns the metrics of the test pictures."""
    return multilabel.score(case.prepared.truth[case.split.test], given, seed=case.settings.seed)


def shown(given: Answers, model: Model) -> pl.DataFrame:
    """Returns the tags that are set, as a JSON list with the likeliest first, and the chance of each tag."""
    order = np.argsort(-given.chances, axis=1, kind="stable")
    lists = [
        json.dumps([model.names[place] for place in places if on[place]], ensure_ascii=False)
        for places, on in zip(order, given.chosen, strict=True)
    ]
    chances = [pl.Series(f"chance of {name}", given.chances[:, place]) for place, name in enumerate(model.names)]
    return pl.DataFrame([pl.Series("predicted", lists, dtype=pl.String), *chances])


def actual(case: Run) -> pl.DataFrame:
    """Returns the tags of the test pictures."""
    lists = [json.dumps(case.data.about.tags[row], ensure_ascii=False) for row in case.split.test]
    return pl.DataFrame({"actual": lists}, schema={"actual": pl.String})


def questions(case: Run) -> pl.DataFrame:
    """Returns the pixels of the test pictures."""
    return pictures.asked(case.data.examples[case.split.test], case.settings, ())


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Pixels:
    """Returns the pictures of a new table; paths begin where the program runs, unless image_folder says where."""
    return convolution.asked(table, model, settings).pixels


def draw(folder: Path, trained: Trained[Settings, Pixels, Prepared, Model, Answers]) -> None:
    """Draws the learning curve."""
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="log-loss of a tag")


TEMPLATE: Task[Any, Any, Any, Any, Any] = Task(
    settings=Settings,
    title=lambda settings: "Convolutional network of tags anywhere in a picture",
    dummy_title="most frequent tags",
    peer_title="scikit-learn ExtraTreesClassifier",
    metrics=multilabel.chosen("micro_f1", "macro_f1", "mean_average_precision", "exact_match", "hamming_loss"),
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
    smoke={
        "epochs": 6,
        "width": 8,
        "side": 20,
        "learning_rate": 0.005,
        "batch_pictures": 12,
        "dropout": 0.1,
        "turn": 8.0,
        "zoom": 0.1,
        "weight_decay": 0.01,  # bent far, few steps learn nothing
    },
    smoke_examples=1000,
)
