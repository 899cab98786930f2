"""AlexNet-shaped networks with layers taken out: what is left is joined, and counted."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from eyecraft.features.learned.mini import MINI_IMAGE_SIZE, Mini

REMOVABLE = (2, 3, 4, 5, 6, 7)  # the first sees the image, the eighth gives the classes


@dataclass(frozen=True)
class AblatedMini:
    """Makes `Mini` without some of its layers.

    Parameters
    ----------
    removed : tuple of int
        Numbers of the layers, 1 to 5 being convolutions and 6 to 8 fully connected. With a layer go its normalisation,
        non-linearity, dropout and pooling; the next one is made for the inputs that are left.
    """

    removed: tuple[int, ...] = ()

    @property
    def __name__(self) -> str:
        return f"mini, {variant_name(self.removed)}"

    def __call__(self, in_channels: int = 3, n_classes: int = 200) -> nn.Sequential:
        """Return the network with a random start."""
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        channels, side, length = in_channels, MINI_IMAGE_SIZE, 0
        for name, layer in Mini(in_channels, n_classes).named_children():
            if name[-1].isdigit() and int(name[-1]) in self.removed:
                continue
            if isinstance(layer, nn.Conv2d):
                layer = _with_inputs(layer, channels)
                channels, side = layer.out_channels, side // layer.stride[0]
            elif isinstance(layer, nn.MaxPool2d):
                side //= 2
            elif isinstance(layer, nn.Flatten):
                length = channels * side * side
            elif isinstance(layer, nn.Linear):
                layer = _with_inputs(layer, length)
                length = layer.out_features
            layers[name] = layer
        return nn.Sequential(layers)


def count_parameters(removed: tuple[int, ...], n_classes: int, in_channels: int = 3) -> int:
    """Return the number of weights of a network without these layers; nothing is computed or stored for it."""
    with torch.device("meta"):
        return sum(weights.numel() for weights in AblatedMini(removed)(in_channels, n_classes).parameters())


def variant_name(removed: tuple[int, ...]) -> str:
    """Return what tables call a variant: ``all layers``, ``without 7``, ``without 3, 4, 6, 7``."""
    return f"without {', '.join(map(str, removed))}" if removed else "all layers"


def _with_inputs(layer: Any, n_inputs: int) -> Any:
    """Return a layer like this one for so many inputs; itself, where it has them."""
    if isinstance(layer, nn.Linear):
        same = layer.in_features == n_inputs
        return layer if same else nn.Linear(n_inputs, layer.out_features, bias=layer.bias is not None)
    if layer.in_channels == n_inputs:
        return layer
    return nn.Conv2d(
        n_inputs, layer.out_channels, layer.kernel_size, layer.stride, layer.padding, bias=layer.bias is not None
    )
