"""Prints, as JSON, the architecture that each Triton kernel of captured workloads was compiled for, without a GPU.

For sm_80: `PYTHONPATH=.:tests/benchmarks python tests/tensor_core/triton_program.py 80 tiny_mlp …`. A process of its
own, because it makes torch and Triton believe in a GPU of that architecture. Each workload's whole step with Adam is
traced as `capture` does, on the processor; its graph is then moved to CUDA and lowered by TorchInductor, whose kernels
Triton compiles to PTX.
"""

import json
import re
import sys
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any
from unittest import mock

import peers
import torch
import workloads
from torch._decomp import decomposition_table
from torch._dispatch.python import enable_python_dispatcher
from torch._dynamo.device_interface import CudaInterface
from torch._inductor import config
from torch._inductor.codecache import PyCodeCache
from torch._inductor.debug import DebugContext
from torch._inductor.decomposition import select_decomp_table
from torch._inductor.fx_passes.post_grad import decompose_scan_to_while_loop
from torch._inductor.graph import GraphLowering
from torch._inductor.runtime import triton_heuristics
from torch._inductor.virtualized import V
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._pytree import tree_map
from triton.backends.compiler import GPUTarget
from triton.runtime.driver import driver

import tensor_core as tc
from tensor_core.capture import Captured
from tensor_core.tracing import Traced

CUDA = torch.device("cuda", 0)
CHAIN = 40  # ops; what one step of the chain does is the same in each
LAYERS = 1  # of the transformer, as every layer becomes the same kernels
aten = torch.ops.aten
# What these give is known without doing it; torch's own way inverts a mask, which a torch without CUDA refuses.
SHAPES = {aten._unsafe_masked_index_put_accumulate.default: lambda x, *_: aten.empty_like.default(x)}


def pretended(architecture: int) -> ExitStack:
    """Inside, torch and Triton see one GPU, of the size of an A100."""
    major, minor = divmod(architecture, 10)
    gpu = SimpleNamespace(
        name="pretended", major=major, minor=minor, multi_processor_count=108, warp_size=32, total_memory=2**35,
        regs_per_multiprocessor=65_536, max_threads_per_multi_processor=2_048, max_threads_per_block=1_024,
        shared_memory_per_block=49_152, shared_memory_per_block_optin=166_912, L2_cache_size=2**25, gcnArchName="",
    )  # fmt: skip
    stack = ExitStack()
    for owner, name, value in (
        (CudaInterface, "is_available", True),
        (CudaInterface, "get_compute_capability", architecture),
        (CudaInterface, "get_device_properties", gpu),
        (CudaInterface, "current_device", 0),
        (CudaInterface.Worker, "get_device_properties", gpu),
        (CudaInterface.Worker, "current_device", 0),
        (torch.cuda, "get_device_properties", gpu),
        (torch.cuda, "get_device_capability", (major, minor)),
        (torch.cuda, "current_device", 0),
        (torch.cuda, "device_count", 1),
        (triton_heuristics.triton_helpers, "set_driver_to_gpu", None),
    ):
        stack.enter_context(mock.patch.object(owner, name, return_value=value))
    # The method asks for a device before anything can pretend one; the op behind it does not.
    stack.enter_context(mock.patch.object(torch.Tensor, "copy_", lambda x, source: aten.copy_.default(x, source)))
    # The kernels are looked at, not launched.
    stack.enter_context(config.patch({"compile_threads": 1, "use_static_triton_launcher": False}))
    target = GPUTarget("cuda", architecture, 32)
    driver.set_active(SimpleNamespace(get_current_target=lambda: target, get_current_device=lambda: 0))
    return stack


def traced(name: str) -> Traced:
    """The graph of a workload's captured step."""
    workload = getattr(workloads, name)()
    parameters, batch = peers._our_parts(workload)
    adam = tc.optim.Adam(parameters, lr=1e-3)

    def step(*batch: Any) -> Any:
        adam.zero_grad()
        loss = workload.loss(peers.OURS, parameters, batch)
        loss.backward()
        adam.step()
        return loss

    step(*batch)  # makes the optimiser's state
    return Captured(step, dynamic=(), judge=None)._traced([b.raw for b in batch], tuple(batch), {})


def wrapper(graph: Traced) -> str:
    """TorchInductor's program for the graph on the GPU; it holds the sources of the kernels."""
    module, fakes = graph.module, graph.inputs[0].fake_mode
    for node in module.graph.nodes:
        node.args, node.kwargs = tree_map(
            lambda a: CUDA if isinstance(a, torch.device) else a, (node.args, node.kwargs)
        )
        node.meta.pop("val", None)
    module.recompile()
    with torch.no_grad(), fakes, enable_python_dispatcher(), mock.patch.dict(decomposition_table, SHAPES):
        inputs = [torch.empty_strided(t.shape, t.stride(), dtype=t.dtype, device=CUDA) for t in graph.inputs]
        pure = torch.func.functionalize(module, remove="mutations_and_views")
        lowered = make_fx(pure, decomposition_table=select_decomp_table())(*inputs)
        decompose_scan_to_while_loop(lowered)  # TorchInductor's code for a scan is that of a loop
    graph = GraphLowering(
        lowered, example_inputs=inputs, shape_env=fakes.shape_env, is_inference=True,
        get_decomp_fn=select_decomp_table,
    )  # fmt: skip
    with torch.no_grad(), V.set_fake_mode(fakes), V.set_graph_handler(graph), V.set_debug_handler(DebugContext()):
        graph.run(*inputs)
        return graph.codegen()[0].value


def targets(program: str) -> dict[str, list[str]]:
    """The architectures in the PTX of each kernel of a program."""
    found = {}
    for name, source in re.findall(r"async_compile\.triton\('(\w+)', '''\n(.*?)'''", program, re.DOTALL):
        kernel = getattr(PyCodeCache.load(source), name)
        kernel.precompile(warm_cache_only=True)
        ptx = [result.kernel.asm["ptx"] for result in kernel.compile_results]
        found[name] = [re.search(r"^\.target (\w+)", text, re.MULTILINE)[1] for text in ptx]
    return found


def main() -> None:
    """Print the kernels of each workload that is named."""
    workloads.CHAIN, workloads.LAYERS = CHAIN, LAYERS
    with pretended(int(sys.argv[1])):
        print(json.dumps({name: targets(wrapper(traced(name))) for name in sys.argv[2:]}))


if __name__ == "__main__":
    main()
