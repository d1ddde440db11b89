"""Themes that run through many texts, from words that keep company; beside them scikit-learn's NMF of tf-idf."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import themes

import tensor_core as tc
from models.kit import corpus, dataset, files, metrics, plots, report, splits, tables, task, training
from models.kit.config import Between, Learning
from models.kit.corpus import Counts
from models.kit.errors import ArtefactError
from models.kit.metrics import Draws, Metric
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained

WORDS_FILE, WEIGHTS_FILE, THEMES_FILE = "vocabulary.json", "weights.safetensors", "themes.csv"
TOP = 10  # words that a theme is known by

Matrix = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Settings(Learning):
    """The settings of config.yaml."""

    metric: Literal["npmi"]
    text: str
    themes: Annotated[int, Between(2, 1_000)]
    stop_words: Literal["english", "none"]
    fewest_texts: Annotated[int, Between(1, 1_000_000)]
    most_share: Annotated[float, Between(0.01, 1)]
    most_words: Annotated[int, Between(10, 20_000)]
    steps: Annotated[int, Between(1, 10_000)]
    test_share: Annotated[float, Between(0.05, 0.5)]


class Prepared(NamedTuple):
    """The words that count, their rarity, how often each stands in each text, and the same as tf-idf."""

    words: tuple[str, ...]
    idf: npt.NDArray[np.float64]
    counts: Counts
    weights: Counts


class Model(NamedTuple):
    """The words that count, their rarity, and the weight of each in each theme (themes × words)."""

    words: tuple[str, ...]
    idf: npt.NDArray[np.float64]
    weights: tc.Tensor


class Themes(NamedTuple):
    """The share of each theme in each text, and the top words of each theme, by their place in the vocabulary."""

    share: Matrix
    tops: Places


Run = Case[Settings, list[str], Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[list[str]]:
    """Returns the texts of the column; rows without one are left out."""
    source = tables.load(dataset.file(settings.table, folder=folder), fewest_columns=1)
    every = corpus.texts(source.frame, settings.text)
    kept = np.array([place for place, text in enumerate(every) if text.strip()], dtype=np.int64)
    notes = list(source.notes)
    if kept.size < len(every):
        notes.append(
            f"column {settings.text!r}: {len(every) - kept.size:,} of {len(every):,} texts are missing; left out"
        )
    if most is not None and most < kept.size:
        kept = np.sort(np.random.default_rng(settings.seed).permutation(kept)[:most])
        notes.append(f"only {kept.size:,} of {len(every):,} texts are used, drawn at random")
    return Data(settings.table, source.sha256, [every[place] for place in kept], kept + 1, tuple(notes), "text")


def split(data: Data[list[str]], settings: Settings) -> Split:
    """Returns texts for training and for the test, drawn at random."""
    return splits.shuffled(data.size, test_share=settings.test_share, seed=settings.seed)._replace(noun="text")


def prepare(data: Data[list[str]], split: Split, settings: Settings) -> Prepared:
    """Returns the words that the training texts make count, and how often they stand in every text."""
    tokens = [corpus.words(text) for text in data.examples]
    leave_out: frozenset[str] = frozenset()
    if settings.stop_words == "english":
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

        leave_out = frozenset(ENGLISH_STOP_WORDS)
    words = corpus.vocabulary(
        [tokens[row] for row in split.train], fewest_texts=settings.fewest_texts, most_share=settings.most_share,
        most=settings.most_words, leave_out=leave_out,
    )  # fmt: skip
    corpus.checked(words, split.train.size)
    counts = corpus.counts(tokens, words)
    idf = corpus.rarity(corpus.take(counts, split.train))
    return Prepared(words, idf, counts, corpus.tf_idf(counts, idf))


def _tops(weights: Matrix) -> Places:
    return np.argsort(-weights, axis=1, kind="stable")[:, :TOP]


def dummy(case: Run) -> Callable[[Rows], Themes]:
    """Returns what needs no model: themes of words drawn at random, common words more often."""
    generator, prepared = np.random.default_rng(case.settings.seed), case.prepared
    common = np.bincount(prepared.counts.word, minlength=len(prepared.words)).astype(np.float64)
    size, chance = min(TOP, len(common)), common / common.sum()
    tops = [generator.choice(len(common), size, replace=False, p=chance) for _ in range(case.settings.themes)]
    return lambda rows: Themes(np.full((rows.size, case.settings.themes), 1 / case.settings.themes), np.array(tops))


def peer(case: Run) -> Callable[[Rows], Themes]:
    """Returns scikit-learn's NMF of the same tf-idf."""
    from scipy.sparse import csr_matrix
    from sklearn.decomposition import NMF

    table, settings = case.prepared.weights, case.settings
    matrix = csr_matrix((table.value, (table.text, table.word)), shape=(table.texts, table.words))
    model = NMF(settings.themes, random_state=settings.seed, max_iter=settings.steps * 5)
    model.fit(matrix[case.split.train])

    def answers(rows: Rows) -> Themes:
        found = model.transform(matrix[rows])
        share = found / np.maximum(found.sum(axis=1, keepdims=True), themes.SMALLEST)
        return Themes(share, _tops(model.components_))

    return answers


