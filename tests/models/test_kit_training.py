"""The training loop: where it ends, why, and what it leaves behind."""

import io
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import tensor_core as tc
from models.kit import network, training
from models.kit.config import Settings
from models.kit.splits import Rows

SETTINGS = Settings(
    metric="r2", table="t.csv", target="y", leave_out=(), rare_level_rows=5, group=None, time=None, test_share=0.2,
    validation_share=0.2, model="linear", hidden=(8,), dropout=0.0, pieces=0, optimizer="auto", learning_rate=0.05,
    epochs=200, batch_rows=16, patience=10, time_budget_seconds=60, seed=0, threads=1, output="output",
)  # fmt: skip
ROWS, INPUTS, ALPHA = 120, 4, 2.0
GENERATOR = np.random.default_rng(3)
X = GENERATOR.normal(0, 1, (ROWS, INPUTS))
Y = X @ GENERATOR.normal(0, 1, INPUTS) + 0.5 + GENERATOR.normal(0, 0.2, ROWS)


def _objective(net: tc.nn.Module, *, validation: bool = False) -> training.Objective:
    x, y = tc.as_tensor(X), tc.as_tensor(Y)

    def loss(rows: Rows | None) -> tc.Tensor:
        chosen = slice(None) if rows is None else tc.as_tensor(rows)
        error: tc.Tensor = tc.mse_loss(net(x[chosen])[:, 0], y[chosen])
        return error + ALPHA / ROWS * training.penalty(net)

    return training.Objective(ROWS, loss, (lambda: tc.mse_loss(net(x)[:, 0], -y)) if validation else None)


def _exact() -> np.ndarray:
    centred = X - X.mean(axis=0)
    return np.linalg.solve(centred.T @ centred + ALPHA * np.eye(INPUTS), centred.T @ (Y - Y.mean()))


@pytest.mark.parametrize(("optimizer", "tolerance"), [("lbfgs", 1e-5), ("adam", 0.02), ("adamw", 0.05)])
def test_all_optimisers_come_to_the_closed_form(optimizer: str, tolerance: float) -> None:
    settings = replace(SETTINGS, optimizer=optimizer)
    net = network.fresh(settings, inputs=X, outputs=1)
    run = training.minimise(net, _objective(net), cells=X.size, settings=settings)
    weight = next(net.parameters()).detach().numpy()[0]
    np.testing.assert_allclose(weight, _exact(), atol=tolerance)
    assert run.history[-1].training < run.history[0].training
    assert [point.step for point in run.history] == list(range(1, len(run.history) + 1))
    assert ("converged" in run.ended) == (optimizer == "lbfgs")


def test_auto_takes_mini_batches_for_a_large_table() -> None:
    net = network.fresh(SETTINGS, inputs=X, outputs=1)
    assert "iteration" in training.minimise(net, _objective(net), cells=X.size, settings=SETTINGS).ended
    large, few = training.MOST_FULL_BATCH_CELLS + 1, replace(SETTINGS, epochs=2)
    assert "2 epochs" in training.minimise(net, _objective(net), cells=large, settings=few).ended


def test_best_state_on_validation_rows_is_kept() -> None:
    settings = replace(SETTINGS, model="mlp", epochs=500)
    net = network.fresh(settings, inputs=X, outputs=1)
    objective = _objective(net, validation=True)  # the validation rows ask for the opposite: it soon gets worse
    run = training.minimise(net, objective, cells=X.size, settings=settings)
    losses = [point.validation for point in run.history]
    assert len(losses) < 500
    assert f"lowest at epoch {int(np.argmin(np.array(losses))) + 1}" in run.ended
    assert objective.validation is not None
    assert objective.validation().item() == pytest.approx(min(loss for loss in losses if loss is not None))


def test_diverging_training_ends_and_says_why() -> None:
    settings = replace(SETTINGS, optimizer="adam", epochs=1_000)
    net = network.fresh(settings, inputs=X, outputs=1)

    def loss(rows: Rows | None) -> tc.Tensor:
        weight = next(net.parameters())
        return -(100 * weight.sum()).exp()

    run = training.minimise(
        net, training.Objective(ROWS, loss, None), cells=X.size, settings=replace(settings, learning_rate=5)
    )
    assert "lower learning_rate" in run.ended
    assert len(run.history) < 1_000


def test_same_rows_give_the_same_outputs_wherever_they_begin():
    net, values = network.build(inputs=32, outputs=1, hidden=(4,)), np.random.default_rng(0).normal(size=(549, 32))
    found = set()
    for place in range(8):
        moved = np.empty(values.size + 16)[8 + place : 8 + place + values.size].reshape(values.shape)
        moved[...] = values
        found.add(network.outputs(net, moved).tobytes())
    assert len(found) == 1


