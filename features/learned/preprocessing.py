"""From decoded pixels to a network's input: one size, one range of values."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal

import numpy as np
import torch
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

Resize = Literal["crop", "warp", "native"]
Scale = float | Sequence[float] | None


@dataclass(frozen=True)
class Preprocessing:
    """What a network expects of an image.

    Parameters
    ----------
    input_size : (int, int)
        Height and width of the network's input, pixels.
    resize_size : int or None
        Length the shorter side is brought to before the central part is cut out; None warps the whole image to
        `input_size`.
    mean, std : tuple of float, one per channel
        Subtracted from, and divided into, values in [0, 1].
    interpolation : str
        ``"bilinear"`` or ``"bicubic"``, smoothed when shrinking.
    native : bool
        Leave each image as large as it is; the sizes above then say nothing.
    """

    input_size: tuple[int, int] = (224, 224)
    resize_size: int | None = 256
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)  # ImageNet, as torchvision's models want it
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    interpolation: str = "bilinear"
    native: bool = False

    @classmethod
    def of_weights(cls, entry: Enum) -> "Preprocessing":
        """Return the preprocessing that torchvision keeps with its weights."""
        preset = entry.value.transforms()
        size = preset.crop_size[0]
        return cls(
            input_size=(size, size),
            resize_size=preset.resize_size[0],
            mean=tuple(preset.mean),
            std=tuple(preset.std),
            interpolation=preset.interpolation.value,
        )

    @property
    def color(self) -> Literal["gray", "rgb"]:
        """The pixels to decode."""
        return "gray" if len(self.mean) == 1 else "rgb"

    def adapted(self, input_size: tuple[int, int] | None, resize: Resize | None) -> "Preprocessing":
        """Return this with another input size and way of resizing; the share that a crop cuts off stays the same."""
        size = input_size or self.input_size
        if resize == "native":
            return replace(self, native=True)
        if resize == "warp" or (resize is None and self.resize_size is None):
            return replace(self, input_size=size, resize_size=None)
        margin = 256 / 224 if self.resize_size is None else self.resize_size / max(self.input_size)
        return replace(self, input_size=size, resize_size=round(margin * max(size)))

    def scaled(self, mean: Scale, std: Scale) -> "Preprocessing":
        """Return this with other numbers to subtract and to divide by; images have as many channels as there are.

        Raises
        ------
        ValueError
            Not one number, or one for each of 1 (gray) or 3 channels; not finite; a `std` that is not above 0.
        """
        if mean is None and std is None:
            return self
        lengths = {np.size(numbers) for numbers in (mean, std) if numbers is not None and np.ndim(numbers)}
        channels = min(lengths, default=len(self.mean))
        base = next((known for known in (self, GRAY, Preprocessing()) if len(known.mean) == channels), None)
        chosen = () if base is None else (base.mean if mean is None else mean, base.std if std is None else std)
        both = [np.asarray(numbers, dtype=float) for numbers in chosen]
        if (
            len(lengths) > 1
            or not both
            or not all(np.isfinite(numbers).all() for numbers in both)
            or not (both[1] > 0).all()
        ):
            raise ValueError(
                "`mean` and `std` must each be one number or one for every channel, of 1 (gray) or 3, and `std` above "
                f"0; got mean={mean!r}, std={std!r}. They are for values in [0, 1]."
            )
        means, stds = (tuple(np.broadcast_to(numbers, channels).tolist()) for numbers in both)
        return replace(self, mean=means, std=stds)

    def prepare(self, image: np.ndarray) -> torch.Tensor:
        """Return *image*, (h, w) or (h, w, 3) uint8, as a uint8 tensor (channels, *input_size)."""
        pixels = torch.from_numpy(np.ascontiguousarray(image))
        pixels = pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)
        if self.native:
            return pixels
        size = list(self.input_size) if self.resize_size is None else [self.resize_size]
        if tuple(pixels.shape[1:]) != tuple(size):
            pixels = transforms.resize(pixels, size, InterpolationMode(self.interpolation), antialias=True)
        return pixels if self.resize_size is None else transforms.center_crop(pixels, list(self.input_size))

    def normalise(self, images: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Return a uint8 batch (n, channels, height, width) as the network's input, on the same device."""
        mean, scale = _on_device(self.mean, self.std, images.device)
        return images.float().sub_(mean).mul_(scale).to(dtype)


GRAY = Preprocessing(mean=(0.449,), std=(0.226,))  # the averages of the three channels'


@functools.lru_cache(maxsize=16)  # a copy to a GPU would wait for the work that is under way
def _on_device(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what to subtract from pixels, and by what to multiply the difference."""
    with torch.inference_mode(False):  # training computes with them too
        return (
            torch.tensor(mean, device=device).mul(255)[:, None, None],
            torch.tensor(std, device=device).mul(255).reciprocal()[:, None, None],
        )
