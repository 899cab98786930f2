"""What a network sees of one image: where its last layer that still has places responds, and its first maps."""

import math
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from eyecraft.data import read_image
from eyecraft.features import CNNFeatures
from eyecraft.features.learned.aliases import aliases
from eyecraft.features.learned.kinds import is_non_linear_module, is_weighted_module
from eyecraft.features.learned.preprocessing import Preprocessing

from ._exhibit_pictures import SIDE, shrunk
from ._sights_views import NoViewError, View, grid_numbers, scaled

_N_MAPS = 9
_GAP = 2  # pixels between maps
_BRIGHT = 99.5  # percentile of a layer's activation that is as bright as can be
_FAINT, _STRONG = 0.25, 0.85  # opacity of the colours over the image
_BASE = 165  # gray level of the image's white below them
_NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LocalResponseNorm)


class _Watch:
    """Keeps, while a network works, the maps of its first convolution and the last values that have places."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.first: tuple[str, torch.Tensor] | None = None
        self.last: tuple[str, torch.Tensor] | None = None
        self._grows = False

    def run(self, pixels: torch.Tensor) -> None:
        """Let the network work on a batch of one image."""
        leaves = [(name, part) for name, part in self.network.named_modules() if not list(part.children())]
        hooks = [part.register_forward_hook(self._hook(name, part)) for name, part in leaves]
        was_training = self.network.training
        try:
            with torch.inference_mode():
                self.network.eval()(pixels)
        finally:
            self.network.train(was_training)
            for hook in hooks:
                hook.remove()

    def _hook(self, name: str, part: nn.Module) -> Any:
        def keep(_: nn.Module, __: Any, value: Any) -> None:
            if not isinstance(value, torch.Tensor) or value.ndim != 4 or min(value.shape[2:]) < 2:
                self._grows = False
                return
            convolves = is_weighted_module(part)
            goes_on = self.last is not None and self.last[1].shape == value.shape and not convolves
            self.last = (self.last[0] if goes_on and self.last is not None else name, value.detach().clone())
            if self.first is None and convolves:
                self.first, self._grows = self.last, True
            elif self._grows:  # normalisation and non-linearity belong to the convolution before them
                self._grows = goes_on and isinstance(part, _NORMS)
                if self._grows or (goes_on and is_non_linear_module(part)):
                    self.first = self.last

        return keep


def network_views(extractor: Any, image: Any) -> list[View]:
    """Draw where a network responds in an image, and the strongest maps of its first layer.

    Parameters
    ----------
    extractor : CNNFeatures or CNNClassifier
        Fitted.
    image : path, bytes, ndarray or PIL image

    Returns
    -------
    list of View
        "heat": the mean absolute value over the maps of the tapped layer, or, where that has no places any more, of the
        last one before it that has; of a classifier the last one. "maps": the nine strongest maps of the first layer.

    Raises
    ------
    NoViewError
        If nothing in the network has places.
    """
    if isinstance(extractor, CNNFeatures):
        return _tapped_views(extractor, image)
    preprocessing = getattr(extractor, "preprocessing_", None)
    if not isinstance(preprocessing, Preprocessing) or not isinstance(getattr(extractor, "module_", None), nn.Module):
        raise NoViewError(f"{type(extractor).__name__} is a network of a kind that has no picture")
    pixels = read_image(image, color=preprocessing.color, size=preprocessing.input_size)
    return _views(extractor.module_, preprocessing.prepare(pixels), preprocessing, None)


def _tapped_views(extractor: CNNFeatures, image: Any) -> list[View]:
    engine = extractor._engine()
    pixels = engine.preprocessing.prepare(extractor._read(image, 0))
    layer, value = engine.tap.layers[-1], engine._forward(pixels[None])[-1]
    tapped = (layer, value) if value.ndim == 4 and min(value.shape[2:]) >= 2 else None
    return _views(engine.network.module, pixels, engine.preprocessing, tapped)


def _views(
    network: nn.Module, pixels: torch.Tensor, ready: Preprocessing, tapped: tuple[str, torch.Tensor] | None
) -> list[View]:
    weight = next(network.parameters())
    watch = _Watch(network)
    watch.run(ready.normalise(pixels[None].to(weight.device), weight.dtype))
    names = {path: name for name, path in aliases(network).items()}
    seen = pixels.permute(1, 2, 0).cpu().numpy()
    gray = seen[..., 0] if seen.shape[2] == 1 else cv2.cvtColor(np.ascontiguousarray(seen), cv2.COLOR_RGB2GRAY)
    views = []
    if found := tapped or watch.last:
        views.append(_heat(gray, names.get(found[0], found[0]), _array(found[1])))
    if watch.first is not None:
        views.append(_maps(names.get(watch.first[0], watch.first[0]), _array(watch.first[1])))
    if not views:
        raise NoViewError(f"no layer of {type(network).__name__} has places")
    return views


def _array(value: torch.Tensor) -> np.ndarray:
    return np.asarray(value[0].float().cpu().numpy())


def _heat(gray: np.ndarray, layer: str, maps: np.ndarray) -> View:
    """Paint the mean absolute activation over the image, from violet to yellow."""
    mean = np.abs(maps).mean(axis=0)
    height, width = gray.shape
    factor = SIDE / max(height, width)
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    light = cv2.resize(gray, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR) / 255
    spread = cv2.resize(mean - mean.min(), size, interpolation=cv2.INTER_CUBIC)
    level = scaled(spread, np.percentile(spread, _BRIGHT))
    colour = cv2.applyColorMap(np.rint(255 * level).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    opacity = (_FAINT + (_STRONG - _FAINT) * level)[..., None]
    picture = opacity * colour + (1 - opacity) * _BASE * light[..., None]
    title = f"{layer}: mean of {len(maps)} maps"
    numbers = grid_numbers(mean.shape) | {"activation": mean.ravel()}
    return View("heat", title, np.rint(picture).astype(np.uint8), numbers)


def _maps(layer: str, maps: np.ndarray) -> View:
    """Lay the strongest maps of a layer out, each as bright as its own largest value allows."""
    strength = np.abs(maps).mean(axis=(1, 2))
    chosen = np.sort(np.argsort(-strength, kind="stable")[:_N_MAPS])
    shown = np.abs(maps[chosen])
    columns = math.ceil(math.sqrt(len(chosen)))
    rows = -(-len(chosen) // columns)
    height, width = shown.shape[1:]
    factor = (SIDE - (columns - 1) * _GAP) / columns / max(height, width)
    tall, wide = max(round(height * factor), 1), max(round(width * factor), 1)
    sheet = np.full((rows * (tall + _GAP) - _GAP, columns * (wide + _GAP) - _GAP), 128, np.uint8)
    for number, one in enumerate(shown):
        tile = np.rint(255 * scaled(one, one.max())).astype(np.uint8)
        tile = cv2.resize(tile, (wide, tall), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
        top, left = number // columns * (tall + _GAP), number % columns * (wide + _GAP)
        sheet[top : top + tall, left : left + wide] = tile
    of = np.repeat(chosen, height * width)
    places = grid_numbers((height, width))
    numbers = {"map": of} | {name: np.tile(part, len(chosen)) for name, part in places.items()}
    title = f"{layer}: {len(chosen)} of {len(maps)} maps"
    return View("maps", title, shrunk(sheet), numbers | {"activation": shown.ravel()})
