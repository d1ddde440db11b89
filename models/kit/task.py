"""The protocol of a template: what is its own stands in one `Task`, everything else is done by the kit.

A template's model.py holds its `Settings` and the functions below, bound as `TEMPLATE = Task(…)`. Its programs
(train.py, evaluate.py, predict.py, serve.py, doctor.py) are the same five lines in every template and hand that object
to `models.kit.programs`. Examples may be anything: the rows of a table, images, sentences, triples of user, item and
time, queries with their documents; the kit only counts them, splits them by their places and asks for scores.

The flow of a training: `read` → `split` → `prepare` → `dummy`, `peer`, `fit` → `predict` on the test → `score` (each of
the three, on the same resamples) → `save`, `shown`, `plots`, `files`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import config
from models.kit.metrics import Draws, Metric
from models.kit.splits import Split

if TYPE_CHECKING:
    import tensor_core as tc
    from models.kit.training import Point

Rows = npt.NDArray[np.int64]  # places of examples, from 0

S = TypeVar("S", bound=config.Project)  # settings
E = TypeVar("E")  # examples
P = TypeVar("P")  # what is prepared once from the training examples, and shared by dummy, peer and ours
M = TypeVar("M")  # a trained model
A = TypeVar("A")  # answers: what a model gives for some examples


class Data(NamedTuple, Generic[E]):
    """What was read: the examples, the number (from 1) of each in its source, the source's name and its SHA-256.

    `decisions` are sentences about what was found and decided; `noun` is what one example is called; `about` is what
    else was found, of all examples together (the roles of columns, a vocabulary that is given).
    """

    name: str
    sha256: str
    examples: E
    numbers: npt.NDArray[np.int64]
    decisions: tuple[str, ...] = ()
    noun: str = "row"
    about: Any = None

    @property
    def size(self) -> int:
        """How many examples there are."""
        return int(self.numbers.size)


class Case(NamedTuple, Generic[S, E, P]):
    """All that dummy, peer and ours are given: settings, data, split, and what `prepare` made of them."""

    settings: S
    data: Data[E]
    split: Split
    prepared: P

    @property
    def known(self) -> Rows:
        """Places of all examples that are not in the test: a model that needs no rows to stop on learns from these."""
        return np.concatenate([self.split.train, self.split.validation])


class Fitted(NamedTuple, Generic[M]):
    """A trained model, how its training went in one sentence, and whether Ctrl-C ended it.

    `notes` are sentences for the report, `facts` plain data for metrics.json.
    """

    model: M
    ended: str
    history: "tuple[Point, ...]" = ()
    interrupted: bool = False
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = {}


class Trained(NamedTuple, Generic[S, E, P, M, A]):
    """A finished comparison, for plots and further files: the case, our model, and all answers for the test."""

    case: Case[S, E, P]
    fitted: Fitted[M]
    dummy: A
    peer: A | None
    ours: A


class Onnx(NamedTuple):
    """What becomes model.onnx: a function of tensors, an example for each input, and the dimensions left open."""

    function: "Callable[..., tc.Tensor]"
    example: "tc.Tensor | Sequence[tc.Tensor]"
    dynamic: int | Sequence[int] = 0


@dataclass(frozen=True, kw_only=True)
class Task(Generic[S, E, P, M, A]):
    """What is a template's own. Functions get what they need by position, in the order that their types show.

    settings: the frozen dataclass of config.yaml, with `metric`, the name of the metric that decides.
    title, dummy_title, peer_title, ours_title: names in the report; title is given the settings,
        and so is peer_title where it is a function.
    metrics: by name, how people call each metric and which direction is better; in the order they are shown.
    read(settings, folder, most): the data; paths are relative to folder; at most `most` examples if that is not None.
    split(data, settings): places of examples for training, validation and test (`models.kit.splits`).
    prepare(data, split, settings): what is learned from the training examples once (vocabulary, scales, matrices).
    dummy(case), peer(case): a fitted model each, as a function from places of examples to answers. peer may be None,
        or raise `errors.Unavailable` where a package is missing.
    fit(case): our model; ends within settings.time_budget_seconds, keeps the best so far on Ctrl-C
        (`training.minimise` and `training.watched` do both).
    predict(model, examples, settings): answers.
    score(case, answers): for the test, each metric with its resamples (`models.kit.metrics`, resampled by the unit
        that is independent: row, query, user, sentence).
    shown(answers, model): the answers as a table for predictions.csv and the service: one row an example, or several
        rows an example with a column `row` (its place from 1).
    actual(case): a table of one row for each test example, that stands before `shown` in predictions.csv.
    questions(case): the test examples as a user would hand them in, as a table without the answers.
    inputs(table, model, settings): such a table → examples; raises `TableError` where it does not fit.
    save(model, folder), load(folder, settings): JSON and safetensors, never pickle.
    take(examples, rows): some of the examples.
    onnx: (model, settings) → Onnx, or a sentence why there is no ONNX form.
    features(model): the names of what the model sees, for the card.
    plots(folder, trained): PNG files. files(folder, trained): other files.
    refusal(trained): a sentence why the model should not be used though it beats the dummy, or None.
    smoke: settings that make a training short (≤ 10 s); smoke_examples: how many examples it reads at most.
    """

    settings: type[S]
    title: Callable[[S], str]
    dummy_title: str
    peer_title: str | Callable[[S], str]
    ours_title: str = "tensor_core"
    metrics: Mapping[str, Metric]
    read: Callable[[S, Path, int | None], Data[E]]
    split: Callable[[Data[E], S], Split]
    prepare: Callable[[Data[E], Split, S], P]
    dummy: Callable[[Case[S, E, P]], Callable[[Rows], A]]
    peer: Callable[[Case[S, E, P]], Callable[[Rows], A]] | None
    fit: Callable[[Case[S, E, P]], Fitted[M]]
    predict: Callable[[M, E, S], A]
    score: Callable[[Case[S, E, P], A], Draws]
    shown: Callable[[A, M], pl.DataFrame]
    actual: Callable[[Case[S, E, P]], pl.DataFrame]
    questions: Callable[[Case[S, E, P]], pl.DataFrame]
    inputs: Callable[[pl.DataFrame, M, S], E]
    save: Callable[[M, Path], None]
    load: Callable[[Path, S], M]
    take: Callable[[E, Rows], E]
    onnx: Callable[[M, S], Onnx] | str
    features: Callable[[M], Sequence[str]]
    plots: Callable[[Path, Trained[S, E, P, M, A]], None] | None = None
    files: Callable[[Path, Trained[S, E, P, M, A]], None] | None = None
    refusal: Callable[[Trained[S, E, P, M, A]], str | None] | None = None
    smoke: Mapping[str, object] = field(default_factory=dict)
    smoke_examples: int | None = 300


def nothing_prepared(data: Data[Any], split: Split, settings: config.Project) -> None:
    """Prepares nothing: for `Task.prepare` where there is nothing to share."""


def take(examples: Any, rows: Rows) -> Any:
    """Returns some of the examples: of a table or an array its rows, of a tuple (also a named one) those of each part.

    >>> take((np.array([1, 2, 3]), ["a", "b", "c"]), np.array([2, 0]))
    (array([3, 1]), ['c', 'a'])
    """
    if isinstance(examples, tuple):
        parts = [take(part, rows) for part in examples]
        return type(examples)(*parts) if hasattr(examples, "_fields") else tuple(parts)
    if isinstance(examples, list):
        return [examples[row] for row in rows]
    return examples[rows]
