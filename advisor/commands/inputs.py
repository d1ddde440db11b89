"""What several commands take: a description, a table, answers."""

import sys
from typing import TYPE_CHECKING, NoReturn

from advisor.description import MOST_CHARACTERS
from advisor.errors import InputRefused, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from types import SimpleNamespace

MOST_BYTES = 4 * MOST_CHARACTERS + 4  # of a description in UTF-8, with its byte order mark


def declare_table(command: "ArgumentParser") -> None:
    """Add the options that name a table and its target."""
    command.add_argument("--table", metavar="DATA", help="a table: CSV, TSV, Parquet or JSON lines")
    declare_target(command)


def declare_target(command: "ArgumentParser") -> None:
    """Add the option that names the target. A name may hold any sign, so several are named one after the other."""
    told = "the column to predict; give it again for each further one that is predicted together with it"
    command.add_argument("--target", action="append", metavar="COL", help=f"{told}; without it, it is looked for")


def declare_answers(command: "ArgumentParser") -> None:
    """Add the option that answers questions."""
    told = "answer a question that an earlier framing asked; may be given several times"
    command.add_argument("--answer", action="append", default=[], metavar="ID=VALUE", help=told)


def description(options: "SimpleNamespace") -> str:
    """The text to frame, from the command line, a file or standard input.

    Raises:
        UsageError: none was given, or more than one.
        InputRefused: it cannot be read, is far too long, or is not UTF-8.
    """
    given: str | None = " ".join(options.text) if options.text else None  # quotes are easily forgotten
    if (given is None) == (options.file is None):
        _usage("give a description: TEXT, or - for standard input, or --file F, and only one of them")
    if given == "-" and sys.stdin is None:  # `advisor frame - <&-`
        _usage("standard input is closed; there is no description to read")
    try:
        if options.file is not None:
            with open(options.file, "rb") as file:
                raw = file.read(MOST_BYTES + 1)
        elif given == "-":
            if sys.stdin.isatty():
                print("Describe the problem in your own words; end with Ctrl-D on a line of its own.", file=sys.stderr)
            raw = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            return str(given)
    except OSError as error:
        raise InputRefused(
            f"{options.file or 'standard input'} cannot be read: {error.strerror}", code="file_unreadable"
        ) from error
    if len(raw) > MOST_BYTES:
        raise InputRefused(
            f"the description has more than {MOST_CHARACTERS:,} characters; "
            "keep what you want to know and what data there is",
            code="description_too_long",
        )
    try:
        return raw.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputRefused(
            f"the description is not UTF-8 text (byte {error.start}); save it as UTF-8", code="description_not_utf8"
        ) from error


def answers(pairs: list[str]) -> dict[str, str]:
    """Answers by question, from ID=VALUE.

    Raises:
        UsageError: a pair has no equals sign.

    >>> answers(["what-comes-out=number"])
    {'what-comes-out': 'number'}
    """
    found = {}
    for pair in pairs:
        question, equals, answer = pair.rpartition("=")  # the name of a column may hold the sign, too
        if not equals:
            _usage(f"--answer {pair}: write it as ID=VALUE")
        found[question] = answer
    return found


def _usage(message: str) -> NoReturn:
    raise UsageError(message)
