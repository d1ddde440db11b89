"""A point for each word and each text, near for what is used alike; beside it random points, and plain counts."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from meetings import meetings, points, surprise

import tensor_core as tc
from models.kit import corpus, dataset, files, metrics, plots, report, splits, tables, task, training, unlabelled
from models.kit.config import Between, Learning
from models.kit.errors import ArtefactError, TableError
from models.kit.metrics import Draws, Metric
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained

WORDS_FILE, WEIGHTS_FILE = "vocabulary.json", "weights.safetensors"
SECTIONS_FILE = "sections.csv"
WORDS_DRAWN = 40
MOST_PAIRS = 5_000  # of words that meet in the test texts
ASKED_AT_ONCE = 1_000  # questions; each is compared with every word

Matrix = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Settings(Learning):
    """The settings of config.yaml."""

    metric: Literal["analogies", "neighbours"]
    text: str
    analogies: str | None
    dimensions: Annotated[int, Between(2, 2_000)]
    window: Annotated[int, Between(1, 1_000)]
    fewest_texts: Annotated[int, Between(1, 1_000_000)]
    most_words: Annotated[int, Between(10, 20_000)]
    test_share: Annotated[float, Between(0.05, 0.5)]


class Question(NamedTuple):
    """b is to a as d is to c, in a section of the table, which may have none."""

    words: tuple[str, ...]
    section: str


class Prepared(NamedTuple):
    """The words that count, how often two of them meet in training texts, pairs that meet in test texts, questions.

    `sections` names that of each question.
    """

    words: tuple[str, ...]
    together: Matrix
    pairs: Places
    questions: Places
    sections: tuple[str, ...]


class Model(NamedTuple):
    """The words that count, and a point for each (words × dimensions)."""

    words: tuple[str, ...]
    vectors: tc.Tensor


class Points(NamedTuple):
    """A point for each text, the mean of those of its words, and the points of all words."""

    texts: Matrix
    words: Matrix


Run = Case[Settings, list[str], Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[list[str]]:
    """Returns the texts of the column; rows without one are left out. `about` holds the questions, or nothing."""
    source = tables.load(dataset.file(settings.table, folder=folder), fewest_columns=1)
    every = corpus.texts(source.frame, settings.text)
    kept = np.array([place for place, text in enumerate(every) if text.strip()], dtype=np.int64)
    notes = list(source.notes)
    if kept.size < len(every):
        notes.append(f"column {settings.text!r}: {len(every) - kept.size:,} of {len(every):,} texts are missing")
    if most is not None and most < kept.size:
        kept = np.sort(np.random.default_rng(settings.seed).permutation(kept)[:most])
        notes.append(f"only {kept.size:,} of {len(every):,} texts are used, drawn at random")
    questions: list[Question] = []
    if settings.analogies is not None:
        table = tables.load(dataset.file(settings.analogies, folder=folder)).frame
        if table.width not in (4, 5):
            raise TableError(
                f"analogies: {settings.analogies} has {table.width} columns; four are needed, b − a + c = d, and a "
                "fifth may name the section"
            )
        questions = [
            Question(tuple(str(word).lower() for word in row[:4]), str(row[4]) if table.width == 5 else "")
            for row in table.rows()
        ]
    return Data(
        settings.table, source.sha256, [every[place] for place in kept], kept + 1, tuple(notes), "text", questions
    )  # fmt: skip


def split(data: Data[list[str]], settings: Settings) -> Split:
    """Returns texts for training and for the test, drawn at random."""
    return splits.shuffled(data.size, test_share=settings.test_share, seed=settings.seed)._replace(noun="text")


def prepare(data: Data[list[str]], split: Split, settings: Settings) -> Prepared:
    """Returns the words that count, and who meets whom in training texts and in test texts."""
    tokens = [corpus.words(text) for text in data.examples]
    words = corpus.vocabulary(
        [tokens[row] for row in split.train], fewest_texts=settings.fewest_texts, most_share=1.0,
        most=settings.most_words,
    )  # fmt: skip
    corpus.checked(words, split.train.size)
    places = {word: place for place, word in enumerate(words)}
    known = [[places[word] for word in text if word in places] for text in tokens]
    together = meetings([known[row] for row in split.train], len(words), window=settings.window)
    generator = np.random.default_rng(settings.seed)
    met = np.argwhere(meetings([known[row] for row in split.test], len(words), window=settings.window) > 0)
    met = met[generator.permutation(len(met))[:MOST_PAIRS]]
    stranger = generator.integers(0, len(words), len(met))
    asked = [each for each in data.about if all(word in places for word in each.words)]
    at = np.array([[places[word] for word in each.words] for each in asked], dtype=np.int64).reshape(-1, 4)
    return Prepared(words, together, np.column_stack([met, stranger]), at, tuple(each.section for each in asked))


def _answers(case: Run, vectors: Matrix) -> Callable[[Rows], Points]:
    return lambda rows: Points(_means(case.prepared.words, vectors, task.take(case.data.examples, rows)), vectors)


def _means(words: Sequence[str], vectors: Matrix, texts: list[str]) -> Matrix:
    """Returns the mean point of the known words of each text, nought where there is none."""
    table = corpus.counts([corpus.words(text) for text in texts], words)
    found = np.zeros((len(texts), vectors.shape[1]))
    np.add.at(found, table.text, vectors[table.word] * table.value[:, None])
    sizes = np.bincount(table.text, table.value, minlength=len(texts))
    mean: Matrix = found / np.maximum(sizes, 1)[:, None]
    return mean


def dummy(case: Run) -> Callable[[Rows], Points]:
    """Returns what needs no model: random points."""
    generator = np.random.default_rng(case.settings.seed)
    return _answers(case, generator.normal(size=(len(case.prepared.words), case.settings.dimensions)))


def peer(case: Run) -> Callable[[Rows], Points]:
    """Returns scikit-learn's TruncatedSVD of the logarithm of how often words meet (latent semantic analysis)."""
    from sklearn.decomposition import TruncatedSVD

    most = min(case.settings.dimensions, len(case.prepared.words) - 1)
    svd = TruncatedSVD(most, random_state=case.settings.seed)
    return _answers(case, svd.fit_transform(np.log1p(case.prepared.together)))


