"""All tags that fit a text, on tensor_core; beside it the most frequent tags, and one logistic regression for each."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import tag_reader
import tag_words
from tag_reader import Plan, Reader

import tensor_core as tc
from models.kit import corpus, databases, files, metrics, multilabel, plots, tabular, tags, training
from models.kit.config import Between
from models.kit.errors import ArtefactError, ConfigError, TableError, count, listed
from models.kit.multilabel import Answers
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained

WORDS_FILE, WEIGHTS_FILE = "vocabulary.json", "weights.safetensors"
MOST_SHOWN = 50  # tags up to which the chance of each is shown; beyond it only what is set

Vector = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Settings(tags.Tagged):
    """The settings of config.yaml."""

    metric: Literal[
        "micro_f1", "macro_f1", "mean_average_precision", "hamming_loss", "precision_at_1", "precision_at_3"
    ]
    texts: tuple[str, ...]
    tags: str | None
    targets: tuple[str, ...]
    delimiter: str | None
    no_tags: Literal["unknown", "none"]
    pairs: bool
    fewest_texts: Annotated[int, Between(1, 1_000_000)]
    most_words: Annotated[int, Between(10, 10_000_000)]
    thresholds: Literal["label", "all"]
    refit: bool
    width: Annotated[int, Between(1, 4_096)]
    dropout: Annotated[float, Between(0, 0.95)]
    word_dropout: Annotated[float, Between(0, 0.95)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    weight_learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_rows: Annotated[int, Between(1, 10_000_000)]

    @property
    def answers(self) -> tuple[str, ...]:
        """The columns that hold the tags."""
        return self.targets if self.tags is None else (self.tags,)


class Prepared(NamedTuple):
    """The tags that count, the commonest first; which each text has; the signs of columns of lists; all words."""

    labels: tuple[str, ...]
    truth: Marks
    signs: dict[str, str]
    cut: list[list[str]]


class Model(NamedTuple):
    """What was learned: the words and their rarity, the tags and their thresholds, how columns are cut, the network."""

    words: tuple[str, ...]
    idf: Vector
    labels: tuple[str, ...]
    thresholds: Vector
    signs: dict[str, str]
    net: Reader


Table = Data[pl.DataFrame]
Run = Case[Settings, pl.DataFrame, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Table:
    """Returns the rows that have a text and tags; `about` are the tags of each."""
    if (settings.tags is None) == (not settings.targets):
        raise ConfigError(
            "set either tags, the column that holds the tags of a row, or targets, several columns of yes and no, and "
            "the other to null or []"
        )
    if len(settings.targets) == 1:
        raise ConfigError(
            f"targets: [{settings.targets[0]}] is one column; name at least two, or a column of lists in tags"
        )
    source = databases.table(settings.table, folder=folder, needs=(*settings.texts, *settings.answers))
    frame = source.frame
    numbers = np.arange(1, frame.height + 1)
    setting = "targets" if settings.tags is None else "tags"
    if read_too := [name for name in settings.answers if name in settings.texts]:
        raise TableError(f"{setting}: column {read_too[0]!r} is also read; take it out of `texts`")
    if most is not None and most < frame.height:
        numbers = 1 + np.sort(np.random.default_rng(settings.seed).permutation(frame.height)[:most])
        frame = frame[numbers - 1]
    if settings.tags is None:
        found = tags.marks(frame, settings.targets)
    else:
        found = tags.read(frame, settings.tags, delimiter=settings.delimiter)
    written = tag_words.checked(frame, settings.texts)
    known = found.known if settings.no_tags == "unknown" else np.ones_like(found.known)
    usable = written & known
    said = [f"column {settings.tags!r}: tags are separated by {found.delimiter!r}"] if found.delimiter else []
    if without := int((~known).sum()):
        said.append(
            f"{setting} {listed(settings.answers)}: {count(without, 'row')} with an empty cell left out (no_tags: none "
            "keeps them)"
        )
    if empty := int((known & ~written).sum()):
        said.append(f"{count(empty, 'row')} without a text left out")
    used = {*settings.texts, *settings.answers, settings.group, settings.time}
    if unread := [name for name in frame.columns if name not in used]:
        said.append(f"not read: {listed(unread)}; name in `texts` what holds words or names")
    lists = tuple(found.rows[row] for row in np.flatnonzero(usable))
    return Data(
        settings.table, source.sha256, frame.filter(pl.Series(usable)), numbers[usable], (*source.notes, *said), "text",
        about=lists,
    )  # fmt: skip


def split(data: Table, settings: Settings) -> Split:
    """Returns the split that the settings ask for, with every tag on all sides where there is no group or time."""
    return tags.split(settings, data.examples, data.about)._replace(noun="text")


def prepare(data: Table, split: Split, settings: Settings) -> Prepared:
    """Returns the tags that are common enough among the training texts, which texts have them, and all words."""
    labels = tags.vocabulary([data.about[row] for row in split.train], fewest=settings.fewest_examples)
    signs = tag_words.delimiters(data.examples[split.train], settings.texts)
    cut = tag_words.tokens(data.examples, settings.texts, signs, pairs=settings.pairs)
    return Prepared(labels, tags.matrix(data.about, labels), signs, cut)


def dummy(case: Run) -> Callable[[Rows], Answers]:
    """Returns what needs no model: the most frequent tags for everything."""
    known = case.prepared.truth[case.known]
    return lambda rows: multilabel.constant(known, rows.size)


def peer(case: Run) -> Callable[[Rows], Answers]:
    """Returns scikit-learn's LogisticRegression for each tag on tf-idf, with thresholds chosen as ours are."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline

    columns = [corpus.texts(case.data.examples, name) for name in case.settings.texts]
    texts, truth = np.array([" ".join(row) for row in zip(*columns, strict=True)], dtype=object), case.prepared.truth

    def fitted(rows: Rows) -> Any:
        one = OneVsRestClassifier(LogisticRegression(max_iter=1_000))
        return make_pipeline(TfidfVectorizer(sublinear_tf=True), one).fit(texts[rows], truth[rows])

    validation = case.split.validation
    cut = _cut(fitted(case.split.train).predict_proba(texts[validation]), truth[validation], case.settings)
    model = fitted(case.known)
    return lambda rows: multilabel.answers(model.predict_proba(texts[rows]), cut)


