"""Layers. Initial values are torch's: equal seeds give equal weights."""

import math
from typing import Any

from tensor_core.creation import empty, ones, zeros
from tensor_core.nn.init import kaiming_uniform_, normal_, uniform_, xavier_uniform_
from tensor_core.nn.module import Module, Parameter
from tensor_core.ops.attention import layer_norm, scaled_dot_product_attention
from tensor_core.ops.elementwise import gelu, relu
from tensor_core.ops.lookup import embedding, embedding_bag
from tensor_core.ops.losses import dropout
from tensor_core.ops.matrix import linear
from tensor_core.tensor import Tensor


class Linear(Module):
    """`x` times the transpose of `weight` (outputs × inputs), plus `bias`; initial values are torch's.

    >>> from tensor_core import ones
    >>> Linear(3, 2)(ones(5, 3)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self, in_features: int, out_features: int, *, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        """Draw weights and bias uniformly within 1/√inputs of 0 (He et al. 2015, with torch's slope of √5)."""
        self.weight = Parameter(empty(out_features, in_features, device=device, dtype=dtype))
        self.bias = Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None
        bound = 1 / math.sqrt(in_features) if in_features else 0.0
        kaiming_uniform_(self.weight, slope=math.sqrt(5))
        if self.bias is not None:
            uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """The affine map of the last dimension."""
        return linear(x, self.weight, self.bias)

    def _settings(self) -> str:
        outputs, inputs = self.weight.shape
        return f"in_features={inputs}, out_features={outputs}, bias={self.bias is not None}"


class ReLU(Module):
    """`relu` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """`x` where it is positive, else 0."""
        return relu(x)


class GELU(Module):
    """`gelu` as a layer."""

    def __init__(self, *, approximate: str = "none") -> None:
        """Remember the formula, 'none' or 'tanh'."""
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """`x` times the probability that a standard normal number is smaller."""
        return gelu(x, self.approximate)


class Dropout(Module):
    """`dropout` as a layer; it does nothing after `eval()`."""

    def __init__(self, p: float = 0.5) -> None:
        """Remember the probability that an entry is dropped."""
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p is a probability from 0 to 1, not {p}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """`x` with entries dropped while training."""
        return dropout(x, self.p, training=self.training)

    def _settings(self) -> str:
        return f"p={self.p}"


class Embedding(Module):
    """A learned vector for each index below `num_embeddings`; the one at `padding_idx` starts at 0 and stays.

    >>> from tensor_core import tensor
    >>> Embedding(10, 3)(tensor([[1, 2]])).shape
    torch.Size([1, 2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        sparse: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        """Draw standard normal vectors; `sparse`: the weight's gradient has the rows that were read, and no others."""
        self.weight = Parameter(empty(num_embeddings, embedding_dim, device=device, dtype=dtype))
        self.padding_idx, self.sparse = padding_idx, sparse
        normal_(self.weight)
        if padding_idx is not None:
            self.weight.raw.select(0, padding_idx).zero_()

    def forward(self, input: Tensor) -> Tensor:
        """The vector at each index."""
        return embedding(input, self.weight, self.padding_idx, sparse=self.sparse)

    def _settings(self) -> str:
        rows, width = self.weight.shape
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{rows}, {width}{padding}{', sparse=True' if self.sparse else ''}"


class EmbeddingBag(Embedding):
    """The mean (or "sum") of learned vectors over each row of indices, or over the bags that begin at `offsets`.

    >>> from tensor_core import tensor
    >>> EmbeddingBag(10, 3)(tensor([1, 2, 4]), tensor([0, 2])).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        mode: str = "mean",
        padding_idx: int | None = None,
        sparse: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        """Draw standard normal vectors; settings as for `embedding_bag`."""
        super().__init__(num_embeddings, embedding_dim, padding_idx, sparse=sparse, device=device, dtype=dtype)
        self.mode = mode

    def forward(self, input: Tensor, offsets: Tensor | None = None) -> Tensor:
        """One vector for each bag: (bags, width)."""
        return embedding_bag(
            input, self.weight, offsets, mode=self.mode, padding_idx=self.padding_idx, sparse=self.sparse
        )

    def _settings(self) -> str:
        return f"{super()._settings()}, mode={self.mode!r}"


class LayerNorm(Module):
    """`layer_norm` over the last dimensions, with a learned scale and shift.

    >>> from tensor_core import tensor
    >>> LayerNorm(2, eps=0.0)(tensor([[1.0, 3.0]])).detach()
    tensor([[-1.,  1.]])
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        *,
        eps: float = 1e-5,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        """Start with scale 1 and shift 0."""
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps = eps
        self.weight = Parameter(ones(self.normalized_shape, device=device, dtype=dtype))
        self.bias = Parameter(zeros(self.normalized_shape, device=device, dtype=dtype)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """`x`, normalised."""
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def _settings(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}"


class MultiheadAttention(Module):
    """Attention in several subspaces (Vaswani et al. 2017, section 3.2.2); batches come first: (rows, tokens, width).

    >>> from tensor_core import ones
    >>> x = ones(2, 5, 8)
    >>> MultiheadAttention(8, 2)(x, x, x).shape
    torch.Size([2, 5, 8])
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        *,
        dropout: float = 0.0,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        """Draw the projections: one matrix for queries, keys and values, and one back."""
        if embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: {num_heads} heads do not divide a width of {embed_dim}")
        self.num_heads, self.dropout = num_heads, dropout
        self.in_proj_weight = Parameter(empty(3 * embed_dim, embed_dim, device=device, dtype=dtype))
        self.in_proj_bias = Parameter(zeros(3 * embed_dim, device=device, dtype=dtype)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        xavier_uniform_(self.in_proj_weight)
        if self.out_proj.bias is not None:
            self.out_proj.bias.raw.zero_()

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, *, is_causal: bool = False
    ) -> Tensor:
        """What each query gathers from the values; `attn_mask` as for `scaled_dot_product_attention`."""
        width = query.shape[-1]
        if query is key and key is value:
            parts = linear(query, self.in_proj_weight, self.in_proj_bias).split(width, -1)
        else:
            weights = self.in_proj_weight.split(width)
            biases = (None, None, None) if self.in_proj_bias is None else self.in_proj_bias.split(width)
            parts = [linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True)]
        q, k, v = (p.reshape(*p.shape[:-1], self.num_heads, -1).transpose(-3, -2) for p in parts)
        gathered = scaled_dot_product_attention(q, k, v, attn_mask, self.dropout if self.training else 0.0, is_causal)
        out: Tensor = self.out_proj(gathered.transpose(-3, -2).reshape(query.shape))
        return out

    def _settings(self) -> str:
        return f"{self.out_proj.weight.shape[0]}, {self.num_heads}"
