"""Creation, printing, conversion, random streams, and the examples in the documentation."""

import ast
import copy
import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import tensor_core as tc
from tensor_core import ops

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(tc.__path__, "tensor_core.")
    if module.name != "tensor_core.__main__"
)

CREATIONS: dict[str, Callable[[Any], Any]] = {
    "arange": lambda m: m.arange(2, 11, 3),
    "linspace": lambda m: m.linspace(0, 1, 5, dtype=m.float64),
    "zeros": lambda m: m.zeros(2, 3),
    "ones": lambda m: m.ones((2, 3), dtype=m.int32),
    "empty": lambda m: m.empty(0, 3),
    "full": lambda m: m.full((2,), 7.5),
    "eye": lambda m: m.eye(2, 3),
    "rand": lambda m: m.rand(3),
    "randn": lambda m: m.randn(size=(2, 2)),
    "normal": lambda m: m.normal(m.zeros(3), 2.0),
    "randint": lambda m: m.randint(low=0, high=9, size=(2, 3)),
    "randperm": lambda m: m.randperm(9),
    "zeros_like": lambda m: m.zeros_like(m.ones(2)),
    "ones_like": lambda m: m.ones_like(m.zeros(2), dtype=m.float64),
    "empty_like": lambda m: m.empty_like(m.zeros(0)),
    "full_like": lambda m: m.full_like(m.zeros(2), 3),
    "rand_like": lambda m: m.rand_like(m.zeros(4)),
    "randn_like": lambda m: m.randn_like(m.zeros(4)),
    "tensor": lambda m: m.tensor([[1, 2.5], [3, 4]]),
    "as_tensor": lambda m: m.as_tensor(np.arange(3)),
    "from_numpy": lambda m: m.from_numpy(np.eye(2)),
    "generator": lambda m: m.randn(3, generator=m.Generator().manual_seed(5)),
}


@pytest.mark.parametrize("name", CREATIONS)
def test_creation_equals_torch(name: str) -> None:
    tc.manual_seed(1)
    ours = CREATIONS[name](tc)
    torch.manual_seed(1)
    theirs = CREATIONS[name](torch)
    assert isinstance(ours, tc.Tensor)
    assert repr(ours) == repr(theirs)
    assert torch.equal(ours.raw, theirs)


def test_every_creation_function_has_a_case() -> None:
    from tensor_core import creation

    public = {
        n
        for n, v in vars(creation).items()
        if inspect.isfunction(v) and v.__module__ == creation.__name__ and n[0] != "_"
    }
    assert public <= set(CREATIONS), f"write in CREATIONS: {sorted(public - set(CREATIONS))}"


def test_data_of_many_kinds() -> None:
    nested = [tc.tensor([1.0, 2.0]), [3, torch.tensor(4.0)]]
    assert tc.tensor(nested).tolist() == [[1, 2], [3, 4]]
    array = np.ones(2)
    shared, copied = tc.as_tensor(array), tc.tensor(array)
    array[0] = 5
    assert shared.tolist() == [5, 1]
    assert copied.tolist() == [1, 1]
    x = tc.ones(2)
    assert tc.as_tensor(x) is x
    assert tc.ones(2, requires_grad=True).requires_grad
    with pytest.raises(ValueError, match=r"tensor\(\) of a list"):
        tc.tensor([[1], [2, 3]])
    with pytest.raises(TypeError, match=r"tensor\(\) of a str"):
        tc.tensor("a")


@pytest.mark.parametrize(
    "make",
    [
        lambda m: m.tensor(1.5, requires_grad=True),
        lambda m: m.linspace(0, 1, 30).requires_grad_(),
        lambda m: m.ones(3, 4, dtype=m.float64).requires_grad_(),
        lambda m: m.linspace(0, 1, 8).requires_grad_(),
        lambda m: m.ones(2, 2, 2, requires_grad=True).exp(),
        lambda m: m.zeros(0).requires_grad_(),
        lambda m: m.tensor([True]),
    ],
)
def test_prints_as_torch(make: Callable[[Any], Any]) -> None:
    assert repr(make(tc)) == repr(make(torch))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_lines_are_wrapped_where_torch_wraps_them(dtype: torch.dtype) -> None:
    draw = torch.Generator().manual_seed(1)
    for size in range(30):
        for shape in ((size,), (2, size)):
            for factor in (1, 100, 100_000, 1e12):
                raw = torch.rand(shape, generator=draw, dtype=dtype) * factor
                for values in (raw, raw.round()):
                    theirs, ours = values.clone().requires_grad_(), tc.tensor(values, requires_grad=True)
                    assert repr(ours) == repr(theirs)
                    assert repr(ours.exp()) == repr(theirs.exp())
                    assert repr(ours * 1) == repr(theirs * 1)


