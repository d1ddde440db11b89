"""Our own tensors and our own autograd, under torch's names.

Context. The starters and templates need gradients, optimisers and layers. torch has all three, compiled and out of
sight. We want every order of derivative, a whole training step that can be traced as plain array code, errors that say
what to do, and an engine that can be read in an afternoon.

Decision. torch gives memory and kernels and nothing else; the graph, the gradients, the optimisers and the modules are
ours. A tensor is a handle on a raw `torch.Tensor` that never requires grad. Edges of the graph lead to *places*, where
an input stood, not to tensors (`autograd`). An op is one declaration, its kernel under one gradient rule per input
(`op`), and the names of a rule's parameters say what is saved.

Consequences. In-place writes and views rebind a place, and older edges stay right; what a rule saved is guarded by the
number of the memory's last write. Backward is a loop over creation numbers, so that depth costs no stack. A node never
holds its own output's tensor, so that nothing is left for the garbage collector. Rules use what raw and traced tensors
share: they run at torch's speed, and with create_graph they record themselves. Broadcasting is undone in one place,
where a gradient is handed to its input. Nothing names a device or waits for one. A number in Python costs torch 2.5
times as much as a tensor, so numbers that meet tensors are cached as tensors. What a family of ops defines is public;
no list of names is kept.

Alternatives. `@op` with a separate `@name.gradient` reads as well, but one rule for all inputs computes the gradients
nobody asked for, and what stands apart drifts apart. Edges to tensors make in-place ops wrong or forbidden. A registry
looked up at every call cost 2.3 times torch per op in a prototype; a function specialised for its number of inputs when
the op is declared costs 1.1 to 1.25 times, forward and backward together. Version counters of torch do not exist in
inference mode; ours always do. Lion (Chen et al. 2023) was measured beside AdamW (tests/benchmarks/optimisers.py) and
left out: on handwritten digits, each at its best learning rate, its held-out loss after 300 steps was 0.179 and AdamW's
0.100, which an update of 0.3 to 0.8 of AdamW's time does not make up for.
"""

# ruff: noqa: E402
import difflib
import gc as _gc
from typing import Any

import torch as _torch

# Importing torch leaves the garbage collector about to walk all of torch's objects: 0.1 s, for nothing, in our imports.
_collecting = _gc.isenabled()
_gc.disable()

from tensor_core import autograd as autograd
from tensor_core import creation as _creation
from tensor_core import distributed as distributed
from tensor_core import fft as fft
from tensor_core import linalg as linalg
from tensor_core import nn as nn
from tensor_core import optim as optim
from tensor_core.amp import autocast as autocast
from tensor_core.autograd import enable_grad as enable_grad
from tensor_core.autograd import is_grad_enabled as is_grad_enabled
from tensor_core.autograd import no_grad as no_grad
from tensor_core.autograd import set_grad_enabled as set_grad_enabled
from tensor_core.batches import batches as batches
from tensor_core.capture import capture as capture
from tensor_core.checkpoint import checkpoint as checkpoint
from tensor_core.creation import Generator as Generator
from tensor_core.creation import manual_seed as manual_seed
from tensor_core.derivatives import hessian as hessian
from tensor_core.derivatives import jacobian as jacobian
from tensor_core.derivatives import jvp as jvp
from tensor_core.derivatives import vjp as vjp
from tensor_core.export import export_onnx as export_onnx
from tensor_core.export import quantize_int8 as quantize_int8
from tensor_core.fft import stft as stft
from tensor_core.ops import FUNCTIONS as _FUNCTIONS
from tensor_core.resume import load_checkpoint as load_checkpoint
from tensor_core.resume import save_checkpoint as save_checkpoint
from tensor_core.scan import scan as scan
from tensor_core.tensor import Tensor as Tensor
from tensor_core.tensor import grad as grad
from tensor_core.tracing import CaptureError as CaptureError

if _collecting:
    _gc.enable()

__version__ = "0.1.0"

globals().update(_FUNCTIONS)
globals().update({name: kind for name, kind in vars(_torch).items() if isinstance(kind, _torch.dtype)})
globals().update(
    {
        name: create
        for name, create in vars(_creation).items()
        if not name.startswith("_") and getattr(create, "__module__", "") == _creation.__name__
    }
)

vars(autograd)["grad"] = grad  # torch's other name for it
device = _torch.device
Size = _torch.Size
inf, nan, pi = _torch.inf, _torch.nan, _torch.pi
can_cast, promote_types = _torch.can_cast, _torch.promote_types
get_default_dtype, set_default_dtype = _torch.get_default_dtype, _torch.set_default_dtype
get_num_threads, set_num_threads = _torch.get_num_threads, _torch.set_num_threads
contiguous_format, preserve_format = _torch.contiguous_format, _torch.preserve_format


def __getattr__(name: str) -> Any:
    close = difflib.get_close_matches(name, globals(), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise AttributeError(f"tensor_core has no {name!r}{hint}")
