"""The table of a search: which documents there are, and of each query which of them were judged, with what grades."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from models.kit import cells, columns, events, sequences, splits
from models.kit.errors import TableError, count
from models.kit.task import Data

if TYPE_CHECKING:
    from model import Settings


FEWEST_DOCUMENTS = 2


class Queries(NamedTuple):
    """Different queries, and of each the judged documents (places) with their grades; of a question there are none."""

    texts: list[str]
    judged: list[dict[int, float]]


class Corpus(NamedTuple):
    """All documents: the name of each, its text, and time and group of each query, where the settings name them."""

    keys: list[str]
    texts: list[str]
    times: list[Any] | None = None
    groups: list[str] | None = None


def read(settings: "Settings", folder: Path, most: int | None) -> Data[Queries]:
    """Returns the different queries with what was judged, at most `most`, drawn at random; as `about` all documents."""
    table = sequences.table(settings.table, folder=folder)
    frame, said = table.frame, list(table.notes)
    for setting in ("query", "document", "relevance", "time", "group"):
        if (name := getattr(settings, setting)) is not None:
            columns.check_name(frame, name, setting=setting)
    grades = np.ones(frame.height)
    if settings.relevance is not None:
        grades = events.numbers(frame[settings.relevance], setting="relevance")
    corpus, place = _corpus(settings, folder, frame, said)
    found: dict[str, dict[int, float]] = {}
    first: dict[str, int] = {}
    lost = 0
    asked = cells.texts(frame[settings.query])
    for row, (query, name) in enumerate(zip(asked, cells.texts(frame[settings.document]), strict=True)):
        if query is None or not query.strip() or name not in place or np.isnan(grades[row]):
            lost += 1
            continue
        first.setdefault(query, row)
        judged = found.setdefault(query, {})
        judged[place[name]] = max(grades[row], judged.get(place[name], 0.0))
    right = [query for query, judged in found.items() if max(judged.values()) > 0]
    if len(right) < 2 * splits.FEWEST_TEST_ROWS:
        raise TableError(
            f"query: {count(len(right), 'query')} with a fitting document in {settings.document!r}; a few hundred are "
            "needed to learn, and some dozens to measure at all (relevance: grades above 0 say that it fits)"
        )
    chosen = sequences.drawn(len(right), most, seed=settings.seed)
    names = [right[row] for row in chosen]
    rows = np.array([first[name] for name in names])
    times = None if settings.time is None else columns.ordered(frame[settings.time])[rows].tolist()
    groups = None if settings.group is None else columns.grouped(frame[settings.group])[rows].tolist()
    if lost:
        said.append(f"{count(lost, 'row')} left out: no query, no grade, or a document that is not among the documents")
    if passed := len(found) - len(right):
        said.append(f"{count(passed, 'query')} without any fitting document left out")
    return Data(
        settings.table, table.sha256, Queries(names, [found[name] for name in names]), rows + 1,
        (*said, f"{count(len(corpus.keys), 'document')} to search in"), "query",
        corpus._replace(times=times, groups=groups),
    )  # fmt: skip


def _corpus(settings: "Settings", folder: Path, frame: pl.DataFrame, said: list[str]) -> tuple[Corpus, dict[Any, int]]:
    """Returns the different documents, and by its name the place of each."""
    if settings.documents is None:
        texts = cells.texts(frame[settings.document])
        keys = texts
    else:
        if settings.documents_key is None or settings.documents_text is None:
            raise TableError("documents: set documents_key (what `document` names) and documents_text, too")
        other = sequences.table(settings.documents, folder=folder)
        for setting in ("documents_key", "documents_text"):
            columns.check_name(other.frame, getattr(settings, setting), setting=setting)
        said += other.notes
        keys, texts = (cells.texts(other.frame[name]) for name in (settings.documents_key, settings.documents_text))
    by_text: dict[str, int] = {}
    place: dict[Any, int] = {}
    names: list[str] = []
    for key, text in zip(keys, texts, strict=True):
        if key is not None and text is not None and text.strip():
            if text not in by_text:
                by_text[text] = len(names)
                names.append(key)
            place[key] = by_text[text]
    if len(names) < FEWEST_DOCUMENTS:
        raise TableError(f"{settings.documents or settings.table}: fewer than {FEWEST_DOCUMENTS} different documents")
    if settings.documents is not None and len(place) > len(names):
        said.append(f"{count(len(place) - len(names), 'document')} with the same text as another count as that one")
    return Corpus(names, list(by_text)), place
