"""Where the channels of a value are: behind the batch, as convolutions have them, or last, as transformers do."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import fx, nn

_TO_THE_END, _TO_THE_FRONT = (0, 2, 3, 1), (0, 3, 1, 2)
_PERMUTES = (torch.permute, "permute")
_MOVES = (torch.movedim, torch.moveaxis, "movedim", "moveaxis")
_RESHAPES = (torch.reshape, "reshape", "view")
_REARRANGES = frozenset(
    {
        *(torch.flatten, torch.transpose, torch.unflatten, torch.swapaxes),
        *("flatten", "transpose", "unflatten", "swapaxes"),
    }
)


def channels_at_the_end(graph: fx.Graph, modules: Mapping[str, nn.Module]) -> set[fx.Node]:
    """Return the operations whose value, where it has four dimensions, is (n, height, width, channels).

    Linear layers and layer normalisation work on the last dimension, so that is where their channels are; convolutions,
    poolings and the like have them second; a permutation moves them; anything else leaves them where they were.
    """
    at_the_end: set[fx.Node] = set()
    for node in graph.nodes:
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        inherited = any(source in at_the_end for source in node.all_input_nodes)
        if module is not None:
            last = _of_module(module, inherited)
        else:
            last = _of_call(node.target, node.args, inherited)
        if last:
            at_the_end.add(node)
    return at_the_end


def _of_module(module: nn.Module, inherited: bool) -> bool:
    if isinstance(module, nn.LayerNorm):
        return len(module.normalized_shape) == 1
    if isinstance(module, nn.Linear):
        return True
    spatial = (nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm, nn.modules.pooling._AdaptiveAvgPoolNd)
    pools = (nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd, nn.modules.pooling._AdaptiveMaxPoolNd)
    return inherited and not isinstance(module, (*spatial, *pools, nn.Flatten, nn.Unflatten))


def _of_call(target: str | Callable[..., Any], args: tuple[Any, ...], inherited: bool) -> bool:
    order: tuple[Any, ...] = ()
    if target in _PERMUTES:
        order = tuple(args[1]) if isinstance(args[1], (tuple, list)) else tuple(args[1:])
    elif target in _MOVES and len(args) == 3:
        order = _moved(*args[1:])
    if order:
        return order == _TO_THE_END or (inherited and order != _TO_THE_FRONT and len(order) == 4)
    if target in _RESHAPES:  # tokens laid out as a map again: what was last stays last
        sizes = args[1] if len(args) == 2 and isinstance(args[1], (tuple, list)) else args[1:]
        return inherited and len(sizes) == 4
    return inherited and target not in _REARRANGES


def _moved(source: Any, destination: Any) -> tuple[int, ...]:
    """Return the order in which moving dimensions leaves the four of a map; empty if it is no map."""
    numbered = torch.empty(0, 1, 2, 3)  # the length of each dimension is its number
    try:
        return tuple(numbered.movedim(source, destination).shape)
    except IndexError:
        return ()
