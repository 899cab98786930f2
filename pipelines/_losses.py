"""Losses of a network's scores, one number per image, so that images can weigh differently."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch.nn import functional

LOSSES = ("cross_entropy", "hinge", "mse")
_SMOOTHED = ("cross_entropy", "mse")  # the losses that compare with a distribution over the classes

UserLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Targets(NamedTuple):
    """What the scores of a batch are compared with."""

    codes: torch.Tensor  # (n,) position of each image's class
    weights: torch.Tensor | None = None  # (n,) weight of each image; None: 1
    others: torch.Tensor | None = None  # (n,) class of the image that was mixed in
    share: float = 1.0  # of the first class in a mixed image
    other_weights: torch.Tensor | None = None  # (n,) weight of the image that was mixed in

    def part(self, start: int, stop: int) -> "Targets":
        """Return the targets of some images of the batch."""
        return self._each(lambda values: values[start:stop])

    def to(self, device: torch.device | str) -> "Targets":
        """Return them on another device."""
        return self._each(lambda values: values.to(device))

    def mixed(self, share: float) -> "Targets":
        """Return the targets of images mixed with those before them in the batch."""
        weights = None if self.weights is None else self.weights.roll(1)
        return self._replace(others=self.codes.roll(1), share=share, other_weights=weights)

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "Targets":
        changed: dict[str, Any] = {
            name: change(value) for name, value in self._asdict().items() if isinstance(value, torch.Tensor)
        }
        return self._replace(**changed)


@dataclass(frozen=True)
class Loss:
    """A loss by name, or the user's own.

    Parameters
    ----------
    kind : {"cross_entropy", "hinge", "mse"} or callable
        A callable takes scores (n, n_classes) and codes (n,) and returns (n,) numbers, or their mean.
    smoothing : float
        Share of the target that is spread evenly over all classes.
    """

    kind: str | UserLoss
    smoothing: float = 0.0

    def __call__(self, scores: torch.Tensor, targets: Targets, count: int) -> torch.Tensor:
        """Return the summed loss of some images divided by *count*, the images of the whole batch."""
        scores = scores.float()
        each = self._each(scores, targets.codes)
        other = None if targets.others is None else self._each(scores, targets.others)
        if each.ndim == 0:  # the user's own, averaged already
            if targets.weights is not None:
                raise ValueError(
                    "A `loss` of your own must return one number per image, shape (n_images,), where images or "
                    "classes are weighted; it returned their mean. Give it reduction='none'."
                )
            return _blended(each, other, targets.share) * (len(scores) / count)
        if each.shape != targets.codes.shape:
            raise ValueError(
                f"A `loss` of your own must return one number per image, shape ({len(scores)},), or their mean; it "
                f"returned shape {tuple(each.shape)}"
            )
        if targets.weights is not None:
            each = each * targets.weights
        if other is not None and targets.other_weights is not None:
            other = other * targets.other_weights
        return _blended(each, other, targets.share).sum() / count

    def _each(self, scores: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        if callable(self.kind):
            return self.kind(scores, codes)
        if self.kind == "hinge":
            return hinge(scores, codes)
        if self.kind == "mse":
            return squared_error(scores, codes, self.smoothing)
        return functional.cross_entropy(scores, codes, reduction="none", label_smoothing=self.smoothing)


def _blended(one: torch.Tensor, other: torch.Tensor | None, share: float) -> torch.Tensor:
    return one if other is None else share * one + (1 - share) * other


def guessing(kind: str | UserLoss, n_classes: int) -> float:
    """Return about what a loss is where every class has the same score; of a user's own, as of cross-entropy.

    >>> round(guessing("cross_entropy", 10), 2), guessing("hinge", 10), guessing("mse", 10)
    (2.3, 9.0, 0.1)
    """
    if kind == "hinge":
        return n_classes - 1.0
    return 1 / n_classes if kind == "mse" else math.log(n_classes)


def can_smooth(kind: str | UserLoss) -> bool:
    """Tell whether label smoothing means anything to a loss."""
    return kind in _SMOOTHED


def hinge(scores: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Return the multi-class hinge loss of J. Weston and C. Watkins, "Support vector machines for multi-class pattern
    recognition", ESANN 1999: the sum over the other classes j of max(0, 1 + s_j - s_y).

    >>> hinge(torch.tensor([[3.2, 5.1, -1.7]]), torch.tensor([0]))
    tensor([2.9000])
    """
    own = scores.gather(1, codes[:, None])
    return (scores - own + 1).clamp_min(0).scatter(1, codes[:, None], 0).sum(dim=1)


def squared_error(scores: torch.Tensor, codes: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """Return the mean over the classes of the squared distance between scores and a 1 for the class, 0 elsewhere.

    >>> squared_error(torch.tensor([[1.0, 0.5]]), torch.tensor([0]))
    tensor([0.1250])
    """
    n_classes = scores.shape[1]
    wanted = functional.one_hot(codes, n_classes).to(scores.dtype) * (1 - smoothing) + smoothing / n_classes
    return (scores - wanted).square().mean(dim=1)
