"""Tests of the scores against networkx and against the exact solution, beside those of the kit."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import model
import numpy as np
import pytest


def drawn(seed: int, nodes: int = 40, links: int = 120) -> model.Graph:
    """A random network, some of whose nodes have no links out."""
    generator = np.random.default_rng(seed)
    start, end = generator.integers(0, nodes - 5, links), generator.integers(0, nodes, links)
    return model.Graph(tuple(map(str, range(nodes))), start, end, generator.uniform(0.5, 2.0, links))


def ranked(graph: model.Graph) -> model.Vector:
    """The scores, settled as far as float64 allows."""
    return model.pagerank(graph, damping=0.85, tolerance=1e-14, most_rounds=10_000)[0]


@pytest.mark.parametrize("seed", range(5))
def test_scores_solve_the_equation(seed: int) -> None:
    """The dense linear system of the walk has the same solution."""
    graph = drawn(seed)
    size = len(graph.nodes)
    walk = np.zeros((size, size))
    np.add.at(walk, (graph.end, graph.start), graph.weight)
    out = walk.sum(axis=0)
    walk = np.where(out > 0, walk / np.where(out > 0, out, 1.0), 1 / size)
    exact = np.linalg.solve(np.eye(size) - 0.85 * walk, np.full(size, 0.15 / size))
    assert ranked(graph) == pytest.approx(exact, abs=1e-13)


def test_scores_are_those_of_networkx() -> None:
    """networkx gives the same to 1e-10."""
    networkx = pytest.importorskip("networkx")
    graph = drawn(7)
    network = networkx.MultiDiGraph()
    network.add_nodes_from(range(len(graph.nodes)))
    network.add_weighted_edges_from(zip(graph.start.tolist(), graph.end.tolist(), graph.weight.tolist(), strict=True))
    theirs = networkx.pagerank(network, alpha=0.85, tol=1e-14, max_iter=10_000)
    assert ranked(graph) == pytest.approx([theirs[place] for place in range(len(graph.nodes))], abs=1e-10)
