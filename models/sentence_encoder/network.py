"""The network: a transformer encoder of six layers, averaged over its tokens, under two linear heads.

The shape is MiniLM's (Wang et al., 2020, MiniLM: Deep Self-Attention Distillation), so that its weights fit; layers
normalise after each sum, as in Devlin et al. (2019), BERT.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import torch

import tensor_core as tc
from tensor_core import nn
from tensor_core.ops.matrix import linear

LAYERS = 6
HEADS = 12
WIDTH = 384
INNER = 1536
PLACES = 512  # positions that the parent knows
NORM_EPSILON = 1e-12

OF_TRUNK = ("words", "places", "norm", "layers")  # first parts of the names of what is no head

_HALF = torch.bfloat16
Parent = Mapping[str, Any]  # name -> raw tensor or array, as the parent's file has them


class Output(NamedTuple):
    """What the network says of texts: logits, and the `mean` vector that they are read from."""

    category: tc.Tensor  # texts × categories
    subtask: tc.Tensor  # texts × subtasks
    mean: tc.Tensor  # texts × 384


@cache
def halves_are_fast() -> bool:
    """Whether this processor multiplies in bfloat16; where it does not, such a product takes several times as long."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


class Product(nn.Linear):
    """A linear map whose product is taken in bfloat16 while training, where the processor can, which is what the time
    goes to; its parameters, and with them every sum of small steps, stay in single precision (Micikevicius et al.,
    2018, Mixed Precision Training)."""

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        """The map of the last dimension; in bfloat16 while training."""
        if not self.training or not halves_are_fast():
            return super().forward(x)
        bias = self.bias.to(_HALF) if self.bias is not None else None
        product: tc.Tensor = linear(x.to(_HALF), self.weight.to(_HALF), bias)
        return product


class Block(nn.Module):
    """One layer: attention of every token to every other, then a network for each token by itself."""

    def __init__(self, dropout: float) -> None:
        """Draw fresh weights."""
        self.attend = Product(WIDTH, 3 * WIDTH)  # queries, keys and values side by side
        self.join = Product(WIDTH, WIDTH)
        self.norm_attention = nn.LayerNorm(WIDTH, eps=NORM_EPSILON)
        self.widen = Product(WIDTH, INNER)
        self.narrow = Product(INNER, WIDTH)
        self.norm_network = nn.LayerNorm(WIDTH, eps=NORM_EPSILON)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: tc.Tensor, mask: tc.Tensor) -> tc.Tensor:
        """`x` (texts × tokens × 384) after the layer; `mask` (texts × 1 × 1 × tokens) is true where a token stands."""
        texts, tokens, _ = x.shape
        joint = self.attend(x).reshape(texts, tokens, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        mixed = tc.scaled_dot_product_attention(joint[0], joint[1], joint[2], attn_mask=mask)
        mixed = mixed.transpose(1, 2).reshape(texts, tokens, WIDTH)
        x = self.norm_attention(x + self.dropout(self.join(mixed).float()))
        out: tc.Tensor = self.norm_network(x + self.dropout(self.narrow(tc.gelu(self.widen(x))).float()))
        return out


class Trunk(nn.Module):
    """The layers without heads: a vector for every token, in sight of all others.

    >>> trunk = Trunk(vocabulary=50)
    >>> tuple(trunk.layered(tc.ones(2, 5, dtype=tc.int64), tc.ones(2, 5)).shape)
    (2, 5, 384)
    """

    def __init__(self, *, vocabulary: int, dropout: float = 0.1) -> None:
        """Draw fresh weights; `adopt` replaces them."""
        self.words = nn.Embedding(vocabulary, WIDTH)
        self.places = nn.Embedding(PLACES, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=NORM_EPSILON)
        self.layers = [Block(dropout) for _ in range(LAYERS)]
        self.dropout = nn.Dropout(dropout)

    def layered(self, ids: tc.Tensor, mask: tc.Tensor) -> tc.Tensor:
        """texts × tokens × 384 for `ids` (texts × tokens, int64); `mask` is 1 where a token stands and 0 behind it."""
        tokens = ids.shape[1]
        x = self.norm(self.words(ids) + self.places.weight[:tokens])
        x = self.dropout(x)
        standing = (mask > 0).reshape(mask.shape[0], 1, 1, tokens)
        for layer in self.layers:
            x = layer(x, standing)
        out: tc.Tensor = x
        return out


def averaged(x: tc.Tensor, mask: tc.Tensor) -> tc.Tensor:
    """The mean over the tokens that stand: texts × 384."""
    column = mask.reshape(*mask.shape, 1)
    mean: tc.Tensor = (x * column).sum(1) / column.sum(1)
    return mean


class SentenceEncoder(Trunk):
    """Logits of categories and sub-tasks for texts given as rows of token numbers.

    >>> network = SentenceEncoder(vocabulary=50, categories=9, subtasks=55)
    >>> ids, mask = tc.ones(2, 5, dtype=tc.int64), tc.ones(2, 5)
    >>> [tuple(part.shape) for part in network(ids, mask)]
    [(2, 9), (2, 55), (2, 384)]
    """

    def __init__(self, *, vocabulary: int, categories: int, subtasks: int, dropout: float = 0.1) -> None:
        """Draw fresh weights; `adopt` replaces all but the heads."""
        super().__init__(vocabulary=vocabulary, dropout=dropout)
        self.category = nn.Linear(WIDTH, categories)
        self.subtask = nn.Linear(WIDTH, subtasks)

    def forward(self, ids: tc.Tensor, mask: tc.Tensor) -> Output:
        """The logits for `ids` (texts × tokens, int64); `mask` is 1 where a token stands and 0 behind the text."""
        mean = averaged(self.layered(ids, mask), mask)
        seen = self.dropout(mean)
        return Output(self.category(seen), self.subtask(seen), mean)


def adopt(parent: Parent, rows: list[int]) -> dict[str, Any]:
    """The parent's weights under our names: those of `rows` of its word table, and everything else but the heads.

    Args:
        parent: MiniLM's tensors by name, raw.
        rows: which words to keep, in order.
    """
    weights = {name.removeprefix("bert."): value for name, value in parent.items()}
    ours = {
        "words.weight": weights["embeddings.word_embeddings.weight"][rows],
        # every text is a first sentence, so its token type is one constant
        "places.weight": weights["embeddings.position_embeddings.weight"]
        + weights["embeddings.token_type_embeddings.weight"][0],
    }
    for part in ("weight", "bias"):
        ours[f"norm.{part}"] = weights[f"embeddings.LayerNorm.{part}"]
        for layer in range(LAYERS):
            theirs = f"encoder.layer.{layer}"
            names = {
                "join": "attention.output.dense",
                "norm_attention": "attention.output.LayerNorm",
                "widen": "intermediate.dense",
                "narrow": "output.dense",
                "norm_network": "output.LayerNorm",
            }
            for name, their_name in names.items():
                ours[f"layers.{layer}.{name}.{part}"] = weights[f"{theirs}.{their_name}.{part}"]
            thirds = [weights[f"{theirs}.attention.self.{third}.{part}"] for third in ("query", "key", "value")]
            ours[f"layers.{layer}.attend.{part}"] = torch.cat(thirds)
    return ours
