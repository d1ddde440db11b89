"""Fine-tuning on worked cases: soft labels, all layers, later layers faster, the texts of a batch of similar length."""

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import tensor_core as tc
from models.sentence_encoder.network import LAYERS, OF_TRUNK, SentenceEncoder, Trunk
from tensor_core import nn, optim
from tensor_core.creation import tensor

PAD_TO = 16  # tokens; batches come in few widths, so that a compiled step is compiled for few
HEAD_SPREAD = 0.02  # standard deviation of a fresh head's weights; BERT's
SORTED_BATCHES = 20  # batches that are made together, so that texts of similar length meet


class Example(NamedTuple):
    """One text: its token numbers, how much each category is right (sums to 1), and the number of its sub-task.

    A text that nobody can decide has even categories and no sub-task.
    """

    ids: tuple[int, ...]
    categories: tuple[float, ...]
    subtask: int | None


class Recipe(NamedTuple):
    """The settings of a run; chosen on a held-out part of the worked cases, never on an exam."""

    epochs: float = 6.0
    batch: int = 32
    rate: float = 2.5e-4  # of the last layer
    heads_rate: float = 1e-3
    layer_decay: float = 0.85  # each layer learns at this share of the rate of the one above it
    weight_decay: float = 0.01
    warmup: float = 0.1  # share of the steps
    dropout: float = 0.1
    smoothing: float = 0.05  # of every category's and sub-task's target
    subtask_weight: float = 0.5
    clip: float = 1.0  # largest norm of the whole gradient
    seed: int = 0


class HasIds(Protocol):
    """Anything that is read as a row of token numbers."""

    @property
    def ids(self) -> Sequence[int]: ...  # noqa: D102 - a field


Read = TypeVar("Read", bound=HasIds)


class Batch(NamedTuple):
    """Texts side by side: `ids` and `mask` (texts × tokens), `categories` (texts × 9), `subtasks` (texts × number)."""

    ids: tc.Tensor
    mask: tc.Tensor
    categories: tc.Tensor
    subtasks: tc.Tensor


def soft_label(category: str, accept: Sequence[str], categories: Sequence[str], *, own: float = 0.65) -> list[float]:
    """How much each category is right: all for one alone, else `own` for it and the rest shared by what is accepted.

    >>> soft_label("a", ["c"], ["a", "b", "c"])
    [0.65, 0.0, 0.35]
    """
    share = {category: own if accept else 1.0} | {other: (1 - own) / len(accept) for other in accept}
    return [share.get(name, 0.0) for name in categories]


def smooth(target: Sequence[float], amount: float) -> list[float]:
    """`target` with `amount` of it spread evenly (Szegedy et al., 2016, Rethinking the Inception Architecture)."""
    return [(1 - amount) * value + amount / len(target) for value in target]


def batches(examples: Sequence[Example], recipe: Recipe, subtasks: int, draw: random.Random) -> Iterator[Batch]:
    """The examples of one epoch in a fresh order."""
    for row in rows(examples, recipe.batch, draw):
        yield collate(row, recipe.smoothing, subtasks)


def rows(examples: Sequence[Read], size: int, draw: random.Random) -> list[list[Read]]:
    """The examples in a fresh order, in lots of `size` that are about equally long."""
    order = list(examples)
    draw.shuffle(order)
    found: list[list[Read]] = []
    for begin in range(0, len(order), size * SORTED_BATCHES):
        near = sorted(order[begin : begin + size * SORTED_BATCHES], key=lambda example: len(example.ids))
        found += [near[place : place + size] for place in range(0, len(near), size)]
    draw.shuffle(found)
    return found


def collate(row: Sequence[Example], smoothing: float, subtasks: int) -> Batch:
    """Examples as one batch."""
    width = math.ceil(max(len(example.ids) for example in row) / PAD_TO) * PAD_TO
    even = [1 / subtasks] * subtasks
    hot = [
        even if example.subtask is None else [float(number == example.subtask) for number in range(subtasks)]
        for example in row
    ]
    return Batch(
        tensor([[*example.ids, *[0] * (width - len(example.ids))] for example in row]),
        tensor([[1.0] * len(example.ids) + [0.0] * (width - len(example.ids)) for example in row]),
        tensor([smooth(example.categories, smoothing) for example in row]),
        tensor([smooth(target, smoothing) for target in hot]),
    )


