"""Search: documents for a query, best first. BM25, and on tensor_core a query that also asks for what its words mean.

Judged pairs (judgements.py) teach which words of documents stand for which words of queries, and how much each word
counts (expansion.py). Beside it stand the words that query and document share, and BM25.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import expansion
import numpy as np
import polars as pl
from expansion import Weights
from judgements import Corpus, Queries, read

import tensor_core as tc
from models.kit import cells, columns, config, files, lexical, lexicon, metrics, plots, ranking_metrics, splits
from models.kit.config import Between
from models.kit.errors import ArtefactError
from models.kit.lexical import Found, Places
from models.kit.lexicon import DOUBT, Table
from models.kit.metrics import Metric
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained

SCHEMA = 1
DOCUMENTS_FILE, TABLE_FILE, WEIGHTS_FILE = "documents.json", "table.safetensors", "weights.safetensors"
DEPTH = 100  # documents that are fetched for each query; the metrics look at ten, and the recall at all


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["mrr", "hit_rate", "ndcg", "recall_100"]
    query: str
    document: str
    relevance: str | None
    documents: str | None
    documents_key: str | None
    documents_text: str | None
    time: str | None
    group: str | None
    test_share: Annotated[float, Between(0.01, 0.5)]
    validation_share: Annotated[float, Between(0.01, 0.5)]
    results: Annotated[int, Between(1, DEPTH)]
    lesson_queries: Annotated[int, Between(1, 10_000_000)]
    others: Annotated[int, Between(1, DEPTH)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(0, 1_000_000)]


class Prepared(NamedTuple):
    """The words, and counts of them in queries and documents."""

    known: dict[str, int]
    queries: Any
    documents: Any


class Model(NamedTuple):
    """The documents with their words and BM25 weights, the table of meanings, and the weights of words."""

    corpus: Corpus
    known: dict[str, int]
    documents: Any
    table: Table
    weights: Weights
    results: int


Run = Case[Settings, Queries, Prepared]


def split(data: Data[Queries], settings: Settings) -> Split:
    """Returns the latest queries, whole groups, or queries drawn at random as the test; documents are on no side."""
    test, stop, seed = settings.test_share, settings.validation_share, settings.seed
    if settings.time is not None:
        times = np.array(data.about.times)
        drawn = splits.by_time(times, name=settings.time, test_share=test, validation_share=stop)
    elif settings.group is not None:
        groups = np.array(data.about.groups)
        drawn = splits.by_group(groups, name=settings.group, test_share=test, validation_share=stop, seed=seed)
    else:
        drawn = splits.shuffled(data.size, test_share=test, validation_share=stop, seed=seed)
    return drawn._replace(noun="query")


def prepare(data: Data[Queries], split: Split, settings: Settings) -> Prepared:
    """Returns queries and documents as counts of the words of documents and of known queries."""
    asked, held = ([lexical.words(text) for text in texts] for texts in (data.examples.texts, data.about.texts))
    taught = [asked[row] for row in np.concatenate([split.train, split.validation])]
    known = lexical.vocabulary([*held, *taught])
    return Prepared(known, lexical.counts(asked, known), lexical.counts(held, known))


def dummy(case: Run) -> Callable[[Rows], Found]:
    """Returns the documents that share most words with the query."""
    queries, documents = _presence(case.prepared.queries), _presence(case.prepared.documents)
    return lambda rows: lexical.best(queries[rows], documents, DEPTH)


def peer(case: Run) -> Callable[[Rows], Found]:
    """Returns BM25 (Robertson and Zaragoza 2009) with its usual constants, a word of the query as often as it is."""
    documents = lexical.bm25(case.prepared.documents)
    return lambda rows: lexical.best(case.prepared.queries[rows], documents, DEPTH)


def _presence(table: Any) -> Any:
    found = table.copy()
    found.data = np.ones_like(found.data)
    return found


def fit(case: Run) -> Fitted[Model]:
    """Returns the table of meanings of the training pairs, with weights that training and validation queries chose."""
    settings, (known, queries, counted) = case.settings, case.prepared
    documents = lexical.bm25(counted)
    right = [np.array([d for d, grade in judged.items() if grade > 0]) for judged in case.data.examples.judged]
    train, validation = case.split.train, case.split.validation
    owner = np.repeat(np.arange(train.size), [right[row].size for row in train])
    pairs = np.concatenate([right[row] for row in train])
    table = lexicon.meanings(queries[train[owner]], counted[pairs], owner)
    tc.manual_seed(settings.seed)
    weights = Weights(len(known))

    def search(asked: Any) -> Found:
        expanded = weights.expanded(expansion.entries(table, asked), asked.shape[0])
        return lexical.best(expanded, documents, DEPTH)

    generator = np.random.default_rng(settings.seed)
    own = np.sort(generator.permutation(train.size)[: settings.lesson_queries])
    stop = np.sort(generator.permutation(validation)[: settings.lesson_queries])
    taught, stops = (
        expansion.lessons(search, queries[rows], [right[row] for row in rows], others=settings.others, own=mine)
        for rows, mine in ((train[own], own), (stop, None))
    )
    run = expansion.learn(weights, table, documents, (taught, stops), settings)
    notes = (f"{table.counts.nnz:,} meanings of {int((np.diff(table.counts.indptr) > 0).sum()):,} words of queries",)
    corpus = Corpus(case.data.about.keys, case.data.about.texts)
    return Fitted(Model(corpus, known, documents, table, weights, settings.results), *run, notes)


def predict(model: Model, examples: Queries, settings: Settings) -> Found:
    """Returns the best documents of each query."""
    asked = lexical.counts([lexical.words(text) for text in examples.texts], model.known)
    expanded = model.weights.expanded(expansion.entries(model.table, asked), len(examples.texts))
    return lexical.best(expanded, model.documents, DEPTH)


def score(case: Run, answers: Found) -> metrics.Draws:
    """Returns MRR, hit rate and NDCG of the first ten and the recall of the first hundred, resampled by query."""
    judged = [case.data.examples.judged[row] for row in case.split.test]
    found = zip(answers.places.tolist(), judged, strict=True)
    gains = np.array([[grades.get(place, 0.0) for place in places] for places, grades in found])
    ideal = np.zeros((len(judged), ranking_metrics.PLACES))
    relevant = np.array([sum(grade > 0 for grade in grades.values()) for grades in judged])
    for row, grades in enumerate(judged):
        best = sorted(grades.values(), reverse=True)[: ranking_metrics.PLACES]
        ideal[row, : len(best)] = best
    first = ranking_metrics.of_lists(gains[:, : ranking_metrics.PLACES], ideal, relevant)
    values = {name: first[name] for name in ("mrr", "hit_rate", "ndcg")}
    return metrics.means(values | {"recall_100": (gains > 0).sum(axis=1) / relevant}, seed=case.settings.seed)


def shown(answers: Found, model: Model) -> pl.DataFrame:
    """Returns the first documents of each query, one a row, with their scores."""
    rows, ranks = np.nonzero(answers.places[:, : model.results] >= 0)
    places = answers.places[rows, ranks]
    return pl.DataFrame(
        {
            "row": rows + 1,
            "rank": ranks + 1,
            "document": [model.corpus.keys[place] for place in places],
            "score": answers.scores[rows, ranks],
        },
        schema={"row": pl.Int64, "rank": pl.Int64, "document": pl.String, "score": pl.Float64},
    )


def actual(case: Run) -> pl.DataFrame:
    """Returns the test queries with the names of their fitting documents."""
    texts, judged = take(case.data.examples, case.split.test)
    names = case.data.about.keys
    right = [" | ".join(names[place] for place, grade in grades.items() if grade > 0) for grades in judged]
    return pl.DataFrame({"query": texts, "right": right})


def questions(case: Run) -> pl.DataFrame:
    """Returns the test queries."""
    return pl.DataFrame({case.settings.query: [case.data.examples.texts[row] for row in case.split.test]})


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Queries:
    """Returns the queries of a new table."""
    columns.check_name(table, settings.query, setting="query")
    texts = [text or "" for text in cells.texts(table[settings.query])]
    return Queries(texts, [{} for _ in texts])


def take(examples: Queries, rows: Rows) -> Queries:
    """Returns those queries."""
    return Queries([examples.texts[row] for row in rows], [examples.judged[row] for row in rows])


def save(model: Model, folder: Path) -> None:
    """Writes documents.json (documents and words), table.safetensors (meanings) and weights.safetensors."""
    about = {"schema": SCHEMA, "words": list(model.known), "keys": model.corpus.keys, "texts": model.corpus.texts}
    files.write(folder / DOCUMENTS_FILE, json.dumps(about, ensure_ascii=False) + "\n")
    counts = model.table.counts
    arrays = {"starts": counts.indptr, "words": counts.indices, "counts": counts.data, "totals": model.table.totals}
    tensors = {name: tc.as_tensor(np.ascontiguousarray(array)) for name, array in arrays.items()}
    tc.nn.save_safetensors(tensors, folder / TABLE_FILE)
    tc.nn.save_safetensors(model.weights.state_dict(), folder / WEIGHTS_FILE)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing, damaged, or of another version."""
    from scipy.sparse import csr_matrix

    about = files.read_json(folder / DOCUMENTS_FILE, remedy="run train.py first")
    try:
        if about["schema"] != SCHEMA:
            raise ValueError("it was saved by another version")
        known = {word: place for place, word in enumerate(about["words"])}
        corpus = Corpus(list(about["keys"]), list(about["texts"]))
        saved = {name: value.numpy() for name, value in tc.nn.load_safetensors(folder / TABLE_FILE).items()}
        counts = csr_matrix((saved["counts"], saved["words"], saved["starts"]), (len(known), len(known)))
        weights = Weights(len(known))
        weights.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS_FILE))
    except FileNotFoundError as error:
        raise ArtefactError(f"{error.filename or folder}: there is no such file; run train.py first") from None
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    none = np.zeros(0, dtype=np.int64)
    table = Table(counts, saved["totals"], (none, none, none, np.zeros(0)))
    documents = lexical.bm25(lexical.counts([lexical.words(text) for text in corpus.texts], known))
    return Model(corpus, known, documents, table, weights, settings.results)


