"""`advisor serve`: the REST service and the page."""

from types import SimpleNamespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser

SUMMARY = "answer over HTTP, as /openapi.json describes, with a page at /"
ABOUT = """\
Answers over HTTP until it is stopped; requests in flight are answered first. Each setting may also stand in the
environment variable in brackets; a flag counts more."""
EXAMPLES = """\
  advisor serve
  advisor serve --host 0.0.0.0 --port 80 --workers 4 --keys /etc/advisor/keys
  advisor serve --keys keys.txt --add-key reporting"""


def declare(command: "ArgumentParser") -> None:
    """Add an option for each setting of the service."""
    from advisor.service.settings import all_settings, flag, variable

    for each in all_settings():
        shown = each.metadata["choices"]
        command.add_argument(
            flag(each),
            metavar="|".join(shown) if shown else "N" if isinstance(each.default, int) else "X",
            help=f"{each.metadata['told']} (default: {each.default or 'none'}) [{variable(each)}]".replace("%", "%%"),
        )
    command.add_argument("--add-key", metavar="NAME", help="add a new API key to the file of --keys, print it, and end")


def run(options: SimpleNamespace) -> int:
    """Serve, or add a key."""
    from advisor.service.settings import all_settings, decided

    settings = decided({each.name: getattr(options, each.name) for each in all_settings()})
    if options.add_key is not None:
        from advisor.service import keys

        print(keys.add(settings.keys, options.add_key))
        return 0
    from advisor.service.server import serve

    serve(settings)
    return 0
