"""How often words and table together are read right: on our own small tables, and on exam files.

    python tests/benchmarks/tables.py                   our own tables that are held out
    python tests/benchmarks/tables.py EXAM.jsonl ...    exams: JSON lines with text, table, category, accept, target, …
    python tests/benchmarks/tables.py --development     those that are fitted and read: minutes
    python tests/benchmarks/tables.py --wrong           and what was missed on those; never on others
    python tests/benchmarks/tables.py --no-encoder      without sentence encoder and column reader

Category counts the category or an accepted one, undecided counts as wrong. Target is exact: all target columns and no
other, over the tables of tasks that have one (not unsupervised, no_ml, other), and over all tables, in which it may be
none. Leaks have precision and recall over
all columns of all tables; so have ids and pitfalls, the latter over those that several categories share. The other
roles are exact, None included.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

import advisor
from advisor.framing import Framing
from models.kit.tables import series
from taxonomy.knowledge import load

OWN = Path(__file__).resolve().parent.parent / "advisor" / "tables"
DEVELOPMENT = (OWN, *sorted(OWN.glob("*_development.jsonl")))
HELD_OUT = tuple(sorted(OWN.glob("*_held_out.jsonl")))
NO_TARGET = ("unsupervised", "no_ml", "other")
ROLES = {"group_or_user": "group", "item": "item", "time": "time", "query": "query", "position": "position"}
ROLES |= {"source": "source", "weight": "weight", "split": "split"}

Item = dict[str, Any]


def read(path: Path) -> list[Item]:
    """The items of an exam file, or of a folder of tables."""
    if path.is_dir():
        return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(path.glob("*.json"))]
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def frame_of(table: dict[str, Any]) -> pl.DataFrame:
    """The columns and rows of a record as a Polars frame, read like JSON lines."""
    return pl.DataFrame(
        [series(name, [row[place] for row in table["rows"]]) for place, name in enumerate(table["columns"])]
    )


def names(value: Any) -> set[str]:
    """One name, several or none, as a set."""
    return set() if value is None else {value} if isinstance(value, str) else set(value)


def missed(item: Item, framing: Framing) -> Iterator[tuple[str, bool | None, str]]:
    """Each figure that the item counts for: its name, whether it was right, and what was wrong."""
    seen = framing.profile
    assert seen is not None
    right = framing.category is not None and framing.category in (item["category"], *item["accept"])
    yield "category", right, f"{item['category']}, said {framing.category}"
    if item["category"] not in NO_TARGET:
        wanted, said = names(item["target"]), names(framing.card.target)
        yield "target", wanted == said, f"{sorted(wanted)}, said {sorted(said)}"
    yield "target, none included", names(item["target"]) == names(seen.target), f"{item['target']}, said {seen.target}"
    leaks, told = names(item["leakage"]), names(seen.leaking)
    for name in sorted(leaks | told):
        if name in told:
            yield "leak precision", name in leaks, f"{name} is none"
        if name in leaks:
            yield "leak recall", name in told, f"{name} missed"
    for name in item["id_columns"]:
        yield "id recall", name in seen.ids, name
    for name in seen.ids:
        yield "id precision", name in item["id_columns"], name
    yield from _pitfalls(item, {pitfall.id for pitfall in framing.card.pitfalls})
    for key, role in ROLES.items():
        if key in item:
            wanted, said = item[key], getattr(seen, role)
            yield role, wanted == said, f"{wanted}, said {said}"


def _pitfalls(item: Item, told: set[str]) -> Iterator[tuple[str, bool | None, str]]:
    """Recall over all pitfalls; recall and precision over those that every category may have."""
    shared = {name for name, pitfall in load().pitfalls.items() if len(pitfall.categories) > 1}
    for name in item["pitfalls"]:
        yield "pitfall recall", name in told, name
        if name in shared:
            yield "shared pitfall recall", name in told, name
    for name in sorted(told & shared):
        yield "shared pitfall precision", name in item["pitfalls"], name


def examine(path: Path, *, wrong: bool, encoder: bool) -> None:
    """Print the figures of a file or folder."""
    right, asked = Counter[str](), Counter[str]()
    warnings = tables = 0
    by_category: dict[str, Counter[str]] = {}
    for item in read(path):
        framing = advisor.frame(item["text"], table=frame_of(item["table"]), encoder=encoder)
        warnings, tables = warnings + len(framing.card.pitfalls), tables + 1
        for figure, good, how in missed(item, framing):
            right[figure] += bool(good)
            asked[figure] += 1
            if figure == "target":
                by_category.setdefault(item["category"], Counter())[str(good)] += 1
            if wrong and not good and path.resolve() in DEVELOPMENT:
                print(f"  {item['id']:22s} {figure}: {how}")
    print(path.name)
    for figure, count in asked.items():
        print(f"  {figure:24s} {right[figure] / count:.3f}  {right[figure]} of {count}")
    print(f"  pitfalls on a card        {warnings / max(tables, 1):.2f} in the mean")
    print("  target by category:", {name: f"{each['True']}/{each.total()}" for name, each in by_category.items()})


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, default=HELD_OUT)
    parser.add_argument("--development", action="store_true")
    parser.add_argument("--wrong", action="store_true")
    parser.add_argument("--no-encoder", action="store_true")
    options = parser.parse_args()
    for path in DEVELOPMENT if options.development or options.wrong else options.paths:
        examine(path, wrong=options.wrong, encoder=not options.no_encoder)


if __name__ == "__main__":
    main()
