"""k-means on tensor_core: groups of rows that are alike; beside it one group for all, and scikit-learn's KMeans."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from kmeans import Grouping, distances, lloyd, nearest

import tensor_core as tc
from models.kit import files, metrics, plots, preprocess, report, tabular, training, unlabelled
from models.kit.config import Between
from models.kit.errors import TableError, count
from models.kit.metrics import Draws, Metric
from models.kit.preprocess import Preprocess
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained

MOST_TRIED, MOST_COMPARED = 10, 2_000  # groups that are tried where no number is set, and rows they are tried on
STEADY, SHAKY = 0.8, 0.5  # adjusted Rand index between groupings of resamples
GROUPS_FILE, STABILITY_FILE = "groups.csv", "stability.json"


@dataclass(frozen=True, kw_only=True)
class Settings(unlabelled.Settings):
    """The settings of config.yaml."""

    metric: Literal["explained", "ari"]
    clusters: Annotated[int, Between(2, 10_000)] | None
    starts: Annotated[int, Between(1, 1_000)]
    iterations: Annotated[int, Between(1, 100_000)]
    resamples: Annotated[int, Between(2, 200)]


class Prepared(NamedTuple):
    """What the training rows taught about the columns, the design matrix of all rows, and how many groups to find."""

    learned: Preprocess
    inputs: unlabelled.Matrix
    clusters: int


class Model(NamedTuple):
    """What was learned about the columns, the centres (clusters × features), and the agreement of resamples."""

    learned: Preprocess
    centres: tc.Tensor
    agreement: tuple[float, ...]


class Groups(NamedTuple):
    """The group of each row, from 0, and its squared distance to the centre of that group."""

    group: npt.NDArray[np.int64]
    squares: npt.NDArray[np.float64]


Run = Case[Settings, pl.DataFrame, Prepared]


def prepare(data: Data[pl.DataFrame], split: Split, settings: Settings) -> Prepared:
    """Returns the design matrix of all rows, and how many groups are asked for or lie most clearly apart."""
    learned, inputs = unlabelled.prepare(data, split, settings)
    return Prepared(learned, inputs, settings.clusters or clearest(inputs[split.train], settings))


def clearest(inputs: unlabelled.Matrix, settings: Settings) -> int:
    """Returns the number of groups whose rows are nearest to their own group beside the next (Rousseeuw, 1987)."""
    from sklearn.metrics import silhouette_score

    generator = np.random.default_rng(settings.seed)
    rows = np.unique(inputs, axis=0)
    rows = rows[generator.permutation(len(rows))[:MOST_COMPARED]]
    if len(rows) < 3:
        raise TableError(f"clusters: only {count(len(rows), 'row')} differ, too few to find groups in")

    def apart(clusters: int) -> float:
        centres = lloyd(tc.as_tensor(rows), clusters, generator, most=settings.iterations).centres
        groups = nearest(tc.as_tensor(rows), centres)[0].numpy()
        return float(silhouette_score(rows, groups)) if 1 < len(set(groups)) < len(rows) else -1.0

    return max(range(2, min(MOST_TRIED, len(rows) - 1) + 1), key=apart)


def dummy(case: Run) -> Callable[[Rows], Groups]:
    """Returns what needs no model: one group, whose centre is the mean of the training rows."""
    inputs = case.prepared.inputs
    centre = inputs[case.split.train].mean(axis=0)
    return lambda rows: Groups(np.zeros(rows.size, dtype=np.int64), ((inputs[rows] - centre) ** 2).sum(axis=1))


def peer(case: Run) -> Callable[[Rows], Groups]:
    """Returns scikit-learn's KMeans with as many starts, on the same numbers."""
    from sklearn.cluster import KMeans

    settings, inputs = case.settings, case.prepared.inputs
    clusters, starts = case.prepared.clusters, settings.starts
    means = KMeans(clusters, n_init=starts, max_iter=settings.iterations, random_state=settings.seed)
    means.fit(inputs[case.split.train])

    def groups(rows: Rows) -> Groups:
        squares = means.transform(inputs[rows]) ** 2
        return Groups(squares.argmin(axis=1), squares.min(axis=1))

    return groups


