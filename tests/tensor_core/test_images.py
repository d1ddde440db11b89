"""Layers over sequences and images, beside torch's: initial values, training, statistics, predictions, capture."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import tensor_core as tc

STEPS = 6  # of training
SAME = 1e-9  # largest difference in double precision


def image_net(m: Any) -> Any:
    n = m.nn
    return n.Sequential(
        n.Conv2d(2, 4, 3, padding=1), n.BatchNorm2d(4), n.ReLU(), n.MaxPool2d(2),
        n.Conv2d(4, 6, (3, 2), 2, padding="valid", groups=2, bias=False), n.GroupNorm(3, 6),
        n.AvgPool2d(2, 1, padding=1),
    )  # fmt: skip


def sequence_net(m: Any) -> Any:
    n = m.nn
    return n.Sequential(
        n.Conv1d(2, 4, 5, padding="same", dilation=2), n.BatchNorm1d(4, momentum=0.3), n.ReLU(), n.MaxPool1d(3, 2),
        n.Conv1d(4, 6, 2, stride=1), n.BatchNorm1d(6, affine=False), n.AvgPool1d(2),
        n.BatchNorm1d(6, track_running_stats=False),
    )  # fmt: skip


NETS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "images": (image_net, (5, 2, 9, 8)),
    "sequences": (sequence_net, (5, 2, 17)),
}


def made(m: Any, name: str) -> tuple[Any, Any]:
    net, shape = NETS[name]
    m.manual_seed(0)
    x = m.randn(*shape, dtype=m.float64)
    return net(m).double(), x


def trained(m: Any, net: Any, x: Any) -> list[float]:
    optimizer = m.optim.SGD(net.parameters(), lr=0.05)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = ((net(x * (step + 1)) - 0.5) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", NETS)
def test_layers_start_train_and_predict_like_torchs(name: str) -> None:
    (ours, x), (theirs, y) = made(tc, name), made(torch, name)
    mine, yours = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(yours)
    assert all(torch.equal(mine[key].raw, yours[key]) for key in mine)
    assert trained(tc, ours, x) == pytest.approx(trained(torch, theirs, y), rel=SAME)
    mine, yours = ours.state_dict(), theirs.state_dict()
    assert all(torch.allclose(mine[key].raw, yours[key], rtol=SAME, atol=SAME) for key in mine)
    counts = [held.item() for key, held in mine.items() if "num_batches" in key]
    assert counts
    assert set(counts) == {STEPS}
    before = {key: held.tolist() for key, held in mine.items() if "running" in key}
    assert torch.allclose(ours.eval()(x).raw, theirs.eval()(y), rtol=SAME, atol=SAME)
    assert before == {key: held.tolist() for key, held in ours.state_dict().items() if "running" in key}
    again = made(tc, name)[0].load_state_dict(ours.state_dict()).eval()
    assert torch.equal(again(x).raw, ours(x).raw)


@pytest.mark.parametrize("name", NETS)
def test_a_captured_step_trains_layers_and_statistics(name: str, cache: Path) -> None:
    ends = []
    for captured in (False, True):
        net, x = made(tc, name)
        optimizer = tc.optim.SGD(net.parameters(), lr=0.05)

        def step(x: Any, net: Any = net, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = ((net(x) - 0.5) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        run = tc.capture(step, dynamic=()) if captured else step
        losses = [run(x * (i + 1)).item() for i in range(STEPS)]
        predict = tc.capture(net.eval(), dynamic=()) if captured else net.eval()
        ends.append(
            [losses, *[predict(x).tolist() for _ in range(2)], {k: v.tolist() for k, v in net.state_dict().items()}]
        )
    assert ends[0][0] == pytest.approx(ends[1][0], rel=SAME)
    assert ends[0][3].keys() == ends[1][3].keys()
    for key, value in ends[0][3].items():
        assert torch.allclose(torch.tensor(value), torch.tensor(ends[1][3][key]), rtol=1e-6, atol=1e-9), key
    for i in (1, 2):
        assert torch.allclose(torch.tensor(ends[0][i]), torch.tensor(ends[1][i]), atol=1e-6)


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(ValueError, match="Conv1d: 3 groups do not divide 4 and 6 channels"):
        tc.nn.Conv1d(4, 6, 3, groups=3)
    with pytest.raises(ValueError, match="GroupNorm: 3 groups do not divide 4 channels"):
        tc.nn.GroupNorm(3, 4)
    with pytest.raises(ValueError, match=r"BatchNorm2d: x has 4 dimensions.* 3 channels; its shape is \(2, 3\)"):
        tc.nn.BatchNorm2d(3)(tc.ones(2, 3))
    with pytest.raises(ValueError, match="one value a channel has no variance"):
        tc.nn.BatchNorm1d(3)(tc.ones(1, 3))
    assert repr(image_net(tc)[4]) == "Conv2d(4, 6, kernel_size=(3, 2), stride=2)"
    assert repr(tc.nn.MaxPool2d(2)) == "MaxPool2d(kernel_size=2, stride=2, padding=0)"
