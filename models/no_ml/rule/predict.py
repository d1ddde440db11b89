"""Applies the rule to each row of a new table."""

import sys
from collections.abc import Sequence
from pathlib import Path

import model

from models.kit import files, program, report, rules, tables

HERE = Path(__file__).resolve().parent


def main(arguments: Sequence[str]) -> int:
    """Writes one answer for each row as CSV, empty where the rule gives none; returns the exit code."""
    parser = program.options(__doc__ or "", HERE)
    parser.add_argument("table", type=Path, metavar="TABLE", help="a table with the rule's columns; others are ignored")
    parser.add_argument("--to", type=Path, metavar="FILE", help="where to write the answers, instead of the terminal")
    given = parser.parse_args(arguments)
    settings = program.settings(given, model.Settings)
    rule = model.load(settings, folder=given.config.resolve().parent)
    table = tables.load(given.table, fewest_columns=1)
    answers = [rules.plain(value) for value in rules.apply(rule, table.frame)]
    for note in table.notes:
        sys.stderr.write(f"note: {note}\n")
    content = report.to_csv(["row", "predicted"], enumerate(answers, start=1))
    if given.to is None:
        sys.stdout.write(content)
    else:
        files.write(given.to, content)
        sys.stderr.write(f"{len(answers):,} answers are in {given.to}\n")
    return program.DONE


if __name__ == "__main__":
    sys.exit(program.run(main))
