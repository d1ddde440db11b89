"""Devices without a device: every op and every workload's step on fake CUDA tensors, which have a device and no memory.

An audit refuses what would be slow or wrong on a real one: waiting for numbers, results on another device, and tensors
of two devices in one op.
"""

import functools
import importlib
import itertools
import random
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

import tensor_core as tc
from tensor_core.capture import Captured
from tensor_core.ops import FUNCTIONS
from tests.tensor_core import cases as table
from tests.tensor_core import test_conformance as conformance

CUDA = torch.device("cuda", 0)
I64, F64 = torch.int64, torch.float64
aten = torch.ops.aten
SAMPLES = 5  # of each variant of torch's ops, drawn by lot
MOST_DRAWN = 100  # of a variant, as some have a thousand
MAKERS = {
    "tensor", "as_tensor", "zeros", "ones", "full", "empty", "arange", "eye", "rand", "randn", "randint", "linspace",
}  # fmt: skip
HOST = {"cpu"}  # goes to the host on purpose
# Ops that wait for the device by their nature, as torch's do.
WAITS = {
    "nonzero": "has as many entries as the numbers say",
    "masked_select": "has as many entries as the numbers say",
    "index_put": "a mask stands for as many places as it has true entries",
    "getitem": "a mask has as many entries as the numbers say; a view by a number in a tensor starts where it says",
    "narrow": "a view that starts where a tensor says",
    "equal": "gives a bool of Python's",
    "allclose": "gives a bool of Python's",
}
# Methods that a build of torch without CUDA cannot call on what pretends to be there, and the ops they lead to.
OPS = {torch.Tensor.copy_: aten.copy_.default}
READ = {torch.Tensor.__int__, torch.Tensor.__index__, torch.Tensor.numpy, torch.Tensor.nonzero, torch.nonzero}
# What is given by ops whose fakes write by such a method.
PRETENDED: dict[Any, Callable[..., Any]] = {
    aten.uniform_.default: lambda x, *_, **options: x,
    aten.native_batch_norm.default: lambda x, *_: (torch.empty_like(x), *[x.new_empty(x.shape[1]) for _ in range(2)]),
    aten.convolution_backward.default: lambda grad, x, weight, bias, *rest: [
        torch.empty(shape, dtype=grad.dtype, device=grad.device) if wanted else None
        for shape, wanted in zip((x.shape, weight.shape, bias), rest[-1], strict=True)
    ],
}


# What says something about a tensor or a failure, and what the engine calls.
ABOUT = {
    "data_ptr", "dim", "is_contiguous", "is_floating_point", "size", "stride", "Tensor", "CaptureError",
    "distributed.WorkerLostError", "handle", "rebind", "refuse_data", "refuse_write",
}  # fmt: skip
NOT_TRIED = {
    "ctc_loss": "torch has no fake of its kernel",
    **dict.fromkeys(("from_numpy", "numpy", "tolist", "item", "tensor"), "numbers of the host; see SEEDED"),
    **dict.fromkeys(("enable_grad", "no_grad", "set_grad_enabled"), "no tensor is touched"),
    **dict.fromkeys(("optim.cosine_factor", "optim.Group", "optim.Optimizer", "nn.Module"), "no tensor is touched"),
    **dict.fromkeys(("batches", "capture", "backward"), "has a test of its own here"),
    **dict.fromkeys(("save_checkpoint", "load_checkpoint", "export_onnx", "quantize_int8"), "files are of the host"),
    **dict.fromkeys(("nn.save_safetensors", "nn.load_safetensors"), "files are of the host"),
    **{f"distributed.{name}": "several processes" for name in ("start", "average", "Averager", "World")},
}


class AuditError(AssertionError):
    """An op that a device would suffer from."""


