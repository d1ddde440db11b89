"""Tests of likelihood, curves and metrics against their definitions, and of refusals, beside those of the kit."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import hazard
import numpy as np
import polars as pl
import pytest

import tensor_core as tc
from models.kit import config, programs
from models.kit.errors import TableError

PROJECT = Path(__file__).resolve().parents[1]


def settings(task: Any, folder: Path, **changes: object) -> Any:
    """The settings of the project for the table in that folder."""
    given: dict[str, object] = {
        "table": "table.parquet", "target": "days", "event": "event", "leave_out": [], "group": None, "time": None,
        "horizons": [], "alpha": 1e-9, "pieces": 0, "model": "linear", "output": "output",
    }  # fmt: skip
    config.write(PROJECT / "config.yaml", folder / "config.yaml", **(given | changes))
    return config.read(folder / "config.yaml", task.settings)


def lives(rows: int, *, seed: int = 0, bent: bool = False) -> tuple[pl.DataFrame, np.ndarray[Any, Any]]:
    """Times with a hazard that a column moves, half of them cut off early; and the true chance of no event until 1."""
    generator = np.random.default_rng(seed)
    x, noise = generator.normal(size=(2, rows))
    rate = np.exp(2 * np.abs(x) - 1.5 if bent else x)
    end, lost = generator.exponential(1 / rate), generator.exponential(1.5 / rate.mean(), size=rows)
    frame = pl.DataFrame(
        {"x": x, "noise": noise, "days": np.minimum(end, lost), "event": (end <= lost).astype(np.int64)}
    )
    return frame, np.exp(-rate)


@pytest.fixture(scope="module")
def task() -> Any:
    import model

    return model.TEMPLATE


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_partial_likelihood_is_that_of_its_definition(ties: hazard.Ties) -> None:
    """Summed event by event over who is at risk, with ties and rows whose end was not seen; so is its gradient."""
    generator = np.random.default_rng(0)
    time, seen = generator.integers(1, 8, 40).astype(np.float64), generator.random(40) < 0.6
    score = generator.normal(size=40)

    def slow(score: np.ndarray[Any, Any]) -> float:
        total = 0.0
        for when in np.unique(time[seen]):
            ending = np.flatnonzero((time == when) & seen)
            there, tied = np.exp(score[time >= when]).sum(), np.exp(score[ending]).sum()
            for place in range(ending.size):
                share = place / ending.size if ties == "efron" else 0.0
                total += np.log(there - share * tied) - score[ending[place]]
        return float(total / time.size)

    at = hazard.risk(time, seen, ties=ties)
    given = tc.as_tensor(score).requires_grad_()
    loss = hazard.partial_likelihood(given, at)
    loss.backward()
    assert loss.item() == pytest.approx(slow(score), rel=1e-12)
    step = 1e-6 * np.eye(40)
    slopes = [(slow(score + each) - slow(score - each)) / 2e-6 for each in step]
    assert given.grad is not None
    assert given.grad.numpy() == pytest.approx(np.array(slopes), abs=1e-8)
    moved = hazard.partial_likelihood(tc.as_tensor(score + 500.0), at)  # a score has no zero, and must not overflow
    assert moved.item() == pytest.approx(loss.item(), rel=1e-9)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_without_a_penalty_it_finds_what_statsmodels_finds(task: Any, tmp_path: Path, ties: str) -> None:
    pytest.importorskip("statsmodels")
    frame, _ = lives(300)
    frame.with_columns(days=(pl.col("days") * 20).ceil()).write_parquet(tmp_path / "table.parquet")
    case = programs.case(task, settings(task, tmp_path, ties=ties), folder=tmp_path, most=None)
    ours, peer = task.fit(case).model, task.peer(case)(case.split.test)
    told = task.predict(ours, task.take(case.data.examples, case.split.test), case.settings)
    assert told.score == pytest.approx(peer.score, abs=1e-3)
    assert told.survival == pytest.approx(peer.survival, abs=1e-3)


def test_rows_whose_end_was_not_seen_are_not_dropped(task: Any, tmp_path: Path) -> None:
    """Half of the times are cut off; still the chances are the true ones, which they are not without those rows."""
    frame, truth = lives(4_000)
    errors = []
    for some in (frame, frame.filter(pl.col("event") == 1)):
        some.write_parquet(tmp_path / "table.parquet")
        case = programs.case(task, settings(task, tmp_path, horizons=[1]), folder=tmp_path, most=None)
        assert case.data.size == some.height
        told = task.predict(task.fit(case).model, frame, case.settings)
        errors.append(float(np.abs(told.survival[:, 0] - truth).mean()))
    assert errors[0] < 0.02
    assert errors[1] > 0.1
    assert 0.4 < frame["event"].mean() < 0.6  # type: ignore[operator]


def test_curves_and_concordance_are_those_of_their_definitions() -> None:
    """Kaplan–Meier of a textbook example (Kalbfleisch and Prentice), concordance pair by pair."""
    time = np.array([6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35], dtype=np.float64)
    seen = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], dtype=np.bool_)
    curve = hazard.kaplan_meier(time, seen)
    assert curve.values.round(4).tolist() == [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]
    generator = np.random.default_rng(0)
    score = generator.integers(0, 5, time.size).astype(np.float64)
    comparable, right = hazard.pairs(time, seen, score)
    above = below = 0.0
    for one in range(time.size):
        for other in range(time.size):
            if seen[one] and (time[one] < time[other] or (time[one] == time[other] and not seen[other])):
                below += 1
                above += 1.0 if score[one] > score[other] else 0.5 if score[one] == score[other] else 0.0
    assert right.sum() / comparable.sum() == pytest.approx(above / below)


def test_weights_make_the_brier_score_what_it_is_without_censoring() -> None:
    generator = np.random.default_rng(0)
    rate = np.exp(generator.normal(size=20_000))
    end, lost = generator.exponential(1 / rate), generator.exponential(2.0, size=rate.size)
    horizons = np.array([0.5, 1.0])
    told = np.exp(-rate[:, None] * horizons)
    truth = ((end[:, None] > horizons) - told) ** 2
    time, seen = np.minimum(end, lost), end <= lost
    weighed = hazard.brier(time, seen, told, horizons, watched=hazard.kaplan_meier(time, ~seen))
    assert weighed.mean(axis=0) == pytest.approx(truth.mean(axis=0), abs=0.01)


def test_a_perceptron_sees_what_a_line_cannot(task: Any, tmp_path: Path) -> None:
    """A risk that rises on both sides of nought."""
    frame, _ = lives(2_000, bent=True)
    frame.write_parquet(tmp_path / "table.parquet")
    found = {}
    for model, more in (("linear", {}), ("mlp", {"learning_rate": 0.01, "epochs": 30, "hidden": [16], "dropout": 0.0})):
        case = programs.case(task, settings(task, tmp_path, model=model, **more), folder=tmp_path, most=None)
        told = task.predict(task.fit(case).model, task.take(case.data.examples, case.split.test), case.settings)
        found[model] = float(task.score(case, told)["c_index"][0])
    assert found["mlp"] > found["linear"] + 0.1


def test_the_median_is_where_half_have_met_the_event(task: Any, tmp_path: Path) -> None:
    frame, _ = lives(3_000)
    frame.write_parquet(tmp_path / "table.parquet")
    case = programs.case(task, settings(task, tmp_path), folder=tmp_path, most=None)
    told = task.predict(task.fit(case).model, pl.DataFrame({"x": [-8.0, 0.0, 1.0], "noise": [0.0] * 3}), case.settings)
    assert np.isnan(told.median[0])  # beyond all that was seen
    assert told.median[1:] == pytest.approx(np.log(2) / np.exp([0.0, 1.0]), rel=0.15)
    assert (np.diff(told.survival, axis=1) <= 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"event": pl.lit("perhaps")}, "holds 'perhaps'; write 1 where the end was seen"),
        ({"event": pl.lit(0)}, "only 0 rows ended of 60"),
        ({"days": pl.col("days") - 100}, "below 0; times count from 0"),
    ],
)
def test_tables_without_times_or_ends_are_refused(
    task: Any, tmp_path: Path, change: dict[str, pl.Expr], message: str
) -> None:
    lives(60)[0].with_columns(**change).write_parquet(tmp_path / "table.parquet")
    with pytest.raises(TableError, match=message):
        programs.case(task, settings(task, tmp_path), folder=tmp_path, most=None)


def test_the_event_is_another_column_than_the_time(task: Any, tmp_path: Path) -> None:
    lives(60)[0].write_parquet(tmp_path / "table.parquet")
    with pytest.raises(TableError, match="is the column of the times"):
        programs.case(task, settings(task, tmp_path, event="days"), folder=tmp_path, most=None)
    with pytest.raises(TableError, match="no column 'ended'"):
        programs.case(task, settings(task, tmp_path, event="ended"), folder=tmp_path, most=None)
