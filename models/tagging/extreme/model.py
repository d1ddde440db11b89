"""A handful of right labels out of thousands, on tensor_core; beside it common labels, and a linear model for each."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import generated_tags
import label_table
import numpy as np
import polars as pl
from label_lifts import Blend, Lifts, Places, Vector
from label_table import Beside, Table

import tensor_core as tc
from models.kit import bags, corpus, databases, dataset, files, metrics, plots, splits, tables, tabular, tags, training
from models.kit.bags import Bags
from models.kit.config import Between
from models.kit.errors import ArtefactError, TableError, Unavailable, count
from models.kit.metrics import Metric
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained

GENERATED = "generated_tags.py"  # as `table`: it makes one
WORDS_FILE, WEIGHTS_FILE = "vocabulary.json", "weights.safetensors"
SHOWN = 5  # labels of an answer
AT = (1, 3, 5)
SHAPE_A, SHAPE_B = 0.55, 1.5  # of the propensities, as Jain et al. use them where nothing is known
SMALLEST_WEIGHT = 0.01  # of the peer's linear models; what is smaller is left out, as in DiSMEC


@dataclass(frozen=True, kw_only=True)
class Settings(tags.Tagged):
    """The settings of config.yaml."""

    metric: Literal["precision_at_1", "precision_at_3", "precision_at_5", "propensity_at_1", "propensity_at_5"]
    texts: tuple[str, ...]
    tags: str
    delimiter: str | None
    generated_labels: Annotated[int, Between(20, 1_000_000)]
    generated_texts: Annotated[int, Between(100, 10_000_000)]
    with_peer: bool
    fewest_texts: Annotated[int, Between(1, 1_000_000)]
    most_words: Annotated[int, Between(10, 10_000_000)]
    width: Annotated[int, Between(1, 4_096)]
    wrong_labels: Annotated[int, Between(1, 1_000_000)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_rows: Annotated[int, Between(1, 10_000_000)]


class Answers(NamedTuple):
    """The likeliest labels of each text, best first, by place, and their chances; both of shape (texts, at most 5)."""

    places: Places
    chances: Vector


class Prepared(NamedTuple):
    """The labels of the training texts, the places of each text's, the words, their rarity, and all texts in them."""

    labels: tuple[str, ...]
    has: list[Places]
    words: tuple[str, ...]
    idf: Vector
    texts: Bags


class Model(NamedTuple):
    """What was learned: the words and their rarity, the labels, the vectors of both, what words say by themselves."""

    words: tuple[str, ...]
    idf: Vector
    labels: tuple[str, ...]
    net: Table
    beside: Beside


