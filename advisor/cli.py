"""The terminal: `advisor COMMAND`; what each command does stands in advisor/commands.

Exit codes: 0 done, 2 the call is wrong, 3 the input was refused, 4 something of ours broke, 130 stopped with Ctrl-C.
Results go to standard output, everything else to standard error. Colours only on a terminal and without NO_COLOR
(no-color.org).
"""

import gc
import io
import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, NoReturn

from advisor.commands import NAMES as COMMANDS
from advisor.commands import command
from advisor.errors import AdvisorError, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser  # at run time only for calls that need it, see _plainest

OK, USAGE, REFUSED, INTERNAL, STOPPED = 0, 2, 3, 4, 130
MOST_UNCHECKED = 50_000  # new objects before garbage is looked for; a framing makes fewer, and looking costs it 3 ms
SHELLS = ("bash", "zsh", "tcsh")  # that shtab writes completions for

_EXAMPLES_HEADING = "examples:"
_SUMMARY = "Say which machine-learning task a problem is, or that none is needed, and why."
_EXAMPLES = """\
  advisor frame "How many hours will this surgery take?"
  advisor ask
  advisor start surgery --file problem.txt --table surgeries.csv --target hours
  advisor batch problems.jsonl framings.jsonl --workers 4
  advisor serve --port 8000
  eval "$(advisor --print-completion bash)"
  advisor COMMAND --help"""
_CODES = """\
  0    done
  2    the call is wrong: an unknown option, question, column or category
  3    the input was refused: a text, table or folder that cannot be used
  4    something of ours broke
  130  stopped with Ctrl-C"""


def parser(only: str | None = None) -> "ArgumentParser":
    """The whole command line; with `only`, no more than that command's options, which is quicker to make."""
    import argparse

    from advisor.commands.terminal import width
    from advisor.render import wrap

    class Help(argparse.RawDescriptionHelpFormatter):
        """Help as wide as the terminal. To find that out argparse itself would load shutil: 3 ms of every start."""

        def __init__(self, prog: str) -> None:
            super().__init__(prog, width=width())

        def _fill_text(self, text: str, width: int, indent: str) -> str:
            """Paragraphs are wrapped; examples and codes stay as they are."""
            if text.startswith(_EXAMPLES_HEADING):
                return text
            told = (wrap("", " ".join(part.split()), width, indent=0) for part in text.split("\n\n"))
            return "\n\n".join("\n".join(line.strip() for line in lines) for lines in told)

    root = argparse.ArgumentParser(prog="advisor", description=_SUMMARY, epilog=_end(_EXAMPLES), formatter_class=Help)
    root.add_argument("--version", action="store_true", help="print the version and the hash of the knowledge base")
    root.add_argument(
        "--print-completion", choices=SHELLS, metavar="SHELL", help="print completions for bash, zsh or tcsh"
    )
    commands = root.add_subparsers(dest="command", metavar="COMMAND")
    for name in COMMANDS:
        if only in (None, name):
            module = command(name)
            told = commands.add_parser(
                name, help=module.SUMMARY, description=module.ABOUT, epilog=_end(module.EXAMPLES), formatter_class=Help
            )
            module.declare(told)
    return root


def _end(examples: str) -> str:
    return f"{_EXAMPLES_HEADING}\n{examples}\n\nexit codes:\n{_CODES}"


def run() -> int:
    """The command `advisor`: `main` in a process of its own, which need not look for garbage before it ends."""
    gc.set_threshold(MOST_UNCHECKED, *gc.get_threshold()[1:])
    code = main()
    gc.freeze()  # the last look, at exit, would cost a framing 3 ms and free what the system frees anyway
    return code


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    name = arguments[0] if arguments and not arguments[0].startswith("-") else None
    try:
        _open_output()
        if name not in (None, *COMMANDS):
            _no_such_command(str(name))
        options = _plainest(arguments) or parser(name).parse_args(arguments, SimpleNamespace())
        if options.version:
            return _version()
        if options.print_completion is not None:
            return _completion(options.print_completion)
        if options.command is None:
            parser().print_help(sys.stderr)
            return USAGE
        code = command(options.command).run(options)
        sys.stdout.flush()
        return code
    except AdvisorError as error:
        print(f"advisor: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("advisor: stopped", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:  # the reader, say `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:
        if os.environ.get("ADVISOR_DEBUG"):
            raise
        kind = type(error).__name__
        print(f"advisor: internal error ({kind}: {error}); run again with ADVISOR_DEBUG=1 for details", file=sys.stderr)
        return INTERNAL


def _plainest(arguments: list[str]) -> SimpleNamespace | None:
    """The options of `advisor frame TEXT`, which needs no parser: argparse would cost the commonest call 5 ms."""
    if len(arguments) != 2 or arguments[0] != "frame" or arguments[1].startswith("-"):
        return None
    from advisor.commands.frame import PLAINEST

    return SimpleNamespace(version=False, print_completion=None, command="frame", text=arguments[1:], **PLAINEST)


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


def _version() -> int:
    import advisor
    from taxonomy.knowledge import load

    print(f"advisor {advisor.__version__}, knowledge {load().hash}")
    return OK


def _completion(shell: str) -> int:
    import shtab

    print(shtab.complete(parser(), shell))
    return OK


if __name__ == "__main__":
    sys.exit(run())
