"""A network ready to measure images: loaded, frozen, with its preprocessing, and digits that stand for what it does."""

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
from .identity import computation_digest
from .layers import freeze
from .preprocessing import GRAY, Preprocessing
from .timm_models import is_timm
from .weights import build, check_fits, digest, weights_folder
from .weights_file import FILE_ENDINGS, read_weights, without_prefix

PRECISIONS = ("float32", "bfloat16", "float16")
_WRAPPERS = (("_orig_mod", "OptimizedModule"), ("module", "DataParallel"), ("module", "DistributedDataParallel"))


@dataclass(frozen=True)
class FrozenNetwork:
    """A network that no longer changes, on the CPU in float32, and what is known about it."""

    module: nn.Module
    name: str
    source: str  # where the weights are from
    digest: str  # of weights and architecture; where those do not tell it, of the forward pass as well
    preprocessing: Preprocessing


def frozen_network(
    model: Any,
    weights: Any,
    *,
    weights_dir: str | os.PathLike[str] | None = None,
    seed: int | None = 0,
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
    image_size : (int, int), optional
        Height and width of the input, pixels; for the networks of timm that are built for one size.
    """
    if isinstance(model, str):
        folder = weights_folder(weights_dir)
        built_for = image_size if is_timm(model) else None
        return _named(model, weights, folder, seed, built_for, (_stamp(weights), _stamp(folder)))
    given, preprocessing = _module_of(model)
    network = copy.deepcopy(given)
    if isinstance(weights, (str, os.PathLike)) and str(weights).endswith(FILE_ENDINGS):
        state = without_prefix(read_weights(weights), network.state_dict())
        check_fits(network, state, model=type(network).__name__, source=str(weights))
        network.load_state_dict(state)
    elif weights not in ("DEFAULT", None):
        raise ValueError(
            f"`weights` must be a file ({', '.join(FILE_ENDINGS)}) or left as it is where `model` is a network with "
            f"weights of its own; got {weights!r}"
        )
    return _settled(network, type(network).__name__, "as given", preprocessing, given)


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
    model: str, weights: Any, folder: Path | None, seed: int | None, image_size: tuple[int, int] | None, stamp: Any
) -> FrozenNetwork:
    network, found = build(model, weights, weights_dir=folder, seed=seed, image_size=image_size)
    preprocessing = found.preprocessing or Preprocessing.of_weights(found.entry or next(iter(records(model))))
    return _settled(network, model, found.source, preprocessing, network if is_timm(model) else None)


def _stamp(where: Any) -> Any:
    """Return what changes when a weights file, or one in a folder of them, is written anew."""
    if not isinstance(where, (str, os.PathLike)):
        return None
    path = Path(where).expanduser()
    files = [path] if path.is_file() else sorted(path.iterdir()) if path.is_dir() else []
    states = [(file.name, file.stat()) for file in files if file.suffix in FILE_ENDINGS and file.is_file()]
    return tuple((name, status.st_size, status.st_mtime_ns) for name, status in states)


def _module_of(model: Any) -> tuple[nn.Module, Preprocessing]:
    if isinstance(model, nn.Module):
        network = _unwrapped(model)
        return network, _preprocessing_of(network)
    for name in ("network_", "module_"):
        module = getattr(model, name, None)
        if isinstance(module, nn.Module):
            return module, getattr(model, "preprocessing_", None) or _preprocessing_of(module)
    if hasattr(model, "fit"):
        raise ValueError(f"`model` is a {type(model).__name__} without a network: fit it before its layers are tapped.")
    raise ValueError(
        "`model` must be 'mini', the name of a torchvision model, 'timm:<name>', a torch.nn.Module or a fitted "
        f"CNNClassifier; got {model!r}"
    )


def _unwrapped(network: nn.Module) -> nn.Module:
    """Return the network inside what torch.compile and torch.nn.DataParallel put around it."""
    if isinstance(network, torch.jit.ScriptModule):
        raise ValueError(
            "`model` is a TorchScript program, whose layers cannot be tapped. Give the torch.nn.Module it was made "
            "from, with the program's weights: network.load_state_dict(program.state_dict())."
        )
    for attribute, kind in _WRAPPERS:
        if type(network).__name__ == kind and isinstance(getattr(network, attribute, None), nn.Module):
            return _unwrapped(getattr(network, attribute))
    return network


def _preprocessing_of(network: nn.Module) -> Preprocessing:
    """Return what a network is taken to expect of images of which it says nothing."""
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    first = next((part for part in network.modules() if isinstance(part, kinds)), None)
    return GRAY if first is not None and first.in_channels == 1 else Preprocessing()


def _settled(
    network: nn.Module, name: str, source: str, preprocessing: Preprocessing, given: nn.Module | None
) -> FrozenNetwork:
    """Freeze *network*; *given* is what it is a copy of where its name does not tell what its forward pass does."""
    freeze(network)
    _check_running_statistics(network)
    shape = hashlib.blake2b(repr(network).encode(), digest_size=8).hexdigest()
    identity = f"{shape}-{digest(network)}"
    if given is not None:
        identity += f"-{computation_digest(network, given)}"
    return FrozenNetwork(network.to("cpu", torch.float32), name, source, identity, preprocessing)


def _check_running_statistics(network: nn.Module) -> None:
    """Raise ``ValueError`` where a row would depend on the other images of its batch."""
    for name, module in network.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None:
            raise ValueError(
                f"Layer {name!r} normalises by the statistics of the batch (track_running_stats=False), so an image's "
                "features would depend on its neighbours. Train the network with running statistics."
            )
