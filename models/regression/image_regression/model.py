"""A number read off a picture, on tensor_core; beside it the mean, and an SVR on the pixels."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import columns, config, convolution, metrics, pictures, plots, sequences, splits
from models.kit.config import Between
from models.kit.convolution import Model
from models.kit.pictures import Colour, Pixels
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained, take

PENALTY = 3.0  # of the SVR, for a target that is centred and scaled

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Settings(config.Labelled):
    """The settings of config.yaml."""

    metric: Literal["r2", "mae", "rmse"]
    image: str | None
    image_folder: str | None
    side: Annotated[int, Between(8, 4096)] | None
    colour: Colour
    end: Literal["places", "mean"]
    loss: Literal["huber", "squared"]
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
    """What else was read: the number of each picture, the columns of the target and the split, those of the pixels."""

    target: Vector
    frame: pl.DataFrame
    columns: tuple[str, ...]


class Prepared(NamedTuple):
    """The number of each picture, and the mean and the spread of those of the training pictures."""

    target: Vector
    mean: float
    spread: float


Run = Case[Settings, Pixels, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Pixels]:
    """Returns the pictures whose number is known, in one size."""
    table = pictures.table(settings.table, folder=folder)
    beside = [("group", settings.group), ("time", settings.time)]
    for setting, name in (*beside, *(("leave_out", name) for name in settings.leave_out)):
        if name is not None:
            columns.check_name(table.frame, name, setting=setting)
    column, said = columns.measured(table.frame, settings.target)
    numbers = columns.target_values(table.frame, column)
    known = np.flatnonzero(numbers.is_not_null().to_numpy())
    chosen = known[sequences.drawn(known.size, most, seed=settings.seed)]
    frame = table.frame[chosen]
    unseen = {settings.target, settings.group, settings.time, *settings.leave_out}
    pixels = () if settings.image else tuple(name for name in frame.columns if name not in unseen)
    found = pictures.find(frame, settings, columns=pixels, folder=(folder / settings.table).parent)
    split_by = [settings.target, *(name for name in (settings.group, settings.time) if name is not None)]
    about = About(numbers[chosen].to_numpy(), frame.select(*dict.fromkeys(split_by)), pixels)
    notes = (*table.notes, *said, pictures.said(found))
    return Data(settings.table, table.sha256, found.pixels, chosen + 1, notes, "picture", about)


def split(data: Data[Pixels], settings: Settings) -> Split:
    """Returns the split that the settings ask for."""
    return splits.draw(settings, data.about.frame)._replace(noun="picture")


def prepare(data: Data[Pixels], split: Split, settings: Settings) -> Prepared:
    """Returns the number of each picture, and the mean and the spread of those of the training pictures."""
    target = data.about.target
    known = target[split.train]
    return Prepared(target, float(known.mean()), float(known.std()) or 1.0)


def dummy(case: Run) -> Callable[[Rows], Vector]:
    """Returns what needs no model: the mean of the known pictures."""
    mean = float(case.prepared.target[case.known].mean())
    return lambda rows: np.full(rows.size, mean)


def peer(case: Run) -> Callable[[Rows], Vector]:
    """Returns scikit-learn's SVR on the pixels as they are, for the target centred and scaled."""
    from sklearn.svm import SVR  # a prediction does without it

    flat = case.data.examples.reshape(case.data.size, -1).astype(np.float64)
    target, mean, spread = case.prepared
    svr = SVR(C=PENALTY).fit(flat[case.known], (target[case.known] - mean) / spread)
    return lambda rows: np.asarray(svr.predict(flat[rows]) * spread + mean)


def fit(case: Run) -> Fitted[Model]:
    """Returns the network as its loss was lowest on the validation pictures."""
    settings, split, (target, mean, spread) = case.settings, case.split, case.prepared
    pixels = case.data.examples
    form, scale, net = convolution.fresh(pixels, split, outputs=1, settings=settings, end=settings.end)
    wanted = ((target - mean) / spread).astype(np.float32)
    measure = tc.huber_loss if settings.loss == "huber" else tc.mse_loss

    def loss(scores: tc.Tensor, rows: Rows) -> tc.Tensor:
        found: tc.Tensor = measure(scores.reshape(-1), tc.as_tensor(wanted[rows]))
        return found

    run = convolution.train(net, convolution.seen(pixels, scale), split, settings, loss)
    told = {"mean": mean, "spread": spread}
    return Fitted(Model(form, scale, (settings.target,), case.data.about.columns, net, told), *run)


def predict(model: Model, pixels: Pixels, settings: Settings) -> Vector:
    """Returns a number for each picture, in the unit of the target."""
    return np.asarray(convolution.outputs(model, pixels)[:, 0] * model.told["spread"] + model.told["mean"])


def score(case: Run, predicted: Vector) -> metrics.Draws:
    """Returns R², MAE and RMSE on the test pictures."""
    return metrics.regression(case.prepared.target[case.split.test], predicted, seed=case.settings.seed)


def shown(predicted: Vector, model: Model) -> pl.DataFrame:
    """Returns one prediction a picture."""
    return pl.DataFrame({"predicted": predicted})


def actual(case: Run) -> pl.DataFrame:
    """Returns the number of the test pictures."""
    return pl.DataFrame({"actual": case.prepared.target[case.split.test]})


def questions(case: Run) -> pl.DataFrame:
    """Returns the pixels of the test pictures."""
    return pictures.asked(case.data.examples[case.split.test], case.settings, case.data.about.columns)


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Pixels:
    """Returns the pictures of a new table; paths begin where the program runs, unless image_folder says where."""
    return convolution.asked(table, model, settings).pixels


def draw(folder: Path, trained: Trained[Settings, Pixels, Prepared, Model, Vector]) -> None:
    """Draws predictions beside the truth, what is left over, and the learning curve."""
    case, name = trained.case, trained.case.settings.target
    truth = case.prepared.target[case.split.test]
    plots.predicted_vs_actual(folder / "predicted_vs_actual.png", truth, trained.ours, target=name)
    plots.residuals(folder / "residuals.png", truth, trained.ours, target=name)
    title = "Huber loss, target scaled" if case.settings.loss == "huber" else "mean squared error, target scaled"
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title=title)


TEMPLATE: Task[Any, Any, Any, Any, Any] = Task(
    settings=Settings,
    title=lambda settings: "Convolutional network of a number read off a picture",
    dummy_title="mean",
    peer_title="scikit-learn SVR",
    metrics=metrics.chosen("r2", "mae", "rmse"),
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
    smoke={"epochs": 4, "width": 8, "learning_rate": 0.01, "batch_pictures": 12, "weight_decay": 0.01},
    smoke_examples=700,
)
