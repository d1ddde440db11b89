"""New rows that could have come from the same source; beside them columns drawn apart, and a Gaussian of each kind."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import gan
import numpy as np
import numpy.typing as npt
import polars as pl
from likeness import Eye, eye, frechet, same_source, seen, taken_for

import tensor_core as tc
from models.kit import cells, columns, files, metrics, plots, preprocess, splits, tabular, training, unlabelled
from models.kit.config import Between
from models.kit.errors import ArtefactError, ConfigError, TableError, listed
from models.kit.metrics import Draws, Metric
from models.kit.preprocess import Preprocess
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained

Matrix = npt.NDArray[np.float64]
Kinds = npt.NDArray[np.int64]

KINDS_FILE = "kinds.json"
COPIES = 4  # rows made for each row asked for, so that a small test can be compared
FEWEST_SHARE = 1 / 3  # of its rows that a kind must be recognised in; below it the kind is missing
ONE = "row"  # the kind of all rows where none is named


@dataclass(frozen=True, kw_only=True)
class Settings(unlabelled.Settings):
    """The settings of config.yaml; `check` names the column of the kinds, which new rows are made for."""

    metric: Literal["frechet"]
    hidden: Annotated[int, Between(4, 4_096)]
    steps: Annotated[int, Between(1, 1_000_000)]
    batch_rows: Annotated[int, Between(2, 100_000)]
    learning_rate: Annotated[float, Between(1e-8, 1)]
    test_share: Annotated[float, Between(0.05, 0.5)]


class Prepared(NamedTuple):
    """What the training rows taught, the design matrix, the kind of each row, their names, and the eye that judges."""

    learned: Preprocess
    inputs: Matrix
    kinds: Kinds
    names: tuple[str, ...]
    eye: Eye


class Model(NamedTuple):
    """What was learned about the columns, the names of the kinds, the scale of the rows, the generator."""

    learned: Preprocess
    names: tuple[str, ...]
    scale: float
    generator: gan.Generator


class Made(NamedTuple):
    """Rows of the design matrix (asked × copies × features), and the kind each was made as."""

    rows: npt.NDArray[np.float64]
    kinds: Kinds
    names: tuple[str, ...]


Run = Case[Settings, pl.DataFrame, Prepared]


def split(data: Data[pl.DataFrame], settings: Settings) -> Split:
    """Returns rows for training and for the test, which the generator never sees, drawn at random."""
    return splits.shuffled(data.size, test_share=settings.test_share, seed=settings.seed)


def _names(frame: pl.DataFrame, settings: Settings) -> npt.NDArray[Any]:
    if settings.check is None:
        return np.full(frame.height, ONE, dtype=object)
    return cells.texts(frame[settings.check]).fill_null("").to_numpy().astype(object)


def prepare(data: Data[pl.DataFrame], split: Split, settings: Settings) -> Prepared:
    """Returns the design matrix, the kind of each row, and a small network that learns to tell the kinds apart."""
    learned = unlabelled.learn(data.examples[split.train], data.about, settings)
    inputs = preprocess.transform(learned, data.examples)
    named = _names(data.examples, settings)
    names = tuple(sorted({str(name) for name in named[split.train]}))
    if len(names) > columns.MOST_CLASSES:
        raise ConfigError(f"check: column {settings.check!r} has {len(names)} kinds; at most {columns.MOST_CLASSES}")
    places = {name: place for place, name in enumerate(names)}
    kinds = np.array([places.get(name, 0) for name in named], dtype=np.int64)
    judge = eye(inputs[split.train], kinds[split.train], len(names), seed=settings.seed)
    return Prepared(learned, inputs, kinds, names, judge)


def _scale(case: Run) -> float:
    return float(case.prepared.inputs[case.split.train].std(axis=0).mean()) or 1.0


def _drawn(case: Run, draw: Callable[[Kinds], Matrix]) -> Callable[[Rows], Made]:
    def made(rows: Rows) -> Made:
        kinds = case.prepared.kinds[rows]
        found = draw(np.repeat(kinds, COPIES)).reshape(rows.size, COPIES, -1)
        return Made(found, kinds, case.prepared.names)

    return made


def dummy(case: Run) -> Callable[[Rows], Made]:
    """Returns what needs no model: each column drawn from the training rows by itself."""
    generator, known = np.random.default_rng(case.settings.seed), case.prepared.inputs[case.split.train]

    def draw(kinds: Kinds) -> Matrix:
        places = generator.integers(0, len(known), (len(kinds), known.shape[1]))
        return np.asarray(np.take_along_axis(known, places, axis=0))

    return _drawn(case, draw)


def peer(case: Run) -> Callable[[Rows], Made]:
    """Returns scikit-learn's mixture of one Gaussian for each kind."""
    from sklearn.mixture import GaussianMixture

    inputs, kinds = case.prepared.inputs[case.split.train], case.prepared.kinds[case.split.train]
    fitted = [
        GaussianMixture(1, random_state=case.settings.seed + kind).fit(inputs[kinds == kind])
        for kind in range(len(case.prepared.names))
    ]

    def draw(asked: Kinds) -> Matrix:
        found = np.empty((len(asked), inputs.shape[1]))
        for kind in np.unique(asked):
            found[asked == kind] = fitted[kind].sample(int((asked == kind).sum()))[0]
        return found

    return _drawn(case, draw)


