"""Forecasts of one series or many: small networks for quantiles; beside them the seasonal naive forecast and trees."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import forecaster
import numpy as np
import numpy.typing as npt
import panel as panels
import polars as pl
import timetable
import windows
from forecaster import Forecaster
from panel import Panel, Places
from trained import Model, load, save
from windows import Plan

import tensor_core as tc
from models.kit import config, metrics, plots, training
from models.kit.config import Between
from models.kit.errors import TableError, count
from models.kit.metrics import Metric
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained

FEWEST_ORIGINS, FEW_ORIGINS = 2, 10  # of the test; below the second the report says so
COPIES = 2  # of each moment, with other steps ahead, that the trees learn from

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["mase", "mae", "pinball"]
    target: str
    time: str
    series: str | None
    known: tuple[str, ...]
    horizon: Annotated[int, Between(0, 100_000)]
    gap: Annotated[int, Between(0, 100_000)]
    seasons: tuple[Annotated[int, Between(1, 1_000_000)], ...]
    interval: Annotated[float, Between(0.01, 0.99)]
    test_share: Annotated[float, Between(0.05, 0.5)]
    validation_share: Annotated[float, Between(0.05, 0.5)]
    hidden: tuple[Annotated[int, Between(1, 65_536)], ...]
    members: Annotated[int, Between(1, 100)]
    dropout: Annotated[float, Between(0, 0.95)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    weight_decay: Annotated[float, Between(0, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_rows: Annotated[int, Between(1, 10_000_000)]
    patience: Annotated[int, Between(1, 1_000_000)]

    @property
    def levels(self) -> tuple[float, float, float]:
        """The levels of the quantiles: the ends of the interval and the median between them."""
        return (1 - self.interval) / 2, 0.5, (1 + self.interval) / 2


class Prepared(NamedTuple):
    """The values without gaps, and what the models see of them."""

    whole: Matrix
    plan: Plan


class Answers(NamedTuple):
    """Low end, median and high end of each forecast, its steps ahead, and its place in the table that was handed in."""

    quantiles: Matrix
    steps: Places
    shown: Places | None


Run = Case[Settings, Panel, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Panel]:
    """Returns the rows that have a value, on an even grid of moments; see `timetable.read`."""
    return timetable.read(settings, folder, most)


def split(data: Data[Panel], settings: Settings) -> Split:
    """Returns the latest moments as the test, in whole horizons, and those before them to stop the training."""
    panel, table = data.examples, data.about
    start, before, end = table.test_start, table.validation_start, panel.values.shape[1]
    origins = -(-(end - start) // table.horizon)
    test = np.flatnonzero(panel.position >= start)
    middle = np.flatnonzero((panel.position >= before) & (panel.position < start - table.gap))
    train = np.flatnonzero(panel.position < before - table.gap)
    if origins < FEWEST_ORIGINS or not test.size or not middle.size or not train.size:
        raise TableError(
            f"{count(end, 'moment')} are too few for {FEWEST_ORIGINS} origins with a horizon of {table.horizon} in the "
            "test and one before it; lower `horizon`, or raise `test_share` and `validation_share`"
        )
    gap = f", {count(table.gap, 'moment')} after what is known" if table.gap else ""
    ahead = f"from each the next {count(table.horizon, 'moment')}{gap}"
    how = f"{count(origins, 'origin')}, {ahead}; trained before the first"
    return Split(train, middle, test, how, "value")


def prepare(data: Data[Panel], split: Split, settings: Settings) -> Prepared:
    """Returns the values without gaps, and the seasons that the training is long enough for."""
    table, panel = data.about, data.examples
    moments = table.validation_start - table.gap
    farthest = table.horizon + table.gap
    found = windows.depths(table.seasons, farthest=farthest, moments=moments)
    kept = [(season, depth) for season, depth in zip(table.seasons, found, strict=True) if depth]
    if not kept:
        raise TableError(
            f"{count(moments, 'moment')} of training are too few to look back one season of {min(table.seasons)} and "
            f"{count(farthest, 'step')} ahead; lower `horizon`, or name a shorter season in `seasons`"
        )
    unit = windows.units(panel.values[:, : table.test_start], kept[0][0])
    seasons, depths = (tuple(each) for each in zip(*kept, strict=True))
    plan = Plan(table.horizon, table.gap, seasons, depths, unit, table.inputs)
    return Prepared(panels.filled(panel.values, season=kept[0][0]), plan)


def seen(case: Run, rows: Places, steps: Places | None = None) -> tuple[npt.NDArray[np.float32], Matrix, Matrix]:
    """Returns the inputs of examples, their seasonal naive forecast, and the truth less that, in units."""
    panel, (whole, plan) = case.data.examples, case.prepared
    series, position = panel.series[rows], panel.position[rows]
    ahead = panel.steps[rows] if steps is None else steps
    inputs, base = windows.inputs(whole, panel.known, plan, series, position, ahead)
    return inputs, base, (panel.values[series, position] - base) / np.array(plan.units)[series]


def learnable(case: Run, rows: Rows) -> Rows:
    """Returns those rows that have enough before them to be learned from."""
    panel, reach = case.data.examples, case.prepared.plan.reach
    first = np.argmax(~np.isnan(panel.values), axis=1)
    found: Rows = rows[panel.position[rows] >= (first + reach)[panel.series[rows]]]
    if not found.size:
        raise TableError(
            f"no series is long enough to look back {count(reach, 'moment')}; name shorter `seasons` or lower `horizon`"
        )
    return found


def dummy(case: Run) -> Callable[[Rows], Answers]:
    """Returns the seasonal naive forecast, its interval from what it misses on the known rows."""
    rows = learnable(case, case.known)
    missed = seen(case, rows)[2]
    spread = np.quantile(missed, [case.settings.levels[0], case.settings.levels[2]])

    def answer(asked: Rows) -> Answers:
        _, base, _ = seen(case, asked)
        unit = np.array(case.prepared.plan.units)[case.data.examples.series[asked]]
        ends = np.minimum(spread[0], 0.0), np.maximum(spread[1], 0.0)
        told = np.stack([base + ends[0] * unit, base, base + ends[1] * unit], axis=1)
        return Answers(told, case.data.examples.steps[asked], None)

    return answer


def peer(case: Run) -> Callable[[Rows], Answers]:
    """Returns scikit-learn's boosted trees on the same inputs; its interval is what it misses on the later rows."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # a prediction does without it

    def fitted(rows: Rows) -> HistGradientBoostingRegressor:
        generator = np.random.default_rng(case.settings.seed)
        many = np.tile(learnable(case, rows), COPIES)
        inputs, _, truth = seen(case, many, generator.integers(1, case.prepared.plan.horizon + 1, many.size))
        return HistGradientBoostingRegressor(random_state=case.settings.seed).fit(inputs, truth)

    inputs, _, truth = seen(case, case.split.validation)
    ends = np.quantile(truth - fitted(case.split.train).predict(inputs), case.settings.levels)
    ends[1] = 0.0
    trees = fitted(case.known)

    def answer(asked: Rows) -> Answers:
        inputs, base, _ = seen(case, asked)
        unit = np.array(case.prepared.plan.units)[case.data.examples.series[asked]]
        told = base[:, None] + unit[:, None] * np.sort(trees.predict(inputs)[:, None] + ends, axis=1)
        return Answers(told, case.data.examples.steps[asked], None)

    return answer


