"""How often the framing is right, on the worked cases of the knowledge base and on exam files.

    python tests/benchmarks/framing.py                   the worked cases
    python tests/benchmarks/framing.py EXAM.jsonl ...    and exams: JSON lines with text, category, accept, subtask
    python tests/benchmarks/framing.py --wrong           and every case of the learning half that it got wrong
    python tests/benchmarks/framing.py --choose          the posterior's numbers, tried on half of the held cases

Accuracy counts the category or an accepted one; undecided counts as wrong. ECE is the expected calibration error of the
top probability in ten bins (Guo et al., 2017, On Calibration of Modern Neural Networks). The majority line is what
always saying the most frequent category would score.

Every other worked case is for learning: rules may be written with it in view, so its figures flatter. The others are
held: since the second round of rules they are counted and not read, and the posterior's numbers are chosen on them. (In
the first round some misfiring texts of either half were seen, so new cases are the better exam.)
"""

import argparse
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import advisor
from advisor import evidence, posterior
from advisor.framing import Framing
from taxonomy.knowledge import Knowledge, load
from taxonomy.reading import read_text
from taxonomy.sources import read

LEARNT = "worked cases, for learning"
WRONG_COSTS = 0.5  # of a right answer; an honest question is worth more than a wrong answer


class Item(NamedTuple):
    text: str
    category: str
    accept: tuple[str, ...]
    subtask: str | None


class Answer(NamedTuple):
    """What `figures` needs of a framing."""

    category: str | None
    probabilities: dict[str, float]
    subtask: str | None


def cases() -> list[Item]:
    """The worked cases, in an order that mixes the categories."""
    folders = read().folders
    columns = [[Item(case.text, name, case.accept, case.subtask) for case in f.cases] for name, f in folders.items()]
    return [item for row in itertools.zip_longest(*columns) for item in row if item is not None]


def learnt() -> list[Item]:
    """The cases that rules may be written with."""
    return cases()[::2]


def held() -> list[Item]:
    """The cases that are only counted."""
    return cases()[1::2]


def exam(path: Path) -> list[Item]:
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [
        Item(record["text"], record["category"], tuple(record.get("accept", ())), record.get("subtask"))
        for record in records
        if record.get("guessable", True)
    ]


def figures(items: list[Item], framings: Sequence[Framing | Answer]) -> dict[str, float]:
    def good(item: Item, category: str | None) -> bool:
        return category is not None and category in (item.category, *item.accept)

    n = len(items)
    pairs = list(zip(items, framings, strict=True))
    right = sum(good(item, framing.category) for item, framing in pairs)
    answered = sum(framing.category is not None for framing in framings)
    tops = [sorted(framing.probabilities, key=lambda name, f=framing: -f.probabilities[name]) for framing in framings]
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(10)]
    for (item, framing), top in zip(pairs, tops, strict=True):
        p = framing.probabilities[top[0]]
        bins[min(int(p * 10), 9)].append((p, good(item, top[0])))
    f1 = []
    for category in {item.category for item in items}:
        hit = sum(item.category == category == framing.category for item, framing in pairs)
        said = sum(framing.category == category for framing in framings)
        f1.append(2 * hit / (said + sum(item.category == category for item in items)))
    subtasks = [f.subtask == item.subtask for item, f in pairs if f.category == item.category and item.subtask]
    sure = [ok for part in bins[9:] for _, ok in part]
    return {
        "n": n,
        "majority": Counter(item.category for item in items).most_common(1)[0][1] / n,
        "accuracy": right / n,
        "macro F1": sum(f1) / len(f1),
        "answered": answered / n,
        "right when answered": right / max(answered, 1),
        "top 2": sum(good(item, top[0]) or good(item, top[1]) for item, top in zip(items, tops, strict=True)) / n,
        "ECE": sum(abs(sum(p for p, _ in part) - sum(ok for _, ok in part)) for part in bins) / n,
        "right at p>=.9": sum(sure) / len(sure) if sure else float("nan"),
        "share at p>=.9": len(sure) / n,
        "subtask": sum(subtasks) / max(len(subtasks), 1),
    }


def answer(knowledge: Knowledge, pieces: list[evidence.Evidence]) -> Answer:
    """The posterior alone, for evidence that was read once."""
    found = posterior.weigh(pieces, list(knowledge.categories))
    return Answer(found.category, found.probabilities, None)


def worth(score: dict[str, float]) -> float:
    """What one text is worth on average: a wrong answer costs half of what a right one brings, a question nothing."""
    return score["accuracy"] - WRONG_COSTS * (score["answered"] - score["accuracy"]) - score["ECE"]


def choose() -> None:
    """Try values for the posterior's numbers on half of the held cases; print the best and what the rest says."""
    knowledge = load()
    read_cases = [(item, evidence.from_reading(read_text(knowledge, item.text))) for item in held()]
    results = []
    discounts, leasts, margins, temperatures = (
        (0.6, 0.7, 0.85, 1.0),
        (0.0, 0.4, 0.8, 1.0),
        (0.0, 0.15, 0.3),
        (0.6, 0.8, 1),
    )
    strongs, mediums = (1.8, 2.4, 3.0), (1.0, 1.3, 1.6)
    for strong, medium in itertools.product(strongs, mediums):
        posterior.LOG_ODDS |= {"strong": strong, "medium": medium}
        for numbers in itertools.product(discounts, leasts, margins, temperatures):
            posterior.DISCOUNT, posterior.LEAST_EVIDENCE, posterior.LEAST_MARGIN, posterior.TEMPERATURE = numbers
            parts = read_cases[::2], read_cases[1::2]
            scores = [figures([i for i, _ in part], [answer(knowledge, e) for _, e in part]) for part in parts]
            results.append((worth(scores[0]), strong, medium, *numbers, scores))
    for result in sorted(results, key=lambda r: -r[0])[:10]:
        names = ("strong", "medium", "discount", "least", "margin", "temperature")
        print("  ".join(f"{name} {value}" for name, value in zip(names, result[1:7], strict=True)))
        for name, score in zip(("tried", "held"), result[7], strict=True):
            print(f"    {name:6s}" + "  ".join(f"{key} {value:.3f}" for key, value in score.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exams", nargs="*", type=Path)
    parser.add_argument("--wrong", action="store_true")
    parser.add_argument("--choose", action="store_true")
    options = parser.parse_args()
    if options.choose:
        choose()
        return 0
    sets = {LEARNT: learnt(), "worked cases, held": held(), **{path.stem: exam(path) for path in options.exams}}
    for name, items in sets.items():
        start = time.perf_counter()
        framings = advisor.frame_many(item.text for item in items)
        seconds = time.perf_counter() - start
        print(f"{name}  ({seconds / len(items) * 1e6:.0f} µs a text)")
        for key, value in figures(items, framings).items():
            print(f"    {key:20s} {value:.3f}" if isinstance(value, float) else f"    {key:20s} {value}")
        if options.wrong and name == LEARNT:
            for item, framing in zip(items, framings, strict=True):
                if framing.category not in (item.category, *item.accept):
                    top = sorted(framing.probabilities.items(), key=lambda pair: -pair[1])[:3]
                    print(f"- {item.category}/{item.subtask}: said {framing.category} {top}\n    {item.text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
