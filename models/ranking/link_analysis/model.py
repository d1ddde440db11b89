"""The importance of the nodes of a network: PageRank; beside it the incoming links, and networkx.

A walk follows links with chance `damping`, by their weights, and starts anew anywhere else; from a node without links
out it always starts anew. The score of a node is its share of the visits (Page, Brin, Motwani and Winograd, 1999).
There is nothing to learn and nothing held back: what is measured is how far scores are from the walk's fixed point.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

import tensor_core as tc
from models.kit import cells, columns, config, dataset, events, files, metrics, plots, splits, training
from models.kit.config import Between
from models.kit.errors import ArtefactError, TableError, Unavailable, count
from models.kit.metrics import Metric
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, Fitted, Task, Trained

Vector = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Names = npt.NDArray[np.str_]

SCHEMA = 1
SCORES_FILE = "model.json"
FIRST = 10  # places whose stability is looked at
DRAWS = 20  # of links that stay
PEER_TOLERANCE = 1e-14  # of networkx, for each node


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """The settings of config.yaml."""

    metric: Literal["distance"]
    source_node: str
    target_node: str
    weight: str | None
    damping: Annotated[float, Between(0, 0.9999)]
    tolerance: Annotated[float, Between(1e-15, 1)]
    most_rounds: Annotated[int, Between(1, 10_000_000)]
    removed_share: Annotated[float, Between(0.01, 0.9)]


class Graph(NamedTuple):
    """The nodes by name, and each link: from where, to where, and how much of its source's links it makes up."""

    nodes: tuple[str, ...]
    start: Places
    end: Places
    weight: Vector


class Model(NamedTuple):
    """The score of each node."""

    nodes: tuple[str, ...]
    scores: Vector


Run = Case[Settings, Names, Graph]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Names]:
    """Returns the nodes; what links them is `about`. Links that stand twice are added up, those to oneself stay."""
    table = dataset.table(settings.table, folder=folder)
    for setting in ("source_node", "target_node", "weight"):
        name = getattr(settings, setting)
        if name is not None:
            columns.check_name(table.frame, name, setting=setting)
    ends = [cells.texts(table.frame[name]) for name in (settings.source_node, settings.target_node)]
    weight = np.ones(table.frame.height)
    if settings.weight is not None:
        weight = events.numbers(table.frame[settings.weight], setting="weight")
    known = np.flatnonzero((ends[0].is_not_null() & ends[1].is_not_null()).to_numpy() & (weight > 0))
    if not known.size:
        raise TableError("no row has a source, a target and a weight above 0; check the names of the columns")
    begin, end = (each.fill_null("").to_numpy().astype(np.str_)[known] for each in ends)
    nodes, member = np.unique(np.concatenate([begin, end]), return_inverse=True)
    first = np.unique(member, return_index=True)[1] % known.size
    lost = table.frame.height - known.size
    said = (f"{count(lost, 'row')} without a source, target or weight above 0 left out",) if lost else ()
    graph = Graph(tuple(nodes.tolist()), member[: known.size], member[known.size :], weight[known])
    return Data(settings.table, table.sha256, nodes, known[first] + 1, (*table.notes, *said), "node", about=graph)


def split(data: Data[Names], settings: Settings) -> Split:
    """Returns all nodes twice: the scores describe the network that is there."""
    return splits.everything(data.size, noun="node")


def prepare(data: Data[Names], split: Split, settings: Settings) -> Graph:
    """Returns the links that reading has found."""
    found: Graph = data.about
    return found


def dummy(case: Run) -> Callable[[Rows], Vector]:
    """Returns each node's share of the incoming links, by weight."""
    graph = case.prepared
    incoming = np.bincount(graph.end, graph.weight, minlength=len(graph.nodes))
    return lambda rows: incoming[rows] / incoming.sum()


