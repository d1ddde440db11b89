"""The order of the candidates of a list: networks under a listwise loss; beside them one column, and LambdaMART.

Each column is standardised within its list (what counts is how a candidate compares with the others), and beside it
stands the column as it is. A few small networks learn the softmax over the candidates of a list (Cao et al., 2007,
Learning to Rank: From Pairwise Approach to Listwise Approach), weighted by grade; their mean score is the order.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import (
    cells,
    columns,
    config,
    dataset,
    events,
    files,
    metrics,
    plots,
    preprocess,
    ranking_metrics,
    splits,
    training,
)
from models.kit.config import Between
from models.kit.errors import ArtefactError, TableError, Unavailable, did_you_mean
from models.kit.preprocess import Preprocess
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Onnx, Task, Trained

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]

SCHEMA = 1
SHAPE_FILE, WEIGHTS_FILE = "model.json", "weights.safetensors"
FARTHEST = 6.0  # standard deviations; what is farther away counts as this far
PEER_PENALTY = 1.0  # inverse strength of scikit-learn's
TREES = 150  # of LambdaMART


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["ndcg", "mrr", "precision", "recall"]
    peer: Literal["logistic", "lambdamart"]
    query: str
    target: str
    candidate: str | None
    time: str | None
    leave_out: tuple[str, ...]
    test_share: Annotated[float, Between(0.05, 0.5)]
    networks: Annotated[int, Between(1, 100)]
    hidden: Annotated[int, Between(1, 4_096)]
    dropout: Annotated[float, Between(0, 0.95)]
    learning_rate: Annotated[float, Between(1e-8, 10)]
    weight_decay: Annotated[float, Between(0, 10)]
    epochs: Annotated[int, Between(1, 100_000)]
    candidates_at_once: Annotated[int, Between(2, 1_000_000)]
    within_list_only: Literal["yes", "no"]


class Prepared(NamedTuple):
    """What the training rows taught about the columns, the inputs of all rows, their grades, the rows of each list."""

    learned: Preprocess
    inputs: Matrix
    grades: Vector
    lists: dict[str, Rows]


class Model(NamedTuple):
    """What was learned about the columns, whether they stand beside their standardised form, and the networks."""

    learned: Preprocess
    both: bool
    nets: tuple[tc.nn.Module, ...]


Run = Case[Settings, pl.DataFrame, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[pl.DataFrame]:
    """Returns the graded candidates; with `most`, only as many lists, drawn at random, as hold about so many."""
    table = dataset.table(settings.table, folder=folder)
    frame, said = table.frame, list(table.notes)
    for setting in ("query", "target", "candidate", "time"):
        name = getattr(settings, setting)
        if name is not None:
            columns.check_name(frame, name, setting=setting)
    grades = events.numbers(frame[settings.target], setting="target")
    known = np.flatnonzero(~np.isnan(grades) & cells.texts(frame[settings.query]).is_not_null().to_numpy())
    if grades[known].size == 0 or grades[known].min() < 0 or grades[known].max() <= 0:
        raise TableError(f"target: {settings.target!r} needs grades of 0 (not relevant) and above; 1 for a yes")
    queries = columns.grouped(frame[settings.query])
    if most is not None and most < known.size:
        order = np.random.default_rng(settings.seed).permutation(np.unique(queries[known]))
        sizes = np.cumsum([(queries[known] == name).sum() for name in order])
        kept = order[: max(10, int(np.searchsorted(sizes, most)))]
        known = known[np.isin(queries[known], kept)]
        said.append(f"only {len(kept):,} lists are used, drawn at random")
    _check_lists(queries[known], settings.query)
    roles = columns.assign(
        frame[known], target=settings.target, task="regression", group=settings.query, time=settings.time,
        leave_out=(*settings.leave_out, *((settings.candidate,) if settings.candidate else ())),
    )  # fmt: skip
    return Data(
        settings.table, table.sha256, frame[known], known + 1, (*said, *roles.decisions), "candidate", about=roles
    )


def _check_lists(queries: npt.NDArray[np.str_], name: str) -> None:
    sizes = np.unique(queries, return_counts=True)[1]
    if sizes.size < 5 or np.median(sizes) < 2:
        raise TableError(
            f"query: {name!r} makes {sizes.size:,} lists of {np.median(sizes):g} candidates each; five lists of two or "
            "more candidates are the least: name the column that candidates of one list have in common"
        )


def split(data: Data[pl.DataFrame], settings: Settings) -> Split:
    """Returns whole lists as the test, the latest ones where there is a time."""
    queries = columns.grouped(data.examples[settings.query])
    if settings.time is not None:
        times = columns.ordered(data.examples[settings.time]).astype(np.float64)
        names, member = np.unique(queries, return_inverse=True)
        first = np.array([np.nanmin(times[member == place]) for place in range(names.size)])
        return splits.by_time(first[member], name=settings.time, test_share=settings.test_share)._replace(
            noun="candidate"
        )
    found = splits.by_group(queries, name=settings.query, test_share=settings.test_share, seed=settings.seed)
    return found._replace(noun="candidate")


def prepare(data: Data[pl.DataFrame], split: Split, settings: Settings) -> Prepared:
    """Returns the inputs of all candidates, and which candidates make a list."""
    learned = preprocess.fit(data.examples[split.train], data.about, rare_level_rows=5)
    grades = events.numbers(data.examples[settings.target], setting="target")
    return Prepared(learned, _inputs(data.examples, learned, settings), grades, _lists(data.examples, settings))


def _lists(table: pl.DataFrame, settings: Settings) -> dict[str, Rows]:
    queries = columns.grouped(table[settings.query])
    names, member = np.unique(queries, return_inverse=True)
    order = np.argsort(member, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(member, minlength=names.size))[:-1])
    return dict(zip(names.tolist(), parts, strict=True))


def _inputs(table: pl.DataFrame, learned: Preprocess, settings: Settings) -> Matrix:
    """Returns the columns standardised within each list, and beside them as they are unless that is not wanted."""
    plain = preprocess.transform(learned, table)
    within = np.empty_like(plain)
    for rows in _lists(table, settings).values():
        part = plain[rows]
        spread = part.std(axis=0)
        within[rows] = ((part - part.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).clip(-FARTHEST, FARTHEST)
    parts = [within] if settings.within_list_only == "yes" else [within, plain.clip(-FARTHEST, FARTHEST)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def dummy(case: Run) -> Callable[[Rows], Vector]:
    """Returns the order by the one column, up or down, that orders the training lists best."""
    learned, inputs, grades, lists = case.prepared
    known = set(case.known.tolist())
    trained = [rows for rows in lists.values() if rows[0] in known]
    within = inputs[:, : len(learned.features)]
    best, column, sign = -1.0, 0, 1.0
    for place in range(within.shape[1]):
        for way in (1.0, -1.0):
            found = np.nanmean(
                [ranking_metrics.of_grades(way * within[rows, place], grades[rows])["ndcg"] for rows in trained]
            )
            if found > best:
                best, column, sign = float(found), place, way
    return lambda rows: sign * within[rows, column].astype(np.float64)


def peer(case: Run) -> Callable[[Rows], Vector]:
    """Returns scikit-learn's logistic regression of relevant or not, on the columns standardised within each list.

    Or, where the settings say so, the LambdaMART of LightGBM (Burges, 2010) on the inputs that ours has.
    """
    if case.settings.peer == "lambdamart":
        return _lambdamart(case)
    from sklearn.linear_model import LogisticRegression

    within = case.prepared.inputs[:, : len(case.prepared.learned.features)]
    relevant = case.prepared.grades[case.known] > 0
    learner = LogisticRegression(C=PEER_PENALTY, max_iter=300).fit(within[case.known], relevant)
    return lambda rows: np.asarray(learner.decision_function(within[rows]), dtype=np.float64)


def _lambdamart(case: Run) -> Callable[[Rows], Vector]:
    try:
        import lightgbm
    except ImportError:
        raise Unavailable("lightgbm is not installed; pip install lightgbm") from None
    _, inputs, grades, lists = case.prepared
    known = set(case.known.tolist())
    trained = [rows for rows in lists.values() if rows[0] in known]
    order = np.concatenate(trained)
    steps = np.unique(grades, return_inverse=True)[1]  # its gains are of whole numbers from nought on
    ranker = lightgbm.LGBMRanker(
        n_estimators=TREES, random_state=case.settings.seed, n_jobs=case.settings.threads, deterministic=True,
        force_row_wise=True, verbosity=-1,
    )  # fmt: skip
    ranker.fit(inputs[order], steps[order], group=[rows.size for rows in trained])
    return lambda rows: np.asarray(ranker.predict(inputs[rows]), dtype=np.float64)


def build(inputs: int, *, hidden: int, dropout: float) -> tc.nn.Module:
    """Returns a network with two hidden layers that gives one score for each candidate."""
    return tc.nn.Sequential(
        tc.nn.Dropout(dropout / 2), tc.nn.Linear(inputs, hidden), tc.nn.GELU(), tc.nn.Dropout(dropout),
        tc.nn.Linear(hidden, hidden), tc.nn.GELU(), tc.nn.Dropout(dropout), tc.nn.Linear(hidden, 1),
    )  # fmt: skip


def listwise(scores: tc.Tensor, relevant: int, weight: tc.Tensor) -> tc.Tensor:
    """Returns the weighted mean, over the first `relevant` candidates, of −log softmax of each against all others.

    >>> round(listwise(tc.as_tensor([1.0, 1.0]), 1, tc.as_tensor([1.0])).item(), 4)
    0.6931
    """
    others = tc.logsumexp(scores[relevant:], 0)
    loss: tc.Tensor = (weight * tc.softplus(others - scores[:relevant])).sum()
    return loss


def fit(case: Run) -> Fitted[Model]:
    """Returns the networks, each trained from a start of its own, one list a step."""
    settings, (learned, inputs, grades, lists) = case.settings, case.prepared
    known = set(case.known.tolist())
    trained = [rows for rows in lists.values() if rows[0] in known and 0 < (grades[rows] > 0).sum() < rows.size]
    if not trained:
        raise TableError("no training list has both a relevant and another candidate, so there is no order to learn")
    nets: list[tc.nn.Module] = []
    history: list[training.Point] = []
    with (
        training.watched(budget_seconds=settings.time_budget_seconds) as watch,
        training.bar(settings.networks * settings.epochs, "epoch") as shown,
    ):
        for number in range(settings.networks):
            tc.manual_seed(settings.seed * 1_000 + number)
            generator = np.random.default_rng([settings.seed, number])
            net = build(inputs.shape[1], hidden=settings.hidden, dropout=settings.dropout)
            nets.append(net)
            _train(net, trained, case, generator, watch, history, shown)
            if watch.reason:
                break
        run = training.ended(watch, watch.reason or f"all {len(nets)} networks done", "epoch", history)
    for net in nets:
        net.eval()
    return Fitted(Model(learned, settings.within_list_only == "no", tuple(nets)), *run)


def _train(
    net: tc.nn.Module, trained: list[Rows], case: Run, generator: np.random.Generator, watch: training.Watch,
    history: list[training.Point], shown: Any,
) -> None:  # fmt: skip
    settings, (_, inputs, grades, _) = case.settings, case.prepared
    adam = tc.optim.AdamW(net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    total_steps = settings.epochs * len(trained)
    schedule = tc.optim.Schedule(adam, lambda step: tc.optim.cosine_factor(step, total=total_steps))
    for _ in range(settings.epochs):
        total = 0.0
        for place in generator.permutation(len(trained)):
            rows = trained[place]
            good = rows[grades[rows] > 0]
            bad = generator.permutation(rows[grades[rows] <= 0])[: settings.candidates_at_once]
            weight = grades[good] / grades[good].sum()
            scores = net(tc.as_tensor(inputs[np.concatenate([good, bad])])).reshape(-1)
            loss = listwise(scores, good.size, tc.as_tensor(weight.astype(np.float32)))
            adam.zero_grad()
            loss.backward()
            adam.step()
            schedule.step()
            total += loss.item()
            if watch.reason:
                break
        history.append(training.Point(len(history) + 1, total / len(trained), None))
        shown.update()
        if watch.reason:
            return


def predict(model: Model, table: pl.DataFrame, settings: Settings) -> Vector:
    """Returns the mean score of the networks for each candidate; only the order within a list means anything."""
    inputs = tc.as_tensor(_inputs(table, model.learned, settings))
    with tc.no_grad():
        return np.asarray(np.mean([net(inputs).numpy()[:, 0] for net in model.nets], axis=0), dtype=np.float64)


def score(case: Run, scores: Vector) -> metrics.Draws:
    """Returns NDCG, MRR, precision and recall of the first ten, resampled by list; lists without a find are out."""
    at = {row: place for place, row in enumerate(case.split.test.tolist())}
    tested = [rows for rows in case.prepared.lists.values() if rows[0] in at]
    values = [
        ranking_metrics.of_grades(scores[[at[row] for row in rows.tolist()]], case.prepared.grades[rows])
        for rows in tested
    ]
    return metrics.means(
        {name: [value[name] for value in values] for name in ("ndcg", "mrr", "precision", "recall")},
        seed=case.settings.seed,
    )


def shown(scores: Vector, model: Model) -> pl.DataFrame:
    """Returns the score of each candidate; the highest of a list comes first."""
    return pl.DataFrame({"score": scores})


def actual(case: Run) -> pl.DataFrame:
    """Returns list, candidate and grade of each test row."""
    settings, test = case.settings, case.data.examples[case.split.test]
    named = {} if settings.candidate is None else {"candidate": cells.texts(test[settings.candidate])}
    return pl.DataFrame(
        {"list": cells.texts(test[settings.query]), **named, "grade": case.prepared.grades[case.split.test]}
    )


def questions(case: Run) -> pl.DataFrame:
    """Returns the test candidates without their grades."""
    return case.data.examples[case.split.test].drop(case.settings.target)


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> pl.DataFrame:
    """Returns the table as it is; raises `TableError` where it is not as in training."""
    if settings.query not in table.columns:
        hint = did_you_mean(settings.query, table.columns)
        raise TableError(f"the table has no column {settings.query!r}, which says what is one list{hint}")
    preprocess.check(model.learned, table)
    return table


def take(table: pl.DataFrame, rows: Rows) -> pl.DataFrame:
    """Returns those rows of the table."""
    return table[rows]


def save(model: Model, folder: Path) -> None:
    """Writes preprocess.json, model.json (shape) and weights.safetensors (all networks)."""
    state = {
        f"{place}.{name}": value for place, net in enumerate(model.nets) for name, value in net.state_dict().items()
    }
    hidden = next(int(weight.shape[0]) for weight in model.nets[0].parameters())
    about = {"schema": SCHEMA, "networks": len(model.nets), "hidden": hidden, "both": model.both}
    files.write(folder / SHAPE_FILE, json.dumps(about) + "\n")
    tc.nn.save_safetensors(state, folder / WEIGHTS_FILE)
    preprocess.save(model.learned, folder / preprocess.FILE)


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    about = files.read_json(folder / SHAPE_FILE, remedy="run train.py first")
    learned = preprocess.load(folder / preprocess.FILE)
    try:
        state = tc.nn.load_safetensors(folder / WEIGHTS_FILE)
        both, nets = bool(about["both"]), []
        for place in range(int(about["networks"])):
            net = build(len(learned.features) * (1 + both), hidden=int(about["hidden"]), dropout=0.0)
            start = f"{place}."
            net.load_state_dict(
                {name.removeprefix(start): value for name, value in state.items() if name.startswith(start)}
            )
            net.eval()
            nets.append(net)
        return Model(learned, both, tuple(nets))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtefactError(f"{folder}: the saved model does not fit ({error}); run train.py again") from None


def onnx(model: Model, settings: Settings) -> Onnx:
    """Returns the mean score as a function of the inputs: columns standardised within the list, then as they are."""
    width = len(model.learned.features) * (1 + model.both)

    def mean(inputs: tc.Tensor) -> tc.Tensor:
        found: tc.Tensor = tc.cat([net(inputs) for net in model.nets], 1).mean(1)
        return found

    return Onnx(mean, tc.as_tensor(np.zeros((2, width), dtype=np.float32)))


def draw(folder: Path, trained: Trained[Settings, pl.DataFrame, Prepared, Model, Vector]) -> None:
    """Draws the learning curve of all networks, one after the other."""
    plots.learning_curve(
        folder / "learning_curve.png", trained.fitted.history, title="listwise softmax loss, all networks"
    )


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Learning to rank, listwise",
    dummy_title="best single column",
    peer_title=lambda settings: "scikit-learn logistic" if settings.peer == "logistic" else "LightGBM LambdaMART",
    metrics=ranking_metrics.chosen("ndcg", "mrr", "precision", "recall"),
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
    features=lambda model: model.learned.features,
    plots=draw,
    smoke={"epochs": 4, "networks": 1},
    smoke_examples=None,
)
