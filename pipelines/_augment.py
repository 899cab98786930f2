"""Random changes to training images: presets by name, drawn for each image from torch's global generator."""

from collections.abc import Callable
from typing import Any

import torch
from torchvision.transforms import v2

_SHIFT = 1 / 16  # largest shift, as a share of the image's side: two pixels of LeNet-5's 32
_SCALE = (0.35, 1.0)  # share of the image's area that a random crop keeps
_JITTER = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
_MIXUP_ALPHA = 0.2  # H. Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018: 0.1 to 0.4
_CUTMIX_ALPHA = 1.0  # S. Yun et al., "CutMix", ICCV 2019

AUGMENTATIONS = ("shift", "flip", "shift-flip", "crop-flip", "color", "randaugment")
MIXES = ("mixup", "cutmix", "both")

Augmentation = Callable[[torch.Tensor], torch.Tensor]


def augmentation(kind: Any, size: tuple[int, int], channels: int) -> Augmentation | None:
    """Return what changes a batch of training images, uint8 (n, channels, height, width).

    Parameters
    ----------
    kind : str, callable or None
        ``"shift"``: moved by up to 1/16 of its sides; ``"flip"``: mirrored or not; ``"shift-flip"``: both;
        ``"crop-flip"``: a part of 35 to 100 % of the area, brought to full size, mirrored or not; ``"color"``: that and
        brightness, contrast, saturation and hue changed; ``"randaugment"``: that and two of RandAugment's operations.
        A callable gets single images, uint8 (channels, height, width), as the transforms of torchvision do.
    size : (int, int)
        Height and width, pixels.
    channels : int
        1 for gray images, which have no colour to change: ``"color"`` then changes brightness and contrast.
    """
    if kind is None:
        return None
    if callable(kind):
        return _ImageByImage(kind)
    if kind == "shift":
        return shift
    if kind == "flip":
        return flip
    if kind == "shift-flip":
        return _shift_flip
    steps: list[Any] = [v2.RandomResizedCrop(list(size), scale=_SCALE, antialias=True)]
    if kind == "color":
        steps.append(
            v2.ColorJitter(**(_JITTER if channels == 3 else {k: _JITTER[k] for k in ("brightness", "contrast")}))
        )
    elif kind == "randaugment":
        steps.append(v2.RandAugment())
    return _Cropped(v2.Compose(steps))


def mix(kind: str | None, images: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Return images mixed with the one before them in the batch, and the share of the first one.

    Parameters
    ----------
    kind : {"mixup", "cutmix", "both"} or None
        Blend them, put a rectangle of one into the other, or one of the two at random.
    images : Tensor
        Float (n, channels, height, width).
    """
    if kind is None or len(images) < 2:
        return images, 1.0
    if kind == "both":
        kind = "mixup" if torch.rand(()) < 0.5 else "cutmix"
    n = len(images)
    transform = (
        v2.MixUp(alpha=_MIXUP_ALPHA, num_classes=n)
        if kind == "mixup"
        else v2.CutMix(alpha=_CUTMIX_ALPHA, num_classes=n)
    )
    mixed, shares = transform(images, torch.arange(n, device=images.device))  # each image a class of its own
    return mixed, float(shares[0, 0])


def shift(images: torch.Tensor) -> torch.Tensor:
    """Return uint8 images (n, channels, height, width), each moved at random by up to 1/16 of its sides.

    Border pixels are repeated where the image has moved away. Draws from torch's global generator.
    """
    n, _, height, width = images.shape
    moves = []
    for length in (height, width):
        most = round(length * _SHIFT)
        offsets = torch.randint(-most, most + 1, (n, 1))
        moves.append((torch.arange(length) + offsets).clamp_(0, length - 1).to(images.device))
    rows, columns = moves
    moved = images[torch.arange(n, device=images.device)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def flip(images: torch.Tensor) -> torch.Tensor:
    """Return the images, each mirrored left to right with probability one half."""
    chosen = (torch.rand(len(images)) < 0.5).to(images.device)
    return torch.where(chosen[:, None, None, None], images.flip(3), images)


def _shift_flip(images: torch.Tensor) -> torch.Tensor:
    return flip(shift(images))


class _ImageByImage:
    """Apply a transform to each image on its own: torchvision's draw once for all images they are given."""

    def __init__(self, transform: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.transform = transform

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        changed = [self.transform(image) for image in images]
        if any(image.shape != images.shape[1:] or image.dtype != torch.uint8 for image in changed):
            odd = next(i for i in changed if i.shape != images.shape[1:] or i.dtype != torch.uint8)
            raise ValueError(
                f"`augment` must return images like those it gets, torch.uint8 {tuple(images.shape[1:])}; it returned "
                f"{odd.dtype} {tuple(odd.shape)}. Standardisation comes after it and is done for you."
            )
        return torch.stack(changed)


class _Cropped:
    """Transforms for each image on its own, then mirrored or not."""

    def __init__(self, transform: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.each = _ImageByImage(transform)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return flip(self.each(images))
