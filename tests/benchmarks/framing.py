"""How often the framing is right, on exam files: without and with the sentence encoder, and after two questions.

    python tests/benchmarks/framing.py EXAM.jsonl ...       JSON lines with text, category, accept, subtask
    python tests/benchmarks/framing.py --questions EXAM ... and again after two truthfully answered questions
    python tests/benchmarks/framing.py --invariance EXAM .. how many answers change when nothing that matters does
    python tests/benchmarks/framing.py --speed              microseconds a text, beside what they are to hold

Accuracy counts the category or an accepted one; undecided counts as wrong. ECE is the expected calibration error of the
top probability in ten bins (Guo et al., 2017, On Calibration of Modern Neural Networks). The majority line is what
always saying the most frequent category would score. A truthful answer is the one that points most to the true
category; where none does, the answer is the question's default.

The worked cases are not examined here: the released weights have seen all of them. Figures on held-out batches, from
before they were seen, stand in advisor/ENCODER_CARD.md.
"""

import argparse
import json
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import advisor
from advisor.framing import Framing
from advisor.posterior import ANSWER_LOG_ODDS
from taxonomy.knowledge import load
from taxonomy.sources import read

QUESTIONS = 2
RUNS = 200  # of each timing
STRANGERS = 300  # worked cases that are framed after all others
SPEED_TEXT = (
    "We run a small chain of bakeries and every evening we throw away bread. For each shop and each day of the last "
    "three years the till knows how many loaves were sold, and the weather is on file too. Tell us how many loaves of "
    "each kind we should bake tomorrow so that the shelves are not empty at four."
)
HOSTILE = {
    "one phrase, again and again": "how many ",
    "negators": "not only which of the ",
    "openings of phrases": "predict which customers will order first ",
    "single letters": "a b ",
}
TALK = Path(__file__).with_name("smalltalk")  # lines that matter to no description, by a hand of its own
ENDS = ".!?\u2026\"')"  # of a sentence
SPELLINGS = {"colour": "color", "analyse": "analyze", "organisation": "organization", "centre": "center"} | {
    "favourite": "favorite", "licence": "license", "programme": "program", "catalogue": "catalog", "metre": "meter"
}  # fmt: skip


class Item(NamedTuple):
    text: str
    category: str
    accept: tuple[str, ...]
    subtask: str | None


def exam(path: Path) -> list[Item]:
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [
        Item(record["text"], record["category"], tuple(record.get("accept", ())), record.get("subtask"))
        for record in records
        if record.get("guessable", True) and record.get("variant") != "full"
    ]


def good(item: Item, category: str | None) -> bool:
    return category is not None and category in (item.category, *item.accept)


def figures(items: Sequence[Item], framings: Sequence[Framing]) -> dict[str, float]:
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


def truthful(question: str, category: str) -> str:
    """The answer that somebody would give whose problem is of `category`."""
    record = load().questions[question]
    points = {
        name: ANSWER_LOG_ODDS[answer.points_to[category]]
        for name, answer in record.answers.items()
        if category in answer.points_to
    }
    best = max(points, key=lambda name: points[name], default=record.default)
    return best if points.get(best, 0) > 0 else record.default


def after_questions(item: Item) -> Framing:
    answers: dict[str, str] = {}
    framing = advisor.frame(item.text)
    for _ in range(QUESTIONS):
        if not framing.questions:
            break
        asked = framing.questions[0].id
        answers[asked] = truthful(asked, item.category)
        framing = advisor.frame(item.text, answers=answers)
    return framing


def typo(text: str) -> str:
    """Two neighbouring letters of one long word change places."""
    words = text.split(" ")
    long = [place for place, word in enumerate(words) if len(word) > 6 and word.isalpha()]
    if not long:
        return text
    draw = random.Random(text)
    place = draw.choice(long)
    letter = draw.randrange(2, len(words[place]) - 2)
    word = words[place]
    words[place] = word[:letter] + word[letter + 1] + word[letter] + word[letter + 2 :]
    return " ".join(words)


def spelling(text: str) -> str:
    for british, american in SPELLINGS.items():
        text = text.replace(british, american) if british in text else text.replace(american, british)
    return text