def peer(case: Run) -> Callable[[Rows], Vector]:
    """Returns PageRank of networkx; raises `Unavailable` where that is not installed."""
    try:
        import networkx  # type: ignore[import-untyped]  # the package has no types of its own
    except ImportError:
        raise Unavailable("networkx is not installed") from None
    graph, settings = case.prepared, case.settings
    network = networkx.DiGraph()
    network.add_nodes_from(range(len(graph.nodes)))
    for start, end, weight in zip(graph.start.tolist(), graph.end.tolist(), graph.weight.tolist(), strict=True):
        before = network.get_edge_data(start, end, {"weight": 0.0})["weight"]
        network.add_edge(start, end, weight=before + weight)
    found = networkx.pagerank(network, alpha=settings.damping, tol=PEER_TOLERANCE, max_iter=settings.most_rounds)
    scores = np.array([found[place] for place in range(len(graph.nodes))])
    return lambda rows: scores[rows]


def pagerank(graph: Graph, *, damping: float, tolerance: float, most_rounds: int) -> tuple[Vector, list[float]]:
    """Returns the share of visits of each node, and the change of all of them together after each round.

    >>> two = Graph(("a", "b"), np.array([0]), np.array([1]), np.ones(1))
    >>> scores, _ = pagerank(two, damping=0.5, tolerance=1e-12, most_rounds=100)
    >>> scores.round(4).tolist()  # b is pointed at, and has no links out
    [0.4, 0.6]
    """
    nodes = len(graph.nodes)
    out = np.bincount(graph.start, graph.weight, minlength=nodes)
    start, end = tc.as_tensor(graph.start), tc.as_tensor(graph.end)
    share = tc.as_tensor(graph.weight / out[graph.start])
    without = tc.as_tensor((out == 0).astype(np.float64))
    scores = tc.full((nodes,), 1 / nodes, dtype=tc.float64)
    changes: list[float] = []
    with tc.no_grad():
        while len(changes) < most_rounds and (not changes or changes[-1] > tolerance):
            followed = tc.zeros(nodes, dtype=tc.float64).index_add(0, end, scores[start] * share)
            anywhere = damping * (scores * without).sum() + (1 - damping)
            after = damping * followed + anywhere / nodes
            changes.append((after - scores).abs().sum().item())
            scores = after
    return np.asarray(scores.numpy()), changes


def fit(case: Run) -> Fitted[Model]:
    """Returns the scores, with a note on how many of the first ten keep their place when links are taken away."""
    settings, graph = case.settings, case.prepared
    options = {"damping": settings.damping, "tolerance": settings.tolerance}
    with training.watched(budget_seconds=settings.time_budget_seconds) as watch:
        scores, changes = pagerank(graph, **options, most_rounds=settings.most_rounds)
        history = [training.Point(step + 1, change, None) for step, change in enumerate(changes)]
        run = training.ended(watch, f"the scores change by {changes[-1]:.1e} in all", "round", history)
        kept = stability(graph, scores, settings)
    best = [graph.nodes[place] for place in np.argsort(-scores, kind="stable")[:FIRST]]
    said = (
        f"the first: {', '.join(best)}",
        f"{kept:.1f} of these {len(best)} stay when {settings.removed_share:.0%} of the links are taken away at random",
    )
    return Fitted(Model(graph.nodes, scores), *run, said, {"first": best, "stay": kept})


def stability(graph: Graph, scores: Vector, settings: Settings) -> float:
    """Returns how many of the first ten are still among them, on average, when a share of the links is removed."""
    first = np.argsort(-scores, kind="stable")[:FIRST]
    generator = np.random.default_rng(settings.seed)
    kept = []
    for _ in range(DRAWS):
        left = np.flatnonzero(generator.random(graph.start.size) >= settings.removed_share)
        part = graph._replace(start=graph.start[left], end=graph.end[left], weight=graph.weight[left])
        less, _ = pagerank(part, damping=settings.damping, tolerance=1e-8, most_rounds=settings.most_rounds)
        kept.append(np.intersect1d(first, np.argsort(-less, kind="stable")[:FIRST]).size)
    return float(np.mean(kept))


