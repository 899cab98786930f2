"""The architecture card of a network: what each layer gives, costs and sees.

Sizes, parameters and multiply-adds follow from the layers' settings alone, so nothing is computed and no weights are
needed: the card of the largest network takes about as long as that of a small one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import torch
from torch import nn

from eyecraft.features._checks import check_pair, nearest

from ._card_fields import Pair
from ._card_walk import Step, Walk
from .aliases import aliases
from .architectures import construct, known_models, records
from .networks import LENET5_IMAGE_SIZE, LeNet5
from .preprocessing import Preprocessing
from .timm_models import is_timm, timm_model

LENET5 = "lenet5"
_SHAPE_KEEPERS = (
    *("Dropout", "Dropout1d", "Dropout2d", "Identity", "StochasticDepth", "LocalResponseNorm", "Softmax"),
    *("BatchNorm1d", "BatchNorm2d", "GroupNorm", "LayerNorm", "LayerNorm2d", "Flatten", "Permute"),
)


@dataclass(frozen=True)
class LayerCard:
    """One layer of an architecture.

    Attributes
    ----------
    name : str
        As `eyecraft.features.CNNFeatures` takes it; a module that runs twice has a second row, ``..._1``.
    alias : str
        Textbook name, such as ``conv5``; empty where there is none.
    kind : str
        Class of the module.
    output : tuple of int
        Channels, rows and columns; one number behind fully connected layers; tokens and numbers in transformers.
    parameters : int
        Weights and biases of this layer itself, shared ones counted where they are used first.
    multiply_adds : int
        Products that are summed, for one image: those of convolutions and matrix products. Biases, normalisation,
        non-linearities and pooling are not counted.
    receptive_field : (int, int) or None
        Rows and columns of the image that one number depends on, its border included; the largest over all paths. None
        where that is the whole image, or where it is not defined.
    stride : (int, int) or None
        Pixels of the image from one position to the next; None where there is one position only.
    whole_image : bool
        Every number depends on the whole image: behind global pooling, attention, or a fully connected layer over
        more than one position (a squeeze-and-excitation gate counts as well).
    left_out : (int, int)
        Rows and columns at the end of the layer's padded input that none of its windows reaches, because the stride
        does not fit.
    """

    name: str
    alias: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int
    receptive_field: Pair | None
    stride: Pair | None
    whole_image: bool = False
    left_out: Pair = (0, 0)

    @property
    def size(self) -> int:
        """Numbers per image."""
        return int(torch.Size(self.output).numel())

    @property
    def fits(self) -> bool:
        """Whether the windows cover the input to its end."""
        return self.left_out == (0, 0)

    @property
    def shapes_nothing(self) -> bool:
        """Whether it is a normalisation, a non-linearity or the like: what a short table leaves out."""
        activation = not self.parameters and getattr(nn.modules.activation, self.kind, None) is not None
        return activation or self.kind in (*_SHAPE_KEEPERS, "ScaledTanh")


@dataclass(frozen=True)
class ArchitectureCard:
    """A network's layers in the order they run.

    Attributes
    ----------
    name : str
    image_size : (int, int)
        Rows and columns of the input, pixels.
    channels : int
        Of the input.
    layers : tuple of LayerCard
    parameters : int
        Of all layers.
    multiply_adds : int
        Of all layers, for one image.
    unused : dict of str to int
        Parameters by module that take no part outside training, such as auxiliary classifiers; not counted above.
    aliases : dict of str to str
        Textbook names and the layers they mean.
    """

    name: str
    image_size: Pair
    channels: int
    layers: tuple[LayerCard, ...]
    unused: dict[str, int] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """Weights and biases of all layers that take part."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Products that are summed, for one image."""
        return sum(layer.multiply_adds for layer in self.layers)

    def __getitem__(self, name: str) -> LayerCard:
        """Return a layer by its name or alias."""
        wanted = self.aliases.get(name, name)
        found = next((layer for layer in self.layers if layer.name == wanted), None)
        if found is None:
            known = [*self.aliases, *(layer.name for layer in self.layers)]
            raise KeyError(f"{self.name} has no layer called {name!r}{nearest(name, known)}")
        return found

    def __iter__(self) -> Iterator[LayerCard]:
        return iter(self.layers)

    def frame(self) -> pd.DataFrame:
        """Return one row per layer.

        Returns
        -------
        frame : DataFrame
            ``layer, alias, kind, output`` (text, channels first), ``numbers`` (per image), ``parameters,
            multiply_adds, field_height, field_width, stride_height, stride_width`` (pixels; missing where there is
            none), ``whole_image, rows_left_out, columns_left_out``.
        """
        records = [
            {
                "layer": layer.name,
                "alias": layer.alias,
                "kind": layer.kind,
                "output": " x ".join(map(str, layer.output)),
                "numbers": layer.size,
                "parameters": layer.parameters,
                "multiply_adds": layer.multiply_adds,
                **_both("field_height", "field_width", layer.receptive_field),
                **_both("stride_height", "stride_width", layer.stride),
                "whole_image": layer.whole_image,
                "rows_left_out": layer.left_out[0],
                "columns_left_out": layer.left_out[1],
            }
            for layer in self.layers
        ]
        optional = dict.fromkeys(("field_height", "field_width", "stride_height", "stride_width"), "Int64")
        return pd.DataFrame(records).astype(optional)

    def __str__(self) -> str:
        height, width = self.image_size
        planes = "1 channel" if self.channels == 1 else f"{self.channels} channels"
        return (
            f"{self.name}: {self.parameters:,} parameters, {self.multiply_adds:,} multiply-adds "
            f"for an image of {height} x {width} pixels, {planes}"
        )


