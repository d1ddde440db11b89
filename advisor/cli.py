"""The terminal: `advisor frame`, `start`, `taxonomy`, `serve`.

Exit codes: 0 done, 2 the call is wrong, 3 the input was refused, 4 something of ours broke. Results go to standard
output, everything else to standard error. Colours only on a terminal and without NO_COLOR (no-color.org).
"""

import argparse
import os
import sys
from typing import Any, NoReturn

from advisor.description import MOST_CHARACTERS
from advisor.errors import AdvisorError, InputRefused, UsageError

OK, USAGE, REFUSED, INTERNAL = 0, 2, 3, 4
MOST_BYTES = 4 * MOST_CHARACTERS + 4  # of a description in UTF-8, with its byte order mark
NARROWEST, USUAL, WIDEST = 40, 80, 100  # columns

_EPILOG = """\
examples:
  advisor frame "How many hours will this surgery take?"
  advisor frame --file problem.txt --json
  echo "Which of these messages are spam?" | advisor frame -
  advisor start surgery --text "How many hours will this surgery take?" --table surgeries.csv --target hours
  advisor taxonomy regression
  advisor serve --port 8000
"""


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal. To find that out argparse itself would load shutil: 3 ms of every start."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_width())


def parser(only: str | None = None) -> argparse.ArgumentParser:
    """The whole command line; with `only`, no more than that command's options, which is quicker to make."""
    root = argparse.ArgumentParser(
        prog="advisor",
        description="Say which machine-learning task a problem is, or that none is needed, and why.",
        epilog=_EPILOG,
        formatter_class=_Help,
    )
    root.add_argument("--version", action="store_true", help="print the version and the hash of the knowledge base")
    commands = root.add_subparsers(dest="command", metavar="COMMAND")
    for name, (summary, declare, run) in COMMANDS.items():
        if only in (None, name):
            command = commands.add_parser(name, help=summary, formatter_class=_Help)
            declare(command)
            command.set_defaults(run=run)
    return root


def _declare_frame(command: argparse.ArgumentParser) -> None:
    command.add_argument("text", nargs="?", metavar="TEXT", help="the description; - reads it from standard input")
    command.add_argument("--file", metavar="F", help="read the description from a text file (UTF-8)")
    _table(command)
    command.add_argument(
        "--answer",
        action="append",
        default=[],
        metavar="ID=VALUE",
        help="answer a question that an earlier framing asked",
    )
    command.add_argument("--json", action="store_true", help="print JSON")


def _declare_start(command: argparse.ArgumentParser) -> None:
    command.add_argument("directory", metavar="DIR", help="the folder to make")
    command.add_argument("--text", metavar="TEXT", help="the description; - reads it from standard input")
    command.add_argument("--file", metavar="F", help="read the description from a text file (UTF-8)")
    _table(command)
    command.add_argument("--template", metavar="ID", help="use this template; `python -m models list` shows all")


def _declare_taxonomy(command: argparse.ArgumentParser) -> None:
    command.add_argument("category", nargs="?", metavar="CATEGORY", help="show this category alone")
    command.add_argument("--json", action="store_true", help="print JSON")


def _declare_serve(command: argparse.ArgumentParser) -> None:
    command.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    command.add_argument("--port", type=int, default=8000, help="port to listen on (default: %(default)s)")


