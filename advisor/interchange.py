"""A framing in the words of others: Hugging Face, OpenML, D3M and Croissant.

The cross-walk is data (taxonomy/crosswalk.yaml, checked against taxonomy/vocabularies.yaml). Where a vocabulary has no
name for a task the field is empty: no tag is invented. Croissant 1.0 describes data sets and has no class for tasks, so
its export is the data set that the task needs: a field for each input, and the target marked as `cr:Label`. The package
mlcroissant 1.1.1 accepts the exports of all sub-tasks; what it recommends and a framing cannot know (licence, version,
date) is left to whoever makes the data set.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from advisor.errors import UsageError
from advisor.evidence import unknown
from taxonomy.advice import Crosswalk
from taxonomy.knowledge import load

if TYPE_CHECKING:
    from advisor.framing import Framing

_CONTEXT = {  # of Croissant 1.0, the part that the export uses
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "isLiveDataset": "cr:isLiveDataset",
    "recordSet": "cr:recordSet",
    "source": "cr:source",
}
_LABEL = "cr:Label"
_FILE = "examples.csv"  # where the examples are expected, one a row


def export(framing: "Framing", name: str) -> dict[str, Any]:
    """The framing as plain data in the form `name`, one of "huggingface", "openml", "d3m" and "croissant".

    >>> import advisor
    >>> export(advisor.frame("How many hours will this surgery take?"), "openml")["task_type"]
    'Supervised Regression'

    Raises:
        UsageError: no such form, or the framing is undecided.
    """
    if name not in FORMS:
        raise unknown("form of export", name, FORMS)
    if framing.category is None:
        raise UsageError("the task is undecided, so it has no name elsewhere; answer a question of the framing first")
    return FORMS[name](framing, load().crosswalk[f"{framing.category}/{framing.subtask}"])


def _huggingface(framing: "Framing", entry: Crosswalk) -> dict[str, Any]:
    """The fields of a model card (pipeline_tag) and of a data set card (task_categories, task_ids)."""
    return {
        "pipeline_tag": entry.huggingface[0] if entry.huggingface else None,
        "task_categories": list(entry.huggingface),
        "task_ids": list(entry.huggingface_ids),
    }


def _openml(framing: "Framing", entry: Crosswalk) -> dict[str, Any]:
    """The task type as OpenML names it, and what else a task there must say."""
    return {
        "task_type": entry.openml or None,
        "target_name": framing.card.target,
        "evaluation_measure": framing.card.metric,
        "estimation_procedure": framing.card.split,
    }


def _d3m(framing: "Framing", entry: Crosswalk) -> dict[str, Any]:
    """The part of a D3M problem description (problemDoc.json, schema 4.0) that a framing can fill."""
    return {
        "about": {
            "problemName": framing.card.task,
            "problemDescription": framing.description,
            "problemSchemaVersion": "4.0.0",
            "taskKeywords": list(entry.d3m),
        }
    }


def _croissant(framing: "Framing", entry: Crosswalk) -> dict[str, Any]:
    """The data set that the task needs, as JSON-LD; its file is yet to be made, so that it has no checksum."""
    card = framing.card
    target = card.target if isinstance(card.target, str) else ", ".join(card.target or ())
    fields = [_field(f"input_{number}", card.inputs, [kind]) for number, kind in enumerate(entry.inputs, 1)]
    if entry.outputs:
        fields.append(_field("target", target, [_LABEL, *entry.outputs]))
    records = [{"@type": "cr:RecordSet", "@id": "examples", "name": "examples", "field": fields}] if fields else []
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": f"{framing.category}-{framing.subtask}".replace("_", "-"),
        "description": framing.description,
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "isLiveDataset": True,
        "keywords": list(dict.fromkeys([card.task, *entry.huggingface, *entry.huggingface_ids, *entry.d3m])),
        "measurementTechnique": card.metric,
        "distribution": [
            {"@type": "cr:FileObject", "@id": _FILE, "name": _FILE, "contentUrl": _FILE, "encodingFormat": "text/csv"}
        ],
        "recordSet": records,
    }


def _field(name: str, description: str, kinds: list[str]) -> dict[str, Any]:
    """A field of the examples, which stands in the column of its name."""
    return {
        "@type": "cr:Field",
        "@id": f"examples/{name}",
        "name": name,
        "description": description,
        "dataType": kinds,
        "source": {"fileObject": {"@id": _FILE}, "extract": {"column": name}},
    }


FORMS: dict[str, Callable[["Framing", Crosswalk], dict[str, Any]]] = {
    "huggingface": _huggingface,
    "openml": _openml,
    "d3m": _d3m,
    "croissant": _croissant,
}
