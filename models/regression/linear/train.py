"""Trains a regression on the table that config.yaml names, and compares it with the mean and scikit-learn's Ridge."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import model
import numpy as np

from models.kit import columns, dataset, files, metrics, network, plots, preprocess, program, report, splits

HERE = Path(__file__).resolve().parent
ALSO_SHOWN = ("r2", "mae", "rmse")


def main(arguments: Sequence[str]) -> int:
    """Trains, prints and saves the comparison; returns the exit code."""
    given = program.training_options(__doc__ or "", HERE).parse_args(arguments)
    settings = program.settings(given, model.Settings)
    with program.threads(settings.threads), files.folder(settings.output) as output:
        found = train(settings, given, output)
    sys.stdout.write(f"{report.text(found)}\nResults are in {settings.output}\n")
    return program.DONE if found.beats_dummy else program.NOT_BETTER


def train(settings: model.Settings, given: argparse.Namespace, output: Path) -> report.Report:
    """Returns the comparison, and writes the model and all results into the folder."""
    data = dataset.load(settings, folder=given.config.resolve().parent, task="regression", most_rows=given.rows)
    target = columns.target_values(data.frame, data.roles.target).to_numpy()
    split = splits.draw(settings, data)
    learned = preprocess.fit(data.frame[split.train], data.roles, rare_level_rows=settings.rare_level_rows)
    inputs = preprocess.transform(learned, data.frame)
    scaled = (target - learned.target_mean) / learned.target_scale
    known = np.concatenate([split.train, split.validation])  # dummy and peer need no rows to stop on

    by_dummy, dummy_seconds = program.timed(lambda: model.dummy(target[known], split.test.size))
    ridge = model.peer(settings)
    _, peer_seconds = program.timed(lambda: ridge.fit(inputs[known], target[known]))
    (net, run), our_seconds = program.timed(lambda: model.fit(inputs, scaled, split, settings))
    by_ours = model.predict(net, inputs[split.test], learned)

    actual = target[split.test]
    dummy, peer, ours = (
        metrics.regression(actual, each, seed=settings.seed)
        for each in (by_dummy, ridge.predict(inputs[split.test]), by_ours)
    )
    found = report.Report(
        title="Ridge regression" if settings.model == "linear" else "Multilayer perceptron",
        target=settings.target,
        metric=settings.metric,
        also=ALSO_SHOWN,
        dummy=report.Entry("mean", dummy, dummy_seconds),
        peer=report.Entry("scikit-learn Ridge", peer, peer_seconds),
        ours=report.Entry("tensor_core", ours, our_seconds),
        split=split.words,
        ended=run.ended,
        decisions=(*data.decisions, *preprocess.unlearned(learned, data.roles), *model.below(by_ours, target[known])),
        facts=report.facts(settings, data, split, learned.features),
    )
    network.save(net, output)
    preprocess.save(learned, output / preprocess.FILE)
    rows = zip(data.numbers[split.test].tolist(), actual.tolist(), by_ours.tolist(), strict=True)
    files.write(output / report.PREDICTIONS_FILE, report.to_csv(["row", "actual", "predicted"], rows))
    if given.plots:
        plots.predicted_vs_actual(output / "predicted_vs_actual.png", actual, by_ours, target=settings.target)
        plots.residuals(output / "residuals.png", actual, by_ours, target=settings.target)
        plots.learning_curve(output / "learning_curve.png", run.history, title="mean squared error, target scaled")
    report.save(found, output, asked=report.question(given.config.resolve().parent), features=learned.features)
    return found


if __name__ == "__main__":
    sys.exit(program.run(main))
