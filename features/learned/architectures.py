"""Networks by name, built without wasting time on numbers that weights will replace: torchvision's, and mini."""

import math
import warnings
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import torch
import torchvision
from torch import nn

from eyecraft.features._checks import nearest

from .mini import Mini, MiniWeights

MINI = "mini"  # the network in the box
_LARGEST_HEAD = 4_097_000  # parameters of VGG's last layer: what another number of classes may take away
_LATE_WEIGHTS = ("googlenet", "inception_v3")  # rescale their input when they carry torchvision's weights


def known_models(model: str | None = None) -> list[str]:
    """Return ``"mini"`` and torchvision's classification models; raise ``ValueError`` if *model* is none of them."""
    names = [MINI, *torchvision.models.list_models(module=torchvision.models)]
    if model is not None and model not in names:
        raise ValueError(
            f"torchvision has no classification model called {model!r}"
            + (nearest(model, names) or f"; torchvision.models.list_models() lists them, and {MINI!r} is in the box.")
        )
    return names


def records(model: str) -> type[Enum]:
    """Return the records of a model's named weights: address, preprocessing, licence."""
    return MiniWeights if model == MINI else torchvision.models.get_model_weights(model)


def construct(model: str, *, state: Mapping[str, torch.Tensor] | None = None) -> nn.Module:
    """Return a model that `known_models` lists.

    Parameters
    ----------
    model : str
        Name such as ``"alexnet"``.
    state : dict of str to Tensor, optional
        Weights it will receive: the number of classes and auxiliary heads follow them, and the tensors of the model
        hold no memory until then. Without it the model has its random start.
    """
    known_models(model)
    options: dict[str, Any] = {}
    if model in _LATE_WEIGHTS:
        options["init_weights"] = state is None
        if state is not None:
            options |= {
                "transform_input": True,
                "aux_logits": any(key.lower().startswith("aux") for key in state),
            }
    if state is None:
        return _made(model, options)
    head = head_name(empty := _without_memory(model, options))
    out = state.get(f"{head}.weight")
    if out is not None and out.ndim and out.shape[0] != empty.state_dict()[f"{head}.weight"].shape[0]:
        return _without_memory(model, {**options, "num_classes": out.shape[0]})
    return empty


def head_name(network: nn.Module) -> str:
    """Return the name of the layer that gives the classes: the last linear or convolutional one."""
    names = [name for name, module in network.named_modules() if isinstance(module, (nn.Linear, nn.Conv2d))]
    return names[-1] if names else ""


def likely_models(shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return at most three models whose tensors are called and shaped like these, but for the number of classes."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    size = sum(math.prod(shape) for key, shape in shapes.items() if not key.endswith(statistics))
    near = (name for name in known_models() if abs(_published_size(name) - size) <= _LARGEST_HEAD)
    return [name for name in near if _matches(name, shapes)][:3]


def _published_size(model: str) -> int:
    """Return the number of parameters, without building the model."""
    return next(iter(records(model))).value.meta["num_params"]


def _made(model: str, options: Mapping[str, Any]) -> nn.Module:
    if model == MINI:
        return Mini(**{"n_classes" if key == "num_classes" else key: value for key, value in options.items()})
    return torchvision.models.get_model(model, weights=None, **options)


def _matches(model: str, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    wanted = dict(_shapes_of(_without_memory(model, {"init_weights": False} if model in _LATE_WEIGHTS else {})))
    if wanted.keys() - shapes.keys():
        return False
    return all(shapes[key][1:] == shape[1:] for key, shape in wanted.items())


def _shapes_of(network: nn.Module) -> Iterator[tuple[str, tuple[int, ...]]]:
    for key, tensor in network.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            yield key, tuple(tensor.shape)


def _without_memory(model: str, options: dict[str, Any]) -> nn.Module:
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore", FutureWarning)  # GoogLeNet's start, which is replaced here
        try:
            with torch.device("meta"):
                network = _made(model, options)
        except NotImplementedError:  # RegNet computes with tensors while it is built
            return _made(model, options)
    stays = {name for name, _ in network.named_buffers()} - network.state_dict().keys()
    if stays:  # buffers that no file carries need their values
        return _made(model, options)
    return network