def fit(case: Run) -> Fitted[Model]:
    """Returns networks trained on all known rows, for as many epochs as were best for the later ones of them.

    First they learn from the training rows alone; the validation rows say when to stop, and how far the interval must
    be widened. Then they learn anew from all, unless time is spent or Ctrl-C was pressed.
    """
    settings, plan = case.settings, case.prepared.plan
    later = seen(case, case.split.validation)
    common = {
        name: getattr(settings, name) for name in ("levels", "batch_rows", "learning_rate", "weight_decay", "patience")
    }

    def fresh() -> Forecaster:
        tc.manual_seed(settings.seed)
        return Forecaster(
            len(windows.names(plan)),
            members=settings.members,
            hidden=settings.hidden,
            outputs=3,
            dropout=settings.dropout,
        )

    def drawing(rows: Rows) -> Callable[[np.random.Generator], tuple[npt.NDArray[np.float32], Matrix]]:
        usable = learnable(case, rows)
        usable = np.tile(usable, -(-forecaster.FEWEST_ROWS // usable.size))

        def drawn(generator: np.random.Generator) -> tuple[npt.NDArray[np.float32], Matrix]:
            some = usable if usable.size <= forecaster.MOST_ROWS else generator.choice(usable, forecaster.MOST_ROWS)
            inputs, _, truth = seen(case, some, generator.integers(1, plan.horizon + 1, some.size))
            return inputs, truth

        return drawn

    with training.watched(budget_seconds=settings.time_budget_seconds) as watch:
        net = fresh()
        reason, history, best = forecaster.train(
            net, drawing(case.split.train), (later[0], later[2]), watch=watch, epochs=settings.epochs,
            seed=settings.seed, **common,
        )  # fmt: skip
        told = forecaster.quantiles(net, later[0])
        widening = forecaster.widening(told, later[2], share=settings.interval)
        if watch.reason is None:
            again = fresh()
            forecaster.train(again, drawing(case.known), None, watch=watch, epochs=best, seed=settings.seed, **common)
            net = again if watch.reason is None else net
            reason += f"; then {count(best, 'epoch')} on all known values"
        run = training.ended(watch, reason, "epoch", history)
    net.eval()
    origins = -(-(case.data.examples.values.shape[1] - case.data.about.test_start) // plan.horizon)
    notes = [] if origins >= FEW_ORIGINS else [f"only {count(origins, 'origin')} in the test: its intervals are rough"]
    lost = [str(season) for season in case.data.about.seasons if season not in plan.seasons]
    notes += [f"the training is too short to look back a season of {', '.join(lost)}"] if lost else []
    shift = "widened" if widening >= 0 else "narrowed"
    notes.append(f"the interval is {shift} by {abs(widening):.3g} seasonal changes, as the later rows ask")
    return Fitted(Model(net, plan, widening, case.data.about, case.data.examples), *run, tuple(notes))


def predict(model: Model, examples: Panel, settings: Settings) -> Answers:
    """Returns the ends of the interval and the median of each forecast, in the unit of the target."""
    whole = panels.filled(examples.values, season=model.plan.seasons[0])
    series, position, steps = examples.series, examples.position, examples.steps
    inputs, base = windows.inputs(whole, examples.known, model.plan, series, position, steps)
    told = forecaster.widened(forecaster.quantiles(model.net, inputs), model.widening)
    unit = np.array(model.plan.units)[series]
    return Answers(base[:, None] + unit[:, None] * told, steps, examples.shown)


def score(case: Run, answers: Answers) -> metrics.Draws:
    """Returns MASE, MAE, the quantile loss in units, and the share that the interval holds; resampled by origin.

    What is forecast from one moment errs together, in all series, so an origin is the unit that is independent.
    """
    panel, test, settings = case.data.examples, case.split.test, case.settings
    truth = panel.values[panel.series[test], panel.position[test]]
    unit = np.array(case.prepared.plan.units)[panel.series[test]]
    origin = (panel.position[test] - case.data.about.test_start) // case.prepared.plan.horizon
    error = truth[:, None] - answers.quantiles
    levels = np.array(settings.levels)
    lost = np.maximum(levels * error, (levels - 1) * error).mean(axis=1)
    inside = (truth >= answers.quantiles[:, 0]) & (truth <= answers.quantiles[:, 2])
    values = {
        "mase": np.abs(error[:, 1]) / unit,
        "mae": np.abs(error[:, 1]),
        "pinball": lost / unit,
        "coverage": inside,
    }
    found, place = np.unique(origin, return_inverse=True)
    below = np.bincount(place, minlength=found.size)
    sums = {name: (np.bincount(place, weights=each, minlength=found.size), below) for name, each in values.items()}
    return metrics.ratios(sums, seed=settings.seed)


def shown(answers: Answers, model: Model) -> pl.DataFrame:
    """Returns median, interval and steps ahead of each forecast."""
    low, middle, high = answers.quantiles.T
    frame = pl.DataFrame({"predicted": middle, "low": low, "high": high, "steps_ahead": answers.steps})
    return frame if answers.shown is None else frame.with_columns(row=pl.Series(answers.shown))


def actual(case: Run) -> pl.DataFrame:
    """Returns the values of the test."""
    panel, test = case.data.examples, case.split.test
    return pl.DataFrame({"actual": panel.values[panel.series[test], panel.position[test]]})


def questions(case: Run) -> pl.DataFrame:
    """Returns the rows of the test without their values."""
    rows: pl.DataFrame = case.data.about.frame[case.split.test]
    return rows


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Panel:
    """Returns the rows to forecast, see `timetable.asked`."""
    return timetable.asked(table, model.table, model.history, settings)


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the quantiles, less the seasonal naive forecast and in units, as a function of what is seen."""
    return Onnx(model.net.together, tc.as_tensor(np.zeros((2, len(windows.names(model.plan))), dtype=np.float32)))


def draw(folder: Path, trained: Trained[Settings, Panel, Prepared, Model, Answers]) -> None:
    """Draws the last forecasts with their interval beside the truth, and the learning curve."""
    from picture import forecasts  # a prediction does without it

    forecasts(folder / "forecasts.png", trained)
    title = "quantile loss, in seasonal changes"
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title=title)


TEMPLATE: Task[Settings, Panel, Prepared, Model, Answers] = Task(
    settings=Settings,
    title=lambda settings: "Forecast by quantile networks",
    dummy_title="seasonal naive",
    peer_title="scikit-learn HistGradientBoosting, same inputs",
    metrics={
        "mase": Metric("MASE", higher_is_better=False),
        "mae": Metric("MAE", higher_is_better=False, in_unit=True),
        "pinball": Metric("quantile loss", higher_is_better=False),
        "coverage": Metric("share inside the interval", higher_is_better=True),
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
    take=panels.take,
    onnx=onnx,
    features=lambda model: windows.names(model.plan),
    plots=draw,
    smoke={"epochs": 5, "members": 1},
    smoke_examples=10_000,
)
