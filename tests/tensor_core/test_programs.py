"""Random programs of arithmetic, views and writes: our values and gradients are torch's, or both refuse.

torch refuses some programs that we can run, because a value it saved lies on a path that no gradient takes. Those are
compared with torch on copies of every saved value, which no write can reach. TENSOR_CORE_PROGRAMS sets how many
programs are tried.
"""

import operator
import os
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch

import tensor_core as tc

PROGRAMS = int(os.environ.get("TENSOR_CORE_PROGRAMS", "4000"))  # half a minute; 20,000 take three
BLOCKS = 8  # of programs, one test each
LENGTH = 12  # steps a program

INCOMPARABLE = 0.02  # the share of programs that torch may be unable to run for reasons of its own


class TorchCannotError(Exception):
    """torch stumbles here for a reason of its own."""


Step = Callable[[Any, list[Any]], None]  # (names, tensors so far); adds one tensor or writes to one


def shape_step(rng: random.Random) -> Callable[[Any], Any]:
    """A view or another arrangement, for tensors of any shape."""
    i, kind = rng.randrange(6), rng.randrange(10)

    def apply(t: Any) -> Any:
        if t.dim() == 0:
            return t.expand(3) if kind < 5 else t.reshape(1)
        views: list[Callable[[], Any]] = [
            lambda: t[i % t.shape[0]] if t.shape[0] else t.reshape(-1),
            lambda: t[1:],
            lambda: t[..., ::2],
            lambda: t.T if t.dim() == 2 else t.unsqueeze(0),
            lambda: t.reshape(-1),
            lambda: t.transpose(0, -1),
            lambda: t.narrow(-1, 0, max(t.shape[-1] - 1, 0)),
            lambda: t.view(t.shape),
            lambda: t.squeeze(),
            lambda: t[:, 0] if t.dim() > 1 and t.shape[1] else t.detach(),
        ]
        return views[kind]()

    return apply


def program(seed: int) -> list[Step]:
    """Steps drawn from `seed`; each runs on either library."""
    rng = random.Random(seed)
    steps: list[Step] = []
    for _ in range(LENGTH):
        a, b, number, kind = rng.randrange(99), rng.randrange(99), rng.choice([0.5, 2.0, -1.5]), rng.random()
        arithmetic = rng.choice([operator.add, operator.sub, operator.mul])
        name = rng.choice(["tanh", "sigmoid", "exp", "neg", "relu", "sum", "clone", "detach", "square"])
        write = rng.choice(["add_", "mul_", "sub_", "copy_", "mul_", "tanh_", "relu_", "zero_", "setitem", "sigmoid_"])
        reshape = shape_step(rng)

        def step(
            m: Any, made: list[Any], a: int = a, b: int = b, number: float = number, kind: float = kind,
            arithmetic: Any = arithmetic, name: str = name, write: str = write, reshape: Any = reshape,
        ) -> None:  # fmt: skip
            left, right = made[a % len(made)], made[b % len(made)]
            if kind < 0.2:
                made.append(arithmetic(left, right))
            elif kind < 0.25:
                made.append(arithmetic(number, left))
            elif kind < 0.35:
                made.append(left * left if name == "square" else getattr(left, name)())
            elif kind < 0.65:
                made.append(reshape(left))
            elif kind < 0.7:
                with m.no_grad():
                    left.mul_(number)
            elif m is torch and left._is_view() and left.is_leaf and left._base.grad_fn is not None:
                raise TorchCannotError("it takes a view for a leaf when the base was written afterwards")
            elif write == "setitem":
                left[..., 0] = right.sum()
            elif write in ("add_", "mul_", "sub_", "copy_"):
                getattr(left, write)(right)
            else:
                getattr(left, write)()

        steps.append(step)
    return steps


def run(m: Any, steps: list[Step], leaves: list[Any]) -> tuple[list[Any], list[Any], bool]:
    """All tensors made, the leaves' gradients, and whether the program was refused at its end.

    A step that is refused is skipped: the next ones go on.
    """
    made = [*leaves, leaves[0] * 1.5, leaves[1] * leaves[2], m.ones(2, 3, dtype=m.float64)]
    for step in steps:
        try:
            step(m, made)
        except (RuntimeError, IndexError):
            made.append(leaves[0] * 2)
    loss = None
    for t in made[len(leaves) :]:
        loss = t.sum() if loss is None else loss + (t * 0.5).sum()
    assert loss is not None
    try:
        loss.backward()
    except RuntimeError:
        return made, [None] * len(leaves), True
    return made, [leaf.grad for leaf in leaves], False


def same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return bool(torch.allclose(one.raw, other.detach(), rtol=1e-9, atol=1e-9, equal_nan=True))


def disagreement(seed: int) -> str | None:
    """What differs between ours and torch on the program of `seed`; None if nothing does."""
    arrays = [
        torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(2, 3),
        torch.tensor([0.5, -0.7, 1.1], dtype=torch.float64),
    ]
    arrays.append(torch.tensor(0.8, dtype=torch.float64))
    ours = run(tc, program(seed), [tc.tensor(a, requires_grad=True) for a in arrays])
    theirs = run(torch, program(seed), [a.clone().requires_grad_() for a in arrays])
    if ours[2]:
        return None if theirs[2] else f"program {seed}: ours refused, torch did not"
    if theirs[2]:
        with torch.autograd.graph.saved_tensors_hooks(torch.clone, lambda kept: kept):
            theirs = run(torch, program(seed), [a.clone().requires_grad_() for a in arrays])
        if theirs[2]:
            raise TorchCannotError("it writes to an expanded gradient")
    if len(ours[0]) != len(theirs[0]):
        return f"program {seed}: {len(ours[0])} tensors instead of {len(theirs[0])}"
    for i, (one, other) in enumerate(zip(ours[0], theirs[0], strict=True)):
        if one.shape != other.shape or not same(one, other):
            return f"program {seed}: tensor {i} is {one} instead of {other}"
    for i, (one, other) in enumerate(zip(ours[1], theirs[1], strict=True)):
        if not same(one, other):
            return f"program {seed}: gradient {i} is {one} instead of {other}"
    return None


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_programs(block: int) -> None:
    differences, incomparable = [], 0
    for seed in range(block, PROGRAMS, BLOCKS):
        try:
            differences.append(disagreement(seed))
        except TorchCannotError:
            incomparable += 1
    found = [d for d in differences if d]
    assert not found, f"{len(found)} of {PROGRAMS // BLOCKS}: " + "\n".join(found[:5])
    assert incomparable <= 1 + INCOMPARABLE * PROGRAMS / BLOCKS


def test_programs_are_worth_running() -> None:
    """Some programs are refused, but most reach the end with gradients."""
    arrays = [torch.ones(2, 3), torch.ones(3), torch.tensor(1.0)]
    outcomes = [
        run(tc, program(seed), [tc.tensor(a, requires_grad=True, dtype=tc.float64) for a in arrays])
        for seed in range(100)
    ]
    assert 5 <= sum(refused for _, _, refused in outcomes) <= 50
    assert sum(grads[0] is not None and bool(grads[0].any()) for _, grads, _ in outcomes) >= 50
