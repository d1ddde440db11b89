"""A summary of whole sentences of the text: each is scored by a small network; beside it the first ones, and TextRank.

What belongs in a summary is learned from the sentences that together come nearest to the written one by ROUGE, as for
SummaRuNNer (Nallapati, Zhai and Zhou, 2017). Nothing is worded anew, so nothing is said that the text does not say, but
sentences torn from their neighbours can mislead. ROUGE counts shared words and does not see that: let people read some.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import extracting
import numpy as np
import numpy.typing as npt
import polars as pl
from extracting import Document, Learned, Model, Scorer, Seen

import tensor_core as tc
from models.kit import columns, config, corpus, dataset, lexical, metrics, plots, rouge, sequences, splits, training
from models.kit.config import Between
from models.kit.errors import TableError, count
from models.kit.metrics import Metric
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained

FEWEST_DOCUMENTS = 20
LONGEST_ORACLE = 20  # sentences that training looks for in a text
FIFTHS = ("first fifth", "second", "third", "fourth", "last fifth")

Summary = tuple[str, ...]  # the sentences


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["rouge_1", "rouge_2", "rouge_l"]
    text: str
    target: str
    title: str | None
    group: str | None
    test_share: Annotated[float, Between(0.01, 0.5)]
    validation_share: Annotated[float, Between(0.01, 0.5)]
    sentences: Annotated[int, Between(1, 1_000)] | None
    most_sentences: Annotated[int, Between(2, 2_000)]
    width: Annotated[int, Between(1, 4096)]
    hidden: Annotated[int, Between(1, 65_536)]
    dropout: Annotated[float, Between(0, 0.95)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_rows: Annotated[int, Between(1, 1_000_000)]
    patience: Annotated[int, Between(1, 1_000_000)]


class Texts(NamedTuple):
    """Texts, their titles, and the summaries written for them; questions have no summaries."""

    texts: list[str]
    titles: list[str]
    summaries: list[str]


class Prepared(NamedTuple):
    """All documents, what those of training taught, how many sentences are chosen, and which belong in a summary."""

    documents: list[Document]
    learned: Learned
    sentences: int
    train: tuple[Seen, npt.NDArray[np.float32]]
    validation: tuple[Seen, npt.NDArray[np.float32]]
    ceiling: float


Run = Case[Settings, Texts, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Texts]:
    """Returns the documents that have a text and a summary, at most `most`; as `about` the group of each."""
    table = dataset.table(settings.table, folder=folder)
    frame, said = table.frame, list(table.notes)
    texts = corpus.texts(frame, settings.text)
    targets = corpus.texts(frame, settings.target, setting="target")
    titles = _titles(frame, settings)
    given = np.array([bool(one and other) for one, other in zip(texts, targets, strict=True)], dtype=bool)
    longer = np.array([len(extracting.cut(text)) > 1 for text in texts], dtype=bool)
    whole = np.flatnonzero(given & longer)
    if whole.size < FEWEST_DOCUMENTS:
        raise TableError(
            f"{count(whole.size, 'document')} with a text of two sentences or more and a summary; "
            f"at least {FEWEST_DOCUMENTS} are needed"
        )
    if lost := int((~given).sum()):
        said.append(f"{count(lost, 'row')} without a text or a summary left out")
    if lost := int((given & ~longer).sum()):
        said.append(f"{count(lost, 'row')} left out whose text is one sentence, of which nothing can be chosen")
    chosen = whole[sequences.drawn(whole.size, most, seed=settings.seed)]
    groups = None
    if settings.group is not None:
        columns.check_name(frame, settings.group, setting="group")
        groups = columns.grouped(frame[settings.group])[chosen].tolist()
    examples = take(Texts(texts, titles, targets), chosen)
    return Data(settings.table, table.sha256, examples, chosen + 1, tuple(said), "document", groups)


def _titles(frame: pl.DataFrame, settings: Settings) -> list[str]:
    return [""] * frame.height if settings.title is None else corpus.texts(frame, settings.title, setting="title")


def split(data: Data[Texts], settings: Settings) -> Split:
    """Returns whole groups, or documents drawn at random; copies of one text are on one side."""
    groups = np.array(data.about or data.examples.texts, dtype=object)
    shares = {"test_share": settings.test_share, "validation_share": settings.validation_share}
    drawn = splits.by_group(groups, name=settings.group or settings.text, seed=settings.seed, **shares)
    return drawn._replace(noun="document")


def cut(examples: Texts, settings: Settings) -> list[Document]:
    """Returns the sentences of each text."""
    pairs = zip(examples.texts, examples.titles, strict=True)
    return [extracting.document(text, title, settings.most_sentences) for text, title in pairs]


def prepare(data: Data[Texts], split: Split, settings: Settings) -> Prepared:
    """Returns the documents, which sentences belong in the summaries known, and what those of training taught."""
    documents = cut(data.examples, settings)
    wanted = {}
    for row in np.concatenate([split.train, split.validation]):
        reference = lexical.words(data.examples.summaries[row])
        wanted[row] = rouge.oracle(documents[row].words, reference, LONGEST_ORACLE)
    usual = int(np.median([len(wanted[row]) for row in split.train if wanted[row]] or [0]) + 0.5)
    if not usual:
        raise TableError(f"no word of the summaries ({settings.target!r}) stands in the texts ({settings.text!r})")
    learned = extracting.learn([documents[row] for row in split.train])
    parts, sentences = [], settings.sentences or usual
    for rows in (split.train, split.validation):
        marks = [np.isin(np.arange(len(documents[row].sentences)), wanted[row]) for row in rows]
        right = np.concatenate([np.zeros(0), *marks]).astype(np.float32)
        parts.append((extracting.see([documents[row] for row in rows], learned), right))
    best = [[" ".join(documents[row].sentences[place] for place in wanted[row])] for row in split.validation]
    ceiling = _mean(best, [data.examples.summaries[row] for row in split.validation], settings.metric)
    return Prepared(documents, learned, sentences, parts[0], parts[1], ceiling)


def _scores(answers: list[Summary] | list[list[str]], references: list[str]) -> dict[str, list[float]]:
    pairs = zip(answers, references, strict=True)
    found = [rouge.scores(lexical.words(" ".join(one)), lexical.words(other)) for one, other in pairs]
    return {name: [each[place] for each in found] for place, name in enumerate(("rouge_1", "rouge_2", "rouge_l"))}


def _mean(answers: list[list[str]], references: list[str], metric: str) -> float:
    return float(np.mean(_scores(answers, references)[metric])) if answers else np.nan


def dummy(case: Run) -> Callable[[Rows], list[Summary]]:
    """Returns the first sentences, as many as the others choose."""
    return lambda rows: [case.prepared.documents[row].sentences[: case.prepared.sentences] for row in rows]


def peer(case: Run) -> Callable[[Rows], list[Summary]]:
    """Returns the sentences that TextRank finds most central, by cosines of scikit-learn's tf-idf vectors."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    documents = case.prepared.documents
    vectors = TfidfVectorizer(analyzer=list).fit([words for row in case.known for words in documents[row].words])

    def answer(row: int) -> Summary:
        table = vectors.transform(documents[row].words)
        likeness = (table @ table.T).toarray()
        np.fill_diagonal(likeness, 0.0)
        return extracting.best(documents[row], extracting.textrank(likeness), case.prepared.sentences)

    return lambda rows: [answer(row) for row in rows]


