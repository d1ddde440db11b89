"""A template's programs: their options, their threads, and their way out.

Exit codes: 0 done, 1 done but not better than the dummy (or no longer what training measured), 2 wrong options,
3 an input was refused, 4 a fault of the program, 130 interrupted (a training keeps the best so far).
"""

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from models.kit import config
from models.kit.config import S
from models.kit.errors import ConfigError, Refused

T = TypeVar("T")

DONE, NOT_BETTER, REFUSED, FAULT, INTERRUPTED = 0, 1, 3, 4, 130
DEBUG_VARIABLE = "MODELS_DEBUG"  # set it to see the traceback of a fault
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # read by a library when it is loaded


def options(description: str, folder: Path) -> argparse.ArgumentParser:
    """Returns a parser with the options that all programs share; `folder` is the project's, where config.yaml lies.

    >>> options("Trains.", Path("/project")).parse_args([]).config
    PosixPath('/project/config.yaml')
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument(
        "--config", type=Path, default=folder / "config.yaml", metavar="FILE", help="settings (config.yaml)"
    )
    parser.add_argument("--output", metavar="DIR", help="folder of the results, instead of the one in the settings")
    return parser


def training_options(description: str, folder: Path) -> argparse.ArgumentParser:
    """Returns a parser with the options of train.py."""
    parser = options(description, folder)
    parser.add_argument(
        "--rows", type=_positive, metavar="N", help="use only N rows, drawn at random, to try it quickly"
    )
    parser.add_argument("--no-plots", dest="plots", action="store_false", help="draw nothing")
    parser.add_argument("--smoke", action="store_true", help="a training of seconds, to see that everything works")
    parser.add_argument(
        "--set", dest="changes", type=_change, action="append", default=[], metavar="NAME=VALUE",
        help="a setting for this run, as `seed=1`; may be repeated",
    )  # fmt: skip
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"should be a whole number above nought, not {text!r}")
    return int(text)


def _change(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"should be NAME=VALUE, not {text!r}")
    return name.strip(), value.strip()


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Returns what the work gives, and the seconds it took.

    >>> timed(lambda: 2 + 2)[0]
    4
    """
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def settings(given: argparse.Namespace, kind: type[S], *, changes: Mapping[str, str] | None = None) -> S:
    """Returns the checked settings of `--config`, with the folder of results as an absolute path."""
    found = config.read(given.config, kind, changes=changes)
    project = given.config.resolve().parent
    output = Path(given.output).resolve() if given.output else (project / Path(found.output).expanduser()).resolve()
    if project.is_relative_to(output):
        raise ConfigError(f"output: {output} holds the project itself; name a folder of its own, as `output`")
    return replace(found, output=str(output))


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Limits tensor_core, numpy, scipy and scikit-learn to that many threads while the block runs.

    A library that is loaded only within the block reads its limit from the environment. Without it the first training
    of a process would add in another order than the second, and differ in the last digit.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    import tensor_core as tc

    before, environment = tc.get_num_threads(), {name: os.environ.get(name) for name in THREAD_VARIABLES}
    tc.set_num_threads(number)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(number)))
    try:
        with threadpool_limits(limits=number):
            yield
    finally:
        tc.set_num_threads(before)
        for name, value in environment.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def run(main: Callable[[Sequence[str]], int], arguments: Sequence[str] | None = None) -> int:
    """Runs a program and returns its exit code; what was refused is said in one line on stderr."""
    try:
        return main(sys.argv[1:] if arguments is None else arguments)
    except Refused as error:
        sys.stderr.write(f"error: {error}\n")
        return REFUSED
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:  # a full disk, a folder that may not be written
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"error: {where}{error.strerror or error}; nothing was written\n")
        return REFUSED
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: there was no result yet, so nothing was written\n")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last line of defence of a program
        sys.stderr.write(f"fault: {type(error).__name__}: {error}\n")
        if os.environ.get(DEBUG_VARIABLE):
            traceback.print_exc()
        else:
            sys.stderr.write(f"this should not happen; set {DEBUG_VARIABLE}=1 to see where\n")
        return FAULT
