"""Tests of likelihood, order of grades and refusals, beside those of the kit."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import polars as pl
import pytest

import tensor_core as tc
from models.kit import config, programs
from models.kit.errors import ConfigError, TableError

PROJECT = Path(__file__).resolve().parents[1]
WORDS = ("low", "medium", "high")


def settings(task: Any, folder: Path, **changes: object) -> Any:
    """The settings of the project for the table in that folder."""
    given: dict[str, object] = {
        "table": "table.parquet", "target": "pain", "order": [], "text": None, "leave_out": [], "group": None,
        "time": None, "model": "linear", "metric": "kappa", "pieces": 0, "C": 1.0, "output": "output",
    }  # fmt: skip
    config.write(PROJECT / "config.yaml", folder / "config.yaml", **(given | changes))
    return config.read(folder / "config.yaml", task.settings)


def patients(rows: int, *, seed: int = 0) -> pl.DataFrame:
    """Grades cut out of a number that a column and a word move, with logistic noise: proportional odds."""
    generator = np.random.default_rng(seed)
    x, noise = generator.normal(size=(2, rows))
    worse = generator.random(rows) < 0.5
    line = 2 * x + 4 * worse - 1 + generator.logistic(size=rows)
    grade = np.digitize(line, [0.0, 2.0])
    parts = generator.choice("head neck back knee foot hand hip chest".split(), rows)
    notes = [f"the {part} hurts {'badly' if each else 'little'}" for part, each in zip(parts, worse, strict=True)]
    pain = [WORDS[place] for place in grade]
    return pl.DataFrame({"x": x, "noise": noise, "note": notes, "pain": pain})


@pytest.fixture(scope="module")
def task() -> Any:
    import model

    return model.TEMPLATE


def test_loss_is_that_of_the_probabilities() -> None:
    """With the gradient of that definition, also where thresholds and scores are far apart."""
    import model

    generator = np.random.default_rng(0)
    cuts = tc.as_tensor(np.sort(generator.normal(0, 4, (30, 3)), axis=1)).requires_grad_()
    grade = tc.as_tensor(generator.integers(0, 4, 30))
    loss = model.loss_of(cuts, grade)
    plain = -model.chances(cuts).gather(1, grade.unsqueeze(-1)).log().mean()
    assert loss.item() == pytest.approx(plain.item(), rel=1e-9)
    loss.backward()
    found = np.array(cuts.grad.numpy())
    cuts.grad = None
    plain.backward()
    assert np.allclose(found, cuts.grad.numpy(), atol=1e-9)
    far = tc.as_tensor([[60.0, 61.0]]).requires_grad_()
    model.loss_of(far, tc.as_tensor([1])).backward()
    assert np.isfinite(far.grad.numpy()).all()


def test_thresholds_are_in_order_and_the_truth_is_found(task: Any, tmp_path: Path) -> None:
    patients(4_000).write_parquet(tmp_path / "table.parquet")
    given = settings(task, tmp_path, order=list(WORDS), text="note", C=100.0, pairs=False)
    case = programs.case(task, given, folder=tmp_path, most=None)
    model = task.fit(case).model
    assert model.learned.classes == WORDS
    with tc.no_grad():
        low, high = model.net(tc.zeros(1, 2, dtype=tc.float64), tc.zeros(1, dtype=tc.float64))[0].tolist()
    assert high - low == pytest.approx(2.0, abs=0.2)
    weight = model.net.columns.state_dict()["0.weight"][0, 0].item()
    assert weight == pytest.approx(2.0, abs=0.2)  # the column is drawn with a spread of one
    probabilities = task.predict(model, case.data.examples, given).probabilities
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert (probabilities >= 0).all()


def test_words_of_a_text_count(task: Any, tmp_path: Path) -> None:
    patients(1_000).write_parquet(tmp_path / "table.parquet")

    def kappa(**changes: object) -> float:
        given = settings(task, tmp_path, order=list(WORDS), **changes)
        _, found = programs.compare(task, given, folder=tmp_path, most=None)
        return float(found.entries["ours"].draws["kappa"][0])

    assert kappa(text="note") > kappa(leave_out=["note"]) + 0.05


def test_for_kappa_each_grade_is_said_as_often_as_it_occurs(task: Any, tmp_path: Path) -> None:
    """The column alone says little, so that expected grades lie close together."""
    patients(4_000).with_columns(x=pl.col("x") + pl.Series(np.random.default_rng(1).normal(0, 3, 4_000))).write_parquet(
        tmp_path / "table.parquet"
    )

    def measured(metric: str) -> tuple[float, float]:
        given = settings(task, tmp_path, order=list(WORDS), leave_out=["note"], metric=metric)
        trained, found = programs.compare(task, given, folder=tmp_path, most=None)
        occurs = np.bincount(trained.case.prepared.target[trained.case.split.test], minlength=3)
        said = trained.ours.said
        apart = np.abs(np.bincount(said, minlength=3) - occurs).max() / said.size
        return float(found.entries["ours"].draws["kappa"][0]), float(apart)

    (kappa, apart), (of_nearest, of_nearest_apart) = measured("kappa"), measured("grades_off")
    assert kappa > of_nearest + 0.02
    assert apart < 0.05 < of_nearest_apart


def test_a_perceptron_trains_too(task: Any, tmp_path: Path) -> None:
    patients(400).write_parquet(tmp_path / "table.parquet")
    given = settings(task, tmp_path, order=list(WORDS), text="note", model="mlp", epochs=200, metric="log_loss")
    _, found = programs.compare(task, given, folder=tmp_path, most=None)
    assert found.usable


def test_a_saved_model_answers_the_same(task: Any, tmp_path: Path) -> None:
    patients(400).write_parquet(tmp_path / "table.parquet")
    given = settings(task, tmp_path, order=list(WORDS), text="note")
    case = programs.case(task, given, folder=tmp_path, most=None)
    model = task.fit(case).model
    task.save(model, tmp_path)
    again = task.load(tmp_path, given)
    rows = case.data.examples.head(20)
    for one, other in zip(task.predict(model, rows, given), task.predict(again, rows, given), strict=True):
        assert np.array_equal(one, other)
    one, all_grades = task.shown(task.predict(again, rows, given), again).row(0), {f"probability of {w}" for w in WORDS}
    assert one[0] in WORDS
    assert all_grades < set(task.shown(task.predict(again, rows, given), again).columns)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ([], r"order: the target holds .*words have no order of their own; .*order: \[low, medium, high\]"),
        (["low", "medum", "high"], "'medium', which is not in it; did you mean 'medum'"),
        (["low", "high"], "'medium', which is not in it"),
        (["low", "medium", "high", "low"], "'low' is named twice"),
    ],
)
def test_an_order_that_does_not_fit_is_refused(task: Any, tmp_path: Path, order: list[str], message: str) -> None:
    patients(100).write_parquet(tmp_path / "table.parquet")
    with pytest.raises(ConfigError, match=message):
        programs.case(task, settings(task, tmp_path, order=order), folder=tmp_path, most=None)


def test_numbers_sort_as_numbers_and_an_order_may_turn_them() -> None:
    import model

    assert model.grades(["10", "9", "1"], []) == ("1", "9", "10")
    assert model.grades(["10", "9", "1"], ["10", "9", "1"]) == ("10", "9", "1")


def test_a_text_that_is_the_target_is_refused(task: Any, tmp_path: Path) -> None:
    patients(100).write_parquet(tmp_path / "table.parquet")
    with pytest.raises(TableError, match="cannot also be what is read"):
        programs.case(task, settings(task, tmp_path, order=list(WORDS), text="pain"), folder=tmp_path, most=None)


def test_two_grades_will_do(task: Any, tmp_path: Path) -> None:
    table = patients(200).filter(pl.col("pain") != "medium")
    table.write_parquet(tmp_path / "table.parquet")
    given = settings(task, tmp_path, order=list(WORDS))
    _, found = programs.compare(task, given, folder=tmp_path, most=None)
    assert found.usable