def fit(case: Run) -> Fitted[Model]:
    """Returns the scorer as it was best on the sentences of the validation documents."""
    settings, prepared = case.settings, case.prepared
    tc.manual_seed(settings.seed)
    net = Scorer(
        words=extracting.FIRST + len(prepared.learned.words), width=settings.width, hidden=settings.hidden,
        dropout=settings.dropout,
    )  # fmt: skip

    def loss(part: tuple[Seen, npt.NDArray[np.float32]], rows: Rows | None) -> tc.Tensor:
        seen, right = part if rows is None else (Seen(part[0].features[rows], part[0].words[rows]), part[1][rows])
        value: tc.Tensor = tc.binary_cross_entropy_with_logits(net(seen), tc.as_tensor(right))
        return value

    right = prepared.train[1]
    objective = training.Objective(
        right.size, lambda rows: loss(prepared.train, rows), lambda: loss(prepared.validation, None)
    )
    run = training.by_batches(net, objective, settings)
    note = (
        f"a summary has {count(prepared.sentences, 'sentence')}; {right.mean():.0%} of the {right.size:,} training "
        f"sentences belong in one; chosen with the validation summaries in view, as many as help, sentences reach "
        f"{METRICS[settings.metric].title} {prepared.ceiling:.3f} there: about the most that choosing can reach"
    )
    facts = {"sentences": prepared.sentences, "ceiling": prepared.ceiling}
    return Fitted(Model(prepared.learned, net, prepared.sentences), *run, (note,), facts)


