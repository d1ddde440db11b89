"""The functions of layers, under the name that torch has them by: those of `tensor_core` that torch has here.

>>> import tensor_core as tc
>>> tc.nn.functional.relu(tc.tensor([-1.0, 2.0]))
tensor([0., 2.])
"""

from typing import Any

import torch

from tensor_core.ops import FUNCTIONS

_OTHERS = ("unfold",)  # of the same name, but not the same: torch's takes patches out of images

globals().update(
    {name: f for name, f in FUNCTIONS.items() if hasattr(torch.nn.functional, name) and name not in _OTHERS}
)


def __getattr__(name: str) -> Any:
    raise AttributeError(f"tensor_core.nn.functional has no {name!r}; see dir(tensor_core)")