def one_of(name: str, text: str) -> str:
    """A line of a file beside this one, the same for the same text; nothing but the threshold was fitted to them."""
    lines = (TALK / name).read_text(encoding="utf-8").splitlines()
    return random.Random(text).choice(lines)


def before(text: str) -> str:
    return f"{one_of('before.txt', text)} {text}"


def behind(text: str) -> str:
    return f"{text.rstrip()}{'' if text.rstrip()[-1:] in ENDS else '.'} {one_of('behind.txt', text)}"


CHANGES: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "lower case": str.lower,
    "politeness behind": lambda text: f"{text.rstrip()} Many thanks in advance for your help!",
    "line breaks": lambda text: text.replace(". ", ".\n").replace(", ", ",\n"),
    "British or American": spelling,
    "a typo": typo,
    "a sentence before": lambda text: f"Hello, I am new here and hope that this is the right place. {text}",
    "one of 80 before": before,
    "one of 40 behind": behind,
}


def invariance(items: Sequence[Item]) -> None:
    before = [framing.category for framing in advisor.frame_many(item.text for item in items)]
    for name, change in CHANGES.items():
        changed = [change(item.text) for item in items]
        touched = [place for place, item in enumerate(items) if changed[place] != item.text]
        after = advisor.frame_many(changed[place] for place in touched)
        flips = sum(framing.category != before[place] for place, framing in zip(touched, after, strict=True))
        print(f"    {name:20s} {flips / max(len(touched), 1):.3f} of {len(touched)} answers change (to hold: < 0.03)")


def median_us(step: Callable[[], object], runs: int = RUNS) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def strangers() -> tuple[list[float], list[float]]:
    """Seconds for each of some worked cases, the first time and again, after all the others have been framed.

    What a text holds that no text before it held must be worked out; one that is framed again and again, as in the
    lines above, is at its fastest.
    """
    folders = read().folders.values()
    texts = [case.text for folder in folders for case in folder.cases]
    random.Random(0).shuffle(texts)
    for text in texts[STRANGERS:]:
        advisor.frame(text, encoder=False)
    first, again = ([seconds(text) for text in texts[:STRANGERS]] for _ in range(2))
    return first, again


def seconds(text: str) -> float:
    start = time.perf_counter()
    advisor.frame(text, encoder=False)
    return time.perf_counter() - start


def speed() -> None:
    words = len(SPEED_TEXT.split())
    advisor.frame(SPEED_TEXT)
    print(f"{words} words, rules alone        {median_us(lambda: advisor.frame(SPEED_TEXT, encoder=False)):8.0f} µs")
    print(f"{words} words, with the encoder   {median_us(lambda: advisor.frame(SPEED_TEXT)):8.0f} µs")
    for name, piece in HOSTILE.items():
        text = (piece * 8_000)[:8_000]
        print(f"8,000 characters: {name:28s} {median_us(lambda t=text: advisor.frame(t, encoder=False), 9):8.0f} µs")
    for name, times in zip(("never seen before", "seen once"), strangers(), strict=True):
        print(f"worked cases, rules alone, {name:17s} {statistics.median(times) * 1e6:8.0f} µs")
    many = [SPEED_TEXT[: 60 + 7 * n] for n in range(30)] * 8
    start = time.perf_counter()
    advisor.frame_many(many)
    print(f"many texts with the encoder  {len(many) / (time.perf_counter() - start):8.0f} texts a second")


def show(name: str, score: dict[str, float]) -> None:
    print(f"  {name}")
    for key, value in score.items():
        print(f"    {key:20s} {value:.3f}" if isinstance(value, float) else f"    {key:20s} {value}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exams", nargs="*", type=Path)
    parser.add_argument("--questions", action="store_true")
    parser.add_argument("--invariance", action="store_true")
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args()
    for path in options.exams:
        items = exam(path)
        print(path.stem)
        show("rules alone", figures(items, advisor.frame_many((item.text for item in items), encoder=False)))
        show("with the encoder", figures(items, advisor.frame_many(item.text for item in items)))
        if options.questions:
            show("after two questions", figures(items, [after_questions(item) for item in items]))
        if options.invariance:
            invariance(items)
    if options.speed:
        speed()
    return 0


if __name__ == "__main__":
    sys.exit(main())
