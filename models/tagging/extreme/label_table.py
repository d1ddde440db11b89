"""A vector for each word and each label on tensor_core: a text's labels are those whose vectors lie in its direction.

Each step moves the rows it reads and no others: those of the words of its texts, of their labels, and of some labels
drawn as wrong ones (sampled logistic loss; Mikolov et al., 2013). A label begins as the mean of the texts that have it,
so that one seen once is found by its words before anything is learned. What single words say is added (`label_lifts`),
and the likeliest labels are put in order once more (`label_weights`).
"""

from typing import NamedTuple

import label_lifts
import label_weights
import numpy as np
import numpy.typing as npt
from label_lifts import Blend, Lifts, Places, Vector

import tensor_core as tc
from models.kit import bags, training
from models.kit.bags import Bags
from models.kit.splits import Rows

CELLS_AT_ONCE = 10_000_000  # scores, of some texts for all labels, that are held together
FIRST_SCALE = 10.0  # by which the cosine of a text and a label is multiplied
JUDGED = 5  # likeliest labels of a validation text, on which chances are fitted


class Beside(NamedTuple):
    """What is known beside the vectors: lifts of pairs, the weights learned for them, and how much of each counts."""

    lifts: Lifts
    weights: Lifts
    blend: Blend


class Table(tc.nn.Module):
    """Vectors of words and labels, and how likely each label is by itself."""

    def __init__(self, words: int, labels: int, width: int) -> None:
        """Draws the vectors of the words."""
        self.words = tc.nn.Parameter(tc.randn(words, width) / width**0.5)
        self.labels = tc.nn.Parameter(tc.zeros(labels, width))
        self.bias = tc.nn.Parameter(tc.zeros(labels, 1))

    def forward(self, texts: bags.Batch) -> tc.Tensor:
        """The vector of each text, the sum over its weighed words."""
        return bags.summed(texts, self.words)


