"""The worked cases: enough of them, in every sub-task, and no two alike."""

import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from advisor.train.cases import HELD_OUT
from taxonomy.sources import ROOT, read

LEAST, LEAST_A_CATEGORY, LEAST_A_SUBTASK = 4_000, 350, 10
RUN, MOST_SHARED_RUNS = 5, 3  # words; runs of words that two cases may share


@pytest.fixture(scope="module")
def sources():
    return read()


@pytest.fixture(scope="module")
def cases(sources):
    return [(name, case) for name, folder in sources.folders.items() for case in folder.cases]


def test_there_are_enough_cases_of_every_kind(sources, cases):
    assert len(cases) >= LEAST
    assert min(Counter(name for name, _ in cases).values()) >= LEAST_A_CATEGORY
    counts = Counter((name, case.subtask) for name, case in cases)
    thin = {f"{name}/{sub}" for name, f in sources.folders.items() for sub in f.category.subtasks
            if counts[name, sub] < LEAST_A_SUBTASK}  # fmt: skip
    assert thin == set()


def test_held_out_batches_hold_every_category(cases):
    held = [(name, case.batch) for name, case in cases if case.batch in HELD_OUT]
    assert len(held) >= 600
    assert {(name, batch) for name, batch in held} == {(name, b) for name, _ in cases for b in HELD_OUT}


def test_no_two_cases_share_a_skeleton(cases):
    where: dict[tuple[str, ...], set[int]] = {}
    for number, (_, case) in enumerate(cases):
        words = re.findall(r"\w+", case.text.lower())
        for place in range(len(words) - RUN + 1):
            where.setdefault(tuple(words[place : place + RUN]), set()).add(number)
    shared = Counter(pair for numbers in where.values() for pair in combinations(sorted(numbers), 2))
    alike = [(cases[a][1].text[:60], cases[b][1].text[:60]) for (a, b), n in shared.items() if n > MOST_SHARED_RUNS]
    assert alike == []


def test_the_readme_counts_right(cases):
    readme = (Path(ROOT) / "README.md").read_text(encoding="utf-8")
    assert f"{len(cases):,} descriptions in {len({case.batch for _, case in cases})} batches" in readme
    for batch, count in Counter(case.batch for _, case in cases).items():
        (row,) = [line for line in readme.splitlines() if re.match(rf"\| ([a-z], )*{batch}(, [a-z])* \|", line)]
        assert str(count) in row
