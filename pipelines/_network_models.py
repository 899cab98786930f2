"""From the parameter `model` of a `CNNClassifier` to a network with one output per class."""

import copy
import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from eyecraft.features._checks import nearest
from eyecraft.features.learned.architectures import construct, head_name, known_models, records
from eyecraft.features.learned.layers import order_by_pixels
from eyecraft.features.learned.networks import LENET5_IMAGE_SIZE, LeNet5
from eyecraft.features.learned.preprocessing import Preprocessing
from eyecraft.features.learned.timm_models import is_timm, timm_model
from eyecraft.features.learned.weights import FILE_ENDINGS, build, check_fits, read_weights

from ._network_recipes import CONVNET, CONVNET_IMAGE_SIZE, ConvNetFor

OWN: dict[str, tuple[Callable[[int, int], nn.Module], int]] = {"lenet5": (LeNet5, LENET5_IMAGE_SIZE)}
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


@dataclass(frozen=True)
class Plan:
    """What is known of a network before the training images are.

    Attributes
    ----------
    name : str
        For messages and files.
    kind : {"own", "sized", "named", "callable", "module"}
        LeNet-5, of one size; ``convnet``, made for the size of the images; torchvision's, timm's or ``mini``; a
        function that makes one; one as it is.
    image_size : (int, int) or None
        The network's own height and width.
    any_channels : bool
        Whether it is built for as many channels as the images have; else for three.
    pretrained : bool
        Whether it comes with weights.
    preprocessing : Preprocessing or None
        What the weights ask for; None: to be learned from the training images.
    source : str
        Where the weights are from.
    network : torch.nn.Module or None
        With its weights, and still with its old head; None where it is built later, under the seed.
    """

    name: str
    kind: str
    image_size: tuple[int, int] | None
    any_channels: bool
    pretrained: bool = False
    preprocessing: Preprocessing | None = None
    source: str = "random start"
    network: nn.Module | None = None


def plan_model(model: Any, weights: Any, weights_dir: Any, image_size: tuple[int, int] | None) -> Plan:
    """Find out what *model* and *weights* mean, and load the weights; see `CNNClassifier` for the errors."""
    if isinstance(model, nn.Module):
        return _plan_module(model, weights)
    if not isinstance(model, str):
        if not callable(model):
            raise ValueError(
                f"`model` must be a name, a torch.nn.Module or a function of (in_channels, n_classes); got {model!r}"
            )
        _no_weights(weights, "a function that makes a network")
        return Plan(getattr(model, "__name__", type(model).__name__), "callable", None, True)
    if model in OWN:
        _no_weights(weights, f"{model!r}")
        side = OWN[model][1]
        return Plan(model, "own", (side, side), True)
    if model == CONVNET:
        _no_weights(weights, f"{model!r}")
        return Plan(model, "sized", (CONVNET_IMAGE_SIZE, CONVNET_IMAGE_SIZE), True)
    if is_timm(model):
        if weights is None:
            preprocessing = timm_model(model, image_size=image_size)[1]
            return Plan(model, "named", preprocessing.input_size, False)
    else:
        check_name(model)
        if weights is None:
            preprocessing = Preprocessing.of_weights(next(iter(records(model))))
            return Plan(model, "named", preprocessing.input_size, False)
    network, found = build(model, weights, weights_dir=weights_dir, seed=0, image_size=image_size)
    preprocessing = found.preprocessing or Preprocessing.of_weights(found.entry or next(iter(records(model))))
    return Plan(model, "named", preprocessing.input_size, False, True, preprocessing, found.source, network)


def check_name(model: str) -> None:
    """Raise ``ValueError`` unless *model* names a network."""
    known = [*OWN, CONVNET, *known_models()]
    if model not in known and not is_timm(model):
        raise ValueError(
            f"`model` must be 'lenet5', 'convnet', 'mini', the name of a torchvision model, 'timm:<name>', a "
            f"torch.nn.Module or a function of (in_channels, n_classes); got {model!r}{nearest(model, known)}"
        )


def build_network(plan: Plan, model: Any, in_channels: int, n_classes: int, image_size: tuple[int, int]) -> nn.Module:
    """Return the network with one output per class; random numbers are drawn from torch's global generator."""
    if plan.kind == "own":
        return OWN[plan.name][0](in_channels, n_classes)
    if plan.kind == "sized":
        return ConvNetFor(image_size)(in_channels, n_classes)
    if plan.kind == "callable":
        return _checked(model(in_channels, n_classes), plan.name)
    if plan.network is not None:
        network = copy.deepcopy(plan.network)
    elif is_timm(plan.name):
        network = timm_model(plan.name, image_size=image_size)[0]
    else:
        network = construct(plan.name)
    _drop_side_branches(network)
    if plan.kind == "named" or _n_outputs(network) != n_classes:  # as `has_new_head` says
        replace_head(network, n_classes)
    return network.requires_grad_(True)


def has_new_head(plan: Plan, n_classes: int) -> bool:
    """Tell whether `build_network` puts a random head on a network that comes as it is."""
    return plan.network is not None and (plan.kind == "named" or _n_outputs(plan.network) != n_classes)


def replace_head(network: nn.Module, n_classes: int) -> None:
    """Put a new last layer with *n_classes* outputs in the place of the old one."""
    name = head_name(network)
    if not name:
        raise ValueError(
            f"{type(network).__name__} has no linear or convolutional layer to put a head for {n_classes} classes in "
            "the place of. Give a network that ends in one."
        )
    old = network.get_submodule(name)
    new = _like(old, n_classes)
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, new)
    if type(network).__name__ == "SqueezeNet":  # a ReLU behind a new head would silence half the classes for ever
        network.get_submodule("classifier").register_module("2", nn.Identity())


