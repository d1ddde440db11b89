"""`advisor taxonomy`: what kinds of task there are."""

from types import SimpleNamespace
from typing import TYPE_CHECKING

from advisor.commands import terminal

if TYPE_CHECKING:
    from argparse import ArgumentParser

SUMMARY = "show what kinds of task there are, with examples"
ABOUT = """\
Shows the nine categories with their sub-tasks, each with a question as somebody would ask it; with CATEGORY that
one alone, and the problems of its kind that the field knows by name."""
EXAMPLES = """\
  advisor taxonomy
  advisor taxonomy regression
  advisor taxonomy ranking --json"""


def declare(command: "ArgumentParser") -> None:
    """Add the options."""
    command.add_argument("category", nargs="?", metavar="CATEGORY", help="show this category alone")
    command.add_argument("--json", action="store_true", help="print JSON")


def run(options: SimpleNamespace) -> int:
    """Print the categories."""
    from advisor.api import taxonomy
    from advisor.evidence import unknown
    from advisor.framing import plain

    categories = taxonomy()
    if options.category is not None and options.category not in categories:
        raise unknown("category", options.category, categories)
    chosen = {name: c for name, c in categories.items() if options.category in (None, name)}
    if options.json:
        import json

        terminal.print_json(json.dumps(plain(chosen), ensure_ascii=False, indent=2))
        return 0
    bold, dim = terminal.styles()
    for name, category in chosen.items():
        print(f"{bold(name)}: {category.definition}")
        for subtask_id, subtask in category.subtasks.items():
            print(f"  {subtask_id:25s} {dim(subtask.example)}")
        if options.category is not None:
            _print_landmarks(name)
    return 0


def _print_landmarks(category: str) -> None:
    """The problems of a category that the field knows by name, and what they teach."""
    from taxonomy.knowledge import load

    for landmark in load().landmarks.values():
        if landmark.category == category:
            print(f"\n  {landmark.title} ({landmark.subtask}). {landmark.story} {landmark.lesson}")
