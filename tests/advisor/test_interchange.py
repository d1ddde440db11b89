"""The framing in the words of others: every sub-task, every form, and nothing invented."""

import json

import pytest

import advisor
from advisor.cli import main
from advisor.errors import UsageError
from advisor.interchange import FORMS, export
from taxonomy.knowledge import load
from taxonomy.sources import ROOT, _read

SURGERY = "How many hours will this surgery take?"
SUBTASKS = list(load().crosswalk)
VOCABULARIES = _read(ROOT / "vocabularies.yaml", "taxonomy", []).data
PLAIN = [
    "regression/tabular",
    "classification/binary",
    "classification/text",
    "seq2seq/translation",
    "tagging/image_tags",
]


def framed(name):
    category, _, subtask = name.partition("/")
    return advisor.frame(SURGERY, encoder=False)._replace(category=category, subtask=subtask)


@pytest.mark.parametrize("name", SUBTASKS)
def test_every_subtask_has_every_form(name):
    framing = framed(name)
    huggingface, openml, d3m, croissant = (export(framing, form) for form in FORMS)
    assert set(huggingface["task_categories"]) <= set(VOCABULARIES["huggingface"])
    assert set(huggingface["task_ids"]) <= set(VOCABULARIES["huggingface_ids"])
    assert huggingface["pipeline_tag"] in [*huggingface["task_categories"][:1], None]
    assert openml["task_type"] in [*VOCABULARIES["openml"], None]
    assert set(d3m["about"]["taskKeywords"]) <= set(VOCABULARIES["d3m"])
    types = {kind for records in croissant["recordSet"] for field in records["field"] for kind in as_list(field)}
    assert types <= {*VOCABULARIES["croissant"], "cr:Label"}
    assert json.loads(json.dumps([huggingface, openml, d3m, croissant]))


def as_list(field):
    return [field["dataType"]] if isinstance(field["dataType"], str) else field["dataType"]


@pytest.mark.parametrize("name", PLAIN)
def test_the_common_tasks_have_a_name_at_the_hub(name):
    assert export(framed(name), "huggingface")["pipeline_tag"]


@pytest.mark.parametrize(
    ("name", "form", "expected"),
    [
        ("regression/forecasting", "huggingface", "time-series-forecasting"),
        ("tagging/text_tags", "huggingface", "text-classification"),
        ("seq2seq/asr", "huggingface", "automatic-speech-recognition"),
        ("regression/survival", "openml", "Survival Analysis"),
        ("unsupervised/clustering", "openml", "Clustering"),
        ("ranking/search", "openml", None),
        ("recommendation/implicit", "d3m", ["collaborativeFiltering"]),
        ("no_ml/rule", "d3m", []),
    ],
)
def test_what_it_is_called(name, form, expected):
    exported = export(framed(name), form)
    found = {
        "huggingface": lambda: exported["pipeline_tag"],
        "openml": lambda: exported["task_type"],
        "d3m": lambda: exported["about"]["taskKeywords"],
    }[form]()
    assert found == expected


def test_croissant_marks_the_label_and_says_what_it_is():
    framing = advisor.frame(SURGERY, encoder=False)
    exported = framing.export("croissant")
    (fields,) = (records["field"] for records in exported["recordSet"])
    assert fields[-1]["dataType"] == ["cr:Label", "sc:Float"]
    assert fields[-1]["description"] == framing.card.target
    assert exported["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert exported["description"] == SURGERY
    used = {key for part in (exported, *exported["recordSet"], *fields) for key in part if not key.startswith("@")}
    schema_org = {"name", "description", "keywords", "measurementTechnique", "distribution"}
    assert used <= schema_org | set(exported["@context"])


@pytest.mark.parametrize("form", FORMS)
def test_an_undecided_framing_has_no_name_elsewhere(form):
    with pytest.raises(UsageError, match="undecided"):
        advisor.frame("hello", encoder=False).export(form)


def test_a_form_that_does_not_exist():
    with pytest.raises(UsageError, match="did you mean 'croissant'"):
        advisor.frame(SURGERY, encoder=False).export("croisant")


@pytest.mark.parametrize("form", FORMS)
def test_the_terminal_prints_it_as_json(form, capsys):
    assert main(["frame", SURGERY, "--export", form]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(advisor.frame(SURGERY).export(form)))


def test_the_terminal_names_a_wrong_form(capsys):
    assert main(["frame", SURGERY, "--export", "onnx"]) == 2
    assert "known are huggingface, openml, d3m, croissant" in capsys.readouterr().err