def fit(case: Run) -> Fitted[Model]:
    """Returns the points whose products come nearest to how much more often than by chance words meet."""
    settings, prepared = case.settings, case.prepared
    with training.watched(budget_seconds=settings.time_budget_seconds) as watch:
        found, course = points(
            surprise(prepared.together), settings.dimensions, np.random.default_rng(settings.seed)
        )  # fmt: skip
    history = [training.Point(place, 1 - value, None) for place, value in enumerate(course, start=1)]
    run = training.ended(watch, watch.reason or "all rounds done", "round", history)
    notes = [f"{len(prepared.words):,} words count, and each has a point of {found.shape[1]} coordinates"]
    if case.data.about:
        notes.append(f"{len(prepared.questions):,} of {len(case.data.about):,} questions have words that count")
    return Fitted(Model(prepared.words, found), *run, tuple(notes))


def predict(model: Model, texts: list[str], settings: Settings) -> Points:
    """Returns a point for each text; a text of one word has that word's."""
    vectors = model.vectors.numpy()
    return Points(_means(model.words, vectors, texts), vectors)


def score(case: Run, found: Points) -> Draws:
    """Returns how many questions are answered rightly, and how often a word is nearer to one it meets than to any."""
    seed, vectors = case.settings.seed, found.words
    unit = _unit(vectors)
    draws: Draws = {}
    if len(case.prepared.questions):
        draws |= metrics.means({"analogies": _answered(case.prepared.questions, vectors)}, seed=seed)
    word, other, stranger = case.prepared.pairs.T
    closer = (unit[word] * unit[other]).sum(axis=1) - (unit[word] * unit[stranger]).sum(axis=1)
    return draws | metrics.means({"neighbours": (closer > 0) + 0.5 * (closer == 0)}, seed=seed)


def _answered(asked: Places, vectors: Matrix) -> Matrix:
    """Returns 1 for each question whose answer is the word nearest to b − a + c, and 0 for the others."""
    unit = _unit(vectors)
    right = np.zeros(len(asked))
    for start in range(0, len(asked), ASKED_AT_ONCE):
        some = asked[start : start + ASKED_AT_ONCE]
        a, b, c, d = some.T
        near = (unit[b] - unit[a] + unit[c]) @ unit.T
        near[np.arange(len(some))[:, None], some[:, :3]] = -np.inf  # as is the custom: never one of the words given
        right[start : start + ASKED_AT_ONCE] = near.argmax(axis=1) == d
    return right


