"""The terminal: `advisor frame`, `start`, `profile`, `taxonomy`, `serve`, `feedback`.

Exit codes: 0 done, 2 the call is wrong, 3 the input was refused, 4 something of ours broke, 130 stopped with Ctrl-C.
Results go to standard output, everything else to standard error. Colours only on a terminal and without NO_COLOR
(no-color.org).
"""

import gc
import io
import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

from advisor.description import MOST_CHARACTERS
from advisor.errors import AdvisorError, InputRefused, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser  # at run time only for calls that need it, see _plainest

OK, USAGE, REFUSED, INTERNAL = 0, 2, 3, 4
MOST_BYTES = 4 * MOST_CHARACTERS + 4  # of a description in UTF-8, with its byte order mark
NARROWEST, USUAL, WIDEST = 40, 80, 100  # columns
MOST_UNCHECKED = 50_000  # new objects before garbage is looked for; a framing makes fewer, and looking costs it 3 ms

_EPILOG = """\
examples:
  advisor frame "How many hours will this surgery take?"
  advisor frame --file problem.txt --json
  echo "Which of these messages are spam?" | advisor frame -
  advisor start surgery --file problem.txt --table surgeries.csv --target hours
  advisor profile surgeries.csv --text "How many hours will a surgery take?"
  advisor taxonomy regression
  advisor serve --port 8000
  advisor feedback export > candidates.jsonl

exit codes:
  0 done, 2 the call is wrong, 3 the input was refused, 4 something of ours broke
"""


def parser(only: str | None = None) -> "ArgumentParser":
    """The whole command line; with `only`, no more than that command's options, which is quicker to make."""
    import argparse

    class Help(argparse.RawDescriptionHelpFormatter):
        """Help as wide as the terminal. To find that out argparse itself would load shutil: 3 ms of every start."""

        def __init__(self, prog: str) -> None:
            super().__init__(prog, width=_width())

    root = argparse.ArgumentParser(
        prog="advisor",
        description="Say which machine-learning task a problem is, or that none is needed, and why.",
        epilog=_EPILOG,
        formatter_class=Help,
    )
    root.add_argument("--version", action="store_true", help="print the version and the hash of the knowledge base")
    commands = root.add_subparsers(dest="command", metavar="COMMAND")
    for name, (summary, declare, run) in COMMANDS.items():
        if only in (None, name):
            command = commands.add_parser(
                name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", formatter_class=Help
            )
            declare(command)
            command.set_defaults(run=run)
    return root


def _declare_frame(command: "ArgumentParser") -> None:
    command.add_argument("text", nargs="*", metavar="TEXT", help="the description; - reads it from standard input")
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
    command.add_argument(
        "--export",
        metavar="NAME",
        help="print the task in the words of others, as JSON: huggingface, openml, d3m or croissant",
    )


def _declare_start(command: "ArgumentParser") -> None:
    command.add_argument("directory", metavar="DIR", help="the folder to make")
    command.add_argument("--text", nargs=1, metavar="TEXT", help="the description; - reads it from standard input")
    command.add_argument("--file", metavar="F", help="read the description from a text file (UTF-8)")
    _table(command)
    command.add_argument("--template", metavar="ID", help="use this template; `python -m models list` shows all")


def _declare_profile(command: "ArgumentParser") -> None:
    command.add_argument("table", metavar="FILE", help="a table: CSV, TSV, Parquet or JSON lines")
    command.add_argument("--text", default="", metavar="TEXT", help="what you want to know; it tells the target")
    command.add_argument("--target", metavar="COL", help="the column to predict")
    command.add_argument("--json", action="store_true", help="print JSON")


def _declare_taxonomy(command: "ArgumentParser") -> None:
    command.add_argument("category", nargs="?", metavar="CATEGORY", help="show this category alone")
    command.add_argument("--json", action="store_true", help="print JSON")


def _declare_serve(command: "ArgumentParser") -> None:
    from advisor.service.settings import all_settings, flag, variable

    command.epilog = "Each setting may also stand in the environment variable in brackets; a flag counts more."
    for each in all_settings():
        shown = each.metadata["choices"]
        command.add_argument(
            flag(each),
            metavar="|".join(shown) if shown else "N" if isinstance(each.default, int) else "X",
            help=f"{each.metadata['told']} (default: {each.default or 'none'}) [{variable(each)}]".replace("%", "%%"),
        )
    command.add_argument("--add-key", metavar="NAME", help="add a new API key to the file of --keys, print it, and end")


def _declare_feedback(command: "ArgumentParser") -> None:
    command.add_argument("action", choices=["export"], help="write what may become a worked case, as JSON lines")
    command.add_argument("--store", metavar="X", help="the store, as for serve [ADVISOR_STORE]")


def _table(command: "ArgumentParser") -> None:
    command.add_argument("--table", metavar="DATA", help="a table: CSV, TSV, Parquet or JSON lines")
    command.add_argument("--target", metavar="COL", help="the column to predict")


def run() -> int:
    """The command `advisor`: `main` in a process of its own, which need not look for garbage before it ends."""
    gc.set_threshold(MOST_UNCHECKED, *gc.get_threshold()[1:])
    code = main()
    gc.freeze()  # the last look, at exit, would cost a framing 3 ms and free what the system frees anyway
    return code


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    command = arguments[0] if arguments and not arguments[0].startswith("-") else None
    try:
        _open_output()
        if command not in (None, *COMMANDS):
            _no_such_command(str(command))
        options = _plainest(arguments) or parser(command).parse_args(arguments, SimpleNamespace())
        if options.version:
            return _version()
        if options.command is None:
            parser().print_help(sys.stderr)
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


