"""A convolutional network for pictures: its layers, its training on pictures that are bent a little, and its files.

Stages of two convolutions of 3 by 3 with batch normalisation (Simonyan and Zisserman, 2015; Ioffe and Szegedy, 2015),
each at half the height and width of the one before and twice as wide, until four pixels are left.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import files, pictures, training
from models.kit.config import Between
from models.kit.errors import ArtefactError, TableError
from models.kit.pictures import Pixels
from models.kit.splits import Rows, Split
from models.kit.task import Onnx

SCHEMA = 1
LEARNED, WEIGHTS = "preprocess.json", "weights.safetensors"
SMALLEST_SIDE = 4  # of a map, in pixels
TOGETHER = 256  # pictures whose outputs are computed at once
SMALLEST_SPREAD = 1e-6

End = Literal["places", "anywhere", "mean"]
Width = Annotated[int, Between(1, 4096)]


class Bending(Protocol):
    """The settings that say how far training pictures are bent."""

    @property
    def shift(self) -> float: ...  # noqa: D102 - as in config.yaml
    @property
    def turn(self) -> float: ...  # noqa: D102
    @property
    def zoom(self) -> float: ...  # noqa: D102
    @property
    def mirror(self) -> bool: ...  # noqa: D102


class Form(NamedTuple):
    """What a network is built of: the pictures' channels and size, its outputs and its width.

    `end` says how the last map becomes outputs: "places" weighs each place of it, as for one centred thing;
    "anywhere" takes the logarithm of the mean exponential over all places: near their largest, as for what may be
    anywhere; "mean" takes the plain mean over all places, as for numbers.
    `members` networks of this form are asked together.
    """

    channels: int
    height: int
    width: int
    outputs: int
    features: int
    end: End
    members: int = 1


class Scale(NamedTuple):
    """The mean of the training pixels and their spread, by which pictures are centred and scaled."""

    mean: float
    spread: float


class Model(NamedTuple):
    """A trained network: what it is built of, the scale of its pictures, the names of its outputs, and its inputs.

    `columns` are the columns of pixels, none where pictures stand in one column; `told` is a template's own.
    """

    form: Form
    scale: Scale
    names: tuple[str, ...]
    columns: tuple[str, ...]
    net: tc.nn.Module
    told: Mapping[str, Any] = {}


class Pair(tc.nn.Module):
    """Two convolutions of 3 by 3, each normalised and cut off at nought."""

    def __init__(self, before: int, after: int, *, apart: int = 1) -> None:
        """Draws the weights; what a convolution sees lies `apart` pixels from each other."""
        self.first = tc.nn.Conv2d(before, after, 3, padding=apart, dilation=apart, bias=False)
        self.first_norm = tc.nn.BatchNorm2d(after)
        self.second = tc.nn.Conv2d(after, after, 3, padding=apart, dilation=apart, bias=False)
        self.second_norm = tc.nn.BatchNorm2d(after)

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        """`x` (rows, before, height, width) → (rows, after, height, width)."""
        x = tc.relu(self.first_norm(self.first(x)))
        found: tc.Tensor = tc.relu(self.second_norm(self.second(x)))
        return found


class Stages(tc.nn.Module):
    """Pairs of convolutions, each at half the height and width of the one before and twice as wide."""

    def __init__(self, channels: int, features: int, number: int) -> None:
        """Draws the weights; the first pair has `features` channels."""
        widths = [features * 2**place for place in range(number)]
        self.pairs = tc.nn.Sequential(
            *(Pair(before, after) for before, after in zip([channels, *widths], widths, strict=False))
        )

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        """`x` (rows, channels, height, width) → (rows, channels of the last pair, lines, columns)."""
        for place, (_, pair) in enumerate(self.pairs.children()):
            x = pair(tc.max_pool2d(x, 2) if place else x)
        return x


class Network(tc.nn.Module):
    """Stages of convolutions, and a linear layer at their end.

    >>> net = Network(Form(1, 8, 8, outputs=10, features=4, end="places"), dropout=0.0)
    >>> tuple(net(tc.zeros(2, 1, 8, 8)).shape)
    (2, 10)
    """

    def __init__(self, form: Form, *, dropout: float) -> None:
        """Draws the weights."""
        sizes = [(form.height, form.width)]
        while min(sizes[-1]) // 2 >= SMALLEST_SIDE:
            sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
        self.stages = Stages(form.channels, form.features, len(sizes))
        self.drop = tc.nn.Dropout(dropout)
        self.end = form.end
        places = sizes[-1][0] * sizes[-1][1] if form.end == "places" else 1
        self.last = tc.nn.Linear(form.features * 2 ** (len(sizes) - 1) * places, form.outputs)

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        """Scores (pictures, outputs) of pictures (pictures, channels, height, width)."""
        x = self.stages(x)
        if self.end == "places":
            found: tc.Tensor = self.last(self.drop(x.flatten(1)))
            return found
        each = self.last(self.drop(x.flatten(2).transpose(1, 2)))
        if self.end == "mean":
            mean: tc.Tensor = each.mean(1)
            return mean
        joined: tc.Tensor = tc.logsumexp(each, 1) - math.log(each.shape[1])
        return joined


class Together(tc.nn.Module):
    """Several networks that are trained apart and asked together: the logarithm of their mean probability.

    >>> nets = Together(Form(1, 8, 8, outputs=3, features=4, end="places", members=2), dropout=0.0).eval()
    >>> round(nets(tc.zeros(1, 1, 8, 8)).exp().sum().item(), 5)
    1.0
    """

    def __init__(self, form: Form, *, dropout: float) -> None:
        """Draws the weights of each."""
        self.nets = tc.nn.Sequential(*(Network(form, dropout=dropout) for _ in range(form.members)))

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        """Logarithms of the mean probability (pictures, outputs) of pictures (pictures, channels, height, width)."""
        each = [tc.log_softmax(net(x), -1) for _, net in self.nets.children()]
        found: tc.Tensor = tc.logsumexp(tc.stack(each), 0) - math.log(len(each))
        return found


def scale(pixels: Pixels) -> Scale:
    """Returns the mean of some pixels and their spread.

    >>> scale(np.array([[[[1.0, 3.0]]]]))
    Scale(mean=2.0, spread=1.0)
    """
    return Scale(float(pixels.mean(dtype=np.float64)), max(float(pixels.std(dtype=np.float64)), SMALLEST_SPREAD))


def seen(pixels: Pixels, scale: Scale) -> npt.NDArray[np.float32]:
    """Returns pictures as the network sees them: centred and scaled."""
    found: npt.NDArray[np.float32] = (pixels.astype(np.float32) - np.float32(scale.mean)) / np.float32(scale.spread)
    return found


def bent(inputs: npt.NDArray[np.float32], settings: Bending, generator: np.random.Generator) -> Any:
    """Returns each picture moved, turned and zoomed by a little, drawn evenly, and half of them mirrored if asked.

    `shift` is the share of the side, `turn` degrees, `zoom` the share of the size. What comes in from outside repeats
    the edge; between pixels values are interpolated.

    >>> class Nothing:
    ...     shift = turn = zoom = 0.0
    ...     mirror = False
    >>> once = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    >>> bool((bent(once, Nothing(), np.random.default_rng(0)) == once).all())
    True
    """
    rows, _, height, width = inputs.shape

    def drawn(most: float) -> npt.NDArray[np.float64]:
        return generator.uniform(-most, most, (rows, 1, 1))

    angle, size = np.deg2rad(drawn(settings.turn)), np.exp(drawn(np.log1p(settings.zoom)))
    side = np.where(generator.random((rows, 1, 1)) < 0.5, -1.0, 1.0) if settings.mirror else 1.0
    down = np.arange(height)[None, :, None] - (height - 1) / 2
    across = (np.arange(width)[None, None, :] - (width - 1) / 2) * side
    y = size * (np.cos(angle) * down - np.sin(angle) * across) + (height - 1) / 2 + drawn(settings.shift * height)
    x = size * (np.sin(angle) * down + np.cos(angle) * across) + (width - 1) / 2 + drawn(settings.shift * width)
    y, x = y.clip(0, height - 1), x.clip(0, width - 1)
    top, left = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    low, near = (y - top).astype(np.float32)[:, None], (x - left).astype(np.float32)[:, None]
    which = np.arange(rows)[:, None, None]
    by_place = inputs.transpose(0, 2, 3, 1)  # channels last, so that one place is one lookup

    def at(line: Any, column: Any) -> Any:
        return by_place[which, line, column].transpose(0, 3, 1, 2)

    above = at(top, left) * (1 - near) + at(top, right) * near
    below = at(bottom, left) * (1 - near) + at(bottom, right) * near
    return above * (1 - low) + below * low


def train(
    net: tc.nn.Module,
    inputs: npt.NDArray[np.float32],
    split: Split,
    settings: Any,
    loss: Callable[[tc.Tensor, Rows], tc.Tensor],
) -> training.Run:
    """Trains in place on the training pictures, and keeps the state with the lowest loss on the validation pictures.

    `loss` is of what the network gives for the pictures at some places. AdamW, with a learning rate that rises for the
    first tenth of the steps and then falls along a cosine. Settings: those of `Bending`, learning_rate, weight_decay,
    epochs, batch_pictures, seed and time_budget_seconds.
    """
    generator = np.random.default_rng(settings.seed)
    batches = -(-split.train.size // settings.batch_pictures)
    total = batches * settings.epochs
    adam = tc.optim.AdamW(net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = tc.optim.Schedule(adam, lambda step: tc.optim.cosine_factor(step, total=total, warmup=total // 10))
    best, lowest = training.snapshot(net), np.inf
    history: list[training.Point] = []
    reason = None
    with (
        training.watched(budget_seconds=settings.time_budget_seconds) as watch,
        training.bar(total, "step") as shown,
    ):
        while reason is None and len(history) < settings.epochs:
            net.train()
            losses = []
            for rows in np.array_split(generator.permutation(split.train), batches):
                adam.zero_grad()
                found = loss(net(tc.as_tensor(bent(inputs[rows], settings, generator))), rows)
                found.backward()
                adam.step()
                schedule.step()
                losses.append(found.item())
                shown.update()
                if reason := watch.reason:
                    break
            there = _loss_at(net, inputs, split.validation, loss) if split.validation.size else float(np.mean(losses))
            if not np.isfinite(there):
                reason = reason or "the loss is no longer finite; lower learning_rate"
            history.append(training.Point(len(history) + 1, float(np.mean(losses)), there))
            shown.set_postfix(loss=f"{there:.4g}")
            if there < lowest:
                best, lowest = training.snapshot(net), there
    net.load_state_dict(best)
    net.eval()
    return training.ended(watch, reason or "all epochs done", "epoch", history)


def _loss_at(
    net: tc.nn.Module,
    inputs: npt.NDArray[np.float32],
    rows: Rows,
    loss: Callable[[tc.Tensor, Rows], tc.Tensor],
) -> float:
    net.eval()
    total = 0.0
    with tc.no_grad():
        for part in np.array_split(rows, -(-rows.size // TOGETHER)):
            total += loss(net(tc.as_tensor(inputs[part])), part).item() * part.size
    return total / rows.size


def outputs(model: Model, pixels: Pixels) -> npt.NDArray[np.float64]:
    """Returns what the network gives for each picture, of shape (pictures, …)."""
    model.net.eval()
    with tc.no_grad():
        parts = [
            seen(pixels[start : start + TOGETHER], model.scale) for start in range(0, max(len(pixels), 1), TOGETHER)
        ]
        return np.concatenate([model.net(tc.as_tensor(part)).numpy().astype(np.float64) for part in parts])


def save(model: Model, folder: Path) -> None:
    """Writes preprocess.json and weights.safetensors."""
    learned = {
        "schema": SCHEMA,
        "form": model.form._asdict(),
        "scale": model.scale._asdict(),
        "names": model.names,
        "columns": model.columns,
        "told": model.told,
    }
    files.write(folder / LEARNED, json.dumps(learned, ensure_ascii=False) + "\n")
    tc.nn.save_safetensors(model.net.state_dict(), folder / WEIGHTS)


def build(form: Form) -> tc.nn.Module:
    """Returns the untrained network of that form, or several."""
    return Network(form, dropout=0.0) if form.members == 1 else Together(form, dropout=0.0)


def load(folder: Path, settings: Any, *, build: Callable[[Form], tc.nn.Module] = build) -> Model:
    """Returns what `save` wrote, the network as `build` makes it.

    Raises `ArtefactError` where it is missing, damaged, or of another version.
    """
    learned = files.read_json(folder / LEARNED, remedy="run train.py first")
    try:
        if learned["schema"] != SCHEMA:
            raise ValueError("it was saved by another version")
        form, scale = Form(**learned["form"]), Scale(**learned["scale"])
        names, columns, told = tuple(learned["names"]), tuple(learned["columns"]), dict(learned["told"])
        net = build(form)
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS))
    except FileNotFoundError:
        raise ArtefactError(f"{folder / WEIGHTS}: there is no such file; run train.py first") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    net.eval()
    return Model(form, scale, names, columns, net, told)


class Fresh(NamedTuple):
    """What an untrained network is built of, the scale of the training pictures, and the network."""

    form: Form
    scale: Scale
    net: Network


def fresh(pixels: Pixels, split: Split, *, outputs: int, settings: Any, end: End) -> Fresh:
    """Returns what the settings' `width`, `dropout` and `seed` make for these pictures, not yet trained."""
    _, channels, height, width = pixels.shape
    form = Form(channels, height, width, outputs, settings.width, end)
    tc.manual_seed(settings.seed)
    return Fresh(form, scale(pixels[split.train]), Network(form, dropout=settings.dropout))


