"""`advisor feedback export`: what users corrected, as candidates for worked cases."""

from types import SimpleNamespace
from typing import TYPE_CHECKING

from advisor.commands import terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser

SUMMARY = "write what users corrected, as candidates for worked cases"
ABOUT = """\
Writes the feedback that came with a text and consent, a JSON object a line, from the store that `advisor serve`
keeps."""
EXAMPLES = """\
  advisor feedback export > candidates.jsonl
  advisor feedback export --store postgresql://advisor@db/advisor"""


def declare(command: "ArgumentParser") -> None:
    """Add the options."""
    command.add_argument("action", choices=["export"], help="write what may become a worked case, as JSON lines")
    command.add_argument("--store", metavar="X", help="the store, as for serve [ADVISOR_STORE]")


def run(options: SimpleNamespace) -> int:
    """Print the candidates."""
    from advisor.service.feedback import candidates
    from advisor.service.settings import decided
    from advisor.service.store import open_store

    for line in candidates(open_store(decided({"store": options.store}).store)):
        terminal.print_json(line)
    return 0
