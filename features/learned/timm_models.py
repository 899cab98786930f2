"""Models of the timm collection, ``"timm:<name>"``: there with the extra, ``pip install 'eyecraft[timm]'``."""

from collections.abc import Mapping
from importlib import import_module, util
from typing import Any

import torch
from torch import nn

from eyecraft.features._checks import nearest

from .preprocessing import Preprocessing

TIMM = "timm:"


def is_timm(model: str) -> bool:
    """Tell whether *model* names a network of timm."""
    return model.startswith(TIMM)


def timm_name(model: str) -> str:
    """Return what timm calls a network."""
    return model.removeprefix(TIMM)


def timm_at_hand() -> bool:
    """Tell whether timm is installed, without importing it."""
    return util.find_spec("timm") is not None


def timm_model(
    model: str,
    *,
    pretrained: bool = False,
    state: Mapping[str, torch.Tensor] | None = None,
    image_size: tuple[int, int] | None = None,
) -> tuple[nn.Module, Preprocessing]:
    """Return a network of timm and what it does to an image first.

    Parameters
    ----------
    model : str
        Name such as ``"timm:convnext_tiny.fb_in22k"``; what follows the dot names the weights.
    pretrained : bool
        With the weights that timm keeps; fetched if they were not before.
    state : dict of str to Tensor, optional
        Weights it will receive: the number of classes follows them.
    image_size : (int, int), optional
        Height and width of its input, pixels, for networks that are built for one size (transformers).

    Raises
    ------
    ImportError
        timm is not installed.
    ValueError
        timm has no such model (with the nearest names).
    ConnectionError
        The weights could not be fetched.
    """
    timm, name = _timm(model), timm_name(model)
    if not timm.is_model(name):
        close = nearest(name, timm.list_models())
        raise ValueError(f"timm has no model called {name!r}" + (close or "; timm.list_models() lists them."))
    network = _fetched(timm, model, name, image_size) if pretrained else _created(timm, name, image_size)
    classes = _classes(network, state)
    if classes is not None:
        network = _created(timm, name, image_size, num_classes=classes)
    return network, _preprocessing(timm.data.resolve_model_data_config(network))


def _timm(model: str) -> Any:
    try:
        return import_module("timm")
    except ImportError as error:
        raise ImportError(
            f"The model {model!r} needs the package timm, which is not installed. Install it by "
            "`pip install 'eyecraft[timm]'`, or name a torchvision model, or 'mini', the network in the box."
        ) from error


def _created(timm: Any, name: str, image_size: tuple[int, int] | None, **options: Any) -> nn.Module:
    if image_size is not None:
        try:
            return timm.create_model(name, img_size=image_size, **options)
        except TypeError:  # convolutional networks take any size and know no such argument
            pass
    return timm.create_model(name, **options)


def _fetched(timm: Any, model: str, name: str, image_size: tuple[int, int] | None) -> nn.Module:
    try:
        return _created(timm, name, image_size, pretrained=True)
    except Exception as error:  # what timm's downloader raises differs with its version and its transport
        raise ConnectionError(
            f"The weights of {model} are not at hand: timm could not fetch them ({type(error).__name__}: {error}). On "
            "a machine with a network load the model once and write its tensors by safetensors.torch.save_file("
            f"network.state_dict(), '{name}.safetensors'); put that file into a folder, and name the folder by "
            "`weights_dir` or the environment variable EYECRAFT_WEIGHTS. Without any file there are `model='mini'`, "
            "the network in the box, and `weights=None` for random weights."
        ) from error


def _classes(network: nn.Module, state: Mapping[str, torch.Tensor] | None) -> int | None:
    """Return the number of classes that *state* was trained for, if it is another one than the network's."""
    key = f"{(getattr(network, 'pretrained_cfg', None) or {}).get('classifier')}.weight"
    own, given = network.state_dict().get(key), (state or {}).get(key)
    return None if own is None or given is None or own.shape == given.shape else int(given.shape[0])


def _preprocessing(config: Mapping[str, Any]) -> Preprocessing:
    """Return timm's description of a network's input as ours."""
    height, width = config["input_size"][-2:]
    share = float(config.get("crop_pct") or 1.0)
    whole = config.get("crop_mode") == "squash"
    interpolation = str(config.get("interpolation", "bilinear"))
    return Preprocessing(
        input_size=(height, width),
        resize_size=None if whole else round(max(height, width) / share),
        mean=tuple(map(float, config["mean"])),
        std=tuple(map(float, config["std"])),
        interpolation=interpolation if interpolation in ("bilinear", "bicubic") else "bilinear",
    )
