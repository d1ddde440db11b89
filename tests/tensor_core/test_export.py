"""export_onnx: ONNX Runtime gives what the function gives, for other sizes too; int8 stays close."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tensor_core as tc

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


class Encoder(tc.nn.Module):
    def __init__(self) -> None:
        self.words = tc.nn.Embedding(20, 16)
        self.places = tc.nn.Embedding(8, 16)
        self.attention = tc.nn.MultiheadAttention(16, 4)
        self.norm = tc.nn.LayerNorm(16)
        self.up, self.down = tc.nn.Linear(16, 32), tc.nn.Linear(32, 5)
        self.drop = tc.nn.Dropout(0.1)

    def forward(self, words: tc.Tensor) -> dict[str, tc.Tensor]:
        seen = words != 0
        x = self.words(words) + self.places(tc.arange(words.shape[1]))
        x = self.norm(x + self.drop(self.attention(x, x, x, seen.reshape(words.shape[0], 1, 1, words.shape[1]))))
        kept = seen.float().unsqueeze(-1)
        pooled = (x * kept).sum(1) / kept.sum(1)
        logits = self.down(tc.gelu(self.up(pooled)))
        return {"probabilities": logits.softmax(-1), "top": logits.argmax(-1)}


def texts(rows: int, tokens: int) -> tc.Tensor:
    words = tc.randint(1, 20, (rows, tokens))
    words[:, -1] = tc.tensor([0] * rows)
    return words


def run(model: Path | bytes, *inputs: tc.Tensor) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    made: list[np.ndarray] = session.run(None, {f"input_{i}": x.numpy() for i, x in enumerate(inputs)})
    return made


def test_an_encoder_runs_in_onnx_runtime_for_any_number_of_rows_and_tokens(tmp_path: Path) -> None:
    tc.manual_seed(0)
    net = Encoder().eval()
    path = tc.export_onnx(net, texts(3, 6), tmp_path / "net.onnx", dynamic=(0, 1))
    for rows, tokens in ((3, 6), (2, 5), (7, 8)):
        words = texts(rows, tokens)
        expected = net(words)
        probabilities, top = run(path, words)
        np.testing.assert_allclose(probabilities, expected["probabilities"].detach().numpy(), rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(top, expected["top"].numpy())


def test_bits_and_truths_are_told_apart(tmp_path: Path) -> None:
    def function(x: tc.Tensor) -> tc.Tensor:
        even = (x & 1) == 0
        return tc.stack([x & 6 | 1, x ^ 5, ~x, ((even | (x > 4)) & ~(even ^ (x < 2))).long()])

    x = tc.arange(8)
    (made,) = run(tc.export_onnx(function, x, tmp_path / "bits.onnx"), x)
    assert made.tolist() == function(x).tolist()


class Pictures(tc.nn.Module):
    def __init__(self) -> None:
        self.first = tc.nn.Conv2d(3, 8, 3, stride=(1, 2), padding=(1, 0), bias=False)
        self.norm = tc.nn.BatchNorm2d(8)
        self.second = tc.nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4)
        self.bare = tc.nn.BatchNorm2d(8, affine=False)

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        x = tc.max_pool2d(tc.relu(self.norm(self.first(x))), 2)
        x = tc.max_pool2d(self.bare(self.second(x)), (3, 2), (2, 1), 1)
        return tc.logsumexp(x.flatten(2), 2)


def test_a_network_of_pictures_runs_in_onnx_runtime_for_any_number_of_them(tmp_path: Path) -> None:
    tc.manual_seed(0)
    net = Pictures()
    for _ in range(3):
        net(tc.randn(4, 3, 12, 18) * 2 + 1)  # so that the running statistics say something
    path = tc.export_onnx(net.eval(), tc.randn(2, 3, 12, 18), tmp_path / "net.onnx")
    x = tc.randn(5, 3, 12, 18)
    np.testing.assert_allclose(run(path, x)[0], net(x).detach().numpy(), rtol=1e-4, atol=1e-5)
    with pytest.raises((NotImplementedError, tc.CaptureError), match="eval"):
        tc.export_onnx(net.train(), x, tmp_path / "not.onnx")


def test_elementwise_ops_comparisons_and_slices(tmp_path: Path) -> None:
    def fn(x: tc.Tensor, y: tc.Tensor) -> tuple[tc.Tensor, ...]:
        z = tc.where(x > y, x.exp() - 1, (x * 2).tanh()).clamp(-0.5, 2)
        return z[:, 1:].mean(0), tc.cat([z, y.abs().sqrt()], 1), (z.sum(1, keepdim=True) != 0), (x + 1).log().sigmoid()

    x, y = tc.rand(4, 3), tc.randn(4, 3)
    path = tc.export_onnx(fn, [x, y], tmp_path / "fn.onnx")
    x, y = tc.rand(9, 3), tc.randn(9, 3)
    for made, expected in zip(run(path, x, y), fn(x, y), strict=True):
        np.testing.assert_allclose(made, expected.numpy(), rtol=1e-5, atol=1e-5)


GRU, LSTM, BAG = tc.nn.GRU(4, 5), tc.nn.LSTM(4, 5), tc.nn.EmbeddingBag(9, 4)


def written(x: tc.Tensor) -> tc.Tensor:
    y = x * 1
    y[:, 1:3] = 0
    y[y > 1] = -1
    y[:, 3].add_(2)
    return y


# What each op is in ONNX: of normal numbers (rows, 4), or of more of them.
OF_NUMBERS: dict[str, Any] = {
    "GRU": lambda x: GRU(x.reshape(-1, 1, 4).expand(-1, 3, 4).transpose(0, 1))[0],
    "LSTM": lambda x: LSTM(x.reshape(-1, 1, 4).expand(-1, 3, 4).transpose(0, 1))[0],
    "where": lambda x: [tc.where(x > 0, x, 0.0), tc.where(x > 0, 1.0, x)],
    "stack": lambda x: tc.stack([x, x * 2], 1),
    "index_select": lambda x: x.index_select(1, tc.tensor([0, 2])),
    "cumsum": lambda x: x.cumsum(1),
    "topk": lambda x: [*tc.topk(x, 2), *tc.topk(x, 3, largest=False)],
    "sort": lambda x: [*tc.sort(x, 0), *tc.sort(x, 1, True), tc.argsort(x, 0)],
    "extremes": lambda x: [*tc.max(x, 1), *tc.min(x, 0), x.max(), x.argmin(1), x.argmax(0, keepdim=True), x.argmax()],
    "var": lambda x: [x.var(1), x.var(0, correction=0), x.var(), x.std(1, keepdim=True)],
    "norm": lambda x: [x.norm(), *[tc.linalg.vector_norm(x, p, dim=1) for p in (0, 1, 2, 3, math.inf, -math.inf)]],
    "activations": lambda x: [tc.silu(x), tc.softplus(x * 9), tc.leaky_relu(x, 0.1), tc.elu(x, 0.5), tc.logsigmoid(x)],
    "gelu": lambda x: [tc.gelu(x), tc.gelu(x, approximate="tanh")],
    "pad": lambda x: [tc.pad(x, (1, 2)), tc.pad(x, (1, -2, 0, 1), value=3.0), tc.pad(x[None], (1, 2), mode="reflect")],
    "logs": lambda x: [tc.log1p(x.abs()), tc.expm1(x), tc.log2(x.abs() + 1), tc.exp2(x), tc.logaddexp(x, x * 2)],
    "curves": lambda x: [tc.erfc(x), tc.tan(x), tc.atan(x), tc.sinh(x), tc.cosh(x), tc.hypot(x, x + 1)],
    "rounded": lambda x: [tc.round(x), tc.trunc(x * 3), x % 2, x // 0.7, (x * 9).long() % 4, (x * 9).long() // 4],
    "truths": lambda x: [tc.isnan(x), tc.isfinite(x), tc.logical_xor(x > 0, x > 1), (x > 0).any(1), (x > 0).all(0)],
    "reduced": lambda x: [x.prod(1), (x > 0).sum(1)],
    "moved": lambda x: [x.flip(1), x.roll(1, 1), x.repeat(1, 2), tc.tile(x, (2, 1)), *x.unbind(1), *x.split(3, 1)],
    "diagonal": lambda x: [tc.diagonal(x.reshape(-1, 2, 2), k, 1, 2) for k in (0, 1, -1)],
    "tril": lambda x: [tc.tril(x.reshape(-1, 2, 2)), tc.triu(x.reshape(-1, 2, 2), 1)],
    "written": written,
    "index_add": lambda x: [
        x.index_add(1, tc.tensor([0, 0]), x[:, :2]), tc.zeros(2, 4).index_add(0, (x > 0).long()[:, 0], x),
    ],
    "combined": lambda x: [
        tc.lerp(x, x * 2, 0.3), tc.addcmul(x, x, x, value=2), tc.huber_loss(x, x * 2, reduction="none"),
    ],
    "avg_pool": lambda x: [tc.avg_pool2d(x.reshape(-1, 1, 2, 2), 2), tc.avg_pool2d(x.reshape(-1, 1, 2, 2), 2, 1, 1)],
    "causal attention": lambda x: tc.scaled_dot_product_attention(*[x.reshape(-1, 1, 2, 2)] * 3, is_causal=True),
    "binary_cross_entropy_with_logits": lambda x: tc.binary_cross_entropy_with_logits(x, tc.sigmoid(x)),
}  # fmt: skip
# … and of whole numbers below 4 (rows, 3) beside them.
BY_INDEX: dict[str, Any] = {
    "gather": lambda x, i: [x.gather(1, i), tc.take_along_dim(x, i, 1)],
    "index": lambda x, i: [
        x[:, i[0]], x[tc.arange(x.shape[0]), i[:, 0]], x[None][:, tc.arange(x.shape[0]), i[:, 0]], x[i],
    ],
    "scatter": lambda x, i: [x.scatter(1, i[:, :1], x[:, 2:3]), x.scatter_add(1, i, x[:, :3]), x.scatter(1, i, 7)],
    "EmbeddingBag": lambda x, i: BAG(i),
    "one_hot": lambda x, i: tc.one_hot(i, 4),
    "cross_entropy": lambda x, i: tc.cross_entropy(x, i[:, 0]),
}  # fmt: skip


@pytest.mark.parametrize("name", [*OF_NUMBERS, *BY_INDEX])
def test_the_form_of_an_op_gives_the_same_for_any_number_of_rows(name: str) -> None:
    def fn(*given: tc.Tensor) -> Any:
        return (OF_NUMBERS | BY_INDEX)[name](*given)

    def inputs(rows: int) -> list[tc.Tensor]:
        return [tc.randn(rows, 4), tc.randint(0, 4, (rows, 3))][: 1 if name in OF_NUMBERS else 2]

    tc.manual_seed(0)
    model = tc.export_onnx(fn, inputs(5))
    given = inputs(8)
    expected = fn(*given)
    for ours, made in zip([expected] if isinstance(expected, tc.Tensor) else expected, run(model, *given), strict=True):
        np.testing.assert_allclose(made, ours.detach().numpy(), rtol=1e-5, atol=1e-5)


def test_a_loop_runs_over_any_number_of_steps(tmp_path: Path) -> None:
    path = tc.export_onnx(lambda x: GRU(x), tc.randn(6, 3, 4), tmp_path / "gru.onnx", dynamic=(0, 1))
    x = tc.randn(9, 2, 4)
    for made, ours in zip(run(path, x), GRU(x), strict=True):
        np.testing.assert_allclose(made, ours.detach().numpy(), rtol=1e-5, atol=1e-5)


SLICES: dict[str, Any] = {
    "to the end": lambda x: x[:, 1:],
    "all but the last": lambda x: x[:, :-1],
    "the last two": lambda x: x[:, -2:],
    "the first, if there are so many": lambda x: x[:, :9],
    "every second": lambda x: x[:, 1::2],
    "by the size": lambda x: x[:, : x.shape[1] - 1],
    "of rows": lambda x: x[1:-1],
    "differences": lambda x: x[:, 1:] - x[:, :-1],
    "none": lambda x: x[:, 3:2],
}


@pytest.mark.parametrize("name", SLICES)
def test_a_slice_of_an_open_dimension_stays_open(name: str) -> None:
    model = tc.export_onnx(SLICES[name], tc.randn(4, 6, 3), dynamic=(0, 1))
    for shape in ((7, 11, 3), (3, 5, 3)):
        x = tc.randn(*shape)
        (made,) = run(model, x)
        np.testing.assert_allclose(made, SLICES[name](x).numpy())


@pytest.mark.parametrize("fn", [lambda x: x.unbind(1)[-1], lambda x: x * len(range(x.shape[1]))])
def test_a_size_that_the_function_fixes_is_not_open(fn: Any) -> None:
    with pytest.raises(tc.CaptureError, match=r"6 entries along dimension 1 of input_0 alone .* out of dynamic="):
        tc.export_onnx(fn, tc.randn(4, 6, 3), dynamic=(0, 1))


def test_int8_is_a_third_of_the_size_and_close(tmp_path: Path) -> None:
    tc.manual_seed(0)
    net = tc.nn.Sequential(tc.nn.Linear(128, 256), tc.nn.ReLU(), tc.nn.Linear(256, 10))
    x = tc.randn(64, 128)
    path = tc.export_onnx(net, x, tmp_path / "net.onnx")
    small = tc.quantize_int8(path, tmp_path / "int8.onnx")
    assert small.stat().st_size < path.stat().st_size / 3
    (whole,), (rounded,) = run(path, x), run(small, x)
    away = np.abs(whole - rounded).max()
    assert 0 < away < 0.05 * np.abs(whole).max()  # on every processor: with eight bits .12 where there is no VNNI


def test_what_cannot_be_exported_is_said(tmp_path: Path) -> None:
    x = tc.rand(4, 3)
    with pytest.raises(NotImplementedError, match=r"draws random numbers; call eval\(\)"):
        tc.export_onnx(tc.nn.Dropout(0.5), x, tmp_path / "a.onnx")
    with pytest.raises(tc.CaptureError, match=r"test_export\.py:\d+"):
        tc.export_onnx(lambda x: x * x.sum().item(), x, tmp_path / "b.onnx")
    assert torch.is_grad_enabled()
