"""The chance, at every step of a series, that an event comes soon: a causal network on tensor_core; beside it a
logistic regression on the last values.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import alarms
import numpy as np
import numpy.typing as npt
import polars as pl
import watcher
from alarms import Course, Raised
from watcher import Model, Scale, Vector

import tensor_core as tc
from models.kit import cells, columns, config, dataset, files, metrics, plots, report, signals, splits, training
from models.kit.config import Between
from models.kit.errors import TableError
from models.kit.metrics import Metric
from models.kit.signals import Channel, Signals
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained

DAY_MINUTES = 24 * 60
LIMITS_FILE, LIMITS_SHOWN = "limits.csv", 20


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["roc_auc", "average_precision", "caught", "lead_minutes", "false_a_day"]
    series: str
    step: str | None
    target: str
    values: tuple[str, ...]
    leave_out: tuple[str, ...]
    group: str | None
    test_share: Annotated[float, Between(0.05, 0.5)]
    validation_share: Annotated[float, Between(0.05, 0.5)]
    minutes_a_step: Annotated[float, Between(1e-6, 1e6)]
    horizon_steps: Annotated[int, Between(1, 1_000_000)]
    silence_steps: Annotated[int, Between(0, 1_000_000)]
    false_alarms_a_day: Annotated[float, Between(0, 1e6)]
    width: Annotated[int, Between(1, 4096)]
    layers: Annotated[int, Between(1, 20)]
    dropout: Annotated[float, Between(0, 0.95)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_rows: Annotated[int, Between(1, 100_000)]
    patience: Annotated[int, Between(1, 1_000_000)]

    @property
    def day(self) -> float:
        """Steps of a day."""
        return DAY_MINUTES / self.minutes_a_step


class About(NamedTuple):
    """The table, the columns that are measured, what is to be predicted in each series, and what it belongs to."""

    frame: pl.DataFrame
    channels: tuple[Channel, ...]
    courses: list[Course]
    groups: npt.NDArray[np.object_]


class Prepared(NamedTuple):
    """The scale of the channels, and what the network sees of each series."""

    scale: Scale
    seen: list[npt.NDArray[np.float32]]


class Answers(NamedTuple):
    """What each series is called, the chance of an event at each of its steps, and the limit of an alarm."""

    names: list[str]
    chances: list[Vector]
    limit: float


Run = Case[Settings, Signals, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Signals]:
    """Returns the series of a table with one row for each step, in which events begin."""
    table = dataset.table(settings.table, folder=folder)
    frame = table.frame
    columns.check_name(frame, settings.target, setting="target")
    taken = (settings.target, settings.series, settings.step, settings.group, *settings.leave_out)
    used, said = signals.channels(frame, named=settings.values, series=settings.series, taken=taken)
    found = signals.read(frame, used, series=settings.series, step=settings.step)
    chosen = np.arange(len(found.names))
    if most is not None and most < chosen.size:
        chosen = np.sort(np.random.default_rng(settings.seed).permutation(chosen.size)[:most])
    event = _events(frame[settings.target])
    group = np.array(found.names)
    if settings.group is not None:
        group = signals.constant(frame, settings.group, found, setting="group").fill_null("").to_numpy()
    examples = take(found, chosen)
    courses = [alarms.course(event[rows], horizon=settings.horizon_steps) for rows in examples.rows]
    if not any(each.onsets.size for each in courses):
        raise TableError(f"target {settings.target!r} is 0 everywhere, so there is no event to learn from")
    numbers = np.array([rows[0] + 1 for rows in examples.rows])
    about = About(frame, used, courses, group[chosen])
    return Data(settings.table, table.sha256, examples, numbers, (*table.notes, *said), "record", about)


def _events(column: pl.Series) -> npt.NDArray[np.bool_]:
    """Returns where an event lasts; an empty cell is none."""
    read_as = column.cast(pl.Float64) if column.dtype == pl.Boolean else cells.numbers(column)
    lost = column.len() - column.null_count() > read_as.drop_nulls().len()
    if lost or not read_as.drop_nulls().is_in([0.0, 1.0]).all():
        raise TableError(f"target {column.name!r}: should be 1 where an event lasts and 0 elsewhere")
    found: npt.NDArray[np.bool_] = (read_as.fill_null(0) == 1).to_numpy()
    return found


def split(data: Data[Signals], settings: Settings) -> Split:
    """Returns whole series, or whole groups of them (patients with several stays)."""
    shares = {"test_share": settings.test_share, "validation_share": settings.validation_share}
    name = settings.group or settings.series
    return splits.by_group(data.about.groups, name=name, seed=settings.seed, **shares)._replace(noun="record")


def prepare(data: Data[Signals], split: Split, settings: Settings) -> Prepared:
    """Returns the scale that the training series have, and all series brought to it."""
    scale = watcher.scale([data.examples.values[row] for row in split.train])
    return Prepared(scale, [watcher.views(each, scale) for each in data.examples.values])


def _asked(case: Run, rows: Rows) -> tuple[list[npt.NDArray[np.bool_]], Vector]:
    """Returns at which steps of those series something is asked, and the answers, one behind the other."""
    courses = [case.data.about.courses[row] for row in rows]
    there = [~np.isnan(each.soon) for each in courses]
    return there, np.concatenate([each.soon[asked] for each, asked in zip(courses, there, strict=True)])


def _limited(case: Run, chances: Callable[[Rows], list[Vector]]) -> Callable[[Rows], Answers]:
    """Returns answers whose limit of an alarm was chosen on the validation series."""
    limit = _limit(case, chances(case.split.validation))
    return lambda rows: Answers([case.data.examples.names[row] for row in rows], chances(rows), limit)


def _limit(case: Run, chances: Sequence[Vector]) -> float:
    settings = case.settings
    return alarms.limit(
        chances,
        [case.data.about.courses[row] for row in case.split.validation],
        false_a_day=settings.false_alarms_a_day,
        day=settings.day,
        horizon=settings.horizon_steps,
        silence=settings.silence_steps,
    )


def dummy(case: Run) -> Callable[[Rows], Answers]:
    """Returns what needs no model: how often an event came soon in the known series."""
    share = float(_asked(case, case.known)[1].mean())
    return _limited(case, lambda rows: [np.full(case.prepared.seen[row].shape[1], share) for row in rows])


def peer(case: Run) -> Callable[[Rows], Answers]:
    """Returns scikit-learn's LogisticRegression on the last value of each channel."""
    from sklearn.linear_model import LogisticRegression

    seen, last = case.prepared.seen, len(case.data.about.channels)
    there, soon = _asked(case, case.split.train)
    rows = np.concatenate([seen[row][:last, asked].T for row, asked in zip(case.split.train, there, strict=True)])
    model = LogisticRegression(max_iter=1_000).fit(rows, soon)
    return _limited(case, lambda rows: [model.predict_proba(seen[row][:last].T)[:, 1] for row in rows])


