"""Batch normalisation of a frozen network folded into the convolution before it: one pass over the maps less."""

import copy
from collections import Counter
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_weights

from .tracing import users_of

_PAIRS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv1d: nn.BatchNorm1d,
    nn.Conv2d: nn.BatchNorm2d,
    nn.Conv3d: nn.BatchNorm3d,
}
_CALL = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")


def fold_batch_norms(network: fx.GraphModule) -> int:
    """Fold each batch normalisation, module or call, into the convolution whose output it alone receives.

    Parameters
    ----------
    network : torch.fx.GraphModule
        In evaluation mode; changed. Its convolutions are replaced, not altered: others may share them.

    Returns
    -------
    count : int
        Normalisations that are gone.
    """
    modules = dict(network.named_modules())
    calls = Counter(str(node.target) for node in network.graph.nodes if node.op == "call_module")
    folded = 0
    for node in list(network.graph.nodes):
        source = node.args[0] if node.args else None
        if not isinstance(source, fx.Node) or source.op != "call_module" or users_of(source) != [node]:
            continue
        convolution = modules[str(source.target)]
        norm = _norm_behind(convolution, node, network)
        if norm is None or calls[str(source.target)] > 1:
            continue
        where, _, name = str(source.target).rpartition(".")
        setattr(network.get_submodule(where), name, _folded(convolution, **norm))
        node.replace_all_uses_with(source)
        network.graph.erase_node(node)
        folded += 1
    if folded:
        network.graph.eliminate_dead_code()  # what the calls were given
        network.delete_all_unused_submodules()
        network.recompile()
    return folded


def _norm_behind(convolution: nn.Module, node: fx.Node, network: fx.GraphModule) -> dict[str, Any] | None:
    """Return mean, variance, factor, shift and epsilon of a normalisation that fits the convolution."""
    kind = _PAIRS.get(type(convolution))
    if kind is None:
        return None
    if node.op == "call_module":
        norm = network.get_submodule(str(node.target))
        if not isinstance(norm, _BatchNorm) or type(norm) is not kind:
            return None
        tensors = {"mean": norm.running_mean, "variance": norm.running_var, "factor": norm.weight, "shift": norm.bias}
        return {**tensors, "epsilon": norm.eps}
    if node.op != "call_function" or node.target is not functional.batch_norm:
        return None
    given: dict[str, Any] = {"training": False, "eps": 1e-5}
    given |= {**dict(zip(_CALL, node.args, strict=False)), **node.kwargs}
    names = {"mean": "running_mean", "variance": "running_var", "factor": "weight", "shift": "bias"}
    tensors = {name: _constant(given.get(key), network) for name, key in names.items()}
    if given["training"] is not False or tensors["mean"] is None or tensors["variance"] is None:
        return None
    return {**tensors, "epsilon": given["eps"]}


def _constant(value: Any, network: fx.GraphModule) -> torch.Tensor | None:
    """Return the tensor of the network that an argument means; None if it means none."""
    if not isinstance(value, fx.Node) or value.op != "get_attr":
        return None
    where, _, name = str(value.target).rpartition(".")
    found: torch.Tensor = getattr(network.get_submodule(where), name)
    return found


def _folded(
    convolution: nn.Module,
    mean: torch.Tensor,
    variance: torch.Tensor,
    factor: torch.Tensor | None,
    shift: torch.Tensor | None,
    epsilon: float,
) -> nn.Module:
    twin: Any = copy.deepcopy(convolution)
    twin.weight, twin.bias = fuse_conv_bn_weights(twin.weight, twin.bias, mean, variance, epsilon, factor, shift)
    return twin
