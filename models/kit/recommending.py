"""What templates share that recommend items to people: their settings, their data, and how lists are shown and scored.

The examples are people: to learn from, with what they took before; to be tested on, with what they took afterwards
(`models.kit.events`). Somebody who is new is served like everybody else, from the items in the table that is handed in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from models.kit import config, dataset, events, metrics, ranking_metrics
from models.kit.config import Between
from models.kit.errors import TableError, did_you_mean
from models.kit.events import Histories, Names, Places
from models.kit.splits import Rows, Split
from models.kit.task import Case, Data, take

Vector = npt.NDArray[np.float64]

PLACES = ranking_metrics.PLACES  # of a list
NEVER = -np.inf  # the score of what must not be recommended
CHUNK_PEOPLE = 512


@dataclass(frozen=True, kw_only=True)
class Settings(config.Learning):
    """What a template is told that recommends items to people."""

    metric: Literal["ndcg", "recall", "hit_rate", "mrr"]
    person: str
    item: str
    time: str | None
    rating: str | None
    lowest_rating: float
    hold_out: Literal["random", "latest", "last", "moment"]
    test_share: Annotated[float, Between(0.02, 0.5)]
    fewest_people: Annotated[int, Between(1, 1_000_000)]


class Prepared(NamedTuple):
    """The items that the training knows, and the history of every example as places among them, oldest first."""

    items: tuple[str, ...]
    seen: list[Places]


class Lists(NamedTuple):
    """For each person the name, and the recommended items with their scores, best first."""

    person: Names
    items: list[list[str]]
    scores: list[list[float]]


class HasItems(Protocol):
    """A model that knows a catalogue of items."""

    @property
    def items(self) -> tuple[str, ...]:
        """The names of the items, by their places."""


Scores = Callable[[list[Places]], Vector]  # histories → (people, items), the higher the better
Run = Case[Any, Histories, Prepared]


def read(settings: Settings, folder: Path, most: int | None) -> Data[Histories]:
    """Returns two examples of each person, before and after; with `most`, only people drawn at random."""
    table = dataset.table(settings.table, folder=folder)
    roles = {"person": settings.person, "item": settings.item, "rating": settings.rating, "time": settings.time}
    if settings.time is None and settings.hold_out != "random":
        raise TableError(f"hold_out: {settings.hold_out} needs the order of the events; set `time` to their column")
    source = events.read(table.frame, **roles)  # type: ignore[arg-type]
    found, numbers, said = source.events, source.numbers, [*table.notes, *source.decisions]
    if settings.rating is not None:
        liked = np.flatnonzero(found.rating >= settings.lowest_rating)
        said.append(
            f"{liked.size:,} of {numbers.size:,} events count, those rated {settings.lowest_rating:g} or higher"
        )
        found, numbers = take(found, liked), numbers[liked]
    if most is not None:
        people = np.unique(found.person)
        chosen = np.random.default_rng(settings.seed).permutation(people)[:most]
        rows = np.flatnonzero(np.isin(found.person, chosen))
        found, numbers = take(found, rows), numbers[rows]
        said.append(f"only {chosen.size:,} of {people.size:,} people are used, drawn at random")
    parted, first = events.histories(found, hold_out=settings.hold_out, share=settings.test_share, seed=settings.seed)
    both, places, split = events.halves(parted, first)
    split = split._replace(how=f"for whom {events.HELD_OUT[settings.hold_out]} had to be found")
    return Data(settings.table, table.sha256, both, numbers[places], tuple(said), "person", about=split)


def split(data: Data[Histories], settings: Settings) -> Split:
    """Returns the split that reading has made."""
    found: Split = data.about
    return found


def prepare(data: Data[Histories], split: Split, settings: Settings) -> Prepared:
    """Returns the catalogue, items that at least `fewest_people` took, and every history in its terms."""
    learned = [data.examples.seen[place] for place in split.train]
    names, taken = np.unique(np.concatenate([np.unique(each) for each in learned]), return_counts=True)
    items = tuple(names[taken >= settings.fewest_people].tolist())
    if len(items) < 2:
        raise TableError(f"no item was taken by {settings.fewest_people} people; lower fewest_people in config.yaml")
    return Prepared(items, events.coded(data.examples.seen, items))


def lists(people: Histories, items: Sequence[str], score: Scores) -> Lists:
    """Returns the best items for each person that the person has not had, at most `PLACES`."""
    seen, found, values = events.coded(people.seen, items), [], []
    for begin in range(0, len(seen), CHUNK_PEOPLE):
        part = seen[begin : begin + CHUNK_PEOPLE]
        scores = score(part).astype(np.float64)
        for row, had in enumerate(part):
            scores[row, had] = NEVER
        best = np.argsort(-scores, axis=1, kind="stable")[:, :PLACES]
        for row, chosen in enumerate(best):
            kept = [place for place in chosen.tolist() if scores[row, place] > NEVER]
            found.append([items[place] for place in kept])
            values.append([float(scores[row, place]) for place in kept])
    return Lists(people.person, found, values)


def matrix(seen: Sequence[Places], items: int) -> Vector:
    """Returns who took what, of shape (people, items), 1 where somebody did.

    >>> matrix([np.array([1, 1]), np.array([0])], 2).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    taken = np.zeros((len(seen), items))
    for row, each in enumerate(seen):
        taken[row, each] = 1.0
    return taken


