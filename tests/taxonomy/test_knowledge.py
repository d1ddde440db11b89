"""The knowledge base as a whole: complete, and true to its own examples."""

import errno
import json
import os
import tempfile

import pytest

from taxonomy import knowledge as knowledge_module
from taxonomy.checks import example_mistakes
from taxonomy.knowledge import compile_index, load
from taxonomy.reading import read_text
from taxonomy.sources import read

SUBTASKS = {
    "regression": "tabular count duration forecasting survival image_regression text_regression multi_output",
    "classification": "binary multiclass ordinal rare_event image text audio time_series detection segmentation",
    "tagging": "text_tags image_tags audio_tags tabular_multilabel extreme",
    "ranking": "search learning_to_rank link_analysis matching",
    "recommendation": "explicit implicit sequential",
    "seq2seq": "sequence_labeling parsing asr tts translation summarization text_generation transduction",
    "unsupervised": "clustering dimensionality_reduction embedding topic_modeling anomaly_detection causal_discovery "
    "generative density",
    "no_ml": "formula lookup rule sql algorithm",
    "other": "control reinforcement_learning optimization scheduling causal_effect data_engineering",
}
FEWEST_RULES = 12


@pytest.fixture(scope="module")
def sources():
    return read()


def test_every_category_and_subtask_is_there(sources):
    found = {name: set(folder.category.subtasks) for name, folder in sources.folders.items()}
    assert found == {name: set(subtasks.split()) for name, subtasks in SUBTASKS.items()}


def test_every_rule_holds_its_own_examples(sources):
    assert example_mistakes(sources) == []


@pytest.mark.parametrize("category", SUBTASKS)
def test_every_category_has_rules_questions_pitfalls_and_cases(sources, category):
    folder = sources.folders[category]
    assert len(folder.rules) >= FEWEST_RULES
    assert folder.questions
    assert folder.pitfalls
    assert folder.cases
    assert any(category in rule.points_to for rule in folder.rules)


def test_every_subtask_can_be_reached(sources):
    """Some rule or answer must point to each sub-task that is not its category's default."""
    reached = {
        name
        for folder in sources.folders.values()
        for record in (
            *folder.rules,
            *(answer for question in folder.questions for answer in question.answers.values()),
        )
        for name in record.subtasks
    }
    wanted = {
        f"{name}/{subtask}"
        for name, folder in sources.folders.items()
        for subtask in folder.category.subtasks
        if subtask != folder.category.default_subtask
    }
    assert wanted - reached == set(), "write a rule or a question that points to these"


@pytest.mark.parametrize("category", SUBTASKS)
def test_the_example_of_each_subtask_speaks_for_its_category(sources, category):
    knowledge = load()
    silent = [
        subtask.example
        for subtask in sources.folders[category].category.subtasks.values()
        if not any(category in fired.rule.points_to for fired in read_text(knowledge, subtask.example).fired)
    ]
    assert silent == []


def test_compiling_twice_gives_the_same_bytes(sources):
    assert json.dumps(compile_index(sources)) == json.dumps(compile_index(read()))


@pytest.mark.parametrize("name", ["lexicon.yaml", "regression/rules.yaml", "phrases.py"])
def test_the_index_is_made_again_when_a_source_is_newer(tmp_path, monkeypatch, name):
    sources = [tmp_path / each for each in ("lexicon.yaml", "regression/rules.yaml", "phrases.py")]
    index = tmp_path / "index.json"
    monkeypatch.setattr(knowledge_module, "FOLDER", str(tmp_path))
    monkeypatch.setattr(knowledge_module, "INDEX", str(index))
    assert knowledge_module._is_stale()
    for source in sources:
        source.parent.mkdir(exist_ok=True)
        source.write_text("[]")
        os.utime(source, ns=(0, 0))
    index.write_text("{}")
    assert not knowledge_module._is_stale()
    os.utime(tmp_path / name, ns=(0, index.stat().st_mtime_ns + 1))
    assert knowledge_module._is_stale()


def test_without_sources_the_index_stands(tmp_path, monkeypatch):
    (tmp_path / "index.json").write_text("{}")
    os.utime(tmp_path / "index.json", ns=(0, 0))
    (tmp_path / "phrases.py").write_text("")
    monkeypatch.setattr(knowledge_module, "FOLDER", str(tmp_path))
    monkeypatch.setattr(knowledge_module, "INDEX", str(tmp_path / "index.json"))
    assert not knowledge_module._is_stale()


def test_a_rule_fires_once_and_quotes_the_text():
    text = "How many bikes? How many cars?"
    fired = [found for found in read_text(load(), text).fired if "regression" in found.rule.points_to]
    assert len({found.rule.id for found in fired}) == len(fired)
    assert all(text[found.start : found.end] == found.quote for found in fired)


def test_a_read_only_checkout_works_from_memory(monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    assert knowledge_module.write_index()["hash"] == load().hash
