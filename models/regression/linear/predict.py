"""Predicts the target for each row of a new table, with the model that train.py saved."""

import sys
from collections.abc import Sequence
from pathlib import Path

import model

from models.kit import files, network, preprocess, program, report, tables

HERE = Path(__file__).resolve().parent


def main(arguments: Sequence[str]) -> int:
    """Writes one prediction for each row as CSV; returns the exit code."""
    parser = program.options(__doc__ or "", HERE)
    parser.add_argument(
        "table", type=Path, metavar="TABLE", help="a table with the columns of training; others are ignored"
    )
    parser.add_argument(
        "--to", type=Path, metavar="FILE", help="where to write the predictions, instead of the terminal"
    )
    given = parser.parse_args(arguments)
    settings = program.settings(given, model.Settings)
    folder = Path(settings.output)
    learned = preprocess.load(folder / preprocess.FILE)
    table = tables.load(given.table, fewest_columns=1)
    with program.threads(settings.threads):
        inputs = preprocess.transform(learned, table.frame)
        net = network.load(folder, inputs=inputs.shape[1], outputs=1)
        predicted = model.predict(net, inputs, learned)
    for note in table.notes:
        sys.stderr.write(f"note: {note}\n")
    content = report.to_csv(["row", "predicted"], enumerate(predicted.tolist(), start=1))
    if given.to is None:
        sys.stdout.write(content)
    else:
        files.write(given.to, content)
        sys.stderr.write(f"{len(predicted):,} predictions are in {given.to}\n")
    return program.DONE


if __name__ == "__main__":
    sys.exit(program.run(main))
