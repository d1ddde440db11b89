"""`advisor start`: a framing, and a starter project for it."""

import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

from advisor.commands import inputs, terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser

SUMMARY = "frame a description and write a starter project for it"
ABOUT = """\
Frames the description, prints the card, and writes a project that runs at once into the new folder DIR: settings,
training, evaluation, prediction, tests, and an honest comparison of a dummy, a classical peer and our baseline on
the same split. With --table it starts on your rows, else on the template's own data. If anything fails nothing is
left behind."""
EXAMPLES = """\
  advisor start surgery --text "How many hours will this surgery take?"
  advisor start surgery --file problem.txt --table surgeries.csv --target hours
  advisor start throws --text "How far and how high?" --table throws.csv --target far_m --target high_m
  advisor start tumours --text "Is this tumour malignant?" --table t.csv --template classification/softmax"""


def declare(command: "ArgumentParser") -> None:
    """Add the options."""
    command.add_argument("directory", metavar="DIR", help="the folder to make")
    command.add_argument("--text", nargs=1, metavar="TEXT", help="the description; - reads it from standard input")
    command.add_argument("--file", metavar="F", help="read the description from a text file (UTF-8)")
    inputs.declare_table(command)
    command.add_argument("--template", metavar="ID", help="use this template; `python -m models list` shows all")


def run(options: SimpleNamespace) -> int:
    """Print the card and write the project."""
    import shlex

    from advisor.api import frame

    framing = frame(inputs.description(options), table=options.table, target=options.target)
    print(terminal.rendered(framing), end="\n\n")
    sys.stdout.flush()
    folder = framing.start(options.directory, table=options.table, target=options.target, template=options.template)
    train = shlex.quote(os.path.join(str(folder), "train.py"))
    print(f"The starter project stands in {folder}. Train and compare:\n\n    python {train}")
    return 0
