"""The commands of the terminal, one module each; what is not called is not loaded.

A command's module has `SUMMARY` (a line for the list of commands), `ABOUT` (a paragraph or more), `EXAMPLES` (lines
that can be pasted), `declare`, which adds its options to a parser, and `run`, which does it and returns the exit code.
"""

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from argparse import ArgumentParser

NAMES = ("frame", "ask", "start", "profile", "taxonomy", "batch", "serve", "feedback")


class Command(Protocol):
    """What the module of a command holds."""

    SUMMARY: str
    ABOUT: str
    EXAMPLES: str
    declare: "Callable[[ArgumentParser], None]"
    run: Callable[[SimpleNamespace], int]


def command(name: str) -> Command:
    """The module of a command, one of `NAMES`.

    >>> command("taxonomy").SUMMARY
    'show what kinds of task there are, with examples'
    """
    return cast(Command, import_module(f"advisor.commands.{name}"))
