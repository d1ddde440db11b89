"""Several yes-or-no answers for each row, by networks on tensor_core; beside them the most frequent and a forest."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import shared_network
from shared_network import Members

import tensor_core as tc
from models.kit import columns, dataset, files, metrics, multilabel, plots, preprocess, tabular, tags, training
from models.kit.config import Between
from models.kit.errors import ArtefactError, TableError, count
from models.kit.multilabel import Answers
from models.kit.preprocess import Preprocess
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained

LABELS_FILE, WEIGHTS_FILE = "labels.json", "weights.safetensors"

Vector = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Settings(tags.Tagged):
    """The settings of config.yaml."""

    metric: Literal["micro_f1", "macro_f1", "mean_average_precision", "hamming_loss", "label_log_loss", "exact_match"]
    targets: tuple[str, ...]
    delimiter: str | None
    no_tags: Literal["unknown", "none"]
    leave_out: tuple[str, ...]
    rare_level_rows: Annotated[int, Between(1, 1_000_000)]
    thresholds: Literal["label", "all"]
    members: Annotated[int, Between(1, 100)]
    hidden: tuple[Annotated[int, Between(1, 65_536)], ...]
    dropout: Annotated[float, Between(0, 0.95)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    weight_decay: Annotated[float, Between(0, 10)]
    epochs: Annotated[int, Between(1, 1_000_000)]
    batch_rows: Annotated[int, Between(1, 10_000_000)]
    patience: Annotated[int, Between(1, 1_000_000)]


class About(NamedTuple):
    """The roles of the columns that are read, and the labels of each row."""

    roles: columns.Roles
    rows: tuple[tuple[str, ...], ...]


class Prepared(NamedTuple):
    """What the training rows taught about the columns, all rows as numbers, the labels, and which rows have which."""

    learned: Preprocess
    inputs: Vector
    labels: tuple[str, ...]
    truth: Marks


class Model(NamedTuple):
    """What was learned about the columns, the labels with their thresholds, and the networks."""

    learned: Preprocess
    labels: tuple[str, ...]
    thresholds: Vector
    net: Members


Table = Data[pl.DataFrame]
Run = Case[Settings, pl.DataFrame, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Table:
    """Returns the rows whose labels are known."""
    source = dataset.table(settings.table, folder=folder)
    frame = source.frame
    numbers = np.arange(1, frame.height + 1)
    if most is not None and most < frame.height:
        numbers = 1 + np.sort(np.random.default_rng(settings.seed).permutation(frame.height)[:most])
        frame = frame[numbers - 1]
    rows, known = labelled(frame, settings)
    if lost := int((~known).sum()):
        lost_words = f"{count(lost, 'row')} whose labels are not all known left out (no_tags: none takes them for no)"
    apart = [name for name in (*settings.targets, settings.group, settings.time) if name is not None]
    for name in (*settings.leave_out, *apart[len(settings.targets) :]):
        columns.check_name(frame, name, setting="leave_out, group or time")
    frame = frame.filter(pl.Series(known))
    copied = columns.copies(frame.drop(apart[len(settings.targets) :]), settings.targets)
    found, said = columns.inputs(frame.drop({*apart, *copied} - {*settings.leave_out}), leave_out=settings.leave_out)
    said += [f"column {name!r} equals a target in every row, so it is the answer; left out" for name in copied]
    if not found:
        raise TableError("no column is left to predict from: " + "; ".join(said))
    target = columns.Column(settings.targets[0], "category")
    about = About(columns.Roles(target, tuple(found), tuple(said)), tuple(rows[row] for row in np.flatnonzero(known)))
    notes = (*source.notes, *([lost_words] if lost else []), *said)
    return Data(settings.table, source.sha256, frame, numbers[known], notes, about=about)


def labelled(frame: pl.DataFrame, settings: Settings) -> tuple[tuple[tuple[str, ...], ...], npt.NDArray[np.bool_]]:
    """Returns the labels of each row, and which rows are known: of columns of yes and no, or of one of lists."""
    if not settings.targets:
        raise TableError("targets: no column is named; name those to predict, as [a, b]")
    if len(settings.targets) == 1:
        found = tags.read(frame, settings.targets[0], setting="targets", delimiter=settings.delimiter)
    else:
        found = tags.marks(frame, settings.targets)
    return found.rows, found.known | (settings.no_tags == "none")


def split(data: Table, settings: Settings) -> Split:
    """Returns the split that the settings ask for, with every label on all sides where there is no group or time."""
    return tags.split(settings, data.examples, data.about.rows)


def prepare(data: Table, split: Split, settings: Settings) -> Prepared:
    """Returns what the training rows teach, all rows as numbers, and their labels."""
    labels = tags.vocabulary([data.about.rows[row] for row in split.train], fewest=settings.fewest_examples)
    training_rows = data.examples[split.train]
    learned = preprocess.fit(training_rows, data.about.roles, rare_level_rows=settings.rare_level_rows, classes=labels)
    inputs = preprocess.transform(learned, data.examples)
    return Prepared(learned, inputs, labels, tags.matrix(data.about.rows, labels))


def dummy(case: Run) -> Callable[[Rows], Answers]:
    """Returns what needs no model: the share of each label, and the most frequent labels set for everything."""
    known = case.prepared.truth[case.known]
    return lambda rows: multilabel.constant(known, rows.size)


def peer(case: Run) -> Callable[[Rows], Answers]:
    """Returns scikit-learn's RandomForestClassifier of 300 trees for all labels, with thresholds chosen as ours are."""
    from sklearn.ensemble import RandomForestClassifier

    inputs, truth = case.prepared.inputs, case.prepared.truth
    train, validation = case.split.train, case.split.validation
    forest = RandomForestClassifier(300, random_state=case.settings.seed, n_jobs=1).fit(inputs[train], truth[train])

    def chances(rows: Rows) -> Vector:
        found: Any = forest.predict_proba(inputs[rows])
        return np.stack([each[:, 1] for each in found], axis=1)

    cut = _cut(chances(validation), truth[validation], case.settings)
    return lambda rows: multilabel.answers(chances(rows), cut)


