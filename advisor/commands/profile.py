"""`advisor profile`: what the columns of a table may be, and what to beware of."""

from types import SimpleNamespace
from typing import TYPE_CHECKING

from advisor.commands import inputs, terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser

SUMMARY = "show what each column of a table may be, and what to beware of"
ABOUT = """\
Looks at a table: for each column every plausible kind with its probability, unit, time zone and words for
"missing"; the likely target with the reasons; ids, time, group and the other roles; and where your words and the
table disagree."""
EXAMPLES = """\
  advisor profile surgeries.csv
  advisor profile surgeries.csv --text "How many hours will a surgery take?"
  advisor profile surgeries.parquet --target hours --json"""


def declare(command: "ArgumentParser") -> None:
    """Add the options."""
    command.add_argument("table", metavar="FILE", help="a table: CSV, TSV, Parquet or JSON lines")
    command.add_argument("--text", default="", metavar="TEXT", help="what you want to know; it tells the target")
    inputs.declare_target(command)
    command.add_argument("--json", action="store_true", help="print JSON")


def run(options: SimpleNamespace) -> int:
    """Print the profile."""
    from advisor.api import profile
    from advisor.framing import plain

    seen = profile(options.table, description=options.text, target=options.target)
    if options.json:
        import json

        terminal.print_json(json.dumps(plain(seen), ensure_ascii=False, indent=2))
        return 0
    from advisor.profiling import telling

    bold, dim = terminal.styles()
    print(telling.terminal(seen, width=terminal.width(), bold=bold, dim=dim))
    return 0