def test_threads_are_limited_in_libraries_that_are_loaded_later_too():
    asked = (
        "import threadpoolctl\nfrom models.kit import program\n"
        "with program.threads(1):\n    import scipy.linalg\n    print(*threadpoolctl.threadpool_info(), sep='\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert "scipy" in done.stdout
    assert set(re.findall(r"'num_threads': (\d+)", done.stdout)) == {"1"}


def test_saved_network_is_the_same_network(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("network")
    along = X.copy()
    along[:, 1] = along[:, 0] + along[:, 1] / 2
    net = network.cut(along, pieces=4, outputs=3, hidden=(5, 6), dropout=0.5, slanted=0.7, centred=True, single=True)
    assert any(bool((layer.turn != 0).any()) for layer in net.modules() if isinstance(layer, network.Axes))
    network.save(net, folder, inputs=INPUTS)
    loaded = network.load(folder, inputs=INPUTS, outputs=3)
    np.testing.assert_array_equal(network.outputs(net, X), network.outputs(loaded, X))
    for inputs, outputs in ((INPUTS + 1, 3), (INPUTS, 2)):
        with pytest.raises(network.ArtefactError, match="does not fit"):
            network.load(folder, inputs=inputs, outputs=outputs)
    (folder / network.WEIGHTS).write_bytes(b"rubbish")
    with pytest.raises(network.ArtefactError, match=r"run train\.py again"):
        network.load(folder, inputs=INPUTS, outputs=3)
    (folder / network.WEIGHTS).unlink()
    with pytest.raises(network.ArtefactError, match="no such file"):
        network.load(folder, inputs=INPUTS, outputs=3)


@pytest.mark.parametrize(("terminal", "ci", "shown"), [(True, "", True), (False, "", False), (True, "true", False)])
def test_progress_is_shown_on_a_terminal_where_somebody_watches(monkeypatch, terminal, ci, shown):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with training.bar(3, "epoch") as bar:
        bar.update(3)
    assert ("training" in sys.stderr.getvalue()) == shown


def test_inputs_that_move_together_are_also_cut_along_sum_and_difference() -> None:
    line = np.linspace(-1, 1, ROWS)
    inputs = np.stack([line, GENERATOR.normal(size=ROWS), -line + GENERATOR.normal(0, 0.1, ROWS)], axis=1)
    net = network.cut(inputs, pieces=4, outputs=1, hidden=(3,), slanted=0.7, centred=True)
    axes, pieces = list(net.modules())[1:3]
    assert isinstance(axes, network.Axes)
    assert isinstance(pieces, network.Piecewise)
    x = tc.as_tensor(inputs)
    np.testing.assert_allclose(
        axes(x).numpy()[:, 3:], np.stack([inputs[:, 0] + inputs[:, 2], inputs[:, 0] - inputs[:, 2]], 1)
    )
    found = pieces(axes(x)).numpy()
    assert found.shape == (ROWS, 5 * 4)
    assert (found.min(), found.max()) == (-1, 1)


def test_columns_that_say_the_same_are_not_cut_along_their_difference() -> None:
    """It is rounding, and a row in which one of them is missing would be far out of all that was seen."""
    line = GENERATOR.normal(size=ROWS)
    inputs = np.stack([line, line * 0.621371, GENERATOR.normal(size=ROWS)], axis=1)
    net = network.cut(inputs, pieces=4, outputs=1, hidden=(3,), slanted=0.7)
    assert not any(isinstance(layer, network.Axes) for layer in net.modules())


def test_pairs_are_no_more_than_inputs() -> None:
    many = GENERATOR.normal(size=(ROWS, 1)) + GENERATOR.normal(0, 0.3, (ROWS, 30))
    assert len(network.together(many, least=0.7)) == 30


def test_a_number_beyond_all_measure_gives_a_number() -> None:
    net = network.cut(X, pieces=4, outputs=1, hidden=(3,), centred=True, single=True)
    assert np.isfinite(network.outputs(net, np.full((1, INPUTS), 1e300))).all()
    assert np.isfinite(network.outputs(net, np.full((1, INPUTS), -1e300))).all()


def test_layers_learn_in_the_precision_that_is_asked_for() -> None:
    for single, dtype in ((True, tc.float32), (False, tc.float64)):
        net = network.build(inputs=INPUTS, outputs=1, hidden=(3,), single=single)
        assert {parameter.dtype for parameter in net.parameters()} == {dtype}
        assert network.outputs(net, X).dtype == np.float64