def by_popularity(case: Run) -> Callable[[Rows], Lists]:
    """Returns what needs no model: the items that most people took."""
    learned = [case.prepared.seen[place] for place in case.split.train]
    count = matrix(learned, len(case.prepared.items)).sum(axis=0)
    return served(case, lambda seen: np.tile(count, (len(seen), 1)))


def served(case: Run, score: Scores) -> Callable[[Rows], Lists]:
    """Returns the lists of examples as a function of their places."""
    return lambda rows: lists(take(case.data.examples, rows), case.prepared.items, score)


def score(case: Run, answers: Lists) -> metrics.Draws:
    """Returns NDCG, recall, hit rate and MRR of the first ten, resampled by person.

    Items that the training does not know count as missed.
    """
    wanted = [case.data.examples.wanted[place].tolist() for place in case.split.test]
    values = ranking_metrics.of_names(answers.items, wanted)
    return metrics.means(
        {name: values[name] for name in ("ndcg", "recall", "hit_rate", "mrr")}, seed=case.settings.seed
    )


def coverage(answers: Lists, items: int) -> float:
    """Returns the share of the catalogue that stands in at least one list.

    >>> coverage(Lists(np.array(["Ann", "Bob"]), [["a", "b"], ["a"]], [[2.0, 1.0], [1.0]]), 4)
    0.5
    """
    return len({name for each in answers.items for name in each}) / items


def shown(answers: Lists, model: HasItems) -> pl.DataFrame:
    """Returns a row for each place of each list."""
    lengths = [len(each) for each in answers.items]
    return pl.DataFrame(
        {
            "row": np.repeat(np.arange(1, len(lengths) + 1), lengths),
            "for": np.repeat(answers.person, lengths).tolist(),
            "rank": [place for length in lengths for place in range(1, length + 1)],
            "recommended": [name for each in answers.items for name in each],
            "score": [value for each in answers.scores for value in each],
        },
        schema_overrides={"row": pl.Int64, "rank": pl.Int64, "score": pl.Float64, "recommended": pl.String},
    )


def actual(case: Run) -> pl.DataFrame:
    """Returns what each test person took afterwards."""
    wanted = [" | ".join(case.data.examples.wanted[place].tolist()) for place in case.split.test]
    return pl.DataFrame({"taken afterwards": wanted})


def questions(case: Run) -> pl.DataFrame:
    """Returns what the test people had taken before, as a table of events."""
    settings, test = case.settings, take(case.data.examples, case.split.test)
    return events.table(test, person=settings.person, item=settings.item, time=settings.time)


def inputs(table: pl.DataFrame, model: Any, settings: Settings) -> Histories:
    """Returns the people of a table of events; without the column of times, rows are in their order."""
    for name in (settings.person, settings.item):
        if name not in table.columns:
            raise TableError(
                f"the table has no column {name!r}, which the model needs{did_you_mean(name, table.columns)}"
            )
    time = settings.time if settings.time in table.columns else None
    source = events.read(table, person=settings.person, item=settings.item, time=time)
    return events.histories(source.events, hold_out=None)[0]


def features(model: HasItems) -> tuple[str, ...]:
    """Returns the items, which are what the model sees of a person."""
    return model.items
