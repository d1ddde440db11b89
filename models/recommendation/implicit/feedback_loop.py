"""The feedback loop: a recommender that learns from what it has shown itself; a simulation with known taste.

After Chaney, Stewart and Engelhardt (2018), How algorithmic confounding in recommendation systems increases homogeneity
and decreases utility. Taste is drawn around what people of the real table share; each round everybody is shown a short
list, takes one item of it by taste, and the model learns anew from all that was taken. In one world the whole list is
the model's; in another, a share of the places is filled at random. Taste is known here, so both can be judged.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.kit import plots

MOST_PEOPLE, MOST_ITEMS = 300, 200  # of the table, the first ones drawn at random: a loop solves once a round
ROUNDS, SHOWN, TASTES = 12, 8, 8
AT_RANDOM = 0.25  # of the places, in the world that explores
PENALTY = 20.0
SHARPNESS = 2.0  # how strictly people take what they like best

Vector = npt.NDArray[np.float64]


class World(NamedTuple):
    """What one way of showing leads to, after each round.

    variety: how unequal the items are taken, as the effective share of the catalogue (exp of the entropy / items);
    utility: the mean taste of what was taken in the round, 0 for an item drawn at random.
    """

    name: str
    variety: tuple[float, ...]
    utility: tuple[float, ...]


def taste(taken: Vector, generator: np.random.Generator) -> Vector:
    """Returns how much each person likes each item, standardised by person: the shared directions of the table."""
    left, sizes, right = np.linalg.svd(taken - taken.mean(axis=0), full_matrices=False)
    rank = min(TASTES, sizes.size)
    shared = (left[:, :rank] * sizes[:rank]) @ right[:rank]
    liked = shared / max(float(shared.std()), 1e-12) + 0.5 * generator.normal(size=taken.shape)
    return np.asarray((liked - liked.mean(axis=1, keepdims=True)) / liked.std(axis=1, keepdims=True))


def simulate(taken: Vector, *, seed: int) -> tuple[World, ...]:
    """Returns the worlds: the model's list alone, with places at random, and all places at random.

    taken (people, items) is 1 where somebody took something.

    >>> drawn = (np.random.default_rng(0).random((60, 40)) < 0.2).astype(float)
    >>> alone, exploring, random = simulate(drawn, seed=0)
    >>> len(alone.variety) == ROUNDS, alone.variety[-1] < random.variety[-1]
    (True, True)
    """
    generator = np.random.default_rng(seed)
    people = generator.permutation(len(taken))[:MOST_PEOPLE]
    items = generator.permutation(taken.shape[1])[:MOST_ITEMS]
    liked = taste(taken[np.ix_(people, items)], generator)
    shares = {"the model's list alone": 0.0, f"{AT_RANDOM:.0%} of places at random": AT_RANDOM, "all at random": 1.0}
    return tuple(_lived(name, liked, share, np.random.default_rng(seed)) for name, share in shares.items())


def _lived(name: str, liked: Vector, at_random: float, generator: np.random.Generator) -> World:
    people, items = liked.shape
    history = np.zeros((people, items))
    history[np.arange(people), _taken(liked, _drawn(generator, people, items), generator)] = 1.0  # one round of chance
    variety, utility = [], []
    for _ in range(ROUNDS):
        inverse = np.linalg.inv(history.T @ history + PENALTY * np.eye(items))
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
        scores = history @ weights + 1e-3 * history.mean(axis=0)  # popularity settles what is equal
        best = np.argsort(-scores, axis=1, kind="stable")[:, :SHOWN]
        explored = generator.random((people, SHOWN)) < at_random
        lists = np.where(explored, _drawn(generator, people, items), best)
        chosen = _taken(liked, lists, generator)
        history[np.arange(people), chosen] += 1.0
        share = np.bincount(chosen, minlength=items) / people
        share = share[share > 0]
        variety.append(float(np.exp(-(share * np.log(share)).sum()) / items))
        utility.append(float(liked[np.arange(people), chosen].mean()))
    return World(name, tuple(variety), tuple(utility))


def _drawn(generator: np.random.Generator, people: int, items: int) -> npt.NDArray[np.int64]:
    return generator.integers(0, items, (people, SHOWN))


def _taken(liked: Vector, lists: npt.NDArray[np.int64], generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """Returns the item that each person takes of the list, by taste and chance."""
    rows = np.arange(len(lists))
    wish = SHARPNESS * liked[rows[:, None], lists] + generator.gumbel(size=lists.shape)
    return np.asarray(lists[rows, wish.argmax(axis=1)])


def draw(path: Path, worlds: tuple[World, ...]) -> None:
    """Draws variety and utility after each round, for each world."""
    from matplotlib.figure import Figure  # no pyplot: no windows, no global state

    figure = Figure(figsize=plots.SIZE_INCHES, dpi=plots.DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    for world, colour in zip(worlds, (plots.MARK, plots.COLOUR, plots.QUIET), strict=True):
        rounds = range(1, len(world.variety) + 1)
        label = f"{world.name} (taste met at the end: {world.utility[-1]:+.2f})"
        axes.plot(rounds, world.variety, color=colour, label=label)
    axes.set_title("Feedback loop, simulated on this catalogue: share of the catalogue in use", fontsize=11)
    axes.set_xlabel("round: everybody is shown a list and takes one item, then the model learns anew")
    axes.set_ylabel("effective share of the items taken")
    axes.set_ylim(0, None)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path)
