"""`advisor batch`: many descriptions, one a line."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING

from advisor.commands import terminal
from advisor.errors import AdvisorError, InputRefused, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable, Iterator

MOST_WORKERS = 256
BLOCK = 1 << 20  # bytes

SUMMARY = "frame many descriptions, one a line; goes on where it was stopped"
ABOUT = """\
Reads lines of JSON such as {"id": "a", "text": "…"}, which may also hold "table", "target" (a column, or a list of
columns) and "answers", and writes a line for each, in order: {"id": "a", "line": 1, "framing": {…}}, or "error" with
"code" and "message" in place of the framing. A line that is refused stops nothing. Lines without an id have the number
of their line.

If it is stopped, the same command goes on: ids that stand in the output already are passed over, and half a last
line is taken away first. A progress bar is shown on a terminal."""
EXAMPLES = """\
  advisor batch problems.jsonl framings.jsonl
  advisor batch problems.jsonl framings.jsonl --workers 4
  zcat problems.jsonl.gz | advisor batch - framings.jsonl"""


def declare(command: "ArgumentParser") -> None:
    """Add the options."""
    command.add_argument("input", metavar="IN", help="lines of JSON; - reads standard input")
    command.add_argument("output", metavar="OUT", help="the file to write, or to go on with")
    told = "processes that frame (default: 1; 0: one for each processor)"
    command.add_argument("--workers", metavar="N", default="1", help=told)


def run(options: SimpleNamespace) -> int:
    """Frame every line that is missing."""
    from advisor import batch

    workers = _workers(options.workers)
    with _input(options.input) as source, _output(Path(options.output)) as out:
        done = batch.repaired(Path(options.output))
        total = _count(source)
        there = len(done.ids) + len(done.twice)
        written = errors = 0
        with _bar(total, there) as advance:
            try:
                for result in batch.results(batch.missing(batch.lines(source), done), workers=workers):
                    out.write(result.lines.encode())
                    out.flush()
                    written, errors = written + result.told, errors + result.errors
                    advance(result.told)
            except OSError as error:
                raise InputRefused(
                    f"{options.output} cannot be written: {error.strerror}; {_GO_ON}", code="file_unwritable"
                ) from error
            except RuntimeError as error:  # a worker was killed, most likely for its memory
                if type(error).__name__ != "BrokenProcessPool":
                    raise
                raise AdvisorError(f"a worker ended before its work was done; {_GO_ON}") from error
    told = f"{written:,} lines written to {options.output}, {errors:,} of them errors"
    print(f"advisor: {told}{f'; {there:,} were there already' if there else ''}", file=sys.stderr)
    return 0


_GO_ON = "what is written is whole, and the same command goes on from there"


def _workers(said: str) -> int:
    if not (said.isascii() and said.isdecimal() and int(said[:6]) <= MOST_WORKERS):
        raise UsageError(f"--workers {said}: give a whole number from 0 (one for each processor) to {MOST_WORKERS}")
    return int(said) or os.cpu_count() or 1


@contextmanager
def _input(name: str) -> "Iterator[IO[bytes]]":
    if name == "-":
        if sys.stdin is None:
            raise UsageError("standard input is closed; name a file to read")
        yield sys.stdin.buffer
        return
    try:
        file = open(name, "rb")  # noqa: SIM115  closed below
    except OSError as error:
        raise InputRefused(f"{name} cannot be read: {error.strerror}", code="file_unreadable") from error
    with file:
        yield file


@contextmanager
def _output(path: Path) -> "Iterator[IO[bytes]]":
    """The output, to be written at its end, and by nobody else meanwhile."""
    import fcntl

    try:
        file = path.open("ab")
    except OSError as error:
        raise InputRefused(f"{path} cannot be written: {error.strerror}", code="file_unwritable") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputRefused(f"{path} is being written by another run; wait for it", code="output_taken") from None
        yield file


def _count(source: IO[bytes]) -> int | None:
    """How many lines there are to come, where that can be told without losing them."""
    if not sys.stderr.isatty() or not source.seekable():
        return None
    total, last = 0, b"\n"
    while block := source.read(BLOCK):
        total, last = total + block.count(b"\n"), block
    source.seek(0)
    return total + (not last.endswith(b"\n"))


@contextmanager
def _bar(total: int | None, there: int) -> "Iterator[Callable[[int], object]]":
    """A progress bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from tqdm import tqdm

    with tqdm(total=total, initial=there, unit=" lines", file=sys.stderr, ncols=terminal.width()) as bar:
        yield bar.update
