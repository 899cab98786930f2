"""Non-linearities that write over what they read, where nobody else will read it: less memory to pass through."""

import copy
import operator

import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _NormBase

from .kinds import Kind, is_non_linear_module, is_weighted_module, kind_of_call
from .tracing import goes_on_to

_SUMS = (operator.add, torch.add, "add")
_SUMS_IN_PLACE = (operator.iadd, "add_")


def work_in_place(network: fx.GraphModule) -> int:
    """Let each non-linearity work in place that is the last to use what a layer or a sum has just written.

    Parameters
    ----------
    network : torch.fx.GraphModule
        Changed: such a step gets a module of its own, so that one that is used twice is judged each time.

    Returns
    -------
    count : int
        Non-linearities that work in place now.
    """
    modules = dict(network.named_modules())
    count = 0
    for node in list(network.graph.nodes):
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        if module is None or getattr(module, "inplace", None) is not False or not is_non_linear_module(module):
            continue
        source = node.all_input_nodes[0]
        if not _alone(node, source) or not _owns_its_memory(source, modules):
            continue
        twin = copy.copy(module)
        twin.inplace = True
        name = f"{str(node.target).replace('.', '_')}_in_place_{count}"
        network.add_submodule(name, twin)
        node.target = name
        count += 1
    if count:
        network.delete_all_unused_submodules()
        network.recompile()
    return count


def _alone(node: fx.Node, source: fx.Node) -> bool:
    """Tell whether *node* alone goes on with *source*."""
    return goes_on_to(source) == [node]


def _owns_its_memory(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        module = modules[str(node.target)]
        return is_weighted_module(module) or isinstance(module, _NormBase)
    if node.target in _SUMS_IN_PLACE and isinstance(node.args[0], fx.Node):
        return _alone(node, node.args[0]) and _owns_its_memory(node.args[0], modules)
    return node.target in _SUMS or (node.op == "call_function" and kind_of_call(node.target) is Kind.WEIGHTED)