def meant(model: Model, word: str, most: int = 5) -> list[tuple[str, float]]:
    """Returns the likeliest meanings of a word of a query, with their probability; none for an unknown one."""
    place = model.known.get(word)
    if place is None:
        return []
    row, names = model.table.counts[place], list(model.known)
    order: Places = np.argsort(-row.data)[:most]
    below = model.table.totals[place] + DOUBT
    return [(names[row.indices[at]], round(float(row.data[at] / below), 3)) for at in order]


def write(folder: Path, trained: Trained[Settings, Queries, Prepared, Model, Found]) -> None:
    """Writes meanings.json: what the commonest words of the training queries stand for in documents."""
    model = trained.fitted.model
    names: Sequence[str] = list(model.known)
    common = np.argsort(-model.table.totals, kind="stable")[:1_000]
    found = {names[place]: meant(model, names[place]) for place in common if model.table.totals[place] > 0}
    files.write(folder / "meanings.json", json.dumps(found, ensure_ascii=False, indent=1) + "\n")


def draw(folder: Path, trained: Trained[Settings, Queries, Prepared, Model, Found]) -> None:
    """Draws the learning curve."""
    title = "−log of the judged document among its candidates"
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title=title)


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Search with learned meanings of words",
    dummy_title="most words in common",
    peer_title="BM25",
    metrics={
        **ranking_metrics.chosen("mrr", "hit_rate", "ndcg"),
        "recall_100": Metric("recall@100", higher_is_better=True),
    },
    read=read,
    split=split,
    prepare=prepare,
    dummy=dummy,
    peer=peer,
    fit=fit,
    predict=predict,
    score=score,
    shown=shown,
    actual=actual,
    questions=questions,
    inputs=inputs,
    save=save,
    load=load,
    take=take,
    onnx="a search needs its documents; what is looked up in them is no network",
    features=lambda model: list(model.known),
    files=write,
    plots=draw,
    smoke={"epochs": 2, "lesson_queries": 500},
    smoke_examples=1500,
)
