"""`compile` writes the index; `check` only looks; `fire TEXT` shows which rules a text fires and what it calls for;
`rules` shows what each rule is worth on the worked cases."""

import argparse
import sys

from taxonomy.sources import KnowledgeError, read


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when all is well, 1 when the knowledge base has mistakes."""
    parser = argparse.ArgumentParser(prog="python -m taxonomy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("compile", help="check the YAML and write taxonomy/index.json")
    commands.add_parser("check", help="check the YAML: fields, ids, phrases, and the examples that records carry")
    fire = commands.add_parser("fire", help="show which rules a text fires")
    fire.add_argument("text")
    worth = commands.add_parser("rules", help="coverage, precision and conflicts of every rule on the worked cases")
    worth.add_argument("--category", default="", help="show only what rules say about this category")
    worth.add_argument(
        "--held-out", default="d,k,n", help="batches that are counted apart, with commas (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        if options.command == "compile":
            from taxonomy.knowledge import write_index

            index = write_index()
            print(f"{len(index['rules'])} rules, knowledge {index['hash']}")
        elif options.command == "check":
            from taxonomy.checks import example_mistakes

            mistakes = example_mistakes(read())
            print("\n".join(mistakes) or "the knowledge base is consistent")
            return 1 if mistakes else 0
        elif options.command == "rules":
            return _rules(options.category, tuple(options.held_out.split(",")))
        else:
            from taxonomy.knowledge import load
            from taxonomy.reading import read_text

            reading = read_text(load(), options.text)
            for fired in reading.fired:
                print(f"{fired.rule.id:40s} “{fired.quote}”")
            for advice, quote in reading.advice.items():
                print(f"{advice:40s} “{quote}”")
    except KnowledgeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _rules(category: str, held_out: tuple[str, ...]) -> int:
    from taxonomy.knowledge import compile_index, from_index
    from taxonomy.report import table, told, worths

    sources = read()
    if category and category not in sources.folders:
        raise KnowledgeError(
            f"--category {category}: there is no such category; known are {', '.join(sources.folders)}"
        )
    print(table(*worths(from_index(compile_index(sources)), told(sources, held_out)), category))
    return 0


if __name__ == "__main__":
    sys.exit(main())