def fit(case: Run) -> Fitted[Model]:
    """Returns the generator: the average of its weights over the steps, from the Gaussians on."""
    settings, prepared, scale = case.settings, case.prepared, _scale(case)
    train, number = case.split.train, len(case.prepared.names)
    inputs, kinds = prepared.inputs[train] / scale, prepared.kinds[train]
    tc.manual_seed(settings.seed)
    maker = gan.Generator(gan.base(inputs, kinds, number, shrinkage=0.0), hidden=settings.hidden)
    course: list[float] = []
    with (
        training.watched(budget_seconds=settings.time_budget_seconds) as watch,
        training.bar(settings.steps, "step") as shown,
    ):
        for loss in gan.train(
            maker, inputs, kinds, steps=settings.steps, batch=settings.batch_rows, rate=settings.learning_rate,
            generator=np.random.default_rng(settings.seed),
        ):  # fmt: skip
            course.append(loss)
            shown.update()
            if watch.reason:
                break
    history = [training.Point(place, value, None) for place, value in enumerate(course, start=1)]
    run = training.ended(watch, watch.reason or "all steps done", "step", history)
    model = Model(prepared.learned, prepared.names, scale, maker)
    notes, facts = _judged(case, model)
    return Fitted(model, *run, notes, facts)


def _judged(case: Run, model: Model) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Returns what there is to say beyond the distance: its floor, the two-sample test, and rows that are copies."""
    prepared, scale = case.prepared, model.scale
    real, known = prepared.inputs[case.split.test], prepared.inputs[case.split.train]
    made = predict(model, case.data.examples[case.split.test], case.settings).rows[:, 0]
    look = [seen(prepared.eye, each) for each in (real, known, made)]
    floor, p_value = frechet(look[1], look[0]), same_source(look[0], look[2], seed=case.settings.seed)
    real, known, made = real / scale, known / scale, made / scale
    nearest = [
        float(np.median(np.sqrt(np.clip(
            (each**2).sum(axis=1)[:, None] - 2 * each @ known.T + (known**2).sum(axis=1), 0, None
        ).min(axis=1))))
        for each in (made, real)
    ]  # fmt: skip
    notes = (
        f"the training rows themselves are {floor:.3g} from the test rows, by the same measure",
        f"two-sample test (MMD): made-up and real rows would be as far apart by chance with p = {p_value:.3f}",
        f"the median way to the nearest training row is {nearest[0]:.3g} for made-up rows and {nearest[1]:.3g} for "
        "real new ones: much less would mean copies",
    )
    return notes, {"floor": floor, "mmd_p_value": p_value, "nearest_made": nearest[0], "nearest_real": nearest[1]}


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Made:
    """Returns new rows, as many as the table has, of the kinds that it names."""
    generator = np.random.default_rng(settings.seed)
    named = _names(table, settings)
    places = {name: place for place, name in enumerate(model.names)}
    kinds = np.array([places.get(name, 0) for name in named], dtype=np.int64)
    noise = generator.normal(size=(table.height * COPIES, model.generator.base.means.shape[1])).astype(np.float32)
    with tc.no_grad():
        rows = model.generator(tc.as_tensor(noise), tc.as_tensor(np.repeat(kinds, COPIES))).numpy()
    return Made(rows.astype(np.float64).reshape(table.height, COPIES, -1) * model.scale, kinds, model.names)


def score(case: Run, made: Made) -> Draws:
    """Returns the Fréchet distance to the test rows, and in how many rows the kind they were made as is recognised."""
    prepared, test = case.prepared, case.split.test
    real = seen(prepared.eye, prepared.inputs[test])
    flat = made.rows.reshape(test.size * COPIES, -1)
    look = seen(prepared.eye, flat).reshape(test.size, COPIES, -1)
    right = (taken_for(prepared.eye, flat).reshape(test.size, COPIES) == made.kinds[:, None]).mean(axis=1)

    def distance(rows: Rows) -> dict[str, float]:
        return {"frechet": frechet(look[rows].reshape(rows.size * COPIES, -1), real[rows])}

    draws = metrics.resampled(distance, test.size, seed=case.settings.seed)
    # rows drawn twice make every resample look farther away than the rows themselves; that bias is taken out
    draws["frechet"][1:] += draws["frechet"][0] - draws["frechet"][1:].mean()
    return draws | metrics.means({"recognised": right}, seed=case.settings.seed)


def shown(made: Made, model: Model) -> pl.DataFrame:
    """Returns one new row for each that was asked for, in the columns' own units."""
    table = unlabelled.decoded(model.learned, made.rows[:, 0])
    return table.with_columns(pl.Series("made as", [made.names[kind] for kind in made.kinds]))


