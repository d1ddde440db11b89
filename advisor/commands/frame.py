"""`advisor frame`: which task a description is, why, and what to do."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from advisor.commands import inputs, terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser

SUMMARY = "say which task a description is, why, and what to do"
ABOUT = """\
Frames a problem that is described in your own words: which kind of machine-learning task it is, or that none is
needed; the words that say so; target, unit, metric, split, baseline and pitfalls; and what would make it another
task. While the task is undecided the questions that would decide it come first; give their answers with --answer.

With --table the columns speak, too: the likely target, ids, time and other roles, leaks, and a rule if the table
holds one. The table is read where it lies and goes nowhere."""
EXAMPLES = """\
  advisor frame "How many hours will this surgery take?"
  advisor frame --file problem.txt --json
  echo "Which of these messages are spam?" | advisor frame -
  advisor frame "hello" --answer what-comes-out=number
  advisor frame "How many nights will a patient stay?" --table stays.csv --target nights
  advisor frame "How far and how high will it fly?" --table throws.csv --target far_m --target high_m
  advisor frame "Which of these messages are spam?" --export huggingface"""
PLAINEST: dict[str, Any] = {
    "file": None,
    "table": None,
    "target": None,
    "answer": [],
    "json": False,
    "export": None,
}  # left out


def declare(command: "ArgumentParser") -> None:
    """Add the options."""
    command.add_argument("text", nargs="*", metavar="TEXT", help="the description; - reads it from standard input")
    command.add_argument("--file", metavar="F", help="read the description from a text file (UTF-8)")
    inputs.declare_table(command)
    inputs.declare_answers(command)
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument(
        "--export",
        metavar="NAME",
        help="print the task in the words of others, as JSON: huggingface, openml, d3m or croissant",
    )


def run(options: SimpleNamespace) -> int:
    """Print the framing."""
    from advisor.api import frame

    text = inputs.description(options)
    framing = frame(text, table=options.table, target=options.target, answers=inputs.answers(options.answer))
    if options.export is not None:
        import json

        terminal.print_json(json.dumps(framing.export(options.export), ensure_ascii=False, indent=2))
    elif options.json:
        terminal.print_json(framing.to_json())
    else:
        print(terminal.rendered(framing))
    return 0
