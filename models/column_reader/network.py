"""The network: the layers of the sentence encoder under heads for a table's columns."""

from typing import NamedTuple

import tensor_core as tc
from models.sentence_encoder.network import WIDTH, Trunk, averaged
from tensor_core import nn


class Output(NamedTuple):
    """What the network says of tables: logits."""

    category: tc.Tensor  # tables × categories
    roles: tc.Tensor  # tables × columns × roles; the first is that of what is asked for
    nothing: tc.Tensor  # tables × 1: that no column is asked for
    pitfalls: tc.Tensor  # tables × pitfalls


class ColumnReader(Trunk):
    """Logits for tables given as rows of token numbers.

    >>> network = ColumnReader(vocabulary=50, categories=9, roles=3, pitfalls=7)
    >>> ids, mask, spans = tc.ones(2, 6, dtype=tc.int64), tc.ones(2, 6), tc.ones(2, 4, 6) / 6
    >>> [tuple(part.shape) for part in network(ids, mask, spans)]
    [(2, 9), (2, 4, 3), (2, 1), (2, 7)]
    """

    def __init__(self, *, vocabulary: int, categories: int, roles: int, pitfalls: int, dropout: float = 0.1) -> None:
        """Draw fresh weights; `adopt` replaces all but the heads."""
        super().__init__(vocabulary=vocabulary, dropout=dropout)
        self.category = nn.Linear(WIDTH, categories)
        self.roles = nn.Linear(WIDTH, roles)
        self.nothing = nn.Linear(WIDTH, 1)
        self.pitfalls = nn.Linear(WIDTH, pitfalls)

    def forward(self, ids: tc.Tensor, mask: tc.Tensor, spans: tc.Tensor) -> Output:
        """The logits for `ids` (tables × tokens, int64).

        Args:
            ids: token numbers.
            mask: 1 where a token stands, 0 behind the last.
            spans: tables × columns × tokens, the share of each token in the mean of each column.
        """
        x = self.layered(ids, mask)
        mean, columns = averaged(x, mask), tc.matmul(spans, x)
        seen = self.dropout(mean)
        return Output(self.category(seen), self.roles(self.dropout(columns)), self.nothing(seen), self.pitfalls(seen))