def questions(case: Run) -> pl.DataFrame:
    """Returns what is asked for: so many rows, of these kinds."""
    rows = case.data.examples[case.split.test]
    if case.settings.check is not None:
        return rows.select(case.settings.check)
    return rows.select(rows.columns[0])


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> pl.DataFrame:
    """Returns the table as it is; raises `TableError` where it lacks the kinds, or all that it names are new."""
    if settings.check is not None:
        columns.check_name(table, settings.check, setting="check")
        named = _names(table, settings)
        if named.size and not set(named) & set(model.names):
            raise TableError(f"check: no kind of column {settings.check!r} is known; there are {listed(model.names)}")
    return table


def save(model: Model, folder: Path) -> None:
    """Writes what was learned about the columns, the kinds, and the generator."""
    unlabelled.save(model.learned, {**model.generator.state_dict(), **model.generator.base._asdict()}, folder)
    facts = {"names": model.names, "scale": model.scale}
    files.write(folder / KINDS_FILE, json.dumps(facts, ensure_ascii=False) + "\n")


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    learned, arrays = unlabelled.load(folder, *gan.Base._fields, "first.weight")
    facts = files.read_json(folder / KINDS_FILE, remedy="run train.py first")
    try:
        base = gan.Base(arrays.pop("means"), arrays.pop("factors"))
        maker = gan.Generator(base, hidden=arrays["first.weight"].shape[0])
        maker.load_state_dict(arrays)
        return Model(learned, tuple(facts["names"]), float(facts["scale"]), maker)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved generator does not fit ({error}); run train.py again") from None


def refusal(trained: Trained[Any, Any, Any, Model, Made]) -> str | None:
    """Returns why the rows should not be used: a kind is missing among them."""
    case, made = trained.case, trained.ours
    taken = taken_for(case.prepared.eye, made.rows.reshape(made.kinds.size * COPIES, -1))
    asked = np.repeat(made.kinds, COPIES)
    gone = [
        made.names[kind] for kind in np.unique(asked) if float((taken[asked == kind] == kind).mean()) < FEWEST_SHARE
    ]
    if not gone:
        return None
    return f"The made-up rows lack {', '.join(map(repr, gone))}, so use the baseline until the training succeeds."


def draw(folder: Path, trained: Trained[Any, Any, Any, Model, Made]) -> None:
    """Draws the critic's loss: near 2 it cannot tell made-up rows from real ones."""
    plots.learning_curve(folder / "critic.png", trained.fitted.history, title="loss of the critic")


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Made-up rows, by an adversarial network",
    dummy_title="each column by itself",
    peer_title="a Gaussian of each kind (scikit-learn)",
    metrics={
        "frechet": Metric("Fréchet distance", higher_is_better=False),
        "recognised": Metric("kind recognised", higher_is_better=True),
    },
    read=unlabelled.read,
    split=split,
    prepare=prepare,
    dummy=dummy,
    peer=peer,
    fit=fit,
    predict=predict,
    score=score,
    shown=shown,
    actual=unlabelled.actual,
    questions=questions,
    inputs=inputs,
    save=save,
    load=load,
    take=tabular.take,
    onnx="noise is drawn for every row, which has no form in ONNX here",
    features=unlabelled.features,
    refusal=refusal,
    plots=draw,
    smoke={"steps": 150},
    smoke_examples=None,
)
