"""Tests of the grid, of what a forecast may see, and of forecasts of several series, beside those of the kit."""

import csv
import datetime as dt
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import forecaster
import numpy as np
import panel
import polars as pl
import pytest
import windows
from windows import Plan

from models.kit import config, programs
from models.kit.errors import TableError

PROJECT = Path(__file__).resolve().parents[1]
START = dt.datetime(2024, 1, 1)
DAYS, HORIZON = 280, 7


def shops(*, days: int = DAYS, seed: int = 0) -> pl.DataFrame:
    """Sales of two shops of very different size, by day, that a price known in advance moves; some days are missing."""
    generator = np.random.default_rng(seed)
    parts = []
    for name, size in (("small", 10.0), ("large", 5_000.0)):
        price = generator.normal(size=days)
        week = np.sin(2 * np.pi * np.arange(days) / 7)
        sales = size * (5 + week - price + 0.1 * generator.normal(size=days))
        day = [START + dt.timedelta(days=place) for place in range(days)]
        part = pl.DataFrame({"day": day, "shop": [name] * days, "price": price, "sales": sales})
        parts.append(part.filter(generator.random(days) > 0.05))
    return pl.concat(parts).sample(fraction=1.0, shuffle=True, seed=seed)


def settings(task: Any, folder: Path, **changes: object) -> Any:
    """The settings of the project for the table of shops in that folder."""
    given: dict[str, object] = {
        "table": "shops.parquet", "target": "sales", "time": "day", "series": "shop", "known": ["price"],
        "horizon": 0, "gap": 0, "seasons": [], "epochs": 12, "members": 1, "interval": 0.8, "metric": "mase",
        "test_share": 0.2, "validation_share": 0.15, "learning_rate": 0.01, "hidden": [32], "output": "output",
    }  # fmt: skip
    config.write(PROJECT / "config.yaml", folder / "config.yaml", **(given | changes))
    return config.read(folder / "config.yaml", task.settings)


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shops")
    shops().write_parquet(folder / "shops.parquet")
    return folder


@pytest.fixture(scope="module")
def case(task: Any, sold: Path) -> Any:
    return programs.case(task, settings(task, sold), folder=sold, most=None)


@pytest.fixture(scope="module")
def model(task: Any, case: Any) -> Any:
    return task.fit(case).model


@pytest.fixture(scope="module")
def task() -> Any:
    import model as template

    return template.TEMPLATE


def test_series_of_any_size_are_forecast_with_what_is_known_in_advance(task: Any, case: Any, model: Any) -> None:
    """With the price, the error falls far below the seasonal naive one, in both shops, and the interval holds."""
    test = case.split.test
    told = task.predict(model, task.take(case.data.examples, test), case.settings)
    ours, dummy = (task.score(case, answers) for answers in (told, task.dummy(case)(test)))
    assert ours["mase"][0] < 0.5 * dummy["mase"][0]
    assert 0.65 < ours["coverage"][0] < 0.95
    panel_, test_series = case.data.examples, case.data.examples.series[test]
    truth = panel_.values[test_series, panel_.position[test]]
    for each in range(2):
        mine = test_series == each
        assert np.abs(told.quantiles[mine, 1] - truth[mine]).mean() < 0.5 * case.prepared.plan.units[each]


@pytest.mark.parametrize("gap", [0, 3])
def test_nothing_later_than_the_origin_is_seen(gap: int) -> None:
    """Values after the moment from which a forecast is made may be anything; the inputs stay the same."""
    generator = np.random.default_rng(0)
    plan = Plan(horizon=5, gap=gap, seasons=(4, 9), depths=(3, 2), units=(1.0, 2.0), known=("x",))
    values, known = generator.normal(size=(2, 200)), generator.normal(size=(2, 200, 1))
    for steps in range(1, 6):
        position = 150
        example = np.array([1]), np.array([position]), np.array([steps])
        before, base = windows.inputs(values, known, plan, *example)
        changed = values.copy()
        changed[:, position - steps - gap + 1 :] = 1e6
        after, base_after = windows.inputs(changed, known, plan, *example)
        assert (before == after).all()
        assert base == base_after
        changed[:, position - steps - gap] = 1e6
        assert (windows.inputs(changed, known, plan, *example)[0] != before).any()
        assert before.shape[1] == len(windows.names(plan))


def test_a_gap_keeps_the_training_away_from_the_test(task: Any, sold: Path) -> None:
    found = programs.case(task, settings(task, sold, gap=5), folder=sold, most=None)
    position, (train, validation, test) = found.data.examples.position, found.split[:3]
    assert position[test].min() - position[validation].max() > 5
    assert position[validation].min() - position[train].max() > 5
    assert found.data.examples.steps.max() == HORIZON
    assert "5 moments after what is known" in found.split.words


def test_missing_moments_are_neither_invented_nor_filled_from_later(case: Any) -> None:
    values = case.data.examples.values
    rows = shops()
    assert (~np.isnan(values)).sum() == rows.height
    assert np.isnan(values).any()
    whole = panel.filled(np.array([[1.0, 2.0, 3.0, np.nan, np.nan, 9.0]]), season=2)
    assert whole.tolist() == [[1.0, 2.0, 3.0, 2.0, 3.0, 9.0]]


