"""Checks the rule again, on the same table, and says whether it still is as right as train.py found."""

import sys
from collections.abc import Sequence
from pathlib import Path

import model

from models.kit import dataset, files, program, report, rules
from models.kit.errors import ArtefactError

HERE = Path(__file__).resolve().parent


def main(arguments: Sequence[str]) -> int:
    """Prints how many rows are right; returns the exit code."""
    given = program.options(__doc__ or "", HERE).parse_args(arguments)
    settings = program.settings(given, model.Settings)
    folder = given.config.resolve().parent
    before = files.read_json(Path(settings.output) / report.METRICS_FILE, remedy="run train.py first")
    table = dataset.table(settings.table, folder=folder)
    try:
        same_table, right = before["data"]["sha256"] == table.sha256, int(before["rule"]["right"])
    except (KeyError, TypeError, ValueError):
        raise ArtefactError(f"{settings.output}: not the results of a run; run train.py again") from None
    if not same_table:
        raise ArtefactError(f"{settings.table}: the table is not the one that was checked; run train.py again")
    checked = rules.check(model.load(settings, folder=folder), table.frame)
    same = checked.right == right
    verdict = "The same as train.py found." if same else f"Not the same: train.py found {right:,}."
    sys.stdout.write(f"The rule is right in {checked.right:,} of {checked.rows:,} rows. {verdict}\n")
    return program.DONE if same else program.NOT_BETTER


if __name__ == "__main__":
    sys.exit(program.run(main))