def _table(command: argparse.ArgumentParser) -> None:
    command.add_argument("--table", metavar="DATA", help="a table: CSV, TSV, Parquet or JSON lines")
    command.add_argument("--target", metavar="COL", help="the column to predict")


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    root = parser(arguments[0] if arguments and arguments[0] in COMMANDS else None)
    options = root.parse_args(arguments)
    try:
        if options.version:
            return _version()
        if options.command is None:
            root.print_help(sys.stderr)
            return USAGE
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except AdvisorError as error:
        print(f"advisor: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("advisor: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, say `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:
        if os.environ.get("ADVISOR_DEBUG"):
            raise
        name = type(error).__name__
        print(f"advisor: internal error ({name}: {error}); run again with ADVISOR_DEBUG=1 for details", file=sys.stderr)
        return INTERNAL


def _version() -> int:
    import advisor
    from taxonomy.knowledge import load

    print(f"advisor {advisor.__version__}, knowledge {load().hash}")
    return OK


def _frame(options: argparse.Namespace) -> int:
    from advisor.api import frame

    text = _description(options)
    framing = frame(text, table=options.table, target=options.target, answers=_answers(options.answer))
    print(framing.to_json() if options.json else _rendered(framing))
    return OK


def _start(options: argparse.Namespace) -> int:
    from advisor.api import frame

    framing = frame(_description(options))
    print(_rendered(framing), end="\n\n")
    sys.stdout.flush()
    folder = framing.start(options.directory, table=options.table, target=options.target, template=options.template)
    train = os.path.join(str(folder), "train.py")
    print(f"The starter project stands in {folder}. Train and compare:\n\n    python {train}")
    return OK


def _taxonomy(options: argparse.Namespace) -> int:
    from advisor.api import taxonomy
    from advisor.evidence import unknown
    from advisor.framing import plain

    categories = taxonomy()
    if options.category is not None and options.category not in categories:
        raise UsageError(unknown("category", options.category, categories))
    chosen = {name: c for name, c in categories.items() if options.category in (None, name)}
    if options.json:
        import json

        print(json.dumps(plain(chosen), ensure_ascii=False, indent=2))
        return OK
    bold, dim = _styles()
    for name, category in chosen.items():
        print(f"{bold(name)}: {category.definition}")
        for subtask_id, subtask in category.subtasks.items():
            print(f"  {subtask_id:25s} {dim(subtask.example)}")
    return OK


def _serve(options: argparse.Namespace) -> int:
    from advisor.service.app import serve

    serve(host=options.host, port=options.port)
    return OK


def _description(options: argparse.Namespace) -> str:
    """The text to frame, from the command line, a file or standard input."""
    given: str | None = options.text
    if (given is None) == (options.file is None):
        _usage("give a description: one TEXT, or - for standard input, or --file F")
    try:
        if options.file is not None:
            with open(options.file, "rb") as file:
                raw = file.read(MOST_BYTES + 1)
        elif given == "-":
            raw = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            return str(given)
    except OSError as error:
        raise InputRefused(f"{options.file} cannot be read: {error.strerror}", code="file_unreadable") from error
    if len(raw) > MOST_BYTES:
        raise InputRefused(
            f"the description has more than {MOST_CHARACTERS:,} characters; "
            "keep what you want to know and what data there is",
            code="description_too_long",
        )
    try:
        return raw.decode("utf-8-sig").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise InputRefused(
            f"the description is not UTF-8 text (byte {error.start}); save it as UTF-8", code="description_not_utf8"
        ) from error


def _answers(pairs: list[str]) -> dict[str, str]:
    answers = {}
    for pair in pairs:
        question, equals, answer = pair.partition("=")
        if not equals:
            _usage(f"--answer {pair}: write it as ID=VALUE")
        answers[question] = answer
    return answers


def _usage(message: str) -> NoReturn:
    raise UsageError(message)


def _styles() -> tuple[Any, Any]:
    """Bold and dim for a terminal that wants colours; plain text everywhere else."""
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":
        return str, str
    return (lambda text: f"\x1b[1m{text}\x1b[0m"), (lambda text: f"\x1b[2m{text}\x1b[0m")


def _width() -> int:
    """How many columns to fill."""
    try:
        columns = int(os.environ.get("COLUMNS") or os.get_terminal_size(1).columns)
    except (OSError, ValueError):  # not a terminal
        columns = USUAL
    return min(max(columns, NARROWEST), WIDEST)


def _rendered(framing: Any) -> str:
    from advisor.render import terminal

    bold, dim = _styles()
    return terminal(framing, width=_width(), bold=bold, dim=dim)


COMMANDS = {
    "frame": ("frame a description", _declare_frame, _frame),
    "start": ("write a starter project", _declare_start, _start),
    "taxonomy": ("show what kinds of task there are", _declare_taxonomy, _taxonomy),
    "serve": ("answer over HTTP", _declare_serve, _serve),
}

if __name__ == "__main__":
    sys.exit(main())
