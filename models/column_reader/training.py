"""Fine-tuning on worked tables: the columns' roles, the task, and what a careful expert warned of, all at once."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

import tensor_core as tc
from models.column_reader.network import ColumnReader
from models.sentence_encoder import training as encoder_training
from models.sentence_encoder.training import PAD_TO, Recipe, smooth
from tensor_core.creation import tensor

FAR_BELOW = -1e4  # logit of a place where no column stands
TASK_WEIGHT = 0.5  # of the loss of the category, beside that of the target
OTHER_ROLES_WEIGHT = 0.4  # of the summed losses of all other roles
PITFALLS_WEIGHT = 0.2  # of the summed losses of the pitfalls

RECIPE = Recipe(epochs=6.0, batch=16)


class Example(NamedTuple):
    """One table: token numbers, where each column stands among them, its roles, and how much each category is right."""

    ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    roles: tuple[tuple[bool, ...], ...]  # for each column, which it plays; the first is that of what is asked for
    categories: tuple[float, ...]
    pitfalls: tuple[bool, ...]


class Batch(NamedTuple):
    """Tables side by side; `columns` is 1 where one stands, `target` sums to 1 over the columns and nothing."""

    ids: tc.Tensor  # tables × tokens
    mask: tc.Tensor  # tables × tokens
    spans: tc.Tensor  # tables × columns × tokens
    columns: tc.Tensor  # tables × columns
    target: tc.Tensor  # tables × (columns + 1)
    others: tc.Tensor  # tables × columns × (roles − 1)
    categories: tc.Tensor  # tables × categories
    pitfalls: tc.Tensor  # tables × pitfalls


def collate(row: Sequence[Example], smoothing: float) -> Batch:
    """Examples as one batch."""
    tokens = -(-max(len(example.ids) for example in row) // PAD_TO) * PAD_TO
    most = max(len(example.spans) for example in row)
    ids, mask = np.zeros((len(row), tokens), np.int64), np.zeros((len(row), tokens), np.float32)
    spans, columns = np.zeros((len(row), most, tokens), np.float32), np.zeros((len(row), most), np.float32)
    roles_beside = len(row[0].roles[0]) - 1
    target, others = np.zeros((len(row), most + 1), np.float32), np.zeros((len(row), most, roles_beside), np.float32)
    for place, example in enumerate(row):
        ids[place, : len(example.ids)] = example.ids
        mask[place, : len(example.ids)] = 1
        for number, ((start, end), roles) in enumerate(zip(example.spans, example.roles, strict=True)):
            spans[place, number, start:end] = 1 / (end - start)
            target[place, number], others[place, number] = roles[0], roles[1:]
        columns[place, : len(example.spans)] = 1
        target[place, most] = not target[place].any()
    target /= target.sum(axis=1, keepdims=True)
    categories = tensor([smooth(example.categories, smoothing) for example in row])
    pitfalls = tensor([[float(each) for each in example.pitfalls] for example in row])
    ready = [tc.from_numpy(each) for each in (ids, mask, spans, columns, target, others)]
    return Batch._make([*ready, categories, pitfalls])


def loss_of(network: ColumnReader, batch: Batch) -> tc.Tensor:
    """The loss of a batch, a mean over its tables."""
    output = network(batch.ids, batch.mask, batch.spans)
    tables, most = batch.columns.shape
    standing = output.roles[:, :, 0] + (1 - batch.columns) * FAR_BELOW
    target = tc.cross_entropy(tc.cat([standing, output.nothing], 1), batch.target)
    each = tc.binary_cross_entropy_with_logits(output.roles[:, :, 1:], batch.others, reduction="none")
    others = (each * batch.columns.reshape(tables, most, 1)).sum() / tables
    category = tc.cross_entropy(output.category, batch.categories)
    warned = tc.binary_cross_entropy_with_logits(output.pitfalls, batch.pitfalls, reduction="sum") / tables
    found: tc.Tensor = target + others * OTHER_ROLES_WEIGHT + category * TASK_WEIGHT + warned * PITFALLS_WEIGHT
    return found


def fit(
    network: ColumnReader,
    examples: Callable[[int], Sequence[Example]],
    recipe: Recipe = RECIPE,
    *,
    tell: Callable[[int, int, float], None] = lambda step, total, loss: None,
) -> ColumnReader:
    """`network`, fitted in place to `examples` (pass -> its examples, always as many); equal seeds, equal weights."""

    def drawn(number: int, draw: random.Random) -> Iterator[Batch]:
        for row in encoder_training.rows(examples(number), recipe.batch, draw):
            yield collate(row, recipe.smoothing)

    encoder_training.descend(
        network, drawn, lambda batch: loss_of(network, batch), recipe, examples=len(examples(0)), tell=tell
    )
    return network