def fit(case: Run) -> Fitted[Model]:
    """Returns the best of several runs of Lloyd's algorithm (1982), each started by greedy k-means++ (2007).

    Then pairs of bootstrap samples are grouped, too: how far the two groupings of all rows agree (adjusted Rand index,
    as in Hennig, 2007) says whether the groups are in the world or only in these rows.
    """
    settings, inputs, clusters = case.settings, case.prepared.inputs[case.split.train], case.prepared.clusters
    if (different := len(np.unique(inputs, axis=0))) < clusters:
        raise TableError(f"clusters: {clusters} groups are asked for, but only {different:,} rows differ")
    rows, generator = tc.as_tensor(inputs), np.random.default_rng(settings.seed)
    runs: list[Grouping] = []
    history: list[training.Point] = []
    agreement: list[float] = []
    with training.watched(budget_seconds=settings.time_budget_seconds) as watch:
        with training.bar(settings.starts, "start") as shown:
            for start in range(settings.starts):
                runs.append(lloyd(rows, clusters, generator, most=settings.iterations))
                history.append(training.Point(start + 1, runs[-1].inertia / len(inputs), None))
                shown.update()
                if watch.reason:
                    break
        while len(agreement) < settings.resamples and not watch.reason:
            agreement.append(_agreement(inputs, clusters, settings, generator))
    best = min(runs, key=lambda each: each.inertia)
    clearest_of = f"{clusters} groups: of 2 to {MOST_TRIED} the number that lies most clearly apart"
    chosen = [clearest_of] if settings.clusters is None else []
    run = training.ended(watch, watch.reason or "all starts done", "start", history)
    steadiness = float(np.mean(agreement)) if agreement else None
    facts = {"stability": {"adjusted_rand": steadiness, "pairs": len(agreement)}}
    notes = (*preprocess.unlearned(case.prepared.learned, case.data.about), *chosen, steady(agreement))
    return Fitted(Model(case.prepared.learned, best.centres, tuple(agreement)), *run, notes, facts)


def _agreement(inputs: unlabelled.Matrix, clusters: int, settings: Settings, generator: np.random.Generator) -> float:
    """Returns how far the groupings from two bootstrap samples agree on all rows."""
    from sklearn.metrics import adjusted_rand_score

    every = tc.as_tensor(inputs)
    groupings = []
    for _ in range(2):
        sample = np.unique(generator.integers(0, len(inputs), len(inputs)))  # a doubled row would be a group of its own
        runs = [
            lloyd(tc.as_tensor(inputs[sample]), clusters, generator, most=settings.iterations)
            for _ in range(min(3, settings.starts))
        ]
        groupings.append(nearest(every, min(runs, key=lambda run: run.inertia).centres)[0].numpy())
    return float(adjusted_rand_score(*groupings))


def steady(agreement: list[float]) -> str:
    """Returns, in a sentence, whether the groups come back in other samples.

    >>> steady([0.9, 0.95])
    'groups of two bootstrap samples agree: adjusted Rand index 0.93 (0.90 to 0.95); the groups are steady'
    """
    if not agreement:
        return "no time was left to see whether the groups come back in other samples"
    mean = float(np.mean(agreement))
    verdict = "the groups are steady" if mean > STEADY else "many rows change sides, so take fewer groups, or none"
    return (
        f"groups of two bootstrap samples agree: adjusted Rand index {mean:.2f} "
        f"({min(agreement):.2f} to {max(agreement):.2f}); {verdict}"
    )


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Groups:
    """Returns the group of each row."""
    rows = tc.as_tensor(preprocess.transform(model.learned, table))
    group, squares = nearest(rows, model.centres)
    return Groups(group.numpy(), squares.numpy())