def fit(case: Run) -> Fitted[Model]:
    """Returns the watcher, trained on the training series, as its loss was lowest on the validation series."""
    settings, seen, courses = case.settings, case.prepared.seen, case.data.about.courses
    train, stops = case.split.train, case.split.validation
    tc.manual_seed(settings.seed)
    inputs = seen[0].shape[0]
    net = watcher.Network(inputs=inputs, width=settings.width, layers=settings.layers, dropout=settings.dropout)

    def loss_of(rows: Rows) -> tc.Tensor:
        """The mean over all steps at which something is asked."""
        soon = watcher.stacked([np.nan_to_num(courses[row].soon)[None].astype(np.float32) for row in rows])[:, 0]
        asked = watcher.stacked([~np.isnan(courses[row].soon)[None] for row in rows])[:, 0]
        odds = net(watcher.stacked([seen[row] for row in rows]))
        found: tc.Tensor = ((tc.softplus(odds) - odds * soon) * asked).sum() / asked.sum().clamp(min=1)
        return found

    objective = training.Objective(
        train.size, lambda places: loss_of(train if places is None else train[places]), lambda: loss_of(stops)
    )
    run = training.by_batches(net, objective, settings)
    limit = _limit(case, watcher.chances(net, [seen[row] for row in stops]))
    model = Model(case.data.about.channels, case.prepared.scale, net, settings.width, settings.layers, limit)
    allowed = f"at most {settings.false_alarms_a_day:g} false alarms a day of a series"
    note = f"an alarm is raised from a chance of {limit:.3f}, the lowest with {allowed} on the validation series"
    if not np.isfinite(limit):
        note = f"no limit raises {allowed} on the validation series, so there is no alarm; allow more"
    return Fitted(model, *run, (note,))


def predict(model: Model, examples: Signals, settings: Settings) -> Answers:
    """Returns the chance of an event within the horizon, at each step of each series."""
    seen = [watcher.views(each, model.scale) for each in examples.values]
    return Answers(examples.names, watcher.chances(model.net, seen), model.limit)


def _judged(case: Run, answers: Answers, limit: float) -> list[Raised]:
    settings = case.settings
    return [
        alarms.judged(each, case.data.about.courses[row], limit,
                      horizon=settings.horizon_steps, silence=settings.silence_steps)
        for each, row in zip(answers.chances, case.split.test, strict=True)
    ]  # fmt: skip


def score(case: Run, answers: Answers) -> metrics.Draws:
    """Returns ROC-AUC over the steps of the test series, events caught, lead time and false alarms a day."""
    known = [case.data.about.courses[row] for row in case.split.test]
    found, settings = _judged(case, answers, answers.limit), case.settings
    return alarms.score(
        answers.chances, known, found, day=settings.day, minutes=settings.minutes_a_step, seed=settings.seed
    )


