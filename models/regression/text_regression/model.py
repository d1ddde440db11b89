"""A number that goes with a text: words and runs of letters, weighed on tensor_core; beside it the mean and Ridge."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import text_number
import text_pieces
from text_number import Scale
from text_pieces import Cut, Lexicon

import tensor_core as tc
from models.kit import bags, columns, config, corpus, dataset, files, metrics, plots, splits, tabular, training
from models.kit.bags import Bags
from models.kit.config import Between
from models.kit.errors import ArtefactError, ConfigError, count
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained

PIECES_FILE, WEIGHTS_FILE = "pieces.json", "weights.safetensors"
ROWS_AT_ONCE = 2_000  # texts whose numbers are computed together
RIDGE_ALPHAS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # of which the peer takes the one that is best on the validation

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Settings(config.Labelled):
    """The settings of config.yaml."""

    metric: Literal["r2", "mae", "rmse"]
    text: str
    loss: Literal["squared", "huber"]
    log_target: Literal["auto", "true", "false"]
    pairs: bool
    letters_share: Annotated[float, Between(0, 0.95)]
    fewest_texts: Annotated[int, Between(1, 1_000_000)]
    most_words: Annotated[int, Between(10, 10_000_000)]
    alphas: tuple[Annotated[float, Between(1e-9, 1e9)], ...]
    refit: bool


class Prepared(NamedTuple):
    """All texts in pieces, and the number of each in its unit."""

    cut: Cut
    target: Vector


class Weigher(tc.nn.Module):
    """A weight for each piece: the number of a text is the sum over its pieces, times how much they count."""

    def __init__(self, pieces: int) -> None:
        """Begins with the mean for every text."""
        self.weight = tc.nn.Parameter(tc.zeros(pieces, 1, dtype=tc.float64))  # L-BFGS needs exact sums
        self.bias = tc.nn.Parameter(tc.zeros(1, dtype=tc.float64))

    def forward(self, texts: bags.Batch) -> tc.Tensor:
        """Numbers of shape (texts,), centred and scaled."""
        total: tc.Tensor = bags.summed(texts, self.weight).reshape(-1) + self.bias
        return total


class Model(NamedTuple):
    """What was learned: the pieces that count and how much, how the number is scaled, and the weights."""

    lexicon: Lexicon
    scale: Scale
    net: Weigher


class Learned(NamedTuple):
    """A model, the penalty it was trained under, its error on the validation, and how its training went."""

    model: Model
    alpha: float
    error: float
    run: training.Run


Table = Data[pl.DataFrame]
Run = Case[Settings, pl.DataFrame, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Table:
    """Returns the rows that have a number and a text."""
    data = dataset.load(settings, folder=folder, task="regression", most_rows=most, reads=[settings.text])
    return dataset.with_text(data, settings.text)


def split(data: Table, settings: Settings) -> Split:
    """Returns the split that the settings ask for."""
    return splits.draw(settings, data.examples)._replace(noun="text")


def pieces(table: pl.DataFrame, settings: Settings) -> Cut:
    """Returns the texts of a table in pieces."""
    texts = corpus.texts(table, settings.text)
    return text_pieces.cut(texts, pairs=settings.pairs, letters=settings.letters_share > 0)


def prepare(data: Table, split: Split, settings: Settings) -> Prepared:
    """Returns all texts in pieces, and the target in its unit."""
    target = columns.target_values(data.examples, data.about.target).to_numpy()
    return Prepared(pieces(data.examples, settings), target)


def dummy(case: Run) -> Callable[[Rows], Vector]:
    """Returns what needs no model: the mean of the known texts."""
    mean = float(case.prepared.target[case.known].mean())
    return lambda rows: np.full(rows.size, mean)


def peer(case: Run) -> Callable[[Rows], Vector]:
    """Returns scikit-learn's Ridge on tf-idf of the words and pairs; its penalty, and whether logarithms are learned,
    are those that are best on the validation.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    settings, validation, target = case.settings, case.split.validation, case.prepared.target
    texts = np.array(corpus.texts(case.data.examples, settings.text), dtype=object)

    def fitted(rows: Rows, scale: Scale, alpha: float) -> Any:
        words = TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2 if settings.pairs else 1))
        model = make_pipeline(words, Ridge(alpha=alpha))
        return model.fit(texts[rows], text_number.scaled(scale, target[rows]))

    tried = []
    for scale in scales(case):
        for alpha in RIDGE_ALPHAS:
            values = fitted(case.split.train, scale, alpha).predict(texts[validation])
            adapted = adapt(scale, values, target[validation], settings)
            tried.append((error(text_number.unscaled(adapted, values), target[validation], settings), adapted, alpha))
    _, scale, alpha = min(tried, key=lambda each: each[0])
    model = fitted(case.known, scale, alpha)
    return lambda rows: text_number.unscaled(scale, model.predict(texts[rows]))


