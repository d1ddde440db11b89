"""Weights of words for labels, learned where it is hard: a text's own labels against those that are taken for them.

One linear model for each label against all the rest (Babbar and Schölkopf, 2017, DiSMEC) is accurate and slow, because
nearly all texts are easy for nearly all labels. Here each training text is asked about its own labels and the likeliest
wrong ones alone, and all labels learn at once: one convex problem over the pairs of a word and a label that stood
together. The weights then order the likeliest labels anew, so that others need not be asked about.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from label_lifts import Lifts, Places, Vector

import tensor_core as tc
from models.kit import bags, training
from models.kit.bags import Bags
from models.kit.splits import Rows

CANDIDATES = 30  # likeliest labels of a text that are ordered anew
MOST_ASKED = 1_000_000  # pairs of a text and a label that are learned from
PENALTY = 0.03  # half the factor of the squares of all weights, beside the sum of the losses
BIAS_PENALTY = 0.02
FIRST_BIAS = -2.0  # most of what is asked is wrong; biases are drawn to this
MOST_ITERATIONS = 40
MEMORY = 5  # steps that L-BFGS remembers
TRUSTS = (0.0, 3.0, 10.0, 30.0, 100.0)  # how much the weights count beside what made the candidates


class Weights(tc.nn.Module):
    """A weight for each pair of a word and a label that stood together, and a number for each label."""

    def __init__(self, pairs: int, labels: int) -> None:
        """Begins with nothing known."""
        self.pairs = tc.nn.Parameter(tc.zeros(pairs, 1, dtype=tc.float64))
        self.bias = tc.nn.Parameter(tc.full((labels, 1), FIRST_BIAS, dtype=tc.float64))


class Asked(NamedTuple):
    """Texts and labels one behind the other, and whether each label is right."""

    text: Places
    label: Places
    right: npt.NDArray[np.bool_]


def asked(rows: Rows, wrong: Places, has: list[Places]) -> Asked:
    """Returns the texts with each of their labels, then with those that are taken for them, (rows, labels of each).

    Where labels are few, some of the likeliest `wrong` ones may be right; those are not asked about twice.

    >>> asked(np.array([4]), np.array([[2, 3, 7]]), [np.array([])] * 4 + [np.array([7])]).label.tolist()
    [7, 2, 3]
    """
    own = np.concatenate([has[row] for row in rows]).astype(np.int64)
    text = np.concatenate([np.repeat(rows, [has[row].size for row in rows]), np.repeat(rows, wrong.shape[1])])
    kept = np.concatenate(
        [np.ones(own.size, dtype=np.bool_)]
        + [~np.isin(places, has[row]) for places, row in zip(wrong, rows, strict=True)]
    )
    return Asked(text[kept], np.concatenate([own, wrong.ravel()])[kept], (np.arange(text.size) < own.size)[kept])


def learn(lifts: Lifts, texts: Bags, given: Asked, watch: training.Watch) -> Lifts:
    """Returns the pairs with the weights that tell right from wrong best, and the labels' biases as their priors.

    The loss is convex: the logarithmic one of each answer, and the squares of the weights.
    """
    labels, words = lifts.prior.size, lifts.pairs.start.size - 1
    word = np.repeat(np.arange(words), np.diff(lifts.pairs.start))
    order = np.argsort(word * labels + lifts.pairs.word, kind="stable")
    keys = (word * labels + lifts.pairs.word)[order]
    place, answer = bags.places(texts, given.text)
    wanted = texts.word[place] * labels + given.label[answer]
    found = np.searchsorted(keys, wanted)
    known = np.isin(wanted, keys)  # others never stood together, or not oftener than by chance
    pair = tc.as_tensor(order[found[known]])
    value = tc.as_tensor(texts.value[place[known]].astype(np.float64)).unsqueeze(-1)
    owner, label = tc.as_tensor(answer[known]), tc.as_tensor(given.label)
    right = tc.as_tensor(given.right.astype(np.float64)).unsqueeze(-1)
    net = Weights(keys.size, labels)

    def loss(rows: Rows | None) -> tc.Tensor:
        heard = tc.zeros(given.text.size, 1, dtype=tc.float64).index_add(0, owner, net.pairs[pair] * value)
        odds, away = heard + net.bias[label], net.bias - FIRST_BIAS
        squares = PENALTY / 2 * (net.pairs * net.pairs).sum() + BIAS_PENALTY / 2 * (away * away).sum()
        total: tc.Tensor = tc.binary_cross_entropy_with_logits(odds, right, reduction="sum") + squares
        return total

    training.over_all(net, training.Objective(given.text.size, loss, None), watch, most=MOST_ITERATIONS, memory=MEMORY)
    learned: Vector = net.pairs.detach().numpy().ravel()
    return Lifts(lifts.pairs._replace(value=learned.astype(np.float32)), net.bias.detach().numpy().ravel())
