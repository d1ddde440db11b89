"""Ratings that people would give: Bayesian matrix factorisation; beside it item means and scikit-learn's Ridge."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import censoring
import gibbs
import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import config, dataset, events, files, metrics, plots, splits, training
from models.kit.config import Between
from models.kit.errors import ArtefactError, TableError, did_you_mean
from models.kit.events import Events
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained, take

Vector = npt.NDArray[np.float64]

SCHEMA = 1
NAMES_FILE, WEIGHTS_FILE = "model.json", "weights.safetensors"
CHUNK_ROWS = 4_096  # pairs that are predicted at once
KEPT = 50  # draws that are saved, spread over all sweeps after the first ones
SHRINK = 5.0  # ratings of the overall mean that an item's own mean is mixed with, in the dummy


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["rmse", "mae", "r2"]
    person: str
    item: str
    rating: str
    time: str | None
    test_share: Annotated[float, Between(0.02, 0.5)]
    rank: Annotated[int, Between(1, 512)]
    sweeps: Annotated[int, Between(1, 100_000)]
    skipped: Annotated[int, Between(0, 100_000)]


class Prepared(NamedTuple):
    """The names of known people and items, and for all events their places; the unknown one stands behind the last."""

    people: tuple[str, ...]
    items: tuple[str, ...]
    who: Rows
    what: Rows


class Model(NamedTuple):
    """The kept draws: people (people + 1, draws, rank + 1), items likewise, bias last; the last row is an unknown one.

    `low` and `high` are the smallest and largest rating of the training.
    """

    people: tuple[str, ...]
    items: tuple[str, ...]
    mean: float
    low: float
    high: float
    person_draws: npt.NDArray[np.float32]
    item_draws: npt.NDArray[np.float32]


class Answers(NamedTuple):
    """The expected rating of each pair, and how far the draws are apart about it (standard deviation)."""

    rating: Vector
    spread: Vector


Run = Case[Settings, Events, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Events]:
    """Returns the ratings of the table; with `most`, only those of the first ratings of people drawn at random."""
    table = dataset.table(settings.table, folder=folder)
    source = events.read(
        table.frame, person=settings.person, item=settings.item, rating=settings.rating, time=settings.time
    )
    found, numbers, said = source.events, source.numbers, [*table.notes, *source.decisions]
    if most is not None and most < numbers.size:
        order = np.random.default_rng(settings.seed).permutation(np.unique(found.person))
        sizes = np.cumsum([(found.person == name).sum() for name in order])
        chosen = np.flatnonzero(np.isin(found.person, order[: max(2, int(np.searchsorted(sizes, most)))]))
        found, numbers = take(found, chosen), numbers[chosen]
        said.append(f"only {numbers.size:,} ratings are used, those of people drawn at random")
    if np.ptp(found.rating) == 0:
        raise TableError(
            f"rating: all values of {settings.rating!r} are the same, so there is nothing to predict; start from the "
            "template recommendation/implicit, which learns from what people take"
        )
    return Data(settings.table, table.sha256, found, numbers, tuple(said), "rating")


def split(data: Data[Events], settings: Settings) -> Split:
    """Returns the latest ratings as the test where there is a time, else ratings drawn at random."""
    if settings.time is not None:
        return splits.by_time(data.examples.time, name=settings.time, test_share=settings.test_share)._replace(
            noun="rating"
        )
    found = splits.shuffled(data.size, test_share=settings.test_share, seed=settings.seed)
    return found._replace(noun="rating")


def prepare(data: Data[Events], split: Split, settings: Settings) -> Prepared:
    """Returns the people and items of the training, and for each rating the place of both."""
    known = take(data.examples, split.train)
    people, items = tuple(np.unique(known.person).tolist()), tuple(np.unique(known.item).tolist())
    return Prepared(people, items, _places(data.examples.person, people), _places(data.examples.item, items))


def _places(names: events.Names, known: tuple[str, ...]) -> Rows:
    places = {name: place for place, name in enumerate(known)}
    return np.array([places.get(name, len(known)) for name in names.tolist()], dtype=np.int64)


def dummy(case: Run) -> Callable[[Rows], Answers]:
    """Returns the mean rating of each item, drawn a little towards the mean of all."""
    what, rating = case.prepared.what, case.data.examples.rating
    known, items = case.known, len(case.prepared.items) + 1
    mean = float(rating[known].mean())
    total = np.bincount(what[known], rating[known] - mean, minlength=items)
    means = mean + total / (np.bincount(what[known], minlength=items) + SHRINK)
    return lambda rows: Answers(means[what[rows]], np.zeros(rows.size))


def peer(case: Run) -> Callable[[Rows], Answers]:
    """Returns scikit-learn's Ridge on who rates and what is rated: the mean with a bias for each of both."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import Ridge

    _, _, who, what = case.prepared
    ones, rows = np.ones(who.size), np.arange(who.size)
    design = hstack([csr_matrix((ones, (rows, each)), (who.size, each.max() + 1)) for each in (who, what)]).tocsr()
    ridge = Ridge(alpha=SHRINK).fit(design[case.known], case.data.examples.rating[case.known])
    return lambda chosen: Answers(np.asarray(ridge.predict(design[chosen])), np.zeros(chosen.size))


