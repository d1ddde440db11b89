"""export_onnx: ONNX Runtime gives what the function gives, for other sizes too; int8 stays close."""

from pathlib import Path

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


def run(path: Path, *inputs: tc.Tensor) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
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
