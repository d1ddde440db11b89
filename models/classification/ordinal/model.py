"""Ordered grades by cumulative logits on tensor_core, from columns and a text; beside it multinomial regression.

One score places a row on a line, thresholds cut the line into grades: P(grade ≤ k) = σ(θₖ − score), the proportional
odds of McCullagh (1980, Regression Models for Ordinal Data). The thresholds are in order by construction.

Which grade is said depends on the metric: the one nearest to the expected grade, or, for kappa, as many of each as
occur.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import (
    bags,
    columns,
    config,
    corpus,
    dataset,
    files,
    labels,
    metrics,
    network,
    plots,
    preprocess,
    splits,
    tabular,
    training,
)
from models.kit.bags import Bags
from models.kit.config import Between
from models.kit.corpus import Counts
from models.kit.errors import ArtefactError, ConfigError, did_you_mean, listed
from models.kit.preprocess import Preprocess
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained

WORDS_FILE, GRADES_FILE = "words.json", "grades.safetensors"
ROWS_AT_ONCE = 2_000  # rows whose words are added up together
FEWEST_TO_CUT = 400  # rows that say where the expected grade is cut: a share of so many is off by about 0.02

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Settings(config.Settings):
    """The settings of config.yaml."""

    metric: Literal["kappa", "grades_off", "log_loss", "accuracy", "macro_f1"]
    order: tuple[str, ...]
    text: str | None
    pairs: bool
    fewest_texts: Annotated[int, Between(1, 1_000_000)]
    most_words: Annotated[int, Between(10, 10_000_000)]
    C: Annotated[float, Between(1e-12, 1e12)]


class Lexicon(NamedTuple):
    """The words that count, and how much each does before anything is fitted; both are empty without a text."""

    words: tuple[str, ...] = ()
    emphasis: Vector = np.empty(0)


class Prepared(NamedTuple):
    """What the training rows taught, the design matrix, the weighed words of each row, and its grade by place."""

    learned: Preprocess
    inputs: Vector
    lexicon: Lexicon
    table: Counts
    target: npt.NDArray[np.int64]


class Grader(tc.nn.Module):
    """A score, of columns and words together, and the thresholds between the grades."""

    def __init__(self, columns: tc.nn.Module, *, words: int, grades: int) -> None:
        """Begins without an opinion on words, and with thresholds one apart."""
        self.columns = columns
        self.words = tc.nn.Parameter(tc.zeros(words, 1, dtype=tc.float64))
        self.first = tc.nn.Parameter(tc.full((1,), (2 - grades) / 2, dtype=tc.float64))
        self.steps = tc.nn.Parameter(tc.zeros(grades - 2, dtype=tc.float64))  # logarithms of the distances

    def forward(self, inputs: tc.Tensor, told: tc.Tensor) -> tc.Tensor:
        """Each threshold less the score, of shape (rows, grades − 1); the words add `told`, of shape (rows,)."""
        thresholds = self.first + tc.cat([tc.zeros_like(self.first), self.steps.exp().cumsum(0)])
        found: tc.Tensor = thresholds - (self.columns(inputs) + told.unsqueeze(-1))
        return found


class Model(NamedTuple):
    """What was learned: about the columns, about the words, the network, and where the expected grade is cut."""

    learned: Preprocess
    lexicon: Lexicon
    net: Grader
    cuts: Vector


class Answers(NamedTuple):
    """The probability of each grade, of shape (rows, grades), and the place of the grade that is said."""

    probabilities: Vector
    said: Rows


Table = Data[pl.DataFrame]
Run = Case[Settings, pl.DataFrame, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Table:
    """Returns the rows of the table that have a grade."""
    besides = [settings.text] if settings.text is not None else []
    return dataset.load(settings, folder=folder, task="classification", most_rows=most, besides=besides)


def named(data: Table) -> npt.NDArray[np.object_]:
    """Returns the grade of each row, as text."""
    return columns.target_values(data.examples, data.about.target).to_numpy()


def split(data: Table, settings: Settings) -> Split:
    """Returns the split that the settings ask for, with rows to stop a perceptron on, or to find cuts on."""
    cuts = settings.metric == "kappa" and data.examples.height * settings.validation_share >= FEWEST_TO_CUT
    stops = settings.model == "mlp" or cuts
    return splits.draw(settings, data.examples, labels=named(data), stops=stops)


def grades(found: Sequence[str], order: Sequence[str]) -> tuple[str, ...]:
    """Returns the grades that occur, the least first: numbers by size, anything else as `order` says.

    >>> grades(["10", "9", "10"], []), grades(["high", "low"], ["low", "medium", "high"])
    (('9', '10'), ('low', 'high'))
    """
    there = sorted(set(found))
    if not order:
        with suppress(ValueError):
            return tuple(sorted(there, key=float))
        raise ConfigError(
            f"order: the target holds {listed(there)}, and words have no order of their own; write them down from the "
            "least to the most, as order: [low, medium, high]"
        )
    for grade in there:
        if grade not in order:
            hint = did_you_mean(grade, order) or f"; it names {listed(order)}"
            raise ConfigError(f"order: the target holds {grade!r}, which is not in it{hint}")
    if twice := [grade for place, grade in enumerate(order) if grade in order[:place]]:
        raise ConfigError(f"order: {twice[0]!r} is named twice; name each grade once")
    return tuple(grade for grade in order if grade in there)


def prepare(data: Table, split: Split, settings: Settings) -> Prepared:
    """Returns the design matrix and the words, as the training rows teach them, and the place of each row's grade."""
    every = named(data)
    grades(every.tolist(), settings.order)  # those of the test alone are refused as well
    known = grades(every[np.concatenate([split.train, split.validation])].tolist(), settings.order)
    places = {name: place for place, name in enumerate(known)}
    target = np.array([places.get(grade, -1) for grade in every], dtype=np.int64)
    learned = preprocess.fit(
        data.examples[split.train], data.about, rare_level_rows=settings.rare_level_rows, classes=known
    )
    cut = tokens(data.examples, settings)
    lexicon = Lexicon()
    if settings.text is not None:
        words = corpus.vocabulary(
            [cut[row] for row in split.train], fewest_texts=settings.fewest_texts, most_share=1.0,
            most=settings.most_words,
        )  # fmt: skip
        counts = corpus.counts(cut, corpus.checked(words, split.train.size))
        lexicon = Lexicon(words, corpus.rarity(corpus.take(counts, split.train)))
    return Prepared(learned, preprocess.transform(learned, data.examples), lexicon, weighed(cut, lexicon), target)