def scales(case: Run) -> list[Scale]:
    """Returns the scales that are tried: the number itself, its logarithm, or both."""
    known, settings = case.prepared.target[case.split.train], case.settings
    choices = text_number.choices(known, settings.log_target, name=settings.target)
    return [text_number.learned(known, log=log) for log in choices]


def adapt(scale: Scale, values: Vector, numbers: Vector, settings: Settings) -> Scale:
    """Returns the scale that suits the metric: a median for the absolute error, else the mean."""
    return scale if settings.metric == "mae" else text_number.fitted(scale, values, numbers)


def error(predicted: Vector, actual: Vector, settings: Settings) -> float:
    """Returns the error by which validation chooses: absolute where the metric is, else squared."""
    wrong = np.abs(predicted - actual)
    return float((wrong if settings.metric == "mae" else wrong**2).mean())


def fit(case: Run) -> Fitted[Model]:
    """Returns the weights under the penalty, and on the scale, that are best on the validation texts; with `refit`
    those that validation texts teach as well.
    """
    settings, split = case.settings, case.split
    if not settings.alphas:
        raise ConfigError("alphas: there is none; name the strengths of the penalty to try, as [0.1, 1.0]")
    tried = scales(case)
    with training.watched(budget_seconds=settings.time_budget_seconds) as watch:
        found: list[Learned] = []
        for scale in tried:
            found += learned(case, split.train, split.validation, scale, settings.alphas, watch)
        best = min(found, key=lambda each: each.error)
        last = best
        if settings.refit and watch.reason is None:
            last = learned(case, case.known, split.validation[:0], best.model.scale, [best.alpha], watch)[0]
            found.append(last)
        done = last if watch.reason is None else best
        ended, seconds, whole = found[-1].run.ended, watch.seconds, watch.reason is None
    model, notes = done.model, []
    if len(tried) > 1:
        notes.append(f"{'its logarithm' if model.scale.log else 'the number itself'} is learned, as suits validation")
    notes.append(
        f"{count(len(found), 'training')} in {seconds:.2f} s; penalty {best.alpha:g} is best on the validation"
    )
    if settings.refit and whole:
        notes.append("trained anew under it on training and validation texts together")
    size = f"{len(model.lexicon.words):,} words and pairs and {len(model.lexicon.letters):,} runs of letters count"
    return Fitted(model, ended, done.run.history, watch.interrupted, (size, *notes))


def learned(
    case: Run, rows: Rows, validation: Rows, scale: Scale, alphas: Sequence[float], watch: training.Watch
) -> list[Learned]:
    """Returns the models that these texts teach under each penalty, the strongest first; at least one, and no more
    once there is a reason to stop.

    What is minimised is the objective of scikit-learn's Ridge, ‖y − Xw − b‖² + α‖w‖², divided by the number of texts;
    with the Huber loss, twice that in the place of squares.
    """
    settings, (cut, target) = case.settings, case.prepared
    goal = text_number.scaled(scale, target)
    rows = np.sort(rows)
    names = text_pieces.vocabularies(cut.take(rows), fewest_texts=settings.fewest_texts, most=settings.most_words)
    table = text_pieces.table(cut, *names)
    lexicon = text_pieces.lexicon(*names, table, rows, goal[rows])
    texts = text_pieces.weighed(table, lexicon, letters_share=settings.letters_share)
    net, given, wanted = Weigher(lexicon.size), bags.batch(texts, rows), tc.as_tensor(goal[rows])
    found: list[Learned] = []
    for alpha in sorted(alphas, reverse=True):  # each begins where the last ended

        def loss(some: Rows | None, strength: float = alpha / rows.size) -> tc.Tensor:
            said = net(given)
            squares = tc.mse_loss(said, wanted) if settings.loss == "squared" else 2 * tc.huber_loss(said, wanted)
            total: tc.Tensor = squares + strength * training.penalty(net)
            return total

        run = training.over_all(net, training.Objective(rows.size, loss, None), watch)
        own = Weigher(lexicon.size)
        own.load_state_dict(training.snapshot(net))
        values = computed(own, texts, validation)
        suited = adapt(scale, values, target[validation], settings)
        wrong = error(text_number.unscaled(suited, values), target[validation], settings) if validation.size else 0.0
        found.append(Learned(Model(lexicon, suited, own), alpha, wrong, run))
        if watch.reason:
            break
    return found


