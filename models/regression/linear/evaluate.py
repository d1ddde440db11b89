"""Measures the saved model again, on the same test rows, and says whether it still is what training measured."""

import sys
from collections.abc import Sequence
from pathlib import Path

import model

from models.kit import columns, dataset, metrics, network, preprocess, program, report

HERE = Path(__file__).resolve().parent


def main(arguments: Sequence[str]) -> int:
    """Prints each metric with its 95 % interval; returns the exit code."""
    given = program.options(__doc__ or "", HERE).parse_args(arguments)
    settings = program.settings(given, model.Settings)
    folder = Path(settings.output)
    learned = preprocess.load(folder / preprocess.FILE)
    table = dataset.table(settings.table, folder=given.config.resolve().parent)
    before = report.saved(folder, table, name=settings.table)
    with program.threads(settings.threads):
        inputs = preprocess.transform(learned, before.rows)
        net = network.load(folder, inputs=inputs.shape[1], outputs=1)
        predicted = model.predict(net, inputs, learned)
    actual = columns.target_values(before.rows, learned.target).to_numpy()
    draws = metrics.regression(actual, predicted, seed=before.seed)
    same, words = report.compared(draws, before)
    sys.stdout.write(f"{len(actual):,} test rows of {settings.table}\n{words}\n")
    return program.DONE if same else program.NOT_BETTER


if __name__ == "__main__":
    sys.exit(program.run(main))