def begin(net: Table, texts: Bags, rows: Rows, owner: Places, label: Places, count: int) -> None:
    """Sets each label to the mean direction of its texts: text `rows[owner[i]]` has the label `label[i]`."""
    parts = [net(bags.batch(texts, part)).detach().numpy() for part in np.array_split(rows, max(1, rows.size // 2_000))]
    vectors = np.concatenate(parts)
    sums = np.zeros((count, vectors.shape[1]))
    np.add.at(sums, label, vectors[owner])
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    with tc.no_grad():
        net.labels.copy_(tc.as_tensor((FIRST_SCALE * sums).astype(np.float32)))
        net.bias.sub_(FIRST_SCALE / 2)


def step(net: Table, texts: Bags, rows: Rows, has: list[Places], wrong: Places) -> tc.Tensor:
    """Returns the loss of some texts over their own labels together and the labels drawn as wrong ones."""
    short, place = np.unique(np.concatenate([*has, wrong]), return_inverse=True)
    wanted = np.zeros((rows.size, short.size), dtype=np.float32)
    sizes = [each.size for each in has]
    wanted[np.repeat(np.arange(rows.size), sizes), place[: sum(sizes)]] = 1.0
    chosen = tc.as_tensor(short)
    vectors = tc.embedding(chosen, net.labels, sparse=True)
    bias = tc.embedding(chosen, net.bias, sparse=True).reshape(1, -1)
    logits = net(bags.batch(texts, rows)) @ vectors.transpose(0, 1) + bias
    loss: tc.Tensor = tc.binary_cross_entropy_with_logits(logits, tc.as_tensor(wanted), reduction="sum") / rows.size
    return loss


def learn(
    net: Table,
    texts: Bags,
    rows: Rows,
    has: list[Places],
    validation: Rows,
    *,
    learning_rate: float,
    epochs: int,
    batch_rows: int,
    wrong: int,
    seed: int,
    watch: training.Watch,
) -> tuple[tuple[training.Point, ...], str]:
    """Trains the vectors; keeps the state whose likeliest label is right for most validation texts."""
    generator = np.random.default_rng(seed)
    batches = -(-rows.size // batch_rows)
    adam = tc.optim.Adam(net.parameters(), lr=learning_rate)
    schedule = tc.optim.Schedule(adam, lambda done: tc.optim.cosine_factor(done, total=batches * epochs))
    highest, best, kept, reason = right(net, texts, validation, has), 0, training.snapshot(net), None
    history: list[training.Point] = []
    with training.bar(epochs, "epoch") as shown:
        while reason is None and len(history) < epochs:
            losses = []
            for chosen in np.array_split(generator.permutation(rows), batches):
                adam.zero_grad()
                drawn = generator.integers(0, net.bias.shape[0], wrong)
                loss = step(net, texts, chosen, [has[row] for row in chosen], drawn)
                loss.backward()
                adam.step()
                schedule.step()
                losses.append(loss.item())
                if reason := watch.reason:
                    break
            found = right(net, texts, validation, has)
            history.append(training.Point(len(history) + 1, float(np.mean(losses)), 1 - found))
            shown.update()
            if found > highest:
                highest, best, kept = found, len(history), training.snapshot(net)
    net.load_state_dict(kept)
    return tuple(history), reason or f"the validation was best after epoch {best}"


def right(net: Table, texts: Bags, rows: Rows, has: list[Places]) -> float:
    """Returns for which share of these texts the likeliest label is right by the vectors alone."""
    first = np.concatenate([best_of(scores(net, texts, part), 1)[0] for part in parts(rows, net.bias.shape[0])])
    return float(_hits(first, rows, has).mean())


def _hits(found: Places, rows: Rows, has: list[Places]) -> Vector:
    """Returns whether each of the found labels is right, of the shape of `found`."""
    return np.array([np.isin(places, has[row]) for places, row in zip(found, rows, strict=True)], dtype=np.float64)


def parts(rows: Rows, labels: int) -> list[Rows]:
    """Returns the texts in parts whose scores for all labels can be held at once.

    >>> [part.size for part in parts(np.arange(3), CELLS_AT_ONCE)], len(parts(np.arange(3), 100))
    ([1, 1, 1], 1)
    """
    return np.array_split(rows, max(1, -(-rows.size * labels // CELLS_AT_ONCE)))


def scores(net: Table, texts: Bags, rows: Rows) -> npt.NDArray[np.float32]:
    """Returns the log-odds of each label for each text by the vectors alone; (texts, labels)."""
    with tc.no_grad():
        found = net(bags.batch(texts, rows)) @ net.labels.transpose(0, 1) + net.bias.reshape(1, -1)
        return np.asarray(found.numpy())


def blend(
    net: Table, texts: Bags, train: Rows, has: list[Places], validation: Rows, *, seed: int, watch: training.Watch
) -> Beside:
    """Returns what single words say, and how much of it counts, as most likeliest labels of the validation texts are
    right.

    First comes the share of the lifts, then, of what is learned on the likeliest wrong labels, how far it is trusted.
    What makes chances of the sums is fitted on the likeliest labels of the same texts.
    """
    labels = net.bias.shape[0]
    counted = label_lifts.counted(texts, train, has, words=net.words.shape[0], labels=labels)
    highest, chosen = -1.0, (counted(label_lifts.SHRINKING[0]), 0.0)
    for added in label_lifts.SHRINKING:
        some = counted(added)
        found: dict[float, list[Places]] = {share: [] for share in label_lifts.SHARES}
        for part in parts(validation, labels):
            vectors, words = scores(net, texts, part), label_lifts.scores(some, texts, part)
            for share, each in found.items():
                each.append(best_of(vectors + share * words, 1)[0])
        for share, each in found.items():
            right = float(_hits(np.concatenate(each), validation, has).mean())
            if right > highest:  # equal ones: the smaller share, which was seen first
                highest, chosen = right, (some, share)
    lifts, share = chosen
    most = min(label_weights.CANDIDATES, labels)
    rows = training_rows(train, most, seed=seed)
    wrong = [_candidates(net, lifts, share, texts, part, most, without=has)[0] for part in parts(rows, labels)]
    weights = label_weights.learn(lifts, texts, label_weights.asked(rows, np.concatenate(wrong), has), watch)
    best: tuple[float, float, Places, Vector] | None = None
    found_first = [(part, *_candidates(net, lifts, share, texts, part, most)) for part in parts(validation, labels)]
    for trust in label_weights.TRUSTS:
        again = [_anew(weights, trust, texts, *part, min(JUDGED, labels)) for part in found_first]
        places, values = (np.concatenate(each) for each in zip(*again, strict=True))
        right = float(_hits(places[:, :1], validation, has).mean())
        if best is None or right > best[0]:
            best = right, trust, places, values
    assert best is not None
    _, trust, places, values = best
    return Beside(lifts, weights, label_lifts.judged(share, trust, values, _hits(places, validation, has) > 0))


def training_rows(train: Rows, each: int, *, seed: int) -> Rows:
    """Returns the training texts, or so many of them that no more than is bearable is asked, `each` about one text.

    >>> training_rows(np.arange(10), 30, seed=0).size
    10
    """
    most = max(1, label_weights.MOST_ASKED // each)
    return train if train.size <= most else np.sort(np.random.default_rng(seed).permutation(train)[:most])


def _candidates(
    net: Table, lifts: Lifts, share: float, texts: Bags, rows: Rows, most: int, without: list[Places] | None = None
) -> tuple[Places, Vector]:
    """Returns the likeliest labels by vectors and lifts, and their scores; `without` those that are each text's own."""
    together = scores(net, texts, rows) + share * label_lifts.scores(lifts, texts, rows)
    if without is not None:
        for place, row in enumerate(rows):
            together[place, without[row]] = -np.inf
    return best_of(together, most)


def _anew(
    weights: Lifts, trust: float, texts: Bags, rows: Rows, places: Places, values: Vector, most: int
) -> tuple[Places, Vector]:
    """Returns the candidates in the order that the learned weights give them, and their scores, `most` of each."""
    if trust:
        learned = label_lifts.scores(weights, texts, rows)
        values = values + trust * np.take_along_axis(learned, places, axis=1)
    order, best = best_of(values, most)
    return np.take_along_axis(places, order, axis=1), best


def likeliest(net: Table, beside: Beside, texts: Bags, rows: Rows, most: int) -> tuple[Places, Vector]:
    """Returns the likeliest labels of each text, best first, and their chances; both of shape (texts, most)."""
    lifts, weights, mix = beside
    places, chances = [np.empty((0, most), dtype=np.int64)], [np.empty((0, most))]
    candidates = min(max(most, label_weights.CANDIDATES), net.bias.shape[0])
    for part in parts(rows, net.bias.shape[0]):
        found = _candidates(net, lifts, mix.share, texts, part, candidates)
        some, values = _anew(weights, mix.trust, texts, part, *found, most)
        places.append(some)
        chances.append(mix.chances(values))
    return np.concatenate(places), np.concatenate(chances)


def best_of(given: npt.NDArray[np.floating], most: int) -> tuple[Places, Vector]:
    """Returns the places of the highest scores of each row, best first, and the scores.

    >>> best_of(np.array([[0.1, 0.5, 0.3]]), 2)[0].tolist()
    [[1, 2]]
    """
    found = np.argpartition(-given, most - 1, axis=1)[:, :most]
    values = np.take_along_axis(given, found, axis=1).astype(np.float64)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1), np.take_along_axis(values, order, axis=1)