def fit(case: Run) -> Fitted[Model]:
    """Returns draws of all people and items after the first `skipped` sweeps, which forget where they began."""
    settings, (people, items, who, what) = case.settings, case.prepared
    who, what, rating = who[case.known], what[case.known], case.data.examples.rating[case.known]
    mean = float(rating.mean())
    left = rating - mean
    tc.manual_seed(settings.seed)
    generator = np.random.default_rng(settings.seed)
    by_person = gibbs.batches(who, what, left, entries=len(people))
    by_item = gibbs.batches(what, who, left, entries=len(items))
    person, item = gibbs.start(len(people), settings.rank), gibbs.start(len(items), settings.rank)
    noise, average, kept = 1 / max(float(left.var()), 1e-12), np.zeros(left.size), []
    every = max(1, -(-(settings.sweeps - settings.skipped) // KEPT))
    history: list[training.Point] = []
    with (
        tc.no_grad(),
        training.watched(budget_seconds=settings.time_budget_seconds) as watch,
        training.bar(settings.sweeps, "sweep") as shown,
    ):
        for sweep in range(settings.sweeps):
            person = gibbs.draw(person, item, by_person, noise, generator)
            item = gibbs.draw(item, person, by_item, noise, generator)
            given = gibbs.ratings(person, item, who, what)
            noise = gibbs.draw_noise(left - given, generator)
            if sweep >= min(settings.skipped, settings.sweeps - 1) or watch.reason:
                average += given
                if not (sweep - settings.skipped) % every or watch.reason:
                    kept.append((_with_unknown(person), _with_unknown(item)))
            history.append(training.Point(sweep + 1, float(((left - given) ** 2).mean()), None))
            shown.update()
            if watch.reason:
                break
        run = training.ended(watch, watch.reason or "all sweeps done", "sweep", history)
    person_draws, item_draws = (np.stack(each, axis=1).astype(np.float32) for each in zip(*kept, strict=True))
    low, high = float(rating.min()), float(rating.max())
    model = Model(people, items, mean, low, high, person_draws, item_draws)
    new = [
        int((each[case.split.test] == len(known)).sum())
        for each, known in zip(case.prepared[2:], (people, items), strict=True)
    ]
    said = f"{new[0]:,} test ratings are of people, and {new[1]:,} of items, that the training has no rating of"
    return Fitted(model, *run, (said,) if any(new) else (), {"draws": len(kept), "noise": noise**-0.5})


def _with_unknown(drawn: gibbs.Draw) -> Vector:
    return np.concatenate([drawn.rows.numpy(), drawn.unknown[None]])


def predict(model: Model, examples: Events, settings: Settings) -> Answers:
    """Returns the mean of what all draws say of each pair, each kept to the range of the ratings."""
    who, what = _places(examples.person, model.people), _places(examples.item, model.items)
    expected, spread = np.zeros((2, who.size))
    for begin in range(0, who.size, CHUNK_ROWS):
        part = slice(begin, begin + CHUNK_ROWS)
        one, other = model.person_draws[who[part]].astype(np.float64), model.item_draws[what[part]]
        drawn = (one[..., :-1] * other[..., :-1]).sum(axis=2) + one[..., -1] + other[..., -1] + model.mean
        drawn = drawn.clip(model.low, model.high)
        expected[part], spread[part] = drawn.mean(axis=1), drawn.std(axis=1)
    return Answers(expected, spread)


def score(case: Run, answers: Answers) -> metrics.Draws:
    """Returns RMSE, MAE and R² of the test ratings."""
    return metrics.regression(case.data.examples.rating[case.split.test], answers.rating, seed=case.settings.seed)


def shown(answers: Answers, model: Model) -> pl.DataFrame:
    """Returns the expected rating of each pair, and how sure it is."""
    return pl.DataFrame({"predicted": answers.rating, "standard deviation": answers.spread})


def actual(case: Run) -> pl.DataFrame:
    """Returns who rated what, and how, for each test rating."""
    test = take(case.data.examples, case.split.test)
    return pl.DataFrame({"person": test.person.tolist(), "item": test.item.tolist(), "actual": test.rating})


def questions(case: Run) -> pl.DataFrame:
    """Returns the test pairs without their ratings."""
    test = take(case.data.examples, case.split.test)
    return pl.DataFrame({case.settings.person: test.person.tolist(), case.settings.item: test.item.tolist()})


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Events:
    """Returns the pairs of a table of people and items, one a row; raises `TableError` where a column is not there."""
    for name in (settings.person, settings.item):
        if name not in table.columns:
            raise TableError(
                f"the table has no column {name!r}, which the model needs{did_you_mean(name, table.columns)}"
            )
    found = events.read(table, person=settings.person, item=settings.item)
    if found.numbers.size != table.height:
        raise TableError(f"a row has no person ({settings.person!r}) or no item ({settings.item!r}); remove it")
    return found.events


def save(model: Model, folder: Path) -> None:
    """Writes model.json (names and range) and weights.safetensors (the draws)."""
    about = {"schema": SCHEMA, "people": model.people, "items": model.items}
    about |= {"mean": model.mean, "low": model.low, "high": model.high}
    files.write(folder / NAMES_FILE, json.dumps(about, ensure_ascii=False) + "\n")
    draws = {"person": tc.as_tensor(model.person_draws), "item": tc.as_tensor(model.item_draws)}
    tc.nn.save_safetensors(draws, folder / WEIGHTS_FILE)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    about = files.read_json(folder / NAMES_FILE, remedy="run train.py first")
    try:
        draws = tc.nn.load_safetensors(folder / WEIGHTS_FILE)
        person, item = draws["person"].numpy(), draws["item"].numpy()
        people, items = tuple(map(str, about["people"])), tuple(map(str, about["items"]))
        if (about["schema"], len(person), len(item)) != (SCHEMA, len(people) + 1, len(items) + 1):
            raise ValueError("names and draws do not agree")
        return Model(people, items, float(about["mean"]), float(about["low"]), float(about["high"]), person, item)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the expected rating as a function of the places of person and item in model.json."""
    draws, width = model.person_draws.shape[1:]
    person, item = (tc.as_tensor(each.reshape(len(each), -1)) for each in (model.person_draws, model.item_draws))

    def expected(who: tc.Tensor, what: tc.Tensor) -> tc.Tensor:
        one = tc.embedding(who, person).reshape(-1, draws, width)
        other = tc.embedding(what, item).reshape(-1, draws, width)
        product = (one[:, :, : width - 1] * other[:, :, : width - 1]).sum(2)
        drawn = product + one[:, :, width - 1] + other[:, :, width - 1] + model.mean
        found: tc.Tensor = drawn.clamp(model.low, model.high).mean(1)
        return found

    return Onnx(expected, [tc.as_tensor(np.array([0, 1])), tc.as_tensor(np.array([0, 1]))])


def features(model: Model) -> tuple[str, ...]:
    """Returns what the model sees of a pair."""
    return ("person", "item")


def draw(folder: Path, trained: Trained[Settings, Events, Prepared, Model, Answers]) -> None:
    """Draws predictions beside the truth, the error along the sweeps, and the check on censored feedback."""
    case = trained.case
    truth = case.data.examples.rating[case.split.test]
    plots.predicted_vs_actual(
        folder / "predicted_vs_actual.png", truth, trained.ours.rating, target=case.settings.rating
    )
    plots.learning_curve(
        folder / "learning_curve.png", trained.fitted.history, title="mean squared error of a draw, training ratings"
    )


def also(folder: Path, trained: Trained[Settings, Events, Prepared, Model, Answers]) -> None:
    """Writes censored_feedback.json: what it costs when people rate what they like, and what the weights give back."""
    found = censoring.check(seed=trained.case.settings.seed)
    files.write(folder / "censored_feedback.json", json.dumps(found._asdict(), indent=1) + "\n")


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Bayesian matrix factorisation of ratings",
    dummy_title="mean of the item",
    peer_title="scikit-learn Ridge",
    metrics=metrics.chosen("rmse", "mae", "r2"),
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
    take=take,
    onnx=onnx,
    features=features,
    plots=draw,
    files=also,
    smoke={"sweeps": 20, "skipped": 5, "rank": 5},
    smoke_examples=None,
)