def score(case: Run, found: Groups) -> Draws:
    """Returns the share of the spread that the groups explain, their inertia, and agreement with the column `check`."""
    test, seed = case.split.test, case.settings.seed
    inputs = case.prepared.inputs[test]
    spread = ((inputs - case.prepared.inputs[case.split.train].mean(axis=0)) ** 2).sum(axis=1)
    draws = unlabelled.shares({"explained": np.column_stack([found.squares, spread])}, seed=seed)
    draws |= metrics.means({"inertia": found.squares}, seed=seed)
    known = unlabelled.known(case)
    if known is None:
        return draws
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    def agreement(rows: Rows) -> dict[str, float]:
        pair = known[rows], found.group[rows]
        return {"ari": adjusted_rand_score(*pair), "nmi": normalized_mutual_info_score(*pair)}

    return draws | metrics.resampled(agreement, test.size, seed=seed)


def shown(found: Groups, model: Model) -> pl.DataFrame:
    """Returns the group of each row, from 1, and how far the row is from its centre."""
    return pl.DataFrame({"group": found.group + 1, "distance": np.sqrt(found.squares)})


def save(model: Model, folder: Path) -> None:
    """Writes what was learned about the columns, the centres, and the agreement of resamples."""
    unlabelled.save(model.learned, {"centres": model.centres}, folder)
    files.write(folder / STABILITY_FILE, json.dumps({"adjusted_rand": model.agreement}) + "\n")


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    learned, arrays = unlabelled.load(folder, "centres")
    agreement = files.read_json(folder / STABILITY_FILE, remedy="run train.py first")["adjusted_rand"]
    return Model(learned, arrays["centres"], tuple(agreement))


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the squared distances to all centres as a function of the design matrix; the least is the group."""
    return Onnx(lambda rows: distances(rows, model.centres), tc.as_tensor(np.zeros((2, len(model.learned.features)))))


def groups(folder: Path, trained: Trained[Any, Any, Any, Model, Groups]) -> None:
    """Writes groups.csv: how many rows each group has, and its centre in the columns' own units."""
    model = trained.fitted.model
    sizes = np.bincount(trained.ours.group, minlength=len(model.centres))
    table = unlabelled.decoded(model.learned, model.centres.numpy())
    names = ["group", "rows", *table.columns]
    rows = [[place + 1, int(size), *row] for place, (size, row) in enumerate(zip(sizes, table.rows(), strict=True))]
    files.write(folder / GROUPS_FILE, report.to_csv(names, rows))


def draw(folder: Path, trained: Trained[Any, pl.DataFrame, Prepared, Model, Groups]) -> None:
    """Draws the rows in the plane in which they differ most, in the colour of their group."""
    seen = unlabelled.plane(trained.case.prepared.inputs[trained.case.split.test])
    title = "The groups, as far as a plane can show them"
    plots.plane(folder / "groups.png", seen, groups=trained.ours.group.tolist(), title=title, axis="component")


def refusal(trained: Trained[Any, Any, Any, Model, Groups]) -> str | None:
    """Returns why the groups should not be used: other samples of the same kind give other groups."""
    agreement = trained.fitted.model.agreement
    if not agreement or np.mean(agreement) >= SHAKY:
        return None
    return (
        "The groups do not come back in other samples "
        f"(adjusted Rand index {np.mean(agreement):.2f}, below {SHAKY}): "
        "they say little about new rows: take fewer groups, or the baseline, one group."
    )


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: f"k-means with {settings.clusters or 'the clearest number of'} groups",
    dummy_title="one group",
    peer_title="scikit-learn KMeans",
    metrics={
        "explained": Metric("spread explained", higher_is_better=True),
        "inertia": Metric("inertia a row", higher_is_better=False),
        "ari": Metric("adjusted Rand index", higher_is_better=True),
        "nmi": Metric("mutual information", higher_is_better=True),
    },
    read=unlabelled.read,
    split=unlabelled.everything,
    prepare=prepare,
    dummy=dummy,
    peer=peer,
    fit=fit,
    predict=predict,
    score=score,
    shown=shown,
    actual=unlabelled.actual,
    questions=unlabelled.questions,
    inputs=tabular.inputs,
    save=save,
    load=load,
    take=tabular.take,
    onnx=onnx,
    features=unlabelled.features,
    plots=draw,
    files=groups,
    refusal=refusal,
    smoke={"starts": 3, "resamples": 3},
    smoke_examples=None,
)
