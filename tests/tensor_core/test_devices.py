"""Devices without a device: every op and every workload's step on fake CUDA tensors, which have a device and no memory.

An audit refuses what would be slow or wrong on a real one: waiting for numbers, results on another device, and tensors
of two devices in one op.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves

import tensor_core as tc
from tests.tensor_core import cases as table

CUDA = torch.device("cuda", 0)
MAKERS = {"tensor", "as_tensor", "zeros", "ones", "full", "arange", "eye", "rand", "randn", "randint", "linspace"}
# What a build of torch without CUDA cannot even pretend to do: writes of these kinds, and `...` as an index.
UNLINKED = "not linked with support for cuda"
CANNOT_BE_PRETENDED = {"copy_", "exp", "getitem", "mul", "nonzero", "setitem", "uniform_"}
HOST = {"cpu"}  # goes to the host on purpose
# Ops whose result has as many entries as the numbers say: they wait for the device by their nature.
WAITS = {"nonzero", "masked_select", "unique", "repeat_interleave", "bincount"}


class AuditError(AssertionError):
    """An op that a device would suffer from."""


class Audit(TorchDispatchMode):
    """Refuses host round trips, results off the device, and mixes of devices."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.split("::")[1] if hasattr(func, "_schema") else str(func)
        given = [x for x in tree_leaves((args, kwargs or {})) if isinstance(x, torch.Tensor)]
        devices = {x.device.type for x in given}
        if len(devices) > 1:
            raise AuditError(f"{name} mixes {' and '.join(sorted(devices))}")
        if name in ("_local_scalar_dense", "is_nonzero", "equal", "item"):
            raise AuditError(f"{name} waits for the device")
        made = func(*args, **(kwargs or {}))
        if name == "lift_fresh":
            return made  # numbers written in Python come from the host
        for out in tree_leaves(made):
            if isinstance(out, torch.Tensor) and out.device.type != "cuda":
                raise AuditError(f"{name} leaves the device for {out.device.type}")
        return made


class OnDevice:
    """tensor_core with its tensors made on the device, for tests that make some on the way."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(tc, name)
        if name == "tensor":
            return lambda data, **k: on_device(_real(data, **k))
        return (lambda *a, **k: found(*a, **{"device": CUDA, **k})) if name in MAKERS else found


def _real(data: Any, **options: Any) -> torch.Tensor:
    with _disable_current_modes():
        return torch.tensor(data, **options)


@contextmanager
def audited() -> Iterator[None]:
    with FakeTensorMode(allow_non_fake_inputs=False), Audit():
        yield


def on_device(raw: torch.Tensor, *, grad: bool = False) -> tc.Tensor:
    made = tc.Tensor.handle(torch.empty_strided(raw.shape, raw.stride(), dtype=raw.dtype, device=CUDA))
    return made.requires_grad_() if grad else made


def check(it: table.Case) -> None:
    raws = table.inputs(it, strided=False)
    with audited():
        outs = it.run(OnDevice(), *[on_device(raw, grad=not it.only_value) for raw in raws])
        outs = outs if isinstance(outs, tuple) else (outs,)
        for out in outs:
            assert out.device == CUDA
            if out.requires_grad:
                out.sum().backward(retain_graph=True)


def test_every_op_stays_on_the_device_forward_and_backward() -> None:
    problems, ops, unlinked = [], set(), set()
    for it in table.CASES:
        try:
            check(it)
            ops.add(it.op)
        except AuditError as error:
            problems.append(f"{it.op}: {error}")
        except Exception as error:  # noqa: BLE001 - all of them are told together
            if UNLINKED in str(error):
                unlinked.add(it.op)
            else:
                problems.append(f"{it.op}: {type(error).__name__}: {str(error).splitlines()[0]}")
    problems = sorted({p for p in problems if p.split(":")[0] not in WAITS | HOST})
    assert not problems, "\n".join(problems)
    assert unlinked <= CANNOT_BE_PRETENDED, unlinked
    assert len(ops) > 80


SEEDED: dict[str, tuple[str, Callable[[tc.Tensor], Any]]] = {
    "item": ("waits", lambda x: x * x.sum().item()),
    "choice": ("waits", lambda x: x if x.sum() > 0 else -x),
    "numpy": ("", lambda x: tc.as_tensor(x.numpy())),
    "mask": ("", lambda x: x[x > 0]),
    "to the host": ("leaves", lambda x: x.cpu()),
    "made on the host": ("leaves", lambda x: x + tc.ones(3)),
    "number made on the host": ("mixes", lambda x: x + tc.tensor(1.0)),
    "gradient on the host": ("leaves", lambda x: (x * x).sum().backward(tc.ones(()))),
}


@pytest.mark.parametrize("name", SEEDED)
def test_seeded_mistakes_are_caught(name: str) -> None:
    word, mistake = SEEDED[name]
    host = torch.ones(3)
    with pytest.raises(Exception, match=word or "."), audited():
        mistake(on_device(host, grad=True))


@pytest.fixture
def workloads(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    for name in ("peers", "workloads"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import peers
    import workloads

    # Fewer of the same: what a layer or a step of a chain does is the same in each.
    for name, value in (("LAYERS", 1), ("CHAIN", 40), ("GRU_STEPS", 3)):
        monkeypatch.setattr(workloads, name, value)
    return peers.OURS, [make() for make in workloads.ALL]


@pytest.mark.parametrize("kind", ["Adam", "AdamW", "SGD"])
def test_every_workload_trains_on_the_device(workloads: Any, kind: str) -> None:
    ours, made = workloads
    settings = {"momentum": 0.9} if kind == "SGD" else {"weight_decay": 0.01}
    for workload in made if kind == "Adam" else made[:1]:
        raws = [[torch.from_numpy(array) for array in arrays] for arrays in (workload.parameters, workload.batch)]
        with audited():
            parameters = [on_device(raw, grad=True) for raw in raws[0]]
            batch = [on_device(raw) for raw in raws[1]]
            optimizer = getattr(tc.optim, kind)(parameters, lr=1e-3, **settings)
            for _ in range(2):
                optimizer.zero_grad()
                loss = workload.loss(ours, parameters, batch)
                loss.backward()
                norm = tc.optim.clip_grad_norm_(parameters, 1.0)
                optimizer.step()
            assert loss.device == norm.device == CUDA
            assert all(p.grad is not None and p.grad.device == CUDA for p in parameters)
            assert all(raw.device == CUDA for raw in optimizer.state.values())