def test_new_rows_continue_the_history(task: Any, case: Any, model: Any) -> None:
    """Rows with a value are news; those without are forecast, from the last news on."""
    day = [START + dt.timedelta(days=DAYS + place) for place in range(8)]
    news = pl.DataFrame({"day": day, "shop": "small", "price": 0.5, "sales": [None, None, *[None] * 6]}).cast(
        {"sales": pl.Float64}
    )
    asked = task.inputs(news.head(HORIZON), model, case.settings)
    assert asked.steps.tolist() == list(range(1, HORIZON + 1))
    with pytest.raises(TableError, match="row 8 lies more than 7 steps ahead"):
        task.inputs(news, model, case.settings)
    told = news.with_columns(sales=pl.Series([40.0, 60.0, *[None] * 6]))
    later = task.inputs(told, model, case.settings)
    assert later.shown.tolist() == [3, 4, 5, 6, 7, 8]
    assert later.steps.tolist() == [1, 2, 3, 4, 5, 6]
    answers = task.shown(task.predict(model, later, case.settings), model)
    assert answers["row"].to_list() == [3, 4, 5, 6, 7, 8]
    assert (answers["low"] <= answers["predicted"]).all()
    assert (answers["predicted"] <= answers["high"]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shop": "unknown"}, "'unknown' was not in the training"),
        ({"day": START + dt.timedelta(days=DAYS, hours=5)}, "row 1 has no time on a step of 1 day"),
        ({"day": START - dt.timedelta(days=3)}, "row 1 lies before the history begins"),
    ],
)
def test_rows_that_cannot_be_forecast_are_refused(
    task: Any, case: Any, model: Any, change: dict[str, object], message: str
) -> None:
    row = {"day": START + dt.timedelta(days=DAYS), "shop": "small", "price": 0.0} | change
    with pytest.raises(TableError, match=message):
        task.inputs(pl.DataFrame([row]), model, case.settings)


def test_a_model_is_what_was_saved(task: Any, case: Any, model: Any, tmp_path: Path) -> None:
    task.save(model, tmp_path)
    again = task.load(tmp_path, case.settings)
    examples = task.inputs(task.questions(case), again, case.settings)
    one, other = (task.predict(each, examples, case.settings).quantiles for each in (model, again))
    assert (one == other).all()


def test_tables_that_are_no_series_are_refused(task: Any, tmp_path: Path) -> None:
    table = shops()
    for changed, message in (
        (table.drop("shop"), "share their moment with another"),
        (table.with_columns(sales=pl.lit("many")), "cannot be forecast"),
        (table.head(10), "at least 20 needed"),
    ):
        changed.write_parquet(tmp_path / "shops.parquet")
        given = settings(task, tmp_path, series="shop" if "shop" in changed.columns else None)
        with pytest.raises(TableError, match=message):
            programs.case(task, given, folder=tmp_path, most=None)


@pytest.mark.parametrize("as_text", [False, True])
def test_months_are_counted_by_the_calendar(task: Any, tmp_path: Path, as_text: bool) -> None:
    """A series of month ends, or of months as 2024-01, with a trend that a naive forecast lags behind."""
    days = pl.datetime_range(dt.datetime(2004, 1, 1), dt.datetime(2023, 12, 1), "1mo", eager=True).dt.month_end()
    generator = np.random.default_rng(1)
    sold = np.arange(240) + 10 * np.sin(2 * np.pi * np.arange(240) / 12) + generator.normal(size=240)
    written = {True: days.dt.strftime("%Y-%m"), False: days}[as_text]
    pl.DataFrame({"day": written, "sales": sold}).write_parquet(tmp_path / "shops.parquet")
    given = settings(task, tmp_path, series=None, known=[], epochs=60)
    found = programs.case(task, given, folder=tmp_path, most=None)
    assert found.prepared.plan.seasons == (12,)
    assert found.data.examples.values.shape == (1, 240)
    told = task.predict(task.fit(found).model, task.take(found.data.examples, found.split.test), given)
    assert task.score(found, told)["mase"][0] < 0.5 * task.score(found, task.dummy(found)(found.split.test))["mase"][0]


def test_quantiles_are_those_of_what_is_drawn_and_the_interval_is_corrected() -> None:
    """The widening makes the interval of rows not seen hold its share, though the quantiles were far too narrow."""
    generator = np.random.default_rng(0)
    truth = generator.normal(size=4_000)
    narrow = np.tile([-0.1, 0.0, 0.1], (4_000, 1))
    by = forecaster.widening(narrow[:2_000], truth[:2_000], share=0.8)
    low, _, high = forecaster.widened(narrow[2_000:], by).T
    assert ((truth[2_000:] >= low) & (truth[2_000:] <= high)).mean() == pytest.approx(0.8, abs=0.03)


def test_predictions_say_how_far_ahead_they_look(task: Any, sold: Path, tmp_path: Path) -> None:
    settings(task, sold, epochs=2)
    options = ["--config", str(sold / "config.yaml"), "--no-plots", "--output", str(tmp_path / "output")]
    assert programs.train(task, str(PROJECT / "train.py"), options) in (0, 1)
    with (tmp_path / "output" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {int(row["steps_ahead"]) for row in rows} == set(range(1, HORIZON + 1))
    assert set(rows[0]) == {"row", "actual", "predicted", "low", "high", "steps_ahead"}