def shown(answers: Answers, model: Model) -> pl.DataFrame:
    """Returns one row a step: its series, its place there, the chance of an event, and whether that is an alarm."""
    sizes = [each.size for each in answers.chances]
    together = np.concatenate(answers.chances) if sizes else np.empty(0)
    return pl.DataFrame(
        {
            "row": np.repeat(np.arange(1, len(sizes) + 1), sizes),
            "of": pl.Series([name for name, size in zip(answers.names, sizes, strict=True) for _ in range(size)],
                            dtype=pl.String),
            "place": np.concatenate([np.arange(1, size + 1) for size in sizes]) if sizes else np.empty(0, np.int64),
            "chance": together,
            "alarm": (together >= answers.limit).astype(np.int64),
        }
    ).rename({"of": "series", "place": "step"})  # fmt: skip


def actual(case: Run) -> pl.DataFrame:
    """Returns how many events begin in each test series."""
    return pl.DataFrame({"events": [case.data.about.courses[row].onsets.size for row in case.split.test]})


def questions(case: Run) -> pl.DataFrame:
    """Returns the rows of the test series without the events."""
    rows = np.concatenate([case.data.examples.rows[row] for row in case.split.test])
    found: pl.DataFrame = case.data.about.frame[rows].drop(case.settings.target)
    return found


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Signals:
    """Returns the series of a new table; raises `TableError` where a channel is missing."""
    return signals.read(table, model.channels, series=settings.series, step=settings.step)


def take(examples: Signals, rows: Rows) -> Signals:
    """Returns those series."""
    return Signals(*([part[row] for row in rows] for part in examples))


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the network as a function of what is seen of series with 64 steps."""
    return Onnx(model.net, tc.zeros(2, watcher.VIEWS * len(model.channels), 64))


def features(model: Model) -> tuple[str, ...]:
    """Returns what the network sees of each channel."""
    views = ("last value of", "distance from the own mean so far of", "measured now:")
    return tuple(f"{view} {each.name}" for view in views for each in model.channels)


def refusal(trained: Trained[Settings, Signals, Prepared, Model, Answers]) -> str | None:
    """Returns a sentence where the last values alone tell as much."""
    if trained.peer is None:
        return None
    ours, other = (score(trained.case, each)["roc_auc"] for each in (trained.ours, trained.peer))
    if float(np.nanpercentile((ours - other)[1:], metrics.INTERVAL_PERCENTILES[0])) > 0:
        return None
    return "it is not better than a logistic regression on the last values for certain"


def draw(folder: Path, trained: Trained[Settings, Signals, Prepared, Model, Answers]) -> None:
    """Draws the learning curve, and over all steps how far the chances can be trusted."""
    there, soon = _asked(trained.case, trained.case.split.test)
    chances = np.concatenate([each[asked] for each, asked in zip(trained.ours.chances, there, strict=True)])
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="log-loss of a step")
    plots.calibration(folder / "calibration.png", soon == 1, chances, name="an event soon")
    plots.precision_recall(folder / "precision_recall.png", soon == 1, chances, name="steps before an event")


def limits(folder: Path, trained: Trained[Settings, Signals, Prepared, Model, Answers]) -> None:
    """Writes what other limits of an alarm would give on the test series, for whoever has to choose one."""
    case, rows = trained.case, []
    minutes, day = case.settings.minutes_a_step, case.settings.day
    together = np.concatenate(trained.ours.chances)
    for limit in np.unique(np.quantile(together, 1 - np.geomspace(0.001, 0.5, LIMITS_SHOWN))).tolist():
        found = _judged(case, trained.ours, limit)
        events, caught, steps = (sum(getattr(each, name) for each in found) for name in ("events", "caught", "steps"))
        lead = sum(sum(each.leads) for each in found) / caught * minutes if caught else None
        false = sum(each.false for each in found) / steps * day
        rows.append((limit, caught / events if events else None, lead, false))
    names = ("limit", "caught", "lead_minutes", "false_a_day")
    files.write(folder / LIMITS_FILE, report.to_csv(names, rows))


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Causal convolutions that watch a series",
    dummy_title="share of steps before an event",
    peer_title="scikit-learn LogisticRegression on the last values",
    metrics={
        "roc_auc": metrics.METRICS["roc_auc"],
        "caught": Metric("events with an alarm in time", higher_is_better=True),
        "lead_minutes": Metric("minutes from alarm to event", higher_is_better=True),
        "false_a_day": Metric("false alarms a day", higher_is_better=False),
        "average_precision": metrics.METRICS["average_precision"],
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
    save=watcher.save,
    load=lambda folder, settings: watcher.load(folder),
    take=take,
    onnx=onnx,
    features=features,
    plots=draw,
    files=limits,
    refusal=refusal,
    smoke={"epochs": 6, "width": 16, "learning_rate": 0.01},
    smoke_examples=120,
)