def _plainest(arguments: list[str]) -> SimpleNamespace | None:
    """The options of `advisor frame TEXT`, which needs no parser: argparse would cost the commonest call 5 ms."""
    if len(arguments) != 2 or arguments[0] != "frame" or arguments[1].startswith("-"):
        return None
    return SimpleNamespace(
        version=False,
        command="frame",
        run=COMMANDS["frame"][-1],
        text=arguments[1:],
        file=None,
        table=None,
        target=None,
        answer=[],
        json=False,
        export=None,
    )


def _open_output() -> None:
    """Make standard output ready for any text: what its encoding lacks is shown as a question mark."""
    if sys.stdout is None:  # `advisor … >&-`
        raise UsageError("standard output is closed; there is nowhere to answer")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _no_such_command(name: str) -> NoReturn:
    from advisor.evidence import unknown

    if " " in name:
        raise UsageError('that is no command; to frame a description, write: advisor frame "…"')
    raise unknown("command", name, COMMANDS)


def _print_json(text: str) -> None:
    """Print JSON, which is UTF-8 whatever the terminal speaks (RFC 8259, section 8.1)."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    print(text)


def _version() -> int:
    import advisor
    from taxonomy.knowledge import load

    print(f"advisor {advisor.__version__}, knowledge {load().hash}")
    return OK


def _frame(options: SimpleNamespace) -> int:
    from advisor.api import frame

    text = _description(options)
    framing = frame(text, table=options.table, target=options.target, answers=_answers(options.answer))
    if options.export is not None:
        import json

        _print_json(json.dumps(framing.export(options.export), ensure_ascii=False, indent=2))
    elif options.json:
        _print_json(framing.to_json())
    else:
        print(_rendered(framing))
    return OK


def _start(options: SimpleNamespace) -> int:
    import shlex

    from advisor.api import frame

    framing = frame(_description(options), table=options.table, target=options.target)
    print(_rendered(framing), end="\n\n")
    sys.stdout.flush()
    folder = framing.start(options.directory, table=options.table, target=options.target, template=options.template)
    train = shlex.quote(os.path.join(str(folder), "train.py"))
    print(f"The starter project stands in {folder}. Train and compare:\n\n    python {train}")
    return OK


def _profile(options: SimpleNamespace) -> int:
    from advisor.api import profile
    from advisor.framing import plain

    seen = profile(options.table, description=options.text, target=options.target)
    if options.json:
        import json

        _print_json(json.dumps(plain(seen), ensure_ascii=False, indent=2))
        return OK
    from advisor.profiling.telling import terminal

    bold, dim = _styles()
    print(terminal(seen, width=_width(), bold=bold, dim=dim))
    return OK


def _taxonomy(options: SimpleNamespace) -> int:
    from advisor.api import taxonomy
    from advisor.evidence import unknown
    from advisor.framing import plain

    categories = taxonomy()
    if options.category is not None and options.category not in categories:
        raise unknown("category", options.category, categories)
    chosen = {name: c for name, c in categories.items() if options.category in (None, name)}
    if options.json:
        import json

        _print_json(json.dumps(plain(chosen), ensure_ascii=False, indent=2))
        return OK
    bold, dim = _styles()
    for name, category in chosen.items():
        print(f"{bold(name)}: {category.definition}")
        for subtask_id, subtask in category.subtasks.items():
            print(f"  {subtask_id:25s} {dim(subtask.example)}")
        if options.category is not None:
            _print_landmarks(name)
    return OK


def _print_landmarks(category: str) -> None:
    """The problems of a category that the field knows by name, and what they teach."""
    from taxonomy.knowledge import load

    for landmark in load().landmarks.values():
        if landmark.category == category:
            print(f"\n  {landmark.title} ({landmark.subtask}). {landmark.story} {landmark.lesson}")


def _serve(options: SimpleNamespace) -> int:
    from advisor.service.settings import all_settings, decided

    settings = decided({each.name: getattr(options, each.name) for each in all_settings()})
    if options.add_key is not None:
        from advisor.service import keys

        print(keys.add(settings.keys, options.add_key))
        return OK
    from advisor.service.server import serve

    serve(settings)
    return OK


def _feedback(options: SimpleNamespace) -> int:
    from advisor.service.feedback import candidates
    from advisor.service.settings import decided
    from advisor.service.store import open_store

    for line in candidates(open_store(decided({"store": options.store}).store)):
        _print_json(line)
    return OK


def _description(options: SimpleNamespace) -> str:
    """The text to frame, from the command line, a file or standard input."""
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
        columns = 0
    return min(max(columns if columns > 0 else USUAL, NARROWEST), WIDEST)


def _rendered(framing: Any) -> str:
    from advisor.render import terminal

    bold, dim = _styles()
    return terminal(framing, width=_width(), bold=bold, dim=dim)


COMMANDS = {
    "frame": ("say which task a description is, why, and what to do", _declare_frame, _frame),
    "start": ("frame a description and write a starter project for it", _declare_start, _start),
    "profile": ("show what each column of a table may be, and what to beware of", _declare_profile, _profile),
    "taxonomy": ("show what kinds of task there are, with examples", _declare_taxonomy, _taxonomy),
    "serve": ("answer over HTTP, as /openapi.json describes", _declare_serve, _serve),
    "feedback": ("write what users corrected, as candidates for worked cases", _declare_feedback, _feedback),
}

if __name__ == "__main__":
    sys.exit(run())
