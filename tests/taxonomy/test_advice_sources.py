"""Mistakes in the shared files of advice are told as file:line, what, and what to do."""

import shutil

import pytest

from taxonomy.sources import ROOT, KnowledgeError, read


@pytest.fixture
def knowledge(tmp_path):
    root = tmp_path / "taxonomy"
    for path in (*ROOT.glob("*.yaml"), *ROOT.glob("*/*.yaml")):
        (root / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, root / path.relative_to(ROOT))
    return root


GATE = "- {id: g, when: [x y], question: q, instead: i, why: w, source: s, matches: [x y], ignores: [z]}\n"
REFRAME = (
    "- {id: r, when: [x y], instead_of: regression, to: ranking, switch: s, why: w, source: s, matches: [x y], "
    "ignores: [z]}\n"
)
PIPELINE = (
    "- {id: p, title: t, when: [x y], steps: [{task: ranking/search, does: a}, {task: seq2seq/asr, does: b}],\n"
    "   primary: ranking/search, why: w, source: s, matches: [x y], ignores: [z]}\n"
)
LANDMARK = "- {id: l, title: t, text: x, category: ranking, subtask: search, story: s, lesson: l, source: s}\n"


@pytest.mark.parametrize(
    ("name", "record", "old", "new", "message"),
    [
        ("gates", GATE, "question: q, ", "", "taxonomy/gates.yaml:1: the field 'question' is missing"),
        ("gates", GATE, "instead: i", "insted: i", "insted: there is no such field; did you mean 'instead'?"),
        ("gates", GATE, "matches: [x y]", "matches: []", "g needs at least one phrase, one match and one ignore"),
        ("gates", GATE, "why: w", "why: w, leads_to: no_ml/rul", "did you mean 'no_ml/rule'?"),
        ("gates", GATE, "when: [x y]", "when: ['@nix']", "there is no list @nix in lexicon.yaml"),
        ("reframes", REFRAME, "to: ranking", "to: rankng", "taxonomy/reframes.yaml:1: rankng: there is no such"),
        ("reframes", REFRAME, "to: ranking", "to: regression", "r leads from regression to itself"),
        ("pipelines", PIPELINE, "seq2seq/asr", "seq2seq/asl", "asl: there is no such subtask; did you mean"),
        ("pipelines", PIPELINE, "primary: ranking/search", "primary: ranking", "primary must be the task of exactly"),
        ("pipelines", PIPELINE, ", {task: seq2seq/asr, does: b}", "", "fewer than two steps"),
        ("landmarks", LANDMARK, "subtask: search", "subtask: serch", "ranking/serch: there is no such subtask"),
    ],
)
def test_a_mistake_in_a_record(knowledge, name, record, old, new, message):
    assert old in record
    (knowledge / f"{name}.yaml").write_text(record.replace(old, new, 1))
    with pytest.raises(KnowledgeError) as caught:
        read(knowledge, cases=False)
    assert message in str(caught.value)
    assert f"taxonomy/{name}.yaml:1: " in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("huggingface: [object-detection]", "huggingface: [object-detecton]", "did you mean 'object-detection'?"),
        ("openml: Survival Analysis", "openml: Survival", "did you mean 'Survival Analysis'?"),
        ("d3m: [objectDetection, image]", "d3m: [objectdetection]", "did you mean 'objectDetection'?"),
        ('["cr:BoundingBox"]', '["cr:Box"]', "cr:Box: there is no such name in croissant"),
        ("no_ml/formula: {}", "", "no_ml/formula is missing; write what it is called elsewhere"),
        ("no_ml/formula: {}", "no_ml/formulae: {}", "no_ml/formulae: there is no such subtask"),
    ],
)
def test_a_name_that_the_other_vocabulary_does_not_have(knowledge, old, new, message):
    path = knowledge / "crosswalk.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(KnowledgeError, match=r"taxonomy/crosswalk\.yaml:\d+: ") as caught:
        read(knowledge, cases=False)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  output_shape:", "  output_shap:", "output_shap: there is no such slot; did you mean 'output_shape'?"),
        ("neighbours:\n  regression:", "neighbours:\n  ranking:", "ranking: there is no such other category"),
    ],
)
def test_a_slot_or_neighbour_that_does_not_exist(knowledge, old, new, message):
    path = knowledge / "ranking" / "category.yaml"
    text = path.read_text().replace("  classification: Ranking", "  regression: Ranking", 1)
    text = text.replace("  regression: Ranking needs the order", "  classification: Ranking needs the order", 1)
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(KnowledgeError, match=r"taxonomy/ranking/category\.yaml:\d+: ") as caught:
        read(knowledge, cases=False)
    assert message in str(caught.value)