class Methods(TorchFunctionMode):
    """Takes the methods that ask for a real device around it."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in READ and args[0].device == CUDA:
            raise AuditError(f"{func.__name__} waits for the device")
        return OPS.get(func, func)(*args, **(kwargs or {}))


class Audit(TorchDispatchMode):
    """Refuses host round trips, results off the device, and mixes of devices."""

    supports_higher_order_operators = True  # the loop of a scan

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.split("::")[1] if hasattr(func, "_schema") else str(func)
        given = [x for x in tree_leaves((args, kwargs or {})) if isinstance(x, torch.Tensor)]
        devices = {x.device.type for x in given}
        if len(devices) > 1:
            raise AuditError(f"{name} mixes {' and '.join(sorted(devices))}")
        masked = name in ("index", "index_put", "index_put_") and any(
            isinstance(x, torch.Tensor) and x.dtype == torch.bool for x in args[1]
        )
        if masked or name in ("_local_scalar_dense", "is_nonzero", "equal", "allclose", "item", "nonzero"):
            raise AuditError(f"{name} waits for the device")
        made = PRETENDED.get(func, func)(*args, **(kwargs or {}))
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
    with FakeTensorMode(allow_non_fake_inputs=False), Audit(), Methods():
        yield


def on_device(raw: torch.Tensor, *, grad: bool = False) -> tc.Tensor:
    made = tc.Tensor.handle(torch.empty_strided(raw.shape, raw.stride(), dtype=raw.dtype, device=CUDA))
    return made.requires_grad_() if grad else made


def given(*shape: int, dtype: torch.dtype = torch.float32) -> tc.Tensor:
    made = tc.Tensor.handle(torch.empty(shape, dtype=dtype, device=CUDA))
    return made.requires_grad_() if dtype.is_floating_point else made


def backward(outs: Any) -> None:
    """From all that came out, which must be on the device, to the leaves."""
    for out in conformance.tensors(outs):
        assert out.device == CUDA
        if out.requires_grad:
            out.sum().backward(retain_graph=True)


def check(it: table.Case) -> None:
    raws = table.inputs(it, strided=False)
    with audited():
        backward(it.run(OnDevice(), *[on_device(raw, grad=not it.only_value) for raw in raws]))


def test_every_op_stays_on_the_device_forward_and_backward() -> None:
    problems = []
    for it in table.CASES:
        try:
            check(it)
        except AuditError as error:
            if it.op not in HOST and not (it.op in WAITS and "waits" in str(error)):
                problems.append(f"{it.op}: {error}")
        except Exception as error:  # noqa: BLE001 - all of them are told together
            problems.append(f"{it.op}: {type(error).__name__}: {str(error).splitlines()[0]}")
    assert not problems, "\n".join(problems)


# ---- torch's own samples


def plain(key: str) -> str:
    """Our name of a variant of torch's ops."""
    name: str = conformance.named()[key].name
    return name.removeprefix("nn.functional.")


def moved(value: Any) -> Any:
    """The arguments of a sample with fakes on the device in place of its tensors, and of the CPU's name."""
    if isinstance(value, torch.Tensor):
        return on_device(value, grad=value.requires_grad)
    return CUDA if isinstance(value, str | torch.device) and str(value) == "cpu" else value


def tried(info: Any, sample: Any, function: Callable[..., Any]) -> None:
    parts = sample.input, sample.args, sample.kwargs
    with audited():
        input, args, options = tree_map(moved, parts)
        if info.name in MAKERS:
            options["device"] = CUDA
        backward(sample.output_process_fn_grad(function(input, *args, **options)))
        write = getattr(tc, f"{info.name}_", None)
        if write is not None and not sample.broadcasts_input:
            backward(write(input.clone(), *args, **options))


