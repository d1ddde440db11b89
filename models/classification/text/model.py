"""Which class a text is: words and pairs of words, weighed on tensor_core; beside it shares and logistic regression."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import bags, columns, config, corpus, dataset, files, labels, metrics, splits, tabular, training
from models.kit.bags import Bags
from models.kit.config import Between
from models.kit.corpus import Counts
from models.kit.errors import ArtefactError
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained

WORDS_FILE, WEIGHTS_FILE = "vocabulary.json", "weights.safetensors"
SMOOTH = 2.0  # texts with and without a word that are added to those counted
ROWS_AT_ONCE = 2_000  # texts whose probabilities are computed together

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Settings(config.Labelled):
    """The settings of config.yaml."""

    metric: Literal["log_loss", "accuracy", "balanced_accuracy", "macro_f1", "average_precision", "roc_auc"]
    text: str
    positive: str | None
    pairs: bool
    fewest_texts: Annotated[int, Between(1, 1_000_000)]
    most_words: Annotated[int, Between(10, 10_000_000)]
    weight_decay: Annotated[float, Between(0, 10)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_rows: Annotated[int, Between(1, 10_000_000)]
    patience: Annotated[int, Between(1, 1_000_000)]


class Prepared(NamedTuple):
    """The words that count and how much, the classes, all texts as weighed words, and each text's class by place."""

    words: tuple[str, ...]
    emphasis: Vector
    classes: tuple[str, ...]
    table: Counts
    target: npt.NDArray[np.int64]


class Weigher(tc.nn.Module):
    """A weight for each word and class: the score of a text is the sum over its words, times how much they count."""

    def __init__(self, words: int, classes: int) -> None:
        """Begins with no opinion."""
        self.weight = tc.nn.Parameter(tc.zeros(words, classes))
        self.bias = tc.nn.Parameter(tc.zeros(classes))

    def forward(self, words: tc.Tensor, values: tc.Tensor) -> tc.Tensor:
        """Scores of shape (texts, classes), from words and values of shape (texts, longest)."""
        found = tc.embedding(words, self.weight, sparse=True) * values.unsqueeze(-1)
        total: tc.Tensor = found.sum(1) + self.bias
        return total


class Model(NamedTuple):
    """What was learned: the words that count and how much, the classes, and the weights."""

    words: tuple[str, ...]
    emphasis: Vector
    classes: tuple[str, ...]
    net: Weigher