def predict(model: Model, examples: Texts, settings: Settings) -> list[Summary]:
    """Returns the sentences chosen of each text."""
    return extracting.summaries(model, cut(examples, settings))


def score(case: Run, answers: list[Summary]) -> metrics.Draws:
    """Returns the mean ROUGE of the test documents, resampled by document."""
    return metrics.means(_scores(answers, take(case.data.examples, case.split.test).summaries), seed=case.settings.seed)


def shown(answers: list[Summary], model: Model) -> pl.DataFrame:
    """Returns the summary of each text."""
    return pl.DataFrame({"predicted": [" ".join(each) for each in answers]}, schema={"predicted": pl.String})


def actual(case: Run) -> pl.DataFrame:
    """Returns the test texts with their written summaries."""
    found = take(case.data.examples, case.split.test)
    return pl.DataFrame({"text": found.texts, "actual": found.summaries})


def questions(case: Run) -> pl.DataFrame:
    """Returns the test texts, with their titles where there are any."""
    found, title = take(case.data.examples, case.split.test), case.settings.title
    return pl.DataFrame({case.settings.text: found.texts} | ({} if title is None else {title: found.titles}))


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Texts:
    """Returns the texts of a new table."""
    texts = corpus.texts(table, settings.text)
    return Texts(texts, _titles(table, settings), [""] * len(texts))


def take(examples: Texts, rows: Rows) -> Texts:
    """Returns those documents."""
    return Texts(*([part[row] for row in rows] for part in examples))


def draw(folder: Path, trained: Trained[Settings, Texts, Prepared, Model, list[Summary]]) -> None:
    """Draws the learning curve, and where in the test documents the chosen sentences stand."""
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="cross-entropy of a sentence")
    total = np.zeros(len(FIFTHS))
    for row, answer in zip(trained.case.split.test, trained.ours, strict=True):
        sentences = trained.case.prepared.documents[row].sentences
        for sentence in answer:
            total[len(FIFTHS) * sentences.index(sentence) // len(sentences)] += 1
    title, axis = "Where in the test documents the chosen sentences stand", "share of the chosen sentences"
    plots.bars(folder / "places.png", total / max(total.sum(), 1), names=FIFTHS, title=title, axis=axis)


METRICS = {
    "rouge_1": Metric("ROUGE-1", higher_is_better=True),
    "rouge_2": Metric("ROUGE-2", higher_is_better=True),
    "rouge_l": Metric("ROUGE-L", higher_is_better=True),
}

TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "A summary of whole sentences",
    dummy_title="the first sentences (lead)",
    peer_title="TextRank on scikit-learn's tf-idf",
    metrics=METRICS,
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
    save=extracting.save,
    load=lambda folder, settings: extracting.load(folder),
    take=take,
    onnx="a text is cut into sentences and compared with itself first, which has no form in ONNX here",
    features=lambda model: [*extracting.FEATURES, *model.learned.words],
    plots=draw,
    smoke={"epochs": 6},
    smoke_examples=300,
)