def test_conversions() -> None:
    x = tc.tensor([[1.5, 2.0]])
    assert x.numpy().tolist() == [[1.5, 2.0]]
    assert np.asarray(x).shape == (1, 2)
    assert np.asarray(x, dtype=np.int64).tolist() == [[1, 2]]
    assert (np.ones(2) * x).tolist() == [[1.5, 2.0]]
    assert float(x[0, 0]) == 1.5
    assert int(x[0, 1]) == 2
    assert [1, 2, 3][tc.tensor(1)] == 2
    assert f"{x[0, 0]:.2f}" == "1.50"
    assert len(x) == 1
    assert [row.tolist() for row in x] == [[1.5, 2.0]]
    assert 2.0 in x
    assert reversed(tc.arange(3)).tolist() == [2, 1, 0]
    assert reversed(tc.tensor(1)).item() == 1
    assert x.to(tc.float64).dtype == tc.float64
    assert x.to("cpu") is x
    assert x.to(x.double()).dtype == tc.float64
    assert x.size() == torch.Size([1, 2])
    assert x.size(-1) == 2
    assert (x.ndim, x.dim(), x.numel(), x.stride()) == (2, 2, 2, (2, 1))
    assert {x: 1}[x] == 1
    leaf = copy.deepcopy(tc.ones(2, requires_grad=True))
    assert leaf.is_leaf
    assert leaf.requires_grad
    with pytest.raises(TypeError, match="no len"):
        len(tc.tensor(1))


def test_every_ops_family_is_discovered_and_documented() -> None:
    assert {tc.exp, tc.matmul, tc.cross_entropy} <= set(ops.FUNCTIONS.values())
    for name, function in ops.FUNCTIONS.items():
        assert getattr(tc, name) is function or isinstance(getattr(tc, name), torch.dtype)
        assert function.__doc__, f"{name} needs a docstring"
        if not name.endswith("_"):
            assert ">>>" in function.__doc__, f"{name} needs an example in its docstring"


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    names = {**vars(tc), "__name__": name} if ".ops" in name else None
    tests = finder.find(module, name, extraglobs=names) if names else finder.find(module, name)
    known = {test.name for test in tests}
    for key, value in vars(module).items():  # an op's function is made in tensor_core.op, where doctest does not look
        if inspect.isfunction(value) and value.__module__ == name and f"{name}.{key}" not in known:
            tests += finder.find(value, f"{name}.{key}", module=False, globs={**vars(module), **(names or {})})
    for test in tests:
        runner.run(test)
    assert runner.failures == 0
    source = inspect.getsource(module)
    written = sum(
        ">>>" in (ast.get_docstring(node) or "")
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    )
    assert sum(1 for test in tests if test.examples) >= written, f"some examples of {name} were not run"


FOREIGN: dict[str, tuple[Callable[[tc.Tensor], Any], str]] = {
    "a function": (torch.exp, r"torch's exp\(\) got a tensor of tensor_core.*use tensor_core\.exp"),
    "in a list": (lambda x: torch.cat([x, x]), r"use tensor_core\.cat"),
    "a layer's": (torch.nn.functional.gelu, r"use tensor_core\.gelu"),
    "a family's": (torch.linalg.svd, r"use tensor_core\.linalg\.svd"),
    "a method": (lambda x: torch.zeros(2, 2).copy_(x), r"use tensor_core\.copy_"),
    "unknown": (lambda x: torch.cummin(x, 0), r"tensor_core has none; hand over \.raw"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_torchs_functions_name_ours(name: str) -> None:
    call, words = FOREIGN[name]
    with pytest.raises(TypeError, match=words):
        call(tc.ones(2, 2))


def test_operators_with_a_torch_tensor_on_the_left_are_ours() -> None:
    x = tc.ones(2, requires_grad=True)
    made = torch.full((2,), 3.0) * x - x
    assert isinstance(made, tc.Tensor)
    made.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2, 2]


def test_names_that_torch_has_elsewhere_are_the_same_functions() -> None:
    assert tc.autograd.grad is tc.grad
    assert tc.nn.utils.clip_grad_norm_ is tc.optim.clip_grad_norm_
    assert tc.nn.functional.cross_entropy is tc.cross_entropy
    named = [name for name in vars(tc.nn.functional) if name in ops.FUNCTIONS]
    assert len(named) > 30
    assert all(hasattr(torch.nn.functional, name) for name in named)
    assert not hasattr(tc.nn.functional, "unfold")


def test_parameters_go_to_a_vector_and_back() -> None:
    layer, other = tc.nn.Linear(3, 2), tc.nn.Linear(3, 2)
    vector = tc.nn.utils.parameters_to_vector(layer.parameters())
    vector.sum().backward()
    assert layer.weight.grad is not None
    tc.nn.utils.vector_to_parameters(vector, other.parameters())
    assert tc.equal(layer.weight, other.weight)
    assert tc.allclose(layer.bias, other.bias)
    with pytest.raises(RuntimeError, match="do not add up"):
        tc.nn.utils.vector_to_parameters(vector[1:], other.parameters())


def test_draws_equal_torchs() -> None:
    chances = torch.rand(4, 5)
    for draw in (
        lambda m, x: m.bernoulli(x),
        lambda m, x: x.bernoulli(0.5),
        lambda m, x: x.multinomial(3),
        lambda m, x: m.multinomial(x, 9, replacement=True),
        lambda m, x: m.normal(x, 2.0),
        lambda m, x: m.normal(0.0, 1.0, size=(2, 2)),
    ):
        torch.manual_seed(1)
        expected = draw(torch, chances)
        torch.manual_seed(1)
        assert torch.equal(draw(tc, tc.tensor(chances)).raw, expected)


def test_what_a_tensor_has_not_is_told_with_what_to_do() -> None:
    x = tc.ones(2)
    with pytest.raises(AttributeError, match=r"a tensor has no 'unsqueeze_'; use x = x\.unsqueeze\(…\)"):
        x.unsqueeze_(0)
    with pytest.raises(AttributeError, match=r"a tensor has no 'cummin'$"):
        x.cummin(0)