Run = Case[Settings, pl.DataFrame, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[pl.DataFrame]:
    """Returns the rows that have a text and labels; `about` are the labels of each."""
    if settings.table == GENERATED:
        made = generated_tags.frame(
            labels=settings.generated_labels, texts=settings.generated_texts, seed=settings.seed
        )
        source = tables.Table(made, dataset.sha256(Path(generated_tags.__file__)), ())  # of the recipe
    else:
        source = databases.table(settings.table, folder=folder, needs=(*settings.texts, settings.tags))
    frame = source.frame
    numbers = np.arange(1, frame.height + 1)
    if most is not None and most < frame.height:
        numbers = 1 + np.sort(np.random.default_rng(settings.seed).permutation(frame.height)[:most])
        frame = frame[numbers - 1]
    found = tags.read(frame, settings.tags, delimiter=settings.delimiter)
    written = np.array([bool(text) for text in joined(frame, settings)])
    usable = written & found.known
    lost = int((~usable).sum())
    said = [f"{count(lost, 'row')} without a text or without labels left out"] if lost else []
    lists = tuple(found.rows[row] for row in np.flatnonzero(usable))
    kept = frame.filter(pl.Series(usable))
    return Data(settings.table, source.sha256, kept, numbers[usable], (*source.notes, *said), "text", about=lists)


def joined(frame: pl.DataFrame, settings: Settings) -> list[str]:
    """Returns the texts of each row as one; raises `TableError` where a column is missing."""
    if not settings.texts:
        raise TableError("texts: no column is named; name those that hold the texts, as [title, body]")
    each = [corpus.texts(frame, name, setting="texts") for name in settings.texts]
    return [" ".join(row).strip() for row in zip(*each, strict=True)]


def split(data: Data[pl.DataFrame], settings: Settings) -> Split:
    """Returns the split that the settings ask for; at random where there is no group or time: most labels are too rare
    to be on all sides.
    """
    if settings.group is not None or settings.time is not None:
        return tags.split(settings, data.examples, data.about)._replace(noun="text")
    test, validation = settings.test_share, settings.validation_share
    found = splits.shuffled(data.size, test_share=test, validation_share=validation, seed=settings.seed)
    return found._replace(noun="text")


def prepare(data: Data[pl.DataFrame], split: Split, settings: Settings) -> Prepared:
    """Returns the labels and words of the training texts, and all texts in them."""
    labels = tags.vocabulary([data.about[row] for row in split.train], fewest=settings.fewest_examples)
    place = {label: number for number, label in enumerate(labels)}
    has = [np.array([place[tag] for tag in row if tag in place], dtype=np.int64) for row in data.about]
    cut = [corpus.words(text) for text in joined(data.examples, settings)]
    words = corpus.vocabulary(
        [cut[row] for row in split.train], fewest_texts=settings.fewest_texts, most_share=1.0, most=settings.most_words
    )
    corpus.checked(words, split.train.size)
    counts = corpus.counts(cut, words)
    idf = corpus.rarity(corpus.take(counts, np.sort(split.train)))
    return Prepared(labels, has, words, idf, bags.bags(corpus.tf_idf(counts, idf)))


def often(case: Run) -> Places:
    """Returns in how many training texts each label stands."""
    has = [case.prepared.has[row] for row in case.split.train]
    return np.bincount(np.concatenate(has), minlength=len(case.prepared.labels))


def dummy(case: Run) -> Callable[[Rows], Answers]:
    """Returns what needs no model: the most frequent labels for everything."""
    seen = often(case)
    best, values = label_table.best_of(seen[None].astype(np.float32), min(SHOWN, seen.size))
    return lambda rows: Answers(np.tile(best, (rows.size, 1)), np.tile(values / case.split.train.size, (rows.size, 1)))


def peer(case: Run) -> Callable[[Rows], Answers]:
    """Returns scikit-learn's LinearSVC, one against the rest for each label, on tf-idf (Babbar and Schölkopf, 2017,
    DiSMEC).
    """
    from scipy import sparse
    from sklearn.svm import LinearSVC

    if not case.settings.with_peer:
        raise Unavailable("with_peer is false in config.yaml")
    prepared, train = case.prepared, np.sort(case.split.train)
    start, word, value = prepared.texts
    table = sparse.csr_matrix((value.astype(np.float64), word, start), shape=(start.size - 1, len(prepared.words)))
    owner = np.repeat(np.arange(train.size), [prepared.has[row].size for row in train])
    label = np.concatenate([prepared.has[row] for row in train])
    order = np.argsort(label, kind="stable")
    ends = np.searchsorted(label[order], np.arange(len(prepared.labels) + 1))
    known, weights, biases = table[train], [], []
    for place in range(len(prepared.labels)):
        truth = np.zeros(train.size, dtype=np.int64)
        truth[owner[order[ends[place] : ends[place + 1]]]] = 1
        one = LinearSVC().fit(known, truth) if 0 < truth.sum() < train.size else None
        weight = np.zeros(known.shape[1]) if one is None else one.coef_[0]
        weights.append(sparse.csr_matrix(np.where(np.abs(weight) < SMALLEST_WEIGHT, 0.0, weight)))
        biases.append(-1.0 if one is None else float(one.intercept_[0]))
    matrix = sparse.vstack(weights).T.tocsr()

    def answer(rows: Rows) -> Answers:
        parts = []
        for some in label_table.parts(rows, len(biases)):
            scores = (table[some] @ matrix).toarray() + np.array(biases)
            parts.append(label_table.best_of(scores, min(SHOWN, len(biases))))
        found = np.concatenate([places for places, _ in parts]), np.concatenate([values for _, values in parts])
        return Answers(found[0], 1 / (1 + np.exp(-found[1])))

    return answer


def fit(case: Run) -> Fitted[Model]:
    """Returns the vectors of words and labels, as they were best on the validation texts."""
    settings, prepared, train = case.settings, case.prepared, np.sort(case.split.train)
    tc.manual_seed(settings.seed)
    net = Table(len(prepared.words), len(prepared.labels), settings.width)
    owner = np.repeat(np.arange(train.size), [prepared.has[row].size for row in train])
    label = np.concatenate([prepared.has[row] for row in train])
    with training.watched(budget_seconds=settings.time_budget_seconds) as watch:
        label_table.begin(net, prepared.texts, train, owner, label, len(prepared.labels))
        history, reason = label_table.learn(
            net, prepared.texts, train, prepared.has, case.split.validation,
            learning_rate=settings.learning_rate, epochs=settings.epochs, batch_rows=settings.batch_rows,
            wrong=settings.wrong_labels, seed=settings.seed, watch=watch,
        )  # fmt: skip
        beside = label_table.blend(
            net, prepared.texts, train, prepared.has, case.split.validation, seed=settings.seed, watch=watch
        )
        run = training.ended(watch, reason, "epoch", history)
    seen = set(prepared.labels)
    new = [tag for row in case.split.test for tag in case.data.about[row] if tag not in seen]
    asked = sum(len(case.data.about[row]) for row in case.split.test)
    notes = (
        f"{len(prepared.labels):,} labels in {train.size:,} training texts, the middle one in "
        f"{int(np.median(often(case))):,} of them",
        f"{len(new):,} of {asked:,} labels of the test texts never stood in training, so nothing finds them",
        f"chosen on validation: what single words say counts {beside.blend.share:g} × beside the vectors, "
        f"what they learned to tell apart {beside.blend.trust:g} × beside both",
    )
    return Fitted(Model(prepared.words, prepared.idf, prepared.labels, net, beside), *run, notes)


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Answers:
    """Returns the likeliest labels of each row."""
    cut = [corpus.words(text) for text in joined(table, settings)]
    texts = bags.bags(corpus.tf_idf(corpus.counts(cut, model.words), model.idf))
    rows, most = np.arange(table.height), min(SHOWN, len(model.labels))
    return Answers(*label_table.likeliest(model.net, model.beside, texts, rows, most))


def propensities(seen: Places, texts: int) -> Vector:
    """Returns how likely each label is set where it is right: rare ones are missed more often (Jain et al., 2016).

    >>> propensities(np.array([1, 1000]), 10_000).round(2).tolist()
    [0.11, 0.77]
    """
    scale = (np.log(texts) - 1) * (SHAPE_B + 1) ** SHAPE_A
    found: Vector = 1 / (1 + scale * (seen + SHAPE_B) ** -SHAPE_A)
    return found


def score(case: Run, given: Answers) -> metrics.Draws:
    """Returns precision at 1, 3 and 5 of the test texts, and the propensity-scored form, as a share of the best."""
    worth = 1 / propensities(often(case), case.split.train.size)
    has = [case.prepared.has[row] for row in case.split.test]
    hits = np.array([np.isin(places, own) for places, own in zip(given.places, has, strict=True)])
    parts: dict[str, tuple[Any, Any]] = {}
    for most in AT:
        if most > hits.shape[1]:
            continue
        parts[f"precision_at_{most}"] = hits[:, :most].mean(axis=1), np.ones(len(has))
        best = [np.sort(worth[own])[::-1][:most].sum() for own in has]
        gained = (hits[:, :most] * worth[given.places[:, :most]]).sum(axis=1)
        parts[f"propensity_at_{most}"] = gained, np.array(best)
    return metrics.ratios(parts, seed=case.settings.seed)


def shown(given: Answers, model: Model) -> pl.DataFrame:
    """Returns the likeliest labels of each text, several rows a text."""
    rows, most = given.places.shape
    return pl.DataFrame(
        {
            "row": np.repeat(np.arange(1, rows + 1), most),
            "rank": np.tile(np.arange(1, most + 1), rows),
            "label": [model.labels[place] for place in given.places.ravel()],
            "chance": given.chances.ravel(),
        },
        schema={"row": pl.Int64, "rank": pl.Int64, "label": pl.String, "chance": pl.Float64},
    )


def actual(case: Run) -> pl.DataFrame:
    """Returns the labels of the test texts."""
    return pl.DataFrame({"actual": [json.dumps(case.data.about[row], ensure_ascii=False) for row in case.split.test]})


def questions(case: Run) -> pl.DataFrame:
    """Returns the test rows without the labels."""
    return case.data.examples[case.split.test].drop(case.settings.tags)


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> pl.DataFrame:
    """Returns the table as it is; raises `TableError` where a column of texts is missing."""
    joined(table, settings)
    return table


def save(model: Model, folder: Path) -> None:
    """Writes the words, the labels, the vectors and the lifts."""
    content = {"words": model.words, "labels": model.labels, "blend": model.beside.blend._asdict()}
    files.write(folder / WORDS_FILE, json.dumps(content, ensure_ascii=False) + "\n")
    lifts, weights, _ = model.beside
    beside = {
        "idf": model.idf, "prior": lifts.prior, **lifts.pairs._asdict(),
        "weight": weights.pairs.value, "shift": weights.prior,
    }  # fmt: skip
    state = {**model.net.state_dict(), **{name: tc.as_tensor(array) for name, array in beside.items()}}
    tc.nn.save_safetensors(state, folder / WEIGHTS_FILE)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    content = files.read_json(folder / WORDS_FILE, remedy="run train.py first")
    try:
        words, labels = tuple(content["words"]), tuple(content["labels"])
        arrays = tc.nn.load_safetensors(folder / WEIGHTS_FILE)
        idf, prior, weight, shift = (arrays.pop(name).numpy() for name in ("idf", "prior", "weight", "shift"))
        pairs = bags.Bags(*(arrays.pop(name).numpy() for name in bags.Bags._fields))
        net = Table(len(words), len(labels), arrays["words"].shape[1])
        net.load_state_dict(arrays)
        weights = Lifts(pairs._replace(value=weight), shift)
        return Model(words, idf, labels, net, Beside(Lifts(pairs, prior), weights, Blend(**content["blend"])))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None


def draw(folder: Path, trained: Trained[Settings, pl.DataFrame, Prepared, Model, Answers]) -> None:
    """Draws the learning curve."""
    title = "loss of a text; validation: share whose likeliest label is wrong"
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title=title)


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Vectors of words and labels, then weights of pairs",
    dummy_title="most frequent labels",
    peer_title="scikit-learn LinearSVC, one against the rest",
    metrics={
        name: Metric(title.format(most), higher_is_better=True)
        for most in AT
        for name, title in (
            (f"precision_at_{most}", "precision@{}"),
            (f"propensity_at_{most}", "propensity-scored precision@{}"),
        )
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
    take=tabular.take,
    onnx="a text is cut into words first, which has no form in ONNX here",
    features=lambda model: model.words,
    plots=draw,
    smoke={"generated_labels": 400, "generated_texts": 1500, "epochs": 3, "width": 64},
    smoke_examples=1500,
)