def tokens(table: pl.DataFrame, settings: Settings) -> list[list[str]]:
    """Returns the words of each row; none without a text."""
    if settings.text is None:
        return [[] for _ in range(table.height)]
    return corpus.tokens(corpus.texts(table, settings.text), pairs=settings.pairs)


def weighed(cut: Sequence[Sequence[str]], lexicon: Lexicon) -> Counts:
    """Returns the known words of each row, weighed by their rarity."""
    return corpus.tf_idf(corpus.counts(cut, lexicon.words), lexicon.emphasis)


def dummy(case: Run) -> Callable[[Rows], Answers]:
    """Returns what needs no model: the share of each grade in the known rows."""
    number = len(case.prepared.learned.classes)
    shares = labels.shares(case.prepared.target[case.known], number=number)
    return lambda rows: answers(shares(rows), halfway(number))


def peer(case: Run) -> Callable[[Rows], Answers]:
    """Returns scikit-learn's multinomial LogisticRegression with the same penalty, on the same columns and words.

    It learns from the same rows, and its probabilities are read as ours are, with cuts of its own: on grades that is
    better than the likeliest one, and than a rounded ridge regression.
    """
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression

    prepared, table = case.prepared, case.prepared.table
    words = sparse.csr_matrix((table.value, (table.text, table.word)), shape=(table.texts, table.words))
    inputs = sparse.hstack([prepared.inputs, words]).tocsr() if table.words else prepared.inputs
    logistic = LogisticRegression(C=case.settings.C, max_iter=training.MOST_ITERATIONS)
    logistic.fit(inputs[case.split.train], prepared.target[case.split.train])
    apart = case.split.validation
    found = learned_cuts(case, np.asarray(logistic.predict_proba(inputs[apart])) if apart.size else None)
    return lambda rows: answers(np.asarray(logistic.predict_proba(inputs[rows])), found)


def told(net: Grader, texts: Bags, rows: Rows) -> tc.Tensor:
    """Returns what the words of some rows add to their scores."""
    found: tc.Tensor = bags.summed(bags.batch(texts, rows), net.words).reshape(-1)
    return found


