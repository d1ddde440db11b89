"""What the commands share of the terminal: its width, its colours, and how text and JSON are printed."""

import io
import os
import sys
from typing import IO, TYPE_CHECKING

from advisor.render import Style, terminal, wrap

if TYPE_CHECKING:
    from advisor.framing import Framing

NARROWEST, USUAL, WIDEST = 40, 80, 100  # columns


def styles(stream: IO[str] | None = None) -> tuple[Style, Style]:
    """Bold and dim for a terminal that wants colours; plain text everywhere else. The stream is standard output unless
    given."""
    stream = sys.stdout if stream is None else stream
    if not stream.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":
        return str, str
    return (lambda text: f"\x1b[1m{text}\x1b[0m"), (lambda text: f"\x1b[2m{text}\x1b[0m")


def width() -> int:
    """How many columns to fill."""
    try:
        columns = int(os.environ.get("COLUMNS") or os.get_terminal_size(1).columns)
    except (OSError, ValueError):  # not a terminal
        columns = 0
    return min(max(columns if columns > 0 else USUAL, NARROWEST), WIDEST)


def rendered(framing: "Framing") -> str:
    """The card of a framing, for this terminal."""
    bold, dim = styles()
    return terminal(framing, width=width(), bold=bold, dim=dim)


def wrapped(name: str, text: str) -> list[str]:
    """`name text` in lines no wider than the terminal, with a hanging indent."""
    return wrap(name, text, width(), indent=len(name) + 3)


def print_json(text: str) -> None:
    """Print JSON, which is UTF-8 whatever the terminal speaks (RFC 8259, section 8.1)."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    print(text)