def describe(
    model: Any, image_size: int | tuple[int, int] | None = None, *, channels: int | None = None
) -> ArchitectureCard:
    """Describe every layer of a network: size of its output, parameters, multiply-adds, receptive field and stride.

    Parameters
    ----------
    model : str, torch.nn.Module or fitted CNNClassifier
        Name of a torchvision classification model, ``"lenet5"``, ``"mini"`` or ``"timm:<name>"``; or a network of your
        own, even a single layer, which stays as it is.
    image_size : int or (int, int), optional
        Rows and columns of the image, pixels. Default the network's own (32 for LeNet-5, 224 for most).
    channels : int, optional
        Of the image. Default what the first convolution takes; 3 if there is none.

    Returns
    -------
    ArchitectureCard

    Raises
    ------
    ValueError
        Unknown model (with the nearest names); an image the network cannot take, with the layer that fails.

    Notes
    -----
    1. Auxiliary classifiers, which only training uses, are left out.
    2. A receptive field counts the border that padding adds, so it may be larger than the image.
    3. Where windows overlap the end of their input unevenly (7 pixels, 3x3 windows, stride 3), torch leaves the rest
       out; the layer's ``left_out`` says so.

    Examples
    --------
    >>> from torch import nn
    >>> from eyecraft.features.learned.card import describe
    >>> layer = describe(nn.Conv2d(3, 10, kernel_size=5, padding=2), 32).layers[0]
    >>> layer.output, layer.parameters, layer.multiply_adds
    ((10, 32, 32), 760, 768000)
    >>> describe("lenet5")["c3"].receptive_field
    (14, 14)
    >>> print(describe("alexnet"))
    alexnet: 61,100,840 parameters, 714,188,480 multiply-adds for an image of 224 x 224 pixels, 3 channels
    """
    given = None if image_size is None else check_pair("image_size", image_size, unit="pixels")
    name, network, own_size = _network_of(model, given)
    size = given or own_size
    channels = _channels_of(network) if channels is None else channels
    walk = _walked(name, network, channels, size)
    textbook = aliases(network)
    by_module = {module: alias for alias, module in textbook.items()}
    layers = tuple(
        _layer(step, by_module.get(step.name, ""))
        for step in walk.steps
        if step.is_leaf or step.parameters or step.multiply_adds or step.name in by_module
    )
    return ArchitectureCard(name, size, channels, layers, walk.unused, textbook)


