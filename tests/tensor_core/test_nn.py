"""Modules, optimisers and files, beside torch's."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

import tensor_core as tc

STEPS = 30  # of training
SAME = 1e-6  # largest distance of two trajectories


def model(m: Any, *, seed: int = 0) -> Any:
    m.manual_seed(seed)
    return m.nn.Sequential(m.nn.Linear(4, 8), m.nn.GELU(), m.nn.Dropout(0.0), m.nn.Linear(8, 3)).double()


def data(m: Any) -> tuple[Any, Any]:
    m.manual_seed(1)
    return m.randn(20, 4, dtype=m.float64), m.randint(0, 3, (20,))


def loss_of(m: Any, net: Any, x: Any, y: Any) -> Any:
    return (torch.nn.functional if m is torch else m).cross_entropy(net(x), y)


def train(m: Any, optimizer: Any, net: Any, steps: int = STEPS, *, clip: float | None = None) -> None:
    x, y = data(m)
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(m, net, x, y).backward()
        if clip is not None:
            (torch.nn.utils if m is torch else tc.optim).clip_grad_norm_(net.parameters(), clip)
        optimizer.step()


def far(ours: Any, theirs: Any) -> float:
    return max(
        float((a.raw - b.detach()).abs().max()) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True)
    )


SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("SGD", {"lr": 0.1}),
    "momentum": ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    "nesterov": ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "Adam": ("Adam", {"lr": 0.05}),
    "Adam with decay": ("Adam", {"lr": 0.05, "weight_decay": 0.1, "betas": (0.8, 0.95)}),
    "AdamW": ("AdamW", {"lr": 0.05}),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("clip", [None, 0.1])
def test_optimisers_walk_torchs_way(name: str, clip: float | None) -> None:
    kind, settings = SETTINGS[name]
    ours, theirs = model(tc), model(torch)
    assert far(ours, theirs) == 0
    train(tc, getattr(tc.optim, kind)(ours.parameters(), **settings), ours, clip=clip)
    train(torch, getattr(torch.optim, kind)(theirs.parameters(), **settings), theirs, clip=clip)
    assert far(ours, theirs) < SAME
    assert far(ours, model(torch)) > 0.01


@pytest.mark.parametrize("name", SETTINGS)
def test_an_optimiser_goes_on_where_it_was_saved(name: str) -> None:
    kind, settings = SETTINGS[name]
    straight = model(tc)
    train(tc, getattr(tc.optim, kind)(straight.parameters(), **settings), straight, STEPS)
    first = model(tc)
    optimizer = getattr(tc.optim, kind)(first.parameters(), **settings)
    train(tc, optimizer, first, STEPS // 2)
    second = model(tc, seed=5).load_state_dict(first.state_dict())
    resumed = getattr(tc.optim, kind)(second.parameters(), lr=9.0)
    resumed.load_state_dict(optimizer.state_dict())
    train(tc, resumed, second, STEPS - STEPS // 2)
    assert [p.tolist() for p in second.parameters()] == [p.tolist() for p in straight.parameters()]


def test_parameter_groups_and_missing_gradients() -> None:
    a, b, idle = (tc.ones(2, requires_grad=True) for _ in range(3))
    optimizer = tc.optim.SGD([{"params": [a]}, {"params": [b, idle], "lr": 1.0}], lr=0.1)
    (a + b).sum().backward()
    optimizer.step()
    assert [t.tolist()[0] for t in (a, b, idle)] == pytest.approx([0.9, 0.0, 1.0])


@pytest.mark.parametrize("kind", ["Adam", "AdamW"])
def test_adam_moves_entries_the_same_however_they_lie_in_memory(kind: str) -> None:
    start, slopes = torch.randn(6, 4), torch.randn(4, 4, 6)
    ends = []
    for lay in (torch.clone, torch.Tensor.contiguous):  # a transposed matrix stays one in a clone
        params = [tc.as_tensor(lay(start.t())).requires_grad_() for _ in range(2)]
        optimizer = getattr(tc.optim, kind)(params, lr=0.1, weight_decay=0.1)
        for step, slope in enumerate(slopes):
            optimizer.zero_grad()
            for param in params[: 1 + step % 2]:  # the second one skips steps
                param.grad = tc.as_tensor(slope)
            optimizer.step()
        ends.append(torch.stack([param.raw for param in params]))
    assert not torch.equal(ends[0][0], ends[0][1])
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-6, atol=1e-6)


def test_a_learning_rate_of_zero_moves_nothing() -> None:
    for kind in (tc.optim.SGD, tc.optim.Adam, tc.optim.AdamW):
        x = tc.tensor([1.0, 0.0], requires_grad=True)
        (x * tc.tensor([3.0, 0.0])).sum().backward()
        kind([x], lr=0.0).step()
        assert x.tolist() == [1, 0]


def test_schedule_follows_the_cosine() -> None:
    x = tc.ones(1, requires_grad=True)
    optimizer = tc.optim.SGD([x], lr=2.0)
    schedule = tc.optim.Schedule(optimizer, lambda step: tc.optim.cosine_factor(step, total=12, warmup=2, floor=0.1))
    rates = []
    for _ in range(13):
        rates.append(optimizer.param_groups[0]["lr"])
        schedule.step()
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD([torch.ones(1)], lr=2.0), 10, eta_min=0.2)
    expected = []
    for _ in range(11):
        expected.append(theirs.get_last_lr()[0])
        theirs.optimizer.step()
        theirs.step()
    assert rates[:2] == [1.0, 2.0]
    assert rates[2:] == pytest.approx(expected)
    other = tc.optim.Schedule(tc.optim.SGD([x], lr=2.0), schedule.factor)
    other.load_state_dict(schedule.state_dict())
    assert other.optimizer.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]


def test_clipping_returns_the_norm_and_leaves_small_gradients() -> None:
    x = tc.tensor([3.0, 4.0], requires_grad=True)
    (x * x / 2).sum().backward()
    assert tc.optim.clip_grad_norm_(x, 10.0).item() == 5
    assert x.grad is not None
    assert x.grad.tolist() == [3, 4]
    tc.optim.clip_grad_norm_([x], 1.0)
    assert x.grad.tolist() == pytest.approx([0.6, 0.8])
    assert tc.optim.clip_grad_norm_([tc.ones(1, requires_grad=True)], 1.0).item() == 0


def test_initial_values_and_predictions_equal_torch() -> None:
    ours, theirs = model(tc), model(torch)
    x, _ = data(torch)
    assert torch.allclose(ours(tc.tensor(x)).raw, theirs(x))
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    tc.manual_seed(3)
    drawn = tc.nn.xavier_uniform_(tc.empty(5, 7))
    torch.manual_seed(3)
    assert torch.equal(drawn.raw, torch.nn.init.xavier_uniform_(torch.empty(5, 7)))
    relu = tc.nn.Sequential(tc.nn.ReLU())
    assert relu(tc.tensor([-1.0, 1.0])).tolist() == [0, 1]


class Tied(tc.nn.Module):
    def __init__(self) -> None:
        self.first = tc.nn.Linear(2, 2, bias=False)
        self.layers = [tc.nn.Linear(2, 2), tc.nn.Linear(2, 2)]
        self.layers[1].weight = self.first.weight
        self.shift = tc.zeros(2)

    def forward(self, x: tc.Tensor) -> tc.Tensor:
        for layer in self.layers:
            x = layer(self.first(x))
        return x + self.shift


def test_modules_find_what_is_theirs() -> None:
    tied = Tied()
    assert [name for name, _ in tied.named_parameters()] == [
        "first.weight",
        "layers.0.weight",
        "layers.0.bias",
        "layers.1.bias",
    ]
    assert set(tied.state_dict()) == {
        "shift", "first.weight", "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias",
    }  # fmt: skip
    tied(tc.ones(3, 2)).sum().backward()
    assert all(parameter.grad is not None for parameter in tied.parameters())
    tied.zero_grad()
    assert all(parameter.grad is None for parameter in tied.parameters())
    with pytest.raises(NotImplementedError, match=r"Module has no forward\(\)"):
        tc.nn.Module()(1)


def test_a_deep_copy_learns_on_its_own() -> None:
    tied = Tied()
    twin = copy.deepcopy(tied)
    assert [name for name, _ in twin.named_parameters()] == [name for name, _ in tied.named_parameters()]
    twin(tc.ones(3, 2)).sum().backward()
    tc.optim.SGD(twin.parameters(), lr=1.0).step()
    assert twin.first.weight.tolist() != tied.first.weight.tolist()
    assert twin.layers[1].weight is twin.first.weight


def test_dropout_follows_the_mode() -> None:
    net = tc.nn.Sequential(tc.nn.Dropout(0.5))
    x = tc.ones(1000)
    assert 300 < (net(x) == 0).sum().item() < 700
    assert (net.eval()(x) == 1).all()
    assert net.train()[0].training
    with pytest.raises(ValueError, match="from 0 to 1, not 2"):
        tc.nn.Dropout(2)


def test_a_frozen_parameter_stays_and_is_saved() -> None:
    net = model(tc)
    net[0].weight.requires_grad_(False)
    before = net[0].weight.tolist()
    train(tc, tc.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=0.1), net, 3)
    assert net[0].weight.tolist() == before
    assert "0.weight" in net.state_dict()


def test_safetensors_round_trip(tmp_path: Path) -> None:
    net, path = model(tc), tmp_path / "model.safetensors"
    tc.nn.save_safetensors(net, path, metadata={"made": "here"})
    other = model(tc, seed=9).load_state_dict(tc.nn.load_safetensors(path))
    assert [p.tolist() for p in net.parameters()] == [p.tolist() for p in other.parameters()]
    assert all(p.requires_grad and p.is_leaf for p in other.parameters())
    view = tc.arange(6.0).reshape(2, 3).T
    tc.nn.save_safetensors({"a": view, "b": view}, path)
    assert tc.nn.load_safetensors(path)["a"].tolist() == view.tolist()
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    tc.nn.save_safetensors({"a": tc.ones(2)}, path)
    with pytest.raises(Exception, match="str"):
        tc.nn.save_safetensors({"a": tc.zeros(2)}, path, metadata={"count": 3})  # type: ignore[dict-item]
    assert tc.nn.load_safetensors(path)["a"].tolist() == [1, 1]
    assert len(list(tmp_path.iterdir())) == 1


def test_loading_says_what_does_not_fit(tmp_path: Path) -> None:
    net = model(tc)
    before = [p.tolist() for p in net.parameters()]
    state = {**net.state_dict(), "0.weights": tc.ones(1), "3.weight": tc.ones(2, 2)}
    del state["0.bias"]
    with pytest.raises(ValueError, match=r"0\.bias is missing") as refused:
        net.load_state_dict(state)
    assert "3.weight has shape (2, 2), but here (3, 8)" in str(refused.value)
    assert "0.weights is not a name here; did you mean 0.weight?" in str(refused.value)
    assert [p.tolist() for p in net.parameters()] == before
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        tc.nn.load_safetensors(tmp_path / "none")
    (tmp_path / "junk").write_bytes(b"junk")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        tc.nn.load_safetensors(tmp_path / "junk")


ERRORS = {
    "empty": (lambda p: tc.optim.SGD([]), "got no parameters"),
    "constant": (lambda p: tc.optim.SGD([tc.ones(1)]), "needs leaves that require a gradient"),
    "computed": (lambda p: tc.optim.SGD([p * 2]), "needs leaves that require a gradient"),
    "rate": (lambda p: tc.optim.Adam([p], lr=-1), "lr is not negative"),
    "nesterov": (lambda p: tc.optim.SGD([p], nesterov=True), "nesterov needs a momentum"),
    "betas": (lambda p: tc.optim.Adam([p], betas=(0.9, 1.0)), "betas are from 0 to below 1"),
    "setting": (lambda p: tc.optim.Adam([{"params": [p], "momentum": 1}]), "Adam has no setting 'momentum'"),
    "groups": (
        lambda p: tc.optim.SGD([p]).load_state_dict({"state": {}, "groups": []}),
        "0 groups, but there are 1 here",
    ),
    "state": (
        lambda p: tc.optim.SGD([p]).load_state_dict({"state": {"momentum.0.0": tc.ones(3)}, "groups": [{}]}),
        r"state momentum.0.0 of shape \(3,\) fits no parameter",
    ),
    "older state": (
        lambda p: tc.optim.Adam([p]).load_state_dict({"state": {"power1.0": tc.ones(1)}, "groups": [{}]}),
        "Adam keeps no state power1.0, but mean and square and steps",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_optimisers_refuse_with_words(name: str) -> None:
    run, words = ERRORS[name]
    with pytest.raises((ValueError, TypeError), match=words):
        run(tc.ones(2, requires_grad=True))