def groups(network: Trunk, recipe: Recipe) -> list[dict[str, Any]]:
    """The parameters that learn, with their rates; the tables of words and places stay as the parent left them.

    Rates fall from the last layer to the first (Howard and Ruder, 2018, Universal Language Model Fine-tuning); biases
    and normalisation are not decayed.
    """
    depth = {f"layers.{layer}": LAYERS - 1 - layer for layer in range(LAYERS)} | {"norm": LAYERS}
    found: dict[tuple[float, float], list[tc.Tensor]] = {}
    for name, parameter in network.named_parameters():
        if name in ("words.weight", "places.weight"):
            parameter.requires_grad_(False)
            continue
        place = next((down for prefix, down in depth.items() if name.startswith(f"{prefix}.")), None)
        rate = recipe.heads_rate if place is None else recipe.rate * recipe.layer_decay**place
        decay = recipe.weight_decay if parameter.ndim > 1 and place is not None else 0.0
        found.setdefault((rate, decay), []).append(parameter)
    return [{"params": group, "lr": rate, "weight_decay": decay} for (rate, decay), group in found.items()]


def factor(step: int, total: int, warmup: float) -> float:
    """By how much the rates are scaled at a step: up in a line while it warms up, then down in a line to nothing."""
    share = step / total
    return share / warmup if share < warmup else (1 - share) / (1 - warmup)


def start(network: Trunk, parent: Mapping[str, Any], *, seed: int) -> None:
    """Give `network` the weights of its parent, and heads drawn afresh from `seed`."""
    tc.manual_seed(seed)
    for name, parameter in network.named_parameters():
        if name.split(".")[0] in OF_TRUNK:
            continue
        if name.endswith("weight"):
            nn.normal_(parameter, std=HEAD_SPREAD)
        else:
            nn.zeros_(parameter)
    given = {name: tc.Tensor.handle(value) for name, value in parent.items()}
    network.load_state_dict({**network.state_dict(), **given})


def fit(
    network: SentenceEncoder,
    examples: Callable[[int], Sequence[Example]],
    recipe: Recipe,
    *,
    tell: Callable[[int, int, float], None] = lambda step, total, loss: None,
) -> SentenceEncoder:
    """`network`, fitted to the examples; equal seeds give equal weights.

    Args:
        network: what is fitted, in place.
        examples: pass -> the examples of that pass, always as many.
        recipe: the settings.
        tell: is called after each step with its number, how many there will be, and the loss.
    """
    subtasks = network.subtask.weight.shape[0]

    def loss(batch: Batch) -> tc.Tensor:
        output = network(batch.ids, batch.mask)
        found: tc.Tensor = tc.cross_entropy(output.category, batch.categories)
        found = found + tc.cross_entropy(output.subtask, batch.subtasks) * recipe.subtask_weight
        return found

    def drawn(number: int, draw: random.Random) -> Iterator[Batch]:
        return batches(examples(number), recipe, subtasks, draw)

    descend(network, drawn, loss, recipe, examples=len(examples(0)), tell=tell)
    return network


def descend(
    network: Trunk,
    drawn: Callable[[int, random.Random], Iterable[Any]],
    loss: Callable[[Any], tc.Tensor],
    recipe: Recipe,
    *,
    examples: int,
    tell: Callable[[int, int, float], None],
) -> None:
    """Fit `network` in place, and leave it ready to be asked.

    Args:
        network: what is fitted.
        drawn: pass, source of chance -> the batches of that pass.
        loss: batch -> what is made small.
        recipe: the settings.
        examples: how many a pass has.
        tell: is called after each step with its number, how many there will be, and the loss.
    """
    tc.manual_seed(recipe.seed)
    draw = random.Random(recipe.seed)
    optimiser = optim.AdamW(groups(network, recipe))
    total = math.ceil(math.ceil(examples / recipe.batch) * recipe.epochs)
    schedule = optim.Schedule(optimiser, lambda step: factor(step, total, recipe.warmup))
    network.train()
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    step = number = 0
    while step < total:
        for batch in drawn(number, draw):
            found = loss(batch)
            optimiser.zero_grad()
            found.backward()
            optim.clip_grad_norm_(parameters, recipe.clip)
            optimiser.step()
            schedule.step()
            step += 1
            tell(step, total, found.item())
            if step == total:
                break
        number += 1
    network.eval()


def average(states: Sequence[dict[str, tc.Tensor]]) -> dict[str, tc.Tensor]:
    """The mean of several networks' weights, which lie in one valley when they started alike (Wortsman et al., 2022,
    Model soups).

    >>> average([{"w": tc.tensor([1.0])}, {"w": tc.tensor([3.0])}])["w"]
    tensor([2.])
    """
    return {name: sum((state[name] for state in states[1:]), states[0][name]) / len(states) for name in states[0]}


def vectors(network: SentenceEncoder, texts: Sequence[Sequence[int]]) -> list[list[float]]:
    """The mean vector of each text, in order."""
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    found: dict[int, list[float]] = {}
    with tc.no_grad():
        for begin in range(0, len(order), 32):
            places = order[begin : begin + 32]
            batch = collate([Example(tuple(texts[place]), (1.0,), 0) for place in places], 0.0, 1)
            found.update(zip(places, network(batch.ids, batch.mask).mean.tolist(), strict=True))
    return [found[place] for place in range(len(texts))]
