"""The libraries of the benchmark: each with the ops that the workloads need, in its own natural words.

`gradient(workload)` is a function that runs forward and backward; `step(workload)` one that also updates with Adam.
Both return the loss, as something that `float` reads.
Libraries that are measured without an optimizer stand in gradient_peers.py.
"""

import importlib.util
from types import SimpleNamespace
from typing import Any

import torch
from workloads import Run, Workload, attention_of

import tensor_core as tc

LEARNING_RATE = 1e-3
MANY_ROWS = 10_000  # of a matrix that is a table


# ---- ours


def _our_gru(x: Any, h: Any, *weights: Any) -> Any:
    states = tc.gru(x, h, *weights)
    return states, states[-1]


OURS = SimpleNamespace(
    linear=tc.linear, relu=tc.relu, cross_entropy=tc.cross_entropy, mse=tc.mse_loss,
    bce=tc.binary_cross_entropy_with_logits, tanh=tc.tanh, sigmoid=tc.sigmoid, sum=tc.sum, gelu=tc.gelu,
    matvec=lambda a, b: a @ b, sum_last=lambda x: x.sum(-1), mean_tokens=lambda x: x.mean(1), gru=_our_gru,
    rows=lambda table, index: tc.embedding(index, table),
    layer_norm=lambda x, w, b: tc.layer_norm(x, (x.shape[-1],), w, b),
    attention=attention_of(tc.scaled_dot_product_attention),
)  # fmt: skip


def _our_parts(w: Workload) -> Any:
    return [tc.tensor(p, requires_grad=True) for p in w.parameters], [tc.tensor(b) for b in w.batch]


def our_gradient(w: Workload) -> Run:
    """tensor_core, eager."""
    parameters, batch = _our_parts(w)

    def run() -> Any:
        for parameter in parameters:
            parameter.grad = None
        loss = w.loss(OURS, parameters, batch)
        loss.backward()
        return loss

    return run


def our_step(w: Workload, *, captured: bool = False, sparse: bool = False) -> Run:
    """tensor_core, eager or captured; `sparse`: tables get gradients of the rows that were read alone."""
    parameters, batch = _our_parts(w)
    peer = OURS
    if sparse:
        rows = {"rows": lambda table, index: tc.embedding(index, table, sparse=True)}
        peer = SimpleNamespace(**{**vars(OURS), **rows})
    adam = tc.optim.Adam(parameters, lr=LEARNING_RATE)

    def step(*batch: Any) -> Any:
        adam.zero_grad()
        loss = w.loss(peer, parameters, batch)
        loss.backward()
        adam.step()
        return loss

    chosen = tc.capture(step, dynamic=()) if captured else step
    return lambda: chosen(*batch)


# ---- torch

F = torch.nn.functional
TORCH = SimpleNamespace(
    linear=F.linear, relu=torch.relu, cross_entropy=F.cross_entropy, mse=F.mse_loss,
    bce=F.binary_cross_entropy_with_logits, tanh=torch.tanh, sigmoid=torch.sigmoid, sum=torch.sum, gelu=F.gelu,
    matvec=lambda a, b: a @ b, sum_last=lambda x: x.sum(-1), mean_tokens=lambda x: x.mean(1),
    rows=lambda table, index: F.embedding(index, table),
    layer_norm=lambda x, w, b: F.layer_norm(x, (x.shape[-1],), w, b),
    attention=attention_of(F.scaled_dot_product_attention),
    gru=lambda x, h, *weights: (
        lambda made: (made[0], made[1][0])
    )(torch._VF.gru(x, h[None], weights, True, 1, 0.0, False, False, False)),
)  # fmt: skip


def _torch_parts(w: Workload) -> Any:
    return [torch.tensor(p, requires_grad=True) for p in w.parameters], [torch.tensor(b) for b in w.batch]


def torch_gradient(w: Workload) -> Run:
    """torch, eager."""
    parameters, batch = _torch_parts(w)

    def run() -> Any:
        for parameter in parameters:
            parameter.grad = None
        loss = w.loss(TORCH, parameters, batch)
        loss.backward()
        return loss.detach()

    return run


def torch_step(w: Workload) -> Run:
    """torch, eager, with its fused Adam."""
    parameters, batch = _torch_parts(w)
    adam = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True)

    def step() -> Any:
        adam.zero_grad()
        loss = w.loss(TORCH, parameters, batch)
        loss.backward()
        adam.step()
        return loss.detach()

    return step


def torch_sparse_step(w: Workload) -> Run:
    """torch, eager: sparse gradients and SparseAdam for the tables, its first parameters, Adam for the rest."""
    parameters, batch = _torch_parts(w)
    peer = SimpleNamespace(**{**vars(TORCH), "rows": lambda table, index: F.embedding(index, table, sparse=True)})
    tables = sum(p.dim() == 2 and p.shape[0] >= MANY_ROWS for p in parameters)
    optimizers = [torch.optim.SparseAdam(parameters[:tables], lr=LEARNING_RATE)]
    if parameters[tables:]:
        optimizers.append(torch.optim.Adam(parameters[tables:], lr=LEARNING_RATE, fused=True))

    def step() -> Any:
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = w.loss(peer, parameters, batch)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return loss.detach()

    return step