def loss_of(cuts: tc.Tensor, grade: tc.Tensor) -> tc.Tensor:
    """Returns the mean of −log P(grade) from thresholds less scores, without a difference of two equal numbers.

    P = σ(b) − σ(a) between the thresholds a < b is σ(b)·σ(−a)·(1 − exp(a − b)).
    """
    last = cuts.shape[1]
    below, above = (grade - 1).clamp(min=0).unsqueeze(-1), grade.clamp(max=last - 1).unsqueeze(-1)
    a, b = cuts.gather(1, below).squeeze(-1), cuts.gather(1, above).squeeze(-1)
    inside = (grade > 0) & (grade < last)
    gap = tc.where(inside, b - a, tc.ones_like(a))  # at the ends there is one threshold only
    logs = (
        tc.where(grade < last, tc.logsigmoid(b), 0.0)
        + tc.where(grade > 0, tc.logsigmoid(-a), 0.0)
        + tc.where(inside, (-tc.expm1(-gap)).log(), 0.0)
    )
    found: tc.Tensor = -logs.mean()
    return found


def fit(case: Run) -> Fitted[Model]:
    """Returns the network trained on the training rows, on C·Σ log-loss + ½‖w‖², as the peer is."""
    settings, split, prepared = case.settings, case.split, case.prepared
    columns = network.fresh(settings, inputs=prepared.inputs[split.train], outputs=1)
    net = Grader(columns, words=len(prepared.lexicon.words), grades=len(prepared.learned.classes))
    texts = bags.bags(prepared.table)
    x, y = tc.as_tensor(prepared.inputs), tc.as_tensor(prepared.target)
    strength = 0.5 / (settings.C * split.train.size)

    def error(rows: Rows) -> tc.Tensor:
        chosen = tc.as_tensor(rows)
        return loss_of(net(x[chosen], told(net, texts, rows)), y[chosen])

    def loss(rows: Rows | None) -> tc.Tensor:
        return error(split.train if rows is None else split.train[rows]) + strength * training.penalty(net)

    validation = (lambda: error(split.validation)) if split.validation.size else None
    objective = training.Objective(split.train.size, loss, validation)
    cells = split.train.size * prepared.inputs.shape[1] + prepared.table.value.size
    run = training.minimise(net, objective, cells=cells, settings=settings)
    notes = preprocess.unlearned(prepared.learned, case.data.about)
    notes += (f"{len(prepared.lexicon.words):,} words and pairs count",) if settings.text is not None else ()
    model = Model(prepared.learned, prepared.lexicon, net, halfway(len(prepared.learned.classes)))
    apart = predict(model, case.data.examples[split.validation], settings).probabilities
    return Fitted(model._replace(cuts=learned_cuts(case, apart)), *run, notes)


def chances(cuts: tc.Tensor) -> tc.Tensor:
    """Returns the probability of each grade, of shape (rows, grades), from thresholds less scores."""
    at_most = tc.cat([cuts.sigmoid(), tc.ones_like(cuts[:, :1])], 1)
    found: tc.Tensor = at_most - tc.cat([tc.zeros_like(cuts[:, :1]), at_most[:, :-1]], 1)
    return found


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Answers:
    """Returns the probability of each grade for each row, and the grade that is said."""
    inputs = tc.as_tensor(preprocess.transform(model.learned, table))
    texts = bags.bags(weighed(tokens(table, settings), model.lexicon))
    found = [np.empty((0, len(model.learned.classes)))]
    model.net.eval()
    with tc.no_grad():
        for start in range(0, table.height, ROWS_AT_ONCE):
            rows = np.arange(start, min(start + ROWS_AT_ONCE, table.height))
            found.append(chances(model.net(inputs[start : start + rows.size], told(model.net, texts, rows))).numpy())
    return answers(np.concatenate(found), model.cuts)


def answers(probabilities: Vector, cuts: Vector) -> Answers:
    """Returns the probabilities with the grade that is said: the expected one, cut.

    >>> answers(np.array([[0.4, 0.2, 0.4], [0.9, 0.1, 0.0]]), halfway(3)).said.tolist()
    [1, 0]
    """
    return Answers(probabilities, np.searchsorted(cuts, expected(probabilities)).astype(np.int64))


def expected(probabilities: Vector) -> Vector:
    """Returns the mean of the places of the grades, which is least off in squares."""
    found: Vector = probabilities @ np.arange(probabilities.shape[1])
    return found


def halfway(grades: int) -> Vector:
    """Returns the cuts that say the grade nearest to the expected one."""
    found: Vector = np.arange(grades - 1, dtype=np.float64) + 0.5
    return found


