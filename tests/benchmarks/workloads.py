"""The seven workloads of the benchmark, each one loss that any library with the ops of a `Peer` can compute."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

CHAIN = 1_000  # ops
GRU_STEPS, GRU_ROWS, GRU_WIDTH = 20, 32, 64
ROWS, TOKENS, WIDTH, HEADS, LAYERS, WORDS, CLASSES = 16, 64, 384, 12, 4, 4_000, 10
VOCABULARY, TAGGED, WINDOW = 30_000, 256, 9
EACH_LAYER = 12  # parameters of a layer of the transformer
Run = Callable[[], Any]  # one run of a workload in some library; returns the loss


class Workload(NamedTuple):
    """What is learned, from what, and by which loss: `loss(peer, parameters, batch)`."""

    name: str
    parameters: list[np.ndarray]
    batch: list[np.ndarray]
    loss: Callable[[Any, Any, Any], Any]


def _draw(seed: int = 0) -> Callable[..., np.ndarray]:
    generator = np.random.default_rng(seed)
    return lambda *shape: generator.standard_normal(shape).astype(np.float32)


def _labels(count: int, classes: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, classes, count)


def _mlp(name: str, rows: int, inputs: int, hidden: int, classes: int) -> Workload:
    draw = _draw()
    parameters = [
        draw(hidden, inputs) / inputs**0.5, np.zeros(hidden, np.float32),
        draw(classes, hidden) / hidden**0.5, np.zeros(classes, np.float32),
    ]  # fmt: skip

    def loss(peer: Any, p: Any, batch: Any) -> Any:
        x, y = batch
        return peer.cross_entropy(peer.linear(peer.relu(peer.linear(x, p[0], p[1])), p[2], p[3]), y)

    return Workload(name, parameters, [draw(rows, inputs), _labels(rows, classes)], loss)


def tiny_mlp() -> Workload:
    """32 rows, 64 → 64 → 10, cross entropy."""
    return _mlp("tiny MLP", 32, 64, 64, 10)


def medium_mlp() -> Workload:
    """256 rows, 784 → 512 → 10, cross entropy."""
    return _mlp("medium MLP", 256, 784, 512, 10)


def factorisation() -> Workload:
    """1,024 ratings of 10,000 users and 10,000 items by vectors of 32, squared error."""
    draw, generator = _draw(), np.random.default_rng(1)
    pairs = [generator.integers(0, 10_000, 1_024) for _ in range(2)]

    def loss(peer: Any, p: Any, batch: Any) -> Any:
        users, items, ratings = batch
        return peer.mse(peer.sum_last(peer.rows(p[0], users) * peer.rows(p[1], items)), ratings)

    return Workload("factorisation", [draw(10_000, 32) / 8, draw(10_000, 32) / 8], [*pairs, draw(1_024)], loss)


def logistic() -> Workload:
    """1,024 rows × 1,000 columns, binary cross entropy."""
    draw = _draw()
    x = draw(1_024, 1_000)
    y = (draw(1_024) > 0).astype(np.float32)

    def loss(peer: Any, p: Any, batch: Any) -> Any:
        return peer.bce(peer.matvec(batch[0], p[0]) + p[1], batch[1])

    return Workload("logistic", [np.zeros(1_000, np.float32), np.zeros((), np.float32)], [x, y], loss)


def gru() -> Workload:
    """A GRU reads 20 steps of 32 rows × 64, another one writes 20 steps from its last state; squared error."""
    draw, width = _draw(), GRU_WIDTH
    parameters: list[np.ndarray] = []
    for _ in range(2):
        parameters += [draw(3 * width, width) / 8, draw(3 * width, width) / 8]
        parameters += [np.zeros(3 * width, np.float32), np.zeros(3 * width, np.float32)]
    parameters += [draw(width, width) / 8, np.zeros(width, np.float32)]

    def loss(peer: Any, p: Any, batch: Any) -> Any:
        source, shifted, target, start = batch
        _, state = peer.gru(source, start, *p[:4])
        outputs, _ = peer.gru(shifted, state, *p[4:8])
        return peer.mse(peer.linear(outputs, p[8], p[9]), target)

    shape = GRU_STEPS, GRU_ROWS, width
    batch = [draw(*shape), draw(*shape), draw(*shape), np.zeros((GRU_ROWS, width), np.float32)]
    return Workload("GRU", parameters, batch, loss)


def chain() -> Workload:
    """1,000 elementwise ops, one after the other, on 10 numbers."""

    def loss(peer: Any, p: Any, batch: Any) -> Any:
        (x,), (scale,) = p, batch
        y = x
        for _ in range(CHAIN // 4):
            y = peer.sigmoid(peer.tanh(y * scale) + x)
        return peer.sum(y)

    return Workload("chain", [np.linspace(-1, 1, 10, dtype=np.float32)], [np.full(10, 0.999, np.float32)], loss)


def transformer() -> Workload:
    """Fine-tuning an encoder of 4 layers, 384 wide, with 16 texts of 64 tokens to be told apart into 10 classes."""
    draw, width = _draw(), WIDTH
    ones, zeros = np.ones(width, np.float32), np.zeros(width, np.float32)
    parameters = [draw(WORDS, width) / 16, draw(TOKENS, width) / 16, draw(CLASSES, width) / 16, zeros[:CLASSES]]
    for _ in range(LAYERS):
        parameters += [draw(3 * width, width) / 20, np.zeros(3 * width, np.float32), draw(width, width) / 20, zeros]
        parameters += [ones, zeros, draw(4 * width, width) / 20, np.zeros(4 * width, np.float32)]
        parameters += [draw(width, 4 * width) / 40, zeros, ones, zeros]

    def loss(peer: Any, p: Any, batch: Any) -> Any:
        words, labels = batch
        x = peer.rows(p[0], words) + p[1]
        for i in range(LAYERS):
            q = p[4 + EACH_LAYER * i : 4 + EACH_LAYER * (i + 1)]
            x = peer.layer_norm(
                x + peer.linear(peer.attention(peer.linear(x, q[0], q[1]), HEADS), q[2], q[3]), q[4], q[5]
            )
            x = peer.layer_norm(x + peer.linear(peer.gelu(peer.linear(x, q[6], q[7])), q[8], q[9]), q[10], q[11])
        return peer.cross_entropy(peer.linear(peer.mean_tokens(x), p[2], p[3]), labels)

    words = np.random.default_rng(2).integers(0, WORDS, (ROWS, TOKENS))
    return Workload("transformer", parameters, [words, _labels(ROWS, CLASSES)], loss)


def tagging() -> Workload:
    """Tagging the middle of 256 windows of 9 words, out of 30,000, drawn as words are (Zipf), by vectors of 64."""
    draw, hidden = _draw(), 128
    ranks = np.random.default_rng(3).zipf(1.2, (TAGGED, WINDOW))
    parameters = [
        draw(VOCABULARY, 64) / 8, draw(hidden, WINDOW * 64) / 24, np.zeros(hidden, np.float32),
        draw(17, hidden) / 11, np.zeros(17, np.float32),
    ]  # fmt: skip

    def loss(peer: Any, p: Any, batch: Any) -> Any:
        words, tags = batch
        x = peer.rows(p[0], words).reshape(TAGGED, -1)
        return peer.cross_entropy(peer.linear(peer.relu(peer.linear(x, p[1], p[2])), p[3], p[4]), tags)

    return Workload("tagging", parameters, [(ranks - 1) % VOCABULARY, _labels(TAGGED, 17)], loss)


ALL = (tiny_mlp, medium_mlp, factorisation, logistic, gru, chain, transformer)


def attention_of(fused: Callable[..., Any]) -> Callable[..., Any]:
    """Attention on queries, keys and values side by side in (rows, tokens, 3 × width)."""

    def attention(qkv: Any, heads: int) -> Any:
        rows, tokens, width = qkv.shape[0], qkv.shape[1], qkv.shape[2] // 3
        q, k, v = (
            qkv[..., i * width : (i + 1) * width].reshape(rows, tokens, heads, -1).transpose(1, 2) for i in range(3)
        )
        return fused(q, k, v).transpose(1, 2).reshape(rows, tokens, width)

    return attention
