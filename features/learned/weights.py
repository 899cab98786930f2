"""Where a network's weights come from: a name, a file, or a seed.

`resolve` answers with a state dict, where it came from and its digest; `build` puts it into the torchvision model.
A folder of weights (argument or environment variable ``EYECRAFT_WEIGHTS``) serves before anything is downloaded.
"""

import hashlib
import os
import urllib.error
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from torch import nn

from . import mini
from .architectures import MINI, construct, known_models, likely_models, records
from .preprocessing import Preprocessing
from .timm_models import is_timm, timm_at_hand, timm_model, timm_name
from .weights_file import FILE_ENDINGS, file_in, files_for, modern_keys, only_file, read_weights, without_prefix

_VARIABLE = "EYECRAFT_WEIGHTS"


@dataclass(frozen=True)
class Weights:
    """Weights that were found: the tensors, and where they are from."""

    state: dict[str, torch.Tensor] | None  # None: the network keeps its random start
    source: str
    entry: Enum | None = None  # torchvision's record of them: preprocessing, licence, classes
    preprocessing: Preprocessing | None = None  # what they ask for; None: what the record says


def build(
    model: str,
    weights: Any,
    *,
    weights_dir: str | os.PathLike[str] | None,
    seed: int | None,
    image_size: tuple[int, int] | None = None,
) -> tuple[nn.Module, "Weights"]:
    """Return a model with its weights, in evaluation mode, and what is known of the weights.

    Parameters
    ----------
    model : str
        ``"mini"``, a torchvision classification model such as ``"resnet18"``, or one of timm's, ``"timm:<name>"``.
    weights : str, path, torchvision weights or None
        See `resolve`.
    weights_dir : path or None
        See `resolve`.
    seed : int or None
        Seed of the random start where *weights* is None; torch's global generator is left as it was.
    image_size : (int, int), optional
        Height and width of the input, pixels; for the networks of timm that are built for one size.

    Raises
    ------
    ValueError
        The weights are for another architecture.
    """
    if is_timm(model):
        return _build_timm(model, weights, weights_folder(weights_dir), seed, image_size)
    found = resolve(model, weights, weights_dir=weights_dir)
    if found.state is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0 if seed is None else seed)
            return construct(model).eval(), found
    network = construct(model, state=found.state)
    state = without_prefix(found.state, network.state_dict())
    if state.keys() != found.state.keys():
        network = construct(model, state=state)  # now that the number of classes can be read
    check_fits(network, state, model=model, source=found.source)
    network.load_state_dict(state, assign=True)
    return network.float().eval(), found


def resolve(model: str, weights: Any, *, weights_dir: str | os.PathLike[str] | None = None) -> Weights:
    """Find the weights that *weights* means for *model*.

    Parameters
    ----------
    model : str
        ``"mini"`` or the name of a torchvision classification model.
    weights : str, path, torchvision weights or None
        A name (``"DEFAULT"``, ``"IMAGENET1K_V1"``, ``"ResNet50_Weights.IMAGENET1K_V2"``) or torchvision's own record; a
        ``.safetensors``, ``.pth`` or ``.pt`` file; or None for a random start.
    weights_dir : path, optional
        Folder looked into before a download, for files called ``<model>-<anything>`` or ``<model>`` with one of the
        three endings; default the environment variable ``EYECRAFT_WEIGHTS``.

    Raises
    ------
    ValueError
        Unknown name, several files that answer to it, or a file that is no plain set of tensors.
    FileNotFoundError
        The file does not exist.
    ConnectionError
        The weights had to be downloaded and could not be.
    """
    if weights is None:
        return Weights(None, "random start")
    if _means_file(weights):
        return Weights(read_weights(weights), str(weights))
    entry = weights_entry(model, weights)
    if model == MINI:
        return Weights(mini.mini_state(), f"in the box: {mini.MINI_FILE.name}", entry)
    folder = weights_folder(weights_dir)
    path = None if folder is None else file_in(folder, model, entry)
    if path is not None:
        return Weights(read_weights(path), str(path), entry)
    return Weights(_download(model, entry, folder), entry.value.url, entry)


def at_hand(model: str, weights: Any = "DEFAULT", *, weights_dir: str | os.PathLike[str] | None = None) -> bool:
    """Tell whether named weights can be had without a network: in the box, a weights folder, or downloaded before.

    Of a model of timm only a file in the weights folder counts.
    """
    if model == MINI:
        return mini.MINI_FILE.is_file()
    if is_timm(model):
        return timm_at_hand() and _timm_file(model, weights_folder(weights_dir)) is not None
    entry = weights_entry(model, weights)
    folder = weights_folder(weights_dir)
    downloaded = Path(torch.hub.get_dir()) / "checkpoints" / Path(entry.value.url).name
    return downloaded.is_file() or (folder is not None and file_in(folder, model, entry) is not None)


def weights_entry(model: str, weights: Any) -> Enum:
    """Return torchvision's record of the named weights of *model*."""
    known_models(model)
    known = records(model)
    if isinstance(weights, known):
        return weights
    names = [record.name for record in known]
    if isinstance(weights, str):
        family, _, name = weights.rpartition(".")
        if family in ("", known.__name__) and name in ("DEFAULT", *names):
            return known[name]
    raise ValueError(
        f"{model} has no weights called {str(weights)!r}. {'There are' if model == MINI else 'torchvision knows'} "
        f"{', '.join(map(repr, ['DEFAULT', *names]))}; a file ({', '.join(FILE_ENDINGS)}) or None (random) do as well."
    )