def torch_compiled_step(w: Workload) -> Run:
    """torch.compile of the whole step: the gradient by torch.func, then Adam in place."""
    parameters, batch = _torch_parts(w)
    parameters = [p.detach() for p in parameters]
    means, squares = [torch.zeros_like(p) for p in parameters], [torch.zeros_like(p) for p in parameters]
    count = torch.zeros(())

    def step(parameters: Any, means: Any, squares: Any, count: Any, batch: Any) -> Any:
        grads, loss = torch.func.grad_and_value(lambda p: w.loss(TORCH, p, batch))(parameters)
        count += 1
        scale, root = LEARNING_RATE / (1 - 0.9**count), (1 - 0.999**count).sqrt()
        for p, g, m, s in zip(parameters, grads, means, squares, strict=True):
            m.lerp_(g, 0.1)
            s.mul_(0.999).addcmul_(g, g, value=0.001)
            p.sub_(scale * m / (s.sqrt() / root + 1e-8))
        return loss

    compiled = torch.compile(step, fullgraph=True, dynamic=False)
    return lambda: compiled(parameters, means, squares, count, batch)


# ---- JAX


def _jax_peer() -> Any:
    import jax
    import jax.numpy as jnp

    def linear(x: Any, w: Any, b: Any) -> Any:
        return x @ w.T + b

    def cross_entropy(x: Any, y: Any) -> Any:
        return -jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1).mean()

    def gru(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
        def body(h: Any, gates: Any) -> Any:
            (ri, zi, ni), (rh, zh, nh) = jnp.split(gates, 3, -1), jnp.split(linear(h, w_hh, b_hh), 3, -1)
            new = jnp.tanh(ni + jax.nn.sigmoid(ri + rh) * nh)
            h = new + jax.nn.sigmoid(zi + zh) * (h - new)
            return h, h

        last, outputs = jax.lax.scan(body, h, linear(x, w_ih, b_ih))
        return outputs, last

    def layer_norm(x: Any, w: Any, b: Any) -> Any:
        away = x - x.mean(-1, keepdims=True)
        return away * jax.lax.rsqrt((away * away).mean(-1, keepdims=True) + 1e-5) * w + b

    def attention(qkv: Any, heads: int) -> Any:
        rows, tokens, width = qkv.shape[0], qkv.shape[1], qkv.shape[2] // 3
        q, k, v = (part.reshape(rows, tokens, heads, -1) for part in jnp.split(qkv, 3, -1))
        return jax.nn.dot_product_attention(q, k, v).reshape(rows, tokens, width)

    return SimpleNamespace(
        linear=linear, relu=jax.nn.relu, cross_entropy=cross_entropy, mse=lambda a, b: ((a - b) ** 2).mean(),
        bce=lambda x, y: (jnp.logaddexp(0, x) - x * y).mean(), tanh=jnp.tanh, sigmoid=jax.nn.sigmoid, sum=jnp.sum,
        gelu=lambda x: jax.nn.gelu(x, approximate=False), matvec=lambda a, b: a @ b, sum_last=lambda x: x.sum(-1),
        mean_tokens=lambda x: x.mean(1), rows=lambda table, index: table[index], gru=gru, layer_norm=layer_norm,
        attention=attention,
    )  # fmt: skip


def jax_gradient(w: Workload) -> Run:
    """JAX without jit."""
    import jax

    peer, parameters, batch = (
        _jax_peer(),
        [jax.numpy.asarray(p) for p in w.parameters],
        [*map(jax.numpy.asarray, w.batch)],
    )
    gradient = jax.value_and_grad(lambda p: w.loss(peer, p, batch))
    return lambda: jax.block_until_ready(gradient(parameters))[0]


def jax_step(w: Workload) -> Run:
    """jax.jit of the whole step, its state donated."""
    import jax
    import jax.numpy as jnp

    peer = _jax_peer()

    def step(state: Any, batch: Any) -> Any:
        parameters, means, squares, count = state
        loss, grads = jax.value_and_grad(lambda p: w.loss(peer, p, batch))(parameters)
        count = count + 1
        scale, root = LEARNING_RATE / (1 - 0.9**count), jnp.sqrt(1 - 0.999**count)
        means = [0.9 * m + 0.1 * g for m, g in zip(means, grads, strict=True)]
        squares = [0.999 * s + 0.001 * g * g for s, g in zip(squares, grads, strict=True)]
        moved = [
            p - scale * m / (jnp.sqrt(s) / root + 1e-8) for p, m, s in zip(parameters, means, squares, strict=True)
        ]
        return (moved, means, squares, count), loss

    jitted = jax.jit(step, donate_argnums=0)
    start = [jnp.asarray(p) for p in w.parameters]
    state = (start, [jnp.zeros_like(p) for p in start], [jnp.zeros_like(p) for p in start], jnp.zeros(()))
    batch = [jnp.asarray(b) for b in w.batch]

    def run() -> Any:
        nonlocal state
        state, loss = jitted(state, batch)
        return jax.block_until_ready((state, loss))[1]

    return run


def installed(module: str) -> bool:
    """Whether the library can be imported."""
    return importlib.util.find_spec(module) is not None