def learned_cuts(case: Run, apart: Vector | None) -> Vector:
    """Returns where the expected grade is cut, from the probabilities of the validation rows.

    Expected grades lie nearer together than grades do, and kappa, which weighs the squares by what chance would give,
    falls for it: so each grade is said as often as it occurs. Other metrics want the nearest grade, and too few rows
    tell little.
    """
    number, target = len(case.prepared.learned.classes), case.prepared.target[case.split.validation]
    if apart is None or case.settings.metric != "kappa" or target.size < FEWEST_TO_CUT:
        return halfway(number)
    share = np.bincount(target, minlength=number).cumsum() / target.size
    found: Vector = np.quantile(expected(apart), share[:-1])
    return found


def score(case: Run, given: Answers) -> metrics.Draws:
    """Returns the metrics of the test rows: of the grade that is said kappa, how far it is off and how often it is
    right, and of the probabilities the log-loss.
    """
    probabilities, said = given
    truth, seed, number = case.prepared.target[case.split.test], case.settings.seed, probabilities.shape[1]
    plain = metrics.classification(truth, np.eye(number)[said], seed=seed)
    return {
        **metrics.graded(truth, said, grades=number, seed=seed),
        "log_loss": metrics.classification(truth, probabilities, seed=seed)["log_loss"],
        "accuracy": plain["accuracy"],
        "macro_f1": plain["macro_f1"],
    }


def shown(given: Answers, model: Model) -> pl.DataFrame:
    """Returns the grade that is said for each row, and the probability of each."""
    names = model.learned.classes
    said = pl.Series("predicted", [names[place] for place in given.said], dtype=pl.String)
    return labels.shown(given.probabilities, names).with_columns(said)


def actual(case: Run) -> pl.DataFrame:
    """Returns the grade of the test rows."""
    return pl.DataFrame({"actual": named(case.data)[case.split.test]})


def save(model: Model, folder: Path) -> None:
    """Writes what was learned about columns and words, the network and the thresholds."""
    preprocess.save(model.learned, folder / preprocess.FILE)
    network.save(model.net.columns, folder, inputs=len(model.learned.features))
    files.write(folder / WORDS_FILE, json.dumps(model.lexicon.words, ensure_ascii=False) + "\n")
    own = {name: getattr(model.net, name).detach() for name in ("words", "first", "steps")}
    own |= {"emphasis": tc.as_tensor(model.lexicon.emphasis), "cuts": tc.as_tensor(model.cuts)}
    tc.nn.save_safetensors(own, folder / GRADES_FILE)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    learned = preprocess.load(folder / preprocess.FILE)
    columns = network.load(folder, inputs=len(learned.features), outputs=1)
    words = tuple(files.read_json(folder / WORDS_FILE, remedy="run train.py first"))
    net = Grader(columns, words=len(words), grades=len(learned.classes))
    try:
        own = tc.nn.load_safetensors(folder / GRADES_FILE)
        emphasis, found = own.pop("emphasis").numpy(), own.pop("cuts").numpy()
        net.load_state_dict({**net.state_dict(), **own})
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None
    return Model(learned, Lexicon(words, emphasis), net, found)


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the probabilities in float32, as a function of the design matrix and of what the words of a row add."""
    net = network.single(model.net)
    rows = tc.as_tensor(np.zeros((2, len(model.learned.features)), dtype=np.float32))
    return Onnx(lambda inputs, told: chances(net(inputs, told)), (rows, tc.zeros(2)))


def features(model: Model) -> tuple[str, ...]:
    """Returns the names of the columns of the design matrix, and the words."""
    return (*model.learned.features, *model.lexicon.words)


def draw(folder: Path, trained: Trained[Settings, pl.DataFrame, Prepared, Model, Answers]) -> None:
    """Draws what was taken for what, and the learning curve."""
    case = trained.case
    truth, names = case.prepared.target[case.split.test], case.prepared.learned.classes
    said: Any = np.eye(len(names))[trained.ours.said]
    plots.confusion(folder / "confusion.png", truth, said, classes=names)
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="log-loss")


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Cumulative logits" if settings.model == "linear" else "Cumulative logits on a perceptron",
    dummy_title="grade shares",
    peer_title="scikit-learn LogisticRegression",
    metrics=metrics.chosen("kappa", "grades_off", "log_loss", "accuracy", "macro_f1"),
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
    inputs=tabular.inputs,
    save=save,
    load=load,
    take=tabular.take,
    onnx=onnx,
    features=features,
    plots=draw,
    smoke={"epochs": 20},
)