def predict(model: Model, names: Names, settings: Settings) -> Vector:
    """Returns the score of each node; one that is not in the network has none (NaN)."""
    scores = dict(zip(model.nodes, model.scores.tolist(), strict=True))
    return np.array([scores.get(name, np.nan) for name in names.tolist()])


def score(case: Run, scores: Vector) -> metrics.Draws:
    """Returns how far the scores are from what one more step of the walk, computed with scipy, makes of them."""
    from scipy.sparse import csr_matrix

    graph, damping = case.prepared, case.settings.damping
    nodes = len(graph.nodes)
    links = csr_matrix((graph.weight, (graph.end, graph.start)), (nodes, nodes))
    out = np.asarray(links.sum(axis=0)).ravel()
    followed = links @ np.divide(scores, out, out=np.zeros(nodes), where=out > 0)
    after = damping * followed + (damping * scores[out == 0].sum() + (1 - damping) * scores.sum()) / nodes
    return metrics.ratios({"distance": (np.abs(after - scores), scores)}, seed=case.settings.seed)


def inputs(table: pl.DataFrame, model: Model, settings: Settings) -> Names:
    """Returns the nodes of a table, in the column that is named as the source of links; raises `TableError`."""
    columns.check_name(table, settings.source_node, setting="source_node")
    return columns.grouped(table[settings.source_node]).astype(np.str_)


def save(model: Model, folder: Path) -> None:
    """Writes model.json: the nodes and their scores."""
    about = {"schema": SCHEMA, "scores": dict(zip(model.nodes, model.scores.tolist(), strict=True))}
    files.write(folder / SCORES_FILE, json.dumps(about, ensure_ascii=False) + "\n")


def load(folder: Path, settings: Settings) -> Model:
    """Returns what `save` wrote; raises `ArtefactError` where it is missing or damaged."""
    about = files.read_json(folder / SCORES_FILE, remedy="run train.py first")
    try:
        if about["schema"] != SCHEMA:
            raise ValueError(f"schema {about['schema']!r} is not {SCHEMA}")
        scores = {str(name): float(value) for name, value in about["scores"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtefactError(f"{folder}: the saved scores do not fit ({error}); run train.py again") from None
    return Model(tuple(scores), np.array(list(scores.values())))


def draw(folder: Path, trained: Trained[Settings, Names, Graph, Model, Vector]) -> None:
    """Draws the scores of the first nodes."""
    nodes, scores = trained.fitted.model
    first = np.argsort(-scores, kind="stable")[: plots.MOST_BARS]
    names, most = [nodes[place] for place in first], 1.05 * float(scores.max())
    title, axis = "The most important nodes", "share of the walk's visits"
    plots.bars(folder / "scores.png", scores[first], names=names, title=title, axis=axis, most=most)


TEMPLATE = Task(
    settings=Settings,
    title=lambda settings: "Importance in a network of links (PageRank)",
    dummy_title="incoming links",
    peer_title="networkx",
    metrics={"distance": Metric("distance from the fixed point", higher_is_better=False)},
    read=read,
    split=split,
    prepare=prepare,
    dummy=dummy,
    peer=peer,
    fit=fit,
    predict=predict,
    score=score,
    shown=lambda scores, model: pl.DataFrame({"score": scores}),
    actual=lambda case: pl.DataFrame({"node": case.data.examples.tolist()}),
    questions=lambda case: pl.DataFrame({case.settings.source_node: case.data.examples.tolist()}),
    inputs=inputs,
    save=save,
    load=load,
    take=lambda names, rows: names[rows],
    onnx="the scores are a table of nodes, not a function of inputs",
    features=lambda model: ("links",),
    plots=draw,
    smoke={},
    smoke_examples=None,
)