def _by_section(case: Run, vectors: Matrix) -> dict[str, float]:
    """Returns the share of questions that is answered rightly in each section that has a name."""
    right, of = _answered(case.prepared.questions, vectors), np.array(case.prepared.sections)
    return {name: float(right[of == name].mean()) for name in dict.fromkeys(case.prepared.sections) if name}


def _unit(vectors: Matrix) -> Matrix:
    """Returns the points at a distance of one from the origin."""
    unit: Matrix = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit


def shown(found: Points, model: Model) -> pl.DataFrame:
    """Returns the coordinates of each text, and the word nearest to it."""
    nearest = (found.texts @ _unit(found.words).T).argmax(axis=1)
    columns = {f"coordinate {place}": values for place, values in enumerate(found.texts.T, start=1)}
    return pl.DataFrame({"nearest_word": [model.words[place] for place in nearest], **columns})


def actual(case: Run) -> pl.DataFrame:
    """Returns the test texts."""
    return pl.DataFrame({"text": task.take(case.data.examples, case.split.test)})


def questions(case: Run) -> pl.DataFrame:
    """Returns the test texts as a user's table."""
    return pl.DataFrame({case.settings.text: task.take(case.data.examples, case.split.test)})


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> list[str]:
    """Returns the texts of a table; raises `TableError` where the column is missing."""
    return corpus.texts(table, settings.text)


def save(model: Model, folder: Path) -> None:
    """Writes the words and their points."""
    files.write(folder / WORDS_FILE, json.dumps({"words": model.words}, ensure_ascii=False) + "\n")
    tc.nn.save_safetensors({"vectors": model.vectors}, folder / WEIGHTS_FILE)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    words = files.read_json(folder / WORDS_FILE, remedy="run train.py first")
    try:
        return Model(tuple(words["words"]), tc.nn.load_safetensors(folder / WEIGHTS_FILE)["vectors"])
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved points do not fit ({error}); run train.py again") from None


def sections(folder: Path, trained: Trained[Settings, list[str], Prepared, Model, Points]) -> None:
    """Writes sections.csv: how many questions of each section were asked, and the share that each answered rightly."""
    found = {"dummy": trained.dummy, "peer": trained.peer, "ours": trained.ours}
    shares = {name: _by_section(trained.case, points.words) for name, points in found.items() if points is not None}
    sizes = Counter(trained.case.prepared.sections)
    rows = [[name, sizes[name], *(f"{each[name]:.4f}" for each in shares.values())] for name in shares["ours"]]
    if rows:
        files.write(folder / SECTIONS_FILE, report.to_csv(["section", "questions", *shares], rows))


def draw(folder: Path, trained: Trained[Settings, list[str], Prepared, Model, Points]) -> None:
    """Draws the words that meet others most often, in the plane in which they differ most; and what sections gave."""
    often = np.argsort(-trained.case.prepared.together.sum(axis=1), kind="stable")[:WORDS_DRAWN]
    model = trained.fitted.model
    seen, names = unlabelled.plane(model.vectors.numpy()[often]), [model.words[place] for place in often]
    plots.plane(folder / "words.png", seen, names=names, title="Words that meet others most often", axis="component")
    if shares := _by_section(trained.case, trained.ours.words):
        title, axis = "Questions that are answered rightly", "share of the section"
        plots.bars(folder / "sections.png", np.array(list(shares.values())), names=list(shares), title=title, axis=axis)


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: f"Points of {settings.dimensions} coordinates",
    dummy_title="random points",
    peer_title="scikit-learn TruncatedSVD of counts",
    metrics={
        "analogies": Metric("analogies", higher_is_better=True),
        "neighbours": Metric("nearer to words it meets", higher_is_better=True),
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
    take=task.take,
    onnx="a text is cut into words first, which has no form in ONNX here",
    features=lambda model: model.words,
    plots=draw,
    files=sections,
    smoke={"window": 6},
    smoke_examples=None,
)
