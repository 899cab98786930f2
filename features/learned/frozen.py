"""A network ready to measure images: loaded, frozen, on its device, with its preprocessing and its weights' digest."""

import copy
import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .architectures import records
from .layers import freeze
from .preprocessing import Preprocessing
from .timm_models import is_timm
from .weights import FILE_ENDINGS, build, check_fits, digest, read_weights

PRECISIONS = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class FrozenNetwork:
    """A network that no longer changes, and what is known about it."""

    module: nn.Module
    name: str
    source: str  # where the weights are from
    digest: str  # of weights and architecture
    preprocessing: Preprocessing


def frozen_network(
    model: Any,
    weights: Any,
    *,
    weights_dir: str | os.PathLike[str] | None = None,
    seed: int | None = 0,
    device: str = "cpu",
    precision: str = "float32",
    image_size: tuple[int, int] | None = None,
) -> FrozenNetwork:
    """Load what *model* means.

    Parameters
    ----------
    model : str, torch.nn.Module or fitted classifier
        A name (``"mini"``, torchvision's, ``"timm:<name>"``); a module; an object that keeps its network as
        ``network_`` or ``module_`` and its `Preprocessing` as ``preprocessing_``. Modules are copied, so that later
        training changes nothing here.
    weights, weights_dir, seed
        See `weights.resolve`. A module keeps its own weights unless *weights* is a file.
    device : str
        As torch says it.
    precision : {"float32", "bfloat16", "float16"}
        Of weights and computation.
    image_size : (int, int), optional
        Height and width of the input, pixels; for the networks of timm that are built for one size.
    """
    if isinstance(model, str):
        folder = os.fspath(weights_dir) if weights_dir is not None else os.environ.get("EYECRAFT_WEIGHTS")
        built_for = image_size if is_timm(model) else None
        return _named(model, weights, folder, seed, device, precision, built_for, _stamp(weights))
    network, preprocessing = _module_of(model)
    network = copy.deepcopy(network)
    if isinstance(weights, (str, os.PathLike)) and str(weights).endswith(FILE_ENDINGS):
        state = read_weights(weights)
        check_fits(network, state, model=type(network).__name__, source=str(weights))
        network.load_state_dict(state)
    elif weights not in ("DEFAULT", None):
        raise ValueError(
            f"`weights` must be a file ({', '.join(FILE_ENDINGS)}) or left as it is where `model` is a network with "
            f"weights of its own; got {weights!r}"
        )
    return _settled(network, type(network).__name__, "as given", preprocessing, device, precision)


def check_device(device: Any) -> str:
    """Return the device that *device* means; raise ``ValueError`` if it is not there."""
    kind, _, number = str(device).partition(":")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise ValueError(f"`device` must be 'auto', 'cpu', 'cuda' or 'cuda:<number>'; got {device!r}")
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number or 0) >= count:
            raise ValueError(
                f"`device` is {device!r}, but torch {torch.__version__} sees {count} CUDA devices here. Use "
                "device='auto' or 'cpu', or check the driver and that torch was built with CUDA."
            )
    return str(device)


@functools.lru_cache(maxsize=1)  # cross-validation clones the estimator: load once for all folds
def _named(
    model: str,
    weights: Any,
    weights_dir: Any,
    seed: int | None,
    device: str,
    precision: str,
    image_size: tuple[int, int] | None,
    stamp: Any,
) -> FrozenNetwork:
    network, found = build(model, weights, weights_dir=weights_dir, seed=seed, image_size=image_size)
    preprocessing = found.preprocessing or Preprocessing.of_weights(found.entry or next(iter(records(model))))
    return _settled(network, model, found.source, preprocessing, device, precision)


def _stamp(weights: Any) -> Any:
    """Return what changes when a weights file is written anew."""
    if not isinstance(weights, (str, os.PathLike)) or not Path(weights).is_file():
        return None
    status = Path(weights).stat()
    return status.st_size, status.st_mtime_ns


def _module_of(model: Any) -> tuple[nn.Module, Preprocessing]:
    if isinstance(model, nn.Module):
        return model, Preprocessing()
    for name in ("network_", "module_"):
        module = getattr(model, name, None)
        if isinstance(module, nn.Module):
            return module, getattr(model, "preprocessing_", None) or Preprocessing()
    if hasattr(model, "fit"):
        raise ValueError(f"`model` is a {type(model).__name__} without a network: fit it before its layers are tapped.")
    raise ValueError(
        "`model` must be 'mini', the name of a torchvision model, 'timm:<name>', a torch.nn.Module or a fitted "
        f"CNNClassifier; got {model!r}"
    )


def _settled(
    network: nn.Module, name: str, source: str, preprocessing: Preprocessing, device: str, precision: str
) -> FrozenNetwork:
    freeze(network)
    _check_running_statistics(network)
    shape = hashlib.blake2b(repr(network).encode(), digest_size=8).hexdigest()
    identity = f"{shape}-{digest(network)}"
    network = network.to(device, getattr(torch, precision))
    return FrozenNetwork(network, name, source, identity, preprocessing)


def _check_running_statistics(network: nn.Module) -> None:
    """Raise ``ValueError`` where a row would depend on the other images of its batch."""
    for name, module in network.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None:
            raise ValueError(
                f"Layer {name!r} normalises by the statistics of the batch (track_running_stats=False), so an image's "
                "features would depend on its neighbours. Train the network with running statistics."
            )