def set_dropout(network: nn.Module, share: float | None) -> None:
    """Give the dropout layers another share, or, where there are none, drop inputs of the head; None: as it is."""
    if share is None:
        return
    layers = [module for module in network.modules() if isinstance(module, nn.modules.dropout._DropoutNd)]
    for layer in layers:
        layer.p = share
    if not layers:
        network.get_submodule(head_name(network)).register_forward_pre_hook(_HeadDropout(share))


def run_once(network: nn.Module, channels: int, size: tuple[int, int], name: str, n_classes: int) -> dict[str, int]:
    """Return when each module is first called, by name, for one black image; check what the network gives."""
    order: dict[str, int] = {}
    handles = [
        module.register_forward_pre_hook(functools.partial(_note_call, order, key))
        for key, module in network.named_modules()
    ]
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            scores = scores_of(network(torch.zeros(1, channels, *size)))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ValueError(
            f"{name} cannot take images of {size[0]} x {size[1]} pixels with {channels} channels: "
            f"{str(error).splitlines()[0]}. Give another `image_size`."
        ) from error
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training
    if tuple(scores.shape) != (1, n_classes):
        raise ValueError(
            f"`model` must give one score per class, shape (1, {n_classes}) for one image; {name} gave "
            f"{tuple(scores.shape)}"
        )
    return order


def order_memory(network: nn.Module, channels: int, size: tuple[int, int]) -> None:
    """Keep the channels of a pixel together in memory, if the network can take it.

    CPUs' convolutions are faster so, and those of GPUs in half precision. Networks that flatten their maps with
    ``view`` cannot; their tensors keep torch's usual order.
    """
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        order_by_pixels(network)
        with torch.no_grad():
            device = next(network.parameters()).device
            network(as_ordered(network, torch.zeros(1, channels, *size, device=device)))
    except RuntimeError:
        network.to(memory_format=torch.contiguous_format)
    finally:
        for module, training in modes.items():
            module.training = training


def as_ordered(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Return a batch with its numbers in the order in memory that the network's weights have."""
    by_pixels = any(weights.ndim == 4 and not weights.is_contiguous() for weights in network.parameters())
    return images.contiguous(memory_format=torch.channels_last if by_pixels else torch.contiguous_format)


def _note_call(order: dict[str, int], key: str, module: nn.Module, inputs: Any) -> None:
    order.setdefault(key, len(order))


def scores_of(output: Any) -> torch.Tensor:
    """Return the scores in what a network gave; those of side branches are left out."""
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Sequence) and output and isinstance(output[0], torch.Tensor):
        return output[0]
    raise ValueError(f"a tensor of scores was expected; the network gave {type(output).__name__}")


def norms_of(module: nn.Module) -> list[nn.Module]:
    """Return the normalisations that keep statistics of their batches."""
    return [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]


def is_norm(module: nn.Module) -> bool:
    """Tell whether *module* is a normalisation."""
    return isinstance(module, _NORMS)


def _like(old: Any, n_outputs: int) -> nn.Module:
    """Return a layer like *old*, a linear or a convolutional one, with random weights and other outputs."""
    bias = old.bias is not None
    if isinstance(old, nn.Linear):
        return nn.Linear(old.in_features, n_outputs, bias=bias)
    new = nn.Conv2d(old.in_channels, n_outputs, old.kernel_size, old.stride, old.padding, bias=bias)
    nn.init.normal_(new.weight, std=0.01)
    return new


class _HeadDropout:
    """Drop a share of the inputs of the layer it is hooked to, in training."""

    def __init__(self, share: float) -> None:
        self.share = share

    def __call__(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return nn.functional.dropout(inputs[0], self.share, module.training), *inputs[1:]


def _plan_module(model: nn.Module, weights: Any) -> Plan:
    name = type(model).__name__
    if weights is None:
        return Plan(name, "module", None, False, source="as given", network=model)
    if weights == "DEFAULT":
        return Plan(name, "module", None, False, True, Preprocessing(), "as given", model)
    if not (isinstance(weights, (str, os.PathLike)) and str(weights).endswith(FILE_ENDINGS)):
        raise ValueError(
            f"`weights` must be None (train the module from where it is), 'DEFAULT' (its weights are pretrained) or a "
            f"file ({', '.join(FILE_ENDINGS)}) where `model` is a torch.nn.Module; got {weights!r}"
        )
    network, state = copy.deepcopy(model), read_weights(weights)
    check_fits(network, state, model=name, source=str(weights))
    network.load_state_dict(state)
    return Plan(name, "module", None, False, True, Preprocessing(), str(weights), network)


def _no_weights(weights: Any, what: str) -> None:
    if weights is not None:
        raise ValueError(
            f"`weights` must be None where `model` is {what}, which has no pretrained weights; got {weights!r}. To go "
            "on from weights of your own, give the network itself as `model` and a file as `weights`."
        )


def _checked(network: Any, name: str) -> nn.Module:
    if not isinstance(network, nn.Module):
        raise ValueError(f"`model` must return a torch.nn.Module; {name}(...) returned {type(network).__name__}")
    return network


def _n_outputs(network: nn.Module) -> int | None:
    name = head_name(network)
    head: Any = network.get_submodule(name) if name else None
    return getattr(head, "out_features", getattr(head, "out_channels", None))


def _drop_side_branches(network: nn.Module) -> None:
    """Take the auxiliary classifiers off Inception and GoogLeNet; they were made for other classes."""
    if getattr(network, "aux_logits", False):
        network.aux_logits = False  # type: ignore[assignment]
        for name in ("AuxLogits", "aux1", "aux2"):
            if isinstance(getattr(network, name, None), nn.Module):
                setattr(network, name, None)
