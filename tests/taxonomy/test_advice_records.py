"""Reframes, gates, pipelines, landmarks, slots, neighbours and the cross-walk: enough of them, and each one whole."""

import pytest

from taxonomy.knowledge import load
from taxonomy.sources import read

FEWEST = {"reframes": 30, "gates": 10, "pipelines": 12, "landmarks": 25}
FEWEST_PITFALLS = 30
FEWEST_NEIGHBOURS = 3
SLOTS = {
    "decision", "actor", "entity", "prediction_moment", "outcome_and_window", "label_source", "label_cost",
    "label_delay", "who_gets_none", "heuristic", "output_shape", "candidates_per_request", "error_costs", "volume",
    "latency", "groups", "time", "drift", "feedback", "minimum_performance",
}  # fmt: skip
STEPS = [  # pipelines that whoever frames compound problems expects
    ("unsupervised/embedding", "ranking/search"),
    ("unsupervised/clustering", "no_ml/rule", "classification/multiclass"),
    ("regression/forecasting", "other/optimization"),
    ("seq2seq/sequence_labeling", "ranking/matching"),
    ("seq2seq/asr", "seq2seq/summarization"),
]
GATES = {
    "no_ml/formula", "no_ml/rule", "no_ml/sql", "other/causal_effect", "other/optimization", "other/scheduling",
    "other/control", "other/reinforcement_learning",
}  # fmt: skip


@pytest.fixture(scope="module")
def sources():
    return read(cases=False)


@pytest.mark.parametrize("kind", FEWEST)
def test_there_are_enough(sources, kind):
    assert len(getattr(sources, kind)) >= FEWEST[kind]


def test_there_are_enough_pitfalls_and_each_has_a_check_and_a_remedy(sources):
    pitfalls = [*sources.pitfalls, *(pitfall for folder in sources.folders.values() for pitfall in folder.pitfalls)]
    assert len(pitfalls) >= FEWEST_PITFALLS
    for pitfall in pitfalls:
        assert all([pitfall.check, pitfall.why, pitfall.remedy, pitfall.source, pitfall.when or pitfall.always])


@pytest.mark.parametrize("kind", FEWEST)
def test_no_field_is_empty(sources, kind):
    for record in getattr(sources, kind):
        for name, value in record._asdict().items():
            assert value or name in ("unless", "leads_to", "accept"), f"{record.id}: {name}"


@pytest.mark.parametrize("kind", ["reframes", "gates", "pipelines"])
def test_its_sentences_are_its_own(sources, kind):
    """A sentence that two records share teaches nobody which of them is meant."""
    sentences = [text for record in getattr(sources, kind) for text in (*record.matches, *record.ignores)]
    assert len(sentences) == len(set(sentences))


@pytest.mark.parametrize("steps", STEPS, ids=lambda steps: " ".join(step.partition("/")[2] for step in steps))
def test_the_pipelines_that_one_expects(sources, steps):
    assert steps in [tuple(step.task for step in pipeline.steps) for pipeline in sources.pipelines]


def test_the_gates_that_one_expects(sources):
    assert {gate.leads_to for gate in sources.gates} >= GATES


def test_every_category_is_left_and_reached_by_reframes(sources):
    left = {reframe.instead_of.partition("/")[0] for reframe in sources.reframes}
    reached = {reframe.to.partition("/")[0] for reframe in sources.reframes}
    assert left | {"no_ml", "other"} == set(sources.folders)
    assert reached | {"unsupervised"} == set(sources.folders)


def test_every_category_has_a_landmark(sources):
    assert {landmark.category for landmark in sources.landmarks} == set(sources.folders)


def test_no_landmark_stands_among_the_cases(sources):
    """Landmarks are examined in the tests, so training must not have seen them."""
    cases = {case.text.lower() for folder in read().folders.values() for case in folder.cases}
    assert [landmark.id for landmark in sources.landmarks if landmark.text.lower() in cases] == []


def test_every_category_settles_every_slot(sources):
    assert set(sources.slots) == SLOTS
    for name, category in load().categories.items():
        assert set(category.slots) == SLOTS
        own = sources.folders[name].category.slots
        assert list(category.slots)[: len(own)] == list(own)
        assert all(category.slots[slot] == text for slot, text in own.items())
        assert all(text.endswith(("?", ".")) for text in category.slots.values())


def test_neighbours_are_enough_and_told_from_both_sides(sources):
    for name, folder in sources.folders.items():
        assert len(folder.category.neighbours) >= FEWEST_NEIGHBOURS
        for other in folder.category.neighbours:
            if {name, other} & {"no_ml", "other"}:
                continue
            assert name in sources.folders[other].category.neighbours, f"{other} does not say “why not {name}?”"


def test_every_subtask_has_its_entry_in_the_crosswalk(sources):
    subtasks = {f"{name}/{kind}" for name, folder in sources.folders.items() for kind in folder.category.subtasks}
    assert set(sources.crosswalk) == subtasks
    assert set(load().crosswalk) == subtasks