def _cut(chances: Vector, truth: Marks, settings: Settings) -> Vector:
    """Returns the thresholds that are best on validation texts, for the metric that decides."""
    aim: Literal["micro_f1", "macro_f1"] = "macro_f1" if settings.metric == "macro_f1" else "micro_f1"
    return multilabel.thresholds(chances, truth, aim=aim, each=settings.thresholds)


def fit(case: Run) -> Fitted[Model]:
    """Returns the readers: trained until the validation is best and thresholds are chosen there, then, with `refit`,
    trained anew for as many epochs on validation texts as well.
    """
    settings, split, prepared = case.settings, case.split, case.prepared
    notes = [*tags.rarer([case.data.about[row] for row in case.known], prepared.labels)]
    with training.watched(budget_seconds=settings.time_budget_seconds) as watch:
        model, done = _learned(case, split.train, split.validation, settings.epochs, watch)
        texts = tag_words.weighed([prepared.cut[row] for row in split.validation], model.words, model.idf)
        given = tag_reader.chances(model.net, texts, np.arange(split.validation.size))
        cut = _cut(given, prepared.truth[split.validation], settings)
        half = watch.seconds < settings.time_budget_seconds / 2
        if settings.refit and done.reason is None and half and done.best:
            again, after = _learned(case, case.known, split.validation[:0], done.best, watch)
            if after.reason is None:
                model = again
                notes.append(f"trained anew for {count(done.best, 'epoch')} on training and validation texts together")
        reason = watch.reason or f"the validation was best after {count(done.best, 'epoch')}"
        run = training.ended(watch, reason, "epoch", done.history)
    return Fitted(model._replace(thresholds=cut), *run, (f"{len(model.words):,} words and names count", *notes))