def _cut(chances: Vector, truth: Marks, settings: Settings) -> Vector:
    """Returns the thresholds that are best on validation rows, for the metric that decides."""
    aim: Literal["micro_f1", "macro_f1"] = "macro_f1" if settings.metric == "macro_f1" else "micro_f1"
    return multilabel.thresholds(chances, truth, aim=aim, each=settings.thresholds)


def fit(case: Run) -> Fitted[Model]:
    """Returns the networks, each as it was best on the validation rows, and the thresholds that are best there."""
    settings, split, (learned, inputs, labels, truth) = case.settings, case.split, case.prepared
    tc.manual_seed(settings.seed)
    net = Members(
        inputs.shape[1], len(labels), members=settings.members, hidden=settings.hidden, dropout=settings.dropout
    )
    history: tuple[training.Point, ...] = ()
    with training.watched(budget_seconds=settings.time_budget_seconds) as watch:
        reason = ""
        for place, member in enumerate(net.nets):
            if place and watch.reason:  # the first stands for those that are not trained
                member.load_state_dict(net.nets[0].state_dict())
                continue
            points, reason = shared_network.learn(
                member, inputs, truth, split.train, split.validation,
                learning_rate=settings.learning_rate, weight_decay=settings.weight_decay, epochs=settings.epochs,
                batch_rows=settings.batch_rows, patience=settings.patience, seed=settings.seed + place, watch=watch,
            )  # fmt: skip
            history = history or points
        run = training.ended(watch, watch.reason or f"of the last of {settings.members}, {reason}", "epoch", history)
    cut = _cut(shared_network.chances(net, inputs[split.validation]), truth[split.validation], settings)
    notes = tags.rarer([case.data.about.rows[row] for row in case.known], labels)
    return Fitted(Model(learned, labels, cut, net), *run, notes)


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Answers:
    """Returns the chance of each label for each row, and which are set."""
    given = shared_network.chances(model.net, preprocess.transform(model.learned, table))
    return multilabel.answers(given, model.thresholds)


def score(case: Run, given: Answers) -> metrics.Draws:
    """Returns the metrics of the test rows."""
    return multilabel.score(case.prepared.truth[case.split.test], given, seed=case.settings.seed)


def shown(given: Answers, model: Model) -> pl.DataFrame:
    """Returns the labels that are set, as a JSON list with the likeliest first, and the chance of each label."""
    return multilabel.shown(given, model.labels)


def actual(case: Run) -> pl.DataFrame:
    """Returns the labels of the test rows."""
    lists = [json.dumps(case.data.about.rows[row], ensure_ascii=False) for row in case.split.test]
    return pl.DataFrame({"actual": lists})


def questions(case: Run) -> pl.DataFrame:
    """Returns the test rows without the labels."""
    return case.data.examples[case.split.test].drop(case.settings.targets)


def save(model: Model, folder: Path) -> None:
    """Writes what was learned about the columns, the labels with their thresholds, and the weights."""
    content = {"labels": model.labels, "thresholds": model.thresholds.tolist()}
    files.write(folder / LABELS_FILE, json.dumps(content, ensure_ascii=False) + "\n")
    preprocess.save(model.learned, folder / preprocess.FILE)
    tc.nn.save_safetensors(model.net.state_dict(), folder / WEIGHTS_FILE)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    learned = preprocess.load(folder / preprocess.FILE)
    content = files.read_json(folder / LABELS_FILE, remedy="run train.py first")
    try:
        labels, cut = tuple(content["labels"]), np.array(content["thresholds"], float)
        net = Members(len(learned.features), len(labels), members=settings.members, hidden=settings.hidden, dropout=0.0)
        net.load_state_dict(tc.nn.load_safetensors(folder / WEIGHTS_FILE))
        if cut.shape != (len(labels),):
            raise ValueError("each label needs a threshold")
        return Model(learned, labels, cut, net.eval())
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the mean logit of each label as a function of the design matrix, which preprocess.json describes."""
    return Onnx(model.net.eval(), tc.as_tensor(np.zeros((2, len(model.learned.features)), dtype=np.float32)))


def draw(folder: Path, trained: Trained[Settings, pl.DataFrame, Prepared, Model, Answers]) -> None:
    """Draws how well each label is found, and the learning curve of the first network."""
    case = trained.case
    f1 = multilabel.each_f1(case.prepared.truth[case.split.test], trained.ours)
    title = "F1 of each label, the commonest first, test rows"
    plots.bars(folder / "labels.png", f1, names=case.prepared.labels, title=title, axis="F1")
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="log-loss of a label")


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Several labels by networks that share their layers",
    dummy_title="most frequent labels",
    peer_title="scikit-learn RandomForestClassifier",
    metrics=multilabel.chosen(
        "micro_f1", "macro_f1", "mean_average_precision", "hamming_loss", "label_log_loss", "exact_match"
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
    inputs=tabular.inputs,
    save=save,
    load=load,
    take=tabular.take,
    onnx=onnx,
    features=lambda model: model.learned.features,
    plots=draw,
    smoke={"epochs": 10, "members": 1},
    smoke_examples=800,
)