def fit(case: Run) -> Fitted[Model]:
    """Returns themes that factorise which words keep company in the training texts, and how steady they are."""
    settings, prepared = case.settings, case.prepared
    known = corpus.take(prepared.counts, case.split.train)
    with training.watched(budget_seconds=settings.time_budget_seconds) as watch:
        weights, course = _themes(known, settings)
        steadiness = None if watch.reason else _steadiness(known, settings)
    history = [training.Point(place, value, None) for place, value in enumerate(course, start=1)]
    run = training.ended(watch, watch.reason or "all steps done", "step", history)
    steady = "" if steadiness is None else f"; two halves of the texts agree on {steadiness:.0%} of a theme's top words"
    notes = (f"{len(prepared.words):,} words count{steady}",)
    return Fitted(Model(prepared.words, prepared.idf, weights), *run, notes, {"steadiness": steadiness})


def _themes(table: Counts, settings: Settings) -> tuple[tc.Tensor, list[float]]:
    generator = np.random.default_rng(settings.seed)
    matrix = tc.as_tensor(themes.weighted(table))
    _, weights, course = themes.factorised(matrix, settings.themes, generator, steps=settings.steps)
    return weights, course


def _steadiness(table: Counts, settings: Settings) -> float:
    """Returns which share of its top words a theme shares with the nearest one of the other half of the texts."""
    order = np.random.default_rng(settings.seed).permutation(table.texts)
    first, second = (
        [set(top.tolist()) for top in _tops(_themes(corpus.take(table, np.sort(half)), settings)[0].numpy())]
        for half in np.array_split(order, 2)
    )
    return float(np.mean([max(len(one & other) for other in second) / max(1, len(one)) for one in first]))


def predict(model: Model, texts: list[str], settings: Settings) -> Themes:
    """Returns the share of each theme in each text."""
    table = corpus.tf_idf(corpus.counts([corpus.words(text) for text in texts], model.words), model.idf)
    return Themes(themes.shares(table, model.weights), _tops(model.weights.numpy()))


def score(case: Run, found: Themes) -> Draws:
    """Returns the coherence of the top words in the test texts, and how many of them a theme has for itself."""
    table = corpus.take(case.prepared.counts, case.split.test)
    own = [float(np.mean([(found.tops == word).sum() == 1 for word in top])) for top in found.tops]
    values = {"npmi": themes.coherence(table, found.tops), "own_words": own}
    return metrics.means(values, seed=case.settings.seed)


def shown(found: Themes, model: Model) -> pl.DataFrame:
    """Returns the share of each theme in each text, and the leading theme's number and words."""
    names = [" ".join(model.words[word] for word in top[:3]) for top in found.tops]
    leading = found.share.argmax(axis=1)
    columns = {f"theme {place}": values for place, values in enumerate(found.share.T, start=1)}
    return pl.DataFrame({"theme": leading + 1, "words": [names[place] for place in leading], **columns})


def actual(case: Run) -> pl.DataFrame:
    """Returns the test texts."""
    return pl.DataFrame({"text": [case.data.examples[row] for row in case.split.test]})


def questions(case: Run) -> pl.DataFrame:
    """Returns the test texts as a user's table."""
    return pl.DataFrame({case.settings.text: [case.data.examples[row] for row in case.split.test]})


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> list[str]:
    """Returns the texts of a table; raises `TableError` where the column is missing."""
    return corpus.texts(table, settings.text)


def save(model: Model, folder: Path) -> None:
    """Writes the words and the weights of the themes."""
    files.write(folder / WORDS_FILE, json.dumps({"words": model.words}, ensure_ascii=False) + "\n")
    tc.nn.save_safetensors({"weights": model.weights, "idf": tc.as_tensor(model.idf)}, folder / WEIGHTS_FILE)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    words = files.read_json(folder / WORDS_FILE, remedy="run train.py first")
    try:
        arrays = tc.nn.load_safetensors(folder / WEIGHTS_FILE)
        return Model(tuple(words["words"]), arrays["idf"].numpy(), arrays["weights"])
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved themes do not fit ({error}); run train.py again") from None


def listed(folder: Path, trained: Trained[Any, Any, Any, Model, Themes]) -> None:
    """Writes themes.csv: how much of all texts each theme is, and its top words."""
    model, found = trained.fitted.model, trained.ours
    rows = [
        [place, f"{found.share[:, place - 1].mean():.4f}", " ".join(model.words[word] for word in top)]
        for place, top in enumerate(found.tops, start=1)
    ]
    files.write(folder / THEMES_FILE, report.to_csv(["theme", "share of the test texts", "top words"], rows))


def draw(folder: Path, trained: Trained[Any, Any, Any, Model, Themes]) -> None:
    """Draws what the themes leave over, step by step."""
    plots.learning_curve(folder / "learning_curve.png", trained.fitted.history, title="share that is left over")


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: f"{settings.themes} themes",
    dummy_title="words at random",
    peer_title="scikit-learn NMF of tf-idf",
    metrics={
        "npmi": Metric("coherence (NPMI)", higher_is_better=True),
        "own_words": Metric("words of one theme only", higher_is_better=True),
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
    files=listed,
    plots=draw,
    smoke={"steps": 10},
    smoke_examples=None,
)
