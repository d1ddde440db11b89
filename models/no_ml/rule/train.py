"""Checks the rule on every row of the table, and compares it with the commonest answer and a decision tree."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import model
import numpy as np

from models.kit import dataset, files, program, report, rule_text, rules
from models.kit.errors import TableError, count

HERE = Path(__file__).resolve().parent
RULE_FILE, SQL_FILE, PYTHON_FILE = "rule.json", "rule.sql", "rule.python.txt"  # texts of the user are never a .py
MOST_SHOWN = 12  # exceptions
FEWEST_ROWS = 10


def main(arguments: Sequence[str]) -> int:
    """Checks, prints and saves; returns the exit code, 1 where there are more exceptions than allowed."""
    given = program.training_options(__doc__ or "", HERE).parse_args(arguments)
    settings = program.settings(given, model.Settings)
    with program.threads(settings.threads), files.folder(settings.output) as output:
        found, exceptions = train(settings, given, output)
    sys.stdout.write(f"{report.text(found)}\nResults are in {settings.output}\n")
    return program.DONE if exceptions <= settings.most_exceptions and found.beats_dummy else program.NOT_BETTER


def train(settings: model.Settings, given: argparse.Namespace, output: Path) -> tuple[report.Report, int]:
    """Returns the comparison and the number of exceptions, and writes all results into the folder."""
    folder = given.config.resolve().parent
    rule = model.load(settings, folder=folder)
    source = dataset.table(settings.table, folder=folder)
    frame = source.frame
    generator = np.random.default_rng(settings.seed)
    if given.rows is not None and given.rows < frame.height:
        frame = frame[np.sort(generator.permutation(frame.height)[: given.rows])]
    checked, seconds = program.timed(lambda: rules.check(rule, frame))
    actual = rules.read_column(frame[settings.target], rule.target)
    answers = rules.apply(rule, frame)
    known = np.array([row for row, value in enumerate(actual) if value is not None], dtype=np.int64)
    if known.size < FEWEST_ROWS:
        raise TableError(f"only {count(known.size, 'row')} with a target; at least {FEWEST_ROWS} are needed to compare")
    order = generator.permutation(known)
    tested = max(round(known.size * settings.test_share), 2)
    test, train_rows = np.sort(order[:tested]), np.sort(order[tested:])
    truth = [actual[row] for row in test]
    by_dummy, dummy_seconds = program.timed(lambda: model.dummy([actual[row] for row in train_rows], test.size))
    by_peer, peer_seconds = program.timed(lambda: model.peer(rule, frame, actual, train_rows, test))
    dummy, peer, ours = (
        model.draws(model.right(each, truth), seed=settings.seed)
        for each in (by_dummy, by_peer, [answers[row] for row in test])
    )
    wrong = ", ".join(str(place + 1) for place in checked.exceptions[:MOST_SHOWN])
    said = [f"on all {checked.rows:,} rows the rule is right in {checked.right:,}"]
    said += [f"exceptions in {count(len(checked.exceptions), 'row')}: {wrong}"] if checked.exceptions else []
    found = report.Report(
        title="A rule",
        target=settings.target,
        metric="accuracy",
        also=(),
        dummy=report.Entry("commonest answer", dummy, dummy_seconds),
        peer=report.Entry("scikit-learn decision tree", peer, peer_seconds),
        ours=report.Entry("the rule", ours, seconds),
        split=f"{train_rows.size:,} rows for the dummy and the tree and {test.size:,} for the test, drawn at random "
        f"(seed {settings.seed})",
        ended=rule_text.words(rule),
        decisions=(*source.notes, *said),
        facts={
            "data": {"name": settings.table, "sha256": source.sha256, "rows": int(known.size)},
            "rows": {"train": int(train_rows.size), "test": int(test.size)},
            "rule": {"rows": checked.rows, "right": checked.right, "exceptions": len(checked.exceptions)},
            "seed": settings.seed,
            "threads": settings.threads,
            "settings": {name: value for name, value in asdict(settings).items() if name != "output"},
        },
    )
    rules.save(rule, output / RULE_FILE)
    files.write(output / SQL_FILE, rule_text.sql(rule))
    files.write(output / PYTHON_FILE, rule_text.python(rule))
    rows = [[place + 1, rules.plain(actual[place]), rules.plain(answers[place])] for place in test.tolist()]
    files.write(output / report.PREDICTIONS_FILE, report.to_csv(["row", "actual", "predicted"], rows))
    report.save(found, output, asked=report.question(folder), features=rules.columns(rule.expression))
    return found, len(checked.exceptions)


if __name__ == "__main__":
    sys.exit(program.run(main))
