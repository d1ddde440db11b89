"""Trains a classifier on the table of config.yaml, and compares it with class shares and logistic regression."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import model
import numpy as np

from models.kit import columns, dataset, files, metrics, network, plots, preprocess, program, report, splits

HERE = Path(__file__).resolve().parent
ALSO_SHOWN = ("log_loss", "balanced_accuracy", "macro_f1")
ALSO_SHOWN_OF_TWO = ("log_loss", "balanced_accuracy", "average_precision")


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
    data = dataset.load(settings, folder=given.config.resolve().parent, task="classification", most_rows=given.rows)
    labels = columns.target_values(data.frame, data.roles.target).to_numpy()
    split = splits.draw(settings, data, labels=labels)
    known = np.concatenate([split.train, split.validation])  # dummy and peer need no rows to stop on
    classes = model.classes(labels[known].tolist(), positive=settings.positive)
    model.check_metric(settings, classes)
    places = {name: place for place, name in enumerate(classes)}
    target = np.array([places.get(label, -1) for label in labels])  # -1: only in rows that the split left out
    learned = preprocess.fit(
        data.frame[split.train], data.roles, rare_level_rows=settings.rare_level_rows, classes=classes
    )
    inputs = preprocess.transform(learned, data.frame)

    by_dummy, dummy_seconds = program.timed(lambda: model.dummy(target[known], split.test.size, classes=len(classes)))
    logistic = model.peer(settings)
    _, peer_seconds = program.timed(lambda: logistic.fit(inputs[known], target[known]))
    (net, run), our_seconds = program.timed(lambda: model.fit(inputs, target, split, settings, classes=len(classes)))
    by_ours = model.predict(net, inputs[split.test])

    actual = target[split.test]
    dummy, peer, ours = (
        metrics.classification(actual, each, seed=settings.seed)
        for each in (by_dummy, logistic.predict_proba(inputs[split.test]), by_ours)
    )
    found = report.Report(
        title="Softmax regression" if settings.model == "linear" else "Multilayer perceptron",
        target=settings.target,
        metric=settings.metric,
        also=ALSO_SHOWN_OF_TWO if len(classes) == 2 else ALSO_SHOWN,
        dummy=report.Entry("class shares", dummy, dummy_seconds),
        peer=report.Entry("scikit-learn LogisticRegression", peer, peer_seconds),
        ours=report.Entry("tensor_core", ours, our_seconds),
        split=split.words,
        ended=run.ended,
        decisions=(*data.decisions, *preprocess.unlearned(learned, data.roles)),
        facts=report.facts(settings, data, split, learned.features),
    )
    network.save(net, output)
    preprocess.save(learned, output / preprocess.FILE)
    numbers, names = data.numbers[split.test].tolist(), [classes[place] for place in by_ours.argmax(axis=1)]
    rows = zip(numbers, labels[split.test], names, *by_ours.T.tolist(), strict=True)
    head = ["row", "actual", "predicted", *(f"probability of {name}" for name in classes)]
    files.write(output / report.PREDICTIONS_FILE, report.to_csv(head, rows))
    if given.plots:
        plots.confusion(output / "confusion.png", actual, by_ours, classes=classes)
        plots.learning_curve(output / "learning_curve.png", run.history, title="log-loss")
        if len(classes) == 2:
            plots.calibration(output / "calibration.png", actual == 1, by_ours[:, 1], name=classes[1])
            plots.precision_recall(output / "precision_recall.png", actual == 1, by_ours[:, 1], name=classes[1])
    report.save(found, output, asked=report.question(given.config.resolve().parent), features=learned.features)
    return found


if __name__ == "__main__":
    sys.exit(program.run(main))
