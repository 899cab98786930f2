"""Tapping a network: the output of any layer, before or after its non-linearity, from one forward pass.

A network that torch.fx can trace becomes a graph that ends at the last layer asked for; each tapped value is copied
where it arises, so that nothing behind it (an in-place ReLU, an in-place sum) can change it. Other networks are run
while they are watched, and left at the last layer.
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from .aliases import aliases
from .folding import fold_batch_norms
from .in_place import work_in_place
from .tracing import PENULTIMATE, Activation, trace
from .watching import WatchedNetwork, module_names


class TappedNetwork(nn.Module):
    """A frozen network that returns the values at *layers* and does no work beyond the last of them.

    Parameters
    ----------
    network : torch.nn.Module
        Switched to evaluation mode, its in-place operations off. Its weights are shared, not copied.
    layers : sequence of str
        Names as listed by `layer_names`. A convolution or linear layer stands for itself and its non-linearity (with
        the normalisation between them); any other name stands for its own output, a block's being that of its last
        step. Maps come as (n, maps, height, width), in transformers too that keep their channels last.
    activation : {"post", "pre"}
        The value behind the layer's non-linearity, or the one that enters it.

    Raises
    ------
    ValueError
        Unknown layer, or one without a single value before its non-linearity.

    Examples
    --------
    >>> import torch
    >>> from eyecraft.features.learned.networks import LeNet5
    >>> tapped = TappedNetwork(LeNet5(), ["s4", "f6"], activation="pre")
    >>> [tuple(values.shape) for values in tapped(torch.zeros(2, 1, 32, 32))]
    [(2, 16, 5, 5), (2, 84)]
    """

    def __init__(self, network: nn.Module, layers: Sequence[str], activation: Activation = "post") -> None:
        super().__init__()
        freeze(network)
        self.layers = list(layers)
        graph = trace(network)
        self._run: nn.Module = (
            WatchedNetwork(network, self.layers, activation) if graph is None else graph.cut(self.layers, activation)
        )
        self.input_dtype, self.memory_format = torch.float32, torch.contiguous_format
        self.precision = "float32"
        self.eval()

    def settled(self, device: str = "cpu", precision: str = "float32") -> "TappedNetwork":
        """Make the network as fast as it gets without other numbers than rounding allows; returns self.

        Batch normalisation is folded into convolutions, non-linearities write over what nobody else reads, the memory
        of maps is ordered by pixels, and the weights are cast once. The network given to the constructor keeps its own
        precision and place. In bfloat16 a convolution that comes first is left in float32: its sums are what rounding
        hurts most (with SqueezeNet the least cosine between a row and the one of float32 rises from 0.99986 to
        0.9999), and it takes the images as ``input_dtype`` says.

        Parameters
        ----------
        device : str
            As torch says it.
        precision : {"float32", "bfloat16", "float16"}
            Of weights and computation.
        """
        given = self._run
        traced = given if isinstance(given, fx.GraphModule) else None
        if traced is not None:
            fold_batch_norms(traced)
            _views_as_reshapes(traced)
            work_in_place(traced)
        dtype = getattr(torch, precision)
        first = _first_convolution(given) if precision == "bfloat16" else ""
        if device != "cpu" or precision != "float32":
            self._run = copy.deepcopy(given).to(device, dtype)
            if first:
                wide = copy.deepcopy(given.get_submodule(first)).to(device)
                self._run.set_submodule(first, _Widely(wide, dtype))
        self.input_dtype = torch.float32 if first else dtype
        self.precision = precision
        if traced is not None:  # a watched one may flatten its maps with `view`, which asks for the usual order
            order_by_pixels(self._run)
            self.memory_format = torch.channels_last
        return self

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the value of every layer for a batch of images (n, channels, height, width)."""
        values = list(self._run(images))
        for name, value in zip(self.layers, values, strict=True):
            if not isinstance(value, torch.Tensor):
                raise ValueError(f"Layer {name!r} gives a {type(value).__name__}, not one tensor. Name a layer in it.")
        return values

    def train(self, mode: bool = True) -> "TappedNetwork":
        """Stay in evaluation mode whatever *mode* says: batch statistics never drift, dropout never drops."""
        return super().train(False)


def order_by_pixels(network: nn.Module) -> nn.Module:
    """Keep the weights of convolutions as maps are kept whose channels lie together; returns the network.

    A module's own ``to(memory_format=...)`` stops at tensors of five dimensions, which some transformers have. That of
    a tensor, unlike ``contiguous``, also tells convolutions of a single channel apart.
    """
    for values in network.parameters():
        if values.ndim == 4:
            values.data = values.data.to(memory_format=torch.channels_last)
    return network


def _views_as_reshapes(run: fx.GraphModule) -> None:
    """Let maps be flattened in whatever order they lie in memory."""
    for node in run.graph.nodes:
        to_type = any(isinstance(argument, torch.dtype) for argument in node.args)
        if node.op == "call_method" and node.target == "view" and not to_type:
            node.target = "reshape"
    run.recompile()


class _Widely(nn.Module):
    """A layer that computes in float32 amid layers that do not."""

    def __init__(self, layer: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.layer, self.dtype = layer, dtype

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the layer's value for float32 images, rounded."""
        value: torch.Tensor = self.layer(images).to(self.dtype)
        return value


def _first_convolution(run: nn.Module) -> str:
    """Return the name of the float32 convolution that alone receives the images; empty if there is none."""
    if not isinstance(run, fx.GraphModule):
        return ""
    images = next(node for node in run.graph.nodes if node.op == "placeholder")
    users = list(images.users)
    if len(users) != 1 or users[0].op != "call_module":
        return ""
    name = str(users[0].target)
    module = run.get_submodule(name)
    calls = sum(node.op == "call_module" and node.target == name for node in run.graph.nodes)
    alone = isinstance(module, nn.Conv2d) and module.weight.dtype == torch.float32 and calls == 1
    return name if alone else ""


def freeze(network: nn.Module) -> nn.Module:
    """Put *network* in evaluation mode, without gradients and without in-place operations; returns it."""
    for module in network.modules():
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]
    return network.eval().requires_grad_(False)


def check_layers(layers: Any) -> None:
    """Raise ``ValueError`` unless *layers* is None, a name, or a list of names, each there once."""
    if layers is None:
        return
    names = [layers] if isinstance(layers, str) else layers
    if not (isinstance(names, (Sequence, np.ndarray)) and len(names) and all(isinstance(name, str) for name in names)):
        raise ValueError(f"`layers` must be the name of a layer or a list of names; got {layers!r}")
    if len(set(names)) < len(names):
        raise ValueError(f"`layers` must name each layer once; got {layers!r}")


def default_layer(network: nn.Module) -> str:
    """Return the last layer that is still a feature, not yet the classes."""
    known = {*aliases(network), *dict(network.named_modules())}
    return next((name for name in ("fc7", "fire9") if name in known), PENULTIMATE)


def layer_names(network: nn.Module) -> list[str]:
    """Return every name `TappedNetwork` takes: aliases, modules, and the operations between modules."""
    graph = trace(network)
    return module_names(network) if graph is None else graph.all_names()
