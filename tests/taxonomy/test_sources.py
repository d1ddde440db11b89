"""Mistakes in the YAML are told as file:line, what, and what to do."""

import shutil

import pytest

from taxonomy.sources import ROOT, KnowledgeError, read

RULE = """\
- id: asks-how-many
  when: [how many]
  points_to: {regression: strong}
  because: You ask “{quote}”.
  source: a book
  matches: [How many?, Tell me how many.]
  ignores: [Which one?]
"""


@pytest.fixture
def knowledge(tmp_path):
    """A copy of the knowledge base to break, and a function that returns what `read` says about it."""
    root = tmp_path / "taxonomy"
    for path in (*ROOT.glob("*.yaml"), *ROOT.glob("*/*.yaml")):
        (root / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, root / path.relative_to(ROOT))
    return root


def mistakes(root) -> str:
    with pytest.raises(KnowledgeError) as caught:
        read(root)
    return str(caught.value)


def test_the_knowledge_base_itself_is_right():
    assert set(read().folders) >= {"regression", "no_ml", "other"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("when:", "wen:", "rules.yaml:2: wen: there is no such field; did you mean 'when'?"),
        ("strong", "stron", "rules.yaml:3: stron: there is no such strength; did you mean 'strong'?"),
        ("regression:", "regresion:", "regresion: there is no such category; did you mean 'regression'?"),
        ("  source: a book\n", "", "rules.yaml:1: the field 'source' is missing"),
        ("how many]", "'@pridict']", "there is no list @pridict in lexicon.yaml; did you mean @predict?"),
        ("“{quote}”", "so", "because must quote the user"),
        ("[How many?, Tell me how many.]", "[How many?]", "needs at least two matches"),
        ("[how many]", "[]", "when is empty"),
        ("points_to: {regression: strong}", "subtasks: {regression/cuont: weak}", "did you mean 'regression/count'?"),
        ("points_to: {regression: strong}", "unless: [x]", "points to nothing"),
        ("a book", "a: book", "rules.yaml:5: not YAML"),
        ("[how many]", "how many", "rules.yaml:2: when: input should be a valid tuple"),
        ("id: asks-how-many", "id: asks-how-many\n  id: again", "rules.yaml:2: 'id' stands here twice"),
        ("because: You", "scope: som\n  because: You", "som: there is no such scope"),
    ],
)
def test_a_mistake_in_a_rule(knowledge, old, new, message):
    assert old in RULE
    (knowledge / "regression" / "rules.yaml").write_text(RULE.replace(old, new, 1))
    assert message in mistakes(knowledge)


def test_two_records_with_one_id(knowledge):
    (knowledge / "regression" / "rules.yaml").write_text(RULE + RULE)
    assert "rules.yaml:8: the rule 'asks-how-many' stands already at taxonomy/regression/rules.yaml:1" in mistakes(
        knowledge
    )


def test_a_missing_file(knowledge):
    (knowledge / "ranking" / "pitfalls.yaml").unlink()
    assert "taxonomy/ranking/pitfalls.yaml:1: the file is missing" in mistakes(knowledge)


def test_a_file_that_is_no_list(knowledge):
    (knowledge / "ranking" / "rules.yaml").write_text("id: x\n")
    assert "taxonomy/ranking/rules.yaml:1: the file must be a list of records" in mistakes(knowledge)


def test_a_default_that_is_no_subtask(knowledge):
    path = knowledge / "regression" / "category.yaml"
    path.write_text(path.read_text().replace("default_subtask: tabular", "default_subtask: tabulr"))
    assert "did you mean 'tabular'?" in mistakes(knowledge)


def test_a_question_with_a_default_that_is_no_answer(knowledge):
    (knowledge / "regression" / "questions.yaml").write_text(
        "- {id: q, text: t, why: w, default: yess, answers: {yes: {text: Yes}, no: {text: No}}}\n"
    )
    assert "regression/questions.yaml:1: yess: there is no such answer; did you mean 'yes'?" in mistakes(knowledge)


def test_a_case_with_an_unknown_subtask(knowledge):
    (knowledge / "regression" / "cases.yaml").write_text("- {text: How many?, subtask: cont}\n")
    assert "regression/cases.yaml:1: cont: there is no such subtask; did you mean 'count'?" in mistakes(knowledge)


def test_every_mistake_is_told_at_once(knowledge):
    (knowledge / "regression" / "rules.yaml").write_text(RULE.replace("when:", "wen:"))
    (knowledge / "ranking" / "rules.yaml").write_text(RULE.replace("source:", "surce:"))
    assert {"taxonomy/regression/rules.yaml:2", "taxonomy/ranking/rules.yaml:5"} <= {
        line.split(": ")[0] for line in mistakes(knowledge).splitlines()
    }
