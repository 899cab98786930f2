"""Batch normalisation of a frozen network folded into the convolution before it: one pass over the maps less."""

from collections import Counter

from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

_PAIRS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv1d: nn.BatchNorm1d,
    nn.Conv2d: nn.BatchNorm2d,
    nn.Conv3d: nn.BatchNorm3d,
}


def fold_batch_norms(network: fx.GraphModule) -> int:
    """Fold each batch normalisation into the convolution whose output it alone receives.

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
        source = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(source, fx.Node) or source.op != "call_module" or len(source.users) != 1:
            continue
        convolution, norm = modules[str(source.target)], modules[str(node.target)]
        if (
            not isinstance(norm, _BatchNorm)
            or _PAIRS.get(type(convolution)) is not type(norm)
            or calls[str(source.target)] > 1
        ):
            continue
        where, _, name = str(source.target).rpartition(".")
        setattr(network.get_submodule(where), name, fuse_conv_bn_eval(convolution, norm))
        node.replace_all_uses_with(source)
        network.graph.erase_node(node)
        folded += 1
    if folded:
        network.delete_all_unused_submodules()
        network.recompile()
    return folded
