"""Two readers on tensor_core, whose opinions are averaged: one weighs words, the other sees a text as a whole.

The first is logistic regression for each label, on words weighed by how they speak for it. The second sums the vectors
of the words and goes on with a layer, so that labels share what they know of a word.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import bags, multilabel, training
from models.kit.bags import Bags, Batch
from models.kit.splits import Rows

FIRST_SPREAD = 0.1  # standard deviation of the vectors before training
ROWS_AT_ONCE = 1_000  # texts that are scored together

Vector = npt.NDArray[np.float64]
Marks = npt.NDArray[np.bool_]


class Reader(tc.nn.Module):
    """Both readers; words are numbered by how common they are, and only the first ones have vectors."""

    def __init__(self, words: int, common: int, labels: int, *, width: int, dropout: float) -> None:
        """Begins without an opinion on words."""
        self.weight = tc.nn.Parameter(tc.zeros(words, labels))
        self.bias = tc.nn.Parameter(tc.zeros(labels))
        self.table = tc.nn.Embedding(common, width, sparse=True)
        self.dropout = tc.nn.Dropout(dropout)
        self.out = tc.nn.Linear(width, labels)
        with tc.no_grad():
            self.table.weight.mul_(FIRST_SPREAD)

    def forward(self, every: Batch, common: Batch, ratio: tc.Tensor | None = None) -> tuple[tc.Tensor, tc.Tensor]:
        """What each reader thinks, as logits of shape (texts, labels); `ratio` scales the weights while training."""
        rows = tc.embedding(every.word, self.weight, sparse=True) * every.value
        if ratio is not None:
            rows = rows * tc.embedding(every.word, ratio)
        nothing = tc.zeros(every.size, self.bias.shape[0])
        weighed: tc.Tensor = nothing.index_add(0, every.bag, rows) + self.bias
        words = tc.embedding_bag(common.word, self.table.weight, common.start, mode="sum", sparse=True)
        lengths = np.diff(common.start.numpy(), append=common.word.shape[0])
        scale = tc.as_tensor((1 / np.sqrt(np.maximum(lengths, 1)))[:, None].astype(np.float32))
        together: tc.Tensor = self.out(self.dropout(tc.relu(words * scale)))
        return weighed, together


class Plan(NamedTuple):
    """How to train: epochs that the learning rate falls over, and those that are done."""

    epochs: int
    last: int
    batch_rows: int
    learning_rate: float
    weight_learning_rate: float
    word_dropout: float
    seed: int


class Learned(NamedTuple):
    """The network as it was best, and what the validation said after each epoch."""

    net: Reader
    best: int
    history: tuple[training.Point, ...]
    reason: str | None


def learn(
    net: Reader,
    texts: Bags,
    truth: Marks,
    rows: Rows,
    *,
    ratio: Vector,
    validation: Rows,
    plan: Plan,
    watch: training.Watch,
) -> Learned:
    """Trains the network in place on some texts; with validation texts, keeps the state of the best micro-F1 there.

    The weights come back multiplied by `ratio`, so what is trained needs it no longer.
    """
    generator = np.random.default_rng(plan.seed)
    targets, scale = truth.astype(np.float32), tc.as_tensor(ratio.astype(np.float32))
    share = np.clip(truth[rows].mean(axis=0), 1e-4, 1 - 1e-4)
    with tc.no_grad():
        net.bias.copy_(tc.as_tensor(np.log(share / (1 - share)).astype(np.float32)))
        net.out.load_state_dict({**net.out.state_dict(), "bias": net.bias.detach()})
    linear = [net.weight, net.bias]
    others = [*net.table.parameters(), *net.out.parameters()]
    groups = [{"params": linear, "lr": plan.weight_learning_rate}, {"params": others, "lr": plan.learning_rate}]
    adam = tc.optim.Adam(groups)
    batches = -(-rows.size // plan.batch_rows)
    schedule = tc.optim.Schedule(adam, lambda step: tc.optim.cosine_factor(step, total=batches * plan.epochs))
    best, highest, kept, reason = 0, -1.0, training.snapshot(net), None
    history: list[training.Point] = []
    with training.bar(plan.last, "epoch") as shown:
        while reason is None and len(history) < plan.last:
            net.train()
            losses = []
            for chosen in np.array_split(generator.permutation(rows), batches):
                adam.zero_grad()
                said = net(*_batches(net, texts, chosen, drop=plan.word_dropout, generator=generator), scale)
                wanted = tc.as_tensor(targets[chosen])
                loss = tc.binary_cross_entropy_with_logits(said[0], wanted)
                loss = loss + tc.binary_cross_entropy_with_logits(said[1], wanted)
                loss.backward()
                adam.step()
                schedule.step()
                losses.append(loss.item() / 2)
                if reason := watch.reason:
                    break
            loss_there = None
            if validation.size:
                given = chances(net, texts, validation, ratio=scale)
                there = truth[validation]
                cut = multilabel.thresholds(given, there)
                quality = 2 * (there & (given >= cut)).sum() / max(1, there.sum() + (given >= cut).sum())
                loss_there = float(-np.log(np.maximum(np.where(there, given, 1 - given), 1e-12)).mean())
                if quality > highest:
                    best, highest, kept = len(history) + 1, quality, training.snapshot(net)
            history.append(training.Point(len(history) + 1, float(np.mean(losses)), loss_there))
            shown.update()
    if validation.size:
        net.load_state_dict(kept)
    with tc.no_grad():
        net.weight.mul_(scale)
    net.eval()
    return Learned(net, best, tuple(history), reason)


def chances(net: Reader, texts: Bags, rows: Rows, *, ratio: tc.Tensor | None = None) -> Vector:
    """Returns the chance of each label for some texts, of shape (texts, labels): of the mean of both opinions."""
    net.eval()
    found = [np.empty((0, net.bias.shape[0]))]
    with tc.no_grad():
        for start in range(0, rows.size, ROWS_AT_ONCE):
            weighed, together = net(*_batches(net, texts, rows[start : start + ROWS_AT_ONCE]), ratio)
            found.append(tc.sigmoid((weighed + together) / 2).numpy().astype(np.float64))
    return np.concatenate(found)


def _batches(
    net: Reader, texts: Bags, rows: Rows, *, drop: float = 0.0, generator: np.random.Generator | None = None
) -> tuple[Batch, Batch]:
    """Returns some texts with all their words, and with the common ones, of which a share is dropped."""
    place, _ = bags.places(texts, rows)
    kept = np.zeros(texts.word.size, dtype=np.bool_)
    here = texts.word[place] < net.table.weight.shape[0]
    if generator is not None and drop:
        here &= generator.random(place.size) >= drop
    kept[place] = here
    return bags.batch(texts, rows), bags.batch(texts, rows, kept=kept)