def together(form: Form, nets: Sequence[Network]) -> Together:
    """Returns trained networks as one."""
    found = Together(form, dropout=0.0)
    for (_, place), net in zip(found.nets.children(), nets, strict=True):
        place.load_state_dict(net.state_dict())
    return found.eval()


def onnx(model: Model, settings: Any) -> Onnx:
    """Returns the network as a function of pictures that are centred and scaled as preprocess.json says."""
    return Onnx(model.net, tc.zeros(2, model.form.channels, model.form.height, model.form.width))


def features(model: Model) -> tuple[str, ...]:
    """Returns a name for each pixel: channel, line and column, from 1."""
    channels, height, width = model.form[:3]
    return tuple(
        f"channel {c} line {y} column {x}"
        for c in range(1, channels + 1)
        for y in range(1, height + 1)
        for x in range(1, width + 1)
    )


def asked(table: pl.DataFrame, model: Model, settings: Any) -> pictures.Read:
    """Returns the pictures of a new table; raises `TableError` where they are not as those of training.

    Paths begin where the program runs, unless `image_folder` of the settings says where, and lead nowhere else.
    """
    form = model.form
    side = form.height if form.height == form.width else None
    colour: pictures.Colour = "grey" if form.channels == 1 else "rgb"
    wanted = replace(settings, side=side, colour=colour)
    found = pictures.find(table, wanted, columns=model.columns, folder=Path())
    if (shape := found.pixels.shape[1:]) != (form.channels, form.height, form.width):
        raise TableError(f"pictures of {_size(shape)}; the model was trained on {_size(form[:3])}")
    return found


def _size(shape: Sequence[int]) -> str:
    channels, height, width = shape
    return f"{height} by {width} pixels, {'grey' if channels == 1 else 'in colour'}"
