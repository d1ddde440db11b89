"""Libraries that run op by op and are measured forward and backward alone: HIPS autograd, mygrad, tinygrad.

As in peers.py, a function takes a workload and returns what runs it once and gives the loss.
"""

import importlib.util
import math
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from workloads import Run, Workload, attention_of


def _numpy_peer(np_: Any, sigmoid: Callable[[Any], Any], erf: Callable[[Any], Any]) -> Any:
    """The ops for a library that speaks numpy."""

    def linear(x: Any, w: Any, b: Any) -> Any:
        return np_.matmul(x, w.T) + b

    def log_softmax(x: Any) -> Any:
        shifted = x - np_.max(x, axis=-1, keepdims=True)
        return shifted - np_.log(np_.sum(np_.exp(shifted), axis=-1, keepdims=True))

    def gru(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
        outputs, width = [], w_hh.shape[1]
        for gates in (linear(x[i], w_ih, b_ih) for i in range(len(x))):
            own = linear(h, w_hh, b_hh)
            reset, update = (sigmoid(gates[:, s] + own[:, s]) for s in (slice(0, width), slice(width, 2 * width)))
            new = np_.tanh(gates[:, 2 * width :] + reset * own[:, 2 * width :])
            h = new + update * (h - new)
            outputs.append(h)
        return np_.stack(outputs), h

    def layer_norm(x: Any, w: Any, b: Any) -> Any:
        away = x - np_.mean(x, axis=-1, keepdims=True)
        return away / np_.sqrt(np_.mean(away * away, axis=-1, keepdims=True) + 1e-5) * w + b

    def attention(qkv: Any, heads: int) -> Any:
        rows, tokens, width = qkv.shape[0], qkv.shape[1], qkv.shape[2] // 3
        q, k, v = (
            np_.transpose(np_.reshape(qkv[..., i * width : (i + 1) * width], (rows, tokens, heads, -1)), (0, 2, 1, 3))
            for i in range(3)
        )
        scores = np_.matmul(q, np_.transpose(k, (0, 1, 3, 2))) / math.sqrt(width // heads)
        mixed = np_.matmul(np_.exp(log_softmax(scores)), v)
        return np_.reshape(np_.transpose(mixed, (0, 2, 1, 3)), (rows, tokens, width))

    def cross_entropy(x: Any, y: Any) -> Any:
        return -np_.mean(log_softmax(x)[np.arange(len(y)), y])

    return SimpleNamespace(
        linear=linear, relu=lambda x: np_.maximum(x, 0), cross_entropy=cross_entropy,
        mse=lambda a, b: np_.mean((a - b) ** 2), bce=lambda x, y: np_.mean(np_.logaddexp(0, x) - x * y), tanh=np_.tanh,
        sigmoid=sigmoid, sum=np_.sum, gelu=lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2))), matvec=np_.matmul,
        sum_last=lambda x: np_.sum(x, axis=-1), mean_tokens=lambda x: np_.mean(x, axis=1),
        rows=lambda table, index: table[index], gru=gru, layer_norm=layer_norm, attention=attention,
    )  # fmt: skip


def autograd_gradient(w: Workload) -> Run:
    """HIPS autograd."""
    import autograd
    import autograd.numpy as anp
    from autograd.scipy.special import erf

    peer = _numpy_peer(anp, lambda x: 1 / (1 + anp.exp(-x)), erf)
    gradient = autograd.value_and_grad(lambda p: w.loss(peer, p, w.batch))
    return lambda: gradient(w.parameters)[0]


def mygrad_gradient(w: Workload) -> Run:
    """mygrad."""
    import mygrad as mg

    def erf(x: Any) -> Any:  # mygrad has none: Abramowitz and Stegun 7.1.25, three products and an exponential
        t = 1 / (1 + 0.47047 * mg.abs(x))
        return (1 - (0.3480242 * t - 0.0958798 * t**2 + 0.7478556 * t**3) * mg.exp(-(x**2))) * np.sign(x.data)

    peer = _numpy_peer(mg, mg.nnet.sigmoid, erf)
    parameters = [mg.tensor(p) for p in w.parameters]

    def run() -> Any:
        loss = w.loss(peer, parameters, w.batch)
        loss.backward()
        return loss.item()

    return run


def _offer_clang() -> None:
    """Put a clang on the path, without which tinygrad has no CPU: that of the `ziglang` package, if need be."""
    if shutil.which("clang"):
        return
    zig = importlib.util.find_spec("ziglang")
    if zig is None or zig.origin is None:
        raise RuntimeError("tinygrad compiles with clang; install clang, or `pip install ziglang`, which has one")
    script = Path(tempfile.mkdtemp(prefix="clang-")) / "clang"
    script.write_text(f'#!/bin/sh\nexec "{Path(zig.origin).parent / "zig"}" clang "$@"\n', encoding="utf-8")
    script.chmod(0o700)
    os.environ["PATH"] = f"{script.parent}{os.pathsep}{os.environ['PATH']}"


def tinygrad_gradient(w: Workload) -> Run:
    """tinygrad, realised once a run."""
    _offer_clang()
    from tinygrad import Tensor

    def gru(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
        outputs, width = [], w_hh.shape[1]
        shares = x.linear(w_ih.T, b_ih)
        for i in range(x.shape[0]):
            own, gates = h.linear(w_hh.T, b_hh), shares[i]
            reset = (gates[:, :width] + own[:, :width]).sigmoid()
            update = (gates[:, width : 2 * width] + own[:, width : 2 * width]).sigmoid()
            new = (gates[:, 2 * width :] + reset * own[:, 2 * width :]).tanh()
            h = new + update * (h - new)
            outputs.append(h)
        return Tensor.stack(*outputs), h

    peer = SimpleNamespace(
        linear=lambda x, a, b: x.linear(a.T, b), relu=Tensor.relu, mse=lambda a, b: ((a - b) ** 2).mean(),
        cross_entropy=lambda x, y: x.sparse_categorical_crossentropy(y),
        bce=lambda x, y: x.binary_crossentropy_logits(y),
        tanh=Tensor.tanh, sigmoid=Tensor.sigmoid, sum=Tensor.sum, matvec=lambda a, b: a @ b,
        gelu=lambda x: 0.5 * x * (1 + (x / math.sqrt(2)).erf()), sum_last=lambda x: x.sum(-1),
        mean_tokens=lambda x: x.mean(1), rows=lambda table, index: table[index], gru=gru,
        layer_norm=lambda x, a, b: x.layernorm() * a + b,
        attention=attention_of(Tensor.scaled_dot_product_attention),
    )  # fmt: skip
    parameters, batch = [Tensor(p).realize() for p in w.parameters], [Tensor(b).realize() for b in w.batch]

    def run() -> Any:
        loss = w.loss(peer, parameters, batch)
        Tensor.realize(loss, *loss.gradient(*parameters))
        return loss.item()

    return run
