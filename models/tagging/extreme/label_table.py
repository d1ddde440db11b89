"""A vector for each word and each label on tensor_core: a text's labels are those whose vectors lie in its direction.

Each step moves the rows it reads and no others: those of the words of its texts, of their labels, and of some labels
drawn as wrong ones (sampled logistic loss; Mikolov et al., 2013). A label begins as the mean of the texts that have it,
so that one seen once is found by its words before anything is learned.
"""

import numpy as np
import numpy.typing as npt

import tensor_core as tc
from models.kit import bags, training
from models.kit.bags import Bags
from models.kit.splits import Rows

ROWS_AT_ONCE = 500  # texts whose scores for all labels are held together
FIRST_SCALE = 10.0  # by which the cosine of a text and a label is multiplied

Vector = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


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
    """Returns for which share of these texts the likeliest label is right."""
    first, _ = likeliest(net, texts, rows, 1)
    return float(np.mean([best in has[row] for best, row in zip(first[:, 0], rows, strict=True)]))


def likeliest(net: Table, texts: Bags, rows: Rows, most: int) -> tuple[Places, Vector]:
    """Returns the likeliest labels of each text, best first, and their chances; both of shape (texts, most)."""
    places, chances = [np.empty((0, most), dtype=np.int64)], [np.empty((0, most))]
    with tc.no_grad():
        for start in range(0, rows.size, ROWS_AT_ONCE):
            vectors = net(bags.batch(texts, rows[start : start + ROWS_AT_ONCE]))
            logits = (vectors @ net.labels.transpose(0, 1) + net.bias.reshape(1, -1)).numpy()
            some, values = best_of(logits, most)
            places.append(some)
            chances.append(1 / (1 + np.exp(-values)))
    return np.concatenate(places), np.concatenate(chances)


def best_of(scores: npt.NDArray[np.float32], most: int) -> tuple[Places, Vector]:
    """Returns the places of the highest scores of each row, best first, and the scores.

    >>> best_of(np.array([[0.1, 0.5, 0.3]]), 2)[0].tolist()
    [[1, 2]]
    """
    found = np.argpartition(-scores, most - 1, axis=1)[:, :most]
    values = np.take_along_axis(scores, found, axis=1).astype(np.float64)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1), np.take_along_axis(values, order, axis=1)