def _walked(name: str, network: nn.Module, channels: int, size: Pair) -> Walk:
    """Return what happened to an image on its way through; raise ``ValueError`` if it got stuck."""
    walk = Walk(network)
    try:
        walk.run(channels, size)
    except Exception as error:
        if isinstance(error, (NotImplementedError, RuntimeError)) and "meta" in str(error):
            walk = Walk(network, device="cpu")  # its forward pass needs numbers
            try:
                walk.run(channels, size)
            except Exception as again:
                raise ValueError(_refusal(name, size, channels, walk.at, again)) from again
            return walk
        raise ValueError(_refusal(name, size, channels, walk.at, error)) from error
    return walk


def _layer(step: Step, alias: str) -> LayerCard:
    return LayerCard(
        name=step.name,
        alias=alias,
        kind=step.kind,
        output=step.output or (),
        parameters=step.parameters,
        multiply_adds=step.multiply_adds,
        receptive_field=step.field.size,
        stride=step.field.step if step.field.axes is not None else None,
        whole_image=step.field.whole,
        left_out=step.left_out,
    )


def _network_of(model: Any, image_size: Pair | None) -> tuple[str, nn.Module, Pair]:
    """Return what *model* means: its name, the network, and the size of the images it is made for."""
    if isinstance(model, str):
        return (model, *_named(model, image_size))
    if isinstance(model, nn.Module):
        return type(model).__name__, model, Preprocessing().input_size
    for name in ("network_", "module_"):
        module, preprocessing = getattr(model, name, None), getattr(model, "preprocessing_", None)
        if isinstance(module, nn.Module):
            return type(module).__name__, module, (preprocessing or Preprocessing()).input_size
    raise ValueError(
        "`model` must be the name of a network, a torch.nn.Module or a fitted CNNClassifier; got "
        f"{type(model).__name__} {model!r:.80}"
    )


def _named(model: str, image_size: Pair | None) -> tuple[nn.Module, Pair]:
    if model == LENET5:
        with torch.device("meta"):
            return LeNet5(), (LENET5_IMAGE_SIZE, LENET5_IMAGE_SIZE)
    if is_timm(model):
        network, preprocessing = timm_model(model, image_size=image_size)
        return network, preprocessing.input_size
    known = [LENET5, *known_models()]
    if model not in known:
        raise ValueError(
            f"`model` must be 'lenet5', 'mini', one of torchvision's classification models or 'timm:<name>'; got "
            f"{model!r}" + (nearest(model, known) or ". torchvision.models.list_models() lists torchvision's.")
        )
    network = construct(model, state={})
    side = getattr(network, "image_size", None)  # transformers take this size alone, whatever some weights ask for
    if isinstance(side, int):
        return network, (side, side)
    return network, Preprocessing.of_weights(next(iter(records(model)))).input_size


def _channels_of(network: nn.Module) -> int:
    found = (module.in_channels for module in network.modules() if isinstance(module, nn.Conv2d))
    return next(found, 3)


def _refusal(name: str, size: Pair, channels: int, step: Step | None, error: Exception) -> str:
    """Return the message for an image that does not go through."""
    where = ""
    if step is not None:
        given = f", given {' x '.join(map(str, step.inputs))}" if step.inputs else ""
        where = f" layer {step.name or 'itself'!r} ({step.kind}{given}) failed:"
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (
        f"{name} cannot take images of {size[0]} x {size[1]} pixels (channels: {channels}):{where} {reason}. Use a "
        "larger `image_size`, or the size and `channels` the network was made for."
    )


def _both(one: str, other: str, pair: Pair | None) -> dict[str, Any]:
    return dict(zip((one, other), pair or (pd.NA, pd.NA), strict=True))