def computed(net: Weigher, texts: Bags, rows: Rows) -> Vector:
    """Returns what the weights say of some texts, centred and scaled."""
    found = [np.empty(0)]
    with tc.no_grad():
        for part in np.array_split(rows, max(1, -(-rows.size // ROWS_AT_ONCE))):
            if part.size:
                found.append(net(bags.batch(texts, part)).numpy().astype(np.float64))
    return np.concatenate(found)


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Vector:
    """Returns a number for each row, in the unit of the target; that of an empty text is near the mean."""
    found = text_pieces.table(pieces(table, settings), model.lexicon.words, model.lexicon.letters)
    texts = text_pieces.weighed(found, model.lexicon, letters_share=settings.letters_share)
    return text_number.unscaled(model.scale, computed(model.net, texts, np.arange(table.height)))


def score(case: Run, predicted: Vector) -> metrics.Draws:
    """Returns R², MAE and RMSE on the test texts."""
    return metrics.regression(case.prepared.target[case.split.test], predicted, seed=case.settings.seed)


def shown(predicted: Vector, model: Model) -> pl.DataFrame:
    """Returns one prediction a row."""
    return pl.DataFrame({"predicted": predicted})


def actual(case: Run) -> pl.DataFrame:
    """Returns the test texts and their number."""
    test = case.split.test
    return pl.DataFrame({"text": case.data.examples[test][case.settings.text], "actual": case.prepared.target[test]})


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> pl.DataFrame:
    """Returns the table as it is; raises `TableError` where the column of the texts is missing."""
    corpus.texts(table, settings.text)
    return table


def save(model: Model, folder: Path) -> None:
    """Writes the pieces, the scale and the weights."""
    known = model.lexicon
    content = {
        "words": known.words,
        "letters": known.letters,
        "lengths": {"mean": known.mean_length, "spread": known.spread_length},
        "scale": model.scale._asdict(),
    }
    files.write(folder / PIECES_FILE, json.dumps(content, ensure_ascii=False) + "\n")
    weights = {**model.net.state_dict(), "emphasis": tc.as_tensor(known.emphasis)}
    tc.nn.save_safetensors(weights, folder / WEIGHTS_FILE)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    content = files.read_json(folder / PIECES_FILE, remedy="run train.py first")
    try:
        arrays = tc.nn.load_safetensors(folder / WEIGHTS_FILE)
        words, letters, lengths = tuple(content["words"]), tuple(content["letters"]), content["lengths"]
        emphasis = arrays.pop("emphasis").numpy()
        if emphasis.shape != (len(words) + len(letters),):
            raise ValueError("each piece needs to count")
        lexicon = Lexicon(words, letters, emphasis, float(lengths["mean"]), float(lengths["spread"]))
        net = Weigher(lexicon.size)
        net.load_state_dict(arrays)
        return Model(lexicon, Scale(**content["scale"]), net)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None


def features(model: Model) -> Sequence[str]:
    """Returns the words, pairs and runs of letters that count."""
    return (*model.lexicon.words, *model.lexicon.letters)


def draw(folder: Path, trained: Trained[Settings, pl.DataFrame, Prepared, Model, Vector]) -> None:
    """Draws predictions beside the truth, what is left over, and the learning curve."""
    case, name = trained.case, trained.case.settings.target
    truth = case.prepared.target[case.split.test]
    plots.predicted_vs_actual(folder / "predicted_vs_actual.png", truth, trained.ours, target=name)
    plots.residuals(folder / "residuals.png", truth, trained.ours, target=name)
    title = f"{case.settings.loss} error, target scaled"
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title=title)


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Words, pairs and runs of letters, weighed for a number",
    dummy_title="mean",
    peer_title="scikit-learn Ridge on tf-idf",
    metrics=metrics.chosen("r2", "mae", "rmse"),
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
    features=features,
    plots=draw,
    smoke={"alphas": (1.0, 0.4), "refit": False},
    smoke_examples=None,
)