def _learned(
    case: Run, rows: Rows, validation: Rows, last: int, watch: training.Watch
) -> tuple[Model, tag_reader.Learned]:
    """Returns the model that these texts teach, without thresholds yet."""
    settings, (labels, truth, signs, cut) = case.settings, case.prepared
    words = tag_words.lexicon(
        [cut[row] for row in rows], truth[rows], fewest_texts=settings.fewest_texts, most=settings.most_words
    )
    every = tag_words.weighed(cut, words.words, words.idf)
    tc.manual_seed(settings.seed)
    net = Reader(len(words.words), words.common, len(labels), width=settings.width, dropout=settings.dropout)
    plan = Plan(
        settings.epochs, last, settings.batch_rows, settings.learning_rate, settings.weight_learning_rate,
        settings.word_dropout, settings.seed,
    )  # fmt: skip
    done = tag_reader.learn(net, every, truth, rows, ratio=words.ratio, validation=validation, plan=plan, watch=watch)
    return Model(words.words, words.idf, labels, np.full(len(labels), 0.5), signs, net), done


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Answers:
    """Returns the chance of each tag for each row, and which are set."""
    cut = tag_words.tokens(table, settings.texts, model.signs, pairs=settings.pairs)
    texts = tag_words.weighed(cut, model.words, model.idf)
    return multilabel.answers(tag_reader.chances(model.net, texts, np.arange(table.height)), model.thresholds)


def score(case: Run, given: Answers) -> metrics.Draws:
    """Returns the metrics of the test texts."""
    return multilabel.score(case.prepared.truth[case.split.test], given, seed=case.settings.seed)


def shown(given: Answers, model: Model) -> pl.DataFrame:
    """Returns the tags that are set, as a JSON list with the likeliest first, and the chance of each tag."""
    return multilabel.shown(given, model.labels, most=MOST_SHOWN)


def actual(case: Run) -> pl.DataFrame:
    """Returns the test texts and their tags."""
    test = case.split.test
    lists = [json.dumps(case.data.about[row], ensure_ascii=False) for row in test]
    return pl.DataFrame({"text": case.data.examples[test][case.settings.texts[0]], "actual": lists})


def questions(case: Run) -> pl.DataFrame:
    """Returns the test rows without the tags."""
    return case.data.examples[case.split.test].drop(case.settings.answers)


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> pl.DataFrame:
    """Returns the table as it is; raises `TableError` where a column of texts is missing."""
    tag_words.checked(table, settings.texts)
    return table


def save(model: Model, folder: Path) -> None:
    """Writes the words, the tags with their thresholds, how columns are cut, and the weights."""
    content = {
        "words": model.words,
        "labels": model.labels,
        "thresholds": model.thresholds.tolist(),
        "delimiters": model.signs,
    }
    files.write(folder / WORDS_FILE, json.dumps(content, ensure_ascii=False) + "\n")
    tc.nn.save_safetensors({**model.net.state_dict(), "idf": tc.as_tensor(model.idf)}, folder / WEIGHTS_FILE)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    content = files.read_json(folder / WORDS_FILE, remedy="run train.py first")
    try:
        words, labels, cut = tuple(content["words"]), tuple(content["labels"]), np.array(content["thresholds"], float)
        arrays = tc.nn.load_safetensors(folder / WEIGHTS_FILE)
        idf = arrays.pop("idf").numpy()
        common, width = arrays["table.weight"].shape
        net = Reader(len(words), common, len(labels), width=width, dropout=settings.dropout)
        net.load_state_dict(arrays)
        if cut.shape != (len(labels),):
            raise ValueError("each tag needs a threshold")
        return Model(words, idf, labels, cut, dict(content["delimiters"]), net.eval())
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None


def draw(folder: Path, trained: Trained[Settings, pl.DataFrame, Prepared, Model, Answers]) -> None:
    """Draws how well each tag is found, and the learning curve."""
    case = trained.case
    truth = case.prepared.truth[case.split.test]
    f1 = multilabel.each_f1(truth, trained.ours)
    title = "F1 of each tag, the commonest first, test rows"
    plots.bars(folder / "tags.png", f1, names=case.prepared.labels, title=title, axis="F1")
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="log-loss of a tag")


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Tags from weighed words and word vectors",
    dummy_title="most frequent tags",
    peer_title="scikit-learn LogisticRegression for each tag, on tf-idf",
    metrics=multilabel.chosen(
        "micro_f1", "macro_f1", "mean_average_precision", "precision_at_1", "precision_at_3", "hamming_loss"
    ),
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
    take=tabular.take,
    onnx="a text is cut into words first, which has no form in ONNX here",
    features=lambda model: model.words,
    plots=draw,
    smoke={"epochs": 4, "refit": False},
    smoke_examples=None,
)