def weights_folder(weights_dir: str | os.PathLike[str] | None) -> Path | None:
    """Return the folder to look into before a download, or None."""
    chosen = weights_dir if weights_dir is not None else os.environ.get(_VARIABLE) or None
    if chosen is None:
        return None
    folder = Path(chosen).expanduser()
    if weights_dir is not None and not folder.is_dir():
        raise FileNotFoundError(f"`weights_dir` must be a folder of weights files; there is no folder {str(folder)!r}.")
    return folder if folder.is_dir() else None


def check_fits(network: nn.Module, state: Mapping[str, torch.Tensor], *, model: str, source: str) -> None:
    """Raise ``ValueError`` naming what differs unless *state* is for *network*."""
    wanted = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    given = {key: tuple(tensor.shape) for key, tensor in state.items()}
    # files written before torch 0.4.1 lack batch normalisation's counters, and torch fills them in
    missing = [key for key in wanted if key not in given and not key.endswith("num_batches_tracked")]
    unknown = [key for key in given if key not in wanted]
    reshaped = [key for key in wanted if key in given and given[key] != wanted[key]]
    if not (missing or unknown or reshaped):
        return
    parts = []
    if missing:
        parts.append(f"{len(missing)} tensors are missing ({_few(missing)})")
    if unknown:
        parts.append(f"{len(unknown)} are not known to {model} ({_few(unknown)})")
    if reshaped:
        shapes = [f"{key} is {given[key]}, should be {wanted[key]}" for key in reshaped]
        parts.append(f"{len(reshaped)} have another shape ({_few(shapes)})")
    likely = [name for name in likely_models(given) if name != model]
    hint = f" The file looks like {' or '.join(likely)}: give that as `model`." if likely else ""
    raise ValueError(f"The weights {source!r} are not for {model}: {'; '.join(parts)}.{hint} Nothing was loaded.")


def digest(network: nn.Module) -> str:
    """Return 32 hexadecimal digits that stand for the weights of a network, whatever file they came in."""
    total = hashlib.blake2b(digest_size=16)
    for key, tensor in sorted(network.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        total.update(f"{key} {values.dtype} {tuple(values.shape)}".encode())
        total.update(values.flatten().view(torch.uint8).numpy().data if values.numel() else b"")
    return total.hexdigest()


def _means_file(weights: Any) -> bool:
    return isinstance(weights, os.PathLike) or (isinstance(weights, str) and weights.endswith(FILE_ENDINGS))


def _few(items: list[str]) -> str:
    return ", ".join(items[:3]) + (", ..." if len(items) > 3 else "")


def _download(model: str, entry: Enum, folder: Path | None) -> dict[str, torch.Tensor]:
    url = entry.value.url
    try:
        state = torch.hub.load_state_dict_from_url(url, map_location="cpu", check_hash=True, weights_only=True)
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        raise ConnectionError(
            f"The weights {entry} of {model} are not at hand: {_looked(model, folder)}, and {url} could not be fetched "
            f"({error}). On a machine with a network fetch that file, put it as {Path(url).name!r} (or "
            f"'{model}-imagenet.safetensors') into a folder, and name the folder by `weights_dir` or the environment "
            "variable EYECRAFT_WEIGHTS. Without "
            "any file there are `model='mini'`, the network in the box, and `weights=None` for random weights."
        ) from error
    return modern_keys(state)


def _looked(model: str, folder: Path | None) -> str:
    """Return what was found where weights are looked for before a download."""
    if folder is None:
        named = os.environ.get(_VARIABLE)
        return f"{_VARIABLE} names {named!r}, which is no folder" if named else "no weights folder was given"
    others = ", ".join(path.name for path in files_for(folder, model))
    return f"the folder {str(folder)!r} holds no file for {model}" + (
        f" with these weights (only {others})" * bool(others)
    )


def _timm_file(model: str, folder: Path | None) -> Path | None:
    return None if folder is None else only_file(files_for(folder, timm_name(model)), folder, model)


def _build_timm(
    model: str, weights: Any, folder: Path | None, seed: int | None, image_size: tuple[int, int] | None
) -> tuple[nn.Module, Weights]:
    path = weights if _means_file(weights) else _timm_file(model, folder) if weights == "DEFAULT" else None
    state = None if path is None else read_weights(path)
    if state is None and weights not in ("DEFAULT", None):
        raise ValueError(
            f"`weights` must be 'DEFAULT', a file ({', '.join(FILE_ENDINGS)}) or None (random) for a model of timm, "
            f"whose name tells the weights ('timm:resnet50.a1_in1k'); got {weights!r}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0 if seed is None else seed)
        fetch = weights is not None and state is None
        network, preprocessing = timm_model(model, pretrained=fetch, state=state, image_size=image_size)
    if state is None:
        return network.float().eval(), Weights(None, model if fetch else "random start", None, preprocessing)
    check_fits(network, state, model=model, source=str(path))
    network.load_state_dict(state)
    return network.float().eval(), Weights(state, str(path), None, preprocessing)