Run = Case[Settings, pl.DataFrame, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[pl.DataFrame]:
    """Returns the rows that have a class and a text."""
    data = dataset.load(settings, folder=folder, task="classification", most_rows=most, reads=[settings.text])
    return dataset.with_text(data, settings.text)


def named(data: Data[pl.DataFrame]) -> npt.NDArray[np.object_]:
    """Returns the class of each text."""
    return columns.target_values(data.examples, data.about.target).to_numpy()


def split(data: Data[pl.DataFrame], settings: Settings) -> Split:
    """Returns the split that the settings ask for."""
    return splits.draw(settings, data.examples, labels=named(data), stops=True)._replace(noun="text")


def prepare(data: Data[pl.DataFrame], split: Split, settings: Settings) -> Prepared:
    """Returns the words that the training texts make count, and every text in them."""
    cut = corpus.tokens(corpus.texts(data.examples, settings.text), pairs=settings.pairs)
    words = corpus.vocabulary(
        [cut[row] for row in split.train], fewest_texts=settings.fewest_texts, most_share=1.0, most=settings.most_words
    )
    corpus.checked(words, split.train.size)
    counts = corpus.counts(cut, words)
    known, target = labels.placed(named(data), split, positive=settings.positive, metric=settings.metric)
    training_rows = np.sort(split.train)
    emphasis = telling(corpus.take(counts, training_rows), target[training_rows], len(known))
    return Prepared(words, emphasis, known, corpus.tf_idf(counts, emphasis), target)


def telling(table: Counts, target: npt.NDArray[np.int64], classes: int) -> Vector:
    """Returns how much each word counts before anything is fitted: its rarity, times how far it tells classes apart.

    The second factor is the largest log-ratio of naive Bayes, |log P(word | class) − log P(word | other classes)| (Wang
    and Manning, 2012, Baselines and Bigrams).

    >>> counts = corpus.counts([["good"], ["good", "day"], ["bad"], ["bad", "day"]], ["good", "day", "bad"])
    >>> telling(counts, np.array([0, 0, 1, 1]), 2).round(1).tolist()
    [1.0, 0.0, 1.0]
    """
    texts = np.bincount(target, minlength=classes)
    with_word = np.stack(
        [np.bincount(table.word[target[table.text] == place], minlength=table.words) for place in range(classes)]
    )
    share = np.log((with_word + SMOOTH) / (texts + 2 * SMOOTH)[:, None])
    others = with_word.sum(axis=0) - with_word
    rest = np.log((others + SMOOTH) / (texts.sum() - texts + 2 * SMOOTH)[:, None])
    found: Vector = corpus.rarity(table) * np.abs(share - rest).max(axis=0)
    return found


def dummy(case: Run) -> Callable[[Rows], Vector]:
    """Returns what needs no model: the share of each class in the known texts."""
    return labels.shares(case.prepared.target[case.known], number=len(case.prepared.classes))


def peer(case: Run) -> Callable[[Rows], Vector]:
    """Returns scikit-learn's LogisticRegression on tf-idf of single words, as its documentation shows."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts = np.array(corpus.texts(case.data.examples, case.settings.text), dtype=object)
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True, min_df=2), LogisticRegression(max_iter=1_000))
    model.fit(texts[case.known], case.prepared.target[case.known])
    return lambda rows: np.asarray(model.predict_proba(texts[rows]))


def padded(found: Bags, rows: Rows) -> tuple[tc.Tensor, tc.Tensor]:
    """Returns words and values of some texts, of shape (texts, longest); what fills up has the value 0."""
    first, last = found.start[rows], found.start[rows + 1]
    longest = max(1, int((last - first).max(initial=0)))
    places = first[:, None] + np.arange(longest)
    inside = places < last[:, None]
    if not found.word.size:
        return tc.zeros(rows.size, longest, dtype=tc.int64), tc.zeros(rows.size, longest)
    places = np.where(inside, places, 0)
    values = np.where(inside, found.value[places], 0.0).astype(np.float32)
    return tc.as_tensor(np.where(inside, found.word[places], 0)), tc.as_tensor(values)


def fit(case: Run) -> Fitted[Model]:
    """Returns the weights as they were best on the validation texts."""
    settings, split, prepared = case.settings, case.split, case.prepared
    tc.manual_seed(settings.seed)
    net, texts = Weigher(len(prepared.words), len(prepared.classes)), bags.bags(prepared.table)
    generator = np.random.default_rng(settings.seed)
    batches = -(-split.train.size // settings.batch_rows)
    adam = tc.optim.AdamW(net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    total = batches * settings.epochs
    schedule = tc.optim.Schedule(adam, lambda step: tc.optim.cosine_factor(step, total=total))
    best, lowest, since = training.snapshot(net), np.inf, 0
    history: list[training.Point] = []
    reason = None
    with (
        training.watched(budget_seconds=settings.time_budget_seconds) as watch,
        training.bar(settings.epochs, "epoch") as shown,
    ):
        while reason is None and len(history) < settings.epochs:
            losses = []
            for rows in np.array_split(generator.permutation(split.train), batches):
                adam.zero_grad()
                loss = tc.cross_entropy(net(*padded(texts, rows)), tc.as_tensor(prepared.target[rows]))
                loss.backward()
                adam.step()
                schedule.step()
                losses.append(loss.item())
                if reason := watch.reason:
                    break
            chances = probabilities(net, texts, split.validation)
            own = chances[np.arange(split.validation.size), prepared.target[split.validation]]
            loss_there = float(-np.log(np.maximum(own, 1e-12)).mean())
            history.append(training.Point(len(history) + 1, float(np.mean(losses)), loss_there))
            shown.update()
            since += 1
            if loss_there < lowest:
                best, lowest, since = training.snapshot(net), loss_there, 0
            elif since >= settings.patience:
                reason = reason or f"the validation loss was lowest at epoch {len(history) - since}"
    net.load_state_dict(best)
    run = training.ended(watch, reason or "all epochs done", "epoch", history)
    notes = (f"{len(prepared.words):,} words and pairs count",)
    return Fitted(Model(prepared.words, prepared.emphasis, prepared.classes, net), *run, notes)


def probabilities(net: Weigher, texts: Bags, rows: Rows) -> Vector:
    """Returns the probability of each class for some texts, of shape (texts, classes)."""
    found = [np.empty((0, net.bias.shape[0]))]
    with tc.no_grad():
        for part in np.array_split(rows, max(1, -(-rows.size // ROWS_AT_ONCE))):
            if part.size:
                found.append(tc.softmax(net(*padded(texts, part)), -1).numpy().astype(np.float64))
    return np.concatenate(found)


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Vector:
    """Returns the probability of each class for each row; an empty text has the chances of no word at all."""
    cut = corpus.tokens(corpus.texts(table, settings.text), pairs=settings.pairs)
    found = corpus.tf_idf(corpus.counts(cut, model.words), model.emphasis)
    return probabilities(model.net, bags.bags(found), np.arange(table.height))


def score(case: Run, chances: Vector) -> metrics.Draws:
    """Returns the metrics of the test texts."""
    return metrics.classification(case.prepared.target[case.split.test], chances, seed=case.settings.seed)


def shown(chances: Vector, model: Model) -> pl.DataFrame:
    """Returns the likeliest class of each text, and the probability of each."""
    return labels.shown(chances, model.classes)


def actual(case: Run) -> pl.DataFrame:
    """Returns the test texts and their class."""
    texts = case.data.examples[case.split.test][case.settings.text]
    return pl.DataFrame({"text": texts, "actual": named(case.data)[case.split.test]})


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> pl.DataFrame:
    """Returns the table as it is; raises `TableError` where the column of the texts is missing."""
    corpus.texts(table, settings.text)
    return table


def save(model: Model, folder: Path) -> None:
    """Writes the words, the classes and the weights."""
    content = {"words": model.words, "classes": model.classes}
    files.write(folder / WORDS_FILE, json.dumps(content, ensure_ascii=False) + "\n")
    tc.nn.save_safetensors({**model.net.state_dict(), "emphasis": tc.as_tensor(model.emphasis)}, folder / WEIGHTS_FILE)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    content = files.read_json(folder / WORDS_FILE, remedy="run train.py first")
    try:
        words, known = tuple(content["words"]), tuple(content["classes"])
        arrays = tc.nn.load_safetensors(folder / WEIGHTS_FILE)
        net = Weigher(len(words), len(known))
        emphasis = arrays.pop("emphasis").numpy()
        net.load_state_dict(arrays)
        return Model(words, emphasis, known, net)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None


def draw(folder: Path, trained: Trained[Settings, pl.DataFrame, Prepared, Model, Vector]) -> None:
    """Draws what was taken for what, and of two classes how far the probabilities can be trusted."""
    case = trained.case
    truth, names = case.prepared.target[case.split.test], case.prepared.classes
    labels.draw(folder, truth, trained.ours, names=names, history=trained.fitted.history)


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Words weighed for each class",
    dummy_title="class shares",
    peer_title="scikit-learn LogisticRegression on tf-idf",
    metrics=metrics.chosen("log_loss", "balanced_accuracy", "average_precision", "macro_f1", "accuracy", "roc_auc"),
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
    questions=tabular.questions,
    inputs=inputs,
    save=save,
    load=load,
    take=tabular.take,
    onnx="a text is cut into words first, which has no form in ONNX here",
    features=lambda model: model.words,
    plots=draw,
    smoke={"epochs": 8},
    smoke_examples=None,
)