@functools.cache
def outcome(key: str, function: Callable[..., Any] | None = None) -> tuple[int, int, list[str]]:
    """Of some samples of a variant: how many stay on the device and how many wait as listed, and what is wrong."""
    info = conformance.named()[key]
    function, dtype = function or conformance.ours_of(info.name), conformance.dtype_of(info)
    assert function is not None
    drawn = info.sample_inputs("cpu", dtype, requires_grad=info.supports_autograd and dtype is F64)
    samples = list(itertools.islice(drawn, MOST_DRAWN))
    stayed, waited, wrong = 0, 0, []
    for sample in random.Random(key).sample(samples, len(samples)):
        if stayed + waited + len(wrong) == SAMPLES:
            break
        try:
            tried(info, sample, function)
            stayed += 1
        except Exception as error:  # noqa: BLE001 - all of them are told together
            if isinstance(error, AuditError) and plain(key) in WAITS and "waits" in str(error):
                waited += 1
            elif not (key in conformance.REFUSED and re.search(conformance.REFUSED[key], str(error))):
                wrong.append(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
    return stayed, waited, wrong


@pytest.mark.parametrize("key", [key for key in sorted(conformance.named()) if not NOT_TRIED.get(plain(key))])
def test_torchs_samples_stay_on_the_device(key: str) -> None:
    stayed, waited, wrong = outcome(key)
    assert not wrong, f"{len(wrong)} samples of {key}:\n" + "\n".join(wrong)
    assert stayed or waited or key in conformance.REFUSED


# ---- what torch's samples do not call


def grown(layer: tc.nn.Module, *inputs: tc.Tensor) -> Any:
    """A layer's parameters and buffers, and what it gives; its state is taken over from a copy on the way."""
    layer.load_state_dict({name: value.clone() for name, value in layer.state_dict().items()})
    return list(layer.state_dict().values()), layer(*(inputs or [given(4, 6)]))


def trained(kind: str, **settings: Any) -> Any:
    """Steps on a matrix, on a table of which rows are read, and on what has no gradient in every step."""
    matrix, rows, at_times = given(3, 2), given(9, 3), given(2)
    optimizer = getattr(tc.optim, kind)([matrix, rows, at_times], lr=0.1, **settings)
    schedule = tc.optim.Schedule(optimizer, lambda step: 1 / (step + 1))
    for step in range(3):
        optimizer.zero_grad()
        out = tc.embedding(given(4, dtype=I64), rows, sparse=True) @ matrix
        (out + at_times if step % 2 else out).sum().backward()
        norm = tc.optim.clip_grad_norm_([matrix, rows, at_times], 1.0)
        optimizer.step()
        schedule.step()
    optimizer.load_state_dict(optimizer.state_dict())
    return norm, [tc.Tensor.handle(raw) for raw in optimizer.state.values()]


def checkpointed() -> list[tc.Tensor]:
    module, x = importlib.import_module("tensor_core.checkpoint"), given(3)
    with mock.patch.object(module, "_streams", return_value=[]):  # a device's random stream cannot be pretended
        tc.checkpoint(lambda x: (x * x).exp(), x).sum().backward()
    return [x.grad]


def hooked() -> list[tc.Tensor]:
    x = given(3)
    x.register_hook(lambda grad: grad * 2)
    y = x * x
    y.retain_grad()
    backward(y)
    return [y.grad, x.grad]


def lowered() -> tc.Tensor:
    with tc.autocast():
        return given(2, 3) @ given(3, 2)


def taken_over() -> list[tc.Tensor]:
    held = [given(2), given(1, 2)]
    tc.nn.utils.vector_to_parameters(given(4), held)
    return held


def cube(x: tc.Tensor) -> tc.Tensor:
    return (x * x * x).sum()


nn = tc.nn
DIRECT: dict[str, Callable[[], Any]] = {
    **{
        name: lambda name=name: getattr(tc, name)(2, 3, device=CUDA)
        for name in ("zeros", "ones", "empty", "rand", "randn")
    },
    "full": lambda: tc.full((2,), 7.0, device=CUDA),
    "eye": lambda: tc.eye(3, device=CUDA),
    "arange": lambda: tc.arange(5, device=CUDA),
    "linspace": lambda: tc.linspace(0, 1, 5, device=CUDA),
    "randint": lambda: tc.randint(0, 5, (2,), device=CUDA),
    "randperm": lambda: tc.randperm(5, device=CUDA),
    "normal": lambda: tc.normal(0.0, 1.0, (2, 3), device=CUDA),
    "rand_like": lambda: tc.rand_like(given(2, 3)),
    "as_tensor": lambda: tc.as_tensor(given(2), device=CUDA),
    "scan": lambda: tc.scan(lambda total, x: (total + x, total * x), given(2), given(3, 2)),
    "hessian": lambda: tc.hessian(cube, given(3)),
    "jacobian": lambda: tc.jacobian(lambda x: x * x, given(3)),
    "jvp": lambda: tc.jvp(lambda x: x * x, given(3), given(3)),
    "vjp": lambda: tc.vjp(lambda x: x * x, given(3), given(3)),
    "grad": lambda: tc.grad(cube(given(3)) + cube(x := given(3)), [x], create_graph=True),
    "checkpoint": checkpointed,
    "autocast": lowered,
    "fft.stft": lambda: tc.fft.stft(given(32), 8, return_complex=True).abs(),
    "vector_norm": lambda: tc.vector_norm(given(2, 3), 3),
    "linalg.matrix_exp": lambda: tc.linalg.matrix_exp(given(3, 3)),
    "detach": lambda: given(3).detach(),
    "detach_": lambda: (given(3) * 2).detach_(),
    "requires_grad_": lambda: given(3).detach().requires_grad_() * 2,
    "register_hook": hooked,
    "retain_grad": hooked,
    "nn.AvgPool1d": lambda: grown(nn.AvgPool1d(2), given(2, 3, 6)),
    "nn.AvgPool2d": lambda: grown(nn.AvgPool2d(2), given(2, 3, 6, 6)),
    "nn.MaxPool1d": lambda: grown(nn.MaxPool1d(2), given(2, 3, 6)),
    "nn.MaxPool2d": lambda: grown(nn.MaxPool2d(2), given(2, 3, 6, 6)),
    "nn.BatchNorm1d": lambda: grown(nn.BatchNorm1d(6, device=CUDA)),
    "nn.BatchNorm2d": lambda: grown(nn.BatchNorm2d(3, device=CUDA), given(2, 3, 6, 6)),
    "nn.Conv1d": lambda: grown(nn.Conv1d(3, 2, 3, padding="same", device=CUDA), given(2, 3, 6)),
    "nn.Conv2d": lambda: grown(nn.Conv2d(3, 2, 3, device=CUDA), given(2, 3, 6, 6)),
    "nn.GroupNorm": lambda: grown(nn.GroupNorm(2, 6, device=CUDA)),
    "nn.LayerNorm": lambda: grown(nn.LayerNorm(6, device=CUDA)),
    "nn.Linear": lambda: grown(nn.Linear(6, 2, device=CUDA)),
    "nn.MultiheadAttention": lambda: grown(
        nn.MultiheadAttention(6, 2, dropout=0.1, device=CUDA), *[given(2, 4, 6)] * 3
    ),
    "nn.Embedding": lambda: grown(nn.Embedding(9, 3, padding_idx=0, device=CUDA), given(4, dtype=I64)),
    "nn.EmbeddingBag": lambda: grown(nn.EmbeddingBag(9, 3, device=CUDA), given(4, 2, dtype=I64)),
    "nn.GELU": lambda: grown(nn.GELU()),
    "nn.ReLU": lambda: grown(nn.ReLU()),
    "nn.Dropout": lambda: grown(nn.Dropout(0.5)),
    "nn.GRU": lambda: grown(nn.GRU(6, 3, device=CUDA), given(5, 2, 6)),
    "nn.LSTM": lambda: grown(nn.LSTM(6, 3, device=CUDA), given(5, 2, 6)),
    "nn.GRUCell": lambda: grown(nn.GRUCell(6, 3, device=CUDA)),
    "nn.LSTMCell": lambda: grown(nn.LSTMCell(6, 3, device=CUDA)),
    "nn.Sequential": lambda: grown(
        nn.Sequential(nn.Linear(6, 3, device=CUDA), nn.ReLU(), nn.Linear(3, 2, device=CUDA))
    ),
    "nn.Parameter": lambda: nn.Parameter(given(3).detach()) * 2,
    "nn.kaiming_uniform_": lambda: nn.kaiming_uniform_(given(3, 2)),
    "nn.xavier_uniform_": lambda: nn.xavier_uniform_(given(3, 2)),
    "nn.uniform_": lambda: nn.uniform_(given(3)),
    "nn.normal_": lambda: nn.normal_(given(3)),
    "nn.zeros_": lambda: nn.zeros_(given(3)),
    "nn.utils.parameters_to_vector": lambda: nn.utils.parameters_to_vector([given(2), given(1, 2)]),
    "nn.utils.vector_to_parameters": taken_over,
    "optim.SGD": lambda: trained("SGD", momentum=0.9, nesterov=True, weight_decay=0.1),
    "optim.Adam": lambda: trained("Adam", weight_decay=0.1),
    "optim.AdamW": lambda: trained("AdamW"),
    "optim.Adagrad": lambda: trained("Adagrad", weight_decay=0.1),
    "optim.Schedule": lambda: trained("SGD"),
    "optim.clip_grad_norm_": lambda: trained("SGD"),
}


@pytest.mark.parametrize("name", DIRECT)
def test_what_torchs_samples_do_not_call_stays_on_the_device(name: str) -> None:
    with audited():
        made = DIRECT[name]()
        assert list(conformance.tensors(made))
        backward(made)


def test_batches_wait_for_the_device_once() -> None:
    with FakeTensorMode(allow_non_fake_inputs=False):
        found = tc.batches(given(8, 3), given(8, dtype=I64), size=3, seed=0)
        next(found)  # brings the order along
        with Audit(), Methods():
            rest = list(found)
    assert [x.shape[0] for x, _ in rest] == [3, 2]
    assert all(tensor.device == CUDA for pair in rest for tensor in pair)


def public() -> set[str]:
    """The names of our functions and classes; those of torch.nn.functional are ops of the same names."""
    found = {name for name, value in vars(tc.Tensor).items() if callable(value)}
    for place in (tc, tc.nn, tc.nn.utils, tc.optim, tc.linalg, tc.fft, tc.distributed):
        prefix = place.__name__.removeprefix("tensor_core").removeprefix(".")
        for name, value in vars(place).items():
            ours = getattr(value, "__module__", None) or ""
            if callable(value) and (ours.startswith(place.__name__) or (place is tc and name in FUNCTIONS)):
                found.add(f"{prefix}.{name}".removeprefix("."))
    return {name for name in found - ABOUT if not name.rpartition(".")[2].startswith("_")}


def test_every_public_function_is_tried() -> None:
    sampled = {plain(key) for key in conformance.named()}
    in_place = {f"{name}_" for name in sampled if hasattr(tc, f"{name}_")}
    tried = {it.op for it in table.CASES} | sampled | in_place | DIRECT.keys()
    missing = sorted(public() - tried - NOT_TRIED.keys())
    assert not missing, f"put {', '.join(missing)} into DIRECT, or into NOT_TRIED with the reason"
    stale = sorted((NOT_TRIED.keys() | DIRECT.keys()) - public())
    assert not stale, f"there is no {', '.join(stale)}"


def test_what_is_listed_as_waiting_waits() -> None:
    for key in conformance.named():
        if plain(key) in WAITS:
            assert outcome(key)[1], f"{key} waits for nothing; take it out of WAITS"


SEEDED: dict[str, tuple[str, Callable[[tc.Tensor], Any]]] = {
    "item": ("waits", lambda x: x * x.sum().item()),
    "choice": ("waits", lambda x: x if x.sum() > 0 else -x),
    "numpy": ("waits", lambda x: tc.as_tensor(x.detach().numpy())),
    "mask": ("waits", lambda x: x[x > 0]),
    "number as an index": ("waits", lambda x: x[x.long().sum()]),
    "to the host": ("leaves", lambda x: x.cpu()),
    "made on the host": ("leaves", lambda x: x + tc.ones(3)),
    "number made on the host": ("mixes", lambda x: x + tc.tensor(1.0)),
    "gradient on the host": ("leaves", lambda x: (x * x).sum().backward(tc.ones(()))),
}


def test_a_seeded_mistake_is_caught_by_torchs_samples() -> None:
    for mistake, told in (
        (lambda x, *a, **k: tc.relu(x) + tc.zeros(()), "leaves"),
        (lambda x, *a, **k: tc.relu(x) * x.sum().item(), "waits"),
    ):
        wrong = outcome("nn.functional.relu", mistake)[2]
        assert wrong
        assert all(told in line for line in wrong)


@pytest.mark.parametrize("name", SEEDED)
def test_seeded_mistakes_are_caught(name: str) -> None:
    word, mistake = SEEDED[name]
    host = torch.ones(3)
    with pytest.raises(Exception, match=word or "."), audited():
        mistake(on_device(host, grad=True))


WORKLOADS = ["tiny MLP", "medium MLP", "factorisation", "logistic", "GRU", "chain", "transformer"]


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
    made = [make() for make in workloads.ALL]
    assert [workload.name for workload in made] == WORKLOADS
    return peers.OURS, made


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


def test_every_captured_step_stays_on_the_device(workloads: Any) -> None:
    """Traced on the CPU, as `capture` does, and moved to the device, the graph runs there: it holds no numbers of the
    CPU and waits for none. What the step itself makes on the CPU is seen above, where it runs uncaptured.
    """
    ours, made = workloads
    for workload in made:
        parameters = [tc.tensor(array, requires_grad=True) for array in workload.parameters]
        batch = [tc.tensor(array) for array in workload.batch]
        graph = traced(ours, workload, parameters, batch)
        for part in graph.module.modules():
            for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
                node.args, node.kwargs = tree_map(moved, (node.args, node.kwargs))
            if isinstance(part, torch.fx.GraphModule):
                part.recompile()
        with audited():
            answer = graph.module(*[on_device(raw).raw for raw in graph.inputs])
        assert all(raw.device == CUDA for raw in answer)
        assert len(graph.written) >= len(parameters)


def traced(ours: Any, workload: Any, parameters: list[tc.Tensor], batch: list[tc.Tensor]) -> Any:
    adam = tc.optim.Adam(parameters, lr=1e-3)

    def step(*batch: tc.Tensor) -> tc.Tensor:
        adam.zero_grad()
        loss = workload.loss(ours, parameters, batch)
        loss.backward()
        tc.optim.clip_grad_norm_(parameters, 1.0)
        adam.step()
        return loss

    step(*batch)  # makes the optimiser's state
    return Captured(step, dynamic=(), judge=None)._traced([x.raw for x in batch], tuple(batch), {})
