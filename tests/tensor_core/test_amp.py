"""autocast: products in bfloat16, and nothing else."""

import pytest

import tensor_core as tc


def test_products_are_low_and_the_rest_is_not() -> None:
    tc.manual_seed(0)
    net = tc.nn.Sequential(tc.nn.Linear(64, 64), tc.nn.ReLU(), tc.nn.Linear(64, 8))
    x, y = tc.randn(32, 64), tc.randint(0, 8, (32,))
    exact = tc.cross_entropy(net(x), y)
    exact.backward()
    gradients = [p.grad.raw for p in net.parameters()]
    net.zero_grad()
    with tc.autocast():
        hidden = net(x)
        loss = tc.cross_entropy(hidden, y)
        assert (x @ x.T).dtype == (x + x).dtype == tc.float32
        assert (tc.ones(1, 256) @ tc.full((256, 1), 1 + 2**-9)).item() == 256, "1 + 2⁻⁹ is 1 in bfloat16"
        assert (tc.ones(1, 2, dtype=tc.float64) @ tc.full((2, 1), 1 + 2**-9, dtype=tc.float64)).item() > 2
    assert hidden.dtype == loss.dtype == tc.float32
    assert 0 < abs(loss.item() - exact.item()) < 0.02
    loss.backward()
    for parameter, gradient in zip(net.parameters(), gradients, strict=True):
        assert parameter.grad is not None
        assert parameter.grad.dtype == parameter.dtype == tc.float32
        assert (parameter.grad.raw - gradient).norm() < 0.02 * gradient.norm()
    with pytest.raises(ValueError, match="bfloat16"):
        tc.autocast(tc.float16)
